/*
 * layout_limits.h - the rows of layout.h that count limits beside those of an
 * entry: by model, by window, by spend rule. Part of the layout, which names
 * its places.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_LAYOUT_LIMITS_H
#define AIGW_SHM_LAYOUT_LIMITS_H

#include "shm/atomic.h"

enum { SHM_LIMIT_WAYS = 16 /* places that a name may have */ };

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

#endif
