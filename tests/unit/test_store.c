/*
 * test_store.c - management through the ledger, budgets in the segment, and
 * what happens when the disk does not take it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <signal.h>
#include <sys/resource.h>

#include "accountant/ledger/ledger_internal.h"
#include "tests/unit/store_fixture.h"

TEST(the_first_start_makes_the_default_group)
{
    struct world w;
    world_init(&w);
    world_start(&w);
    CHECK_EQ(w.ready_error, 0);
    CHECK_EQ(shm_load(&w.segment.header->accountant_ready), 1);
    const struct group *group = store_group_named(w.store, "default");
    CHECK_TRUE(group != NULL);
    size_t at = 0;
    CHECK_TRUE(group == store_group_next(w.store, &at));
    CHECK_TRUE(store_group_next(w.store, &at) == NULL);
    CHECK_TRUE(store_catalogue(w.store) != NULL);
    world_fini(&w);
}

TEST(a_new_key_is_found_by_name_and_by_itself_and_is_revealed)
{
    struct world w;
    char key[CRYPTO_KEY_CHARS + 1];
    world_init(&w);
    world_start(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 100);
    const struct gateway *alice = store_gateway(w.store, id);
    CHECK_TRUE(alice != NULL);
    CHECK_TRUE(alice == store_gateway_named(w.store, NULL, "alice"));
    CHECK_TRUE(alice == store_gateway_named(w.store, "default", "alice"));
    CHECK_TRUE(store_gateway_named(w.store, "other", "alice") == NULL);
    CHECK_EQ(store_reveal(w.store, alice, key), 0);
    CHECK_TRUE(alice == store_gateway_by_key(w.store, str_from(key)));
    CHECK_TRUE(strstr(alice->masked, key + CRYPTO_KEY_CHARS - 4) != NULL);
    CHECK_TRUE(store_gateway_by_key(w.store, STR_LIT("sk-aigw-x")) == NULL);
    world_fini(&w);
}

TEST(what_cannot_be_is_refused_with_a_reason)
{
    struct world w;
    world_init(&w);
    world_start(&w);
    CHECK_TRUE(world_key(&w, "alice", 0, 0) != 0);
    CHECK_EQ(world_put(&w, world_gateway("alice")), -EEXIST);
    CHECK_TRUE(w.reason[0] != '\0');
    CHECK_EQ(world_put(&w, world_gateway("")), -EINVAL);
    struct gateway *gateway = world_gateway("bob");
    gateway->group_id = 77;
    CHECK_EQ(world_put(&w, gateway), -ENOENT);
    gateway = world_gateway("bob");
    gateway->id = 77;
    CHECK_EQ(world_put(&w, gateway), -ENOENT);
    gateway = world_gateway("bob");
    gateway->acl_count = 1;
    snprintf(gateway->acl[0], sizeof(gateway->acl[0]), "10.0.0.0/33");
    CHECK_EQ(world_put(&w, gateway), -EINVAL);
    gateway = world_gateway("bob");
    gateway->budgets[0].period = gateway->budgets[1].period = SHM_PERIOD_DAILY;
    CHECK_EQ(world_put(&w, gateway), -EINVAL);
    CHECK_EQ(world_delete(&w, 77), -ENOENT);
    world_fini(&w);
}

TEST(changes_that_are_queued_together_keep_their_order)
{
    struct world w;
    world_init(&w);
    world_start(&w);
    struct world first = {0}, second = {0}, third = {0};
    store_gateway_put(w.store, world_gateway("x"), world_on_done, &first);
    store_gateway_put(w.store, world_gateway("x"), world_on_done, &second);
    store_gateway_put(w.store, world_gateway("y"), world_on_done, &third);
    world_wait(&w, &third.answered);
    CHECK_TRUE(first.answered && second.answered);
    CHECK_EQ(first.error, 0);
    CHECK_EQ(second.error, -EEXIST);
    CHECK_EQ(third.error, 0);
    CHECK_TRUE(third.id > first.id);
    /* delete and create again under the same name, without waiting */
    first.answered = second.answered = false;
    store_gateway_delete(w.store, first.id, world_on_done, &first);
    store_gateway_put(w.store, world_gateway("x"), world_on_done, &second);
    world_wait(&w, &second.answered);
    CHECK_EQ(first.error, 0);
    CHECK_EQ(second.error, 0);
    CHECK_TRUE(second.id != third.id);
    world_fini(&w);
}

