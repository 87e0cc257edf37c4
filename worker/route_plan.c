/*
 * route_plan.c - see route_plan.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/route_plan.h"

#include <math.h>

#include "common/hash.h"
#include "worker/health.h"
#include "worker/settings.h"

enum {
    TIER_USABLE,
    TIER_BELOW,  /* slower than what is preferred, or bad lately */
    TIER_COOLING /* nothing may be sent to it now */
};
enum {
    RANK_SHARED = 2 * SETTINGS_LIST_MAX
};                           /* route byok: behind all own ones */
enum { OUTPUT_GUESS = 512 }; /* tokens, where the call states no bound */

/* One candidate while the plan is made. */
struct draft {
    struct route_candidate item;
    const struct catalogue_endpoint *endpoint;
    const struct catalogue_provider *provider;
    uint8_t tier, model_rank, rank;
    double key;
};

struct drafting {
    struct request *request;
    const struct route_wishes *wishes; /* NULL: none */
    struct draft drafts[ROUTE_CANDIDATES_MAX];
    unsigned count;
    bool has_group;
    char group[64]; /* the name of the key's, where somebody asks for it */
};

/* ---- who may ---- */

/* Place in the list, or its length. */
static unsigned
rank_in(const struct settings_providers *list, uint32_t provider_idx)
{
    unsigned i = 0;
    while (i < list->count && list->idx[i] != provider_idx)
        i++;
    return i;
}

static bool
is_in(const struct settings_providers *list, uint32_t provider_idx)
{
    return rank_in(list, provider_idx) < list->count;
}

static bool
is_allowed(const struct request *request, uint32_t provider_idx)
{
    const struct settings *s = request->settings;
    if (settings_has(s, SETTING_ONLY) &&
        !is_in(&s->lists[SETTINGS_ONLY], provider_idx))
        return false;
    if (is_in(&s->lists[SETTINGS_IGNORE], provider_idx))
        return false;
    bool listed = is_in(&s->lists[SETTINGS_ORDER], provider_idx);
    if (s->values[SETTING_ROUTE] == ROUTE_PROVIDER)
        return listed;
    return listed || s->values[SETTING_ALLOW_FALLBACKS] != 0 ||
           s->lists[SETTINGS_ORDER].count == 0;
}

/* What the provider does with what it is told: as far as the operator has said. */
static bool
is_private_enough(const struct settings *settings,
                  const struct catalogue_provider *provider)
{
    if (settings->values[SETTING_ZDR] != 0 &&
        provider->data_policy != DATA_ZERO)
        return false;
    return settings->values[SETTING_DATA_COLLECTION] == DATA_ALLOW ||
           provider->data_policy >= DATA_RETAINS;
}

static bool
costs_more(int64_t price, int64_t most)
{
    return most != MONEY_UNSET && price > most;
}

/* The lease must do for whoever gets the call, whichever of his prices it is. */
static void
add_prices(const struct request *request, struct prices *sum,
           const struct catalogue_endpoint *endpoint)
{
    const struct call *call = &request->call;
    prices_raise(sum, &endpoint->prices);
    if (UNLIKELY(endpoint->tiers != NULL))
        price_tiers_raise(sum, endpoint->tiers,
                          call->prompt_bound > call->prompt_estimate
                              ? call->prompt_bound
                              : call->prompt_estimate,
                          request->started_wall_ms);
}

static bool
is_too_dear(const struct request *request, const struct route_wishes *wishes,
            const struct catalogue_endpoint *endpoint)
{
    if (wishes == NULL)
        return false;
    struct prices prices = endpoint->prices;
    add_prices(request, &prices, endpoint);
    return costs_more(prices.input, wishes->max_prompt) ||
           costs_more(prices.output, wishes->max_completion) ||
           costs_more(prices.request, wishes->max_request) ||
           costs_more(prices.image, wishes->max_image);
}

/* ---- who first ---- */

