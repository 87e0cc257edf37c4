/*
 * test_worker_usage.c - worker/usage.c: what a call leaves behind, in the ring,
 * in the cells and in the counters, however it ends.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/model_stats.h"
#include "tests/unit/front_fixture.h"

#define CALL(model, more)                                                      \
    "{\"model\":\"" model "\"," more "\"messages\":[{\"role\":\"user\","       \
    "\"content\":\"one two three four five six seven eight nine ten\"}]}"

static struct entry_sums
sums_of(const struct front *f, uint32_t entry)
{
    struct entry_sums sums;
    entry_sum(&f->shm.segment, entry, &sums);
    return sums;
}

static uint64_t
classes(const struct shm_record *record)
{
    return (uint64_t)record->prompt_missed + record->cached +
           record->cache_creation + record->completion + record->reasoning +
           record->audio_in + record->audio_out;
}

TEST(a_plain_call_is_charged_once_in_key_and_group)
{
    struct front f;
    struct buf answer;
    struct shm_record record = {0};
    buf_init(&answer, 0);
    front_open(&f);
    front_ask(&f, CALL("builtin/echo", ""), &answer);
    CHECK_TRUE(front_record(&f, &record));
    CHECK_EQ(record.status, 200);
    CHECK_EQ(record.cause, RECORD_OK);
    CHECK_EQ(record.key_id, 10);
    CHECK_EQ(record.price_version, 7);
    CHECK_EQ(record.endpoint, ENDPOINT_CHAT);
    CHECK_EQ(record.flags & RECORD_STREAM, 0);
    CHECK_EQ(record.model_asked_len, strlen("builtin/echo"));
    CHECK_TRUE(record.tokens > 0);
    CHECK_EQ(record.tokens, classes(&record));
    /* Input 1, output 2 per million, in nano. */
    CHECK_EQ(record.nano,
             1000 * record.prompt_missed + 2000 * record.completion);
    CHECK_EQ(sums_of(&f, f.key).used[SHM_TOKENS], record.tokens);
    CHECK_EQ(sums_of(&f, f.shm.group).used[SHM_TOKENS], record.tokens);
    CHECK_EQ(sums_of(&f, f.key).used[SHM_NANO], record.nano);
    CHECK_TRUE(!front_record(&f, &record));
    front_close(&f);
    buf_fini(&answer);
}

TEST(a_call_is_charged_by_the_tier_that_what_was_stated_is_of)
{
    static const char filler[] =
        "eins zwei drei vier fuenf sechs sieben acht "
        "neun zehn elf zwoelf dreizehn vierzehn fuenfzehn";
    struct front f;
    struct buf answer, call;
    struct shm_record record = {0};
    buf_init(&answer, 0);
    buf_init(&call, 0);
    front_open(&f);
    for (int is_long = 0; is_long < 2; is_long++) {
        buf_reset(&call);
        buf_printf(&call,
                   "{\"model\":\"builtin/tiers\",\"messages\":[{\"role\":"
                   "\"user\",\"content\":\"%s\"}]}",
                   is_long ? filler : "a");
        buf_reset(&answer);
        front_ask(&f, buf_cstr(&call), &answer);
        CHECK_TRUE(front_record(&f, &record));
        CHECK_EQ(record.prompt_missed >= 15, is_long);
        CHECK_EQ(record.price_tier, is_long ? 3 : 0);
        CHECK_EQ(record.service_tier, SERVICE_UNSTATED);
        CHECK_EQ(record.nano,
                 is_long
                     ? 3000 * record.prompt_missed + 5000 * record.completion
                     : 1000 * record.prompt_missed + 2000 * record.completion);
    }
    front_close(&f);
    buf_fini(&answer);
    buf_fini(&call);
}

