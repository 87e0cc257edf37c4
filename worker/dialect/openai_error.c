/*
 * openai_error.c - what the gateway itself says to a client of this dialect:
 * errors, and the end of a stream that it had to cut.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_part.h"

#include "common/json_write.h"

/* The four members are always there: clients read all of them. */
static void
write_error(struct json_writer *json, const struct fault *fault)
{
    json_key(json, "error");
    json_object_begin(json);
    json_key(json, "message");
    json_cstring(json, fault->message);
    json_key(json, "type");
    json_cstring(json, fault->type);
    json_key(json, "param");
    json_cstring(json, fault->param);
    json_key(json, "code");
    json_cstring(json, fault->code);
    json_object_end(json);
}

void
openai_error_body(struct buf *out, const struct fault *fault,
                  const char *request_id)
{
    struct json_writer json;
    json_writer_init(&json, out);
    json_object_begin(&json);
    write_error(&json, fault);
    if (request_id != NULL) {
        json_key(&json, "request_id");
        json_cstring(&json, request_id);
    }
    json_object_end(&json);
}

void
openai_stream_error(struct buf *out, const struct answer *answer,
                    const struct fault *fault)
{
    struct json_writer json;
    (void)answer;
    buf_append_cstr(out, "data: ");
    json_writer_init(&json, out);
    json_object_begin(&json);
    write_error(&json, fault);
    json_object_end(&json);
    buf_append_cstr(out, "\n\n");
}

/* A chunk of the stream up to its choices, which the caller writes. */
static void
chunk_begin(struct json_writer *json, struct buf *out,
            const struct answer *answer)
{
    buf_append_cstr(out, "data: ");
    json_writer_init(json, out);
    json_object_begin(json);
    json_key(json, "id");
    json_cstring(json, answer->id);
    json_key(json, "object");
    json_cstring(json, answer->endpoint == ENDPOINT_COMPLETIONS
                           ? "text_completion"
                           : "chat.completion.chunk");
    json_key(json, "created");
    json_u64(json, answer->created);
    json_key(json, "model");
    json_cstring(json, answer->model);
    json_key(json, "choices");
    json_array_begin(json);
}

static void
chunk_end(struct json_writer *json, struct buf *out)
{
    json_object_end(json);
    buf_append_cstr(out, "\n\n");
}

static bool
is_finished(const struct answer *answer, unsigned choice)
{
    return (answer->choices_finished[choice / 64] >> choice % 64 & 1) != 0;
}

static void
write_finish(struct buf *out, const struct answer *answer, unsigned choice)
{
    struct json_writer json;
    chunk_begin(&json, out, answer);
    json_object_begin(&json);
    json_key(&json, "index");
    json_u64(&json, choice);
    if (answer->endpoint == ENDPOINT_COMPLETIONS) {
        json_key(&json, "text");
        json_cstring(&json, "");
    } else {
        json_key(&json, "delta");
        json_object_begin(&json);
        json_object_end(&json);
    }
    json_key(&json, "logprobs");
    json_null(&json);
    json_key(&json, "finish_reason");
    json_cstring(&json, "length");
    json_object_end(&json);
    json_array_end(&json);
    chunk_end(&json, out);
}

static void
write_number(struct json_writer *json, const char *name, uint64_t n)
{
    json_key(json, name);
    json_u64(json, n);
}

void
openai_write_usage(struct json_writer *json, const struct usage *usage)
{
    uint64_t input = usage->prompt_missed + usage->cached +
                     usage->cache_creation + usage->audio_in;
    uint64_t output = usage->completion + usage->reasoning + usage->audio_out;
    json_key(json, "usage");
    json_object_begin(json);
    write_number(json, "prompt_tokens", input);
    write_number(json, "completion_tokens", output);
    write_number(json, "total_tokens", input + output);
    json_key(json, "prompt_tokens_details");
    json_object_begin(json);
    write_number(json, "cached_tokens", usage->cached);
    write_number(json, "cache_write_tokens", usage->cache_creation);
    write_number(json, "audio_tokens", usage->audio_in);
    json_object_end(json);
    json_key(json, "completion_tokens_details");
    json_object_begin(json);
    write_number(json, "reasoning_tokens", usage->reasoning);
    write_number(json, "audio_tokens", usage->audio_out);
    json_object_end(json);
    json_object_end(json);
}

static void
write_usage(struct buf *out, const struct answer *answer,
            const struct usage *usage)
{
    struct json_writer json;
    chunk_begin(&json, out, answer);
    json_array_end(&json);
    openai_write_usage(&json, usage);
    chunk_end(&json, out);
}

void
openai_stream_cut(struct buf *out, const struct answer *answer,
                  const struct usage *usage, bool include_usage)
{
    for (unsigned choice = 0; choice <= answer->choice_top; choice++)
        if (!is_finished(answer, choice))
            write_finish(out, answer, choice);
    if (include_usage)
        write_usage(out, answer, usage);
    buf_append_cstr(out, "data: [DONE]\n\n");
}
