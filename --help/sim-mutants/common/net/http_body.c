/*
 * http_body.c - the body decoder: by length, chunked (RFC 9112 7.1), to the end.
 *
 * Chunk sizes, extensions and trailers are read byte by byte by a machine in
 * two tables: byte -> class, (state, class) -> state. What the tables do not
 * name is refused. Content is never looked at.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/http_chars.h"
#include "common/net/http_parse.h"

enum {
    SIZE_DIGITS_MAX = 32,           /* leading zeros included */
    EXTENSIONS_MAX = 256,           /* bytes a line */
    EXTENSIONS_ALL_MAX = 16 * 1024, /* of a body: they are work for nothing */
    TRAILERS_MAX = 8 * 1024,
};
#define CHUNK_SIZE_MAX ((uint64_t)1 << 60)

enum chunk_state {
    IN_ERROR,
    IN_SIZE,       /* line_bytes: digits so far */
    IN_SIZE_BLANK, /* blanks before ';'; from here line_bytes: of extensions */
    IN_NAME_START,
    IN_NAME,
    IN_NAME_END, /* blanks after a name */
    IN_VALUE_START,
    IN_VALUE,
    IN_QUOTED,
    IN_QUOTED_PAIR,
    IN_QUOTED_END,
    IN_SIZE_LF,
    IN_DATA,
    IN_DATA_CR,
    IN_DATA_LF,
    IN_TRAILER, /* at a line's start; from here line_bytes: of all trailers */
    IN_TRAILER_NAME,
    IN_TRAILER_VALUE,
    IN_TRAILER_LF,
    IN_LAST_LF,
    IN_END,
    CHUNK_STATES,
};

enum byte_class {
    BYTE_CONTROL, /* but those below */
    BYTE_CR,
    BYTE_LF,
    BYTE_BLANK,
    BYTE_SEMICOLON,
    BYTE_EQUALS,
    BYTE_COLON,
    BYTE_QUOTE,
    BYTE_BACKSLASH,
    BYTE_TOKEN,
    BYTE_OTHER, /* printable or above 0x7f */
    BYTE_CLASSES,
};

// clang-format off
static const uint8_t line_states[CHUNK_STATES][BYTE_CLASSES] = {
    [IN_SIZE] = {
        [BYTE_CR] = IN_SIZE_LF, [BYTE_BLANK] = IN_SIZE_BLANK,
        [BYTE_SEMICOLON] = IN_NAME_START },
    [IN_SIZE_BLANK] = {
        [BYTE_BLANK] = IN_SIZE_BLANK, [BYTE_SEMICOLON] = IN_NAME_START },
    [IN_NAME_START] = {
        [BYTE_BLANK] = IN_NAME_START, [BYTE_TOKEN] = IN_NAME },
    [IN_NAME] = {
        [BYTE_TOKEN] = IN_NAME, [BYTE_BLANK] = IN_NAME_END,
        [BYTE_EQUALS] = IN_VALUE_START, [BYTE_SEMICOLON] = IN_NAME_START,
        [BYTE_CR] = IN_SIZE_LF },
    [IN_NAME_END] = {
        [BYTE_BLANK] = IN_NAME_END, [BYTE_EQUALS] = IN_VALUE_START,
        [BYTE_SEMICOLON] = IN_NAME_START },
    [IN_VALUE_START] = {
        [BYTE_BLANK] = IN_VALUE_START, [BYTE_TOKEN] = IN_VALUE,
        [BYTE_QUOTE] = IN_QUOTED },
    [IN_VALUE] = {
        [BYTE_TOKEN] = IN_VALUE, [BYTE_BLANK] = IN_SIZE_BLANK,
        [BYTE_SEMICOLON] = IN_NAME_START, [BYTE_CR] = IN_SIZE_LF },
    [IN_QUOTED] = {
        [BYTE_BLANK ... BYTE_COLON] = IN_QUOTED, [BYTE_QUOTE] = IN_QUOTED_END,
        [BYTE_BACKSLASH] = IN_QUOTED_PAIR,
        [BYTE_TOKEN ... BYTE_OTHER] = IN_QUOTED },
    [IN_QUOTED_PAIR] = { [BYTE_BLANK ... BYTE_OTHER] = IN_QUOTED },
    [IN_QUOTED_END] = {
        [BYTE_BLANK] = IN_SIZE_BLANK, [BYTE_SEMICOLON] = IN_NAME_START,
        [BYTE_CR] = IN_SIZE_LF },
    [IN_SIZE_LF] = { [BYTE_LF] = IN_DATA },
    [IN_DATA_CR] = { [BYTE_CR] = IN_DATA_LF },
    [IN_DATA_LF] = { [BYTE_LF] = IN_SIZE },
    [IN_TRAILER] = {
        [BYTE_CR] = IN_LAST_LF, [BYTE_TOKEN] = IN_TRAILER_NAME },
    [IN_TRAILER_NAME] = {
        [BYTE_TOKEN] = IN_TRAILER_NAME, [BYTE_COLON] = IN_TRAILER_VALUE },
    [IN_TRAILER_VALUE] = {
        [BYTE_CR] = IN_TRAILER_LF,
        [BYTE_BLANK ... BYTE_OTHER] = IN_TRAILER_VALUE },
    [IN_TRAILER_LF] = { [BYTE_LF] = IN_TRAILER },
    [IN_LAST_LF] = { [BYTE_LF] = IN_END },
};
// clang-format on