TEST(settled_calls_become_totals_rows_and_access_log)
{
    struct world w;
    world_init(&w);
    world_start(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 100);
    CHECK_EQ(world_call(&w, id, 30), 0);
    CHECK_EQ(world_call(&w, id, 20), 0);
    CHECK_EQ(world_call(&w, id, 60), -EDQUOT);
    CHECK_EQ(world_flush(&w), 0);
    const struct gateway *alice = store_gateway(w.store, id);
    CHECK_EQ(alice->total.tokens, 50);
    CHECK_EQ(alice->total.nano, 150);
    CHECK_EQ(alice->total.requests, 2);
    CHECK_TRUE(alice->last_used_ms > 0);
    CHECK_EQ(store_group(w.store, alice->group_id)->total.tokens, 50);
    CHECK_EQ(world_differences(&w), 0);
    CHECK_EQ(shm_load(&w.segment.header->flush_errors), 0);
    CHECK_EQ(world_call(&w, id, 50), 0);
    CHECK_EQ(world_call(&w, id, 1), -EDQUOT);
    world_end(&w);
    char path[96], line[2048] = "";
    snprintf(path, sizeof(path), "%s/access.log", w.dir);
    FILE *file = fopen(path, "r");
    CHECK_TRUE(file != NULL && fgets(line, sizeof(line), file) != NULL);
    CHECK_TRUE(strstr(line, "\"tokens\":30") != NULL);
    if (file != NULL)
        fclose(file);
    world_fini(&w);
}

TEST(a_budget_that_stays_keeps_its_baseline_and_a_new_one_begins_now)
{
    struct world w;
    world_init(&w);
    world_start(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 100);
    CHECK_EQ(world_call(&w, id, 40), 0);
    struct gateway *gateway = gateway_copy(store_gateway(w.store, id));
    gateway->budgets[0].limit = 50;
    gateway->budgets[3].period = SHM_PERIOD_DAILY;
    gateway->budgets[3].limit = 7;
    CHECK_EQ(world_put(&w, gateway), 0);
    const struct gateway *alice = store_gateway(w.store, id);
    CHECK_EQ(alice->budgets[0].baseline, 0);
    CHECK_EQ(alice->budgets[3].baseline, 40);
    CHECK_TRUE(alice->budgets[3].resets_ms > clock_wall_ms());
    CHECK_EQ(world_call(&w, id, 8), -EDQUOT);
    CHECK_EQ(world_call(&w, id, 7), 0);
    CHECK_EQ(world_call(&w, id, 1), -EDQUOT);
    CHECK_EQ(world_flush(&w), 0);
    CHECK_EQ(world_differences(&w), 0);
    world_fini(&w);
}

TEST(a_deleted_key_frees_its_name_and_leaves_its_history)
{
    struct world w;
    world_init(&w);
    world_start(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 100);
    uint32_t entry = store_gateway(w.store, id)->entry;
    int slot = world_hold(&w, id, 10);
    uint64_t group = store_gateway(w.store, id)->group_id;
    CHECK_EQ(world_delete(&w, id), 0);
    CHECK_TRUE(store_gateway(w.store, id) == NULL);
    CHECK_EQ(world_hold(&w, id, 1), -ENOENT);
    uint64_t tag = shm_load(&segment_entry_hot(&w.segment, entry)->tag);
    CHECK_EQ(tag & 0xff, SHM_TAG_RETIRED);
    uint64_t again = world_key(&w, "alice", SHM_PERIOD_TOTAL, 100);
    CHECK_TRUE(again != 0 && again != id);
    CHECK_TRUE(store_gateway(w.store, again)->entry != entry);
    /* the call that was under way is charged to the key that made it */
    world_settle(&w, id, group, slot, 10);
    CHECK_EQ(world_flush(&w), 0);
    CHECK_EQ(store_gateway(w.store, again)->total.tokens, 0);
    CHECK_EQ(objects_find(&w.store->objects, LEDGER_KEY, id)->total.tokens, 10);
    CHECK_EQ(world_differences(&w), 0);
    CHECK_EQ(entry_sweep_retired(&w.segment), 0);
    world_fini(&w);
}

