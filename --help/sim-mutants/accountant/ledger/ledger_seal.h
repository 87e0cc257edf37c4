/*
 * ledger_seal.h - what the databases looked like when they were closed:
 * data_dir/ledger.seal, a line per file with its size, and for logs, MANIFEST
 * and CURRENT their CRC-32.
 *
 * LevelDB takes the cut end of a log for a write that a crash cut, and starts
 * from less without a word; the same of a MANIFEST. After an orderly close no
 * write was under way, so any difference is damage. Tables need no sum: their
 * blocks have their own, checked at each read.
 * The seal goes before the databases are opened and comes when they are closed,
 * so a process that is killed leaves none; then the segment knows how far the
 * ledger was (shm_header.ledger_batch, the rings' tails).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_SEAL_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_SEAL_H

#include "common/buf.h"

/* Nobody has the databases open. 0 or -errno: there is no seal then. */
int ledger_seal_write(const char *dir, struct buf *error) MUST_CHECK;
/* 0: it fits, or there is none; -EUCLEAN: a file is missing, or differs;
 * -EBUSY: the seal went away meanwhile, somebody else opens. */
int ledger_seal_check(const char *dir, struct buf *error) MUST_CHECK;
/* Durably. 0 or -errno. */
int ledger_seal_remove(const char *dir, struct buf *error) MUST_CHECK;

#endif
