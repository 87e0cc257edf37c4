/*
 * stress_table.c - keys are deleted and their entries given to other keys while
 * workers look them up and hold on them: no charge may land on another key.
 *
 *   stress_table SECONDS [calm|dying|processes [SEED]]
 *
 * The accountant knows of each record which key it names, and of each entry
 * what its tenant used in all (used - origin). They must be equal when an entry
 * is given away and at the end; a charge on the wrong tenant shows in both. It
 * may die at each store, and goes on from its ledger as A4 says. Calm: nobody
 * dies; dying: threads by jumps (TSan); processes: by SIGKILL.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/stress/stress_stage.h"

enum { TENANTS = 12, COLUMNS = 32, SLOTS = 4, GROUP_ID = 1 };
enum { WORKER_DIES_EVERY = 40000, ACCOUNTANT_DIES_EVERY = 20000 };

/* The ledger: what a batch makes durable. */
struct tenant {
    uint64_t id;
    uint64_t total[SHM_UNITS];
    uint32_t alive;
};
struct books {
    struct tenant tenant[TENANTS];
    uint64_t group_total[SHM_UNITS];
    uint64_t position[COLUMNS], next_id, records, lost;
};

struct world {
    enum mode mode;
    _Atomic int stop;
    struct books books[2];
    _Atomic uint32_t current;
    struct audit audit;
    _Atomic uint64_t id[TENANTS]; /* what workers ask for; may be gone */
    _Atomic uint64_t holds, missing, stale, wrong, settled;
    uint64_t reuses, reaped, retirements;
    uint32_t group;
    uint64_t group_tag;
};

static struct world *world;
static struct segment segment;
static struct books next; /* the accountant's, until it is committed */

static void
make_digest(uint64_t id, uint8_t digest[32])
{
    for (uint64_t n = 0; n < 4; n++) {
        uint64_t word = hash_mix64(id * 4 + n);
        memcpy(digest + 8 * n, &word, sizeof(word));
    }
}

/* ---- a worker ---- */

static struct seat seats[STAGE_WORKERS];

struct request {
    bool active;
    uint32_t slot;
    uint64_t id, amount;
};

static void
begin_request(struct seat *seat, struct request *r)
{
    struct key_view view;
    struct hold_refusal why;
    uint8_t digest[32];
    uint64_t id = world->id[random_below(TENANTS)];
    uint64_t n = 1 + random_below(50);
    make_digest(id, digest);
    int rc = key_table_find(&segment, digest, &view);
    if (rc < 0) {
        world->missing++;
        return;
    }
    if (view.id != id)
        world->wrong++;
    if (random_below(3) == 0) /* time for the entry to change hands */
        sched_yield();
    int slot = seat_take_slot(seat);
    if (slot < 0)
        return;
    struct hold hold = {
        .key = &view, .amount = {n, n}, .request_id = {id, seat->column}};
    rc = cells_hold(seat, (uint32_t)slot, &hold, &why);
    if (rc < 0) {
        world->stale += rc == -ESTALE;
        world->wrong += rc != -ESTALE && rc != -EDQUOT;
        seat_give_slot(seat, (uint32_t)slot);
        return;
    }
    world->holds++;
    *r = (struct request){true, (uint32_t)slot, id, n};
}

static void
settle_request(struct seat *seat, struct request *r)
{
    const uint64_t progress[SHM_UNITS] = {r->amount, r->amount};
    struct shm_record record = {.tokens = r->amount,
                                .nano = r->amount,
                                .request_id = {r->id, seat->column}};
    cells_progress(seat, r->slot, progress);
    cells_settle(seat, r->slot, &record, NULL, 0);
    world->settled++;
    r->active = false;
}

static void
worker_life(unsigned number, uint32_t column)
{
    struct seat *seat = &seats[number];
    struct request requests[SLOTS] = {{0}};
    require(column_claim(&segment, column, getpid(), 1), "claim");
    require(seat_open(seat, &segment, column), "seat");
    while (!world->stop) {
        struct request *r = &requests[random_below(SLOTS)];
        if (!r->active)
            begin_request(seat, r);
        else
            settle_request(seat, r);
    }
}

static void
bury(unsigned number)
{
    seat_close(&seats[number]);
}

/* ---- the accountant ---- */

static void
commit(void)
{
    uint32_t other = 1 - world->current;
    memcpy(&world->books[other], &next, sizeof(next));
    shm_crash_point();
    world->current = other;
    shm_crash_point();
}

static struct tenant *
find_tenant(uint64_t id)
{
    for (int i = 0; i < TENANTS; i++)
        if (next.tenant[i].id == id)
            return &next.tenant[i];
    return NULL;
}

