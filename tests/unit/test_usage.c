/*
 * test_usage.c - provider-stated numbers split into six classes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/usage.h"

#include <cjson/cJSON.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/ini_part.h"
#include "tests/test.h"

TEST(stated_numbers_are_split_with_the_total_as_judge)
{
    static const struct {
        struct usage_stated stated;
        struct usage want;
        bool ambiguous;
    } cases[] = {
        /* Nothing at all. */
        {{0}, {0}, false},
        /* OpenAI: all details inside. */
        {{.prompt = 100,
          .completion = 50,
          .total = 150,
          .has_total = true,
          .cached = 30,
          .cache_write = 20,
          .audio_in = 10,
          .reasoning = 15,
          .audio_out = 5},
         {.prompt_missed = 40,
          .cached = 30,
          .cache_creation = 20,
          .audio_in = 10,
          .completion = 30,
          .reasoning = 15,
          .audio_out = 5},
         false},
        /* The same without a total. */
        {{.prompt = 100, .completion = 50, .cached = 30, .reasoning = 15},
         {.prompt_missed = 70, .cached = 30, .completion = 35, .reasoning = 15},
         false},
        /* xAI: reasoning outside. */
        {{.prompt = 32,
          .completion = 9,
          .total = 235,
          .has_total = true,
          .cached = 6,
          .reasoning = 194},
         {.prompt_missed = 26, .cached = 6, .completion = 9, .reasoning = 194},
         false},
        /* Mistral: audio outside. */
        {{.prompt = 10,
          .completion = 5,
          .total = 65,
          .has_total = true,
          .audio_in = 50},
         {.prompt_missed = 10, .audio_in = 50, .completion = 5},
         false},
        /* Both outside. */
        {{.prompt = 10,
          .completion = 5,
          .total = 72,
          .has_total = true,
          .audio_in = 50,
          .reasoning = 7},
         {.prompt_missed = 10, .audio_in = 50, .completion = 5, .reasoning = 7},
         false},
        /* Gemini's endpoint: hidden thoughts. */
        {{.prompt = 10, .completion = 5, .total = 100, .has_total = true},
         {.prompt_missed = 10, .completion = 5, .reasoning = 85},
         false},
        /* A total that fits nothing. */
        {{.prompt = 10,
          .completion = 5,
          .total = 100,
          .has_total = true,
          .reasoning = 3},
         {.prompt_missed = 10, .completion = 2, .reasoning = 3},
         true},
        /* Azure's Grok: cached counts a hidden prefix. */
        {{.prompt = 10,
          .completion = 5,
          .total = 15,
          .has_total = true,
          .cached = 161},
         {.cached = 10, .completion = 5},
         true},
        /* More reasoning than completion. */
        {{.prompt = 10,
          .completion = 10,
          .total = 20,
          .has_total = true,
          .reasoning = 11},
         {.prompt_missed = 10, .reasoning = 10},
         true},
        /* Cached and written are nearly all of the prompt. */
        {{.prompt = 100, .completion = 1, .cached = 90, .cache_write = 90},
         {.cached = 90, .cache_creation = 10, .completion = 1},
         true},
        /* Embeddings: no completion. */
        {{.prompt = 8, .total = 8, .has_total = true},
         {.prompt_missed = 8},
         false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct usage got;
        bool ambiguous = !cases[i].ambiguous;
        usage_from_stated(&cases[i].stated, &got, &ambiguous);
        if (memcmp(&got, &cases[i].want, sizeof(got)) != 0 ||
            ambiguous != cases[i].ambiguous)
            test_fail(__FILE__, __LINE__, "case %zu", i);
    }
}

TEST(absurd_numbers_do_not_overflow)
{
    struct usage_stated stated;
    struct usage usage;
    bool ambiguous;
    memset(&stated, 0xff, sizeof(stated));
    stated.has_total = true;
    usage_from_stated(&stated, &usage, &ambiguous);
    CHECK_TRUE(usage_total(&usage) <= UINT64_C(1) << 56);
    stated.total = 5;
    usage_from_stated(&stated, &usage, &ambiguous);
    CHECK_EQ(usage_total(&usage), INT64_C(1) << 54);
}

/* ---- recorded answers ---- */

