/*
 * fuzz_http_body.c - any bytes as a body. The first byte chooses the kind, the
 * second the length and seeds the places where the bytes are cut.
 *
 * However they are cut, the content and the verdict must be the same; content
 * that was decoded and framed anew must decode to itself.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "common/buf.h"
#include "common/net/http_parse.h"
#include "common/net/http_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t seed;

static size_t
random_below(size_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

/* most: of the bytes given at a time, at random; 0: all. */
static enum http_parse_result
decode(const struct http_head *head, struct str input, size_t most,
       struct buf *content, size_t *taken)
{
    struct http_body body;
    enum http_parse_result result = HTTP_MORE;
    http_body_init(&body, head);
    *taken = 0;
    while (result == HTTP_MORE) {
        struct str rest = str_skip(input, *taken), span;
        size_t consumed, give = rest.len;
        if (most > 0 && give > most)
            give = 1 + random_below(most);
        result = http_body_next(&body, rest.ptr, give, &consumed, &span);
        if (result == HTTP_BAD)
            break;
        CHECK(consumed <= give && span.len <= consumed);
        CHECK(span.len == 0 || (span.ptr >= rest.ptr &&
                                span.ptr + span.len <= rest.ptr + consumed));
        buf_append_str(content, span);
        CHECK(body.total == buf_len(content));
        *taken += consumed;
        if (result == HTTP_MORE && rest.len == 0)
            break;
        CHECK(result == HTTP_DONE || consumed > 0);
    }
    CHECK(body.done == (result == HTTP_DONE));
    return result;
}

static void
check_framed_anew(struct str content)
{
    struct http_head head = {.body_kind = HTTP_BODY_CHUNKED};
    struct buf framed, got;
    size_t taken;
    buf_init(&framed, 0);
    buf_init(&got, 0);
    for (struct str rest = content; rest.len > 0;) {
        char line[20];
        size_t n = 1 + random_below(rest.len);
        buf_append(&framed, line, http_chunk_head(line, n));
        buf_append(&framed, rest.ptr, n);
        buf_append_cstr(&framed, HTTP_CHUNK_TAIL);
        rest = str_skip(rest, n);
    }
    buf_append_cstr(&framed, HTTP_CHUNK_LAST);
    CHECK(decode(&head, buf_view(&framed), 0, &got, &taken) == HTTP_DONE);
    CHECK(taken == buf_len(&framed) && str_equals(buf_view(&got), content));
    buf_fini(&framed);
    buf_fini(&got);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct http_head head = {.body_kind = (enum http_body_kind)(data[0] % 4),
                             .content_length = data[1]};
    struct str input = {(const char *)data + 2, size - 2};
    struct buf whole, cut;
    size_t whole_taken, cut_taken;
    seed = data[1];
    buf_init(&whole, 0);
    buf_init(&cut, 0);
    enum http_parse_result result =
        decode(&head, input, 0, &whole, &whole_taken);
    for (size_t most = 1; most < 40; most += 1 + most / 2) {
        buf_reset(&cut);
        CHECK(decode(&head, input, most, &cut, &cut_taken) == result);
        if (result == HTTP_BAD)
            continue;
        CHECK(cut_taken == whole_taken);
        CHECK(str_equals(buf_view(&cut), buf_view(&whole)));
    }
    if (result == HTTP_DONE)
        check_framed_anew(buf_view(&whole));
    buf_fini(&whole);
    buf_fini(&cut);
    return 0;
}