static void
book_record(const struct shm_record *record)
{
    struct tenant *tenant = find_tenant(record->key_id);
    audit_that(&world->audit, tenant != NULL,
               "a record is drained before its entry is given away",
               record->key_id);
    audit_that(&world->audit, record->request_id[0] == record->key_id,
               "a record names the key that was asked for", record->key_id);
    if (tenant == NULL)
        return;
    tenant->total[SHM_TOKENS] += record->tokens;
    tenant->total[SHM_NANO] += record->nano;
    next.group_total[SHM_TOKENS] += record->tokens;
    next.group_total[SHM_NANO] += record->nano;
    next.records++;
    next.lost += record->cause == RECORD_LOST;
}

static void
drain(void)
{
    union {
        struct shm_record record;
        unsigned char bytes[SHM_RECORD_MAX];
    } room;
    for (uint32_t c = 0; c < column_high(&segment); c++) {
        uint64_t head = ring_head(&segment, c);
        while (next.position[c] < head) {
            int len =
                ring_read(&segment, c, next.position[c], head, room.bytes);
            require(len, "a record is whole");
            book_record(&room.record);
            next.position[c] += (uint64_t)len;
        }
    }
}

static void
flush(void)
{
    drain();
    commit();
    for (uint32_t c = 0; c < column_high(&segment); c++)
        ring_release(&segment, c, next.position[c]);
}

static void
reap(void)
{
    struct reap_result result = {0};
    world->reaped += reap_all(&segment, 1, &result);
    audit_that(&world->audit, result.damaged == 0, "no slot is damaged", 0);
}

/* What the tenant of an entry used in all is what its records say. */
static void
audit_tenant(uint32_t entry, const struct tenant *tenant, const char *promise)
{
    struct entry_sums sums;
    entry_sum(&segment, entry, &sums);
    for (int unit = 0; unit < SHM_UNITS; unit++)
        audit_that(&world->audit,
                   (int64_t)sums.used[unit] - sums.origin[unit] ==
                       (int64_t)tenant->total[unit],
                   promise, tenant->id);
}

static struct entry_policy
policy_of(const struct tenant *tenant)
{
    struct entry_policy policy = {.id = tenant->id,
                                  .group_id = GROUP_ID,
                                  .flags = SHM_KEY_ENABLED | SHM_KEY_ALL_MODELS,
                                  .group_entry = world->group,
                                  .group_tag = world->group_tag};
    make_digest(tenant->id, policy.digest);
    if (tenant->id % 2 == 0)
        policy.flags |= SHM_KEY_CRASH_RESERVED;
    policy.budgets[0] =
        (struct entry_budget){.unit = SHM_TOKENS,
                              .period = SHM_PERIOD_TOTAL,
                              .limit = (int64_t)(tenant->id % 3) * 2000 + 500};
    return policy;
}

/* The entry that holds, or held last, the key `id`; entry_high if none. */
static uint32_t
entry_of(uint64_t id)
{
    uint32_t high = shm_load(&segment.header->entry_high), entry = 0;
    while (entry < high &&
           (shm_load(&segment_entry_hot(&segment, entry)->id) != id ||
            entry == world->group))
        entry++;
    return entry;
}

static uint32_t
tag_state(uint32_t entry)
{
    return (uint32_t)shm_load(&segment_entry_hot(&segment, entry)->tag) & 0xff;
}

static void
insert(struct tenant *tenant)
{
    struct entry_policy policy = policy_of(tenant);
    uint32_t entry;
    uint64_t tag;
    require(entry_insert(&segment, &policy, tenant->total, &entry, &tag),
            "insert");
    world->id[tenant - next.tenant] = tenant->id;
}

/* Deletes some, and gives the places of those whom nobody names any more. */
static void
churn(void)
{
    int victim = (int)random_below(TENANTS);
    if (next.tenant[victim].alive && random_below(2) == 0) {
        next.tenant[victim].alive = 0;
        commit(); /* D1 */
        world->retirements++;
        entry_retire(&segment, entry_of(next.tenant[victim].id));
    }
    (void)!entry_sweep_retired(&segment);
    for (int i = 0; i < TENANTS; i++) {
        struct tenant *tenant = &next.tenant[i];
        if (tenant->alive)
            continue;
        uint32_t entry = entry_of(tenant->id);
        if (tag_state(entry) != SHM_TAG_NONE)
            continue;
        drain(); /* the last records of it are published */
        audit_tenant(entry, tenant, "given away: used = its records");
        *tenant = (struct tenant){.id = ++next.next_id, .alive = 1};
        commit();
        insert(tenant);
        world->reuses++;
    }
}

