/*
 * ledger_hide.c - see ledger_hide.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_hide.h"

#include <errno.h>

#include "accountant/ledger/ledger_batch.h"
#include "accountant/ledger/ledger_internal.h"
#include "accountant/ledger/ledger_payload.h"

static void
add_row(leveldb_writebatch_t *batch, const struct ledger_row *row,
        struct buf *value)
{
    struct ledger_key key;
    ledger_key_row(&key, row);
    buf_reset(value);
    ledger_row_encode(row, value);
    leveldb_writebatch_put(batch, (const char *)key.bytes, key.len,
                           buf_ptr(value), buf_len(value));
}

static void
add_hidden(leveldb_writebatch_t *batch, struct ledger_row row,
           struct buf *value)
{
    struct ledger_key key;
    uint64_t id[2];
    row.flags |= LEDGER_FLAG_UNLISTED;
    row.tags[0] = row.client_ip[0] = row.error[0] = '\0';
    add_row(batch, &row, value);
    if (!ledger_request_id(row.request_id, id))
        return;
    ledger_key_payload(&key, id);
    leveldb_writebatch_delete(batch, (const char *)key.bytes, key.len);
}

/* Rows of one day, as one batch. */
static int
write_of_day(struct ledger *ledger, int64_t number,
             const struct ledger_row *rows, size_t count, bool hide,
             struct buf *error)
{
    struct ledger_day *day;
    struct buf value;
    int rc = ledger_day_get(ledger, number, false, &day, error);
    if (rc < 0)
        return rc;
    leveldb_writebatch_t *batch = leveldb_writebatch_create();
    buf_init(&value, 0);
    for (size_t i = 0; i < count; i++)
        if (hide)
            add_hidden(batch, rows[i], &value);
        else
            add_row(batch, &rows[i], &value);
    if (buf_ok(&value)) {
        char *text = NULL;
        leveldb_write(day->db, ledger->sync, batch, &text);
        if (text != NULL)
            rc = ledger_take_error(text, "while changing rows of the log",
                                   error);
    } else {
        rc = -ENOMEM;
    }
    leveldb_writebatch_destroy(batch);
    buf_fini(&value);
    ledger_day_put(ledger, day);
    return rc;
}

int
ledger_hide_rows(struct ledger *ledger, const struct ledger_row *rows,
                 size_t count, size_t *hidden, struct buf *error)
{
    *hidden = 0;
    if (ledger_must_reopen(ledger))
        return -EIO;
    for (size_t at = 0; at < count;) {
        int64_t number = ledger_row_day(rows[at].ended_ms);
        size_t end = at + 1;
        while (end < count && ledger_row_day(rows[end].ended_ms) == number)
            end++;
        int rc = ledger_day_is_gone(ledger, number)
                     ? -ENOENT
                     : write_of_day(ledger, number, &rows[at], end - at, true,
                                    error);
        if (rc == 0)
            *hidden += end - at;
        if (rc < 0 && rc != -ENOENT) {
            ledger_mark_suspect(ledger);
            return rc;
        }
        at = end;
    }
    return 0;
}

int
ledger_tag_row(struct ledger *ledger, const struct ledger_row *row,
               struct buf *error)
{
    int64_t number = ledger_row_day(row->ended_ms);
    if (ledger_must_reopen(ledger))
        return -EIO;
    if (ledger_day_is_gone(ledger, number))
        return -ENOENT;
    int rc = write_of_day(ledger, number, row, 1, false, error);
    if (rc < 0 && rc != -ENOENT)
        ledger_mark_suspect(ledger);
    return rc;
}