TEST(a_group_pays_from_its_balance_for_all_its_keys)
{
    struct world w;
    world_init(&w);
    world_start(&w);
    struct group group = {.name = "team"};
    w.answered = false;
    store_group_put(w.store, &group, world_on_done, &w);
    world_wait(&w, &w.answered);
    CHECK_EQ(w.error, 0);
    uint64_t team = w.id;
    struct gateway *gateway = world_gateway("a");
    gateway->group_id = team;
    CHECK_EQ(world_put(&w, gateway), 0);
    uint64_t a = w.id;
    gateway = world_gateway("b");
    gateway->group_id = team;
    CHECK_EQ(world_put(&w, gateway), 0);
    uint64_t b = w.id;
    CHECK_EQ(world_call(&w, a, 10), 0); /* not prepaid yet: no limit */
    w.answered = false;
    store_group_top_up(w.store, team, 90, "first", world_on_done, &w);
    world_wait(&w, &w.answered);
    CHECK_EQ(w.error, 0);
    CHECK_EQ(store_group(w.store, team)->topped_up_nano, 90);
    CHECK_TRUE(store_group(w.store, team)->prepaid);
    CHECK_EQ(world_call(&w, b, 20), 0); /* 30 + 60 nano */
    CHECK_EQ(world_call(&w, a, 1), -EDQUOT);
    w.answered = false;
    store_group_top_up(w.store, team, -100, "too much", world_on_done, &w);
    world_wait(&w, &w.answered);
    CHECK_EQ(w.error, -EINVAL);
    w.answered = false;
    store_group_top_up(w.store, team, 3, NULL, world_on_done, &w);
    world_wait(&w, &w.answered);
    CHECK_EQ(world_call(&w, a, 1), 0);
    CHECK_EQ(world_flush(&w), 0);
    CHECK_EQ(world_differences(&w), 0);
    world_fini(&w);
}

TEST(a_full_key_table_takes_the_key_back_out_of_the_ledger)
{
    struct world w;
    char name[32];
    world_init(&w);
    world_start(&w);
    unsigned made = 0;
    int rc = 0;
    for (; rc == 0 && made < 2000; made++) {
        snprintf(name, sizeof(name), "key-%u", made);
        rc = world_put(&w, world_gateway(name));
    }
    CHECK_EQ(rc, -ENOSPC);
    CHECK_TRUE(made > 100);
    CHECK_TRUE(store_gateway_named(w.store, NULL, name) == NULL);
    /* room again */
    const struct gateway *first = store_gateway_named(w.store, NULL, "key-0");
    CHECK_EQ(world_delete(&w, first->id), 0);
    CHECK_EQ(entry_sweep_retired(&w.segment), 0);
    CHECK_EQ(world_put(&w, world_gateway(name)), 0);
    world_fini(&w);
}

/* ---- the disk ---- */

static void
limit_files(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
}

TEST(a_disk_that_takes_nothing_refuses_changes_and_loses_no_call)
{
    struct world w;
    struct store_state state;
    world_init(&w);
    signal(SIGXFSZ, SIG_IGN);
    world_start(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 1000);
    CHECK_EQ(world_call(&w, id, 10), 0);
    CHECK_EQ(world_flush(&w), 0);
    limit_files(0);
    CHECK_EQ(world_call(&w, id, 20), 0);
    CHECK_EQ(world_flush(&w), -EIO);
    CHECK_EQ(world_call(&w, id, 30), 0);
    CHECK_EQ(world_put(&w, world_gateway("bob")), -EIO);
    store_state(w.store, &state);
    CHECK_TRUE(state.ledger_failed && state.flush_errors > 0);
    CHECK_TRUE(state.ledger_error[0] != '\0');
    CHECK_EQ(store_gateway(w.store, id)->total.tokens, 10);
    limit_files(RLIM_INFINITY);
    uint64_t end_ms = clock_mono_ms() + FIXTURE_DEADLINE_MS;
    while (store_gateway(w.store, id)->total.tokens != 60 &&
           clock_mono_ms() < end_ms)
        loop_turn(w.loop, 20);
    CHECK_EQ(store_gateway(w.store, id)->total.tokens, 60);
    CHECK_EQ(world_put(&w, world_gateway("bob")), 0);
    CHECK_EQ(world_differences(&w), 0);
    world_end(&w);
    world_start(&w);
    CHECK_EQ(store_gateway(w.store, id)->total.tokens, 60);
    CHECK_EQ(world_differences(&w), 0);
    world_fini(&w);
}

