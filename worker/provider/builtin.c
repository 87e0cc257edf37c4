/*
 * builtin.c - a provider without a network: chat and completions give back the
 * words of the prompt, embeddings give a vector made from a hash. For trying
 * the gateway out, for tests, and to see what the gateway itself costs.
 *
 * Its bytes come through exchange events as those of any provider do, from the
 * loop (never from inside builtin_start), at a pace of builtin_delay_ms before
 * each event.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "common/clock.h"
#include "common/hash.h"
#include "worker/exchange.h"
#include "worker/provider/builtin_part.h"
#include "worker/provider/openai_part.h"
#include "worker/provider/provider.h"
#include "worker/worker.h"

enum {
    FLUSH_BYTES = 16 * 1024,
    FLUSHES_PER_TURN = 4, /* then others have their turn */
};

/* Owner: its exchange, until `end` or builtin_abort; freed at the end of that
 * turn. */
struct builtin_answer {
    struct worker *worker;
    const struct exchange_events *events;
    void *owner;
    struct builtin_question question;
    struct builtin_ids ids;
    struct builtin_stream stream;
    uint16_t status;
    bool is_stream;
    uint64_t delay_ms;
    struct buf out; /* not yet given */
    bool head_given, waited, paused, complete, ended;
    struct loop_timer timer;
    struct loop_deferred later;
};

static void
answer_free(struct builtin_answer *answer)
{
    builtin_question_fini(&answer->question);
    buf_fini(&answer->out);
    free(answer);
}

/* No more events; the memory goes at the end of the turn. */
static void
answer_end(struct builtin_answer *answer)
{
    answer->ended = true;
    loop_timer_clear(answer->worker->loop, &answer->timer);
    loop_defer(answer->worker->loop, &answer->later);
}

static void
give_head(struct builtin_answer *answer)
{
    struct http_head head;
    memset(&head, 0, offsetof(struct http_head, fields));
    head.status = answer->status;
    head.reason =
        answer->status == 200 ? STR_LIT("OK") : STR_LIT("Bad Request");
    head.version_minor = 1;
    head.keep_alive = true;
    head.field_count = 1;
    head.fields[0].name = STR_LIT("content-type");
    head.fields[0].which = HTTP_NAME_CONTENT_TYPE;
    if (answer->is_stream) {
        head.fields[0].value = STR_LIT("text/event-stream");
        head.body_kind = HTTP_BODY_CHUNKED;
    } else {
        head.fields[0].value = STR_LIT("application/json");
        head.body_kind = HTTP_BODY_LENGTH;
        head.content_length = buf_len(&answer->out);
    }
    answer->head_given = true;
    answer->events->head(answer->owner, &head);
}

static bool
has_more_events(const struct builtin_answer *answer)
{
    return answer->is_stream && answer->stream.phase != BUILTIN_OVER;
}

/* One event at a time where there is a pace, else as many as fit a flush. */
static void
write_events(struct builtin_answer *answer)
{
    do {
        builtin_write_event(&answer->out, &answer->question, &answer->ids,
                            &answer->stream);
    } while (has_more_events(answer) && answer->delay_ms == 0 &&
             buf_len(&answer->out) < FLUSH_BYTES);
}

static void
give_bytes(struct builtin_answer *answer)
{
    struct str bytes = buf_view(&answer->out);
    if (!answer->is_stream && bytes.len > WORKER_READ_BYTES)
        bytes.len = WORKER_READ_BYTES;
    answer->complete =
        !has_more_events(answer) && bytes.len == buf_len(&answer->out);
    answer->events->body(answer->owner, bytes);
    if (answer->ended)
        return;
    answer->events->flush(answer->owner);
    if (!answer->ended)
        buf_consume(&answer->out, bytes.len);
}

static void
pump(struct builtin_answer *answer)
{
    if (!answer->head_given)
        give_head(answer);
    for (unsigned i = 0; i < FLUSHES_PER_TURN; i++) {
        if (answer->ended || answer->paused)
            return;
        if (buf_len(&answer->out) == 0 && has_more_events(answer)) {
            if (answer->delay_ms > 0 && !answer->waited) {
                loop_timer_set(answer->worker->loop, &answer->timer,
                               loop_now_ms(answer->worker->loop) +
                                   answer->delay_ms);
                return;
            }
            answer->waited = false;
            write_events(answer);
        }
        if (!buf_ok(&answer->out)) {
            answer_end(answer);
            answer->events->end(answer->owner, EXCHANGE_CUT, "out of memory");
            return;
        }
        give_bytes(answer);
        if (!answer->ended && answer->complete) {
            answer_end(answer);
            answer->events->end(answer->owner, EXCHANGE_OK, "");
            return;
        }
    }
    loop_defer(answer->worker->loop, &answer->later);
}

