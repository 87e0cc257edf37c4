/*
 * op_logs.c - GET /admin/v1/logs: log rows by filter, in pages by cursor.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/log_filter.h"
#include "accountant/admin/object_json.h"
#include "accountant/admin/view.h"
#include "accountant/ledger_report.h"
#include "shm/layout.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 1000, CURSOR_BYTES = 64 };

struct logs_work {
    struct log_filter filter;
    struct ledger_row *rows;
    uint64_t limit, count;
    bool more;
    struct buf error;
    int result;
    struct ledger_turn turn;
    const char *asked_cursor;
};

static void
work_free(void *context)
{
    struct logs_work *work = context;
    free(work->rows);
    log_filter_fini(&work->filter);
    buf_fini(&work->error);
    free(work);
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
    ledger_turn_begin(&work->turn);
    work->result = ledger_scan_rows(ledger, snapshot, &work->filter.filter,
                                    take_row, context, &work->error);
}

/* As they stand in a row: not set, set. Exports write millions. */
#define FLAG(name, flag)                                                       \
    {                                                                          \
        {STR_LIT(",\"" name "\":false"), STR_LIT(",\"" name "\":true")}, flag  \
    }
static const struct {
    struct str text[2];
    uint16_t flag;
} row_flags[] = {
    FLAG("stream", RECORD_STREAM),       FLAG("estimated", RECORD_ESTIMATED),
    FLAG("ambiguous", RECORD_AMBIGUOUS), FLAG("clamped", RECORD_CLAMPED),
    FLAG("cached", RECORD_CACHED),       FLAG("flagged", RECORD_FLAGGED),
    FLAG("blocked", RECORD_BLOCKED),     FLAG("payload", RECORD_PAYLOAD)};

/* epoch-column-position: 16 digits of hex, two numbers. */
static void
put_id(const struct ledger_row *row, struct buf *out)
{
    static const char hex[] = "0123456789abcdef";
    char epoch[16];
    for (int i = 0; i < 16; i++)
        epoch[i] = hex[row->epoch >> (60 - 4 * i) & 15];
    buf_append_str(out, STR_LIT(",\"id\":\""));
    buf_append_str(out, str_make(epoch, sizeof(epoch)));
    buf_append_char(out, '-');
    buf_append_u64(out, row->column);
    buf_append_char(out, '-');
    buf_append_u64(out, row->position);
    buf_append_char(out, '"');
}

void
log_row_begin_json(const struct ledger_row *row, struct buf *out)
{
    char cursor[CURSOR_BYTES];
    size_t before = buf_len(out);
    ledger_row_to_json(row, out);
    if (!buf_ok(out) || buf_len(out) < before + 3)
        return;
    out->end--; /* the closing brace */
    put_id(row, out);
    for (unsigned i = 0; i < ARRAY_LEN(row_flags); i++)
        buf_append_str(
            out, row_flags[i].text[(row->flags & row_flags[i].flag) != 0]);
    ledger_row_cursor(row, cursor);
    buf_append_str(out, STR_LIT(",\"cursor\":\""));
    buf_append_cstr(out, cursor);
    buf_append_char(out, '"');
}

void
log_row_end_json(const struct store *store, const struct log_row_names *names,
                 struct buf *out)
{
    const struct gateway *key = store_gateway(store, names->key_id);
    struct json_writer json;
    json_writer_init(&json, out);
    json.comma = true;
    json_key(&json, "key");
    json_cstring(&json, key == NULL ? NULL : key->name);
    json_key(&json, "group");
    json_cstring(&json, group_name_of(store, names->group_id));
    json_key(&json, "gateway");
    json_cstring(&json, gateway_name_of(store, names->gateway));
    json_object_end(&json);
}

void
log_row_to_json(struct json_writer *json, const struct store *store,
                const struct ledger_row *row, struct buf *scratch)
{
    const struct log_row_names names = {row->key_id, row->group_id,
                                        row->gateway};
    buf_reset(scratch);
    log_row_begin_json(row, scratch);
    log_row_end_json(store, &names, scratch);
    if (buf_ok(scratch))
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
    if (work->turn.over) {
        work->filter.filter.cursor = work->turn.cursor;
        call_query_on(call, logs_work, logs_done);
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
    json_cstring(json, work->count > 0 ? cursor : work->asked_cursor);
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
        work->limit = LIMIT_DEFAULT;
        if (!log_filter_read(call, &work->filter) ||
            !query_u64(&call->query, "limit", 1, LIMIT_MAX, &work->limit,
                       &call->error)) {
            call_refuse(call);
            return;
        }
        work->asked_cursor = work->filter.filter.cursor;
        work->filter.filter.turn = &work->turn;
        work->rows = calloc(work->limit, sizeof(*work->rows));
    }
    if (work == NULL || work->rows == NULL)
        call_fail(call, 503, "overloaded", "Out of memory.");
    else
        call_query(call, logs_work, logs_done);
}
