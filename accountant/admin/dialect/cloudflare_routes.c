/*
 * cloudflare_routes.c - dynamic routes of a gateway with their versions and
 * deployments, kept in the gateway's box:
 *     {id, name, created_at, modified_at, elements, versions: [{version_id,
 *      created_at, elements}], deployments: [{deployment_id, version_id,
 *      created_at}]}
 * A version never changes; the last deployment is in force.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "accountant/admin/dialect/cloudflare.h"

enum { PER_PAGE_MAX = 50, ROUTES_MAX = 100, VERSIONS_MAX = 200 };

static const struct cloudflare_field route_fields[] = {
    {"name", CF_TEXT, CF_REQUIRED, 1, 256, NULL},
    {"elements", CF_ARRAY, CF_REQUIRED, 0, 256, NULL},
    {NULL, CF_BOOL, 0, 0, 0, NULL},
};
static const struct cloudflare_field name_fields[] = {
    {"name", CF_TEXT, CF_REQUIRED, 1, 256, NULL},
    {NULL, CF_BOOL, 0, 0, 0, NULL},
};
static const struct cloudflare_field version_fields[] = {
    {"elements", CF_ARRAY, CF_REQUIRED, 0, 256, NULL},
    {NULL, CF_BOOL, 0, 0, 0, NULL},
};
static const struct cloudflare_field deployment_fields[] = {
    {"version_id", CF_TEXT, CF_REQUIRED, 1, 64, NULL},
    {NULL, CF_BOOL, 0, 0, 0, NULL},
};

/* Fields of the body; NULL: answered. */
static cJSON *
read_body(struct visit *visit, const struct cloudflare_field *table)
{
    const cJSON *body = visit_object(visit);
    if (body == NULL)
        return NULL;
    cJSON *faults = cJSON_CreateArray();
    cJSON *fields = cloudflare_fields_check(body, table, faults);
    cloudflare_elements_check(shape_at(fields, "elements"), faults);
    if (cJSON_GetArraySize(faults) == 0) {
        cJSON_Delete(faults);
        return fields;
    }
    cJSON_Delete(fields);
    cloudflare_refuse_faults(visit, faults);
    return NULL;
}

/* ---- shown ---- */

static const cJSON *
last_of(const cJSON *route, const char *list)
{
    const cJSON *items = shape_at(route, list);
    int count = cJSON_GetArraySize(items);
    return count > 0 ? cJSON_GetArrayItem(items, count - 1) : NULL;
}

static bool
is_deployed(const cJSON *route, const cJSON *version)
{
    return strcmp(shape_text(last_of(route, "deployments"), "version_id"),
                  shape_text(version, "version_id")) == 0;
}

/* {version_id, active, created_at, data}; data: the elements as JSON. */
static cJSON *
shape_version(const cJSON *route, const cJSON *version)
{
    cJSON *out = cJSON_CreateObject();
    const cJSON *elements = shape_at(version, "elements");
    char *text = elements == NULL ? NULL : cJSON_PrintUnformatted(elements);
    shape_add_copy(out, "version_id", shape_at(version, "version_id"));
    cJSON_AddStringToObject(out, "active",
                            is_deployed(route, version) ? "true" : "false");
    shape_add_copy(out, "created_at", shape_at(version, "created_at"));
    cJSON_AddStringToObject(out, "data", text == NULL ? "[]" : text);
    cJSON_AddTrueToObject(out, "is_valid");
    cJSON_free(text);
    return out;
}

static const cJSON *
find_version(const cJSON *route, const char *id)
{
    const cJSON *version;
    cJSON_ArrayForEach(version, shape_at(route, "versions"))
    {
        if (strcmp(shape_text(version, "version_id"), id) == 0)
            return version;
    }
    return NULL;
}

static cJSON *
shape_route(const struct visit *visit, const cJSON *route)
{
    static const char *const same[] = {"id", "name", "created_at",
                                       "modified_at"};
    cJSON *out = cJSON_CreateObject();
    const cJSON *deployment = last_of(route, "deployments");
    const cJSON *version =
        find_version(route, shape_text(deployment, "version_id"));
    if (version == NULL)
        version = last_of(route, "versions");
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        shape_add_copy(out, same[i], shape_at(route, same[i]));
    cJSON_AddStringToObject(out, "gateway_id", visit->params[1]);
    cJSON_AddStringToObject(out, "account_tag", visit->params[0]);
    shape_add_copy(out, "elements", shape_at(version, "elements"));
    shape_add_copy(out, "deployment", deployment);
    cJSON_AddItemToObject(out, "version", shape_version(route, version));
    return out;
}

