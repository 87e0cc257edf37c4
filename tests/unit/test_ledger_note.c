/*
 * test_ledger_note.c - notes of the ledger: found, in order both ways, pruned,
 * in an export.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_note.h"

#include <string.h>

#include "accountant/ledger/ledger_export.h"
#include "accountant/notes.h"
#include "tests/test.h"
#include "tests/unit/ledger_fixture.h"

static char dir[64];
static struct ledger *ledger;
static struct buf error;

static void
begin(void)
{
    fixture_dir(dir);
    buf_init(&error, 0);
    CHECK_EQ(ledger_open(dir, true, &ledger, &error), 0);
}

static void
end(void)
{
    ledger_close(&ledger);
    buf_fini(&error);
    fixture_remove(dir);
}

static void
put(char space, const char *names)
{
    struct ledger_batch *batch = ledger_batch_create();
    for (; *names != '\0'; names++)
        ledger_batch_note(batch, space, str_make(names, 1), str_make(names, 1));
    CHECK_EQ(ledger_batch_write(batch, ledger, &error), 0);
    ledger_batch_destroy(&batch);
}

static bool
collect(struct str name, struct str value, void *context)
{
    CHECK_TRUE(str_equals(name, value));
    buf_append_str(context, name);
    return true;
}

static const char *
scan(char space, const char *from, const char *to, bool backwards)
{
    static char text[64];
    struct buf found;
    struct ledger_snapshot *snapshot = ledger_snapshot_take(ledger);
    struct ledger_note_range range = {.space = space,
                                      .from = str_from(from),
                                      .to = str_from(to),
                                      .backwards = backwards};
    buf_init(&found, 0);
    CHECK_EQ(
        ledger_scan_notes(ledger, snapshot, &range, collect, &found, &error),
        0);
    ledger_snapshot_release(ledger, &snapshot);
    snprintf(text, sizeof(text), "%s",
             buf_len(&found) == 0 ? "" : buf_cstr(&found));
    buf_fini(&found);
    return text;
}

TEST(a_range_is_what_it_says_in_both_ways)
{
    begin();
    put('a', "bdfh");
    put('b', "m");
    put('c', "xyz");
    static const struct {
        const char *from, *to, *forwards, *backwards;
    } cases[] = {
        {"", "", "bdfh", "hfdb"}, {"d", "", "dfh", "hfd"},
        {"c", "", "dfh", "hfd"},  {"", "f", "bd", "db"},
        {"", "g", "bdf", "fdb"},  {"c", "g", "df", "fd"},
        {"d", "d", "", ""},       {"i", "", "", ""},
        {"", "a", "", ""},        {"a", "z", "bdfh", "hfdb"},
        {"dd", "ff", "f", "f"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK_STR(str_from(scan('a', cases[i].from, cases[i].to, false)),
                  cases[i].forwards);
        CHECK_STR(str_from(scan('a', cases[i].from, cases[i].to, true)),
                  cases[i].backwards);
    }
    CHECK_STR(str_from(scan('b', "", "", true)), "m");
    CHECK_STR(str_from(scan('c', "", "", true)), "zyx");
    CHECK_STR(str_from(scan('d', "", "", true)), "");
    CHECK_STR(str_from(scan('A', "", "", true)), "");
    end();
}

TEST(one_is_read_and_deleted_by_its_name)
{
    struct buf value;
    begin();
    put('a', "bd");
    buf_init(&value, 0);
    struct ledger_snapshot *snapshot = ledger_snapshot_take(ledger);
    CHECK_EQ(
        ledger_read_note(ledger, snapshot, 'a', STR_LIT("d"), &value, &error),
        1);
    CHECK_STR(buf_view(&value), "d");
    CHECK_EQ(
        ledger_read_note(ledger, snapshot, 'a', STR_LIT("c"), &value, &error),
        0);
    CHECK_EQ(
        ledger_read_note(ledger, snapshot, 'b', STR_LIT("d"), &value, &error),
        0);
    ledger_snapshot_release(ledger, &snapshot);
    buf_fini(&value);
    struct ledger_batch *batch = ledger_batch_create();
    ledger_batch_delete_note(batch, 'a', STR_LIT("b"));
    CHECK_EQ(ledger_batch_write(batch, ledger, &error), 0);
    ledger_batch_destroy(&batch);
    CHECK_STR(str_from(scan('a', "", "", false)), "d");
    end();
}

TEST(names_that_begin_with_a_time_are_in_its_order)
{
    char early[8], late[8];
    notes_put_u64(early, 255);
    notes_put_u64(late, 256);
    CHECK_TRUE(memcmp(early, late, 8) < 0);
    notes_put_u64(early, UINT64_C(0x0102030405060708));
    CHECK_TRUE(memcmp(early, "\1\2\3\4\5\6\7\10", 8) == 0);
}

TEST(an_export_has_them_and_knows_a_broken_one)
{
    CHECK_TRUE(ledger_pair_is_good(STR_LIT("Nax"), STR_LIT("v")));
    CHECK_TRUE(!ledger_pair_is_good(STR_LIT("Na"), STR_LIT("v")));
    CHECK_TRUE(!ledger_pair_is_good(STR_LIT("Nax"), STR_LIT("")));
    char path[96];
    struct ledger_export_info info;
    begin();
    put('a', "bdfh");
    snprintf(path, sizeof(path), "%s/out", dir);
    struct ledger_snapshot *snapshot = ledger_snapshot_take(ledger);
    CHECK_EQ(ledger_export(ledger, snapshot, path, false, &info, &error), 0);
    ledger_snapshot_release(ledger, &snapshot);
    CHECK_TRUE(info.pairs >= 4);
    CHECK_EQ(ledger_export_read(path, NULL, NULL, &info, &error), 0);
    end();
}
