/*
 * management.c - see management.h. The head sent to the accountant is made
 * anew: only a few fields of the client's pass, and x-aigw-via says that the
 * request came over TCP, so that it needs the token.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/management.h"

#include "common/net/http_reply.h"
#include "worker/error_reply.h"
#include "worker/relay_parts.h"
#include "worker/request_path.h"

/* Of the client's fields, and of the answer's. */
static const char *const passing_up[] = {
    "authorization",   "cookie",          "content-type",    "accept",
    "if-none-match",   "x-csrf-token",    "accept-language", "if-match",
    "idempotency-key", "accept-encoding",
};
static const char *const passing_down[] = {
    "allow",
    "cache-control",
    "content-encoding",
    "content-security-policy",
    "etag",
    "location",
    "set-cookie",
    "vary",
    "x-content-type-options",
    "referrer-policy",
    "www-authenticate",
    "retry-after",
    "content-disposition",
    "x-frame-options",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "idempotency-replayed",
};

static bool
is_one_of(struct str name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_equals_nocase(name, str_from(names[i])))
            return true;
    return false;
}

static bool
is_loopback(const uint8_t addr16[16])
{
    static const uint8_t v6[16] = {[15] = 1};
    static const uint8_t v4[13] = {[10] = 0xff, [11] = 0xff, [12] = 127};
    return memcmp(addr16, v6, sizeof(v6)) == 0 ||
           memcmp(addr16, v4, sizeof(v4)) == 0;
}

static bool
is_mapped(const uint8_t addr16[16])
{
    static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(addr16, v4, sizeof(v4)) == 0;
}

/* Other systems' clients say who they are in fields of their own, and sign some:
 * they get all that are not between two neighbours, and none of our marks. */
static bool
is_handed_on(const struct http_head *head, const struct http_field *field)
{
    return !http_field_is_hop_by_hop(head, field->name) &&
           field->which != HTTP_NAME_HOST &&
           field->which != HTTP_NAME_CONTENT_LENGTH &&
           field->which != HTTP_NAME_CONTENT_ENCODING &&
           field->which != HTTP_NAME_EXPECT &&
           field->which != HTTP_NAME_X_REQUEST_ID &&
           !str_equals_nocase(str_cut(field->name, 7), STR_LIT("x-aigw-"));
}

static void
add_fields(struct request *request, struct buf *out)
{
    const struct http_head *head = request->head;
    bool foreign = request->path->foreign;
    if (foreign && head->host.len > 0)
        http_field_named(out, STR_LIT("x-aigw-host"), head->host);
    for (unsigned i = 0; i < head->field_count; i++) {
        const struct http_field *field = &head->fields[i];
        if (foreign ? is_handed_on(head, field)
                    : is_one_of(field->name, passing_up, ARRAY_LEN(passing_up)))
            http_field(out, field->name, field->value);
    }
}

static void
make_head(struct request *request)
{
    const struct http_head *head = request->head;
    struct buf *out = &request->upstream_head;
    buf_append_str(out, head->method_text);
    buf_append_char(out, ' ');
    buf_append_str(out, head->path);
    if (head->query.len > 0) {
        buf_append_char(out, '?');
        buf_append_str(out, head->query);
    }
    buf_append_str(out, STR_LIT(" HTTP/1.1\r\nHost: aigw\r\nx-aigw-via: "));
    buf_append_cstr(out,
                    is_loopback(request->client_ip) ? "tcp-loopback" : "tcp");
    /* Who guesses tokens is told apart by it: of IPv6, the network. */
    char client[2 * sizeof(request->client_ip) + 1];
    crypto_hex(request->client_ip,
               is_mapped(request->client_ip) ? sizeof(request->client_ip) : 8,
               client);
    if (client_is_tls(request->client))
        buf_append_str(out, STR_LIT("\r\nx-aigw-tls: yes"));
    buf_append_str(out, STR_LIT("\r\nx-aigw-client: "));
    buf_append_cstr(out, client);
    buf_append_str(out, STR_LIT("\r\nx-request-id: "));
    buf_append_cstr(out, request->id);
    buf_append_str(out, STR_LIT("\r\n"));
    add_fields(request, out);
    if (buf_len(&request->body) > 0 || head->method == HTTP_POST ||
        head->method == HTTP_PUT || head->method == HTTP_PATCH)
        http_field_u64(out, "Content-Length", buf_len(&request->body));
    buf_append_str(out, STR_LIT("\r\n"));
}

static void
fail(struct request *request, const char *reason)
{
    struct fault fault;
    fault_set(&fault, 503, "service_unavailable_error", "overloaded", NULL,
              "management does not answer (%s); try again shortly", reason);
    fault.retry_after_s = 1;
    request_fail(request, &fault);
}

