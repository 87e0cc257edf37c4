/*
 * zenlayer_gateways.c - Zenlayer's actions on gateways, which are our keys:
 * created, listed, named, started, stopped, deleted.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>

#include "accountant/admin/dialect/zenlayer.h"

enum { PAGE_SIZE = 20, PAGE_SIZE_MAX = 1000, TAG_FILTERS_MAX = 20 };

/* ---- create ---- */

/* Sets `expires_at` of a native body. False: answered. */
static bool
put_expiry(struct visit *visit, const cJSON *body, cJSON *native)
{
    const char *type =
        zenlayer_word(visit, body, "expireType", "LONG_LIVED|CUSTOM");
    const char *time = shape_text(body, "expireTime");
    if (type == NULL)
        return false;
    if (type[0] == 'L') {
        cJSON_AddNullToObject(native, "expires_at");
        return true;
    }
    if (*time == '\0')
        zenlayer_fail(visit, 400, "MISSING_PARAMETER",
                      "expireType CUSTOM needs expireTime.");
    else if (shape_ms(body, "expireTime") == 0)
        zenlayer_fail(visit, 400, "INVALID_PARAMETER_DATE_FORMAT_ERROR",
                      "expireTime must be as 2027-12-31T23:59:59Z.");
    else if (shape_ms(body, "expireTime") <= visit->now_ms)
        zenlayer_fail(visit, 400, "INVALID_PARAMETER_VALUE",
                      "expireTime must lie ahead.");
    else
        cJSON_AddStringToObject(native, "expires_at", time);
    return !visit->answered;
}

/* -1, 0 and null: no limit. False: answered. */
static bool
put_limit(struct visit *visit, const cJSON *body, cJSON *native)
{
    int64_t limit = shape_i64(body, "tokenLimit");
    if (limit < -1) {
        zenlayer_fail(visit, 400, "INVALID_PARAMETER_LESS_MINIMUM",
                      "tokenLimit is -1 (no limit) or a number of tokens.");
        return false;
    }
    cJSON *budget = cJSON_AddObjectToObject(native, "set_budget");
    cJSON_AddStringToObject(budget, "unit", "tokens");
    cJSON_AddStringToObject(budget, "period", "total");
    if (limit <= 0)
        cJSON_AddNullToObject(budget, "limit");
    else
        cJSON_AddNumberToObject(budget, "limit", (double)limit);
    return true;
}

static bool
add_model(struct visit *visit, const cJSON *all, const char *uuid, cJSON *names)
{
    const cJSON *model = NULL;
    cJSON_ArrayForEach(model, all)
    {
        if (strcmp(shape_text(model, "uuid"), uuid) == 0 ||
            strcmp(shape_text(model, "id"), uuid) == 0) {
            cJSON_AddItemToArray(names,
                                 cJSON_CreateString(shape_text(model, "id")));
            return true;
        }
    }
    zenlayer_fail(visit, 400, "INVALID_PARAMETER_VALUE",
                  "There is no model %.64s; DescribeAiModels lists them.",
                  uuid);
    return false;
}

/* Sets `models`. False: not known yet, or answered. */
static bool
put_models(struct visit *visit, const cJSON *body, cJSON *native)
{
    const char *access =
        zenlayer_word(visit, body, "modelAccess", "UNLIMITED|LIMITED");
    const cJSON *uuids = shape_at(body, "modelUuids");
    const cJSON *uuid = NULL;
    if (access == NULL)
        return false;
    if (access[0] == 'U') {
        cJSON_AddNullToObject(native, "models");
        return true;
    }
    if (cJSON_GetArraySize(uuids) == 0) {
        zenlayer_fail(visit, 400, "MISSING_PARAMETER",
                      "modelAccess LIMITED needs modelUuids.");
        return false;
    }
    const cJSON *all = zenlayer_models(visit);
    if (all == NULL)
        return false;
    cJSON *names = cJSON_AddArrayToObject(native, "models");
    cJSON_ArrayForEach(uuid, uuids)
    {
        if (!add_model(visit, all, uuid->valuestring, names))
            return false;
    }
    return true;
}

static void
put_tags(cJSON *native, const cJSON *list)
{
    cJSON *tags = cJSON_AddObjectToObject(native, "tags");
    const cJSON *tag = NULL;
    cJSON_ArrayForEach(tag, list)
    {
        cJSON_AddStringToObject(tags, shape_text(tag, "key"),
                                shape_text(tag, "value"));
    }
}

