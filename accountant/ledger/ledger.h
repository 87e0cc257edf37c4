/*
 * ledger.h - the durable side: LevelDB databases below data_dir.
 *
 *   data_dir/secret            32 bytes, mode 0600
 *   data_dir/ledger/           main: totals, positions, budgets, objects,
 *                              roll-ups, price versions
 *   data_dir/log/2026-11-21/   rows of that UTC day (retention deletes it)
 *
 * Key encoding: ledger_key.h. One process; one writer thread; readers use
 * snapshots on threads of their own. First error of any kind: the handle is
 * dead; ledger_reopen() and write the same batch again (LevelDB 1.23 loses
 * acknowledged writes after a failed one).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "accountant/ledger/ledger_spans.h"
#include "common/buf.h"
#include "common/usage.h"

struct ledger;
struct ledger_snapshot;

/* -EBUSY: another process holds the lock. -EUCLEAN: damaged, refused. */
int ledger_open(const char *data_dir, bool create, struct ledger **ledger,
                struct buf *error) MUST_CHECK;
void ledger_close(struct ledger **ledger);
/* Close and open again after an error; same results as ledger_open. */
int ledger_reopen(struct ledger *ledger, struct buf *error) MUST_CHECK;

/* ---- values ---- */
enum ledger_kind { LEDGER_KEY = 'k', LEDGER_GROUP = 'g' };
enum ledger_resolution {
    LEDGER_MINUTE = 'm',
    LEDGER_HOUR = 'h',
    LEDGER_DAY = 'd'
};

/* Absolute totals of one key or group since it exists. */
struct ledger_total {
    uint64_t tokens, nano, requests;
};

/* A roll-up bucket: (start, group, key, model at provider). */
struct ledger_usage {
    enum ledger_resolution resolution;
    int64_t start_ms;
    uint64_t group_id, key_id;
    char model[128], provider[128];
    uint64_t requests, errors, tokens, nano;
    struct usage classes;
    uint64_t duration_ms, first_byte_ms;
    /* Of the first version's buckets these are missing. */
    uint64_t cached_answers; /* given again, asked of no provider */
    /* Of calls that a provider was asked for; until the first token: of those
     * streams that had one. */
    struct ledger_spans duration_spans, first_token_spans;
};

/* What became of a call at one endpoint. */
struct ledger_attempt {
    char model[128], provider[128];
    char credential[64]; /* "": the provider has one only */
    uint16_t status;     /* the provider's; 0: it never answered */
    uint8_t cause;
    uint32_t duration_ms;
    uint64_t tokens, nano; /* its part of the row's */
};
enum { LEDGER_ATTEMPTS_MAX = 8 };

/* One log row. */
struct ledger_row {
    int64_t ended_ms;
    uint64_t epoch, position; /* identity: (epoch, column, position) */
    uint32_t column;
    uint64_t batch_no; /* of the flush that booked it */
    int64_t started_ms;
    uint64_t key_id, group_id;
    char request_id[40];
    uint16_t status, attempts, flags;
    uint8_t cause, dialect, endpoint;
    uint8_t limit;       /* record_limit: which one refused it, or would have */
    uint8_t tried_count; /* of `tried`; 0: the first attempt succeeded */
    uint32_t duration_ms, first_byte_ms;
    /* As the record's: 0 is not waited, or not known. */
    uint32_t queue_ms, sent_ms, connect_ms, first_token_ms;
    uint32_t delivered_tokens, generated_tokens, price_version;
    uint32_t gateway; /* settings_name_hash() of its profile; 0: none */
    /* Which tier of its price version was charged, from 1; 0: none. What the
     * provider said it served, enum service_tier. */
    uint8_t price_tier, service_tier;
    uint64_t tokens, nano;
    struct usage classes;
    char client_ip[46];
    char model[128], provider[128], model_asked[256], error[256], tags[768];
    char credential[64]; /* the last attempt's, as above */
    struct ledger_attempt
        tried[LEDGER_ATTEMPTS_MAX]; /* last: most rows have none */
};
/* Name of a record_cause for people: "ok", "provider_error", "lost" ... */
enum {
    LEDGER_CAUSES = 11,
    LEDGER_CAUSE_LOST = 7,
    LEDGER_CAUSE_REFUSED = 9,
    LEDGER_FLAG_ESTIMATED = 2,
    LEDGER_FLAG_CACHED = 16,
    LEDGER_FLAG_UNLISTED = 256
};
const char *ledger_cause_name(uint8_t cause);
/* Name of a record_limit: "budget", "rate_limit" ...; NULL for 0. */
enum { LEDGER_LIMITS = 11, LEDGER_FLAG_WOULD_REFUSE = 4096 };
const char *ledger_limit_name(uint8_t limit);
/* Counted as an error in roll-ups: status 400 and above, or a cause that is
 * neither the client's nor the budget's. */
