/*
 * test_key_life.c - keys that get a new value, are deleted so that they can be
 * restored, and are restored; before and after a restart.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include "accountant/store_private.h"
#include "shm/segment_places.h"
#include "tests/unit/store_fixture.h"

static int
rotate(struct world *w, uint64_t id, int64_t grace_ms)
{
    w->answered = false;
    store_gateway_rotate(w->store, id, grace_ms, world_on_done, w);
    world_wait(w, &w->answered);
    return w->error;
}

static int
remove_key(struct world *w, uint64_t id)
{
    w->answered = false;
    store_gateway_remove(w->store, id, world_on_done, w);
    world_wait(w, &w->answered);
    return w->error;
}

static int
restore_key(struct world *w, uint64_t id, const char *name)
{
    w->answered = false;
    store_gateway_restore(w->store, id, name, world_on_done, w);
    world_wait(w, &w->answered);
    return w->error;
}

static int
find(const struct world *w, const uint8_t digest[32], struct key_view *view)
{
    return key_table_find(&w->segment, digest, view);
}

struct value {
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    char plain[CRYPTO_KEY_CHARS + 1];
};

static struct value
value_of(const struct world *w, uint64_t id)
{
    struct value value;
    const struct gateway *key = store_gateway(w->store, id);
    memcpy(value.digest, key->digest, sizeof(value.digest));
    CHECK_EQ(store_reveal(w->store, key, value.plain), 0);
    return value;
}

TEST(both_values_of_a_rotated_key_are_good_and_survive_a_restart)
{
    struct world w;
    struct key_view view;
    world_init(&w);
    world_start(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 100);
    CHECK_EQ(world_call(&w, id, 60), 0);
    struct value old = value_of(&w, id);
    CHECK_EQ(rotate(&w, id, 60000), 0);
    struct value new = value_of(&w, id);
    CHECK_TRUE(memcmp(old.digest, new.digest, 32) != 0);
    for (int round = 0; round < 2; round++) {
        const struct gateway *key = store_gateway(w.store, id);
        CHECK_TRUE(gateway_has_former(key));
        CHECK_TRUE(strstr(key->former_masked,
                          old.plain + CRYPTO_KEY_CHARS - 4) != NULL);
        CHECK_TRUE(key == store_gateway_by_key(w.store, str_from(old.plain)));
        CHECK_TRUE(key == store_gateway_by_key(w.store, str_from(new.plain)));
        CHECK_EQ(find(&w, new.digest, &view), 0);
        CHECK_EQ(view.value_until_ms, 0);
        CHECK_EQ(find(&w, old.digest, &view), 0);
        CHECK_EQ(view.value_until_ms, key->former_until_ms);
        world_end(&w);
        world_start(&w);
        CHECK_EQ(w.ready_error, 0);
    }
    CHECK_EQ(world_flush(&w), 0);
    CHECK_EQ(store_gateway(w.store, id)->total.tokens, 60);
    CHECK_EQ(world_call(&w, id, 60), -EDQUOT); /* its budget goes on */
    world_fini(&w);
}

TEST(rotations_at_once_follow_one_another)
{
    struct world w, first = {0}, second = {0};
    world_init(&w);
    world_start(&w);
    uint64_t id = world_key(&w, "alice", 0, 0);
    struct value old = value_of(&w, id);
    store_gateway_rotate(w.store, id, 60000, world_on_done, &first);
    store_gateway_rotate(w.store, id, 60000, world_on_done, &second);
    world_wait(&w, &first.answered);
    struct value middle = value_of(&w, id);
    world_wait(&w, &second.answered);
    CHECK_EQ(first.error, 0);
    CHECK_EQ(second.error, 0);
    const struct gateway *key = store_gateway(w.store, id);
    CHECK_TRUE(memcmp(key->former_digest, middle.digest, 32) == 0);
    CHECK_TRUE(store_gateway_by_key(w.store, str_from(old.plain)) == NULL);
    world_fini(&w);
}

