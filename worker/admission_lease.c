/*
 * admission_lease.c - how much of a budget a call must hold so that what it
 * may cost is covered before it is sent.
 *
 *   tokens = prompt bound + output
 *   nano   = prompt bound at the dearest input price
 *          + output at the dearest output price + price of the request
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/admission_parts.h"

#include <errno.h>

typedef unsigned __int128 wide;

enum {
    OUTPUT_DEFAULT = 4096 /* where neither call nor model states a bound */
};

/* A lease of a key without budgets is bookkeeping only: it must never be too
 * large for the cells. */
#define LEASE_MAX (SHM_AMOUNT_MAX / 2)

static uint64_t
least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t
times(uint64_t a, uint64_t b)
{
    wide product = (wide)a * b;
    return product > LEASE_MAX ? LEASE_MAX : (uint64_t)product;
}

static uint64_t
dearest(uint64_t price, int64_t other)
{
    return other > 0 && (uint64_t)other > price ? (uint64_t)other : price;
}

static uint64_t
input_price(const struct prices *p)
{
    uint64_t price = dearest(0, p->input);
    price = dearest(price, p->cached);
    price = dearest(price, p->cache_creation);
    price = dearest(price, p->cache_creation_1h);
    return dearest(price, p->audio_in);
}

static uint64_t
output_price(const struct prices *p)
{
    uint64_t price = dearest(0, p->output);
    price = dearest(price, p->reasoning);
    return dearest(price, p->audio_out);
}

static uint64_t
pico_to_nano(wide pico)
{
    wide nano = (pico + 999) / 1000;
    return nano > SHM_AMOUNT_MAX ? SHM_AMOUNT_MAX : (uint64_t)nano;
}

const struct prices *
lease_prices(const struct request *request)
{
    return request->plan.count == 1 && request->served->tiers == NULL
               ? &request->served->prices
               : &request->plan.dearest;
}

uint64_t
lease_money(const struct request *request, uint64_t prompt, uint64_t output)
{
    const struct prices *p = lease_prices(request);
    wide pico = (wide)prompt * input_price(p) + (wide)output * output_price(p);
    pico += dearest(0, p->request);
    pico += ((wide)request->call.images + request->call.images_out) *
            dearest(0, p->image);
    return pico_to_nano(pico);
}

uint64_t
lease_output_money(const struct request *request, uint64_t output)
{
    return pico_to_nano((wide)output * output_price(lease_prices(request)));
}

/* Output tokens that `nano` pays for. */
static uint64_t
affordable(const struct request *request, uint64_t nano)
{
    uint64_t price = output_price(lease_prices(request));
    if (price == 0)
        return UINT64_MAX;
    wide tokens = (wide)nano * 1000 / price;
    return tokens > UINT64_MAX ? UINT64_MAX : (uint64_t)tokens;
}

uint32_t
lease_mode(const struct request *request)
{
    bool stream = request->call.stream;
    switch (request->key.on_exhausted) {
    case SHM_ON_REJECT:
    case SHM_ON_CLAMP:
    case SHM_ON_FINISH:
        return request->key.on_exhausted;
    default: /* cut is for streams; what is not known is treated strictly */
        return stream ? SHM_ON_CUT : SHM_ON_CLAMP;
    }
}

/* No max_tokens bounds it: none at all, or what the scan says. */
static bool
has_fixed_output(uint8_t endpoint)
{
    return endpoint == ENDPOINT_EMBEDDINGS || endpoint == ENDPOINT_EMBED ||
           endpoint == ENDPOINT_BATCH_EMBED ||
           (endpoint >= ENDPOINT_IMAGES && endpoint <= ENDPOINT_MODERATIONS);
}

/* Of all models that may get the call: the widest, 0 where one states none. */
static void
model_bounds(const struct request *request, uint64_t *context,
             uint64_t *max_output)
{
    const struct route_plan *plan = &request->plan;
    *context = plan->models[0].model->context;
    *max_output = plan->models[0].model->max_output;
    for (unsigned i = 1; i < plan->model_count; i++) {
        const struct catalogue_model *model = plan->models[i].model;
        if (*context != 0 && (model->context == 0 || model->context > *context))
            *context = model->context;
        if (*max_output != 0 &&
            (model->max_output == 0 || model->max_output > *max_output))
            *max_output = model->max_output;
    }
}

