/*
 * responses_object.c - the response object: what the answer is, and of the
 * request what clients expect to find again, as it stood.
 *
 * `store` is false whatever was asked for, and there is no previous response:
 * nothing is kept that an id could name.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/responses_part.h"

/* The gateway's own words for a value that was not stated. */
static const struct str echo_defaults[ECHOES] = {
    [ECHO_INSTRUCTIONS] = STR_LIT("null"),
    [ECHO_MAX_OUTPUT_TOKENS] = STR_LIT("null"),
    [ECHO_MAX_TOOL_CALLS] = STR_LIT("null"),
    [ECHO_METADATA] = STR_LIT("{}"),
    [ECHO_PARALLEL_TOOL_CALLS] = STR_LIT("true"),
    [ECHO_PROMPT_CACHE_KEY] = STR_LIT("null"),
    [ECHO_REASONING] = STR_LIT("{\"effort\":null,\"summary\":null}"),
    [ECHO_SAFETY_IDENTIFIER] = STR_LIT("null"),
    [ECHO_SERVICE_TIER] = STR_LIT("null"),
    [ECHO_TEMPERATURE] = STR_LIT("null"),
    [ECHO_TEXT] = STR_LIT("{\"format\":{\"type\":\"text\"}}"),
    [ECHO_TOOL_CHOICE] = STR_LIT("\"auto\""),
    [ECHO_TOOLS] = STR_LIT("[]"),
    [ECHO_TOP_LOGPROBS] = STR_LIT("0"),
    [ECHO_TOP_P] = STR_LIT("null"),
    [ECHO_TRUNCATION] = STR_LIT("\"disabled\""),
    [ECHO_USER] = STR_LIT("null"),
};

static void
write_echo(struct json_writer *json, const struct canon_stream *stream)
{
    const struct responses_own *own =
        stream->request == NULL ? NULL : stream->request->own;
    for (unsigned i = 0; i < ECHOES; i++) {
        struct str value = {NULL, 0};
        if (own != NULL)
            value = own->echo[i];
        json_key(json, responses_echo_name((enum responses_echo)i));
        json_raw_line(json, value.len > 0 ? value : echo_defaults[i]);
    }
}

void
responses_write_usage(struct json_writer *json, const struct usage *usage)
{
    uint64_t input = usage->prompt_missed + usage->cached +
                     usage->cache_creation + usage->audio_in;
    uint64_t output = usage->completion + usage->reasoning + usage->audio_out;
    json_object_begin(json);
    json_key(json, "input_tokens");
    json_u64(json, input);
    json_key(json, "input_tokens_details");
    json_object_begin(json);
    json_key(json, "cached_tokens");
    json_u64(json, usage->cached);
    json_key(json, "cache_write_tokens");
    json_u64(json, usage->cache_creation);
    json_object_end(json);
    json_key(json, "output_tokens");
    json_u64(json, output);
    json_key(json, "output_tokens_details");
    json_object_begin(json);
    json_key(json, "reasoning_tokens");
    json_u64(json, usage->reasoning);
    json_object_end(json);
    json_key(json, "total_tokens");
    json_u64(json, input + output);
    json_object_end(json);
}

enum responses_status
responses_ended(const struct canon_stream *stream)
{
    switch (stream->choices[0].stop) {
    case CANON_STOP_LENGTH:
    case CANON_STOP_CONTEXT:
    case CANON_STOP_FILTER:
        return RESPONSES_INCOMPLETE;
    case CANON_STOP_ERROR:
        return RESPONSES_FAILED;
    default:
        return RESPONSES_COMPLETED;
    }
}

static void
write_output(struct json_writer *json, struct canon_stream *stream,
             enum responses_status status)
{
    uint64_t number = 0;
    const struct canon_block *last = NULL;
    /* A stream says what it said before. */
    bool cut = status != RESPONSES_COMPLETED &&
               (stream->plain || stream->writer_words[RESPONSES_CUT_ITEM] != 0);
    json_array_begin(json);
    for (uint32_t i = 0; i < stream->block_count; i++)
        if (stream->blocks[i].choice == 0)
            last = &stream->blocks[i];
    for (uint32_t i = 0; i < stream->block_count; i++) {
        const struct canon_block *block = &stream->blocks[i];
        if (block->choice != 0)
            continue;
        responses_write_item(json, stream, block, number++,
                             cut && block == last ? RESPONSES_INCOMPLETE
                                                  : RESPONSES_COMPLETED);
        if (block->kind == CANON_BLOCK_TOOL && buf_len(&block->signature) > 0)
            responses_write_call_mark(json, stream, block, number++);
    }
    json_array_end(json);
}

/* Why it is not whole: members error and incomplete_details. */
static void
write_reasons(struct json_writer *json, const struct canon_stream *stream,
              enum responses_status status)
{
    bool filter = stream->choices[0].stop == CANON_STOP_FILTER;
    json_key(json, "error");
    if (status == RESPONSES_FAILED)
        json_raw(json, STR_LIT("{\"code\":\"server_error\",\"message\":\"The "
                               "model's answer was malformed.\"}"));
    else
        json_null(json);
    json_key(json, "incomplete_details");
    if (status == RESPONSES_INCOMPLETE)
        json_raw(json, filter ? STR_LIT("{\"reason\":\"content_filter\"}")
                              : STR_LIT("{\"reason\":\"max_output_tokens\"}"));
    else
        json_null(json);
}

/* The provider's id where it is one of this dialect. */
static void
write_id(struct json_writer *json, const struct canon_stream *stream)
{
    char id[96] = "resp_";
    json_key(json, "id");
    if (strncmp(stream->answer->id, "resp_", 5) == 0) {
        json_cstring(json, stream->answer->id);
        return;
    }
    if (stream->request_id != NULL)
        strncat(id, stream->request_id, sizeof(id) - sizeof("resp_"));
    json_cstring(json, id);
}

void
responses_write_object(struct json_writer *json, struct canon_stream *stream,
                       enum responses_status status)
{
    const struct call *call = stream->call;
    json_object_begin(json);
    write_id(json, stream);
    json_key(json, "object");
    json_cstring(json, "response");
    json_key(json, "created_at");
    json_i64(json, stream->created_s);
    json_key(json, "status");
    json_cstring(json, responses_status_name(status));
    json_key(json, "background");
    json_bool(json, false);
    write_reasons(json, stream, status);
    json_key(json, "model");
    json_string(json, str_make(call->model, call->model_len));
    json_key(json, "output");
    if (status == RESPONSES_IN_PROGRESS)
        json_raw(json, STR_LIT("[]"));
    else
        write_output(json, stream, status);
    json_key(json, "previous_response_id");
    json_null(json);
    json_key(json, "store");
    json_bool(json, false);
    write_echo(json, stream);
    json_key(json, "usage");
    if (status == RESPONSES_IN_PROGRESS)
        json_null(json);
    else
        responses_write_usage(json, &stream->usage);
    json_object_end(json);
}

void
responses_write_plain(struct canon_stream *stream)
{
    struct json_writer json;
    json_writer_init(&json, stream->out);
    responses_write_object(&json, stream, responses_ended(stream));
}
