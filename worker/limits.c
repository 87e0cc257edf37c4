/*
 * limits.c - see limits.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/limits.h"

#include <inttypes.h>

#include "shm/limit.h"
#include "worker/error_reply.h"
#include "worker/request.h"

/* ---- with one model ---- */

static bool
has_model_limits(const struct request *request)
{
    const struct catalogue_model *model = request->model;
    uint32_t flags = request->key.flags | request->key.group_flags;
    return UNLIKELY(
        (flags & SHM_KEY_HAS_MODEL_LIMITS) != 0 ||
        (model->key_rpm | model->key_tpm | model->key_concurrency) != 0);
}

static int
refuse_full(struct fault *fault)
{
    fault_set_overloaded(fault, "the table of limits is full");
    return -1;
}

/* The row of key or group with this model, with its limits, as *taken; its count
 * stays 0 where there is none. */
static int
find_row(const struct request *request, int who, struct limit_taken *taken,
         bool *found, struct fault *fault)
{
    const struct segment *segment = request->worker->heritage->segment;
    const struct catalogue_model *model = request->model;
    bool is_key = who == LIMITS_KEY;
    uint32_t flags = is_key ? request->key.flags : request->key.group_flags;
    uint32_t entry = is_key ? request->key.entry : request->key.group_entry;
    uint64_t tag = is_key ? request->key.tag : request->key.group_tag;
    bool has_default = is_key && (model->key_rpm | model->key_tpm |
                                  model->key_concurrency) != 0;
    *found = false;
    if (entry == SHM_ENTRY_NONE)
        return 0;
    if ((flags & SHM_KEY_LIMITS_LOST) != 0)
        return refuse_full(fault);
    if ((flags & SHM_KEY_HAS_MODEL_LIMITS) == 0 && !has_default)
        return 0;
    uint64_t name = limit_name(entry, tag, model->model_idx);
    uint32_t row =
        has_default ? limit_claim(segment, name) : limit_find(segment, name);
    if (row == SHM_LIMIT_NONE)
        return has_default ? refuse_full(fault) : 0;
    *taken = (struct limit_taken){.name = name, .row = row};
    const struct shm_limit *limit = segment_limit(segment, row);
    if (shm_load(&limit->is_set) != 0) {
        taken->rpm = shm_load(&limit->rpm);
        taken->tpm = shm_load(&limit->tpm);
        taken->max_in_flight = shm_load(&limit->max_in_flight);
    }
    if (is_key && taken->rpm == 0)
        taken->rpm = model->key_rpm;
    if (is_key && taken->tpm == 0)
        taken->tpm = model->key_tpm;
    if (is_key && taken->max_in_flight == 0)
        taken->max_in_flight = (uint32_t)model->key_concurrency;
    *found = (taken->rpm | taken->tpm | taken->max_in_flight) != 0;
    return 0;
}

static int
refuse_rate_with(const struct request *request, int who,
                 const struct rate_answer *rate, const char *what,
                 struct fault *fault)
{
    uint64_t wait_s = (rate->retry_ns + 999999999) / 1000000000;
    fault_set(fault, 429, "rate_limit_error", "rate_limit_exceeded", NULL,
              "this %s may use %" PRIu64 " %s a minute of %.127s: try again in "
              "%" PRIu64 " s",
              who == LIMITS_KEY ? "key" : "key's group", rate->limit, what,
              request->model->name, wait_s > 0 ? wait_s : 1);
    fault->retry_after_s = wait_s > 0 ? wait_s : 1;
    return -1;
}

/* What a row that was not there before says of its rates is nothing: the
 * estimate of a call is in the words of the row that it was taken of. */
