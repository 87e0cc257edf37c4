/*
 * ini_value.c - values of aigw.ini that stand elsewhere: in the environment, in
 * a file, in the credentials directory of systemd.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/ini_part.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int
read_descriptor(int fd, struct buf *out)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    char chunk[16384];
    int rc = 0;
    ssize_t n;
    while ((n = read(fd, chunk, sizeof(chunk))) != 0 && rc == 0) {
        if (n < 0)
            rc = errno == EINTR ? 0 : -errno;
        else
            buf_append(out, chunk, (size_t)n);
        if (!buf_ok(out))
            rc = -EMSGSIZE;
    }
    explicit_bzero(chunk, sizeof(chunk)); /* it may hold credentials */
    return rc;
}

int
ini_read_whole(const char *path, struct buf *out)
{
    /* Not blocking: a FIFO without a writer reads as empty. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    int rc = read_descriptor(fd, out);
    close(fd);
    return rc;
}

static bool
is_name_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z') || c == '_';
}

static bool PRINTF_LIKE(2, 3)
    refuse(char reason[INI_REASON_BYTES], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(reason, INI_REASON_BYTES, format, args);
    va_end(args);
    return false;
}

/* Replaces the variable whose name stands behind "${"; *text moves past it. */
static bool
expand_variable(struct str *text, struct buf *out,
                char reason[INI_REASON_BYTES])
{
    char name[128];
    size_t len = 0;
    while (len < text->len && len < sizeof(name) &&
           is_name_char(text->ptr[len]))
        len++;
    if (len == 0 || len == sizeof(name) || len == text->len ||
        text->ptr[len] != '}')
        return refuse(reason, "\"${\" begins the name of an environment "
                              "variable: ${NAME}");
    memcpy(name, text->ptr, len);
    name[len] = '\0';
    const char *value = getenv(name);
    if (value == NULL)
        return refuse(reason, "the environment variable %s is not set", name);
    buf_append_cstr(out, value);
    *text = str_skip(*text, len + 1);
    return true;
}

static bool
expand_variables(struct str raw, struct buf *out, bool *expanded,
                 char reason[INI_REASON_BYTES])
{
    while (raw.len > 0) {
        if (!str_starts_with(raw, STR_LIT("${"))) {
            buf_append_char(out, *raw.ptr);
            raw = str_skip(raw, 1);
            continue;
        }
        raw = str_skip(raw, 2);
        if (!expand_variable(&raw, out, reason))
            return false;
        *expanded = true;
    }
    return true;
}

/* Replaces the content of `out` by that of the file `path`. */
static bool
read_secret(struct buf *path, struct buf *out, char reason[INI_REASON_BYTES])
{
    buf_reset(out);
    int rc = buf_ok(path) ? ini_read_whole(buf_cstr(path), out) : -ENAMETOOLONG;
    if (rc != 0)
        return refuse(reason, "%.180s: %s", buf_cstr(path), strerror(-rc));
    struct str text = buf_view(out);
    if (text.len > 0 && text.ptr[text.len - 1] == '\n')
        out->end--;
    return true;
}

/* The file that "file:PATH" means, beside the ini file when relative. */
static bool
path_of_file(struct str path, const char *file, struct buf *out,
             char reason[INI_REASON_BYTES])
{
    const char *slash = strrchr(file, '/');
    if (path.len == 0)
        return refuse(reason, "file: is followed by a path");
    if (path.ptr[0] != '/' && slash != NULL)
        buf_append(out, file, (size_t)(slash - file) + 1);
    buf_append_str(out, path);
    return true;
}

/* The file that "cred:NAME" means. */
static bool
path_of_credential(struct str name, struct buf *out,
                   char reason[INI_REASON_BYTES])
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    if (directory == NULL)
        return refuse(reason, "cred: needs $CREDENTIALS_DIRECTORY, which "
                              "systemd sets");
    if (name.len == 0 || memchr(name.ptr, '/', name.len) != NULL ||
        name.ptr[0] == '.')
        return refuse(reason, "cred: is followed by the name of a credential, "
                              "not by a path");
    buf_append_cstr(out, directory);
    buf_append_char(out, '/');
    buf_append_str(out, name);
    return true;
}

bool
ini_expand_value(struct str raw, const char *file, struct buf *out,
                 bool *secret_source, char reason[INI_REASON_BYTES])
{
    *secret_source = false;
    if (!expand_variables(raw, out, secret_source, reason))
        return false;
    /* Looked for in the line itself: a variable's content names no file. */
    bool is_file = str_starts_with(raw, STR_LIT("file:"));
    bool is_credential = str_starts_with(raw, STR_LIT("cred:"));
    if ((!is_file && !is_credential) || !buf_ok(out))
        return true;
    *secret_source = true;
    struct buf path;
    struct str named = str_trim(str_skip(buf_view(out), 5));
    buf_init(&path, PATH_MAX);
    bool good = (is_file ? path_of_file(named, file, &path, reason)
                         : path_of_credential(named, &path, reason)) &&
                read_secret(&path, out, reason);
    buf_fini(&path);
    return good;
}
