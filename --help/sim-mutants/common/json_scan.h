/*
 * json_scan.h - JSON read in place: no tree, no copy, no allocation.
 *
 * Two readers. The pull reader (json_next) walks a complete text and yields
 * raw spans of it: strings with their quotes and escapes as they stand, so
 * that numbers, NULs, lone surrogates and duplicate members survive a splice.
 * The tap (json_tap_feed) takes a text in pieces cut anywhere and captures the
 * raw values of a few top-level members while the bytes pass by.
 * Grammar: RFC 8259, strict (no trailing garbage, no raw control bytes in
 * strings, no leading zeros, depth <= JSON_MAX_DEPTH, UTF-8 not validated).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_JSON_SCAN_H
#define AIGW_COMMON_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/str.h"

enum { JSON_MAX_DEPTH = 128 };

enum json_type {
    JSON_END,    /* the whole text was read */
    JSON_BAD,    /* not JSON; json_reader.pos is the offset of the fault */
    JSON_OBJECT, /* `{` */
    JSON_OBJECT_END,
    JSON_ARRAY,
    JSON_ARRAY_END,
    JSON_KEY,    /* member name; span includes the quotes */
    JSON_STRING, /* span includes the quotes */
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

struct json_token {
    enum json_type type;
    uint32_t depth;  /* containers around it; `{` and its `}` have the same */
    struct str span; /* bytes of the text, quotes included */
    /* Of a JSON_STRING: the UTF-8 bytes that its content decodes to (pairs of
     * surrogates count 6 for their 4). */
    size_t decoded_len;
};

struct json_reader {
    const char *text;
    size_t len, pos;
    uint32_t depth;
    uint8_t state;                           /* private */
    uint64_t is_object[JSON_MAX_DEPTH / 64]; /* private: a bit per depth */
};

void json_reader_init(struct json_reader *reader, struct str text);
/* json_next - the next token; JSON_END or JSON_BAD for ever after the end. */
enum json_type json_next(struct json_reader *reader, struct json_token *token);
/*
 * json_skip_value - after a JSON_KEY, or where a value is expected: passes the
 * whole next value (containers included), *span = its raw bytes. Fast: only
 * strings, brackets and braces are looked at inside a container. JSON_BAD or
 * its type. Where no value comes (a key, the end of the container) it is
 * json_next().
 */
enum json_type json_skip_value(struct json_reader *reader, struct str *span);
/*
 * json_member - where a member of an object may come: passes the next one as a
 * whole. Its value's type, *key and *value its raw bytes; JSON_OBJECT_END; or
 * JSON_BAD (anywhere else, too). One step for what are three otherwise.
 */
enum json_type json_member(struct json_reader *reader, struct str *key,
                           struct str *value);
/*
 * json_enter_member - the same, but a container is only entered: *value is its
 * opening bracket, behind which the reader stands. Read it to its end, or let
 * json_pass() pass what is left of it: that makes *value the whole, and is for
 * other types nothing to do. The type, or JSON_BAD.
 */
enum json_type json_enter_member(struct json_reader *reader, struct str *key,
                                 struct str *value);
enum json_type json_pass(struct json_reader *reader, enum json_type type,
                         struct str *value);
/* The same for the elements of a list: their types, JSON_ARRAY_END or
 * JSON_BAD. */
enum json_type json_item(struct json_reader *reader, struct str *value);
enum json_type json_enter_item(struct json_reader *reader, struct str *value);

/* ---- lists ---- */

/* A list's elements one after the other, each as a whole. json_list_begin is
 * false when it is no list: it has no elements then. */
bool json_list_begin(struct json_reader *reader, struct str list);
bool json_list_next(struct json_reader *reader, struct str *item);
/* Of a list that was entered the next object, entered in its turn, to be read to
 * its end; what is none is passed. False behind the last one. */
bool json_list_object(struct json_reader *reader);

/* ---- objects by the names of their members ---- */

/* Index of the name that `key` (with its quotes) spells, or `count`. Quick for
 * keys without escapes, which is all that is ever seen. Names are not empty. */
