/*
 * builtin_write.c - answers of the builtin provider in OpenAI's shapes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "common/hash.h"
#include "worker/provider/builtin_part.h"

/* {"id":...,"object":...,"created":...,"model":... */
static void
write_start(struct buf *out, const struct builtin_question *question,
            const struct builtin_ids *ids, const char *object)
{
    buf_printf(out,
               "{\"id\":\"%s-builtin%016" PRIx64
               "\",\"object\":\"%s\",\"created\":%" PRId64 ",\"model\":\"",
               question->endpoint == ENDPOINT_CHAT ? "chatcmpl" : "cmpl",
               ids->number, object, ids->created_s);
    buf_append_str(out, buf_view(&question->model));
    buf_append_char(out, '"');
}

static void
write_usage(struct buf *out, const struct builtin_question *question)
{
    uint64_t completion = question->completion_tokens * question->choices;
    buf_append_cstr(out, ",\"usage\":{\"prompt_tokens\":");
    buf_append_u64(out, question->prompt_tokens);
    if (question->endpoint == ENDPOINT_EMBEDDINGS) {
        completion = 0;
    } else {
        buf_append_cstr(out, ",\"completion_tokens\":");
        buf_append_u64(out, completion);
    }
    buf_append_cstr(out, ",\"total_tokens\":");
    buf_append_u64(out, question->prompt_tokens + completion);
    buf_append_char(out, '}');
}

static const char *
finish_reason(const struct builtin_question *question)
{
    return question->is_cut ? "\"length\"" : "\"stop\"";
}

static void
write_choice(struct buf *out, const struct builtin_question *question,
             uint32_t index)
{
    buf_append_cstr(out, index > 0 ? ",{\"index\":" : "{\"index\":");
    buf_append_u64(out, index);
    if (question->endpoint == ENDPOINT_CHAT) {
        buf_append_cstr(out, ",\"message\":{\"role\":\"assistant\","
                             "\"content\":\"");
        buf_append_str(out, buf_view(&question->text));
        buf_append_cstr(out, "\",\"refusal\":null}");
    } else {
        buf_append_cstr(out, ",\"text\":\"");
        buf_append_str(out, buf_view(&question->text));
        buf_append_char(out, '"');
    }
    buf_append_cstr(out, ",\"logprobs\":null,\"finish_reason\":");
    buf_append_cstr(out, finish_reason(question));
    buf_append_char(out, '}');
}

/* Four decimals, so that text and float32 say the same. */
static void
make_vector(uint64_t hash, uint32_t dimensions, int16_t *vector)
{
    for (uint32_t i = 0; i < dimensions; i++)
        vector[i] = (int16_t)((int)(hash_mix64(hash + i) % 19999) - 9999);
}

static void
write_vector(struct buf *out, const struct builtin_question *question,
             uint64_t hash)
{
    int16_t vector[BUILTIN_DIMENSIONS_MAX];
    make_vector(hash, question->dimensions, vector);
    if (!question->base64) {
        for (uint32_t i = 0; i < question->dimensions; i++)
            buf_printf(out, i > 0 ? ",%.4f" : "[%.4f", vector[i] / 10000.0);
        buf_append_char(out, ']');
        return;
    }
    uint8_t bytes[BUILTIN_DIMENSIONS_MAX * sizeof(float)];
    unsigned char text[(sizeof(bytes) + 2) / 3 * 4 + 1];
    for (uint32_t i = 0; i < question->dimensions; i++) {
        float value = (float)(vector[i] / 10000.0);
        uint32_t bits;
        memcpy(&bits, &value, sizeof(bits));
        for (unsigned byte = 0; byte < 4; byte++)
            bytes[4 * i + byte] = (uint8_t)(bits >> (8 * byte));
    }
    int len = EVP_EncodeBlock(text, bytes, (int)(4 * question->dimensions));
    buf_append_char(out, '"');
    buf_append(out, text, (size_t)len);
    buf_append_char(out, '"');
}

