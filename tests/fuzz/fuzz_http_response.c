/*
 * fuzz_http_response.c - any bytes as the head of an answer; the lowest bit of
 * the first byte says whether the request was HEAD.
 *
 * The result must not depend on where the bytes were cut, and an answer without
 * content must be told as such.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http_head whole, cut;

static void
check_cut(enum http_parse_result want, struct str input, bool to_head,
          size_t first, size_t step)
{
    size_t scanned = 0, len = first;
    enum http_parse_result got;
    for (;;) {
        got = http_parse_response(input.ptr, len, &scanned, to_head, &cut);
        CHECK(scanned <= len);
        if (got != HTTP_MORE || len == input.len)
            break;
        len = input.len - len < step ? input.len : len + step;
    }
    CHECK(got == want);
    if (got != HTTP_DONE)
        return;
    CHECK(cut.bytes == whole.bytes && cut.status == whole.status);
    CHECK(cut.body_kind == whole.body_kind);
    CHECK(cut.content_length == whole.content_length);
    CHECK(cut.keep_alive == whole.keep_alive);
    CHECK(cut.field_count == whole.field_count);
    for (unsigned i = 0; i < cut.field_count; i++)
        CHECK(str_equals(cut.fields[i].name, whole.fields[i].name) &&
              str_equals(cut.fields[i].value, whole.fields[i].value));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    bool to_head = (data[0] & 1) != 0;
    struct str input = {(const char *)data + 1, size - 1};
    size_t scanned = 0;
    enum http_parse_result result =
        http_parse_response(input.ptr, input.len, &scanned, to_head, &whole);
    size_t stride = input.len / 256 + 1;
    for (size_t at = 0; at <= input.len; at += stride)
        check_cut(result, input, to_head, at, input.len);
    check_cut(result, input, to_head, 0, 1);
    if (result != HTTP_DONE)
        return 0;
    CHECK(whole.bytes <= input.len);
    CHECK(whole.status >= 100 && whole.status <= 599);
    bool none = to_head || whole.status < 200 || whole.status == 204 ||
                whole.status == 304;
    CHECK(none == (whole.body_kind == HTTP_BODY_NONE));
    CHECK(whole.body_kind != HTTP_BODY_UNTIL_CLOSE || !whole.keep_alive);
    return 0;
}