static enum byte_class
classify(char c)
{
    switch (c) {
    case '\r':
        return BYTE_CR;
    case '\n':
        return BYTE_LF;
    case ' ':
    case '\t':
        return BYTE_BLANK;
    case ';':
        return BYTE_SEMICOLON;
    case '=':
        return BYTE_EQUALS;
    case ':':
        return BYTE_COLON;
    case '"':
        return BYTE_QUOTE;
    case '\\':
        return BYTE_BACKSLASH;
    default:
        if (http_char_is(c, HTTP_CHAR_TOKEN))
            return BYTE_TOKEN;
        return (uint8_t)c < 0x20 || c == 0x7f ? BYTE_CONTROL : BYTE_OTHER;
    }
}

void
http_body_init(struct http_body *body, const struct http_head *head)
{
    *body = (struct http_body){.kind = head->body_kind, .state = IN_SIZE};
    if (head->body_kind == HTTP_BODY_LENGTH)
        body->left = head->content_length;
    body->done = head->body_kind == HTTP_BODY_NONE ||
                 (head->body_kind == HTTP_BODY_LENGTH && body->left == 0);
}

static enum chunk_state
step_size(struct http_body *body, char c)
{
    if (!http_char_is(c, HTTP_CHAR_HEX)) {
        if (body->line_bytes == 0)
            return IN_ERROR;
        body->line_bytes = 0;
        return line_states[IN_SIZE][classify(c)];
    }
    if (++body->line_bytes > SIZE_DIGITS_MAX ||
        body->left > CHUNK_SIZE_MAX / 16)
        return IN_ERROR;
    body->left = body->left * 16 + http_hex_value(c);
    if (body->left > CHUNK_SIZE_MAX)
        return IN_ERROR;
    return IN_SIZE;
}

/* The next byte of anything but content. */
static enum chunk_state
step(struct http_body *body, char c)
{
    if (body->state == IN_SIZE)
        return step_size(body, c);
    enum chunk_state next = line_states[body->state][classify(c)];
    if (next == IN_DATA || next == IN_SIZE) {
        body->line_bytes = 0;
        return next == IN_DATA && body->left == 0 ? IN_TRAILER : next;
    }
    body->line_bytes++;
    if (body->state >= IN_TRAILER)
        return body->line_bytes > TRAILERS_MAX ? IN_ERROR : next;
    if (body->state < IN_SIZE_LF)
        body->extension_bytes++;
    return body->line_bytes > EXTENSIONS_MAX ||
                   body->extension_bytes > EXTENSIONS_ALL_MAX
               ? IN_ERROR
               : next;
}

static struct str
take_content(struct http_body *body, const char *bytes, size_t len)
{
    size_t n = body->left < len ? (size_t)body->left : len;
    body->left -= n;
    body->total += n;
    return str_make(bytes, n);
}

/* One span of content a call, and all framing around it that is there. */
static enum http_parse_result
next_chunked(struct http_body *body, const char *bytes, size_t len,
             size_t *consumed, struct str *content)
{
    size_t at = 0;
    while (at < len && !body->done) {
        if (body->state == IN_DATA) {
            if (content->len > 0)
                break;
            *content = take_content(body, bytes + at, len - at);
            at += content->len;
            if (body->left == 0)
                body->state = IN_DATA_CR;
            continue;
        }
        body->state = (uint8_t)step(body, bytes[at++]);
        if (body->state == IN_ERROR)
            return HTTP_BAD;
        body->done = body->state == IN_END;
    }
    *consumed = at;
    return body->done ? HTTP_DONE : HTTP_MORE;
}

enum http_parse_result
http_body_next(struct http_body *body, const char *bytes, size_t len,
               size_t *consumed, struct str *content)
{
    *consumed = 0;
    *content = str_make(bytes, 0);
    if (body->done)
        return HTTP_DONE;
    switch (body->kind) {
    case HTTP_BODY_NONE:
        return HTTP_DONE;
    case HTTP_BODY_LENGTH:
        *content = take_content(body, bytes, len);
        *consumed = content->len;
        body->done = body->left == 0;
        return body->done ? HTTP_DONE : HTTP_MORE;
    case HTTP_BODY_CHUNKED:
        if (body->state == IN_ERROR)
            return HTTP_BAD;
        return next_chunked(body, bytes, len, consumed, content);
    case HTTP_BODY_UNTIL_CLOSE:
        body->total += len;
        *content = str_make(bytes, len);
        *consumed = len;
        return HTTP_MORE;
    }
    UNREACHABLE();
}

enum http_parse_result
http_body_end(struct http_body *body)
{
    if (body->kind == HTTP_BODY_UNTIL_CLOSE)
        body->done = true;
    return body->done ? HTTP_DONE : HTTP_BAD;
}
