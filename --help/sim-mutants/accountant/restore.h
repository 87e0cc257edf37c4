/*
 * restore.h - A3..A5: the ledger and the segment meet at the start.
 *
 * The ledger thread opens the ledger (waiting for an orphan's lock), books what
 * a power cut left unbooked, and loads; the loop goes on reaping meanwhile. Then
 * the loop thread makes the segment say what the ledger says: LevelDB is always
 * written first, so it is right.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_RESTORE_H
#define AIGW_ACCOUNTANT_RESTORE_H

#include "accountant/store_private.h"

/* Begins; the store's `ready` callback is called at the end. */
void restore_start(struct store *store);
void restore_destroy(struct restore **restore);

#endif
