/*
 * op_log_delete.c - POST /admin/v1/logs/delete: selected rows are shown to nobody
 * any more, and what callers wrote in them is gone (accountant/ledger/ledger_hide.h);
 * the books stay whole. In portions: select on a query thread, hide on the
 * ledger's, until there are none left. Whoever ends it in between may ask again.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/admin/log_select.h"
#include "accountant/admin/value.h"
#include "accountant/admin/view.h"
#include "accountant/ledger/ledger_hide.h"
#include "accountant/payloads.h"

enum { PORTION = 256, CURSOR_BYTES = 64, ERROR_BYTES = 1024 };

struct delete_work {
    struct log_select select;
    uint64_t limit, deleted; /* limit 0: all of them */
    struct ledger_row rows[PORTION];
    size_t count, hidden;
    struct buf error;
    int result;
    struct ledger_turn turn;
};

static void go_on(struct call *call);

static void
work_free(void *context)
{
    struct delete_work *work = context;
    buf_fini(&work->error);
    free(work);
}

static size_t
portion_of(const struct delete_work *work)
{
    uint64_t left = work->limit == 0 ? PORTION : work->limit - work->deleted;
    return left < PORTION ? (size_t)left : PORTION;
}

static bool
take_row(const struct ledger_row *row, void *context)
{
    struct call *call = context;
    struct delete_work *work = call->work;
    if (view_sees_group(call, row->group_id) &&
        log_select_takes(&work->select, row))
        work->rows[work->count++] = *row;
    return work->count < portion_of(work);
}

static void
select_work(struct ledger *ledger, struct ledger_snapshot *snapshot,
            void *context)
{
    struct delete_work *work = ((struct call *)context)->work;
    work->count = 0;
    ledger_turn_begin(&work->turn);
    work->select.filter.turn = &work->turn;
    work->result = ledger_scan_rows(ledger, snapshot, &work->select.filter,
                                    take_row, context, &work->error);
}

static void
hide_work(struct ledger *ledger, struct ledger_snapshot *snapshot,
          void *context)
{
    struct delete_work *work = ((struct call *)context)->work;
    (void)snapshot;
    work->result = ledger == NULL
                       ? -EIO
                       : ledger_hide_rows(ledger, work->rows, work->count,
                                          &work->hidden, &work->error);
}

static bool
failed(struct call *call)
{
    struct delete_work *work = call->work;
    if (work->result == 0)
        return false;
    call_fail(call, 503, "ledger_unavailable",
              "The log could not be changed, %llu rows are deleted: %s",
              (unsigned long long)work->deleted,
              buf_len(&work->error) > 0 ? buf_cstr(&work->error)
                                        : strerror(-work->result));
    return true;
}

static void
finish(struct call *call)
{
    struct delete_work *work = call->work;
    json_object_begin(&call->json);
    json_key(&call->json, "deleted");
    json_u64(&call->json, work->deleted);
    json_object_end(&call->json);
    call_answer(call, 200);
}

static void
hide_done(void *context)
{
    struct call *call = context;
    struct delete_work *work = call->work;
    if (failed(call))
        return;
    work->deleted += work->hidden;
    if (!work->turn.over)
        ledger_row_cursor(&work->rows[work->count - 1], work->turn.cursor);
    bool was_last = (work->count < PORTION && !work->turn.over) ||
                    (work->limit > 0 && work->deleted >= work->limit);
    if (was_last)
        finish(call);
    else
        go_on(call);
}

static void
select_done(void *context)
{
    struct call *call = context;
    struct delete_work *work = call->work;
    if (failed(call))
        return;
    if (work->count == 0 && work->turn.over)
        go_on(call);
    else if (work->count == 0)
        finish(call);
    else
        store_write(call->store, hide_work, hide_done, call);
}

static void
go_on(struct call *call)
{
    struct delete_work *work = call->work;
    work->select.filter.cursor = work->turn.cursor;
    call_query_on(call, select_work, select_done);
}

static void
begin(void *context)
{
    call_query(context, select_work, select_done);
}

static bool
read_body(struct call *call, struct delete_work *work)
{
    static const struct word orders[] = {{"desc", 0}, {"asc", 1}, {NULL, 0}};
    const cJSON *limit = cJSON_GetObjectItemCaseSensitive(call->body, "limit");
    const cJSON *order = cJSON_GetObjectItemCaseSensitive(call->body, "order");
    uint32_t way = 0;
    if (!value_members(call->body, "", LOG_SELECT_MEMBERS " order limit",
                       &call->error) ||
        !log_select_read(call, &work->select) ||
        (limit != NULL && !value_limit(limit, "limit", UINT64_C(1) << 53,
                                       &work->limit, &call->error)) ||
        (order != NULL &&
         !value_word(order, "order", orders, &way, &call->error)))
        return false;
    work->select.filter.oldest_first = way == 1;
    return true;
}

void
op_log_delete(struct call *call)
{
    struct delete_work *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        call_fail(call, 503, "overloaded", "Out of memory.");
        return;
    }
    buf_init(&work->error, ERROR_BYTES);
    call->work = work;
    call->work_free = work_free;
    if (!read_body(call, work))
        call_refuse(call);
    else /* what is still on its way comes before it is deleted */
        payloads_flush(store_payloads(call->store), begin, call);
}
