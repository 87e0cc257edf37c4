/*
 * exchange.c - the life of an exchange: start, pause, deadlines, end.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/exchange.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "worker/exchange_part.h"

/* The accountant on its unix socket; a query of its log may take a while. */
enum {
    UNIX_CONNECT_MS = 5 * 1000,
    UNIX_FIRST_BYTE_MS = 60 * 1000,
    UNIX_IDLE_MS = 60 * 1000,
};

/* exchange_state -> the deadline that counts, and what its passing is called. */
static uint64_t
phase_limit(const struct exchange *exchange, const char **text)
{
    const struct call_timeouts *timeouts = exchange->request.timeouts;
    switch (exchange->state) {
    case EXCHANGE_CONNECTING:
    case EXCHANGE_HANDSHAKE:
        *text = "no connection in time";
        return timeouts ? timeouts->connect_ms : UNIX_CONNECT_MS;
    case EXCHANGE_OPEN:
        if (exchange->paused)
            return 0;
        if (!exchange->head_given) {
            *text = "no answer in time";
            return timeouts ? timeouts->first_byte_ms : UNIX_FIRST_BYTE_MS;
        }
        *text = "silent for too long in mid-answer";
        return timeouts ? timeouts->idle_ms : UNIX_IDLE_MS;
    default:
        return 0;
    }
}

/* When the time is over, monotonic ms; 0: never. *text says which time. */
static uint64_t
deadline(const struct exchange *exchange, const char **text)
{
    uint64_t phase = phase_limit(exchange, text), due = 0;
    if (phase > 0)
        due = exchange->phase_ms + phase;
    uint64_t first = exchange->head_given ? 0 : exchange->request.first_byte_ms;
    if (first > 0 && (due == 0 || exchange->started_ms + first < due)) {
        *text = "no answer in the time that the call allows";
        due = exchange->started_ms + first;
    }
    const struct call_timeouts *timeouts = exchange->request.timeouts;
    uint64_t total = timeouts ? timeouts->total_ms : 0;
    if (total > 0 && (due == 0 || exchange->started_ms + total < due)) {
        *text = "the whole exchange took too long";
        due = exchange->started_ms + total;
    }
    return due;
}

void
exchange_set_deadline(struct exchange *exchange)
{
    const char *text;
    uint64_t due = deadline(exchange, &text);
    if (due > 0)
        loop_timer_set(exchange->worker->loop, &exchange->timer, due);
    else
        loop_timer_clear(exchange->worker->loop, &exchange->timer);
}

static void
on_deadline(struct loop_timer *timer)
{
    struct exchange *exchange = OWNER_OF(timer, struct exchange, timer);
    const char *text = "";
    uint64_t due = deadline(exchange, &text);
    if (due == 0 || due > loop_now_ms(exchange->worker->loop))
        exchange_set_deadline(exchange);
    else
        exchange_finish(exchange, EXCHANGE_TIMEOUT, text);
}

static void
recycle(struct exchange *exchange)
{
    struct upstreams *upstreams = exchange->upstreams;
    if (exchange->place != NULL)
        pool_put_place(exchange->place);
    buf_fini(&exchange->head_bytes);
    exchange->next = upstreams->free_list;
    upstreams->free_list = exchange;
}

static void
on_later(struct loop_deferred *deferred)
{
    struct exchange *exchange = OWNER_OF(deferred, struct exchange, later);
    switch (exchange->state) {
    case EXCHANGE_ENDED:
        recycle(exchange);
        break;
    case EXCHANGE_FAILING:
        exchange_finish(exchange, exchange->failure, exchange->text);
        break;
    case EXCHANGE_OPEN:
        if (exchange->readable && !exchange->paused)
            exchange_receive(exchange);
        break;
    default:
        break;
    }
}

