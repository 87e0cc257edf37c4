/*
 * ledger_day.c - the databases of days: found, opened when somebody needs one,
 * a few kept open.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "accountant/ledger/codec.h"
#include "accountant/ledger/ledger_internal.h"
#include "accountant/ledger/ledger_open.h"

void
ledger_day_path(const struct ledger *ledger, int64_t day,
                char out[LEDGER_PATH_BYTES])
{
    time_t seconds = (time_t)(day * 86400);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    snprintf(out, LEDGER_PATH_BYTES, "%s/log/%04d-%02d-%02d", ledger->dir,
             tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

/* "2026-11-21" -> day; false: another file. */
static bool
parse_name(const char *name, int64_t *day)
{
    struct tm tm = {0};
    const char *end = strptime(name, "%Y-%m-%d", &tm);
    if (end == NULL || *end != '\0' || strlen(name) != 10)
        return false;
    *day = (int64_t)timegm(&tm) / 86400;
    return *day >= 0;
}

static int
compare_days(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int
ledger_day_list(const struct ledger *ledger, int64_t **days, size_t *count)
{
    char path[LEDGER_PATH_BYTES + 16];
    *days = NULL;
    *count = 0;
    snprintf(path, sizeof(path), "%s/log", ledger->dir);
    DIR *dir = opendir(path);
    if (dir == NULL)
        return errno == ENOENT ? 0 : -errno;
    int rc = 0;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        int64_t day;
        if (!parse_name(e->d_name, &day))
            continue;
        int64_t *more = realloc(*days, (*count + 1) * sizeof(**days));
        if (more == NULL) {
            rc = -ENOMEM;
            break;
        }
        *days = more;
        more[(*count)++] = day;
    }
    closedir(dir);
    if (rc < 0) {
        free(*days);
        *days = NULL;
        *count = 0;
        return rc;
    }
    if (*count > 0)
        qsort(*days, *count, sizeof(**days), compare_days);
    return 0;
}

bool
ledger_day_is_dropped(const int64_t *dropped, size_t count, int64_t day)
{
    return count > 0 && bsearch(&day, dropped, count, sizeof(*dropped),
                                compare_days) != NULL;
}

int
ledger_day_add_dropped(int64_t **dropped, size_t *count, int64_t day)
{
    if (ledger_day_is_dropped(*dropped, *count, day))
        return 0;
    int64_t *more = realloc(*dropped, (*count + 1) * sizeof(*more));
    if (more == NULL)
        return -ENOMEM;
    size_t at = *count;
    while (at > 0 && more[at - 1] > day) {
        more[at] = more[at - 1];
        at--;
    }
    more[at] = day;
    *dropped = more;
    (*count)++;
    return 0;
}

/* Closes the day that was used longest ago and is not in use, when too many
 * are open. Under the lock. */
static void
evict(struct ledger *ledger)
{
    unsigned open = 0;
    struct ledger_day **oldest = NULL;
    for (struct ledger_day **at = &ledger->days; *at != NULL;
         at = &(*at)->next) {
        open++;
        if ((*at)->references == 0 &&
            (oldest == NULL || (*at)->used < (*oldest)->used))
            oldest = at;
    }
    if (open < LEDGER_DAYS_OPEN_MAX || oldest == NULL)
        return;
    struct ledger_day *day = *oldest;
    *oldest = day->next;
    leveldb_close(day->db);
    free(day);
}

static bool
has_current(const char *path)
{
    char current[LEDGER_PATH_BYTES + 16];
    snprintf(current, sizeof(current), "%s/CURRENT", path);
    return access(current, F_OK) == 0;
}

/* Under the lock. */
static int
open_day(struct ledger *ledger, int64_t number, bool create,
         struct ledger_day **out, struct buf *error)
{
    char path[LEDGER_PATH_BYTES];
    struct stat st;
    ledger_day_path(ledger, number, path);
    bool is_new = stat(path, &st) < 0 && errno == ENOENT;
    if (is_new && !create)
        return -ENOENT;
    int lost = is_new ? 0 : ledger_lost_current(path);
    if (lost > 0 && error != NULL)
        buf_printf(error, "%s: CURRENT is missing; restore it from a backup",
                   path);
    if (lost != 0)
        return lost < 0 ? lost : -EUCLEAN;
    if (!create && !has_current(path))
        return -ENOENT; /* its creation was cut: it holds nothing */
    evict(ledger);
    struct ledger_day *day = calloc(1, sizeof(*day));
    if (day == NULL)
        return -ENOMEM;
    char *text = NULL;
    day->day = number;
    day->db = leveldb_open(ledger->day_options, path, &text);
    if (text != NULL) {
        free(day);
        return ledger_take_error(text, path, error);
    }
    if (is_new) {
        char parent[LEDGER_PATH_BYTES + 16];
        snprintf(parent, sizeof(parent), "%s/log", ledger->dir);
        int rc = ledger_sync_dir(parent, error);
        if (rc < 0) {
            leveldb_close(day->db);
            free(day);
            return rc;
        }
    }
    day->next = ledger->days;
    ledger->days = day;
    *out = day;
    return 0;
}

int
ledger_day_get(struct ledger *ledger, int64_t number, bool create,
               struct ledger_day **out, struct buf *error)
{
    int rc = 0;
    pthread_mutex_lock(&ledger->lock);
    struct ledger_day *day = ledger->days;
    while (day != NULL && day->day != number)
        day = day->next;
    if (day == NULL)
        rc = open_day(ledger, number, create, &day, error);
    if (rc == 0) {
        day->references++;
        day->used = ++ledger->use_counter;
        *out = day;
    }
    pthread_mutex_unlock(&ledger->lock);
    return rc;
}

void
ledger_day_put(struct ledger *ledger, struct ledger_day *day)
{
    pthread_mutex_lock(&ledger->lock);
    day->references--;
    pthread_mutex_unlock(&ledger->lock);
}

void
ledger_days_close(struct ledger *ledger)
{
    while (ledger->days != NULL) {
        struct ledger_day *day = ledger->days;
        CHECK(day->references == 0);
        ledger->days = day->next;
        leveldb_close(day->db);
        free(day);
    }
}
