/*
 * test_ledger_turn.c - scans in turns, each as short as can be: together they show
 * what one scan shows, in its order, each once.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "tests/test.h"
#include "tests/unit/ledger_fixture.h"

enum { SEEN_MAX = 256, TURNS_MAX = 1000 };

struct seen {
    unsigned count, turns;
    uint64_t at[SEEN_MAX];
};

static void
see(struct seen *seen, uint64_t what)
{
    CHECK_TRUE(seen->count < SEEN_MAX);
    seen->at[seen->count++] = what;
}

static bool
see_row(const struct ledger_row *row, void *context)
{
    see(context, row->position);
    return true;
}

static bool
see_usage(const struct ledger_usage *usage, void *context)
{
    see(context, (uint64_t)usage->start_ms * 100 + usage->key_id);
    return true;
}

/* With edges of seconds and days among them; six in one second. */
static void
book(struct fixture *f)
{
    static const int64_t at_ms[] = {
        0,        999,      1000,        1000,
        1001,     1500,     1999,        2000,
        60000,    3599999,  3600000,     12 * 3600000 - 1,
        43200000, 43200001, FIXTURE_DAY, 3 * FIXTURE_DAY + 7};
    for (unsigned i = 0; i < sizeof(at_ms) / sizeof(at_ms[0]); i++) {
        struct ledger_row row =
            fixture_row(2 + i % 3, i * 256, 100, FIXTURE_NOON + at_ms[i]);
        CHECK_EQ(fixture_book(f, &row, 1, true), 0);
    }
}

static void
scan_rows(struct fixture *f, struct ledger_row_filter filter, bool in_turns,
          struct seen *seen)
{
    struct ledger_turn turn = {0};
    *seen = (struct seen){0};
    if (in_turns) {
        filter.turn = &turn;
        filter.cursor = turn.cursor;
    }
    do {
        struct ledger_snapshot *snapshot = ledger_snapshot_take(f->ledger);
        turn.over = false; /* its time was over before it began */
        CHECK_EQ(
            ledger_scan_rows(f->ledger, snapshot, &filter, see_row, seen, NULL),
            0);
        ledger_snapshot_release(f->ledger, &snapshot);
        CHECK_TRUE(++seen->turns < TURNS_MAX);
    } while (turn.over);
}

static void
scan_usage(struct fixture *f, enum ledger_resolution resolution,
           int64_t from_ms, uint64_t key_id, bool in_turns, struct seen *seen)
{
    struct ledger_turn turn = {0};
    *seen = (struct seen){0};
    do {
        struct ledger_snapshot *snapshot = ledger_snapshot_take(f->ledger);
        turn.over = false;
        CHECK_EQ(ledger_scan_usage_turn(f->ledger, snapshot, resolution,
                                        from_ms, 0, 0, key_id, see_usage, seen,
                                        in_turns ? &turn : NULL, NULL),
                 0);
        ledger_snapshot_release(f->ledger, &snapshot);
        CHECK_TRUE(++seen->turns < TURNS_MAX);
    } while (turn.over);
}

static void
compare(const struct seen *whole, const struct seen *turns, unsigned least)
{
    CHECK_EQ(whole->turns, 1);
    CHECK_TRUE(turns->turns >= least);
    CHECK_EQ(turns->count, whole->count);
    CHECK_TRUE(
        memcmp(turns->at, whole->at, whole->count * sizeof(whole->at[0])) == 0);
}

TEST(rows_in_turns_are_those_of_one_scan)
{
    struct fixture f;
    struct seen whole, turns;
    fixture_init(&f);
    book(&f);
    for (unsigned i = 0; i < 16; i++) {
        struct ledger_row_filter filter = {
            .cause = -1,
            .oldest_first = i % 2 != 0,
            .key_id = i % 4 < 2 ? 0 : 3,
            .text = i % 8 < 4 ? NULL : "in no row",
            .from_ms = i < 8 ? 0 : FIXTURE_NOON + 1000,
            .to_ms = i < 8 ? 0 : FIXTURE_NOON + FIXTURE_DAY};
        scan_rows(&f, filter, false, &whole);
        scan_rows(&f, filter, true, &turns);
        CHECK_EQ(whole.count == 0, filter.text != NULL);
        compare(&whole, &turns, 5);
    }
    fixture_fini(&f);
}

TEST(usage_in_turns_is_that_of_one_scan)
{
    static const enum ledger_resolution all[] = {LEDGER_MINUTE, LEDGER_HOUR,
                                                 LEDGER_DAY};
    struct fixture f;
    struct seen whole, turns;
    fixture_init(&f);
    book(&f);
    for (unsigned i = 0; i < 12; i++) {
        enum ledger_resolution resolution = all[i % 3];
        int64_t from_ms = i < 6 ? 0 : FIXTURE_NOON + 3600000;
        uint64_t key_id = i % 2 == 0 ? 0 : 3;
        scan_usage(&f, resolution, from_ms, key_id, false, &whole);
        scan_usage(&f, resolution, from_ms, key_id, true, &turns);
        CHECK_TRUE(whole.count > 0);
        compare(&whole, &turns, 3);
    }
    fixture_fini(&f);
}

TEST(a_turn_has_some_time)
{
    struct ledger_turn turn = {.over = true};
    struct fixture f;
    struct seen seen = {0};
    fixture_init(&f);
    book(&f);
    ledger_turn_begin(&turn);
    CHECK_TRUE(!turn.over);
    turn.until_ns += 3600 * UINT64_C(1000000000); /* however slow we are */
    struct ledger_snapshot *snapshot = ledger_snapshot_take(f.ledger);
    struct ledger_row_filter filter = {.cause = -1, .turn = &turn};
    CHECK_EQ(
        ledger_scan_rows(f.ledger, snapshot, &filter, see_row, &seen, NULL), 0);
    ledger_snapshot_release(f.ledger, &snapshot);
    CHECK_TRUE(!turn.over);
    CHECK_EQ(seen.count, 16);
    fixture_fini(&f);
}
