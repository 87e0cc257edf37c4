/*
 * stress_ledger.h - the accountant of the stress test: reaps, drains the rings
 * into a ledger that is one memory word away from being durable (two copies
 * and an index stand for LevelDB's batches), rolls budgets, and may die at each
 * of its stores. Its successor knows nothing but segment and ledger.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TESTS_STRESS_LEDGER_H
#define AIGW_TESTS_STRESS_LEDGER_H

#include "tests/stress/stress_world.h"

enum { COLUMNS = 32, KEYS = 12, GROUPS = 2, ENTRIES = KEYS + GROUPS };
enum { TRACES = 1 << 16 };

/* Group 0: nobody settles more than was granted, so that used <= ceiling must
 * hold at any instant. Group 1: its keys may overrun (on_exhausted = finish). */
static inline int
group_of(int key)
{
    return key % GROUPS;
}

struct books {
    uint64_t total[ENTRIES][SHM_UNITS];         /* T */
    int64_t baseline[ENTRIES][SHM_UNITS];       /* B of the one period */
    uint64_t last[COLUMNS][ENTRIES][SHM_UNITS]; /* after of the last record */
    uint64_t position[COLUMNS];
    uint64_t records, lost, rolls;
};

/* Where a request's record was seen; a second place is a double booking. */
struct trace {
    _Atomic uint64_t id, place;
    _Atomic uint32_t acknowledged;
};

/* Beside the segment; shared by all players. */
struct world {
    enum mode mode;
    _Atomic int stop;
    struct books books[2];
    _Atomic uint32_t current;
    struct audit audit; /* the accountant's; one lives at a time */
    _Atomic uint64_t next_id[COLUMNS];
    struct trace trace[COLUMNS][TRACES];
    _Atomic uint64_t acknowledged[COLUMNS][KEYS][SHM_UNITS];
    _Atomic uint64_t holds, refusals, busy, full, grows;
    /* Calm threads only: what is granted and used, never more than true. */
    _Atomic int64_t ghost[ENTRIES][SHM_UNITS];
    _Atomic int32_t in_flight[ENTRIES];
    _Atomic uint64_t ghost_checks, ghost_broken;
    uint64_t reaped, completed, charged, undone;
    struct entry_policy policy[ENTRIES];
    uint32_t entry[ENTRIES]; /* KEYS keys, then GROUPS groups */
};

struct accountant {
    struct segment segment;
    struct world *world;
    struct books next; /* private until it is committed */
};

static int
index_of(const struct world *world, uint32_t entry)
{
    for (int i = 0; i < ENTRIES; i++)
        if (world->entry[i] == entry)
            return i;
    return -1;
}

static void
book_record(struct accountant *a, uint32_t column, uint64_t place,
            const struct shm_record *record)
{
    struct world *w = a->world;
    uint64_t amount[SHM_UNITS] = {record->tokens, record->nano};
    for (int e = 0; e < 2; e++) {
        int i = index_of(w, record->entry[e]);
        audit_that(&w->audit, i >= 0, "a record names an entry", place);
        if (i < 0)
            continue;
        for (int unit = 0; unit < SHM_UNITS; unit++) {
            uint64_t *last = &a->next.last[column][i][unit];
            audit_that(&w->audit,
                       record->after[e][unit] == *last + amount[unit],
                       "I6: after = previous after + amount", place);
            *last = record->after[e][unit];
            a->next.total[i][unit] += amount[unit];
        }
    }
    struct trace *trace = &w->trace[column][record->request_id[0] % TRACES];
    audit_that(&w->audit, trace->id == record->request_id[0],
               "a record is of a request that began", place);
    audit_that(&w->audit, trace->place == 0 || trace->place == place + 1,
               "a request has one record", record->request_id[0]);
    trace->place = place + 1;
    a->next.records++;
    a->next.lost += record->cause == RECORD_LOST;
}

static void
drain_column(struct accountant *a, uint32_t column)
{
    union {
        struct shm_record record;
        unsigned char bytes[SHM_RECORD_MAX];
    } room;
    uint64_t head = ring_head(&a->segment, column); /* F1 */
    uint64_t at = a->next.position[column];
    audit_that(&a->world->audit,
               head - ring_tail(&a->segment, column) <= a->segment.ring_bytes,
               "I8: the ring is never over", column);
    while (at < head) {
        int len = ring_read(&a->segment, column, at, head, room.bytes);
        audit_that(&a->world->audit, len > 0, "a record is whole", at);
        if (len <= 0)
            exit(3);
        book_record(a, column, at, &room.record);
        for (uint32_t i = (uint32_t)sizeof(struct shm_record);
             i < sizeof(struct shm_record) + room.record.model_asked_len; i++)
            audit_that(&a->world->audit, room.bytes[i] == (uint8_t)(at + i),
                       "meta is whole", at);
        at += (uint64_t)len;
    }
    a->next.position[column] = at; /* F2 */
}

static void
commit(struct accountant *a)
{
    struct world *w = a->world;
    uint32_t other = 1 - w->current;
    memcpy(&w->books[other], &a->next, sizeof(a->next));
    shm_crash_point();
    w->current = other; /* F4: the batch is durable */
    shm_crash_point();
}

