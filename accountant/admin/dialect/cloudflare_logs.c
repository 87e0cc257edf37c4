/*
 * cloudflare_logs.c - the log of an AI gateway: rows by filters, one with the
 * beginnings of its bodies, the bodies, feedback, deletion.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "accountant/admin/dialect/cloudflare.h"
#include "accountant/admin/dialect/cloudflare_query.h"
#include "accountant/admin/log_select.h"

enum { PER_PAGE_MAX = 50, HEAD_BYTES = 1024 };

/* ---- a row ---- */

static cJSON *
sum(const cJSON *usage, const char *const names[], size_t count)
{
    double n = 0;
    for (size_t i = 0; i < count; i++)
        n += shape_number(usage, names[i]);
    return cJSON_CreateNumber(n);
}

static void
add_usage(cJSON *out, const cJSON *row)
{
    static const char *const in[] = {"prompt_missed", "cached",
                                     "cache_creation", "audio_in"};
    static const char *const made[] = {"completion", "reasoning", "audio_out"};
    const cJSON *usage = shape_at(row, "usage");
    cJSON_AddItemToObject(out, "tokens_in", sum(usage, in, ARRAY_LEN(in)));
    cJSON_AddItemToObject(out, "tokens_out", sum(usage, made, ARRAY_LEN(made)));
}

/* The client's own entries, and of a PATCH the last two. */
static void
add_metadata(cJSON *out, const cJSON *row)
{
    const cJSON *item, *kept = shape_at(row, "metadata");
    cJSON *metadata = cJSON_CreateObject();
    cJSON_ArrayForEach(item, kept)
    {
        if (strncmp(item->string, "cf.", 3) != 0)
            shape_add_copy(metadata, item->string, item);
    }
    cJSON_AddItemToObject(out, "metadata", metadata);
    shape_add_copy(out, "feedback",
                   cJSON_GetObjectItemCaseSensitive(kept, LOG_FEEDBACK_TAG));
    shape_add_copy(out, "score",
                   cJSON_GetObjectItemCaseSensitive(kept, LOG_SCORE_TAG));
}

static cJSON *
shape_row(const cJSON *row)
{
    cJSON *out = cJSON_CreateObject();
    double status = shape_number(row, "status");
    const char *provider = shape_text(row, "provider");
    const char *model = shape_text(row, "model");
    const char *asked = shape_text(row, "model_asked");
    cJSON_AddStringToObject(out, "id", shape_text(row, "request_id"));
    shape_add_copy(out, "created_at", shape_at(row, "time"));
    cJSON_AddStringToObject(out, "provider", provider);
    cJSON_AddStringToObject(out, "model", *model != '\0' ? model : asked);
    cJSON_AddStringToObject(out, "model_type", "");
    cJSON_AddStringToObject(out, "path", cloudflare_log_path(row));
    cJSON_AddNumberToObject(out, "duration", shape_number(row, "duration_ms"));
    cJSON_AddBoolToObject(out, "cached", shape_true(row, "cached"));
    cJSON_AddBoolToObject(out, "success",
                          status > 0 && status < 400 &&
                              cloudflare_log_is_good(row));
    add_usage(out, row);
    cJSON_AddNumberToObject(out, "cost", shape_number(row, "cost"));
    cJSON_AddFalseToObject(out, "custom_cost");
    add_metadata(out, row);
    cJSON_AddStringToObject(out, "request_type", "");
    cJSON_AddStringToObject(out, "request_content_type", "application/json");
    cJSON_AddStringToObject(out, "response_content_type",
                            shape_true(row, "stream") ? "text/event-stream"
                                                      : "application/json");
    cJSON_AddNumberToObject(out, "status_code", status);
    double attempts = shape_number(row, "attempts");
    cJSON_AddNumberToObject(out, "step", attempts > 0 ? attempts - 1 : 0);
    shape_add_copy(out, "event_id", shape_at(row, "request_id"));
    cJSON_AddTrueToObject(out, "authentication");
    return out;
}

/* ---- a list ---- */

