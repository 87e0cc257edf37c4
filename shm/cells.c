/*
 * cells.c - see cells.h. Step names (H1, G1, S3 ...) are those of
 * shm/README.md; the order of the stores is the product, do not "tidy" it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/cells.h"

#include <errno.h>
#include <string.h>

#include "shm/cells_parts.h"
#include "shm/limit.h"

enum {
    /* Whoever is refused by what others have merely announced may fit a moment
     * later. More tries would only let two at the margin race for longer. */
    HOLD_TRIES = 2,
    /*
     * A look without announcing, so that a hopeless request does not disturb
     * small ones by its passing reservation, costs as much as the look that
     * counts. So it is done where refusals happen: for this many requests of
     * the seat after one, and for a second try.
     */
    LOOK_FIRST = 64,
};

/* ---- looking: ceilings first, then the sums ---- */

/*
 * H6: of each column `reserved` before `used`, both acquire: a settle raises
 * used before it lowers reserved, so that no amount is missed. No cell is above
 * places_cell_max(), so that the sum fits.
 */
HOT_PATH uint64_t
sum_cells(struct shm_entry_hot *hot, int unit, uint32_t high)
{
    const struct shm_cell *cells = places_cells(hot);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < high; i++) {
        sum += shm_load(&cells[i].reserved[unit]);
        sum += shm_load(&cells[i].used[unit]);
    }
    return sum;
}

static uint64_t
sum_used(const struct segment *s, struct shm_entry_hot *hot, int unit)
{
    const struct shm_cell *cells = places_cells(hot);
    uint32_t high = column_high(s);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < high; i++)
        sum += shm_load(&cells[i].used[unit]);
    return sum;
}

static uint64_t
sum_busy(struct shm_entry_hot *hot, uint32_t high)
{
    const struct shm_cell *cells = places_cells(hot);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < high; i++)
        sum += shm_load(&cells[i].busy);
    return sum;
}

/* Never limit - (sum - baseline) in unsigned words. */
HOT_PATH bool
exceeds(uint64_t sum, int64_t ceiling)
{
    return ceiling < 0 || sum > (uint64_t)ceiling;
}

/* What is about to be asked for and not yet in any cell. */
struct extra {
    uint64_t amount[SHM_UNITS];
    uint32_t busy;
};

static void
explain(struct hold_refusal *why, const struct target *t, uint32_t e, int unit,
        bool concurrency)
{
    why->entry = t->entry[e];
    why->is_group = e == GROUP;
    why->unit = unit;
    why->concurrency = concurrency;
    why->by_limit = false;
}

/*
 * H5: the lower of the ceiling and, where durability is strict, what is durable
 * in advance. The last part of that is kept for streams that are under way: a
 * new call can wait a moment, they cannot.
 */
HOT_PATH int64_t
limit_of(const struct segment *s, const struct shm_entry_hot *hot, int unit,
         bool is_new, bool shadow)
{
    int64_t ceiling = shadow ? INT64_MAX : shm_load(&hot->ceiling[unit]);
    int64_t escrow = shm_load(&hot->escrow[unit]);
    if (escrow == INT64_MAX)
        return ceiling;
    if (is_new)
        escrow -= (int64_t)shm_load(&s->header->escrow_slack[unit]);
    return escrow < ceiling ? escrow : ceiling;
}

/* Over the ceiling, or only over what is durable yet? Then the accountant is
 * told what would do: a word of many writers, where a lost one is asked again. */
static int
why_over(const struct segment *s, struct shm_entry_hot *hot, int unit,
         uint64_t sum, bool shadow)
{
    /* The ceiling may have been raised since: still a refusal by it. */
    if (shm_load(&hot->escrow[unit]) == INT64_MAX ||
        (!shadow && exceeds(sum, shm_load(&hot->ceiling[unit]))))
        return -EDQUOT;
    if (shm_load(&hot->escrow_wanted[unit]) < sum)
        shm_store(&hot->escrow_wanted[unit], sum);
    atomic_fetch_add_explicit(&s->header->escrow_wants, 1,
                              memory_order_release);
    return -EAGAIN;
}

