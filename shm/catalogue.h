/*
 * catalogue.h - providers, models, prices and routes as workers see them: one
 * file per generation beside the segment ("PATH.cat.N"), sealed under the
 * master secret (it holds provider credentials), written to a temporary name,
 * renamed, then its number published in the header. The accountant writes; a
 * worker that sees a new number reads the file into its own memory; requests
 * hold a reference on the one they began with.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_CATALOGUE_H
#define AIGW_SHM_CATALOGUE_H

#include <stdbool.h>

#include "common/config.h"
#include "common/crypto.h"
#include "common/dynamic_route.h"
#include "common/money.h"
#include "common/price_tier.h"
#include "common/spend_rule.h"
#include "shm/catalogue_credential.h"
#include "shm/segment.h"

/* A model that a provider knows under another name. */
struct catalogue_name {
    char *model, *upstream;
};

/* Milliseconds; of a call's connection, first byte, pauses and whole. */
struct call_timeouts {
    uint64_t connect_ms, first_byte_ms, idle_ms, total_ms;
};

struct catalogue_provider {
    char name[SHM_NAME_BYTES];
    uint32_t provider_idx; /* stable in the segment */
    enum provider_kind kind;
    bool tls, verify, any_model, enabled;
    bool
        guarded; /* public addresses only: made by somebody who may choose it */
    char scheme[8], host[256], path[256]; /* path prefix without trailing / */
    uint16_t port;
    char *api_key, *ca_file, *proxy; /* NULL when absent */
    char *api_version, *region;      /* NULL when absent */
    /* Names of fields, blanks between, `*` at an end: any. NULL when absent. */
    char *pass_headers, *drop_headers;
    /* Bits of common/provider_quirks.h; 0: as known for its host. */
    uint32_t speaks, quirks;
    struct catalogue_name *names;
    uint32_t name_count;
    struct call_timeouts timeouts;
    uint64_t builtin_delay_ms;
    uint32_t fails; /* 0: never cools down */
    uint64_t cooldown_ms, cooldown_max_ms, health_check_interval_ms;
    char *health_check;                  /* a path below `path`; NULL: none */
    uint32_t max_concurrency, max_queue; /* concurrency 0: no limit */
    uint64_t queue_timeout_ms;
    enum on_disconnect on_disconnect;
    enum data_policy data_policy;
    /* Its own api_key among them, where it has one; count 0: that is all. */
    struct catalogue_credential *credentials;
    uint32_t credential_count;
    /* Which one `api_key` is: of a view; else slot 0, NULL. Health checks ask
     * with the one of which that is said. */
    uint8_t credential_slot;
    bool is_checked;
    const struct catalogue_credential *credential;
};

/* Set in the version of prices that are an endpoint's own: they stand in the
 * ledger under "MODEL@PROVIDER". */
#define CATALOGUE_ENDPOINT_PRICE 0x80000000u

#define CATALOGUE_NO_GROUP UINT64_MAX

/* What it does not have of its own is the provider's and the model's. */
struct catalogue_endpoint {
    uint32_t provider;     /* index into catalogue.providers */
    uint32_t endpoint_idx; /* stats row */
    uint32_t price_version;
    uint32_t max_concurrency; /* 0: no limit */
    enum quantization quantization;
    struct prices prices;
    /* NULL: none. The model's, unless its prices are its own. */
    struct price_tiers *tiers;
    struct call_timeouts timeouts;
};

/* What it charges for a call; *tier as of price_tiers_choose(). */
static inline const struct prices *
catalogue_prices(const struct catalogue_endpoint *endpoint,
                 const struct price_case *what, unsigned *tier)
{
    *tier = 0;
    if (LIKELY(endpoint->tiers == NULL))
        return &endpoint->prices;
    *tier = price_tiers_choose(endpoint->tiers, what);
    return *tier == 0 ? &endpoint->prices
                      : &endpoint->tiers->items[*tier - 1].prices;
}

/* Its name is without the profile's; a version has it in full, NAME@VERSION. */
struct catalogue_route {
    char name[SHM_NAME_BYTES];
    struct dynamic_route way;
};

/* A profile of settings. One called GROUP/NAME is of that group: its keys mean it
 * by NAME alone. */
struct catalogue_gateway {
    char name[SHM_NAME_BYTES];
    /* settings_name_hash() of its first name, which records have; name; NAME. */
    uint32_t hash, name_hash, own_hash;
    uint64_t group_id;   /* 0: of none; CATALOGUE_NO_GROUP: there is no such */
    bool authentication; /* other groups' keys may not use it */
    struct settings settings; /* one layer */
    /* Lists with an item a line; NULL when absent. */
    char *redact, *guard_prompt, *guard_answer;
    /* Where the webhook is, a provider in all but its dialect; no host: none. */
    struct catalogue_provider *webhook;
    enum webhook_fail webhook_fail;
    bool webhook_prompt;
    struct spend_rule *spend_rules;
    uint32_t spend_rule_count;
    struct catalogue_route *routes;
    uint32_t route_count;
};

