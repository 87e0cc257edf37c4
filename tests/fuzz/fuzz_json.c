/*
 * fuzz_json.c - the JSON readers on hostile text, against each other:
 * a value passed by json_skip_value() is what json_next() walks, and members
 * and items are the values that json_skip_value() passes; the tap captures the
 * same whatever the cuts, and what json_find() finds, as json_members() does.
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
check_same(enum json_type type, enum json_type other, struct str a,
           struct str b)
{
    if (type != other ||
        (type > JSON_BAD && (a.ptr != b.ptr || a.len != b.len)))
        abort();
}

/* Member by member and item by item, both readers behind the same bracket:
 * entered ones are walked in their turn, or passed. False: they cannot go on
 * together. */
static bool
check_container(struct json_reader *members, struct json_reader *tokens,
                bool is_object, unsigned *seed)
{
    struct json_token token;
    struct str key = {NULL, 0}, value, other;
    for (;;) {
        struct json_reader whole = *members;
        enum json_type type = is_object
                                  ? json_enter_member(members, &key, &value)
                                  : json_enter_item(members, &value);
        enum json_type next = json_next(tokens, &token);
        if (is_object && type > JSON_BAD && type != JSON_OBJECT_END) {
            check_same(JSON_KEY, next, key, token.span);
            next = json_next(tokens, &token);
        } else if (is_object && type == JSON_BAD) {
            while (next > JSON_BAD && next != JSON_OBJECT_END)
                next = json_next(tokens, &token);
        }
        check_same(type, next, value, token.span);
        if (type == JSON_BAD && members->pos != tokens->pos)
            abort();
        if (type <= JSON_BAD || type == JSON_OBJECT_END ||
            type == JSON_ARRAY_END)
            return type > JSON_BAD;
        if (members->pos != tokens->pos || members->depth != tokens->depth ||
            members->state != tokens->state)
            abort();
        if (type != JSON_OBJECT && type != JSON_ARRAY)
            continue;
        if (rand_r(seed) % 4 != 0) {
            if (!check_container(members, tokens, type == JSON_OBJECT, seed))
                return false;
            continue;
        }
        type = json_pass(members, type, &value);
        check_same(is_object ? json_member(&whole, &key, &other)
                             : json_item(&whole, &other),
                   type, other, value);
        /* What is only passed may hold what json_next() refuses. */
        uint32_t depth = tokens->depth;
        do
            next = json_next(tokens, &token);
        while (next > JSON_BAD && tokens->depth >= depth);
        if (type == JSON_BAD ? next != JSON_BAD
                             : next > JSON_BAD && tokens->pos != members->pos)
            abort();
        if (next == JSON_BAD)
            return false;
    }
}

static void
check_members(struct str text, unsigned seed)
{
    static const struct str wanted[] = {STR_LIT("a"), STR_LIT("id"),
                                        STR_LIT("usage")};
    struct str values[NAME_COUNT + 1], again[NAME_COUNT + 1], found;
    struct json_reader members, tokens;
    struct json_token token;
    json_reader_init(&members, text);
    enum json_type type = json_next(&members, &token);
    tokens = members;
    if (type == JSON_OBJECT || type == JSON_ARRAY)
        check_container(&members, &tokens, type == JSON_OBJECT, &seed);
    bool whole = json_members(text, wanted, NAME_COUNT, values);
    json_reader_init(&members, text);
    if (json_next(&members, &token) != JSON_OBJECT) {
        if (whole)
            abort();
        return;
    }
    bool here = json_members_here(&members, wanted, NAME_COUNT, again);
    if (memcmp(values, again, sizeof(values)) != 0 ||
        whole != (here && json_next(&members, &token) == JSON_END))
        abort();
    for (size_t i = 0; here && i < NAME_COUNT; i++) {
        bool is_there = json_find(text, names[i], &found) &&
                        !str_equals(found, STR_LIT("null"));
        if (is_there ? found.ptr != values[i].ptr || found.len != values[i].len
                     : values[i].len > 0)
            abort();
    }
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
    check_members(text, seed);
    check_tap(text, seed == 0 ? 1 : seed);
    if (json_find(text, "usage.id.a", &found) &&
        (found.ptr < text.ptr || found.ptr + found.len > text.ptr + text.len))
        abort();
    return 0;
}
