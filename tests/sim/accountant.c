/*
 * accountant.c - the accountant of a full schedule: the real store, flush,
 * restore and ledger, over the simulated disk. This file is what
 * accountant/accountant.c and control.c are in the program: the loop, and
 * management that asks for changes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/crash_point.h"
#include "accountant/ledger/ledger_read.h"
#include "accountant/store_private.h"
#include "shm/catalogue.h"
#include "tests/sim/model.h"

static struct config *config;
static struct crypto_secrets secrets;

/* Process memory. */
static struct {
    struct heritage heritage;
    struct loop *loop;
    struct store *store;
    bool unanswered; /* an error was the answer; the change may yet come */
    bool stopping;
    uint64_t stop_again_ns; /* not before */
} a;

static void
on_crash_point(const char *name)
{
    if (sim_verbose > 1 && sim_self != NULL)
        sim_trace("    at %s", name);
    sim_point();
}

void
accountant_init(void)
{
    static const char text[] =
        "[server]\ninstance = sim\ndata_dir = /sim/data\nrun_dir = /sim/run\n"
        "flush_interval = 50ms\nlog_retention = 3650d\nexport_interval = 0s\n"
        "[log]\naccess = off\n"
        "[provider.mock]\nkind = openai\nbase_url = http://127.0.0.1:9/v1\n"
        "models = gpt-x\n[model.gpt-x]\nprice_input = 2\n";
    struct buf error;
    buf_init(&error, 0);
    config = config_parse_text(str_make(text, sizeof(text) - 1), &error);
    if (config == NULL)
        sim_broken("sim: %s", buf_cstr(&error));
    buf_fini(&error);
    memset(&secrets, 7, sizeof(secrets));
    crash_point_hook(on_crash_point);
}

/* ---- a catalogue without a file: nothing of the books is in it ---- */

static struct catalogue catalogue;

struct catalogue *
catalogue_build(struct segment *segment, const struct config *from,
                catalogue_price_version price_version, void *context,
                struct buf *error)
{
    static const struct prices prices = {.input = 2000};
    (void)segment;
    (void)from;
    (void)error;
    price_version("gpt-x", &prices, NULL, context);
    return &catalogue;
}

int
catalogue_stage(struct segment *segment, struct catalogue *staged,
                const struct crypto_secrets *with)
{
    (void)segment;
    (void)staged;
    (void)with;
    return 0;
}

int
catalogue_publish(struct segment *segment, struct catalogue *published,
                  const struct crypto_secrets *with)
{
    (void)segment;
    (void)published;
    (void)with;
    return 0;
}

void
catalogue_put(struct catalogue *unused)
{
    (void)unused;
}

void
catalogue_forget_credentials(const struct segment *segment,
                             const struct catalogue *last,
                             const struct catalogue *next)
{
    (void)segment;
    (void)last;
    (void)next;
}

void
catalogue_name_gateway(struct catalogue_gateway *gateway,
                       char group[SHM_NAME_BYTES])
{
    (void)gateway;
    group[0] = '\0'; /* this world has no profiles */
}

const struct catalogue_gateway *
catalogue_find_gateway(const struct catalogue *in, uint32_t hash)
{
    (void)in;
    (void)hash;
    return NULL;
}

int
catalogue_provider_number(const void *in, struct str name)
{
    (void)in;
    (void)name;
    return -1; /* keys of this world say nothing of providers */
}

const struct catalogue_model *
catalogue_find(const struct catalogue *in, struct str name,
               struct str *upstream, int *only_provider)
{
    (void)in;
    (void)name;
    (void)upstream;
    (void)only_provider;
    return NULL;
}

/* ---- commands ---- */

/* Longer than any schedule, whose clock jumps. */
#define GRACE_MS (INT64_C(1) << 50)

static const struct budget *
find_object(unsigned tenant, uint64_t *id, const uint8_t **digest)
{
    const char *name = world.tenants[tenant].name;
    *digest = NULL;
    if (tenant == TEAM) {
        const struct group *group = store_group_named(a.store, name);
        if (group == NULL)
            return NULL;
        *id = group->id;
        return group->budgets;
    }
    const struct gateway *gateway = store_gateway_named(a.store, "team", name);
    if (gateway == NULL)
        return NULL;
    *id = gateway->id;
    *digest = gateway->digest;
    return gateway->budgets;
}

