/*
 * aiproxy_logs.c - aiproxy's logs: pages by number, details, export as CSV.
 * Native logs go on by a cursor: a page is reached through those before it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/dialect/aiproxy.h"
#include "common/check.h"

#define DAY_MS INT64_C(86400000)
enum { ASK_MAX = 1000, ROWS_MAX = 20000 };

struct question {
    char from[24], to[24];
    const char *group, *key, *key_id, *model, *provider, *status, *request_id,
        *text, *order;
    bool counted; /* usage can tell how many there are */
};

/* ---- a row shown ---- */

/* By the numbers of endpoints in log rows. */
static int
mode_of(const cJSON *row)
{
    static const int modes[] = {0, 1, 2, 3, 16, 12, 0, 21, 3, 3,
                                1, 5, 6, 6, 7,  8,  9, 10, 4};
    int64_t endpoint = shape_i64(row, "endpoint");
    return endpoint < 0 || endpoint >= (int64_t)ARRAY_LEN(modes)
               ? 0
               : modes[endpoint];
}

static cJSON *
usage_of(const cJSON *row)
{
    static const struct {
        const char *theirs, *ours;
    } classes[] = {
        {"cached_tokens", "cached"},
        {"cache_creation_tokens", "cache_creation"},
        {"reasoning_tokens", "reasoning"},
        {"audio_input_tokens", "audio_in"},
        {"audio_output_tokens", "audio_out"},
    };
    const cJSON *usage = shape_at(row, "usage");
    int64_t output = shape_i64(usage, "completion") +
                     shape_i64(usage, "reasoning") +
                     shape_i64(usage, "audio_out");
    cJSON *out = cJSON_CreateObject();
    shape_add_i64(out, "input_tokens", shape_i64(row, "tokens") - output);
    shape_add_i64(out, "output_tokens", output);
    for (unsigned i = 0; i < ARRAY_LEN(classes); i++)
        if (shape_i64(usage, classes[i].ours) != 0)
            shape_add_i64(out, classes[i].theirs,
                          shape_i64(usage, classes[i].ours));
    shape_add_i64(out, "total_tokens", shape_i64(row, "tokens"));
    return out;
}

static cJSON *
shown(const cJSON *row)
{
    cJSON *out = cJSON_CreateObject();
    const char *id = shape_text(row, "request_id");
    int64_t attempts = shape_i64(row, "attempt_count");
    double cost = shape_number(row, "cost_nano") / 1e9;
    cJSON_AddStringToObject(out, "id", id);
    cJSON_AddStringToObject(out, "request_id", id);
    shape_add_i64(out, "request_at", shape_ms(row, "started"));
    shape_add_i64(out, "created_at", shape_ms(row, "time"));
    shape_add_i64(out, "ttfb_milliseconds", shape_i64(row, "first_byte_ms"));
    cJSON_AddStringToObject(out, "group", shape_text(row, "group"));
    cJSON_AddStringToObject(out, "token_name", shape_text(row, "key"));
    shape_add_i64(out, "token_id", shape_i64(row, "key_id"));
    cJSON_AddStringToObject(out, "ip", shape_text(row, "client_ip"));
    cJSON_AddStringToObject(out, "model", shape_text(row, "model"));
    shape_add_i64(out, "channel",
                  aiproxy_channel_id(shape_text(row, "provider")));
    cJSON_AddNumberToObject(out, "mode", mode_of(row));
    shape_add_i64(out, "code", shape_i64(row, "status"));
    cJSON_AddStringToObject(out, "content", shape_text(row, "error"));
    shape_add_i64(out, "retry_times", attempts > 1 ? attempts - 1 : 0);
    cJSON_AddItemToObject(out, "usage", usage_of(row));
    cJSON *amount = cJSON_AddObjectToObject(out, "amount");
    cJSON_AddNumberToObject(amount, "used_amount", cost);
    cJSON_AddNumberToObject(out, "used_amount", cost);
    if (shape_at(row, "metadata") != NULL)
        shape_add_copy(out, "metadata", shape_at(row, "metadata"));
    return out;
}

