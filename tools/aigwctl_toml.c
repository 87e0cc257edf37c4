/*
 * aigwctl_toml.c - see aigwctl_toml.h. The text is read as units: a table's
 * header, a pair with all lines of its value, or any other line.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_toml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum unit_kind { UNIT_OTHER, UNIT_HEADER, UNIT_PAIR };

struct unit {
    enum unit_kind kind;
    bool is_array;         /* [[...]] */
    struct toml_path path; /* of the header, or of the pair's key */
    size_t start, end;     /* in the text */
    size_t value;          /* of a pair: where it begins */
};

static bool
at_end(struct str text, size_t at)
{
    return at >= text.len;
}

static void
skip_blanks(struct str text, size_t *at)
{
    while (!at_end(text, *at) &&
           (text.ptr[*at] == ' ' || text.ptr[*at] == '\t'))
        ++*at;
}

static size_t
line_end(struct str text, size_t at)
{
    while (!at_end(text, at) && text.ptr[at] != '\n')
        at++;
    return at_end(text, at) ? at : at + 1;
}

/* UTF-8 of \uXXXX and \UXXXXXXXX. */
static bool
append_escape(struct str text, size_t *at, unsigned digits, struct buf *out)
{
    char hex[9] = "", *end;
    if (text.len - *at < digits)
        return false;
    memcpy(hex, text.ptr + *at, digits);
    unsigned long c = strtoul(hex, &end, 16);
    if (end != hex + digits || c == 0 || c > 0x10FFFF ||
        (c >= 0xD800 && c < 0xE000))
        return false;
    *at += digits;
    if (c < 0x80) {
        buf_append_char(out, (char)c);
    } else if (c < 0x800) {
        buf_append_char(out, (char)(0xC0 | c >> 6));
        buf_append_char(out, (char)(0x80 | (c & 0x3F)));
    } else {
        if (c >= 0x10000)
            buf_append_char(out, (char)(0xF0 | c >> 18));
        buf_append_char(out, c < 0x10000 ? (char)(0xE0 | c >> 12)
                                         : (char)(0x80 | (c >> 12 & 0x3F)));
        buf_append_char(out, (char)(0x80 | (c >> 6 & 0x3F)));
        buf_append_char(out, (char)(0x80 | (c & 0x3F)));
    }
    return true;
}

/* "basic" or 'literal', on one line; *at moves behind it. */
static bool
read_string(struct str text, size_t *at, struct buf *out)
{
    static const char letters[] = "btnfr\"\\", bytes[] = "\b\t\n\f\r\"\\";
    char quote = at_end(text, *at) ? '\0' : text.ptr[*at];
    if (quote != '"' && quote != '\'')
        return false;
    for (++*at; !at_end(text, *at); ++*at) {
        char c = text.ptr[*at];
        if (c == quote) {
            ++*at;
            return true;
        }
        if (c == '\n')
            return false;
        if (quote == '\'' || c != '\\') {
            buf_append_char(out, c);
            continue;
        }
        if (at_end(text, ++*at) || text.ptr[*at] == '\0')
            return false;
        c = text.ptr[*at];
        const char *known = strchr(letters, c);
        size_t next = *at + 1;
        if (known != NULL)
            buf_append_char(out, bytes[known - letters]);
        else if ((c != 'u' && c != 'U') ||
                 !append_escape(text, &next, c == 'u' ? 4 : 8, out))
            return false;
        *at = next - 1;
    }
    return false;
}

