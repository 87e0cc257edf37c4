/*
 * test_idempotency.c - claims of one name: alone, in a race, after deaths, when
 * the table is full, and the file beside the segment.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sched.h>
#include <sys/stat.h>

#include "shm/idempotency.h"
#include "tests/unit/shm_fixture.h"

enum { TTL_MS = 1000, THREADS = 8, ROUNDS = 20000 };

struct stage {
    struct fixture f;
    struct idempotency *table;
    uint64_t first[2];
    uint32_t entry;
};

static void
stage_open(struct stage *s)
{
    fixture_open(&s->f);
    s->table = idempotency_create_shared(&s->f.segment);
    CHECK_TRUE(s->table != NULL);
}

static void
stage_close(struct stage *s)
{
    idempotency_close(&s->table);
    fixture_close(&s->f);
}

/* A name of the first set. */
static struct idempotency_claim
claim_of(uint64_t name, uint64_t body, uint64_t id, uint64_t now_ms)
{
    struct idempotency_claim claim = {
        .name = {hash_mix64(name), name * IDEMPOTENCY_SETS},
        .body = {body, body},
        .request_id = {id, id},
        .now_ms = now_ms,
        .ttl_ms = TTL_MS};
    return claim;
}

static enum idempotency_verdict
claim(struct stage *s, int seat, uint64_t name, uint64_t body, uint64_t id,
      uint64_t now_ms)
{
    struct idempotency_claim c = claim_of(name, body, id, now_ms);
    return idempotency_claim(s->table, &s->f.seat[seat], &c, &s->entry,
                             s->first);
}

TEST(a_second_call_is_told_of_the_first_while_it_runs_and_when_it_was_charged)
{
    struct stage s;
    stage_open(&s);
    CHECK_EQ(claim(&s, 0, 1, 5, 100, 0), IDEMPOTENCY_NEW);
    uint32_t entry = s.entry;
    CHECK_EQ(claim(&s, 1, 1, 5, 101, 0), IDEMPOTENCY_RUNNING);
    CHECK_EQ(s.first[0], 100);
    CHECK_EQ(claim(&s, 1, 1, 6, 102, 0), IDEMPOTENCY_OTHER);
    CHECK_EQ(claim(&s, 1, 2, 5, 103, 0), IDEMPOTENCY_NEW); /* another name */
    idempotency_end(s.table, entry, true);
    CHECK_EQ(claim(&s, 0, 1, 5, 104, 1), IDEMPOTENCY_CHARGED);
    CHECK_EQ(s.first[1], 100);
    CHECK_EQ(claim(&s, 0, 1, 6, 105, 1), IDEMPOTENCY_OTHER);
    stage_close(&s);
}

TEST(a_call_that_cost_nothing_may_be_tried_again)
{
    struct stage s;
    stage_open(&s);
    CHECK_EQ(claim(&s, 0, 1, 5, 100, 0), IDEMPOTENCY_NEW);
    idempotency_end(s.table, s.entry, false);
    CHECK_EQ(claim(&s, 1, 1, 6, 101, 0), IDEMPOTENCY_NEW);
    stage_close(&s);
}

TEST(a_charged_call_is_forgotten_when_its_time_is_over_a_running_one_is_not)
{
    struct stage s;
    stage_open(&s);
    CHECK_EQ(claim(&s, 0, 1, 5, 100, 10), IDEMPOTENCY_NEW);
    CHECK_EQ(claim(&s, 1, 1, 5, 101, 10 + 9 * TTL_MS), IDEMPOTENCY_RUNNING);
    idempotency_end(s.table, s.entry, true);
    CHECK_EQ(claim(&s, 1, 1, 5, 102, 10 + TTL_MS), IDEMPOTENCY_CHARGED);
    CHECK_EQ(claim(&s, 1, 1, 5, 103, 11 + TTL_MS), IDEMPOTENCY_NEW);
    stage_close(&s);
}

TEST(a_dead_owners_call_stays_until_it_expires)
{
    struct stage s;
    struct reap_result result = {0};
    stage_open(&s);
    CHECK_EQ(claim(&s, 0, 1, 5, 100, 0), IDEMPOTENCY_NEW);
    fixture_kill(&s.f, 0);
    CHECK_EQ(claim(&s, 1, 1, 5, 101, TTL_MS), IDEMPOTENCY_RUNNING);
    reap_all(&s.f.segment, 1, &result);
    CHECK_EQ(column_find_free(&s.f.segment), 0); /* another life of it */
    CHECK_EQ(claim(&s, 1, 1, 5, 102, TTL_MS), IDEMPOTENCY_RUNNING);
    CHECK_EQ(claim(&s, 1, 1, 5, 103, TTL_MS + 1), IDEMPOTENCY_NEW);
    stage_close(&s);
}

TEST(a_full_set_gives_up_what_was_charged_first_and_never_what_runs)
{
    struct stage s;
    uint32_t entries[IDEMPOTENCY_WAYS];
    stage_open(&s);
    for (uint64_t i = 0; i < IDEMPOTENCY_WAYS; i++) {
        CHECK_EQ(claim(&s, 0, i, 5, 100, i), IDEMPOTENCY_NEW);
        entries[i] = s.entry;
    }
    CHECK_EQ(claim(&s, 0, 99, 5, 100, 0), IDEMPOTENCY_FULL);
    idempotency_end(s.table, entries[7], true);
    idempotency_end(s.table, entries[3], true);
    CHECK_EQ(claim(&s, 0, 99, 5, 100, 20), IDEMPOTENCY_NEW);
    CHECK_EQ(s.entry, entries[3]);
    CHECK_EQ(claim(&s, 0, 7, 5, 100, 20), IDEMPOTENCY_CHARGED);
    stage_close(&s);
}