static void
list(struct visit *visit)
{
    struct cloudflare_page page;
    struct cloudflare_box box;
    bool never = false, wants_info = cloudflare_log_wants_info(visit);
    if (!cloudflare_page(visit, &page, PER_PAGE_MAX) ||
        !cloudflare_box_open(visit, &box))
        return;
    cloudflare_box_close(&box);
    cJSON *native = cloudflare_log_query(visit, &never);
    if (native == NULL)
        return;
    cJSON_AddNumberToObject(native, "page", (double)page.page);
    cJSON_AddNumberToObject(native, "limit", (double)page.per_page);
    cJSON_AddBoolToObject(native, "statistics", wants_info);
    if (never) {
        cJSON_Delete(native);
        cloudflare_answer_page(visit, cJSON_CreateArray(), &page, 0, NULL);
        return;
    }
    const cJSON *row,
        *answer = visit_ask(visit, HTTP_POST, native, "/admin/v1/logs/search");
    if (answer == NULL)
        return;
    cJSON *items = cJSON_CreateArray();
    cJSON_ArrayForEach(row, shape_at(answer, "data"))
    {
        cJSON_AddItemToArray(items, shape_row(row));
    }
    const cJSON *total = shape_at(answer, "total");
    /* Not counted: there is at least one behind this page. */
    double known = total != NULL ? total->valuedouble
                                 : (double)(page.page * page.per_page + 1);
    cloudflare_answer_page(visit, items, &page, (int64_t)known,
                           wants_info ? cloudflare_log_info(answer) : NULL);
}

static void
delete_rows(struct visit *visit)
{
    struct cloudflare_box box;
    bool never = false;
    if (!cloudflare_box_open(visit, &box))
        return;
    cloudflare_box_close(&box);
    cJSON *native = cloudflare_log_query(visit, &never);
    if (native == NULL)
        return;
    uint64_t limit = visit_query_u64(visit, "limit", 0, 1, 10000000);
    cJSON_DeleteItemFromObjectCaseSensitive(native, "order_by");
    if (limit > 0)
        cJSON_AddNumberToObject(native, "limit", (double)limit);
    if (never)
        cJSON_Delete(native);
    else if (visit_ask(visit, HTTP_POST, native, "/admin/v1/logs/delete") ==
             NULL)
        return;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddTrueToObject(json, "success");
    visit_answer(visit, 200, json);
}

/* ---- one ---- */

/* {log, payload} of a row of this gateway; NULL: not there yet, or answered. */
static const cJSON *
find_row(struct visit *visit)
{
    char name[256];
    uint16_t status;
    cloudflare_profile_name(visit, name);
    const cJSON *answer =
        visit_try(visit, &status, HTTP_GET, NULL,
                  "/admin/v1/logs/{}?payload=yes", visit->params[2]);
    if (answer == NULL)
        return NULL;
    if (status < 400 && strcmp(shape_text(answer, "log.gateway"), name) == 0)
        return answer;
    if (status >= 400 && status != 404)
        cloudflare_refuse_native(visit, status, answer);
    else
        cloudflare_refuse_missing(visit, "Log", visit->params[2]);
    return NULL;
}

/* Of a text its beginning, whole characters. */
static void
add_head(cJSON *out, const char *side, const cJSON *body)
{
    char name[64], head[HEAD_BYTES + 1];
    const char *text = shape_text(body, "text");
    size_t len = strlen(text);
    bool whole = len <= HEAD_BYTES;
    if (!whole)
        for (len = HEAD_BYTES; len > 0 && (text[len] & 0xc0) == 0x80;)
            len--;
    *str_copy(head, str_make(text, len)) = '\0';
    snprintf(name, sizeof(name), "%s_head", side);
    cJSON_AddStringToObject(out, name, head);
    snprintf(name, sizeof(name), "%s_head_complete", side);
    cJSON_AddBoolToObject(
        out, name, whole && (body == NULL || shape_true(body, "complete")));
    snprintf(name, sizeof(name), "%s_size", side);
    cJSON_AddNumberToObject(out, name, shape_number(body, "size"));
}

