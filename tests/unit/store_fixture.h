/*
 * store_fixture.h - a store over a ledger and a segment of its own, with
 * workers that are function calls: hold, settle, die.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TESTS_UNIT_STORE_FIXTURE_H
#define AIGW_TESTS_UNIT_STORE_FIXTURE_H

#include <errno.h>

#include "accountant/store_private.h"
#include "common/clock.h"
#include "common/log.h"
#include "shm/cells.h"
#include "tests/unit/ledger_fixture.h"

enum { FIXTURE_DEADLINE_MS = 60000 };

struct world {
    char dir[64];
    struct segment segment;
    struct config *config;
    struct crypto_secrets secrets;
    struct heritage heritage;
    struct loop *loop;
    struct store *store;
    struct seat seat;
    bool seated, ready;
    int ready_error;
    char ready_reason[1024];
    /* of the last change */
    bool answered;
    int error;
    uint64_t id;
    char reason[256];
};

static inline void
world_on_ready(void *context, int error, const char *reason)
{
    struct world *w = context;
    w->ready = true;
    w->ready_error = error;
    snprintf(w->ready_reason, sizeof(w->ready_reason), "%s", reason);
}

static inline void
world_on_done(void *context, int error, const char *reason, uint64_t id)
{
    struct world *w = context;
    w->answered = true;
    w->error = error;
    w->id = id;
    snprintf(w->reason, sizeof(w->reason), "%s", reason);
}

/* Turns the loop until *flag; aborts at the deadline. */
static inline void
world_wait(struct world *w, const bool *flag)
{
    uint64_t end_ms = clock_mono_ms() + FIXTURE_DEADLINE_MS;
    while (!*flag) {
        if (clock_mono_ms() > end_ms) {
            fprintf(stderr, "fixture: waited in vain\n");
            abort();
        }
        loop_turn(w->loop, 20);
    }
}

static inline void
world_new_segment(struct world *w)
{
    struct segment_sizes sizes = {.workers = 4,
                                  .max_keys = 200,
                                  .max_models = 64,
                                  .max_requests = 16,
                                  .ring_mib = 1};
    struct buf error;
    buf_init(&error, 0);
    snprintf(sizes.instance, sizeof(sizes.instance), "test");
    setenv("AIGW_SHM_DIR", w->dir, 1);
    if (segment_create(&w->segment, &sizes, &error) != 0) {
        fprintf(stderr, "fixture: %s\n", buf_cstr(&error));
        abort();
    }
    buf_fini(&error);
}

static inline void
world_configure(struct world *w, const char *more)
{
    struct buf text, error;
    buf_init(&text, 0);
    buf_init(&error, 0);
    buf_printf(&text,
               "[server]\ninstance = test\ndata_dir = %s/data\n"
               "run_dir = %s/run\nflush_interval = 50ms\n"
               "[log]\naccess = %s/access.log\n"
               "[provider.mock]\nkind = openai\n"
               "base_url = http://127.0.0.1:9/v1\nmodels = gpt-x\n"
               "[model.gpt-x]\nalias = nick\nprice_input = 2\n"
               "price_output = 8\n%s",
               w->dir, w->dir, w->dir, more);
    w->config = config_parse_text(buf_view(&text), &error);
    if (w->config == NULL) {
        fprintf(stderr, "fixture: %s\n", buf_cstr(&error));
        abort();
    }
    buf_fini(&text);
    buf_fini(&error);
}

static inline void
world_init(struct world *w)
{
    memset(w, 0, sizeof(*w));
    log_set_level(LOG_FATAL);
    fixture_dir(w->dir);
    world_new_segment(w);
    world_configure(w, "");
    memset(&w->secrets, 7, sizeof(w->secrets));
    w->heritage = (struct heritage){.config = w->config,
                                    .segment = &w->segment,
                                    .secrets = &w->secrets,
                                    .control_fd = -1,
                                    .accountant_wake_fd = -1,
                                    .admin_unix_fd = -1};
}

/* Begins an accountant; waits until it serves or cannot. */
static inline void
world_start(struct world *w)
{
    w->ready = false;
    w->loop = loop_create();
    w->store = store_create(&w->heritage, w->loop);
    store_start(w->store, world_on_ready, w);
    world_wait(w, &w->ready);
}

