/*
 * ledger_spans.h - how long calls took, as counts by length: what percentiles of
 * any time and any choice of keys and models are made from, because counts add
 * up and percentiles do not.
 *
 *   0 1 2 3 | 4 5 6 7 | 8 10 12 14 | 16 20 24 28 | ...   ms, lower bounds
 *
 * Four places to the doubling: a quantile is off by an eighth of itself at most.
 * The last place has all from half an hour on. A count that would overflow stays.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_SPANS_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_SPANS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

struct codec_reader;

enum { LEDGER_SPANS = 80 };

/* All zero is empty. */
struct ledger_spans {
    uint64_t used[2]; /* a bit for each count that is not 0 */
    uint32_t counts[LEDGER_SPANS];
};

void ledger_spans_add(struct ledger_spans *spans, uint32_t ms);
/* The same in two steps: where a length is counted (< LEDGER_SPANS), and so. */
unsigned ledger_spans_place(uint32_t ms);
void ledger_spans_add_place(struct ledger_spans *spans, unsigned place);
void ledger_spans_merge(struct ledger_spans *to,
                        const struct ledger_spans *from);
uint64_t ledger_spans_count(const struct ledger_spans *spans);
/* The length that `per_mille` of the calls do not pass, in ms; -1: no calls. */
int64_t ledger_spans_quantile(const struct ledger_spans *spans,
                              unsigned per_mille);
/* Whether no count is above the other's. */
bool ledger_spans_within(const struct ledger_spans *spans,
                         const struct ledger_spans *other);

/* Only counts that are not 0: distance to the last one's place, count. A reader
 * that finds nonsense becomes bad. */
void ledger_spans_encode(const struct ledger_spans *spans, struct buf *out);
void ledger_spans_decode(struct codec_reader *reader,
                         struct ledger_spans *spans);

#endif
