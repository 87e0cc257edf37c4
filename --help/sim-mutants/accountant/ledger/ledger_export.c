/*
 * ledger_export.c - writing an export; see ledger_export.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_export.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accountant/ledger/codec.h"
#include "accountant/ledger/ledger_export_frame.h"
#include "accountant/ledger/ledger_internal.h"
#include "accountant/ledger/ledger_open.h"
#include "accountant/ledger/ledger_read.h"
#include "common/clock.h"
#include "common/proc.h"

struct exporting {
    struct export_file file;
    struct ledger_export_info *info;
    int error;
};

static int
put_pair(struct exporting *e, char type, struct str key, struct str value)
{
    buf_reset(&e->file.payload);
    codec_put_bytes(&e->file.payload, key.ptr, key.len);
    codec_put_bytes(&e->file.payload, value.ptr, value.len);
    return export_frame_put(&e->file, type);
}

static bool
export_pair(struct str key, struct str value, void *context)
{
    struct exporting *e = context;
    if (key.len > 0 && key.ptr[0] == 'E')
        return true; /* of this life of the ledger alone */
    e->error = put_pair(e, 'p', key, value);
    e->info->pairs++;
    return e->error == 0;
}

static bool
export_row(const struct ledger_row *row, void *context)
{
    struct exporting *e = context;
    struct ledger_key key;
    struct buf value;
    buf_init(&value, 0);
    ledger_key_row(&key, row);
    ledger_row_encode(row, &value);
    struct str key_bytes = {(const char *)key.bytes, key.len};
    e->error = buf_ok(&value) ? put_pair(e, 'r', key_bytes, buf_view(&value))
                              : -ENOMEM;
    buf_fini(&value);
    e->info->rows++;
    return e->error == 0;
}

static int
put_header(struct exporting *e)
{
    struct buf *out = &e->file.payload;
    buf_reset(out);
    codec_put_i64(out, e->info->created_ms);
    codec_put_u64(out, e->info->epoch);
    codec_put_u64(out, e->info->batch_no);
    codec_put_u8(out, e->info->has_rows);
    return export_frame_put(&e->file, 'h');
}

/* The damage of a value found here must not become the backup. */
static int
put_all(struct exporting *e, struct ledger *ledger,
        struct ledger_snapshot *snapshot, struct buf *error)
{
    static const struct ledger_key everything;
    struct ledger_row_filter all = {.cause = -1, .oldest_first = true};
    int rc = put_header(e);
    if (rc == 0)
        rc = ledger_scan(ledger, snapshot, &everything, NULL, export_pair, e,
                         error);
    if (rc == 0)
        rc = e->error;
    if (rc == 0 && e->info->has_rows)
        rc = ledger_scan_rows(ledger, snapshot, &all, export_row, e, error);
    if (rc == 0)
        rc = e->error;
    return rc == 0 ? export_file_finish(&e->file) : rc;
}

/* fsync of the directory that holds `path`. */
static int
sync_parent(const char *path, struct buf *error)
{
    char parent[LEDGER_EXPORT_PATH_BYTES];
    snprintf(parent, sizeof(parent), "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash == NULL)
        return ledger_sync_dir(".", error);
    slash[slash == parent] = '\0';
    return ledger_sync_dir(parent, error);
}

static int
write_file(struct exporting *e, struct ledger *ledger,
           struct ledger_snapshot *snapshot, const char *path,
           struct buf *error)
{
    char temporary[LEDGER_EXPORT_PATH_BYTES + 32];
    snprintf(temporary, sizeof(temporary), "%s.tmp-%ld", path, (long)getpid());
    if (unlink(temporary) < 0 && errno != ENOENT)
        return -errno;
    int rc = export_file_create(&e->file, temporary);
    if (rc == 0)
        rc = put_all(e, ledger, snapshot, error);
    e->info->bytes = e->file.bytes;
    export_file_close(&e->file);
    if (rc == 0 && rename(temporary, path) < 0)
        rc = -errno;
    if (rc < 0 && rc != -EEXIST)
        unlink(temporary);
    return rc == 0 ? sync_parent(path, error) : rc;
}

int
ledger_export(struct ledger *ledger, struct ledger_snapshot *snapshot,
              const char *path, bool with_rows, struct ledger_export_info *info,
              struct buf *error)
{
    struct exporting e = {.info = info};
    *info = (struct ledger_export_info){.created_ms = clock_wall_ms(),
                                        .has_rows = with_rows};
    if (strlen(path) >= LEDGER_EXPORT_PATH_BYTES)
        return -ENAMETOOLONG;
    if (snapshot == NULL)
        return -EAGAIN;
    if (snapshot->error != 0)
        return snapshot->error;
    info->epoch = snapshot->epoch;
    int rc =
        ledger_read_meta(ledger, snapshot, "batch", &info->batch_no, error);
    if (rc >= 0)
        rc = write_file(&e, ledger, snapshot, path, error);
    if (rc < 0 && buf_len(error) == 0)
        buf_printf(error, "%s: %s", path, strerror(-rc));
    return rc;
}

/* ---- the kept ones ---- */

static bool
is_export_of(const char *name, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(name, prefix, len) == 0 && name[len] == '-' &&
           strstr(name, ".tmp-") == NULL;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)b, *(char *const *)a);
}

