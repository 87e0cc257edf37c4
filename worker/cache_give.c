/*
 * cache_give.c - a stored answer to a call: looked for, admitted, recorded,
 * given as the bytes that they were. A long one goes out in pieces, at the pace
 * of its client.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/cache.h"

#include <errno.h>

#include "common/net/http_reply.h"
#include "worker/error_reply.h"
#include "worker/payload.h"
#include "worker/request.h"

enum { PIECE_BYTES = 64 * 1024 };

/* The content type and the other fields that were stored before the body. */
static struct str
take_type(struct str *head)
{
    const char *end = memchr(head->ptr, '\r', head->len);
    size_t len = end != NULL ? (size_t)(end - head->ptr) : head->len;
    struct str type = {head->ptr, len};
    *head = str_skip(*head, len + 2 < head->len ? len + 2 : head->len);
    return type;
}

static void
write_head(struct request *request, const struct answer_kept *kept,
           struct str head)
{
    struct worker *worker = request->worker;
    struct buf *out = &worker->reply;
    struct str type = take_type(&head);
    buf_reset(out);
    request_reply_begin(request, out, 200);
    http_field_u64(out, "Age",
                   answer_cache_age_ms(kept, loop_now_ms(worker->loop)) / 1000);
    buf_append_str(out, head);
    if (kept->stream)
        buf_append_str(out, STR_LIT("Cache-Control: no-cache\r\n"
                                    "X-Accel-Buffering: no\r\n"));
    request_reply_end(request, out, type,
                      kept->stream ? -1 : (int64_t)kept->body_len);
}

/* Head where it is still due, `bytes` of the body, the end where they are all.
 * False: the client is gone. */
static bool
send_piece(struct request *request, struct str head, struct str body, bool last)
{
    struct iovec out[4];
    char chunk_head[20];
    int count = 0;
    if (head.len > 0)
        out[count++] = (struct iovec){(void *)(uintptr_t)head.ptr, head.len};
    count += request_frame_head(request, body.len, chunk_head, &out[count]);
    if (body.len > 0)
        out[count++] = (struct iovec){(void *)(uintptr_t)body.ptr, body.len};
    count += request_frame_tail(request, body.len, last, &out[count]);
    ssize_t waiting = count > 0 ? client_write(request->client, out, count) : 0;
    request->paused = waiting > CLIENT_WAITING_HIGH_BYTES;
    return waiting >= 0;
}

/* All of it in one send, as most are. */
static void
give_short(struct request *request, struct str head, struct str body)
{
    if (!send_piece(request, head, body, true)) {
        client_abort(request->client);
        request->client = NULL;
    }
    request_done(request);
}

void
cache_give_more(struct request *request)
{
    struct buf *held = &request->held;
    while (!request->paused) {
        struct str rest = buf_view(held);
        size_t len = rest.len < PIECE_BYTES ? rest.len : PIECE_BYTES;
        bool last = len == rest.len;
        if (!send_piece(request, STR_LIT(""), str_make(rest.ptr, len), last))
            return; /* request_on_gone() comes at the end of the turn */
        buf_consume(held, len);
        if (last) {
            request_done(request);
            return;
        }
    }
}

static void
give_long(struct request *request, struct str head, struct str body)
{
    buf_append_str(&request->held, body);
    if (!buf_ok(&request->held) ||
        !send_piece(request, head, STR_LIT(""), false)) {
        client_abort(request->client);
        request->client = NULL;
        request_done(request);
        return;
    }
    cache_give_more(request);
}

/* The model of the chain that made the answer is the one that is told. */
static void
name_model(struct request *request, uint32_t model_idx)
{
    const struct route_plan *plan = &request->plan;
    for (unsigned i = 0; i < plan->model_count; i++) {
        if (plan->models[i].model->model_idx != model_idx)
            continue;
        request->model = plan->models[i].model;
        request->upstream_model = plan->models[i].upstream;
        return;
    }
}

/* `all`: as they were stored, head first. */
static void
give(struct request *request, const struct answer_kept *kept, struct str all)
{
    struct worker *worker = request->worker;
    struct str head = str_make(all.ptr, kept->head_len);
    struct str body = str_skip(all, kept->head_len);
    UNINITIALIZED struct fault fault;
    request->cache.status = CACHE_HIT;
    request->cache.provider_idx = kept->provider_idx;
    name_model(request, kept->model_idx);
    request_enter(request, REQUEST_ADMIT);
    if (admission_check_stored(request, &fault) < 0) {
        request->cache.status = CACHE_MISS;
        request_fail(request, &fault);
        return;
    }
    answer_cache_count(&worker->cache.writer, ANSWER_COUNT_hits, 1);
    answer_cache_count(&worker->cache.writer, ANSWER_COUNT_hit_bytes, body.len);
    answer_cache_count(&worker->cache.writer, ANSWER_COUNT_saved_tokens,
                       kept->tokens);
    answer_cache_count(&worker->cache.writer, ANSWER_COUNT_saved_nano,
                       kept->nano);
    request_enter(request, REQUEST_REPLAY);
    request->status = 200;
    request->cause = RECORD_OK;
    request->delivered_tokens = kept->output_tokens;
    usage_settle(request);
    if (request->payload != NULL) {
        if (!kept->stream)
            payload_keep(request, body);
        payload_end(request);
    }
    write_head(request, kept, head);
    const struct buf *reply = &worker->reply;
    if (!buf_ok(reply)) { /* half a head is no answer */
        client_abort(request->client);
        request->client = NULL;
        request_done(request);
        return;
    }
    if (body.len <= PIECE_BYTES)
        give_short(request, buf_view(reply), body);
    else
        give_long(request, buf_view(reply), body);
}

int
cache_look_up(struct request *request, uint64_t max_age_ms)
{
    struct worker *worker = request->worker;
    struct cache_worker *cache = &worker->cache;
    struct answer_kept kept;
    buf_reset(&cache->copy);
    int r = answer_cache_find(cache->writer.cache, &request->cache.key,
                              loop_now_ms(worker->loop), max_age_ms, &kept,
                              &cache->copy);
    if (r < 0)
        return -ENOENT; /* out of memory: as if it were not there */
    give(request, &kept, buf_view(&cache->copy));
    return 0;
}
