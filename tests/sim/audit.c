/*
 * audit.c - books, cells and requests against each other.
 * SPDX-License-Identifier: Apache-2.0
 */
#undef SHM_SIMULATED /* god looks straight at the memory */
#include "tests/sim/model_part.h"

#include <string.h>

void
model_audit_begin(void)
{
    for (unsigned i = 0; i < model_request_count; i++)
        model_requests[i].counted = false;
}

void
model_booked(uint64_t number, uint64_t key_id, uint64_t group_id,
             const uint64_t charge[SHM_UNITS])
{
    if (number >= model_request_count)
        sim_broken("the books have a request that nobody made");
    struct request *r = &model_requests[number];
    if (r->counted)
        sim_broken("request %llu is booked twice", (unsigned long long)number);
    if (!r->recorded || r->lost)
        sim_broken("request %llu is booked and has no record",
                   (unsigned long long)number);
    if (key_id != world.tenants[r->tenant].id ||
        group_id != world.tenants[TEAM].id ||
        memcmp(charge, r->charge, sizeof(r->charge)) != 0)
        sim_broken("request %llu is booked with %llu tokens, or on another",
                   (unsigned long long)number, (unsigned long long)charge[0]);
    if (!r->booked)
        sim_trace("  request %llu is booked", (unsigned long long)number);
    r->counted = true;
    r->booked = true;
}

void
model_audit_rows(bool whole)
{
    for (unsigned i = 0; i < model_request_count; i++) {
        struct request *r = &model_requests[i];
        bool orphan = r->orphan;
        r->orphan = false;
        if (r->counted || r->lost)
            continue;
        if (r->durable)
            sim_broken("request %u was durable and is lost", i);
        if (r->booked)
            sim_broken("request %u was booked and is no more", i);
        r->lost = orphan;
        if (orphan)
            sim_trace("  request %u is lost", i);
        if (r->recorded && whole && !orphan)
            sim_broken("request %u has a record and is not booked", i);
    }
}

void
model_audit_total(unsigned tenant, const uint64_t total[SHM_UNITS])
{
    uint64_t sum[SHM_UNITS] = {0};
    for (unsigned i = 0; i < model_request_count; i++)
        for (int unit = 0; unit < SHM_UNITS && model_requests[i].counted;
             unit++)
            if (model_is_of(&model_requests[i], tenant))
                sum[unit] += model_requests[i].charge[unit];
    const struct tenant *t = &world.tenants[tenant];
    if (sum[0] != total[0] || sum[1] != total[1])
        sim_broken("%s: total %llu, %llu; its rows add up to %llu, %llu",
                   t->name, (unsigned long long)total[0],
                   (unsigned long long)total[1], (unsigned long long)sum[0],
                   (unsigned long long)sum[1]);
    if (t->shown && t->baseline > (int64_t)total[t->unit])
        sim_broken("%s: baseline %lld above its total %llu", t->name,
                   (long long)t->baseline, (unsigned long long)total[t->unit]);
}

/* The entry of a tenant that exists: what its cells say is what its records
 * say, nothing is held, and its key leads to it. */
static void
audit_entry(uint32_t entry, unsigned tenant)
{
    struct tenant *t = &world.tenants[tenant];
    struct entry_sums sums;
    struct key_view view;
    entry_sum(&world.segment, entry, &sums);
    if (sums.reserved[0] != 0 || sums.reserved[1] != 0 || sums.busy != 0)
        sim_broken("%s: %llu tokens and %u requests are still held", t->name,
                   (unsigned long long)sums.reserved[0], sums.busy);
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        int64_t used = (int64_t)sums.used[unit] - sums.origin[unit], sum = 0;
        for (unsigned i = 0; i < model_request_count; i++)
            if (model_is_of(&model_requests[i], tenant) &&
                model_requests[i].recorded && !model_requests[i].lost)
                sum += (int64_t)model_requests[i].charge[unit];
        if (used != sum)
            sim_broken("%s: cells have %lld of unit %d, records %lld", t->name,
                       (long long)used, unit, (long long)sum);
        if (t->shown && unit == (int)t->unit &&
            sum - t->baseline >
                t->limit_max + (int64_t)model_overruns(tenant, unit))
            sim_broken("%s: its period used %lld of %lld", t->name,
                       (long long)(sum - t->baseline), (long long)t->limit_max);
    }
    if (tenant != TEAM &&
        (key_table_find(&world.segment, t->digest, &view) != 0 ||
         view.entry != entry))
        sim_broken("%s cannot be found", t->name);
    if (tenant != TEAM && t->has_former &&
        (key_table_find(&world.segment, t->former, &view) != 0 ||
         view.entry != entry || view.value_until_ms == 0))
        sim_broken("%s cannot be found by its former value", t->name);
}

void
model_audit_quiet(void)
{
    uint32_t high = shm_load(&world.segment.header->entry_high);
    unsigned found = 0, exist = 0;
    for (uint32_t entry = 0; entry < high; entry++) {
        const struct shm_entry_hot *hot =
            segment_entry_hot(&world.segment, entry);
        if ((shm_load(&hot->tag) & 0xff) != SHM_TAG_ACTIVE)
            continue;
        const struct tenant *t = model_tenant_of(hot);
        if (t == NULL)
            continue; /* the group "default" of the full ledger */
        if (!t->exists)
            sim_broken("%s is gone and has an entry", t->name);
        audit_entry(entry, (unsigned)(t - world.tenants));
        found++;
    }
    for (unsigned i = 0; i < world.tenant_count; i++)
        exist += world.tenants[i].exists;
    if (found != exist)
        sim_broken("%u keys and groups exist, %u have an entry", exist, found);
    for (unsigned i = 0; i < model_request_count; i++) {
        const struct request *r = &model_requests[i];
        bool must = r->state == ACKNOWLEDGED || r->state == DEAD_SENT ||
                    r->state == DEAD_SETTLING;
        if (must && !r->recorded && !r->lost)
            sim_broken("request %u has no record", i);
        if (r->state == ASKED || r->state == SENT || r->state == SETTLING)
            sim_broken("sim: request %u is still on its way", i);
    }
}

void
model_flushed(uint64_t since_point)
{
    for (unsigned i = 0; i < model_request_count; i++)
        if (model_requests[i].state == ACKNOWLEDGED &&
            !model_requests[i].lost && !model_requests[i].orphan &&
            model_requests[i].acknowledged_at < since_point)
            model_requests[i].durable = true;
}
