/*
 * bedrock_answer.c - what ConverseStream answers: events (their frames are
 * common/net/eventstream.c's), ends, failures, usage.
 *
 * Blocks of text and thoughts begin with their first delta: only tool calls have
 * a contentBlockStart. Some models send contentBlockStop for blocks that never
 * began. Tools of the server (their calls, results, citations) are its own
 * affair and go no further.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/bedrock_part.h"

#include <errno.h>

#include "worker/dialect/openai_canon.h"

static const struct str no_text;

/* ---- usage ---- */

enum usage_key {
    USAGE_INPUT,
    USAGE_OUTPUT,
    USAGE_TOTAL,
    USAGE_READ,
    USAGE_READ_COUNT,
    USAGE_WRITE,
    USAGE_WRITE_COUNT,
    USAGE_DETAILS,
    USAGE_KEYS,
};

/* A number that is stated; false when it is none that a count can be. */
static bool
take_number(struct str value, uint64_t *number)
{
    *number = 0;
    if (value.len == 0)
        return true;
    int rc = json_number_u64(value, number);
    return rc == 0 || rc == -ENOENT;
}

/* Tokens written for an hour: cacheDetails[{ttl, inputTokens}]. */
static uint64_t
written_for_an_hour(struct str details)
{
    struct json_reader reader;
    struct str element, ttl, number;
    uint64_t sum = 0;
    if (details.len == 0 || !json_list_begin(&reader, details))
        return 0;
    while (json_item(&reader, &element) == JSON_OBJECT) {
        uint64_t tokens;
        if (json_find(element, "ttl", &ttl) &&
            json_string_equals(ttl, STR_LIT("1h")) &&
            json_find(element, "inputTokens", &number) &&
            take_number(number, &tokens))
            sum += tokens;
    }
    return sum;
}

bool
bedrock_read_usage(struct answer *answer, struct str object)
{
    static const struct str names[USAGE_KEYS] = {
        [USAGE_INPUT] = STR_LIT("inputTokens"),
        [USAGE_OUTPUT] = STR_LIT("outputTokens"),
        [USAGE_TOTAL] = STR_LIT("totalTokens"),
        [USAGE_READ] = STR_LIT("cacheReadInputTokens"),
        [USAGE_READ_COUNT] = STR_LIT("cacheReadInputTokenCount"),
        [USAGE_WRITE] = STR_LIT("cacheWriteInputTokens"),
        [USAGE_WRITE_COUNT] = STR_LIT("cacheWriteInputTokenCount"),
        [USAGE_DETAILS] = STR_LIT("cacheDetails"),
    };
    struct str values[USAGE_KEYS + 1];
    uint64_t numbers[USAGE_DETAILS];
    if (!json_members(object, names, USAGE_KEYS, values) ||
        (values[USAGE_INPUT].len == 0 && values[USAGE_OUTPUT].len == 0))
        return false;
    for (unsigned i = 0; i < USAGE_DETAILS; i++) {
        if (take_number(values[i], &numbers[i]))
            continue;
        answer->usage_odd = true;
        if (i <= USAGE_OUTPUT)
            return false;
        numbers[i] = 0;
    }
    /* The same number under two names. */
    uint64_t read = numbers[USAGE_READ] != 0 ? numbers[USAGE_READ]
                                             : numbers[USAGE_READ_COUNT];
    uint64_t write = numbers[USAGE_WRITE] != 0 ? numbers[USAGE_WRITE]
                                               : numbers[USAGE_WRITE_COUNT];
    uint64_t hour = written_for_an_hour(values[USAGE_DETAILS]);
    const struct usage usage = {
        .prompt_missed = numbers[USAGE_INPUT],
        .cached = read,
        .cache_creation = write,
        .cache_creation_1h = hour < write ? hour : write,
        .completion = numbers[USAGE_OUTPUT],
    };
    answer_state_split(answer, &usage);
    if (values[USAGE_OUTPUT].len > 0)
        answer_note_stated(answer);
    return true;
}

void
bedrock_read_service(struct answer *answer, struct str object)
{
    struct str type;
    if (object.len > 0 && json_find(object, "type", &type))
        answer_learn_service(answer, type);
}

/* ---- ends ---- */

static enum canon_stop
stop_of(struct str reason)
{
    static const struct {
        struct str name;
        enum canon_stop stop;
    } stops[] = {
        {STR_LIT("end_turn"), CANON_STOP_END},
        {STR_LIT("tool_use"), CANON_STOP_TOOLS},
        {STR_LIT("max_tokens"), CANON_STOP_LENGTH},
        {STR_LIT("stop_sequence"), CANON_STOP_SEQUENCE},
        {STR_LIT("guardrail_intervened"), CANON_STOP_FILTER},
        {STR_LIT("content_filtered"), CANON_STOP_FILTER},
        {STR_LIT("malformed_model_output"), CANON_STOP_ERROR},
        {STR_LIT("malformed_tool_use"), CANON_STOP_ERROR},
        {STR_LIT("model_context_window_exceeded"), CANON_STOP_CONTEXT},
    };
    for (size_t i = 0; i < ARRAY_LEN(stops); i++)
        if (str_equals(stops[i].name, reason))
            return stops[i].stop;
    return reason.len == 0 ? CANON_STOP_NONE : CANON_STOP_END;
}

void
bedrock_finish(struct canon_stream *stream, struct str reason,
               struct str fields)
{
    struct str sequence = no_text;
    if (fields.len > 0 && json_find(fields, "stop_sequence", &sequence))
        sequence = openai_text(sequence);
    canon_finish(stream, 0, stop_of(openai_text(reason)), sequence);
}

