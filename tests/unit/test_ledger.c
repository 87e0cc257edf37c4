/*
 * test_ledger.c - databases, batches, rows, snapshots, recovery, retention.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "accountant/ledger/ledger_recover.h"
#include "accountant/ledger/ledger_report.h"
#include "accountant/ledger/ledger_retention.h"
#include "tests/unit/ledger_fixture.h"

struct seen {
    uint64_t count, tokens, stop_after;
    uint64_t first, last; /* positions */
    char cursor[64];
};

static bool
see(const struct ledger_row *row, void *context)
{
    struct seen *seen = context;
    if (seen->stop_after != 0 && seen->count == seen->stop_after)
        return false;
    if (seen->count++ == 0)
        seen->first = row->position;
    seen->last = row->position;
    seen->tokens += row->tokens;
    ledger_row_cursor(row, seen->cursor);
    return true;
}

static struct seen
scan(struct fixture *f, const struct ledger_row_filter *filter,
     uint64_t stop_after)
{
    struct seen seen = {.stop_after = stop_after};
    struct ledger_snapshot *snapshot = ledger_snapshot_take(f->ledger);
    struct buf error;
    buf_init(&error, 0);
    CHECK_EQ(ledger_scan_rows(f->ledger, snapshot, filter, see, &seen, &error),
             0);
    ledger_snapshot_release(f->ledger, &snapshot);
    buf_fini(&error);
    return seen;
}

static void
book_one(struct fixture *f, uint64_t key, uint64_t position, int64_t at_ms)
{
    struct ledger_row row = fixture_row(key, position, 100, at_ms);
    CHECK_EQ(fixture_book(f, &row, 1, true), 0);
}

TEST(totals_come_back_after_closing)
{
    struct fixture f;
    struct ledger_total total;
    fixture_init(&f);
    book_one(&f, 2, 0, FIXTURE_NOON);
    book_one(&f, 2, 256, FIXTURE_NOON + 5);
    ledger_close(&f.ledger);
    fixture_open(&f);
    struct ledger_snapshot *snapshot = ledger_snapshot_take(f.ledger);
    CHECK_EQ(ledger_read_total(f.ledger, snapshot, LEDGER_KEY, 2, &total), 0);
    CHECK_EQ(total.tokens, 200);
    CHECK_EQ(total.nano, 600);
    CHECK_EQ(total.requests, 2);
    CHECK_EQ(ledger_read_total(f.ledger, snapshot, LEDGER_KEY, 9, &total),
             -ENOENT);
    CHECK_EQ(ledger_read_total(f.ledger, NULL, LEDGER_KEY, 2, &total), -EIO);
    ledger_snapshot_release(f.ledger, &snapshot);
    fixture_fini(&f);
}

TEST(rows_are_found_by_filter_in_both_orders)
{
    struct fixture f;
    fixture_init(&f);
    for (uint64_t i = 0; i < 6; i++)
        book_one(&f, 2 + i % 2, i * 256,
                 FIXTURE_NOON + (int64_t)i * FIXTURE_DAY / 3);
    struct ledger_row_filter filter = {.cause = -1};
    struct seen seen = scan(&f, &filter, 0);
    CHECK_EQ(seen.count, 6);
    CHECK_EQ(seen.first, 5 * 256);
    CHECK_EQ(seen.last, 0);
    filter.oldest_first = true;
    seen = scan(&f, &filter, 0);
    CHECK_EQ(seen.first, 0);
    CHECK_EQ(seen.last, 5 * 256);
    filter.key_id = 3;
    CHECK_EQ(scan(&f, &filter, 0).count, 3);
    filter.key_id = 0;
    filter.from_ms = FIXTURE_NOON + FIXTURE_DAY / 3;
    filter.to_ms = FIXTURE_NOON + FIXTURE_DAY;
    CHECK_EQ(scan(&f, &filter, 0).count, 2);
    filter = (struct ledger_row_filter){.cause = -1, .text = "GPT-"};
    CHECK_EQ(scan(&f, &filter, 0).count, 6);
    filter.text = "nothing";
    CHECK_EQ(scan(&f, &filter, 0).count, 0);
    filter = (struct ledger_row_filter){.cause = 0, .status_min = 400};
    CHECK_EQ(scan(&f, &filter, 0).count, 0);
    filter = (struct ledger_row_filter){.cause = -1, .request_id = "req-2-512"};
    CHECK_EQ(scan(&f, &filter, 0).count, 1);
    fixture_fini(&f);
}

