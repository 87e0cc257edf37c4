/*
 * answer_plain.c - counts the output text of a plain answer while its bytes
 * pass by, for the estimate where the provider states no usage.
 *
 * Not a parser: it tells strings from the rest, and names from values by the
 * colon that follows. In a text that is no JSON it counts something harmless.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/dialect.h"

enum plain_state {
    PLAIN_BETWEEN,
    PLAIN_STRING,
    PLAIN_ESCAPE, /* behind a backslash in a string */
};

/* Members whose strings are output, at any depth: how many of their bytes count.
 * "data" are thoughts that only the provider can read, or a picture. */
static uint32_t
output_bytes(struct str name)
{
    static const struct str names[] = {
        STR_LIT("content"),          STR_LIT("text"),
        STR_LIT("arguments"),        STR_LIT("reasoning_content"),
        STR_LIT("refusal"),          STR_LIT("reasoning"),
        STR_LIT("thinking"),         STR_LIT("signature"),
        STR_LIT("transcript"),       STR_LIT("encrypted_content"),
        STR_LIT("thoughtSignature"),
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_equals(names[i], name))
            return UINT32_MAX;
    return str_equals(name, STR_LIT("data")) ? 4 * ANSWER_PICTURE_TOKENS : 0;
}

static void
begin_value(struct plain_count *plain, struct str name)
{
    plain->is_sound = str_equals(name, STR_LIT("audio"));
    plain->left = output_bytes(name);
    /* What was said is in the transcript beside it. */
    plain->counting =
        plain->left == UINT32_MAX || (plain->left > 0 && !plain->in_sound);
}

/* Between strings: a colon makes the last string the name of what follows, for
 * one value, or the first of a list. */
static const char *
pass_between(struct plain_count *plain, const char *p, const char *end)
{
    for (; p < end && *p != '"'; p++) {
        if (*p == ':') {
            begin_value(plain, str_make(plain->key, plain->key_len));
        } else if (*p == ',' || *p == '{' || *p == '}') {
            plain->counting = false;
            plain->in_sound =
                *p == '{' ? plain->is_sound : *p == ',' && plain->in_sound;
            plain->is_sound = false;
        }
    }
    if (p == end)
        return p;
    plain->state = PLAIN_STRING;
    plain->key_len = 0;
    plain->text = (struct text_count){0};
    return p + 1;
}

static void
take_part(struct answer *answer, const char *from, const char *to)
{
    struct plain_count *plain = &answer->plain;
    size_t len = (size_t)(to - from);
    if (plain->counting) {
        size_t counts = len < plain->left ? len : plain->left;
        answer_count_part(answer, &plain->text, str_make(from, counts));
        plain->left -= plain->left == UINT32_MAX ? 0 : (uint32_t)counts;
    }
    size_t room = sizeof(plain->key) - plain->key_len;
    if (len > room)
        len = room; /* a name that long is none of ours */
    memcpy(plain->key + plain->key_len, from, len);
    plain->key_len = (uint8_t)(plain->key_len + len);
}

/*
 * The next quote or backslash from p on, or end. *quote remembers the next
 * quote (or end) between calls, so that many escapes before it cost nothing.
 */
static const char *
string_stop(const char *p, const char *end, const char **quote)
{
    if (*quote == NULL || *quote < p) {
        *quote = memchr(p, '"', (size_t)(end - p));
        if (*quote == NULL)
            *quote = end;
    }
    const char *slash = memchr(p, '\\', (size_t)(*quote - p));
    return slash != NULL ? slash : *quote;
}

void
answer_count_plain(struct answer *answer, struct str piece)
{
    struct plain_count *plain = &answer->plain;
    const char *p = piece.ptr, *end = piece.ptr + piece.len, *quote = NULL;
    while (p < end) {
        const char *from = p;
        switch (plain->state) {
        case PLAIN_BETWEEN:
            p = pass_between(plain, p, end);
            break;
        case PLAIN_ESCAPE:
            take_part(answer, from, ++p);
            plain->state = PLAIN_STRING;
            break;
        default:
            p = string_stop(p, end, &quote);
            if (p == end) {
                take_part(answer, from, p);
            } else if (*p == '"') {
                take_part(answer, from, p++);
                plain->state = PLAIN_BETWEEN;
            } else {
                take_part(answer, from, ++p);
                plain->state = PLAIN_ESCAPE;
            }
        }
    }
}
