/*
 * anthropic_usage.c - what an answer states about its tokens, and the six
 * classes written back.
 *
 * Cache counts lie outside of input_tokens, thinking inside of output_tokens
 * where it is stated at all. Passes that ran beside the answer (compaction of
 * the context, an advisor) are listed in "iterations", are not in the top-level
 * numbers and are billed in addition; those of type "message" are in them, and
 * so is the one of another model that answered instead ("fallback_message").
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/anthropic_part.h"

#include <errno.h>

enum usage_field {
    FIELD_INPUT,
    FIELD_OUTPUT,
    FIELD_CACHED,
    FIELD_WRITTEN, /* the sums end here */
    FIELD_WRITTEN_1H,
    FIELD_WRITTEN_5M,
    FIELD_THINKING,
    FIELDS,
};

struct usage_reading {
    uint64_t values[FIELDS];
    bool stated[FIELDS];
    bool odd; /* a sum that is no count */
    struct str iterations, service;
    bool is_extra; /* of an iteration: billed in addition */
};

/* Negative ones say nothing; what is beyond any count is odd. */
static void
read_number(struct usage_reading *reading, enum usage_field field,
            struct str number)
{
    uint64_t value = 0;
    int rc = json_number_u64(number, &value);
    if (rc == -ERANGE && (*number.ptr != '-' || field <= FIELD_WRITTEN)) {
        reading->odd = true;
        return;
    }
    if (rc != 0)
        return;
    reading->values[field] = value;
    reading->stated[field] = true;
}

enum usage_key {
    KEY_FIELDS_END = FIELDS,
    KEY_CACHE_CREATION = FIELDS,
    KEY_OUTPUT_DETAILS,
    KEY_ITERATIONS,
    KEY_TYPE,
    KEY_SERVICE,
    KEY_OTHER,
};

static void
read_object(struct usage_reading *reading, struct str object)
{
    static const struct str names[KEY_OTHER] = {
        [FIELD_INPUT] = STR_LIT("input_tokens"),
        [FIELD_OUTPUT] = STR_LIT("output_tokens"),
        [FIELD_CACHED] = STR_LIT("cache_read_input_tokens"),
        [FIELD_WRITTEN] = STR_LIT("cache_creation_input_tokens"),
        [FIELD_WRITTEN_1H] = STR_LIT("ephemeral_1h_input_tokens"),
        [FIELD_WRITTEN_5M] = STR_LIT("ephemeral_5m_input_tokens"),
        [FIELD_THINKING] = STR_LIT("thinking_tokens"),
        [KEY_CACHE_CREATION] = STR_LIT("cache_creation"),
        [KEY_OUTPUT_DETAILS] = STR_LIT("output_tokens_details"),
        [KEY_ITERATIONS] = STR_LIT("iterations"),
        [KEY_TYPE] = STR_LIT("type"),
        [KEY_SERVICE] = STR_LIT("service_tier"),
    };
    struct json_reader reader;
    struct json_token token;
    unsigned depth = 0;
    json_reader_init(&reader, object);
    if (json_next(&reader, &token) != JSON_OBJECT)
        return;
    while (json_next(&reader, &token) > JSON_BAD) {
        if (token.type == JSON_OBJECT_END && depth-- == 0)
            return;
        if (token.type != JSON_KEY)
            continue;
        unsigned key = json_key_find(token.span, names, KEY_OTHER);
        struct str value;
        enum json_type type;
        if (depth == 0 &&
            (key == KEY_CACHE_CREATION || key == KEY_OUTPUT_DETAILS)) {
            struct json_reader before = reader;
            if (json_next(&reader, &token) == JSON_OBJECT) {
                depth++;
                continue;
            }
            reader = before;
        }
        type = json_skip_value(&reader, &value);
        bool is_detail = key >= FIELD_WRITTEN_1H && key < FIELDS;
        if (type == JSON_NUMBER && key < FIELDS && is_detail == (depth == 1))
            read_number(reading, (enum usage_field)key, value);
        else if (type == JSON_ARRAY && key == KEY_ITERATIONS && depth == 0)
            reading->iterations = value;
        else if (type == JSON_STRING && key == KEY_SERVICE && depth == 0)
            reading->service = value;
        else if (type == JSON_STRING && key == KEY_TYPE && depth == 0)
            reading->is_extra =
                json_string_equals(value, STR_LIT("compaction")) ||
                json_string_equals(value, STR_LIT("advisor_message"));
    }
}

/* The split of cache writes stands for their sum where that is missing. */
static void
complete(struct usage_reading *reading)
{
    uint64_t *v = reading->values;
    if (!reading->stated[FIELD_WRITTEN] &&
        (reading->stated[FIELD_WRITTEN_1H] ||
         reading->stated[FIELD_WRITTEN_5M])) {
        v[FIELD_WRITTEN] = v[FIELD_WRITTEN_1H] + v[FIELD_WRITTEN_5M];
        reading->stated[FIELD_WRITTEN] = true;
    }
}

