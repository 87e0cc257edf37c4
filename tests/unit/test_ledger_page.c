/*
 * test_ledger_page.c - log rows in pages: whatever the flushes were, cut ones
 * between them, each booked row is shown once, in its order, to each question.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <errno.h>

#include "accountant/ledger/ledger_page.h"
#include "accountant/ledger/ledger_recover.h"
#include "tests/unit/ledger_fixture.h"

enum { COLUMNS = 3, KEYS = 7, ROWS = 4000 };

/* Rows as rings have them: by column in the order of positions. */
struct world {
    struct fixture f;
    struct ledger_row *rows[COLUMNS];
    size_t booked[COLUMNS];
    uint64_t random;
};

static uint64_t
draw(struct world *w, uint64_t below)
{
    w->random = w->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (w->random >> 33) % below;
}

static void
world_init(struct world *w, uint64_t seed, uint64_t gap_ms)
{
    *w = (struct world){.random = seed};
    fixture_init(&w->f);
    w->f.follows = true;
    for (uint32_t c = 0; c < COLUMNS; c++) {
        uint64_t position = draw(w, 100000);
        /* Over a midnight, and clocks go back now and then. */
        int64_t at_ms = FIXTURE_NOON + FIXTURE_DAY / 2 -
                        (int64_t)(ROWS / COLUMNS * gap_ms / 2);
        w->rows[c] = calloc(ROWS, sizeof(*w->rows[c]));
        for (size_t i = 0; i < ROWS / COLUMNS; i++) {
            w->rows[c][i] = fixture_row(1 + draw(w, KEYS), position,
                                        1 + draw(w, 100), at_ms);
            w->rows[c][i].column = c;
            position += 256 + draw(w, 300);
            at_ms += (int64_t)draw(w, 2 * gap_ms + 1);
            if (draw(w, 50) == 0)
                at_ms -= 1500;
        }
    }
}

static void
world_fini(struct world *w)
{
    for (unsigned c = 0; c < COLUMNS; c++)
        free(w->rows[c]);
    fixture_fini(&w->f);
}

/* Up to so many rows of each ring from where it is booked. */
static void
flush(struct world *w, uint64_t most, bool booked)
{
    struct ledger_row *rows = calloc(COLUMNS * (most + 1), sizeof(*rows));
    size_t count = 0, taken[COLUMNS];
    for (unsigned c = 0; c < COLUMNS; c++) {
        taken[c] = draw(w, most + 1);
        if (taken[c] > ROWS / COLUMNS - w->booked[c])
            taken[c] = ROWS / COLUMNS - w->booked[c];
        memcpy(rows + count, w->rows[c] + w->booked[c],
               taken[c] * sizeof(*rows));
        count += taken[c];
    }
    CHECK_EQ(fixture_book(&w->f, rows, count, booked), 0);
    for (unsigned c = 0; booked && c < COLUMNS; c++)
        w->booked[c] += taken[c];
    free(rows);
}

static int
in_order(const void *left, const void *right)
{
    const struct ledger_row *a = left, *b = right;
    if (a->ended_ms != b->ended_ms)
        return a->ended_ms < b->ended_ms ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    return (a->position > b->position) - (a->position < b->position);
}

/* What a question is to be answered, by looking at each row. */
static size_t
expect(const struct world *w, const struct ledger_row_filter *filter,
       struct ledger_row *out)
{
    size_t count = 0;
    for (unsigned c = 0; c < COLUMNS; c++)
        for (size_t i = 0; i < w->booked[c]; i++) {
            const struct ledger_row *row = &w->rows[c][i];
            if ((filter->key_id == 0 || filter->key_id == row->key_id) &&
                row->ended_ms >= filter->from_ms &&
                (filter->to_ms == 0 || row->ended_ms < filter->to_ms))
                out[count++] = *row;
        }
    qsort(out, count, sizeof(*out), in_order);
    return count;
}

