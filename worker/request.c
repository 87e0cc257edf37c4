/*
 * request.c - the life of a request: made, led from step to step, ended.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/request.h"
#include "worker/request_body.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/net/http_parse.h"
#include "worker/error_reply.h"
#include "worker/guard.h"
#include "worker/management.h"
#include "worker/payload.h"
#include "worker/revoke.h"
#include "worker/request_universal.h"
#include "worker/retry.h"

enum {
    SPARE_MAX = 256,             /* requests kept for the next ones */
    SPARE_BUF_BYTES = 16 * 1024, /* larger buffers are given back */
};

struct requests {
    struct request *first;
    struct request *spare;
    uint32_t running, spare_count;
};

static const char *const step_texts[REQUEST_STEPS] = {
#define STEP(name, text) [REQUEST_##name] = text,
#include "worker/request_steps.h"
#undef STEP
};

#define TO(name) (1u << REQUEST_##name)
/* Where each step may lead. Everything may end. */
static const unsigned step_edges[REQUEST_STEPS] = {
    [REQUEST_HEAD] = TO(AUTH) | TO(BODY) | TO(LOCAL) | TO(DONE),
    [REQUEST_AUTH] = TO(BODY) | TO(LOCAL) | TO(DONE),
    [REQUEST_BODY] = TO(SCAN) | TO(LOCAL) | TO(DONE),
    [REQUEST_SCAN] = TO(ROUTE) | TO(DONE),
    [REQUEST_ROUTE] = TO(GUARD) | TO(WAIT) | TO(ADMIT) | TO(DONE),
    [REQUEST_GUARD] = TO(WAIT) | TO(ADMIT) | TO(DONE),
    [REQUEST_WAIT] = TO(ADMIT) | TO(DONE),
    [REQUEST_ADMIT] = TO(UPSTREAM) | TO(REPLAY) | TO(DONE),
    [REQUEST_UPSTREAM] = TO(RELAY) | TO(QUEUE) | TO(DONE),
    [REQUEST_QUEUE] = TO(UPSTREAM) | TO(DONE),
    [REQUEST_RELAY] = TO(UPSTREAM) | TO(DONE), /* the next attempt */
    [REQUEST_REPLAY] = TO(DONE),
    [REQUEST_LOCAL] = TO(DONE),
    [REQUEST_DONE] = 0,
};

void
request_enter(struct request *request, enum request_step step)
{
    CHECK(step < REQUEST_STEPS);
    CHECK((step_edges[request->step] & (1u << step)) != 0);
    log_debug("request=%s while %s -> %s", request->id,
              step_texts[request->step], step_texts[step]);
    request->step = step;
}

struct requests *
requests_create(void)
{
    return calloc(1, sizeof(struct requests));
}

static void
request_destroy(struct request *request)
{
    buf_fini(&request->head_copy);
    buf_fini(&request->body);
    buf_fini(&request->upstream_head);
    buf_fini(&request->held);
    buf_fini(&request->kept);
    relay_destroy(&request->relay);
    free(request);
}

void
requests_destroy(struct requests **requests)
{
    struct requests *all = *requests;
    if (all == NULL)
        return;
    while (all->spare != NULL) {
        struct request *next = all->spare->next;
        request_destroy(all->spare);
        all->spare = next;
    }
    free(all);
    *requests = NULL;
}

uint32_t
requests_running(const struct worker *worker)
{
    return worker->requests->running;
}

/* Eight hex digits at once: each half byte into a byte, then all to text. */
static void
write_hex(char *out, uint32_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t x = word;
    x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
    x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x | x << 4) & (ones * 15);
    uint64_t letters = (x + ones * 6) >> 4 & ones; /* 1 from ten on */
    x = htobe64(x + ones * '0' + letters * ('a' - '0' - 10));
    memcpy(out, &x, sizeof(x));
}

