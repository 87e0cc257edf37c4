/*
 * json_scan.c - the pull reader of json_scan.h, token by token. Whole members
 * and values: json_member.c. Strings and numbers are looked into by
 * json_value.c, texts in pieces by json_tap.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/json_reader.h"

void
json_reader_init(struct json_reader *reader, struct str text)
{
    *reader = (struct json_reader){
        .text = text.len > 0 ? text.ptr : "",
        .len = text.len,
        .state = AT_VALUE,
    };
}

/* RFC 8259 section 6. Returns the byte behind the number or NULL and *fault. */
static const char *
pass_number(const char *p, const char *end, const char **fault)
{
    if (p < end && *p == '-')
        p++;
    const char *digits = p;
    p = p < end && *p == '0' ? p + 1 : json_lex_digits(p, end);
    *fault = p;
    if (p == digits)
        return NULL;
    if (p < end && *p == '.') {
        digits = ++p;
        p = json_lex_digits(p, end);
        *fault = p;
        if (p == digits)
            return NULL;
    }
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        digits = p;
        p = json_lex_digits(p, end);
        *fault = p;
        if (p == digits)
            return NULL;
    }
    return p;
}

static const char *
pass_word(const char *p, const char *end, struct str word)
{
    if ((size_t)(end - p) < word.len || memcmp(p, word.ptr, word.len) != 0)
        return NULL;
    return p + word.len;
}

const char *
json_pass_scalar(const char *p, const char *end, enum json_type *type,
                 const char **fault)
{
    *fault = p;
    switch (*p) {
    case 't':
        *type = JSON_TRUE;
        return pass_word(p, end, STR_LIT("true"));
    case 'f':
        *type = JSON_FALSE;
        return pass_word(p, end, STR_LIT("false"));
    case 'n':
        *type = JSON_NULL;
        return pass_word(p, end, STR_LIT("null"));
    default:
        *type = JSON_NUMBER;
        return pass_number(p, end, fault);
    }
}

static enum json_type
reader_scalar(struct json_reader *reader, const char *p,
              struct json_token *token)
{
    const char *end = reader->text + reader->len, *fault = p, *after;
    enum json_type type = JSON_STRING;
    size_t surplus = 0;
    if (*p == '"')
        after = json_lex_short_string(p + 1, end, &fault, &surplus);
    else
        after = json_pass_scalar(p, end, &type, &fault);
    if (after == NULL)
        return json_reader_bad(reader, fault);
    token->span = str_make(p, (size_t)(after - p));
    token->decoded_len = token->span.len - 2 - surplus;
    reader->pos = (size_t)(after - reader->text);
    json_reader_value_done(reader);
    return type;
}

/* `}` and `]` have the depth of what they close. */
static enum json_type
reader_close(struct json_reader *reader, const char *p,
             struct json_token *token)
{
    enum json_type type = json_reader_close(reader, p, &token->span);
    token->depth = reader->depth;
    return type;
}

static enum json_type
reader_value(struct json_reader *reader, const char *p,
             struct json_token *token)
{
    if (*p == '{' || *p == '[')
        return json_reader_open(reader, p, &token->span);
    return reader_scalar(reader, p, token);
}

static enum json_type
reader_key(struct json_reader *reader, const char *p, struct json_token *token)
{
    const char *end = reader->text + reader->len, *fault = p;
    size_t surplus;
    const char *after =
        *p == '"' ? json_lex_short_string(p + 1, end, &fault, &surplus) : NULL;
    if (after == NULL)
        return json_reader_bad(reader, fault);
    token->span = str_make(p, (size_t)(after - p));
    reader->pos = (size_t)(after - reader->text);
    reader->state = AT_COLON;
    return JSON_KEY;
}

/* p is inside the text and no white space. */
static enum json_type
reader_step(struct json_reader *reader, const char *p, struct json_token *token)
{
    const char *end = reader->text + reader->len;
    switch (reader->state) {
    case AT_KEY_OR_END:
        if (*p == '}')
            return reader_close(reader, p, token);
        return reader_key(reader, p, token);
    case AT_ELEMENT_OR_END:
        if (*p == ']')
            return reader_close(reader, p, token);
        return reader_value(reader, p, token);
    case AT_COLON:
        if (*p != ':')
            return json_reader_bad(reader, p);
        p = json_lex_space(p + 1, end);
        if (p == end)
            return json_reader_bad(reader, p);
        return reader_value(reader, p, token);
    case AT_COMMA_OR_END:
        if (*p != ',')
            return reader_close(reader, p, token);
        p = json_lex_space(p + 1, end);
        if (p == end)
            return json_reader_bad(reader, p);
        if (json_reader_in_object(reader))
            return reader_key(reader, p, token);
        return reader_value(reader, p, token);
    case AT_VALUE:
        return reader_value(reader, p, token);
    default: /* AT_END: something stands behind the top value */
        return json_reader_bad(reader, p);
    }
}

enum json_type
json_next(struct json_reader *reader, struct json_token *token)
{
    *token = (struct json_token){.type = JSON_BAD, .depth = reader->depth};
    if (reader->state == AT_BAD)
        return JSON_BAD;
    const char *end = reader->text + reader->len;
    const char *p = json_lex_space(reader->text + reader->pos, end);
    if (p < end)
        token->type = reader_step(reader, p, token);
    else if (reader->state == AT_END)
        token->type = JSON_END;
    else
        token->type = json_reader_bad(reader, p);
    return token->type;
}
