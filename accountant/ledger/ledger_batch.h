/*
 * ledger_batch.h - one step of the ledger: rows for the days' databases and
 * the changes of the main one, written as F3 then F4.
 *
 * Filling a batch touches memory only (any one thread). Writing is the writer
 * thread's. All values are absolute, so writing a batch again changes nothing;
 * after an error reopen the ledger and write the whole batch again.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_BATCH_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_BATCH_H

#include "accountant/ledger/ledger_read.h"

struct ledger_batch;

struct ledger_batch *ledger_batch_create(void);
void ledger_batch_destroy(struct ledger_batch **batch);
/* False: out of memory while filling; it must not be written. */
bool ledger_batch_ok(const struct ledger_batch *batch);
/* Nothing in it. */
bool ledger_batch_is_empty(const struct ledger_batch *batch);

void ledger_batch_meta(struct ledger_batch *batch, const char *name,
                       uint64_t value);
/*
 * ledger_batch_unbooked_from - this batch books every row that was ever written,
 * and later ones will hardly have ended before `ms`: only from there on a start
 * looks for rows that were written and not booked. A row that is older after
 * all is announced by a sync of its own before it is written.
 */
void ledger_batch_unbooked_from(struct ledger_batch *batch, int64_t ms);
void ledger_batch_total(struct ledger_batch *batch, enum ledger_kind kind,
                        uint64_t id, const struct ledger_total *total,
                        int64_t last_used_ms);
void ledger_batch_position(struct ledger_batch *batch, uint64_t epoch,
                           uint32_t column, uint64_t position);
void ledger_batch_delete_position(struct ledger_batch *batch, uint64_t epoch,
                                  uint32_t column);
void ledger_batch_object(struct ledger_batch *batch, enum ledger_kind kind,
                         uint64_t id, struct str bytes);
void ledger_batch_delete_object(struct ledger_batch *batch,
                                enum ledger_kind kind, uint64_t id);
void ledger_batch_budget(struct ledger_batch *batch, enum ledger_kind kind,
                         uint64_t id, uint8_t row,
                         const struct ledger_budget *budget);
void ledger_batch_delete_budget(struct ledger_batch *batch,
                                enum ledger_kind kind, uint64_t id,
                                uint8_t row);
void ledger_batch_spend(struct ledger_batch *batch,
                        const struct ledger_spend *spend);
void ledger_batch_delete_spend(struct ledger_batch *batch, uint64_t name);
void ledger_batch_escrow(struct ledger_batch *batch, uint64_t key_id,
                         const struct ledger_escrow *escrow);
void ledger_batch_delete_escrow(struct ledger_batch *batch, uint64_t key_id);
void ledger_batch_move(struct ledger_batch *batch,
                       const struct ledger_move *move);
void ledger_batch_delete_move(struct ledger_batch *batch,
                              const struct ledger_move *move);
void ledger_batch_usage(struct ledger_batch *batch,
                        const struct ledger_usage *usage);
void ledger_batch_delete_usage(struct ledger_batch *batch,
                               const struct ledger_usage *usage);
void ledger_batch_price(struct ledger_batch *batch,
                        const struct ledger_price *price);
/* A part of the configuration that management made; `bytes` are opaque. */
void ledger_batch_config(struct ledger_batch *batch, const char *section,
                         const char *name, struct str bytes);
void ledger_batch_delete_config(struct ledger_batch *batch, const char *section,
                                const char *name);
void ledger_batch_top_up(struct ledger_batch *batch,
                         const struct ledger_top_up *top_up);
void ledger_batch_dropped(struct ledger_batch *batch, enum ledger_kind kind,
                          uint64_t id, const struct ledger_dropped *dropped);
void ledger_batch_drop_day(struct ledger_batch *batch, int64_t day);

/*
 * ledger_batch_row - files the row under its day. Of a day that retention has
 * dropped there is no database any more: the row is added to the dropped sums
 * instead, in the same batch as the totals. Writer thread only (it may read).
 * 0 or -errno.
 */
int ledger_batch_row(struct ledger_batch *batch, struct ledger *ledger,
                     const struct ledger_row *row,
                     struct buf *error) MUST_CHECK;

/* The rows of each ring are all that it had behind the rows of the batch before,
 * so that only the first and the last of its pages may be there already. Of
 * others, each page is looked for. */
void ledger_batch_rows_follow(struct ledger_batch *batch);
/* Rows that were added are forgotten (their effects in the main part will be
 * written over by adding them again). */
void ledger_batch_forget_rows(struct ledger_batch *batch);

/* An error was met since the last opening: ledger_reopen() first. */
bool ledger_must_reopen(struct ledger *ledger);
/* Writer thread. 0, or -errno: the handles are dead, reopen. */
int ledger_batch_write(struct ledger_batch *batch, struct ledger *ledger,
                       struct buf *error) MUST_CHECK;

#endif
