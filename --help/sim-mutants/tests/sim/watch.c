/*
 * watch.c - what appears in rings and entries, looked at after each slice.
 * SPDX-License-Identifier: Apache-2.0
 */
#undef SHM_SIMULATED /* god looks straight at the memory */
#include "tests/sim/model_part.h"

#include <string.h>

#include "common/buf.h"
#include "shm/ring.h"
#include "shm/verify.h"

/* What was seen of the rings. */
static struct watched {
    uint64_t head, tail;
} watched[COLUMNS];
enum { ENTRIES_SEEN = 16 };
static struct {
    bool begun;
    uint64_t after[SHM_UNITS];
} chains[COLUMNS][ENTRIES_SEEN];

void
watch_begin(void)
{
    memset(watched, 0, sizeof(watched));
    memset(chains, 0, sizeof(chains));
}

/* ---- records, as they appear ---- */

static void
check_meta(unsigned number, const struct shm_record *record)
{
    const unsigned char *meta = (const unsigned char *)(record + 1);
    for (uint32_t i = 0; i < record->model_asked_len; i++)
        if (meta[i] != 'a' + (number + i) % 26)
            sim_broken("the meta bytes of request %u are not its own", number);
}

static void
check_chain(uint32_t column, const struct shm_record *record)
{
    const uint64_t amount[SHM_UNITS] = {record->tokens, record->nano};
    for (int e = 0; e < 2; e++) {
        if (record->entry[e] >= ENTRIES_SEEN)
            sim_broken("a record names entry %u", record->entry[e]);
        for (int unit = 0; unit < SHM_UNITS; unit++) {
            uint64_t *last = &chains[column][record->entry[e]].after[unit];
            if (*last + amount[unit] != record->after[e][unit])
                sim_broken("I6: column %u entry %u unit %d: %llu + %llu is not "
                           "%llu",
                           column, record->entry[e], unit,
                           (unsigned long long)*last,
                           (unsigned long long)amount[unit],
                           (unsigned long long)record->after[e][unit]);
            *last = record->after[e][unit];
            /* Or a total, and a baseline, could be above what was used. */
            if (shm_load(&segment_cell(&world.segment, record->entry[e], column)
                              ->used[unit]) < *last)
                sim_broken("column %u entry %u: a record is out before its "
                           "charge",
                           column, record->entry[e]);
        }
    }
}

/* Whether a request in this state may have a record with this charge. */
static bool
may_be(const struct request *r, const struct shm_record *record)
{
    const uint64_t charge[SHM_UNITS] = {record->tokens, record->nano};
    bool by_policy = record->cause == RECORD_LOST && record->status == 0 &&
                     model_may_be_lost_charge(r, charge);
    bool as_told = record->cause == RECORD_OK &&
                   memcmp(charge, r->actual, sizeof(charge)) == 0;
    switch (r->state) {
    case SETTLING:
    case ACKNOWLEDGED:
        return as_told;
    case DEAD_ASKED:
    case DEAD_SENT:
        return by_policy;
    case DEAD_SETTLING:
        return as_told || by_policy;
    default:
        return false;
    }
}

static void
see_record(uint32_t column, uint64_t place, const struct shm_record *record)
{
    uint64_t number = record->request_id[0] - 1;
    struct request *r = &model_requests[number];
    if (number >= model_request_count || record->request_id[1] != world.seed)
        sim_broken("column %u has a record of no request at %llu", column,
                   (unsigned long long)place);
    if (r->recorded)
        sim_broken("request %llu has two records", (unsigned long long)number);
    sim_trace("  record of request %llu in column %u: %llu tokens%s",
              (unsigned long long)number, column,
              (unsigned long long)record->tokens,
              record->cause == RECORD_LOST ? ", lost" : "");
    if (column != r->column || record->entry[0] != r->entry[0] ||
        record->entry[1] != r->entry[1] ||
        record->key_id != world.tenants[r->tenant].id ||
        record->group_id != world.tenants[TEAM].id)
        sim_broken("the record of request %llu is another's",
                   (unsigned long long)number);
    if (!may_be(r, record))
        sim_broken("request %llu (state %d) was charged %llu tokens, cause %d",
                   (unsigned long long)number, (int)r->state,
                   (unsigned long long)record->tokens, record->cause);
    check_chain(column, record);
    if (record->cause == RECORD_OK)
        check_meta((unsigned)number, record);
    r->recorded = true;
    r->place = place;
    r->charge[SHM_TOKENS] = record->tokens;
    r->charge[SHM_NANO] = record->nano;
}