/* ---- changes ---- */

static cJSON *
add_version(struct visit *visit, cJSON *route, const cJSON *elements)
{
    char id[40], salt[64];
    cJSON *version = cJSON_CreateObject();
    cJSON *versions = cJSON_GetObjectItemCaseSensitive(route, "versions");
    snprintf(salt, sizeof(salt), "version %d", cJSON_GetArraySize(versions));
    cloudflare_uuid(visit, salt, id);
    cJSON_AddStringToObject(version, "version_id", id);
    shape_add_time_ms(version, "created_at", visit->now_ms);
    shape_add_copy(version, "elements", elements);
    cJSON_AddItemToArray(versions, version);
    return version;
}

static void
add_deployment(struct visit *visit, cJSON *route, const char *version_id)
{
    char id[40], salt[64];
    cJSON *deployment = cJSON_CreateObject();
    cJSON *list = cJSON_GetObjectItemCaseSensitive(route, "deployments");
    snprintf(salt, sizeof(salt), "deployment %d", cJSON_GetArraySize(list));
    cloudflare_uuid(visit, salt, id);
    cJSON_AddStringToObject(deployment, "deployment_id", id);
    cJSON_AddStringToObject(deployment, "version_id", version_id);
    shape_add_time_ms(deployment, "created_at", visit->now_ms);
    cJSON_AddItemToArray(list, deployment);
}

static bool
refuse_full(struct visit *visit)
{
    cloudflare_refuse(visit, 409, 7001, "There are too many of them");
    return false;
}

static bool
name_is_free(struct visit *visit, const cJSON *list, const char *name,
             const char *besides)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (strcmp(shape_text(item, "name"), name) != 0 ||
            strcmp(shape_text(item, "id"), besides) == 0)
            continue;
        cJSON *faults = cJSON_CreateArray();
        cloudflare_fault(faults, "name", "the name '%.64s' is taken", name);
        cloudflare_refuse_faults(visit, faults);
        return false;
    }
    return true;
}

static bool
edit_create(struct visit *visit, struct cloudflare_box *box, cJSON *native,
            cJSON **result)
{
    char id[40];
    (void)native;
    cJSON *list = cloudflare_box_list(box, "routes");
    cJSON *fields = read_body(visit, route_fields);
    if (fields == NULL)
        return false;
    bool good = (cJSON_GetArraySize(list) < ROUTES_MAX || refuse_full(visit)) &&
                name_is_free(visit, list, shape_text(fields, "name"), "");
    if (good) {
        cJSON *route = cJSON_CreateObject();
        cloudflare_uuid(visit, "route", id);
        cJSON_AddStringToObject(route, "id", id);
        shape_add_copy(route, "name", shape_at(fields, "name"));
        cloudflare_stamp(visit, route, true);
        cJSON_AddArrayToObject(route, "versions");
        cJSON_AddArrayToObject(route, "deployments");
        const cJSON *version =
            add_version(visit, route, shape_at(fields, "elements"));
        add_deployment(visit, route, shape_text(version, "version_id"));
        cJSON_AddItemToArray(list, route);
        *result = shape_route(visit, route);
    }
    cJSON_Delete(fields);
    return good;
}

/* The route of the path, stamped as changed; NULL: answered. */
static cJSON *
find_route(struct visit *visit, struct cloudflare_box *box)
{
    return cloudflare_box_find(visit, cloudflare_box_list(box, "routes"),
                               "Route", visit->params[2]);
}

static bool
edit_name(struct visit *visit, struct cloudflare_box *box, cJSON *native,
          cJSON **result)
{
    (void)native;
    cJSON *route = find_route(visit, box);
    cJSON *fields = route == NULL ? NULL : read_body(visit, name_fields);
    if (fields == NULL)
        return false;
    bool good = name_is_free(visit, cloudflare_box_list(box, "routes"),
                             shape_text(fields, "name"), visit->params[2]);
    if (good) {
        cJSON_ReplaceItemInObjectCaseSensitive(
            route, "name", cJSON_CreateString(shape_text(fields, "name")));
        cloudflare_stamp(visit, route, false);
        *result = shape_route(visit, route);
    }
    cJSON_Delete(fields);
    return good;
}

static bool
edit_delete(struct visit *visit, struct cloudflare_box *box, cJSON *native,
            cJSON **result)
{
    (void)native;
    cJSON *route = find_route(visit, box);
    if (route == NULL)
        return false;
    *result = shape_route(visit, route);
    cJSON_Delete(
        cJSON_DetachItemViaPointer(cloudflare_box_list(box, "routes"), route));
    return true;
}

