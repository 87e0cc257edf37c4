/*
 * json_scan.c - the pull reader of json_scan.h. Strings and numbers are looked
 * into by json_value.c, texts in pieces by json_tap.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/json_scan.h"

#include "common/json_lex.h"

/* What may stand at pos, white space aside. */
enum {
    AT_VALUE,          /* the top value */
    AT_KEY_OR_END,     /* behind `{` */
    AT_KEY,            /* behind `,` in an object */
    AT_COLON,          /* behind a key */
    AT_ELEMENT_OR_END, /* behind `[` */
    AT_COMMA_OR_END,   /* behind a value in a container */
    AT_END,            /* behind the top value */
    AT_BAD,
};

void
json_reader_init(struct json_reader *reader, struct str text)
{
    *reader = (struct json_reader){
        .text = text.len > 0 ? text.ptr : "",
        .len = text.len,
        .state = AT_VALUE,
    };
}

static enum json_type
reader_bad(struct json_reader *reader, const char *fault)
{
    reader->pos = (size_t)(fault - reader->text);
    reader->state = AT_BAD;
    return JSON_BAD;
}

static void
reader_value_done(struct json_reader *reader)
{
    reader->state = reader->depth > 0 ? AT_COMMA_OR_END : AT_END;
}

static bool
reader_in_object(const struct json_reader *reader)
{
    uint32_t bit = reader->depth - 1;
    return (reader->is_object[bit / 64] >> bit % 64 & 1) != 0;
}

/* json_lex_string() of most names and words: no escape in the first 16 bytes. */
static inline const char *
pass_short_string(const char *p, const char *end, const char **fault,
                  size_t *surplus)
{
#ifdef __SSE2__
    if (LIKELY(end - p >= 16)) {
        int mask = _mm_movemask_epi8(json_lex_run_ends(json_lex_load(p)));
        const char *at = p + __builtin_ctz((unsigned)mask | 0x10000);
        if (LIKELY(mask != 0 && *at == '"')) {
            *surplus = 0;
            return at + 1;
        }
    }
#endif
    return json_lex_string(p, end, fault, surplus);
}

