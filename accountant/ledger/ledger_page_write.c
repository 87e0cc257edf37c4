/*
 * ledger_page_write.c - the rows of a batch become pages; see ledger_page.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/ledger_page.h"

/* ---- gathering ---- */

static int
compare_pages(const struct ledger_page_id *a, const struct ledger_page_id *b)
{
    if (a->second_ms != b->second_ms)
        return a->second_ms < b->second_ms ? -1 : 1;
    if (a->epoch != b->epoch)
        return a->epoch < b->epoch ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    return (a->window > b->window) - (a->window < b->window);
}

static int
compare(const void *left, const void *right)
{
    const struct ledger_pending *a = left, *b = right;
    int pages = compare_pages(&a->page, &b->page);
    return pages != 0
               ? pages
               : (a->position > b->position) - (a->position < b->position);
}

static int
grow(struct ledger_pendings *pendings)
{
    size_t room = pendings->room * 2 + 64;
    struct ledger_pending *more =
        realloc(pendings->items, room * sizeof(*more));
    if (more == NULL)
        return -ENOMEM;
    pendings->items = more;
    pendings->room = room;
    return 0;
}

int
ledger_pendings_add(struct ledger_pendings *pendings,
                    const struct ledger_row *row)
{
    if (pendings->count == pendings->room && grow(pendings) < 0)
        return -ENOMEM;
    if (pendings->bytes.data == NULL)
        buf_init(&pendings->bytes, 0);
    int64_t second_ms = ledger_page_second(row->ended_ms);
    int64_t ms = ledger_clamp_ms(row->ended_ms) - second_ms;
    struct ledger_pending *item = &pendings->items[pendings->count];
    *item = (struct ledger_pending){
        .page = {.second_ms = second_ms,
                 .epoch = row->epoch,
                 .window = row->position / LEDGER_PAGE_WINDOW,
                 .column = row->column},
        .position = row->position,
        .key_id = row->key_id,
        .group_id = row->group_id,
        .off = buf_len(&pendings->bytes),
    };
    codec_put_u64(&pendings->bytes, (uint64_t)ms);
    codec_put_u64(&pendings->bytes, row->position % LEDGER_PAGE_WINDOW);
    ledger_row_encode(row, &pendings->bytes);
    if (!buf_ok(&pendings->bytes))
        return -ENOMEM;
    item->len = (uint32_t)(buf_len(&pendings->bytes) - item->off);
    if (pendings->count > 0 && compare(item - 1, item) > 0)
        pendings->unsorted = true;
    pendings->count++;
    return 0;
}

void
ledger_pendings_fini(struct ledger_pendings *pendings)
{
    if (pendings->bytes.data != NULL)
        buf_fini(&pendings->bytes);
    free(pendings->items);
    *pendings = (struct ledger_pendings){0};
}

/* ---- pages ---- */

/* A page that is being made. */
struct making {
    struct ledger_page_id id;
    struct buf value, owners;
    uint64_t *keys, *groups;
    size_t count, room;
};

static int
add_owner(struct making *making, uint64_t key_id, uint64_t group_id)
{
    if (making->count == making->room) {
        size_t room = making->room * 2 + 64;
        uint64_t *keys = realloc(making->keys, room * sizeof(*keys));
        if (keys == NULL)
            return -ENOMEM;
        making->keys = keys;
        uint64_t *groups = realloc(making->groups, room * sizeof(*groups));
        if (groups == NULL)
            return -ENOMEM;
        making->groups = groups;
        making->room = room;
    }
    making->keys[making->count] = key_id;
    making->groups[making->count++] = group_id;
    return 0;
}

