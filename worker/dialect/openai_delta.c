/*
 * openai_delta.c - the choices of a stream's event: how much output text they
 * carry, which of them have finished.
 *
 * Text comes as delta.content (a string; a list of parts at Mistral), hidden
 * text under one of three names, refusals, tool calls, and `text` in legacy
 * completions; pictures as data URLs, sound with its transcript. A whole
 * `message` beside or instead of the delta (Perplexity, MiniMax) repeats what was
 * streamed and is not counted.
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

/* Members of parts and tool calls whose strings are output. Secret thoughts are
 * "data" (OpenRouter), and the bytes of sound. */
enum part_key {
    PART_TEXT,
    PART_NAME,
    PART_ARGUMENTS,
    PART_INPUT,
    PART_REFUSAL,
    PART_SUMMARY,
    PART_SIGNATURE,
    PART_TRANSCRIPT,
    PART_DATA,
    PART_URL,
    PART_OTHER,
};
static const struct str part_names[PART_OTHER] = {
    [PART_TEXT] = STR_LIT("text"),
    [PART_NAME] = STR_LIT("name"),
    [PART_ARGUMENTS] = STR_LIT("arguments"),
    [PART_INPUT] = STR_LIT("input"),
    [PART_REFUSAL] = STR_LIT("refusal"),
    [PART_SUMMARY] = STR_LIT("summary"),
    [PART_SIGNATURE] = STR_LIT("signature"),
    [PART_TRANSCRIPT] = STR_LIT("transcript"),
    [PART_DATA] = STR_LIT("data"),
    [PART_URL] = STR_LIT("url"),
};

static void
count_part(struct answer *answer, unsigned key, enum answer_content data,
           struct str string)
{
    struct str inside = str_make(string.ptr + 1, string.len - 2);
    if (key == PART_URL)
        answer_count(answer, ANSWER_PICTURE, inside);
    else if (key == PART_DATA)
        answer_count(answer, data, inside);
    else if (key < PART_OTHER)
        answer_count_text(answer, string);
}

/* Strings under those names anywhere in a list of parts or calls; `data`: what
 * those under "data" are. */
