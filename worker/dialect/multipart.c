/*
 * multipart.c - see multipart.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/multipart.h"

#include <stdio.h>
#include <string.h>

enum { HEAD_MAX = 4096 }; /* of one part */

static bool
is_token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* RFC 2046 5.1.1, without the space: no client uses it, some readers trim it. */
static bool
is_boundary_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("'()+_,-./:=?", c) != NULL);
}

static struct str
skip_blanks(struct str text)
{
    while (text.len > 0 && (*text.ptr == ' ' || *text.ptr == '\t'))
        text = str_skip(text, 1);
    return text;
}

static struct str
take_token(struct str *text)
{
    size_t len = 0;
    while (len < text->len && is_token_char((unsigned char)text->ptr[len]))
        len++;
    struct str token = {text->ptr, len};
    *text = str_skip(*text, len);
    return token;
}

/*
 * One `; name=value` of a field. *value with its quotes where it has them; no
 * backslashes, for readers disagree what they mean. False: there is none, and
 * text->len is 0 where that is the clean end.
 */
static bool
take_param(struct str *text, struct str *name, struct str *value)
{
    *text = skip_blanks(*text);
    if (text->len == 0 || *text->ptr != ';')
        return false;
    *text = skip_blanks(str_skip(*text, 1));
    *name = take_token(text);
    if (name->len == 0 || text->len == 0 || *text->ptr != '=')
        return false;
    *text = str_skip(*text, 1);
    if (text->len > 0 && *text->ptr == '"') {
        const char *end = memchr(text->ptr + 1, '"', text->len - 1);
        if (end == NULL)
            return false;
        *value = str_make(text->ptr, (size_t)(end - text->ptr) + 1);
        *text = str_skip(*text, value->len);
        return memchr(value->ptr, '\\', value->len) == NULL;
    }
    *value = take_token(text);
    return value->len > 0;
}

static struct str
unquoted(struct str value)
{
    if (value.len >= 2 && *value.ptr == '"')
        return str_make(value.ptr + 1, value.len - 2);
    return value;
}

static const struct str form_type = {"multipart/form-data", 19};

bool
multipart_is_form(struct str content_type)
{
    struct str type = {content_type.ptr, content_type.len < form_type.len
                                             ? content_type.len
                                             : form_type.len};
    return str_equals_nocase(type, form_type);
}

bool
multipart_boundary(struct str content_type, struct multipart_boundary *boundary)
{
    struct str text = str_skip(content_type, form_type.len), name, value;
    boundary->len = 0;
    if (!multipart_is_form(content_type))
        return false;
    while (take_param(&text, &name, &value)) {
        if (!str_equals_nocase(name, STR_LIT("boundary")))
            continue;
        value = unquoted(value);
        if (boundary->len > 0 || value.len == 0 ||
            value.len > MULTIPART_BOUNDARY_MAX)
            return false;
        for (size_t i = 0; i < value.len; i++)
            if (!is_boundary_char((unsigned char)value.ptr[i]))
                return false;
        memcpy(boundary->text, value.ptr, value.len);
        boundary->len = (uint8_t)value.len;
    }
    return text.len == 0 && boundary->len > 0;
}

struct str
multipart_content_type(const struct multipart_boundary *boundary,
                       char text[MULTIPART_TYPE_BYTES])
{
    bool plain = true;
    for (size_t i = 0; i < boundary->len; i++)
        plain = plain && is_token_char((unsigned char)boundary->text[i]);
    int len = snprintf(text, MULTIPART_TYPE_BYTES,
                       plain ? "multipart/form-data; boundary=%.*s"
                             : "multipart/form-data; boundary=\"%.*s\"",
                       boundary->len, boundary->text);
    return str_make(text, (size_t)len);
}

/* ---- the body ---- */

static enum multipart_result
bad_at(struct multipart_reader *reader, size_t pos)
{
    reader->pos = pos;
    return MULTIPART_BAD;
}

static struct str
body_from(const struct multipart_reader *reader, size_t pos)
{
    return str_skip(reader->body, pos);
}

enum multipart_result
multipart_begin(struct multipart_reader *reader, struct str body,
                const struct multipart_boundary *boundary)
{
    reader->body = body;
    memcpy(reader->delimiter, "--", 2);
    memcpy(reader->delimiter + 2, boundary->text, boundary->len);
    reader->delimiter_len = (size_t)boundary->len + 2;
    struct str delimiter = {reader->delimiter, reader->delimiter_len};
    if (!str_starts_with(body, delimiter))
        return bad_at(reader, 0);
    reader->pos = delimiter.len;
    return MULTIPART_PART;
}

