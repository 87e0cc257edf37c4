/*
 * model_limits.h - limits that a key or group has with single models, beside
 * those of its own.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_MODEL_LIMITS_H
#define AIGW_ACCOUNTANT_MODEL_LIMITS_H

#include "accountant/ledger/codec.h"
#include "shm/catalogue.h"

enum { MODEL_LIMITS_MAX = 16 };

struct model_limit {
    char model[SHM_NAME_BYTES]; /* as the catalogue calls it */
    uint64_t rpm, tpm;          /* 0: none of its own */
    uint32_t concurrency;
};

struct model_limits {
    uint32_t count;
    struct model_limit items[MODEL_LIMITS_MAX];
};

/* NULL: the model has none. */
const struct model_limit *model_limits_find(const struct model_limits *limits,
                                            const char *model);
/* Puts one in place of what the model has; without any limit in it, it goes.
 * False: there are MODEL_LIMITS_MAX already. */
bool model_limits_put(struct model_limits *limits,
                      const struct model_limit *limit) MUST_CHECK;

void model_limits_encode(const struct model_limits *limits, struct buf *out);
/* False: bad bytes. */
bool model_limits_decode(struct str bytes,
                         struct model_limits *limits) MUST_CHECK;

/*
 * Into the segment, as rows of (entry, tag): rows that are named no more are
 * unset. Models that no catalogue knows wait until one does. 0; -ENOSPC: not all
 * of them have a row. ratio: what they are multiplied with; NULL: of a key.
 */
int model_limits_publish(struct segment *segment,
                         const struct catalogue *catalogue,
                         const struct model_limits *limits,
                         const uint32_t *ratio, uint32_t entry,
                         uint64_t tag) MUST_CHECK;

#endif
