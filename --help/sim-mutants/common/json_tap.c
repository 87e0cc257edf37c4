/*
 * json_tap.c - the tap of json_scan.h: top-level members captured while the
 * text passes by in pieces.
 *
 * One byte decides each step, so a cut can come anywhere; runs inside strings
 * and nested values are passed 16 bytes at a time. Inside nested values only
 * strings and the depth are followed.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/json_scan.h"

#include "common/json_lex.h"

enum { TAP_DEPTH_MAX = 65535 };

/* capturing: an index of values, or one of these. */
enum { TAP_CAPTURES_NONE = -1, TAP_TOP_IS_NO_OBJECT = -2 };

enum tap_state {
    TAP_BEGIN,
    TAP_BOM_2,
    TAP_BOM_3,
    TAP_TOP,
    TAP_KEY_OR_END,
    TAP_KEY,
    TAP_IN_KEY,
    TAP_IN_KEY_ESCAPE,
    TAP_COLON,
    TAP_VALUE,
    TAP_IN_SCALAR,
    TAP_IN_STRING,
    TAP_IN_STRING_ESCAPE,
    TAP_NESTED,
    TAP_NESTED_STRING,
    TAP_NESTED_STRING_ESCAPE,
    TAP_COMMA_OR_END,
    TAP_DONE,
};

/* The piece being fed; `from` is where the capture in progress goes on. */
struct tap_piece {
    const char *p, *end, *from;
};

void
json_tap_init(struct json_tap *tap, const char *const *names,
              struct json_tap_value *values)
{
    *tap = (struct json_tap){.names = names, .capturing = TAP_CAPTURES_NONE};
    for (size_t i = 0; names[i] != NULL; i++) {
        CHECK(i < JSON_TAP_MAX);
        tap->values[i] = &values[i];
        values[i].len = 0;
        values[i].seen = values[i].truncated = false;
    }
}

static void
tap_capture(struct json_tap *tap, struct tap_piece *piece)
{
    if (tap->capturing < 0)
        return;
    struct json_tap_value *value = tap->values[tap->capturing];
    size_t n = (size_t)(piece->p - piece->from);
    if (n > sizeof(value->bytes) - value->len)
        value->truncated = true;
    if (value->truncated) {
        value->len = 0;
        return;
    }
    memcpy(value->bytes + value->len, piece->from, n);
    value->len = (uint16_t)(value->len + n);
}

static void
tap_bad(struct json_tap *tap)
{
    tap->bad = true;
    tap->capturing = TAP_CAPTURES_NONE;
}

/* The member's name is complete: is it one of those wanted? */
static void
tap_choose(struct json_tap *tap)
{
    char quoted[sizeof(tap->key) + 2];
    tap->capturing = TAP_CAPTURES_NONE;
    if (tap->key_len > sizeof(tap->key))
        return;
    quoted[0] = '"';
    memcpy(quoted + 1, tap->key, tap->key_len);
    quoted[tap->key_len + 1] = '"';
    struct str span = str_make(quoted, tap->key_len + 2u);
    for (int8_t i = 0; tap->names[i] != NULL; i++) {
        if (!json_string_equals(span, str_from(tap->names[i])))
            continue;
        tap->capturing = i;
        tap->values[i]->len = 0; /* a second one counts: forget the first */
        tap->values[i]->seen = tap->values[i]->truncated = false;
        return;
    }
}

static void
tap_key_bytes(struct json_tap *tap, const char *bytes, size_t n)
{
    if (tap->key_len > sizeof(tap->key) || n > sizeof(tap->key) - tap->key_len)
        tap->key_len = sizeof(tap->key) + 1; /* too long to be wanted */
    else {
        memcpy(tap->key + tap->key_len, bytes, n);
        tap->key_len = (uint16_t)(tap->key_len + n);
    }
}

static void
tap_value_done(struct json_tap *tap, struct tap_piece *piece)
{
    tap_capture(tap, piece);
    if (tap->capturing >= 0)
        tap->values[tap->capturing]->seen = true;
    if (tap->capturing == TAP_TOP_IS_NO_OBJECT) {
        tap->state = TAP_DONE;
        tap->complete = true;
    } else {
        tap->state = TAP_COMMA_OR_END;
    }
    tap->capturing = TAP_CAPTURES_NONE;
}

/* Inside a string: a key, a member's value, or deeper. */
static void
tap_string(struct json_tap *tap, struct tap_piece *piece)
{
    const char *from = piece->p;
    piece->p = json_lex_string_run(piece->p, piece->end);
    if (tap->state == TAP_IN_KEY)
        tap_key_bytes(tap, from, (size_t)(piece->p - from));
    if (piece->p == piece->end)
        return;
    char c = *piece->p++;
    if (c == '\\') {
        if (tap->state == TAP_IN_KEY)
            tap_key_bytes(tap, "\\", 1);
        tap->state++; /* its _ESCAPE */
        return;
    }
    if (c != '"') {
        tap_bad(tap);
        return;
    }
    if (tap->state == TAP_IN_KEY) {
        tap->state = TAP_COLON;
    } else if (tap->state == TAP_IN_STRING) {
        tap_value_done(tap, piece);
    } else {
        tap->state = TAP_NESTED;
    }
}

static void
tap_escape(struct json_tap *tap, struct tap_piece *piece)
{
    char c = *piece->p++;
    if (!json_lex_is_escape(c)) {
        tap_bad(tap);
        return;
    }
    if (tap->state == TAP_IN_KEY_ESCAPE)
        tap_key_bytes(tap, &c, 1);
    tap->state--;
}

