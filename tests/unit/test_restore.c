/*
 * test_restore.c - after a death of the accountant, of everything, and after a
 * power cut, segment and ledger say the same.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <signal.h>
#include <sys/wait.h>

#include "accountant/ledger/crash_point.h"
#include "accountant/ledger/ledger_import.h"
#include "shm/ring.h"
#include "tests/unit/store_fixture.h"

/* Calls settle while no accountant lives. */
static int
call_without_store(struct world *w, uint64_t id, uint64_t group,
                   const uint8_t digest[32], uint64_t tokens)
{
    struct key_view view;
    struct hold_refusal why;
    int rc = key_table_find(&w->segment, digest, &view);
    if (rc != 0)
        return rc;
    struct hold hold = {.key = &view, .amount = {tokens, tokens * 3}};
    int slot = seat_take_slot(&w->seat);
    if (slot < 0)
        return slot;
    rc = cells_hold(&w->seat, (uint32_t)slot, &hold, &why);
    if (rc != 0)
        seat_give_slot(&w->seat, (uint32_t)slot);
    else
        world_settle(w, id, group, slot, tokens);
    return rc;
}

TEST(a_killed_accountant_s_successor_books_what_lies_in_the_rings)
{
    struct world w;
    uint8_t digest[32];
    world_init(&w);
    world_start(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 100);
    uint64_t group = store_gateway(w.store, id)->group_id;
    uint32_t entry = store_gateway(w.store, id)->entry;
    memcpy(digest, store_gateway(w.store, id)->digest, sizeof(digest));
    CHECK_EQ(world_call(&w, id, 10), 0);
    CHECK_EQ(world_flush(&w), 0);
    CHECK_EQ(world_call(&w, id, 20), 0);
    world_end(&w);
    CHECK_EQ(call_without_store(&w, id, group, digest, 30), 0);
    CHECK_EQ(call_without_store(&w, id, group, digest, 41), -EDQUOT);
    world_start(&w);
    CHECK_EQ(w.ready_error, 0);
    CHECK_EQ(store_gateway(w.store, id)->entry, entry);
    CHECK_EQ(world_flush(&w), 0);
    CHECK_EQ(store_gateway(w.store, id)->total.tokens, 60);
    CHECK_EQ(store_gateway(w.store, id)->total.requests, 3);
    CHECK_EQ(world_call(&w, id, 41), -EDQUOT);
    CHECK_EQ(world_call(&w, id, 40), 0);
    CHECK_EQ(world_flush(&w), 0);
    CHECK_EQ(world_differences(&w), 0);
    CHECK_EQ(w.store->drain.broken_chains, 0);
    world_fini(&w);
}

TEST(a_new_segment_goes_on_from_the_ledger)
{
    struct world w;
    char key[CRYPTO_KEY_CHARS + 1], again[CRYPTO_KEY_CHARS + 1];
    world_init(&w);
    world_start(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 100);
    CHECK_EQ(store_reveal(w.store, store_gateway(w.store, id), key), 0);
    CHECK_EQ(world_call(&w, id, 60), 0);
    CHECK_EQ(world_flush(&w), 0);
    world_end(&w);
    seat_close(&w.seat);
    w.seated = false;
    CHECK_EQ(segment_unlink(w.segment.path), 0);
    segment_detach(&w.segment);
    world_new_segment(&w);
    world_start(&w);
    CHECK_EQ(w.ready_error, 0);
    CHECK_EQ(store_reveal(w.store, store_gateway(w.store, id), again), 0);
    CHECK_STR(str_from(again), key);
    CHECK_EQ(store_gateway(w.store, id)->total.tokens, 60);
    CHECK_EQ(world_call(&w, id, 41), -EDQUOT);
    CHECK_EQ(world_call(&w, id, 40), 0);
    CHECK_EQ(world_flush(&w), 0);
    CHECK_EQ(store_gateway(w.store, id)->total.tokens, 100);
    CHECK_EQ(world_differences(&w), 0);
    world_fini(&w);
}