void
lease_plan(const struct request *request, struct lease *lease)
{
    const struct call *call = &request->call;
    uint64_t context, max_output;
    uint64_t slice = request->worker->config->server.stream_slice_tokens;
    *lease = (struct lease){.prompt = call->prompt_bound, .answers = call->n};
    model_bounds(request, &context, &max_output);
    if (context > 0 && lease->prompt > context)
        lease->prompt = context; /* more is refused by the provider */
    if (lease->prompt < call->prompt_estimate)
        lease->prompt = call->prompt_estimate;
    lease->prompt = least(lease->prompt, LEASE_MAX);
    if (lease->answers == 0)
        lease->answers = 1;
    if (call->endpoint == ENDPOINT_COUNT_TOKENS) { /* free */
        *lease = (struct lease){.answers = 1, .whole = true, .stated = true};
        return;
    }
    if (has_fixed_output(call->endpoint)) {
        lease->whole = lease->stated = true;
        lease->want = least(call->output_bound, LEASE_MAX);
        return;
    }
    lease->stated = call->max_tokens > 0;
    lease->bound_known = max_output > 0;
    lease->per_answer = lease->stated        ? call->max_tokens
                        : lease->bound_known ? max_output
                                             : OUTPUT_DEFAULT;
    uint32_t mode = request->on_exhausted;
    uint64_t all = times(lease->answers, lease->per_answer);
    lease->whole = mode == SHM_ON_CLAMP || mode == SHM_ON_REJECT ||
                   (request->key.flags & SHM_KEY_HOLD_WORST) != 0;
    lease->want = lease->whole ? all : least(all, slice);
    lease->may_shrink = mode == SHM_ON_CLAMP || mode == SHM_ON_CUT;
}

/* Fills what is held for `output` tokens. */
static void
lease_take(const struct request *request, struct lease *lease, uint64_t output)
{
    lease->output = output;
    lease->amount[SHM_TOKENS] = lease->prompt + output;
    lease->amount[SHM_NANO] = lease_money(request, lease->prompt, output);
    if (request->call.endpoint == ENDPOINT_COUNT_TOKENS)
        lease->amount[SHM_NANO] = 0; /* no price of the request either */
}

/*
 * What the body must say of max_tokens, so that the provider cannot pass what
 * is held: nothing where the lease grows with the stream, or where the
 * client's own word or the model's configured bound covers it.
 */
static uint64_t
lease_inject(const struct request *request, const struct lease *lease)
{
    if (!lease->whole || lease->per_answer == 0)
        return 0;
    if (lease->clamped)
        return lease->output / lease->answers;
    if (lease->stated)
        return 0;
    if (request->on_exhausted == SHM_ON_REJECT && lease->bound_known)
        return 0;
    return lease->per_answer;
}

int
lease_fit(const struct request *request, struct lease *lease, int *unit)
{
    const struct segment *segment = request->worker->heritage->segment;
    lease->clamped = false;
    lease->max_tokens = 0;
    if (!request->budgeted) {
        lease_take(request, lease, lease->want);
        return 0;
    }
    uint64_t tokens = cells_room(segment, &request->key, SHM_TOKENS);
    uint64_t nano = cells_room(segment, &request->key, SHM_NANO);
    uint64_t fixed = lease_money(request, lease->prompt, 0);
    uint64_t fits = LEASE_MAX;
    *unit = SHM_TOKENS;
    if (tokens != UINT64_MAX) {
        if (tokens < lease->prompt)
            return -EDQUOT;
        fits = least(fits, tokens - lease->prompt);
    }
    if (nano != UINT64_MAX) {
        nano = least(nano, SHM_AMOUNT_MAX);
        if (nano < fixed) {
            *unit = SHM_NANO;
            return -EDQUOT;
        }
        uint64_t paid = affordable(request, nano - fixed);
        *unit = paid < fits ? SHM_NANO : SHM_TOKENS;
        fits = least(fits, paid);
    }
    uint64_t output = lease->want;
    if (output > fits) {
        /* Whole answers are clamped alike; a slice may be any size. */
        output = lease->whole ? fits / lease->answers * lease->answers : fits;
        if (!lease->may_shrink || output == 0)
            return -EDQUOT;
        lease->clamped = lease->whole;
    }
    lease_take(request, lease, output);
    lease->max_tokens = lease_inject(request, lease);
    return 0;
}

void
lease_take_all(const struct request *request, struct lease *lease)
{
    lease->clamped = false;
    lease->max_tokens = 0;
    lease_take(request, lease, lease->want);
}

uint64_t
lease_output_room(const struct request *request)
{
    const struct segment *segment = request->worker->heritage->segment;
    uint64_t tokens = cells_room(segment, &request->key, SHM_TOKENS);
    uint64_t nano = cells_room(segment, &request->key, SHM_NANO);
    return nano == UINT64_MAX ? tokens
                              : least(tokens, affordable(request, nano));
}