/* The words as 32 hex digits, the high one first. */
static void
request_name(struct request *request)
{
    char *out = request->id;
    memcpy(out, "req_", 4);
    for (int w = 0; w < 2; w++) {
        write_hex(out + 4 + 16 * w, (uint32_t)(request->id_words[w] >> 32));
        write_hex(out + 12 + 16 * w, (uint32_t)request->id_words[w]);
    }
    out[REQUEST_ID_LEN] = '\0';
}

static void
buf_spare(struct buf *buf)
{
    if (buf->cap > SPARE_BUF_BYTES)
        buf_fini(buf);
    else
        buf_reset(buf);
}

static void
request_free(struct loop_deferred *deferred)
{
    struct request *request = OWNER_OF(deferred, struct request, free_later);
    struct worker *worker = request->worker;
    struct requests *all = worker->requests;
    if (request->exchange != NULL)
        exchange_abort(request->exchange);
    if (request->translation != NULL)
        relay_translation_end(request);
    if (request->guard != NULL)
        guard_free(&request->guard);
    if (request->universal != NULL)
        universal_free(&request->universal);
    if (request->catalogue != NULL)
        catalogue_put(request->catalogue);
    worker->body_bytes_held -= request->body_booked;
    if (request->prev != NULL)
        request->prev->next = request->next;
    else
        all->first = request->next;
    if (request->next != NULL)
        request->next->prev = request->prev;
    all->running--;
    answer_release(&request->answer);
    if (request->body.cap >= BODY_POOL_LEAST_BYTES || request->body_huge > 0)
        body_pool_give(&worker->body_pool, &request->body, request->body_huge);
    if (all->spare_count >= SPARE_MAX) {
        request_destroy(request);
        return;
    }
    buf_spare(&request->head_copy);
    buf_spare(&request->body);
    buf_spare(&request->upstream_head);
    buf_spare(&request->held);
    buf_fini(&request->kept);
    request->next = all->spare;
    all->spare = request;
    all->spare_count++;
}

static struct request *
request_take(struct requests *all)
{
    struct request *request = all->spare;
    if (request != NULL) {
        all->spare = request->next;
        all->spare_count--;
    } else {
        request = malloc(sizeof(*request));
        if (request == NULL)
            return NULL;
        request->relay = NULL;
        request->answer.tap = NULL;
        buf_init(&request->head_copy, 0);
        buf_init(&request->body, 0);
        buf_init(&request->upstream_head, 0);
        buf_init(&request->held, 0);
        buf_init(&request->kept, 0);
    }
    memset(request, 0, offsetof(struct request, call));
    return request;
}

struct request *
request_create(struct client *client)
{
    struct worker *worker = client_worker(client);
    struct requests *all = worker->requests;
    struct request *request = request_take(all);
    if (request == NULL)
        return NULL;
    request->worker = worker;
    request->client = client;
    request->next = all->first;
    if (request->next != NULL)
        request->next->prev = request;
    all->first = request;
    all->running++;
    memcpy(request->client_ip, client_addr16(client),
           sizeof(request->client_ip));
    request->dialect = &dialect_openai;
    request->started_ms = loop_now_ms(worker->loop);
    request->started_wall_ms = clock_wall_ms();
    request->id_words[0] = worker->request_id_base[0];
    request->id_words[1] = worker->request_id_base[1] + worker->request_count++;
    request->free_later.run = request_free;
    request_name(request);
    return request;
}

void
request_note_error(struct request *request, const char *text)
{
    size_t room = sizeof(request->error_text) - 1;
    size_t len = strlen(text);
    if (request->error_text[0] != '\0')
        return;
    if (len > room)
        len = room;
    memcpy(request->error_text, text, len);
    request->error_text[len] = '\0';
}

