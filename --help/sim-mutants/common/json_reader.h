/*
 * json_reader.h - how the pull reader moves: its states, and the steps that
 * json_scan.c and json_member.c both take. Private to them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_JSON_READER_H
#define AIGW_COMMON_JSON_READER_H

#include "common/json_lex.h"
#include "common/json_scan.h"

/* What may stand at pos, white space aside. */
enum {
    AT_VALUE,          /* the top value */
    AT_KEY_OR_END,     /* behind `{` */
    AT_COLON,          /* behind a key */
    AT_ELEMENT_OR_END, /* behind `[` */
    AT_COMMA_OR_END,   /* behind a value in a container */
    AT_END,            /* behind the top value */
    AT_BAD,
};

static inline enum json_type
json_reader_bad(struct json_reader *reader, const char *fault)
{
    reader->pos = (size_t)(fault - reader->text);
    reader->state = AT_BAD;
    return JSON_BAD;
}

static inline void
json_reader_value_done(struct json_reader *reader)
{
    reader->state = reader->depth > 0 ? AT_COMMA_OR_END : AT_END;
}

static inline bool
json_reader_in_object(const struct json_reader *reader)
{
    uint32_t bit = reader->depth - 1;
    return (reader->is_object[bit / 64] >> bit % 64 & 1) != 0;
}

/* p is a bracket or brace that opens. */
static inline enum json_type
json_reader_open(struct json_reader *reader, const char *p, struct str *span)
{
    if (reader->depth == JSON_MAX_DEPTH)
        return json_reader_bad(reader, p);
    uint32_t bit = reader->depth++;
    if (*p == '{')
        reader->is_object[bit / 64] |= UINT64_C(1) << bit % 64;
    else
        reader->is_object[bit / 64] &= ~(UINT64_C(1) << bit % 64);
    reader->pos = (size_t)(p + 1 - reader->text);
    reader->state = *p == '{' ? AT_KEY_OR_END : AT_ELEMENT_OR_END;
    *span = str_make(p, 1);
    return *p == '{' ? JSON_OBJECT : JSON_ARRAY;
}

/* p is where the container under way should close. */
static inline enum json_type
json_reader_close(struct json_reader *reader, const char *p, struct str *span)
{
    if (*p != (json_reader_in_object(reader) ? '}' : ']'))
        return json_reader_bad(reader, p);
    reader->depth--;
    *span = str_make(p, 1);
    reader->pos = (size_t)(p + 1 - reader->text);
    json_reader_value_done(reader);
    return *p == '}' ? JSON_OBJECT_END : JSON_ARRAY_END;
}

/* A number or word from p on: the byte behind it, or NULL and *fault. */
const char *json_pass_scalar(const char *p, const char *end,
                             enum json_type *type, const char **fault);

#endif
