/*
 * ledger_open.c - see ledger_open.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_open.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accountant/ledger/ledger_batch.h"
#include "accountant/ledger/ledger_read.h"
#include "common/proc.h"

enum {
    LEDGER_FORMAT = 2, /* 1: each log row on its own */
    CACHE_BYTES = 16 << 20,
    MAIN_BUFFER_BYTES = 4 << 20,
    DAY_BUFFER_BYTES = 8 << 20, /* rows: fewer, larger files to merge */
    DAY_FILES = 64,
    BLOOM_BITS = 10,
};

static leveldb_options_t *
make_options(const struct ledger *ledger, size_t buffer_bytes, bool create)
{
    leveldb_options_t *options = leveldb_options_create();
    leveldb_options_set_paranoid_checks(options, 1);
    leveldb_options_set_create_if_missing(options, create);
    leveldb_options_set_cache(options, ledger->cache);
    leveldb_options_set_filter_policy(options, ledger->filter);
    leveldb_options_set_write_buffer_size(options, buffer_bytes);
    return options;
}

void
ledger_options_create(struct ledger *ledger)
{
    ledger->cache = leveldb_cache_create_lru(CACHE_BYTES);
    ledger->filter = leveldb_filterpolicy_create_bloom(BLOOM_BITS);
    ledger->main_options =
        make_options(ledger, MAIN_BUFFER_BYTES, ledger->create);
    ledger->day_options =
        make_options(ledger, DAY_BUFFER_BYTES, ledger->create);
    leveldb_options_set_max_open_files(ledger->day_options, DAY_FILES);
    ledger->sync = leveldb_writeoptions_create();
    leveldb_writeoptions_set_sync(ledger->sync, 1);
    ledger->lazy = leveldb_writeoptions_create();
    ledger->read = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(ledger->read, 1);
}

void
ledger_options_destroy(struct ledger *ledger)
{
    leveldb_readoptions_destroy(ledger->read);
    leveldb_writeoptions_destroy(ledger->sync);
    leveldb_writeoptions_destroy(ledger->lazy);
    leveldb_options_destroy(ledger->main_options);
    leveldb_options_destroy(ledger->day_options);
    leveldb_filterpolicy_destroy(ledger->filter);
    leveldb_cache_destroy(ledger->cache);
}

/* A MANIFEST alone is a first creation that was cut: CURRENT comes after it,
 * logs and tables come after CURRENT. */
int
ledger_lost_current(const char *path)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return errno == ENOENT ? 0 : -errno;
    bool current = false, data = false;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        size_t len = strlen(e->d_name);
        if (strcmp(e->d_name, "CURRENT") == 0)
            current = true;
        if (len > 4 && (strcmp(e->d_name + len - 4, ".ldb") == 0 ||
                        strcmp(e->d_name + len - 4, ".log") == 0))
            data = true;
    }
    closedir(dir);
    return data && !current;
}

static int
damaged(const char *path, const char *what, struct buf *error)
{
    if (error != NULL)
        buf_printf(error,
                   "%s: %s; restore it from a backup, or move the whole data "
                   "directory aside to begin anew",
                   path, what);
    return -EUCLEAN;
}

int
ledger_prepare_dirs(const struct ledger *ledger, struct buf *error)
{
    char path[LEDGER_PATH_BYTES + 16];
    snprintf(path, sizeof(path), "%s/ledger/CURRENT", ledger->dir);
    bool is_there = access(path, F_OK) == 0;
    snprintf(path, sizeof(path), "%s/ledger", ledger->dir);
    int lost = is_there ? 0 : ledger_lost_current(path);
    if (lost < 0)
        return lost;
    if (lost > 0)
        return damaged(path, "CURRENT is missing", error);
    if (!is_there) {
        int64_t *days = NULL;
        size_t count = 0;
        int rc = ledger_day_list(ledger, &days, &count);
        free(days);
        if (rc < 0)
            return rc;
        if (count > 0)
            return damaged(path, "missing, but log rows are there", error);
        if (!ledger->create) {
            if (error != NULL)
                buf_printf(error, "%s: there is no ledger", path);
            return -ENOENT;
        }
    }
    if (!ledger->create)
        return 0;
    /* LevelDB would make them readable by all. */
    snprintf(path, sizeof(path), "%s/ledger", ledger->dir);
    int rc = proc_mkdir_p(path, 0700);
    snprintf(path, sizeof(path), "%s/log", ledger->dir);
    if (rc == 0)
        rc = proc_mkdir_p(path, 0700);
    if (rc < 0 && error != NULL)
        buf_printf(error, "%s: %s", path, strerror(-rc));
    return rc;
}

int
ledger_sync_dir(const char *path, struct buf *error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) < 0 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    if (rc < 0 && error != NULL)
        buf_printf(error, "%s: %s", path, strerror(-rc));
    return rc;
}

int
ledger_sync_dirs(const struct ledger *ledger, struct buf *error)
{
    char path[LEDGER_PATH_BYTES + 16];
    snprintf(path, sizeof(path), "%s/ledger", ledger->dir);
    int rc = ledger_sync_dir(path, error);
    /* Days whose maker died, or failed, before it synced them. */
    snprintf(path, sizeof(path), "%s/log", ledger->dir);
    if (rc == 0)
        rc = ledger_sync_dir(path, error);
    if (rc == 0)
        rc = ledger_sync_dir(ledger->dir, error);
    return rc;
}

int
ledger_check_format(struct ledger *ledger, struct buf *error)
{
    uint64_t format = 0;
    int rc = ledger_read_meta(ledger, NULL, "format", &format, error);
    if (rc < 0)
        return rc;
    if (rc == 1 && format == LEDGER_FORMAT)
        return 0;
    if (rc == 1)
        return damaged(ledger->dir,
                       format < LEDGER_FORMAT
                           ? "the ledger is of an earlier version: export it "
                             "with the aigw-ledger of that version (--rows: "
                             "the log, too) and restore it with this one's"
                           : "the ledger has a format that this version does "
                             "not know",
                       error);
    if (!ledger->create)
        return damaged(ledger->dir, "this is no ledger", error);
    int64_t *days = NULL;
    size_t count = 0;
    rc = ledger_day_list(ledger, &days, &count);
    free(days);
    if (rc < 0)
        return rc;
    if (count > 0)
        return damaged(ledger->dir,
                       "the ledger is empty, but log rows are "
                       "there",
                       error);
    struct ledger_key key;
    ledger_key_meta(&key, "format");
    char value = LEDGER_FORMAT, *text = NULL;
    leveldb_put(ledger->main, ledger->sync, (const char *)key.bytes, key.len,
                &value, 1, &text);
    if (text != NULL)
        return ledger_take_error(text, "while writing", error);
    return 0;
}
