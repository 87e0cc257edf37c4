/*
 * route_plan.h - in which order a call's endpoints are asked.
 *
 * The chain of models (the one asked for, then those of `models`), each with its
 * endpoints, is filtered by what the call's settings and its `provider` object
 * allow, then put in order once. A request walks along it: route_next().
 *
 *   order of candidates, the first that differs decides
 *     tier      usable now; below what is preferred; not usable now
 *     model     in the order of the chain, unless partition is "none"
 *     rank      in the order of `providers`; those not in it behind
 *     key       what `sort` says; ties stay as configured
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_ROUTE_PLAN_H
#define AIGW_WORKER_ROUTE_PLAN_H

#include "common/settings.h"
#include "shm/catalogue.h"
#include "worker/dialect/call.h"
#include "worker/fault.h"

struct request;

enum {
    ROUTE_MODELS_MAX = DYNAMIC_MODELS_MAX,
    ROUTE_FALLBACKS_MAX = 3, /* of `models` */
    ROUTE_CANDIDATES_MAX = 32,
};

struct route_model {
    const struct catalogue_model *model;
    struct str upstream; /* of a wildcard: the name behind the provider's */
    int only;            /* the provider that its name says, or -1 */
    uint32_t timeout_ms; /* until the first byte; 0: as for any call */
};

struct route_candidate {
    uint8_t model;    /* of plan.models */
    uint8_t endpoint; /* of that model */
    /* Which of the provider's credentials may be used, a bit for each; 0: it has
     * no several to choose from. */
    uint64_t credentials;
};

struct route_plan {
    uint8_t model_count, count;
    uint8_t next; /* the candidate to be asked next */
    uint8_t charge_count;
    bool is_strict; /* none may have to leave out what the call says */
    struct shm_charge
        charges[DYNAMIC_COSTS_MAX]; /* what it costs counts there */
    uint64_t tried; /* credentials of the candidate that is being asked */
    struct route_model models[ROUTE_MODELS_MAX];
    struct route_candidate items[ROUTE_CANDIDATES_MAX];
    /* Names of `models`, decoded; the first is the call's own. */
    char names[ROUTE_FALLBACKS_MAX][CALL_MODEL_BYTES];
    /* Where candidates differ, or prices have tiers: the highest of each. */
    struct prices dearest;
};

/* The OpenRouter `provider` object, as far as it is no setting. */
struct route_wishes {
    struct settings layer;  /* order, only, ignore, allow_fallbacks, sort */
    bool is_mixed;          /* partition: models are sorted together */
    bool is_strict;         /* require_parameters */
    uint32_t quantizations; /* a bit for each; 0: any */
    /* Pico-currency per token and unit, MONEY_UNSET: any. */
    int64_t max_prompt, max_completion, max_request, max_image;
    uint64_t min_tokens_per_1000s, max_latency_ms; /* 0: any */
};

/* route_wishes.c: reads the object. 0, or -1 with *fault (400). */
int route_wishes_read(struct str object, const struct catalogue *catalogue,
                      struct route_wishes *wishes,
                      struct fault *fault) MUST_CHECK;
/* The strings of a list (`models`) behind the first; at most `room` are taken.
 * Their number, or -1 with *fault. */
int route_models_read(struct str list, char names[][CALL_MODEL_BYTES],
                      unsigned room, struct fault *fault) MUST_CHECK;

/* route.c: a model by its name, which lives on, at a provider or any (len 0). 0
 * with one that the key may use, or -1 with *fault. */
int route_find_model(struct request *request, struct str provider,
                     struct str name, struct route_model *found,
                     struct fault *fault) MUST_CHECK;

/*
 * dynamic.c: the models of a dynamic route ("dynamic/NAME") of the call's profile,
 * as what is known of the call leads to them. 1: they are in the plan; 0: the name
 * is of no such route; -1 with *fault.
 */
int dynamic_find(struct request *request, struct str name,
                 struct fault *fault) MUST_CHECK;

/*
 * route_plan_make - fills the plan from its models. 0, or -1: nothing is left.
 * Where there is one endpoint and nothing to be filtered, it costs next to
 * nothing.
 */
int route_plan_make(struct request *request,
                    const struct route_wishes *wishes) MUST_CHECK;

/* Ties calls of one session, or with the same beginning of the prompt; 0: the
 * settings do not ask for it. */
uint64_t route_affinity(const struct request *request);

/* route.c: the same endpoint with another of its provider's credentials; false:
 * all that may be used were, or (only_usable) are put aside. */
bool route_next_credential(struct request *request, bool only_usable);

/* route.c: once more from the candidate that plan.next was behind. */
void route_again_from(struct request *request, uint8_t next);

/* ---- route_credential.c: which of a provider's credentials ---- */

/* Those of the key's own group that its settings allow, and those for all. */
struct route_credentials {
    uint64_t own, shared;
};
/* `group`: what the key's group is called. */
void route_credentials(const struct request *request,
                       const struct catalogue_provider *provider,
                       const char *group, struct route_credentials *out);
/* Whether the call names no credential, or this name. */
bool route_credential_is_asked(const struct request *request, uint32_t hash,
                               uint32_t full_hash);
/* Its place in private_keys, or how many those are. */
unsigned route_credential_place(const struct request *request,
                                const struct catalogue_credential *credential);
/* One call more with the request's credential. 0; -EAGAIN: it has had as many as
 * its rate_limit, *retry_ms until it may have one. */
int route_credential_take(const struct request *request,
                          uint64_t *retry_ms) MUST_CHECK;
/* Of one that was taken and was not sent. */
void route_credential_give_back(const struct request *request);
/* Those of `left` that may be sent calls of the request's endpoint now. */
uint64_t route_credentials_usable(const struct request *request,
                                  const struct catalogue_provider *provider,
                                  uint64_t left);
/* The provider with one of `left`, which are not none: usable ones first, then
 * own ones, those by private_keys, others by a draw. It counts as tried. */
const struct catalogue_provider *
route_credential_choose(struct request *request,
                        const struct catalogue_provider *provider,
                        uint64_t left);

#endif
