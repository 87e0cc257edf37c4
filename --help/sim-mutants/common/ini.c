/*
 * ini.c - see ini.h. Values from elsewhere (${ENV}, file:, cred:) are in
 * ini_value.c.
 *
 * A line that is wrong is reported and passed over, so that one run shows all
 * that is wrong with a file.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/ini.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ini_part.h"

enum { INI_LINE_BYTES = 65536, INI_INCLUDE_DEPTH = 8 };

struct ini_reader {
    const char *file;
    int line, depth;
    bool expand; /* a file: includes, ${}, file:, cred: mean something */
    ini_callback callback;
    void *context;
    struct buf *error;
    char *section; /* "type\0name\0", NULL before the first header */
    const char *name;
    int result; /* the first fault; reading goes on */
};

static int read_file_at(const struct ini_reader *parent, const char *path,
                        bool *stopped);

void
ini_fault(struct buf *error, const char *file, int line, const char *reason)
{
    if (buf_len(error) > 0)
        buf_append_char(error, '\n');
    if (line > 0)
        buf_printf(error, "%s:%d: %s", file, line, reason);
    else
        buf_printf(error, "%s: %s", file, reason);
}

static void
reader_fault(struct ini_reader *reader, const char *reason)
{
    ini_fault(reader->error, reader->file, reader->line, reason);
    if (reader->result == 0)
        reader->result = -EINVAL;
}

