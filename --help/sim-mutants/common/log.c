/*
 * log.c - see log.h and check.h.
 *
 * The descriptor number of the log never changes once it is a file: a new file
 * is put over it by dup3(), so that threads may write meanwhile.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"

enum {
    LOG_LINE_BYTES = 4096, /* one write(2), so lines never mix */
    LOG_WINDOW_MS = 10000,
    LOG_WINDOW_LINES = 10,
};

static int log_fd = STDERR_FILENO;
enum log_level log_minimum = LOG_INFO;
static char log_role[32] = "aigw";
static char log_path[4096] = "stderr";

static const char *const log_level_names[] = {"debug", "info", "warn", "error",
                                              "fatal"};

/* Root does not follow a link that somebody else may have put there: in a
 * folder that is another user's, it would append to any file of the host. */
static int
log_open_flags(const char *path)
{
    struct stat st;
    char folder[sizeof(log_path)];
    if (geteuid() != 0)
        return 0;
    snprintf(folder, sizeof(folder), "%s", path);
    bool trusted = stat(dirname(folder), &st) == 0 && st.st_uid == 0 &&
                   (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
    return trusted ? 0 : O_NOFOLLOW;
}

int
log_use(int fd)
{
    if (fd < 0)
        return 0;
    if (log_fd != STDERR_FILENO)
        return dup3(fd, log_fd, O_CLOEXEC) < 0 ? -errno : 0;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return -errno;
    __atomic_store_n(&log_fd, copy, __ATOMIC_RELAXED);
    return 0;
}

int
log_descriptor(void)
{
    return log_fd == STDERR_FILENO ? -1 : log_fd;
}

static int
log_open_file(const char *path)
{
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY;
    int fd = open(path, flags | log_open_flags(path), 0640);
    if (fd < 0)
        return -errno;
    int rc = log_use(fd);
    close(fd);
    return rc;
}

int
log_check(const char *path)
{
    if (strlen(path) >= sizeof(log_path))
        return -ENAMETOOLONG;
    if (strcmp(path, "stderr") == 0)
        return 0;
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY;
    int fd = open(path, flags | log_open_flags(path), 0640);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

enum log_level
log_level_from(const char *word)
{
    for (int level = LOG_DEBUG; level <= LOG_ERROR; level++)
        if (word != NULL && strcmp(word, log_level_names[level]) == 0)
            return (enum log_level)level;
    return LOG_INFO;
}

int
log_open(const char *path, enum log_level level)
{
    if (strlen(path) >= sizeof(log_path))
        return -ENAMETOOLONG;
    if (strcmp(path, "stderr") == 0) {
        int old = __atomic_exchange_n(&log_fd, STDERR_FILENO, __ATOMIC_RELAXED);
        if (old != STDERR_FILENO)
            close(old);
    } else {
        int rc = log_open_file(path);
        if (rc != 0)
            return rc;
    }
    memmove(log_path, path, strlen(path) + 1);
    log_set_level(level);
    return 0;
}

int
log_reopen(void)
{
    return log_open(log_path, log_minimum);
}

void
log_set_role(const char *role)
{
    snprintf(log_role, sizeof(log_role), "%s", role);
}

void
log_set_level(enum log_level level)
{
    __atomic_store_n(&log_minimum, level, __ATOMIC_RELAXED);
}

/* Text that came from outside cannot begin a new line or move the cursor. */
static size_t
log_clean(char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    return len;
}

static void
log_write_all(int fd, const char *line, size_t len)
{
    ssize_t n;
    do {
        n = write(fd, line, len);
    } while (n < 0 && errno == EINTR);
    /* A log that cannot be written has nobody left to be told. */
}

static void PRINTF_LIKE(2, 0) log_line(enum log_level level, const char *format,
                                       va_list args, unsigned suppressed)
{
    char line[LOG_LINE_BYTES], when[32];
    int saved_errno = errno;
    clock_format_rfc3339(clock_wall_ms(), when);
    int head = snprintf(line, sizeof(line), "%s %s %s[%d] ", when,
                        log_level_names[level], log_role, (int)getpid());
    size_t len = (size_t)head, room = sizeof(line) - 64;
    int n = vsnprintf(line + len, room - len, format, args);
    if (n > 0)
        len = (size_t)n < room - len ? len + (size_t)n : room - 1;
    if (suppressed > 0)
        len += (size_t)snprintf(line + len, sizeof(line) - len,
                                " (%u like this left out)", suppressed);
    len = log_clean(line, len);
    line[len++] = '\n';
    int fd = __atomic_load_n(&log_fd, __ATOMIC_RELAXED);
    log_write_all(fd, line, len);
    if (level == LOG_FATAL && fd != STDERR_FILENO)
        log_write_all(STDERR_FILENO, line, len);
    errno = saved_errno;
}

/*
 * False when this call site has had its lines for now. Threads may race here:
 * then a line more or less comes through, which does no harm (relaxed).
 */
static bool
log_site_allows(struct log_site *site, unsigned *suppressed)
{
    unsigned long long now = clock_mono_ms();
    unsigned long long start =
        __atomic_load_n(&site->window_start_ms, __ATOMIC_RELAXED);
    *suppressed = 0;
    if (start == 0 || now - start >= LOG_WINDOW_MS) {
        __atomic_store_n(&site->window_start_ms, now, __ATOMIC_RELAXED);
        __atomic_store_n(&site->count, 1, __ATOMIC_RELAXED);
        *suppressed =
            __atomic_exchange_n(&site->suppressed, 0, __ATOMIC_RELAXED);
        return true;
    }
    if (__atomic_fetch_add(&site->count, 1, __ATOMIC_RELAXED) <
        LOG_WINDOW_LINES)
        return true;
    __atomic_fetch_add(&site->suppressed, 1, __ATOMIC_RELAXED);
    return false;
}

void
log_write(enum log_level level, struct log_site *site, const char *format, ...)
{
    unsigned suppressed;
    if (!log_site_allows(site, &suppressed))
        return;
    va_list args;
    va_start(args, format);
    log_line(level, format, args, suppressed);
    va_end(args);
}

void
fatal(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_line(LOG_FATAL, format, args, 0);
    va_end(args);
    exit(1);
}

void
panic(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_line(LOG_FATAL, format, args, 0);
    va_end(args);
    abort();
}

void
check_failed(const char *file, int line, const char *condition)
{
    panic("%s:%d: check failed: %s", file, line, condition);
}