static void
create(struct visit *visit)
{
    const cJSON *body = zenlayer_body(
        visit, "gatewayName*s tokenLimit*n expireType*s expireTimes "
               "modelAccess*s modelUuidsa resourceGroupIds tagsg");
    const char *group;
    if (body == NULL ||
        !zenlayer_name(visit, shape_text(body, "gatewayName")) ||
        !zenlayer_group(visit, body, &group) ||
        (group == NULL && !visit_home(visit, &group)))
        return;
    cJSON *native = cJSON_CreateObject();
    shape_add_copy(native, "name", shape_at(body, "gatewayName"));
    cJSON_AddStringToObject(native, "group", group);
    if (shape_at(body, "tags") != NULL)
        put_tags(native, shape_at(body, "tags.tags"));
    if (!put_limit(visit, body, native) || !put_expiry(visit, body, native) ||
        !put_models(visit, body, native)) {
        cJSON_Delete(native);
        return;
    }
    const cJSON *key = visit_ask(visit, HTTP_POST, native, "/admin/v1/keys");
    if (key == NULL)
        return;
    cJSON *response = cJSON_CreateObject();
    shape_add_id(response, "gatewayUuid", shape_i64(key, "id"));
    shape_add_copy(response, "token", shape_at(key, "key"));
    zenlayer_answer(visit, response);
}

/* ---- describe ---- */

static int64_t
token_limit(const cJSON *key)
{
    const cJSON *budget = NULL;
    cJSON_ArrayForEach(budget, shape_at(key, "budgets"))
    {
        if (strcmp(shape_text(budget, "unit"), "tokens") == 0 &&
            strcmp(shape_text(budget, "period"), "total") == 0)
            return shape_i64(budget, "limit");
    }
    return -1;
}

static void
add_expiry(cJSON *out, const cJSON *key)
{
    int64_t ms = shape_ms(key, "expires_at");
    cJSON_AddStringToObject(out, "expireType",
                            ms == 0 ? "LONG_LIVED" : "CUSTOM");
    if (ms == 0)
        cJSON_AddStringToObject(out, "expireTime", "");
    else
        shape_add_time(out, "expireTime", ms);
}

static cJSON *
info_of(const cJSON *key)
{
    char group[40];
    const cJSON *tag = NULL;
    cJSON *info = cJSON_CreateObject();
    bool exhausted = strcmp(shape_text(key, "status"), "exhausted") == 0;
    snprintf(group, sizeof(group), "00000000-0000-4000-8000-%012" PRIx64,
             (uint64_t)shape_i64(key, "group_id"));
    shape_add_id(info, "gatewayUuid", shape_i64(key, "id"));
    shape_add_copy(info, "gatewayName", shape_at(key, "name"));
    cJSON_AddBoolToObject(info, "enabled",
                          shape_true(key, "enabled") && !exhausted);
    shape_add_time(info, "createdAt", shape_ms(key, "created_at"));
    shape_add_time(info, "updatedAt", shape_ms(key, "updated_at"));
    cJSON_AddStringToObject(info, "resourceGroupId", group);
    shape_add_i64(info, "accessLimit", token_limit(key));
    add_expiry(info, key);
    cJSON_AddStringToObject(info, "modelAccess",
                            shape_at(key, "models") == NULL ? "UNLIMITED"
                                                            : "LIMITED");
    cJSON *tags =
        cJSON_AddArrayToObject(cJSON_AddObjectToObject(info, "tags"), "tags");
    cJSON_ArrayForEach(tag, shape_at(key, "tags"))
    {
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "key", tag->string);
        cJSON_AddStringToObject(one, "value", tag->valuestring);
        cJSON_AddItemToArray(tags, one);
    }
    return info;
}

/* "7,12"; what is no id names nothing, and "0" is nobody's. NULL: any. */
static const char *
list_ids(const cJSON *uuids, struct buf *out)
{
    const cJSON *uuid = NULL;
    if (cJSON_GetArraySize(uuids) == 0)
        return NULL;
    buf_append_char(out, '0');
    cJSON_ArrayForEach(uuid, uuids)
    {
        const char *text = uuid->valuestring;
        size_t len = strlen(text);
        if (len == 0 || len > 19 || strspn(text, "0123456789") != len)
            continue;
        buf_append_char(out, ',');
        buf_append_cstr(out, text);
    }
    return buf_cstr(out);
}