static void
publish_budgets(struct accountant *a, int i)
{
    struct entry_policy *policy = &a->world->policy[i];
    for (int unit = 0; unit < SHM_UNITS; unit++)
        policy->budgets[unit].baseline = a->next.baseline[i][unit];
    entry_publish_budgets(&a->segment, a->world->entry[i], policy);
}

/* Periods end when little is left, so that workers live at the margin. */
static bool
is_nearly_spent(const struct accountant *a, int i)
{
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        int64_t used = (int64_t)a->next.total[i][unit];
        int64_t limit = a->world->policy[i].budgets[unit].limit;
        if ((used - a->next.baseline[i][unit]) * 4 > limit * 3)
            return true;
    }
    return false;
}

/* P1..P3: B is T of the batch that makes it durable. */
static void
flush_and_roll(struct accountant *a)
{
    bool due[ENTRIES];
    for (uint32_t i = 0; i < column_high(&a->segment); i++)
        drain_column(a, i);
    for (int i = 0; i < ENTRIES; i++) {
        due[i] = is_nearly_spent(a, i) && random_below(4) == 0;
        if (!due[i])
            continue;
        for (int unit = 0; unit < SHM_UNITS; unit++)
            a->next.baseline[i][unit] = (int64_t)a->next.total[i][unit];
        a->next.rolls++;
    }
    commit(a); /* P2 */
    for (uint32_t i = 0; i < column_high(&a->segment); i++)
        ring_release(&a->segment, i, a->next.position[i]); /* F5 */
    for (int i = 0; i < ENTRIES; i++)
        if (due[i])
            publish_budgets(a, i); /* P3 */
}

/* I3, of a column that nobody holds from before to after the look. */
static void
audit_free_columns(struct accountant *a)
{
    for (uint32_t c = 0; c < column_high(&a->segment); c++) {
        const struct shm_column *shm = segment_column(&a->segment, c);
        uint32_t generation = shm_load(&shm->generation);
        uint64_t left = 0;
        if (shm_load(&shm->state) != SHM_COLUMN_FREE)
            continue;
        for (int i = 0; i < ENTRIES; i++) {
            uint32_t entry = a->world->entry[i];
            left += shm_load(&segment_cell(&a->segment, entry, c)->busy);
            for (int unit = 0; unit < SHM_UNITS; unit++)
                left += shm_load(
                    &segment_cell(&a->segment, entry, c)->reserved[unit]);
        }
        if (shm_load(&shm->state) == SHM_COLUMN_FREE &&
            shm_load(&shm->generation) == generation)
            audit_that(&a->world->audit, left == 0,
                       "I3: a free column holds nothing", c);
    }
}

/* used <= ceiling at any instant, where nobody overruns. The ceiling, which
 * only rises, is loaded after the sums. */
static void
audit_ceilings(struct accountant *a)
{
    for (int i = 0; i < ENTRIES; i++) {
        int group = i < KEYS ? group_of(i) : i - KEYS;
        struct entry_sums sums;
        entry_sum(&a->segment, a->world->entry[i], &sums);
        const struct shm_entry_hot *hot =
            segment_entry_hot(&a->segment, a->world->entry[i]);
        for (int unit = 0; unit < SHM_UNITS && group == 0; unit++)
            audit_that(&a->world->audit,
                       (int64_t)sums.used[unit] <=
                           shm_load(&hot->ceiling[unit]),
                       "P1: used <= ceiling", (uint64_t)i);
        /* The records were drained before `used` was read. */
        for (int unit = 0; unit < SHM_UNITS; unit++)
            audit_that(&a->world->audit,
                       a->next.total[i][unit] <= sums.used[unit],
                       "I5: ledger total <= used", (uint64_t)i);
    }
}

static bool
someone_is_dying(const struct accountant *a)
{
    for (uint32_t i = 0; i < a->segment.column_max; i++)
        if (shm_load(&segment_column(&a->segment, i)->state) ==
            SHM_COLUMN_DYING)
            return true;
    return false;
}

static void
reap(struct accountant *a)
{
    struct reap_result result = {0};
    /* Deaths inside a reaping are what is worth most: every other one. */
    if (self->die_every != 0 && someone_is_dying(a) && random_below(2) == 0)
        self->fuse = 1 + random_below(160);
    a->world->reaped += reap_all(&a->segment, 1, &result);
    a->world->completed += result.completed;
    a->world->charged += result.lost;
    a->world->undone += result.undone;
    audit_that(&a->world->audit, result.damaged == 0, "no slot is damaged",
               result.damaged);
}

/* A1..A4: what the ledger says is true. */
static void
restore(struct accountant *a)
{
    struct world *w = a->world;
    reap(a); /* before the ledger is opened */
    a->next = w->books[w->current];
    for (int i = 0; i < ENTRIES; i++) {
        publish_budgets(a, i);
        entry_update(&a->segment, w->entry[i], &w->policy[i]);
    }
    for (uint32_t i = 0; i < a->segment.column_max; i++)
        ring_release(&a->segment, i, a->next.position[i]);
}

static void
accountant_life(struct accountant *a)
{
    struct world *w = a->world;
    restore(a);
    while (!w->stop) {
        reap(a);
        flush_and_roll(a);
        audit_ceilings(a);
        audit_free_columns(a);
        sched_yield();
    }
}

#endif
