/*
 * openai_delta.c - the choices of a stream's event: how much output text they
 * carry, which of them have finished.
 *
 * Text comes as delta.content (a string; a list of parts at Mistral), hidden
 * text under one of three names, refusals, tool calls, and `text` in legacy
 * completions. A whole `message` beside or instead of the delta (Perplexity,
 * MiniMax) repeats what was streamed and is not counted.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_part.h"

static bool
is_text(struct str span)
{
    return span.len > 2 && span.ptr[0] == '"';
}

static bool
is_container(struct str span)
{
    return span.len > 2 && (span.ptr[0] == '{' || span.ptr[0] == '[');
}

/* Members of parts and tool calls whose strings are output. */
static bool
is_part_text(struct str key)
{
    static const struct str names[] = {
        STR_LIT("text"),  STR_LIT("name"),    STR_LIT("arguments"),
        STR_LIT("input"), STR_LIT("refusal"), STR_LIT("summary"),
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (json_string_equals(key, names[i]))
            return true;
    return false;
}

/* Strings under those names anywhere in a list of parts or calls. */
static void
count_parts(struct answer *answer, struct str parts)
{
    struct json_reader reader;
    struct json_token token;
    bool counts = false;
    json_reader_init(&reader, parts);
    for (;;) {
        switch (json_next(&reader, &token)) {
        case JSON_END:
        case JSON_BAD:
            return;
        case JSON_KEY:
            counts = is_part_text(token.span);
            break;
        case JSON_STRING:
            if (counts)
                answer_count_text(answer, token.span);
            break;
        default:
            break;
        }
    }
}

static void
count_value(struct answer *answer, struct str value)
{
    if (is_text(value))
        answer_count_text(answer, value);
    else if (is_container(value))
        count_parts(answer, value);
}

/* The raw values of a delta that may carry text. */
struct delta {
    struct str content, refusal, tool_calls, function_call;
    struct str reasoning_content, reasoning, reasoning_details;
};

static struct str *
delta_member(struct delta *delta, struct str key)
{
    const struct {
        struct str name;
        struct str *value;
    } members[] = {
        {STR_LIT("content"), &delta->content},
        {STR_LIT("tool_calls"), &delta->tool_calls},
        {STR_LIT("reasoning_content"), &delta->reasoning_content},
        {STR_LIT("reasoning"), &delta->reasoning},
        {STR_LIT("reasoning_details"), &delta->reasoning_details},
        {STR_LIT("refusal"), &delta->refusal},
        {STR_LIT("function_call"), &delta->function_call},
    };
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (json_string_equals(key, members[i].name))
            return members[i].value;
    return NULL;
}

static void
count_delta(struct answer *answer, struct str object)
{
    struct delta delta = {0};
    struct json_reader reader;
    struct json_token key;
    json_reader_init(&reader, object);
    if (json_next(&reader, &key) != JSON_OBJECT)
        return;
    while (json_next(&reader, &key) == JSON_KEY) {
        struct str value, *member = delta_member(&delta, key.span);
        if (json_skip_value(&reader, &value) == JSON_BAD)
            return;
        if (member != NULL)
            *member = value;
    }
    count_value(answer, delta.content);
    count_value(answer, delta.refusal);
    count_value(answer, delta.tool_calls);
    count_value(answer, delta.function_call);
    /* The same thoughts under up to three names (OpenRouter). */
    if (is_text(delta.reasoning_content))
        answer_count_text(answer, delta.reasoning_content);
    else if (is_text(delta.reasoning))
        answer_count_text(answer, delta.reasoning);
    else
        count_value(answer, delta.reasoning_details);
}

/* Some send "" or the string "null" while it goes on. */
static bool
is_finish(struct str reason)
{
    return is_text(reason) && !str_equals(reason, STR_LIT("\"null\""));
}

static void
note_finish(struct answer *answer, uint64_t index)
{
    answer->finish_seen = true;
    if (index < CALL_CHOICES_MAX)
        answer->choices_finished[index / 64] |= UINT64_C(1) << index % 64;
}

/* The reader stands behind the opening brace of a choice. */
static bool
read_choice(struct answer *answer, struct json_reader *reader,
            struct openai_choices *found)
{
    struct json_token key;
    uint64_t index = 0;
    bool finished = false;
    while (json_next(reader, &key) == JSON_KEY) {
        struct str value;
        if (json_skip_value(reader, &value) == JSON_BAD)
            return false;
        if (json_string_equals(key.span, STR_LIT("delta")))
            count_delta(answer, value);
        else if (json_string_equals(key.span, STR_LIT("text")))
            count_value(answer, value);
        else if (json_string_equals(key.span, STR_LIT("finish_reason")))
            finished = is_finish(value);
        else if (json_string_equals(key.span, STR_LIT("index")) &&
                 json_number_u64(value, &index) != 0)
            index = 0;
        else if (json_string_equals(key.span, STR_LIT("usage")))
            found->usage = value;
    }
    if (index < CALL_CHOICES_MAX && index > answer->choice_top)
        answer->choice_top = (uint8_t)index;
    if (finished)
        note_finish(answer, index);
    return key.type == JSON_OBJECT_END;
}

void
openai_choices_read(struct answer *answer, struct str choices,
                    struct openai_choices *found)
{
    struct json_reader reader;
    struct json_token token;
    uint64_t before = answer->ascii_bytes + answer->other_chars;
    json_reader_init(&reader, choices);
    if (json_next(&reader, &token) != JSON_ARRAY)
        return;
    found->is_empty_list = json_next(&reader, &token) == JSON_ARRAY_END;
    while (token.type == JSON_OBJECT) {
        if (!read_choice(answer, &reader, found))
            break;
        json_next(&reader, &token);
    }
    if (answer->ascii_bytes + answer->other_chars > before)
        answer->content_events++;
}
