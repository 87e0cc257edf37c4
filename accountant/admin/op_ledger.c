/*
 * op_ledger.c - GET /admin/v1/ledger/...: the reports of aigw-ledger, made by
 * the process that holds the databases.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include "accountant/ledger_report.h"

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
