/*
 * ledger.c - the databases' life: open, close, reopen, snapshots, errors.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accountant/ledger/ledger_batch.h"
#include "accountant/ledger/ledger_open.h"
#include "accountant/ledger/ledger_read.h"
#include "accountant/ledger/ledger_seal.h"
#include "common/log.h"

/* LevelDB maps its tables: a read behind the end of one that was cut is an
 * invalid argument to it, and a table that went away is just not there. */
static bool
is_damaged_table(const char *text)
{
    const char *table = strstr(text, ".ldb: ");
    return table != NULL && (strstr(table, "Invalid argument") != NULL ||
                             strstr(table, "No such file") != NULL);
}

int
ledger_take_error(char *text, const char *what, struct buf *error)
{
    int code = -EIO;
    if (strstr(text, "Corruption") != NULL ||
        strstr(text, "missing files") != NULL || is_damaged_table(text))
        code = -EUCLEAN;
    else if (strstr(text, "already held by process") != NULL ||
             strstr(text, "Resource temporarily unavailable") != NULL)
        code = -EBUSY;
    else if (strstr(text, "No space left") != NULL ||
             strstr(text, "quota exceeded") != NULL)
        code = -ENOSPC;
    else if (strstr(text, "Permission denied") != NULL)
        code = -EACCES;
    if (error != NULL)
        buf_printf(error, "%s: %s", what, text);
    leveldb_free(text);
    return code;
}

static int
ledger_alloc(const char *data_dir, bool create, struct ledger **out)
{
    struct ledger *ledger = calloc(1, sizeof(*ledger));
    if (ledger == NULL)
        return -ENOMEM;
    int len = snprintf(ledger->dir, sizeof(ledger->dir), "%s", data_dir);
    if (len <= 0 || len >= (int)sizeof(ledger->dir)) {
        free(ledger);
        return -ENAMETOOLONG;
    }
    ledger->create = create;
    pthread_mutex_init(&ledger->lock, NULL);
    pthread_cond_init(&ledger->changed, NULL);
    ledger_options_create(ledger);
    *out = ledger;
    return 0;
}

/* Everything from `lock` down is quiet; main may be NULL. */
static void
close_handles(struct ledger *ledger)
{
    ledger_days_close(ledger);
    if (ledger->main != NULL)
        leveldb_close(ledger->main);
    ledger->main = NULL;
}

/* Waits until every reader has left, then closes. */
static void
close_when_quiet(struct ledger *ledger)
{
    /* release: pairs with ledger_is_closing(); the lock does the rest */
    atomic_store_explicit(&ledger->closing, true, memory_order_release);
    pthread_mutex_lock(&ledger->lock);
    while (ledger->snapshots != NULL)
        pthread_cond_wait(&ledger->changed, &ledger->lock);
    close_handles(ledger);
    pthread_mutex_unlock(&ledger->lock);
}

static int
read_unbooked_from(struct ledger *ledger, struct buf *error)
{
    uint64_t from_ms = 0;
    int rc =
        ledger_read_meta(ledger, NULL, LEDGER_META_UNBOOKED, &from_ms, error);
    if (rc >= 0)
        ledger->unbooked_from_ms = (int64_t)from_ms;
    return rc < 0 ? rc : 0;
}

static int
open_main(struct ledger *ledger, struct buf *error)
{
    int rc = ledger_prepare_dirs(ledger, error);
    if (rc < 0)
        return rc;
    char path[LEDGER_PATH_BYTES + 16];
    snprintf(path, sizeof(path), "%s/ledger", ledger->dir);
    char *text = NULL;
    leveldb_t *db = leveldb_open(ledger->main_options, path, &text);
    if (text != NULL)
        return ledger_take_error(text, path, error);
    pthread_mutex_lock(&ledger->lock);
    ledger->main = db;
    free(ledger->dropped);
    ledger->dropped = NULL;
    ledger->dropped_count = 0;
    pthread_mutex_unlock(&ledger->lock);
    rc = ledger_check_format(ledger, error);
    if (rc == 0)
        rc = ledger_read_dropped(ledger, NULL, &ledger->dropped,
                                 &ledger->dropped_count, error);
    if (rc == 0)
        rc = read_unbooked_from(ledger, error);
    if (rc == 0 && ledger->create)
        rc = ledger_sync_dirs(ledger, error);
    if (rc < 0) {
        pthread_mutex_lock(&ledger->lock);
        close_handles(ledger);
        pthread_mutex_unlock(&ledger->lock);
        return rc;
    }
    atomic_store_explicit(&ledger->suspect, false, memory_order_release);
    atomic_store_explicit(&ledger->closing, false, memory_order_release);
    return 0;
}

int
ledger_open(const char *data_dir, bool create, struct ledger **out,
            struct buf *error)
{
    struct ledger *ledger;
    int rc = ledger_alloc(data_dir, create, &ledger);
    if (rc < 0)
        return rc;
    /* The seal goes first: from here on only LevelDB knows what is right. */
    rc = ledger_seal_check(ledger->dir, error);
    if (rc == 0)
        rc = ledger_seal_remove(ledger->dir, error);
    if (rc == 0)
        rc = open_main(ledger, error);
    if (rc < 0) {
        ledger_close(&ledger);
        return rc;
    }
    *out = ledger;
    return 0;
}