TEST(a_rotation_without_grace_and_an_end_take_the_old_value_away)
{
    struct world w;
    struct key_view view;
    world_init(&w);
    world_start(&w);
    uint64_t id = world_key(&w, "alice", 0, 0);
    struct value first = value_of(&w, id);
    uint64_t told = shm_load(&w.segment.header->revocations);
    CHECK_EQ(rotate(&w, id, 60000), 0);
    CHECK_EQ(shm_load(&w.segment.header->revocations), told);
    struct value second = value_of(&w, id);
    w.answered = false;
    store_gateway_end_former(w.store, id, world_on_done, &w);
    world_wait(&w, &w.answered);
    CHECK_EQ(w.error, 0);
    CHECK_EQ(find(&w, first.digest, &view), -ENOENT);
    CHECK_EQ(find(&w, second.digest, &view), 0);
    CHECK_EQ(shm_load(&w.segment.header->revocations), told + 1);
    CHECK_EQ(rotate(&w, id, 0), 0);
    CHECK_EQ(find(&w, second.digest, &view), -ENOENT);
    CHECK_TRUE(!gateway_has_former(store_gateway(w.store, id)));
    CHECK_TRUE(store_gateway_by_key(w.store, str_from(second.plain)) == NULL);
    CHECK_EQ(shm_load(&w.segment.header->revocations), told + 2);
    world_fini(&w);
}

/* V4: the ledger has the rotation, the segment's digest is half the old one. */
TEST(a_key_whose_value_was_half_written_is_known_by_the_former_one)
{
    for (int graced = 0; graced < 2; graced++) {
        struct world w;
        struct key_view view;
        world_init(&w);
        world_start(&w);
        uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 100);
        CHECK_EQ(world_call(&w, id, 60), 0);
        CHECK_EQ(world_flush(&w), 0);
        struct value old = value_of(&w, id);
        CHECK_EQ(rotate(&w, id, graced ? 60000 : 0), 0);
        struct value new = value_of(&w, id);
        uint32_t entry = store_gateway(w.store, id)->entry;
        struct shm_entry_hot *hot = segment_entry_hot(&w.segment, entry);
        uint64_t words[4];
        memcpy(words, old.digest, sizeof(words));
        shm_store(&hot->digest[2], words[2]);
        shm_store(&hot->digest[3], words[3]);
        world_end(&w);
        CHECK_EQ(find(&w, new.digest, &view), -ENOENT);
        world_start(&w);
        CHECK_EQ(store_gateway(w.store, id)->entry, entry);
        CHECK_EQ(find(&w, new.digest, &view), 0);
        CHECK_EQ(find(&w, old.digest, &view), graced ? 0 : -ENOENT);
        CHECK_EQ(world_call(&w, id, 60), -EDQUOT);
        world_fini(&w);
    }
}

TEST(a_deleted_key_is_refused_at_once_and_comes_back_as_it_was)
{
    struct world w;
    struct key_view view;
    size_t at;
    world_init(&w);
    world_start(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 100);
    CHECK_EQ(world_call(&w, id, 60), 0);
    struct value value = value_of(&w, id);
    uint64_t told = shm_load(&w.segment.header->revocations);
    CHECK_EQ(remove_key(&w, id), 0);
    CHECK_EQ(shm_load(&w.segment.header->revocations), told + 1);
    for (int round = 0; round < 2; round++) {
        CHECK_TRUE(store_gateway(w.store, id) == NULL);
        CHECK_TRUE(store_gateway_named(w.store, NULL, "alice") == NULL);
        CHECK_TRUE(store_gateway_by_key(w.store, str_from(value.plain)) ==
                   NULL);
        at = 0;
        CHECK_TRUE(store_gateway_next(w.store, &at) == NULL);
        CHECK_EQ(store_gateway_count(w.store), 0);
        CHECK_EQ(store_gateway_place(w.store, 1), 1);
        at = 0;
        CHECK_TRUE(store_gateway_deleted_next(w.store, &at) ==
                   store_gateway_deleted(w.store, id));
        CHECK_EQ(find(&w, value.digest, &view), 0);
        CHECK_EQ(view.flags & (SHM_KEY_ENABLED | SHM_KEY_DELETED),
                 SHM_KEY_DELETED);
        world_end(&w);
        world_start(&w);
    }
    CHECK_EQ(remove_key(&w, id), -ENOENT);
    CHECK_EQ(rotate(&w, id, 0), -ENOENT);
    CHECK_EQ(restore_key(&w, id, NULL), 0);
    CHECK_EQ(find(&w, value.digest, &view), 0);
    CHECK_TRUE((view.flags & SHM_KEY_ENABLED) != 0);
    CHECK_TRUE(store_gateway(w.store, id) ==
               store_gateway_named(w.store, NULL, "alice"));
    CHECK_EQ(world_call(&w, id, 60), -EDQUOT); /* of 100, 60 are used */
    CHECK_EQ(world_call(&w, id, 40), 0);
    CHECK_EQ(restore_key(&w, id, NULL), -ENOENT);
    CHECK_EQ(world_flush(&w), 0);
    CHECK_EQ(world_differences(&w), 0);
    world_fini(&w);
}

