/*
 * model.c - what requests are and were told; that no lease was granted that the
 * ceilings did not allow.
 * SPDX-License-Identifier: Apache-2.0
 */
#undef SHM_SIMULATED /* god looks straight at the memory */
#include "tests/sim/model_part.h"

#include <string.h>

struct request model_requests[REQUESTS];
unsigned model_request_count;

/* While a worker asks: the highest ceilings since it began, as totals of the
 * tenant. One operation at a time in a worker. */
static struct window {
    struct request *request;
    int64_t room[2][SHM_UNITS];
    uint32_t max_in_flight[2];
} windows[SIM_WORKERS];

void
model_begin(void)
{
    memset(model_requests, 0, sizeof(model_requests));
    memset(windows, 0, sizeof(windows));
    watch_begin();
    model_request_count = 0;
}

unsigned
model_number(const struct request *request)
{
    return (unsigned)(request - model_requests);
}

/* ---- what may be charged ---- */

static uint64_t
lost_charge(const struct request *r, uint64_t progress, uint64_t amount)
{
    uint64_t charge = progress < amount || r->overrun ? progress : amount;
    return r->crash_reserved && charge < amount ? amount : charge;
}

/* The charges by policy that its slot may have led to. */
static void
lost_charges(const struct request *r, int unit, uint64_t out[4])
{
    const uint64_t progress[2] = {r->progress[unit], r->progress_next[unit]};
    const uint64_t amount[2] = {r->amount[unit], r->amount_next[unit]};
    for (int i = 0; i < 4; i++)
        out[i] = lost_charge(r, progress[i & 1], amount[i >> 1]);
}

bool
model_may_be_lost_charge(const struct request *r,
                         const uint64_t charge[SHM_UNITS])
{
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        uint64_t may[4];
        lost_charges(r, unit, may);
        if (charge[unit] != may[0] && charge[unit] != may[1] &&
            charge[unit] != may[2] && charge[unit] != may[3])
            return false;
    }
    return true;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* No less than this of a request is in the cells of its entries, whatever its
 * worker or the reaper is just doing. */
static uint64_t
least_in_cells(const struct request *r, int unit)
{
    uint64_t may[4];
    if (r->lost || r->orphan)
        return 0;
    if (r->recorded)
        return r->charge[unit];
    switch (r->state) {
    case SENT:
        return r->amount[unit];
    case SETTLING:
        return least(r->actual[unit], r->amount[unit]);
    case ACKNOWLEDGED:
        return r->actual[unit];
    case DEAD_SENT:
    case DEAD_SETTLING:
        lost_charges(r, unit, may);
        may[0] = least(least(may[0], may[1]), least(may[2], may[3]));
        return r->state == DEAD_SENT ? may[0] : least(may[0], r->actual[unit]);
    default:
        return 0;
    }
}

/* By how much a request went, or may have gone, over its lease. */
static uint64_t
overrun(const struct request *r, int unit)
{
    uint64_t most = r->recorded ? r->charge[unit] : 0;
    if (r->actual[unit] > most)
        most = r->actual[unit];
    if (r->overrun && r->progress_next[unit] > most)
        most = r->progress_next[unit];
    return most > r->amount[unit] ? most - r->amount[unit] : 0;
}

bool
model_is_of(const struct request *r, unsigned tenant)
{
    return r->tenant == tenant || tenant == TEAM;
}

uint64_t
model_overruns(unsigned tenant, int unit)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < model_request_count; i++)
        if (model_is_of(&model_requests[i], tenant))
            sum += overrun(&model_requests[i], unit);
    return sum;
}

/* ---- admission: never more than the ceiling says ---- */

static void
look_at_ceilings(struct window *w)
{
    for (int e = 0; e < 2; e++) {
        const struct shm_entry_hot *hot =
            segment_entry_hot(&world.segment, w->request->entry[e]);
        const struct shm_entry_cold *cold =
            segment_entry_cold(&world.segment, w->request->entry[e]);
        for (int unit = 0; unit < SHM_UNITS; unit++) {
            int64_t ceiling = shm_load(&hot->ceiling[unit]);
            int64_t room = ceiling == INT64_MAX
                               ? INT64_MAX
                               : ceiling - shm_load(&cold->origin[unit]);
            if (room > w->room[e][unit])
                w->room[e][unit] = room;
        }
        uint32_t max = shm_load(&hot->max_in_flight);
        max = max == 0 ? UINT32_MAX : max;
        if (max > w->max_in_flight[e])
            w->max_in_flight[e] = max;
    }
}

static void
open_window(struct request *r)
{
    struct window *w = &windows[r->worker->number];
    w->request = r;
    memset(w->max_in_flight, 0, sizeof(w->max_in_flight));
    for (int e = 0; e < 2; e++)
        w->room[e][0] = w->room[e][1] = INT64_MIN;
    look_at_ceilings(w);
}

