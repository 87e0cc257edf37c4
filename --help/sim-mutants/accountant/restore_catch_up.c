/*
 * restore_catch_up.c - a ledger from an export, and the segment it was made
 * beside: what was used since the export stands in the cells.
 *
 * For each tenant that has an entry: sum(used) - origin = T as of the rings'
 * heads (I5, no slot is in use), so T at the tails = that - the tenant's records
 * in [tail, head). What T rises by has no rows: it counts as dropped ones, so
 * that total = rows + dropped. Tenants that the export does not know, or that
 * have no entry any more, are the difference between all keys and all groups:
 * number 0. Positions become the tails; what lies behind is drained as ever.
 * Budgets that began a period since take it from their entry.
 *
 * Lost are changes of keys, groups and limits since the export, and how many
 * requests it were.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/ledger_batch.h"
#include "accountant/ledger/ledger_sums.h"
#include "accountant/restore_load.h"
#include "common/clock.h"
#include "common/log.h"
#include "shm/ring.h"

struct catch_up {
    struct restore *restore;
    struct segment *segment;
    struct ledger *ledger;
    struct buf *error;
    struct ledger_batch *batch;
    struct ledger_sums pending; /* records in [tail, head) */
    uint64_t batch_no, next_id;
    int64_t keys[SHM_UNITS], groups[SHM_UNITS]; /* what the sides rise by */
    unsigned known, foreign;
};

/* ---- records that are still to be drained ---- */

static int
add_pending(struct catch_up *c, enum ledger_kind kind, uint64_t id,
            const struct shm_record *record)
{
    struct ledger_sum *sum = ledger_sums_get(&c->pending, kind, id);
    if (sum == NULL)
        return -ENOMEM;
    sum->total.tokens += record->tokens;
    sum->total.nano += record->nano;
    return 0;
}

static int
read_ring(struct catch_up *c, uint32_t column)
{
    union {
        struct shm_record record;
        unsigned char bytes[SHM_RECORD_MAX];
    } room;
    uint64_t head = ring_head(c->segment, column);
    uint64_t at = ring_tail(c->segment, column);
    int rc = 0;
    while (at != head && rc == 0) {
        int len = ring_read(c->segment, column, at, head, room.bytes);
        if (len < 0)
            return 0; /* damage: drain_take() leaves it out too */
        rc = add_pending(c, LEDGER_KEY, room.record.key_id, &room.record);
        if (rc == 0)
            rc = add_pending(c, LEDGER_GROUP, room.record.group_id,
                             &room.record);
        at += (uint64_t)len;
    }
    return rc;
}

/* Workers of an earlier master may still end what they hold. */
static int
wait_for_quiet(struct catch_up *c)
{
    for (uint32_t i = 0; i < c->segment->column_max; i++)
        if (shm_load(&segment_column(c->segment, i)->state) !=
            SHM_COLUMN_FREE) {
            buf_append_cstr(c->error, "a restored ledger waits until the "
                                      "workers of before have left");
            return -EAGAIN;
        }
    return 0;
}

/* ---- one tenant ---- */

static int
raise(struct catch_up *c, enum ledger_kind kind, uint64_t id,
      const int64_t more[SHM_UNITS])
{
    struct object *object = objects_get(&c->restore->objects, kind, id);
    struct ledger_dropped dropped;
    if (object == NULL)
        return -ENOMEM;
    int rc =
        ledger_read_dropped_sum(c->ledger, NULL, kind, id, &dropped, c->error);
    if (rc < 0)
        return rc;
    dropped.total.tokens += (uint64_t)more[SHM_TOKENS];
    dropped.total.nano += (uint64_t)more[SHM_NANO];
    dropped.batch_no = c->batch_no;
    object->total.tokens += (uint64_t)more[SHM_TOKENS];
    object->total.nano += (uint64_t)more[SHM_NANO];
    ledger_batch_dropped(c->batch, kind, id, &dropped);
    ledger_batch_total(c->batch, kind, id, &object->total,
                       object->last_used_ms);
    return 0;
}

/* Whose period is newer in the segment; the baseline is of the same totals. */
static void
take_periods(struct catch_up *c, struct object *object,
             const struct entry_policy *policy)
{
    struct budget *budgets = object_budgets(object);
    for (int i = 0; budgets != NULL && i < SHM_BUDGETS; i++) {
        struct budget *b = &budgets[i];
        for (int j = 0; j < SHM_BUDGETS && b->period != SHM_PERIOD_NONE; j++) {
            const struct entry_budget *e = &policy->budgets[j];
            if (e->period != b->period || e->unit != b->unit ||
                e->period_no <= b->period_no)
                continue;
            struct ledger_budget value = {
                .unit = b->unit,
                .period = b->period,
                .limit = b->limit,
                .baseline = e->baseline,
                .period_no = e->period_no,
                .resets_ms = e->resets_ms,
            };
            ledger_batch_budget(c->batch, object->kind, object->id, (uint8_t)i,
                                &value);
            break;
        }
    }
}

/* A key of the export with another digest: the segment is of something else. */
static void
compare_tenant(struct catch_up *c, const struct object *object,
               const struct entry_policy *policy)
{
    if (object->gateway == NULL)
        return;
    if (memcmp(object->gateway->digest, policy->digest,
               sizeof(policy->digest)) == 0)
        c->known++;
    else
        c->foreign++;
}