TEST(the_name_of_a_deleted_key_is_free)
{
    struct world w;
    world_init(&w);
    world_start(&w);
    uint64_t id = world_key(&w, "alice", 0, 0);
    CHECK_EQ(remove_key(&w, id), 0);
    uint64_t other = world_key(&w, "alice", 0, 0);
    CHECK_TRUE(other != 0);
    CHECK_EQ(restore_key(&w, id, NULL), -EEXIST);
    CHECK_EQ(restore_key(&w, id, "alice-2"), 0);
    CHECK_TRUE(store_gateway_named(w.store, NULL, "alice")->id == other);
    CHECK_TRUE(store_gateway_named(w.store, NULL, "alice-2")->id == id);
    /* and of both in one flush */
    struct world first = {0}, second = {0};
    store_gateway_remove(w.store, other, world_on_done, &first);
    store_gateway_put(w.store, world_gateway("alice"), world_on_done, &second);
    world_wait(&w, &second.answered);
    CHECK_EQ(first.error, 0);
    CHECK_EQ(second.error, 0);
    world_fini(&w);
}

static void
set_grace(struct world *w, uint64_t ms)
{
    w->config->server.delete_grace_ms = ms;
    if (w->store != NULL && w->store->own_config != NULL)
        w->store->own_config->server.delete_grace_ms = ms;
}

static bool
is_gone(struct world *w, uint64_t id)
{
    uint64_t end_ms = clock_mono_ms() + FIXTURE_DEADLINE_MS;
    while (store_gateway_deleted(w->store, id) != NULL) {
        if (clock_mono_ms() > end_ms)
            return false;
        loop_turn(w->loop, 20);
    }
    return true;
}

TEST(a_deleted_key_goes_for_good_when_its_time_is_over)
{
    for (int restarts = 0; restarts < 2; restarts++) {
        struct world w;
        struct key_view view;
        world_init(&w);
        world_start(&w);
        uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 100);
        struct value value = value_of(&w, id);
        CHECK_EQ(remove_key(&w, id), 0);
        CHECK_TRUE(store_gateway_deleted(w.store, id) != NULL);
        if (restarts)
            world_end(&w);
        set_grace(&w, 1);
        if (restarts)
            world_start(&w);
        CHECK_TRUE(is_gone(&w, id));
        CHECK_EQ(find(&w, value.digest, &view), -ENOENT);
        CHECK_EQ(restore_key(&w, id, NULL), -ENOENT);
        CHECK_EQ(w.store->bin.count, 0);
        world_fini(&w);
    }
}

TEST(without_a_time_deletion_is_for_good)
{
    struct world w;
    world_init(&w);
    world_start(&w);
    set_grace(&w, 0);
    uint64_t id = world_key(&w, "alice", 0, 0);
    CHECK_EQ(remove_key(&w, id), 0);
    CHECK_TRUE(store_gateway_deleted(w.store, id) == NULL);
    world_fini(&w);
}

/* The restoration is queued first, and the time is over before it is staged. */
TEST(a_restored_key_is_not_taken_by_the_end_of_its_time)
{
    struct world w;
    world_init(&w);
    world_start(&w);
    uint64_t id = world_key(&w, "alice", 0, 0);
    CHECK_EQ(remove_key(&w, id), 0);
    set_grace(&w, 1);
    w.answered = false;
    store_gateway_restore(w.store, id, NULL, world_on_done, &w);
    w.store->bin.keys[0].deleted_ms =
        store_gateway_deleted(w.store, id)->deleted_ms;
    uint64_t end_ms = clock_mono_ms() + FIXTURE_DEADLINE_MS;
    while (store_restorable_until(w.store, store_gateway_deleted(w.store, id)) >
               clock_wall_ms() &&
           clock_mono_ms() < end_ms)
        continue;
    bin_tick(w.store);
    CHECK_EQ(w.store->bin.count, 0); /* asked to go, behind the restoration */
    world_wait(&w, &w.answered);
    CHECK_EQ(w.error, 0);
    CHECK_EQ(world_flush(&w), 0);
    CHECK_TRUE(store_gateway(w.store, id) != NULL);
    world_fini(&w);
}

