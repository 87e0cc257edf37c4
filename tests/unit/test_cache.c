/*
 * test_cache.c - a call and the cache in one worker: what a hit does to cells,
 * rates and the ring, what refuses it, and what of an answer is kept.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/front_fixture.h"
#include "worker/cache.h"

#define ECHO(text)                                                             \
    "{\"model\":\"echo\",\"max_tokens\":50,\"messages\":[{\"role\":\"user\","  \
    "\"content\":\"" text "\"}]}"
#define STREAM(text)                                                           \
    "{\"model\":\"echo\",\"stream\":true,\"messages\":[{\"role\":\"user\","    \
    "\"content\":\"" text "\"}]}"

static const char ttl[] = "cf-aig-cache-ttl: 60\r\n";

struct scene {
    struct front f;
    struct answer_cache *cache;
    struct buf answer;
};

static void
scene_open(struct scene *s)
{
    front_open(&s->f);
    s->cache = answer_cache_create_shared(&s->f.shm.segment, 4 << 20);
    CHECK_TRUE(s->cache != NULL);
    s->f.heritage.answer_cache = s->cache;
    cache_worker_open(s->f.worker);
    buf_init(&s->answer, 0);
}

static void
scene_close(struct scene *s)
{
    struct worker *worker = s->f.worker;
    cache_worker_close(worker);
    front_close(&s->f);
    answer_cache_close(&s->cache);
    buf_fini(&s->answer);
}

/* The whole answer, which begins with its status. */
static const char *
ask(struct scene *s, const char *fields, const char *body)
{
    struct buf request, extra;
    buf_init(&request, 0);
    buf_init(&extra, 0);
    buf_printf(&extra, "Connection: close\r\n%s", fields);
    front_post(&request, buf_cstr(&extra), body);
    buf_reset(&s->answer);
    int fd = front_connect(&s->f);
    front_send(&s->f, fd, buf_view(&request));
    CHECK_TRUE(front_read(&s->f, fd, NULL, 0, &s->answer));
    close(fd);
    buf_fini(&request);
    buf_fini(&extra);
    return buf_cstr(&s->answer);
}

static bool
says(struct scene *s, const char *text)
{
    return front_has(&s->answer, text);
}

static struct shm_record
last_record(struct scene *s)
{
    struct shm_record record = {0};
    while (front_record(&s->f, &record))
        ;
    return record;
}

static uint64_t
count(struct scene *s, enum answer_count which)
{
    struct answer_cache_stats stats;
    answer_cache_stats(s->cache, &stats);
    return stats.counts[which];
}

TEST(a_hit_is_recorded_and_takes_nothing)
{
    struct scene s;
    struct entry_sums before, after;
    scene_open(&s);
    ask(&s, ttl, ECHO("hello"));
    CHECK_TRUE(says(&s, "x-aigw-cache: miss\r\ncf-aig-cache-status: MISS\r\n"));
    struct shm_record made = last_record(&s);
    CHECK_TRUE(made.tokens > 0 && (made.flags & RECORD_CACHED) == 0);
    struct str first = str_from(strstr(buf_cstr(&s.answer), "\r\n\r\n"));
    char kept[4096];
    CHECK_TRUE(first.len < sizeof(kept));
    memcpy(kept, first.ptr, first.len + 1);
    entry_sum(&s.f.shm.segment, s.f.key, &before);
    ask(&s, ttl, ECHO("hello"));
    CHECK_TRUE(says(&s, "x-aigw-cache: hit\r\ncf-aig-cache-status: HIT\r\n"));
    CHECK_TRUE(says(&s, "x-aigw-cost: 0\r\n"));
    CHECK_TRUE(says(&s, "x-aigw-provider: builtin\r\n"));
    CHECK_TRUE(says(&s, "Age: "));
    CHECK_STR(str_from(strstr(buf_cstr(&s.answer), "\r\n\r\n")), kept);
    entry_sum(&s.f.shm.segment, s.f.key, &after);
    CHECK_EQ(after.used[SHM_TOKENS], before.used[SHM_TOKENS]);
    CHECK_EQ(after.used[SHM_NANO], before.used[SHM_NANO]);
    struct shm_record given = last_record(&s);
    CHECK_TRUE((given.flags & RECORD_CACHED) != 0);
    CHECK_EQ(given.tokens + given.nano, 0);
    CHECK_EQ(given.generated_tokens, 0);
    CHECK_EQ(given.delivered_tokens, made.completion);
    CHECK_EQ(given.status, 200);
    CHECK_EQ(given.cause, RECORD_OK);
    CHECK_EQ(given.model_idx, made.model_idx);
    CHECK_EQ(given.provider_idx, made.provider_idx);
    CHECK_EQ(given.attempts, 0);
    CHECK_EQ(count(&s, ANSWER_COUNT_hits), 1);
    CHECK_EQ(count(&s, ANSWER_COUNT_misses), 1);
    CHECK_EQ(count(&s, ANSWER_COUNT_saved_tokens), made.tokens);
    CHECK_EQ(count(&s, ANSWER_COUNT_saved_nano), made.nano);
    scene_close(&s);
}