/* ---- the question ---- */

static const char *
status_wanted(const struct visit *visit)
{
    const char *code = visit_query(visit, "code");
    const char *type = visit_query(visit, "code_type");
    if (code != NULL && strcmp(code, "0") != 0)
        return code;
    if (type != NULL && strcmp(type, "success") == 0)
        return "ok";
    return type != NULL && strcmp(type, "error") == 0 ? "error" : NULL;
}

/* False: not known yet, or answered. */
static bool
read_channel(struct visit *visit, struct question *q)
{
    const char *number = visit_query(visit, "channel");
    if (number == NULL || strcmp(number, "0") == 0)
        return true;
    q->provider = aiproxy_channel_name(visit, number);
    if (q->provider != NULL && *q->provider == '\0')
        visit_fail(visit, 404, "not_found", "channel record not found");
    return q->provider != NULL && !visit->answered;
}

static bool
read_question(struct visit *visit, const char *group, struct question *q)
{
    static const char *const unknown[] = {"ip", "user", "upstream_id"};
    const char *order = visit_query(visit, "order");
    *q = (struct question){.group = group};
    for (unsigned i = 0; i < ARRAY_LEN(unknown); i++) {
        if (visit_query(visit, unknown[i]) == NULL)
            continue;
        visit_fail(visit, 400, "invalid_field", "%s is no filter here",
                   unknown[i]);
        return false;
    }
    snprintf(
        q->from, sizeof(q->from), "%" PRId64,
        aiproxy_time(visit, "start_timestamp", visit->now_ms - 7 * DAY_MS));
    snprintf(q->to, sizeof(q->to), "%" PRId64,
             aiproxy_time(visit, "end_timestamp", visit->now_ms + DAY_MS));
    if (q->group == NULL)
        q->group = visit_query(visit, "group");
    q->key = visit_query(visit, "token_name");
    q->key_id = visit_query(visit, "token_id");
    if (q->key_id != NULL && strcmp(q->key_id, "0") == 0)
        q->key_id = NULL;
    q->model = visit_query(visit, "model_name");
    q->request_id = visit_query(visit, "request_id");
    q->text = visit_query(visit, "keyword");
    q->status = status_wanted(visit);
    q->order = order != NULL && strstr(order, "-asc") != NULL ? "asc" : NULL;
    q->counted = q->request_id == NULL && q->text == NULL &&
                 (q->status == NULL || *q->status == 'o' || *q->status == 'e');
    return read_channel(visit, q);
}

static const cJSON *
ask_rows(struct visit *visit, const struct question *q, uint64_t limit,
         const char *cursor, uint16_t *status)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, limit);
    return visit_try(visit, status, HTTP_GET, NULL,
                     "/admin/v1/logs?from={}&to={}&key={}&key_id={}&group={}"
                     "&model={}&provider={}&status={}&request_id={}&text={}"
                     "&order={}&limit={}&cursor={}",
                     q->from, q->to, q->key, q->key_id, q->group, q->model,
                     q->provider, q->status, q->request_id, q->text, q->order,
                     text, cursor);
}

struct rows {
    const cJSON **rows; /* in the answers */
    uint64_t count;
    bool more;
};

/* What names nothing finds nothing. False: answered. */
static bool
check_answer(struct visit *visit, uint16_t status, const cJSON *answer)
{
    if (status >= 400 && status != 404)
        visit_fail(visit, status, shape_text(answer, "error.code"), "%s",
                   shape_text(answer, "error.message"));
    return !visit->answered;
}

/* Rows from `offset` on, at most `max`, into found->rows. False: not all there
 * yet, or answered. */
