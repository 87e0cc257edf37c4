/*
 * ledger_value.h - values of the main database to bytes and back. Decoders: 0
 * or -EBADMSG; views point into the bytes. Private to ledger/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_VALUE_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_VALUE_H

#include "accountant/ledger/ledger_read.h"

void ledger_total_encode(const struct ledger_total *total, int64_t last_used_ms,
                         struct buf *out);
int ledger_total_decode(struct str bytes, struct ledger_total *total,
                        int64_t *last_used_ms) MUST_CHECK;
void ledger_budget_encode(const struct ledger_budget *budget, struct buf *out);
int ledger_budget_decode(struct str bytes,
                         struct ledger_budget *budget) MUST_CHECK;
void ledger_dropped_encode(const struct ledger_dropped *dropped,
                           struct buf *out);
int ledger_dropped_decode(struct str bytes,
                          struct ledger_dropped *dropped) MUST_CHECK;
void ledger_spend_encode(const struct ledger_spend *spend, struct buf *out);
int ledger_spend_decode(struct str bytes,
                        struct ledger_spend *spend) MUST_CHECK;
void ledger_escrow_encode(const struct ledger_escrow *escrow, struct buf *out);
int ledger_escrow_decode(struct str bytes,
                         struct ledger_escrow *escrow) MUST_CHECK;
void ledger_price_encode(const struct ledger_price *price, struct buf *out);
int ledger_price_decode(struct str bytes,
                        struct ledger_price *price) MUST_CHECK;
void ledger_top_up_encode(const struct ledger_top_up *top_up, struct buf *out);
int ledger_top_up_decode(struct str bytes,
                         struct ledger_top_up *top_up) MUST_CHECK;
/* Names and times are in the key. */
void ledger_usage_encode(const struct ledger_usage *usage, struct buf *out);
int ledger_usage_decode(struct str bytes,
                        struct ledger_usage *usage) MUST_CHECK;

#endif
