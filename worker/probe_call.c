/*
 * probe_call.c - see probe_part.h. The call is written as a client's of OpenAI's
 * API would be, and goes through the canonical form to providers of another
 * dialect; all answers are read through it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/probe_part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypto.h"
#include "common/json_write.h"
#include "worker/dialect/canon.h"
#include "worker/dialect/canon_stream.h"
#include "worker/provider/credential.h"
#include "worker/provider/provider.h"

enum {
    MAX_TOKENS = 16,
    TOTAL_MS = 45000,    /* of a test: less than the management API waits */
    SPOKEN_BYTES = 4096, /* looked at for the credential before it is cut */
};

void
probe_fail(struct probe_outcome *outcome, const char *code, const char *message)
{
    snprintf(outcome->code, sizeof(outcome->code), "%s",
             code == NULL ? "upstream_error" : code);
    snprintf(outcome->message, sizeof(outcome->message), "%s", message);
}

/* ---- where it goes ---- */

static const struct catalogue_endpoint *
endpoint_at(const struct catalogue_model *model, int provider)
{
    for (uint32_t i = 0; i < model->endpoint_count; i++)
        if ((int)model->endpoints[i].provider == provider)
            return &model->endpoints[i];
    return NULL;
}

static uint64_t
at_most(uint64_t ms)
{
    return ms == 0 || ms > TOTAL_MS ? TOTAL_MS : ms;
}

bool
probe_call_find(struct probe_call *call, const struct catalogue *catalogue,
                struct str name, struct probe_outcome *outcome)
{
    int provider = catalogue_find_provider(catalogue, name);
    struct str upstream = {NULL, 0};
    const struct catalogue_model *model =
        provider < 0 ? NULL
                     : catalogue_find_at(catalogue, provider,
                                         str_from(call->model), &upstream);
    const struct catalogue_endpoint *endpoint =
        model == NULL ? NULL : endpoint_at(model, provider);
    if (endpoint == NULL) {
        probe_fail(outcome, "not_found",
                   "the provider or its model has just been changed");
        return false;
    }
    call->provider =
        catalogue_checked_provider(&catalogue->providers[provider]);
    call->upstream = catalogue_upstream_name(
        call->provider, model->is_wildcard ? upstream : str_from(model->name));
    call->timeouts = (struct call_timeouts){
        .connect_ms = at_most(endpoint->timeouts.connect_ms),
        .first_byte_ms = at_most(endpoint->timeouts.first_byte_ms),
        .idle_ms = at_most(endpoint->timeouts.idle_ms),
        .total_ms = at_most(endpoint->timeouts.total_ms),
    };
    return true;
}

/* ---- the way up ---- */

static void
write_question(const struct probe_call *call, uint32_t quirks, struct buf *out)
{
    struct json_writer json;
    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "model");
    json_string(&json, call->upstream);
    json_key(&json, "messages");
    json_array_begin(&json);
    json_object_begin(&json);
    json_key(&json, "role");
    json_cstring(&json, "user");
    json_key(&json, "content");
    json_cstring(&json, call->prompt);
    json_object_end(&json);
    json_array_end(&json);
    json_key(&json, (quirks & QUIRK_COMPLETION_TOKENS) != 0
                        ? "max_completion_tokens"
                        : "max_tokens");
    json_u64(&json, MAX_TOKENS);
    json_object_end(&json);
}

/* Into `out`, in the provider's dialect. */
static bool
translate(const struct probe_call *call, uint32_t quirks, struct str question,
          struct buf *out, struct fault *fault)
{
    struct canon_request *asked = canon_request_create();
    const struct canon_target target = {
        .model = call->upstream,
        .max_tokens = MAX_TOKENS,
        .endpoint = call->endpoint,
        .quirks = quirks,
    };
    bool good = asked != NULL;
    if (good)
        asked->max_tokens = MAX_TOKENS;
    good =
        good &&
        dialect_openai.read_request(question, &call->call, asked, fault) == 0 &&
        call->dialect->write_request(asked, &target, out, fault) == 0 &&
        !asked->failed;
    canon_request_destroy(&asked);
    return good;
}

static bool
write_body(struct probe_call *call, const struct provider_family *family,
           struct buf *body, struct fault *fault)
{
    uint32_t quirks = family->quirks(call->provider);
    struct buf question;
    buf_init(&question, 0);
    write_question(call, call->dialect == &dialect_openai ? quirks : 0,
                   &question);
    bool good = buf_ok(&question) &&
                dialect_openai.scan(buf_view(&question), ENDPOINT_CHAT,
                                    &call->call, fault) == 0;
    if (good && call->dialect == &dialect_openai)
        buf_append_str(body, buf_view(&question));
    else if (good)
        good = translate(call, quirks, buf_view(&question), body, fault);
    buf_fini(&question);
    call->call.endpoint = call->endpoint;
    return good && buf_ok(body);
}

