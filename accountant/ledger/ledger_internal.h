/*
 * ledger_internal.h - what the files of ledger/ share; nobody else includes it.
 *
 * Handles and who closes them: the writer thread closes and opens (reopen,
 * retention); readers work under a snapshot. Closing waits until every snapshot
 * is released; scans look at `closing` and stop early with -EAGAIN, so that
 * the writer waits for one row, not for one scan.
 *   invariant: main != NULL or no snapshot has a database.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_INTERNAL_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_INTERNAL_H

#include <leveldb/c.h>
#include <pthread.h>
#include <stdatomic.h>

#include "accountant/ledger/ledger.h"
#include "accountant/ledger/ledger_key.h"

enum {
    LEDGER_DIR_BYTES = 448,
    LEDGER_PATH_BYTES = 512,
    LEDGER_DAYS_OPEN_MAX = 8,
};

/* Meta: rows that are written and not booked have ended at this time (ms) or
 * later. Absent: nothing is known. */
#define LEDGER_META_UNBOOKED "unbooked_from"

/* An open database of one day. Under ledger->lock, but for db. */
struct ledger_day {
    int64_t day;
    leveldb_t *db;
    unsigned references;
    uint64_t used; /* order of last use, for eviction */
    struct ledger_day *next;
};

/* Counts writes into a day, so that retention sees a row that came late. */
struct ledger_day_writes {
    int64_t day;
    uint64_t writes;
};

struct ledger {
    char dir[LEDGER_DIR_BYTES];
    bool create;
    leveldb_options_t *main_options, *day_options;
    leveldb_cache_t *cache;
    leveldb_filterpolicy_t *filter;
    leveldb_writeoptions_t *sync, *lazy;
    leveldb_readoptions_t *read; /* no snapshot: the writer thread */
    /* LEDGER_META_UNBOOKED as it is durable. The writer thread's. */
    int64_t unbooked_from_ms;

    pthread_mutex_t lock; /* all below */
    pthread_cond_t changed;
    leveldb_t *main; /* NULL: closed */
    struct ledger_day *days;
    struct ledger_snapshot *snapshots;
    uint64_t use_counter, snapshot_counter;
    int64_t *dropped; /* days dropped by retention, ascending */
    size_t dropped_count;
    struct ledger_day_writes *writes;
    size_t writes_count;

    atomic_bool closing; /* scans end early */
    atomic_bool suspect; /* a reader met an error: reopen before writing */
};

struct ledger_snapshot {
    const leveldb_snapshot_t *main;  /* NULL: the ledger was closed */
    leveldb_readoptions_t *read;     /* with the snapshot */
    leveldb_readoptions_t *read_day; /* rows: any instant after it will do */
    uint64_t serial;
    uint64_t epoch;
    uint64_t *positions; /* booked, by column, of `epoch` */
    uint32_t position_count;
    int64_t *dropped;
    size_t dropped_count;
    int error; /* of the taking */
    struct ledger_snapshot *next;
};

/* ---- ledger.c ---- */
/* Takes errptr's text (frees it) into error; -EUCLEAN, -EBUSY, -ENOSPC, -EIO. */
int ledger_take_error(char *text, const char *what, struct buf *error);
/* 1 found, 0 not, or -errno. With or without snapshot (writer thread). Appends
 * the value to out. */
int ledger_get(struct ledger *ledger, const struct ledger_snapshot *snapshot,
               const struct ledger_key *key, struct buf *out,
               struct buf *error) MUST_CHECK;
/*
 * ledger_scan - all pairs of the main database whose key begins with `prefix`,
 * at or after `from` (NULL: prefix). The callback returns false to stop.
 */
typedef bool (*ledger_pair)(struct str key, struct str value, void *context);
int ledger_scan(struct ledger *ledger, const struct ledger_snapshot *snapshot,
                const struct ledger_key *prefix, const struct ledger_key *from,
                ledger_pair each, void *context, struct buf *error) MUST_CHECK;
bool ledger_is_closing(struct ledger *ledger);
void ledger_mark_suspect(struct ledger *ledger);

/* ---- ledger_day.c ---- */
/* With a reference; -ENOENT when it is not there and !create. */
int ledger_day_get(struct ledger *ledger, int64_t day, bool create,
                   struct ledger_day **out, struct buf *error) MUST_CHECK;
void ledger_day_put(struct ledger *ledger, struct ledger_day *day);
/* All must be unreferenced; under the lock. */
void ledger_days_close(struct ledger *ledger);
void ledger_day_path(const struct ledger *ledger, int64_t day,
                     char out[LEDGER_PATH_BYTES]);
/* Days that have a directory, ascending; free() the array. */
int ledger_day_list(const struct ledger *ledger, int64_t **days,
                    size_t *count) MUST_CHECK;
bool ledger_day_is_dropped(const int64_t *dropped, size_t count, int64_t day);
/* ledger_payload.c. Retention has dropped it. Writer thread. */
bool ledger_day_is_gone(struct ledger *ledger, int64_t day);
void ledger_key_payload(struct ledger_key *key, const uint64_t request_id[2]);
/* Inserts in order; 0 or -ENOMEM. */
int ledger_day_add_dropped(int64_t **dropped, size_t *count,
                           int64_t day) MUST_CHECK;

/* ---- ledger_row_value.c ---- */
void ledger_row_encode(const struct ledger_row *row, struct buf *out);
/* All but its identity. False: not a row. */
bool ledger_row_decode_body(struct str body, struct ledger_row *row);
/* Identity from the key of ledger_key_row(). False: not a row. */
bool ledger_row_decode(struct str key, struct str value,
                       struct ledger_row *row);
/* Whose it is, without reading all of it. */
bool ledger_row_owners(struct str body, uint64_t *key_id, uint64_t *group_id);
/* Whether the effect of a row is in the snapshot's totals. */
bool ledger_row_is_booked(const struct ledger_snapshot *snapshot,
                          const struct ledger_row *row);

/* ledger_turn.c: its time is over, which is noted; NULL: never. */
bool ledger_turn_ends(struct ledger_turn *turn);

#endif
