/*
 * ledger_builder.h - fills a new ledger beside its place, pair by pair and row
 * by row, and moves it there when it is complete. ledger_import.c and
 * ledger_repair.c only; one thread, nobody else has the folder open.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_BUILDER_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_BUILDER_H

#include "accountant/ledger/ledger_batch.h"
#include "accountant/ledger/ledger_internal.h"

struct ledger_builder {
    char dir[LEDGER_DIR_BYTES], place[LEDGER_DIR_BYTES]; /* place: below dir */
    struct ledger *ledger;
    leveldb_writebatch_t *pairs;
    size_t pair_bytes;
    struct ledger_batch *rows;
    uint64_t row_count;
    bool made_dir, moved;
    struct buf *error;
};

/* 0: nobody would be hurt by a ledger in `dir` (absent, or nothing in it but
 * `secret` and `export`); -ENOTEMPTY; -errno. */
int builder_check_dir(const char *dir, struct buf *error) MUST_CHECK;
int builder_open(struct ledger_builder *b, const char *dir,
                 struct buf *error) MUST_CHECK;
int builder_put(struct ledger_builder *b, struct str key,
                struct str value) MUST_CHECK;
int builder_put_key(struct ledger_builder *b, const struct ledger_key *key,
                    const struct buf *value) MUST_CHECK;
int builder_put_meta(struct ledger_builder *b, const char *name,
                     uint64_t number) MUST_CHECK;
int builder_put_row(struct ledger_builder *b,
                    const struct ledger_row *row) MUST_CHECK;
/* Everything synced; `report`: what verify finds, a line each. */
int builder_finish(struct ledger_builder *b, struct buf *report) MUST_CHECK;
/* Removes a folder with all in it. */
int builder_remove(const char *path);
/* Closes; 0: the ledger stands in its place. */
int builder_move(struct ledger_builder *b) MUST_CHECK;
/* What was not moved goes away. */
void builder_close(struct ledger_builder *b);

#endif