static void
write_embeddings(struct buf *out, const struct builtin_question *question)
{
    struct str inputs = buf_view(&question->inputs);
    buf_append_cstr(out, "{\"object\":\"list\",\"model\":\"");
    buf_append_str(out, buf_view(&question->model));
    buf_append_cstr(out, "\",\"data\":[");
    for (size_t i = 0; i < inputs.len / sizeof(uint64_t); i++) {
        uint64_t hash;
        memcpy(&hash, inputs.ptr + i * sizeof(hash), sizeof(hash));
        buf_printf(out,
                   "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":",
                   i > 0 ? "," : "", i);
        write_vector(out, question, hash);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

void
builtin_write_plain(struct buf *out, const struct builtin_question *question,
                    const struct builtin_ids *ids)
{
    if (question->endpoint == ENDPOINT_EMBEDDINGS) {
        write_embeddings(out, question);
    } else {
        write_start(out, question, ids,
                    question->endpoint == ENDPOINT_CHAT ? "chat.completion"
                                                        : "text_completion");
        if (question->endpoint == ENDPOINT_CHAT) /* clients' types want it */
            buf_append_cstr(out, ",\"system_fingerprint\":null");
        buf_append_cstr(out, ",\"choices\":[");
        for (uint32_t i = 0; i < question->choices; i++)
            write_choice(out, question, i);
        buf_append_char(out, ']');
    }
    write_usage(out, question);
    buf_append_cstr(out, "}\n");
}

void
builtin_write_error(struct buf *out, const char *reason)
{
    buf_append_cstr(out, "{\"error\":{\"message\":\"");
    buf_append_cstr(out, reason);
    buf_append_cstr(out, "\",\"type\":\"invalid_request_error\","
                         "\"param\":null,\"code\":null}}\n");
}

/* The choice of a chunk: `text` is a piece of content; NULL: the finish. */
static void
write_delta(struct buf *out, const struct builtin_question *question,
            const struct builtin_stream *stream, const struct str *text)
{
    bool is_chat = question->endpoint == ENDPOINT_CHAT;
    buf_append_cstr(out, "{\"index\":");
    buf_append_u64(out, stream->choice);
    buf_append_cstr(out, is_chat ? ",\"delta\":{" : ",\"text\":\"");
    if (is_chat && stream->phase == BUILTIN_ROLE)
        buf_append_cstr(out, "\"role\":\"assistant\",");
    if (text != NULL) {
        buf_append_cstr(out, is_chat ? "\"content\":\"" : "");
        buf_append_str(out, *text);
        buf_append_cstr(out, is_chat ? "\"" : "");
    }
    buf_append_char(out, is_chat ? '}' : '"');
    buf_append_cstr(out, ",\"logprobs\":null,\"finish_reason\":");
    buf_append_cstr(out, text != NULL ? "null" : finish_reason(question));
    buf_append_char(out, '}');
}

static struct str
current_word(const struct builtin_question *question,
             const struct builtin_stream *stream)
{
    struct str rest = str_skip(buf_view(&question->text), stream->text_off);
    return str_make(rest.ptr, builtin_word_len(rest));
}

/* On to the next choice, word or phase. */
static void
advance(const struct builtin_question *question, struct builtin_stream *stream,
        size_t word_len)
{
    bool per_choice = stream->phase <= BUILTIN_FINISH;
    if (per_choice && ++stream->choice < question->choices)
        return;
    stream->choice = 0;
    if (stream->phase == BUILTIN_WORDS) {
        stream->text_off += word_len;
        if (stream->text_off < buf_len(&question->text))
            return;
    }
    stream->phase++;
    if (stream->phase == BUILTIN_WORDS && buf_len(&question->text) == 0)
        stream->phase = BUILTIN_FINISH;
    if (stream->phase == BUILTIN_USAGE && !question->include_usage)
        stream->phase = BUILTIN_DONE;
}

void
builtin_write_event(struct buf *out, const struct builtin_question *question,
                    const struct builtin_ids *ids,
                    struct builtin_stream *stream)
{
    bool is_chat = question->endpoint == ENDPOINT_CHAT;
    struct str word = {"", 0};
    buf_append_cstr(out, "data: ");
    if (stream->phase == BUILTIN_DONE) {
        buf_append_cstr(out, "[DONE]\n\n");
        stream->phase = BUILTIN_OVER;
        return;
    }
    write_start(out, question, ids,
                is_chat ? "chat.completion.chunk" : "text_completion");
    buf_append_cstr(out, ",\"choices\":[");
    if (stream->phase == BUILTIN_WORDS)
        word = current_word(question, stream);
    if (stream->phase != BUILTIN_USAGE)
        write_delta(out, question, stream,
                    stream->phase == BUILTIN_FINISH ? NULL : &word);
    buf_append_char(out, ']');
    if (stream->phase == BUILTIN_USAGE)
        write_usage(out, question);
    buf_append_cstr(out, "}\n\n");
    advance(question, stream, word.len);
}
