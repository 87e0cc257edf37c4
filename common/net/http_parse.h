/*
 * http_parse.h - HTTP/1.1 heads and bodies, strict (RFC 9110, 9112).
 *
 * The head is parsed when it is complete in memory: one pass, spans into the
 * caller's bytes, no copy. Anything doubtful is refused, never repaired: two
 * Hosts, blank before a colon, bare CR, LF alone as line end in chunk lines,
 * Content-Length beside Transfer-Encoding, obs-fold, NUL, version 0.9 or 2.0.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_NET_HTTP_PARSE_H
#define AIGW_COMMON_NET_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/str.h"

enum { HTTP_HEAD_MAX = 32 * 1024, HTTP_FIELDS_MAX = 100 };

enum http_parse_result { HTTP_DONE, HTTP_MORE, HTTP_BAD };

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_OTHER
};

/* Names of fields that mean something anywhere here. */
enum http_name {
    HTTP_NAME_OTHER,
    HTTP_NAME_ACCEPT,
    HTTP_NAME_ACCEPT_ENCODING,
    HTTP_NAME_API_KEY,
    HTTP_NAME_AUTHORIZATION,
    HTTP_NAME_CF_AIG_AUTHORIZATION,
    HTTP_NAME_CONNECTION,
    HTTP_NAME_CONTENT_ENCODING,
    HTTP_NAME_CONTENT_LENGTH,
    HTTP_NAME_CONTENT_TYPE,
    HTTP_NAME_COOKIE,
    HTTP_NAME_COOKIE2,
    HTTP_NAME_EXPECT,
    HTTP_NAME_FORWARDED,
    HTTP_NAME_HOST,
    HTTP_NAME_HTTP2_SETTINGS,
    HTTP_NAME_KEEP_ALIVE,
    HTTP_NAME_OPENAI_ORGANIZATION,
    HTTP_NAME_OPENAI_PROCESSING_MS,
    HTTP_NAME_OPENAI_PROJECT,
    HTTP_NAME_REQUEST_ID,
    HTTP_NAME_RETRY_AFTER,
    HTTP_NAME_TE,
    HTTP_NAME_TRAILER,
    HTTP_NAME_TRANSFER_ENCODING,
    HTTP_NAME_UPGRADE,
    HTTP_NAME_USER_AGENT,
    HTTP_NAME_VIA,
    HTTP_NAME_X_AMZN_REQUESTID,
    HTTP_NAME_XI_API_KEY,
    HTTP_NAME_X_API_KEY,
    HTTP_NAME_X_CLIENT_IP,
    HTTP_NAME_X_GOOG_API_KEY,
    HTTP_NAME_X_GOOG_USER_PROJECT,
    HTTP_NAME_X_REAL_IP,
    HTTP_NAME_X_REQUEST_ID,
    HTTP_NAMES,
};

struct http_field {
    struct str name, value; /* value without surrounding white space */
    enum http_name which;   /* of `name`, in any case */
};

enum http_body_kind {
    HTTP_BODY_NONE,
    HTTP_BODY_LENGTH,
    HTTP_BODY_CHUNKED,
    HTTP_BODY_UNTIL_CLOSE, /* answers only */
};

struct http_head {
    /* request */
    enum http_method method;
    struct str method_text, target; /* target as sent */
    struct str path, query;         /* origin form; query without '?' */
    struct str host;                /* of an absolute target, else Host */
    bool expect_continue;
    /* answer */
    uint16_t status;
    struct str reason;
    /* both */
    uint8_t version_minor; /* of HTTP/1.x */
    bool keep_alive;       /* as version and Connection say */
    bool upgrade;
    enum http_body_kind body_kind;
    uint64_t content_length;
    bool names_fields; /* Connection says more than close or keep-alive */
    size_t bytes;      /* length of the head, its empty line included */
    /* HTTP_BAD: what to answer. */
    uint16_t error_status;    /* 400 413 417 431 501 505; answers: 502 */
    const char *error_reason; /* literal */
    /* Last, so that a head that is kept takes no room for fields it has not. */
    unsigned field_count;
    struct http_field fields[HTTP_FIELDS_MAX];
};

/*
 * http_parse_request - HTTP_MORE until the empty line is there (the caller
 * bounds it by HTTP_HEAD_MAX and says 431 or 414 itself when it grows over),
 * HTTP_BAD with error_status as soon as that is certain. Leading empty lines
 * (at most 4) are skipped and counted into `bytes`. `scanned`: how far an
 * earlier call of the same head had looked, kept by the caller, 0 at first.
 * On HTTP_BAD and HTTP_MORE only error_* of *head mean something. An unknown
 * Expect is HTTP_BAD with 417. `path` may be a literal ("/" of an absolute
 * target without path).
 */
enum http_parse_result http_parse_request(const char *bytes, size_t len,
                                          size_t *scanned,
                                          struct http_head *head);
/* `to_head_request`: the answer has no body whatever it says. 204, 304, 1xx too. */
enum http_parse_result http_parse_response(const char *bytes, size_t len,
                                           size_t *scanned,
                                           bool to_head_request,
                                           struct http_head *head);
/* Which name a token is, in any case of its letters. */
enum http_name http_name_of(struct str token);
/* Value of the first field of that name (case-insensitive), or {NULL, 0}. */
struct str http_field_find(const struct http_head *head, struct str name);
/* How many fields of that name. */
unsigned http_field_count(const struct http_head *head, struct str name);
/* Whether a field that came some other way would pass the parser: a name that is
 * a token, a value without control bytes. */
bool http_field_is_valid(struct str name, struct str value);
/* Whether `name` is hop-by-hop, by the list of RFC 9110 7.6.1 or by being named
 * in a Connection field of this head. */
bool http_field_is_hop_by_hop(const struct http_head *head, struct str name);

/*
 * Body decoder: takes bytes as they come, yields spans of content. Chunked:
 * sizes at most 2^60, extensions at most 256 bytes a line and 16 KiB a body,
 * trailers at most 8 KiB, read and dropped.
 */
struct http_body {
    enum http_body_kind kind;
    uint64_t left;                        /* of the length or of the chunk */
    uint8_t state;                        /* private */
    uint32_t line_bytes, extension_bytes; /* private */
    uint64_t total;                       /* content bytes yielded so far */
    bool done;
};
void http_body_init(struct http_body *body, const struct http_head *head);
/*
 * http_body_next - *consumed input bytes are done with, *content is a span of
 * the input (may be empty). HTTP_DONE: the body is complete (content may still
 * be set); HTTP_MORE: call again (with the rest of the input if any is left,
 * else with new bytes); HTTP_BAD: framing is broken.
 */
enum http_parse_result http_body_next(struct http_body *body, const char *bytes,
                                      size_t len, size_t *consumed,
                                      struct str *content);
/* The connection ended. HTTP_DONE for UNTIL_CLOSE, HTTP_BAD in mid-body. */
enum http_parse_result http_body_end(struct http_body *body);

#endif
