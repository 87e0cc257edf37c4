/*
 * change_notes.c - see change_notes.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/change_notes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/admin/admin_state.h"
#include "accountant/admin/audit.h"
#include "accountant/admin/replays.h"
#include "accountant/admin/operations.h"
#include "accountant/ledger/ledger_note.h"
#include "accountant/notes.h"
#include "common/clock.h"
#include "common/log.h"

/* For store_put_extra(): not an object's id, and no new one is wanted. */
#define NO_ID UINT64_MAX

struct notes {
    struct store_extra extra;
    struct audit_row row;
    bool is_idempotent;
    struct idempotency idempotency;
};

static void
notes_free(struct store_extra *extra)
{
    free(extra);
}

static void
put(struct ledger_batch *batch, char space, struct str name,
    const struct buf *value)
{
    if (!buf_ok(value))
        fatal("out of memory");
    ledger_batch_note(batch, space, name, buf_view(value));
}

static void
stage_idempotency(const struct notes *notes, struct ledger_batch *batch,
                  uint64_t id, bool undone)
{
    char name[REPLAY_NAME_BYTES];
    /* Of a copy, the row names what it was made of. */
    bool made = id != 0 && id != NO_ID;
    struct replay_note note = {.at_ms = notes->row.at_ms,
                               .id = made ? id : notes->row.object_id};
    struct buf value;
    replay_note_name(&notes->idempotency, note.at_ms, name);
    if (undone) {
        ledger_batch_delete_note(batch, NOTES_REPLAY,
                                 str_make(name, sizeof(name)));
        return;
    }
    memcpy(note.body, notes->idempotency.body, sizeof(note.body));
    snprintf(note.name, sizeof(note.name), "%s", notes->row.object);
    buf_init(&value, 0);
    replay_note_encode(&note, &value);
    put(batch, NOTES_REPLAY, str_make(name, sizeof(name)), &value);
    buf_fini(&value);
}

static void
notes_stage(struct store_extra *extra, struct ledger_batch *batch, uint64_t id,
            bool undone)
{
    struct notes *notes = (struct notes *)extra;
    struct audit_row *row = &notes->row;
    char name[AUDIT_NAME_BYTES];
    struct buf value;
    if (row->at_ms == 0)
        row->at_ms = clock_wall_ms();
    if (row->object_id == 0 && id != NO_ID)
        row->object_id = id;
    if (undone)
        snprintf(row->outcome, sizeof(row->outcome), "no_space");
    buf_init(&value, 0);
    audit_row_name(row, name);
    audit_row_encode(row, &value);
    put(batch, NOTES_AUDIT, str_make(name, sizeof(name)), &value);
    buf_fini(&value);
    if (notes->is_idempotent)
        stage_idempotency(notes, batch, id, undone);
}

static struct notes *
notes_make(struct call *call, const struct operation *operation,
           const char *outcome)
{
    struct notes *notes = calloc(1, sizeof(*notes));
    if (notes == NULL)
        return NULL;
    notes->extra.stage = notes_stage;
    notes->extra.free = notes_free;
    audit_row_of(call, operation, &notes->row);
    notes->row.serial = ++call->admin->audit_serial;
    snprintf(notes->row.outcome, sizeof(notes->row.outcome), "%s", outcome);
    return notes;
}

/* What no change has taken is the call's again. */
static void
detach(struct call *call)
{
    struct admin *admin = call->admin;
    if (admin->attached != call)
        return;
    admin->attached = NULL;
    call->notes = store_detach(call->store);
    call->notes_taken = call->notes == NULL;
}

void
change_notes_run(struct call *call)
{
    struct admin *admin = call->admin;
    const struct operation *operation = call->operation;
    if ((operation->flags & OPERATION_CHANGES) == 0) {
        operation->handler(call);
        return;
    }
    call->began = true;
    if (call->notes == NULL) {
        struct notes *notes = notes_make(call, operation, "ok");
        if (notes == NULL) {
            call_fail(call, 503, "overloaded", "Out of memory.");
            return;
        }
        notes->is_idempotent = call->is_idempotent;
        notes->idempotency = call->idempotency;
        call->notes = &notes->extra;
    }
    store_attach(call->store, call->notes);
    admin->attached = call;
    operation->handler(call);
    if (admin->attached == call) /* not answered, or it would not be */
        detach(call);
}

static void
notes_written(void *context, int error, const char *reason, uint64_t id)
{
    struct call *call = context;
    (void)id;
    if (error != 0)
        call_fail_store(call, error, reason);
    else
        call_answer(call, call->status);
}

/* Refused: behind the answer, and only of somebody who is known. */
static void
note_refusal(struct call *call, const struct operation *operation)
{
    const char *code = call->error.code == NULL ? "failed" : call->error.code;
    if (call->member.role == MEMBER_NOBODY)
        return;
    struct notes *notes = notes_make(call, operation, code);
    if (notes == NULL)
        return;
    notes->row.fields[0] = '\0'; /* nothing says that they are names */
    store_put_extra(call->store, &notes->extra, NO_ID, NULL, NULL);
}

bool
change_notes_answer(struct call *call, uint16_t status)
{
    const struct operation *operation =
        call->operation != NULL ? call->operation : call->denied;
    bool changes =
        operation != NULL && (operation->flags & OPERATION_CHANGES) != 0;
    detach(call);
    if (!changes || call->notes_done || call->replayed_status != 0)
        return false;
    call->notes_done = true;
    if (status >= 400 && (call->began || call->denied != NULL))
        note_refusal(call, operation);
    if (status >= 400 || call->notes_taken)
        return false;
    struct store_extra *extra = call->notes;
    struct audit_row *row = &((struct notes *)extra)->row;
    if (row->member[0] == '\0') { /* a login: who it is was not known before */
        row->member_id = call->member.id;
        snprintf(row->member, sizeof(row->member), "%s", call->member.name);
    }
    call->notes = NULL;
    call->status = status;
    store_put_extra(call->store, extra, NO_ID, notes_written, call);
    return true;
}

void
change_notes_drop(struct call *call)
{
    if (call->notes != NULL)
        call->notes->free(call->notes);
    call->notes = NULL;
}
