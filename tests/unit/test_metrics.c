/*
 * test_metrics.c - the text of /metrics against the grammar of its format.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "shm/endpoint_health.h"
#include "shm/endpoint_window.h"
#include "shm/model_stats.h"
#include "tests/unit/shm_fixture.h"

static void
write_text(struct fixture *f, struct buf *out)
{
    struct metrics_input input = {
        .segment = &f->segment,
        .version = "1.2.3",
        .currency = "USD",
        .keys = 3,
        .groups = 1,
        .in_flight = 2,
        .ring_bytes_waiting = 512,
        .oldest_record_ms = 1250,
        .lag = {.sum_ms = 260000, .buckets = {[1] = 2, [13] = 1}}};
    buf_init(out, 0);
    metrics_write(&input, out);
    CHECK_TRUE(buf_ok(out));
}

static void
add_request(struct fixture *f, const char *model, const char *provider,
            uint8_t cause, uint16_t status)
{
    int m = model_registry_model(&f->segment, model);
    int p = model_registry_provider(&f->segment, provider);
    int e = model_registry_endpoint(&f->segment, (uint32_t)m, (uint32_t)p);
    struct shm_record record = {.cause = cause,
                                .status = status,
                                .prompt_missed = 10,
                                .completion = 5,
                                .nano = 1500000000,
                                .duration_ms = 3,
                                .first_byte_ms = 1};
    CHECK_TRUE(m >= 0 && p >= 0 && e >= 0);
    model_stats_add(&f->seat[0], (uint32_t)e, &record);
}

static bool
is_name(const char *text, size_t len)
{
    if (len == 0 || (text[0] >= '0' && text[0] <= '9'))
        return false;
    for (size_t i = 0; i < len; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
                   "6789_:",
                   text[i]) == NULL)
            return false;
    return true;
}

/* Behind '{' to behind '}'; NULL when a label is malformed. */
static const char *
pass_labels(const char *at)
{
    while (*at != '}') {
        size_t len = strcspn(at, "=");
        if (!is_name(at, len) || at[len] != '=' || at[len + 1] != '"')
            return NULL;
        for (at += len + 2; *at != '"'; at++) {
            if (*at == '\0' || *at == '\n')
                return NULL;
            if (*at == '\\' && strchr("\\\"n", *++at) == NULL)
                return NULL;
        }
        at++;
        if (*at == ',')
            at++;
        else if (*at != '}')
            return NULL;
    }
    return at + 1;
}

/* One sample; its family is the one that was declared last. */
static bool
sample_is_valid(const char *line, const char *family, bool histogram)
{
    size_t len = strcspn(line, "{ ");
    size_t family_len = strlen(family);
    const char *suffix = line + family_len;
    if (!is_name(line, len) || strncmp(line, family, family_len) != 0)
        return false;
    if (histogram ? (strncmp(suffix, "_bucket{", 8) != 0 &&
                     strncmp(suffix, "_sum", 4) != 0 &&
                     strncmp(suffix, "_count", 6) != 0)
                  : len != family_len)
        return false;
    const char *at = line + len;
    if (*at == '{')
        at = pass_labels(at + 1);
    if (at == NULL || *at != ' ')
        return false;
    char *end = NULL;
    double value = strtod(at + 1, &end);
    return end != at + 1 && *end == '\0' && value >= 0;
}

/* Families are declared once, HELP then TYPE, samples right behind. */
static void
check_format(struct buf *text)
{
    char family[128] = "", seen[8192] = " ", type[32] = "";
    CHECK_TRUE(buf_len(text) > 0 && buf_ptr(text)[buf_len(text) - 1] == '\n');
    char *copy = strdup(buf_cstr(text)), *rest = copy, *line;
    while ((line = strsep(&rest, "\n")) != NULL && rest != NULL) {
        char word[130];
        if (strncmp(line, "# HELP ", 7) == 0) {
            CHECK_EQ(sscanf(line + 7, "%127s", family), 1);
            snprintf(word, sizeof(word), " %s ", family);
            CHECK_TRUE(strstr(seen, word) == NULL);
            strcat(seen, family);
            strcat(seen, " ");
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            CHECK_EQ(sscanf(line + 7, "%127s %31s", word, type), 2);
            CHECK_STR(str_from(word), family);
            CHECK_TRUE(strstr("counter gauge histogram", type) != NULL);
        } else if (!sample_is_valid(line, family,
                                    strcmp(type, "histogram") == 0)) {
            test_fail(__FILE__, __LINE__, "malformed: %s", line);
        }
    }
    free(copy);
}

static bool
has(struct buf *text, const char *line)
{
    return strstr(buf_cstr(text), line) != NULL;
}

