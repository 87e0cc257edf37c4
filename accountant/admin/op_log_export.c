/*
 * op_log_export.c - GET /admin/v1/logs/export: the log as a stream, in constant
 * memory however many rows there are.
 *
 * A query makes a piece, ends, and the next one goes on behind its last row when
 * the client has taken it: so no snapshot is held while a client is slow, and
 * other queries have their turns. What is written while an export runs is in it
 * up to the moment it began.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/admin/log_columns.h"
#include "accountant/admin/log_filter.h"
#include "accountant/admin/object_json.h"
#include "accountant/admin/view.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/net/http_reply.h"

enum { PIECE_BYTES = 512 * 1024, CURSOR_BYTES = 64 };

struct export_work {
    struct log_filter filter;
    struct log_columns columns;
    bool is_json;
    uint64_t left; /* of the rows that may still come */
    char cursor[CURSOR_BYTES];
    bool more, began;
    /* The piece: text, and where names are missing in it. */
    struct buf text;
    struct log_gap *gaps;
    size_t gap_count, gap_room;
    struct buf error;
    int result;
    struct ledger_turn turn;
};

static void
work_free(void *context)
{
    struct export_work *work = context;
    log_filter_fini(&work->filter);
    buf_fini(&work->text);
    buf_fini(&work->error);
    free(work->gaps);
    free(work);
}

/* ---- query thread ---- */

static bool
make_room(struct export_work *work)
{
    if (work->gap_room - work->gap_count >= LOG_COLUMNS_MAX)
        return true;
    size_t room = 2 * work->gap_room + 4 * LOG_COLUMNS_MAX;
    struct log_gap *gaps = reallocarray(work->gaps, room, sizeof(*gaps));
    if (gaps == NULL)
        return false;
    work->gaps = gaps;
    work->gap_room = room;
    return true;
}

static void
add_row(struct export_work *work, const struct ledger_row *row)
{
    if (!work->is_json) {
        work->gap_count += log_columns_row(&work->columns, row, &work->text,
                                           work->gaps + work->gap_count);
        return;
    }
    log_row_begin_json(row, &work->text);
    work->gaps[work->gap_count++] =
        (struct log_gap){buf_len(&work->text), LOG_GAP_JSON, row->key_id,
                         row->group_id, row->gateway};
    buf_append_char(&work->text, '\n');
}

static bool
is_full(const struct export_work *work)
{
    return work->left == 0 || buf_len(&work->text) >= PIECE_BYTES;
}

static bool
take_row(const struct ledger_row *row, void *context)
{
    struct call *call = context;
    struct export_work *work = call->work;
    if (!view_sees_group(call, row->group_id))
        return true;
    if (is_full(work)) {
        work->more = work->left > 0;
        return false;
    }
    if (!make_room(work)) {
        work->result = -ENOMEM;
        return false;
    }
    add_row(work, row);
    work->left--;
    if (is_full(work))
        ledger_row_cursor(row, work->cursor);
    return true;
}

static void
export_work(struct ledger *ledger, struct ledger_snapshot *snapshot,
            void *context)
{
    struct export_work *work = ((struct call *)context)->work;
    work->more = false;
    work->result = 0;
    ledger_turn_begin(&work->turn);
    work->filter.filter.turn = &work->turn;
    int rc = ledger_scan_rows(ledger, snapshot, &work->filter.filter, take_row,
                              context, &work->error);
    if (rc < 0)
        work->result = rc;
    if (!buf_ok(&work->text))
        work->result = -ENOMEM;
    if (work->turn.over) {
        memcpy(work->cursor, work->turn.cursor, sizeof(work->cursor));
        work->more = true;
    }
    work->filter.filter.cursor = work->cursor;
}

/* ---- loop ---- */

static void
fill_gap(const struct store *store, const struct log_gap *gap, struct buf *out)
{
    const struct log_row_names names = {gap->key_id, gap->group_id,
                                        gap->gateway};
    const struct gateway *key;
    const char *name = NULL;
    switch (gap->kind) {
    case LOG_GAP_JSON:
        log_row_end_json(store, &names, out);
        return;
    case LOG_GAP_KEY:
        key = store_gateway(store, gap->key_id);
        name = key == NULL ? NULL : key->name;
        break;
    case LOG_GAP_GROUP:
        name = group_name_of(store, gap->group_id);
        break;
    case LOG_GAP_GATEWAY:
        name = gateway_name_of(store, gap->gateway);
        break;
    }
    log_columns_text(out, name == NULL ? "" : name);
}

