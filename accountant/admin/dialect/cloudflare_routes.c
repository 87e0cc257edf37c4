/*
 * cloudflare_routes.c - dynamic routes of a gateway with their versions and
 * deployments, shown. They are kept in the gateway's box:
 *     {id, name, created_at, modified_at, versions: [{version_id, created_at,
 *      elements, fault}], deployments: [{deployment_id, version_id,
 *      created_at}]}
 * A version's elements never change; the last deployment is in force: its version
 * is the native route ACCOUNT/GATEWAY/NAME, which changes in one step with the box.
 * `fault`: what it asks was not there when the route was made; it is not in force.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "accountant/admin/dialect/cloudflare_routes.h"

enum { PER_PAGE_MAX = 50 };

/* ---- shown ---- */

const cJSON *
cloudflare_route_last(const cJSON *route, const char *list)
{
    const cJSON *items = shape_at(route, list);
    int count = cJSON_GetArraySize(items);
    return count > 0 ? cJSON_GetArrayItem(items, count - 1) : NULL;
}

static bool
is_deployed(const cJSON *route, const cJSON *version)
{
    return strcmp(shape_text(cloudflare_route_last(route, "deployments"),
                             "version_id"),
                  shape_text(version, "version_id")) == 0;
}

/* {version_id, active, created_at, data}; data: the elements as JSON. */
cJSON *
cloudflare_version_shape(const cJSON *route, const cJSON *version)
{
    cJSON *out = cJSON_CreateObject();
    const cJSON *elements = shape_at(version, "elements");
    char *text = elements == NULL ? NULL : cJSON_PrintUnformatted(elements);
    shape_add_copy(out, "version_id", shape_at(version, "version_id"));
    cJSON_AddStringToObject(out, "active",
                            is_deployed(route, version) ? "true" : "false");
    shape_add_copy(out, "created_at", shape_at(version, "created_at"));
    cJSON_AddStringToObject(out, "data", text == NULL ? "[]" : text);
    cJSON_AddBoolToObject(out, "is_valid", shape_at(version, "fault") == NULL);
    cJSON_free(text);
    return out;
}

cJSON *
cloudflare_route_version(const cJSON *route, const char *id)
{
    cJSON *version;
    cJSON_ArrayForEach(version, shape_at(route, "versions"))
    {
        if (strcmp(shape_text(version, "version_id"), id) == 0)
            return version;
    }
    return NULL;
}

cJSON *
cloudflare_route_shape(const struct visit *visit, const cJSON *route)
{
    static const char *const same[] = {"id", "name", "created_at",
                                       "modified_at"};
    cJSON *out = cJSON_CreateObject();
    const cJSON *deployment = cloudflare_route_last(route, "deployments");
    const cJSON *version =
        cloudflare_route_version(route, shape_text(deployment, "version_id"));
    if (version == NULL)
        version = cloudflare_route_last(route, "versions");
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        shape_add_copy(out, same[i], shape_at(route, same[i]));
    cJSON_AddStringToObject(out, "gateway_id", visit->params[1]);
    cJSON_AddStringToObject(out, "account_tag", visit->params[0]);
    shape_add_copy(out, "elements", shape_at(version, "elements"));
    shape_add_copy(out, "deployment", deployment);
    cJSON_AddItemToObject(out, "version",
                          cloudflare_version_shape(route, version));
    return out;
}

/* The route of the path, NULL: answered. */
cJSON *
cloudflare_route_find(struct visit *visit, struct cloudflare_box *box)
{
    return cloudflare_box_find(visit, cloudflare_box_list(box, "routes"),
                               "Route", visit->params[2]);
}

/* ---- the routes ---- */

static void
get(struct visit *visit)
{
    struct cloudflare_box box;
    if (!cloudflare_box_open(visit, &box))
        return;
    const cJSON *route = cloudflare_route_find(visit, &box);
    if (route != NULL)
        cloudflare_answer(visit, cloudflare_route_shape(visit, route));
    cloudflare_box_close(&box);
}

static void
list(struct visit *visit)
{
    struct cloudflare_page page;
    struct cloudflare_box box;
    if (!cloudflare_page(visit, &page, PER_PAGE_MAX) ||
        !cloudflare_box_open(visit, &box))
        return;
    cJSON *all = cJSON_CreateArray();
    const cJSON *route;
    cJSON_ArrayForEach(route, cloudflare_box_list(&box, "routes"))
    {
        cJSON_AddItemToArray(all, cloudflare_route_shape(visit, route));
    }
    cloudflare_box_close(&box);
    cloudflare_answer_data(visit, "routes", all, &page);
}

static void
list_part(struct visit *visit, const char *name)
{
    struct cloudflare_page page;
    struct cloudflare_box box;
    if (!cloudflare_page(visit, &page, PER_PAGE_MAX) ||
        !cloudflare_box_open(visit, &box))
        return;
    const cJSON *item, *route = cloudflare_route_find(visit, &box);
    if (route != NULL) {
        cJSON *all = cJSON_CreateArray();
        cJSON_ArrayForEach(item, shape_at(route, name))
        {
            cJSON_AddItemToArray(
                all, name[0] == 'v' ? cloudflare_version_shape(route, item)
                                    : cJSON_Duplicate(item, true));
        }
        cloudflare_answer_data(visit, name, all, &page);
    }
    cloudflare_box_close(&box);
}

static void
list_versions(struct visit *visit)
{
    list_part(visit, "versions");
}

static void
list_deployments(struct visit *visit)
{
    list_part(visit, "deployments");
}

static void
get_version(struct visit *visit)
{
    struct cloudflare_box box;
    if (!cloudflare_box_open(visit, &box))
        return;
    const cJSON *route = cloudflare_route_find(visit, &box);
    const cJSON *version =
        route == NULL ? NULL
                      : cloudflare_route_version(route, visit->params[3]);
    if (version != NULL) {
        cJSON *out = cloudflare_version_shape(route, version);
        shape_add_copy(out, "id", shape_at(route, "id"));
        shape_add_copy(out, "name", shape_at(route, "name"));
        shape_add_copy(out, "elements", shape_at(version, "elements"));
        cJSON_AddStringToObject(out, "gateway_id", visit->params[1]);
        shape_add_copy(out, "modified_at", shape_at(route, "modified_at"));
        cloudflare_answer(visit, out);
    } else if (route != NULL) {
        cloudflare_refuse_missing(visit, "Version", visit->params[3]);
    }
    cloudflare_box_close(&box);
}

// clang-format off
const struct dialect_route cloudflare_dynamic_routes[] = {
    {HTTP_POST, "/accounts/{}/ai-gateway/gateways/{}/routes", cloudflare_route_create, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways/{}/routes", list, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways/{}/routes/{}", get, 0},
    {HTTP_PATCH, "/accounts/{}/ai-gateway/gateways/{}/routes/{}", cloudflare_route_rename, 0},
    {HTTP_DELETE, "/accounts/{}/ai-gateway/gateways/{}/routes/{}", cloudflare_route_delete, 0},
    {HTTP_POST, "/accounts/{}/ai-gateway/gateways/{}/routes/{}/deployments", cloudflare_route_deploy, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways/{}/routes/{}/deployments", list_deployments, 0},
    {HTTP_POST, "/accounts/{}/ai-gateway/gateways/{}/routes/{}/versions", cloudflare_route_add_version, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways/{}/routes/{}/versions", list_versions, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways/{}/routes/{}/versions/{}", get_version, 0},
    {HTTP_GET, NULL, NULL, 0},
};
// clang-format on
