/*
 * connection_answer.c - what a connection writes: answers, whole or in pieces.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/connection_part.h"

#include "accountant/admin/call.h"
#include "common/net/http_reply.h"

void
connection_reject(struct connection *c, uint16_t status, const char *reason)
{
    struct buf text;
    struct json_writer json;
    buf_init(&text, 0);
    json_writer_init(&json, &text);
    json_object_begin(&json);
    json_key(&json, "error");
    json_object_begin(&json);
    json_key(&json, "code");
    json_cstring(&json, "bad_request");
    json_key(&json, "message");
    json_cstring(&json, reason);
    json_object_end(&json);
    json_object_end(&json);
    http_reply_begin(&c->out, status);
    http_field_cstr(&c->out, "content-type", "application/json");
    http_field_u64(&c->out, "content-length", buf_len(&text));
    http_reply_end(&c->out, 1, false);
    buf_append_str(&c->out, buf_view(&text));
    buf_fini(&text);
    c->keep_alive = false;
    connection_enter(c, CONNECTION_WRITE);
}

/* Of a status that has no body (RFC 9110, 6.4.1). */
static bool
is_bare(const struct call *call)
{
    return call->status == 204 || call->status == 304;
}

/* All of the head but how long the body is. */
static void
connection_head(struct connection *c, const struct call *call)
{
    http_reply_begin(&c->out, call->status);
    if (!is_bare(call))
        http_field_cstr(&c->out, "content-type", call->content_type);
    http_field_cstr(&c->out, "cache-control",
                    call->cache_control == NULL ? "no-store"
                                                : call->cache_control);
    if (call->allow != NULL)
        http_field_cstr(&c->out, "allow", call->allow);
    buf_append_str(&c->out, buf_view(&call->fields));
}

void
connection_hand_over(struct connection *c, struct call *call)
{
    c->call = call;
    call->connection = c;
}

void
connection_stream_begin(struct connection *c, const struct call *call)
{
    connection_head(c, call);
    if (c->http_minor > 0)
        http_field_cstr(&c->out, "transfer-encoding", "chunked");
    else
        c->keep_alive = false; /* its end is the body's */
    http_reply_end(&c->out, c->http_minor, c->keep_alive);
    connection_put(c, CONNECTION_STREAM);
    c->call_waits = true;
}

void
connection_stream_add(struct connection *c, struct str piece)
{
    char head[20];
    if (piece.len > 0 && c->http_minor > 0) {
        unsigned len = http_chunk_head(head, piece.len);
        buf_append_str(&c->out, str_make(head, len));
        buf_append_str(&c->out, piece);
        buf_append_cstr(&c->out, HTTP_CHUNK_TAIL);
    } else {
        buf_append_str(&c->out, piece);
    }
    connection_put(c, CONNECTION_STREAM);
    c->call_waits = true;
}

void
connection_stream_end(struct connection *c, bool whole)
{
    c->call = NULL;
    if (!whole) {
        connection_close(c); /* so that it is not taken for the end */
        return;
    }
    if (c->http_minor > 0 && !c->head_only)
        buf_append_cstr(&c->out, HTTP_CHUNK_LAST);
    connection_put(c, CONNECTION_WRITE);
}

bool
connection_is_head(const struct connection *c)
{
    return c->head_only;
}

void
connection_answer(struct connection *c, struct call *call)
{
    c->call = NULL;
    bool bare = is_bare(call);
    connection_head(c, call);
    if (!bare)
        http_field_u64(&c->out, "content-length", buf_len(&call->reply));
    http_reply_end(&c->out, c->http_minor, c->keep_alive);
    if (!c->head_only && !bare)
        buf_append_str(&c->out, buf_view(&call->reply));
    connection_put(c, CONNECTION_WRITE);
}