static void
on_later(struct loop_deferred *deferred)
{
    struct builtin_answer *answer =
        OWNER_OF(deferred, struct builtin_answer, later);
    if (answer->ended)
        answer_free(answer);
    else if (!answer->paused && answer->timer.due_ms == 0)
        pump(answer);
}

static void
on_timer(struct loop_timer *timer)
{
    struct builtin_answer *answer =
        OWNER_OF(timer, struct builtin_answer, timer);
    answer->waited = true;
    if (!answer->paused)
        pump(answer);
}

/* The body as it would go to a provider: max_tokens clamped, usage asked for. */
static int
read_question(struct builtin_answer *answer,
              const struct exchange_request *request, const char **reason)
{
    if (request->piece_count == 0)
        return builtin_question_read(&answer->question, request->body,
                                     request->call, reason);
    struct buf body;
    buf_init(&body, 0);
    for (int i = 0; i < request->piece_count; i++)
        buf_append(&body, request->pieces[i].iov_base,
                   request->pieces[i].iov_len);
    int result = builtin_question_read(&answer->question, buf_view(&body),
                                       request->call, reason);
    buf_fini(&body);
    return result;
}

/* Reads the question; a plain answer is written at once. */
static void
prepare(struct builtin_answer *answer, const struct exchange_request *request)
{
    const struct call *call = request->call;
    const struct builtin_question *question = &answer->question;
    const char *reason = NULL;
    int result = read_question(answer, request, &reason);
    bool wants_stream = call->stream && call->endpoint != ENDPOINT_EMBEDDINGS;
    if (result == 0 && !wants_stream &&
        buf_len(&question->text) * question->choices > BUILTIN_ANSWER_MAX) {
        result = -1;
        reason = "the answer would be too large";
    }
    answer->status = result == 0 ? 200 : 400;
    answer->is_stream = result == 0 && wants_stream;
    answer->stream.phase = call->endpoint == ENDPOINT_CHAT ? BUILTIN_ROLE
                           : buf_len(&question->text) == 0 ? BUILTIN_FINISH
                                                           : BUILTIN_WORDS;
    if (result != 0)
        builtin_write_error(&answer->out, reason);
    else if (!wants_stream)
        builtin_write_plain(&answer->out, question, &answer->ids);
}

struct builtin_answer *
builtin_start(struct worker *worker, const struct exchange_request *request,
              const struct exchange_events *events, void *owner)
{
    struct builtin_answer *answer = calloc(1, sizeof(*answer));
    if (answer == NULL)
        return NULL;
    answer->worker = worker;
    answer->events = events;
    answer->owner = owner;
    answer->delay_ms = request->provider->builtin_delay_ms;
    answer->ids.created_s = clock_wall_ms() / 1000;
    answer->ids.number =
        hash_mix64(worker->request_id_base[0] + worker->request_count);
    answer->timer.expired = on_timer;
    answer->later.run = on_later;
    buf_init(&answer->out, 0);
    prepare(answer, request);
    if (answer->delay_ms > 0)
        loop_timer_set(worker->loop, &answer->timer,
                       loop_now_ms(worker->loop) + answer->delay_ms);
    else
        loop_defer(worker->loop, &answer->later);
    return answer;
}

void
builtin_pause(struct builtin_answer *answer, bool paused)
{
    answer->paused = paused;
    if (!paused)
        loop_defer(answer->worker->loop, &answer->later);
}

bool
builtin_is_complete(const struct builtin_answer *answer)
{
    return answer->complete;
}

void
builtin_abort(struct builtin_answer *answer)
{
    if (!answer->ended)
        answer_end(answer);
}

/* ---- the family: nothing is sent, so there is no head ---- */

static const struct dialect *
builtin_speaks(const struct catalogue_provider *provider,
               const struct dialect *client, uint8_t *endpoint)
{
    (void)provider;
    if (client != &dialect_openai)
        *endpoint = ENDPOINT_CHAT;
    return *endpoint <= ENDPOINT_EMBEDDINGS ? &dialect_openai : NULL;
}

static void
builtin_head(struct buf *out, const struct upstream_call *call)
{
    (void)out;
    (void)call;
}

/* Its errors are OpenAI's own; another dialect needs them in its words. */
static bool
builtin_map_error(const struct catalogue_provider *provider, uint16_t status,
                  struct str body, bool translated, struct fault *fault)
{
    return translated &&
           openai_map_error(provider, status, body, translated, fault);
}

static uint32_t
builtin_quirks(const struct catalogue_provider *provider)
{
    (void)provider;
    return 0;
}

const struct provider_family provider_builtin = {
    .kind = PROVIDER_BUILTIN,
    .name = "builtin",
    .speaks = builtin_speaks,
    .head = builtin_head,
    .map_error = builtin_map_error,
    .quirks = builtin_quirks,
};
