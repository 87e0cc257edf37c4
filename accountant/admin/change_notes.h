/*
 * change_notes.h - what a call's change takes into its batch: a row of the
 * audit log, and its key of idempotency. Where the operation has no change of
 * the ledger (a purge, a login), the answer waits for them instead; refusals
 * are written behind the answer.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_CHANGE_NOTES_H
#define AIGW_ACCOUNTANT_ADMIN_CHANGE_NOTES_H

#include "accountant/admin/call.h"

/* Runs the operation's function, with the notes attached to its change. */
void change_notes_run(struct call *call);
/*
 * change_notes_answer - the call is about to be answered with `status`. True:
 * later; call_answer() is called again when the notes are durable.
 */
bool change_notes_answer(struct call *call, uint16_t status) MUST_CHECK;
/* Of a call that is freed. */
void change_notes_drop(struct call *call);

#endif
