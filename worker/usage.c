/*
 * usage.c - what a request used: told to the slot while it runs, settled once
 * when it ends. The only writer of records.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "shm/model_stats.h"
#include "shm/ring.h"
#include "worker/attempts.h"
#include "worker/request.h"
#include "worker/settings.h"

static uint32_t
narrow(uint64_t n)
{
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static int64_t
cost(const struct request *request, const struct usage *usage, unsigned *tier)
{
    const struct price_case what = {request->started_wall_ms, usage,
                                    request->answer.service_tier};
    return money_cost_nano(catalogue_prices(request->served, &what, tier),
                           usage);
}

int64_t
usage_cost(const struct request *request, const struct usage *usage)
{
    unsigned tier;
    return cost(request, usage, &tier);
}

void
usage_progress(struct request *request)
{
    if (request->settled)
        return; /* the slot is another's */
    struct usage so_far = {
        .prompt_missed = request->call.prompt_estimate,
        .completion = answer_output_estimate(&request->answer),
    };
    uint64_t progress[SHM_UNITS] = {
        usage_total(&so_far) + request->tried_tokens,
        (uint64_t)usage_cost(request, &so_far) + request->tried_nano};
    cells_progress(&request->worker->seat, request->slot, progress);
}

/* Nothing came back, so nothing is known to have been used; or the provider
 * refused and stated nothing. */
static bool
is_free(const struct request *request)
{
    if (request->endpoint == ENDPOINT_COUNT_TOKENS)
        return true; /* no provider charges for the count */
    if (request->upstream_answered && request->answer.usage_seen)
        return false;
    if (request->upstream_answered)
        return request->upstream_refused;
    /* No answer: only a client that left a request already on its way up. */
    return request->cause != RECORD_CLIENT_GONE || request->exchange == NULL ||
           !exchange_has_begun(request->exchange);
}

/*
 * Of a call that no log shows, spend rules still are to know whose it is: else
 * the field that says so would be the way around them. The row does not have it.
 */
static uint32_t
fill_partition(const struct request *request, struct shm_record *record,
               char meta[SHM_RECORD_META_MAX])
{
    if (request->gateway == NULL || request->gateway->spend_rule_count == 0 ||
        !request->has_tags)
        return 0;
    record->tags_len = request->tags.json_len;
    memcpy(meta, request->tags.json, record->tags_len);
    return record->tags_len;
}

/* Its settings say that no log shows it: then only the books know of it. */
static bool
is_unlisted(const struct request *request)
{
    return setting_of(request, SETTING_COLLECT_LOG) == 0;
}

static uint16_t
flags_of(const struct request *request, bool estimated, bool ambiguous)
{
    return (
        uint16_t)((request->call.stream ? RECORD_STREAM : 0) |
                  (estimated ? RECORD_ESTIMATED : 0) |
                  (ambiguous ? RECORD_AMBIGUOUS : 0) | request->guard_flags |
                  (request->payload != NULL ? RECORD_PAYLOAD : 0) |
                  (is_unlisted(request) ? RECORD_UNLISTED : 0) |
                  (request->clamped ? RECORD_CLAMPED : 0) |
                  (request->cache.status == CACHE_HIT ? RECORD_CACHED : 0) |
                  (limits_is_shadow_note(&request->limits) ? RECORD_WOULD_REFUSE
                                                           : 0));
}

static void
fill_usage(struct request *request, struct shm_record *record)
{
    const struct usage *usage = &request->usage;
    record->tokens = usage_total(usage) + request->tried_tokens;
    record->nano = (uint64_t)request->cost_nano;
    record->prompt_missed = narrow(usage->prompt_missed);
    record->cached = narrow(usage->cached);
    record->cache_creation = narrow(usage->cache_creation);
    record->completion = narrow(usage->completion);
    record->reasoning = narrow(usage->reasoning);
    record->audio_in = narrow(usage->audio_in);
    record->audio_out = narrow(usage->audio_out);
    record->cache_creation_1h = narrow(usage->cache_creation_1h);
    record->delivered_tokens = narrow(request->delivered_tokens);
    record->generated_tokens =
        narrow(usage->completion + usage->reasoning + usage->audio_out);
}

/* What dynamic routes limit by cost; returns the length. */
static uint32_t
fill_charges(const struct request *request, struct shm_record *record,
             char *meta)
{
    const struct route_plan *plan = &request->plan;
    for (unsigned i = 0; i < plan->charge_count; i++)
        memcpy(meta + i * sizeof(plan->charges[0]), &plan->charges[i],
               sizeof(plan->charges[0]));
    record->charges = plan->charge_count;
    return plan->charge_count * (uint32_t)sizeof(plan->charges[0]);
}