static bool
collect(struct visit *visit, const struct question *q, uint64_t offset,
        uint64_t max, struct rows *found)
{
    const char *cursor = NULL;
    uint64_t seen = 0;
    found->count = 0;
    for (found->more = true; found->more && seen < offset + max;) {
        uint64_t left = offset + max - seen;
        uint16_t status;
        const cJSON *row = NULL;
        const cJSON *answer = ask_rows(
            visit, q, left > ASK_MAX ? ASK_MAX : left, cursor, &status);
        if (answer == NULL || !check_answer(visit, status, answer))
            return false;
        cJSON_ArrayForEach(row, shape_at(answer, "data"))
        {
            if (seen++ >= offset)
                found->rows[found->count++] = row;
        }
        found->more = shape_true(answer, "more");
        cursor = shape_text(answer, "cursor");
    }
    return true;
}

/* ---- lists ---- */

static bool
matches(const char *wanted, const cJSON *row, const char *name)
{
    return wanted == NULL || strcmp(wanted, shape_text(row, name)) == 0;
}

static int64_t
count_of(const struct question *q, const cJSON *usage)
{
    const cJSON *row = NULL;
    int64_t total = 0;
    cJSON_ArrayForEach(row, shape_at(usage, "data"))
    {
        int64_t all = shape_i64(row, "requests");
        int64_t bad = shape_i64(row, "errors");
        if (matches(q->model, row, "model") &&
            matches(q->provider, row, "provider"))
            total += q->status == NULL   ? all
                     : *q->status == 'o' ? all - bad
                                         : bad;
    }
    return total;
}

static void
answer_list(struct visit *visit, const struct question *q,
            const struct aiproxy_page *page, const struct rows *found,
            const cJSON *usage, bool of_group)
{
    const cJSON *rows = shape_at(usage, "data");
    cJSON *data = cJSON_CreateObject();
    cJSON *logs = cJSON_AddArrayToObject(data, "logs");
    uint64_t before = (page->page - 1) * page->per_page;
    /* As far as is seen; of a page behind the last it is only known that it is. */
    int64_t total = (int64_t)(before + found->count) + found->more;
    if (q->counted && found->count == 0)
        total = 0;
    for (uint64_t i = 0; i < found->count; i++)
        cJSON_AddItemToArray(logs, shown(found->rows[i]));
    if (q->counted && count_of(q, usage) > total)
        total = count_of(q, usage);
    shape_add_i64(data, "total", total);
    cJSON_AddItemToObject(data, "models",
                          shape_distinct(rows, "model", cJSON_CreateString));
    if (of_group)
        cJSON_AddItemToObject(data, "token_names",
                              shape_distinct(rows, "key", cJSON_CreateString));
    else
        cJSON_AddItemToObject(
            data, "channels",
            shape_distinct(rows, "provider", aiproxy_channel_shown));
    aiproxy_answer(visit, data);
}

static void
list_of(struct visit *visit, const char *group)
{
    const cJSON *rows[AIPROXY_PER_PAGE_MAX];
    struct rows found = {.rows = rows};
    struct aiproxy_page page;
    struct question q;
    uint16_t status;
    aiproxy_read_page(visit, &page);
    if (!read_question(visit, group, &q))
        return;
    uint64_t offset = (page.page - 1) * page.per_page;
    if (offset + page.per_page > ROWS_MAX) {
        visit_fail(visit, 400, "invalid_field",
                   "pages go to row %d; ask for a shorter time", ROWS_MAX);
        return;
    }
    if (!collect(visit, &q, offset, page.per_page, &found))
        return;
    const cJSON *usage = visit_try(
        visit, &status, HTTP_GET, NULL,
        "/admin/v1/usage?from={}&to={}&resolution=minute&key={}&key_id={}"
        "&group={}&by={}",
        q.from, q.to, q.key, q.key_id, q.group, "model,provider,key");
    if (usage != NULL)
        answer_list(visit, &q, &page, &found, usage, group != NULL);
}

static void
list(struct visit *visit)
{
    list_of(visit, NULL);
}

static void
list_group(struct visit *visit)
{
    list_of(visit, visit->params[0]);
}

/* ---- detail ---- */

