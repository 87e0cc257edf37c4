/*
 * worker.c - a worker: random requests on all its slots, each held, grown,
 * advanced and settled, or lost with its worker. It does what worker/ does, in
 * that order, and tells the model before and after.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "tests/sim/model.h"

struct flight {
    struct request *request; /* NULL: none */
    uint32_t slot;
    uint64_t progress, want;
};

/* Process memory of each worker. */
static struct worker {
    struct process *process;
    uint32_t column;
    bool draining;
    struct seat seat;
    struct flight flights[SLOTS];
} workers[SIM_WORKERS];

/* H0..H8 with a view that may be old by now. */
static void
hold(struct worker *w, struct flight *f, unsigned tenant,
     const struct key_view *view)
{
    struct hold_refusal why;
    int slot = seat_take_slot(&w->seat);
    if (slot < 0)
        return;
    uint64_t n = 1 + sim_below(sim_one_in(4) ? 60 : 20);
    struct hold ask = {.key = view,
                       .amount = {n, n * PRICE},
                       .overrun = world.tenants[tenant].finish,
                       .started_wall_ms = clock_wall_ms(),
                       .prompt_estimate = (uint32_t)sim_below(n)};
    struct request *r = model_ask(tenant, view, w->column, ask.amount);
    if (r == NULL) {
        seat_give_slot(&w->seat, (uint32_t)slot);
        return;
    }
    ask.request_id[0] = model_number(r) + 1;
    ask.request_id[1] = world.seed;
    int rc = cells_hold(&w->seat, (uint32_t)slot, &ask, &why);
    model_answered(r, rc);
    if (rc < 0) {
        if (rc != -EDQUOT && rc != -EBUSY && rc != -ESTALE)
            sim_broken("cells_hold says %s", strerror(-rc));
        seat_give_slot(&w->seat, (uint32_t)slot);
        return;
    }
    *f = (struct flight){.request = r,
                         .slot = (uint32_t)slot,
                         .want = sim_one_in(3) ? sim_below(60) : n};
}

/* Whether a value of the key is good for certain: nobody is about to delete the
 * key, or to take the former value away. */
static bool
is_good(const struct tenant *t, const uint8_t value[32])
{
    const struct command *c = &world.command;
    bool concerns = c->kind != COMMAND_NONE && t == &world.tenants[c->tenant];
    bool is_rotated = t->has_former || (concerns && c->kind == ROTATE);
    if (!t->exists || !is_rotated || (concerns && c->kind == DELETE))
        return false;
    if (memcmp(value, t->digest, sizeof(t->digest)) == 0)
        return true;
    return t->has_former && !(concerns && c->kind == ROTATE) &&
           memcmp(value, t->former, sizeof(t->former)) == 0;
}

/* By the key's value, or by its former one. What is good before and after the
 * search is found, whatever an accountant is at or died over. */
static int
find_key(const struct worker *w, struct tenant *t, struct key_view *view)
{
    uint8_t value[32];
    bool by_former = t->has_former && sim_one_in(3);
    memcpy(value, by_former ? t->former : t->digest, sizeof(value));
    uint64_t id = t->id;
    bool must = is_good(t, value);
    int rc =
        key_table_find_likely(&w->process->segment, value, t->found_at, view);
    if (rc == 0)
        t->found_at = view->entry;
    if (rc == -ENOENT && must && is_good(t, value) && t->id == id)
        sim_broken("%s is not found by its %s value", t->name,
                   by_former ? "former" : "own");
    return rc;
}

static void
begin_request(struct worker *w, struct flight *f)
{
    struct key_view view;
    if (world.requests_left == 0 || world.tenant_count < 2)
        return;
    world.requests_left--;
    unsigned tenant = 1 + (unsigned)sim_below(world.tenant_count - 1);
    if (world.command.kind == DELETE && sim_one_in(2))
        tenant = world.command.tenant; /* just then */
    struct tenant *t = &world.tenants[tenant];
    if (!t->was_there)
        return;
    int rc = find_key(w, t, &view);
    if (rc < 0) {
        sim_trace("%d: no key %s: %s", w->process->pid, t->name, strerror(-rc));
        return;
    }
    if (view.id != t->id)
        sim_broken("the key of %s leads to another", t->name);
    if ((view.flags & SHM_KEY_ENABLED) == 0)
        return;
    if (sim_one_in(8)) /* time for the entry to change hands */
        sim_wait_until(sim_clock.mono_ns + sim_below(3000) * 1000000);
    hold(w, f, tenant, &view);
}