static void
read_iterations(struct answer *answer, struct str list)
{
    struct json_reader reader;
    struct str pass;
    uint64_t *words = answer->reader.words;
    memset(&words[WORD_EXTRA_INPUT], 0,
           (WORDS_END - WORD_EXTRA_INPUT) * sizeof(*words));
    if (!json_list_begin(&reader, list))
        return;
    while (json_item(&reader, &pass) == JSON_OBJECT) {
        struct usage_reading extra = {.odd = false};
        read_object(&extra, pass);
        complete(&extra);
        answer->usage_odd = answer->usage_odd || extra.odd;
        if (!extra.is_extra || extra.odd)
            continue;
        words[WORD_EXTRA_INPUT] += extra.values[FIELD_INPUT];
        words[WORD_EXTRA_CACHED] += extra.values[FIELD_CACHED];
        words[WORD_EXTRA_WRITTEN] += extra.values[FIELD_WRITTEN];
        words[WORD_EXTRA_WRITTEN_1H] += extra.values[FIELD_WRITTEN_1H];
        words[WORD_EXTRA_OUTPUT] += extra.values[FIELD_OUTPUT];
        words[WORD_EXTRA_THINKING] += extra.values[FIELD_THINKING];
    }
}

static uint64_t
least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* reader.usage has the top-level numbers as stated: completion is all output. */
static void
state_split(struct answer *answer)
{
    const struct usage *top = &answer->reader.usage;
    const uint64_t *words = answer->reader.words;
    uint64_t thinking = least(top->reasoning, top->completion);
    uint64_t extra_thinking =
        least(words[WORD_EXTRA_THINKING], words[WORD_EXTRA_OUTPUT]);
    uint64_t written = top->cache_creation + words[WORD_EXTRA_WRITTEN];
    struct usage usage = {
        .prompt_missed = top->prompt_missed + words[WORD_EXTRA_INPUT],
        .cached = top->cached + words[WORD_EXTRA_CACHED],
        .cache_creation = written,
        .cache_creation_1h = least(
            top->cache_creation_1h + words[WORD_EXTRA_WRITTEN_1H], written),
        .completion = top->completion - thinking + words[WORD_EXTRA_OUTPUT] -
                      extra_thinking,
        .reasoning = thinking + extra_thinking,
    };
    answer_state_split(answer, &usage);
}

bool
anthropic_read_usage(struct answer *answer, struct str object)
{
    struct usage_reading reading = {.odd = false};
    struct usage *top = &answer->reader.usage;
    read_object(&reading, object);
    complete(&reading);
    answer->usage_odd = answer->usage_odd || reading.odd;
    if (reading.odd)
        return false;
    if (!reading.stated[FIELD_INPUT] && !reading.stated[FIELD_OUTPUT])
        return false;
    if (reading.stated[FIELD_INPUT])
        top->prompt_missed = reading.values[FIELD_INPUT];
    if (reading.stated[FIELD_OUTPUT])
        top->completion = reading.values[FIELD_OUTPUT];
    if (reading.stated[FIELD_CACHED])
        top->cached = reading.values[FIELD_CACHED];
    if (reading.stated[FIELD_WRITTEN])
        top->cache_creation = reading.values[FIELD_WRITTEN];
    if (reading.stated[FIELD_WRITTEN_1H])
        top->cache_creation_1h = reading.values[FIELD_WRITTEN_1H];
    if (reading.stated[FIELD_THINKING])
        top->reasoning = reading.values[FIELD_THINKING];
    if (reading.service.len > 0)
        answer_learn_service(answer, reading.service);
    if (reading.iterations.len > 0)
        read_iterations(answer, reading.iterations);
    /* Some begin with zeros and tell at the end: no call has an empty prompt. */
    if (top->prompt_missed + top->cached + top->cache_creation == 0)
        return false;
    state_split(answer);
    if (reading.stated[FIELD_OUTPUT])
        answer_note_stated(answer);
    return true;
}

void
anthropic_write_usage(struct json_writer *json, const struct usage *usage)
{
    json_key(json, "input_tokens");
    json_u64(json, usage->prompt_missed + usage->audio_in);
    json_key(json, "cache_creation_input_tokens");
    json_u64(json, usage->cache_creation);
    json_key(json, "cache_read_input_tokens");
    json_u64(json, usage->cached);
    json_key(json, "output_tokens");
    json_u64(json, usage->completion + usage->reasoning + usage->audio_out);
    if (usage->reasoning == 0)
        return;
    json_key(json, "output_tokens_details");
    json_object_begin(json);
    json_key(json, "thinking_tokens");
    json_u64(json, usage->reasoning);
    json_object_end(json);
}
