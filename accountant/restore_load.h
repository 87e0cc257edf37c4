/*
 * restore_load.h - the ledger thread's part of the restore: opens the ledger
 * and reads all that the store keeps in memory. restore*.c only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_RESTORE_LOAD_H
#define AIGW_ACCOUNTANT_RESTORE_LOAD_H

#include "accountant/ledger/ledger_recover.h"
#include "accountant/store_private.h"

/* Filled by the ledger thread, taken over by the loop thread. */
struct restore {
    struct ledger_job job;
    struct store *store;
    int result; /* 0 or -errno: it cannot serve */
    struct buf error;
    struct ledger_recovery recovery;
    struct objects objects;
    struct prices_book prices;
    struct spend_book spends;
    struct managed_book managed;
    struct balance_book balances;
    bool from_export;    /* the ledger is, and has not been taken into use */
    uint64_t *positions; /* by column, of this epoch */
    uint64_t batch_no, next_id, clock_ms;
};

void restore_load(struct ledger_job *job);

/* ---- restore_segment.c ---- */
/*
 * Whether the segment and the ledger, just opened, are of one another, and the
 * ledger knows at least what was acknowledged: 0, -ESTALE, -EUCLEAN with a
 * sentence. A ledger from an export may know less: RESTORE_CATCH_UP.
 */
enum { RESTORE_CATCH_UP = 1 };
int restore_check_segment(struct restore *restore) MUST_CHECK;

/* ---- restore_escrow.c ---- */
/* Objects were read: their escrows too. 0 or -errno. */
int restore_read_escrows(struct restore *restore) MUST_CHECK;
/* Strict: every key has its step ahead, durably, before anybody may use it;
 * else none has any. */
int restore_prepare_escrows(struct restore *restore) MUST_CHECK;

/* ---- restore_catch_up.c ---- */
/* The objects of the ledger were read: writes what the segment knows more, then
 * they must be read again. 0; -EAGAIN workers are still there; -ESTALE. */
int restore_catch_up(struct restore *restore) MUST_CHECK;

#endif