/* Model asked, error text, metadata, attempts, charges; returns the length. */
static uint32_t
fill_meta(const struct request *request, struct shm_record *record,
          char meta[SHM_RECORD_META_MAX])
{
    if (is_unlisted(request)) {
        uint32_t tags = fill_partition(request, record, meta);
        return tags + fill_charges(request, record, meta + tags);
    }
    uint32_t kept = request->plan.charge_count * sizeof(struct shm_charge);
    size_t asked = request->call.model_len;
    size_t error = strnlen(request->error_text, sizeof(request->error_text));
    size_t room = SHM_RECORD_META_MAX - kept - asked -
                  (request->has_tags ? request->tags.json_len : 0);
    if (UNLIKELY(error > room))
        error = room;
    memcpy(meta, request->call.model, asked);
    memcpy(meta + asked, request->error_text, error);
    record->model_asked_len = (uint16_t)asked;
    record->error_len = (uint16_t)error;
    uint32_t len = (uint32_t)(asked + error);
    if (request->has_tags) {
        record->tags_len = request->tags.json_len;
        memcpy(meta + len, request->tags.json, record->tags_len);
        len += record->tags_len;
    }
    if (UNLIKELY(request->tried_count > 0)) {
        record->attempts_len = (uint16_t)attempts_fill(
            request, meta + len, SHM_RECORD_META_MAX - kept - len);
        len += record->attempts_len;
    }
    return len + fill_charges(request, record, meta + len);
}
_Static_assert(CALL_MODEL_BYTES + 128 + TAGS_JSON_BYTES <= SHM_RECORD_META_MAX,
               "model asked, error text and metadata fit");
_Static_assert((int)DYNAMIC_COSTS_MAX <= (int)SHM_CHARGES_MAX, "all are told");

/* Half full: the accountant looks every 50 ms anyway, but a burst of large
 * records should not have to wait for it. Told once per filling. */
static void
wake_accountant(struct worker *worker)
{
    const struct segment *segment = worker->heritage->segment;
    uint64_t waiting =
        worker->seat.ring_head - ring_tail(segment, worker->seat.column);
    if (waiting < segment->ring_bytes / 2) {
        worker->ring_woken = false;
        return;
    }
    if (worker->ring_woken)
        return;
    uint64_t one = 1;
    if (write(worker->heritage->accountant_wake_fd, &one, sizeof(one)) < 0 &&
        errno != EAGAIN)
        log_warn("cannot wake the accountant: %s", strerror(errno));
    worker->ring_woken = true;
}

void
usage_settle(struct request *request)
{
    struct worker *worker = request->worker;
    CHECK(request->admitted && !request->settled);
    /* Without an attempt, relay and answer are those of an earlier request. */
    if (request->relay != NULL && request->attempts > 0)
        relay_plain_count(request); /* unless it was looked at as a whole */
    bool estimated = false, ambiguous = false;
    struct shm_record record = {0};
    if (!is_free(request))
        answer_usage(&request->answer, &request->call, &request->usage,
                     &estimated, &ambiguous);
    if (request->attempts > 0 && request->answer.usage_seen && !estimated &&
        !ambiguous && !request->upstream_refused)
        calibration_learn(&worker->calibrations[request->model->model_idx],
                          &request->guess, &request->usage);
    request->cost_nano = 0;
    if (!is_free(request)) {
        unsigned tier;
        request->cost_nano = cost(request, &request->usage, &tier);
        record.price_tier = (uint8_t)tier;
        record.service_tier = request->answer.service_tier;
    }
    attempts_end(request);
    request->cost_nano += (int64_t)request->tried_nano;
    relay_attempt_end(request, request->cause);
    fill_usage(request, &record);
    uint64_t now_ms = loop_now_ms(worker->loop);
    record.flags = flags_of(request, estimated, ambiguous);
    record.request_id[0] = request->id_words[0];
    record.request_id[1] = request->id_words[1];
    record.started_ms = request->started_wall_ms;
    record.ended_ms =
        request->started_wall_ms + (int64_t)(now_ms - request->started_ms);
    request->ended_wall_ms = record.ended_ms;
    record.duration_ms = narrow(now_ms - request->started_ms);
    record.first_byte_ms = request->first_byte_ms;
    record.queue_ms = request->queued_ms;
    record.sent_ms = request->sent_at_ms;
    record.connect_ms = request->connect_ms;
    record.first_token_ms = request->token_at_ms;
    record.model_idx = request->model->model_idx;
    bool is_hit = request->cache.status == CACHE_HIT;
    record.provider_idx =
        is_hit ? request->cache.provider_idx : request->provider->provider_idx;
    record.price_version = request->served->price_version;
    record.status = request->status;
    record.attempts = (uint16_t)request->attempts;
    record.cause = request->cause;
    record.dialect = request->dialect->number;
    record.endpoint = request->endpoint;
    if (!is_unlisted(request))
        memcpy(record.client_ip, request->client_ip, sizeof(record.client_ip));
    record.limit = request->limits.reason;
    if (!is_hit)
        record.credential = catalogue_credential_number(request->provider);
    if (request->gateway != NULL)
        record.gateway = request->gateway->hash;
    UNINITIALIZED char meta[SHM_RECORD_META_MAX];
    uint32_t meta_len = fill_meta(request, &record, meta);

    /* Before the slot lets go of the entries. */
    for (int who = 0; who < 2; who++)
        admission_correct_rates(request, who, 0, (int64_t)record.tokens);
    limits_end(request, record.tokens);
    request->settled = true;
    cells_settle(&worker->seat, request->slot, &record, meta, meta_len);
    /* Which say how providers do: not of what was kept, or refused. */
    if (!is_hit &&
        (record.limit == 0 || (record.flags & RECORD_WOULD_REFUSE) != 0))
        model_stats_add(&worker->seat, request->served->endpoint_idx, &record);
    wake_accountant(worker);
    if (request->has_repeat_entry)
        repeat_end(request); /* before the last byte: it may be asked again */
}
