/*
 * op_logs.c - GET /admin/v1/logs: log rows by filter, in pages by cursor.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "accountant/admin/object_json.h"
#include "accountant/admin/op_keys.h"
#include "accountant/admin/view.h"
#include "accountant/ledger_report.h"
#include "shm/catalogue.h"
#include "shm/layout.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 1000, CURSOR_BYTES = 64 };

struct logs_work {
    struct ledger_row_filter filter; /* texts: of call->query, or these: */
    cJSON *metadata;
    char *tag_text;
    struct ledger_row *rows;
    uint64_t limit, count;
    bool more;
    struct buf error;
    int result;
};

static void
work_free(void *context)
{
    struct logs_work *work = context;
    free(work->rows);
    cJSON_Delete(work->metadata);
    free(work->tag_text);
    buf_fini(&work->error);
    free(work);
}

/* "200", "4xx", "400-499", "error" or "ok". */
static bool
read_status(const char *text, struct ledger_row_filter *filter,
            struct admin_error *error)
{
    char *end = NULL;
    if (text == NULL)
        return true;
    if (strcmp(text, "ok") == 0 || strcmp(text, "error") == 0) {
        filter->status_min = *text == 'o' ? 100 : 400;
        filter->status_max = *text == 'o' ? 399 : 999;
        return true;
    }
    if (strlen(text) == 3 && *text >= '1' && *text <= '9' &&
        strcmp(text + 1, "xx") == 0) {
        filter->status_min = (*text - '0') * 100;
        filter->status_max = filter->status_min + 99;
        return true;
    }
    long low = *text >= '1' && *text <= '9' ? strtol(text, &end, 10) : 0;
    long high = low;
    if (end != NULL && *end == '-' && end[1] >= '1' && end[1] <= '9')
        high = strtol(end + 1, &end, 10);
    if (low < 100 || high < low || high > 999 || end == NULL || *end != '\0')
        return admin_error_field(error, "status",
                                 "'status' must be as 200, 4xx, 400-499, ok "
                                 "or error.");
    filter->status_min = (int)low;
    filter->status_max = (int)high;
    return true;
}

static bool
read_cause(const char *text, struct ledger_row_filter *filter,
           struct admin_error *error)
{
    char known[256] = "";
    size_t at = 0;
    filter->cause = -1;
    if (text == NULL)
        return true;
    for (int cause = 0; cause < RECORD_CAUSES; cause++) {
        const char *name = ledger_cause_name((uint8_t)cause);
        if (strcmp(name, text) == 0) {
            filter->cause = cause;
            return true;
        }
        size_t len = strlen(name);
        if (at + len + 3 < sizeof(known)) {
            at += (size_t)snprintf(known + at, sizeof(known) - at, "%s%s",
                                   at == 0 ? "" : ", ", name);
        }
    }
    return admin_error_field(error, "cause", "'cause' must be one of: %s",
                             known);
}

static bool
read_limit(const char *text, struct ledger_row_filter *filter,
           struct admin_error *error)
{
    char known[256] = "";
    size_t at = 0;
    for (uint8_t limit = 1; text != NULL && limit < RECORD_LIMITS; limit++) {
        const char *name = ledger_limit_name(limit);
        if (strcmp(name, text) == 0)
            filter->limit = limit;
        at += (size_t)snprintf(known + at, sizeof(known) - at, "%s%s",
                               at == 0 ? "" : ", ", name);
    }
    return text == NULL || filter->limit != 0 ||
           admin_error_field(error, "refused_by",
                             "'refused_by' must be one of: %s", known);
}