struct asked {
    const struct ledger_row *expected;
    size_t count, at, stop_after;
    bool up, differs;
    char cursor[64];
};

static bool
compare_row(const struct ledger_row *row, void *context)
{
    struct asked *a = context;
    if (a->stop_after == 0)
        return false;
    a->stop_after--;
    size_t i = a->up ? a->at : a->count - 1 - a->at;
    if (a->at >= a->count || in_order(row, &a->expected[i]) != 0 ||
        row->tokens != a->expected[i].tokens ||
        strcmp(row->request_id, a->expected[i].request_id) != 0)
        a->differs = true;
    a->at++;
    ledger_row_cursor(row, a->cursor);
    return !a->differs;
}

/* In pieces of `piece` rows, each begun with the cursor of the one before. */
static void
ask(struct world *w, struct ledger_row_filter filter, bool up, size_t piece)
{
    struct ledger_row *expected = calloc(ROWS, sizeof(*expected));
    struct asked a = {.expected = expected, .up = up};
    struct buf error;
    size_t before;
    filter.cause = -1;
    filter.oldest_first = up;
    a.count = expect(w, &filter, expected);
    buf_init(&error, 0);
    struct ledger_snapshot *snapshot = ledger_snapshot_take(w->f.ledger);
    do {
        before = a.at;
        a.stop_after = piece;
        filter.cursor = a.at > 0 ? a.cursor : NULL;
        CHECK_EQ(ledger_scan_rows(w->f.ledger, snapshot, &filter, compare_row,
                                  &a, &error),
                 0);
    } while (a.at > before && !a.differs);
    ledger_snapshot_release(w->f.ledger, &snapshot);
    CHECK_TRUE(!a.differs);
    CHECK_EQ(a.at, a.count);
    CHECK_STR(buf_view(&error), "");
    buf_fini(&error);
    free(expected);
}

static void
ask_all(struct world *w)
{
    const int64_t midnight = FIXTURE_NOON + FIXTURE_DAY / 2;
    for (int up = 0; up < 2; up++) {
        ask(w, (struct ledger_row_filter){0}, up != 0, ROWS);
        ask(w, (struct ledger_row_filter){0}, up != 0, 97);
        ask(w, (struct ledger_row_filter){.key_id = 3}, up != 0, 10);
        ask(w, (struct ledger_row_filter){.key_id = KEYS + 1}, up != 0, 10);
        ask(w,
            (struct ledger_row_filter){.from_ms = midnight - 1999,
                                       .to_ms = midnight + 3456},
            up != 0, 50);
        ask(w,
            (struct ledger_row_filter){.key_id = 5,
                                       .from_ms = midnight - 30001,
                                       .to_ms = midnight + 1},
            up != 0, 5);
    }
}

TEST(rows_are_shown_once_whatever_the_flushes_were)
{
    static const uint64_t gaps_ms[] = {0, 3, 40, 2500};
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct world w;
        struct buf report;
        world_init(&w, seed, gaps_ms[seed % ARRAY_LEN(gaps_ms)]);
        for (int i = 0; i < 25; i++) {
            uint64_t most = 1 + draw(&w, 150);
            /* Died between rows and books: other rows come next time. */
            while (draw(&w, 3) == 0)
                flush(&w, 1 + draw(&w, 300), false);
            flush(&w, most, true);
            if (draw(&w, 8) == 0) {
                ledger_close(&w.f.ledger);
                fixture_open(&w.f);
            }
        }
        ask_all(&w);
        buf_init(&report, 0);
        CHECK_EQ(fixture_differences(w.f.ledger, &report), 0);
        CHECK_STR(buf_view(&report), "");
        buf_fini(&report);
        world_fini(&w);
    }
}

static bool
count_shown(const struct ledger_row *row, void *context)
{
    (void)row;
    (*(uint64_t *)context)++;
    return true;
}