struct catalogue_model {
    char name[SHM_NAME_BYTES];
    uint32_t model_idx;
    bool is_wildcard; /* named PROVIDER + "/" + "*": any model, by name */
    char type[16];
    uint64_t context, max_output;
    uint32_t max_concurrency; /* of endpoints that do not say another */
    uint64_t key_rpm, key_tpm, key_concurrency; /* of each key; 0: none */
    struct prices prices;
    struct price_tiers *tiers; /* owned; NULL: none */
    uint32_t price_version;
    uint32_t endpoint_count;
    struct catalogue_endpoint endpoints[CONFIG_MODEL_PROVIDERS_MAX];
    char **aliases;
    uint32_t alias_count;
};

struct catalogue {
    uint64_t generation;
    uint32_t references; /* process-local; catalogue_put frees at 0 */
    uint32_t provider_count, model_count, gateway_count;
    struct catalogue_provider *providers;
    struct catalogue_model *models;
    struct catalogue_gateway *gateways;
    struct settings settings; /* the lowest layer, whole */
    uint32_t *index;          /* private: hash of names and aliases */
    uint32_t index_size;
    int64_t created_ms;
};

/* Accountant: builds from the configuration, numbers from the registry of the
 * segment; price_version(model name, prices, tiers or NULL, context) gives the
 * version. NULL with a reason in `error`. */
typedef uint32_t (*catalogue_price_version)(const char *model,
                                            const struct prices *prices,
                                            const struct price_tiers *tiers,
                                            void *context);
struct catalogue *catalogue_build(struct segment *segment,
                                  const struct config *config,
                                  catalogue_price_version price_version,
                                  void *context, struct buf *error) MUST_CHECK;
/* Writes PATH.cat.N, N = the header's generation + 1: what can fail of publishing
 * it. 0 or -errno. */
int catalogue_stage(struct segment *segment, struct catalogue *catalogue,
                    const struct crypto_secrets *secrets) MUST_CHECK;
/* Stages it where that has not been done for this N; then N is the header's
 * generation. Removes the file before the last one. 0 or -errno. */
int catalogue_publish(struct segment *segment, struct catalogue *catalogue,
                      const struct crypto_secrets *secrets) MUST_CHECK;

/* Worker (and any process with the secrets): the current generation. NULL and
 * -errno in *error_code. */
struct catalogue *catalogue_load(const struct segment *segment,
                                 const struct crypto_secrets *secrets,
                                 int *error_code) MUST_CHECK;
uint64_t catalogue_current(const struct segment *segment);
struct catalogue *catalogue_get(struct catalogue *catalogue); /* +1 */
void catalogue_put(struct catalogue *catalogue);              /* -1 */

/*
 * catalogue_find - exact model, alias, "provider/rest" where the provider
 * exists, a provider with `models = *`. *upstream = the model name to send (a
 * view into `name` or the catalogue). NULL when there is none. With a wildcard
 * the model found is the is_wildcard one. ":nitro" and ":floor" are stripped after a
 * miss. *only_provider = index of the provider named in the model, or -1.
 */
const struct catalogue_model *catalogue_find(const struct catalogue *catalogue,
                                             struct str name,
                                             struct str *upstream,
                                             int *only_provider);
/* Whether it is one of the model's own names, behind a provider's or not. */
bool catalogue_is_called(const struct catalogue_model *model, struct str name);
/* The name under which `provider` knows `model`: most often the same. */
struct str catalogue_upstream_name(const struct catalogue_provider *provider,
                                   struct str model);
/* The same among the models of one provider, by its index. */
const struct catalogue_model *
catalogue_find_at(const struct catalogue *catalogue, int provider,
                  struct str name, struct str *upstream);
/* What records call the provider's credential: its slot + 1; 0: it has but one. */
static inline uint8_t
catalogue_credential_number(const struct catalogue_provider *provider)
{
    return provider->credential == NULL
               ? 0
               : (uint8_t)(provider->credential_slot + 1);
}
/* The provider as health checks ask it: with its own api_key, else with its first
 * credential that is for all, else with its first. */
const struct catalogue_provider *
catalogue_checked_provider(const struct catalogue_provider *provider);
/* Accountant: of credentials whose secret is another one in `next`, nothing is
 * known. Before `next` is published. */
void catalogue_forget_credentials(const struct segment *segment,
                                  const struct catalogue *last,
                                  const struct catalogue *next);
/* The profile whose name or first name has that settings_name_hash(), or NULL. */
const struct catalogue_gateway *
catalogue_find_gateway(const struct catalogue *catalogue, uint32_t hash);
/* Its dynamic route of that name, or NULL. */
const struct dynamic_route *
catalogue_find_route(const struct catalogue_gateway *gateway, struct str name);
/* The group's own profile of that settings_name_hash(), or NULL. */
const struct catalogue_gateway *
catalogue_find_own_gateway(const struct catalogue *catalogue, uint32_t hash,
                           uint64_t group_id);
/* The hashes of its name; its group's name into `group`, "" for none. */
void catalogue_name_gateway(struct catalogue_gateway *gateway,
                            char group[SHM_NAME_BYTES]);
/* A settings_find_provider: provider_idx of that name in a catalogue, or -1; NULL
 * has none. */
int catalogue_provider_number(const void *catalogue, struct str name);
/* Index of the provider of that name, or -1. */
int catalogue_find_provider(const struct catalogue *catalogue, struct str name);

#endif
