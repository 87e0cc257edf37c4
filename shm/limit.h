/*
 * limit.h - rows that count what an entry's own words do not: a key or group
 * with one model (requests and tokens a minute, requests in flight), and whole
 * windows (window.h).
 *
 * A hashed table of names, found in SHM_LIMIT_WAYS places: two cache lines. A
 * name is claimed by one compare-and-swap, which is all of it, so a claimant
 * that dies has either done it or not. Only the accountant frees rows, idle
 * ones. Rates heal as an entry's do; busy words have one writer each, are named
 * by slots and zeroed by the reaper, as an entry's are.
 *   full: no place is free for a name. Workers refuse then (503) and count it
 *   (header.limit_misses), and the accountant frees what is idle at once.
 *   A name may stand twice for a moment, when a place before it is freed between
 *   two claims. What is in flight is summed over both; of rates the first one
 *   counts, so one may pass twice, once.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_LIMIT_H
#define AIGW_SHM_LIMIT_H

#include "common/str.h"
#include "shm/segment.h"

#define SHM_LIMIT_NONE 0xffffffffu

/* What of an entry is counted: a model's number below SHM_MODELS_MAX, or this. */
enum limit_what {
    LIMIT_WINDOW = SHM_MODELS_MAX,
    LIMIT_GATEWAY,
    LIMIT_CREDENTIAL,
};

/* Of a tenant: the entry's number with the tag it has. Never 0. */
uint64_t limit_name(uint32_t entry, uint64_t tag, uint32_t what);
/* Of something that has a text in place of an entry: a gateway profile, a
 * credential. The seed
 * is secret (crypto_secrets.hash_seed): texts that callers choose must not be
 * chosen to meet in one bucket. */
uint64_t limit_name_of_text(const uint8_t seed[16], struct str text,
                            uint32_t what);

/* ---- Workers. ---- */
/* The row of that name, or SHM_LIMIT_NONE. */
uint32_t limit_find(const struct segment *segment, uint64_t name);
/* The same, made where there is none; SHM_LIMIT_NONE: no place is free. */
uint32_t limit_claim(const struct segment *segment, uint64_t name);
/* Behind the fence of an announcement in the row's busy words: whether the row
 * is still that name's, and stays so while they are not zero. */
bool limit_is_held(const struct segment *segment, uint32_t row, uint64_t name);
/* Requests in flight by that name, over columns [0, high). */
uint64_t limit_in_flight(const struct segment *segment, uint64_t name,
                         uint32_t high);

/* ---- Any process. ---- */
/* Of one row. */
uint64_t limit_busy(const struct segment *segment, uint32_t row, uint32_t high);

/* ---- Accountant only. ---- */
/* Limits of a row's own; it stays until limit_unset(). 0, -ENOSPC. */
struct limit_values {
    uint64_t rpm, tpm;
    uint32_t max_in_flight;
};
int limit_set(const struct segment *segment, uint64_t name,
              const struct limit_values *values) MUST_CHECK;
void limit_unset(const struct segment *segment, uint32_t row);
/*
 * limit_sweep - frees rows that say nothing: nothing in flight, no rate to be
 * earned back, no window that counts, and no limits of their own or a tenant
 * that is gone. Returns how many rows are left.
 */
uint32_t limit_sweep(const struct segment *segment, uint64_t now_ns);

/* Whether a row's name, as it stands there, is that one. */
bool limit_is_name(uint64_t word, uint32_t entry, uint64_t tag, uint32_t what);
/* Which tenant a row's name is of; false for a text's. */
bool limit_tenant(uint64_t name, uint32_t *entry, uint32_t *what);

#endif
