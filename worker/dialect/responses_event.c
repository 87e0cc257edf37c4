/*
 * responses_event.c - events of a provider's stream, and what its items say.
 *
 * Some providers send deltas only, some the whole only at the end (.done, or
 * the item): which items came in pieces is remembered by a bit per output_index,
 * of those from the 64th on the last one, and the whole is read where none did.
 * In an answer in one piece each item is what it says.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/responses_part.h"

/* answer_reader.words: a bit per output_index; the last one beyond them. */
enum { WORD_PIECES, WORD_LAST_PIECES };
enum { BITS = 64 };

enum event_member {
    EVENT_TYPE,
    EVENT_DELTA,
    EVENT_OUTPUT_INDEX,
    EVENT_SEQUENCE,
    EVENT_LOGPROBS,
    EVENT_ITEM,
    EVENT_RESPONSE,
    EVENT_TEXT,
    EVENT_ARGUMENTS,
    EVENT_REFUSAL,
    EVENT_SUMMARY_INDEX,
    EVENT_ERROR,
    EVENT_CODE,
    EVENT_MESSAGE,
    EVENT_MEMBERS
};
static const struct str event_names[EVENT_MEMBERS] = {
    STR_LIT("type"),          STR_LIT("delta"),
    STR_LIT("output_index"),  STR_LIT("sequence_number"),
    STR_LIT("logprobs"),      STR_LIT("item"),
    STR_LIT("response"),      STR_LIT("text"),
    STR_LIT("arguments"),     STR_LIT("refusal"),
    STR_LIT("summary_index"), STR_LIT("error"),
    STR_LIT("code"),          STR_LIT("message"),
};

/* ---- what came in pieces ---- */

static uint64_t
number_of(struct str value)
{
    uint64_t number = 0;
    return value.len > 0 && json_number_u64(value, &number) == 0 ? number : 0;
}

static bool
had_pieces(const struct canon_stream *stream, uint64_t index)
{
    const uint64_t *words = stream->answer->reader.words;
    return index < BITS ? (words[WORD_PIECES] >> index & 1) != 0
                        : words[WORD_LAST_PIECES] == index;
}

static void
note_pieces(struct canon_stream *stream, uint64_t index)
{
    uint64_t *words = stream->answer->reader.words;
    if (index < BITS)
        words[WORD_PIECES] |= UINT64_C(1) << index;
    else
        words[WORD_LAST_PIECES] = index;
}

/* ---- items ---- */

enum item_member {
    ITEM_TYPE,
    ITEM_CALL_ID,
    ITEM_NAME,
    ITEM_ARGUMENTS,
    ITEM_INPUT,
    ITEM_CODE,
    ITEM_CONTENT,
    ITEM_SUMMARY,
    ITEM_ENCRYPTED,
    ITEM_RESULT,
    ITEM_FORMAT,
    ITEM_ID,
    ITEM_MEMBERS
};
static const struct str item_names[ITEM_MEMBERS] = {
    STR_LIT("type"),
    STR_LIT("call_id"),
    STR_LIT("name"),
    STR_LIT("arguments"),
    STR_LIT("input"),
    STR_LIT("code"),
    STR_LIT("content"),
    STR_LIT("summary"),
    STR_LIT("encrypted_content"),
    STR_LIT("result"),
    STR_LIT("output_format"),
    STR_LIT("id"),
};

/* Parts of a message, or of reasoning. */
static void
read_parts(struct canon_stream *stream, struct str list, bool is_thinking)
{
    static const struct str names[] = {STR_LIT("text"), STR_LIT("refusal"),
                                       STR_LIT("logprobs")};
    struct str part, values[ARRAY_LEN(names) + 1];
    struct json_reader parts;
    bool first = true;
    if (!json_list_begin(&parts, list))
        return;
    while (json_list_next(&parts, &part)) {
        json_members(part, names, ARRAY_LEN(names), values);
        struct str text = responses_text(values[0]);
        if (is_thinking) {
            if (!first && stream->client != NULL)
                canon_thinking(stream, 0, STR_LIT("\\n\\n"));
            canon_thinking(stream, 0, text);
        } else {
            canon_text(stream, 0, text);
            canon_refusal(stream, 0, responses_text(values[1]));
            canon_logprobs(stream, 0, values[2]);
        }
        first = false;
    }
}

/* What signs the reasoning goes with it where it is still open. */
static void
read_secret(struct canon_stream *stream, struct str secret)
{
    const struct canon_choice *choice = &stream->choices[0];
    if (stream->client == NULL || !choice->is_open ||
        choice->block != CANON_BLOCK_THINKING) {
        canon_redacted(stream, 0, secret);
        return;
    }
    canon_signature(stream, 0, secret);
    canon_block_end(stream, 0);
}

