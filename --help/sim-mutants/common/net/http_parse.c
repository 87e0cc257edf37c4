/*
 * http_parse.c - walks over the lines of a head.
 *
 * A head that is there as a whole, which is the rule, is read once: control
 * bytes are looked for 64 at a time, each line is parsed as its end is
 * found. When bytes are missing, `scanned` remembers the place; the next call
 * looks at new bytes only (and checks the lines that they end), and when it
 * finds the empty line, the head is parsed once more from its start to fill in
 * the spans. A refusal is therefore the same wherever the bytes were cut.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/http_parse.h"

#include "common/net/http_chars.h"
#include "common/net/http_parse_part.h"

enum { EMPTY_LINES_MAX = 4 };

typedef bool (*first_line_parser)(struct http_head *head, struct str line);

bool
http_refuse(struct http_head *head, uint16_t status, const char *reason)
{
    head->error_status = status;
    head->error_reason = reason;
    return false;
}

COLD static enum http_parse_result
bad(struct http_head *head, uint16_t status, const char *reason)
{
    http_refuse(head, status, reason);
    return HTTP_BAD;
}

/* All but the fields, of which field_count are valid. */
static void
head_reset(struct http_head *head)
{
    memset(head, 0, offsetof(struct http_head, fields));
    head->bytes = 0;
    head->error_status = 0;
    head->error_reason = NULL;
}

/*
 * Walks from *scanned, in lines of the head that begins at `begin`, to the
 * empty line. HTTP_DONE: head->bytes is set; the spans are complete only if the
 * walk began at `begin`.
 */
static enum http_parse_result
walk_lines(struct http_head *head, struct str input, size_t begin,
           size_t *scanned, first_line_parser parse_first)
{
    const char *bytes = input.ptr;
    struct http_controls controls = {.text = input, .next = *scanned};
    size_t line = begin;
    const char *last_end = memrchr(bytes + begin, '\n', *scanned - begin);
    if (last_end != NULL)
        line = (size_t)(last_end - bytes) + 1;
    for (;;) {
        size_t at = http_controls_take(&controls);
        *scanned = at;
        if (at == input.len)
            return HTTP_MORE;
        if (bytes[at] != '\r')
            return bad(head, 400,
                       bytes[at] == '\n' ? "line ended by LF without CR"
                                         : "control byte in the head");
        if (at + 1 == input.len)
            return HTTP_MORE;
        if (bytes[at + 1] != '\n')
            return bad(head, 400, "CR without LF");
        http_controls_take(&controls); /* the LF */
        struct str text = {bytes + line, at - line};
        bool good = line == begin  ? parse_first(head, text)
                    : text.len > 0 ? http_parse_field_line(head, text)
                                   : true;
        if (!good)
            return HTTP_BAD;
        at += 2;
        *scanned = at;
        if (text.len == 0) {
            head->bytes = at;
            return HTTP_DONE;
        }
        line = at;
    }
}

/* The head begins at `begin`; parse_first is the parser of its first line. */
static enum http_parse_result
parse_head(struct http_head *head, struct str input, size_t begin,
           size_t *scanned, first_line_parser parse_first)
{
    if (begin == input.len)
        return HTTP_MORE;
    bool whole = *scanned <= begin;
    if (whole)
        *scanned = begin;
    /* So that bytes of another protocol are not waited for until a time-out. */
    if (!http_char_is(input.ptr[begin], HTTP_CHAR_TOKEN))
        return bad(head, 400, "not HTTP");
    enum http_parse_result result =
        walk_lines(head, input, begin, scanned, parse_first);
    if (result != HTTP_DONE || whole)
        return result;
    head_reset(head);
    *scanned = begin;
    return walk_lines(head, input, begin, scanned, parse_first);
}

enum http_parse_result
http_parse_request(const char *bytes, size_t len, size_t *scanned,
                   struct http_head *head)
{
    head_reset(head);
    /* RFC 9112 2.2: empty lines before a request are to be ignored. */
    size_t begin = 0;
    while (begin < len && bytes[begin] == '\r') {
        if (begin == 2 * EMPTY_LINES_MAX)
            return bad(head, 400, "too many empty lines before the request");
        if (begin + 1 == len)
            return HTTP_MORE;
        if (bytes[begin + 1] != '\n')
            return bad(head, 400, "CR without LF");
        begin += 2;
    }
    struct str input = {bytes, len};
    enum http_parse_result result =
        parse_head(head, input, begin, scanned, http_parse_request_line);
    if (result == HTTP_DONE && !http_finish_request(head))
        return HTTP_BAD;
    return result;
}

enum http_parse_result
http_parse_response(const char *bytes, size_t len, size_t *scanned,
                    bool to_head_request, struct http_head *head)
{
    head_reset(head);
    struct str input = {bytes, len};
    enum http_parse_result result =
        parse_head(head, input, 0, scanned, http_parse_status_line);
    if (result == HTTP_DONE && !http_finish_response(head, to_head_request))
        result = HTTP_BAD;
    /* To its client, a broken answer is a bad gateway. */
    if (result == HTTP_BAD)
        head->error_status = 502;
    return result;
}