/* The piece into the answer, with the names that its ids have now. */
static void
put_piece(struct call *call, struct export_work *work)
{
    struct str text = buf_view(&work->text);
    size_t done = 0;
    for (size_t i = 0; i < work->gap_count; i++) {
        const struct log_gap *gap = &work->gaps[i];
        buf_append_str(&call->reply, str_make(text.ptr + done, gap->at - done));
        fill_gap(call->store, gap, &call->reply);
        done = gap->at;
    }
    buf_append_str(&call->reply, str_skip(text, done));
    buf_reset(&work->text);
    work->gap_count = 0;
}

static void
refuse(struct call *call, struct export_work *work)
{
    bool is_cursor = work->result == -EINVAL;
    call_fail(call, is_cursor ? 400 : 503,
              is_cursor ? "invalid_field" : "ledger_unavailable",
              "The log could not be read: %s", buf_cstr(&work->error));
}

static void export_more(struct call *call);

static void
begin(struct call *call, struct export_work *work)
{
    work->began = true;
    call->content_type =
        work->is_json ? "application/x-ndjson" : "text/csv; charset=utf-8";
    http_field_cstr(&call->fields, "content-disposition",
                    work->is_json ? "attachment; filename=\"logs.jsonl\""
                                  : "attachment; filename=\"logs.csv\"");
    call_stream_begin(call, 200, export_more);
}

static void
piece_done(void *context)
{
    struct call *call = context;
    struct export_work *work = call->work;
    if (work->result != 0 && !work->began) {
        refuse(call, work);
        return;
    }
    if (work->result != 0) {
        log_warn("an export of the log breaks off: %s",
                 work->result == -ENOMEM ? "out of memory"
                                         : buf_cstr(&work->error));
        call_stream_end(call, false);
        return;
    }
    if (buf_len(&work->text) == 0 && work->more) {
        call_query_on(call, export_work, piece_done);
        return;
    }
    if (!work->began) {
        begin(call, work); /* the piece follows when the head is taken */
        return;
    }
    put_piece(call, work);
    if (!buf_ok(&call->reply))
        call_stream_end(call, false);
    else if (!call_stream_add(call))
        return;
}

/* The client has taken all until now. */
static void
export_more(struct call *call)
{
    struct export_work *work = call->work;
    if (buf_len(&work->text) > 0)
        piece_done(call); /* the first one has waited for the head */
    else if (work->more)
        call_query_on(call, export_work, piece_done);
    else
        call_stream_end(call, true);
}

static bool
read_question(struct call *call, struct export_work *work)
{
    const struct query *query = &call->query;
    const char *format = query_get(query, "format");
    const char *columns = query_get(query, "columns");
    work->is_json = format != NULL && strcmp(format, "jsonl") == 0;
    if (format != NULL && !work->is_json && strcmp(format, "csv") != 0)
        return admin_error_field(&call->error, "format",
                                 "'format' must be csv or jsonl.");
    if (columns != NULL && work->is_json)
        return admin_error_field(&call->error, "columns",
                                 "'columns' are those of a CSV.");
    if (!log_filter_read(call, &work->filter) ||
        !query_u64(query, "limit", 1, UINT64_MAX, &work->left, &call->error) ||
        !log_columns_read(&work->columns, columns, &call->error))
        return false;
    if (!work->is_json)
        log_columns_head(&work->columns, &work->text);
    /* Newest first nothing new can come; oldest first it would have no end. */
    if (work->filter.filter.to_ms == 0)
        work->filter.filter.to_ms = clock_wall_ms() + 1;
    return true;
}

void
op_log_export(struct call *call)
{
    struct export_work *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        call_fail(call, 503, "overloaded", "Out of memory.");
        return;
    }
    work->left = UINT64_MAX;
    buf_init(&work->text, 0);
    buf_init(&work->error, 1024);
    call->work = work;
    call->work_free = work_free;
    if (!read_question(call, work))
        call_refuse(call);
    else
        call_query(call, export_work, piece_done);
}