/* As if it had been deleted so much earlier. */
static void
delete_earlier(struct world *w, uint64_t id, size_t place, int64_t by_ms)
{
    const struct object *object =
        objects_find(&w->store->objects, LEDGER_KEY, id);
    object->gateway->deleted_ms -= by_ms;
    w->store->bin.keys[place].deleted_ms -= by_ms;
}

TEST(a_key_that_is_deleted_once_more_has_its_whole_time_again)
{
    enum { GRACE_MS = 600000 };
    struct world w;
    world_init(&w);
    world_start(&w);
    set_grace(&w, GRACE_MS);
    uint64_t id = world_key(&w, "alice", 0, 0);
    CHECK_EQ(remove_key(&w, id), 0);
    CHECK_EQ(restore_key(&w, id, NULL), 0);
    CHECK_EQ(remove_key(&w, id), 0);
    CHECK_EQ(w.store->bin.count, 2);
    w.store->bin.keys[0].deleted_ms -=
        2 * GRACE_MS; /* the first time is over */
    bin_tick(w.store);
    CHECK_EQ(w.store->bin.count, 1);
    CHECK_EQ(world_flush(&w), 0);
    CHECK_TRUE(store_gateway_deleted(w.store, id) != NULL);
    delete_earlier(&w, id, 0, GRACE_MS - 60000);
    bin_tick(w.store);
    CHECK_EQ(w.store->bin.count, 1);
    delete_earlier(&w, id, 0, 60000);
    bin_tick(w.store);
    CHECK_EQ(w.store->bin.count, 0);
    CHECK_TRUE(is_gone(&w, id));
    world_fini(&w);
}

TEST(room_for_a_new_key_is_made_of_deleted_ones)
{
    struct world w;
    uint64_t id = 0, last;
    char name[32];
    world_init(&w);
    world_start(&w);
    for (int i = 0;; i++) {
        snprintf(name, sizeof(name), "k%d", i);
        last = world_key(&w, name, 0, 0);
        if (last == 0)
            break;
        id = last;
    }
    CHECK_EQ(w.error, -ENOSPC);
    CHECK_EQ(remove_key(&w, id), 0);
    CHECK_EQ(world_key(&w, "one-more", 0, 0), 0);
    CHECK_TRUE(is_gone(&w, id));
    uint64_t end_ms = clock_mono_ms() + FIXTURE_DEADLINE_MS;
    while ((last = world_key(&w, "one-more", 0, 0)) == 0 &&
           clock_mono_ms() < end_ms)
        loop_turn(w.loop, 20); /* until the entry is swept */
    CHECK_TRUE(last != 0);
    world_fini(&w);
}

/* One in eight of all there may be: who deletes and makes keys for ever leaves
 * room for others. */
TEST(of_many_deleted_keys_the_oldest_go_for_good_before_their_time)
{
    struct world w;
    uint64_t ids[200];
    char name[32];
    world_init(&w);
    world_start(&w);
    unsigned most = w.segment.entry_max / 8;
    most = most < 16 ? 16 : most; /* so many in any case */
    CHECK_TRUE(most + 3 <= ARRAY_LEN(ids));
    for (unsigned i = 0; i < most + 3; i++) {
        snprintf(name, sizeof(name), "k%u", i);
        ids[i] = world_key(&w, name, 0, 0);
        CHECK_TRUE(ids[i] != 0);
        CHECK_EQ(remove_key(&w, ids[i]), 0);
    }
    for (unsigned i = 0; i < 3; i++)
        CHECK_TRUE(is_gone(&w, ids[i]));
    CHECK_EQ(w.store->bin.count, most);
    for (unsigned i = 3; i < most + 3; i++)
        CHECK_TRUE(store_gateway_deleted(w.store, ids[i]) != NULL);
    world_fini(&w);
}
