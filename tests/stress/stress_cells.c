/*
 * stress_cells.c - holds, growth, settles, deaths and reaping, against books
 * that are kept beside the segment.
 *
 *   stress_cells SECONDS [calm|dying|processes [SEED]]
 *
 * calm       threads without deaths: what is granted and used together never
 *            passes a ceiling, in-flight counts never pass their limit
 * dying      threads that jump out at crash points, the reaper too (for TSan)
 * processes  the same by SIGKILL, at crash points and at random instants
 *
 * Afterwards, in each mode: nothing reserved, no slot in use, used = ledger
 * total, group = sum of its keys, what was acknowledged is charged, each
 * request recorded once. A third of the time each; TSan: no processes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/stress/stress_stage.h"
#include "tests/stress/stress_worker.h"

static struct worker workers[STAGE_WORKERS];
static struct accountant accountant;

static void
worker_main(unsigned number, uint32_t column)
{
    workers[number].column = column;
    worker_life(&workers[number]);
}

static void
accountant_main(void)
{
    accountant_life(&accountant);
}

static void
bury(unsigned number)
{
    seat_close(&workers[number].seat);
}

/* ---- the world, and the reckoning ---- */

static void
insert_entries(struct world *world, struct segment *segment)
{
    const uint64_t nothing[SHM_UNITS] = {0};
    uint64_t tag, group_tag[GROUPS];
    for (int i = ENTRIES - 1; i >= 0; i--) { /* groups first */
        struct entry_policy *p = &world->policy[i];
        bool is_key = i < KEYS;
        p->id = (uint64_t)i + 1;
        p->flags = is_key ? SHM_KEY_ENABLED | SHM_KEY_ALL_MODELS
                          : SHM_KEY_ENABLED | SHM_KEY_IS_GROUP;
        p->group_entry = SHM_ENTRY_NONE;
        if (is_key) {
            int group = group_of(i);
            p->group_id = (uint64_t)(KEYS + group + 1);
            p->group_entry = world->entry[KEYS + group];
            p->group_tag = group_tag[group];
            p->max_in_flight = i < 4 ? 3 : 0;
            if (i % 4 >= 2)
                p->flags |= SHM_KEY_CRASH_RESERVED;
            for (uint64_t n = 0; n < 4; n++) {
                uint64_t word = hash_mix64(p->id * 4 + n);
                memcpy(p->digest + 8 * n, &word, sizeof(word));
            }
        }
        for (uint32_t unit = 0; unit < SHM_UNITS; unit++) {
            int64_t limit = is_key ? 600 : 1500;
            if (unit == SHM_NANO)
                limit *= i % 3 == 0 ? PRICE / 2 : PRICE;
            p->budgets[unit] = (struct entry_budget){
                .unit = unit, .period = SHM_PERIOD_DAILY, .limit = limit};
        }
        require(entry_insert(segment, p, nothing, &world->entry[i], &tag),
                "insert");
        if (!is_key)
            group_tag[i - KEYS] = tag;
    }
}

static void
reckon_entry(struct audit *audit, struct accountant *a, int i)
{
    struct world *w = a->world;
    struct entry_sums sums;
    entry_sum(&a->segment, w->entry[i], &sums);
    audit_that(audit, sums.busy == 0, "nothing in flight", (uint64_t)i);
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        uint64_t acknowledged = 0, keys = 0;
        audit_that(audit, sums.reserved[unit] == 0, "nothing reserved",
                   (uint64_t)i);
        audit_that(audit, sums.used[unit] == a->next.total[i][unit],
                   "P5: used = ledger total", (uint64_t)i);
        for (int c = 0; i < KEYS && c < COLUMNS; c++)
            acknowledged += w->acknowledged[c][i][unit];
        audit_that(audit, sums.used[unit] >= acknowledged,
                   "what was acknowledged is charged", (uint64_t)i);
        for (int k = 0; i >= KEYS && k < KEYS; k++)
            if (group_of(k) == i - KEYS)
                keys += a->next.total[k][unit];
        audit_that(audit, i < KEYS || keys == a->next.total[i][unit],
                   "I10: group = sum of its keys", (uint64_t)i);
    }
}

static void
reckon(struct world *world, struct segment *segment)
{
    static struct accountant a;
    struct player calm;
    struct audit *audit = &world->audit;
    a.segment = *segment;
    a.world = world;
    player_init(&calm, CALM_THREADS, 1, 0);
    world->stop = 0;
    restore(&a);
    flush_and_roll(&a);
    for (uint32_t c = 0; c < COLUMNS; c++)
        for (uint32_t s = 0; s < SLOTS; s++)
            audit_that(audit,
                       shm_load(&segment_slot(segment, c, s)->state) ==
                           SHM_SLOT_FREE,
                       "all slots are free", c);
    for (int i = 0; i < ENTRIES; i++)
        reckon_entry(audit, &a, i);
    for (int c = 0; c < COLUMNS; c++)
        for (int i = 0; i < TRACES; i++)
            audit_that(audit,
                       world->trace[c][i].acknowledged == 0 ||
                           world->trace[c][i].place != 0,
                       "what was acknowledged has a record",
                       world->trace[c][i].id);
    audit_segment(audit, segment);
    audit_that(audit, world->ghost_broken == 0,
               "granted and used <= ceiling, in flight <= limit",
               world->ghost_broken);
    self = NULL;
}

static void
report(const struct world *w, uint64_t deaths)
{
    const struct books *books = &w->books[w->current];
    const struct {
        const char *name;
        uint64_t count;
    } rows[] = {{"holds", w->holds},
                {"grown", w->grows},
                {"refused by a ceiling", w->refusals},
                {"by in-flight", w->busy},
                {"by ring or slots", w->full},
                {"records", books->records},
                {"lost", books->lost},
                {"rolls", books->rolls},
                {"deaths", deaths},
                {"columns reaped", w->reaped},
                {"checks", w->audit.checks + w->ghost_checks},
                {"broken", w->audit.broken}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        printf("%s%llu %s", i == 0 ? "" : ", ",
               (unsigned long long)rows[i].count, rows[i].name);
    putchar('\n');
}

static bool
run(enum mode mode, double seconds, uint64_t seed)
{
    struct world *world = shared_memory(sizeof(*world));
    struct play play = {.mode = mode,
                        .seed = seed,
                        .worker_dies_every = WORKER_DIES_EVERY,
                        .accountant_dies_every = ACCOUNTANT_DIES_EVERY,
                        .stop = &world->stop,
                        .worker = worker_main,
                        .accountant = accountant_main,
                        .bury = bury};
    const struct segment_sizes sizes = {.instance = "stress",
                                        .workers = STAGE_WORKERS,
                                        .max_keys = 64,
                                        .max_models = 4,
                                        .max_requests = SLOTS,
                                        .ring_kib = 16};
    stage_make_segment(&play.segment, mode, &sizes);
    world->mode = mode;
    insert_entries(world, &play.segment);
    accountant.segment = play.segment;
    accountant.world = world;
    for (unsigned i = 0; i < STAGE_WORKERS; i++) {
        workers[i].segment = play.segment;
        workers[i].world = world;
    }
    stage_run(&play, seconds);
    reckon(world, &play.segment);
    report(world, play.deaths);
    bool good =
        world->audit.broken == 0 && world->books[world->current].records > 0;
    segment_detach(&play.segment);
    munmap(world, sizeof(*world));
    return good;
}

int
main(int argc, char **argv)
{
    return stage_main(argc, argv, run);
}