static int
catch_up_entry(struct catch_up *c, uint32_t entry)
{
    struct entry_policy policy;
    struct entry_sums sums;
    uint64_t tag;
    /* Not entry_read(): the accountant of before may have died at it. */
    int rc = entry_look(c->segment, entry, &policy, &tag);
    if (rc < 0)
        return rc;
    if ((tag & 0xff) == SHM_TAG_NONE)
        return 0;
    bool is_group = (policy.flags & SHM_KEY_IS_GROUP) != 0;
    enum ledger_kind kind = is_group ? LEDGER_GROUP : LEDGER_KEY;
    struct object *object = objects_get(&c->restore->objects, kind, policy.id);
    if (object == NULL)
        return -ENOMEM;
    if (policy.id > c->next_id)
        c->next_id = policy.id;
    if (!is_group && (tag & 0xff) == SHM_TAG_ACTIVE)
        compare_tenant(c, object, &policy);
    const struct ledger_sum *pending =
        ledger_sums_find(&c->pending, kind, policy.id);
    entry_sum(c->segment, entry, &sums);
    int64_t more[SHM_UNITS], *side = is_group ? c->groups : c->keys;
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        bool tokens = unit == SHM_TOKENS;
        int64_t total = (int64_t)sums.used[unit] - sums.origin[unit];
        if (pending != NULL)
            total -=
                (int64_t)(tokens ? pending->total.tokens : pending->total.nano);
        more[unit] = total - (int64_t)(tokens ? object->total.tokens
                                              : object->total.nano);
        if (more[unit] < 0)
            more[unit] = 0; /* a total is never lowered */
        side[unit] += more[unit];
    }
    take_periods(c, object, &policy);
    return more[0] == 0 && more[1] == 0 ? 0 : raise(c, kind, policy.id, more);
}

/* ---- all ---- */

static int
balance_sides(struct catch_up *c)
{
    int64_t key_less[SHM_UNITS], group_less[SHM_UNITS];
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        int64_t less = c->groups[unit] - c->keys[unit];
        key_less[unit] = less > 0 ? less : 0;
        group_less[unit] = less < 0 ? -less : 0;
    }
    int rc = 0;
    if (key_less[0] != 0 || key_less[1] != 0)
        rc = raise(c, LEDGER_KEY, 0, key_less);
    if (rc == 0 && (group_less[0] != 0 || group_less[1] != 0))
        rc = raise(c, LEDGER_GROUP, 0, group_less);
    return rc;
}

static bool
delete_position(uint64_t epoch, uint32_t column, uint64_t position,
                void *context)
{
    (void)position;
    ledger_batch_delete_position(context, epoch, column);
    return true;
}

static int
put_rest(struct catch_up *c)
{
    uint64_t epoch = c->segment->header->epoch;
    int rc = ledger_scan_positions(c->ledger, NULL, delete_position, c->batch,
                                   c->error);
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; i < c->segment->column_max; i++)
        if (ring_head(c->segment, i) != 0)
            ledger_batch_position(c->batch, epoch, i, ring_tail(c->segment, i));
    ledger_batch_meta(c->batch, "epoch", epoch);
    ledger_batch_meta(c->batch, "instance", c->segment->header->instance_id);
    ledger_batch_meta(c->batch, "batch", c->batch_no);
    ledger_batch_meta(c->batch, "next_id", c->next_id);
    ledger_batch_meta(c->batch, "restored", 0);
    return ledger_batch_ok(c->batch) ? 0 : -ENOMEM;
}

static int
fill(struct catch_up *c)
{
    struct shm_header *header = c->segment->header;
    int rc = wait_for_quiet(c);
    for (uint32_t i = 0; i < c->segment->column_max && rc == 0; i++)
        rc = read_ring(c, i);
    uint32_t high = shm_load(&header->entry_high);
    for (uint32_t i = 0; i < high && i < c->segment->entry_max && rc == 0; i++)
        rc = catch_up_entry(c, i);
    if (rc == 0 && (c->foreign > 0 || c->known == 0)) {
        buf_printf(c->error,
                   "%s is not of the ledger that was exported: set the right "
                   "data_dir, or remove that file if its requests may be lost",
                   c->segment->path);
        rc = -ESTALE;
    }
    if (rc == 0)
        rc = balance_sides(c);
    return rc == 0 ? put_rest(c) : rc;
}

int
restore_catch_up(struct restore *restore)
{
    struct catch_up c = {
        .restore = restore,
        .segment = restore->store->segment,
        .ledger = restore->store->ledger,
        .error = &restore->error,
        .batch = ledger_batch_create(),
        .next_id = restore->next_id,
    };
    uint64_t known = shm_load(&c.segment->header->ledger_batch);
    c.batch_no = (known > restore->batch_no ? known : restore->batch_no) + 1;
    int rc = c.batch == NULL ? -ENOMEM : fill(&c);
    if (rc == 0)
        rc = ledger_batch_write(c.batch, c.ledger, &restore->error);
    if (rc == 0)
        log_warn("the restored ledger took from the segment what was used "
                 "since its export: %" PRId64 " tokens, %" PRId64 " nano",
                 c.groups[SHM_TOKENS], c.groups[SHM_NANO]);
    ledger_batch_destroy(&c.batch);
    ledger_sums_fini(&c.pending);
    return rc;
}