static void
tap_nested(struct json_tap *tap, struct tap_piece *piece)
{
    uint32_t outside = tap->capturing == TAP_TOP_IS_NO_OBJECT ? 0 : 1;
    piece->p = json_lex_structure_run(piece->p, piece->end);
    if (piece->p == piece->end)
        return;
    char c = *piece->p++;
    if (c == '"') {
        tap->state = TAP_NESTED_STRING;
    } else if (c == '{' || c == '[') {
        if (tap->depth == TAP_DEPTH_MAX)
            tap_bad(tap);
        else
            tap->depth++;
    } else if (--tap->depth == outside) {
        tap_value_done(tap, piece);
    }
}

/* Numbers and words, by the bytes they may be made of. */
static void
tap_scalar(struct json_tap *tap, struct tap_piece *piece)
{
    while (piece->p < piece->end) {
        char c = *piece->p, lower = (char)(c | 0x20);
        bool part = (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z') ||
                    c == '-' || c == '+' || c == '.';
        if (!part) {
            tap_value_done(tap, piece);
            return;
        }
        piece->p++;
    }
}

/* `c` is the first byte of a value. */
static void
tap_value(struct json_tap *tap, struct tap_piece *piece, char c)
{
    char lower = (char)(c | 0x20);
    piece->from = piece->p++;
    if (c == '"') {
        tap->state = TAP_IN_STRING;
    } else if (c == '{' || c == '[') {
        tap->state = TAP_NESTED;
        tap->depth++;
    } else if (c == '-' || (c >= '0' && c <= '9') ||
               (lower >= 'a' && lower <= 'z')) {
        tap->state = TAP_IN_SCALAR;
    } else {
        tap_bad(tap);
    }
}

static void
tap_top(struct json_tap *tap, struct tap_piece *piece, char c)
{
    if (c == '{') {
        piece->p++;
        tap->depth = 1;
        tap->state = TAP_KEY_OR_END;
        return;
    }
    tap->capturing = TAP_TOP_IS_NO_OBJECT;
    tap_value(tap, piece, c);
}

static void
tap_key(struct json_tap *tap, struct tap_piece *piece, char c)
{
    piece->p++;
    if (c == '"') {
        tap->state = TAP_IN_KEY;
        tap->key_len = 0;
    } else if (c == '}' && tap->state == TAP_KEY_OR_END) {
        tap->state = TAP_DONE;
        tap->complete = true;
        tap->depth = 0;
    } else {
        tap_bad(tap);
    }
}

static void
tap_comma_or_end(struct json_tap *tap, struct tap_piece *piece, char c)
{
    piece->p++;
    if (c == ',') {
        tap->state = TAP_KEY;
    } else if (c == '}') {
        tap->state = TAP_DONE;
        tap->complete = true;
        tap->depth = 0;
    } else {
        tap_bad(tap);
    }
}

/* The three bytes of a byte order mark; without one, on to the top value. */
static void
tap_begin(struct json_tap *tap, struct tap_piece *piece)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (*piece->p == mark[tap->state - TAP_BEGIN]) {
        piece->p++;
        tap->state++;
    } else if (tap->state == TAP_BEGIN) {
        tap->state = TAP_TOP;
    } else {
        tap_bad(tap);
    }
}

/* States between tokens, where white space means nothing. */
static void
tap_between(struct json_tap *tap, struct tap_piece *piece)
{
    while (piece->p < piece->end && json_lex_is_space(*piece->p))
        piece->p++;
    if (piece->p == piece->end)
        return;
    char c = *piece->p;
    switch (tap->state) {
    case TAP_TOP:
        tap_top(tap, piece, c);
        return;
    case TAP_KEY_OR_END:
    case TAP_KEY:
        tap_key(tap, piece, c);
        return;
    case TAP_VALUE:
        tap_value(tap, piece, c);
        return;
    case TAP_COMMA_OR_END:
        tap_comma_or_end(tap, piece, c);
        return;
    case TAP_COLON:
        if (c == ':') {
            piece->p++;
            tap->state = TAP_VALUE;
            tap_choose(tap);
            return;
        }
        tap_bad(tap);
        return;
    default: /* TAP_DONE: nothing may follow */
        tap_bad(tap);
    }
}

void
json_tap_feed(struct json_tap *tap, const char *bytes, size_t len)
{
    struct tap_piece piece = {bytes, bytes + len, bytes};
    tap->bytes_seen += len;
    while (piece.p < piece.end && !tap->bad) {
        switch (tap->state) {
        case TAP_BEGIN:
        case TAP_BOM_2:
        case TAP_BOM_3:
            tap_begin(tap, &piece);
            break;
        case TAP_IN_KEY:
        case TAP_IN_STRING:
        case TAP_NESTED_STRING:
            tap_string(tap, &piece);
            break;
        case TAP_IN_KEY_ESCAPE:
        case TAP_IN_STRING_ESCAPE:
        case TAP_NESTED_STRING_ESCAPE:
            tap_escape(tap, &piece);
            break;
        case TAP_NESTED:
            tap_nested(tap, &piece);
            break;
        case TAP_IN_SCALAR:
            tap_scalar(tap, &piece);
            break;
        default:
            tap_between(tap, &piece);
        }
    }
    /* Between colon and value nothing of it has come yet. */
    if (tap->state != TAP_VALUE)
        tap_capture(tap, &piece);
}
