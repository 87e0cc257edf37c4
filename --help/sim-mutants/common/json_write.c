/*
 * json_write.c - see json_write.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/json_write.h"

#include <string.h>

#include "common/clock.h"
#include "common/money.h"

void
json_writer_init(struct json_writer *writer, struct buf *out)
{
    *writer = (struct json_writer){.out = out};
}

/* A comma where one is due; afterwards one is due. */
static void
write_comma(struct json_writer *writer)
{
    if (writer->comma)
        buf_append_char(writer->out, ',');
    writer->comma = true;
}

static void
write_open(struct json_writer *writer, char bracket)
{
    write_comma(writer);
    buf_append_char(writer->out, bracket);
    writer->comma = false;
}

static void
write_close(struct json_writer *writer, char bracket)
{
    buf_append_char(writer->out, bracket);
    writer->comma = true;
}

void
json_object_begin(struct json_writer *writer)
{
    write_open(writer, '{');
}

void
json_object_end(struct json_writer *writer)
{
    write_close(writer, '}');
}

void
json_array_begin(struct json_writer *writer)
{
    write_open(writer, '[');
}

void
json_array_end(struct json_writer *writer)
{
    write_close(writer, ']');
}

/* Length of the UTF-8 sequence at p (Unicode table 3-7), 0 when it is none. */
static size_t
utf8_length(const unsigned char *p, size_t room)
{
    size_t n = p[0] < 0x80                   ? 1
               : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
               : (p[0] & 0xf0) == 0xe0       ? 3
               : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                             : 0;
    if (n == 0 || n > room)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool too_long =
        (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool surrogate = p[0] == 0xed && p[1] >= 0xa0;
    bool too_large = p[0] == 0xf4 && p[1] >= 0x90;
    return too_long || surrogate || too_large ? 0 : n;
}

static void
escape_byte(struct buf *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char shorts[] = "\b\t\n\f\r\"\\", letters[] = "btnfr\"\\";
    char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    const char *found = c == 0 ? NULL : strchr(shorts, c);
    if (found != NULL)
        text[1] = letters[found - shorts];
    buf_append(out, text, found != NULL ? 2 : 6);
}

/* Eight bytes of ASCII that need no escape: a bit of each byte is set where it
 * is below a space, a quote, a backslash, or not ASCII. */
static inline bool
is_plain_word(const unsigned char *p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    uint64_t quote = word ^ ones * '"', slash = word ^ ones * '\\';
    return ((word | (word - ones * ' ') | (quote - ones) | (slash - ones)) &
            tops) == 0;
}

void
json_escape(struct buf *out, struct str text)
{
    const unsigned char *p = (const unsigned char *)text.ptr;
    size_t from = 0, i = 0;
    while (i < text.len) {
        if (text.len - i >= sizeof(uint64_t) && is_plain_word(p + i)) {
            i += sizeof(uint64_t);
            continue;
        }
        if (p[i] >= ' ' && p[i] < 0x80 && p[i] != '"' && p[i] != '\\') {
            i++;
            continue;
        }
        size_t n = p[i] < 0x80 ? 0 : utf8_length(p + i, text.len - i);
        if (n > 0) {
            i += n;
            continue;
        }
        buf_append(out, p + from, i - from);
        if (p[i] < 0x80)
            escape_byte(out, p[i]);
        else
            buf_append_cstr(out, "\xef\xbf\xbd");
        from = ++i;
    }
    buf_append(out, p + from, i - from);
}

static void
write_quoted(struct buf *out, struct str text)
{
    buf_append_char(out, '"');
    json_escape(out, text);
    buf_append_char(out, '"');
}

static bool
is_plain(struct str text)
{
    const unsigned char *p = (const unsigned char *)text.ptr;
    bool plain = true;
    size_t i = 0;
    for (; text.len - i >= sizeof(uint64_t); i += sizeof(uint64_t))
        plain = plain && is_plain_word(p + i);
    for (; i < text.len; i++)
        plain =
            plain && p[i] >= ' ' && p[i] < 0x80 && p[i] != '"' && p[i] != '\\';
    return plain;
}

/* Names are short and plain: one piece, most of the time. */
void
json_key_str(struct json_writer *writer, struct str name)
{
    char piece[64];
    if (LIKELY(name.len <= sizeof(piece) - 4 && name.len > 0 &&
               is_plain(name))) {
        size_t at = 0;
        piece[at++] = ',';
        piece[at++] = '"';
        memcpy(piece + at, name.ptr, name.len);
        at += name.len;
        piece[at++] = '"';
        piece[at++] = ':';
        size_t skip = writer->comma ? 0 : 1;
        buf_append(writer->out, piece + skip, at - skip);
        writer->comma = false;
        return;
    }
    write_comma(writer);
    write_quoted(writer->out, name);
    buf_append_char(writer->out, ':');
    writer->comma = false;
}

void
json_key(struct json_writer *writer, const char *name)
{
    enum { ROOM = 64 };
    char text[ROOM];
    size_t len = strlen(name), at = 0;
    if (len > ROOM - 4) {
        json_key_str(writer, str_make(name, len));
        return;
    }
    if (writer->comma)
        text[at++] = ',';
    text[at++] = '"';
    memcpy(text + at, name, len);
    at += len;
    text[at++] = '"';
    text[at++] = ':';
    buf_append(writer->out, text, at);
    writer->comma = false;
}

void
json_string(struct json_writer *writer, struct str text)
{
    write_comma(writer);
    write_quoted(writer->out, text);
}

void
json_cstring(struct json_writer *writer, const char *text)
{
    if (text == NULL)
        json_null(writer);
    else
        json_string(writer, str_from(text));
}

void
json_u64(struct json_writer *writer, uint64_t n)
{
    write_comma(writer);
    buf_append_u64(writer->out, n);
}

void
json_i64(struct json_writer *writer, int64_t n)
{
    write_comma(writer);
    buf_append_i64(writer->out, n);
}

void
json_bool(struct json_writer *writer, bool value)
{
    json_raw(writer, value ? STR_LIT("true") : STR_LIT("false"));
}

void
json_null(struct json_writer *writer)
{
    json_raw(writer, STR_LIT("null"));
}

void
json_raw(struct json_writer *writer, struct str json)
{
    write_comma(writer);
    buf_append_str(writer->out, json);
}

void
json_raw_line(struct json_writer *writer, struct str json)
{
    write_comma(writer);
    while (json.len > 0) {
        size_t run = 0;
        while (run < json.len && json.ptr[run] != '\n' && json.ptr[run] != '\r')
            run++;
        buf_append(writer->out, json.ptr, run);
        if (run < json.len)
            buf_append_char(writer->out, ' ');
        json = str_skip(json, run + 1);
    }
}

void
json_inside(struct json_writer *writer, struct str inside)
{
    write_comma(writer);
    buf_append_char(writer->out, '"');
    buf_append_str(writer->out, inside);
    buf_append_char(writer->out, '"');
}

void
json_money(struct json_writer *writer, int64_t nano)
{
    char text[32];
    money_format_nano(nano, text);
    json_raw(writer, str_from(text));
}

void
json_time(struct json_writer *writer, int64_t wall_ms)
{
    char text[32];
    if (wall_ms <= 0) {
        json_null(writer);
        return;
    }
    clock_format_rfc3339(wall_ms, text);
    json_cstring(writer, text);
}