/* A line of a part's head, without its end; false: it has none, or a bare CR,
 * LF or NUL in it. */
static bool
take_line(struct str *text, struct str *line)
{
    const char *end = memchr(text->ptr, '\r', text->len);
    if (end == NULL || end + 1 == text->ptr + text->len || end[1] != '\n')
        return false;
    *line = str_make(text->ptr, (size_t)(end - text->ptr));
    *text = str_skip(*text, line->len + 2);
    return memchr(line->ptr, '\n', line->len) == NULL &&
           memchr(line->ptr, '\0', line->len) == NULL;
}

static bool
take_disposition(struct str text, struct multipart_part *part)
{
    struct str name, value;
    if (!str_equals_nocase(take_token(&text), STR_LIT("form-data")))
        return false;
    while (take_param(&text, &name, &value)) {
        if (str_equals_nocase(name, STR_LIT("name"))) {
            if (part->name.len > 0)
                return false;
            part->name = value;
        } else if (str_equals_nocase(name, STR_LIT("filename")) ||
                   str_equals_nocase(name, STR_LIT("filename*"))) {
            part->is_file = true;
        } else {
            return false; /* name*: some readers prefer it to name */
        }
    }
    return text.len == 0 && part->name.len > 0;
}

/* One field of a part's head. */
static bool
take_field(struct str line, struct multipart_part *part)
{
    struct str name = take_token(&line);
    if (name.len == 0 || line.len == 0 || *line.ptr != ':')
        return false; /* a folded line, too */
    struct str value = str_trim(str_skip(line, 1));
    if (str_equals_nocase(name, STR_LIT("Content-Disposition")))
        return part->name.len == 0 && take_disposition(value, part);
    if (str_equals_nocase(name, STR_LIT("Content-Transfer-Encoding")))
        return str_equals_nocase(value, STR_LIT("binary")) ||
               str_equals_nocase(value, STR_LIT("8bit")) ||
               str_equals_nocase(value, STR_LIT("7bit"));
    return true;
}

/* A boundary with a colon in it passes for a field's name. */
static bool
head_is_clean(const struct multipart_reader *reader, size_t end)
{
    return memmem(reader->body.ptr + reader->pos, end - reader->pos,
                  reader->delimiter, reader->delimiter_len) == NULL;
}

/* The next delimiter behind `from`; false: none, or one that does not stand at
 * the beginning of a line. */
static bool
find_delimiter(const struct multipart_reader *reader, size_t from, size_t *at)
{
    struct str rest = body_from(reader, from);
    const char *found =
        memmem(rest.ptr, rest.len, reader->delimiter, reader->delimiter_len);
    if (found == NULL)
        return false;
    *at = (size_t)(found - reader->body.ptr);
    return *at >= from + 2 && found[-1] == '\n' && found[-2] == '\r';
}

enum multipart_result
multipart_next(struct multipart_reader *reader, struct multipart_part *part)
{
    struct str text = body_from(reader, reader->pos), line;
    *part = (struct multipart_part){.is_file = false};
    if (str_starts_with(text, STR_LIT("--"))) {
        text = str_skip(text, 2);
        return text.len == 0 || str_equals(text, STR_LIT("\r\n"))
                   ? MULTIPART_END
                   : bad_at(reader, reader->pos + 2);
    }
    if (!str_starts_with(text, STR_LIT("\r\n")))
        return bad_at(reader, reader->pos);
    text = str_make(text.ptr + 2,
                    text.len - 2 < HEAD_MAX ? text.len - 2 : HEAD_MAX);
    do {
        if (!take_line(&text, &line) ||
            (line.len > 0 && !take_field(line, part)))
            return bad_at(reader, (size_t)(text.ptr - reader->body.ptr));
    } while (line.len > 0);
    size_t from = (size_t)(text.ptr - reader->body.ptr), at;
    /* The line end before a delimiter is the delimiter's. */
    if (part->name.len == 0 || !head_is_clean(reader, from) ||
        !find_delimiter(reader, from, &at))
        return bad_at(reader, from);
    part->value = str_make(reader->body.ptr + from, at - 2 - from);
    reader->pos = at + reader->delimiter_len;
    return MULTIPART_PART;
}
