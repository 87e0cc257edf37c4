/*
 * fuzz_http_request.c - any bytes as a request head.
 *
 * The result must not depend on where the bytes were cut; what is accepted must
 * keep the promises of http_parse.h; written anew from its parts it must be
 * read as the same.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/net/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http_head whole, cut, again;

static void
check_span(struct str span, const char *bytes, size_t size)
{
    CHECK(span.len == 0 || str_equals(span, STR_LIT("/")) ||
          str_equals(span, STR_LIT("*")) ||
          (span.ptr >= bytes && span.ptr + span.len <= bytes + size));
}

static void
check_promises(const struct http_head *head, const char *bytes, size_t size)
{
    CHECK(head->bytes <= size && head->field_count <= HTTP_FIELDS_MAX);
    CHECK(head->method_text.len > 0 && head->path.len > 0);
    CHECK(head->version_minor == 0 || head->host.len > 0);
    check_span(head->method_text, bytes, size);
    check_span(head->target, bytes, size);
    check_span(head->path, bytes, size);
    check_span(head->query, bytes, size);
    check_span(head->host, bytes, size);
    for (unsigned i = 0; i < head->field_count; i++) {
        const struct http_field *field = &head->fields[i];
        check_span(field->name, bytes, size);
        check_span(field->value, bytes, size);
        CHECK(field->name.len > 0);
        for (size_t k = 0; k < field->value.len; k++)
            CHECK(field->value.ptr[k] != '\r' && field->value.ptr[k] != '\n' &&
                  field->value.ptr[k] != '\0');
    }
    struct str lengths = STR_LIT("content-length");
    struct str codings = STR_LIT("transfer-encoding");
    CHECK(http_field_count(head, lengths) + http_field_count(head, codings) <=
          1);
    CHECK(http_field_count(head, STR_LIT("host")) <= 1);
    CHECK(head->body_kind != HTTP_BODY_UNTIL_CLOSE);
}

static void
check_same(const struct http_head *a, const struct http_head *b)
{
    CHECK(a->method == b->method && str_equals(a->path, b->path));
    CHECK(str_equals(a->target, b->target) && str_equals(a->query, b->query));
    CHECK(str_equals(a->host, b->host));
    CHECK(a->keep_alive == b->keep_alive && a->upgrade == b->upgrade);
    CHECK(a->expect_continue == b->expect_continue);
    CHECK(a->version_minor == b->version_minor);
    CHECK(a->body_kind == b->body_kind);
    CHECK(a->content_length == b->content_length);
    CHECK(a->field_count == b->field_count);
    for (unsigned i = 0; i < a->field_count; i++)
        CHECK(str_equals(a->fields[i].name, b->fields[i].name) &&
              str_equals(a->fields[i].value, b->fields[i].value));
}

/* Feeds the bytes up to `first`, then `step` at a time. */
static void
check_cut(enum http_parse_result want, const char *bytes, size_t size,
          size_t first, size_t step)
{
    size_t scanned = 0, len = first;
    enum http_parse_result got;
    for (;;) {
        got = http_parse_request(bytes, len, &scanned, &cut);
        CHECK(scanned <= len);
        if (got != HTTP_MORE || len == size)
            break;
        len = size - len < step ? size : len + step;
    }
    CHECK(got == want);
    if (got == HTTP_BAD)
        CHECK(cut.error_status == whole.error_status);
    if (got == HTTP_DONE) {
        CHECK(cut.bytes == whole.bytes);
        check_same(&cut, &whole);
    }
}

static void
check_rewritten(void)
{
    struct buf out;
    buf_init(&out, 0);
    buf_append_str(&out, whole.method_text);
    buf_append_char(&out, ' ');
    buf_append_str(&out, whole.target);
    buf_printf(&out, " HTTP/1.%u\r\n", whole.version_minor);
    for (unsigned i = 0; i < whole.field_count; i++) {
        buf_append_str(&out, whole.fields[i].name);
        buf_append_char(&out, ':');
        buf_append_str(&out, whole.fields[i].value);
        buf_append_cstr(&out, "\r\n");
    }
    buf_append_cstr(&out, "\r\n");
    size_t scanned = 0;
    CHECK(http_parse_request(buf_ptr(&out), buf_len(&out), &scanned, &again) ==
          HTTP_DONE);
    check_same(&again, &whole);
    buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    size_t scanned = 0;
    enum http_parse_result result =
        http_parse_request(bytes, size, &scanned, &whole);
    size_t stride = size / 256 + 1;
    for (size_t at = 0; at <= size; at += stride)
        check_cut(result, bytes, size, at, size);
    check_cut(result, bytes, size, 0, 1);
    check_cut(result, bytes, size, 0, 7);
    if (result == HTTP_BAD)
        CHECK(whole.error_status >= 400 && whole.error_reason != NULL);
    if (result == HTTP_DONE) {
        check_promises(&whole, bytes, size);
        check_rewritten();
    }
    return 0;
}