void
request_done(struct request *request)
{
    CHECK(!request->admitted || request->settled);
    request_enter(request, REQUEST_DONE);
    if (request->decode != NULL)
        request_decode_cancel(request);
    struct client *client = request->client;
    if (request->payload != NULL)
        payload_end(request);
    if (request->cache.status != CACHE_OFF)
        cache_done(request);
    if (request->has_repeat_entry)
        repeat_end(request);
    retry_cancel(request);
    request->client = NULL;
    loop_defer(request->worker->loop, &request->free_later);
    if (client != NULL)
        client_answer_done(client);
}

/* A span of the old bytes becomes the same span of their copy. */
static void
move_span(struct str *span, struct str from, const char *to)
{
    if ((uintptr_t)span->ptr >= (uintptr_t)from.ptr &&
        (uintptr_t)span->ptr <= (uintptr_t)from.ptr + from.len)
        span->ptr = to + (span->ptr - from.ptr);
}

int
request_keep_head(struct request *request, const struct http_head *head)
{
    size_t size = offsetof(struct http_head, fields) +
                  head->field_count * sizeof(head->fields[0]);
    const char *end = head->target.ptr + head->target.len;
    if (head->field_count > 0) {
        struct str last = head->fields[head->field_count - 1].value;
        end = last.ptr + last.len;
    }
    struct str from = {head->method_text.ptr,
                       (size_t)(end - head->method_text.ptr)};
    char *room = buf_extend(&request->head_copy, size + from.len);
    if (room == NULL)
        return -ENOMEM;
    char *to = room + size;
    memcpy(to, from.ptr, from.len);
    struct http_head *kept = request->head = (void *)room;
    memcpy(kept, head, offsetof(struct http_head, fields));
    move_span(&kept->method_text, from, to);
    move_span(&kept->target, from, to);
    move_span(&kept->path, from, to);
    move_span(&kept->query, from, to);
    move_span(&kept->host, from, to);
    for (unsigned i = 0; i < kept->field_count; i++) {
        const struct http_field *field = &head->fields[i];
        struct str name = field->name, value = field->value;
        name.ptr = to + (name.ptr - from.ptr);
        value.ptr = to + (value.ptr - from.ptr);
        kept->fields[i] = (struct http_field){name, value, field->which};
    }
    return 0;
}

/* It was not made yet. */
static void
cut_before(struct request *request)
{
    struct fault fault;
    fault_set_overloaded(&fault, "the gateway is stopping");
    request_fail(request, &fault);
}

void
requests_cut_all(struct worker *worker)
{
    struct request *request = worker->requests->first;
    while (request != NULL) {
        struct request *next = request->next; /* freed at the turn's end only */
        if (request->step == REQUEST_QUEUE ||
            request->step == REQUEST_UPSTREAM || request->step == REQUEST_RELAY)
            relay_cut(request);
        else if (request->step == REQUEST_WAIT ||
                 request->step == REQUEST_REPLAY)
            cache_cut(request);
        else if (request->step == REQUEST_LOCAL)
            management_cut(request);
        else if (request->step == REQUEST_GUARD)
            cut_before(request);
        request = next;
    }
}

static bool
is_revoked(const struct request *request)
{
    const struct segment *segment = request->worker->heritage->segment;
    struct key_view now;
    if (!key_table_is_current(segment, &request->key))
        return true;
    int r = key_table_find(segment, request->key_digest, &now);
    if (r < 0)
        return r == -ENOENT; /* its value was taken back */
    return (now.flags & now.group_flags & SHM_KEY_ENABLED) == 0 ||
           (now.value_until_ms > 0 && now.value_until_ms <= clock_wall_ms());
}

void
requests_cut_revoked(struct worker *worker)
{
    struct request *request = worker->requests->first;
    while (request != NULL) {
        struct request *next = request->next; /* freed at the turn's end only */
        if (request->limits.is_watched && is_revoked(request) &&
            (request->step == REQUEST_UPSTREAM ||
             request->step == REQUEST_RELAY))
            relay_revoke(request);
        request = next;
    }
}