TEST(rows_are_found_by_their_metadata)
{
    struct fixture f;
    static const char *const texts[] = {
        "", "{\"plan\":\"paid\",\"n\":1.50,\"ok\":true}",
        "{\"plan\":\"\\u0070aid\"}", "{\"plan\":", "not JSON"};
    static const struct {
        struct ledger_tag tags[2];
        unsigned tag_count;
        uint64_t count;
    } cases[] = {
        {{{"plan", "paid"}}, 1, 2},
        {{{"plan", NULL}}, 1, 2},
        {{{"plan", "pai"}}, 1, 0},
        {{{"n", "1.50"}}, 1, 1},
        {{{"n", "1.5"}}, 1, 0},
        {{{"ok", "true"}, {"plan", "paid"}}, 2, 1},
        {{{"ok", "true"}, {"plan", "free"}}, 2, 0},
        {{{"", NULL}}, 1, 0},
    };
    fixture_init(&f);
    for (uint64_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct ledger_row row = fixture_row(2, i * 256, 100, FIXTURE_NOON);
        strcpy(row.tags, texts[i]);
        CHECK_EQ(fixture_book(&f, &row, 1, true), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ledger_row_filter filter = {.cause = -1,
                                           .tag_count = cases[i].tag_count};
        memcpy(filter.tags, cases[i].tags, sizeof(cases[i].tags));
        uint64_t count = scan(&f, &filter, 0).count;
        if (count != cases[i].count)
            test_fail(__FILE__, __LINE__, "case %zu: %llu rows", i,
                      (unsigned long long)count);
    }
    fixture_fini(&f);
}

TEST(a_cursor_goes_on_behind_the_last_row)
{
    for (int oldest_first = 0; oldest_first < 2; oldest_first++) {
        struct fixture f;
        fixture_init(&f);
        for (uint64_t i = 0; i < 7; i++)
            book_one(&f, 2, i * 256,
                     FIXTURE_NOON + (int64_t)(i / 2) * FIXTURE_DAY);
        struct ledger_row_filter filter = {.cause = -1,
                                           .oldest_first = oldest_first != 0};
        char cursor[64] = "";
        uint64_t total = 0, pages = 0;
        filter.cursor = cursor;
        for (; pages < 10; pages++) {
            struct seen seen = scan(&f, &filter, 2);
            if (seen.count == 0)
                break;
            total += seen.count;
            memcpy(cursor, seen.cursor, sizeof(cursor));
        }
        CHECK_EQ(total, 7);
        CHECK_EQ(pages, 4);
        fixture_fini(&f);
    }
}

TEST(a_bad_cursor_is_refused)
{
    struct fixture f;
    struct buf error;
    fixture_init(&f);
    buf_init(&error, 0);
    struct seen seen = {0};
    struct ledger_row_filter filter = {.cause = -1, .cursor = "abc"};
    struct ledger_snapshot *snapshot = ledger_snapshot_take(f.ledger);
    CHECK_EQ(ledger_scan_rows(f.ledger, snapshot, &filter, see, &seen, &error),
             -EINVAL);
    ledger_snapshot_release(f.ledger, &snapshot);
    buf_fini(&error);
    fixture_fini(&f);
}

/* A client may send any bytes as one. */
TEST(a_cursor_of_the_end_of_time_is_behind_all_rows)
{
    struct fixture f;
    char cursor[64];
    fixture_init(&f);
    book_one(&f, 2, 0, FIXTURE_NOON);
    snprintf(cursor, sizeof(cursor), "727fffffffffffffff%040d", 0);
    struct ledger_row_filter filter = {.cause = -1, .cursor = cursor};
    struct seen seen = scan(&f, &filter, 0);
    CHECK_EQ(seen.count, 1);
    filter.oldest_first = true;
    seen = scan(&f, &filter, 0);
    CHECK_EQ(seen.count, 0);
    fixture_fini(&f);
}

TEST(rows_of_a_flush_that_was_cut_are_not_shown)
{
    struct fixture f;
    struct buf report;
    fixture_init(&f);
    buf_init(&report, 0);
    book_one(&f, 2, 0, FIXTURE_NOON);
    struct ledger_row cut = fixture_row(2, 256, 40, FIXTURE_NOON + 1);
    CHECK_EQ(fixture_book(&f, &cut, 1, false), 0);
    struct ledger_row_filter filter = {.cause = -1};
    CHECK_EQ(scan(&f, &filter, 0).count, 1);
    CHECK_EQ(fixture_differences(f.ledger, &report), 0);
    /* written again, it counts once */
    CHECK_EQ(fixture_book(&f, &cut, 1, true), 0);
    CHECK_EQ(scan(&f, &filter, 0).tokens, 140);
    CHECK_EQ(fixture_differences(f.ledger, &report), 0);
    buf_fini(&report);
    fixture_fini(&f);
}

TEST(a_new_segment_books_rows_that_were_never_booked)
{
    struct fixture f;
    struct buf report;
    struct ledger_recovery recovery;
    struct ledger_total total;
    fixture_init(&f);
    buf_init(&report, 0);
    book_one(&f, 2, 0, FIXTURE_NOON);
    struct ledger_row cut[2] = {
        fixture_row(2, 256, 40, FIXTURE_NOON + 1),
        fixture_row(3, 512, 2, FIXTURE_NOON + FIXTURE_DAY)};
    CHECK_EQ(fixture_book(&f, cut, 2, false), 0);
    CHECK_EQ(ledger_recover(f.ledger, 7, 1, &recovery, &report), 0);
    CHECK_TRUE(!recovery.new_epoch);
    CHECK_EQ(ledger_recover(f.ledger, 8, 1, &recovery, &report), 0);
    CHECK_TRUE(recovery.new_epoch && !recovery.is_new);
    CHECK_EQ(recovery.rows_booked, 2);
    struct ledger_snapshot *snapshot = ledger_snapshot_take(f.ledger);
    CHECK_EQ(ledger_read_total(f.ledger, snapshot, LEDGER_KEY, 2, &total), 0);
    CHECK_EQ(total.tokens, 140);
    CHECK_EQ(ledger_read_total(f.ledger, snapshot, LEDGER_GROUP, 1, &total), 0);
    CHECK_EQ(total.tokens, 142);
    ledger_snapshot_release(f.ledger, &snapshot);
    CHECK_EQ(fixture_differences(f.ledger, &report), 0);
    CHECK_EQ(ledger_recover(f.ledger, 8, 1, &recovery, &report), 0);
    CHECK_EQ(recovery.rows_booked, 0);
    CHECK_STR(buf_view(&report), "");
    buf_fini(&report);
    fixture_fini(&f);
}

/* The ledger says from when on rows may be that are not booked. */
static void
say_unbooked_from(struct fixture *f, int64_t ms)
{
    struct buf error;
    buf_init(&error, 0);
    struct ledger_batch *batch = ledger_batch_create();
    ledger_batch_unbooked_from(batch, ms);
    CHECK_EQ(ledger_batch_write(batch, f->ledger, &error), 0);
    ledger_batch_destroy(&batch);
    buf_fini(&error);
}

TEST(rows_older_than_announced_are_found_by_a_new_segment)
{
    for (int reopened = 0; reopened < 2; reopened++) {
        struct fixture f;
        struct buf error;
        struct ledger_recovery recovery;
        fixture_init(&f);
        buf_init(&error, 0);
        book_one(&f, 2, 0, FIXTURE_NOON);
        say_unbooked_from(&f, FIXTURE_NOON - 10);
        if (reopened) {
            CHECK_EQ(ledger_reopen(f.ledger, &error), 0);
        }
        struct ledger_row cut[3] = {
            fixture_row(2, 256, 40, FIXTURE_NOON + 1),
            fixture_row(3, 512, 2, FIXTURE_NOON - 20),
            fixture_row(3, 768, 2, FIXTURE_NOON - FIXTURE_DAY)};
        CHECK_EQ(fixture_book(&f, cut, 3, false), 0);
        CHECK_EQ(ledger_recover(f.ledger, 8, 1, &recovery, &error), 0);
        CHECK_EQ(recovery.rows_booked, 3);
        CHECK_STR(buf_view(&error), "");
        buf_fini(&error);
        fixture_fini(&f);
    }
}

/* That the ledger is believed, and old rows are not read again. */
TEST(a_new_segment_looks_no_further_back_than_announced)
{
    struct fixture f;
    struct buf error;
    struct ledger_recovery recovery;
    fixture_init(&f);
    buf_init(&error, 0);
    book_one(&f, 2, 0, FIXTURE_NOON);
    struct ledger_row cut[2] = {fixture_row(2, 256, 40, FIXTURE_NOON - 1),
                                fixture_row(2, 512, 40, FIXTURE_NOON)};
    CHECK_EQ(fixture_book(&f, cut, 2, false), 0);
    say_unbooked_from(&f, FIXTURE_NOON); /* a lie, to see it believed */
    CHECK_EQ(ledger_recover(f.ledger, 8, 1, &recovery, &error), 0);
    CHECK_EQ(recovery.rows_booked, 1);
    buf_fini(&error);
    fixture_fini(&f);
}

/* What a kill, or a power cut, leaves of a day's database that was being made:
 * the folder without CURRENT. */
static void
make_cut_day(struct fixture *f, const char *name, char path[128])
{
    char file[160];
    snprintf(path, 128, "%s/log/%s", f->dir, name);
    snprintf(file, sizeof(file), "%s/MANIFEST-000001", path);
    CHECK_EQ(mkdir(path, 0700), 0);
    int fd = open(file, O_WRONLY | O_CREAT, 0600);
    CHECK_TRUE(fd >= 0);
    close(fd);
}

TEST(a_day_whose_creation_was_cut_does_not_hold_up_a_new_segment)
{
    struct fixture f;
    struct buf error;
    char path[128];
    struct ledger_recovery recovery;
    struct ledger_row row = fixture_row(2, 256, 50, FIXTURE_NOON);
    fixture_init(&f);
    buf_init(&error, 0);
    book_one(&f, 2, 0, FIXTURE_NOON);
    CHECK_EQ(fixture_book(&f, &row, 1, false), 0);
    make_cut_day(&f, "2026-11-20", path);
    make_cut_day(&f, "2026-11-22", path);
    CHECK_EQ(ledger_recover(f.ledger, 8, 1, &recovery, &error), 0);
    CHECK_EQ(recovery.rows_booked, 1);
    CHECK_EQ(fixture_differences(f.ledger, &error), 0);
    buf_fini(&error);
    fixture_fini(&f);
}

TEST(a_day_whose_creation_was_cut_is_dropped_in_its_turn)
{
    struct fixture f;
    struct buf error;
    char path[128];
    struct ledger_drop drop;
    int64_t day = 0;
    fixture_init(&f);
    buf_init(&error, 0);
    make_cut_day(&f, "2026-11-20", path);
    book_one(&f, 2, 0, FIXTURE_NOON);
    struct ledger_snapshot *snapshot = ledger_snapshot_take(f.ledger);
    CHECK_EQ(ledger_drop_next(f.ledger, snapshot, FIXTURE_NOON, &day), 1);
    CHECK_EQ(day, FIXTURE_NOON / FIXTURE_DAY - 1);
    ledger_snapshot_release(f.ledger, &snapshot);
    CHECK_EQ(ledger_drop_prepare(f.ledger, day, &drop, &error), 0);
    CHECK_EQ(ledger_drop_apply(f.ledger, &drop, &error), 0);
    ledger_drop_fini(&drop);
    CHECK_EQ(ledger_remove_dropped(f.ledger, &error), 0);
    CHECK_TRUE(access(path, F_OK) < 0);
    CHECK_EQ(fixture_differences(f.ledger, &error), 0);
    buf_fini(&error);
    fixture_fini(&f);
}

TEST(a_dropped_day_leaves_its_sums_and_late_rows_still_balance)
{
    struct fixture f;
    struct buf report;
    struct ledger_drop drop;
    struct stat st;
    char path[128];
    int64_t day = 0;
    fixture_init(&f);
    buf_init(&report, 0);
    book_one(&f, 2, 0, FIXTURE_NOON);
    book_one(&f, 3, 256, FIXTURE_NOON + FIXTURE_DAY);
    struct ledger_snapshot *snapshot = ledger_snapshot_take(f.ledger);
    CHECK_EQ(ledger_drop_next(f.ledger, snapshot, FIXTURE_NOON, &day), 0);
    CHECK_EQ(
        ledger_drop_next(f.ledger, snapshot, FIXTURE_NOON + FIXTURE_DAY, &day),
        1);
    CHECK_EQ(day, FIXTURE_NOON / FIXTURE_DAY);
    CHECK_EQ(ledger_drop_prepare(f.ledger, day, &drop, &report), 0);
    CHECK_EQ(ledger_drop_apply(f.ledger, &drop, &report), 0);
    ledger_drop_fini(&drop);
    snprintf(path, sizeof(path), "%s/log/2026-11-21", f.dir);
    /* a reader from before may still want it */
    CHECK_EQ(ledger_remove_dropped(f.ledger, &report), 0);
    CHECK_EQ(stat(path, &st), 0);
    ledger_snapshot_release(f.ledger, &snapshot);
    CHECK_EQ(ledger_remove_dropped(f.ledger, &report), 0);
    CHECK_EQ(stat(path, &st), -1);
    CHECK_EQ(fixture_differences(f.ledger, &report), 0);
    book_one(&f, 2, 512, FIXTURE_NOON + 7);
    CHECK_EQ(fixture_differences(f.ledger, &report), 0);
    ledger_close(&f.ledger);
    fixture_open(&f);
    CHECK_EQ(fixture_differences(f.ledger, &report), 0);
    CHECK_STR(buf_view(&report), "");
    buf_fini(&report);
    fixture_fini(&f);
}

TEST(a_day_that_is_written_meanwhile_is_not_dropped)
{
    struct fixture f;
    struct buf report;
    struct ledger_drop drop;
    int64_t day = FIXTURE_NOON / FIXTURE_DAY;
    fixture_init(&f);
    buf_init(&report, 0);
    book_one(&f, 2, 0, FIXTURE_NOON);
    CHECK_EQ(ledger_drop_prepare(f.ledger, day, &drop, &report), 0);
    book_one(&f, 2, 256, FIXTURE_NOON + 1);
    CHECK_EQ(ledger_drop_apply(f.ledger, &drop, &report), -EAGAIN);
    ledger_drop_fini(&drop);
    struct ledger_row cut = fixture_row(2, 512, 40, FIXTURE_NOON + 2);
    CHECK_EQ(fixture_book(&f, &cut, 1, false), 0);
    CHECK_EQ(ledger_drop_prepare(f.ledger, day, &drop, &report), -EAGAIN);
    buf_fini(&report);
    fixture_fini(&f);
}

TEST(reopening_keeps_all_and_waits_for_readers)
{
    struct fixture f;
    struct buf error;
    fixture_init(&f);
    buf_init(&error, 0);
    book_one(&f, 2, 0, FIXTURE_NOON);
    CHECK_EQ(ledger_reopen(f.ledger, &error), 0);
    book_one(&f, 2, 256, FIXTURE_NOON);
    struct ledger_row_filter filter = {.cause = -1};
    CHECK_EQ(scan(&f, &filter, 0).count, 2);
    CHECK_EQ(fixture_differences(f.ledger, &error), 0);
    buf_fini(&error);
    fixture_fini(&f);
}

TEST(a_second_process_is_told_that_the_ledger_is_locked)
{
    struct fixture f;
    int status = 0;
    fixture_init(&f);
    pid_t child = fork();
    if (child == 0) {
        struct ledger *other = NULL;
        struct buf error;
        buf_init(&error, 0);
        _exit(ledger_open(f.dir, false, &other, &error) == -EBUSY ? 0 : 1);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    fixture_fini(&f);
}

/* Removes or damages one file of the main database and opens it again. */
static int
open_damaged(const char *name, bool truncate_it)
{
    struct fixture f;
    struct buf error;
    char path[128];
    fixture_init(&f);
    buf_init(&error, 0);
    book_one(&f, 2, 0, FIXTURE_NOON);
    ledger_close(&f.ledger);
    snprintf(path, sizeof(path), "%s/%s", f.dir, name);
    if (truncate_it)
        CHECK_EQ(truncate(path, 3), 0);
    else
        fixture_remove(path);
    int rc = ledger_open(f.dir, true, &f.ledger, &error);
    CHECK_TRUE(rc == 0 || buf_len(&error) > 0);
    buf_fini(&error);
    fixture_fini(&f);
    return rc;
}

TEST(a_damaged_ledger_is_refused_and_never_begun_anew)
{
    CHECK_EQ(open_damaged("ledger/CURRENT", false), -EUCLEAN);
    CHECK_TRUE(open_damaged("ledger/CURRENT", true) < 0);
    CHECK_EQ(open_damaged("ledger", false), -EUCLEAN);
}

TEST(there_is_no_ledger_to_open_without_create)
{
    char dir[64];
    struct ledger *ledger = NULL;
    struct buf error;
    buf_init(&error, 0);
    fixture_dir(dir);
    CHECK_EQ(ledger_open(dir, false, &ledger, &error), -ENOENT);
    buf_fini(&error);
    fixture_remove(dir);
}

TEST(reports_are_json_with_both_sides)
{
    struct fixture f;
    struct buf out;
    fixture_init(&f);
    buf_init(&out, 0);
    book_one(&f, 2, 0, FIXTURE_NOON);
    struct ledger_snapshot *snapshot = ledger_snapshot_take(f.ledger);
    CHECK_EQ(ledger_report_verify(f.ledger, snapshot, &out), 0);
    CHECK_STR(buf_view(&out), "{\"ok\":true,\"differences\":0,\"report\":[]}");
    buf_reset(&out);
    CHECK_EQ(ledger_report_sum(f.ledger, snapshot, &out), 0);
    CHECK_TRUE(strstr(buf_cstr(&out), "\"totals\":{\"requests\":1,\"tokens\":"
                                      "100,\"cost_nano\":300") != NULL);
    buf_reset(&out);
    CHECK_EQ(ledger_report_list(f.ledger, snapshot, &out), 0);
    CHECK_TRUE(strstr(buf_cstr(&out), "\"request_id\":\"req-2-0\"") != NULL);
    CHECK_TRUE(strstr(buf_cstr(&out), "\"cursor\":null}") != NULL);
    ledger_snapshot_release(f.ledger, &snapshot);
    buf_reset(&out);
    CHECK_EQ(ledger_report_list(f.ledger, NULL, &out), -EIO);
    CHECK_TRUE(strstr(buf_cstr(&out), "{\"error\":") != NULL);
    buf_fini(&out);
    fixture_fini(&f);
}
