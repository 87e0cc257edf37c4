/*
 * admission.c - may this call start, and what is set aside for it. Order:
 * price known, balance and budgets, rates, slot and ring room, then the hold,
 * which is the one check that counts (the looks before it only choose words
 * and sizes).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/admission_parts.h"

#include <errno.h>

#include "shm/ring.h"
#include "worker/error_reply.h"

/* A refusal at the margin may be gone a moment later, and a clamped call fits
 * into what the others leave: look anew so many times. STALE_TRIES: the key or
 * its group changed hands in between, which is a whole life of a key each. */
enum { HOLD_TRIES = 4, STALE_TRIES = 16, GROW_TRIES = 3 };

static bool
has_ceiling(const struct segment *segment, uint32_t entry)
{
    if (entry == SHM_ENTRY_NONE)
        return false;
    const struct shm_entry_hot *hot = segment_entry_hot(segment, entry);
    return shm_load(&hot->ceiling[SHM_TOKENS]) != INT64_MAX ||
           shm_load(&hot->ceiling[SHM_NANO]) != INT64_MAX;
}

static int
check_price(const struct request *request, struct fault *fault)
{
    uint32_t flags = request->key.flags | request->key.group_flags;
    if ((flags & SHM_KEY_HAS_MONEY_BUDGET) == 0 ||
        prices_are_set(lease_prices(request)))
        return 0;
    fault_set(fault, 403, "invalid_request_error", "model_unpriced", "model",
              "the model `%.200s` has no price, and this key is charged in "
              "money: ask the operator to set one",
              request->call.model);
    fault->no_retry = true;
    return -1;
}

enum { KEY, GROUP, HOLDERS }; /* who may have limits per minute */

/* The entry's hot words and its limits; false: there is no such entry. */
static bool
limits_of(const struct request *request, int who, struct shm_entry_hot **hot,
          uint64_t *rpm, uint64_t *tpm)
{
    const struct segment *segment = request->worker->heritage->segment;
    uint32_t entry = who == KEY ? request->key.entry : request->key.group_entry;
    if (entry == SHM_ENTRY_NONE)
        return false;
    *hot = segment_entry_hot(segment, entry);
    *rpm = who == KEY ? request->key.rpm : shm_load(&(*hot)->rpm);
    *tpm = who == KEY ? request->key.tpm : shm_load(&(*hot)->tpm);
    return true;
}

void
admission_correct_rates(struct request *request, int who, int64_t requests,
                        int64_t tokens)
{
    uint64_t now_ns = loop_now_ns(request->worker->loop), rpm, tpm;
    struct shm_entry_hot *hot;
    if (!limits_of(request, who, &hot, &rpm, &tpm))
        return;
    if (rpm > 0 && requests != 0)
        rate_correct(&hot->rpm_tat_ns, rpm, requests, now_ns);
    if (tpm > 0)
        rate_correct(&hot->tpm_tat_ns, tpm,
                     tokens - (int64_t)request->tpm_taken[who], now_ns);
    request->tpm_taken[who] = 0;
}

static void
give_rates_back(struct request *request)
{
    for (int who = KEY; who < HOLDERS; who++)
        admission_correct_rates(request, who, -1, 0);
    limits_give_back(request);
}

static int
take_rates_of(struct request *request, int who, struct rate_answer *requests,
              struct rate_answer *tokens, struct fault *fault)
{
    uint64_t now_ns = loop_now_ns(request->worker->loop), rpm, tpm;
    uint64_t wanted = request->call.prompt_estimate + request->call.max_tokens;
    bool is_free = request->cache.status == CACHE_HIT;
    struct shm_entry_hot *hot;
    request->tpm_taken[who] = 0;
    if (!limits_of(request, who, &hot, &rpm, &tpm) || (rpm == 0 && tpm == 0))
        return 0;
    if (rate_take(&hot->rpm_tat_ns, rpm, 1, now_ns, requests) < 0)
        return refuse_rate(requests, "requests", RECORD_LIMIT_REQUESTS, fault);
    if (wanted > SHM_AMOUNT_MAX)
        wanted = SHM_AMOUNT_MAX;
    if (is_free)
        return 0;
    if (rate_take(&hot->tpm_tat_ns, tpm, wanted, now_ns, tokens) < 0) {
        rate_correct(&hot->rpm_tat_ns, rpm, -1, now_ns);
        return refuse_rate(tokens, "tokens", RECORD_LIMIT_TOKENS, fault);
    }
    /* One larger than the limit takes the whole minute, not more. */
    request->tpm_taken[who] = wanted < tpm ? wanted : tpm;
    return 0;
}