static void
tell_what_was_found(void)
{
    uint64_t id = 0;
    const uint8_t *digest;
    if (world.command.kind == COMMAND_NONE ||
        world.command.state != COMMAND_TAKEN)
        return;
    const struct budget *budgets =
        find_object(world.command.tenant, &id, &digest);
    world_command_found(budgets != NULL, id, digest,
                        budgets == NULL ? 0 : budgets[0].limit);
}

static void
on_done(void *context, int error, const char *reason, uint64_t id)
{
    (void)context;
    sim_trace("accountant: command %d: %s", (int)world.command.kind,
              error == 0 ? "done" : reason);
    if (error != 0 && world.command.kind != FLUSH) {
        if (error != -EIO)
            sim_broken("a change is refused: %s", reason);
        a.unanswered = true;
        return;
    }
    const uint8_t *digest = NULL;
    if (world.command.kind == CREATE || world.command.kind == ROTATE)
        find_object(world.command.tenant, &id, &digest);
    world_command_done(error, id, digest);
}

static struct budget
budget_of(const struct tenant *t, int64_t limit)
{
    return (struct budget){
        .unit = t->unit, .period = t->period, .limit = limit};
}

static void
put_group(const struct command *c)
{
    struct group group = {.name = "team"};
    if (c->kind == SET_LIMIT)
        group = *store_group_named(a.store, "team");
    group.budgets[0] = budget_of(&world.tenants[TEAM], c->limit);
    group.concurrency = world.tenants[TEAM].max_in_flight;
    store_group_put(a.store, &group, on_done, NULL);
}

static void
put_gateway(const struct command *c)
{
    const struct tenant *t = &world.tenants[c->tenant];
    struct gateway *gateway;
    if (c->kind == SET_LIMIT) {
        gateway = gateway_copy(store_gateway(a.store, t->id));
    } else {
        gateway = malloc(sizeof(*gateway));
        gateway_init(gateway);
        strcpy(gateway->name, t->name);
        gateway->group_id = world.tenants[TEAM].id;
        gateway->crash_reserved = t->crash_reserved;
        gateway->concurrency = t->max_in_flight;
    }
    gateway->budgets[0] = budget_of(t, c->limit);
    store_gateway_put(a.store, gateway, on_done, NULL);
}

static void
command(void)
{
    const struct command *c = &world.command;
    if (a.unanswered && a.store->flush == NULL && a.store->changes == NULL) {
        a.unanswered = false;
        tell_what_was_found();
    }
    if (c->kind == COMMAND_NONE || c->state != COMMAND_ASKED || !world.ready)
        return;
    world.command.state = COMMAND_TAKEN;
    if (c->kind == FLUSH)
        store_flush(a.store, on_done, NULL);
    else if (c->kind == DELETE)
        store_gateway_delete(a.store, world.tenants[c->tenant].id, on_done,
                             NULL);
    else if (c->kind == ROTATE)
        store_gateway_rotate(a.store, world.tenants[c->tenant].id, GRACE_MS,
                             on_done, NULL);
    else if (c->tenant == TEAM)
        put_group(c);
    else
        put_gateway(c);
}

/* ---- life ---- */

/* What management was told is there, and what it was told is gone is not. */
static void
check_objects(void)
{
    for (unsigned i = 0; i < world.tenant_count; i++) {
        const struct tenant *t = &world.tenants[i];
        uint64_t id = 0;
        const uint8_t *digest;
        const struct budget *budgets = find_object(i, &id, &digest);
        if ((budgets != NULL) != t->exists)
            sim_broken("%s %s after a restart", t->name,
                       t->exists ? "is gone" : "is there again");
        if (budgets == NULL)
            continue;
        if (id != t->id || budgets[0].limit != t->limit ||
            (digest != NULL && memcmp(digest, t->digest, 32) != 0))
            sim_broken("%s is another after a restart", t->name);
    }
}

static void
on_ready(void *context, int error, const char *reason)
{
    (void)context;
    if (error != 0)
        sim_broken("the accountant cannot serve: %d, %s", error, reason);
    sim_trace("accountant: ready");
    tell_what_was_found();
    check_objects();
    world.ready = world.workers_may_start = true;
    process_signal(&world.master);
}