TEST(an_idle_server_gives_a_valid_text)
{
    struct fixture f;
    struct buf text;
    fixture_open(&f);
    write_text(&f, &text);
    check_format(&text);
    CHECK_TRUE(has(&text, "aigw_build_info{version=\"1.2.3\"} 1\n"));
    CHECK_TRUE(has(&text, "aigw_workers{state=\"live\"} 3\n"));
    CHECK_TRUE(has(&text, "aigw_inflight 2\n"));
    CHECK_TRUE(has(&text, "aigw_config_last_reload_successful 1\n"));
    CHECK_TRUE(has(&text, "aigw_ledger_up 1\n"));
    CHECK_TRUE(has(&text, "aigw_oldest_record_seconds 1.250\n"));
    CHECK_TRUE(has(&text, "lag_seconds_bucket{le=\"0.005\"} 0\n"));
    CHECK_TRUE(has(&text, "lag_seconds_bucket{le=\"0.010\"} 2\n"));
    CHECK_TRUE(has(&text, "lag_seconds_bucket{le=\"+Inf\"} 3\n"));
    CHECK_TRUE(has(&text, "lag_seconds_sum 260.000\n"));
    CHECK_TRUE(has(&text, "lag_seconds_count 3\n"));
    buf_fini(&text);
    fixture_close(&f);
}

TEST(requests_tokens_and_cost_are_counted_by_model_and_provider)
{
    struct fixture f;
    struct buf text;
    fixture_open(&f);
    add_request(&f, "gpt-a", "openai", RECORD_OK, 200);
    add_request(&f, "gpt-a", "openai", RECORD_OK, 200);
    add_request(&f, "gpt-a", "openai", RECORD_PROVIDER_ERROR, 500);
    write_text(&f, &text);
    check_format(&text);
    CHECK_TRUE(has(&text, "aigw_requests_total{provider=\"openai\",model="
                          "\"gpt-a\",outcome=\"ok\"} 2\n"));
    CHECK_TRUE(has(&text, "outcome=\"provider_error\"} 1\n"));
    CHECK_TRUE(has(&text, "aigw_tokens_total{provider=\"openai\",model="
                          "\"gpt-a\",type=\"prompt_missed\"} 30\n"));
    CHECK_TRUE(has(&text, "currency=\"USD\"} 4.5\n"));
    buf_fini(&text);
    fixture_close(&f);
}

TEST(an_endpoint_that_cools_and_its_medians_are_told)
{
    static const struct breaker_rules rules = {1000, 1000, 1000, 1};
    static const struct breaker_ticket none;
    struct fixture f;
    struct buf text;
    fixture_open(&f);
    add_request(&f, "gpt-a", "openai", RECORD_OK, 200);
    uint64_t now_ms = clock_mono_ms();
    const struct window_sample sample = {.has_ttft = true, .ttft_ms = 64};
    window_add(&f.seat[0], 0, &sample, now_ms);
    CHECK_TRUE(breaker_fail(&segment_health(&f.segment, 0)->breaker, &rules,
                            &none, now_ms, now_ms + 600000,
                            BREAKER_BY_NOTHING));
    CHECK_EQ(gate_enter(&f.seat[1], segment_gate_of_provider(&f.segment, 0), 9),
             0);
    write_text(&f, &text);
    check_format(&text);
    CHECK_TRUE(has(&text, "aigw_endpoint_cooling{provider=\"openai\",model="
                          "\"gpt-a\"} 1\n"));
    CHECK_TRUE(has(&text, "aigw_endpoint_cooled_total{provider=\"openai\","
                          "model=\"gpt-a\"} 1\n"));
    CHECK_TRUE(has(&text, "aigw_endpoint_ttft_median_seconds{provider="
                          "\"openai\",model=\"gpt-a\"} 0.08\n"));
    CHECK_TRUE(has(&text, "aigw_provider_calls{provider=\"openai\"} 1\n"));
    buf_fini(&text);
    fixture_close(&f);
}

TEST(buckets_add_up_to_the_count)
{
    struct fixture f;
    struct buf text;
    fixture_open(&f);
    add_request(&f, "m", "p", RECORD_OK, 200);
    write_text(&f, &text);
    check_format(&text);
    CHECK_TRUE(has(&text, "request_duration_seconds_bucket{"
                          "gen_ai_provider_name=\"p\",gen_ai_request_model="
                          "\"m\",le=\"0.002\"} 0\n"));
    CHECK_TRUE(has(&text, "gen_ai_request_model=\"m\",le=\"0.004\"} 1\n"));
    CHECK_TRUE(has(&text, "gen_ai_request_model=\"m\",le=\"+Inf\"} 1\n"));
    CHECK_TRUE(has(&text, "request_duration_seconds_sum{gen_ai_provider_name="
                          "\"p\",gen_ai_request_model=\"m\"} 0.003\n"));
    buf_fini(&text);
    fixture_close(&f);
}

TEST(a_hostile_model_name_stays_inside_its_quotes)
{
    struct fixture f;
    struct buf text;
    fixture_open(&f);
    add_request(&f, "a\"} 1\nevil 2 \\", "p", RECORD_OK, 200);
    write_text(&f, &text);
    check_format(&text);
    CHECK_TRUE(has(&text, "model=\"a\\\"} 1\\nevil 2 \\\\\""));
    buf_fini(&text);
    fixture_close(&f);
}