/* Lets go of everything but the memory; no events from now on. */
static void
detach(struct exchange *exchange)
{
    struct upstreams *upstreams = exchange->upstreams;
    exchange->state = EXCHANGE_ENDED;
    loop_timer_clear(exchange->worker->loop, &exchange->timer);
    connector_cancel(&exchange->job);
    if (exchange->connection != NULL) {
        if (exchange->keep)
            pool_keep(exchange->connection);
        else
            pool_close(exchange->connection);
        exchange->connection = NULL;
    }
    *(exchange->previous != NULL ? &exchange->previous->next
                                 : &upstreams->live) = exchange->next;
    if (exchange->next != NULL)
        exchange->next->previous = exchange->previous;
    loop_defer(exchange->worker->loop, &exchange->later);
}

void
exchange_finish(struct exchange *exchange, enum exchange_result result,
                const char *text)
{
    if (exchange->state == EXCHANGE_ENDED)
        return;
    detach(exchange);
    exchange->events->end(exchange->owner, result, text);
}

void
exchange_fail_later(struct exchange *exchange, enum exchange_result result,
                    const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(exchange->text, sizeof(exchange->text), format, args);
    va_end(args);
    exchange->state = EXCHANGE_FAILING;
    exchange->failure = result;
    loop_timer_clear(exchange->worker->loop, &exchange->timer);
    loop_defer(exchange->worker->loop, &exchange->later);
}

/* ---- the builtin provider's events, passed on ---- */

static void
note_first_byte(struct exchange *exchange)
{
    uint64_t took = loop_now_ms(exchange->worker->loop) - exchange->started_ms;
    if (exchange->first_byte_ms == 0)
        exchange->first_byte_ms = took == 0 ? 1 : (uint32_t)took;
}

static void
on_builtin_head(void *owner, const struct http_head *head)
{
    struct exchange *exchange = owner;
    note_first_byte(exchange);
    exchange->events->head(exchange->owner, head);
}

static void
on_builtin_body(void *owner, struct str bytes)
{
    struct exchange *exchange = owner;
    exchange->events->body(exchange->owner, bytes);
}

static void
on_builtin_flush(void *owner)
{
    struct exchange *exchange = owner;
    exchange->events->flush(exchange->owner);
}

static void
on_builtin_end(void *owner, enum exchange_result result, const char *text)
{
    exchange_finish(owner, result, text);
}

static const struct exchange_events builtin_events = {
    .head = on_builtin_head,
    .body = on_builtin_body,
    .flush = on_builtin_flush,
    .end = on_builtin_end,
};

/* ---- public ---- */

static struct exchange *
allocate(struct upstreams *upstreams)
{
    struct exchange *exchange = upstreams->free_list;
    if (exchange != NULL)
        upstreams->free_list = exchange->next;
    else
        exchange = malloc(sizeof(*exchange));
    if (exchange == NULL)
        return NULL;
    memset(exchange, 0, offsetof(struct exchange, text));
    exchange->text[0] = '\0';
    buf_init(&exchange->head_bytes, 0);
    exchange->upstreams = upstreams;
    exchange->worker = upstreams->worker;
    exchange->timer.expired = on_deadline;
    exchange->later.run = on_later;
    exchange->next = upstreams->live;
    if (exchange->next != NULL)
        exchange->next->previous = exchange;
    upstreams->live = exchange;
    return exchange;
}

struct exchange *
exchange_start(struct worker *worker, const struct exchange_request *request,
               const struct exchange_events *events, void *owner)
{
    struct exchange *exchange = allocate(worker->upstreams);
    if (exchange == NULL)
        return NULL;
    exchange->request = *request;
    if (request->timeouts == NULL && request->provider != NULL)
        exchange->request.timeouts = &request->provider->timeouts;
    exchange->events = events;
    exchange->owner = owner;
    exchange->started_ms = exchange->phase_ms = loop_now_ms(worker->loop);
    if (request->provider != NULL &&
        request->provider->kind == PROVIDER_BUILTIN) {
        exchange->state = EXCHANGE_BUILTIN;
        exchange->attempts = 1;
        exchange->builtin =
            builtin_start(worker, request, &builtin_events, exchange);
        if (exchange->builtin == NULL)
            goto fail;
        return exchange;
    }
    exchange->place = pool_get_place(worker->upstreams->pool, request->provider,
                                     request->unix_path);
    if (exchange->place == NULL)
        goto fail;
    exchange->fresh_only = request->fresh;
    exchange_attempt(exchange);
    return exchange;
fail:
    detach(exchange);
    return NULL;
}

