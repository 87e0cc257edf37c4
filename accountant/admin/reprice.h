/*
 * reprice.h - a period priced again: what its calls of a model were charged, and
 * what they would have been by the prices in force now, by group.
 *
 * A row says which version of prices it was charged with. What it cost by that,
 * and no more, is put in the place of what it costs now: attempts elsewhere keep
 * their part. A row that was not charged so (an answer from the cache, or a
 * version that is not known) is left as it is and counted. Pictures are not in
 * rows: their part stays as it was charged.
 *
 * Rows and totals of the ledger are never changed. Query thread, but for the
 * codec.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_REPRICE_H
#define AIGW_ACCOUNTANT_ADMIN_REPRICE_H

#include "accountant/ledger/ledger_read.h"
#include "common/config.h"

enum { REPRICE_GROUPS_MAX = 4096 };

/* What a model costs now at a provider. */
struct reprice_price {
    char provider[128];
    struct prices prices;
    struct price_tiers tiers;
};

struct reprice_group {
    uint64_t id, requests;
    int64_t was, now; /* nano */
    int64_t credited; /* to its balance, of this and earlier times */
    int64_t credit;   /* of this time */
};

struct reprice {
    char model[128], provider[128]; /* "": all of its providers */
    int64_t from_ms, to_ms;         /* [from, to) by the end of the call */
    int64_t at_ms;                  /* when it was priced again; 0: not yet */
    int64_t last_ms; /* of the latest one that is kept; 0: none */
    uint64_t requests, tokens, left;
    int64_t was, now;
    struct reprice_group *groups; /* by id */
    size_t group_count;
};

void reprice_fini(struct reprice *reprice);
/* Model, provider and period are set. 0; -EOVERFLOW too many groups; -errno. */
int reprice_run(struct reprice *reprice, const struct reprice_price *prices,
                size_t price_count, struct ledger *ledger,
                struct ledger_snapshot *snapshot, struct buf *error) MUST_CHECK;
/*
 * reprice_earlier - what was credited to its groups for this very model,
 * provider and period. 0; -EEXIST: another period, or all providers, overlaps,
 * so that nobody can say what is credited twice; -errno.
 */
int reprice_earlier(struct reprice *reprice, struct ledger *ledger,
                    struct ledger_snapshot *snapshot,
                    struct buf *error) MUST_CHECK;

void reprice_encode(const struct reprice *reprice, struct buf *out);
/* 0 or -EBADMSG, -ENOMEM. */
int reprice_decode(struct str bytes, struct reprice *reprice) MUST_CHECK;

#endif