static bool
read_shadow(const char *text, struct ledger_row_filter *filter,
            struct admin_error *error)
{
    if (text != NULL && strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
        return admin_error_field(error, "shadow",
                                 "'shadow' must be yes (only calls that would "
                                 "have been refused) or no.");
    filter->would_refuse = text != NULL && *text == 'y';
    return true;
}

/* A deleted key is still named by its id. */
static bool
read_key(struct call *call, const char *group_name, uint64_t *key_id)
{
    const char *ref = query_get(&call->query, "key");
    if (ref == NULL)
        return true;
    const struct gateway *key = key_of_ref(call, ref, group_name, &call->error);
    if (key != NULL) {
        *key_id = key->id;
        return true;
    }
    if (strspn(ref, "0123456789") != strlen(ref))
        return false;
    *key_id = strtoull(ref, NULL, 10);
    return *key_id != 0;
}

static bool
read_order(const char *text, bool *oldest_first, struct admin_error *error)
{
    if (text != NULL && strcmp(text, "asc") != 0 && strcmp(text, "desc") != 0)
        return admin_error_field(error, "order",
                                 "'order' must be desc (newest first) or asc.");
    *oldest_first = text != NULL && *text == 'a';
    return true;
}

static bool
refuse_metadata(struct admin_error *error)
{
    return admin_error_field(error, "metadata",
                             "'metadata' must be NAME=VALUE, NAME, or a JSON "
                             "object of at most %d texts.",
                             LEDGER_TAGS_MAX);
}

/* NAME=VALUE or NAME, or an object of several. */
static bool
read_metadata(struct call *call, struct logs_work *work)
{
    const char *text = query_get(&call->query, "metadata");
    struct ledger_row_filter *filter = &work->filter;
    struct admin_error *error = &call->error;
    if (text == NULL)
        return true;
    if (*text == '{') {
        work->metadata = cJSON_Parse(text);
        const cJSON *item = NULL;
        cJSON_ArrayForEach(item, work->metadata)
        {
            if (!cJSON_IsString(item) || filter->tag_count == LEDGER_TAGS_MAX)
                return refuse_metadata(error);
            filter->tags[filter->tag_count++] =
                (struct ledger_tag){item->string, item->valuestring};
        }
        return work->metadata != NULL || refuse_metadata(error);
    }
    work->tag_text = strdup(text);
    if (work->tag_text == NULL)
        return admin_error_set(error, 503, "overloaded", "Out of memory.");
    char *value = strchr(work->tag_text, '=');
    if (value != NULL)
        *value++ = '\0';
    filter->tags[filter->tag_count++] =
        (struct ledger_tag){work->tag_text, value};
    return *work->tag_text != '\0' || refuse_metadata(error);
}

static bool
read_filter(struct call *call, struct logs_work *work)
{
    const struct query *query = &call->query;
    struct admin_error *error = &call->error;
    struct ledger_row_filter *filter = &work->filter;
    const char *group_name = query_get(query, "group");
    work->limit = LIMIT_DEFAULT;
    filter->listed_only = true;
    filter->model = query_get(query, "model");
    filter->provider = query_get(query, "provider");
    filter->request_id = query_get(query, "request_id");
    filter->text = query_get(query, "text");
    filter->cursor = query_get(query, "cursor");
    if (filter->cursor != NULL && strlen(filter->cursor) >= CURSOR_BYTES)
        return admin_error_field(error, "cursor",
                                 "'cursor' must be one from an earlier "
                                 "answer.");
    if (!query_time(query, "from", &filter->from_ms, error) ||
        !query_time(query, "to", &filter->to_ms, error) ||
        !query_u64(query, "limit", 1, LIMIT_MAX, &work->limit, error) ||
        !read_status(query_get(query, "status"), filter, error) ||
        !read_cause(query_get(query, "cause"), filter, error) ||
        !read_limit(query_get(query, "refused_by"), filter, error) ||
        !read_shadow(query_get(query, "shadow"), filter, error) ||
        !read_order(query_get(query, "order"), &filter->oldest_first, error) ||
        !read_metadata(call, work))
        return false;
    filter->group_id = view_only_group(call);
    if (group_name != NULL) {
        const struct group *group = view_group_named(call, group_name);
        if (group == NULL)
            return admin_error_set(error, 404, "group_not_found",
                                   "Group '%.64s' does not exist.", group_name);
        filter->group_id = group->id;
    }
    return read_key(call, group_name, &filter->key_id) &&
           query_u64(query, "key_id", 1, UINT64_MAX, &filter->key_id, error);
}

static bool
take_row(const struct ledger_row *row, void *context)
{
    struct call *call = context;
    struct logs_work *work = call->work;
    if (!view_sees_group(call, row->group_id))
        return true;
    if (work->count == work->limit) {
        work->more = true;
        return false;
    }
    work->rows[work->count++] = *row;
    return true;
}

static void
logs_work(struct ledger *ledger, struct ledger_snapshot *snapshot,
          void *context)
{
    struct logs_work *work = ((struct call *)context)->work;
    work->result = ledger_scan_rows(ledger, snapshot, &work->filter, take_row,
                                    context, &work->error);
}

static const struct {
    const char *name;
    uint16_t flag;
} row_flags[] = {
    {"stream", RECORD_STREAM},       {"estimated", RECORD_ESTIMATED},
    {"ambiguous", RECORD_AMBIGUOUS}, {"clamped", RECORD_CLAMPED},
    {"cached", RECORD_CACHED},       {"flagged", RECORD_FLAGGED},
    {"blocked", RECORD_BLOCKED},     {"payload", RECORD_PAYLOAD}};

void
log_row_to_json(struct json_writer *json, const struct store *store,
                const struct ledger_row *row, struct buf *scratch)
{
    const struct gateway *key = store_gateway(store, row->key_id);
    struct json_writer names;
    char cursor[CURSOR_BYTES];
    buf_reset(scratch);
    ledger_row_to_json(row, scratch);
    if (!buf_ok(scratch) || buf_len(scratch) < 3)
        return;
    scratch->end--; /* the closing brace */
    json_writer_init(&names, scratch);
    names.comma = true;
    json_key(&names, "id");
    snprintf(cursor, sizeof(cursor), "%016llx-%u-%llu",
             (unsigned long long)row->epoch, row->column,
             (unsigned long long)row->position);
    json_cstring(&names, cursor);
    json_key(&names, "key");
    json_cstring(&names, key == NULL ? NULL : key->name);
    json_key(&names, "group");
    json_cstring(&names, group_name_of(store, row->group_id));
    const struct catalogue_gateway *gateway =
        row->gateway == 0
            ? NULL
            : catalogue_find_gateway(store_catalogue(store), row->gateway);
    json_key(&names, "gateway");
    json_cstring(&names, gateway == NULL ? NULL : gateway->name);
    for (unsigned i = 0; i < ARRAY_LEN(row_flags); i++) {
        json_key(&names, row_flags[i].name);
        json_bool(&names, (row->flags & row_flags[i].flag) != 0);
    }
    ledger_row_cursor(row, cursor);
    json_key(&names, "cursor");
    json_cstring(&names, cursor);
    json_object_end(&names);
    json_raw(json, buf_view(scratch));
}

static void
logs_done(void *context)
{
    struct call *call = context;
    struct logs_work *work = call->work;
    struct json_writer *json = &call->json;
    char cursor[CURSOR_BYTES] = "";
    struct buf scratch;
    if (work->result != 0) {
        bool is_cursor = work->result == -EINVAL;
        call_fail(call, is_cursor ? 400 : 503,
                  is_cursor ? "invalid_field" : "ledger_unavailable",
                  "The log could not be read: %s", buf_cstr(&work->error));
        return;
    }
    buf_init(&scratch, 0);
    json_object_begin(json);
    json_key(json, "data");
    json_array_begin(json);
    for (uint64_t i = 0; i < work->count; i++)
        log_row_to_json(json, call->store, &work->rows[i], &scratch);
    json_array_end(json);
    buf_fini(&scratch);
    if (work->count > 0)
        ledger_row_cursor(&work->rows[work->count - 1], cursor);
    json_key(json, "cursor");
    json_cstring(json, work->count > 0 ? cursor : work->filter.cursor);
    json_key(json, "more");
    json_bool(json, work->more);
    json_object_end(json);
    call_answer(call, 200);
}

void
op_logs(struct call *call)
{
    struct logs_work *work = calloc(1, sizeof(*work));
    if (work != NULL) {
        buf_init(&work->error, 1024);
        call->work = work;
        call->work_free = work_free;
        if (!read_filter(call, work)) {
            call_refuse(call);
            return;
        }
        work->rows = calloc(work->limit, sizeof(*work->rows));
    }
    if (work == NULL || work->rows == NULL)
        call_fail(call, 503, "overloaded", "Out of memory.");
    else
        call_query(call, logs_work, logs_done);
}
