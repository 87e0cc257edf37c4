/*
 * ledger_open.h - what opening needs: options of LevelDB, directories, the
 * checks that nothing of an older ledger has vanished. ledger.c only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_OPEN_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_OPEN_H

#include "accountant/ledger/ledger_internal.h"

void ledger_options_create(struct ledger *ledger);
void ledger_options_destroy(struct ledger *ledger);
/*
 * ledger_prepare_dirs - makes data_dir, log/ where `create`. LevelDB makes a
 * new empty database where CURRENT is missing, without a word: -EUCLEAN when
 * there are traces of an older one.
 */
int ledger_prepare_dirs(const struct ledger *ledger,
                        struct buf *error) MUST_CHECK;
/* 1: the folder holds data of a database, but CURRENT is gone; 0; -errno. */
int ledger_lost_current(const char *path) MUST_CHECK;
/* fsync of the directories above the databases: LevelDB syncs only its own. */
int ledger_sync_dirs(const struct ledger *ledger, struct buf *error) MUST_CHECK;
int ledger_sync_dir(const char *path, struct buf *error) MUST_CHECK;
/* Writes the format number into a new ledger; -EUCLEAN for another one. */
int ledger_check_format(struct ledger *ledger, struct buf *error) MUST_CHECK;

#endif
