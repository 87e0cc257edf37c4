/*
 * layout_limits.h - the rows of layout.h that count limits beside those of an
 * entry: by model, by window, by spend rule. Part of the layout, which names
 * its places.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_LAYOUT_LIMITS_H
#define AIGW_SHM_LAYOUT_LIMITS_H

#include "shm/atomic.h"

enum {
    SHM_LIMIT_WAYS = 16, /* places that a name may have */
    SHM_SPENDS = 8192,   /* rows of shm_spend: partitions of spend rules */
};

/* Which limit refused a request, or would have: shm_record.limit. */
enum record_limit {
    RECORD_LIMIT_NONE,
    RECORD_LIMIT_BUDGET,
    RECORD_LIMIT_BALANCE,
    RECORD_LIMIT_REQUESTS, /* a minute */
    RECORD_LIMIT_TOKENS,
    RECORD_LIMIT_CONCURRENCY,
    RECORD_LIMIT_MODEL_REQUESTS, /* of key or group with one model */
    RECORD_LIMIT_MODEL_TOKENS,
    RECORD_LIMIT_MODEL_CONCURRENCY,
    RECORD_LIMIT_WINDOW,
    RECORD_LIMIT_SPEND,
    RECORD_LIMITS,
};

/*
 * What a limit counts: of a key or group with one model, or of one whole window
 * (limit.h). Its name stands apart, in the table of names. Line 1: the
 * accountant's, while is_set; line 2: many writers, by compare-and-swap. Behind
 * it busy[C], a word per column.
 */
struct shm_limit {
    _Alignas(SHM_LINE) shm_u64 rpm; /* 0 = none */
    shm_u64 tpm;
    shm_u32 max_in_flight;
    shm_u32 is_set; /* has limits of its own, and stays */
    _Alignas(SHM_LINE) shm_u64 rpm_tat_ns; /* as an entry's */
    shm_u64 tpm_tat_ns;
    shm_u64 window;  /* window.h */
    shm_u64 idle_ns; /* monotonic: from then on `window` says nothing */
};

/* What a spend rule counted for one partition, nano: of its window number
 * `window` and of the one before. A latch as the policies' (layout.h): the
 * accountant writes. Its name stands apart. */
struct shm_spend {
    _Alignas(SHM_LINE) shm_u64 version;
    struct {
        shm_u64 window, sum, last;
    } copies[2];
};

#endif
