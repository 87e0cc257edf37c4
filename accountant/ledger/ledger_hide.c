/*
 * ledger_hide.c - see ledger_hide.h. A row that is written again takes the
 * place of what its page had of it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_hide.h"

#include <errno.h>

#include "accountant/ledger/ledger_batch.h"
#include "accountant/ledger/ledger_page.h"
#include "accountant/ledger/ledger_payload.h"

static bool
looks(const struct ledger_page_id *page, const void *context)
{
    (void)page;
    (void)context;
    return true; /* each row is there already */
}

static int
add_hidden(leveldb_writebatch_t *batch, struct ledger_pendings *pendings,
           struct ledger_row row)
{
    struct ledger_key key;
    uint64_t id[2];
    row.flags |= LEDGER_FLAG_UNLISTED;
    row.tags[0] = row.client_ip[0] = row.error[0] = '\0';
    if (ledger_request_id(row.request_id, id)) {
        ledger_key_payload(&key, id);
        leveldb_writebatch_delete(batch, (const char *)key.bytes, key.len);
    }
    return ledger_pendings_add(pendings, &row);
}

/* Rows of one day, as one batch. */
static int
write_of_day(struct ledger *ledger, int64_t number,
             const struct ledger_row *rows, size_t count, bool hide,
             struct buf *error)
{
    struct ledger_day *day;
    struct ledger_pendings pendings = {0};
    int rc = ledger_day_get(ledger, number, false, &day, error);
    if (rc < 0)
        return rc;
    leveldb_writebatch_t *batch = leveldb_writebatch_create();
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = hide ? add_hidden(batch, &pendings, rows[i])
                  : ledger_pendings_add(&pendings, &rows[i]);
    if (rc == 0)
        rc = ledger_pendings_write(&pendings, ledger, day->db, looks, NULL,
                                   batch, error);
    if (rc == 0) {
        char *text = NULL;
        leveldb_write(day->db, ledger->sync, batch, &text);
        if (text != NULL)
            rc = ledger_take_error(text, "while changing rows of the log",
                                   error);
    }
    leveldb_writebatch_destroy(batch);
    ledger_pendings_fini(&pendings);
    ledger_day_put(ledger, day);
    return rc;
}

/* -ENOENT: retention has dropped the day. */
static int
change_day(struct ledger *ledger, const struct ledger_row *rows, size_t count,
           bool hide, struct buf *error)
{
    int64_t number = ledger_row_day(rows[0].ended_ms);
    int rc = ledger_day_is_gone(ledger, number)
                 ? -ENOENT
                 : write_of_day(ledger, number, rows, count, hide, error);
    if (rc < 0 && rc != -ENOENT)
        ledger_mark_suspect(ledger);
    return rc;
}

int
ledger_hide_rows(struct ledger *ledger, const struct ledger_row *rows,
                 size_t count, size_t *hidden, struct buf *error)
{
    *hidden = 0;
    if (ledger_must_reopen(ledger))
        return -EIO;
    for (size_t at = 0, end; at < count; at = end) {
        int64_t number = ledger_row_day(rows[at].ended_ms);
        end = at + 1;
        while (end < count && ledger_row_day(rows[end].ended_ms) == number)
            end++;
        int rc = change_day(ledger, &rows[at], end - at, true, error);
        if (rc == 0)
            *hidden += end - at;
        else if (rc != -ENOENT)
            return rc;
    }
    return 0;
}

int
ledger_tag_row(struct ledger *ledger, const struct ledger_row *row,
               struct buf *error)
{
    return ledger_must_reopen(ledger)
               ? -EIO
               : change_day(ledger, row, 1, false, error);
}
