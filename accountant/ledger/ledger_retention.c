/*
 * ledger_retention.c - see ledger_retention.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_retention.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accountant/ledger/crash_point.h"
#include "accountant/ledger/ledger_batch.h"
#include "accountant/ledger/ledger_internal.h"
#include "accountant/ledger/ledger_page.h"

static const int64_t day_ms = INT64_C(86400000);

int
ledger_drop_next(struct ledger *ledger, struct ledger_snapshot *snapshot,
                 int64_t before_ms, int64_t *day)
{
    int64_t *days;
    size_t count;
    if (snapshot == NULL)
        return -EIO;
    int rc = ledger_day_list(ledger, &days, &count);
    for (size_t i = 0; i < count && rc == 0; i++) {
        if ((days[i] + 1) * day_ms > before_ms)
            break;
        if (ledger_day_is_dropped(snapshot->dropped, snapshot->dropped_count,
                                  days[i]))
            continue;
        *day = days[i];
        rc = 1;
    }
    free(days);
    return rc;
}

static uint64_t
day_writes(struct ledger *ledger, int64_t day)
{
    uint64_t writes = 0;
    pthread_mutex_lock(&ledger->lock);
    for (size_t i = 0; i < ledger->writes_count; i++)
        if (ledger->writes[i].day == day)
            writes = ledger->writes[i].writes;
    pthread_mutex_unlock(&ledger->lock);
    return writes;
}

struct day_sum {
    const struct ledger_snapshot *snapshot;
    struct ledger_sums *sums;
};

static int
sum_row(struct ledger_row *row, void *context)
{
    struct day_sum *sum = context;
    if (!ledger_row_is_booked(sum->snapshot, row))
        return -EAGAIN;
    return ledger_sums_add_row(sum->sums, row) ? 0 : -ENOMEM;
}

/* Sums of one day's database. A row that is not booked yet: -EAGAIN. */
static int
sum_day(struct ledger *ledger, struct ledger_snapshot *snapshot, leveldb_t *db,
        struct ledger_sums *sums, struct buf *error)
{
    leveldb_iterator_t *it = leveldb_create_iterator(db, snapshot->read_day);
    struct day_sum sum = {snapshot, sums};
    int rc = 0;
    leveldb_iter_seek(it, "r", 1);
    for (; leveldb_iter_valid(it) && rc == 0; leveldb_iter_next(it)) {
        struct str key, value;
        key.ptr = leveldb_iter_key(it, &key.len);
        value.ptr = leveldb_iter_value(it, &value.len);
        rc = ledger_is_closing(ledger)
                 ? -EAGAIN
                 : ledger_page_rows(key, value, sum_row, &sum);
    }
    char *text = NULL;
    leveldb_iter_get_error(it, &text);
    leveldb_iter_destroy(it);
    if (text != NULL)
        return ledger_take_error(text, "while reading log rows", error);
    return rc;
}

int
ledger_drop_prepare(struct ledger *ledger, int64_t number,
                    struct ledger_drop *drop, struct buf *error)
{
    struct ledger_day *day;
    *drop = (struct ledger_drop){.day = number,
                                 .writes = day_writes(ledger, number)};
    if (drop->writes & 1)
        return -EAGAIN;
    /* Taken after the count: what was written before is booked in it, or is
     * seen as not booked. */
    struct ledger_snapshot *snapshot = ledger_snapshot_take(ledger);
    if (snapshot == NULL)
        return -EAGAIN;
    int rc = snapshot->error;
    if (rc == 0)
        rc = ledger_day_get(ledger, number, false, &day, error);
    if (rc == 0) {
        rc = sum_day(ledger, snapshot, day->db, &drop->sums, error);
        ledger_day_put(ledger, day);
    } else if (rc == -ENOENT) {
        rc = 0; /* its creation was cut: there is nothing to keep */
    }
    ledger_snapshot_release(ledger, &snapshot);
    if (rc < 0)
        ledger_drop_fini(drop);
    return rc;
}

static int
add_sums(struct ledger *ledger, const struct ledger_drop *drop,
         struct ledger_batch *batch, struct buf *error)
{
    size_t at = 0;
    const struct ledger_sum *sum = table_next(&drop->sums.table, &at);
    for (; sum != NULL; sum = table_next(&drop->sums.table, &at)) {
        struct ledger_dropped dropped;
        int rc = ledger_read_dropped_sum(ledger, NULL, sum->kind, sum->id,
                                         &dropped, error);
        if (rc < 0)
            return rc;
        dropped.total.tokens += sum->total.tokens;
        dropped.total.nano += sum->total.nano;
        dropped.total.requests += sum->total.requests;
        if (sum->batch_no > dropped.batch_no)
            dropped.batch_no = sum->batch_no;
        ledger_batch_dropped(batch, sum->kind, sum->id, &dropped);
    }
    return 0;
}

int
ledger_drop_apply(struct ledger *ledger, struct ledger_drop *drop,
                  struct buf *error)
{
    if (ledger_day_is_dropped(ledger->dropped, ledger->dropped_count,
                              drop->day))
        return 0;
    if (day_writes(ledger, drop->day) != drop->writes)
        return -EAGAIN;
    struct ledger_batch *batch = ledger_batch_create();
    if (batch == NULL)
        return -ENOMEM;
    int rc = add_sums(ledger, drop, batch, error);
    if (rc == 0) {
        ledger_batch_drop_day(batch, drop->day);
        rc = ledger_batch_ok(batch) ? ledger_batch_write(batch, ledger, error)
                                    : -ENOMEM;
    }
    ledger_batch_destroy(&batch);
    if (rc == 0)
        rc = ledger_day_add_dropped(&ledger->dropped, &ledger->dropped_count,
                                    drop->day);
    crash_point("drop");
    return rc;
}

void
ledger_drop_fini(struct ledger_drop *drop)
{
    ledger_sums_fini(&drop->sums);
}

/* Takes the day's handle out of the list and closes it. False: in use, or a
 * snapshot from before the drop may still come for it. */
static bool
close_day(struct ledger *ledger, int64_t number)
{
    bool closed = false;
    pthread_mutex_lock(&ledger->lock);
    struct ledger_day **at = &ledger->days;
    while (*at != NULL && (*at)->day != number)
        at = &(*at)->next;
    bool is_read = false;
    for (struct ledger_snapshot *s = ledger->snapshots; s != NULL; s = s->next)
        is_read |= !ledger_day_is_dropped(s->dropped, s->dropped_count, number);
    if (!is_read && (*at == NULL || (*at)->references == 0)) {
        struct ledger_day *day = *at;
        if (day != NULL) {
            *at = day->next;
            leveldb_close(day->db);
            free(day);
        }
        closed = true;
    }
    pthread_mutex_unlock(&ledger->lock);
    return closed;
}

int
ledger_remove_dropped(struct ledger *ledger, struct buf *error)
{
    int64_t *days;
    size_t count;
    int rc = ledger_day_list(ledger, &days, &count);
    for (size_t i = 0; i < count && rc == 0; i++) {
        char path[LEDGER_PATH_BYTES];
        char *text = NULL;
        if (!ledger_day_is_dropped(ledger->dropped, ledger->dropped_count,
                                   days[i]) ||
            !close_day(ledger, days[i]))
            continue;
        ledger_day_path(ledger, days[i], path);
        leveldb_destroy_db(ledger->day_options, path, &text);
        if (text != NULL)
            rc = ledger_take_error(text, path, error);
        else if (rmdir(path) < 0 && errno != ENOENT)
            rc = -errno;
    }
    free(days);
    return rc;
}
