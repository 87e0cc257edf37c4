/*
 * ledger_prune.c - see ledger_prune.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_prune.h"

#include <errno.h>

#include "accountant/ledger/ledger_internal.h"
#include "accountant/ledger/ledger_note.h"
#include "accountant/ledger/ledger_read.h"

/* Where one more deletion goes; NULL: full, or out of memory. */
static struct ledger_batch *
room(struct ledger_prunes *prunes)
{
    if (ledger_prunes_are_full(prunes))
        return NULL;
    if (prunes->made == 0 || prunes->in_last == LEDGER_PRUNE_EACH) {
        struct ledger_batch *batch = ledger_batch_create();
        prunes->no_memory = batch == NULL;
        if (batch == NULL)
            return NULL;
        prunes->batches[prunes->made++] = batch;
        prunes->in_last = 0;
    }
    prunes->in_last++;
    return prunes->batches[prunes->made - 1];
}

bool
ledger_prunes_are_full(const struct ledger_prunes *prunes)
{
    return prunes->made == LEDGER_PRUNE_BATCHES &&
           prunes->in_last == LEDGER_PRUNE_EACH;
}

/* ---- finding ---- */

struct finding {
    struct ledger *ledger;
    struct ledger_snapshot *snapshot;
    struct ledger_prunes *prunes;
    int64_t before_ms, *to_ms;            /* buckets */
    const struct ledger_old_notes *notes; /* notes */
    /* moves: the dropped sum of the id looked at last */
    enum ledger_kind kind;
    uint64_t id, dropped_batch;
    int error;
};

static bool
see_bucket(struct str key, struct str value, void *context)
{
    struct finding *finding = context;
    struct ledger_usage usage;
    (void)value;
    if (!ledger_key_parse_usage(key, &usage) ||
        usage.start_ms >= finding->before_ms)
        return false;
    struct ledger_batch *batch = room(finding->prunes);
    if (batch == NULL)
        return false;
    ledger_batch_delete_usage(batch, &usage);
    *finding->to_ms = usage.start_ms;
    return true;
}

static int
find_buckets(struct finding *finding, enum ledger_resolution resolution,
             int64_t before_ms, int64_t *to_ms, struct buf *error)
{
    struct ledger_key prefix, from;
    int64_t from_ms = *to_ms;
    *to_ms = 0;
    finding->before_ms = before_ms;
    finding->to_ms = to_ms;
    ledger_key_begin(&prefix, 'U');
    ledger_key_u8(&prefix, (uint8_t)resolution);
    from = prefix;
    ledger_key_u64(&from, (uint64_t)from_ms);
    return ledger_scan(finding->ledger, finding->snapshot, &prefix, &from,
                       see_bucket, finding, error);
}

/* A move can be checked only as long as all rows since are there or dropped
 * before it. */
static bool
see_move(const struct ledger_move *move, void *context)
{
    struct finding *finding = context;
    if (finding->kind != move->kind || finding->id != move->id) {
        struct ledger_dropped dropped;
        int rc = ledger_read_dropped_sum(finding->ledger, finding->snapshot,
                                         move->kind, move->id, &dropped, NULL);
        if (rc < 0) {
            finding->error = rc;
            return false;
        }
        finding->kind = move->kind;
        finding->id = move->id;
        finding->dropped_batch = dropped.batch_no;
    }
    if (move->batch_no >= finding->dropped_batch)
        return true;
    struct ledger_batch *batch = room(finding->prunes);
    if (batch != NULL)
        ledger_batch_delete_move(batch, move);
    return batch != NULL;
}

static int
find_moves(struct finding *finding, struct buf *error)
{
    int rc = ledger_scan_moves(finding->ledger, finding->snapshot, see_move,
                               finding, error);
    return rc < 0 ? rc : finding->error;
}

static bool
see_note(struct str name, struct str value, void *context)
{
    struct finding *finding = context;
    (void)value;
    struct ledger_batch *batch = room(finding->prunes);
    if (batch != NULL)
        ledger_batch_delete_note(batch, finding->notes->space, name);
    return batch != NULL;
}

static int
find_notes(struct finding *finding, const struct ledger_old_notes *notes,
           struct buf *error)
{
    struct ledger_note_range range = {.space = notes->space,
                                      .to = notes->before};
    finding->notes = notes;
    return ledger_scan_notes(finding->ledger, finding->snapshot, &range,
                             see_note, finding, error);
}

/* Empty, but for where full ones ended. */
static void
begin_anew(struct ledger_prunes *prunes)
{
    struct ledger_prunes next = {0};
    if (ledger_prunes_are_full(prunes) && prunes->written == prunes->made) {
        next.minutes_to_ms = prunes->minutes_to_ms;
        next.hours_to_ms = prunes->hours_to_ms;
    }
    ledger_prunes_fini(prunes);
    *prunes = next;
}

int
ledger_prunes_find(struct ledger *ledger, struct ledger_snapshot *snapshot,
                   const struct ledger_old *old, struct ledger_prunes *prunes,
                   struct buf *error)
{
    struct finding finding = {
        .ledger = ledger, .snapshot = snapshot, .prunes = prunes};
    begin_anew(prunes);
    int rc = find_buckets(&finding, LEDGER_MINUTE, old->minutes_before_ms,
                          &prunes->minutes_to_ms, error);
    if (rc == 0)
        rc = find_buckets(&finding, LEDGER_HOUR, old->hours_before_ms,
                          &prunes->hours_to_ms, error);
    if (rc == 0)
        rc = find_moves(&finding, error);
    for (size_t i = 0; i < old->note_count && rc == 0; i++)
        rc = find_notes(&finding, &old->notes[i], error);
    return rc == 0 && prunes->no_memory ? -ENOMEM : rc;
}

/* ---- deleting ---- */

int
ledger_prunes_write(struct ledger *ledger, struct ledger_prunes *prunes,
                    struct buf *error)
{
    if (prunes->written == prunes->made)
        return 0;
    struct ledger_batch **batch = &prunes->batches[prunes->written];
    int rc = ledger_batch_ok(*batch) ? ledger_batch_write(*batch, ledger, error)
                                     : -ENOMEM;
    if (rc < 0)
        return rc;
    ledger_batch_destroy(batch);
    prunes->written++;
    return prunes->written < prunes->made;
}

void
ledger_prunes_fini(struct ledger_prunes *prunes)
{
    for (unsigned i = prunes->written; i < prunes->made; i++)
        ledger_batch_destroy(&prunes->batches[i]);
    *prunes = (struct ledger_prunes){0};
}