bool
probe_call_write(struct probe_call *call, const char *id, int64_t wall_ms,
                 struct buf *head, struct buf *body,
                 struct probe_outcome *outcome)
{
    const struct provider_family *family =
        provider_family_of(call->provider->kind);
    struct fault fault = {.code = "overloaded", .message = "out of memory"};
    memset(&call->call, 0, sizeof(call->call));
    call->endpoint = ENDPOINT_CHAT;
    call->dialect =
        family->speaks(call->provider, &dialect_openai, &call->endpoint);
    if (call->dialect == NULL || call->dialect->write_request == NULL ||
        call->dialect->read_plain == NULL) {
        probe_fail(outcome, "unsupported_endpoint",
                   "the provider does not serve chats");
        return false;
    }
    if (write_body(call, family, body, &fault)) {
        struct iovec piece = {body->data + body->start, buf_len(body)};
        const struct upstream_call upstream = {
            .provider = call->provider,
            .dialect = call->dialect,
            .endpoint = call->endpoint,
            .model = call->upstream,
            .is_translated = call->dialect != &dialect_openai,
            .body = &piece,
            .body_pieces = 1,
            .body_len = buf_len(body),
            .request_id = id,
            .wall_ms = wall_ms,
        };
        family->head(head, &upstream);
        if (buf_ok(head))
            return true;
    }
    probe_fail(outcome, fault.code, fault.message);
    return false;
}

/* ---- the way down ---- */

/* At most `max` bytes of it, in one line. */
static void
clean(char *text, size_t len, size_t max)
{
    if (len > max)
        len = str_cut(str_make(text, len), max).len;
    text[len] = '\0';
    for (size_t i = 0; i < len; i++)
        if ((uint8_t)text[i] < ' ' || text[i] == 0x7f)
            text[i] = ' ';
}

/* The text of the first choice, without the credential. */
static void
take_text(const struct probe_call *call, const struct canon_stream *stream,
          struct probe_outcome *outcome)
{
    char spoken[SPOKEN_BYTES];
    size_t len = 0;
    for (uint32_t i = 0; i < stream->block_count; i++) {
        const struct canon_block *block = &stream->blocks[i];
        if (block->choice == 0 && len + 1 < sizeof(spoken) &&
            (block->kind == CANON_BLOCK_TEXT ||
             block->kind == CANON_BLOCK_REFUSAL))
            len += json_text_decode_cut(buf_view(&block->text), spoken + len,
                                        sizeof(spoken) - len);
    }
    credential_hide(call->provider, spoken, len);
    clean(spoken, len, sizeof(outcome->text) - 1);
    memcpy(outcome->text, spoken, strlen(spoken) + 1);
    crypto_wipe(spoken, sizeof(spoken));
}

static void
tell_failure(const struct probe_call *call, const struct canon_stream *stream,
             struct probe_outcome *outcome)
{
    bool shows =
        credential_shows(call->provider, str_from(stream->error_message));
    probe_fail(outcome, "upstream_error",
               shows ? "the provider failed: its message is withheld, because "
                       "it shows the gateway's credential"
               : stream->error_message[0] != '\0' ? stream->error_message
                                                  : "the provider failed and "
                                                    "gave no reason");
}

static bool
says_nothing(const struct canon_stream *stream)
{
    const struct answer *answer = stream->answer;
    return !answer->finish_seen && !answer->usage_seen &&
           answer->content_events == 0;
}

static void
read_answer(const struct probe_call *call, struct str body,
            struct probe_outcome *outcome)
{
    struct answer answer = {.dialect = call->dialect,
                            .endpoint = call->endpoint};
    struct canon_stream *stream = calloc(1, sizeof(*stream));
    struct buf unused;
    if (stream == NULL) {
        probe_fail(outcome, "overloaded", "out of memory");
        return;
    }
    buf_init(&unused, 0);
    call->dialect->answer_begin(&answer);
    canon_stream_reset(stream);
    stream->answer = &answer;
    stream->client = &dialect_openai;
    stream->plain = stream->collect = true;
    stream->call = &call->call;
    stream->request_id = "";
    stream->out = &unused;
    call->dialect->read_plain(stream, body);
    if (stream->has_error)
        tell_failure(call, stream, outcome);
    else if (stream->failed)
        probe_fail(outcome, "overloaded", "out of memory");
    else if (answer.bad || says_nothing(stream))
        probe_fail(outcome, "upstream_error",
                   "the provider's answer is not understood: is base_url "
                   "right?");
    else
        take_text(call, stream, outcome);
    canon_stream_fini(stream);
    answer_release(&answer);
    buf_fini(&unused);
    free(stream);
}

void
probe_call_read(const struct probe_call *call, struct str body,
                struct probe_outcome *outcome)
{
    const struct provider_family *family =
        provider_family_of(call->provider->kind);
    struct fault fault = {.code = "upstream_error"};
    if (outcome->status >= 200 && outcome->status <= 299) {
        read_answer(call, body, outcome);
    } else {
        if (!family->map_error(call->provider, outcome->status, body, true,
                               &fault))
            snprintf(fault.message, sizeof(fault.message),
                     "the provider answered with status %u", outcome->status);
        probe_fail(outcome, fault.code, fault.message);
    }
    clean(outcome->message, strlen(outcome->message),
          sizeof(outcome->message) - 1);
}
