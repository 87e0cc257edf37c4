/*
 * ledger_rows.c - reading log rows over the days, newest or oldest first.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/ledger_internal.h"
#include "common/crypto.h"
#include "common/json_scan.h"

enum { ROW_KEY_BYTES = 29 };

struct row_scan {
    struct ledger *ledger;
    struct ledger_snapshot *snapshot;
    const struct ledger_row_filter *filter;
    bool (*each)(const struct ledger_row *row, void *context);
    void *context;
    struct buf *error;
    int64_t from_ms, to_ms;        /* [from, to) */
    uint8_t cursor[ROW_KEY_BYTES]; /* valid when has_cursor */
    bool has_cursor;
    bool stopped; /* by the callback */
};

void
ledger_row_cursor(const struct ledger_row *row, char out[64])
{
    struct ledger_key key;
    ledger_key_row(&key, row);
    crypto_hex(key.bytes, key.len, out);
}

static bool
name_matches(const char *wanted, const char *got)
{
    return wanted == NULL || *wanted == '\0' || strcmp(wanted, got) == 0;
}

static bool
text_matches(const char *text, const struct ledger_row *row)
{
    if (text == NULL || *text == '\0')
        return true;
    const char *const fields[] = {
        row->model, row->model_asked, row->provider,  row->error,
        row->tags,  row->request_id,  row->client_ip, row->credential};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (strcasestr(fields[i], text) != NULL)
            return true;
    return false;
}

/* Whether metadata has the entry: a number or a boolean is as it was spelt. */
static bool
has_tag(struct str metadata, const struct ledger_tag *tag)
{
    struct json_reader reader;
    struct json_token token;
    struct str key, value;
    enum json_type type;
    json_reader_init(&reader, metadata);
    if (json_next(&reader, &token) != JSON_OBJECT)
        return false;
    while ((type = json_member(&reader, &key, &value)) != JSON_OBJECT_END) {
        if (type == JSON_BAD)
            return false;
        if (!json_string_equals(key, str_from(tag->key)))
            continue;
        return tag->value == NULL ||
               (type == JSON_STRING
                    ? json_string_equals(value, str_from(tag->value))
                    : str_equals(value, str_from(tag->value)));
    }
    return false;
}

static bool
tags_match(const struct ledger_row_filter *f, const struct ledger_row *row)
{
    for (unsigned i = 0; i < f->tag_count; i++)
        if (!has_tag(str_from(row->tags), &f->tags[i]))
            return false;
    return true;
}

static bool
row_matches(const struct ledger_row_filter *f, const struct ledger_row *row)
{
    return (!f->listed_only || (row->flags & LEDGER_FLAG_UNLISTED) == 0) &&
           (f->key_id == 0 || f->key_id == row->key_id) &&
           (f->group_id == 0 || f->group_id == row->group_id) &&
           (f->limit == 0 || row->limit == f->limit) &&
           (!f->would_refuse || (row->flags & LEDGER_FLAG_WOULD_REFUSE) != 0) &&
           (f->status_min == 0 || row->status >= f->status_min) &&
           (f->status_max == 0 || row->status <= f->status_max) &&
           (f->cause < 0 || row->cause == f->cause) &&
           name_matches(f->model, row->model) &&
           name_matches(f->provider, row->provider) &&
           name_matches(f->request_id, row->request_id) &&
           text_matches(f->text, row) && tags_match(f, row);
}

/* Where a scan of one day begins: at the cursor or the edge of the time. */
static void
seek(const struct row_scan *scan, leveldb_iterator_t *it)
{
    struct ledger_key key;
    bool up = scan->filter->oldest_first;
    if (scan->has_cursor) {
        memcpy(key.bytes, scan->cursor, ROW_KEY_BYTES);
        key.len = ROW_KEY_BYTES;
    } else {
        ledger_key_begin(&key, 'r');
        ledger_key_u64(&key, (uint64_t)(up ? scan->from_ms : scan->to_ms));
    }
    leveldb_iter_seek(it, (const char *)key.bytes, key.len);
    if (up) {
        /* "behind the cursor": not the row of the cursor itself */
        size_t len = 0;
        if (scan->has_cursor && leveldb_iter_valid(it)) {
            const char *at = leveldb_iter_key(it, &len);
            if (len == key.len && memcmp(at, key.bytes, len) == 0)
                leveldb_iter_next(it);
        }
        return;
    }
    /* Downwards: the last key below. */
    if (leveldb_iter_valid(it))
        leveldb_iter_prev(it);
    else
        leveldb_iter_seek_to_last(it);
}