/* ---- races ---- */

struct race {
    struct stage *stage;
    int seat;
    uint64_t number;
    uint64_t seed;
};

static atomic_int winners[ROUNDS], tried[ROUNDS];

/* Other names of the set come and go meanwhile, so that free places move. */
static void *
run_race(void *argument)
{
    struct race *race = argument;
    struct stage *s = race->stage;
    uint64_t first[2], random = race->seed;
    uint32_t entry, other;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        random = hash_mix64(random + 1);
        struct idempotency_claim noise =
            claim_of(1000000 + random % 5, 5, 1, round);
        bool held = random % 3 == 0 &&
                    idempotency_claim(s->table, &s->f.seat[race->seat], &noise,
                                      &other, first) == IDEMPOTENCY_NEW;
        struct idempotency_claim c = claim_of(round, 5, race->number, round);
        c.ttl_ms = 200; /* rounds: longer than one lags behind another */
        enum idempotency_verdict verdict = idempotency_claim(
            s->table, &s->f.seat[race->seat], &c, &entry, first);
        if (verdict == IDEMPOTENCY_NEW) {
            atomic_fetch_add(&winners[round], 1);
            atomic_fetch_add(&tried[round], 1);
            /* Held until all have tried: the time of the call. */
            while (atomic_load(&tried[round]) < THREADS)
                sched_yield();
            idempotency_end(s->table, entry, round % 2 == 0);
        } else {
            atomic_fetch_add(&tried[round], 1);
            while (atomic_load(&tried[round]) < THREADS)
                sched_yield();
        }
        if (held)
            idempotency_end(s->table, other, false);
    }
    return NULL;
}

TEST(of_many_that_claim_one_name_at_a_time_exactly_one_gets_it)
{
    static struct stage s;
    pthread_t threads[THREADS];
    struct race races[THREADS];
    stage_open(&s);
    for (int i = 0; i < THREADS; i++) {
        races[i] = (struct race){&s, i % 3, (uint64_t)i, (uint64_t)i * 77};
        CHECK_EQ(pthread_create(&threads[i], NULL, run_race, &races[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    int many = 0, none = 0;
    for (int round = 0; round < ROUNDS; round++) {
        many += atomic_load(&winners[round]) > 1;
        none += atomic_load(&winners[round]) == 0;
    }
    CHECK_EQ(many, 0);
    CHECK_EQ(none, 0);
    stage_close(&s);
}

/* ---- the file ---- */

TEST(the_file_is_kept_for_its_segment_and_made_anew_for_another)
{
    char folder[] = "/tmp/aigw-idem-XXXXXX", path[160];
    CHECK_TRUE(mkdtemp(folder) != NULL);
    setenv("AIGW_SHM_DIR", folder, 1);
    struct stage s;
    struct segment_sizes sizes = fixture_sizes();
    struct buf error;
    buf_init(&error, 0);
    CHECK_EQ(segment_create(&s.f.segment, &sizes, &error), 0);
    CHECK_EQ(column_find_free(&s.f.segment), 0);
    CHECK_EQ(column_claim(&s.f.segment, 0, getpid(), 1), 0);
    CHECK_EQ(seat_open(&s.f.seat[0], &s.f.segment, 0), 0);
    CHECK_EQ(idempotency_open(&s.table, &s.f.segment, (uid_t)-1), 0);
    CHECK_EQ(claim(&s, 0, 1, 5, 100, 0), IDEMPOTENCY_NEW);
    idempotency_close(&s.table);
    CHECK_EQ(idempotency_open(&s.table, &s.f.segment, (uid_t)-1), 0);
    CHECK_EQ(claim(&s, 0, 1, 5, 101, 0), IDEMPOTENCY_RUNNING);
    idempotency_close(&s.table);
    snprintf(path, sizeof(path), "%s.idem", s.f.segment.path);
    CHECK_EQ(chmod(path, 0644), 0); /* others could have written it */
    CHECK_EQ(idempotency_open(&s.table, &s.f.segment, (uid_t)-1), 0);
    CHECK_EQ(claim(&s, 0, 1, 5, 102, 0), IDEMPOTENCY_NEW);
    idempotency_close(&s.table);
    s.f.segment.header->epoch++; /* another segment */
    CHECK_EQ(idempotency_open(&s.table, &s.f.segment, (uid_t)-1), 0);
    CHECK_EQ(claim(&s, 0, 1, 5, 103, 0), IDEMPOTENCY_NEW);
    idempotency_close(&s.table);
    idempotency_unlink(&s.f.segment);
    CHECK_TRUE(access(path, F_OK) != 0);
    seat_close(&s.f.seat[0]);
    CHECK_EQ(segment_unlink(s.f.segment.path), 0);
    segment_detach(&s.f.segment);
    rmdir(folder);
    buf_fini(&error);
}
