/*
 * aigw_ledger_backup.c - export, check, restore, repair.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accountant/ledger/ledger_import.h"
#include "accountant/ledger/ledger_repair.h"
#include "tools/aigw_ledger.h"

enum { PATH_BYTES = 1024 };

static int
fail(int rc, struct buf *error)
{
    fprintf(stderr, "aigw-ledger: %s\n",
            buf_len(error) > 0 ? buf_cstr(error) : strerror(-rc));
    return EXIT_FAILURE;
}

static void
print_info(const char *path, const struct ledger_export_info *info)
{
    printf("%s: %llu records, %llu log rows%s, %llu bytes, batch %llu\n", path,
           (unsigned long long)info->pairs, (unsigned long long)info->rows,
           info->has_rows ? "" : " (none exported)",
           (unsigned long long)info->bytes, (unsigned long long)info->batch_no);
}

static bool
is_there(const char *path, struct buf *error)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        return false;
    buf_printf(error, "%s is there already", path);
    return true;
}

/* ---- export ---- */

static int
copy_stream(FILE *in, FILE *out)
{
    char piece[65536];
    size_t n;
    while ((n = fread(piece, 1, sizeof(piece), in)) > 0)
        if (fwrite(piece, 1, n, out) != n)
            return -EIO;
    if (ferror(in) || fflush(out) != 0)
        return -EIO;
    return fsync(fileno(out)) < 0 ? -errno : 0;
}

/* From the accountant's folder to where it was wanted; the first goes away. */
static int
fetch(const char *from, const char *to, struct buf *error)
{
    char temporary[PATH_BYTES];
    int len = snprintf(temporary, sizeof(temporary), "%s.tmp-%ld", to,
                       (long)getpid());
    if (len < 0 || len >= (int)sizeof(temporary))
        return -ENAMETOOLONG;
    FILE *in = fopen(from, "rbe");
    int rc = in == NULL ? -errno : 0;
    umask(077);
    FILE *out = rc == 0 ? fopen(temporary, "wxe") : NULL;
    if (rc == 0)
        rc = out == NULL ? -errno : copy_stream(in, out);
    if (in != NULL)
        fclose(in);
    if (out != NULL)
        fclose(out);
    if (rc == 0 && rename(temporary, to) < 0)
        rc = -errno;
    if (rc < 0 && out != NULL)
        unlink(temporary);
    if (rc < 0)
        buf_printf(error, "%s to %s: %s", from, to, strerror(-rc));
    else
        unlink(from);
    return rc;
}

static int
fetch_answer(struct str json, const char *to, struct buf *error)
{
    cJSON *answer = cJSON_ParseWithLength(json.ptr, json.len);
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(answer, "data");
    const cJSON *file = cJSON_GetObjectItemCaseSensitive(
        cJSON_IsObject(data) ? data : answer, "file");
    int rc = -EBADMSG;
    if (cJSON_IsString(file))
        rc = fetch(file->valuestring, to, error);
    else
        buf_append_cstr(error, "the answer names no file");
    cJSON_Delete(answer);
    return rc;
}

int
ledger_run_export(const struct ledger_options *options)
{
    const char *path = options->args[0];
    struct ledger_export_info info;
    struct ledger *ledger = NULL;
    struct buf json, error;
    buf_init(&json, 0);
    buf_init(&error, 0);
    int rc = is_there(path, &error) ? -EEXIST : 0;
    if (rc == 0)
        rc = ledger_reach(options, "POST",
                          options->rows ? "export?rows=yes" : "export", &ledger,
                          &json, &error);
    if (rc == 0 && ledger == NULL) {
        rc = fetch_answer(buf_view(&json), path, &error);
    } else if (rc == 0) {
        struct ledger_snapshot *snapshot = ledger_snapshot_take(ledger);
        rc =
            ledger_export(ledger, snapshot, path, options->rows, &info, &error);
        ledger_snapshot_release(ledger, &snapshot);
    }
    ledger_close(&ledger);
    /* What was written is read once: a backup that nobody read is none. */
    if (rc == 0)
        rc = ledger_export_read(path, NULL, NULL, &info, &error);
    int status = rc < 0 ? fail(rc, &error) : EXIT_SUCCESS;
    if (rc == 0)
        print_info(path, &info);
    buf_fini(&json);
    buf_fini(&error);
    return status;
}

/* ---- check, restore ---- */

int
ledger_run_check(const struct ledger_options *options)
{
    struct ledger_export_info info;
    struct buf error;
    buf_init(&error, 0);
    int rc = ledger_export_read(options->args[0], NULL, NULL, &info, &error);
    int status = rc < 0 ? fail(rc, &error) : EXIT_SUCCESS;
    if (rc == 0)
        print_info(options->args[0], &info);
    buf_fini(&error);
    return status;
}

int
ledger_run_restore(const struct ledger_options *options)
{
    const char *dir = options->args[1];
    struct ledger_export_info info;
    struct buf report, error;
    char secret[PATH_BYTES];
    buf_init(&report, 0);
    buf_init(&error, 0);
    int rc = ledger_import(options->args[0], dir, &info, &report, &error);
    int status = rc < 0 ? fail(rc, &error) : EXIT_SUCCESS;
    if (rc == 0) {
        fputs(buf_cstr(&report), stdout);
        print_info(dir, &info);
        snprintf(secret, sizeof(secret), "%s/secret", dir);
        if (access(secret, F_OK) < 0)
            printf("%s is missing: put the old one there before the first "
                   "start, or no key can be used\n",
                   secret);
    }
    buf_fini(&report);
    buf_fini(&error);
    return status;
}

/* ---- repair ---- */

int
ledger_run_repair(const struct ledger_options *options)
{
    char own[PATH_BYTES];
    const char *from = options->args[0], *to = options->args[1];
    struct ledger_repair done;
    struct buf report, error;
    buf_init(&report, 0);
    buf_init(&error, 0);
    int rc = 0;
    if (to == NULL) {
        int len = snprintf(own, sizeof(own), "%s", from);
        while (len > 1 && len < (int)sizeof(own) && own[len - 1] == '/')
            own[--len] = '\0';
        if (len < 0 || len + sizeof(".repaired") > sizeof(own))
            rc = -ENAMETOOLONG;
        else
            memcpy(own + len, ".repaired", sizeof(".repaired"));
        to = own;
    }
    if (rc == 0)
        rc = ledger_repair(from, to, &done, &report, &error);
    int status = rc < 0 ? fail(rc, &error) : EXIT_SUCCESS;
    if (rc == 0) {
        fputs(buf_cstr(&report), stdout);
        printf("%s: %llu records and %llu log rows are salvaged; %llu and %llu "
               "were damaged, %llu totals corrected. What is not there any "
               "more is not counted; compare with the newest export.\n",
               to, (unsigned long long)done.pairs,
               (unsigned long long)done.rows,
               (unsigned long long)done.bad_pairs,
               (unsigned long long)done.bad_rows,
               (unsigned long long)done.corrections);
    }
    buf_fini(&report);
    buf_fini(&error);
    return status;
}