void
exchange_pause(struct exchange *exchange)
{
    if (exchange->paused || exchange->state == EXCHANGE_ENDED)
        return;
    exchange->paused = true;
    if (exchange->state == EXCHANGE_BUILTIN)
        builtin_pause(exchange->builtin, true);
    else if (exchange->state == EXCHANGE_OPEN)
        exchange_set_deadline(exchange);
}

void
exchange_resume(struct exchange *exchange)
{
    if (!exchange->paused || exchange->state == EXCHANGE_ENDED)
        return;
    exchange->paused = false;
    if (exchange->state == EXCHANGE_BUILTIN) {
        builtin_pause(exchange->builtin, false);
    } else if (exchange->state == EXCHANGE_OPEN) {
        if (exchange->head_given)
            exchange->phase_ms = loop_now_ms(exchange->worker->loop);
        exchange_set_deadline(exchange);
        if (exchange->readable)
            loop_defer(exchange->worker->loop, &exchange->later);
    }
}

void
exchange_abort(struct exchange *exchange)
{
    if (exchange->state == EXCHANGE_ENDED)
        return;
    if (exchange->state == EXCHANGE_BUILTIN)
        builtin_abort(exchange->builtin);
    detach(exchange);
}

bool
exchange_is_complete(const struct exchange *exchange)
{
    if (exchange->state == EXCHANGE_BUILTIN)
        return builtin_is_complete(exchange->builtin);
    return exchange->complete;
}

uint32_t
exchange_first_byte_ms(const struct exchange *exchange)
{
    return exchange->first_byte_ms;
}

uint32_t
exchange_connect_ms(const struct exchange *exchange)
{
    return exchange->connect_ms;
}

bool
exchange_has_begun(const struct exchange *exchange)
{
    return exchange->state == EXCHANGE_BUILTIN || exchange->sent ||
           exchange->piece > 0 || exchange->piece_off > 0;
}

uint32_t
exchange_attempts(const struct exchange *exchange)
{
    return exchange->attempts;
}

/* All that was closed is ahead of this in the loop's queue. */
static void
upstreams_end(struct loop_deferred *deferred)
{
    struct upstreams *upstreams = OWNER_OF(deferred, struct upstreams, end);
    connector_destroy(&upstreams->connector);
    while (upstreams->free_list != NULL) {
        struct exchange *exchange = upstreams->free_list;
        upstreams->free_list = exchange->next;
        free(exchange);
    }
    pool_destroy(&upstreams->pool);
    free(upstreams);
}

struct upstreams *
upstreams_create(struct worker *worker)
{
    struct upstreams *upstreams = calloc(1, sizeof(*upstreams));
    if (upstreams == NULL)
        return NULL;
    upstreams->worker = worker;
    upstreams->end.run = upstreams_end;
    upstreams->connector = connector_create(worker->loop);
    upstreams->pool = pool_create(worker->loop, exchange_on_ready);
    if (upstreams->connector != NULL && upstreams->pool != NULL)
        return upstreams;
    connector_destroy(&upstreams->connector);
    pool_destroy(&upstreams->pool);
    free(upstreams);
    return NULL;
}

void
upstreams_destroy(struct upstreams **upstreams_ptr)
{
    struct upstreams *upstreams = *upstreams_ptr;
    if (upstreams == NULL)
        return;
    while (upstreams->live != NULL)
        exchange_abort(upstreams->live);
    pool_close_idle(upstreams->pool);
    loop_defer(upstreams->worker->loop, &upstreams->end);
    *upstreams_ptr = NULL;
}

void
upstreams_set_idle_max(struct upstreams *upstreams, uint32_t count)
{
    pool_set_idle_max(upstreams->pool, count);
}

void
upstreams_trim(struct upstreams *upstreams)
{
    pool_trim(upstreams->pool, upstreams->worker->catalogue);
}