static const char *
pass_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* RFC 8259 section 6. Returns the byte behind the number or NULL and *fault. */
static const char *
pass_number(const char *p, const char *end, const char **fault)
{
    if (p < end && *p == '-')
        p++;
    const char *digits = p;
    p = p < end && *p == '0' ? p + 1 : pass_digits(p, end);
    *fault = p;
    if (p == digits)
        return NULL;
    if (p < end && *p == '.') {
        digits = ++p;
        p = pass_digits(p, end);
        *fault = p;
        if (p == digits)
            return NULL;
    }
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        digits = p;
        p = pass_digits(p, end);
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

static enum json_type
reader_open(struct json_reader *reader, const char *p, struct json_token *token)
{
    if (reader->depth == JSON_MAX_DEPTH)
        return reader_bad(reader, p);
    uint32_t bit = reader->depth++;
    if (*p == '{')
        reader->is_object[bit / 64] |= UINT64_C(1) << bit % 64;
    else
        reader->is_object[bit / 64] &= ~(UINT64_C(1) << bit % 64);
    reader->pos = (size_t)(p + 1 - reader->text);
    reader->state = *p == '{' ? AT_KEY_OR_END : AT_ELEMENT_OR_END;
    token->span = str_make(p, 1);
    return *p == '{' ? JSON_OBJECT : JSON_ARRAY;
}

static enum json_type
reader_close(struct json_reader *reader, const char *p,
             struct json_token *token)
{
    if (*p != (reader_in_object(reader) ? '}' : ']'))
        return reader_bad(reader, p);
    token->depth = --reader->depth;
    token->span = str_make(p, 1);
    reader->pos = (size_t)(p + 1 - reader->text);
    reader_value_done(reader);
    return *p == '}' ? JSON_OBJECT_END : JSON_ARRAY_END;
}

/* A string, number or word from p on. */
static enum json_type
reader_scalar(struct json_reader *reader, const char *p,
              struct json_token *token)
{
    const char *end = reader->text + reader->len, *fault = p, *after;
    enum json_type type;
    size_t surplus = 0;
    switch (*p) {
    case '"':
        after = pass_short_string(p + 1, end, &fault, &surplus);
        type = JSON_STRING;
        break;
    case 't':
        after = pass_word(p, end, STR_LIT("true"));
        type = JSON_TRUE;
        break;
    case 'f':
        after = pass_word(p, end, STR_LIT("false"));
        type = JSON_FALSE;
        break;
    case 'n':
        after = pass_word(p, end, STR_LIT("null"));
        type = JSON_NULL;
        break;
    default:
        after = pass_number(p, end, &fault);
        type = JSON_NUMBER;
    }
    if (after == NULL)
        return reader_bad(reader, fault);
    token->span = str_make(p, (size_t)(after - p));
    token->decoded_len = token->span.len - 2 - surplus;
    reader->pos = (size_t)(after - reader->text);
    reader_value_done(reader);
    return type;
}

static enum json_type
reader_value(struct json_reader *reader, const char *p,
             struct json_token *token)
{
    if (*p == '{' || *p == '[')
        return reader_open(reader, p, token);
    return reader_scalar(reader, p, token);
}

static enum json_type
reader_key(struct json_reader *reader, const char *p, struct json_token *token)
{
    const char *end = reader->text + reader->len, *fault = p;
    size_t surplus;
    const char *after =
        *p == '"' ? pass_short_string(p + 1, end, &fault, &surplus) : NULL;
    if (after == NULL)
        return reader_bad(reader, fault);
    token->span = str_make(p, (size_t)(after - p));
    reader->pos = (size_t)(after - reader->text);
    reader->state = AT_COLON;
    return JSON_KEY;
}

/* The next byte that is no white space, from p on; end of text when none. */
static inline const char *
pass_space(const struct json_reader *reader, const char *p)
{
    const char *end = reader->text + reader->len;
    if (LIKELY(p < end && (unsigned char)*p > ' '))
        return p;
    while (p < end && json_lex_is_space(*p))
        p++;
    return p;
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
    case AT_KEY:
        return reader_key(reader, p, token);
    case AT_ELEMENT_OR_END:
        if (*p == ']')
            return reader_close(reader, p, token);
        return reader_value(reader, p, token);
    case AT_COLON:
        if (*p != ':')
            return reader_bad(reader, p);
        p = pass_space(reader, p + 1);
        if (p == end)
            return reader_bad(reader, p);
        return reader_value(reader, p, token);
    case AT_COMMA_OR_END:
        if (*p != ',')
            return reader_close(reader, p, token);
        p = pass_space(reader, p + 1);
        if (p == end)
            return reader_bad(reader, p);
        if (reader_in_object(reader))
            return reader_key(reader, p, token);
        return reader_value(reader, p, token);
    case AT_VALUE:
        return reader_value(reader, p, token);
    default: /* AT_END: something stands behind the top value */
        return reader_bad(reader, p);
    }
}

enum json_type
json_next(struct json_reader *reader, struct json_token *token)
{
    *token = (struct json_token){.type = JSON_BAD, .depth = reader->depth};
    if (reader->state == AT_BAD)
        return JSON_BAD;
    const char *p = pass_space(reader, reader->text + reader->pos);
    if (p < reader->text + reader->len)
        token->type = reader_step(reader, p, token);
    else if (reader->state == AT_END)
        token->type = JSON_END;
    else
        token->type = reader_bad(reader, p);
    return token->type;
}

/*
 * Passes the rest of the container that reader_open() has just opened, down to
 * its own bracket. Brackets must match and strings must be good; what stands
 * between them is not looked at. A bit tells what each level is.
 */
