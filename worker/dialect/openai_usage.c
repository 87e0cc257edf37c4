/*
 * openai_usage.c - what an answer states about its tokens, in the spellings of
 * OpenAI and those compatible with it: cached tokens stand in four places,
 * details may be null, numbers may be absent, null, fractions, or nonsense.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_part.h"

#include <errno.h>

/* Everything seen in one usage object; spellings of one count side by side. */
enum usage_field {
    FIELD_PROMPT,
    FIELD_COMPLETION,
    FIELD_TOTAL,  /* the sums end here */
    FIELD_CACHED, /* prompt_tokens_details: the first that is not 0 counts */
    FIELD_CACHE_HIT,
    FIELD_CACHED_TOP,
    FIELD_CACHED_NUM,
    FIELD_WRITE,
    FIELD_WRITE_CREATION_INPUT,
    FIELD_WRITE_CREATION,
    FIELD_AUDIO_IN,
    FIELD_REASONING,
    FIELD_REASONING_TOP,
    FIELD_AUDIO_OUT,
    FIELDS,
};

/* Beside the counts of the top: where the details begin. */
enum { DETAILS_PROMPT = FIELDS, DETAILS_COMPLETION, NO_FIELD };

struct field_names {
    unsigned count;
    struct str names[10];
    uint8_t fields[10]; /* enum usage_field, or one of the above */
};

static const struct field_names top_fields = {
    9,
    {STR_LIT("prompt_tokens"), STR_LIT("completion_tokens"),
     STR_LIT("total_tokens"), STR_LIT("prompt_tokens_details"),
     STR_LIT("completion_tokens_details"), STR_LIT("prompt_cache_hit_tokens"),
     STR_LIT("cached_tokens"), STR_LIT("num_cached_tokens"),
     STR_LIT("reasoning_tokens")},
    {FIELD_PROMPT, FIELD_COMPLETION, FIELD_TOTAL, DETAILS_PROMPT,
     DETAILS_COMPLETION, FIELD_CACHE_HIT, FIELD_CACHED_TOP, FIELD_CACHED_NUM,
     FIELD_REASONING_TOP},
};
/* Of the Responses API; details as above. */
static const struct field_names responses_fields = {
    5,
    {STR_LIT("input_tokens"), STR_LIT("output_tokens"), STR_LIT("total_tokens"),
     STR_LIT("input_tokens_details"), STR_LIT("output_tokens_details")},
    {FIELD_PROMPT, FIELD_COMPLETION, FIELD_TOTAL, DETAILS_PROMPT,
     DETAILS_COMPLETION},
};
/* Pictures, speech and the like, where the names are those of Responses. */
static const struct field_names media_fields = {
    9,
    {STR_LIT("input_tokens"), STR_LIT("output_tokens"), STR_LIT("total_tokens"),
     STR_LIT("input_token_details"), STR_LIT("input_tokens_details"),
     STR_LIT("output_token_details"), STR_LIT("output_tokens_details"),
     STR_LIT("prompt_tokens"), STR_LIT("completion_tokens")},
    {FIELD_PROMPT, FIELD_COMPLETION, FIELD_TOTAL, DETAILS_PROMPT,
     DETAILS_PROMPT, DETAILS_COMPLETION, DETAILS_COMPLETION, FIELD_PROMPT,
     FIELD_COMPLETION},
};
static const struct field_names prompt_fields = {
    5,
    {STR_LIT("cached_tokens"), STR_LIT("cache_write_tokens"),
     STR_LIT("cache_creation_input_tokens"), STR_LIT("cache_creation_tokens"),
     STR_LIT("audio_tokens")},
    {FIELD_CACHED, FIELD_WRITE, FIELD_WRITE_CREATION_INPUT,
     FIELD_WRITE_CREATION, FIELD_AUDIO_IN},
};
static const struct field_names completion_fields = {
    2,
    {STR_LIT("reasoning_tokens"), STR_LIT("audio_tokens")},
    {FIELD_REASONING, FIELD_AUDIO_OUT},
};

struct usage_reading {
    uint64_t values[FIELDS];
    bool stated[FIELDS];
    bool odd[FIELDS]; /* beyond any count */
};