/* Ends in the middle of an answer, or before it. */
static void
break_off(struct request *request, const char *reason)
{
    if (!request->answer_started) {
        fail(request, reason);
        return;
    }
    if (request->client != NULL)
        client_abort(request->client);
    request->client = NULL;
    request_done(request);
}

/* Our head into worker->reply; relay->length < 0: chunked. */
static void
on_head(void *owner, const struct http_head *head)
{
    struct request *request = owner;
    if (request->step == REQUEST_DONE)
        return;
    struct relay *relay = request->relay;
    relay->status = head->status;
    relay->length = -1;
    if (head->body_kind == HTTP_BODY_LENGTH)
        relay->length = (int64_t)head->content_length;
    if (head->body_kind == HTTP_BODY_NONE && !request->head_only)
        relay->length = 0;
    struct buf *kept = &request->head_copy; /* the client's is done with */
    buf_reset(kept);
    for (unsigned i = 0; i < head->field_count; i++)
        if (is_one_of(head->fields[i].name, passing_down,
                      ARRAY_LEN(passing_down)))
            http_field(kept, head->fields[i].name, head->fields[i].value);
    struct str type = http_field_find(head, STR_LIT("content-type"));
    size_t len = type.len < sizeof(relay->content_type) ? type.len : 0;
    memcpy(relay->content_type, type.ptr == NULL ? "" : type.ptr, len);
    relay->content_type[len] = '\0';
}

static void
on_body(void *owner, struct str bytes)
{
    struct request *request = owner;
    if (request->step != REQUEST_DONE)
        buf_append_str(&request->held, bytes);
}

static void
send_held(struct request *request, bool last)
{
    struct relay *relay = request->relay;
    struct buf *held = &request->held;
    struct iovec out[4];
    char chunk_head[20];
    int count = 0;
    if (request->head_only)
        buf_reset(held);
    size_t bytes = buf_len(held);
    if (!request->answer_started) {
        struct buf *head = &request->worker->reply;
        buf_reset(head);
        request_reply_begin(request, head, relay->status);
        buf_append_str(head, buf_view(&request->head_copy));
        bool known = last && !request->head_only;
        int64_t length = known ? (int64_t)bytes : relay->length;
        if (relay->status == 204 || relay->status == 304)
            length = REQUEST_NO_BODY;
        request_reply_end(request, head, str_from(relay->content_type), length);
        if (request->head_only)
            request->chunked = false;
        out[count++] = (struct iovec){head->data + head->start, buf_len(head)};
    }
    count += request_frame_head(request, bytes, chunk_head, &out[count]);
    if (bytes > 0)
        out[count++] = (struct iovec){held->data + held->start, bytes};
    count += request_frame_tail(request, bytes, last, &out[count]);
    /* A client that is gone is reported at the end of the turn. */
    if (count > 0 && !relay_send(request, out, count))
        return;
    buf_consume(held, bytes);
}

static void
on_flush(void *owner)
{
    struct request *request = owner;
    if (request->step == REQUEST_DONE)
        return;
    if (!buf_ok(&request->held) || !buf_ok(&request->head_copy)) {
        break_off(request, "out of memory");
        return;
    }
    if (buf_len(&request->held) > MANAGEMENT_BODY_MAX ||
        request->answer_started)
        send_held(request, false);
}

static void
on_end(void *owner, enum exchange_result result, const char *text)
{
    struct request *request = owner;
    request->exchange = NULL;
    if (request->step == REQUEST_DONE)
        return;
    if (result != EXCHANGE_OK) {
        break_off(request, text);
        return;
    }
    send_held(request, true);
    request_done(request);
}

static const struct exchange_events events = {
    .head = on_head,
    .body = on_body,
    .flush = on_flush,
    .end = on_end,
};

void
management_start(struct request *request)
{
    if (!relay_prepare(request)) {
        fail(request, "out of memory");
        return;
    }
    make_head(request);
    request->upstream_pieces[0] = (struct iovec){
        request->upstream_head.data + request->upstream_head.start,
        buf_len(&request->upstream_head)};
    request->upstream_pieces[1] = (struct iovec){
        request->body.data + request->body.start, buf_len(&request->body)};
    struct exchange_request out = {
        .unix_path = request->worker->admin_path,
        .pieces = request->upstream_pieces,
        .piece_count = buf_len(&request->body) > 0 ? 2 : 1,
        .is_head = request->head_only,
    };
    if (buf_ok(&request->upstream_head))
        request->exchange =
            exchange_start(request->worker, &out, &events, request);
    if (request->exchange == NULL)
        fail(request, "out of memory");
}

void
management_cut(struct request *request)
{
    break_off(request, "the gateway is stopping");
}
