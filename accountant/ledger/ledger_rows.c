/*
 * ledger_rows.c - reading log rows over the days, newest or oldest first: the
 * pages of a second together, in the order of its rows.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/ledger_internal.h"
#include "accountant/ledger/ledger_needle.h"
#include "accountant/ledger/ledger_page.h"
#include "common/crypto.h"
#include "common/json_scan.h"

enum { ROW_KEY_BYTES = 29, DAY_MS = 86400000 };

static const char closing[] = "the ledger is being opened again";

struct second_row;

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
    char type;    /* of the keys it goes along: pages or their owners */
    /* Of the second that is being read, in no order. */
    char **pages;
    size_t page_count, page_room;
    struct second_row *rows; /* views into pages */
    size_t row_count, row_room;
    /* What rows must have somewhere, as they stand. */
    struct ledger_needle text, request_id;
    struct ledger_row row; /* the one that is looked at */
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
           (f->gateway == 0 || f->gateway == row->gateway) &&
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

/* ---- the rows of one second ---- */

/* A row as it stands in a page of scan->pages. */
struct second_row {
    struct ledger_page_id page;
    struct ledger_page_row at;
};

static int
compare_rows(const void *left, const void *right)
{
    const struct second_row *a = left, *b = right;
    if (a->at.ended_ms != b->at.ended_ms)
        return a->at.ended_ms < b->at.ended_ms ? -1 : 1;
    if (a->page.epoch != b->page.epoch)
        return a->page.epoch < b->page.epoch ? -1 : 1;
    if (a->page.column != b->page.column)
        return a->page.column < b->page.column ? -1 : 1;
    return (a->at.position > b->at.position) -
           (a->at.position < b->at.position);
}

static int
fail(const struct row_scan *scan, int rc, const char *reason)
{
    if (scan->error != NULL)
        buf_append_cstr(scan->error, reason);
    return rc;
}

/* Said without reading all of the row. Of a damaged one: yes, so that it is read
 * and told. */
static bool
is_of_owner(const struct ledger_row_filter *filter, struct str body)
{
    uint64_t key_id, group_id;
    if (!ledger_row_owners(body, &key_id, &group_id))
        return true;
    return (filter->key_id == 0 || filter->key_id == key_id) &&
           (filter->group_id == 0 || filter->group_id == group_id);
}

static bool
may_match(struct row_scan *scan, struct str bytes)
{
    return ledger_needle_in(&scan->request_id, bytes) &&
           ledger_needle_in(&scan->text, bytes);
}

static int
add_row(struct row_scan *scan, const struct ledger_page *page,
        const struct ledger_page_row *at)
{
    if ((scan->type == 'i' && !is_of_owner(scan->filter, at->body)) ||
        !may_match(scan, at->body))
        return 0;
    if (scan->row_count == scan->row_room) {
        size_t room = scan->row_room * 2 + 64;
        struct second_row *more = realloc(scan->rows, room * sizeof(*more));
        if (more == NULL)
            return -ENOMEM;
        scan->rows = more;
        scan->row_room = room;
    }
    scan->rows[scan->row_count++] = (struct second_row){page->id, *at};
    return 0;
}

/* Keeps the page and lists its rows. */
static int
add_page(struct row_scan *scan, struct str key, struct str value)
{
    struct ledger_page page;
    struct ledger_page_row at;
    if (!may_match(scan, value))
        return 0;
    if (scan->page_count == scan->page_room) {
        size_t room = scan->page_room * 2 + 16;
        char **more = realloc(scan->pages, room * sizeof(*more));
        if (more == NULL)
            return -ENOMEM;
        scan->pages = more;
        scan->page_room = room;
    }
    char *kept = malloc(value.len + 1);
    if (kept == NULL)
        return -ENOMEM;
    str_copy(kept, value);
    scan->pages[scan->page_count++] = kept;
    int has = -EUCLEAN;
    if (ledger_page_open(&page, key, str_make(kept, value.len)))
        has = ledger_page_next(&page, &at);
    for (; has == 1; has = ledger_page_next(&page, &at)) {
        int rc = add_row(scan, &page, &at);
        if (rc < 0)
            return rc;
    }
    return has < 0 ? fail(scan, has, "a page of log rows is damaged") : 0;
}

