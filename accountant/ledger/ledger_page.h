/*
 * ledger_page.h - log rows stand in pages: the rows of one second (of
 * ended_ms), of one ring and of so many of the ring's bytes. LevelDB then has a
 * hundredth of the keys when there are many rows.
 *
 * The key of its page follows from each row alone. So rows that are written
 * again, by an accountant that died between F3 and F4, come to the page where
 * they were, whatever the flushes were; the page is united with what it had, by
 * position, and each row is shown or not by its own position (it is booked or
 * not), not by its page.
 *
 *   page   version1, then by position: length | ms in the second | position in
 *          the window | row (ledger_row_encode)
 *   owners version1, count, ids of keys; count, ids of groups: ascending, each
 *          as what it is more than the last. Whoever asks for the rows of one
 *          key or group reads these first.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_PAGE_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_PAGE_H

#include "accountant/ledger/codec.h"
#include "accountant/ledger/ledger_internal.h"

enum {
    LEDGER_PAGE_VERSION = 1,
    LEDGER_PAGE_MS = 1000,
    LEDGER_PAGE_WINDOW = 32768,
};

struct ledger_page_id {
    int64_t second_ms; /* when its second began */
    uint64_t epoch, window;
    uint32_t column;
};

/* type: 'r' the page, 'i' its owners. */
void ledger_page_key(struct ledger_key *key, char type,
                     const struct ledger_page_id *id);
/* False: it is no key of this type. */
bool ledger_page_parse_key(struct str key, char type,
                           struct ledger_page_id *id);

/* ---- reading ---- */
struct ledger_page {
    struct ledger_page_id id;
    struct codec_reader rest;
};
struct ledger_page_row {
    int64_t ended_ms;
    uint64_t position;
    struct str body; /* a view into the page */
};
/* Of a 'r' key and its value; false: it is none. */
bool ledger_page_open(struct ledger_page *page, struct str key,
                      struct str value);
/* By position. 1, 0 at the end, -EUCLEAN: damaged. */
int ledger_page_next(struct ledger_page *page, struct ledger_page_row *at);
/* False: damaged. */
bool ledger_page_decode(const struct ledger_page *page,
                        const struct ledger_page_row *at,
                        struct ledger_row *row);
/* Each row of the page to `each`, until it says other than 0. What it said, 0 or
 * -EUCLEAN. The row is the callee's to change. */
int ledger_page_rows(struct str key, struct str value,
                     int (*each)(struct ledger_row *row, void *context),
                     void *context) MUST_CHECK;
/* When the second of a time began. */
int64_t ledger_page_second(int64_t ended_ms);
/* Whether a page with these owners may have rows of that key and group; 0: any.
 * What is damaged may have all. */
bool ledger_page_may_have(struct str owners, uint64_t key_id,
                          uint64_t group_id);

/* ---- writing: the rows of one day that a batch has ---- */
struct ledger_pending {
    struct ledger_page_id page;
    uint64_t position, key_id, group_id;
    size_t off;
    uint32_t len;
};
/* All zero is empty. */
struct ledger_pendings {
    struct buf bytes; /* rows as they stand in pages, without their lengths */
    struct ledger_pending *items;
    size_t count, room;
    bool unsorted;
};
/* 0 or -ENOMEM. */
int ledger_pendings_add(struct ledger_pendings *pendings,
                        const struct ledger_row *row) MUST_CHECK;
void ledger_pendings_fini(struct ledger_pendings *pendings);
/*
 * ledger_pendings_write - the pages and their owners to `out`. looks(page,
 * context) says of which pages `db` may have something; those are united with
 * it. 0 or -errno.
 */
int ledger_pendings_write(struct ledger_pendings *pendings,
                          const struct ledger *ledger, leveldb_t *db,
                          bool (*looks)(const struct ledger_page_id *page,
                                        const void *context),
                          const void *context, leveldb_writebatch_t *out,
                          struct buf *error) MUST_CHECK;

#endif