bool ledger_row_is_error(const struct ledger_row *row);

/* ---- readers (any thread, with a snapshot) ----
 * NULL snapshot (the ledger cannot be read now): every reader says -EIO. */
struct ledger_snapshot *ledger_snapshot_take(struct ledger *ledger);
void ledger_snapshot_release(struct ledger *ledger,
                             struct ledger_snapshot **snapshot);

/*
 * A scan that may be long goes in turns, so that it holds no thread: it stops when
 * its time is over, and another one, with a snapshot of its own, goes on.
 */
struct ledger_turn {
    uint64_t until_ns; /* monotonic */
    bool over;         /* there may be more, behind... */
    char cursor[64];   /* of rows: the filter's for the next turn */
    int64_t start_ms;  /* of usage: these, where `over` said so before */
    uint64_t group_id, key_id;
};
/* 20 ms from now. */
void ledger_turn_begin(struct ledger_turn *turn);

/* An entry that a row's metadata has; value NULL: whatever it is. */
struct ledger_tag {
    const char *key, *value;
};
enum { LEDGER_TAGS_MAX = 16 };

/* Zero fields match everything. */
struct ledger_row_filter {
    int64_t from_ms, to_ms; /* [from, to) by ended_ms; to 0: now */
    uint64_t key_id, group_id;
    uint32_t gateway; /* as the row's; 0: any */
    const char *model, *provider, *request_id, *text;
    int status_min, status_max;
    int cause;         /* -1: any */
    uint8_t limit;     /* 0: any, or none */
    bool would_refuse; /* only what shadows let pass */
    bool oldest_first;
    const char *cursor;       /* resume behind it: from ledger_row_cursor() */
    bool listed_only;         /* not those that are of the books alone */
    struct ledger_turn *turn; /* NULL: to its end at once */
    unsigned tag_count;       /* all of them */
    struct ledger_tag tags[LEDGER_TAGS_MAX];
};
/* Return false from the callback to stop. 0 or -errno. Only rows whose effect
 * is booked are shown. */
int ledger_scan_rows(struct ledger *ledger, struct ledger_snapshot *snapshot,
                     const struct ledger_row_filter *filter,
                     bool (*each)(const struct ledger_row *row, void *context),
                     void *context, struct buf *error) MUST_CHECK;
void ledger_row_cursor(const struct ledger_row *row, char out[64]);
/* Buckets with start in [from, to); key_id or group_id 0: all. */
int ledger_scan_usage(struct ledger *ledger, struct ledger_snapshot *snapshot,
                      enum ledger_resolution resolution, int64_t from_ms,
                      int64_t to_ms, uint64_t group_id, uint64_t key_id,
                      bool (*each)(const struct ledger_usage *usage,
                                   void *context),
                      void *context, struct buf *error) MUST_CHECK;
/* The same in turns. The first one has a turn that is zero but for its time. */
int ledger_scan_usage_turn(
    struct ledger *ledger, struct ledger_snapshot *snapshot,
    enum ledger_resolution resolution, int64_t from_ms, int64_t to_ms,
    uint64_t group_id, uint64_t key_id,
    bool (*each)(const struct ledger_usage *usage, void *context),
    void *context, struct ledger_turn *turn, struct buf *error) MUST_CHECK;
int ledger_read_total(struct ledger *ledger, struct ledger_snapshot *snapshot,
                      enum ledger_kind kind, uint64_t id,
                      struct ledger_total *total) MUST_CHECK;
/* Totals = sum of rows, group = sum of its keys' rows, day roll-ups = rows,
 * baselines <= totals, baseline moves = rows up to their batch, positions.
 * One line per difference into `report`; *differences counts them. When days
 * were dropped by retention, the sums they left behind are used. */
int ledger_verify(struct ledger *ledger, struct ledger_snapshot *snapshot,
                  struct buf *report, uint64_t *differences) MUST_CHECK;

#endif
