/*
 * limit.c - see limit.h.
 *
 *   name   RETIRING | VALID | entry 26 | what 11 | generation 25
 *          RETIRING | VALID | hash of a text 51 | what 11   (entry: TEXT set)
 *
 *   C1  find the name in its places, the first one counts
 *   C2  CAS the first free place: 0 -> name; then C1 again
 *   U1  busy += 1 in a row that a HELD slot names   U2  fence
 *   U3  the place still has the name: it is held. It has name | RETIRING: CAS
 *       it back to name; lost: the row is gone, busy -= 1, C1
 *   K1  CAS name -> name | RETIRING     K2  fence
 *   K3  busy of all columns is 0, the rates are idle and CASed to 0
 *   K4  CAS name | RETIRING -> 0; where K3 failed: -> name
 *
 * Either K3 sees U1, or U3 sees K1. Killed between K1 and K4: a row that is
 * RETIRING, which whoever wants it takes back and the next sweep begins at K2.
 * There is one sweeper, so no RETIRING is anybody else's than the one it set.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/limit.h"

#include <errno.h>

#include "common/hash.h"
#include "shm/column.h"

#define RETIRING    (UINT64_C(1) << 63)
#define VALID       (UINT64_C(1) << 62)
#define TEXT        (UINT64_C(1) << 61) /* the entry's highest bit */
#define WHAT_SHIFT  25
#define ENTRY_SHIFT 36
#define GENERATIONS ((UINT64_C(1) << WHAT_SHIFT) - 1)

/* Each time somebody else claimed or freed a place in between. */
enum { CLAIM_TRIES = 64, WHAT_MAX = 1 << 11 };

_Static_assert((int)LIMIT_GATEWAY < (int)WHAT_MAX, "what fits its bits");

uint64_t
limit_name(uint32_t entry, uint64_t tag, uint32_t what)
{
    CHECK(what < WHAT_MAX && entry < 1u << 25);
    return VALID | (uint64_t)entry << ENTRY_SHIFT |
           (uint64_t)what << WHAT_SHIFT | (tag >> 8 & GENERATIONS);
}

uint64_t
limit_name_of_text(const uint8_t seed[16], struct str text, uint32_t what)
{
    uint64_t hash = hash_siphash(seed, text.ptr, text.len);
    CHECK(what < WHAT_MAX);
    return VALID | TEXT | (uint64_t)what << WHAT_SHIFT | (hash & GENERATIONS) |
           (hash >> 32 & ((1u << 25) - 1)) << ENTRY_SHIFT;
}

bool
limit_tenant(uint64_t name, uint32_t *entry, uint32_t *what)
{
    *entry = (uint32_t)(name >> ENTRY_SHIFT & ((1u << 25) - 1));
    *what = (uint32_t)(name >> WHAT_SHIFT & (WHAT_MAX - 1));
    return (name & TEXT) == 0;
}

bool
limit_is_name(uint64_t word, uint32_t entry, uint64_t tag, uint32_t what)
{
    return (word & ~RETIRING) == limit_name(entry, tag, what);
}

/* ---- finding ---- */

static uint32_t
first_place(const struct segment *segment, uint64_t name)
{
    uint64_t buckets = segment->limit_max / SHM_LIMIT_WAYS;
    return (uint32_t)(hash_mix64(name) & (buckets - 1)) * SHM_LIMIT_WAYS;
}

/* C1. *is_free: the first place without a name, SHM_LIMIT_NONE for none. */
static uint32_t
look(const struct segment *segment, uint64_t name, uint32_t *is_free)
{
    uint32_t first = first_place(segment, name);
    shm_u64 *names = segment_limit_name(segment, first);
    *is_free = SHM_LIMIT_NONE;
    for (uint32_t i = 0; i < SHM_LIMIT_WAYS; i++) {
        uint64_t word = shm_load(&names[i]);
        if ((word & ~RETIRING) == name)
            return first + i;
        if (word == 0 && *is_free == SHM_LIMIT_NONE)
            *is_free = first + i;
    }
    return SHM_LIMIT_NONE;
}

/* Not RETIRING any more, and still the name's. */
static bool
take_back(const struct segment *segment, uint32_t row, uint64_t name)
{
    shm_u64 *place = segment_limit_name(segment, row);
    uint64_t word = shm_load(place);
    if (word == (name | RETIRING) && shm_cas_once(place, &word, name))
        return true;
    return word == name;
}

uint32_t
limit_find(const struct segment *segment, uint64_t name)
{
    uint32_t is_free;
    for (int tries = 0; tries < CLAIM_TRIES; tries++) {
        uint32_t row = look(segment, name, &is_free);
        if (row == SHM_LIMIT_NONE || take_back(segment, row, name))
            return row;
    }
    return SHM_LIMIT_NONE;
}