/* ---- configuration ---- */

TEST(a_new_configuration_is_published_with_new_price_versions)
{
    struct world w;
    world_init(&w);
    world_start(&w);
    const struct catalogue *before = store_catalogue(w.store);
    uint64_t generation = shm_load(&w.segment.header->catalogue_generation);
    CHECK_TRUE(before != NULL && generation > 0);
    struct config *first = w.config;
    world_configure(&w, "price_cached = 1\n");
    w.answered = false;
    store_configure(w.store, w.config, w.config, world_on_done, &w);
    world_wait(&w, &w.answered);
    CHECK_EQ(w.error, 0);
    CHECK_TRUE(store_file_config(w.store) == w.config);
    CHECK_EQ(shm_load(&w.segment.header->catalogue_generation), generation + 1);
    w.config = first; /* the store owns the other */
    world_end(&w);
    world_start(&w); /* the first prices again: a third version */
    struct prices unset;
    prices_clear(&unset);
    unset.input = 2000000;
    unset.output = 8000000;
    CHECK_EQ(prices_version(&w.store->prices, "gpt-x", &unset, NULL), 3);
    world_fini(&w);
}

/* ---- retention ---- */

TEST(days_older_than_the_retention_are_dropped_and_the_books_still_balance)
{
    struct world w;
    const int64_t day_ms = INT64_C(86400000);
    world_init(&w);
    world_start(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_TOTAL, 1000);
    const struct gateway *alice = store_gateway(w.store, id);
    int slot = world_hold(&w, id, 10);
    struct shm_record record = {.key_id = id,
                                .group_id = alice->group_id,
                                .tokens = 10,
                                .status = 200,
                                .ended_ms = clock_wall_ms() - 40 * day_ms};
    cells_settle(&w.seat, (uint32_t)slot, &record, NULL, 0);
    CHECK_EQ(world_call(&w, id, 20), 0);
    CHECK_EQ(world_flush(&w), 0);
    int64_t *days;
    size_t count;
    CHECK_EQ(ledger_day_list(w.store->ledger, &days, &count), 0);
    free(days);
    CHECK_EQ(count, 2);
    w.store->retention.due_ms = 0;
    uint64_t end_ms = clock_mono_ms() + FIXTURE_DEADLINE_MS;
    while (count == 2 && clock_mono_ms() < end_ms) {
        loop_turn(w.loop, 20);
        CHECK_EQ(ledger_day_list(w.store->ledger, &days, &count), 0);
        free(days);
    }
    CHECK_EQ(count, 1);
    CHECK_EQ(world_differences(&w), 0);
    CHECK_EQ(store_gateway(w.store, id)->total.tokens, 30);
    world_end(&w);
    world_start(&w);
    CHECK_EQ(store_gateway(w.store, id)->total.tokens, 30);
    CHECK_EQ(world_differences(&w), 0);
    world_fini(&w);
}

TEST(a_misspelt_model_takes_no_number_that_would_never_come_back)
{
    struct world w;
    struct entry_policy policy;
    uint64_t tag;
    world_init(&w);
    world_start(&w);
    uint32_t high = shm_load(&w.segment.header->model_high);
    struct gateway *gateway = world_gateway("typo");
    gateway->models = calloc(2, sizeof(*gateway->models));
    gateway->models[0] = strdup("gpt-xx");
    gateway->models[1] = strdup("gpt-x");
    gateway->model_count = 2;
    CHECK_EQ(world_put(&w, gateway), 0);
    CHECK_EQ(shm_load(&w.segment.header->model_high), high);
    uint32_t entry = store_gateway(w.store, w.id)->entry;
    CHECK_EQ(entry_read(&w.segment, entry, &policy, &tag), 0);
    int bits = 0;
    for (int i = 0; i < SHM_MODELS_MAX / 64; i++)
        bits += __builtin_popcountll(policy.models[i]);
    CHECK_EQ(bits, 1); /* the one that there is */
    CHECK_EQ(policy.flags & SHM_KEY_ALL_MODELS, 0);
    world_fini(&w);
}