TEST(a_key_that_the_ledger_no_longer_has_is_retired_at_the_start)
{
    struct world w;
    world_init(&w);
    world_start(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 100);
    uint32_t entry = store_gateway(w.store, id)->entry;
    uint8_t digest[32];
    struct key_view view;
    memcpy(digest, store_gateway(w.store, id)->digest, sizeof(digest));
    /* D1, then dead: the ledger has deleted it, the segment has not */
    struct ledger_batch *batch = ledger_batch_create();
    struct buf error;
    buf_init(&error, 0);
    ledger_batch_delete_object(batch, LEDGER_KEY, id);
    CHECK_EQ(ledger_batch_write(batch, w.store->ledger, &error), 0);
    ledger_batch_destroy(&batch);
    world_end(&w);
    CHECK_EQ(key_table_find(&w.segment, digest, &view), 0);
    world_start(&w);
    CHECK_EQ(key_table_find(&w.segment, digest, &view), -ENOENT);
    uint64_t tag = shm_load(&segment_entry_hot(&w.segment, entry)->tag);
    CHECK_TRUE((tag & 0xff) != SHM_TAG_ACTIVE);
    buf_fini(&error);
    world_fini(&w);
}

TEST(a_key_that_the_segment_does_not_have_is_put_in)
{
    struct world w;
    world_init(&w);
    world_start(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 100);
    CHECK_EQ(world_call(&w, id, 70), 0);
    CHECK_EQ(world_flush(&w), 0);
    entry_retire(&w.segment, store_gateway(w.store, id)->entry);
    world_end(&w);
    world_start(&w);
    CHECK_EQ(world_call(&w, id, 31), -EDQUOT);
    CHECK_EQ(world_call(&w, id, 30), 0);
    CHECK_EQ(world_flush(&w), 0);
    CHECK_EQ(world_differences(&w), 0);
    world_fini(&w);
}

TEST(the_segment_of_another_ledger_is_refused)
{
    struct world w;
    char path[96];
    world_init(&w);
    world_start(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 100);
    CHECK_EQ(world_call(&w, id, 70), 0);
    CHECK_EQ(world_flush(&w), 0);
    world_end(&w);
    snprintf(path, sizeof(path), "%s/data", w.dir);
    fixture_remove(path);
    world_start(&w);
    CHECK_EQ(w.ready_error, -ESTALE);
    CHECK_TRUE(strstr(w.ready_reason, "another ledger") != NULL);
    world_fini(&w);
}

TEST(a_damaged_ledger_is_refused)
{
    struct world w;
    char path[96];
    world_init(&w);
    world_start(&w);
    world_end(&w);
    snprintf(path, sizeof(path), "%s/data/ledger/CURRENT", w.dir);
    fixture_remove(path);
    world_start(&w);
    CHECK_EQ(w.ready_error, -EUCLEAN);
    world_fini(&w);
}