TEST(a_stream_is_given_as_the_stream_it_was)
{
    struct scene s;
    scene_open(&s);
    ask(&s, ttl, STREAM("one two three"));
    CHECK_TRUE(says(&s, "MISS") && says(&s, "data: [DONE]"));
    ask(&s, ttl, STREAM("one two three"));
    CHECK_TRUE(says(&s, "HIT") && says(&s, "data: [DONE]"));
    CHECK_TRUE(says(&s, "Content-Type: text/event-stream"));
    CHECK_TRUE(says(&s, "Transfer-Encoding: chunked"));
    CHECK_TRUE(says(&s, "X-Accel-Buffering: no"));
    /* The plain answer to the same words is another one. */
    ask(&s, ttl, ECHO("one two three"));
    CHECK_TRUE(says(&s, "MISS"));
    scene_close(&s);
}

TEST(a_hit_asks_no_budget_but_rates_and_concurrency)
{
    struct scene s;
    struct entry_policy policy;
    uint64_t tag;
    scene_open(&s);
    ask(&s, ttl, ECHO("hello"));
    /* Nothing is left of any budget: it is even overdrawn. */
    CHECK_EQ(entry_read(&s.f.shm.segment, s.f.key, &policy, &tag), 0);
    fixture_budget(&policy, 0, SHM_TOKENS, 1);
    fixture_budget(&policy, 1, SHM_NANO, 1);
    entry_publish_budgets(&s.f.shm.segment, s.f.key, &policy);
    ask(&s, ttl, ECHO("other"));
    CHECK_TRUE(says(&s, "429") && says(&s, "insufficient_quota"));
    ask(&s, ttl, ECHO("hello"));
    CHECK_TRUE(says(&s, "200 OK") && says(&s, "HIT"));
    CHECK_TRUE(says(&s, "x-aigw-quota-remaining: 0"));
    policy.tpm = 1;
    policy.rpm = 2;
    entry_update(&s.f.shm.segment, s.f.key, &policy);
    for (int i = 0; i < 2; i++) {
        ask(&s, ttl, ECHO("hello"));
        CHECK_TRUE(says(&s, "HIT"));
    }
    ask(&s, ttl, ECHO("hello"));
    CHECK_TRUE(says(&s, "429") && says(&s, "rate_limit_exceeded"));
    policy.rpm = policy.tpm = 0;
    policy.max_in_flight = 1;
    entry_update(&s.f.shm.segment, s.f.key, &policy);
    /* Another worker has the only place. */
    struct key_view view;
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    crypto_key_digest(&s.f.secrets, STR_LIT(FRONT_KEY), digest);
    CHECK_EQ(key_table_find(&s.f.shm.segment, digest, &view), 0);
    struct hold hold = {.key = &view, .is_free = true};
    struct hold_refusal why;
    int slot = seat_take_slot(&s.f.shm.seat[1]);
    CHECK_TRUE(slot >= 0);
    CHECK_EQ(cells_hold(&s.f.shm.seat[1], (uint32_t)slot, &hold, &why), 0);
    ask(&s, ttl, ECHO("hello"));
    CHECK_TRUE(says(&s, "429") && !says(&s, "HIT"));
    fixture_settle(&s.f.shm, 1, slot, 0, 0);
    ask(&s, ttl, ECHO("hello"));
    CHECK_TRUE(says(&s, "HIT"));
    scene_close(&s);
}