/* The key's limits, which the answer's x-ratelimit fields tell, then its
 * group's. */
static int
take_rates(struct request *request, struct fault *fault)
{
    struct rate_answer requests = {0}, tokens = {0};
    if (take_rates_of(request, KEY, &request->rpm, &request->tpm, fault) < 0 &&
        !limits_pass_shadow(request, fault))
        return -1;
    if (take_rates_of(request, GROUP, &requests, &tokens, fault) == 0 ||
        limits_pass_shadow(request, fault)) {
        if (limits_take(request, fault) == 0)
            return 0;
        admission_correct_rates(request, GROUP, -1, 0);
    }
    admission_correct_rates(request, KEY, -1, 0);
    return -1;
}

static void
describe(const struct request *request, const struct lease *lease,
         struct hold_limits *limits, struct hold *hold)
{
    *hold = (struct hold){
        .key = &request->key,
        .amount = {lease->amount[SHM_TOKENS], lease->amount[SHM_NANO]},
        .overrun = request->on_exhausted == SHM_ON_FINISH,
        .is_free = request->cache.status == CACHE_HIT,
        .shadow = request->limits.is_shadow,
        .model_idx = request->model->model_idx,
        .provider_idx = request->provider->provider_idx,
        .price_version = request->served->price_version,
        .request_id = {request->id_words[0], request->id_words[1]},
        .started_wall_ms = request->started_wall_ms,
        .dialect = request->dialect->number,
        .stream = request->call.stream,
        .prompt_estimate = request->call.prompt_estimate < UINT32_MAX
                               ? (uint32_t)request->call.prompt_estimate
                               : UINT32_MAX,
        .limits = limits_to_hold(request, limits),
    };
    memcpy(hold->client_ip, request->client_ip, sizeof(hold->client_ip));
}

/* 0 held; -1 refused, *fault says why. */
static int
hold_lease(struct request *request, struct lease *lease, struct fault *fault)
{
    struct seat *seat = &request->worker->seat;
    struct hold_refusal why = {0};
    int unit = SHM_TOKENS, r = -EDQUOT, full = 0, stale = 0;
    bool is_stored = request->cache.status == CACHE_HIT;
    while (full < HOLD_TRIES && stale < STALE_TRIES) {
        struct hold hold;
        struct hold_limits limits;
        if (full + stale > 0 && !is_stored &&
            lease_fit(request, lease, &unit) < 0)
            return refuse_budget(request, lease, unit, fault);
        describe(request, lease, &limits, &hold);
        r = cells_hold(seat, request->slot, &hold, &why);
        if (r == -ESTALE && auth_check_again(request, fault) < 0)
            return -1;
        if (r == -EIDRM && limits_look_again(request, fault) < 0)
            return -1;
        if (r == 0 || r == -EBUSY || r == -EAGAIN)
            break;
        full += r == -EDQUOT;
        stale += r == -ESTALE || r == -EIDRM;
    }
    if (r == 0 && why.shadow != 0)
        limits_note_shadow(request, why.shadow == -EDQUOT ? RECORD_LIMIT_BUDGET
                                    : why.by_limit
                                        ? RECORD_LIMIT_MODEL_CONCURRENCY
                                        : RECORD_LIMIT_CONCURRENCY);
    if (r == 0)
        return 0;
    if (r == -EBUSY && why.by_limit)
        return limits_refuse_concurrency(request, &why, fault);
    if (r == -EBUSY)
        return refuse_concurrency(request, why.is_group, fault);
    if (r == -EDQUOT)
        return refuse_budget(request, lease, why.unit, fault);
    fault_set_overloaded(fault, r == -EAGAIN
                                    ? "what this key may use is being made "
                                      "durable"
                                    : "the key is being changed");
    return -1;
}

