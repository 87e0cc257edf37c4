/*
 * world.c - the segment, who dies with whom, and what management asks.
 * SPDX-License-Identifier: Apache-2.0
 */
#undef SHM_SIMULATED /* god looks straight at the memory */
#include "tests/sim/world.h"

#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "shm/segment_places.h"
#include "tests/sim/model.h"

struct world world;

static unsigned char first_page[sizeof(struct shm_header)];

void
world_init(void)
{
    const struct segment_sizes sizes = {.instance = "sim",
                                        .workers = SIM_WORKERS,
                                        .max_keys = TENANTS,
                                        .max_models = 8,
                                        .max_requests = SLOTS,
                                        .ring_kib = 4};
    strands_init();
    strands_begin(1, &(struct sim_pace){.slice = 1});
    log_set_level(sim_verbose > 0 ? LOG_INFO : LOG_FATAL);
    if (segment_create_private(&world.segment, &sizes) < 0)
        sim_broken("sim: no segment");
    memcpy(first_page, world.segment.base, sizeof(first_page));
    accountant_init();
}

/* ---- the segment ---- */

static void
clear(uint64_t off, uint64_t bytes)
{
    memset(world.segment.base + off, 0, bytes);
}

/* A new one; rings keep their rubbish. */
void
world_reset_segment(void)
{
    const struct segment *s = &world.segment;
    uint32_t entries = shm_load(&s->header->entry_high);
    clear(s->columns_off, s->column_max * sizeof(struct shm_column));
    clear(s->buckets_off, s->bucket_count * sizeof(shm_u64));
    clear(s->entries_off, (uint64_t)entries * s->entry_stride);
    clear(s->models_off, s->model_max * sizeof(struct shm_name));
    clear(s->slots_off,
          (uint64_t)s->column_max * s->slot_max * sizeof(struct shm_slot));
    memcpy(s->base, first_page, sizeof(first_page));
    s->header->epoch = ++world.epoch;
}

const char *
sim_word_name(const volatile void *word)
{
    static char name[96];
    const struct segment *s = &world.segment;
    uint64_t at = (uint64_t)((const volatile unsigned char *)word - s->base);
    uint64_t slot_bytes = sizeof(struct shm_slot);
    if (at < s->columns_off)
        snprintf(name, sizeof(name), "header+%llu", (unsigned long long)at);
    else if (at < s->buckets_off)
        snprintf(name, sizeof(name), "column %llu+%llu",
                 (unsigned long long)((at - s->columns_off) /
                                      sizeof(struct shm_column)),
                 (unsigned long long)((at - s->columns_off) %
                                      sizeof(struct shm_column)));
    else if (at < s->entries_off)
        snprintf(name, sizeof(name), "bucket %llu",
                 (unsigned long long)((at - s->buckets_off) / 8));
    else if (at < s->models_off)
        snprintf(name, sizeof(name), "entry %llu+%llu",
                 (unsigned long long)((at - s->entries_off) / s->entry_stride),
                 (unsigned long long)((at - s->entries_off) % s->entry_stride));
    else
        snprintf(name, sizeof(name), "column %llu slot %llu+%llu",
                 (unsigned long long)((at - s->slots_off) / slot_bytes /
                                      s->slot_max),
                 (unsigned long long)((at - s->slots_off) / slot_bytes %
                                      s->slot_max),
                 (unsigned long long)((at - s->slots_off) % slot_bytes));
    return name;
}

/* ---- deaths ---- */

const struct process *
world_process_of(int pid)
{
    if (world.master.alive && world.master.pid == pid)
        return &world.master;
    if (world.accountant.alive && world.accountant.pid == pid)
        return &world.accountant;
    for (unsigned i = 0; i < SIM_WORKERS; i++)
        if (world.workers[i].alive && world.workers[i].pid == pid)
            return &world.workers[i];
    return NULL;
}

static void
kill_worker(struct process *process)
{
    process_kill(process);
    model_process_died(process);
}

/* Children see the end of their master's socket. */
static void
master_died(void)
{
    for (unsigned i = 0; i < SIM_WORKERS; i++) {
        struct process *worker = &world.workers[i];
        if (!worker->alive)
            continue;
        worker_drain(worker);
        process_signal(worker);
        if (worker->strand_count == 0)
            kill_worker(worker); /* it had not been told to go */
    }
    world.accountant_leaves = true;
    process_signal(&world.accountant);
}

static void
accountant_died(void)
{
    world.ready = false;
    world.accountant_leaves = false;
    disk_process_died();
    if (world.command.kind == FLUSH)
        world.command.kind = COMMAND_NONE; /* nobody will answer */
    process_signal(&world.master);
}

void
world_died(struct process *process)
{
    if (process->role == ROLE_MASTER)
        master_died();
    else if (process->role == ROLE_ACCOUNTANT)
        accountant_died();
    else
        model_process_died(process);
}

void
world_kill(struct process *process)
{
    if (!process->alive)
        return;
    sim_trace("KILL %s%d",
              process->role == ROLE_MASTER       ? "master "
              : process->role == ROLE_ACCOUNTANT ? "accountant "
                                                 : "worker ",
              process->pid);
    process_kill(process);
    world_died(process);
}