static bool
edit_version(struct visit *visit, struct cloudflare_box *box, cJSON *native,
             cJSON **result)
{
    (void)native;
    cJSON *route = find_route(visit, box);
    cJSON *fields = route == NULL ? NULL : read_body(visit, version_fields);
    if (fields == NULL)
        return false;
    bool good =
        cJSON_GetArraySize(shape_at(route, "versions")) < VERSIONS_MAX ||
        refuse_full(visit);
    if (good) {
        const cJSON *version =
            add_version(visit, route, shape_at(fields, "elements"));
        cloudflare_stamp(visit, route, false);
        *result = shape_route(visit, route);
        cJSON_ReplaceItemInObjectCaseSensitive(*result, "version",
                                               shape_version(route, version));
        cJSON_ReplaceItemInObjectCaseSensitive(
            *result, "elements",
            cJSON_Duplicate(shape_at(version, "elements"), true));
    }
    cJSON_Delete(fields);
    return good;
}

static bool
edit_deployment(struct visit *visit, struct cloudflare_box *box, cJSON *native,
                cJSON **result)
{
    (void)native;
    cJSON *route = find_route(visit, box);
    cJSON *fields = route == NULL ? NULL : read_body(visit, deployment_fields);
    if (fields == NULL)
        return false;
    const char *id = shape_text(fields, "version_id");
    bool good = find_version(route, id) != NULL;
    if (!good)
        cloudflare_refuse_missing(visit, "Version", id);
    good = good &&
           (cJSON_GetArraySize(shape_at(route, "deployments")) < VERSIONS_MAX ||
            refuse_full(visit));
    if (good) {
        add_deployment(visit, route, id);
        cloudflare_stamp(visit, route, false);
        *result = shape_route(visit, route);
    }
    cJSON_Delete(fields);
    return good;
}

/* ---- the routes ---- */

static void
create(struct visit *visit)
{
    cloudflare_box_change(visit, edit_create, cloudflare_answer);
}

static void
delete_route(struct visit *visit)
{
    cloudflare_box_change(visit, edit_delete, cloudflare_answer);
}

static void
create_version(struct visit *visit)
{
    cloudflare_box_change(visit, edit_version, cloudflare_answer);
}

static void
create_deployment(struct visit *visit)
{
    cloudflare_box_change(visit, edit_deployment, cloudflare_answer);
}

static void
answer_renamed(struct visit *visit, cJSON *result)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddTrueToObject(json, "success");
    cJSON_AddItemToObject(json, "route", result);
    visit_answer(visit, 200, json);
}

static void
rename_route(struct visit *visit)
{
    cloudflare_box_change(visit, edit_name, answer_renamed);
}

static void
get(struct visit *visit)
{
    struct cloudflare_box box;
    if (!cloudflare_box_open(visit, &box))
        return;
    const cJSON *route = find_route(visit, &box);
    if (route != NULL)
        cloudflare_answer(visit, shape_route(visit, route));
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
        cJSON_AddItemToArray(all, shape_route(visit, route));
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
    const cJSON *item, *route = find_route(visit, &box);
    if (route != NULL) {
        cJSON *all = cJSON_CreateArray();
        cJSON_ArrayForEach(item, shape_at(route, name))
        {
            cJSON_AddItemToArray(all, name[0] == 'v'
                                          ? shape_version(route, item)
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
    const cJSON *route = find_route(visit, &box);
    const cJSON *version =
        route == NULL ? NULL : find_version(route, visit->params[3]);
    if (version != NULL) {
        cJSON *out = shape_version(route, version);
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
    {HTTP_POST, "/accounts/{}/ai-gateway/gateways/{}/routes", create, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways/{}/routes", list, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways/{}/routes/{}", get, 0},
    {HTTP_PATCH, "/accounts/{}/ai-gateway/gateways/{}/routes/{}", rename_route, 0},
    {HTTP_DELETE, "/accounts/{}/ai-gateway/gateways/{}/routes/{}", delete_route, 0},
    {HTTP_POST, "/accounts/{}/ai-gateway/gateways/{}/routes/{}/deployments", create_deployment, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways/{}/routes/{}/deployments", list_deployments, 0},
    {HTTP_POST, "/accounts/{}/ai-gateway/gateways/{}/routes/{}/versions", create_version, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways/{}/routes/{}/versions", list_versions, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways/{}/routes/{}/versions/{}", get_version, 0},
    {HTTP_GET, NULL, NULL, 0},
};
// clang-format on