static void
get(struct visit *visit)
{
    const cJSON *answer = find_row(visit);
    if (answer == NULL)
        return;
    cJSON *out = shape_row(shape_at(answer, "log"));
    add_head(out, "request", shape_at(answer, "payload.request"));
    add_head(out, "response", shape_at(answer, "payload.answer"));
    cloudflare_answer(visit, out);
}

static void
answer_payload(struct visit *visit, const char *which)
{
    const cJSON *answer = find_row(visit);
    if (answer == NULL)
        return;
    const cJSON *body = shape_at(answer, which);
    if (body == NULL) {
        cloudflare_refuse_missing(visit, "Payload of log", visit->params[2]);
        return;
    }
    struct buf text;
    buf_init(&text, 0);
    buf_append_cstr(&text, shape_text(body, "text"));
    cJSON *json = cJSON_Parse(buf_cstr(&text));
    const char *type =
        json != NULL ? "application/json" : "text/plain; charset=utf-8";
    cJSON_Delete(json);
    visit_answer_raw(visit, 200, type, &text);
}

static void
request(struct visit *visit)
{
    answer_payload(visit, "payload.request");
}

static void
response(struct visit *visit)
{
    answer_payload(visit, "payload.answer");
}

/* ---- feedback ---- */

static const struct cloudflare_field patch_fields[] = {
    {"feedback", CF_INT, CF_NULL, -1, 1, NULL},
    {"score", CF_NUMBER, CF_NULL, 0, 100, NULL},
    {"metadata", CF_OBJECT, CF_NULL, 0, 0, NULL},
    {NULL, CF_BOOL, 0, 0, 0, NULL},
};

/* Entries of `from` whose names begin with "cf.", or those that do not. */
static void
copy_entries(cJSON *to, const cJSON *from, bool ours)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, from)
    {
        if ((strncmp(item->string, "cf.", 3) == 0) == ours &&
            !cJSON_IsNull(item) &&
            cJSON_GetObjectItemCaseSensitive(to, item->string) == NULL)
            shape_add_copy(to, item->string, item);
    }
}

static void
patch(struct visit *visit)
{
    const cJSON *body = visit_object(visit), *item;
    cJSON *fields =
        body == NULL ? NULL : cloudflare_fields(visit, body, patch_fields);
    const cJSON *answer = fields == NULL ? NULL : find_row(visit);
    if (answer == NULL) {
        cJSON_Delete(fields);
        return;
    }
    static const char *const names[][2] = {{"feedback", LOG_FEEDBACK_TAG},
                                           {"score", LOG_SCORE_TAG}};
    const cJSON *kept = shape_at(answer, "log.metadata");
    cJSON *metadata = cJSON_CreateObject(), *native = cJSON_CreateObject();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        item = cJSON_GetObjectItemCaseSensitive(fields, names[i][0]);
        if (item == NULL)
            item = cJSON_GetObjectItemCaseSensitive(kept, names[i][1]);
        if (item != NULL && !cJSON_IsNull(item))
            shape_add_copy(metadata, names[i][1], item);
    }
    bool given = cJSON_GetObjectItemCaseSensitive(fields, "metadata") != NULL;
    copy_entries(metadata, given ? shape_at(fields, "metadata") : kept, false);
    cJSON_AddItemToObject(native, "metadata", metadata);
    cJSON_Delete(fields);
    if (visit_ask(visit, HTTP_PATCH, native, "/admin/v1/logs/{}",
                  visit->params[2]) != NULL)
        cloudflare_answer(visit, cJSON_CreateObject());
}

// clang-format off
const struct dialect_route cloudflare_log_routes[] = {
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways/{}/logs", list, 0},
    {HTTP_DELETE, "/accounts/{}/ai-gateway/gateways/{}/logs", delete_rows, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways/{}/logs/{}", get, 0},
    {HTTP_PATCH, "/accounts/{}/ai-gateway/gateways/{}/logs/{}", patch, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways/{}/logs/{}/request", request, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways/{}/logs/{}/response", response, 0},
    {HTTP_GET, NULL, NULL, 0},
};
// clang-format on
