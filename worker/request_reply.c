/*
 * request_reply.c - writes answers: the head with what every answer says, whole
 * answers of our own, errors.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/http_reply.h"
#include "shm/model_stats.h"
#include "worker/clickzetta.h"
#include "worker/cloudflare.h"
#include "worker/error_reply.h"
#include "worker/self_service.h"
#include "worker/payload.h"
#include "worker/request.h"
#include "worker/request_path.h"
#include "worker/request_universal.h"

/* As OpenAI writes durations: "12ms", "1s", "6m0s". */
static void
write_duration(struct buf *out, uint64_t ns)
{
    uint64_t ms = (ns + 999999) / 1000000;
    if (ms < 1000) {
        buf_append_u64(out, ms);
        buf_append_str(out, STR_LIT("ms\r\n"));
        return;
    }
    uint64_t seconds = (ms + 999) / 1000;
    if (seconds >= 60) {
        buf_append_u64(out, seconds / 60);
        buf_append_char(out, 'm');
        seconds %= 60;
    }
    buf_append_u64(out, seconds);
    buf_append_str(out, STR_LIT("s\r\n"));
}

/* Only limits that the key has: the provider's own are not the client's. Inline,
 * so that the names are written as constants. */
ALWAYS_INLINE void
rate_fields(struct buf *out, const struct rate_answer *rate, struct str limit,
            struct str remaining, struct str reset)
{
    if (rate->limit == 0)
        return;
    buf_append_str(out, limit);
    buf_append_u64(out, rate->limit);
    buf_append_str(out, remaining);
    buf_append_u64(out, rate->remaining);
    buf_append_str(out, reset);
    write_duration(out, rate->reset_ns);
}

/* Who made the answer that is given again. */
static void
first_provider_field(const struct request *request, struct buf *out)
{
    char name[SHM_NAME_BYTES];
    model_registry_provider_name(request->worker->heritage->segment,
                                 request->cache.provider_idx, name);
    http_field_cstr(out, "x-aigw-provider", name);
}

static void
provider_fields(const struct catalogue_provider *provider, struct buf *out)
{
    http_field_cstr(out, "x-aigw-provider", provider->name);
    if (UNLIKELY(provider->credential != NULL))
        http_field_cstr(out, "x-aigw-credential", provider->credential->name);
}

static void
route_fields(const struct request *request, struct buf *out)
{
    static const struct str cache_lines[] = {
        [CACHE_OFF] = STR_LIT("x-aigw-cache: off\r\n"),
        [CACHE_MISS] =
            STR_LIT("x-aigw-cache: miss\r\ncf-aig-cache-status: MISS\r\n"),
        [CACHE_HIT] =
            STR_LIT("x-aigw-cache: hit\r\ncf-aig-cache-status: HIT\r\n")};
    if (request->provider == NULL)
        return;
    if (UNLIKELY(request->cache.status == CACHE_HIT))
        first_provider_field(request, out);
    else
        provider_fields(request->provider, out);
    if (request->model->is_wildcard)
        http_field(out, STR_LIT("x-aigw-model"), request->upstream_model);
    else
        http_field_cstr(out, "x-aigw-model", request->model->name);
    http_field_u64(out, "x-aigw-attempts", request->attempts);
    buf_append_str(out, cache_lines[request->cache.status]);
}

/* What the call cost and what the lowest budget still has: known only when the
 * answer is complete before its head is sent. */
static void
cost_fields(const struct request *request, struct buf *out)
{
    char text[32];
    const struct segment *segment = request->worker->heritage->segment;
    money_format_nano(request->cost_nano, text);
    http_field_cstr(out, "x-aigw-cost", text);
    if (!request->budgeted)
        return;
    uint64_t room = cells_room(segment, &request->key, SHM_TOKENS);
    if (room != UINT64_MAX) {
        http_field_u64(out, "x-aigw-quota-remaining", room);
        return;
    }
    room = cells_room(segment, &request->key, SHM_NANO);
    money_format_nano(room > INT64_MAX ? INT64_MAX : (int64_t)room, text);
    http_field_cstr(out, "x-aigw-quota-remaining", text);
}

void
request_reply_begin(struct request *request, struct buf *out, uint16_t status)
{
    request->status = status;
    http_reply_begin(out, status);
    buf_append_str(out, STR_LIT("x-request-id: "));
    buf_append(out, request->id, REQUEST_ID_LEN);
    buf_append_str(out, STR_LIT("\r\n"));
    if (request->dialect->id_field != NULL)
        http_field_cstr(out, request->dialect->id_field, request->id);
    if (request->universal != NULL)
        http_field_u64(out, "cf-aig-step",
                       universal_step_index(request->universal));
    if (request->plane >= PLANE_CF_GATEWAY || request->event_id.len > 0)
        cloudflare_id_fields(request, out);
    if (request->guard_name[0] != '\0')
        http_field_cstr(out, "x-aigw-guardrail", request->guard_name);
    route_fields(request, out);
    if (UNLIKELY(request->limits.reason != 0))
        limits_shadow_field(request, out);
    if (request->settled)
        cost_fields(request, out);
    if (request->plane == PLANE_CLICKZETTA && status < 300 && request->has_key)
        clickzetta_fields(request, out);
    if (request->dialect->limit_fields != NULL) {
        request->dialect->limit_fields(out, &request->rpm, &request->tpm);
        return;
    }
    rate_fields(out, &request->rpm, STR_LIT("x-ratelimit-limit-requests: "),
                STR_LIT("\r\nx-ratelimit-remaining-requests: "),
                STR_LIT("\r\nx-ratelimit-reset-requests: "));
    rate_fields(out, &request->tpm, STR_LIT("x-ratelimit-limit-tokens: "),
                STR_LIT("\r\nx-ratelimit-remaining-tokens: "),
                STR_LIT("\r\nx-ratelimit-reset-tokens: "));
}