static uint64_t
number(const cJSON *object, const char *a, const char *b)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, a);
    if (item != NULL && b != NULL)
        item = cJSON_GetObjectItemCaseSensitive(item, b);
    return cJSON_IsNumber(item) && item->valuedouble > 0
               ? (uint64_t)item->valuedouble
               : 0;
}

static uint64_t
first(uint64_t a, uint64_t b)
{
    return a != 0 ? a : b;
}

static void
read_stated(const cJSON *usage, struct usage_stated *stated)
{
    const char *in = "prompt_tokens_details",
               *out = "completion_tokens_details";
    *stated = (struct usage_stated){
        .prompt = number(usage, "prompt_tokens", NULL),
        .completion = number(usage, "completion_tokens", NULL),
        .total = number(usage, "total_tokens", NULL),
        .has_total = cJSON_GetObjectItem(usage, "total_tokens") != NULL,
        .cached = first(first(number(usage, in, "cached_tokens"),
                              number(usage, "prompt_cache_hit_tokens", NULL)),
                        first(number(usage, "cached_tokens", NULL),
                              number(usage, "num_cached_tokens", NULL))),
        .cache_write =
            first(first(number(usage, in, "cache_write_tokens"),
                        number(usage, in, "cache_creation_input_tokens")),
                  number(usage, in, "cache_creation_tokens")),
        .audio_in = number(usage, in, "audio_tokens"),
        .reasoning = first(number(usage, out, "reasoning_tokens"),
                           number(usage, "reasoning_tokens", NULL)),
        .audio_out = number(usage, out, "audio_tokens"),
    };
}

/* False when the recording is of another kind. */
static bool
check_recording(const char *path, const cJSON *recording)
{
    const cJSON *api = cJSON_GetObjectItem(recording, "api");
    const cJSON *expected = cJSON_GetObjectItem(recording, "expected_usage");
    const cJSON *stated_json = cJSON_GetObjectItem(expected, "stated");
    const cJSON *want = cJSON_GetObjectItem(expected, "normalised");
    if (!cJSON_IsString(api) || !cJSON_IsObject(expected) ||
        (strcmp(api->valuestring, "chat") != 0 &&
         strcmp(api->valuestring, "completions") != 0 &&
         strcmp(api->valuestring, "embeddings") != 0))
        return false;
    if (cJSON_IsArray(stated_json))
        stated_json = cJSON_GetArrayItem(stated_json,
                                         cJSON_GetArraySize(stated_json) - 1);
    struct usage_stated stated;
    struct usage got;
    bool ambiguous;
    read_stated(stated_json, &stated);
    usage_from_stated(&stated, &got, &ambiguous);
    if (got.prompt_missed != number(want, "prompt_missed", NULL) ||
        got.cached != number(want, "cached", NULL) ||
        got.cache_creation != number(want, "cache_creation", NULL) ||
        got.completion != number(want, "completion", NULL) ||
        got.reasoning != number(want, "reasoning", NULL) ||
        usage_audio(&got) != number(want, "audio", NULL) ||
        ambiguous != cJSON_IsTrue(cJSON_GetObjectItem(want, "ambiguous")))
        test_fail(__FILE__, __LINE__, "%s", path);
    return true;
}

TEST(recorded_answers_are_split_as_noted_beside_them)
{
    const char *shared = getenv("AIGW_SHARED");
    char pattern[4096];
    glob_t found;
    unsigned checked = 0;
    snprintf(pattern, sizeof(pattern), "%s/recordings/*/*.json",
             shared != NULL ? shared : "../shared");
    if (glob(pattern, 0, NULL, &found) != 0) {
        fprintf(stderr, "skipped: no recordings (AIGW_SHARED)\n");
        return;
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct buf text;
        buf_init(&text, 0);
        CHECK_EQ(ini_read_whole(found.gl_pathv[i], &text), 0);
        cJSON *recording =
            cJSON_ParseWithLength(buf_ptr(&text), buf_len(&text));
        CHECK_TRUE(recording != NULL);
        checked += check_recording(found.gl_pathv[i], recording);
        cJSON_Delete(recording);
        buf_fini(&text);
    }
    globfree(&found);
    CHECK_TRUE(checked > 50);
}
