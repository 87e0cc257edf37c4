/*
 * ledger_read.h - what restore, verify and reports read of the main database.
 * A NULL snapshot reads the newest state: writer thread only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_READ_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_READ_H

#include "accountant/ledger/ledger.h"
#include "common/price_tier.h"

/* 1 and *value; 0 absent; -errno. Names: "format" "epoch" "instance" "batch"
 * "next_id" "clock" (of periods, ms); of a restored or repaired ledger "restored" (batch it was of) and
 * "rows_from" (days before it may have fewer rows than roll-ups). */
int ledger_read_meta(struct ledger *ledger, struct ledger_snapshot *snapshot,
                     const char *name, uint64_t *value,
                     struct buf *error) MUST_CHECK;
/* What a snapshot needs to tell booked rows: fills its epoch, positions,
 * dropped days. */
int ledger_read_booked(struct ledger *ledger,
                       struct ledger_snapshot *snapshot) MUST_CHECK;
/* Days dropped by retention, ascending; the caller frees. */
int ledger_read_dropped(struct ledger *ledger, struct ledger_snapshot *snapshot,
                        int64_t **days, size_t *count,
                        struct buf *error) MUST_CHECK;

/* A budget as it stands; unit and period are the numbers of the segment. */
struct ledger_budget {
    uint32_t unit, period;
    int64_t limit, baseline, period_no, resets_ms;
};
/* A baseline that was set with batch `batch_no`, of its totals. */
struct ledger_move {
    enum ledger_kind kind;
    uint64_t id, batch_no;
    uint8_t row;
    uint32_t unit, period;
    int64_t period_no, baseline;
};
/* What the dropped rows of a key or group add up to; their highest batch. */
struct ledger_dropped {
    struct ledger_total total;
    uint64_t batch_no;
};
/* Up to which total a key is charged when its segment is lost. */
/* What a spend rule counted for one partition (shm/spend.h), nano. */
struct ledger_spend {
    uint64_t name; /* the key */
    uint64_t window_ms, window, sum, last;
    int64_t used_ms; /* wall: the newest call in it */
};
struct ledger_escrow {
    uint64_t tokens, nano, group_id;
};
struct ledger_top_up {
    uint64_t group_id, batch_no;
    uint32_t index;
    int64_t at_ms, nano;
    struct str note;
};
struct ledger_price {
    char model[128];
    uint32_t version;
    int64_t since_ms;
    struct prices prices;
    struct price_tiers tiers; /* of values of earlier versions: none */
};

/* Scans: return false from the callback to stop. Order of keys. -EBADMSG: a
 * value that is none, with its key's kind in `error`. */
int ledger_scan_totals(struct ledger *ledger, struct ledger_snapshot *snapshot,
                       bool (*each)(enum ledger_kind kind, uint64_t id,
                                    const struct ledger_total *total,
                                    int64_t last_used_ms, void *context),
                       void *context, struct buf *error) MUST_CHECK;
int ledger_scan_objects(struct ledger *ledger, struct ledger_snapshot *snapshot,
                        bool (*each)(enum ledger_kind kind, uint64_t id,
                                     struct str bytes, void *context),
                        void *context, struct buf *error) MUST_CHECK;
int ledger_scan_budgets(struct ledger *ledger, struct ledger_snapshot *snapshot,
                        bool (*each)(enum ledger_kind kind, uint64_t id,
                                     uint8_t row,
                                     const struct ledger_budget *budget,
                                     void *context),
                        void *context, struct buf *error) MUST_CHECK;
int ledger_scan_moves(struct ledger *ledger, struct ledger_snapshot *snapshot,
                      bool (*each)(const struct ledger_move *move,
                                   void *context),
                      void *context, struct buf *error) MUST_CHECK;
int ledger_scan_dropped(struct ledger *ledger, struct ledger_snapshot *snapshot,
                        bool (*each)(enum ledger_kind kind, uint64_t id,
                                     const struct ledger_dropped *dropped,
                                     void *context),
                        void *context, struct buf *error) MUST_CHECK;
int ledger_scan_spends(struct ledger *ledger, struct ledger_snapshot *snapshot,
                       bool (*each)(const struct ledger_spend *spend,
                                    void *context),
                       void *context, struct buf *error) MUST_CHECK;
int ledger_scan_escrows(struct ledger *ledger, struct ledger_snapshot *snapshot,
                        bool (*each)(enum ledger_kind kind, uint64_t id,
                                     const struct ledger_escrow *escrow,
                                     void *context),
                        void *context, struct buf *error) MUST_CHECK;
int ledger_scan_positions(struct ledger *ledger,
                          struct ledger_snapshot *snapshot,
                          bool (*each)(uint64_t epoch, uint32_t column,
                                       uint64_t position, void *context),
                          void *context, struct buf *error) MUST_CHECK;
/* Parts of the configuration that management made; views. */
int ledger_scan_configs(struct ledger *ledger, struct ledger_snapshot *snapshot,
                        bool (*each)(struct str section, struct str name,
                                     struct str bytes, void *context),
                        void *context, struct buf *error) MUST_CHECK;
/* Of one model (or MODEL@PROVIDER), of all for NULL; oldest version first. */
int ledger_scan_prices(struct ledger *ledger, struct ledger_snapshot *snapshot,
                       const char *model,
                       bool (*each)(const struct ledger_price *price,
                                    void *context),
                       void *context, struct buf *error) MUST_CHECK;
/* Oldest first. */
int ledger_scan_top_ups(struct ledger *ledger, struct ledger_snapshot *snapshot,
                        uint64_t group_id,
                        bool (*each)(const struct ledger_top_up *top_up,
                                     void *context),
                        void *context, struct buf *error) MUST_CHECK;
/* 1 found, 0 not (then all zero), -errno. */
int ledger_read_dropped_sum(struct ledger *ledger,
                            struct ledger_snapshot *snapshot,
                            enum ledger_kind kind, uint64_t id,
                            struct ledger_dropped *dropped,
                            struct buf *error) MUST_CHECK;

#endif
