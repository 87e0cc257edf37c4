/*
 * attempts.c - see attempts.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/attempts.h"

#include "common/usage.h"
#include "worker/relay_parts.h"

static void
describe(const struct request *request, uint8_t cause, struct shm_attempt *out)
{
    uint64_t took_ms =
        loop_now_ms(request->worker->loop) - request->health.started_ms;
    *out = (struct shm_attempt){
        .model_idx = request->model->model_idx,
        .provider_idx = request->provider->provider_idx,
        .duration_ms = took_ms < UINT32_MAX ? (uint32_t)took_ms : UINT32_MAX,
        .status = request->upstream_answered ? request->relay->status : 0,
        .cause = cause,
        .credential = catalogue_credential_number(request->provider),
    };
}

void
attempts_describe(struct request *request, uint8_t cause,
                  struct shm_attempt *out)
{
    struct usage usage;
    bool estimated, ambiguous;
    describe(request, cause, out);
    if (!request->upstream_answered)
        return;
    relay_plain_count(request); /* what broke off may have stated it before */
    if (!answer_states_usage(&request->answer, &request->call))
        return;
    answer_usage(&request->answer, &request->call, &usage, &estimated,
                 &ambiguous);
    out->tokens = usage_total(&usage);
    out->nano = (uint64_t)usage_cost(request, &usage);
}

/* Where there are more than can be listed the first ones stay, and the last. */
static void
list(struct request *request, const struct shm_attempt *attempt)
{
    uint32_t at = request->tried_count < SHM_ATTEMPTS_MAX
                      ? request->tried_count++
                      : SHM_ATTEMPTS_MAX - 1;
    request->tried[at] = *attempt;
}

void
attempts_add_failed(struct request *request, const struct shm_attempt *attempt)
{
    list(request, attempt);
    request->tried_tokens += attempt->tokens;
    request->tried_nano += attempt->nano;
    if (attempt->tokens == 0 && attempt->nano == 0)
        return;
    /* Should this worker die before the next one has begun. */
    uint64_t progress[SHM_UNITS] = {request->tried_tokens, request->tried_nano};
    cells_progress(&request->worker->seat, request->slot, progress);
}

void
attempts_end(struct request *request)
{
    struct shm_attempt last;
    if (LIKELY(request->tried_count == 0 && request->cause == RECORD_OK))
        return;
    if (request->health.provider == NULL)
        return; /* none is under way: nobody took the call */
    describe(request, request->cause, &last);
    last.tokens = usage_total(&request->usage);
    last.nano = (uint64_t)request->cost_nano;
    list(request, &last);
}

uint32_t
attempts_fill(const struct request *request, void *out, size_t room)
{
    size_t fit = room / sizeof(request->tried[0]);
    size_t count = request->tried_count < fit ? request->tried_count : fit;
    if (count == 0)
        return 0;
    memcpy(out, request->tried, count * sizeof(request->tried[0]));
    return (uint32_t)(count * sizeof(request->tried[0]));
}