/*
 * Names of what went wrong, as the relay knows them; the rest keep theirs. In a
 * stream they begin with a small letter, else with a capital.
 */
static struct str
error_type(struct str name)
{
    static const struct {
        struct str name, type;
    } types[] = {
        {STR_LIT("throttlingException"), STR_LIT("rate_limit_error")},
        {STR_LIT("serviceQuotaExceededException"), STR_LIT("rate_limit_error")},
        {STR_LIT("serviceUnavailableException"), STR_LIT("overloaded_error")},
        {STR_LIT("modelNotReadyException"), STR_LIT("overloaded_error")},
        {STR_LIT("validationException"), STR_LIT("invalid_request_error")},
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_equals_nocase(types[i].name, name))
            return types[i].type;
    return name;
}

void
bedrock_fail(struct canon_stream *stream, struct str name, struct str data)
{
    struct str message;
    if (json_find(data, "message", &message) ||
        json_find(data, "Message", &message)) {
        canon_error(stream, error_type(name), openai_text(message));
        return;
    }
    struct buf escaped;
    buf_init(&escaped, 0);
    json_escape(&escaped, data.len > 0 && *data.ptr == '{' ? no_text : data);
    canon_error(stream, error_type(name),
                buf_ok(&escaped) ? buf_view(&escaped) : no_text);
    buf_fini(&escaped);
}

/* ---- events ---- */

enum event_key {
    EVENT_INDEX,
    EVENT_START,
    EVENT_DELTA,
    EVENT_REASON,
    EVENT_FIELDS,
    EVENT_USAGE,
    EVENT_SERVICE,
    EVENT_KEYS,
};

static uint32_t
block_index(struct str value)
{
    uint64_t index = 0;
    if (json_number_u64(value, &index) != 0 || index > UINT16_MAX)
        return 0;
    return (uint32_t)index;
}

/* "type" stands only in calls of the server's own tools. */
static void
read_start(struct canon_stream *stream, const struct str *values)
{
    static const struct str names[] = {STR_LIT("toolUseId"), STR_LIT("name"),
                                       STR_LIT("type")};
    struct str tool, of_tool[ARRAY_LEN(names) + 1];
    if (json_find(values[EVENT_START], "toolUse", &tool) &&
        json_members(tool, names, ARRAY_LEN(names), of_tool) &&
        of_tool[2].len == 0)
        canon_tool(stream, 0, block_index(values[EVENT_INDEX]),
                   openai_text(of_tool[0]), openai_text(of_tool[1]));
}

void
bedrock_reasoning(struct canon_stream *stream, struct str object)
{
    static const struct str names[] = {STR_LIT("text"), STR_LIT("signature"),
                                       STR_LIT("redactedContent")};
    struct str values[ARRAY_LEN(names) + 1];
    if (!json_members(object, names, ARRAY_LEN(names), values))
        return;
    canon_thinking(stream, 0, openai_text(values[0]));
    canon_signature(stream, 0, openai_text(values[1]));
    canon_redacted(stream, 0, openai_text(values[2]));
}

static void
read_delta(struct canon_stream *stream, const struct str *values)
{
    static const struct str names[] = {STR_LIT("text"), STR_LIT("toolUse"),
                                       STR_LIT("reasoningContent")};
    struct str of_delta[ARRAY_LEN(names) + 1], input;
    if (!json_members(values[EVENT_DELTA], names, ARRAY_LEN(names), of_delta))
        return;
    canon_text(stream, 0, openai_text(of_delta[0]));
    if (of_delta[1].len > 0 && json_find(of_delta[1], "input", &input))
        canon_tool_piece(stream, 0, block_index(values[EVENT_INDEX]),
                         openai_text(input));
    if (of_delta[2].len > 0)
        bedrock_reasoning(stream, of_delta[2]);
}

void
bedrock_read_event(struct canon_stream *stream, const struct sse_event *event)
{
    static const struct str names[EVENT_KEYS] = {
        [EVENT_INDEX] = STR_LIT("contentBlockIndex"),
        [EVENT_START] = STR_LIT("start"),
        [EVENT_DELTA] = STR_LIT("delta"),
        [EVENT_REASON] = STR_LIT("stopReason"),
        [EVENT_FIELDS] = STR_LIT("additionalModelResponseFields"),
        [EVENT_USAGE] = STR_LIT("usage"),
        [EVENT_SERVICE] = STR_LIT("serviceTier"),
    };
    struct str values[EVENT_KEYS + 1];
    if (event->data_count == 0 || stream->answer->done_seen)
        return; /* of several metadata the first ends the answer */
    if (event->is_exception) {
        bedrock_fail(stream, event->event, event->data[0]);
        return;
    }
    if (!json_members(event->data[0], names, EVENT_KEYS, values))
        return;
    if (str_equals(event->event, STR_LIT("contentBlockDelta"))) {
        read_delta(stream, values);
    } else if (str_equals(event->event, STR_LIT("contentBlockStart"))) {
        read_start(stream, values);
    } else if (str_equals(event->event, STR_LIT("contentBlockStop"))) {
        canon_block_end(stream, 0);
    } else if (str_equals(event->event, STR_LIT("messageStart"))) {
        canon_start(stream, no_text, no_text);
    } else if (str_equals(event->event, STR_LIT("messageStop"))) {
        bedrock_finish(stream, values[EVENT_REASON], values[EVENT_FIELDS]);
    } else if (str_equals(event->event, STR_LIT("metadata"))) {
        bedrock_read_usage(stream->answer, values[EVENT_USAGE]);
        bedrock_read_service(stream->answer, values[EVENT_SERVICE]);
        canon_done(stream);
    }
}
