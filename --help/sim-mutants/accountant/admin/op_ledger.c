/*
 * op_ledger.c - GET /admin/v1/ledger/...: the reports of aigw-ledger, made by
 * the process that holds the databases.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/ledger_export.h"
#include "accountant/ledger_report.h"
#include "common/config.h"

/* The reports write straight into the answer: nobody else touches it until the
 * done callback. */
static void
sum_work(struct ledger *ledger, struct ledger_snapshot *snapshot, void *context)
{
    struct call *call = context;
    call->status =
        ledger_report_sum(ledger, snapshot, &call->reply) == 0 ? 200 : 503;
}

static void
verify_work(struct ledger *ledger, struct ledger_snapshot *snapshot,
            void *context)
{
    struct call *call = context;
    call->status =
        ledger_report_verify(ledger, snapshot, &call->reply) == 0 ? 200 : 503;
}

static void
list_work(struct ledger *ledger, struct ledger_snapshot *snapshot,
          void *context)
{
    struct call *call = context;
    call->status =
        ledger_report_list(ledger, snapshot, &call->reply) == 0 ? 200 : 503;
}

static void
report_done(void *context)
{
    struct call *call = context;
    if (call->status == 200)
        call_answer(call, 200);
    else
        call_fail(call, 503, "ledger_unavailable",
                  "The ledger could not be read: %.400s",
                  buf_cstr(&call->reply));
}

void
op_ledger_sum(struct call *call)
{
    call_query(call, sum_work, report_done);
}

void
op_ledger_verify(struct call *call)
{
    call_query(call, verify_work, report_done);
}

void
op_ledger_list(struct call *call)
{
    call_query(call, list_work, report_done);
}

/* ---- export ---- */

struct export_work {
    bool with_rows;
    unsigned keep;
    int result;
    char path[LEDGER_EXPORT_PATH_BYTES];
    struct ledger_export_info info;
    struct buf error;
};

static void
export_work_free(void *context)
{
    struct export_work *work = context;
    buf_fini(&work->error);
    free(work);
}

/* A name of its own: the hourly ones are kept by their count. */
static void
export_run(struct ledger *ledger, struct ledger_snapshot *snapshot,
           void *context)
{
    struct export_work *work = ((struct call *)context)->work;
    work->result = ledger_export_kept(ledger, snapshot, "asked", work->keep,
                                      work->with_rows, work->path, &work->info,
                                      &work->error);
}

static void
export_done(void *context)
{
    struct call *call = context;
    struct export_work *work = call->work;
    struct json_writer *json = &call->json;
    if (work->result < 0) {
        call_fail(call, 503, "ledger_unavailable",
                  "The ledger could not be exported: %.400s",
                  buf_len(&work->error) > 0 ? buf_cstr(&work->error)
                                            : strerror(-work->result));
        return;
    }
    json_object_begin(json);
    json_key(json, "file");
    json_cstring(json, work->path);
    json_key(json, "records");
    json_u64(json, work->info.pairs);
    json_key(json, "rows");
    json_u64(json, work->info.rows);
    json_key(json, "bytes");
    json_u64(json, work->info.bytes);
    json_object_end(json);
    call_answer(call, 200);
}

void
op_ledger_export(struct call *call)
{
    struct export_work *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        call_fail(call, 503, "overloaded", "Out of memory.");
        return;
    }
    const char *rows = query_get(&call->query, "rows");
    buf_init(&work->error, 0);
    work->with_rows = rows != NULL && strcmp(rows, "yes") == 0;
    work->keep = (unsigned)store_config(call->store)->server.export_keep;
    call->work = work;
    call->work_free = export_work_free;
    call_query(call, export_run, export_done);
}