static void
watch_column(uint32_t column)
{
    union {
        struct shm_record record;
        unsigned char bytes[SHM_RECORD_MAX];
    } room;
    struct watched *seen = &watched[column];
    uint64_t head = ring_head(&world.segment, column);
    uint64_t tail = ring_tail(&world.segment, column);
    if (head < seen->head || tail < seen->tail || tail > head ||
        head - tail > world.segment.ring_bytes)
        sim_broken("column %u: head %llu after %llu, tail %llu after %llu",
                   column, (unsigned long long)head,
                   (unsigned long long)seen->head, (unsigned long long)tail,
                   (unsigned long long)seen->tail);
    while (seen->head != head) {
        int len =
            ring_read(&world.segment, column, seen->head, head, room.bytes);
        if (len < 0)
            sim_broken("column %u: no record at %llu", column,
                       (unsigned long long)seen->head);
        see_record(column, seen->head, &room.record);
        seen->head += (uint64_t)len;
    }
    if (tail == seen->tail)
        return;
    seen->tail = tail;
    for (unsigned i = 0; i < model_request_count; i++)
        if (model_requests[i].recorded && model_requests[i].column == column &&
            !model_requests[i].lost && !model_requests[i].orphan &&
            model_requests[i].place < tail)
            model_requests[i].durable = true;
}

/* ---- budgets, as they are shown ---- */

struct tenant *
model_tenant_of(const struct shm_entry_hot *hot)
{
    uint64_t id = shm_load(&hot->id);
    for (unsigned i = 0; i < world.tenant_count; i++)
        if (world.tenants[i].id == id && id != 0)
            return &world.tenants[i];
    return NULL;
}

/* Who is shown a period has durable books of its beginning: never another
 * baseline for it, never an earlier one; and the period before kept within its
 * limit. */
static void
see_budget(struct tenant *t, int64_t period_no, int64_t baseline)
{
    unsigned number = (unsigned)(t - world.tenants);
    if (t->shown && period_no == t->period_no && baseline == t->baseline)
        return;
    sim_trace("  %s: period %lld from %lld", t->name, (long long)period_no,
              (long long)baseline);
    if (t->shown && period_no == t->period_no)
        sim_broken("%s: period %lld began at %lld and at %lld", t->name,
                   (long long)period_no, (long long)t->baseline,
                   (long long)baseline);
    if (t->shown && (period_no < t->period_no || baseline < t->baseline))
        sim_broken("%s: period %lld from %lld after period %lld from %lld",
                   t->name, (long long)period_no, (long long)baseline,
                   (long long)t->period_no, (long long)t->baseline);
    if (t->shown &&
        baseline - t->baseline >
            t->limit_max + (int64_t)model_overruns(number, (int)t->unit))
        sim_broken("%s: period %lld used %lld of %lld", t->name,
                   (long long)t->period_no, (long long)(baseline - t->baseline),
                   (long long)t->limit_max);
    t->shown = true;
    t->period_no = period_no;
    t->baseline = baseline;
}

static void
watch_budgets(void)
{
    uint32_t high = shm_load(&world.segment.header->entry_high);
    for (uint32_t entry = 0; entry < high; entry++) {
        const struct shm_entry_hot *hot =
            segment_entry_hot(&world.segment, entry);
        const struct shm_entry_cold *cold =
            segment_entry_cold(&world.segment, entry);
        const struct shm_budget *row =
            &cold->budgets[shm_load(&cold->budget_version) % 2][0];
        if ((shm_load(&hot->tag) & 0xff) != SHM_TAG_ACTIVE ||
            shm_load(&row->period) == SHM_PERIOD_NONE)
            continue;
        struct tenant *t = model_tenant_of(hot);
        if (t != NULL)
            see_budget(t, shm_load(&row->period_no), shm_load(&row->baseline));
    }
}

/* I9: while a slot may lead to a charge, nobody else gets its entries. */
static void
watch_tags(void)
{
    for (unsigned i = 0; i < model_request_count; i++) {
        const struct request *r = &model_requests[i];
        bool dead = r->state == DEAD_SENT || r->state == DEAD_SETTLING;
        if (r->recorded || r->lost ||
            (r->state != SENT && r->state != SETTLING && !dead))
            continue;
        for (int e = 0; e < 2; e++) {
            const struct shm_entry_hot *hot =
                segment_entry_hot(&world.segment, r->entry[e]);
            uint64_t tag = shm_load(&hot->tag);
            if (tag != r->tag[e] &&
                tag != (r->tag[e] ^ SHM_TAG_ACTIVE ^ (uint64_t)SHM_TAG_RETIRED))
                sim_broken("I9: request %u is on its way, entry %u is %llx and "
                           "was %llx",
                           i, r->entry[e], (unsigned long long)tag,
                           (unsigned long long)r->tag[e]);
        }
    }
}

void
model_watch(void)
{
    uint32_t high = column_high(&world.segment);
    for (uint32_t column = 0; column < high; column++)
        watch_column(column);
    model_look_at_ceilings();
    const struct process *last = strands_last();
    if (last != NULL && last->role == ROLE_ACCOUNTANT) {
        watch_budgets();
        watch_tags();
    }
}

void
model_verify(bool quiet)
{
    struct buf report;
    buf_init(&report, 0);
    if (segment_verify(&world.segment, quiet, &report) != 0)
        sim_broken("verify: %s", buf_cstr(&report));
    buf_fini(&report);
}