TEST(a_new_segment_books_what_was_cut_once)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct world w;
        struct buf text;
        struct ledger_recovery recovery;
        world_init(&w, seed, 20);
        buf_init(&text, 0);
        for (int i = 0; i < 6; i++)
            flush(&w, 60, true);
        flush(&w, 200, false);
        flush(&w, 100, false); /* again, fewer */
        CHECK_EQ(ledger_recover(w.f.ledger, 8, 1, &recovery, &text), 0);
        CHECK_EQ(fixture_differences(w.f.ledger, &text), 0);
        CHECK_STR(buf_view(&text), "");
        struct ledger_snapshot *snapshot = ledger_snapshot_take(w.f.ledger);
        struct ledger_row_filter all = {.cause = -1};
        uint64_t shown = 0, booked = 0;
        for (unsigned c = 0; c < COLUMNS; c++)
            booked += w.booked[c];
        CHECK_EQ(ledger_scan_rows(w.f.ledger, snapshot, &all, count_shown,
                                  &shown, &text),
                 0);
        CHECK_EQ(shown, booked + recovery.rows_booked);
        CHECK_TRUE(recovery.rows_booked > 0);
        ledger_snapshot_release(w.f.ledger, &snapshot);
        buf_fini(&text);
        world_fini(&w);
    }
}

TEST(owners_tell_whose_rows_a_page_has)
{
    struct buf owners;
    static const uint64_t keys[] = {3, 4, 900, UINT64_C(1) << 60};
    buf_init(&owners, 0);
    codec_put_u8(&owners, LEDGER_PAGE_VERSION);
    codec_put_u64(&owners, ARRAY_LEN(keys));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        codec_put_u64(&owners, keys[i] - (i == 0 ? 0 : keys[i - 1]));
    codec_put_u64(&owners, 1);
    codec_put_u64(&owners, 12);
    struct str text = buf_view(&owners);
    CHECK_TRUE(ledger_page_may_have(text, 0, 0));
    CHECK_TRUE(ledger_page_may_have(text, 3, 0));
    CHECK_TRUE(ledger_page_may_have(text, UINT64_C(1) << 60, 12));
    CHECK_TRUE(!ledger_page_may_have(text, 5, 0));
    CHECK_TRUE(!ledger_page_may_have(text, 4, 13));
    CHECK_TRUE(!ledger_page_may_have(text, 899, 12));
    /* Damage hides nothing. */
    for (size_t cut = 0; cut < text.len; cut++)
        CHECK_TRUE(ledger_page_may_have(str_make(text.ptr, cut), 5, 5));
    buf_fini(&owners);
}

static int
count_row(struct ledger_row *row, void *context)
{
    (void)row;
    (*(unsigned *)context)++;
    return 0;
}

TEST(a_damaged_page_is_told)
{
    struct ledger_page_id id = {.second_ms = 5000, .epoch = 7, .window = 2};
    struct ledger_row row = fixture_row(1, 70000, 5, 5123);
    struct ledger_key key;
    struct buf value, body;
    unsigned count = 0;
    buf_init(&value, 0);
    buf_init(&body, 0);
    ledger_page_key(&key, 'r', &id);
    struct str bytes = str_make((const char *)key.bytes, key.len);
    codec_put_u64(&body, 123);
    codec_put_u64(&body, 70000 % LEDGER_PAGE_WINDOW);
    ledger_row_encode(&row, &body);
    codec_put_u8(&value, LEDGER_PAGE_VERSION);
    codec_put_bytes(&value, buf_ptr(&body), buf_len(&body));
    CHECK_EQ(ledger_page_rows(bytes, buf_view(&value), count_row, &count), 0);
    CHECK_EQ(count, 1);
    for (size_t cut = 2; cut < buf_len(&value); cut++)
        CHECK_EQ(ledger_page_rows(bytes, str_make(buf_ptr(&value), cut),
                                  count_row, &count),
                 -EUCLEAN);
    CHECK_EQ(count, 1);
    buf_fini(&value);
    buf_fini(&body);
}
