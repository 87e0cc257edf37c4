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
    FIELD_TOTAL,
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

struct field_name {
    struct str name;
    enum usage_field field;
};

static const struct field_name top_fields[] = {
    {STR_LIT("prompt_tokens"), FIELD_PROMPT},
    {STR_LIT("completion_tokens"), FIELD_COMPLETION},
    {STR_LIT("total_tokens"), FIELD_TOTAL},
    {STR_LIT("prompt_cache_hit_tokens"), FIELD_CACHE_HIT},
    {STR_LIT("cached_tokens"), FIELD_CACHED_TOP},
    {STR_LIT("num_cached_tokens"), FIELD_CACHED_NUM},
    {STR_LIT("reasoning_tokens"), FIELD_REASONING_TOP},
    {{NULL, 0}, FIELDS},
};
static const struct field_name prompt_fields[] = {
    {STR_LIT("cached_tokens"), FIELD_CACHED},
    {STR_LIT("cache_write_tokens"), FIELD_WRITE},
    {STR_LIT("cache_creation_input_tokens"), FIELD_WRITE_CREATION_INPUT},
    {STR_LIT("cache_creation_tokens"), FIELD_WRITE_CREATION},
    {STR_LIT("audio_tokens"), FIELD_AUDIO_IN},
    {{NULL, 0}, FIELDS},
};
static const struct field_name completion_fields[] = {
    {STR_LIT("reasoning_tokens"), FIELD_REASONING},
    {STR_LIT("audio_tokens"), FIELD_AUDIO_OUT},
    {{NULL, 0}, FIELDS},
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
    bool negative = number.ptr[0] == '-';
    reading->odd[field] = rc == -ERANGE && !negative;
    reading->stated[field] = rc == 0 || (rc == -ERANGE && negative);
    reading->values[field] = rc == 0 ? value : 0;
}

static const struct field_name *
find_field(const struct field_name *fields, struct str key)
{
    while (fields->name.ptr != NULL &&
           openai_key_find(key, &fields->name, 1) != 0)
        fields++;
    return fields->name.ptr != NULL ? fields : NULL;
}

static const struct field_name *
details_fields(struct str key)
{
    static const struct str names[] = {STR_LIT("prompt_tokens_details"),
                                       STR_LIT("completion_tokens_details")};
    static const struct field_name *const fields[] = {prompt_fields,
                                                      completion_fields, NULL};
    return fields[openai_key_find(key, names, ARRAY_LEN(names))];
}

/* False when `object` is not one. */
static bool
read_object(struct usage_reading *reading, struct str object,
            const struct field_name *fields)
{
    struct json_reader reader;
    struct json_token key;
    json_reader_init(&reader, object);
    if (json_next(&reader, &key) != JSON_OBJECT)
        return false;
    while (json_next(&reader, &key) == JSON_KEY) {
        struct str value;
        enum json_type type = json_skip_value(&reader, &value);
        const struct field_name *field = find_field(fields, key.span);
        const struct field_name *details =
            fields == top_fields ? details_fields(key.span) : NULL;
        if (type == JSON_BAD)
            return false;
        if (field != NULL && type == JSON_NUMBER)
            read_number(reading, field->field, value);
        else if (details != NULL && type == JSON_OBJECT &&
                 !read_object(reading, value, details))
            return false;
    }
    return key.type == JSON_OBJECT_END;
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

bool
openai_usage_read(struct answer *answer, struct str object)
{
    struct usage_reading reading = {0};
    if (!read_object(&reading, object, top_fields))
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
    return true;
}