static bool
is_bare(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* One name of a dotted key. */
static bool
read_name(struct str text, size_t *at, char out[TOML_NAME_BYTES])
{
    struct buf name;
    buf_init(&name, 0);
    bool good = true;
    if (!at_end(text, *at) && is_bare(text.ptr[*at]))
        while (!at_end(text, *at) && is_bare(text.ptr[*at]))
            buf_append_char(&name, text.ptr[(*at)++]);
    else
        good = read_string(text, at, &name);
    good = good && buf_len(&name) < TOML_NAME_BYTES;
    if (good)
        memcpy(out, buf_cstr(&name), buf_len(&name) + 1);
    buf_fini(&name);
    return good;
}

/* a."b c".d */
static bool
read_path(struct str text, size_t *at, struct toml_path *path)
{
    path->depth = 0;
    for (;;) {
        skip_blanks(text, at);
        if (path->depth == TOML_PARTS ||
            !read_name(text, at, path->parts[path->depth]))
            return false;
        path->depth++;
        skip_blanks(text, at);
        if (at_end(text, *at) || text.ptr[*at] != '.')
            return true;
        ++*at;
    }
}

/* Behind the string that begins at `at`, of one line or of several. */
static size_t
skip_string(struct str text, size_t at)
{
    char quote = text.ptr[at];
    bool is_long = text.len - at >= 3 && text.ptr[at + 1] == quote &&
                   text.ptr[at + 2] == quote;
    for (at += is_long ? 3 : 1; !at_end(text, at); at++) {
        if (text.ptr[at] == '\\' && quote == '"') {
            at++;
        } else if (text.ptr[at] == '\n' && !is_long) {
            return at;
        } else if (text.ptr[at] == quote &&
                   (!is_long ||
                    (text.len - at >= 3 && text.ptr[at + 1] == quote &&
                     text.ptr[at + 2] == quote))) {
            return at + (is_long ? 3 : 1);
        }
    }
    return text.len;
}

/* Behind the last line of the value that begins at `at`. */
static size_t
value_end(struct str text, size_t at)
{
    unsigned depth = 0;
    while (!at_end(text, at)) {
        char c = text.ptr[at];
        if (c == '"' || c == '\'') {
            at = skip_string(text, at);
            continue;
        }
        if (c == '#') {
            at = line_end(text, at);
            if (depth == 0)
                return at;
            continue;
        }
        depth += c == '[' || c == '{';
        depth -= (c == ']' || c == '}') && depth > 0;
        at++;
        if (c == '\n' && depth == 0)
            return at;
    }
    return text.len;
}

/* The next unit behind unit->end; false at the text's end. */
static bool
next_unit(struct str text, struct unit *unit)
{
    size_t at = unit->end;
    if (at_end(text, at))
        return false;
    unit->start = at;
    unit->kind = UNIT_OTHER;
    unit->end = line_end(text, at);
    skip_blanks(text, &at);
    if (at_end(text, at) || strchr("#\r\n", text.ptr[at]) != NULL)
        return true;
    if (text.ptr[at] == '[') {
        unit->is_array = text.len - at > 1 && text.ptr[at + 1] == '[';
        at += unit->is_array ? 2 : 1;
        if (read_path(text, &at, &unit->path) && !at_end(text, at) &&
            text.ptr[at] == ']')
            unit->kind = UNIT_HEADER;
    } else if (read_path(text, &at, &unit->path) && !at_end(text, at) &&
               text.ptr[at] == '=') {
        at++;
        skip_blanks(text, &at);
        unit->kind = UNIT_PAIR;
        unit->value = at;
        unit->end = value_end(text, at);
    }
    return true;
}

struct toml_path
toml_top(void)
{
    return (struct toml_path){.depth = 0};
}

struct toml_path
toml_table(const char *table, const char *name)
{
    struct toml_path path = {.depth = 2};
    snprintf(path.parts[0], TOML_NAME_BYTES, "%s", table);
    snprintf(path.parts[1], TOML_NAME_BYTES, "%s", name);
    return path;
}

/* Whether `path` is `of` or stands below it. */
static bool
is_within(const struct toml_path *path, const struct toml_path *of)
{
    bool same = path->depth >= of->depth;
    for (unsigned i = 0; same && i < of->depth; i++)
        same = strcmp(path->parts[i], of->parts[i]) == 0;
    return same;
}

static bool
is_table(const struct unit *header, const struct toml_path *path)
{
    return !header->is_array && header->path.depth == path->depth &&
           is_within(&header->path, path);
}

/* Where a key is, or where it would stand. */
struct place {
    bool table_found, key_found;
    size_t start, end, value; /* of the pair, when it is there */
    size_t insert;            /* behind the table's last pair */
};

static struct place
find_place(struct str text, const struct toml_path *path, const char *key)
{
    struct unit unit = {.end = 0};
    struct place place = {.table_found = path->depth == 0};
    bool inside = place.table_found;
    while (next_unit(text, &unit)) {
        if (unit.kind == UNIT_HEADER) {
            inside = is_table(&unit, path);
            place.table_found = place.table_found || inside;
        }
        if (!inside || unit.kind == UNIT_OTHER)
            continue;
        place.insert = unit.end;
        if (unit.kind == UNIT_PAIR && unit.path.depth == 1 &&
            strcmp(unit.path.parts[0], key) == 0) {
            place.key_found = true;
            place.start = unit.start;
            place.end = unit.end;
            place.value = unit.value;
        }
    }
    return place;
}

bool
toml_get(struct str text, const struct toml_path *path, const char *key,
         struct buf *value)
{
    struct place place = find_place(text, path, key);
    size_t at = place.value;
    buf_reset(value);
    if (!place.key_found || !read_string(text, &at, value))
        return false;
    /* """...""" begins as an empty string does. */
    return at_end(text, at) || (text.ptr[at] != '"' && text.ptr[at] != '\'');
}

static void
append_string(struct buf *out, const char *text)
{
    buf_append_char(out, '"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7F)
            buf_printf(out, "\\u%04X", c);
        else
            buf_append_char(out, (char)c);
    }
    buf_append_char(out, '"');
}

static void
append_header(struct buf *out, const struct toml_path *path)
{
    for (unsigned i = 0; i < path->depth; i++) {
        const char *name = path->parts[i];
        size_t bare = 0;
        while (is_bare(name[bare]))
            bare++;
        buf_append_char(out, i == 0 ? '[' : '.');
        if (*name != '\0' && name[bare] == '\0')
            buf_append_cstr(out, name);
        else
            append_string(out, name);
    }
    buf_append_cstr(out, "]\n");
}

/* A last line may lack its end. */
static void
append_lines(struct buf *out, struct str text, size_t from, size_t to)
{
    buf_append(out, text.ptr + from, to - from);
    if (to > from && text.ptr[to - 1] != '\n')
        buf_append_char(out, '\n');
}

void
toml_set(struct str text, const struct toml_path *path, const char *key,
         const char *value, struct buf *out)
{
    struct place place = find_place(text, path, key);
    size_t cut = text.len, resume = text.len;
    if (place.key_found) {
        cut = place.start;
        resume = place.end;
    } else if (place.table_found) {
        cut = resume = place.insert;
    }
    append_lines(out, text, 0, cut);
    if (!place.table_found && value != NULL) {
        if (text.len > 0)
            buf_append_char(out, '\n');
        append_header(out, path);
    }
    if (value != NULL) {
        buf_printf(out, "%s = ", key);
        append_string(out, value);
        buf_append_char(out, '\n');
    }
    append_lines(out, text, resume, text.len);
}

void
toml_remove(struct str text, const struct toml_path *path, struct buf *out)
{
    struct unit unit = {.end = 0};
    bool inside = false, comments = false;
    while (next_unit(text, &unit)) {
        if (unit.kind == UNIT_HEADER)
            inside = is_within(&unit.path, path);
        if (!inside) {
            append_lines(out, text, unit.start, unit.end);
            continue;
        }
        /* Comments behind its last pair are the next table's. */
        struct unit later = unit;
        comments = unit.kind == UNIT_OTHER;
        while (comments && next_unit(text, &later) && later.kind != UNIT_HEADER)
            comments = later.kind == UNIT_OTHER;
        if (comments &&
            memchr(text.ptr + unit.start, '#', unit.end - unit.start) != NULL)
            append_lines(out, text, unit.start, unit.end);
    }
}

cJSON *
toml_names(struct str text, const char *table)
{
    struct unit unit = {.end = 0};
    cJSON *names = cJSON_CreateArray();
    while (next_unit(text, &unit))
        if (unit.kind == UNIT_HEADER && !unit.is_array &&
            unit.path.depth == 2 && strcmp(unit.path.parts[0], table) == 0)
            cJSON_AddItemToArray(names, cJSON_CreateString(unit.path.parts[1]));
    return names;
}

bool
toml_is_plain(struct str text, const char *table)
{
    struct unit unit = {.end = 0};
    struct toml_path inside = {.depth = 0};
    while (next_unit(text, &unit)) {
        if (unit.kind == UNIT_HEADER)
            inside = unit.path;
        bool names = unit.kind == UNIT_PAIR && inside.depth == 0 &&
                     strcmp(unit.path.parts[0], table) == 0;
        bool within = unit.kind == UNIT_PAIR && inside.depth == 1 &&
                      strcmp(inside.parts[0], table) == 0;
        bool is_list = unit.kind == UNIT_HEADER && unit.is_array &&
                       strcmp(unit.path.parts[0], table) == 0;
        if (names || within || is_list)
            return false;
    }
    return true;
}