/* What this call would cost there, in nano: its own estimate. */
static double
estimate(const struct request *request,
         const struct catalogue_endpoint *endpoint)
{
    struct usage usage = {
        .prompt_missed = request->call.prompt_estimate,
        .completion = request->call.max_tokens > 0 ? request->call.max_tokens
                                                   : OUTPUT_GUESS,
    };
    unsigned tier;
    return (double)money_cost_nano(
        catalogue_prices(endpoint,
                         &(struct price_case){.at_ms = request->started_wall_ms,
                                              .usage = &usage},
                         &tier),
        &usage);
}

/* Uniform in (0, 1): of this request and this candidate. */
static double
chance(const struct request *request, unsigned nth)
{
    /* Numbers of requests follow each other: no two share a pair. */
    uint64_t bits = hash_mix64(
        request->id_words[0] ^
        hash_mix64(request->id_words[1] * ROUTE_CANDIDATES_MAX + nth));
    return ((double)(bits >> 11) + 0.5) * 0x1p-53;
}

/*
 * Draws without replacement, weight 1/price^2, are the order of -ln(u)/weight
 * (Efraimidis and Spirakis, 2006). A price of nothing counts as one nano.
 */
static double
draw_key(const struct request *request,
         const struct catalogue_endpoint *endpoint, unsigned nth)
{
    double price = estimate(request, endpoint);
    price = price < 1 ? 1 : price;
    return -log(chance(request, nth)) * price * price;
}

/* Lower is earlier. */
static double
sort_key(struct request *request, const struct draft *draft, unsigned nth)
{
    const struct health_figures *figures;
    switch ((enum setting_sort)setting_of(request, SETTING_SORT)) {
    case SORT_DRAW:
        return draw_key(request, draft->endpoint, nth);
    case SORT_PRICE:
        return estimate(request, draft->endpoint);
    case SORT_THROUGHPUT:
        figures =
            health_figures(request->worker, draft->endpoint->endpoint_idx);
        return figures->has_speed ? -(double)figures->tokens_per_s_p50_x10 : 1;
    case SORT_LATENCY:
        figures =
            health_figures(request->worker, draft->endpoint->endpoint_idx);
        return figures->has_ttft ? (double)figures->ttft_p50_ms : 1e12;
    case SORT_ORDER:
        break;
    }
    return 0;
}

/* Equal prices change places by chance: nobody is first for ever. */
static double
shuffle_of(const struct request *request, unsigned nth)
{
    return setting_of(request, SETTING_SORT) == SORT_PRICE
               ? chance(request, nth) * 1e-6
               : 0;
}

static bool
is_below(struct request *request, const struct route_wishes *wishes,
         const struct draft *draft)
{
    bool draws = setting_of(request, SETTING_SORT) == SORT_DRAW;
    if (!draws && (wishes == NULL || (wishes->min_tokens_per_1000s == 0 &&
                                      wishes->max_latency_ms == 0)))
        return false;
    const struct health_figures *f =
        health_figures(request->worker, draft->endpoint->endpoint_idx);
    if (draws && f->outage)
        return true;
    if (wishes == NULL)
        return false;
    return (f->has_speed && (uint64_t)f->tokens_per_s_p50_x10 * 100 <
                                wishes->min_tokens_per_1000s) ||
           (f->has_ttft && wishes->max_latency_ms > 0 &&
            f->ttft_p50_ms > wishes->max_latency_ms);
}

/*
 * Sticky without a table (rendezvous hashing): of the endpoints that may be
 * asked, the same text ranks the same one first, in every worker; when it is
 * not usable its own second one is.
 */
static double
affinity_key(uint64_t text, uint32_t endpoint_idx)
{
    return (double)(hash_mix64(text ^ hash_mix64(endpoint_idx)) >> 11);
}

uint64_t
route_affinity(const struct request *request)
{
    enum { PREFIX_BYTES = 1024 };
    struct str body = buf_view(&request->body);
    uint32_t how = setting_of(request, SETTING_AFFINITY);
    struct str text = {NULL, 0};
    if (how == AFFINITY_OFF)
        return 0;
    if (how == AFFINITY_SESSION)
        text = request->call.session_value.len > 0
                   ? str_make(body.ptr + request->call.session_value.off,
                              request->call.session_value.len)
                   : http_field_find(request->head, STR_LIT("x-session-id"));
    else
        text = str_make(body.ptr,
                        body.len < PREFIX_BYTES ? body.len : PREFIX_BYTES);
    if (text.len == 0)
        return 0;
    uint8_t seed[16] = {0};
    memcpy(seed, &request->key.group_id, sizeof(request->key.group_id));
    return hash_siphash(seed, text.ptr, text.len) | 1;
}

