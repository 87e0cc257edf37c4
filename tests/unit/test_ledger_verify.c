/*
 * test_ledger_verify.c - every kind of wrong book is found, and named.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include "tests/unit/ledger_fixture.h"

typedef void (*spoil)(struct fixture *f, struct ledger_batch *batch);

static void
total_too_high(struct fixture *f, struct ledger_batch *batch)
{
    struct ledger_total total = f->keys[2];
    total.tokens++;
    ledger_batch_total(batch, LEDGER_KEY, 2, &total, 1);
}

static void
total_of_nobody(struct fixture *f, struct ledger_batch *batch)
{
    (void)f;
    struct ledger_total total = {1, 0, 0};
    ledger_batch_total(batch, LEDGER_GROUP, 9, &total, 1);
}

static void
rollup_too_high(struct fixture *f, struct ledger_batch *batch)
{
    struct ledger_row row = fixture_row(2, 0, 100, FIXTURE_NOON);
    struct ledger_usage usage;
    (void)f;
    ledger_usage_of_row(&row, LEDGER_DAY, &usage);
    usage.requests = 77;
    ledger_batch_usage(batch, &usage);
}

static void
rollup_of_another_day(struct fixture *f, struct ledger_batch *batch)
{
    struct ledger_row row =
        fixture_row(2, 0, 100, FIXTURE_NOON - 3 * FIXTURE_DAY);
    struct ledger_usage usage;
    (void)f;
    ledger_usage_of_row(&row, LEDGER_DAY, &usage);
    ledger_usage_add_row(&usage, &row);
    ledger_batch_usage(batch, &usage);
}

static void
baseline_above_total(struct fixture *f, struct ledger_batch *batch)
{
    struct ledger_budget budget = {
        .unit = 0,
        .period = 1,
        .limit = 5,
        .baseline = (int64_t)f->keys[2].tokens + 1,
    };
    ledger_batch_budget(batch, LEDGER_KEY, 2, 0, &budget);
}

static void
wrong_move(struct fixture *f, struct ledger_batch *batch)
{
    struct ledger_move move = {.kind = LEDGER_KEY,
                               .id = 2,
                               .batch_no = 1,
                               .unit = 0,
                               .period = 1,
                               .baseline = 99};
    (void)f;
    ledger_batch_move(batch, &move);
}

static void
position_of_another_epoch(struct fixture *f, struct ledger_batch *batch)
{
    (void)f;
    ledger_batch_position(batch, 6, 3, 256);
}

static void
nothing(struct fixture *f, struct ledger_batch *batch)
{
    ledger_batch_meta(batch, "epoch", f->epoch);
}

static void
right_moves(struct fixture *f, struct ledger_batch *batch)
{
    struct ledger_move move = {.kind = LEDGER_KEY, .id = 2, .period = 1};
    (void)f;
    for (uint64_t n = 0; n <= 2; n++) {
        move.batch_no = n;
        move.unit = 0;
        move.row = 0;
        move.baseline = (int64_t)n * 100;
        ledger_batch_move(batch, &move);
        move.unit = 1;
        move.row = 1;
        move.baseline *= 3;
        ledger_batch_move(batch, &move);
    }
}

static const struct {
    const char *name;
    spoil spoil;
    uint64_t differences;
    const char *text;
} cases[] = {
    {"nothing", nothing, 0, ""},
    {"right moves", right_moves, 0, ""},
    {"total", total_too_high, 2, "key 2: total is 201 tokens"},
    {"no rows", total_of_nobody, 2, "group 9: total is 1 tokens"},
    {"roll-up", rollup_too_high, 1, "roll-up says 77 requests"},
    {"lonely roll-up", rollup_of_another_day, 1, "without rows"},
    {"baseline", baseline_above_total, 1, "above the total"},
    {"move", wrong_move, 1, "baseline of batch 1 is 99"},
    {"position", position_of_another_epoch, 1, "another epoch"},
};

static void
run_case(size_t i)
{
    struct fixture f;
    struct buf text;
    fixture_init(&f);
    buf_init(&text, 0);
    for (uint64_t n = 0; n < 2; n++) {
        struct ledger_row row =
            fixture_row(2, n * 256, 100, FIXTURE_NOON + (int64_t)n);
        CHECK_EQ(fixture_book(&f, &row, 1, true), 0);
    }
    struct ledger_batch *batch = ledger_batch_create();
    cases[i].spoil(&f, batch);
    CHECK_EQ(ledger_batch_write(batch, f.ledger, &text), 0);
    ledger_batch_destroy(&batch);
    uint64_t differences = fixture_differences(f.ledger, &text);
    if (differences != cases[i].differences ||
        strstr(buf_cstr(&text), cases[i].text) == NULL)
        test_fail(__FILE__, __LINE__, "%s: %llu differences: %s", cases[i].name,
                  (unsigned long long)differences, buf_cstr(&text));
    buf_fini(&text);
    fixture_fini(&f);
}

TEST(each_kind_of_wrong_book_is_found)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        run_case(i);
}

TEST(a_row_that_is_missing_is_found)
{
    struct fixture f;
    struct buf text;
    fixture_init(&f);
    buf_init(&text, 0);
    for (uint64_t n = 0; n < 2; n++) {
        struct ledger_row row = fixture_row(
            2, n * 256, 100, FIXTURE_NOON + (int64_t)n * FIXTURE_DAY);
        CHECK_EQ(fixture_book(&f, &row, 1, true), 0);
    }
    ledger_close(&f.ledger);
    char path[128];
    snprintf(path, sizeof(path), "%s/log/2026-11-22", f.dir);
    fixture_remove(path);
    fixture_unseal(&f);
    fixture_open(&f);
    /* key, group, roll-up */
    CHECK_EQ(fixture_differences(f.ledger, &text), 3);
    buf_fini(&text);
    fixture_fini(&f);
}
