/*
 * test_escrow.c - durability = strict: within what is durable ahead, raised
 * and lowered in the right order, charged when the segment is lost.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include "tests/unit/store_fixture.h"

enum { STEP = 1000 };

static void
strict_init(struct world *w)
{
    world_init(w);
    w->config->server.durability = DURABILITY_STRICT;
    w->config->server.escrow_tokens = STEP;
    w->config->server.flush_interval_ms = 60000; /* only when asked */
    world_start(w);
}

static const struct object *
object_of(struct world *w, uint64_t id)
{
    return objects_find(&w->store->objects, LEDGER_KEY, id);
}

/* The machine loses power: the segment is gone, the ledger is what it was. */
static void
lose_segment(struct world *w)
{
    world_end(w);
    if (w->seated)
        seat_close(&w->seat);
    w->seated = false;
    if (segment_unlink(w->segment.path) != 0)
        abort();
    segment_detach(&w->segment);
    world_new_segment(w);
    world_start(w);
}

struct escrow_seen {
    uint64_t id, tokens;
};

static bool
see_escrow(enum ledger_kind kind, uint64_t id,
           const struct ledger_escrow *escrow, void *context)
{
    struct escrow_seen *seen = context;
    (void)kind;
    if (id == seen->id)
        seen->tokens = escrow->tokens;
    return true;
}

/* What the ledger has of it; 0 nothing. */
static uint64_t
durable(struct world *w, uint64_t id)
{
    struct escrow_seen seen = {id, 0};
    struct buf error;
    buf_init(&error, 0);
    CHECK_EQ(
        ledger_scan_escrows(w->store->ledger, NULL, see_escrow, &seen, &error),
        0);
    buf_fini(&error);
    return seen.tokens;
}

TEST(a_key_may_use_only_what_is_durable_ahead)
{
    struct world w;
    strict_init(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 100000);
    CHECK_EQ(durable(&w, id), STEP); /* with the key itself */
    /* half a step is kept for those who are under way */
    CHECK_EQ(world_call(&w, id, STEP / 2 + 1), -EAGAIN);
    CHECK_EQ(world_call(&w, id, STEP / 2), 0);
    int slot = world_hold(&w, id, 1);
    CHECK_EQ(slot, -EAGAIN);
    /* the refusal is answered by more, durable before it is shown */
    uint64_t end_ms = clock_mono_ms() + 60000;
    while ((slot = world_hold(&w, id, 1)) == -EAGAIN &&
           clock_mono_ms() < end_ms)
        loop_turn(w.loop, 20);
    CHECK_TRUE(slot >= 0);
    CHECK_TRUE(durable(&w, id) >= object_of(&w, id)->escrow[SHM_TOKENS]);
    CHECK_TRUE(object_of(&w, id)->escrow[SHM_TOKENS] > STEP);
    /* over the budget it is the budget that says no */
    CHECK_EQ(world_hold(&w, id, 99999), -EDQUOT);
    world_fini(&w);
}

TEST(a_stream_grows_into_what_a_new_call_may_not_have)
{
    struct world w;
    struct hold_refusal why;
    strict_init(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 100000);
    int slot = world_hold(&w, id, STEP / 2);
    CHECK_TRUE(slot >= 0);
    const uint64_t more[SHM_UNITS] = {STEP / 2, 0}, over[SHM_UNITS] = {1, 0};
    CHECK_EQ(cells_grow(&w.seat, (uint32_t)slot, more, &why), 0);
    CHECK_EQ(cells_grow(&w.seat, (uint32_t)slot, over, &why), -EAGAIN);
    world_fini(&w);
}

TEST(a_lost_segment_is_charged_up_to_the_escrow_and_no_further)
{
    struct world w;
    strict_init(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 100000);
    uint64_t idle = world_key(&w, "bob", SHM_PERIOD_TOTAL, 100000);
    CHECK_EQ(world_call(&w, id, 300), 0); /* answered, not booked */
    uint64_t ahead = durable(&w, id);
    lose_segment(&w);
    CHECK_EQ(w.ready_error, 0);
    CHECK_EQ(object_of(&w, id)->total.tokens, ahead);
    CHECK_TRUE(ahead >= 300 && ahead <= 3 * STEP);
    CHECK_EQ(object_of(&w, idle)->total.tokens, STEP);
    CHECK_EQ(world_differences(&w), 0);
    /* and again: what was charged is a total like any other */
    CHECK_EQ(durable(&w, id), ahead + STEP);
    CHECK_EQ(world_call(&w, id, 200), 0);
    CHECK_EQ(world_flush(&w), 0);
    CHECK_EQ(object_of(&w, id)->total.tokens, ahead + 200);
    CHECK_EQ(world_differences(&w), 0);
    world_fini(&w);
}

TEST(an_orderly_stop_leaves_nothing_to_charge)
{
    struct world w;
    strict_init(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 100000);
    CHECK_EQ(world_call(&w, id, 300), 0);
    w.answered = false;
    store_stop(w.store, world_on_done, &w);
    world_wait(&w, &w.answered);
    CHECK_EQ(w.error, 0);
    CHECK_EQ(durable(&w, id), 0);
    lose_segment(&w);
    CHECK_EQ(object_of(&w, id)->total.tokens, 300);
    CHECK_EQ(durable(&w, id), 300 + STEP);
    world_fini(&w);
}

TEST(without_strict_durability_nothing_is_ahead)
{
    struct world w;
    strict_init(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 100000);
    CHECK_EQ(world_call(&w, id, 300), 0);
    CHECK_EQ(world_flush(&w), 0);
    world_end(&w);
    w.config->server.durability = DURABILITY_FLUSH;
    world_start(&w);
    CHECK_EQ(durable(&w, id), 0);
    CHECK_EQ(world_call(&w, id, 5 * STEP), 0);
    CHECK_EQ(world_flush(&w), 0);
    CHECK_EQ(world_differences(&w), 0);
    world_fini(&w);
}

TEST(what_leases_gave_back_is_lowered_again)
{
    struct world w;
    strict_init(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 1000000);
    int slot = -EAGAIN;
    uint64_t end_ms = clock_mono_ms() + 60000;
    while (slot == -EAGAIN && clock_mono_ms() < end_ms) {
        slot = world_hold(&w, id, 50 * STEP);
        loop_turn(w.loop, 20);
    }
    CHECK_TRUE(slot >= 0);
    CHECK_TRUE(object_of(&w, id)->escrow[SHM_TOKENS] >= 50 * STEP);
    world_settle(&w, id, store_gateway(w.store, id)->group_id, slot, 10);
    CHECK_EQ(world_flush(&w), 0);
    end_ms = clock_mono_ms() + 60000;
    while (durable(&w, id) > 5 * STEP && clock_mono_ms() < end_ms)
        CHECK_EQ(world_flush(&w), 0);
    CHECK_TRUE(durable(&w, id) <= 5 * STEP);
    CHECK_EQ(object_of(&w, id)->escrow[SHM_TOKENS], durable(&w, id));
    world_fini(&w);
}
