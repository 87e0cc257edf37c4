/*
 * openai_read_choice.c - one choice of an answer: text, thoughts, refusals,
 * images, why it ended. Of an event its delta, of a plain answer its message.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_canon.h"

enum delta_key {
    DELTA_CONTENT,
    DELTA_REASONING_CONTENT,
    DELTA_REASONING,
    DELTA_DETAILS,
    DELTA_REFUSAL,
    DELTA_TOOL_CALLS,
    DELTA_FUNCTION_CALL,
    DELTA_IMAGES,
    DELTA_AUDIO,
    DELTA_KEYS,
};

static const struct str delta_keys[DELTA_KEYS] = {
    [DELTA_CONTENT] = STR_LIT("content"),
    [DELTA_REASONING_CONTENT] = STR_LIT("reasoning_content"),
    [DELTA_REASONING] = STR_LIT("reasoning"),
    [DELTA_DETAILS] = STR_LIT("reasoning_details"),
    [DELTA_REFUSAL] = STR_LIT("refusal"),
    [DELTA_TOOL_CALLS] = STR_LIT("tool_calls"),
    [DELTA_FUNCTION_CALL] = STR_LIT("function_call"),
    [DELTA_IMAGES] = STR_LIT("images"),
    [DELTA_AUDIO] = STR_LIT("audio"),
};

enum part_key {
    PART_TYPE,
    PART_TEXT,
    PART_THINKING,
    PART_SUMMARY,
    PART_SIGNATURE,
    PART_DATA,
    PART_REFUSAL,
    PART_IMAGE_URL,
    PART_KEYS,
};

static const struct str part_keys[PART_KEYS] = {
    [PART_TYPE] = STR_LIT("type"),
    [PART_TEXT] = STR_LIT("text"),
    [PART_THINKING] = STR_LIT("thinking"),
    [PART_SUMMARY] = STR_LIT("summary"),
    [PART_SIGNATURE] = STR_LIT("signature"),
    [PART_DATA] = STR_LIT("data"),
    [PART_REFUSAL] = STR_LIT("refusal"),
    [PART_IMAGE_URL] = STR_LIT("image_url"),
};

/* ---- images ---- */

/* A data URL becomes a block; a link is told as text, as Markdown has it. */
static void
read_image(struct canon_stream *stream, uint32_t choice, struct str url)
{
    struct str inside;
    if (*url.ptr == '{' && json_find(url, "url", &inside))
        url = inside;
    struct str text = openai_text(url);
    if (!str_starts_with(text, STR_LIT("data:"))) {
        if (text.len > 0) {
            canon_text(stream, choice, STR_LIT("![image]("));
            canon_text(stream, choice, text);
            canon_text(stream, choice, STR_LIT(")"));
        }
        return;
    }
    text = str_skip(text, 5);
    const char *end = memchr(text.ptr, ';', text.len);
    const char *comma = memchr(text.ptr, ',', text.len);
    if (end == NULL || comma == NULL || end > comma)
        return;
    size_t head = (size_t)(comma - text.ptr) + 1;
    canon_image(stream, choice, str_make(text.ptr, (size_t)(end - text.ptr)),
                str_skip(text, head));
}

static void
read_images(struct canon_stream *stream, uint32_t choice, struct str list)
{
    struct str values[PART_KEYS + 1], item;
    struct json_reader reader;
    if (!json_list_begin(&reader, list))
        return;
    while (json_list_next(&reader, &item)) {
        json_members(item, part_keys, PART_KEYS, values);
        if (values[PART_IMAGE_URL].len > 0)
            read_image(stream, choice, values[PART_IMAGE_URL]);
    }
}

/* ---- text and thoughts ---- */

/* Mistral's: {"type": "thinking", "thinking": [{"type": "text", "text"}]}. */
static void
read_thinking(struct canon_stream *stream, uint32_t choice, struct str value)
{
    struct str values[PART_KEYS + 1], item;
    struct json_reader reader;
    if (!json_list_begin(&reader, value)) {
        canon_thinking(stream, choice, openai_text(value));
        return;
    }
    while (json_list_next(&reader, &item)) {
        json_members(item, part_keys, PART_KEYS, values);
        canon_thinking(stream, choice, openai_text(values[PART_TEXT]));
    }
}

