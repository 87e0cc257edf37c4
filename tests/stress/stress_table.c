/*
 * stress_table.c - keys are deleted and their entries given to other keys while
 * workers look them up and hold on them: no charge may land on another key.
 *
 *   stress_table SECONDS [calm|dying|processes [SEED]]
 *
 * The accountant knows of each record which key it names, and of each entry
 * what its tenant used in all (used - origin). They must be equal when an entry
 * is given away and at the end; a charge on the wrong tenant shows in both. It
 * may die at each store, and goes on from its ledger as A4 says. Policies are
 * published again and again, each in one of two forms that say the same: a
 * reader that met a mix, or another tenant's, would be told something else; and
 * nobody may be kept waiting by a publication, dead in the middle or not. Calm:
 * nobody dies; dying: threads by jumps (TSan); processes: by SIGKILL.
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
    _Atomic uint64_t looks, torn, kept_waiting;
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

/* ---- what a policy says, in two forms ---- */

/* Its own network may, the one above may not; of models those whose number has
 * its parity; all rows of budgets have one limit. */
static void
write_policy(uint64_t id, unsigned form, struct entry_policy *policy)
{
    bool lists_who_may = form % 2 == 0;
    policy->flags = SHM_KEY_ENABLED | (lists_who_may ? SHM_KEY_ACL_ALLOW : 0);
    policy->acl_count = SHM_ACL_MAX - form % 2;
    for (uint32_t i = 0; i < policy->acl_count; i++) {
        policy->acl[i].addr[0] = (uint8_t)(id + !lists_who_may);
        policy->acl[i].prefix_len = 8 + i;
    }
    for (int i = 0; i < SHM_MODELS_MAX / 64; i++)
        policy->models[i] = id % 2 == 0 ? UINT64_C(0x5555555555555555)
                                        : UINT64_C(0xaaaaaaaaaaaaaaaa);
    for (int i = 1; i < SHM_BUDGETS; i++)
        policy->budgets[i] =
            (struct entry_budget){.unit = SHM_NANO,
                                  .period = SHM_PERIOD_TOTAL,
                                  .limit = INT64_MAX / 4 + form,
                                  .baseline = (int64_t)form};
    memset(policy->name, 'a' + (int)((id + form) % 26),
           sizeof(policy->name) - 1);
    for (int i = 0; i < SETTINGS; i++)
        policy->settings.values[i] = (uint32_t)id * 2 + form % 2;
}

/* Each setting of one key and one form. */
static bool
is_one_layer(uint64_t id, const struct settings *settings)
{
    for (int i = 0; i < SETTINGS; i++)
        if (settings->values[i] != settings->values[0])
            return false;
    return settings->values[0] / 2 == (uint32_t)id;
}

static bool
is_one_form(uint64_t id, const struct entry_policy *policy)
{
    for (unsigned i = 2; i < SHM_BUDGETS; i++)
        if (policy->budgets[i].limit != policy->budgets[1].limit ||
            policy->budgets[i].baseline != policy->budgets[1].baseline)
            return false;
    for (unsigned i = 1; i < sizeof(policy->name) - 1; i++)
        if (policy->name[i] != policy->name[0])
            return false;
    bool lists_who_may = (policy->flags & SHM_KEY_ACL_ALLOW) != 0;
    if (policy->acl_count != (lists_who_may ? SHM_ACL_MAX : SHM_ACL_MAX - 1u))
        return false;
    for (uint32_t i = 0; i < policy->acl_count; i++)
        if (policy->acl[i].addr[0] != (uint8_t)(id + !lists_who_may) ||
            policy->acl[i].prefix_len != 8 + i)
            return false;
    return policy->id == id && policy->group_entry == world->group &&
           is_one_layer(id, &policy->settings);
}

static void
expect(int got, int want)
{
    world->looks++;
    world->kept_waiting += got == -EAGAIN;
    world->torn += got != want && got != -ESTALE && got != -EAGAIN;
}

/* All that a request asks of a policy. */
static void
look_at_policy(const struct key_view *view, uint64_t id)
{
    const uint8_t own[16] = {(uint8_t)id}, next_one[16] = {(uint8_t)(id + 1)};
    uint32_t model = (uint32_t)random_below(SHM_MODELS_MAX);
    struct entry_policy policy;
    uint64_t tag;
    expect(key_table_address_allowed(&segment, view, own), 1);
    expect(key_table_address_allowed(&segment, view, next_one), 0);
    expect(key_table_model_allowed(&segment, view, model), model % 2 == id % 2);
    int rc = key_table_settings(&segment, view, false, &policy.settings);
    expect(rc < 0 ? rc : is_one_layer(id, &policy.settings), 1);
    rc = entry_look(&segment, view->entry, &policy, &tag);
    bool is_whole = rc == 0 && (tag != view->tag || is_one_form(id, &policy));
    expect(rc < 0 ? rc : is_whole, 1);
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
    uint32_t likely = (uint32_t)random_below(TENANTS);
    int rc = key_table_find_likely(&segment, digest, likely, &view);
    world->kept_waiting += rc == -EAGAIN;
    if (rc < 0) {
        world->missing++;
        return;
    }
    if (view.id != id)
        world->wrong++;
    if (random_below(3) == 0) /* time for the entry to change hands */
        sched_yield();
    look_at_policy(&view, id);
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
                                  .group_entry = world->group,
                                  .group_tag = world->group_tag};
    make_digest(tenant->id, policy.digest);
    write_policy(tenant->id, (unsigned)random_below(2), &policy);
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

/* Changes of a key, or of its budgets alone, as a roll makes them; so many that
 * a reader which sleeps in the middle finds its copy written over. */
static void
publish_one(void)
{
    uint64_t changes = 1 + random_below(40);
    const struct tenant *tenant = &next.tenant[random_below(TENANTS)];
    uint32_t entry = entry_of(tenant->id);
    if (!tenant->alive || tag_state(entry) != SHM_TAG_ACTIVE)
        return;
    for (uint64_t i = 0; i < changes; i++) {
        struct entry_policy policy = policy_of(tenant);
        if (random_below(2) == 0)
            entry_update(&segment, entry, &policy);
        else
            entry_publish_budgets(&segment, entry, &policy);
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
        publish_one();
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
    audit_that(audit, world->torn == 0, "a policy is one, and its key's",
               world->torn);
    audit_that(audit, world->kept_waiting == 0,
               "nobody waits for a publication", world->kept_waiting);
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
    printf("%llu holds, %llu settled, %llu looks at policies, %llu keys not "
           "found, %llu stale, %llu retired, %llu entries re-used, %llu lost, "
           "%llu deaths, %llu "
           "columns reaped, %llu checks, %llu broken\n",
           (unsigned long long)world->holds, (unsigned long long)world->settled,
           (unsigned long long)world->looks, (unsigned long long)world->missing,
           (unsigned long long)world->stale,
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
