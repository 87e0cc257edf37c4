/*
 * ledger_usage_read.c - roll-ups are read, in turns where they are many.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "accountant/ledger/ledger_internal.h"
#include "accountant/ledger/ledger_read.h"
#include "accountant/ledger/ledger_value.h"

struct usage_scan {
    int64_t to_ms;
    uint64_t group_id, key_id;
    bool (*each)(const struct ledger_usage *usage, void *context);
    void *context;
    bool bad;
    struct ledger_turn *turn; /* NULL: none */
    bool any;                 /* the numbers below are of the one before */
    int64_t start_ms;
    uint64_t last_group, last_key;
};

/* Asked where a key's buckets of one time begin: the next turn begins there. */
static bool
turn_ends(struct usage_scan *scan, const struct ledger_usage *usage)
{
    bool same = scan->any && usage->start_ms == scan->start_ms &&
                usage->group_id == scan->last_group &&
                usage->key_id == scan->last_key;
    bool ends = !same && scan->any && ledger_turn_ends(scan->turn);
    scan->any = true;
    scan->start_ms = usage->start_ms;
    scan->last_group = usage->group_id;
    scan->last_key = usage->key_id;
    if (!ends)
        return false;
    scan->turn->start_ms = usage->start_ms;
    scan->turn->group_id = usage->group_id;
    scan->turn->key_id = usage->key_id;
    return true;
}

static bool
visit(struct str key, struct str value, void *context)
{
    struct usage_scan *scan = context;
    struct ledger_usage usage = {0};
    if (!ledger_key_parse_usage(key, &usage)) {
        scan->bad = true;
        return false;
    }
    if (usage.start_ms >= scan->to_ms || turn_ends(scan, &usage))
        return false;
    if ((scan->group_id != 0 && usage.group_id != scan->group_id) ||
        (scan->key_id != 0 && usage.key_id != scan->key_id))
        return true;
    if (ledger_usage_decode(value, &usage) < 0) {
        scan->bad = true;
        return false;
    }
    return scan->each(&usage, scan->context);
}

int
ledger_scan_usage(struct ledger *ledger, struct ledger_snapshot *snapshot,
                  enum ledger_resolution resolution, int64_t from_ms,
                  int64_t to_ms, uint64_t group_id, uint64_t key_id,
                  bool (*each)(const struct ledger_usage *usage, void *context),
                  void *context, struct buf *error)
{
    return ledger_scan_usage_turn(ledger, snapshot, resolution, from_ms, to_ms,
                                  group_id, key_id, each, context, NULL, error);
}

int
ledger_scan_usage_turn(struct ledger *ledger, struct ledger_snapshot *snapshot,
                       enum ledger_resolution resolution, int64_t from_ms,
                       int64_t to_ms, uint64_t group_id, uint64_t key_id,
                       bool (*each)(const struct ledger_usage *usage,
                                    void *context),
                       void *context, struct ledger_turn *turn,
                       struct buf *error)
{
    struct usage_scan scan = {.to_ms = to_ms > 0 ? to_ms : INT64_MAX,
                              .group_id = group_id,
                              .key_id = key_id,
                              .each = each,
                              .context = context,
                              .turn = turn};
    struct ledger_key prefix, from;
    if (snapshot == NULL || snapshot->error != 0)
        return -EIO;
    ledger_key_begin(&prefix, 'U');
    ledger_key_u8(&prefix, (uint8_t)resolution);
    from = prefix;
    if (turn != NULL && turn->start_ms > from_ms)
        from_ms = turn->start_ms;
    ledger_key_u64(&from, (uint64_t)ledger_clamp_ms(from_ms));
    if (turn != NULL && turn->start_ms == from_ms) {
        ledger_key_u64(&from, turn->group_id);
        ledger_key_u64(&from, turn->key_id);
    }
    int rc = ledger_scan(ledger, snapshot, &prefix, &from, visit, &scan, error);
    if (rc == 0 && scan.bad) {
        if (error != NULL)
            buf_append_cstr(error, "a roll-up is damaged");
        rc = -EUCLEAN;
    }
    return rc;
}
