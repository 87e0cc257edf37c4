/*
 * limits.c - see limits.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/limits.h"

#include <inttypes.h>

#include "common/clock.h"
#include "common/net/http_reply.h"
#include "shm/limit.h"
#include "shm/spend.h"
#include "worker/error_reply.h"
#include "worker/request.h"
#include "worker/request_path.h"
#include "worker/revoke.h"

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
        taken->rpm = key_table_scaled(segment, &request->key, SHM_RATIO_RPM,
                                      model->key_rpm);
    if (is_key && taken->tpm == 0)
        taken->tpm = key_table_scaled(segment, &request->key, SHM_RATIO_TPM,
                                      model->key_tpm);
    if (is_key && taken->max_in_flight == 0)
        taken->max_in_flight = (uint32_t)model->key_concurrency;
    *found = (taken->rpm | taken->tpm | taken->max_in_flight) != 0;
    return 0;
}

static int
refuse_rate_with(const struct request *request, int who,
                 const struct rate_answer *rate, const char *what,
                 enum record_limit limit, struct fault *fault)
{
    uint64_t wait_s = (rate->retry_ns + 999999999) / 1000000000;
    fault_set(fault, 429, "rate_limit_error", "rate_limit_exceeded", NULL,
              "this %s may use %" PRIu64 " %s a minute of %.127s: try again in "
              "%" PRIu64 " s",
              who == LIMITS_KEY ? "key" : "key's group", rate->limit, what,
              request->model->name, wait_s > 0 ? wait_s : 1);
    fault->limit = (uint8_t)limit;
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
        return refuse_rate_with(request, who, &answer, "requests",
                                RECORD_LIMIT_MODEL_REQUESTS, fault);
    taken->tpm_taken = 0;
    if (request->cache.status == CACHE_HIT)
        return 0; /* no provider gives a token */
    if (wanted > SHM_AMOUNT_MAX)
        wanted = SHM_AMOUNT_MAX;
    if (rate_take(&limit->tpm_tat_ns, taken->tpm, wanted, now_ns, &answer) <
        0) {
        rate_correct(&limit->rpm_tat_ns, taken->rpm, -1, now_ns);
        return refuse_rate_with(request, who, &answer, "tokens",
                                RECORD_LIMIT_MODEL_TOKENS, fault);
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

/* ---- windows ---- */

void
limits_add_window(struct request *request, const struct settings *layer,
                  uint64_t name)
{
    struct call_limits *limits = &request->limits;
    uint64_t limit = layer->values[SETTING_RATE_LIMIT];
    uint64_t interval_s = layer->values[SETTING_RATE_INTERVAL];
    if (limit == 0 || interval_s == 0)
        return;
    CHECK(limits->window_count < LIMITS_WINDOWS);
    limits->windows[limits->window_count++] = (struct limit_window){
        .name = name,
        .rule = {.limit = limit < WINDOW_LIMIT_MAX ? limit : WINDOW_LIMIT_MAX,
                 .interval_ms = interval_s * 1000,
                 .technique =
                     layer->values[SETTING_RATE_TECHNIQUE] == RATE_SLIDING
                         ? WINDOW_SLIDING
                         : WINDOW_FIXED}};
}

static int
refuse_window(const struct request *request, const struct window_rule *rule,
              uint64_t retry_ms, struct fault *fault)
{
    uint64_t wait_s = (retry_ms + 999) / 1000;
    /* As Cloudflare's gateway says it, without retry-after (wire.md 2.3). */
    if (request->plane == PLANE_CF_GATEWAY)
        fault_set(fault, 429, "rate_limit_error", "rate_limit_exceeded", NULL,
                  "Rate limited");
    else
        fault_set(fault, 429, "rate_limit_error", "rate_limit_exceeded", NULL,
                  "there may be %" PRIu64 " requests in %" PRIu64
                  " s: try again in %" PRIu64 " s",
                  rule->limit, rule->interval_ms / 1000, wait_s);
    fault->retry_after_s = request->plane == PLANE_CF_GATEWAY ? 0 : wait_s;
    fault->limit = RECORD_LIMIT_WINDOW;
    return -1;
}

static void
give_windows_back(struct request *request)
{
    const struct segment *segment = request->worker->heritage->segment;
    int64_t now_ms = clock_period_ms();
    for (uint32_t i = 0; i < request->limits.window_count; i++) {
        const struct limit_window *window = &request->limits.windows[i];
        if ((request->limits.windows_taken >> i & 1) == 0)
            continue;
        uint32_t row = limit_find(segment, window->name);
        if (row != SHM_LIMIT_NONE)
            window_give_back(&segment_limit(segment, row)->window,
                             &window->rule, now_ms);
    }
    request->limits.windows_taken = 0;
}

shm_u64 *
limits_window_word(const struct request *request, uint64_t name,
                   uint64_t interval_ms)
{
    const struct segment *segment = request->worker->heritage->segment;
    uint32_t row = limit_claim(segment, name);
    if (row == SHM_LIMIT_NONE)
        return NULL;
    struct shm_limit *limit = segment_limit(segment, row);
    shm_store(&limit->idle_ns,
              loop_now_ns(request->worker->loop) + 2 * interval_ms * 1000000);
    return &limit->window;
}

static int
take_window(struct request *request, const struct limit_window *window,
            struct fault *fault)
{
    uint64_t retry_ms;
    shm_u64 *word =
        limits_window_word(request, window->name, window->rule.interval_ms);
    if (word == NULL)
        return refuse_full(fault);
    if (window_take(word, &window->rule, clock_period_ms(), &retry_ms) == 0)
        return 0;
    return refuse_window(request, &window->rule, retry_ms, fault);
}

static int
take_windows(struct request *request, struct fault *fault)
{
    for (uint32_t i = 0; i < request->limits.window_count; i++) {
        if (take_window(request, &request->limits.windows[i], fault) == 0)
            request->limits.windows_taken |= (uint8_t)(1u << i);
        else if (!limits_pass_shadow(request, fault))
            return -1;
    }
    return 0;
}

/* ---- spend rules ---- */

static struct str
find_tag(void *context, struct str key)
{
    return request_tag(context, key);
}

/* As Cloudflare's gateway words it (wire.md 2.3). */
static int
refuse_spend(const struct request *request, const struct spend_rule *rule,
             int64_t now_ms, struct fault *fault)
{
    fault_set(fault, 429, "insufficient_quota", "spend_limit_exceeded", NULL,
              "Spend limit exceeded: rule '%s' (cost limit %s per %" PRIu64
              "s, %s) for %.127s %.127s",
              rule->id, rule->limit_text, rule->window_ms / 1000,
              rule->sliding ? "sliding" : "fixed", request->provider->name,
              request->model->name);
    fault->limit = RECORD_LIMIT_SPEND;
    if (request->plane != PLANE_CF_GATEWAY && !rule->sliding)
        fault->retry_after_s =
            (rule->window_ms - (uint64_t)now_ms % rule->window_ms + 999) / 1000;
    return -1;
}

/* Only read: what running calls will cost is not known here. */
static int
check_spend(struct request *request, struct fault *fault)
{
    const struct catalogue_gateway *gateway = request->gateway;
    const struct segment *segment = request->worker->heritage->segment;
    const struct spend_call call = {gateway->name, request->model->name,
                                    request->provider->name, find_tag, request};
    int64_t now_ms = clock_wall_ms();
    for (uint32_t i = 0; i < gateway->spend_rule_count; i++) {
        const struct spend_rule *rule = &gateway->spend_rules[i];
        uint64_t name = spend_rule_counter(rule, &call);
        struct spend_sums sums;
        if (name == 0)
            continue;
        spend_read(segment, name, &sums);
        if (spend_at(&sums, rule->window_ms, rule->sliding, now_ms) <
            (uint64_t)rule->limit_nano)
            continue;
        refuse_spend(request, rule, now_ms, fault);
        if (!limits_pass_shadow(request, fault))
            return -1;
    }
    return 0;
}

/* ---- shadow ---- */

void
limits_configure(struct request *request)
{
    const struct settings *settings = request->settings;
    request->limits.is_shadow = settings->values[SETTING_SHADOW] != 0;
    request->limits.may_be_cut = settings->values[SETTING_CUT_ON_REVOKE] != 0;
}

void
limits_note_shadow(struct request *request, enum record_limit limit)
{
    if (request->limits.reason == 0)
        request->limits.reason = (uint8_t)limit;
}

bool
limits_pass_shadow(struct request *request, const struct fault *fault)
{
    if (!request->limits.is_shadow || fault->limit == 0)
        return false;
    limits_note_shadow(request, (enum record_limit)fault->limit);
    return true;
}

/* ---- all ---- */

static int
take_model_limits(struct request *request, struct fault *fault)
{
    struct call_limits *limits = &request->limits;
    limits->is_limited = true;
    for (int who = LIMITS_KEY; who < LIMITS_HOLDERS; who++) {
        struct limit_taken *taken = &limits->taken[limits->count];
        bool found;
        if (find_row(request, who, taken, &found, fault) < 0)
            return -1;
        if (found && take_rates(request, who, taken, fault) < 0 &&
            !limits_pass_shadow(request, fault))
            return -1;
        limits->count += found;
    }
    return 0;
}

int
limits_take(struct request *request, struct fault *fault)
{
    struct call_limits *limits = &request->limits;
    limits->count = 0;
    /* What was kept costs nothing, and no rule is asked (wire.md 2.6). */
    if (UNLIKELY(request->gateway != NULL) &&
        request->gateway->spend_rule_count > 0 &&
        request->cache.status != CACHE_HIT && check_spend(request, fault) < 0)
        return -1;
    if ((limits->window_count == 0 || take_windows(request, fault) == 0) &&
        (!has_model_limits(request) || take_model_limits(request, fault) == 0))
        return 0;
    limits_give_back(request);
    return -1;
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
    fault->limit = RECORD_LIMIT_MODEL_CONCURRENCY;
    fault->retry_after_s = 1;
    return -1;
}

void
limits_give_back(struct request *request)
{
    if (request->limits.windows_taken != 0)
        give_windows_back(request);
    if (!request->limits.is_limited)
        return;
    correct(request, -1, 0);
    request->limits.count = 0;
}

void
limits_begin(struct request *request)
{
    if (LIKELY(!request->limits.may_be_cut))
        return;
    request->limits.is_watched = true;
    revoke_watch(request->worker);
}

void
limits_end(struct request *request, uint64_t tokens)
{
    if (request->limits.is_limited)
        correct(request, 0, tokens);
    if (request->limits.is_watched)
        request->worker->revocable--;
    request->limits.is_watched = false;
}

void
limits_shadow_field(const struct request *request, struct buf *out)
{
    static const char *const names[RECORD_LIMITS] = {
        [RECORD_LIMIT_BUDGET] = "budget",
        [RECORD_LIMIT_BALANCE] = "balance",
        [RECORD_LIMIT_REQUESTS] = "requests_per_minute",
        [RECORD_LIMIT_TOKENS] = "tokens_per_minute",
        [RECORD_LIMIT_CONCURRENCY] = "concurrency",
        [RECORD_LIMIT_MODEL_REQUESTS] = "model_requests_per_minute",
        [RECORD_LIMIT_MODEL_TOKENS] = "model_tokens_per_minute",
        [RECORD_LIMIT_MODEL_CONCURRENCY] = "model_concurrency",
        [RECORD_LIMIT_WINDOW] = "rate_limit",
        [RECORD_LIMIT_SPEND] = "spend",
    };
    const char *name = names[request->limits.reason];
    if (limits_is_shadow_note(&request->limits) && name != NULL)
        http_field_cstr(out, "x-aigw-shadow", name);
}
