/*
 * keeper.c - the accountant of a table-only schedule: the real reaper, drain
 * and key table over books that are durable by one step, the copy of a struct.
 * The order of its steps is F1..F5, P1..P3, A2..A5, D1..D6 of shm/README.md; it
 * may die at each point, and its successor knows segment and books.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/drain.h"
#include "shm/reap.h"
#include "shm/ring.h"
#include "tests/sim/model.h"

struct account {
    bool alive;
    uint64_t id;
    uint8_t digest[32], former[32];
    bool has_former;
    uint64_t total[SHM_UNITS];
    int64_t limit, baseline, period_no;
};

/* What LevelDB has in the real one. */
struct books {
    uint64_t epoch, next_id;
    struct account accounts[TENANTS];
    uint64_t positions[COLUMNS];
    struct row {
        bool booked;
        uint64_t key_id, group_id, charge[SHM_UNITS];
    } rows[REQUESTS];
};

static struct books durable;

/* Process memory. */
static struct keeper {
    struct segment *segment;
    struct books books; /* after the next commit */
    struct drain drain;
    uint32_t entry[TENANTS];
    uint64_t tag[TENANTS];
    uint32_t retired;
} k;

void
keeper_reset(void)
{
    memset(&durable, 0, sizeof(durable));
    durable.next_id = 1;
}

/* F4: all or nothing, and it stays. */
static void
commit(void)
{
    sim_system_call();
    sim_point();
    durable = k.books;
    sim_point();
}

/* ---- the segment says what the books say ---- */

static struct entry_policy
policy_of(unsigned tenant)
{
    const struct tenant *t = &world.tenants[tenant];
    const struct account *a = &k.books.accounts[tenant];
    struct entry_policy policy = {
        .id = a->id,
        .group_id = k.books.accounts[TEAM].id,
        .flags = SHM_KEY_ENABLED | SHM_KEY_ALL_MODELS |
                 (tenant == TEAM ? SHM_KEY_IS_GROUP : 0u) |
                 (t->crash_reserved ? SHM_KEY_CRASH_RESERVED : 0u),
        .max_in_flight = t->max_in_flight,
        .group_entry = tenant == TEAM ? SHM_ENTRY_NONE : k.entry[TEAM],
        .group_tag = tenant == TEAM ? 0 : k.tag[TEAM],
    };
    memcpy(policy.digest, a->digest, sizeof(policy.digest));
    memcpy(policy.former, a->former, sizeof(policy.former));
    policy.former_until = a->has_former ? INT64_MAX : SHM_VALUE_NONE;
    policy.budgets[0] = (struct entry_budget){.unit = t->unit,
                                              .period = t->period,
                                              .limit = a->limit,
                                              .baseline = a->baseline,
                                              .period_no = a->period_no};
    return policy;
}

static void
publish(unsigned tenant)
{
    struct entry_policy policy = policy_of(tenant);
    if (k.entry[tenant] != SHM_ENTRY_NONE)
        entry_update(k.segment, k.entry[tenant], &policy);
    else if (entry_insert(k.segment, &policy, k.books.accounts[tenant].total,
                          &k.entry[tenant], &k.tag[tenant]) < 0)
        sim_broken("sim: no entry is free");
}

/* A4, entries. */
static void
match_entries(void)
{
    uint32_t high = shm_load(&k.segment->header->entry_high);
    for (unsigned i = 0; i < TENANTS; i++)
        k.entry[i] = SHM_ENTRY_NONE;
    for (uint32_t entry = 0; entry < high; entry++) {
        const struct shm_entry_hot *hot = segment_entry_hot(k.segment, entry);
        uint64_t tag = shm_load(&hot->tag), id = shm_load(&hot->id);
        bool known = false;
        if ((tag & 0xff) != SHM_TAG_ACTIVE)
            continue;
        for (unsigned i = 0; i < world.tenant_count; i++)
            if (k.books.accounts[i].alive && k.books.accounts[i].id == id &&
                k.entry[i] == SHM_ENTRY_NONE) {
                k.entry[i] = entry;
                k.tag[i] = tag;
                known = true;
                break;
            }
        if (!known)
            entry_retire(k.segment, entry);
    }
    k.retired = entry_sweep_retired(k.segment);
}

