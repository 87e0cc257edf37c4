/*
 * fuzz_json.c - the JSON readers on hostile text, against each other:
 * a value passed by json_skip_value() is what json_next() walks; the tap
 * captures the same whatever the cuts, and what json_find() finds.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "common/json_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"a", "id", "usage", NULL};
enum { NAME_COUNT = 3 };

/* Walks the value that stands next; true when it is good. *end = behind it. */
static bool
walk_value(struct json_reader *reader, size_t *end)
{
    struct json_token token;
    uint32_t depth = reader->depth;
    do {
        if (json_next(reader, &token) <= JSON_BAD)
            return false;
        if (token.span.ptr < reader->text ||
            token.span.ptr + token.span.len > reader->text + reader->len)
            abort();
    } while (reader->depth > depth);
    *end = reader->pos;
    return true;
}

static void
check_skip_agrees(struct str text)
{
    struct json_reader walker, skipper;
    struct json_token token;
    struct str span;
    json_reader_init(&walker, text);
    skipper = walker;
    do {
        struct json_reader here = walker;
        size_t end;
        if (walk_value(&here, &end)) {
            enum json_type type = json_skip_value(&skipper, &span);
            if (type <= JSON_BAD || skipper.pos != end ||
                skipper.depth != here.depth || skipper.state != here.state)
                abort();
            if (span.ptr + span.len != text.ptr + end)
                abort();
        }
        json_next(&walker, &token);
        skipper = walker;
    } while (token.type > JSON_BAD);
}

static void
check_strings_and_numbers(struct str text)
{
    struct json_reader reader;
    struct json_token token;
    uint64_t number;
    char *decoded = malloc(text.len + 1);
    json_reader_init(&reader, text);
    while (json_next(&reader, &token) > JSON_BAD) {
        if (token.type == JSON_NUMBER) {
            int rc = json_number_u64(token.span, &number);
            if (number > UINT64_C(1) << 53 || (rc != 0 && rc != -34))
                abort();
        }
        if (token.type != JSON_STRING && token.type != JSON_KEY)
            continue;
        int n = json_string_decode(token.span, decoded, text.len + 1);
        if (n < 0 ||
            (token.type == JSON_STRING && token.decoded_len < (size_t)n) ||
            !json_string_equals(token.span, str_make(decoded, (size_t)n)))
            abort();
    }
    free(decoded);
}

static void
feed(struct json_tap *tap, struct json_tap_value *values, struct str text,
     unsigned seed)
{
    json_tap_init(tap, names, values);
    for (size_t at = 0; at < text.len;) {
        size_t n = seed == 0 ? text.len : 1 + (size_t)rand_r(&seed) % 40;
        n = n > text.len - at ? text.len - at : n;
        char *copy = malloc(n); /* ends where the piece ends, for ASan */
        memcpy(copy, text.ptr + at, n);
        json_tap_feed(tap, copy, n);
        free(copy);
        at += n;
    }
}

static void
check_tap(struct str text, unsigned seed)
{
    static struct json_tap_value whole[NAME_COUNT], cut[NAME_COUNT];
    struct json_tap tap, other;
    struct json_reader reader;
    struct str span, found;
    feed(&tap, whole, text, 0);
    feed(&other, cut, text, seed);
    if (tap.bad != other.bad || tap.complete != other.complete ||
        tap.bytes_seen != other.bytes_seen)
        abort();
    json_reader_init(&reader, text);
    size_t end;
    bool is_json = walk_value(&reader, &end) &&
                   json_skip_value(&reader, &span) == JSON_END;
    if (is_json && tap.bad)
        abort();
    for (size_t i = 0; i < NAME_COUNT; i++) {
        if (whole[i].seen != cut[i].seen)
            abort();
        if (!whole[i].seen)
            continue;
        if (whole[i].truncated != cut[i].truncated ||
            whole[i].len != cut[i].len ||
            memcmp(whole[i].bytes, cut[i].bytes, cut[i].len) != 0)
            abort();
        if (is_json && !whole[i].truncated &&
            (!json_find(text, names[i], &found) ||
             !str_equals(found, str_make(whole[i].bytes, whole[i].len))))
            abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct str found;
    unsigned seed = 1;
    for (size_t i = 0; i < size && i < 8; i++)
        seed = seed * 31 + data[i];
    check_skip_agrees(text);
    check_strings_and_numbers(text);
    check_tap(text, seed == 0 ? 1 : seed);
    if (json_find(text, "usage.id.a", &found) &&
        (found.ptr < text.ptr || found.ptr + found.len > text.ptr + text.len))
        abort();
    return 0;
}
