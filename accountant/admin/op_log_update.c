/*
 * op_log_update.c - PATCH /admin/v1/logs/{request id}: other metadata for a row,
 * as a judgement of its answer that came later. Nothing else of it changes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/admin/object_json.h"
#include "accountant/admin/value.h"
#include "accountant/admin/view.h"
#include "accountant/ledger/ledger_hide.h"
#include "common/hash.h"

enum { ERROR_BYTES = 1024 };

struct update_work {
    const char *request_id; /* of call->path_params */
    bool found;
    struct ledger_row row;
    struct buf error;
    int result;
    struct ledger_turn turn;
};

static void
work_free(void *context)
{
    struct update_work *work = context;
    buf_fini(&work->error);
    free(work);
}

static bool
take_row(const struct ledger_row *row, void *context)
{
    struct call *call = context;
    struct update_work *work = call->work;
    if (!view_sees_group(call, row->group_id))
        return true;
    work->row = *row;
    work->found = true;
    return false;
}

static void
find_work(struct ledger *ledger, struct ledger_snapshot *snapshot,
          void *context)
{
    struct update_work *work = ((struct call *)context)->work;
    struct ledger_row_filter filter = {.cause = -1,
                                       .listed_only = true,
                                       .request_id = work->request_id,
                                       .cursor = work->turn.cursor,
                                       .turn = &work->turn};
    ledger_turn_begin(&work->turn);
    work->result = ledger_scan_rows(ledger, snapshot, &filter, take_row,
                                    context, &work->error);
}

static void
write_work(struct ledger *ledger, struct ledger_snapshot *snapshot,
           void *context)
{
    struct update_work *work = ((struct call *)context)->work;
    (void)snapshot;
    work->result = ledger == NULL
                       ? -EIO
                       : ledger_tag_row(ledger, &work->row, &work->error);
}

static void
fail(struct call *call)
{
    struct update_work *work = call->work;
    if (work->result == 0 || work->result == -ENOENT)
        call_fail(call, 404, "not_found",
                  "No row of the log is of request '%.64s'.", work->request_id);
    else
        call_fail(call, 503, "ledger_unavailable",
                  "The log could not be changed: %s",
                  buf_len(&work->error) > 0 ? buf_cstr(&work->error)
                                            : strerror(-work->result));
}

static void
write_done(void *context)
{
    struct call *call = context;
    struct update_work *work = call->work;
    struct buf scratch;
    if (work->result != 0) {
        fail(call);
        return;
    }
    buf_init(&scratch, 0);
    json_object_begin(&call->json);
    json_key(&call->json, "log");
    log_row_to_json(&call->json, call->store, &work->row, &scratch);
    json_object_end(&call->json);
    buf_fini(&scratch);
    call_answer(call, 200);
}

/* The members that are texts, numbers, yes or no, as a row keeps them. */
static bool
put_metadata(struct call *call, char out[768])
{
    struct admin_error *error = &call->error;
    const cJSON *item,
        *metadata = cJSON_GetObjectItemCaseSensitive(call->body, "metadata");
    if (!value_members(call->body, "", "metadata", error))
        return false;
    if (!cJSON_IsObject(metadata))
        return admin_error_field(error, "metadata",
                                 "'metadata' must be an object.");
    cJSON_ArrayForEach(item, metadata)
    {
        if (!cJSON_IsString(item) && !cJSON_IsNumber(item) &&
            !cJSON_IsBool(item))
            return admin_error_field(error, "metadata",
                                     "'metadata' has texts, numbers, true and "
                                     "false only.");
    }
    bool fits =
        cJSON_PrintPreallocated((cJSON *)(uintptr_t)metadata, out, 760, false);
    if (metadata->child == NULL)
        out[0] = '\0';
    return fits || admin_error_field(error, "metadata",
                                     "'metadata' is too long: at most 750 "
                                     "bytes as JSON.");
}

static void
find_done(void *context)
{
    struct call *call = context;
    struct update_work *work = call->work;
    if (work->result == 0 && !work->found && work->turn.over)
        call_query_on(call, find_work, find_done);
    else if (work->result != 0 || !work->found)
        fail(call);
    else if (!put_metadata(call, work->row.tags))
        call_refuse(call);
    else
        store_write(call->store, write_work, write_done, call);
}

void
op_log_update(struct call *call)
{
    const char *id = call->path_params[0];
    uint32_t crc = hash_crc32(0, id, strlen(id));
    if (!call_change_begin(call, 'r', crc))
        return;
    struct update_work *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        call_fail(call, 503, "overloaded", "Out of memory.");
        return;
    }
    buf_init(&work->error, ERROR_BYTES);
    work->request_id = id;
    call->work = work;
    call->work_free = work_free;
    call_query(call, find_work, find_done);
}