static void
reap(void)
{
    struct reap_result result = {0};
    uint32_t count = reap_all(k.segment, 1, &result);
    if (result.damaged > 0)
        sim_broken("the reaper takes %u slots for damaged", result.damaged);
    if (count > 0)
        sim_trace("keeper: reaped %u columns, %u completed, %u lost, %u undone",
                  count, result.completed, result.lost, result.undone);
}

static void
restore(void)
{
    k.books = durable;
    if (k.books.epoch != k.segment->header->epoch) { /* A5 */
        k.books.epoch = k.segment->header->epoch;
        memset(k.books.positions, 0, sizeof(k.books.positions));
        commit();
    }
    match_entries();
    for (unsigned i = 0; i < world.tenant_count; i++)
        if (k.books.accounts[i].alive)
            publish(i);
    for (uint32_t i = 0; i < COLUMNS; i++)
        drain_set_position(&k.drain, i, k.books.positions[i]);
}

/* ---- flushing ---- */

static unsigned
tenant_of_id(uint64_t id)
{
    for (unsigned i = 0; i < world.tenant_count; i++)
        if (k.books.accounts[i].id == id)
            return i;
    sim_broken("a record of key %llu, which nobody made",
               (unsigned long long)id);
}

static void
book(const struct shm_record *record)
{
    const uint64_t charge[SHM_UNITS] = {record->tokens, record->nano};
    uint64_t number = record->request_id[0] - 1;
    if (number >= REQUESTS || k.books.rows[number].booked)
        sim_broken("request %llu is drained twice", (unsigned long long)number);
    struct account *key = &k.books.accounts[tenant_of_id(record->key_id)];
    struct account *team = &k.books.accounts[TEAM];
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        key->total[unit] += charge[unit];
        team->total[unit] += charge[unit];
    }
    k.books.rows[number] = (struct row){
        true, record->key_id, record->group_id, {record->tokens, record->nano}};
}

/* P1: all budgets that are due. */
static bool
roll(bool rolled[TENANTS])
{
    int64_t period = sim_clock.period_ahead_ms / SIM_DAY_MS;
    bool any = false;
    for (unsigned i = 0; i < world.tenant_count; i++) {
        struct account *a = &k.books.accounts[i];
        rolled[i] = a->alive && world.tenants[i].period == SHM_PERIOD_DAILY &&
                    a->period_no < period;
        if (!rolled[i])
            continue;
        a->period_no = period;
        a->baseline = (int64_t)a->total[world.tenants[i].unit];
        any = true;
    }
    return any;
}

static void
flush(void)
{
    struct drained drained;
    bool rolled[TENANTS] = {false};
    if (drain_take(&k.drain, 1 << 20, &drained) < 0) /* F1 */
        sim_broken("drain_take failed");
    size_t at = 0;
    const struct drained_record *taken = drained_next(&drained, &at);
    for (; taken != NULL; taken = drained_next(&drained, &at)) /* F2 */
        book(drained_record_of(taken));
    for (uint32_t i = 0; i < COLUMNS; i++)
        if (drained.moved[i])
            k.books.positions[i] = drained.positions[i];
    roll(rolled);
    commit();                          /* F4, P2 */
    drain_release(&k.drain, &drained); /* F5 */
    drained_fini(&drained);
    for (unsigned i = 0; i < world.tenant_count; i++) { /* P3 */
        struct entry_policy policy;
        if (!rolled[i])
            continue;
        policy = policy_of(i);
        entry_publish_budgets(k.segment, k.entry[i], &policy);
    }
    if (k.drain.broken_chains + k.drain.quarantined_bytes > 0)
        sim_broken("drain: %llu chains, %llu bytes quarantined",
                   (unsigned long long)k.drain.broken_chains,
                   (unsigned long long)k.drain.quarantined_bytes);
}