/* Ends it as a death does: nothing more is flushed. */
static inline void
world_end(struct world *w)
{
    store_destroy(&w->store);
    loop_destroy(&w->loop);
}

static inline void
world_fini(struct world *w)
{
    if (w->seated)
        seat_close(&w->seat);
    if (w->store != NULL)
        world_end(w);
    segment_detach(&w->segment);
    config_free(w->config);
    fixture_remove(w->dir);
}

static inline int
world_flush(struct world *w)
{
    w->answered = false;
    store_flush(w->store, world_on_done, w);
    world_wait(w, &w->answered);
    return w->error;
}

/* Creates or replaces; waits. The error. */
static inline int
world_put(struct world *w, struct gateway *gateway)
{
    w->answered = false;
    store_gateway_put(w->store, gateway, world_on_done, w);
    if (w->answered)
        abort(); /* never from inside the call */
    world_wait(w, &w->answered);
    return w->error;
}

static inline struct gateway *
world_gateway(const char *name)
{
    struct gateway *gateway = malloc(sizeof(*gateway));
    gateway_init(gateway);
    snprintf(gateway->name, sizeof(gateway->name), "%s", name);
    return gateway;
}

/* A key with a token budget; its id. */
static inline uint64_t
world_key(struct world *w, const char *name, uint32_t period, int64_t limit)
{
    struct gateway *gateway = world_gateway(name);
    gateway->budgets[0].period = period;
    gateway->budgets[0].limit = limit;
    return world_put(w, gateway) == 0 ? w->id : 0;
}

static inline int
world_delete(struct world *w, uint64_t id)
{
    w->answered = false;
    store_gateway_delete(w->store, id, world_on_done, w);
    world_wait(w, &w->answered);
    return w->error;
}

static inline void
world_seat(struct world *w)
{
    int column = column_find_free(&w->segment);
    if (column < 0 ||
        column_claim(&w->segment, (uint32_t)column, getpid(), 1) != 0 ||
        seat_open(&w->seat, &w->segment, (uint32_t)column) != 0)
        abort();
    w->seated = true;
}

/* H0..H8. The slot, or the error of the hold. */
static inline int
world_hold(struct world *w, uint64_t id, uint64_t tokens)
{
    const struct gateway *gateway = store_gateway(w->store, id);
    struct key_view view;
    struct hold_refusal why;
    if (!w->seated)
        world_seat(w);
    int rc = gateway == NULL
                 ? -ENOENT
                 : key_table_find(&w->segment, gateway->digest, &view);
    if (rc != 0)
        return rc;
    struct hold hold = {.key = &view, .amount = {tokens, tokens * 3}};
    int slot = seat_take_slot(&w->seat);
    if (slot < 0)
        return slot;
    rc = cells_hold(&w->seat, (uint32_t)slot, &hold, &why);
    if (rc != 0) {
        seat_give_slot(&w->seat, (uint32_t)slot);
        return rc;
    }
    return slot;
}

static inline void
world_settle(struct world *w, uint64_t id, uint64_t group, int slot,
             uint64_t tokens)
{
    struct shm_record record = {.key_id = id,
                                .group_id = group,
                                .tokens = tokens,
                                .nano = tokens * 3,
                                .status = 200,
                                .ended_ms = clock_wall_ms()};
    record.completion = (uint32_t)tokens;
    record.started_ms = record.ended_ms - 5;
    cells_settle(&w->seat, (uint32_t)slot, &record, NULL, 0);
}

/* A whole call: 0 or why it was refused. */
static inline int
world_call(struct world *w, uint64_t id, uint64_t tokens)
{
    int slot = world_hold(w, id, tokens);
    if (slot < 0)
        return slot;
    world_settle(w, id, store_gateway(w->store, id)->group_id, slot, tokens);
    return 0;
}

static inline uint64_t
world_differences(struct world *w)
{
    struct buf report;
    buf_init(&report, 0);
    uint64_t differences = fixture_differences(w->store->ledger, &report);
    if (differences != 0)
        fprintf(stderr, "verify: %s\n", buf_cstr(&report));
    buf_fini(&report);
    return differences;
}

#endif