TEST(an_orphan_s_lock_is_waited_for_while_columns_are_reaped)
{
    struct world w;
    int gate[2], status;
    char byte;
    world_init(&w);
    world_start(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 100);
    int slot = world_hold(&w, id, 50);
    CHECK_TRUE(slot >= 0);
    uint32_t entry = store_gateway(w.store, id)->entry;
    world_end(&w);
    CHECK_EQ(pipe(gate), 0);
    pid_t child = fork();
    if (child == 0) {
        struct ledger *ledger = NULL;
        struct buf error;
        char data[96];
        close(gate[0]);
        buf_init(&error, 0);
        snprintf(data, sizeof(data), "%s/data", w.dir);
        if (ledger_open(data, false, &ledger, &error) != 0)
            _exit(1);
        if (write(gate[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(gate[1]);
    CHECK_EQ(read(gate[0], &byte, 1), 1);
    column_mark_dying(&w.segment, w.seat.column);
    w.ready = false;
    w.loop = loop_create();
    w.store = store_create(&w.heritage, w.loop);
    store_start(w.store, world_on_ready, &w);
    CHECK_EQ(shm_load(&segment_column(&w.segment, w.seat.column)->state),
             SHM_COLUMN_FREE);
    CHECK_EQ(shm_load(&segment_cell(&w.segment, entry, w.seat.column)->busy),
             0);
    for (int i = 0; i < 5; i++)
        loop_turn(w.loop, 20);
    CHECK_TRUE(!w.ready);
    kill(child, SIGKILL);
    CHECK_EQ(waitpid(child, &status, 0), child);
    world_wait(&w, &w.ready);
    CHECK_EQ(w.ready_error, 0);
    CHECK_EQ(world_flush(&w), 0);
    /* the request that died with its worker stands in the log, once */
    CHECK_EQ(store_gateway(w.store, id)->total.requests, 1);
    CHECK_EQ(world_differences(&w), 0);
    seat_close(&w.seat);
    w.seated = false;
    close(gate[0]);
    world_fini(&w);
}

/* ---- a ledger that is older than its segment ---- */

/* The worker leaves; the accountant of the next start reaps its column. */
static void
leave_seat(struct world *w)
{
    column_mark_dying(&w->segment, w->seat.column);
    seat_close(&w->seat);
    w->seated = false;
}

static void
export_now(struct world *w, bool with_rows, char path[96])
{
    struct ledger_export_info info;
    struct buf error;
    buf_init(&error, 0);
    snprintf(path, 96, "%s/backup", w->dir);
    struct ledger_snapshot *snapshot = ledger_snapshot_take(w->store->ledger);
    CHECK_EQ(ledger_export(w->store->ledger, snapshot, path, with_rows, &info,
                           &error),
             0);
    ledger_snapshot_release(w->store->ledger, &snapshot);
    buf_fini(&error);
}

static void
restore_from(struct world *w, const char *path)
{
    struct ledger_export_info info;
    struct buf report, error;
    char data[96];
    buf_init(&report, 0);
    buf_init(&error, 0);
    snprintf(data, sizeof(data), "%s/data", w->dir);
    fixture_remove(data);
    CHECK_EQ(ledger_import(path, data, &info, &report, &error), 0);
    CHECK_EQ(buf_len(&report), 0);
    buf_fini(&report);
    buf_fini(&error);
}

/* Calls before and after an export; the disk is lost with the newest of the
 * ledger, the segment lives. `anew`: and was made after the export. */
static void
catch_up(bool with_rows, bool anew)
{
    struct world w;
    char path[96];
    world_init(&w);
    world_start(&w);
    uint64_t alice = world_key(&w, "alice", SHM_PERIOD_TOTAL, 1000);
    uint64_t bob = world_key(&w, "bob", SHM_PERIOD_DAILY, 1000);
    CHECK_EQ(world_call(&w, alice, 10), 0);
    CHECK_EQ(world_flush(&w), 0);
    export_now(&w, with_rows, path);
    if (anew) {
        world_end(&w);
        leave_seat(&w);
        CHECK_EQ(segment_unlink(w.segment.path), 0);
        segment_detach(&w.segment);
        world_new_segment(&w);
        world_start(&w);
    }
    uint64_t carol = world_key(&w, "carol", SHM_PERIOD_TOTAL, 1000);
    CHECK_EQ(world_call(&w, alice, 20), 0);
    CHECK_EQ(world_call(&w, bob, 40), 0);
    CHECK_EQ(world_call(&w, carol, 80), 0);
    CHECK_EQ(world_flush(&w), 0);
    uint64_t dave = world_key(&w, "dave", SHM_PERIOD_TOTAL, 1000);
    CHECK_EQ(world_call(&w, dave, 160), 0);
    CHECK_EQ(world_flush(&w), 0);
    CHECK_EQ(world_delete(&w, dave), 0);
    CHECK_EQ(world_call(&w, alice, 320), 0); /* not booked */
    world_end(&w);
    leave_seat(&w);
    restore_from(&w, path);
    world_start(&w);
    CHECK_EQ(w.ready_error, 0);
    CHECK_EQ(world_flush(&w), 0);
    CHECK_EQ(store_gateway(w.store, alice)->total.tokens, 350);
    CHECK_EQ(store_gateway(w.store, bob)->total.tokens, 40);
    CHECK_TRUE(store_gateway(w.store, carol) == NULL);
    size_t at = 0;
    const struct group *group = store_group_next(w.store, &at);
    CHECK_EQ(group->total.tokens, 630);
    CHECK_EQ(group->total.nano, 630 * 3);
    CHECK_EQ(world_differences(&w), 0);
    CHECK_EQ(world_call(&w, alice, 651), -EDQUOT);
    CHECK_EQ(world_call(&w, alice, 650), 0);
    CHECK_EQ(world_call(&w, bob, 961), -EDQUOT);
    /* numbers are not given away twice */
    CHECK_TRUE(world_key(&w, "eve", SHM_PERIOD_TOTAL, 5) > carol);
    CHECK_EQ(world_flush(&w), 0);
    /* once: the next start has nothing to catch up with */
    world_end(&w);
    leave_seat(&w);
    world_start(&w);
    CHECK_EQ(w.ready_error, 0);
    CHECK_EQ(store_gateway(w.store, alice)->total.tokens, 1000);
    CHECK_EQ(world_differences(&w), 0);
    world_fini(&w);
}

TEST(a_restored_ledger_catches_up_with_the_segment_that_lives)
{
    catch_up(false, false);
    catch_up(true, false);
    catch_up(false, true);
}

TEST(an_old_copy_of_the_ledger_is_refused_while_its_segment_lives)
{
    struct world w;
    char command[256];
    world_init(&w);
    world_start(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 1000);
    CHECK_EQ(world_call(&w, id, 10), 0);
    CHECK_EQ(world_flush(&w), 0);
    world_end(&w);
    snprintf(command, sizeof(command), "cp -a %s/data %s/old", w.dir, w.dir);
    CHECK_EQ(system(command), 0);
    world_start(&w);
    CHECK_EQ(world_call(&w, id, 10), 0);
    CHECK_EQ(world_flush(&w), 0);
    world_end(&w);
    snprintf(command, sizeof(command), "rm -r %s/data; mv %s/old %s/data",
             w.dir, w.dir, w.dir);
    CHECK_EQ(system(command), 0);
    world_start(&w);
    CHECK_EQ(w.ready_error, -EUCLEAN);
    CHECK_TRUE(strstr(w.ready_reason, "has lost what was durable") != NULL);
    CHECK_TRUE(strstr(w.ready_reason, "aigw-ledger restore") != NULL);
    world_fini(&w);
}

/* ---- dying at every named point ---- */

static unsigned points_left, entry_points;

static void
die_at_point(const char *name)
{
    /* one for each key there is: a few of them say it all */
    if (strcmp(name, "A4") == 0 && ++entry_points > 4)
        return;
    if (__atomic_sub_fetch(&points_left, 1, __ATOMIC_SEQ_CST) == 0)
        raise(SIGKILL);
}

/* An accountant that makes one key, lets one call settle and deletes the key of
 * the round before; it dies at the `passage`-th point. True: it lived. */
static bool
live_until(struct world *w, unsigned passage)
{
    char name[32];
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        points_left = passage;
        crash_point_hook(die_at_point);
        world_start(w);
        if (w->ready_error != 0)
            _exit(2);
        snprintf(name, sizeof(name), "key-%u", passage);
        size_t at = 0;
        const struct gateway *old = store_gateway_next(w->store, &at);
        uint64_t id = world_key(w, name, SHM_PERIOD_TOTAL, 1000);
        if (id == 0 || world_call(w, id, 5) != 0 || world_flush(w) != 0)
            _exit(3);
        if (old != NULL && world_delete(w, old->id) != 0)
            _exit(4);
        if (world_differences(w) != 0)
            _exit(5);
        column_mark_dying(&w->segment, w->seat.column);
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child)
        abort();
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        test_fail(__FILE__, __LINE__, "passage %u: exit %d", passage,
                  WEXITSTATUS(status));
    for (uint32_t i = 0; i < column_high(&w->segment); i++)
        if (shm_load(&segment_column(&w->segment, i)->state) == SHM_COLUMN_LIVE)
            column_mark_dying(&w->segment, i);
    return WIFEXITED(status);
}

TEST(dying_at_each_point_between_the_steps_loses_and_doubles_nothing)
{
    struct world w;
    world_init(&w);
    unsigned passage = 1;
    while (passage < 600 && !live_until(&w, passage))
        passage++;
    /* so many points stand in one such life */
    CHECK_TRUE(passage > 20 && passage < 600);
    world_start(&w);
    CHECK_EQ(w.ready_error, 0);
    CHECK_EQ(world_flush(&w), 0);
    CHECK_EQ(world_differences(&w), 0);
    /* I5: cells and ledger agree */
    size_t at = 0;
    const struct gateway *g = store_gateway_next(w.store, &at);
    for (; g != NULL; g = store_gateway_next(w.store, &at)) {
        struct entry_sums sums;
        entry_sum(&w.segment, g->entry, &sums);
        CHECK_EQ(sums.used[0] - (uint64_t)sums.origin[0], g->total.tokens);
        CHECK_EQ(sums.used[1] - (uint64_t)sums.origin[1], g->total.nano);
    }
    world_fini(&w);
}
