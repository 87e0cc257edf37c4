/*
 * op_log.c - GET /admin/v1/logs/{request id}: one row, and where it is asked for
 * the bodies that were kept of the call.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <stdlib.h>

#include "accountant/admin/log_charge.h"
#include "accountant/admin/object_json.h"
#include "accountant/admin/view.h"
#include "accountant/ledger/ledger_payload.h"
#include "accountant/payloads.h"

struct log_work {
    const char *request_id; /* of call->path_params */
    bool wants_payload, found, has_payload;
    int64_t at_ms; /* when it ended; 0: not known, all is looked through */
    struct ledger_row row;
    struct log_charge charge;
    struct ledger_payload payload;
    struct buf value, error;
    int result;
    struct ledger_turn turn;
};

static void
work_free(void *context)
{
    struct log_work *work = context;
    buf_fini(&work->value);
    buf_fini(&work->error);
    free(work);
}

static bool
take_row(const struct ledger_row *row, void *context)
{
    struct call *call = context;
    struct log_work *work = call->work;
    if (!view_sees_group(call, row->group_id))
        return true;
    work->row = *row;
    work->found = true;
    return false;
}

static void
log_work(struct ledger *ledger, struct ledger_snapshot *snapshot, void *context)
{
    struct log_work *work = ((struct call *)context)->work;
    struct ledger_row_filter filter = {.cause = -1,
                                       .listed_only = true,
                                       .request_id = work->request_id,
                                       .cursor = work->turn.cursor,
                                       .turn = &work->turn};
    uint64_t id[2];
    ledger_turn_begin(&work->turn);
    if (work->at_ms != 0) {
        filter.from_ms = work->at_ms;
        filter.to_ms = work->at_ms + 1;
    }
    work->result = ledger_scan_rows(ledger, snapshot, &filter, take_row,
                                    context, &work->error);
    if (work->result == 0 && work->found)
        work->result = log_charge_read(ledger, snapshot, &work->row,
                                       &work->charge, &work->error);
    if (work->result != 0 || !work->found || !work->wants_payload ||
        !ledger_request_id(work->request_id, id))
        return;
    int rc = ledger_payload_get(ledger, snapshot, id, work->row.ended_ms,
                                &work->payload, &work->value, &work->error);
    work->has_payload = rc == 1;
    work->result = rc < 0 ? rc : 0;
}

static void
put_body(struct json_writer *json, const char *name, struct str text,
         uint64_t size, bool cut)
{
    json_key(json, name);
    json_object_begin(json);
    json_key(json, "size");
    json_u64(json, size);
    json_key(json, "complete");
    json_bool(json, !cut);
    json_key(json, "text");
    json_string(json, text);
    json_object_end(json);
}

static void
put_payload(struct json_writer *json, const struct log_work *work)
{
    const struct ledger_payload *payload = &work->payload;
    json_key(json, "payload");
    if (!work->has_payload) {
        json_null(json);
        return;
    }
    json_object_begin(json);
    put_body(json, "request", payload->request, payload->request_size,
             payload->request_cut);
    put_body(json, "answer", payload->answer, payload->answer_size,
             payload->answer_cut);
    json_key(json, "stream");
    json_bool(json, payload->is_stream);
    json_object_end(json);
}

static void
log_done(void *context)
{
    struct call *call = context;
    struct log_work *work = call->work;
    struct json_writer *json = &call->json;
    struct buf scratch;
    if (work->result != 0) {
        call_fail(call, 503, "ledger_unavailable",
                  "The log could not be read: %s", buf_cstr(&work->error));
        return;
    }
    if (!work->found && work->turn.over) {
        call_query_on(call, log_work, log_done);
        return;
    }
    if (!work->found) {
        call_fail(call, 404, "not_found",
                  "No row of the log is of request "
                  "'%.64s'.",
                  work->request_id);
        return;
    }
    buf_init(&scratch, 0);
    json_object_begin(json);
    json_key(json, "log");
    log_row_to_json(json, call->store, &work->row, &scratch);
    json_key(json, "charge");
    log_charge_to_json(json, &work->row, &work->charge);
    if (work->wants_payload)
        put_payload(json, work);
    json_object_end(json);
    buf_fini(&scratch);
    call_answer(call, 200);
}

static void
ask(void *context)
{
    call_query(context, log_work, log_done);
}

void
op_log(struct call *call)
{
    struct log_work *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        call_fail(call, 503, "overloaded", "Out of memory.");
        return;
    }
    const char *payload = query_get(&call->query, "payload");
    buf_init(&work->value, 0);
    buf_init(&work->error, 1024);
    work->request_id = call->path_params[0];
    work->wants_payload = payload != NULL && strcmp(payload, "yes") == 0;
    call->work = work;
    call->work_free = work_free;
    if (payload != NULL && !work->wants_payload && strcmp(payload, "no") != 0) {
        admin_error_field(&call->error, "payload",
                          "'payload' must be yes or no.");
        call_refuse(call);
        return;
    }
    if (!query_time(&call->query, "at", &work->at_ms, &call->error)) {
        call_refuse(call);
        return;
    }
    payloads_flush(store_payloads(call->store), ask, call);
}
