/*
 * access_log.c - see access_log.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "accountant/ledger/ledger_report.h"
#include "common/log.h"

enum { LINES_KEPT_BYTES = 4 << 20 }; /* memory of a large flush goes back */

void
access_log_init(struct access_log *log)
{
    *log = (struct access_log){.fd = -1};
    buf_init(&log->lines, 0);
    pthread_mutex_init(&log->lock, NULL);
}

void
access_log_fini(struct access_log *log)
{
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
    buf_fini(&log->lines);
    pthread_mutex_destroy(&log->lock);
}

void
access_log_configure(struct access_log *log, const char *path)
{
    if (path == NULL || strcmp(path, "off") == 0)
        path = "";
    pthread_mutex_lock(&log->lock);
    if (strcmp(log->path, path) != 0) {
        snprintf(log->path, sizeof(log->path), "%s", path);
        log->open_again = true;
    }
    pthread_mutex_unlock(&log->lock);
}

void
access_log_reopen(struct access_log *log)
{
    pthread_mutex_lock(&log->lock);
    log->open_again = true;
    pthread_mutex_unlock(&log->lock);
}

bool
access_log_begin(struct access_log *log)
{
    char path[sizeof(log->path)];
    buf_reset(&log->lines);
    pthread_mutex_lock(&log->lock);
    bool open_again = log->open_again;
    log->open_again = false;
    memcpy(path, log->path, sizeof(path));
    pthread_mutex_unlock(&log->lock);
    if (!open_again)
        return log->fd >= 0;
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
    if (path[0] == '\0')
        return false;
    log->fd = strcmp(path, "stderr") == 0
                  ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
                  : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (log->fd < 0)
        log_error("cannot open the access log %s: %s; requests are still in "
                  "the ledger",
                  path, strerror(errno));
    return log->fd >= 0;
}

void
access_log_add(struct access_log *log, const struct ledger_row *row)
{
    ledger_row_to_json(row, &log->lines);
    buf_append_char(&log->lines, '\n');
}

void
access_log_write(struct access_log *log)
{
    while (log->fd >= 0 && buf_ok(&log->lines) && buf_len(&log->lines) > 0) {
        ssize_t n = write(log->fd, buf_ptr(&log->lines), buf_len(&log->lines));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            log_error("cannot write the access log: %s; lines are left out, "
                      "the ledger has them",
                      strerror(errno));
            break;
        }
        buf_consume(&log->lines, (size_t)n);
    }
    if (log->lines.cap > LINES_KEPT_BYTES)
        buf_fini(&log->lines);
    buf_reset(&log->lines);
}
