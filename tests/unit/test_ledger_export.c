/*
 * test_ledger_export.c - an export is whole or refused; what is restored from
 * it is what was exported; what a repair salvages is never charged twice.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "accountant/ledger/ledger_import.h"
#include "accountant/ledger/ledger_repair.h"
#include "tests/unit/ledger_fixture.h"

struct export
{
    struct fixture f;
    char path[96], to[96];
    struct ledger_export_info info;
    struct buf text, error;
};

/* A ledger with 40 rows of three keys over two days, a key, a budget. */
static void
export_init(struct export *e)
{
    fixture_init(&e->f);
    buf_init(&e->text, 0);
    buf_init(&e->error, 0);
    struct ledger_row rows[40];
    for (uint64_t n = 0; n < 40; n++)
        rows[n] = fixture_row(2 + n % 3, n * 256, 100 + n,
                              FIXTURE_NOON + (int64_t)(n % 2) * FIXTURE_DAY);
    CHECK_EQ(fixture_book(&e->f, rows, 20, true), 0);
    CHECK_EQ(fixture_book(&e->f, rows + 20, 20, true), 0);
    struct ledger_batch *batch = ledger_batch_create();
    struct ledger_budget budget = {
        .unit = 0, .period = 1, .limit = 5000, .baseline = 100};
    ledger_batch_object(batch, LEDGER_KEY, 2, STR_LIT("opaque"));
    ledger_batch_budget(batch, LEDGER_KEY, 2, 0, &budget);
    ledger_batch_meta(batch, "next_id", 7);
    CHECK_EQ(ledger_batch_write(batch, e->f.ledger, &e->error), 0);
    ledger_batch_destroy(&batch);
    snprintf(e->path, sizeof(e->path), "%s/backup", e->f.dir);
    snprintf(e->to, sizeof(e->to), "%s/to", e->f.dir);
}

static void
export_make(struct export *e, bool with_rows)
{
    struct ledger_snapshot *snapshot = ledger_snapshot_take(e->f.ledger);
    CHECK_EQ(ledger_export(e->f.ledger, snapshot, e->path, with_rows, &e->info,
                           &e->error),
             0);
    ledger_snapshot_release(e->f.ledger, &snapshot);
}

static void
export_fini(struct export *e)
{
    buf_fini(&e->text);
    buf_fini(&e->error);
    fixture_fini(&e->f);
}

static void
check_totals(struct export *e, struct ledger *ledger)
{
    struct ledger_snapshot *snapshot = ledger_snapshot_take(ledger);
    for (uint64_t id = 2; id < 5; id++) {
        struct ledger_total total;
        CHECK_EQ(ledger_read_total(ledger, snapshot, LEDGER_KEY, id, &total),
                 0);
        CHECK_EQ(total.tokens, e->f.keys[id].tokens);
        CHECK_EQ(total.nano, e->f.keys[id].nano);
        CHECK_EQ(total.requests, e->f.keys[id].requests);
    }
    ledger_snapshot_release(ledger, &snapshot);
}

static bool
count_row(const struct ledger_row *row, void *context)
{
    (void)row;
    (*(uint64_t *)context)++;
    return true;
}

static uint64_t
count_rows(struct ledger *ledger)
{
    struct buf out;
    buf_init(&out, 0);
    struct ledger_snapshot *snapshot = ledger_snapshot_take(ledger);
    uint64_t count = 0;
    struct ledger_row_filter all = {.cause = -1};
    CHECK_EQ(ledger_scan_rows(ledger, snapshot, &all, count_row, &count, &out),
             0);
    ledger_snapshot_release(ledger, &snapshot);
    buf_fini(&out);
    return count;
}

static void
restore_and_compare(bool with_rows)
{
    struct export e;
    struct ledger *ledger = NULL;
    uint64_t number = 0;
    export_init(&e);
    export_make(&e, with_rows);
    CHECK_EQ(e.info.rows, with_rows ? 40 : 0);
    CHECK_EQ(ledger_import(e.path, e.to, &e.info, &e.text, &e.error), 0);
    CHECK_EQ(buf_len(&e.text), 0);
    CHECK_EQ(ledger_open(e.to, false, &ledger, &e.error), 0);
    check_totals(&e, ledger);
    CHECK_EQ(count_rows(ledger), with_rows ? 40 : 0);
    CHECK_EQ(fixture_differences(ledger, &e.text), 0);
    CHECK_EQ(ledger_read_meta(ledger, NULL, "next_id", &number, &e.error), 1);
    CHECK_EQ(number, 7);
    CHECK_EQ(ledger_read_meta(ledger, NULL, "restored", &number, &e.error), 1);
    CHECK_EQ(number, e.f.batch_no);
    ledger_close(&ledger);
    /* not over a ledger that is there */
    CHECK_EQ(ledger_import(e.path, e.to, &e.info, &e.text, &e.error),
             -ENOTEMPTY);
    export_fini(&e);
}

TEST(what_is_restored_is_what_was_exported)
{
    restore_and_compare(true);
    restore_and_compare(false);
}

