/*
 * test_model_stats.c - the registry of names and the rows.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/model_stats.h"

#include <errno.h>
#include <stdio.h>

#include "tests/unit/shm_fixture.h"

#define COUNT(sum, field) (sum).v[offsetof(struct shm_stats, field) / 8]

TEST(a_name_keeps_its_number)
{
    struct fixture f;
    char name[SHM_NAME_BYTES];
    fixture_open(&f);
    CHECK_EQ(model_registry_model(&f.segment, "gpt-a"), 0);
    CHECK_EQ(model_registry_model(&f.segment, "gpt-b"), 1);
    CHECK_EQ(model_registry_model(&f.segment, "gpt-a"), 0);
    CHECK_EQ(model_registry_provider(&f.segment, "gpt-b"), 0);
    model_registry_model_name(&f.segment, 1, name);
    CHECK_STR(str_from(name), "gpt-b");
    model_registry_provider_name(&f.segment, 0, name);
    CHECK_STR(str_from(name), "gpt-b");
    model_registry_model_name(&f.segment, 2, name);
    CHECK_STR(str_from(name), "");
    model_registry_model_name(&f.segment, UINT32_MAX, name);
    CHECK_STR(str_from(name), "");
    fixture_close(&f);
}

TEST(names_have_a_length_and_the_table_an_end)
{
    struct fixture f;
    char name[SHM_NAME_BYTES + 1];
    fixture_open(&f);
    memset(name, 'n', sizeof(name));
    name[SHM_NAME_BYTES] = '\0';
    CHECK_EQ(model_registry_model(&f.segment, name), -ENAMETOOLONG);
    CHECK_EQ(model_registry_model(&f.segment, ""), -ENAMETOOLONG);
    name[SHM_NAME_BYTES - 1] = '\0';
    CHECK_EQ(model_registry_model(&f.segment, name), 0);
    for (uint32_t i = 1; i < f.segment.model_max; i++) {
        snprintf(name, sizeof(name), "m%u", i);
        CHECK_EQ(model_registry_model(&f.segment, name), i);
    }
    CHECK_EQ(model_registry_model(&f.segment, "more"), -ENOSPC);
    CHECK_EQ(model_registry_model(&f.segment, "m1"), 1);
    fixture_close(&f);
}

TEST(a_pair_of_model_and_provider_keeps_its_row)
{
    struct fixture f;
    uint32_t model, provider;
    fixture_open(&f);
    CHECK_EQ(model_registry_endpoint(&f.segment, 3, 4), 0);
    CHECK_EQ(model_registry_endpoint(&f.segment, 3, 5), 1);
    CHECK_EQ(model_registry_endpoint(&f.segment, 3, 4), 0);
    CHECK_EQ(model_registry_endpoint_pair(&f.segment, 1, &model, &provider), 0);
    CHECK_EQ(model, 3);
    CHECK_EQ(provider, 5);
    CHECK_EQ(model_registry_endpoint_pair(&f.segment, 2, &model, &provider),
             -ENOENT);
    for (uint32_t i = 2; i < f.segment.endpoint_max; i++)
        CHECK_EQ(model_registry_endpoint(&f.segment, 100, i), i);
    CHECK_EQ(model_registry_endpoint(&f.segment, 101, 1), -ENOSPC);
    fixture_close(&f);
}

TEST(rows_of_all_workers_are_summed)
{
    struct fixture f;
    struct model_stats_sum sum;
    struct shm_record record = {.cause = RECORD_OK,
                                .nano = 7,
                                .prompt_missed = 10,
                                .cached = 11,
                                .cache_creation = 12,
                                .completion = 13,
                                .reasoning = 14,
                                .audio_in = 15,
                                .audio_out = 16,
                                .duration_ms = 100,
                                .first_byte_ms = 20};
    fixture_open(&f);
    CHECK_EQ(model_registry_endpoint(&f.segment, 0, 0), 0);
    model_stats_add(&f.seat[0], 0, &record);
    model_stats_add(&f.seat[2], 0, &record);
    model_stats_add(&f.seat[2], 0, &record);
    model_stats_read(&f.segment, 0, &sum);
    CHECK_EQ(COUNT(sum, requests), 3);
    CHECK_EQ(COUNT(sum, ok), 3);
    CHECK_EQ(COUNT(sum, cost_nano), 21);
    CHECK_EQ(COUNT(sum, prompt_missed), 30);
    CHECK_EQ(COUNT(sum, audio_out), 48);
    CHECK_EQ(COUNT(sum, duration_ms_sum), 300);
    CHECK_EQ(COUNT(sum, duration[7]), 3); /* 64 < 100 <= 128 */
    CHECK_EQ(COUNT(sum, first_byte[5]), 3);
    model_stats_read(&f.segment, 1, &sum);
    CHECK_EQ(COUNT(sum, requests), 0);
    model_stats_read(&f.segment, UINT32_MAX, &sum);
    CHECK_EQ(COUNT(sum, requests), 0);
    fixture_close(&f);
}

TEST(each_cause_has_its_counter)
{
    static const struct {
        enum record_cause cause;
        uint16_t status;
        size_t off;
    } cases[] = {
        {RECORD_OK, 200, offsetof(struct shm_stats, ok)},
        {RECORD_PROVIDER_ERROR, 429, offsetof(struct shm_stats, rate_limited)},
        {RECORD_PROVIDER_ERROR, 400, offsetof(struct shm_stats, client_errors)},
        {RECORD_PROVIDER_ERROR, 500,
         offsetof(struct shm_stats, provider_errors)},
        {RECORD_UPSTREAM_FAILED, 502,
         offsetof(struct shm_stats, provider_errors)},
        {RECORD_UPSTREAM_CUT, 200, offsetof(struct shm_stats, provider_errors)},
        {RECORD_UPSTREAM_TIMEOUT, 504, offsetof(struct shm_stats, timeouts)},
        {RECORD_CLIENT_GONE, 499, offsetof(struct shm_stats, client_gone)},
        {RECORD_CUT, 200, offsetof(struct shm_stats, cut)},
        {RECORD_DRAIN_CUT, 200, offsetof(struct shm_stats, cut)},
        {RECORD_LOST, 0, offsetof(struct shm_stats, lost)},
        {RECORD_REFUSED, 400, offsetof(struct shm_stats, client_errors)},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        struct model_stats_sum sum;
        struct shm_record record = {.cause = (uint8_t)cases[i].cause,
                                    .status = cases[i].status};
        fixture_open(&f);
        CHECK_EQ(model_registry_endpoint(&f.segment, 0, 0), 0);
        model_stats_add(&f.seat[0], 0, &record);
        model_stats_read(&f.segment, 0, &sum);
        CHECK_EQ(sum.v[cases[i].off / 8], 1);
        CHECK_EQ(COUNT(sum, requests), 1);
        fixture_close(&f);
    }
}