static void
forget_second(struct row_scan *scan)
{
    for (size_t i = 0; i < scan->page_count; i++)
        free(scan->pages[i]);
    scan->page_count = scan->row_count = 0;
}

/* The page at the iterator, which stands at it or at its owners. */
static int
take_page(struct row_scan *scan, leveldb_t *db, leveldb_iterator_t *it,
          const struct ledger_page_id *id)
{
    struct str key, value;
    if (scan->type == 'r') {
        key.ptr = leveldb_iter_key(it, &key.len);
        value.ptr = leveldb_iter_value(it, &value.len);
        return add_page(scan, key, value);
    }
    value.ptr = leveldb_iter_value(it, &value.len);
    if (!ledger_page_may_have(value, scan->filter->key_id,
                              scan->filter->group_id))
        return 0;
    struct ledger_key page;
    char *text = NULL;
    ledger_page_key(&page, 'r', id);
    char *bytes =
        leveldb_get(db, scan->snapshot->read_day, (const char *)page.bytes,
                    page.len, &value.len, &text);
    if (text != NULL) {
        ledger_mark_suspect(scan->ledger);
        return ledger_take_error(text, "while reading log rows", scan->error);
    }
    if (bytes == NULL)
        return fail(scan, -EUCLEAN, "a page of log rows is missing");
    value.ptr = bytes;
    int rc =
        add_page(scan, str_make((const char *)page.bytes, page.len), value);
    leveldb_free(bytes);
    return rc;
}

/* ---- showing them ---- */

static bool
is_behind_cursor(const struct row_scan *scan, const struct ledger_row *row)
{
    struct ledger_key key;
    if (!scan->has_cursor)
        return true;
    ledger_key_row(&key, row);
    int order = memcmp(key.bytes, scan->cursor, ROW_KEY_BYTES);
    return scan->filter->oldest_first ? order > 0 : order < 0;
}

/* 0 or -errno; may set scan->stopped. */
static int
show(struct row_scan *scan, const struct second_row *one)
{
    struct ledger_page page = {.id = one->page};
    struct ledger_row *row = &scan->row;
    if (one->at.ended_ms < scan->from_ms || one->at.ended_ms >= scan->to_ms)
        return 0;
    if (!ledger_page_decode(&page, &one->at, row))
        return fail(scan, -EUCLEAN, "a log row is damaged");
    if (!is_behind_cursor(scan, row) ||
        !ledger_row_is_booked(scan->snapshot, row) ||
        !row_matches(scan->filter, row))
        return 0;
    scan->stopped = !scan->each(row, scan->context);
    return 0;
}

static int
show_second(struct row_scan *scan)
{
    int rc = 0;
    bool up = scan->filter->oldest_first;
    if (scan->row_count > 1)
        qsort(scan->rows, scan->row_count, sizeof(*scan->rows), compare_rows);
    for (size_t i = 0; i < scan->row_count && rc == 0 && !scan->stopped; i++) {
        rc = show(scan, &scan->rows[up ? i : scan->row_count - 1 - i]);
        if (rc == 0 && ledger_is_closing(scan->ledger))
            rc = fail(scan, -EAGAIN, closing);
    }
    forget_second(scan);
    return rc;
}

/* ---- one day ---- */

