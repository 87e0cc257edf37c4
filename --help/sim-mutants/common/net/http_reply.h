/*
 * http_reply.h - writes heads of answers and requests, and chunk framing.
 * Field values given by others are checked: CR, LF, NUL never pass.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_NET_HTTP_REPLY_H
#define AIGW_COMMON_NET_HTTP_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

const char *http_reason(unsigned status);
/* "HTTP/1.1 200 OK\r\nDate: ...\r\nServer: aigw\r\n". The date is cached per
 * second and thread. */
void http_reply_begin(struct buf *out, unsigned status);
void http_field(struct buf *out, struct str name, struct str value);
/* `name` of these two: a literal of ours, not checked. */
void http_field_named(struct buf *out, struct str name, struct str value);

static inline void
http_field_cstr(struct buf *out, const char *name, const char *value)
{
    http_field_named(out, str_from(name), str_from(value));
}

static inline void
http_field_u64(struct buf *out, const char *name, uint64_t value)
{
    buf_append_cstr(out, name);
    buf_append_str(out, STR_LIT(": "));
    buf_append_u64(out, value);
    buf_append_str(out, STR_LIT("\r\n"));
}

/* Connection: close wherever it will be (RFC 9112 9.6), keep-alive for a client
 * of 1.0; then the empty line. */
void http_reply_end(struct buf *out, uint8_t client_minor, bool keep_alive);
/* "1f4\r\n"; returns its length (<= 18). Data and http_chunk_tail follow. */
unsigned http_chunk_head(char out[20], uint64_t len);
#define HTTP_CHUNK_TAIL "\r\n"
#define HTTP_CHUNK_LAST "0\r\n\r\n"

#endif