/*
 * look - H5 and H6: whether the cells and `extra` are within what the entries
 * allow. `units`: bits of the units that matter. 0, -EDQUOT, -EBUSY, -EAGAIN
 * (durable a moment later). A shadow is held by what is durable alone.
 * Ceilings stand before all sums: a period may roll in between, and its new,
 * higher ceiling must not be compared with sums from before.
 */
static int
look(const struct segment *s, const struct target *t, const struct extra *extra,
     unsigned units, bool count_busy, bool shadow, struct hold_refusal *why)
{
    int64_t limit[ENTRIES][SHM_UNITS];
    uint32_t max[ENTRIES];
    for (uint32_t e = 0; e < t->count; e++) {
        for (int unit = 0; unit < SHM_UNITS; unit++)
            limit[e][unit] = limit_of(s, t->hot[e], unit, count_busy, shadow);
        max[e] =
            count_busy && !shadow ? shm_load(&t->hot[e]->max_in_flight) : 0;
    }
    /* After the fence too: whose worker came later sees our announcement. */
    uint32_t high = column_high(s);
    for (uint32_t e = 0; e < t->count; e++) {
        for (int unit = 0; unit < SHM_UNITS; unit++) {
            if (limit[e][unit] == INT64_MAX || (units >> unit & 1) == 0)
                continue;
            uint64_t sum = sum_cells(t->hot[e], unit, high);
            if (!exceeds(sum + extra->amount[unit], limit[e][unit]))
                continue;
            explain(why, t, e, unit, false);
            return why_over(s, t->hot[e], unit, sum + extra->amount[unit],
                            shadow);
        }
        if (max[e] != 0 && sum_busy(t->hot[e], high) + extra->busy > max[e]) {
            explain(why, t, e, 0, true);
            return -EBUSY;
        }
    }
    return 0;
}

/* Refused for ever, whatever the others give back? */
static bool
is_hopeless(const struct segment *s, const struct target *t,
            const struct hold_refusal *why, const uint64_t amount[SHM_UNITS])
{
    if (why->concurrency)
        return false;
    struct shm_entry_hot *hot = t->hot[why->is_group ? GROUP : KEY];
    return exceeds(sum_used(s, hot, why->unit) + amount[why->unit],
                   shm_load(&hot->ceiling[why->unit]));
}

/* ---- announcing ---- */

HOT_PATH void
announce(const struct seat *seat, const struct target *t,
         const uint64_t amount[SHM_UNITS], uint32_t busy)
{
    for (uint32_t e = 0; e < t->count; e++) {
        struct shm_cell *cell = my_cell(seat, t->hot[e]);
        for (int unit = 0; unit < SHM_UNITS; unit++)
            add_u64(&cell->reserved[unit], amount[unit]);
        if (busy != 0)
            add_u32(&cell->busy, busy);
    }
    /* H3: all announcements of mine are visible before any load below; pairs
     * with the same fence of every other announcer and with D3. */
    shm_fence();
}

/* H4: the second look at the tags, behind the fence. */
static bool
tags_hold(const struct target *t, const struct key_view *key)
{
    if (shm_load(&t->hot[KEY]->tag) != key->tag)
        return false;
    return t->count < ENTRIES ||
           shm_load(&t->hot[GROUP]->tag) == key->group_tag;
}

/* A lease of `has` that gets `add` more: beyond what a lease or one of this
 * column's cells may be. */
static bool
is_too_large(const struct seat *seat, const struct target *t,
             const uint64_t has[SHM_UNITS], const uint64_t add[SHM_UNITS])
{
    uint64_t most = places_cell_max(seat->segment);
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        if (add[unit] > SHM_AMOUNT_MAX - has[unit])
            return true;
        for (uint32_t e = 0; e < t->count; e++) {
            struct shm_cell *mine = my_cell(seat, t->hot[e]);
            if (shm_load_own(&mine->reserved[unit]) + add[unit] > most)
                return true;
        }
    }
    return false;
}

/* ---- hold ---- */

/* H1 but for the state: what the reaper, the accountant's scan and the dump
 * will read once the state says so. */