/* Where a scan of one day begins: at the second of its edge. */
static void
seek(const struct row_scan *scan, leveldb_iterator_t *it)
{
    struct ledger_key key;
    bool up = scan->filter->oldest_first;
    int64_t second_ms =
        up ? ledger_page_second(scan->from_ms)
           : ledger_page_second(scan->to_ms - 1) + LEDGER_PAGE_MS;
    ledger_key_begin(&key, scan->type);
    ledger_key_u64(&key, (uint64_t)second_ms);
    leveldb_iter_seek(it, (const char *)key.bytes, key.len);
    if (up)
        return;
    /* Downwards: the last key below. */
    if (leveldb_iter_valid(it))
        leveldb_iter_prev(it);
    else
        leveldb_iter_seek_to_last(it);
}

/* Whether the turn is over, with all done but the second and what lies behind it.
 * No row has the epoch 0. */
static bool
turn_ends(struct row_scan *scan, int64_t second_ms)
{
    struct ledger_turn *turn = scan->filter->turn;
    bool up = scan->filter->oldest_first;
    struct ledger_row edge = {.ended_ms = up ? second_ms
                                             : second_ms + LEDGER_PAGE_MS - 1};
    if (!ledger_turn_ends(turn))
        return false;
    if (!up) {
        edge.epoch = edge.position = UINT64_MAX;
        edge.column = UINT32_MAX;
    }
    ledger_row_cursor(&edge, turn->cursor);
    scan->stopped = true;
    return true;
}

static int
scan_pages(struct row_scan *scan, leveldb_t *db, leveldb_iterator_t *it)
{
    bool up = scan->filter->oldest_first;
    int64_t second_ms = -1;
    int rc = 0;
    for (seek(scan, it); leveldb_iter_valid(it) && rc == 0;
         up ? leveldb_iter_next(it) : leveldb_iter_prev(it)) {
        struct ledger_page_id id;
        struct str key;
        key.ptr = leveldb_iter_key(it, &key.len);
        if (!ledger_page_parse_key(key, scan->type, &id) ||
            (up ? id.second_ms >= scan->to_ms
                : id.second_ms + LEDGER_PAGE_MS <= scan->from_ms))
            break;
        if (id.second_ms != second_ms)
            rc = show_second(scan);
        if (rc < 0 || scan->stopped)
            return rc;
        if (id.second_ms != second_ms && second_ms >= 0 &&
            turn_ends(scan, id.second_ms))
            return 0;
        second_ms = id.second_ms;
        rc = ledger_is_closing(scan->ledger) ? fail(scan, -EAGAIN, closing)
                                             : take_page(scan, db, it, &id);
    }
    return rc < 0 ? rc : show_second(scan);
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
    rc = scan_pages(scan, day->db, it);
    forget_second(scan);
    char *text = NULL;
    leveldb_iter_get_error(it, &text);
    leveldb_iter_destroy(it);
    ledger_day_put(scan->ledger, day);
    if (text != NULL) {
        ledger_mark_suspect(scan->ledger);
        return ledger_take_error(text, "while reading log rows", scan->error);
    }
    return rc;
}

static int
prepare(struct row_scan *scan)
{
    const struct ledger_row_filter *filter = scan->filter;
    ledger_needle_set(&scan->text, filter->text);
    ledger_needle_set(&scan->request_id, filter->request_id);
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
    int64_t at_ms =
        ledger_clamp_ms((int64_t)ledger_key_read_u64(scan->cursor + 1));
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
        .type = filter->key_id != 0 || filter->group_id != 0 ? 'i' : 'r',
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
    bool any = false;
    for (size_t i = 0; i < count && rc == 0 && !scan.stopped; i++) {
        int64_t day = days[filter->oldest_first ? i : count - 1 - i];
        if (day < first || day > last ||
            ledger_day_is_dropped(snapshot->dropped, snapshot->dropped_count,
                                  day))
            continue;
        if (any && turn_ends(&scan, filter->oldest_first
                                        ? day * DAY_MS
                                        : (day + 1) * DAY_MS - LEDGER_PAGE_MS))
            break;
        any = true;
        rc = scan_day(&scan, day);
    }
    free(days);
    free(scan.pages);
    free(scan.rows);
    return rc;
}