static int
take_rates(const struct request *request, int who, struct limit_taken *taken,
           struct fault *fault)
{
    const struct segment *segment = request->worker->heritage->segment;
    struct shm_limit *limit = segment_limit(segment, taken->row);
    uint64_t now_ns = loop_now_ns(request->worker->loop);
    uint64_t wanted = request->call.prompt_estimate + request->call.max_tokens;
    struct rate_answer answer;
    if (rate_take(&limit->rpm_tat_ns, taken->rpm, 1, now_ns, &answer) < 0)
        return refuse_rate_with(request, who, &answer, "requests", fault);
    taken->tpm_taken = 0;
    if (request->cache.status == CACHE_HIT)
        return 0; /* no provider gives a token */
    if (wanted > SHM_AMOUNT_MAX)
        wanted = SHM_AMOUNT_MAX;
    if (rate_take(&limit->tpm_tat_ns, taken->tpm, wanted, now_ns, &answer) <
        0) {
        rate_correct(&limit->rpm_tat_ns, taken->rpm, -1, now_ns);
        return refuse_rate_with(request, who, &answer, "tokens", fault);
    }
    /* One larger than the limit takes the whole minute, not more. */
    taken->tpm_taken = wanted < taken->tpm ? wanted : taken->tpm;
    return 0;
}

static void
correct(struct request *request, int64_t requests, uint64_t tokens)
{
    const struct segment *segment = request->worker->heritage->segment;
    uint64_t now_ns = loop_now_ns(request->worker->loop);
    for (uint32_t i = 0; i < request->limits.count; i++) {
        struct limit_taken *taken = &request->limits.taken[i];
        struct shm_limit *limit = segment_limit(segment, taken->row);
        rate_correct(&limit->rpm_tat_ns, taken->rpm, requests, now_ns);
        rate_correct(&limit->tpm_tat_ns, taken->tpm,
                     (int64_t)tokens - (int64_t)taken->tpm_taken, now_ns);
        taken->tpm_taken = 0;
    }
}

/* ---- all ---- */

int
limits_take(struct request *request, struct fault *fault)
{
    struct call_limits *limits = &request->limits;
    limits->count = 0;
    if (!has_model_limits(request))
        return 0;
    limits->is_limited = true;
    for (int who = LIMITS_KEY; who < LIMITS_HOLDERS; who++) {
        struct limit_taken *taken = &limits->taken[limits->count];
        bool found;
        if (find_row(request, who, taken, &found, fault) < 0 ||
            (found && take_rates(request, who, taken, fault) < 0)) {
            limits_give_back(request);
            return -1;
        }
        limits->count += found;
    }
    return 0;
}

const struct hold_limits *
limits_to_hold(const struct request *request, struct hold_limits *room)
{
    const struct call_limits *limits = &request->limits;
    if (limits->count == 0)
        return NULL;
    room->count = limits->count;
    for (uint32_t i = 0; i < limits->count; i++) {
        room->rows[i].row = limits->taken[i].row;
        room->rows[i].name = limits->taken[i].name;
        room->rows[i].max = limits->taken[i].max_in_flight;
    }
    return room;
}

int
limits_look_again(struct request *request, struct fault *fault)
{
    const struct segment *segment = request->worker->heritage->segment;
    for (uint32_t i = 0; i < request->limits.count; i++) {
        struct limit_taken *taken = &request->limits.taken[i];
        taken->row = limit_claim(segment, taken->name);
        if (taken->row == SHM_LIMIT_NONE) {
            request->limits.count = i; /* that have a row to give back to */
            return refuse_full(fault);
        }
    }
    return 0;
}

int
limits_refuse_concurrency(const struct request *request,
                          const struct hold_refusal *why, struct fault *fault)
{
    const struct limit_taken *taken = &request->limits.taken[why->limit];
    uint32_t entry, what;
    bool is_key =
        limit_tenant(taken->name, &entry, &what) && entry == request->key.entry;
    fault_set(fault, 429, "rate_limit_error", "rate_limit_exceeded", NULL,
              "this %s has its %" PRIu32 " requests to %.127s in flight: wait "
              "until one ends",
              is_key ? "key" : "key's group", taken->max_in_flight,
              request->model->name);
    fault->retry_after_s = 1;
    return -1;
}

void
limits_give_back(struct request *request)
{
    if (!request->limits.is_limited)
        return;
    correct(request, -1, 0);
    request->limits.count = 0;
}

void
limits_correct(struct request *request, uint64_t tokens)
{
    if (request->limits.is_limited)
        correct(request, 0, tokens);
}
