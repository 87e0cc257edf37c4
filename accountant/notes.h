/*
 * notes.h - which notes of the ledger (ledger/ledger_note.h) are whose. Names
 * that begin with a time (milliseconds, 8 bytes, big endian) are in its order,
 * and retention drops the oldest.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_NOTES_H
#define AIGW_ACCOUNTANT_NOTES_H

#include <stdint.h>

enum {
    NOTES_MEMBERS = 'm',    /* id8: an admin token */
    NOTES_MEMBER_USE = 'u', /* id8: when it was used last */
    NOTES_AUDIT = 'a',      /* ms8 serial4: who changed what */
    NOTES_REPRICE = 'p',    /* ms8: a period that was priced again */
    NOTES_OUTBOX = 'w',     /* ms8 batch8 index2: an event of an alert that is
                               not delivered yet */
    NOTES_BALANCE = 'b',    /* id8: a group's account at another service */
    NOTES_DELIVERED = 'd',  /* the same: one that is, or was given up */
    NOTES_REPLAY = 'i',     /* ms8 (a window's begin) digest32: what a key of
                               idempotency was used for */
};

/* How long a key of idempotency is known, and the windows that its notes are
 * filed under. */
#define NOTES_REPLAY_MS        (INT64_C(24) * 3600 * 1000)
#define NOTES_REPLAY_WINDOW_MS (INT64_C(12) * 3600 * 1000)

static inline void
notes_put_u64(char out[8], uint64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (char)(uint8_t)(value >> (56 - 8 * i));
}

#endif