static void
read_content(struct canon_stream *stream, uint32_t choice, struct str content)
{
    struct str values[PART_KEYS + 1], item;
    struct json_reader reader;
    if (!json_list_begin(&reader, content)) {
        canon_text(stream, choice, openai_text(content));
        return;
    }
    while (json_list_next(&reader, &item)) {
        json_members(item, part_keys, PART_KEYS, values);
        if (values[PART_THINKING].len > 0)
            read_thinking(stream, choice, values[PART_THINKING]);
        if (values[PART_IMAGE_URL].len > 0)
            read_image(stream, choice, values[PART_IMAGE_URL]);
        canon_text(stream, choice, openai_text(values[PART_TEXT]));
        canon_refusal(stream, choice, openai_text(values[PART_REFUSAL]));
    }
}

/* OpenRouter's. Their text was given already where there is reasoning beside
 * them (`is_told`). */
static void
read_details(struct canon_stream *stream, uint32_t choice, struct str list,
             bool is_told)
{
    struct str values[PART_KEYS + 1], item;
    struct json_reader reader;
    if (!json_list_begin(&reader, list))
        return;
    while (json_list_next(&reader, &item)) {
        json_members(item, part_keys, PART_KEYS, values);
        if (!is_told) {
            canon_thinking(stream, choice, openai_text(values[PART_TEXT]));
            canon_thinking(stream, choice, openai_text(values[PART_SUMMARY]));
        }
        canon_signature(stream, choice, openai_text(values[PART_SIGNATURE]));
        canon_redacted(stream, choice, openai_text(values[PART_DATA]));
    }
}

/* The same thoughts stand under up to three names. */
static void
read_reasoning(struct canon_stream *stream, uint32_t choice,
               const struct str *values)
{
    struct str text = openai_text(values[DELTA_REASONING_CONTENT]);
    if (text.len == 0)
        text = openai_text(values[DELTA_REASONING]);
    canon_thinking(stream, choice, text);
    if (values[DELTA_DETAILS].len > 2)
        read_details(stream, choice, values[DELTA_DETAILS], text.len > 0);
}

/* What was said aloud (gpt-audio), where there is no content. */
static void
read_transcript(struct canon_stream *stream, uint32_t choice, struct str audio)
{
    struct str transcript;
    if (json_find(audio, "transcript", &transcript))
        canon_text(stream, choice, openai_text(transcript));
}

static void
read_delta(struct canon_stream *stream, uint32_t choice, struct str object)
{
    struct str values[DELTA_KEYS + 1];
    json_members(object, delta_keys, DELTA_KEYS, values);
    read_reasoning(stream, choice, values);
    if (values[DELTA_CONTENT].len > 0)
        read_content(stream, choice, values[DELTA_CONTENT]);
    else if (values[DELTA_AUDIO].len > 0)
        read_transcript(stream, choice, values[DELTA_AUDIO]);
    canon_refusal(stream, choice, openai_text(values[DELTA_REFUSAL]));
    if (values[DELTA_IMAGES].len > 0)
        read_images(stream, choice, values[DELTA_IMAGES]);
    if (values[DELTA_TOOL_CALLS].len > 0)
        openai_read_tools(stream, choice, values[DELTA_TOOL_CALLS]);
    if (values[DELTA_FUNCTION_CALL].len > 0)
        openai_read_function(stream, choice, values[DELTA_FUNCTION_CALL]);
}

/* ---- why it ended ---- */

static enum canon_stop
find_stop(struct str reason)
{
    static const struct {
        struct str name;
        enum canon_stop stop;
    } stops[] = {
        {STR_LIT("stop"), CANON_STOP_END},
        {STR_LIT("tool_calls"), CANON_STOP_TOOLS},
        {STR_LIT("length"), CANON_STOP_LENGTH},
        {STR_LIT("function_call"), CANON_STOP_TOOLS},
        {STR_LIT("content_filter"), CANON_STOP_FILTER},
        {STR_LIT("eos"), CANON_STOP_END}, /* Together */
        {STR_LIT("stop_sequence"), CANON_STOP_SEQUENCE},
        {STR_LIT("model_length"), CANON_STOP_CONTEXT}, /* Mistral */
        {STR_LIT("max_tokens"), CANON_STOP_LENGTH},
        {STR_LIT("tool_use"), CANON_STOP_TOOLS},
        {STR_LIT("sensitive"), CANON_STOP_FILTER}, /* Z.ai */
        {STR_LIT("refusal"), CANON_STOP_FILTER},
        {STR_LIT("error"), CANON_STOP_ERROR},
        {STR_LIT("network_error"), CANON_STOP_ERROR},
        {STR_LIT("insufficient_system_resource"), CANON_STOP_ERROR},
    };
    for (size_t i = 0; i < ARRAY_LEN(stops); i++)
        if (str_equals(reason, stops[i].name))
            return stops[i].stop;
    return CANON_STOP_END;
}