/* The body took its time: what follows is to be about this key and its group,
 * not about who has their entries now. */
static int
look_again(struct request *request, struct fault *fault)
{
    const struct segment *segment = request->worker->heritage->segment;
    return key_table_is_current(segment, &request->key)
               ? 0
               : auth_check_again(request, fault);
}

/* ---- what is refused, and yet in the log ---- */

/*
 * A refusal by a window, a spend rule or a model's limit has a row in the log: it
 * is held for nothing and settled as any call. Not while the ring fills: rows of
 * refusals must not keep calls out.
 */
static void
hold_for_log(struct request *request)
{
    struct seat *seat = &request->worker->seat;
    const struct segment *segment = request->worker->heritage->segment;
    struct lease nothing = {0};
    struct hold hold;
    struct hold_limits none;
    struct hold_refusal why;
    if (seat->ring_head - ring_tail(segment, seat->column) >
        segment->ring_bytes / 2)
        return;
    int slot = seat_take_slot(seat);
    if (slot < 0)
        return;
    describe(request, &nothing, &none, &hold);
    hold.limits = NULL;
    hold.shadow = true;
    if (cells_hold(seat, (uint32_t)slot, &hold, &why) < 0) {
        seat_give_slot(seat, (uint32_t)slot);
        return;
    }
    request->slot = (uint32_t)slot;
    request->admitted = true; /* request_fail() settles it */
    request->cause = RECORD_REFUSED;
}

/* Rates, a slot with room for its record, the hold. */
static int
admit(struct request *request, struct lease *lease, struct fault *fault)
{
    struct worker *worker = request->worker;
    if (take_rates(request, fault) < 0)
        return -1;
    int slot = seat_take_slot(&worker->seat);
    if (slot < 0) {
        give_rates_back(request);
        fault_set_overloaded(fault, "too many requests are in flight, or the "
                                    "log of finished ones is not written");
        return -1;
    }
    request->slot = (uint32_t)slot;
    if (hold_lease(request, lease, fault) < 0) {
        seat_give_slot(&worker->seat, request->slot);
        give_rates_back(request);
        return -1;
    }
    request->admitted = true;
    return 0;
}

static void
note_ceilings(struct request *request)
{
    const struct segment *segment = request->worker->heritage->segment;
    request->budgeted = has_ceiling(segment, request->key.entry) ||
                        has_ceiling(segment, request->key.group_entry);
}

static int
check(struct request *request, struct fault *fault)
{
    struct lease lease;
    int unit = SHM_TOKENS;
    if (look_again(request, fault) < 0 || check_price(request, fault) < 0)
        return -1;
    note_ceilings(request);
    request->on_exhausted = lease_mode(request);
    lease_plan(request, &lease);
    if (lease_fit(request, &lease, &unit) < 0) {
        refuse_budget(request, &lease, unit, fault);
        if (!limits_pass_shadow(request, fault))
            return -1;
    }
    if (UNLIKELY(request->limits.is_shadow)) { /* held as asked */
        request->on_exhausted = SHM_ON_FINISH;
        lease_take_all(request, &lease);
    }
    if (admit(request, &lease, fault) < 0)
        return -1;
    request->prompt_hold = lease.prompt;
    request->output_bound = lease.output;
    request->clamped = lease.clamped;
    request->max_tokens = lease.max_tokens;
    return 0;
}