static void
set_format(struct export *e, uint64_t format)
{
    struct ledger_batch *batch = ledger_batch_create();
    ledger_batch_meta(batch, "format", format);
    CHECK_EQ(ledger_batch_write(batch, e->f.ledger, &e->error), 0);
    ledger_batch_destroy(&batch);
}

/* Rows stand otherwise in it: refused with a way on, which works. */
TEST(a_ledger_of_an_earlier_format_comes_by_an_export)
{
    struct export e;
    struct ledger *ledger = NULL;
    export_init(&e);
    set_format(&e, 1);
    export_make(&e, true);
    CHECK_EQ(ledger_import(e.path, e.to, &e.info, &e.text, &e.error), 0);
    CHECK_EQ(ledger_open(e.to, false, &ledger, &e.error), 0);
    CHECK_EQ(count_rows(ledger), 40);
    ledger_close(&ledger);
    ledger_close(&e.f.ledger);
    CHECK_EQ(ledger_open(e.f.dir, false, &ledger, &e.error), -EUCLEAN);
    CHECK_TRUE(strstr(buf_cstr(&e.error), "earlier version") != NULL);
    export_fini(&e);
}

TEST(a_restored_ledger_goes_on_and_balances)
{
    struct export e;
    export_init(&e);
    export_make(&e, false);
    CHECK_EQ(ledger_import(e.path, e.to, &e.info, &e.text, &e.error), 0);
    ledger_rollup_fini(&e.f.rollup);
    ledger_close(&e.f.ledger);
    struct fixture on = e.f;
    CHECK_TRUE(strlen(e.to) < sizeof(on.dir));
    memcpy(on.dir, e.to, strlen(e.to) + 1);
    fixture_open(&on);
    struct ledger_row rows[10];
    for (uint64_t n = 40; n < 50; n++)
        rows[n - 40] =
            fixture_row(2 + n % 3, n * 256, 100 + n, FIXTURE_NOON + (int64_t)n);
    CHECK_EQ(fixture_book(&on, rows, 10, true), 0);
    CHECK_EQ(fixture_differences(on.ledger, &e.text), 0);
    CHECK_EQ(count_rows(on.ledger), 10);
    ledger_rollup_fini(&on.rollup);
    ledger_close(&on.ledger);
    buf_fini(&e.text);
    buf_fini(&e.error);
    fixture_remove(e.f.dir);
}

/* Writes `bytes` of the file, changed at `at` by `flip`, and reads it. */
static int
read_changed(const struct export *e, const char *bytes, size_t len, size_t at,
             uint8_t flip)
{
    char path[128];
    struct ledger_export_info info;
    struct buf error;
    snprintf(path, sizeof(path), "%s/changed", e->f.dir);
    FILE *out = fopen(path, "wb");
    CHECK_TRUE(out != NULL);
    CHECK_EQ(fwrite(bytes, 1, len, out), len);
    if (flip != 0) {
        CHECK_EQ(fseek(out, (long)at, SEEK_SET), 0);
        fputc((uint8_t)bytes[at] ^ flip, out);
    }
    fclose(out);
    buf_init(&error, 0);
    int rc = ledger_export_read(path, NULL, NULL, &info, &error);
    CHECK_TRUE(rc == 0 || buf_len(&error) > 0);
    buf_fini(&error);
    return rc;
}

TEST(an_export_that_was_cut_or_changed_anywhere_is_refused)
{
    struct export e;
    static char bytes[1 << 20];
    export_init(&e);
    export_make(&e, true);
    FILE *in = fopen(e.path, "rb");
    size_t len = fread(bytes, 1, sizeof(bytes) - 1, in);
    fclose(in);
    CHECK_EQ(read_changed(&e, bytes, len, 0, 0), 0);
    CHECK_EQ(read_changed(&e, bytes, len + 1, 0, 0), -EUCLEAN);
    for (size_t cut = 0; cut < len; cut += 1 + cut % 7)
        CHECK_EQ(read_changed(&e, bytes, cut, 0, 0), -EUCLEAN);
    for (size_t at = 0; at < len; at += 1 + at % 5)
        CHECK_EQ(read_changed(&e, bytes, len, at, (uint8_t)(1u << at % 8)),
                 -EUCLEAN);
    /* and nothing is begun with such a file */
    CHECK_EQ(truncate(e.path, (off_t)len - 1), 0);
    CHECK_EQ(ledger_import(e.path, e.to, &e.info, &e.text, &e.error), -EUCLEAN);
    CHECK_EQ(access(e.to, F_OK), -1);
    export_fini(&e);
}

static unsigned
count_files(const char *dir, const char *mark)
{
    unsigned count = 0;
    DIR *open_dir = opendir(dir);
    for (struct dirent *d; open_dir && (d = readdir(open_dir)) != NULL;)
        count += strstr(d->d_name, mark) != NULL;
    if (open_dir != NULL)
        closedir(open_dir);
    return count;
}