uint32_t
limit_claim(const struct segment *segment, uint64_t name)
{
    for (int tries = 0; tries < CLAIM_TRIES; tries++) {
        uint32_t is_free, row = look(segment, name, &is_free);
        if (row != SHM_LIMIT_NONE && take_back(segment, row, name))
            return row;
        if (row != SHM_LIMIT_NONE)
            continue; /* freed just now */
        if (is_free == SHM_LIMIT_NONE)
            break;
        uint64_t nobody = 0;
        /* C2; won or lost, what stands there now is looked at. */
        shm_cas_once(segment_limit_name(segment, is_free), &nobody, name);
    }
    atomic_fetch_add_explicit(&segment->header->limit_misses, 1,
                              memory_order_release);
    return SHM_LIMIT_NONE;
}

bool
limit_is_held(const struct segment *segment, uint32_t row, uint64_t name)
{
    return take_back(segment, row, name); /* U3 */
}

uint64_t
limit_busy(const struct segment *segment, uint32_t row, uint32_t high)
{
    const shm_u32 *busy = segment_limit_busy(segment, row);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < high; i++)
        sum += shm_load(&busy[i]);
    return sum;
}

uint64_t
limit_in_flight(const struct segment *segment, uint64_t name, uint32_t high)
{
    uint32_t first = first_place(segment, name);
    const shm_u64 *names = segment_limit_name(segment, first);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < SHM_LIMIT_WAYS; i++)
        if ((shm_load(&names[i]) & ~RETIRING) == name)
            sum += limit_busy(segment, first + i, high);
    return sum;
}

/* ---- the accountant's ---- */

int
limit_set(const struct segment *segment, uint64_t name,
          const struct limit_values *values)
{
    uint32_t row = limit_claim(segment, name);
    if (row == SHM_LIMIT_NONE)
        return -ENOSPC;
    struct shm_limit *limit = segment_limit(segment, row);
    shm_store(&limit->rpm, values->rpm);
    shm_store(&limit->tpm, values->tpm);
    shm_store(&limit->max_in_flight, values->max_in_flight);
    shm_store(&limit->is_set, 1);
    return 0;
}

void
limit_unset(const struct segment *segment, uint32_t row)
{
    shm_store(&segment_limit(segment, row)->is_set, 0);
}

static bool
is_idle_rate(shm_u64 *tat_ns, uint64_t now_ns)
{
    return shm_load(tat_ns) <= now_ns;
}

/* The word becomes 0 unless somebody took of it meanwhile. */
static bool
clear_rate(shm_u64 *tat_ns, uint64_t now_ns)
{
    uint64_t word = shm_load(tat_ns);
    return word <= now_ns && shm_cas_once(tat_ns, &word, 0);
}

static bool
tenant_is_gone(const struct segment *segment, uint64_t name)
{
    uint32_t entry, what;
    if (!limit_tenant(name, &entry, &what))
        return false;
    if (entry >= segment->entry_max ||
        entry >= shm_load_own(&segment->header->entry_high))
        return true;
    uint64_t tag = shm_load_own(&segment_entry_hot(segment, entry)->tag);
    return (tag & 0xff) != SHM_TAG_ACTIVE ||
           limit_name(entry, tag, what) != name;
}

static bool
is_idle(const struct segment *segment, struct shm_limit *limit, uint32_t row,
        uint64_t now_ns)
{
    return is_idle_rate(&limit->rpm_tat_ns, now_ns) &&
           is_idle_rate(&limit->tpm_tat_ns, now_ns) &&
           shm_load(&limit->idle_ns) <= now_ns &&
           limit_busy(segment, row, segment->column_max) == 0;
}

/* K1 to K4; whether the row is free now. */
static bool
retire(const struct segment *segment, uint32_t row, uint64_t name,
       uint64_t now_ns)
{
    struct shm_limit *limit = segment_limit(segment, row);
    shm_u64 *place = segment_limit_name(segment, row);
    uint64_t word = name;
    if (!shm_cas_once(place, &word, name | RETIRING) &&
        word != (name | RETIRING))
        return false;
    shm_fence(); /* pairs with the fence of an announcement (U2) */
    bool idle = is_idle(segment, limit, row, now_ns) &&
                clear_rate(&limit->rpm_tat_ns, now_ns) &&
                clear_rate(&limit->tpm_tat_ns, now_ns);
    if (idle) {
        shm_store(&limit->window, 0);
        shm_store(&limit->idle_ns, 0);
        shm_store(&limit->is_set, 0);
    }
    word = name | RETIRING;
    /* Lost: somebody took it back, and goes on from zero. */
    return shm_cas_once(place, &word, idle ? 0 : name) && idle;
}

uint32_t
limit_sweep(const struct segment *segment, uint64_t now_ns)
{
    uint32_t left = 0;
    for (uint32_t row = 0; row < segment->limit_max; row++) {
        uint64_t word = shm_load(segment_limit_name(segment, row));
        if (word == 0)
            continue;
        uint64_t name = word & ~RETIRING;
        struct shm_limit *limit = segment_limit(segment, row);
        bool stays = (shm_load_own(&limit->is_set) != 0 &&
                      !tenant_is_gone(segment, name)) ||
                     !is_idle(segment, limit, row, now_ns);
        if (stays && word != name) /* a sweeper died at it */
            stays = take_back(segment, row, name);
        if (stays || !retire(segment, row, name, now_ns))
            left++;
    }
    return left;
}
