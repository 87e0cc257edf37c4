/*
 * prices.h - versions of prices: a model whose prices differ from its last
 * version gets the next one. A log row names the version it was charged with,
 * so a period can be priced again. Loop thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_PRICES_H
#define AIGW_ACCOUNTANT_PRICES_H

#include "accountant/ledger/ledger_read.h"
#include "accountant/ledger/table.h"

/* All zero is empty. */
struct prices_book {
    struct table table; /* newest version of each model */
};

void prices_fini(struct prices_book *book);
/* While restoring: in ascending order of versions. 0 or -ENOMEM. */
int prices_load(struct prices_book *book,
                const struct ledger_price *price) MUST_CHECK;
/* The version of these prices (tiers NULL: none); a new one is remembered as not
 * durable yet. 0: no memory. */
uint32_t prices_version(struct prices_book *book, const char *model,
                        const struct prices *prices,
                        const struct price_tiers *tiers);
/* Versions that are not durable: an array to free, NULL when there is none. */
struct ledger_price *prices_pending(const struct prices_book *book,
                                    int64_t since_ms, size_t *count);
void prices_now_durable(struct prices_book *book,
                        const struct ledger_price *prices, size_t count);
/* Their catalogue was not published after all. */
void prices_forget_pending(struct prices_book *book);

#endif