static void
describe(struct shm_slot *slot, const struct hold *hold)
{
    const struct key_view *key = hold->key;
    uint64_t ip[2];
    memcpy(ip, hold->client_ip, sizeof(ip));
    shm_store(&slot->crash_reserved,
              (key->flags & SHM_KEY_CRASH_RESERVED) != 0);
    shm_store(&slot->entry[KEY], key->entry);
    shm_store(&slot->entry[GROUP], key->group_entry);
    shm_store(&slot->tag[KEY], key->tag);
    shm_store(&slot->tag[GROUP], key->group_tag);
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        shm_store(&slot->amount[unit], hold->amount[unit]);
        shm_store(&slot->progress[unit], 0);
    }
    shm_store(&slot->overrun, hold->overrun);
    shm_store(&slot->model_idx, hold->model_idx);
    shm_store(&slot->provider_idx, hold->provider_idx);
    shm_store(&slot->price_version, hold->price_version);
    shm_store(&slot->key_id, key->id);
    shm_store(&slot->group_id, key->group_id);
    shm_store(&slot->request_id[0], hold->request_id[0]);
    shm_store(&slot->request_id[1], hold->request_id[1]);
    shm_store(&slot->started_wall_ms, hold->started_wall_ms);
    shm_store(&slot->dialect, hold->dialect);
    shm_store(&slot->stream, hold->stream);
    shm_store(&slot->attempts, 0);
    shm_store(&slot->prompt_estimate, hold->prompt_estimate);
    shm_store(&slot->client_ip[0], ip[0]);
    shm_store(&slot->client_ip[1], ip[1]);
    for (uint32_t i = 0; i < ARRAY_LEN(slot->limit); i++) {
        const struct hold_limits *limits = hold->limits;
        bool named = limits != NULL && i < limits->count;
        shm_store(&slot->limit[i], named ? limits->rows[i].row + 1 : 0);
    }
}

/* ---- limits beside the entries' ---- */

/* H5, H6 of the rows, behind the fence; -EIDRM: one was freed meanwhile. */
static int
look_limits(const struct segment *s, const struct hold_limits *limits,
            struct hold_refusal *why)
{
    uint32_t high = column_high(s);
    for (uint32_t i = 0; i < limits->count; i++)
        if (!limit_is_held(s, limits->rows[i].row, limits->rows[i].name))
            return -EIDRM;
    for (uint32_t i = 0; i < limits->count; i++) {
        uint32_t max = limits->rows[i].max;
        if (max == 0 || limit_in_flight(s, limits->rows[i].name, high) <= max)
            continue;
        why->by_limit = why->concurrency = true;
        why->limit = i;
        return -EBUSY;
    }
    return 0;
}

static bool
looks_first(struct seat *seat)
{
    if (seat->look_first == 0)
        return false;
    seat->look_first--;
    return true;
}

/* H1 (state) .. H8 once. */
static int
try_hold(struct seat *seat, struct shm_slot *slot, const struct target *t,
         const struct hold *hold, unsigned units, struct hold_refusal *why)
{
    static const struct extra nothing = {0};
    shm_store(&slot->state, SHM_SLOT_HELD);
    if (UNLIKELY(hold->limits != NULL))
        count_limits(seat, slot, 1); /* H2 too: before the fence */
    announce(seat, t, hold->amount, 1);
    int rc = tags_hold(t, hold->key)
                 ? look(seat->segment, t, &nothing, units, true, false, why)
                 : -ESTALE;
    if (UNLIKELY(hold->limits != NULL) && rc == 0)
        rc = look_limits(seat->segment, hold->limits, why);
    if (UNLIKELY(hold->shadow) && (rc == -EDQUOT || rc == -EBUSY)) {
        why->shadow = rc;
        rc = look(seat->segment, t, &nothing, units, true, true, why);
    }
    if (rc == 0) {
        shm_store(&slot->state, SHM_SLOT_SENT); /* H8 */
        return 0;
    }
    retract(seat, t, hold->amount, 1); /* H7 */
    if (UNLIKELY(hold->limits != NULL))
        count_limits(seat, slot, UINT32_MAX);
    shm_store(&slot->state, SHM_SLOT_FREE);
    return rc;
}