static void
read_number(struct usage_reading *reading, enum usage_field field,
            struct str number)
{
    uint64_t value = 0;
    int rc = json_number_u64(number, &value);
    bool negative = number.ptr[0] == '-', is_sum = field <= FIELD_TOTAL;
    /* A detail below zero says nothing; a sum below zero is nonsense. */
    reading->odd[field] = rc == -ERANGE && (!negative || is_sum);
    reading->stated[field] = rc == 0 || (rc == -ERANGE && negative && !is_sum);
    reading->values[field] = rc == 0 ? value : 0;
}

/* False when `object` is not one. */
static bool
read_object(struct usage_reading *reading, struct str object,
            const struct field_names *names)
{
    struct json_reader reader;
    struct json_token token;
    struct str key, value;
    enum json_type type;
    json_reader_init(&reader, object);
    if (json_next(&reader, &token) != JSON_OBJECT)
        return false;
    while ((type = json_member(&reader, &key, &value)) > JSON_BAD &&
           type != JSON_OBJECT_END) {
        unsigned which = json_key_find(key, names->names, names->count);
        unsigned field = which < names->count ? names->fields[which] : NO_FIELD;
        if (type == JSON_NUMBER && field < FIELDS)
            read_number(reading, field, value);
        else if (type == JSON_OBJECT && field >= FIELDS && field < NO_FIELD &&
                 !read_object(reading, value,
                              field == DETAILS_PROMPT ? &prompt_fields
                                                      : &completion_fields))
            return false;
    }
    return type == JSON_OBJECT_END;
}

/* The first of [from, to] that is not 0. */
static uint64_t
first_stated(const struct usage_reading *reading, enum usage_field from,
             enum usage_field to)
{
    for (enum usage_field field = from; field <= to; field++)
        if (reading->values[field] != 0)
            return reading->values[field];
    return 0;
}

static bool
read_usage(struct answer *answer, struct str object,
           const struct field_names *names)
{
    struct usage_reading reading = {0};
    if (!read_object(&reading, object, names))
        return false;
    for (enum usage_field field = 0; field < FIELDS; field++)
        answer->usage_odd = answer->usage_odd || reading.odd[field];
    /* A sum that is no number makes the rest worthless. */
    if (reading.odd[FIELD_PROMPT] || reading.odd[FIELD_COMPLETION] ||
        reading.odd[FIELD_TOTAL])
        return false;
    if (!reading.stated[FIELD_PROMPT] && !reading.stated[FIELD_COMPLETION] &&
        !reading.stated[FIELD_TOTAL])
        return false;
    answer->stated = (struct usage_stated){
        .prompt = reading.values[FIELD_PROMPT],
        .completion = reading.values[FIELD_COMPLETION],
        .total = reading.values[FIELD_TOTAL],
        .has_total = reading.stated[FIELD_TOTAL],
        .cached = first_stated(&reading, FIELD_CACHED, FIELD_CACHED_NUM),
        .cache_write =
            first_stated(&reading, FIELD_WRITE, FIELD_WRITE_CREATION),
        .audio_in = reading.values[FIELD_AUDIO_IN],
        .reasoning =
            first_stated(&reading, FIELD_REASONING, FIELD_REASONING_TOP),
        .audio_out = reading.values[FIELD_AUDIO_OUT],
    };
    answer->usage_seen = true;
    if (reading.stated[FIELD_COMPLETION] || reading.stated[FIELD_TOTAL])
        answer_note_stated(answer);
    return true;
}

bool
openai_usage_read(struct answer *answer, struct str object)
{
    bool is_media = answer->endpoint >= ENDPOINT_IMAGES &&
                    answer->endpoint <= ENDPOINT_MODERATIONS;
    return read_usage(answer, object, is_media ? &media_fields : &top_fields);
}

bool
openai_usage_read_responses(struct answer *answer, struct str object)
{
    if (!read_usage(answer, object, &responses_fields))
        return false;
    /* Everything is inside of these two: the total judges nothing. */
    answer->stated.has_total = false;
    return true;
}