void
ledger_close(struct ledger **pointer)
{
    struct ledger *ledger = *pointer;
    if (ledger == NULL)
        return;
    bool sound = !ledger_must_reopen(ledger);
    close_when_quiet(ledger);
    /* Without one the next opening checks less, nothing else. */
    if (sound && ledger_seal_write(ledger->dir, NULL) < 0)
        log_warn("%s/ledger.seal cannot be written", ledger->dir);
    ledger_options_destroy(ledger);
    pthread_cond_destroy(&ledger->changed);
    pthread_mutex_destroy(&ledger->lock);
    free(ledger->dropped);
    free(ledger->writes);
    free(ledger);
    *pointer = NULL;
}

int
ledger_reopen(struct ledger *ledger, struct buf *error)
{
    close_when_quiet(ledger);
    return open_main(ledger, error);
}

bool
ledger_is_closing(struct ledger *ledger)
{
    /* acquire: pairs with close_when_quiet() */
    return atomic_load_explicit(&ledger->closing, memory_order_acquire);
}

void
ledger_mark_suspect(struct ledger *ledger)
{
    /* release: pairs with the acquire in ledger_batch_write() */
    atomic_store_explicit(&ledger->suspect, true, memory_order_release);
}

/* ---- snapshots ---- */

struct ledger_snapshot *
ledger_snapshot_take(struct ledger *ledger)
{
    struct ledger_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (snapshot == NULL)
        return NULL;
    pthread_mutex_lock(&ledger->lock);
    if (ledger->main == NULL || ledger_is_closing(ledger)) {
        pthread_mutex_unlock(&ledger->lock);
        free(snapshot);
        return NULL;
    }
    snapshot->main = leveldb_create_snapshot(ledger->main);
    snapshot->serial = ++ledger->snapshot_counter;
    snapshot->next = ledger->snapshots;
    ledger->snapshots = snapshot;
    pthread_mutex_unlock(&ledger->lock);
    snapshot->read = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(snapshot->read, 1);
    leveldb_readoptions_set_snapshot(snapshot->read, snapshot->main);
    snapshot->read_day = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(snapshot->read_day, 1);
    leveldb_readoptions_set_fill_cache(snapshot->read_day, 0);
    snapshot->error = ledger_read_booked(ledger, snapshot);
    return snapshot;
}

void
ledger_snapshot_release(struct ledger *ledger, struct ledger_snapshot **pointer)
{
    struct ledger_snapshot *snapshot = *pointer;
    if (snapshot == NULL)
        return;
    leveldb_readoptions_destroy(snapshot->read);
    leveldb_readoptions_destroy(snapshot->read_day);
    pthread_mutex_lock(&ledger->lock);
    leveldb_release_snapshot(ledger->main, snapshot->main);
    struct ledger_snapshot **at = &ledger->snapshots;
    while (*at != snapshot)
        at = &(*at)->next;
    *at = snapshot->next;
    pthread_cond_broadcast(&ledger->changed);
    pthread_mutex_unlock(&ledger->lock);
    free(snapshot->positions);
    free(snapshot->dropped);
    free(snapshot);
    *pointer = NULL;
}

/* ---- reading the main database ---- */

static const leveldb_readoptions_t *
read_options(const struct ledger *ledger,
             const struct ledger_snapshot *snapshot)
{
    return snapshot == NULL ? ledger->read : snapshot->read;
}

int
ledger_get(struct ledger *ledger, const struct ledger_snapshot *snapshot,
           const struct ledger_key *key, struct buf *out, struct buf *error)
{
    char *text = NULL;
    size_t len = 0;
    if (ledger->main == NULL)
        return -EIO;
    char *value = leveldb_get(ledger->main, read_options(ledger, snapshot),
                              (const char *)key->bytes, key->len, &len, &text);
    if (text != NULL) {
        ledger_mark_suspect(ledger);
        return ledger_take_error(text, "while reading", error);
    }
    if (value == NULL)
        return 0;
    buf_append(out, value, len);
    leveldb_free(value);
    return buf_ok(out) ? 1 : -ENOMEM;
}

int
ledger_scan(struct ledger *ledger, const struct ledger_snapshot *snapshot,
            const struct ledger_key *prefix, const struct ledger_key *from,
            ledger_pair each, void *context, struct buf *error)
{
    if (ledger->main == NULL)
        return -EIO;
    const struct ledger_key *start = from == NULL ? prefix : from;
    struct str wanted = {(const char *)prefix->bytes, prefix->len};
    leveldb_iterator_t *it =
        leveldb_create_iterator(ledger->main, read_options(ledger, snapshot));
    int rc = 0;
    leveldb_iter_seek(it, (const char *)start->bytes, start->len);
    for (; leveldb_iter_valid(it); leveldb_iter_next(it)) {
        struct str key, value;
        key.ptr = leveldb_iter_key(it, &key.len);
        value.ptr = leveldb_iter_value(it, &value.len);
        if (!str_starts_with(key, wanted) || !each(key, value, context))
            break;
        if (snapshot != NULL && ledger_is_closing(ledger)) {
            rc = -EAGAIN;
            break;
        }
    }
    char *text = NULL;
    leveldb_iter_get_error(it, &text);
    leveldb_iter_destroy(it);
    if (text != NULL) {
        ledger_mark_suspect(ledger);
        return ledger_take_error(text, "while reading", error);
    }
    if (rc == -EAGAIN && error != NULL)
        buf_append_cstr(error, "the ledger is being opened again");
    return rc;
}