/* ---- the plan ---- */

static void
add(struct drafting *d, struct route_candidate item, unsigned rank)
{
    if (d->count == ROUTE_CANDIDATES_MAX)
        return;
    const struct catalogue_endpoint *e =
        &d->request->plan.models[item.model].model->endpoints[item.endpoint];
    d->drafts[d->count++] = (struct draft){
        .item = item,
        .endpoint = e,
        .provider = &d->request->catalogue->providers[e->provider],
        .model_rank = d->wishes != NULL && d->wishes->is_mixed ? 0 : item.model,
        .rank = (uint8_t)rank,
    };
}

/* A group that is being changed has nothing of its own for this call. */
static const char *
group_of(struct drafting *d)
{
    if (!d->has_group &&
        key_table_group_name(d->request->worker->heritage->segment,
                             &d->request->key, d->group) < 0)
        d->group[0] = '\0';
    d->has_group = true;
    return d->group;
}

/* By route byok each own one that is listed stands for itself, in the order of
 * the list; otherwise all of a kind are one candidate. */
static void
add_byok(struct drafting *d, struct route_candidate item, unsigned rank,
         const struct catalogue_provider *provider,
         const struct route_credentials *may)
{
    const struct settings *settings = d->request->settings;
    if (settings->private_keys.count > 0) {
        for (uint64_t left = may->own; left != 0; left &= left - 1) {
            item.credentials = left & -left;
            add(d, item,
                route_credential_place(
                    d->request, &provider->credentials[__builtin_ctzll(left)]));
        }
    } else if (may->own != 0) {
        item.credentials = may->own;
        add(d, item, rank);
    }
    item.credentials = may->shared;
    if (settings->values[SETTING_BYOK_FALLBACK] != 0 &&
        (may->shared != 0 || provider->credential_count == 0))
        add(d, item, RANK_SHARED + rank);
}

/* Of a provider with its api_key alone. */
static bool
has_only_default(const struct request *request)
{
    uint32_t hash = settings_name_hash(STR_LIT(CREDENTIAL_DEFAULT));
    return route_credential_is_asked(request, hash, hash);
}

static void
add_draft(struct drafting *d, unsigned model, unsigned endpoint)
{
    struct request *request = d->request;
    const struct route_model *m = &request->plan.models[model];
    const struct catalogue_endpoint *e = &m->model->endpoints[endpoint];
    const struct catalogue_provider *p =
        &request->catalogue->providers[e->provider];
    if (!p->enabled || (m->only >= 0 && (uint32_t)m->only != e->provider) ||
        !is_allowed(request, p->provider_idx) ||
        !is_private_enough(request->settings, p) ||
        (d->wishes != NULL && d->wishes->quantizations != 0 &&
         (d->wishes->quantizations >> e->quantization & 1) == 0) ||
        is_too_dear(request, d->wishes, e))
        return;
    struct route_candidate item = {.model = (uint8_t)model,
                                   .endpoint = (uint8_t)endpoint};
    unsigned rank =
        rank_in(&request->settings->lists[SETTINGS_ORDER], p->provider_idx);
    struct route_credentials may = {0, 0};
    if (p->credential_count > 0)
        route_credentials(request, p, group_of(d), &may);
    else if (!has_only_default(request))
        return;
    if (request->settings->values[SETTING_ROUTE] == ROUTE_BYOK) {
        add_byok(d, item, rank, p, &may);
        return;
    }
    item.credentials = may.own | may.shared;
    if (item.credentials != 0 || p->credential_count == 0)
        add(d, item, rank);
}

/* None of the credentials may be sent anything there. */
static bool
is_cooling(struct worker *worker, const struct draft *draft)
{
    uint64_t left = draft->item.credentials;
    const struct catalogue_provider *provider = draft->provider;
    do {
        if (left != 0)
            provider = draft->provider->credentials[__builtin_ctzll(left)].view;
        if (health_look(worker, provider, draft->endpoint->endpoint_idx,
                        provider->credential_slot) != HEALTH_COOLING)
            return false;
        left &= left - 1;
    } while (left != 0);
    return true;
}

