/*
 * test_audit.c - rows of the audit log and notes of idempotency as bytes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/audit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accountant/admin/openapi.h"
#include "accountant/admin/replays.h"
#include "accountant/notes.h"
#include "tests/test.h"

TEST(a_row_comes_back_as_it_was)
{
    struct audit_row row = {.at_ms = INT64_C(1795262400123),
                            .serial = 0x01020304,
                            .member_id = 7,
                            .object_id = 9,
                            .group_id = 3,
                            .member = "ann",
                            .from = "192.0.2.7",
                            .operation = "key_update",
                            .outcome = "ok",
                            .object = "my app",
                            .fields = "rpm enabled"};
    struct audit_row out;
    char name[AUDIT_NAME_BYTES];
    struct buf bytes;
    buf_init(&bytes, 0);
    audit_row_name(&row, name);
    audit_row_encode(&row, &bytes);
    struct str key = str_make(name, sizeof(name));
    CHECK_EQ(audit_row_decode(key, buf_view(&bytes), &out), 0);
    CHECK_EQ(out.at_ms, row.at_ms);
    CHECK_EQ(out.serial, row.serial);
    CHECK_EQ(out.member_id, 7);
    CHECK_EQ(out.object_id, 9);
    CHECK_EQ(out.group_id, 3);
    CHECK_STR(str_from(out.member), "ann");
    CHECK_STR(str_from(out.from), "192.0.2.7");
    CHECK_STR(str_from(out.operation), "key_update");
    CHECK_STR(str_from(out.outcome), "ok");
    CHECK_STR(str_from(out.object), "my app");
    CHECK_STR(str_from(out.fields), "rpm enabled");
    for (size_t len = 0; len < buf_len(&bytes); len++)
        CHECK_EQ(audit_row_decode(key, str_make(buf_ptr(&bytes), len), &out),
                 -EBADMSG);
    CHECK_EQ(audit_row_decode(str_make(name, 11), buf_view(&bytes), &out),
             -EBADMSG);
    buf_append_char(&bytes, 0);
    CHECK_EQ(audit_row_decode(key, buf_view(&bytes), &out), -EBADMSG);
    buf_fini(&bytes);
}

TEST(later_rows_have_later_names)
{
    char first[AUDIT_NAME_BYTES], second[AUDIT_NAME_BYTES];
    struct audit_row row = {.at_ms = 1000, .serial = 255};
    audit_row_name(&row, first);
    row.serial = 256;
    audit_row_name(&row, second);
    CHECK_TRUE(memcmp(first, second, sizeof(first)) < 0);
    row = (struct audit_row){.at_ms = 1001, .serial = 0};
    audit_row_name(&row, first);
    CHECK_TRUE(memcmp(second, first, sizeof(first)) < 0);
}

TEST(a_note_of_idempotency_comes_back_and_is_filed_under_its_window)
{
    struct replay_note note = {.at_ms = 12345, .id = 7, .name = "a/b"}, out;
    struct buf bytes;
    buf_init(&bytes, 0);
    memset(note.body, 5, sizeof(note.body));
    replay_note_encode(&note, &bytes);
    CHECK_EQ(replay_note_decode(buf_view(&bytes), &out), 0);
    CHECK_EQ(out.id, 7);
    CHECK_EQ(out.at_ms, 12345);
    CHECK_STR(str_from(out.name), "a/b");
    CHECK_TRUE(memcmp(out.body, note.body, sizeof(note.body)) == 0);
    for (size_t len = 0; len < buf_len(&bytes); len++)
        CHECK_EQ(replay_note_decode(str_make(buf_ptr(&bytes), len), &out),
                 -EBADMSG);
    buf_fini(&bytes);
    struct idempotency key = {.digest = {1}};
    char now[REPLAY_NAME_BYTES], soon[REPLAY_NAME_BYTES],
        later[REPLAY_NAME_BYTES];
    replay_note_name(&key, 10 * NOTES_REPLAY_WINDOW_MS, now);
    replay_note_name(&key, 11 * NOTES_REPLAY_WINDOW_MS - 1, soon);
    replay_note_name(&key, 11 * NOTES_REPLAY_WINDOW_MS, later);
    CHECK_TRUE(memcmp(now, soon, sizeof(now)) == 0);
    CHECK_TRUE(memcmp(now, later, sizeof(now)) < 0);
}

TEST(the_document_has_words_for_nothing_that_is_not_there)
{
    const struct operation *row;
    for (const struct openapi_operation *o = openapi_operations;
         o->name != NULL; o++) {
        bool there = false;
        for (unsigned i = 0; (row = operations_row(i)) != NULL; i++)
            there = there || strcmp(row->name, o->name) == 0;
        if (!there)
            test_fail(__FILE__, __LINE__, "%s", o->name);
    }
    /* Rows of one schema stand together, each member once. */
    for (const struct openapi_member *m = openapi_members; m->schema != NULL;
         m++)
        for (const struct openapi_member *n = openapi_members; n != m; n++)
            if (strcmp(m->schema, n->schema) == 0 &&
                (strcmp(m->name, n->name) == 0 ||
                 strcmp((m - 1)->schema, m->schema) != 0))
                test_fail(__FILE__, __LINE__, "%s.%s", m->schema, m->name);
}