/* Control bytes could not be written back, and are never meant. */
static bool
is_clean(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static int
reader_call(struct ini_reader *reader, const char *option, const char *value,
            bool secret_source)
{
    struct ini_entry entry = {
        .file = reader->file,
        .line = reader->line,
        .section = reader->section,
        .name = reader->name,
        .option = option,
        .value = value,
        .secret_source = secret_source,
    };
    return reader->callback(&entry, reader->context, reader->error);
}

/* "[type]" or "[type.name]"; the text has been trimmed. */
static int
read_header(struct ini_reader *reader, struct str text)
{
    if (text.ptr[text.len - 1] != ']') {
        reader_fault(reader, "a section header ends with \"]\"");
        return 0;
    }
    text = str_trim(str_make(text.ptr + 1, text.len - 2));
    const char *dot = text.len > 0 ? memchr(text.ptr, '.', text.len) : NULL;
    struct str type = text, name = {"", 0};
    if (dot != NULL) {
        type = str_trim(str_make(text.ptr, (size_t)(dot - text.ptr)));
        name = str_trim(str_skip(text, (size_t)(dot - text.ptr) + 1));
    }
    if (type.len == 0 || (dot != NULL && name.len == 0)) {
        reader_fault(reader, "a section header is [type] or [type.name]");
        return 0;
    }
    char *section = calloc(1, type.len + name.len + 2);
    if (section == NULL)
        return -ENOMEM;
    memcpy(section, type.ptr, type.len);
    memcpy(section + type.len + 1, name.ptr, name.len);
    free(reader->section);
    reader->section = section;
    reader->name = section + type.len + 1;
    return reader_call(reader, NULL, NULL, false);
}

/* Paths are relative to the file that names them. */
static void
path_beside(const char *file, struct str path, struct buf *out)
{
    const char *slash = strrchr(file, '/');
    if (path.len > 0 && path.ptr[0] != '/' && slash != NULL)
        buf_append(out, file, (size_t)(slash - file) + 1);
    buf_append_str(out, path);
}

static int
include_matches(struct ini_reader *reader, const glob_t *matches)
{
    for (size_t i = 0; i < matches->gl_pathc; i++) {
        bool stopped = false;
        int rc = read_file_at(reader, matches->gl_pathv[i], &stopped);
        if (stopped)
            return rc;
        if (rc != 0 && reader->result == 0)
            reader->result = rc;
    }
    return 0;
}

/* A folder that is not there has no files; one that cannot be read stops. */
static int
on_glob_error(const char *path, int code)
{
    (void)path;
    return code != ENOENT;
}

static int
read_include(struct ini_reader *reader, struct str pattern)
{
    struct buf path;
    glob_t matches = {0};
    if (reader->depth >= INI_INCLUDE_DEPTH) {
        reader_fault(reader, "includes nest more than 8 deep");
        return 0;
    }
    buf_init(&path, PATH_MAX);
    path_beside(reader->file, pattern, &path);
    int rc = glob(buf_cstr(&path), 0, on_glob_error, &matches);
    if (rc == 0)
        rc = include_matches(reader, &matches);
    else if (rc == GLOB_NOSPACE)
        rc = -ENOMEM;
    else {
        /* An empty conf.d is fine, a file that is named must be there. */
        bool is_pattern = strpbrk(buf_cstr(&path), "*?[") != NULL;
        if (rc != GLOB_NOMATCH || !is_pattern || !buf_ok(&path))
            reader_fault(reader, "the included file cannot be read");
        rc = 0;
    }
    globfree(&matches);
    buf_fini(&path);
    return rc;
}

/* The value as it is meant, or false and why not. */
static bool
take_value(const struct ini_reader *reader, struct str raw, struct buf *value,
           bool *secret_source, char reason[INI_REASON_BYTES])
{
    *secret_source = false;
    if (!reader->expand)
        buf_append_str(value, raw);
    else if (!ini_expand_value(raw, reader->file, value, secret_source, reason))
        return false;
    struct str trimmed = str_trim(buf_view(value));
    value->start = (size_t)(trimmed.ptr - value->data);
    value->end = value->start + trimmed.len;
    if (buf_ok(value) && is_clean(trimmed))
        return true;
    snprintf(reason, INI_REASON_BYTES, "%s",
             buf_ok(value) ? "the value has a control character or more than "
                             "one line"
                           : "the value is too long");
    return false;
}

static int
call_with_value(struct ini_reader *reader, const char *option, struct str raw)
{
    struct buf value;
    bool secret_source;
    char reason[INI_REASON_BYTES];
    int rc = 0;
    buf_init_secret(&value, INI_LINE_BYTES);
    if (take_value(reader, raw, &value, &secret_source, reason))
        rc = reader_call(reader, option, buf_cstr(&value), secret_source);
    else
        reader_fault(reader, reason);
    buf_fini(&value);
    return rc;
}

static int
read_option(struct ini_reader *reader, struct str text)
{
    const char *equals = memchr(text.ptr, '=', text.len);
    if (equals == NULL) {
        reader_fault(reader, "expected \"name = value\" or \"[section]\"");
        return 0;
    }
    size_t at = (size_t)(equals - text.ptr);
    struct str option = str_trim(str_make(text.ptr, at));
    struct str value = str_trim(str_skip(text, at + 1));
    char name[64];
    if (option.len == 0 || option.len >= sizeof(name)) {
        reader_fault(reader, "there is no option of such a name");
        return 0;
    }
    memcpy(name, option.ptr, option.len);
    name[option.len] = '\0';
    if (reader->expand && strcmp(name, "include") == 0)
        return read_include(reader, value);
    if (reader->section == NULL) {
        reader_fault(reader, "an option stands before the first [section]");
        return 0;
    }
    return call_with_value(reader, name, value);
}

static int
read_line(struct ini_reader *reader, struct str text)
{
    if (text.len > 0 && text.ptr[text.len - 1] == '\r')
        text.len--;
    text = str_trim(text);
    if (text.len == 0 || text.ptr[0] == ';' || text.ptr[0] == '#')
        return 0;
    if (text.len > INI_LINE_BYTES) {
        reader_fault(reader, "the line is longer than 64 KiB");
        return 0;
    }
    if (!is_clean(text)) {
        reader_fault(reader, "the line has a control character");
        return 0;
    }
    if (text.ptr[0] == '[')
        return read_header(reader, text);
    return read_option(reader, text);
}

/* *stopped: the result is the callback's (or -ENOMEM), read no further. */
static int
read_lines(struct ini_reader *reader, struct str text, bool *stopped)
{
    if (str_starts_with(text, STR_LIT("\xef\xbb\xbf")))
        text = str_skip(text, 3);
    int rc = 0;
    while (text.len > 0 && rc == 0) {
        const char *newline = memchr(text.ptr, '\n', text.len);
        size_t len = newline == NULL ? text.len : (size_t)(newline - text.ptr);
        reader->line++;
        rc = read_line(reader, str_make(text.ptr, len));
        text = str_skip(text, newline == NULL ? len : len + 1);
    }
    free(reader->section);
    reader->section = NULL;
    if (rc == -ENOMEM)
        reader_fault(reader, "out of memory");
    *stopped = rc != 0;
    return rc != 0 ? rc : reader->result;
}

static int
read_file_at(const struct ini_reader *parent, const char *path, bool *stopped)
{
    struct ini_reader reader = *parent;
    struct buf text;
    reader.file = path;
    reader.line = reader.result = 0;
    reader.depth++;
    reader.section = NULL;
    buf_init_secret(&text, INI_FILE_BYTES);
    int rc = ini_read_whole(path, &text);
    if (rc != 0)
        ini_fault(reader.error, path, 0, strerror(-rc));
    else
        rc = read_lines(&reader, buf_view(&text), stopped);
    buf_fini(&text);
    return rc;
}

int
ini_read_file(const char *path, ini_callback callback, void *context,
              struct buf *error)
{
    struct ini_reader reader = {
        .expand = true,
        .callback = callback,
        .context = context,
        .error = error,
    };
    bool stopped;
    return read_file_at(&reader, path, &stopped);
}

int
ini_read_text(struct str text, const char *name, ini_callback callback,
              void *context, struct buf *error)
{
    struct ini_reader reader = {
        .file = name,
        .callback = callback,
        .context = context,
        .error = error,
    };
    bool stopped;
    return read_lines(&reader, text, &stopped);
}