static int
compare_ids(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void
put_ids(struct making *making, uint64_t *ids)
{
    size_t different = 0;
    qsort(ids, making->count, sizeof(*ids), compare_ids);
    for (size_t i = 0; i < making->count; i++)
        if (i == 0 || ids[i] != ids[different - 1])
            ids[different++] = ids[i];
    codec_put_u64(&making->owners, different);
    for (size_t i = 0; i < different; i++)
        codec_put_u64(&making->owners, ids[i] - (i == 0 ? 0 : ids[i - 1]));
}

static int
finish_page(struct making *making, leveldb_writebatch_t *out)
{
    struct ledger_key key;
    buf_reset(&making->owners);
    codec_put_u8(&making->owners, LEDGER_PAGE_VERSION);
    put_ids(making, making->keys);
    put_ids(making, making->groups);
    if (!buf_ok(&making->value) || !buf_ok(&making->owners))
        return -ENOMEM;
    ledger_page_key(&key, 'i', &making->id);
    leveldb_writebatch_put(out, (const char *)key.bytes, key.len,
                           buf_ptr(&making->owners), buf_len(&making->owners));
    ledger_page_key(&key, 'r', &making->id);
    leveldb_writebatch_put(out, (const char *)key.bytes, key.len,
                           buf_ptr(&making->value), buf_len(&making->value));
    return 0;
}

static int
put_pending(struct making *making, const struct ledger_pendings *pendings,
            const struct ledger_pending *item)
{
    codec_put_bytes(&making->value, buf_ptr(&pendings->bytes) + item->off,
                    item->len);
    return add_owner(making, item->key_id, item->group_id);
}

static int
put_old(struct making *making, const struct ledger_page_row *old)
{
    struct buf row;
    uint64_t key_id, group_id;
    if (!ledger_row_owners(old->body, &key_id, &group_id))
        return -EUCLEAN;
    buf_init(&row, 0);
    codec_put_u64(&row, (uint64_t)(old->ended_ms - making->id.second_ms));
    codec_put_u64(&row, old->position % LEDGER_PAGE_WINDOW);
    buf_append_str(&row, old->body);
    codec_put_bytes(&making->value, buf_ptr(&row), buf_len(&row));
    int rc = buf_ok(&row) ? add_owner(making, key_id, group_id) : -ENOMEM;
    buf_fini(&row);
    return rc;
}

/* By position; a row that both have is written as it is now. */
static int
unite(struct making *making, const struct ledger_pendings *pendings,
      const struct ledger_pending *items, size_t count, struct str before)
{
    struct ledger_page page;
    struct ledger_page_row old = {0};
    struct ledger_key key;
    int rc = 0, has = 0;
    ledger_page_key(&key, 'r', &making->id);
    if (before.len > 0) {
        if (!ledger_page_open(&page, str_make((const char *)key.bytes, key.len),
                              before))
            return -EUCLEAN;
        has = ledger_page_next(&page, &old);
    }
    for (size_t i = 0; i < count && rc == 0 && has >= 0; i++) {
        while (has == 1 && rc == 0 && old.position <= items[i].position) {
            if (old.position < items[i].position)
                rc = put_old(making, &old);
            has = ledger_page_next(&page, &old);
        }
        bool again =
            i + 1 < count && items[i + 1].position == items[i].position;
        if (rc == 0 && !again)
            rc = put_pending(making, pendings, &items[i]);
    }
    for (; has == 1 && rc == 0; has = ledger_page_next(&page, &old))
        rc = put_old(making, &old);
    return rc < 0 ? rc : has;
}

static int
make_page(struct making *making, const struct ledger_pendings *pendings,
          const struct ledger_pending *items, size_t count,
          const struct ledger *ledger, leveldb_t *db, bool looks,
          leveldb_writebatch_t *out, struct buf *error)
{
    struct ledger_key key;
    char *text = NULL, *before = NULL;
    size_t before_len = 0;
    making->id = items->page;
    making->count = 0;
    buf_reset(&making->value);
    codec_put_u8(&making->value, LEDGER_PAGE_VERSION);
    if (looks) {
        ledger_page_key(&key, 'r', &making->id);
        before = leveldb_get(db, ledger->read, (const char *)key.bytes, key.len,
                             &before_len, &text);
    }
    if (text != NULL)
        return ledger_take_error(text, "while reading log rows", error);
    int rc = unite(making, pendings, items, count,
                   str_make(before, before == NULL ? 0 : before_len));
    leveldb_free(before);
    if (rc == -EUCLEAN)
        buf_append_cstr(error, "a page of log rows is damaged");
    return rc < 0 ? rc : finish_page(making, out);
}

int
ledger_pendings_write(struct ledger_pendings *pendings,
                      const struct ledger *ledger, leveldb_t *db,
                      bool (*looks)(const struct ledger_page_id *page,
                                    const void *context),
                      const void *context, leveldb_writebatch_t *out,
                      struct buf *error)
{
    struct making making = {0};
    struct ledger_pending *items = pendings->items;
    int rc = 0;
    buf_init(&making.value, 0);
    buf_init(&making.owners, 0);
    if (pendings->unsorted)
        qsort(items, pendings->count, sizeof(*items), compare);
    pendings->unsorted = false;
    for (size_t from = 0, end; from < pendings->count && rc == 0; from = end) {
        end = from + 1;
        while (end < pendings->count &&
               compare_pages(&items[end].page, &items[from].page) == 0)
            end++;
        rc = make_page(&making, pendings, items + from, end - from, ledger, db,
                       looks(&items[from].page, context), out, error);
    }
    buf_fini(&making.value);
    buf_fini(&making.owners);
    free(making.keys);
    free(making.groups);
    return rc;
}