int
cells_hold(struct seat *seat, uint32_t slot_idx, const struct hold *hold,
           struct hold_refusal *why)
{
    static const uint64_t none[SHM_UNITS];
    const struct segment *segment = seat->segment;
    struct shm_slot *slot = segment_slot(segment, seat->column, slot_idx);
    struct target t = target_of_view(segment, hold->key);
    struct extra extra = {{hold->amount[0], hold->amount[1]}, 1};
    unsigned units = hold->is_free ? 0 : (1u << SHM_UNITS) - 1;
    int rc = -EDQUOT;
    explain(why, &t, KEY, SHM_TOKENS, false);
    why->shadow = 0;
    if (is_too_large(seat, &t, none, hold->amount))
        return -EDQUOT;
    describe(slot, hold);
    for (int tries = 0; tries < HOLD_TRIES; tries++) {
        /* Refusing is always sound: it needs no announcement. */
        rc = looks_first(seat) && !hold->shadow
                 ? look(segment, &t, &extra, units, true, false, why)
                 : 0;
        if (rc == 0)
            rc = try_hold(seat, slot, &t, hold, units, why);
        if (rc == 0 || rc == -ESTALE || rc == -EIDRM)
            return rc;
        seat->look_first = LOOK_FIRST;
        if (is_hopeless(segment, &t, why, hold->amount))
            break;
    }
    return rc;
}

/* ---- while it is on its way ---- */

int
cells_grow(struct seat *seat, uint32_t slot_idx, const uint64_t add[SHM_UNITS],
           struct hold_refusal *why)
{
    static const struct extra nothing = {0};
    const struct segment *segment = seat->segment;
    struct shm_slot *slot = segment_slot(segment, seat->column, slot_idx);
    struct target t = target_of_slot(segment, slot);
    struct extra extra = {{add[0], add[1]}, 0};
    uint64_t amount[SHM_UNITS];
    unsigned units = 0;
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        amount[unit] = shm_load_own(&slot->amount[unit]);
        /* A unit that does not grow is granted nothing new: no need to look. */
        units |= (unsigned)(add[unit] != 0) << unit;
    }
    int rc = -EDQUOT;
    explain(why, &t, KEY, SHM_TOKENS, false);
    if (is_too_large(seat, &t, amount, add))
        return -EDQUOT;
    for (int tries = 0; tries < HOLD_TRIES; tries++) {
        rc = look(segment, &t, &extra, units, false, false, why);
        if (rc == 0) {
            announce(seat, &t, add, 0); /* G1; the slot protects the entries */
            rc = look(segment, &t, &nothing, units, false, false, why);
            if (rc == 0)
                break;
            retract(seat, &t, add, 0);
        }
        if (is_hopeless(segment, &t, why, add))
            break;
    }
    if (rc < 0)
        return rc;
    /* G2, only now: what is granted is in the slot. */
    for (int unit = 0; unit < SHM_UNITS; unit++)
        shm_store(&slot->amount[unit], amount[unit] + add[unit]);
    return 0;
}

uint64_t
cells_room(const struct segment *segment, const struct key_view *key, int unit)
{
    struct target t = target_of_view(segment, key);
    uint64_t room = UINT64_MAX;
    for (uint32_t e = 0; e < t.count; e++) {
        int64_t ceiling = shm_load(&t.hot[e]->ceiling[unit]);
        if (ceiling == INT64_MAX)
            continue;
        uint64_t sum = sum_cells(t.hot[e], unit, column_high(segment));
        if (exceeds(sum, ceiling))
            return 0;
        uint64_t left = (uint64_t)ceiling - sum;
        if (left < room)
            room = left;
    }
    return room;
}

void
cells_progress(struct seat *seat, uint32_t slot_idx,
               const uint64_t progress[SHM_UNITS])
{
    struct shm_slot *slot = segment_slot(seat->segment, seat->column, slot_idx);
    for (int unit = 0; unit < SHM_UNITS; unit++)
        shm_store(&slot->progress[unit], progress[unit]);
}

void
cells_route(struct seat *seat, uint32_t slot_idx, uint32_t model_idx,
            uint32_t provider_idx, uint32_t price_version, uint32_t attempts)
{
    struct shm_slot *slot = segment_slot(seat->segment, seat->column, slot_idx);
    shm_store(&slot->model_idx, model_idx);
    shm_store(&slot->provider_idx, provider_idx);
    shm_store(&slot->price_version, price_version);
    shm_store(&slot->attempts, attempts);
}

uint64_t
cells_granted(const struct seat *seat, uint32_t slot_idx, int unit)
{
    const struct shm_slot *slot =
        segment_slot(seat->segment, seat->column, slot_idx);
    return shm_load_own(&slot->amount[unit]);
}
