/*
 * ledger_batch_write.c - rows of a batch, and the writing: F3 the days'
 * databases, synced one after the other, then F4 the main one, synced.
 *
 * A start with a new segment must find the rows which were written but never
 * booked, without reading all. So the main database says, ahead of the rows,
 * from when on they may be (LEDGER_META_UNBOOKED). Pages come nearly in the order
 * of their keys, so that LevelDB hardly has to merge what it has written.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "accountant/ledger/codec.h"
#include "accountant/ledger/crash_point.h"
#include "accountant/ledger/ledger_batch_part.h"

static struct batch_day *
find_day(struct ledger_batch *batch, int64_t number)
{
    /* Newest first: nearly all rows of a flush are of one day. */
    for (size_t i = batch->day_count; i > 0; i--)
        if (batch->days[i - 1].day == number)
            return &batch->days[i - 1];
    struct batch_day *more =
        realloc(batch->days, (batch->day_count + 1) * sizeof(*more));
    if (more == NULL)
        return NULL;
    batch->days = more;
    struct batch_day *day = &more[batch->day_count++];
    *day = (struct batch_day){.day = number};
    return day;
}

/* 0 or -ENOMEM. */
static int
see_ring(struct ledger_batch *batch, const struct ledger_row *row)
{
    uint64_t window = row->position / LEDGER_PAGE_WINDOW;
    for (size_t i = batch->ring_count; i > 0; i--) {
        struct batch_ring *ring = &batch->rings[i - 1];
        if (ring->column != row->column || ring->epoch != row->epoch)
            continue;
        if (window < ring->first)
            ring->first = window;
        if (window > ring->last)
            ring->last = window;
        return 0;
    }
    struct batch_ring *more =
        realloc(batch->rings, (batch->ring_count + 1) * sizeof(*more));
    if (more == NULL)
        return -ENOMEM;
    batch->rings = more;
    more[batch->ring_count++] =
        (struct batch_ring){row->epoch, window, window, row->column};
    return 0;
}

static bool
may_be_there(const struct ledger_page_id *page, const void *context)
{
    const struct ledger_batch *batch = context;
    if (!batch->follows)
        return true;
    for (size_t i = 0; i < batch->ring_count; i++) {
        const struct batch_ring *ring = &batch->rings[i];
        if (ring->column == page->column && ring->epoch == page->epoch)
            return page->window == ring->first || page->window == ring->last;
    }
    return true;
}

static int
add_dropped(struct ledger_batch *batch, struct ledger *ledger,
            enum ledger_kind kind, uint64_t id, const struct ledger_row *row,
            struct buf *error)
{
    struct ledger_sum *sum = ledger_sums_get(&batch->dropped, kind, id);
    if (sum == NULL)
        return -ENOMEM;
    if (!sum->loaded) {
        struct ledger_dropped before;
        int rc =
            ledger_read_dropped_sum(ledger, NULL, kind, id, &before, error);
        if (rc < 0)
            return rc;
        sum->total = before.total;
        sum->batch_no = before.batch_no;
        sum->loaded = true;
    }
    sum->total.tokens += row->tokens;
    sum->total.nano += row->nano;
    sum->total.requests++;
    if (row->batch_no > sum->batch_no)
        sum->batch_no = row->batch_no;
    struct ledger_dropped after = {sum->total, sum->batch_no};
    ledger_batch_dropped(batch, kind, id, &after);
    return 0;
}

int
ledger_batch_row(struct ledger_batch *batch, struct ledger *ledger,
                 const struct ledger_row *row, struct buf *error)
{
    int64_t number = ledger_row_day(row->ended_ms);
    if (ledger_day_is_dropped(ledger->dropped, ledger->dropped_count, number)) {
        int rc =
            add_dropped(batch, ledger, LEDGER_KEY, row->key_id, row, error);
        if (rc == 0)
            rc = add_dropped(batch, ledger, LEDGER_GROUP, row->group_id, row,
                             error);
        return rc;
    }
    struct batch_day *day = find_day(batch, number);
    if (day == NULL || see_ring(batch, row) < 0 ||
        ledger_pendings_add(&day->rows, row) < 0) {
        batch->failed = true;
        return -ENOMEM;
    }
    if (row->ended_ms < batch->oldest_ms)
        batch->oldest_ms = row->ended_ms;
    return 0;
}

/* Operations -> LevelDB's own batch. */
static leveldb_writebatch_t *
convert(const struct buf *ops)
{
    leveldb_writebatch_t *out = leveldb_writebatch_create();
    struct codec_reader reader;
    codec_reader_init(&reader, buf_view(ops));
    while (reader.left > 0 && !reader.bad) {
        uint8_t op = codec_get_u8(&reader);
        struct str key = codec_get_bytes(&reader);
        if (op == 'p') {
            struct str value = codec_get_bytes(&reader);
            leveldb_writebatch_put(out, key.ptr, key.len, value.ptr, value.len);
        } else {
            leveldb_writebatch_delete(out, key.ptr, key.len);
        }
    }
    CHECK(!reader.bad);
    return out;
}

