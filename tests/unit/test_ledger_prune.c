/*
 * test_ledger_prune.c - what is old is found and deleted, and nothing else.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_prune.h"

#include <stdio.h>

#include "accountant/ledger/ledger_note.h"
#include "accountant/ledger/ledger_retention.h"
#include "tests/test.h"
#include "tests/unit/ledger_fixture.h"

static struct fixture f;
static struct buf error;
static struct ledger_prunes prunes;

static void
begin(void)
{
    fixture_init(&f);
    buf_init(&error, 0);
}

static void
end(void)
{
    ledger_prunes_fini(&prunes);
    CHECK_EQ(fixture_differences(f.ledger, &error), 0);
    CHECK_STR(buf_view(&error), "");
    buf_fini(&error);
    fixture_fini(&f);
}

static void
book_one(uint64_t key, uint64_t position, int64_t ended_ms)
{
    struct ledger_row row = fixture_row(key, position, 10, ended_ms);
    CHECK_EQ(fixture_book(&f, &row, 1, true), 0);
}

static void
find(const struct ledger_old *old)
{
    struct ledger_snapshot *snapshot = ledger_snapshot_take(f.ledger);
    CHECK_EQ(ledger_prunes_find(f.ledger, snapshot, old, &prunes, &error), 0);
    ledger_snapshot_release(f.ledger, &snapshot);
}

/* All of it; how many batches that were. */
static unsigned
write_all(void)
{
    int rc = 1;
    while (rc == 1)
        rc = ledger_prunes_write(f.ledger, &prunes, &error);
    CHECK_EQ(rc, 0);
    CHECK_EQ(prunes.written, prunes.made);
    return prunes.made;
}

static bool
count_bucket(const struct ledger_usage *usage, void *context)
{
    (void)usage;
    ++*(unsigned *)context;
    return true;
}

static unsigned
buckets(enum ledger_resolution resolution)
{
    unsigned count = 0;
    struct ledger_snapshot *snapshot = ledger_snapshot_take(f.ledger);
    CHECK_EQ(ledger_scan_usage(f.ledger, snapshot, resolution, 0, 0, 0, 0,
                               count_bucket, &count, &error),
             0);
    ledger_snapshot_release(f.ledger, &snapshot);
    return count;
}

TEST(old_minutes_and_hours_are_pruned_and_days_stay)
{
    const int64_t minute = 60000, hour = 60 * minute;
    begin();
    for (uint64_t i = 0; i < 5; i++)
        book_one(2, i * 256, FIXTURE_NOON + (int64_t)i * hour);
    find(&(struct ledger_old){.minutes_before_ms = FIXTURE_NOON + 3 * hour,
                              .hours_before_ms = FIXTURE_NOON + 2 * hour});
    CHECK_EQ(buckets(LEDGER_MINUTE), 5); /* found is not deleted */
    CHECK_EQ(write_all(), 1);
    CHECK_EQ(buckets(LEDGER_MINUTE), 2);
    CHECK_EQ(buckets(LEDGER_HOUR), 3);
    CHECK_EQ(buckets(LEDGER_DAY), 1);
    end();
}

/* One that comes late, in a time that was pruned, is found the next time. */
TEST(what_comes_late_is_pruned_too)
{
    begin();
    struct ledger_old old = {.minutes_before_ms = FIXTURE_NOON + 60000};
    book_one(2, 0, FIXTURE_NOON);
    find(&old);
    CHECK_EQ(write_all(), 1);
    CHECK_EQ(buckets(LEDGER_MINUTE), 0);
    find(&old);
    CHECK_EQ(write_all(), 0);
    book_one(2, 256, FIXTURE_NOON - 60000);
    find(&old);
    CHECK_EQ(write_all(), 1);
    CHECK_EQ(buckets(LEDGER_MINUTE), 0);
    end();
}

static void
put_notes(char space, const char *names)
{
    struct ledger_batch *batch = ledger_batch_create();
    for (; *names != '\0'; names++)
        ledger_batch_note(batch, space, str_make(names, 1), STR_LIT("x"));
    CHECK_EQ(ledger_batch_write(batch, f.ledger, &error), 0);
    ledger_batch_destroy(&batch);
}

static bool
take_name(struct str name, struct str value, void *context)
{
    (void)value;
    buf_append_str(context, name);
    return true;
}

static void
check_notes(char space, const char *expected)
{
    struct buf names;
    struct ledger_note_range range = {.space = space};
    struct ledger_snapshot *snapshot = ledger_snapshot_take(f.ledger);
    buf_init(&names, 0);
    CHECK_EQ(ledger_scan_notes(f.ledger, snapshot, &range, take_name, &names,
                               &error),
             0);
    CHECK_STR(buf_view(&names), expected);
    buf_fini(&names);
    ledger_snapshot_release(f.ledger, &snapshot);
}