void
request_reply_end(struct request *request, struct buf *out,
                  struct str content_type, int64_t content_length)
{
    struct client *client = request->client;
    uint8_t minor = client_http_minor(client);
    request->answer_started = true;
    if (content_type.len > 0)
        http_field(out, STR_LIT("Content-Type"), content_type);
    if (content_length >= 0) {
        http_field_u64(out, "Content-Length", (uint64_t)content_length);
    } else if (content_length == REQUEST_NO_BODY) {
        ; /* a 204 tells no length (RFC 9110 8.6) */
    } else if (minor > 0) {
        request->chunked = true;
        buf_append_str(out, STR_LIT("Transfer-Encoding: chunked\r\n"));
    } else {
        client_set_close(client); /* its end is the end of the connection */
    }
    bool close = client_must_close(client);
    if (close)
        client_set_close(client);
    http_reply_end(out, minor, !close);
}

int
request_frame_head(const struct request *request, size_t bytes,
                   char chunk_head[20], struct iovec *piece)
{
    if (bytes == 0 || !request->chunked)
        return 0;
    *piece = (struct iovec){chunk_head, http_chunk_head(chunk_head, bytes)};
    return 1;
}

int
request_frame_tail(const struct request *request, size_t bytes, bool last,
                   struct iovec *piece)
{
    static const char end[] = HTTP_CHUNK_TAIL HTTP_CHUNK_LAST;
    enum { TAIL = sizeof(HTTP_CHUNK_TAIL) - 1 };
    size_t off = bytes > 0 ? 0 : TAIL;
    size_t upto = last ? sizeof(end) - 1 : TAIL;
    if (!request->chunked || upto == off)
        return 0;
    *piece = (struct iovec){(void *)(uintptr_t)(end + off), upto - off};
    return 1;
}

/* The answer's head stands in worker->reply. */
static void
send_and_end(struct request *request, struct str body)
{
    struct buf *out = &request->worker->reply;
    if (request->payload != NULL) {
        payload_keep(request, body);
        payload_end(request);
    }
    struct iovec pieces[2] = {
        {out->data + out->start, buf_len(out)},
        {(void *)(uintptr_t)body.ptr, request->head_only ? 0 : body.len}};
    if (!buf_ok(out))
        client_abort(request->client);
    else if (client_write(request->client, pieces, 2) >= 0) {
        request_done(request);
        return;
    } else {
        /* request_on_gone() would find it done: nothing more to tell. */
        client_abort(request->client);
    }
    request->client = NULL;
    request_done(request);
}

void
request_reply(struct request *request, uint16_t status, struct str content_type,
              struct str body)
{
    request_reply_with(request, status, content_type, STR_LIT(""), body);
}

void
request_reply_with(struct request *request, uint16_t status,
                   struct str content_type, struct str fields, struct str body)
{
    struct buf *out = &request->worker->reply;
    buf_reset(out);
    request_reply_begin(request, out, status);
    buf_append_str(out, fields);
    request_reply_end(request, out, content_type, (int64_t)body.len);
    send_and_end(request, body);
}

void
request_fail(struct request *request, const struct fault *fault)
{
    uint16_t status = request->plane == PLANE_CLICKZETTA
                          ? clickzetta_error_status(request, fault)
                          : fault->status;
    request->status = status;
    if (request->universal != NULL && request->cause != RECORD_REVOKED &&
        universal_next(request, fault->status))
        return;
    if (request->admitted && !request->settled) {
        request_note_error(request, fault->message);
        usage_settle(request);
    }
    if (request->has_repeat_entry)
        repeat_end(request); /* refused: its retry is a new call */
    if (request->client == NULL) {
        request_done(request);
        return;
    }
    struct buf body;
    buf_init(&body, 0);
    if (request->plane >= PLANE_CF_GATEWAY)
        cloudflare_error_body(&body, request->plane, fault);
    else if (request->plane == PLANE_CLICKZETTA)
        clickzetta_error_body(&body, request, fault);
    else if (request->plane == PLANE_OPENROUTER &&
             request->dialect == &dialect_openai)
        self_service_openrouter_error(&body, fault);
    else
        request->dialect->error_body(&body, fault, request->id);
    struct buf *out = &request->worker->reply;
    buf_reset(out);
    request_reply_begin(request, out, status);
    error_reply_fields(out, fault);
    /* RFC 9110 11.6.1; a provider's 401 is about the gateway's credential. */
    if (fault->status == 401 && request->provider == NULL)
        http_field_cstr(out, "WWW-Authenticate", "Bearer");
    if (fault->status == 405 && request->path != NULL)
        http_field_cstr(out, "Allow", request->path->allow);
    if (fault->status == 426) /* RFC 9110 7.8, 15.5.22 */
        buf_append_str(out,
                       STR_LIT("Connection: Upgrade\r\nUpgrade: HTTP/1.1\r\n"));
    if (fault->status == 415) /* RFC 9110 15.5.16 */
        http_field_cstr(out, "Accept-Encoding", "gzip, zstd");
    request_reply_end(request, out, STR_LIT("application/json"),
                      (int64_t)buf_len(&body));
    send_and_end(request, buf_view(&body));
    buf_fini(&body);
}
