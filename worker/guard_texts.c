/*
 * guard_texts.c - see guard_part.h: the texts of a JSON text, one after the other.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/guard_part.h"

void
guard_texts_init(struct guard_texts *texts, struct str json)
{
    *texts = (struct guard_texts){0};
    json_reader_init(&texts->reader, json);
    buf_init(&texts->decoded, 0);
    buf_init(&texts->inside, 0);
}

void
guard_texts_fini(struct guard_texts *texts)
{
    buf_fini(&texts->decoded);
    buf_fini(&texts->inside);
}

static bool
has_escapes(struct str text)
{
    return text.len > 0 && memchr(text.ptr, '\\', text.len) != NULL;
}

/* The string's content into `out`; false: no memory. */
static bool
decode(struct guard_texts *texts, struct str inside, struct buf *out,
       struct str *text)
{
    *text = inside;
    if (!has_escapes(inside))
        return true;
    buf_reset(out);
    if (buf_reserve(out, inside.len + 1) < 0) {
        texts->failed = true;
        return false;
    }
    *text = str_make(out->data,
                     json_text_decode_cut(inside, out->data, inside.len + 1));
    return true;
}

static bool
is_string(enum json_type type)
{
    return type == JSON_STRING || type == JSON_KEY;
}

static struct str
inside_of(const struct json_token *token)
{
    return str_make(token->span.ptr + 1, token->span.len - 2);
}

/* Of the text that was given last; without escapes it has said all. */
static bool
next_inside(struct guard_texts *texts, struct str *text)
{
    struct json_token token;
    enum json_type type;
    while ((type = json_next(&texts->inner, &token)) > JSON_BAD)
        if (is_string(type) && has_escapes(inside_of(&token)))
            return decode(texts, inside_of(&token), &texts->inside, text);
    texts->is_inside = false;
    return false;
}

/* A string that is JSON of its own: read as far as it is. */
static void
look_inside(struct guard_texts *texts, struct str text)
{
    size_t at = 0;
    while (at < text.len && memchr(" \t\r\n", text.ptr[at], 4) != NULL)
        at++;
    if (at == text.len || (text.ptr[at] != '{' && text.ptr[at] != '[') ||
        !has_escapes(text))
        return;
    json_reader_init(&texts->inner, text);
    texts->is_inside = true;
}

bool
guard_texts_next(struct guard_texts *texts, struct str *text)
{
    struct json_token token;
    if (texts->is_inside && next_inside(texts, text))
        return true;
    while (!texts->failed && !texts->is_over) {
        enum json_type type = json_next(&texts->reader, &token);
        texts->is_over = type <= JSON_BAD;
        texts->is_bad = type == JSON_BAD;
        if (type == JSON_NUMBER) {
            *text = token.span;
            return true;
        }
        if (!is_string(type))
            continue;
        if (!decode(texts, inside_of(&token), &texts->decoded, text))
            return false;
        if (type == JSON_STRING)
            look_inside(texts, *text);
        return true;
    }
    return false;
}