static void
add_detail(cJSON *out, const char *id, const cJSON *payload)
{
    cJSON *detail = cJSON_AddObjectToObject(out, "request_detail");
    const cJSON *complete = shape_at(payload, "request.complete");
    const cJSON *answered = shape_at(payload, "answer.complete");
    cJSON_AddStringToObject(detail, "id", id);
    cJSON_AddStringToObject(detail, "log_id", id);
    cJSON_AddStringToObject(detail, "request_body",
                            shape_text(payload, "request.text"));
    cJSON_AddStringToObject(detail, "response_body",
                            shape_text(payload, "answer.text"));
    cJSON_AddBoolToObject(detail, "request_body_truncated",
                          cJSON_IsFalse(complete));
    cJSON_AddBoolToObject(detail, "response_body_truncated",
                          cJSON_IsFalse(answered));
}

static void
detail_of(struct visit *visit, const char *id, const char *group)
{
    const cJSON *found =
        visit_ask(visit, HTTP_GET, NULL, "/admin/v1/logs/{}?payload=yes", id);
    if (found == NULL)
        return;
    const cJSON *row = shape_at(found, "log");
    if (group != NULL && strcmp(group, shape_text(row, "group")) != 0) {
        visit_fail(visit, 404, "not_found", "log record not found");
        return;
    }
    cJSON *out = shown(row);
    if (shape_at(found, "payload") != NULL)
        add_detail(out, id, shape_at(found, "payload"));
    aiproxy_answer(visit, out);
}

static void
detail(struct visit *visit)
{
    detail_of(visit, visit->params[0], NULL);
}

static void
detail_group(struct visit *visit)
{
    detail_of(visit, visit->params[1], visit->params[0]);
}

/* ---- export ---- */

/* Its columns, in the words of ours. */
#define EXPORT_COLUMNS                                                         \
    "time,request_id,group,token_name:key,model,channel:provider,"             \
    "ip:client_ip,code:status,input_tokens,output_tokens,duration_ms,"         \
    "ttfb_ms:first_byte_ms,used_amount:cost,content:error"

/* One row is asked for first, so that a refusal has this dialect's form; what
 * names nothing exports nothing. Then the client gets the stream itself. */
static void
export_of(struct visit *visit, const char *group)
{
    struct question q;
    uint16_t status;
    if (!read_question(visit, group, &q))
        return;
    const cJSON *first = ask_rows(visit, &q, 1, NULL, &status);
    if (first == NULL || !check_answer(visit, status, first))
        return;
    const char *limit = visit_query(visit, "max_entries");
    bool nothing = status == 404;
    visit_hand_over(visit,
                    "/admin/v1/logs/export?format=csv&columns={}&from={}&to={}"
                    "&key={}&key_id={}&group={}&model={}&provider={}&status={}"
                    "&request_id={}&text={}&order={}&limit={}",
                    EXPORT_COLUMNS, nothing ? "1970-01-01" : q.from,
                    nothing ? "1970-01-02" : q.to, nothing ? NULL : q.key,
                    nothing ? NULL : q.key_id, nothing ? NULL : q.group,
                    q.model, q.provider, q.status, q.request_id, q.text,
                    q.order, limit);
}

static void
export_all(struct visit *visit)
{
    export_of(visit, NULL);
}

static void
export_group(struct visit *visit)
{
    export_of(visit, visit->params[0]);
}

const struct dialect_route aiproxy_logs[] = {
    {HTTP_GET, "/logs/", list, 0},
    {HTTP_GET, "/logs/search", list, 0},
    {HTTP_GET, "/logs/detail/{}", detail, 0},
    {HTTP_GET, "/logs/export", export_all, 0},
    {HTTP_GET, "/log/{}", list_group, 0},
    {HTTP_GET, "/log/{}/search", list_group, 0},
    {HTTP_GET, "/log/{}/detail/{}", detail_group, 0},
    {HTTP_GET, "/log/{}/export", export_group, 0},
    {HTTP_GET, NULL, NULL, 0},
};