static int
write_converted(leveldb_t *db, const leveldb_writeoptions_t *options,
                leveldb_writebatch_t *converted, const char *what,
                struct buf *error)
{
    char *text = NULL;
    leveldb_write(db, options, converted, &text);
    return text == NULL ? 0 : ledger_take_error(text, what, error);
}

static int
write_ops(leveldb_t *db, const leveldb_writeoptions_t *options,
          const struct buf *ops, const char *what, struct buf *error)
{
    leveldb_writebatch_t *converted = convert(ops);
    int rc = write_converted(db, options, converted, what, error);
    leveldb_writebatch_destroy(converted);
    return rc;
}

/* Before rows that are older than what the ledger says of such. */
static int
announce_rows(const struct ledger_batch *batch, struct ledger *ledger,
              struct buf *error)
{
    struct ledger_key key;
    struct buf ops, value;
    int rc = 0;
    if (batch->oldest_ms >= ledger->unbooked_from_ms)
        return 0;
    buf_init(&ops, 0);
    buf_init(&value, 0);
    ledger_key_meta(&key, LEDGER_META_UNBOOKED);
    codec_put_u64(&value, (uint64_t)ledger_clamp_ms(batch->oldest_ms));
    ledger_batch_put(&ops, &key, &value);
    if (!buf_ok(&ops) || !buf_ok(&value))
        rc = -ENOMEM;
    if (rc == 0)
        rc = write_ops(ledger->main, ledger->sync, &ops,
                       "while announcing log rows", error);
    if (rc == 0)
        ledger->unbooked_from_ms = ledger_clamp_ms(batch->oldest_ms);
    buf_fini(&ops);
    buf_fini(&value);
    return rc;
}

/*
 * Retention looks at a day's count before and after it has read its rows: odd
 * while a write is under way or has failed, and never the same again.
 */
static int
count_write(struct ledger *ledger, int64_t day, bool begins)
{
    int rc = 0;
    pthread_mutex_lock(&ledger->lock);
    size_t i = 0;
    while (i < ledger->writes_count && ledger->writes[i].day != day)
        i++;
    if (i == ledger->writes_count) {
        struct ledger_day_writes *more =
            realloc(ledger->writes, (i + 1) * sizeof(*more));
        if (more == NULL) {
            rc = -ENOMEM;
        } else {
            more[i] = (struct ledger_day_writes){day, 0};
            ledger->writes = more;
            ledger->writes_count++;
        }
    }
    if (rc == 0 && begins)
        ledger->writes[i].writes |= 1;
    else if (rc == 0)
        ledger->writes[i].writes++;
    pthread_mutex_unlock(&ledger->lock);
    return rc;
}

/* One batch of LevelDB's: all of a page and its owners, or neither. */
static int
write_pages(struct ledger_batch *batch, struct ledger *ledger,
            struct ledger_pendings *rows, leveldb_t *db, struct buf *error)
{
    leveldb_writebatch_t *pages = leveldb_writebatch_create();
    int rc = ledger_pendings_write(rows, ledger, db, may_be_there, batch, pages,
                                   error);
    if (rc == 0)
        rc = write_converted(db, ledger->sync, pages, "while writing log rows",
                             error);
    leveldb_writebatch_destroy(pages);
    return rc;
}

static int
write_day(struct ledger_batch *batch, struct ledger *ledger,
          struct batch_day *batch_day, struct buf *error)
{
    struct ledger_day *day;
    int rc = count_write(ledger, batch_day->day, true);
    if (rc < 0)
        return rc;
    rc = ledger_day_get(ledger, batch_day->day, true, &day, error);
    if (rc < 0)
        return rc;
    rc = write_pages(batch, ledger, &batch_day->rows, day->db, error);
    ledger_day_put(ledger, day);
    if (rc == 0)
        rc = count_write(ledger, batch_day->day, false);
    return rc;
}

bool
ledger_must_reopen(struct ledger *ledger)
{
    /* acquire: pairs with ledger_mark_suspect() */
    return ledger->main == NULL ||
           atomic_load_explicit(&ledger->suspect, memory_order_acquire);
}

static int
write_all(struct ledger_batch *batch, struct ledger *ledger, struct buf *error)
{
    int rc = announce_rows(batch, ledger, error);
    for (size_t i = 0; i < batch->day_count && rc == 0; i++) {
        crash_point("F3");
        rc = write_day(batch, ledger, &batch->days[i], error);
    }
    if (rc < 0)
        return rc;
    crash_point("F4");
    rc = write_ops(ledger->main, ledger->sync, &batch->main,
                   "while writing the ledger", error);
    if (rc == 0 && batch->unbooked_from_ms >= 0)
        ledger->unbooked_from_ms = batch->unbooked_from_ms;
    return rc;
}

int
ledger_batch_write(struct ledger_batch *batch, struct ledger *ledger,
                   struct buf *error)
{
    CHECK(ledger_batch_ok(batch));
    if (ledger_must_reopen(ledger)) {
        buf_append_cstr(error, "the ledger must be opened again");
        return -EIO;
    }
    int rc = write_all(batch, ledger, error);
    if (rc < 0)
        ledger_mark_suspect(ledger);
    return rc;
}