static void
judge(struct drafting *d)
{
    uint64_t text = route_affinity(d->request);
    for (unsigned i = 0; i < d->count; i++) {
        struct draft *draft = &d->drafts[i];
        draft->key = sort_key(d->request, draft, i) + shuffle_of(d->request, i);
        if (text != 0)
            draft->key = affinity_key(text, draft->endpoint->endpoint_idx);
        draft->tier = TIER_USABLE;
        if (is_cooling(d->request->worker, draft)) {
            draft->tier = TIER_COOLING;
        } else if (is_below(d->request, d->wishes, draft)) {
            draft->tier = TIER_BELOW;
        }
    }
}

static bool
comes_before(const struct draft *a, const struct draft *b)
{
    if (a->tier != b->tier)
        return a->tier < b->tier;
    if (a->model_rank != b->model_rank)
        return a->model_rank < b->model_rank;
    if (a->rank != b->rank)
        return a->rank < b->rank;
    return a->key < b->key;
}

/* Few, and equal ones keep their places: insertion. */
static void
put_in_order(struct drafting *d)
{
    for (unsigned i = 1; i < d->count; i++) {
        struct draft moved = d->drafts[i];
        unsigned at = i;
        for (; at > 0 && comes_before(&moved, &d->drafts[at - 1]); at--)
            d->drafts[at] = d->drafts[at - 1];
        d->drafts[at] = moved;
    }
}

static void
keep(struct drafting *d)
{
    struct route_plan *plan = &d->request->plan;
    bool cut = setting_of(d->request, SETTING_ALLOW_FALLBACKS) == 0 &&
               d->request->settings->lists[SETTINGS_ORDER].count == 0;
    plan->count = cut ? 1 : (uint8_t)d->count;
    for (unsigned i = 0; i < plan->count; i++) {
        plan->items[i] = d->drafts[i].item;
        if (i == 0)
            plan->dearest = d->drafts[0].endpoint->prices;
        add_prices(d->request, &plan->dearest, d->drafts[i].endpoint);
    }
}

/* One model with one provider, and no filter: what nearly every call is. */
static bool
is_plain(const struct request *request, const struct route_wishes *wishes)
{
    const struct settings *s = request->settings;
    const struct route_plan *plan = &request->plan;
    return plan->model_count == 1 && wishes == NULL && request->alias == 0 &&
           plan->models[0].model->endpoint_count == 1 &&
           plan->models[0].model->endpoints[0].tiers == NULL &&
           request->catalogue
                   ->providers[plan->models[0].model->endpoints[0].provider]
                   .credential_count == 0 &&
           s->values[SETTING_ROUTE] == ROUTE_DEFAULT &&
           (s->values[SETTING_DATA_COLLECTION] | s->values[SETTING_ZDR]) == 0 &&
           (s->set &
            (UINT64_C(1) << SETTING_ONLY | UINT64_C(1) << SETTING_IGNORE)) == 0;
}

int
route_plan_make(struct request *request, const struct route_wishes *wishes)
{
    struct route_plan *plan = &request->plan;
    plan->next = 0;
    plan->is_strict = wishes != NULL && wishes->is_strict;
    if (is_plain(request, wishes)) {
        const struct catalogue_endpoint *e =
            &plan->models[0].model->endpoints[0];
        plan->items[0] = (struct route_candidate){0};
        plan->count =
            request->catalogue->providers[e->provider].enabled ? 1 : 0;
        return plan->count > 0 ? 0 : -1;
    }
    UNINITIALIZED struct drafting d;
    d.request = request;
    d.wishes = wishes;
    d.count = 0;
    d.has_group = false;
    for (unsigned m = 0; m < plan->model_count; m++)
        for (unsigned e = 0; e < plan->models[m].model->endpoint_count; e++)
            add_draft(&d, m, e);
    judge(&d);
    put_in_order(&d);
    keep(&d);
    return plan->count > 0 ? 0 : -1;
}