static const char *
list_tag_keys(const cJSON *keys, struct buf *out)
{
    const cJSON *key = NULL;
    cJSON_ArrayForEach(key, keys)
    {
        if (buf_len(out) > 0)
            buf_append_char(out, ',');
        buf_append_cstr(out, key->valuestring);
    }
    return buf_len(out) == 0 ? NULL : buf_cstr(out);
}

/* False: answered. */
static bool
check_page(struct visit *visit, int64_t size, int64_t number)
{
    if (size < 1 || number < 1)
        zenlayer_fail(visit, 400, "INVALID_PARAMETER_LESS_MINIMUM",
                      "pageSize and pageNum are at least 1.");
    else if (size > PAGE_SIZE_MAX || number > 1000000)
        zenlayer_fail(visit, 400, "INVALID_PARAMETER_EXCEED_MAXIMUM",
                      "pageSize is at most %d, pageNum at most 1000000.",
                      PAGE_SIZE_MAX);
    return !visit->answered;
}

/* The native list of keys that the filters mean; NULL as visit_ask(). */
static const cJSON *
ask_list(struct visit *visit, const cJSON *body, const char *group,
         int64_t size, int64_t number)
{
    struct buf ids, tag_keys;
    char limit[24], page[24];
    const char *name = shape_text(body, "gatewayName");
    cJSON *tags = cJSON_CreateObject();
    char *tags_text = NULL;
    buf_init(&ids, 0);
    buf_init(&tag_keys, 0);
    if (cJSON_GetArraySize(shape_at(body, "tags")) > 0) {
        put_tags(tags, shape_at(body, "tags"));
        tags_text = cJSON_PrintUnformatted(shape_at(tags, "tags"));
    }
    snprintf(limit, sizeof(limit), "%" PRId64, size);
    snprintf(page, sizeof(page), "%" PRId64, number);
    const cJSON *list = visit_ask(
        visit, HTTP_GET, NULL,
        "/admin/v1/keys?name={}&group={}&ids={}&tags={}&tag_keys={}&page={}"
        "&limit={}",
        *name == '\0' ? NULL : name, group,
        list_ids(shape_at(body, "gatewayUuids"), &ids), tags_text,
        list_tag_keys(shape_at(body, "tagKeys"), &tag_keys), page, limit);
    cJSON_Delete(tags);
    cJSON_free(tags_text);
    buf_fini(&ids);
    buf_fini(&tag_keys);
    return list;
}

static void
describe(struct visit *visit)
{
    const cJSON *body = zenlayer_body(
        visit, "gatewayUuidsa gatewayNames statuss resourceGroupIds pageSizei "
               "pageNumi tagKeysa tagst");
    const char *group;
    const cJSON *key = NULL;
    if (body == NULL)
        return;
    bool sized = shape_at(body, "pageSize") != NULL;
    bool numbered = shape_at(body, "pageNum") != NULL;
    int64_t size = sized ? shape_i64(body, "pageSize") : PAGE_SIZE;
    int64_t number = numbered ? shape_i64(body, "pageNum") : 1;
    const char *status = zenlayer_word(visit, body, "status",
                                       "CREATING|CONFIGURING|SUCCEED|FAILED");
    if (visit->answered || !check_page(visit, size, number))
        return;
    if (cJSON_GetArraySize(shape_at(body, "tagKeys")) > TAG_FILTERS_MAX ||
        cJSON_GetArraySize(shape_at(body, "tags")) > TAG_FILTERS_MAX) {
        zenlayer_fail(visit, 400, "INVALID_PARAMETER_EXCEED_LENGTH",
                      "tagKeys and tags have at most %d items.",
                      TAG_FILTERS_MAX);
        return;
    }
    if (!zenlayer_group(visit, body, &group))
        return;
    const cJSON *list = ask_list(visit, body, group, size, number);
    if (list == NULL)
        return;
    /* Gateways are there at once: none is ever in another state. */
    bool any = status == NULL || strcmp(status, "SUCCEED") == 0;
    cJSON *response = cJSON_CreateObject();
    shape_add_i64(response, "totalCount", any ? shape_i64(list, "total") : 0);
    cJSON *set = cJSON_AddArrayToObject(response, "dataSet");
    const cJSON *rows = any ? shape_at(list, "data") : NULL;
    cJSON_ArrayForEach(key, rows)
    {
        cJSON_AddItemToArray(set, info_of(key));
    }
    zenlayer_answer(visit, response);
}

