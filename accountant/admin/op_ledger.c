/*
 * op_ledger.c - GET /admin/v1/ledger/...: the reports of aigw-ledger, made by
 * the process that holds the databases.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "accountant/ledger/ledger_export.h"
#include "accountant/ledger_report.h"
#include "common/config.h"

/* The reports write straight into the answer: nobody else touches it until the
 * done callback. */
static void
sum_work(struct ledger *ledger, struct ledger_snapshot *snapshot, void *context)
{
    struct call *call = context;
    call->status =
        ledger_report_sum(ledger, snapshot, &call->reply) == 0 ? 200 : 503;
}

static void
verify_work(struct ledger *ledger, struct ledger_snapshot *snapshot,
            void *context)
{
    struct call *call = context;
    call->status =
        ledger_report_verify(ledger, snapshot, &call->reply) == 0 ? 200 : 503;
}

static void
list_work(struct ledger *ledger, struct ledger_snapshot *snapshot,
          void *context)
{
    struct call *call = context;
    call->status =
        ledger_report_list(ledger, snapshot, &call->reply) == 0 ? 200 : 503;
}

static void
report_done(void *context)
{
    struct call *call = context;
    if (call->status == 200)
        call_answer(call, 200);
    else
        call_fail(call, 503, "ledger_unavailable",
                  "The ledger could not be read: %.400s",
                  buf_cstr(&call->reply));
}

/* ---- room on disk ---- */

struct disk {
    uint64_t bytes, files;
};

/* All below `folder`, which may change meanwhile: what goes is not counted. */
static void
measure(int folder, unsigned depth, struct disk *disk)
{
    DIR *dir = fdopendir(folder);
    const struct dirent *entry;
    if (dir == NULL) {
        close(folder);
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 ||
            strcmp(entry->d_name, "..") == 0 ||
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (S_ISREG(st.st_mode)) {
            disk->bytes += (uint64_t)st.st_blocks * 512;
            disk->files++;
        } else if (S_ISDIR(st.st_mode) && depth > 0) {
            int below = openat(dirfd(dir), entry->d_name,
                               O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
            if (below >= 0)
                measure(below, depth - 1, disk);
        }
    }
    closedir(dir);
}

static void
disk_work(struct ledger *ledger, struct ledger_snapshot *snapshot,
          void *context)
{
    enum { DEPTH = 4 };
    struct call *call = context;
    struct json_writer *json = &call->json;
    const char *path = call->work;
    struct disk disk = {0, 0};
    struct statvfs room;
    (void)ledger;
    (void)snapshot;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || fstatvfs(folder, &room) != 0) {
        buf_printf(&call->reply, "%s: %s", path, strerror(errno));
        if (folder >= 0)
            close(folder);
        call->status = 503;
        return;
    }
    measure(folder, DEPTH, &disk);
    json_object_begin(json);
    json_key(json, "data_dir");
    json_cstring(json, path);
    json_key(json, "bytes");
    json_u64(json, disk.bytes);
    json_key(json, "files");
    json_u64(json, disk.files);
    json_key(json, "free_bytes");
    json_u64(json, (uint64_t)room.f_bavail * room.f_frsize);
    json_object_end(json);
    call->status = 200;
}

void
op_ledger_disk(struct call *call)
{
    /* A copy: a reload may end the configuration meanwhile. */
    call->work = strdup(store_config(call->store)->server.data_dir);
    call->work_free = free;
    if (call->work == NULL)
        call_fail(call, 503, "overloaded", "Out of memory.");
    else
        call_query(call, disk_work, report_done);
}

void
op_ledger_sum(struct call *call)
{
    call_query_long(call, sum_work, report_done);
}

void
op_ledger_verify(struct call *call)
{
    call_query_long(call, verify_work, report_done);
}

void
op_ledger_list(struct call *call)
{
    call_query_long(call, list_work, report_done);
}

/* ---- export ---- */

struct export_work {
    bool with_rows;
    unsigned keep;
    int result;
    char path[LEDGER_EXPORT_PATH_BYTES];
    struct ledger_export_info info;
    struct buf error;
};

static void
export_work_free(void *context)
{
    struct export_work *work = context;
    buf_fini(&work->error);
    free(work);
}

/* A name of its own: the hourly ones are kept by their count. */
static void
export_run(struct ledger *ledger, struct ledger_snapshot *snapshot,
           void *context)
{
    struct export_work *work = ((struct call *)context)->work;
    work->result = ledger_export_kept(ledger, snapshot, "asked", work->keep,
                                      work->with_rows, work->path, &work->info,
                                      &work->error);
}

static void
export_done(void *context)
{
    struct call *call = context;
    struct export_work *work = call->work;
    struct json_writer *json = &call->json;
    if (work->result < 0) {
        call_fail(call, 503, "ledger_unavailable",
                  "The ledger could not be exported: %.400s",
                  buf_len(&work->error) > 0 ? buf_cstr(&work->error)
                                            : strerror(-work->result));
        return;
    }
    json_object_begin(json);
    json_key(json, "file");
    json_cstring(json, work->path);
    json_key(json, "records");
    json_u64(json, work->info.pairs);
    json_key(json, "rows");
    json_u64(json, work->info.rows);
    json_key(json, "bytes");
    json_u64(json, work->info.bytes);
    json_object_end(json);
    call_answer(call, 200);
}

void
op_ledger_export(struct call *call)
{
    struct export_work *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        call_fail(call, 503, "overloaded", "Out of memory.");
        return;
    }
    const char *rows = query_get(&call->query, "rows");
    buf_init(&work->error, 0);
    work->with_rows = rows != NULL && strcmp(rows, "yes") == 0;
    work->keep = (unsigned)store_config(call->store)->server.export_keep;
    call->work = work;
    call->work_free = export_work_free;
    call_query_long(call, export_run, export_done);
}
