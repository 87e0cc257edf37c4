/*
 * cloudflare_deploy.c - changes of dynamic routes: made, renamed, deleted, given
 * versions, deployed. What is deployed is the native route of its name, changed in
 * one batch with the gateway's box (cloudflare_routes.c says what that has).
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "accountant/admin/dialect/cloudflare_routes.h"

enum { ROUTES_MAX = 100, VERSIONS_MAX = 200 };

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

/* ---- in force ---- */

/* The native route of that name becomes the version; NULL, or one that cannot do
 * anything: there is none any more. */
static void
put_native(cJSON *native, const char *name, const cJSON *version)
{
    const cJSON *elements = shape_at(version, "elements");
    cJSON *routes = cJSON_GetObjectItemCaseSensitive(native, "routes");
    if (routes == NULL)
        routes = cJSON_AddObjectToObject(native, "routes");
    if (!cloudflare_elements_ask(elements) ||
        shape_at(version, "fault") != NULL) {
        cJSON_AddNullToObject(routes, name);
        return;
    }
    cJSON *route = cJSON_AddObjectToObject(routes, name);
    shape_add_copy(route, "elements", elements);
}

static const cJSON *
deployed_version(const cJSON *route)
{
    return cloudflare_route_version(
        route,
        shape_text(cloudflare_route_last(route, "deployments"), "version_id"));
}

/* Native names are parts of paths. */
static bool
name_is_good(struct visit *visit, const char *name)
{
    enum { NAME_MAX_BYTES = 100 };
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
    if (len <= NAME_MAX_BYTES && name[len] == '\0')
        return true;
    cJSON *faults = cJSON_CreateArray();
    cloudflare_fault(faults, "name",
                     "name may have letters, digits, - _ and . only, %d at "
                     "most",
                     NAME_MAX_BYTES);
    cloudflare_refuse_faults(visit, faults);
    return false;
}

/* ---- changes ---- */

/* What is kept has it, unless somebody else has written there. */
static cJSON *
list_of(cJSON *route, const char *name)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(route, name);
    if (cJSON_IsArray(list))
        return list;
    cJSON_DeleteItemFromObjectCaseSensitive(route, name);
    return cJSON_AddArrayToObject(route, name);
}

static cJSON *
add_version(struct visit *visit, cJSON *route, const cJSON *elements)
{
    char id[40], salt[64];
    cJSON *version = cJSON_CreateObject();
    cJSON *versions = list_of(route, "versions");
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
    cJSON *list = list_of(route, "deployments");
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
    cJSON *list = cloudflare_box_list(box, "routes");
    cJSON *fields = read_body(visit, route_fields);
    if (fields == NULL)
        return false;
    const char *name = shape_text(fields, "name");
    bool good = (cJSON_GetArraySize(list) < ROUTES_MAX || refuse_full(visit)) &&
                name_is_good(visit, name) &&
                name_is_free(visit, list, name, "");
    if (good) {
        cJSON *route = cJSON_CreateObject();
        cloudflare_uuid(visit, "route", id);
        cJSON_AddStringToObject(route, "id", id);
        shape_add_copy(route, "name", shape_at(fields, "name"));
        cloudflare_stamp(visit, route, true);
        cJSON_AddArrayToObject(route, "versions");
        cJSON_AddArrayToObject(route, "deployments");
        cJSON *version =
            add_version(visit, route, shape_at(fields, "elements"));
        if (box->refusal != NULL)
            cJSON_AddStringToObject(version, "fault", box->refusal);
        add_deployment(visit, route, shape_text(version, "version_id"));
        put_native(native, name, version);
        cJSON_AddItemToArray(list, route);
        *result = cloudflare_route_shape(visit, route);
    }
    cJSON_Delete(fields);
    return good;
}