/* ---- changes of one ---- */

/* Changes the gateway of the body; `native` is taken. */
static void
change(struct visit *visit, const cJSON *body, cJSON *native)
{
    if (visit_ask(visit, HTTP_PATCH, native, "/admin/v1/keys/{}",
                  shape_text(body, "gatewayUuid")) != NULL)
        zenlayer_answer(visit, NULL);
}

static void
modify_name(struct visit *visit)
{
    const cJSON *body = zenlayer_body(visit, "gatewayUuid*s gatewayName*s");
    if (body == NULL || !zenlayer_name(visit, shape_text(body, "gatewayName")))
        return;
    cJSON *native = cJSON_CreateObject();
    shape_add_copy(native, "name", shape_at(body, "gatewayName"));
    change(visit, body, native);
}

static void
set_enabled(struct visit *visit, bool enabled)
{
    const cJSON *body = zenlayer_body(visit, "gatewayUuid*s");
    if (body == NULL)
        return;
    cJSON *native = cJSON_CreateObject();
    cJSON_AddBoolToObject(native, "enabled", enabled);
    change(visit, body, native);
}

static void
start(struct visit *visit)
{
    set_enabled(visit, true);
}

static void
stop(struct visit *visit)
{
    set_enabled(visit, false);
}

static void
delete_one(struct visit *visit)
{
    const cJSON *body = zenlayer_body(visit, "gatewayUuid*s");
    if (body != NULL && visit_ask(visit, HTTP_DELETE, NULL, "/admin/v1/keys/{}",
                                  shape_text(body, "gatewayUuid")) != NULL)
        zenlayer_answer(visit, NULL);
}

static void
modify_models(struct visit *visit)
{
    const cJSON *body =
        zenlayer_body(visit, "gatewayUuid*s modelAccess*s modelUuidsa");
    if (body == NULL)
        return;
    cJSON *native = cJSON_CreateObject();
    if (put_models(visit, body, native))
        change(visit, body, native);
    else
        cJSON_Delete(native);
}

static void
modify_expiry(struct visit *visit)
{
    const cJSON *body =
        zenlayer_body(visit, "gatewayUuid*s expireType*s expireTimes");
    if (body == NULL)
        return;
    cJSON *native = cJSON_CreateObject();
    if (put_expiry(visit, body, native))
        change(visit, body, native);
    else
        cJSON_Delete(native);
}

static void
modify_limit(struct visit *visit)
{
    const cJSON *body = zenlayer_body(visit, "gatewayUuid*s tokenLimit*n");
    if (body == NULL)
        return;
    cJSON *native = cJSON_CreateObject();
    if (put_limit(visit, body, native))
        change(visit, body, native);
    else
        cJSON_Delete(native);
}

static void
describe_expiry(struct visit *visit)
{
    const cJSON *key = zenlayer_gateway(visit);
    if (key == NULL)
        return;
    cJSON *response = cJSON_CreateObject();
    add_expiry(response, key);
    zenlayer_answer(visit, response);
}

static void
describe_limit(struct visit *visit)
{
    const cJSON *key = zenlayer_gateway(visit);
    if (key == NULL)
        return;
    cJSON *response = cJSON_CreateObject();
    shape_add_i64(response, "tokenLimit", token_limit(key));
    zenlayer_answer(visit, response);
}

const struct dialect_route zenlayer_gateways[] = {
    {HTTP_POST, "CreateAiGateway", create, 0},
    {HTTP_POST, "DescribeAiGateways", describe, 0},
    {HTTP_POST, "ModifyAiGatewayName", modify_name, 0},
    {HTTP_POST, "StartAiGateway", start, 0},
    {HTTP_POST, "StopAiGateway", stop, 0},
    {HTTP_POST, "DeleteAiGateway", delete_one, 0},
    {HTTP_POST, "ModifyAiGatewayModels", modify_models, 0},
    {HTTP_POST, "DescribeAiGatewayExpireTime", describe_expiry, 0},
    {HTTP_POST, "ModifyAiGatewayExpireTime", modify_expiry, 0},
    {HTTP_POST, "DescribeAiGatewayTokenLimit", describe_limit, 0},
    {HTTP_POST, "ModifyAiGatewayTokenLimit", modify_limit, 0},
    {HTTP_POST, NULL, NULL, 0},
};