static bool
reader_pass_container(struct json_reader *reader)
{
    const char *p = reader->text + reader->pos;
    const char *end = reader->text + reader->len;
    uint32_t levels = 1, levels_max = JSON_MAX_DEPTH - reader->depth + 1;
    size_t surplus;
    uint64_t kinds[JSON_MAX_DEPTH / 64 + 1] = {p[-1] == '{'};
    while (levels > 0) {
        p = json_lex_structure_run(p, end);
        if (p == end)
            goto bad;
        char c = *p++;
        if (c == '"') {
            const char *fault = p;
            const char *after = pass_short_string(p, end, &fault, &surplus);
            if (after == NULL) {
                reader_bad(reader, fault);
                return false;
            }
            p = after;
        } else if (c == '{' || c == '[') {
            if (levels == levels_max)
                goto bad_byte;
            uint64_t bit = UINT64_C(1) << levels % 64;
            uint64_t *word = &kinds[levels / 64];
            *word = c == '{' ? *word | bit : *word & ~bit;
            levels++;
        } else {
            levels--;
            bool is_object = (kinds[levels / 64] >> levels % 64 & 1) != 0;
            if (c != (is_object ? '}' : ']'))
                goto bad_byte;
        }
    }
    reader->depth--;
    reader->pos = (size_t)(p - reader->text);
    reader_value_done(reader);
    return true;
bad_byte:
    p--;
bad:
    reader_bad(reader, p);
    return false;
}

/* What has just been read, when it opened a container: down to its end. */
static enum json_type
reader_whole_value(struct json_reader *reader, enum json_type type,
                   const struct json_token *token, struct str *span)
{
    *span = token->span;
    if (type != JSON_OBJECT && type != JSON_ARRAY)
        return type;
    if (!reader_pass_container(reader))
        return JSON_BAD;
    span->len = (size_t)(reader->text + reader->pos - span->ptr);
    return type;
}

enum json_type
json_skip_value(struct json_reader *reader, struct str *span)
{
    struct json_token token;
    enum json_type type = json_next(reader, &token);
    return reader_whole_value(reader, type, &token, span);
}

/* A container's span; p is its opening bracket. */
static enum json_type
member_container(struct json_reader *reader, const char *p, struct str *value)
{
    struct json_token token = {.type = JSON_BAD};
    enum json_type type = reader_open(reader, p, &token);
    return reader_whole_value(reader, type, &token, value);
}

/* Where a value of a member begins. */
static enum json_type
member_value(struct json_reader *reader, const char *p, struct str *value)
{
    const char *end = reader->text + reader->len, *fault = p, *after = p;
    enum json_type type = JSON_NUMBER;
    size_t surplus;
    if (*p == '"') {
        type = JSON_STRING;
        after = pass_short_string(p + 1, end, &fault, &surplus);
    } else if (*p == '{' || *p == '[') {
        return member_container(reader, p, value);
    } else if (*p > '0' && *p <= '9') {
        after = pass_digits(p, end);
        if (after < end && (*after == '.' || (*after | 0x20) == 'e'))
            after = pass_number(p, end, &fault);
    } else {
        struct json_token token;
        type = reader_scalar(reader, p, &token);
        if (type != JSON_BAD)
            *value = token.span;
        return type;
    }
    if (after == NULL)
        return reader_bad(reader, fault);
    *value = str_make(p, (size_t)(after - p));
    reader->pos = (size_t)(after - reader->text);
    reader->state = AT_COMMA_OR_END;
    return type;
}

enum json_type
json_member(struct json_reader *reader, struct str *key, struct str *value)
{
    const char *end = reader->text + reader->len, *fault;
    const char *p = pass_space(reader, reader->text + reader->pos);
    struct json_token token;
    size_t surplus;
    bool first = reader->state == AT_KEY_OR_END;
    *key = *value = (struct str){NULL, 0};
    if (p == end || (!first && (reader->state != AT_COMMA_OR_END ||
                                !reader_in_object(reader))))
        return reader_bad(reader, p);
    if (first ? *p == '}' : *p != ',')
        return reader_close(reader, p, &token);
    if (!first && (p = pass_space(reader, p + 1)) == end)
        return reader_bad(reader, p);
    if (*p != '"')
        return reader_bad(reader, p);
    const char *after = pass_short_string(p + 1, end, &fault, &surplus);
    if (after == NULL)
        return reader_bad(reader, fault);
    *key = str_make(p, (size_t)(after - p));
    p = pass_space(reader, after);
    if (p == end || *p != ':' || (p = pass_space(reader, p + 1)) == end)
        return reader_bad(reader, p);
    return member_value(reader, p, value);
}