/* A4: what LevelDB says is true. */
static void
restore(void)
{
    uint32_t high = shm_load(&segment.header->entry_high);
    next = world->books[world->current];
    segment.retired_count = UINT32_MAX;
    segment.free_hint = 0;
    for (uint32_t c = 0; c < segment.column_max; c++)
        ring_release(&segment, c, next.position[c]);
    for (uint32_t entry = 0; entry < high; entry++) {
        const struct shm_entry_hot *hot = segment_entry_hot(&segment, entry);
        if (entry == world->group || tag_state(entry) != SHM_TAG_ACTIVE)
            continue;
        struct tenant *tenant = find_tenant(shm_load(&hot->id));
        if (tenant == NULL || !tenant->alive) {
            entry_retire(&segment, entry);
            continue;
        }
        struct entry_policy policy = policy_of(tenant);
        entry_update(&segment, entry, &policy);
        world->id[tenant - next.tenant] = tenant->id;
    }
    for (int i = 0; i < TENANTS; i++) {
        uint32_t entry = entry_of(next.tenant[i].id);
        if (next.tenant[i].alive &&
            (entry == shm_load(&segment.header->entry_high) ||
             tag_state(entry) != SHM_TAG_ACTIVE))
            insert(&next.tenant[i]);
    }
}

static void
accountant_life(void)
{
    reap();
    restore();
    while (!world->stop) {
        reap();
        flush();
        churn();
        sched_yield();
    }
}

/* ---- the reckoning ---- */

static void
set_up(void)
{
    const uint64_t nothing[SHM_UNITS] = {0};
    struct entry_policy group = {.id = UINT64_MAX,
                                 .flags = SHM_KEY_IS_GROUP | SHM_KEY_ENABLED,
                                 .group_entry = SHM_ENTRY_NONE};
    require(entry_insert(&segment, &group, nothing, &world->group,
                         &world->group_tag),
            "group");
    memset(&next, 0, sizeof(next));
    for (int i = 0; i < TENANTS; i++) {
        next.tenant[i] = (struct tenant){.id = ++next.next_id, .alive = 1};
        world->id[i] = next.tenant[i].id;
    }
    world->books[0] = next;
}

static void
reckon(void)
{
    struct player calm;
    struct audit *audit = &world->audit;
    player_init(&calm, CALM_THREADS, 1, 0);
    reap();
    restore();
    flush();
    audit_that(audit, entry_sweep_retired(&segment) == 0,
               "nobody names a retired entry", 0);
    audit_that(audit, world->wrong == 0, "a look-up finds its own key",
               world->wrong);
    for (int i = 0; i < TENANTS; i++)
        audit_tenant(entry_of(next.tenant[i].id), &next.tenant[i],
                     "at the end: used = its records");
    audit_segment(audit, &segment);
    struct tenant group = {
        .total = {next.group_total[SHM_TOKENS], next.group_total[SHM_NANO]}};
    audit_tenant(world->group, &group, "group: used = all records");
    uint32_t high = shm_load(&segment.header->entry_high);
    for (uint32_t entry = 0; entry < high; entry++) {
        struct entry_sums sums;
        entry_sum(&segment, entry, &sums);
        audit_that(audit, sums.reserved[0] + sums.reserved[1] + sums.busy == 0,
                   "nothing is left reserved", entry);
    }
    self = NULL;
}

static bool
run(enum mode mode, double seconds, uint64_t seed)
{
    const struct segment_sizes sizes = {.instance = "stress",
                                        .workers = STAGE_WORKERS,
                                        .max_keys = 64,
                                        .max_models = 4,
                                        .max_requests = SLOTS,
                                        .ring_kib = 16};
    world = shared_memory(sizeof(*world));
    world->mode = mode;
    stage_make_segment(&segment, mode, &sizes);
    set_up();
    struct play play = {.mode = mode,
                        .seed = seed,
                        .segment = segment,
                        .worker_dies_every = WORKER_DIES_EVERY,
                        .accountant_dies_every = ACCOUNTANT_DIES_EVERY,
                        .stop = &world->stop,
                        .worker = worker_life,
                        .accountant = accountant_life,
                        .bury = bury};
    stage_run(&play, seconds);
    reckon();
    printf("%llu holds, %llu settled, %llu keys not found, %llu stale, %llu "
           "retired, %llu entries re-used, %llu lost, %llu deaths, %llu "
           "columns reaped, %llu checks, %llu broken\n",
           (unsigned long long)world->holds, (unsigned long long)world->settled,
           (unsigned long long)world->missing, (unsigned long long)world->stale,
           (unsigned long long)world->retirements,
           (unsigned long long)world->reuses, (unsigned long long)next.lost,
           (unsigned long long)play.deaths, (unsigned long long)world->reaped,
           (unsigned long long)world->audit.checks,
           (unsigned long long)world->audit.broken);
    bool good =
        world->audit.broken == 0 && play.broken == 0 && world->reuses > 0;
    segment_detach(&segment);
    munmap(world, sizeof(*world));
    return good;
}

int
main(int argc, char **argv)
{
    return stage_main(argc, argv, run);
}