static void
read_image(struct canon_stream *stream, const struct str *values)
{
    bool jpeg = responses_is(values[ITEM_FORMAT], STR_LIT("jpeg"));
    bool webp = responses_is(values[ITEM_FORMAT], STR_LIT("webp"));
    canon_image(stream, 0,
                jpeg   ? STR_LIT("image/jpeg")
                : webp ? STR_LIT("image/webp")
                       : STR_LIT("image/png"),
                responses_text(values[ITEM_RESULT]));
}

/* An item at its end: what did not come in pieces. */
static void
read_item(struct canon_stream *stream, struct str item, uint64_t index,
          bool in_pieces)
{
    struct str values[ITEM_MEMBERS + 1];
    json_members(item, item_names, ITEM_MEMBERS, values);
    struct str type = values[ITEM_TYPE];
    if (responses_is(type, STR_LIT("message"))) {
        if (!in_pieces)
            read_parts(stream, values[ITEM_CONTENT], false);
    } else if (responses_is(type, STR_LIT("function_call"))) {
        canon_tool(stream, 0, (uint32_t)index,
                   responses_text(values[ITEM_CALL_ID]),
                   responses_text(values[ITEM_NAME]));
        if (!in_pieces)
            canon_tool_piece(stream, 0, (uint32_t)index,
                             responses_text(values[ITEM_ARGUMENTS]));
    } else if (responses_is(type, STR_LIT("reasoning"))) {
        if (!in_pieces) {
            struct str summary = values[ITEM_SUMMARY];
            bool has_summary = summary.len > 2; /* [] */
            read_parts(stream, has_summary ? summary : values[ITEM_CONTENT],
                       true);
        }
        read_secret(stream, responses_text(values[ITEM_ENCRYPTED]));
    } else if (responses_is(type, STR_LIT("image_generation_call"))) {
        read_image(stream, values);
    } else if (!in_pieces) {
        canon_count(stream, ANSWER_WORDS,
                    responses_text(values[ITEM_ARGUMENTS]));
        canon_count(stream, ANSWER_WORDS, responses_text(values[ITEM_INPUT]));
        canon_count(stream, ANSWER_WORDS, responses_text(values[ITEM_CODE]));
    }
}

void
responses_read_output(struct canon_stream *stream, struct str list)
{
    struct json_reader items;
    struct str item;
    if (!json_list_begin(&items, list))
        return;
    for (uint64_t i = 0; json_list_next(&items, &item); i++)
        read_item(stream, item, i, false);
}

static void
begin_item(struct canon_stream *stream, const struct str *event)
{
    struct str values[ITEM_MEMBERS + 1];
    json_members(event[EVENT_ITEM], item_names, ITEM_MEMBERS, values);
    if (responses_is(values[ITEM_TYPE], STR_LIT("function_call")))
        canon_tool(stream, 0, (uint32_t)number_of(event[EVENT_OUTPUT_INDEX]),
                   responses_text(values[ITEM_CALL_ID]),
                   responses_text(values[ITEM_NAME]));
}

static void
end_item(struct canon_stream *stream, const struct str *event)
{
    uint64_t index = number_of(event[EVENT_OUTPUT_INDEX]);
    read_item(stream, event[EVENT_ITEM], index, had_pieces(stream, index));
    note_pieces(stream, index); /* all of it is read */
}

/* ---- pieces ---- */

static void
text_delta(struct canon_stream *stream, const struct str *event)
{
    note_pieces(stream, number_of(event[EVENT_OUTPUT_INDEX]));
    canon_text(stream, 0, responses_text(event[EVENT_DELTA]));
    canon_logprobs(stream, 0, event[EVENT_LOGPROBS]);
}

static void
refusal_delta(struct canon_stream *stream, const struct str *event)
{
    note_pieces(stream, number_of(event[EVENT_OUTPUT_INDEX]));
    canon_refusal(stream, 0, responses_text(event[EVENT_DELTA]));
}

static void
thinking_delta(struct canon_stream *stream, const struct str *event)
{
    note_pieces(stream, number_of(event[EVENT_OUTPUT_INDEX]));
    canon_thinking(stream, 0, responses_text(event[EVENT_DELTA]));
}

static void
summary_part(struct canon_stream *stream, const struct str *event)
{
    if (stream->client != NULL && number_of(event[EVENT_SUMMARY_INDEX]) > 0)
        canon_thinking(stream, 0, STR_LIT("\\n\\n"));
}