TEST(a_stream_is_charged_what_the_provider_states)
{
    struct front f;
    struct buf plain, stream;
    struct shm_record first = {0}, second = {0};
    buf_init(&plain, 0);
    buf_init(&stream, 0);
    front_open(&f);
    front_ask(&f, CALL("builtin/echo", ""), &plain);
    front_ask(&f, CALL("builtin/echo", "\"stream\":true,"), &stream);
    CHECK_TRUE(front_record(&f, &first));
    CHECK_TRUE(front_record(&f, &second));
    CHECK_EQ(second.tokens, first.tokens);
    CHECK_EQ(second.flags & (RECORD_STREAM | RECORD_ESTIMATED), RECORD_STREAM);
    CHECK_TRUE(second.delivered_tokens > 0);
    CHECK_TRUE(front_has(&stream, "data: [DONE]"));
    CHECK_TRUE(!front_has(&stream, "\"usage\"")); /* nobody asked for it */
    front_close(&f);
    buf_fini(&plain);
    buf_fini(&stream);
}

TEST(a_stream_beyond_its_budget_is_cut_with_a_clean_end)
{
    struct front f;
    struct buf body, answer;
    struct shm_record record = {0};
    buf_init(&body, 0);
    buf_init(&answer, 0);
    front_open(&f);
    buf_append_cstr(&body, "{\"model\":\"builtin/free\",\"stream\":true,"
                           "\"stream_options\":{\"include_usage\":true},"
                           "\"messages\":[{\"role\":\"user\",\"content\":\"");
    for (int i = 0; i < 3000; i++)
        buf_append_cstr(&body, "word ");
    buf_append_cstr(&body, "\"}]}");
    struct call call = {0};
    struct fault fault;
    CHECK_EQ(dialect_openai.scan(buf_view(&body), ENDPOINT_CHAT, &call, &fault),
             0);
    int64_t limit = (int64_t)call.prompt_bound + 350;
    fixture_limit(&f.shm, f.key, SHM_TOKENS, limit);
    front_ask(&f, buf_cstr(&body), &answer);
    CHECK_TRUE(front_has(&answer, "\"finish_reason\":\"length\""));
    CHECK_TRUE(front_has(&answer, "\"usage\":{\"prompt_tokens\":"));
    CHECK_TRUE(front_has(&answer, "data: [DONE]"));
    const char *end = buf_ptr(&answer) + buf_len(&answer) - 5;
    CHECK_TRUE(memcmp(end, "0\r\n\r\n", 5) == 0);
    CHECK_TRUE(front_record(&f, &record));
    CHECK_EQ(record.cause, RECORD_CUT);
    CHECK_EQ(record.status, 200);
    CHECK_TRUE((record.flags & RECORD_ESTIMATED) != 0);
    CHECK_TRUE(record.delivered_tokens > 300 && record.delivered_tokens <= 352);
    CHECK_TRUE((int64_t)sums_of(&f, f.key).used[SHM_TOKENS] <= limit);
    front_close(&f);
    buf_fini(&body);
    buf_fini(&answer);
}

TEST(a_client_that_leaves_pays_for_what_it_got)
{
    struct front f;
    struct buf request, answer;
    struct shm_record record = {0};
    buf_init(&request, 0);
    buf_init(&answer, 0);
    front_open(&f);
    for (uint32_t i = 0; i < f.catalogue->provider_count; i++)
        f.catalogue->providers[i].builtin_delay_ms = 20;
    front_post(&request, "", CALL("builtin/echo", "\"stream\":true,"));
    int fd = front_connect(&f);
    front_send(&f, fd, buf_view(&request));
    CHECK_TRUE(!front_read(&f, fd, "data: ", 3, &answer));
    close(fd);
    uint64_t until = clock_mono_ms() + FRONT_DEADLINE_MS;
    while (requests_running(f.worker) > 0 && clock_mono_ms() < until)
        loop_turn(f.worker->loop, 5);
    CHECK_TRUE(front_record(&f, &record));
    CHECK_EQ(record.cause, RECORD_CLIENT_GONE);
    CHECK_TRUE((record.flags & RECORD_ESTIMATED) != 0);
    CHECK_TRUE(record.completion >= 1 && record.completion < 10);
    front_close(&f);
    buf_fini(&request);
    buf_fini(&answer);
}

