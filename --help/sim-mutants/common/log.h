/*
 * log.h - one event, one line, on standard error or in the error log.
 *
 * Severities have one meaning each: fatal = the environment is bad, this
 * process stops (exit 1); panic = our own bug, dump core; error and warn tell
 * the operator what to do; info = life of processes; debug = a developer's.
 * Line: RFC 3339 time, level, role[pid], text. The caller writes key=value
 * pairs into the text. Never a secret or a prompt: key id, not key.
 * Repeats of the same call site are limited to 10 in 10 s, then counted.
 * Any process; signal-unsafe; threads may share it (one write per line).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_LOG_H
#define AIGW_COMMON_LOG_H

#include <stdbool.h>

#include "common/check.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_FATAL };

/*
 * log_open - `path` "stderr" or a file (appended, 0640). 0 or -errno; on error
 * the old destination stays. Called again by USR1 to reopen.
 */
int log_open(const char *path, enum log_level level);
int log_reopen(void);
/* Whether log_open() could open it: 0 or -errno; nothing changes. */
int log_check(const char *path) MUST_CHECK;
/* "debug" "info" "warn" "error"; LOG_INFO for another word or NULL. */
enum log_level log_level_from(const char *word);
/* For children, which may not open files to write: the master hands over the
 * descriptor of the file (-1: stderr), they use a copy of it (-1: no change). */
int log_descriptor(void);
int log_use(int fd) MUST_CHECK;
void log_set_role(const char *role); /* "master", "worker 2", copied */
void log_set_level(enum log_level level);
extern enum log_level log_minimum; /* log_set_level() writes it */

static inline bool
log_enabled(enum log_level level)
{
    /* relaxed: a level change may be seen a little later */
    return level >= __atomic_load_n(&log_minimum, __ATOMIC_RELAXED);
}

#define LOG_AT(level, ...)                                                     \
    do {                                                                       \
        static struct log_site log_site_;                                      \
        if (log_enabled(level))                                                \
            log_write(level, &log_site_, __VA_ARGS__);                         \
    } while (0)
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  LOG_AT(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  LOG_AT(LOG_WARN, __VA_ARGS__)
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__)

NORETURN COLD void fatal(const char *format, ...) PRINTF_LIKE(1, 2);
NORETURN COLD void panic(const char *format, ...) PRINTF_LIKE(1, 2);

/* For the macros only. */
struct log_site {
    unsigned long long window_start_ms;
    unsigned count, suppressed;
};
COLD void log_write(enum log_level level, struct log_site *site,
                    const char *format, ...) PRINTF_LIKE(3, 4);

#endif