/* I1, as somebody sees it who knows what every worker was told. */
static void
check_granted(struct request *r)
{
    struct window *w = &windows[r->worker->number];
    const unsigned both[2] = {r->tenant, TEAM};
    look_at_ceilings(w); /* what an accountant wrote that was just killed */
    for (int e = 0; e < 2; e++) {
        uint32_t in_flight = 0;
        uint64_t sum[SHM_UNITS] = {0};
        for (unsigned i = 0; i < model_request_count; i++) {
            if (!model_is_of(&model_requests[i], both[e]))
                continue;
            in_flight += model_requests[i].state == SENT;
            for (int unit = 0; unit < SHM_UNITS; unit++)
                sum[unit] += least_in_cells(&model_requests[i], unit);
        }
        for (int unit = 0; unit < SHM_UNITS; unit++)
            if (w->room[e][unit] != INT64_MAX &&
                (int64_t)sum[unit] >
                    w->room[e][unit] + (int64_t)model_overruns(both[e], unit))
                sim_broken("I1: request %u was granted: %llu of unit %d used "
                           "and granted for %s, where %lld may be",
                           model_number(r), (unsigned long long)sum[unit], unit,
                           world.tenants[both[e]].name,
                           (long long)w->room[e][unit]);
        if (in_flight > w->max_in_flight[e])
            sim_broken("request %u was granted: %u of %s in flight, %u may be",
                       model_number(r), in_flight, world.tenants[both[e]].name,
                       w->max_in_flight[e]);
    }
}

/* ---- what workers say ---- */

struct request *
model_ask(unsigned tenant, const struct key_view *view, uint32_t column,
          const uint64_t amount[SHM_UNITS])
{
    if (model_request_count == REQUESTS)
        return NULL;
    struct request *r = &model_requests[model_request_count++];
    *r = (struct request){
        .state = ASKED,
        .tenant = tenant,
        .worker = sim_self,
        .worker_pid = sim_self->pid,
        .column = column,
        .entry = {view->entry, view->group_entry},
        .tag = {view->tag, view->group_tag},
        .crash_reserved = (view->flags & SHM_KEY_CRASH_RESERVED) != 0,
        .overrun = world.tenants[tenant].finish,
    };
    for (int unit = 0; unit < SHM_UNITS; unit++)
        r->amount[unit] = r->amount_next[unit] = amount[unit];
    open_window(r);
    return r;
}

void
model_answered(struct request *r, int rc)
{
    sim_trace("%d: request %u of %s, %llu tokens: %s", r->worker_pid,
              model_number(r), world.tenants[r->tenant].name,
              (unsigned long long)r->amount[0],
              rc == 0 ? "granted" : strerror(-rc));
    r->state = rc == 0 ? SENT : REFUSED;
    if (rc == 0)
        check_granted(r);
    windows[r->worker->number].request = NULL;
}

void
model_grow(struct request *r, const uint64_t add[SHM_UNITS])
{
    for (int unit = 0; unit < SHM_UNITS; unit++)
        r->amount_next[unit] = r->amount[unit] + add[unit];
    open_window(r);
}

void
model_grown(struct request *r, int rc)
{
    sim_trace("%d: request %u grows to %llu: %s", r->worker_pid,
              model_number(r), (unsigned long long)r->amount_next[0],
              rc == 0 ? "granted" : strerror(-rc));
    if (rc == 0) {
        memcpy(r->amount, r->amount_next, sizeof(r->amount));
        check_granted(r);
    } else {
        memcpy(r->amount_next, r->amount, sizeof(r->amount));
    }
    windows[r->worker->number].request = NULL;
}

void
model_progress(struct request *r, uint64_t tokens)
{
    r->progress_next[SHM_TOKENS] = tokens;
    r->progress_next[SHM_NANO] = tokens * PRICE;
}

void
model_progressed(struct request *r)
{
    memcpy(r->progress, r->progress_next, sizeof(r->progress));
    sim_trace("%d: request %u at %llu", r->worker_pid, model_number(r),
              (unsigned long long)r->progress[0]);
}

void
model_settle(struct request *r, uint64_t tokens, uint32_t meta_len)
{
    r->state = SETTLING;
    r->actual[SHM_TOKENS] = tokens;
    r->actual[SHM_NANO] = tokens * PRICE;
    r->meta_len = meta_len;
    sim_trace("%d: request %u settles %llu", r->worker_pid, model_number(r),
              (unsigned long long)tokens);
}

void
model_settled(struct request *r)
{
    r->state = ACKNOWLEDGED;
    r->acknowledged_at = sim_points;
    sim_trace("%d: request %u is settled", r->worker_pid, model_number(r));
}

void
model_process_died(const struct process *process)
{
    if (process->role != ROLE_WORKER)
        return;
    windows[process->number].request = NULL;
    for (unsigned i = 0; i < model_request_count; i++) {
        struct request *r = &model_requests[i];
        if (r->worker != process || r->worker_pid != process->pid)
            continue;
        if (r->state == ASKED)
            r->state = DEAD_ASKED;
        else if (r->state == SENT)
            r->state = DEAD_SENT;
        else if (r->state == SETTLING)
            r->state = DEAD_SETTLING;
    }
}

void
model_segment_lost(void)
{
    watch_begin();
    for (unsigned i = 0; i < model_request_count; i++) {
        struct request *r = &model_requests[i];
        /* Nobody will write a record of it any more. */
        if (!r->recorded && r->state != REFUSED)
            r->lost = true;
        r->orphan = r->recorded;
    }
}

void
model_look_at_ceilings(void)
{
    for (unsigned i = 0; i < SIM_WORKERS; i++)
        if (windows[i].request != NULL)
            look_at_ceilings(&windows[i]);
}