TEST(what_is_cut_by_a_stop_says_so_and_is_charged)
{
    struct front f;
    struct buf request, answer;
    struct shm_record record = {0};
    buf_init(&request, 0);
    buf_init(&answer, 0);
    front_open(&f);
    for (uint32_t i = 0; i < f.catalogue->provider_count; i++)
        f.catalogue->providers[i].builtin_delay_ms = 50;
    front_post(&request, "", CALL("builtin/echo", "\"stream\":true,"));
    int fd = front_connect(&f);
    front_send(&f, fd, buf_view(&request));
    CHECK_TRUE(!front_read(&f, fd, "data: ", 2, &answer));
    requests_cut_all(f.worker);
    CHECK_TRUE(front_read(&f, fd, NULL, 0, &answer));
    close(fd);
    CHECK_TRUE(front_has(&answer, "data: {\"error\":"));
    CHECK_TRUE(!front_has(&answer, "[DONE]"));
    CHECK_TRUE(!front_has(&answer, "\r\n0\r\n\r\n"));
    CHECK_TRUE(front_record(&f, &record));
    CHECK_EQ(record.cause, RECORD_DRAIN_CUT);
    CHECK_TRUE(record.tokens > 0);
    front_close(&f);
    buf_fini(&request);
    buf_fini(&answer);
}

TEST(tokens_a_minute_are_corrected_to_the_true_use)
{
    struct front f;
    struct buf answer;
    struct shm_record record = {0};
    struct entry_policy policy;
    uint64_t tag;
    buf_init(&answer, 0);
    front_open(&f);
    CHECK_EQ(entry_read(&f.shm.segment, f.key, &policy, &tag), 0);
    policy.tpm = 1000;
    entry_update(&f.shm.segment, f.key, &policy);
    front_ask(&f, CALL("builtin/echo", "\"max_tokens\":900,"), &answer);
    CHECK_TRUE(front_has(&answer, "x-ratelimit-limit-tokens: 1000\r\n"));
    CHECK_TRUE(front_record(&f, &record));
    struct rate_answer rate;
    struct shm_entry_hot *hot = segment_entry_hot(&f.shm.segment, f.key);
    CHECK_EQ(rate_take(&hot->tpm_tat_ns, 1000, 0, clock_mono_ns(), &rate), 0);
    CHECK_TRUE(rate.remaining + record.tokens + 2 >= 1000);
    front_close(&f);
    buf_fini(&answer);
}

TEST(the_counters_of_the_endpoint_agree_with_the_records)
{
    struct front f;
    struct buf answer;
    struct shm_record record = {0};
    buf_init(&answer, 0);
    front_open(&f);
    uint64_t tokens = 0;
    for (int i = 0; i < 3; i++) {
        front_ask(&f, CALL("builtin/echo", ""), &answer);
        CHECK_TRUE(front_record(&f, &record));
        tokens += record.prompt_missed;
    }
    int only_provider = -1;
    struct str upstream;
    const struct catalogue_model *echo =
        catalogue_find(f.catalogue, STR_LIT("echo"), &upstream, &only_provider);
    struct model_stats_sum sum;
    model_stats_read(&f.shm.segment, echo->endpoints[0].endpoint_idx, &sum);
    CHECK_EQ(sum.v[offsetof(struct shm_stats, requests) / 8], 3);
    CHECK_EQ(sum.v[offsetof(struct shm_stats, ok) / 8], 3);
    CHECK_EQ(sum.v[offsetof(struct shm_stats, prompt_missed) / 8], tokens);
    front_close(&f);
    buf_fini(&answer);
}
