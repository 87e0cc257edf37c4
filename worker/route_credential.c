/*
 * route_credential.c - which of a provider's credentials a call is sent with, at
 * each attempt anew: what cools or has no calls left comes last, a group's own
 * before those for all.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/hash.h"
#include "shm/limit.h"
#include "shm/window.h"
#include "worker/health.h"
#include "worker/limits.h"
#include "worker/request.h"
#include "worker/settings.h"

enum { CLASS_SHARED = 1, CLASS_COOLING = 2 }; /* lower is earlier */

unsigned
route_credential_place(const struct request *request,
                       const struct catalogue_credential *credential)
{
    const struct settings_names *list = &request->settings->private_keys;
    unsigned i = 0;
    while (i < list->count && list->hash[i] != credential->hash &&
           list->hash[i] != credential->full_hash)
        i++;
    return i;
}

/* The hash of "GROUP.NAME.ALIAS", as a credential is called that was made for the
 * gateway profile GROUP/NAME alone (Cloudflare's provider configs); 0: none. */
static uint32_t
alias_of_gateway(const struct request *request)
{
    char prefix[SHM_NAME_BYTES + 1];
    if (request->gateway == NULL)
        return 0;
    int len = snprintf(prefix, sizeof(prefix), "%s.", request->gateway->name);
    char *slash = strchr(prefix, '/');
    if (slash == NULL || len < 0 || len >= (int)sizeof(prefix))
        return 0;
    *slash = '.';
    uint32_t hash = hash_crc32_join(hash_crc32(0, prefix, (size_t)len),
                                    request->alias, request->alias_len);
    return hash == 0 ? 1 : hash;
}

bool
route_credential_is_asked(const struct request *request, uint32_t hash,
                          uint32_t full_hash)
{
    uint32_t alias = request->alias;
    return alias == 0 || alias == hash || alias == full_hash ||
           hash == alias_of_gateway(request);
}

/* By the call (the others are out by now), or by its settings. */
static bool
is_named(const struct request *request, const struct catalogue_credential *c)
{
    return request->alias != 0 || route_credential_place(request, c) <
                                      request->settings->private_keys.count;
}

static bool
is_for_unnamed(const struct request *request,
               const struct catalogue_credential *c)
{
    return !c->named_only &&
           (c->gateway == NULL ||
            (request->gateway != NULL &&
             strcmp(c->gateway, request->gateway->name) == 0));
}

void
route_credentials(const struct request *request,
                  const struct catalogue_provider *provider, const char *group,
                  struct route_credentials *out)
{
    unsigned listed = request->settings->private_keys.count;
    *out = (struct route_credentials){0, 0};
    for (uint32_t i = 0; i < provider->credential_count; i++) {
        const struct catalogue_credential *c = &provider->credentials[i];
        if (!route_credential_is_asked(request, c->hash, c->full_hash))
            continue;
        if (!is_named(request, c) && !is_for_unnamed(request, c))
            continue;
        if (c->group == NULL)
            out->shared |= UINT64_C(1) << i;
        else if (strcmp(c->group, group) == 0 &&
                 (listed == 0 || route_credential_place(request, c) < listed))
            out->own |= UINT64_C(1) << i;
    }
}

/* ---- how often ---- */

static struct window_rule
rule_of(const struct catalogue_credential *credential)
{
    return (struct window_rule){
        .limit = credential->rate_limit,
        .interval_ms = credential->rate_interval_ms,
        .technique = WINDOW_FIXED,
    };
}

/* Counted over all workers; NULL: there is no room for one more window. */
static shm_u64 *
word_of(const struct request *request)
{
    const struct catalogue_credential *c = request->provider->credential;
    char name[SHM_NAME_BYTES + CREDENTIAL_NAME_BYTES + 2];
    int len =
        snprintf(name, sizeof(name), "%s/%s", request->provider->name, c->name);
    uint64_t row =
        limit_name_of_text(request->worker->heritage->secrets->hash_seed,
                           str_make(name, (size_t)len), LIMIT_CREDENTIAL);
    return limits_window_word(request, row, c->rate_interval_ms);
}

int
route_credential_take(const struct request *request, uint64_t *retry_ms)
{
    const struct catalogue_credential *c = request->provider->credential;
    if (c == NULL || c->rate_limit == 0)
        return 0;
    struct window_rule rule = rule_of(c);
    shm_u64 *word = word_of(request);
    *retry_ms = c->rate_interval_ms;
    return word == NULL ? -EAGAIN
                        : window_take(word, &rule, clock_period_ms(), retry_ms);
}

void
route_credential_give_back(const struct request *request)
{
    const struct catalogue_credential *c = request->provider->credential;
    if (c == NULL || c->rate_limit == 0)
        return;
    struct window_rule rule = rule_of(c);
    shm_u64 *word = word_of(request);
    if (word != NULL)
        window_give_back(word, &rule, clock_period_ms());
}

/* ---- which ---- */

static bool
is_cooling(const struct request *request, const struct catalogue_credential *c)
{
    return health_look(request->worker, c->view, request->served->endpoint_idx,
                       c->slot) == HEALTH_COOLING;
}

uint64_t
route_credentials_usable(const struct request *request,
                         const struct catalogue_provider *provider,
                         uint64_t left)
{
    uint64_t usable = left;
    for (; left != 0; left &= left - 1)
        if (is_cooling(request, &provider->credentials[__builtin_ctzll(left)]))
            usable &= ~(left & -left);
    return usable;
}

/* Lower is earlier: a place in the list, or a draw by weight (route_plan.c says
 * how), of this attempt, or of what its calls have in common. */
static double
key_of(const struct request *request,
       const struct catalogue_credential *credential, uint64_t affinity)
{
    if (credential->group != NULL && request->settings->private_keys.count > 0)
        return route_credential_place(request, credential);
    uint64_t what = affinity != 0
                        ? affinity
                        : request->id_words[0] ^
                              hash_mix64(request->id_words[1] ^
                                         (uint64_t)request->attempts << 32);
    uint64_t bits = hash_mix64(what ^ hash_mix64(credential->slot + 1));
    double chance = ((double)(bits >> 11) + 0.5) * 0x1p-53;
    return -log(chance) / credential->weight;
}

const struct catalogue_provider *
route_credential_choose(struct request *request,
                        const struct catalogue_provider *provider,
                        uint64_t left)
{
    uint64_t affinity = route_affinity(request);
    const struct catalogue_credential *best = NULL;
    unsigned best_class = 0;
    double best_key = 0;
    CHECK(left != 0);
    for (; left != 0; left &= left - 1) {
        const struct catalogue_credential *c =
            &provider->credentials[__builtin_ctzll(left)];
        unsigned class = c->group == NULL ? CLASS_SHARED : 0;
        if (is_cooling(request, c))
            class += CLASS_COOLING;
        double key = key_of(request, c, affinity);
        if (best != NULL &&
            (class > best_class || (class == best_class && key >= best_key)))
            continue;
        best = c;
        best_class = class;
        best_key = key;
    }
    request->plan.tried |= UINT64_C(1) << (best - provider->credentials);
    return best->view;
}