static bool
edit_name(struct visit *visit, struct cloudflare_box *box, cJSON *native,
          cJSON **result)
{
    cJSON *route = cloudflare_route_find(visit, box);
    cJSON *fields = route == NULL ? NULL : read_body(visit, name_fields);
    if (fields == NULL)
        return false;
    const char *name = shape_text(fields, "name");
    bool good = name_is_good(visit, name) &&
                name_is_free(visit, cloudflare_box_list(box, "routes"), name,
                             visit->params[2]);
    if (good) {
        if (strcmp(shape_text(route, "name"), name) != 0)
            put_native(native, shape_text(route, "name"), NULL);
        put_native(native, name, deployed_version(route));
        cJSON_ReplaceItemInObjectCaseSensitive(route, "name",
                                               cJSON_CreateString(name));
        cloudflare_stamp(visit, route, false);
        *result = cloudflare_route_shape(visit, route);
    }
    cJSON_Delete(fields);
    return good;
}

static bool
edit_delete(struct visit *visit, struct cloudflare_box *box, cJSON *native,
            cJSON **result)
{
    cJSON *route = cloudflare_route_find(visit, box);
    if (route == NULL)
        return false;
    put_native(native, shape_text(route, "name"), NULL);
    *result = cloudflare_route_shape(visit, route);
    cJSON_Delete(
        cJSON_DetachItemViaPointer(cloudflare_box_list(box, "routes"), route));
    return true;
}

static bool
edit_version(struct visit *visit, struct cloudflare_box *box, cJSON *native,
             cJSON **result)
{
    (void)native;
    cJSON *route = cloudflare_route_find(visit, box);
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
        *result = cloudflare_route_shape(visit, route);
        cJSON_ReplaceItemInObjectCaseSensitive(
            *result, "version", cloudflare_version_shape(route, version));
        cJSON_ReplaceItemInObjectCaseSensitive(
            *result, "elements",
            cJSON_Duplicate(shape_at(version, "elements"), true));
    }
    cJSON_Delete(fields);
    return good;
}

/* What it asks is not there; the one before stays in force. */
static bool
refuse_version(struct visit *visit, const char *reason)
{
    cJSON *faults = cJSON_CreateArray();
    cloudflare_fault(faults, "version_id", "%s", reason);
    cloudflare_refuse_faults(visit, faults);
    return false;
}

static bool
edit_deployment(struct visit *visit, struct cloudflare_box *box, cJSON *native,
                cJSON **result)
{
    cJSON *route = cloudflare_route_find(visit, box);
    cJSON *fields = route == NULL ? NULL : read_body(visit, deployment_fields);
    if (fields == NULL)
        return false;
    const char *id = shape_text(fields, "version_id");
    cJSON *version = cloudflare_route_version(route, id);
    bool good = version != NULL;
    if (!good)
        cloudflare_refuse_missing(visit, "Version", id);
    else if (box->refusal != NULL)
        good = refuse_version(visit, box->refusal);
    good = good &&
           (cJSON_GetArraySize(shape_at(route, "deployments")) < VERSIONS_MAX ||
            refuse_full(visit));
    if (good) {
        cJSON_DeleteItemFromObjectCaseSensitive(version, "fault");
        put_native(native, shape_text(route, "name"), version);
        add_deployment(visit, route, id);
        cloudflare_stamp(visit, route, false);
        *result = cloudflare_route_shape(visit, route);
    }
    cJSON_Delete(fields);
    return good;
}

/* ---- the routes ---- */

/* Whether it is in force can be told by the version's is_valid alone. */
static void
answer_made(struct visit *visit, cJSON *result)
{
    if (cJSON_IsFalse(shape_at(result, "version.is_valid")))
        cloudflare_answer_noted(visit, result, 7001,
                                "The route is kept, and not in force: what it "
                                "asks is not configured here.");
    else
        cloudflare_answer(visit, result);
}

void
cloudflare_route_create(struct visit *visit)
{
    cloudflare_box_change(visit, edit_create, answer_made);
}

void
cloudflare_route_delete(struct visit *visit)
{
    cloudflare_box_change(visit, edit_delete, cloudflare_answer);
}

void
cloudflare_route_add_version(struct visit *visit)
{
    cloudflare_box_change(visit, edit_version, cloudflare_answer);
}

void
cloudflare_route_deploy(struct visit *visit)
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

void
cloudflare_route_rename(struct visit *visit)
{
    cloudflare_box_change(visit, edit_name, answer_renamed);
}