static void
count_parts(struct answer *answer, struct str parts, enum answer_content data)
{
    struct json_reader reader;
    struct json_token token;
    unsigned key = PART_OTHER;
    json_reader_init(&reader, parts);
    for (;;) {
        switch (json_next(&reader, &token)) {
        case JSON_END:
        case JSON_BAD:
            return;
        case JSON_KEY:
            key = json_key_find(token.span, part_names, PART_OTHER);
            break;
        case JSON_STRING:
            count_part(answer, key, data, token.span);
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
        count_parts(answer, value, ANSWER_WORDS);
}

/* Members of a delta that may carry text. */
enum delta_key {
    DELTA_CONTENT,
    DELTA_TOOL_CALLS,
    DELTA_REASONING_CONTENT,
    DELTA_REASONING,
    DELTA_REASONING_DETAILS,
    DELTA_REFUSAL,
    DELTA_FUNCTION_CALL,
    DELTA_IMAGES,
    DELTA_AUDIO,
    DELTA_OTHER,
};

static void
count_delta(struct answer *answer, struct str object)
{
    static const struct str names[DELTA_OTHER] = {
        [DELTA_CONTENT] = STR_LIT("content"),
        [DELTA_TOOL_CALLS] = STR_LIT("tool_calls"),
        [DELTA_REASONING_CONTENT] = STR_LIT("reasoning_content"),
        [DELTA_REASONING] = STR_LIT("reasoning"),
        [DELTA_REASONING_DETAILS] = STR_LIT("reasoning_details"),
        [DELTA_REFUSAL] = STR_LIT("refusal"),
        [DELTA_FUNCTION_CALL] = STR_LIT("function_call"),
        [DELTA_IMAGES] = STR_LIT("images"),
        [DELTA_AUDIO] = STR_LIT("audio"),
    };
    struct str values[DELTA_OTHER + 1];
    json_members(object, names, DELTA_OTHER, values);
    count_value(answer, values[DELTA_CONTENT]);
    count_value(answer, values[DELTA_REFUSAL]);
    count_value(answer, values[DELTA_TOOL_CALLS]);
    count_value(answer, values[DELTA_FUNCTION_CALL]);
    count_value(answer, values[DELTA_IMAGES]);
    if (is_container(values[DELTA_AUDIO]))
        count_parts(answer, values[DELTA_AUDIO], ANSWER_SOUND);
    /* The same thoughts under up to three names (OpenRouter). */
    if (is_text(values[DELTA_REASONING_CONTENT]))
        answer_count_text(answer, values[DELTA_REASONING_CONTENT]);
    else if (is_text(values[DELTA_REASONING]))
        answer_count_text(answer, values[DELTA_REASONING]);
    else
        count_value(answer, values[DELTA_REASONING_DETAILS]);
}

/* Of each token: {"content": [...], "refusal": [...]}; in legacy completions the
 * list of "tokens". */
static void
count_logprobs(struct answer *answer, struct str object)
{
    static const struct str names[] = {STR_LIT("content"), STR_LIT("refusal"),
                                       STR_LIT("tokens")};
    struct str values[ARRAY_LEN(names) + 1];
    json_members(object, names, ARRAY_LEN(names), values);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (values[i].len > 0)
            answer_count(answer, ANSWER_LIST, values[i]);
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

enum choice_key {
    CHOICE_DELTA,
    CHOICE_TEXT,
    CHOICE_FINISH,
    CHOICE_INDEX,
    CHOICE_USAGE,
    CHOICE_LOGPROBS,
    CHOICE_OTHER,
};

/* The reader stands behind the opening brace of a choice, then behind the
 * closing one. */
static void
read_choice(struct answer *answer, struct json_reader *reader,
            struct openai_choices *found)
{
    static const struct str names[CHOICE_OTHER] = {
        [CHOICE_DELTA] = STR_LIT("delta"),
        [CHOICE_TEXT] = STR_LIT("text"),
        [CHOICE_FINISH] = STR_LIT("finish_reason"),
        [CHOICE_INDEX] = STR_LIT("index"),
        [CHOICE_USAGE] = STR_LIT("usage"),
        [CHOICE_LOGPROBS] = STR_LIT("logprobs"),
    };
    struct str values[CHOICE_OTHER + 1];
    uint64_t index = 0;
    if (!json_members_here(reader, names, CHOICE_OTHER, values))
        return;
    count_delta(answer, values[CHOICE_DELTA]);
    count_value(answer, values[CHOICE_TEXT]);
    if (is_container(values[CHOICE_LOGPROBS]))
        count_logprobs(answer, values[CHOICE_LOGPROBS]);
    if (values[CHOICE_USAGE].len > 0)
        found->usage = values[CHOICE_USAGE];
    if (json_number_u64(values[CHOICE_INDEX], &index) != 0)
        index = 0;
    if (index < CALL_CHOICES_MAX && index > answer->choice_top)
        answer->choice_top = (uint8_t)index;
    if (is_finish(values[CHOICE_FINISH]))
        note_finish(answer, index);
}

void
openai_choices_read(struct answer *answer, struct json_reader *reader,
                    struct openai_choices *found)
{
    uint64_t before =
        answer->ascii_bytes + answer->other_chars + answer->media_tokens;
    enum json_type type;
    struct str value;
    bool any = false;
    while ((type = json_enter_item(reader, &value)) > JSON_BAD &&
           type != JSON_ARRAY_END) {
        any = true;
        if (type == JSON_OBJECT)
            read_choice(answer, reader, found);
        else
            json_pass(reader, type, &value);
    }
    found->is_empty_list = !any && type == JSON_ARRAY_END;
    if (answer->ascii_bytes + answer->other_chars + answer->media_tokens >
        before)
        answer->content_events++;
}
