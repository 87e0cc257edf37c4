/*
 * cache_keep.c - what goes out to a client, kept aside until it is known whether
 * it is a whole and good answer, then stored.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/relay_parts.h"

/* Nothing of it will be stored. */
static void
give_up(struct request *request)
{
    request->cache.keeps = false;
    buf_fini(&request->kept);
    if (request->cache.leads)
        cache_flight_release(request);
}

/* An answer that another call like this one would have had, too. */
static bool
is_good(const struct request *request)
{
    const struct answer *answer = &request->answer;
    const struct usage *usage = &request->usage;
    if (request->status != 200 || request->cause != RECORD_OK ||
        !request->settled || request->guard_flags != 0 || request->cut ||
        answer->error_seen || answer->bad)
        return false;
    if (answer->stream && !answer->finish_seen && !answer->done_seen)
        return false;
    /* Cut short by what this key could still pay. */
    return request->max_tokens == 0 ||
           usage->completion + usage->reasoning < request->max_tokens;
}

/* What the head of the answer says beside what every answer says. */
static void
write_fields(const struct request *request, struct buf *head)
{
    buf_append_cstr(head, request->relay->content_type);
    buf_append_str(head, STR_LIT("\r\n"));
    if (request->translation != NULL)
        relay_dropped_field(request, head);
}

static void
store(struct request *request, struct str body)
{
    struct worker *worker = request->worker;
    const struct usage *usage = &request->usage;
    struct buf *head = &worker->cache.copy; /* nobody's just now */
    uint64_t now_ms = loop_now_ms(worker->loop);
    uint64_t output = usage->completion + usage->reasoning + usage->audio_out;
    struct answer_kept kept = {
        .stored_ms = now_ms,
        .expires_ms = now_ms + (uint64_t)request->cache.ttl_s * 1000,
        .tokens = usage_total(usage),
        .output_tokens = (uint32_t)(output < UINT32_MAX ? output : UINT32_MAX),
        .nano = (uint64_t)request->cost_nano - request->tried_nano,
        .model_idx = request->model->model_idx,
        .provider_idx = request->provider->provider_idx,
        .stream = relay_gives_stream(request),
    };
    buf_reset(head);
    write_fields(request, head);
    if (buf_ok(head))
        request->cache.stored =
            answer_cache_store(&worker->cache.writer, &request->cache.key,
                               &kept, buf_view(head), body) == 0;
}

void
cache_keep(struct request *request, const struct iovec *pieces, int count,
           bool last)
{
    struct buf *kept = &request->kept;
    uint64_t most = request->worker->config->server.cache_item_max_bytes;
    uint64_t len = buf_len(kept);
    for (int i = 0; i < count; i++)
        len += pieces[i].iov_len;
    if (len > most ||
        len > answer_cache_item_max(request->worker->cache.writer.cache)) {
        answer_cache_count(&request->worker->cache.writer, ANSWER_COUNT_refused,
                           1);
        give_up(request);
        return;
    }
    if (last && !is_good(request)) {
        request->cache.keeps = false;
        return;
    }
    if (last && count == 1 && buf_len(kept) == 0) { /* in one piece: no copy */
        store(request, str_make(pieces[0].iov_base, pieces[0].iov_len));
        request->cache.keeps = false;
        return;
    }
    for (int i = 0; i < count; i++)
        buf_append(kept, pieces[i].iov_base, pieces[i].iov_len);
    if (!buf_ok(kept)) {
        give_up(request);
        return;
    }
    if (last) {
        store(request, buf_view(kept));
        request->cache.keeps = false;
    }
}