/* ---- commands ---- */

static void
create(unsigned tenant)
{
    struct account *a = &k.books.accounts[tenant];
    memset(a, 0, sizeof(*a));
    a->alive = true;
    a->id = k.books.next_id++;
    a->limit = world.command.limit;
    a->period_no = sim_clock.period_ahead_ms / SIM_DAY_MS;
    for (int i = 0; i < 32; i++)
        a->digest[i] = (uint8_t)sim_below(256);
    commit();
    publish(tenant);
    world_command_done(0, a->id, a->digest);
}

static void
rotate(unsigned tenant)
{
    struct account *a = &k.books.accounts[tenant];
    memcpy(a->former, a->digest, sizeof(a->former));
    a->has_former = true;
    for (int i = 0; i < 32; i++)
        a->digest[i] = (uint8_t)sim_below(256);
    commit();
    publish(tenant); /* V1..V5 */
    world_command_done(0, a->id, a->digest);
}

static void
command(void)
{
    struct command c = world.command;
    if (c.kind == COMMAND_NONE || c.state != COMMAND_ASKED)
        return;
    world.command.state = COMMAND_TAKEN;
    switch (c.kind) {
    case CREATE:
        create(c.tenant);
        return;
    case ROTATE:
        rotate(c.tenant);
        return;
    case SET_LIMIT:
        k.books.accounts[c.tenant].limit = c.limit;
        commit();
        publish(c.tenant);
        break;
    case DELETE:
        k.books.accounts[c.tenant].alive = false;
        commit();                                   /* D1 */
        entry_retire(k.segment, k.entry[c.tenant]); /* D2 */
        k.entry[c.tenant] = SHM_ENTRY_NONE;
        k.retired = entry_sweep_retired(k.segment); /* D3, D4 */
        break;
    case FLUSH:
        reap();
        flush();
        break;
    case COMMAND_NONE:
        return;
    }
    world_command_done(0, 0, NULL);
}

static void
tell_what_was_found(void)
{
    if (world.command.kind == COMMAND_NONE ||
        world.command.state != COMMAND_TAKEN)
        return;
    const struct account *a = &k.books.accounts[world.command.tenant];
    world_command_found(a->alive, a->id, a->digest, a->limit);
}

static void
keeper_main(void *context)
{
    (void)context;
    if (drain_init(&k.drain, k.segment) < 0)
        sim_broken("drain_init failed");
    reap(); /* A2 */
    restore();
    tell_what_was_found();
    world.ready = world.workers_may_start = true;
    sim_trace("keeper: ready");
    process_signal(&world.master);
    for (;;) {
        reap();
        command();
        if (!sim_one_in(3))
            flush();
        if (k.retired > 0)
            k.retired = entry_sweep_retired(k.segment);
        if (world.accountant_leaves)
            return;
        sim_wait_until(sim_clock.mono_ns + (1 + sim_below(50)) * 1000000);
    }
}

void
keeper_begin(void)
{
    struct process *process = &world.accountant;
    memset(&k, 0, sizeof(k));
    process_begin(process);
    process->segment = world.segment;
    k.segment = &process->segment;
    process_add_strand(process, keeper_main, NULL);
}

void
keeper_audit(void)
{
    for (unsigned i = 0; i < REQUESTS; i++)
        if (durable.rows[i].booked)
            model_booked(i, durable.rows[i].key_id, durable.rows[i].group_id,
                         durable.rows[i].charge);
    for (unsigned i = 0; i < world.tenant_count; i++)
        if (world.tenants[i].exists)
            model_audit_total(i, durable.accounts[i].total);
}