/* One row at the iterator. 1 go on, 0 end of this day, -errno. */
static int
visit(struct row_scan *scan, leveldb_iterator_t *it, struct ledger_row *row)
{
    struct str key, value;
    key.ptr = leveldb_iter_key(it, &key.len);
    value.ptr = leveldb_iter_value(it, &value.len);
    if (key.len == 0 || key.ptr[0] != 'r')
        return 0;
    if (!ledger_row_decode(key, value, row)) {
        if (scan->error != NULL)
            buf_append_cstr(scan->error, "a log row is damaged");
        return -EUCLEAN;
    }
    if (row->ended_ms < scan->from_ms || row->ended_ms >= scan->to_ms)
        return 0;
    if (!ledger_row_is_booked(scan->snapshot, row) ||
        !row_matches(scan->filter, row))
        return 1;
    if (!scan->each(row, scan->context)) {
        scan->stopped = true;
        return 0;
    }
    return 1;
}

static int
scan_day(struct row_scan *scan, int64_t number)
{
    struct ledger_day *day;
    int rc = ledger_day_get(scan->ledger, number, false, &day, scan->error);
    if (rc == -ENOENT)
        return 0;
    if (rc < 0)
        return rc;
    leveldb_iterator_t *it =
        leveldb_create_iterator(day->db, scan->snapshot->read_day);
    struct ledger_row row;
    seek(scan, it);
    while (leveldb_iter_valid(it)) {
        rc = visit(scan, it, &row);
        if (rc <= 0)
            break;
        if (scan->filter->oldest_first)
            leveldb_iter_next(it);
        else
            leveldb_iter_prev(it);
        if (ledger_is_closing(scan->ledger)) {
            if (scan->error != NULL)
                buf_append_cstr(scan->error,
                                "the ledger is being opened again");
            rc = -EAGAIN;
            break;
        }
    }
    char *text = NULL;
    leveldb_iter_get_error(it, &text);
    leveldb_iter_destroy(it);
    ledger_day_put(scan->ledger, day);
    if (text != NULL) {
        ledger_mark_suspect(scan->ledger);
        return ledger_take_error(text, "while reading log rows", scan->error);
    }
    return rc < 0 ? rc : 0;
}

static int
prepare(struct row_scan *scan)
{
    const struct ledger_row_filter *filter = scan->filter;
    scan->from_ms = filter->from_ms < 0 ? 0 : filter->from_ms;
    scan->to_ms = filter->to_ms > 0 ? ledger_clamp_ms(filter->to_ms)
                                    : ledger_clamp_ms(INT64_MAX) + 1;
    if (filter->cursor == NULL || filter->cursor[0] == '\0')
        return 0;
    if (crypto_unhex(str_from(filter->cursor), scan->cursor, ROW_KEY_BYTES) !=
            0 ||
        scan->cursor[0] != 'r') {
        if (scan->error != NULL)
            buf_append_cstr(scan->error, "the cursor is none of this log");
        return -EINVAL;
    }
    scan->has_cursor = true;
    int64_t at_ms = (int64_t)ledger_key_read_u64(scan->cursor + 1);
    if (filter->oldest_first && at_ms > scan->from_ms)
        scan->from_ms = at_ms;
    if (!filter->oldest_first && at_ms + 1 < scan->to_ms)
        scan->to_ms = at_ms + 1;
    return 0;
}

int
ledger_scan_rows(struct ledger *ledger, struct ledger_snapshot *snapshot,
                 const struct ledger_row_filter *filter,
                 bool (*each)(const struct ledger_row *row, void *context),
                 void *context, struct buf *error)
{
    struct row_scan scan = {
        .ledger = ledger,
        .snapshot = snapshot,
        .filter = filter,
        .each = each,
        .context = context,
        .error = error,
    };
    if (snapshot == NULL || snapshot->error != 0)
        return -EIO;
    int rc = prepare(&scan);
    if (rc < 0)
        return rc;
    int64_t *days;
    size_t count;
    rc = ledger_day_list(ledger, &days, &count);
    if (rc < 0)
        return rc;
    int64_t first = ledger_row_day(scan.from_ms);
    int64_t last = ledger_row_day(scan.to_ms - 1);
    for (size_t i = 0; i < count && rc == 0 && !scan.stopped; i++) {
        int64_t day = days[filter->oldest_first ? i : count - 1 - i];
        if (day < first || day > last ||
            ledger_day_is_dropped(snapshot->dropped, snapshot->dropped_count,
                                  day))
            continue;
        rc = scan_day(&scan, day);
    }
    free(days);
    return rc;
}