TEST(the_newest_exports_are_kept_and_unfinished_ones_go)
{
    struct export e;
    char path[LEDGER_EXPORT_PATH_BYTES], dir[96], left[160];
    export_init(&e);
    snprintf(dir, sizeof(dir), "%s/export", e.f.dir);
    CHECK_EQ(ledger_export_newest(e.f.ledger, "ledger"), 0);
    for (int i = 0; i < 5; i++) {
        struct ledger_snapshot *snapshot = ledger_snapshot_take(e.f.ledger);
        CHECK_EQ(ledger_export_kept(e.f.ledger, snapshot, "ledger", 2, false,
                                    path, &e.info, &e.error),
                 0);
        ledger_snapshot_release(e.f.ledger, &snapshot);
        usleep(2000); /* names are of milliseconds */
        snprintf(left, sizeof(left), "%s/ledger-x.tmp-1", dir);
        close(open(left, O_CREAT | O_WRONLY, 0600));
    }
    CHECK_EQ(count_files(dir, "ledger-20"), 2);
    CHECK_EQ(count_files(dir, ".tmp-"), 1);
    CHECK_EQ(access(path, F_OK), 0);
    CHECK_TRUE(ledger_export_newest(e.f.ledger, "ledger") > FIXTURE_NOON / 2);
    export_fini(&e);
}

/* ---- the seal ---- */

TEST(a_closed_ledger_that_was_touched_is_refused)
{
    static const char *const files[] = {"ledger/000003.log", "ledger/CURRENT",
                                        "log/2026-11-21/000003.log"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct export e;
        char path[160];
        struct stat st;
        export_init(&e);
        ledger_close(&e.f.ledger);
        snprintf(path, sizeof(path), "%s/%s", e.f.dir, files[i]);
        CHECK_EQ(stat(path, &st), 0);
        CHECK_EQ(truncate(path, st.st_size - 1), 0);
        CHECK_EQ(ledger_open(e.f.dir, true, &e.f.ledger, &e.error), -EUCLEAN);
        CHECK_TRUE(strstr(buf_cstr(&e.error), files[i]) != NULL);
        export_fini(&e);
    }
}

TEST(a_ledger_that_was_open_has_no_seal_and_a_closed_one_opens_again)
{
    struct export e;
    char path[96];
    export_init(&e);
    snprintf(path, sizeof(path), "%s/ledger.seal", e.f.dir);
    CHECK_EQ(access(path, F_OK), -1);
    for (int i = 0; i < 3; i++) {
        ledger_close(&e.f.ledger);
        CHECK_EQ(access(path, F_OK), 0);
        fixture_open(&e.f);
        CHECK_EQ(access(path, F_OK), -1);
    }
    check_totals(&e, e.f.ledger);
    export_fini(&e);
}

/* ---- repair ---- */

static void
repair(struct export *e, struct ledger_repair *done)
{
    buf_reset(&e->text);
    int rc = ledger_repair(e->f.dir, e->to, done, &e->text, &e->error);
    if (rc != 0)
        fprintf(stderr, "%s\n", buf_cstr(&e->error));
    CHECK_EQ(rc, 0);
}

static void
check_repaired(struct export *e, bool exact)
{
    struct ledger *ledger = NULL;
    CHECK_EQ(ledger_open(e->to, false, &ledger, &e->error), 0);
    if (ledger == NULL)
        return;
    if (exact)
        check_totals(e, ledger);
    buf_reset(&e->text);
    if (fixture_differences(ledger, &e->text) != 0)
        test_fail(__FILE__, __LINE__, "%s", buf_cstr(&e->text));
    ledger_close(&ledger);
}

TEST(a_repair_of_a_sound_ledger_loses_nothing)
{
    struct export e;
    struct ledger_repair done;
    export_init(&e);
    ledger_close(&e.f.ledger);
    repair(&e, &done);
    CHECK_EQ(done.rows, 40);
    CHECK_EQ(done.bad_pairs + done.bad_rows + done.corrections, 0);
    check_repaired(&e, true);
    export_fini(&e);
}

TEST(a_repair_without_the_main_database_takes_the_totals_from_the_rows)
{
    struct export e;
    struct ledger_repair done;
    char path[96];
    export_init(&e);
    ledger_close(&e.f.ledger);
    snprintf(path, sizeof(path), "%s/ledger", e.f.dir);
    fixture_remove(path);
    repair(&e, &done);
    CHECK_EQ(done.rows, 40);
    CHECK_TRUE(done.corrections > 0);
    struct ledger *ledger = NULL;
    CHECK_EQ(ledger_open(e.to, false, &ledger, &e.error), 0);
    check_totals(&e, ledger);
    ledger_close(&ledger);
    export_fini(&e);
}

TEST(a_repair_without_rows_keeps_the_totals)
{
    struct export e;
    struct ledger_repair done;
    char path[96];
    export_init(&e);
    ledger_close(&e.f.ledger);
    snprintf(path, sizeof(path), "%s/log", e.f.dir);
    fixture_remove(path);
    repair(&e, &done);
    CHECK_EQ(done.rows, 0);
    CHECK_TRUE(strstr(buf_cstr(&e.text), "log rows are lost") != NULL);
    check_repaired(&e, true);
    export_fini(&e);
}