/* One more piece of a stream: its lease grows where it must. */
static void
advance(struct worker *w, struct flight *f)
{
    struct hold_refusal why;
    uint64_t granted = cells_granted(&w->seat, f->slot, SHM_TOKENS);
    uint64_t progress = f->progress + 1 + sim_below(f->want - f->progress);
    if (progress > granted) {
        uint64_t more = progress - granted + sim_below(10);
        const uint64_t add[SHM_UNITS] = {more, more * PRICE};
        model_grow(f->request, add);
        int rc = cells_grow(&w->seat, f->slot, add, &why);
        model_grown(f->request, rc);
        if (rc < 0 && rc != -EDQUOT)
            sim_broken("cells_grow says %s", strerror(-rc));
        if (rc < 0 && !f->request->overrun) {
            f->want = f->progress; /* cut */
            return;
        }
    }
    const uint64_t now[SHM_UNITS] = {progress, progress * PRICE};
    model_progress(f->request, progress);
    cells_progress(&w->seat, f->slot, now);
    model_progressed(f->request);
    f->progress = progress;
}

static void
settle(struct worker *w, struct flight *f)
{
    unsigned char meta[META_MAX];
    struct request *r = f->request;
    uint32_t len = sim_one_in(4) ? (uint32_t)sim_below(META_MAX) : 0;
    uint64_t tokens = f->progress;
    if (sim_one_in(8)) /* the provider says something else */
        tokens = sim_below(2 * r->amount[SHM_TOKENS] + 1);
    for (uint32_t i = 0; i < len; i++)
        meta[i] = (unsigned char)('a' + (model_number(r) + i) % 26);
    struct shm_record record = {
        .tokens = tokens,
        .nano = tokens * PRICE,
        .request_id = {model_number(r) + 1, world.seed},
        .model_asked_len = (uint16_t)len,
        .completion = (uint32_t)tokens,
        .status = 200,
        .started_ms = clock_wall_ms(),
        .ended_ms = clock_wall_ms(),
    };
    model_settle(r, tokens, len);
    cells_settle(&w->seat, f->slot, &record, meta, len);
    sim_system_call(); /* S8: the last byte goes to the client */
    model_settled(r);
    f->request = NULL;
}

static void
step(struct worker *w, struct flight *f)
{
    if (f->request == NULL)
        begin_request(w, f);
    else if (f->progress < f->want && !w->draining)
        advance(w, f);
    else
        settle(w, f);
}

static bool
has_flights(const struct worker *w)
{
    for (int i = 0; i < SLOTS; i++)
        if (w->flights[i].request != NULL)
            return true;
    return false;
}

static void
worker_main(void *context)
{
    struct worker *w = context;
    int rc = seat_open(&w->seat, &w->process->segment, w->column);
    if (rc < 0)
        sim_broken("seat_open of column %u says %s", w->column, strerror(-rc));
    for (;;) {
        struct flight *f = &w->flights[sim_below(SLOTS)];
        bool may_begin = world.requests_left > 0 && !w->draining;
        if (f->request != NULL || may_begin)
            step(w, f);
        else if (!has_flights(w) && w->draining)
            return;
        else if (!has_flights(w))
            sim_wait_until(SIM_FOREVER);
        sim_point();
        /* An event loop: what is under way waits for others now and then. */
        if (sim_one_in(4))
            sim_wait_until(sim_clock.mono_ns + sim_below(40) * 1000000);
    }
}

void
worker_begin(struct process *process, uint32_t column)
{
    struct worker *w = &workers[process->number];
    memset(w, 0, sizeof(*w));
    w->process = process;
    w->column = column;
    process_add_strand(process, worker_main, w);
}

void
worker_drain(const struct process *process)
{
    workers[process->number].draining = true;
}