void
world_kill_all(void)
{
    world_kill(&world.accountant);
    for (unsigned i = 0; i < SIM_WORKERS; i++)
        world_kill(&world.workers[i]);
    world_kill(&world.master);
    world.accountant_leaves = false;
    model_watch();
}

void
world_lose_segment(void)
{
    world_kill_all();
    model_segment_lost();
    world_reset_segment();
    world.workers_may_start = false;
}

/* ---- management ---- */

static int64_t
any_limit(unsigned tenant)
{
    return tenant == TEAM ? PRICE * (60 + (int64_t)sim_below(300))
                          : 10 + (int64_t)sim_below(140);
}

void
world_ask(enum command_kind kind, unsigned tenant)
{
    struct tenant *t = &world.tenants[tenant];
    world.command = (struct command){.kind = kind,
                                     .state = COMMAND_ASKED,
                                     .tenant = tenant,
                                     .limit = any_limit(tenant),
                                     .since_point = sim_points};
    if (kind == ROTATE)
        world.command.limit = t->limit; /* which stays */
    if (world.command.limit > t->limit_max)
        t->limit_max = world.command.limit;
    static const char *const names[] = {"",       "create", "set limit of",
                                        "delete", "flush",  "rotate"};
    sim_trace("management: %s %s, %lld", names[kind], t->name,
              (long long)world.command.limit);
    process_signal(&world.accountant);
}

void
world_create_tenant(void)
{
    unsigned tenant = world.tenant_count++;
    struct tenant *t = &world.tenants[tenant];
    memset(t, 0, sizeof(*t));
    if (tenant == TEAM)
        snprintf(t->name, sizeof(t->name), "team");
    else
        snprintf(t->name, sizeof(t->name), "key-%u", tenant);
    t->unit = tenant == TEAM ? SHM_NANO : SHM_TOKENS;
    t->period = sim_one_in(4) ? SHM_PERIOD_TOTAL : SHM_PERIOD_DAILY;
    t->crash_reserved = tenant != TEAM && sim_one_in(3);
    t->finish = tenant != TEAM && sim_one_in(4);
    t->max_in_flight = sim_one_in(4) ? 1 + (uint32_t)sim_below(2) : 0;
    world_ask(CREATE, tenant);
}

void
world_manage(void)
{
    if (world.command.kind != COMMAND_NONE || world.tenant_count < 2)
        return;
    unsigned tenant = (unsigned)sim_below(world.tenant_count);
    if (!world.tenants[tenant].exists)
        tenant = TEAM;
    switch (sim_below(4)) {
    case 0:
        world_ask(FLUSH, TEAM);
        break;
    case 1:
        if (tenant != TEAM) {
            world_ask(DELETE, tenant);
            break;
        } /* fall through */
    case 2:
        if (world.tenant_count < TENANTS && sim_one_in(2)) {
            world_create_tenant();
            break;
        } /* fall through */
    default:
        world_ask(tenant != TEAM && sim_points % 2 == 0 ? ROTATE : SET_LIMIT,
                  tenant);
    }
}

static void
now_exists(struct tenant *t, uint64_t id, const uint8_t *digest, int64_t limit)
{
    t->exists = t->was_there = true;
    t->id = id;
    t->limit = limit;
    if (digest == NULL || memcmp(digest, t->digest, sizeof(t->digest)) == 0)
        return;
    t->has_former = world.command_was == ROTATE;
    memcpy(t->former, t->digest, sizeof(t->former));
    memcpy(t->digest, digest, sizeof(t->digest));
}

void
world_command_done(int error, uint64_t id, const uint8_t *digest)
{
    struct command c = world.command;
    struct tenant *t = &world.tenants[c.tenant];
    if (c.kind == ROTATE)
        sim_system_call(); /* the value is known when its answer was sent */
    world.command_was = c.kind;
    world.command.kind = COMMAND_NONE;
    sim_trace("management: done");
    switch (c.kind) {
    case CREATE:
    case ROTATE:
        now_exists(t, id, digest, c.limit);
        break;
    case SET_LIMIT:
        t->limit = c.limit;
        break;
    case DELETE:
        t->exists = false;
        break;
    case FLUSH:
        world.flushed = error == 0 && c.last;
        if (error == 0)
            model_flushed(c.since_point);
        break;
    case COMMAND_NONE:
        sim_broken("sim: an answer and no question");
    }
}

void
world_command_found(bool exists, uint64_t id, const uint8_t *digest,
                    int64_t limit)
{
    struct command c = world.command;
    struct tenant *t = &world.tenants[c.tenant];
    if (c.kind == ROTATE)
        sim_system_call();
    world.command_was = c.kind;
    world.command.kind = COMMAND_NONE;
    sim_trace("management: %s is %s, %lld", t->name, exists ? "there" : "gone",
              (long long)limit);
    if (t->exists && !exists && c.kind != DELETE)
        sim_broken("%s is gone", t->name);
    if (!t->exists && exists && c.kind != CREATE)
        sim_broken("%s is there again", t->name);
    if (exists && limit != c.limit && (!t->exists || limit != t->limit))
        sim_broken("%s has the limit %lld, which nobody set", t->name,
                   (long long)limit);
    t->exists = exists;
    if (exists)
        now_exists(t, id, digest, limit);
    else if (c.kind == CREATE)
        world_ask(CREATE, c.tenant); /* whoever wanted it asks again */
}