/* "" and "null" are said while it goes on. vLLM tells the sequence that ended
 * it, or the number of a token. */
static void
read_finish(struct canon_stream *stream, uint32_t choice, struct str reason,
            struct str stop_reason)
{
    struct str why = openai_text(reason), sequence = openai_text(stop_reason);
    if (why.len == 0 || str_equals(why, STR_LIT("null")))
        return;
    enum canon_stop stop = find_stop(why);
    if (stop == CANON_STOP_END && sequence.len > 0)
        stop = CANON_STOP_SEQUENCE;
    canon_finish(stream, choice, stop, sequence);
}

enum choice_key {
    CHOICE_DELTA,
    CHOICE_MESSAGE,
    CHOICE_INDEX,
    CHOICE_FINISH,
    CHOICE_LOGPROBS,
    CHOICE_STOP_REASON,
    CHOICE_USAGE,
    CHOICE_KEYS,
};

/*
 * A whole message in a stream repeats what this choice has said (Perplexity's
 * stands beside each delta, MiniMax's in the last event), unless it has said
 * nothing: then the stream is but one whole answer. reader.words[0]: a bit per
 * choice that has spoken.
 */
static void
read_speech(struct canon_stream *stream, uint32_t index, struct str delta,
            struct str message)
{
    uint64_t bit = UINT64_C(1) << (index < 63 ? index : 63);
    uint64_t *spoken = &stream->answer->reader.words[0];
    if (delta.len > 0)
        read_delta(stream, index, delta);
    else if (message.len > 0 && (*spoken & bit) == 0)
        read_delta(stream, index, message);
    else
        return;
    *spoken |= bit;
}

void
openai_read_choice(struct canon_stream *stream, struct json_reader *reader)
{
    static const struct str names[CHOICE_KEYS] = {
        [CHOICE_DELTA] = STR_LIT("delta"),
        [CHOICE_MESSAGE] = STR_LIT("message"),
        [CHOICE_INDEX] = STR_LIT("index"),
        [CHOICE_FINISH] = STR_LIT("finish_reason"),
        [CHOICE_LOGPROBS] = STR_LIT("logprobs"),
        [CHOICE_STOP_REASON] = STR_LIT("stop_reason"),
        [CHOICE_USAGE] = STR_LIT("usage"),
    };
    struct str values[CHOICE_KEYS + 1], tokens;
    uint64_t number = 0;
    if (!json_members_here(reader, names, CHOICE_KEYS, values))
        return;
    if (json_number_u64(values[CHOICE_INDEX], &number) != 0)
        number = 0;
    uint32_t index =
        number < CALL_CHOICES_MAX ? (uint32_t)number : CALL_CHOICES_MAX;
    if (index < CALL_CHOICES_MAX && index > stream->answer->choice_top)
        stream->answer->choice_top = (uint8_t)index;
    /* Perplexity puts an empty delta beside the message of a plain answer. */
    if (!stream->answer->stream && values[CHOICE_MESSAGE].len > 0)
        values[CHOICE_DELTA] = str_make(NULL, 0);
    read_speech(stream, index, values[CHOICE_DELTA], values[CHOICE_MESSAGE]);
    if (values[CHOICE_LOGPROBS].len > 0 &&
        json_find(values[CHOICE_LOGPROBS], "content", &tokens) &&
        json_is(tokens, JSON_ARRAY))
        canon_logprobs(stream, index, tokens);
    if (values[CHOICE_USAGE].len > 0)
        openai_usage_read(stream->answer, values[CHOICE_USAGE]);
    read_finish(stream, index, values[CHOICE_FINISH],
                values[CHOICE_STOP_REASON]);
}
