/*
 * op_top_ups.c - GET /admin/v1/groups/{name}/top-ups: what was put on a group's
 * balance and taken back, the newest first, each with the sum after it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <errno.h>
#include <stdlib.h>

#include "accountant/admin/page.h"
#include "accountant/admin/view.h"
#include "accountant/ledger/ledger_read.h"

enum { NOTE_BYTES = 256 };

struct top_up {
    int64_t at_ms, nano, sum;
    char note[NOTE_BYTES];
};

struct top_ups_work {
    uint64_t group_id;
    struct page page;
    struct top_up *kept; /* the page's, in order of time */
    uint64_t kept_count;
    uint64_t seen, first, end; /* of this scan; the page's, in order of time */
    int64_t sum;
    struct buf error;
    int result;
};

static void
work_free(void *context)
{
    struct top_ups_work *work = context;
    free(work->kept);
    buf_fini(&work->error);
    free(work);
}

static bool
count(const struct ledger_top_up *top_up, void *context)
{
    struct top_ups_work *work = context;
    (void)top_up;
    work->page.total++;
    return true;
}

static bool
take(const struct ledger_top_up *top_up, void *context)
{
    struct top_ups_work *work = context;
    uint64_t nth = work->seen++;
    work->sum += top_up->nano;
    if (nth < work->first)
        return true;
    if (nth == work->end)
        return false;
    struct top_up *one = &work->kept[work->kept_count++];
    one->at_ms = top_up->at_ms;
    one->nano = top_up->nano;
    one->sum = work->sum;
    *str_copy(one->note, str_cut(top_up->note, NOTE_BYTES - 1)) = '\0';
    return true;
}

/* They lie in order of time: counted first, so that the page's are known. */
static void
top_ups_work(struct ledger *ledger, struct ledger_snapshot *snapshot,
             void *context)
{
    struct top_ups_work *work = ((struct call *)context)->work;
    const struct page *page = &work->page;
    work->result = ledger_scan_top_ups(ledger, snapshot, work->group_id, count,
                                       work, &work->error);
    uint64_t behind = page_first(page);
    work->end = behind < page->total ? page->total - behind : 0;
    work->first = page->limit < work->end ? work->end - page->limit : 0;
    if (work->result == 0 && work->end > 0)
        work->result = ledger_scan_top_ups(ledger, snapshot, work->group_id,
                                           take, work, &work->error);
}

static void
put_top_up(struct json_writer *json, const struct top_up *top_up)
{
    json_object_begin(json);
    json_key(json, "time");
    json_time(json, top_up->at_ms);
    json_key(json, "amount");
    json_money(json, top_up->nano);
    json_key(json, "topped_up");
    json_money(json, top_up->sum);
    json_key(json, "note");
    json_cstring(json, top_up->note);
    json_object_end(json);
}

static void
top_ups_done(void *context)
{
    struct call *call = context;
    struct top_ups_work *work = call->work;
    if (work->result != 0) {
        call_fail(call, 503, "ledger_unavailable",
                  "The ledger could not be read: %s", buf_cstr(&work->error));
        return;
    }
    page_begin(call);
    for (uint64_t i = work->kept_count; i > 0; i--)
        put_top_up(&call->json, &work->kept[i - 1]);
    page_answer(call, &work->page);
}

void
op_groups_top_ups(struct call *call)
{
    const struct group *group = view_group_named(call, call->path_params[0]);
    if (group == NULL) {
        call_fail(call, 404, "group_not_found", "Group '%.64s' does not exist.",
                  call->path_params[0]);
        return;
    }
    struct top_ups_work *work = calloc(1, sizeof(*work));
    if (work != NULL) {
        buf_init(&work->error, 1024);
        work->group_id = group->id;
        call->work = work;
        call->work_free = work_free;
        if (!page_read(call, &work->page)) {
            call_refuse(call);
            return;
        }
        work->kept = calloc(work->page.limit, sizeof(*work->kept));
    }
    if (work == NULL || work->kept == NULL)
        call_fail(call, 503, "overloaded", "Out of memory.");
    else
        call_query(call, top_ups_work, top_ups_done);
}