/* Names of PREFIX's exports, newest first; their time sorts as text. */
static int
list_kept(const char *dir_path, const char *prefix, char ***names,
          size_t *count)
{
    DIR *dir = opendir(dir_path);
    *names = NULL;
    *count = 0;
    if (dir == NULL)
        return errno == ENOENT ? 0 : -errno;
    int rc = 0;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (!is_export_of(e->d_name, prefix))
            continue;
        char **more = realloc(*names, (*count + 1) * sizeof(*more));
        if (more != NULL)
            *names = more;
        char *name = more == NULL ? NULL : strdup(e->d_name);
        if (name == NULL) {
            rc = -ENOMEM;
            break;
        }
        more[(*count)++] = name;
    }
    closedir(dir);
    if (*count > 0)
        qsort(*names, *count, sizeof(**names), compare_names);
    return rc;
}

static void
free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

/* Also what a writer that died left behind. */
static void
remove_old(const char *dir_path, const char *prefix, unsigned keep)
{
    char path[LEDGER_EXPORT_PATH_BYTES + 256];
    char **names;
    size_t count;
    if (list_kept(dir_path, prefix, &names, &count) == 0)
        for (size_t i = keep; i < count; i++) {
            snprintf(path, sizeof(path), "%s/%s", dir_path, names[i]);
            unlink(path);
        }
    free_names(names, count);
}

static void
remove_unfinished(const char *dir_path)
{
    char path[LEDGER_EXPORT_PATH_BYTES + 256], own[32];
    DIR *dir = opendir(dir_path);
    if (dir == NULL)
        return;
    snprintf(own, sizeof(own), ".tmp-%ld", (long)getpid());
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        const char *mark = strstr(e->d_name, ".tmp-");
        if (mark == NULL || strcmp(mark, own) == 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", dir_path, e->d_name);
        unlink(path);
    }
    closedir(dir);
}

int64_t
ledger_export_newest(const struct ledger *ledger, const char *prefix)
{
    char dir_path[LEDGER_PATH_BYTES];
    char **names;
    size_t count;
    int64_t newest_ms = 0;
    snprintf(dir_path, sizeof(dir_path), "%s/export", ledger->dir);
    if (list_kept(dir_path, prefix, &names, &count) == 0)
        for (size_t i = 0; i < count && newest_ms == 0; i++)
            if (clock_parse_rfc3339(names[i] + strlen(prefix) + 1, &newest_ms) <
                0)
                newest_ms = 0; /* a file of somebody else's */
    free_names(names, count);
    return newest_ms;
}

int
ledger_export_kept(struct ledger *ledger, struct ledger_snapshot *snapshot,
                   const char *prefix, unsigned keep, bool with_rows,
                   char path[LEDGER_EXPORT_PATH_BYTES],
                   struct ledger_export_info *info, struct buf *error)
{
    char dir_path[LEDGER_PATH_BYTES], when[32];
    snprintf(dir_path, sizeof(dir_path), "%s/export", ledger->dir);
    int rc = proc_mkdir_p(dir_path, 0700);
    if (rc < 0) {
        buf_printf(error, "%s: %s", dir_path, strerror(-rc));
        return rc;
    }
    remove_unfinished(dir_path);
    clock_format_rfc3339(clock_wall_ms(), when);
    snprintf(path, LEDGER_EXPORT_PATH_BYTES, "%s/%s-%s", dir_path, prefix,
             when);
    rc = ledger_export(ledger, snapshot, path, with_rows, info, error);
    if (rc == 0)
        remove_old(dir_path, prefix, keep);
    return rc;
}