TEST(the_oldest_notes_are_pruned_and_no_others)
{
    begin();
    put_notes('a', "bdfh");
    put_notes('b', "abc");
    put_notes('c', "a");
    const struct ledger_old_notes notes[] = {{'a', STR_LIT("f")},
                                             {'b', STR_LIT("a")}};
    find(&(struct ledger_old){.notes = notes, .note_count = 2});
    CHECK_EQ(write_all(), 1);
    check_notes('a', "fh");
    check_notes('b', "abc");
    check_notes('c', "a");
    end();
}

/* A baseline moved at each midnight; of days that were dropped it goes. */
TEST(moves_go_with_the_rows_that_they_are_checked_by)
{
    begin();
    book_one(2, 0, FIXTURE_NOON);
    struct ledger_move move = {.kind = LEDGER_KEY, .id = 2};
    struct ledger_batch *batch = ledger_batch_create();
    ledger_batch_move(batch, &move);
    move.batch_no = 999;
    move.baseline = 10;
    ledger_batch_move(batch, &move);
    CHECK_EQ(ledger_batch_write(batch, f.ledger, &error), 0);
    ledger_batch_destroy(&batch);
    find(&(struct ledger_old){0});
    CHECK_EQ(write_all(), 0);
    struct ledger_drop drop;
    CHECK_EQ(ledger_drop_prepare(f.ledger, FIXTURE_NOON / FIXTURE_DAY, &drop,
                                 &error),
             0);
    CHECK_EQ(ledger_drop_apply(f.ledger, &drop, &error), 0);
    ledger_drop_fini(&drop);
    find(&(struct ledger_old){0});
    CHECK_EQ(prunes.in_last, 1);
    CHECK_EQ(write_all(), 1);
    find(&(struct ledger_old){0});
    CHECK_EQ(write_all(), 0);
    end();
}

TEST(many_are_deleted_in_batches_that_do_not_keep_a_flush_waiting)
{
    enum { MOST = LEDGER_PRUNE_BATCHES * LEDGER_PRUNE_EACH, EXTRA = 7 };
    begin();
    char name[8];
    struct ledger_batch *batch = ledger_batch_create();
    for (unsigned i = 0; i < MOST + EXTRA; i++) {
        int len = snprintf(name, sizeof(name), "%06u", i);
        ledger_batch_note(batch, 'a', str_make(name, (size_t)len),
                          STR_LIT("x"));
    }
    CHECK_EQ(ledger_batch_write(batch, f.ledger, &error), 0);
    ledger_batch_destroy(&batch);
    const struct ledger_old_notes notes = {'a', STR_LIT("9")};
    struct ledger_old old = {.notes = &notes, .note_count = 1};
    find(&old);
    CHECK_TRUE(ledger_prunes_are_full(&prunes));
    CHECK_EQ(ledger_prunes_write(f.ledger, &prunes, &error), 1);
    find(&old); /* the rest of the others is forgotten, and found again */
    CHECK_TRUE(!ledger_prunes_are_full(&prunes));
    CHECK_EQ(prunes.made, LEDGER_PRUNE_BATCHES);
    CHECK_EQ(prunes.in_last, EXTRA);
    CHECK_EQ(write_all(), LEDGER_PRUNE_BATCHES);
    check_notes('a', "");
    end();
}

/* As a full pass leaves them that found a minute at `to_ms` last. */
static void
fill_prunes(unsigned written, int64_t to_ms)
{
    ledger_prunes_fini(&prunes);
    for (unsigned i = written; i < LEDGER_PRUNE_BATCHES; i++)
        prunes.batches[i] = ledger_batch_create();
    prunes.made = LEDGER_PRUNE_BATCHES;
    prunes.written = written;
    prunes.in_last = LEDGER_PRUNE_EACH;
    prunes.minutes_to_ms = to_ms;
}

/* Not at what that deleted; all is looked at again behind one that is not full,
 * or that was not written. */
TEST(a_pass_goes_on_where_a_full_one_ended)
{
    const int64_t minute = 60000, to_ms = FIXTURE_NOON + minute;
    const struct ledger_old old = {.minutes_before_ms = to_ms + 2 * minute};
    begin();
    for (uint64_t i = 0; i < 4; i++)
        book_one(2, i * 256, FIXTURE_NOON + (int64_t)i * minute);
    fill_prunes(LEDGER_PRUNE_BATCHES, to_ms);
    find(&old);
    CHECK_EQ(prunes.in_last, 2); /* of the time where it ended, and one more */
    CHECK_EQ(prunes.minutes_to_ms, to_ms + minute);
    CHECK_EQ(prunes.hours_to_ms, 0);
    find(&old);
    CHECK_EQ(prunes.in_last, 3);
    fill_prunes(LEDGER_PRUNE_BATCHES - 1, to_ms);
    find(&old);
    CHECK_EQ(prunes.in_last, 3);
    CHECK_EQ(write_all(), 1);
    CHECK_EQ(buckets(LEDGER_MINUTE), 1);
    book_one(2, 4 * 256, FIXTURE_NOON); /* late, and that one was not full */
    find(&old);
    CHECK_EQ(write_all(), 1);
    CHECK_EQ(buckets(LEDGER_MINUTE), 1);
    end();
}