static void
arguments_delta(struct canon_stream *stream, const struct str *event)
{
    uint64_t index = number_of(event[EVENT_OUTPUT_INDEX]);
    note_pieces(stream, index);
    canon_tool_piece(stream, 0, (uint32_t)index,
                     responses_text(event[EVENT_DELTA]));
}

static void
arguments_done(struct canon_stream *stream, const struct str *event)
{
    uint64_t index = number_of(event[EVENT_OUTPUT_INDEX]);
    if (!had_pieces(stream, index))
        canon_tool_piece(stream, 0, (uint32_t)index,
                         responses_text(event[EVENT_ARGUMENTS]));
    note_pieces(stream, index);
}

static void
hosted_delta(struct canon_stream *stream, const struct str *event)
{
    note_pieces(stream, number_of(event[EVENT_OUTPUT_INDEX]));
    canon_count(stream, ANSWER_WORDS, responses_text(event[EVENT_DELTA]));
}

/* ---- ends ---- */

static void
begin_response(struct canon_stream *stream, const struct str *event)
{
    responses_read_begin(stream, event[EVENT_RESPONSE]);
}

static void
end_response(struct canon_stream *stream, const struct str *event)
{
    responses_read_end(stream, event[EVENT_RESPONSE]);
    canon_done(stream);
}

/* {"code", "message"}, or both inside of "error". */
static void
stream_error(struct canon_stream *stream, const struct str *event)
{
    static const struct str names[] = {STR_LIT("type"), STR_LIT("code"),
                                       STR_LIT("message")};
    struct str values[ARRAY_LEN(names) + 1];
    struct str code = event[EVENT_CODE], message = event[EVENT_MESSAGE];
    if (event[EVENT_ERROR].len > 0) {
        json_members(event[EVENT_ERROR], names, ARRAY_LEN(names), values);
        code = *(values[1].len > 0 ? &values[1] : &values[0]);
        message = values[2];
    }
    canon_error(stream, responses_text(code), responses_text(message));
}

/* ---- events ---- */

static const struct event_kind {
    struct str type; /* in the order of how often they come */
    void (*read)(struct canon_stream *stream, const struct str *event);
} event_kinds[] = {
    {STR_LIT("response.output_text.delta"), text_delta},
    {STR_LIT("response.function_call_arguments.delta"), arguments_delta},
    {STR_LIT("response.reasoning_summary_text.delta"), thinking_delta},
    {STR_LIT("response.reasoning_text.delta"), thinking_delta},
    {STR_LIT("response.refusal.delta"), refusal_delta},
    {STR_LIT("response.output_item.added"), begin_item},
    {STR_LIT("response.output_item.done"), end_item},
    {STR_LIT("response.function_call_arguments.done"), arguments_done},
    {STR_LIT("response.reasoning_summary_part.added"), summary_part},
    {STR_LIT("response.created"), begin_response},
    {STR_LIT("response.in_progress"), begin_response},
    {STR_LIT("response.completed"), end_response},
    {STR_LIT("response.incomplete"), end_response},
    {STR_LIT("response.failed"), end_response},
    {STR_LIT("error"), stream_error},
    {STR_LIT("response.custom_tool_call_input.delta"), hosted_delta},
    {STR_LIT("response.code_interpreter_call_code.delta"), hosted_delta},
    {STR_LIT("response.mcp_call_arguments.delta"), hosted_delta},
};

static void
read_data(struct canon_stream *stream, struct str data)
{
    struct str values[EVENT_MEMBERS + 1];
    if (!json_members(data, event_names, EVENT_MEMBERS, values))
        return; /* half an event says nothing */
    if (stream->client == NULL && values[EVENT_SEQUENCE].len > 0)
        stream->answer->sequence = number_of(values[EVENT_SEQUENCE]) + 1;
    struct str type = values[EVENT_TYPE];
    for (size_t i = 0; i < ARRAY_LEN(event_kinds); i++)
        if (responses_is(type, event_kinds[i].type)) {
            event_kinds[i].read(stream, values);
            return;
        }
    if (values[EVENT_ERROR].len > 0)
        stream_error(stream, values);
}

void
responses_read_event(struct canon_stream *stream, const struct sse_event *event)
{
    struct buf joined;
    buf_init(&joined, 0); /* takes memory for data of several lines only */
    struct str data = canon_event_data(event, &joined);
    if (str_equals(str_trim(data), STR_LIT("[DONE]")))
        canon_done(stream);
    else if (data.len > 0 && !stream->answer->done_seen)
        read_data(stream, data);
    buf_fini(&joined);
}