TEST(what_was_cut_short_for_its_payer_is_nobody_elses_answer)
{
    struct scene s;
    struct entry_policy policy;
    uint64_t tag;
    const char body[] = "{\"model\":\"echo\",\"messages\":[{\"role\":\"user\","
                        "\"content\":\"1 2 3 4 5 6 7 8 9 10 11 12\"}]}";
    scene_open(&s);
    CHECK_EQ(entry_read(&s.f.shm.segment, s.f.key, &policy, &tag), 0);
    for (int64_t limit = 40; limit < 4000 && !says(&s, "\"length\""); limit++) {
        fixture_budget(&policy, 0, SHM_TOKENS, limit);
        entry_publish_budgets(&s.f.shm.segment, s.f.key, &policy);
        ask(&s, ttl, body);
    }
    CHECK_TRUE(says(&s, "\"length\""));
    CHECK_EQ(count(&s, ANSWER_COUNT_stores), 0);
    fixture_budget(&policy, 0, SHM_TOKENS, 100000);
    entry_publish_budgets(&s.f.shm.segment, s.f.key, &policy);
    ask(&s, ttl, body);
    CHECK_TRUE(says(&s, "MISS") && says(&s, "\"stop\""));
    ask(&s, ttl, body);
    CHECK_TRUE(says(&s, "HIT") && says(&s, "\"stop\""));
    scene_close(&s);
}

TEST(errors_and_counts_are_not_kept)
{
    struct scene s;
    scene_open(&s);
    for (int i = 0; i < 2; i++) {
        ask(&s, ttl,
            "{\"model\":\"gone/only\",\"messages\":[{\"role\":\"user\","
            "\"content\":\"x\"}]}");
        CHECK_TRUE(says(&s, "502") && !says(&s, "HIT"));
        ask(&s, ttl,
            "{\"model\":\"echo\",\"n\":129,\"messages\":[{\"role\":\"user\","
            "\"content\":\"x\"}]}");
        CHECK_TRUE(says(&s, "400") && !says(&s, "HIT"));
    }
    CHECK_EQ(count(&s, ANSWER_COUNT_stores), 0);
    scene_close(&s);
}

TEST(an_answer_longer_than_allowed_is_not_kept)
{
    struct scene s;
    scene_open(&s);
    s.f.config->server.cache_item_max_bytes = 200;
    for (int i = 0; i < 2; i++) {
        ask(&s, ttl, ECHO("hello"));
        CHECK_TRUE(says(&s, "MISS"));
        ask(&s, ttl, STREAM("hello"));
        CHECK_TRUE(says(&s, "MISS"));
    }
    CHECK_EQ(count(&s, ANSWER_COUNT_stores), 0);
    CHECK_EQ(count(&s, ANSWER_COUNT_refused), 4);
    scene_close(&s);
}

TEST(a_hit_needs_a_place_for_its_record)
{
    struct scene s;
    scene_open(&s);
    ask(&s, ttl, ECHO("hello"));
    int slots[64], taken = 0;
    while (taken < 64 &&
           (slots[taken] = seat_take_slot(&s.f.worker->seat)) >= 0)
        taken++;
    ask(&s, ttl, ECHO("hello"));
    CHECK_TRUE(says(&s, "503") && !says(&s, "HIT"));
    while (taken > 0)
        seat_give_slot(&s.f.worker->seat, (uint32_t)slots[--taken]);
    ask(&s, ttl, ECHO("hello"));
    CHECK_TRUE(says(&s, "HIT"));
    scene_close(&s);
}

TEST(without_a_cache_nothing_is_said_of_one)
{
    struct scene s;
    scene_open(&s);
    cache_worker_close(s.f.worker);
    for (int i = 0; i < 2; i++) {
        ask(&s, ttl, ECHO("hello"));
        CHECK_TRUE(says(&s, "200 OK") && says(&s, "x-aigw-cache: off"));
        CHECK_TRUE(!says(&s, "cf-aig-cache-status"));
    }
    scene_close(&s);
}