unsigned json_key_find(struct str key, const struct str *names, unsigned count);
/*
 * json_members - the raw values of an object's members, values[i] for names[i].
 * Null and absent ones are empty; of duplicates the last counts. What had other
 * names is passed over, but values[count] is one of it, unless all of it was
 * null: whether there was more. Values are not looked into but for strings and
 * brackets (json_skip_value). False: no whole object, or something behind it;
 * what was read until then is there.
 * json_members_here - where the reader stands behind the opening brace, up to
 * behind the closing one; what stands there is not looked at.
 * ..._spelt - `names` has `spellings` (1 or 2) in a row for each value.
 */
bool json_members_spelt(struct str object, const struct str *names,
                        unsigned count, unsigned spellings, struct str *values);
bool json_members_spelt_here(struct json_reader *reader,
                             const struct str *names, unsigned count,
                             unsigned spellings, struct str *values);

static inline bool
json_members(struct str object, const struct str *names, unsigned count,
             struct str *values)
{
    return json_members_spelt(object, names, count, 1, values);
}

static inline bool
json_members_here(struct json_reader *reader, const struct str *names,
                  unsigned count, struct str *values)
{
    return json_members_spelt_here(reader, names, count, 1, values);
}

/* ---- values ---- */

/* Content equal to `plain`, escapes decoded while comparing. `span` as from a
 * token (with quotes). */
bool json_string_equals(struct str span, struct str plain);
/* Decodes escapes into out (UTF-8, surrogate halves as U+FFFD); returns the
 * length, -EMSGSIZE when it does not fit. NUL-terminated where it fits. */
int json_string_decode(struct str span, char *out, size_t out_size) MUST_CHECK;
/* The same for the inside of a string, without its quotes. */
int json_text_decode(struct str inside, char *out, size_t out_size) MUST_CHECK;
/* As much of it as fits, whole characters, always NUL-terminated; up to an escape
 * that is none. For what is shown to people. Returns the length. */
size_t json_text_decode_cut(struct str inside, char *out, size_t out_size);
/* Whether a text is one whole value of that type (JSON_OBJECT, JSON_ARRAY), and
 * nothing behind it. Unlike where it is passed, all of it is looked at. */
bool json_is(struct str text, enum json_type first);
/* A number span as unsigned: "12" -> 12; 12.9, 1.2e1 truncate; negative -> 0
 * and -ERANGE; null -> 0 and -ENOENT; larger than 2^53 -> 2^53 and -ERANGE;
 * no number -> 0 and -EINVAL. */
int json_number_u64(struct str span, uint64_t *out) MUST_CHECK;

/*
 * json_find - the raw value of a member by path ("usage.prompt_tokens") in a
 * complete object text; the LAST of duplicates, as most providers read it.
 * True when found.
 */
bool json_find(struct str object, const char *path, struct str *value);

/* ---- the tap ---- */

enum { JSON_TAP_MAX = 6, JSON_TAP_VALUE_BYTES = 2048 };

struct json_tap_value {
    uint16_t len;
    bool seen;      /* the member came and is complete */
    bool truncated; /* longer than the room: not usable, len is 0 */
    char bytes[JSON_TAP_VALUE_BYTES];
};

struct json_tap {
    const char *const *names; /* top-level members wanted, NULL-terminated */
    uint64_t bytes_seen;
    uint32_t depth;
    uint8_t state; /* private */
    int8_t capturing;
    bool bad;      /* not JSON (or deeper than 65,535): nothing more captured */
    bool complete; /* the top value has ended */
    uint16_t key_len;
    char key[64];
    struct json_tap_value *values[JSON_TAP_MAX]; /* caller's, one per name */
};

void json_tap_init(struct json_tap *tap, const char *const *names,
                   struct json_tap_value *values);
/*
 * Leading white space and a BOM are passed over. Any split gives the same. The
 * top level is checked; inside nested values only strings and the depth are.
 * `complete` of a bare number or word needs a byte behind it.
 */
void json_tap_feed(struct json_tap *tap, const char *bytes, size_t len);

#endif
