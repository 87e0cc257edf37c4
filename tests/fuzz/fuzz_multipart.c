/*
 * fuzz_multipart.c - hostile forms, the Content-Type on the first line. An
 * accepted form has the boundary in delimiters only; the provider's Content-Type
 * reads as the same boundary; a form with another model is read with that one.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/fuzz/fuzz.h"
#include "worker/dialect/dialect.h"
#include "worker/dialect/multipart.h"

static size_t
count_of(struct str text, struct str part)
{
    size_t count = 0;
    const char *found;
    while ((found = memmem(text.ptr, text.len, part.ptr, part.len)) != NULL) {
        count++;
        text = str_skip(text, (size_t)(found - text.ptr) + part.len);
    }
    return count;
}

static void
check_parts(struct str body, const struct multipart_boundary *boundary)
{
    struct multipart_reader reader;
    struct multipart_part part;
    size_t parts = 0;
    enum multipart_result result = multipart_begin(&reader, body, boundary);
    while (result == MULTIPART_PART &&
           (result = multipart_next(&reader, &part)) == MULTIPART_PART) {
        parts++;
        MUST(part.name.len > 0 && part.value.ptr >= body.ptr &&
             part.value.ptr + part.value.len <= body.ptr + body.len);
    }
    MUST(reader.pos <= body.len);
    struct str delimiter = {reader.delimiter, reader.delimiter_len};
    if (result == MULTIPART_END)
        MUST(count_of(body, delimiter) == parts + 1);
}

static void
check_call(struct str body, const struct multipart_boundary *boundary)
{
    static const char name[] = "another-model-1";
    struct call call = {.boundary = *boundary}, again = call;
    struct fault fault;
    struct splices splices;
    uint8_t endpoint = ENDPOINT_IMAGE_EDITS;
    if (dialect_openai.scan(body, endpoint, &call, &fault) != 0) {
        MUST(fault.status == 400 && fault.code != NULL);
        return;
    }
    MUST(call.model_len > 0 &&
         str_equals(
             str_make(body.ptr + call.model_value.off, call.model_value.len),
             str_make(call.model, call.model_len)));
    struct rewrite rewrite = {
        .model = str_from(name), .max_tokens = 7, .want_usage = true};
    dialect_openai.rewrite(body, &call, &rewrite, &splices);
    MUST(splices.count == 1);
    size_t len = body.len - call.model_value.len + splices.text_len;
    size_t off = call.model_value.off;
    char *other = malloc(len);
    memcpy(other, body.ptr, off);
    memcpy(other + off, splices.text, splices.text_len);
    memcpy(other + off + splices.text_len,
           body.ptr + off + call.model_value.len,
           body.len - off - call.model_value.len);
    if (dialect_openai.scan(str_make(other, len), endpoint, &again, &fault) ==
        0)
        MUST(
            str_equals(str_make(again.model, again.model_len), str_from(name)));
    else /* the boundary stands in the new name */
        MUST(memmem(name, sizeof(name), boundary->text, boundary->len) !=
                 NULL ||
             boundary->len == 0);
    free(other);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, '\n', size);
    if (end == NULL)
        return 0;
    size_t head = (size_t)(end - data);
    char text[MULTIPART_TYPE_BYTES];
    struct multipart_boundary boundary, again;
    if (!multipart_boundary(str_make((const char *)data, head), &boundary))
        return 0;
    MUST(boundary.len > 0 && boundary.len <= MULTIPART_BOUNDARY_MAX);
    MUST(multipart_boundary(multipart_content_type(&boundary, text), &again));
    MUST(str_equals(str_make(again.text, again.len),
                    str_make(boundary.text, boundary.len)));
    char *body = malloc(size - head);
    memcpy(body, end + 1, size - head - 1);
    struct str form = {body, size - head - 1};
    check_parts(form, &boundary);
    check_call(form, &boundary);
    free(body);
    return 0;
}