static void
on_stopped(void *context, int error, const char *reason, uint64_t id)
{
    (void)context;
    (void)id;
    a.stopping = false;
    a.stop_again_ns = sim_clock.mono_ns + UINT64_C(200000000);
    sim_trace("accountant: stops: %s", error == 0 ? "all is flushed" : reason);
    if (error == 0)
        process_exit();
}

static void
accountant_main(void *context)
{
    (void)context;
    a.loop = loop_create();
    a.store = store_create(&a.heritage, a.loop);
    if (a.store == NULL)
        sim_broken("store_create failed");
    store_start(a.store, on_ready, NULL);
    for (;;) {
        command();
        if (world.wake) {
            world.wake = false;
            store_wake(a.store);
        }
        if (world.accountant_leaves && world.ready && !a.stopping &&
            sim_clock.mono_ns >= a.stop_again_ns) {
            a.stopping = true;
            store_stop(a.store, on_stopped, NULL);
        }
        loop_turn(a.loop, -1);
    }
}

void
accountant_begin(void)
{
    struct process *process = &world.accountant;
    memset(&a, 0, sizeof(a));
    process_begin(process);
    process->segment = world.segment;
    a.heritage = (struct heritage){.config = config,
                                   .segment = &process->segment,
                                   .secrets = &secrets,
                                   .control_fd = -1,
                                   .accountant_wake_fd = -1,
                                   .admin_unix_fd = -1};
    process_add_strand(process, accountant_main, NULL);
}

/* ---- audits ---- */

bool
accountant_is_idle(void)
{
    return world.accountant.alive && world.ready && a.store->flush == NULL &&
           !a.store->retention.running && a.store->reload == NULL;
}

static bool
each_row(const struct ledger_row *row, void *context)
{
    uint64_t words[2];
    char hex[17];
    (void)context;
    for (int i = 0; i < 2; i++) {
        memcpy(hex, row->request_id + 4 + 16 * i, 16);
        hex[16] = '\0';
        words[i] = strtoull(hex, NULL, 16);
    }
    if (words[1] != world.seed)
        sim_broken("the ledger has a row of another world");
    const uint64_t charge[SHM_UNITS] = {row->tokens, row->nano};
    model_booked(words[0] - 1, row->key_id, row->group_id, charge);
    return true;
}

static void
audit_verify(struct ledger_snapshot *snapshot)
{
    struct buf report;
    uint64_t differences = 0;
    buf_init(&report, 0);
    if (ledger_verify(a.store->ledger, snapshot, &report, &differences) != 0 ||
        differences != 0)
        sim_broken("the ledger does not balance: %s", buf_cstr(&report));
    buf_fini(&report);
}

void
accountant_audit(void)
{
    struct ledger *ledger = a.store->ledger;
    struct ledger_snapshot *snapshot = ledger_snapshot_take(ledger);
    struct ledger_row_filter filter = {.to_ms = INT64_MAX, .cause = -1};
    if (a.store->drain.broken_chains + a.store->drain.quarantined_bytes > 0)
        sim_broken("drain: %llu chains, %llu bytes quarantined",
                   (unsigned long long)a.store->drain.broken_chains,
                   (unsigned long long)a.store->drain.quarantined_bytes);
    if (snapshot == NULL ||
        ledger_scan_rows(ledger, snapshot, &filter, each_row, NULL, NULL) != 0)
        sim_broken("the ledger's rows cannot be read");
    audit_verify(snapshot);
    for (unsigned i = 0; i < world.tenant_count; i++) {
        struct ledger_total total;
        if (!world.tenants[i].exists)
            continue;
        int rc = ledger_read_total(ledger, snapshot,
                                   i == TEAM ? LEDGER_GROUP : LEDGER_KEY,
                                   world.tenants[i].id, &total);
        if (rc != 0 && rc != -ENOENT)
            sim_broken("the total of %s cannot be read", world.tenants[i].name);
        const uint64_t sums[SHM_UNITS] = {total.tokens, total.nano};
        model_audit_total(i, sums);
    }
    ledger_snapshot_release(ledger, &snapshot);
}
