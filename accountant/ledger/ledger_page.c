/*
 * ledger_page.c - keys of pages, and reading one; see ledger_page.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_page.h"

#include <errno.h>

enum { KEY_BYTES = 29 };

void
ledger_page_key(struct ledger_key *key, char type,
                const struct ledger_page_id *id)
{
    ledger_key_begin(key, type);
    ledger_key_u64(key, (uint64_t)id->second_ms);
    ledger_key_u64(key, id->epoch);
    ledger_key_u32(key, id->column);
    ledger_key_u64(key, id->window);
}

bool
ledger_page_parse_key(struct str key, char type, struct ledger_page_id *id)
{
    if (key.len != KEY_BYTES || key.ptr[0] != type)
        return false;
    id->second_ms = (int64_t)ledger_key_read_u64(key.ptr + 1);
    id->epoch = ledger_key_read_u64(key.ptr + 9);
    id->column = ledger_key_read_u32(key.ptr + 17);
    id->window = ledger_key_read_u64(key.ptr + 21);
    return id->second_ms >= 0 && id->window <= UINT64_MAX / LEDGER_PAGE_WINDOW;
}

bool
ledger_page_open(struct ledger_page *page, struct str key, struct str value)
{
    if (!ledger_page_parse_key(key, 'r', &page->id))
        return false;
    codec_reader_init(&page->rest, value);
    return codec_get_u8(&page->rest) == LEDGER_PAGE_VERSION;
}

int
ledger_page_next(struct ledger_page *page, struct ledger_page_row *at)
{
    if (page->rest.left == 0)
        return page->rest.bad ? -EUCLEAN : 0;
    struct codec_reader row;
    codec_reader_init(&row, codec_get_bytes(&page->rest));
    uint64_t ms = codec_get_max(&row, LEDGER_PAGE_MS - 1);
    uint64_t into = codec_get_max(&row, LEDGER_PAGE_WINDOW - 1);
    if (page->rest.bad || row.bad)
        return -EUCLEAN;
    at->ended_ms = page->id.second_ms + (int64_t)ms;
    at->position = page->id.window * LEDGER_PAGE_WINDOW + into;
    at->body = str_make((const char *)row.at, row.left);
    return 1;
}

bool
ledger_page_decode(const struct ledger_page *page,
                   const struct ledger_page_row *at, struct ledger_row *row)
{
    row->ended_ms = at->ended_ms;
    row->epoch = page->id.epoch;
    row->column = page->id.column;
    row->position = at->position;
    return ledger_row_decode_body(at->body, row);
}

int
ledger_page_rows(struct str key, struct str value,
                 int (*each)(struct ledger_row *row, void *context),
                 void *context)
{
    struct ledger_page page;
    struct ledger_page_row at;
    struct ledger_row row;
    int has = -EUCLEAN, rc = 0;
    if (ledger_page_open(&page, key, value))
        has = ledger_page_next(&page, &at);
    for (; has == 1 && rc == 0; has = ledger_page_next(&page, &at)) {
        if (!ledger_page_decode(&page, &at, &row))
            return -EUCLEAN;
        rc = each(&row, context);
    }
    return rc != 0 ? rc : has;
}

int64_t
ledger_page_second(int64_t ended_ms)
{
    int64_t ms = ledger_clamp_ms(ended_ms);
    return ms - ms % LEDGER_PAGE_MS;
}

/* Goes behind the list. */
static bool
list_has(struct codec_reader *reader, uint64_t wanted)
{
    uint64_t count = codec_get_u64(reader), id = 0;
    bool has = wanted == 0;
    for (; count > 0 && !reader->bad; count--) {
        id += codec_get_u64(reader);
        has = has || id == wanted;
    }
    return has;
}

bool
ledger_page_may_have(struct str owners, uint64_t key_id, uint64_t group_id)
{
    struct codec_reader reader;
    codec_reader_init(&reader, owners);
    bool known = codec_get_u8(&reader) == LEDGER_PAGE_VERSION;
    bool has_key = list_has(&reader, key_id);
    bool has_group = list_has(&reader, group_id);
    return !known || reader.bad || (has_key && has_group);
}