/* It is on its way, or, where a limit refused it, in the log. */
static int
note_outcome(struct request *request, int r, const struct fault *fault)
{
    if (LIKELY(r == 0)) {
        limits_begin(request);
        return 0;
    }
    if (fault->limit >= RECORD_LIMIT_MODEL_REQUESTS) {
        request->limits.reason = fault->limit;
        hold_for_log(request);
    }
    return -1;
}

int
admission_check(struct request *request, struct fault *fault)
{
    return note_outcome(request, check(request, fault), fault);
}

/* ---- before what takes time: guardrails, a webhook ---- */

static int
look(struct request *request, struct fault *fault)
{
    struct lease lease;
    int unit = SHM_TOKENS;
    if (look_again(request, fault) < 0)
        return -1;
    bool is_free = request->cache.status == CACHE_HIT;
    if (!is_free && check_price(request, fault) < 0)
        return -1;
    note_ceilings(request);
    request->on_exhausted = lease_mode(request);
    lease_plan(request, &lease);
    if (!is_free && lease_fit(request, &lease, &unit) < 0) {
        refuse_budget(request, &lease, unit, fault);
        if (!limits_pass_shadow(request, fault))
            return -1;
    }
    if (take_rates(request, fault) < 0)
        return -1;
    give_rates_back(request);
    return 0;
}

int
admission_look(struct request *request, bool may_be_stored, struct fault *fault)
{
    enum cache_status status = request->cache.status;
    if (may_be_stored)
        request->cache.status = CACHE_HIT;
    int r = look(request, fault);
    request->cache.status = status;
    if (r < 0 && fault->limit >= RECORD_LIMIT_MODEL_REQUESTS) {
        request->limits.reason = fault->limit;
        hold_for_log(request);
    }
    return r;
}

void
admission_count_refused(struct request *request)
{
    UNINITIALIZED struct fault fault;
    if (take_rates(request, &fault) == 0) {
        for (int who = KEY; who < HOLDERS; who++)
            admission_correct_rates(request, who, 0, 0);
        if (request->limits.is_limited)
            limits_end(request, 0);
    }
    hold_for_log(request);
}

int
admission_check_stored(struct request *request, struct fault *fault)
{
    struct lease lease = {.answers = 1, .whole = true, .stated = true};
    if (look_again(request, fault) < 0)
        return -1;
    note_ceilings(request);
    return note_outcome(request, admit(request, &lease, fault), fault);
}

bool
admission_grow(struct request *request, uint64_t output_tokens)
{
    struct worker *worker = request->worker;
    if (output_tokens <= request->output_bound)
        return true;
    uint64_t need = output_tokens - request->output_bound;
    uint64_t slice = worker->config->server.stream_slice_tokens;
    uint64_t add = need > slice ? need : slice;
    for (int tries = 0; tries < GROW_TRIES; tries++) {
        struct hold_refusal why;
        uint64_t amount[SHM_UNITS] = {add, lease_output_money(request, add)};
        if (cells_grow(&worker->seat, request->slot, amount, &why) == 0) {
            request->output_bound += add;
            return true;
        }
        uint64_t room = lease_output_room(request);
        if (room < need)
            break;
        add = room < add ? room : add;
    }
    if (request->on_exhausted != SHM_ON_FINISH)
        return false;
    if (request->limits.is_shadow)
        limits_note_shadow(request, RECORD_LIMIT_BUDGET);
    request->output_bound = UINT64_MAX; /* runs over: debt, seen by the next */
    return true;
}

bool
admission_grow_by(struct request *request, const uint64_t amount[SHM_UNITS])
{
    struct hold_refusal why;
    if (amount[SHM_TOKENS] == 0 && amount[SHM_NANO] == 0)
        return true;
    if (cells_grow(&request->worker->seat, request->slot, amount, &why) == 0)
        return true;
    if (request->on_exhausted != SHM_ON_FINISH)
        return false;
    if (request->limits.is_shadow)
        limits_note_shadow(request, RECORD_LIMIT_BUDGET);
    return true; /* runs over, as its stream would */
}
