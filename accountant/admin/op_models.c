/*
 * op_models.c - GET /admin/v1/models: the catalogue with prices, the providers
 * of each model and what the columns counted for them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include "accountant/admin/op_keys.h"
#include "accountant/admin/price_json.h"
#include "common/clock.h"
#include "common/crypto.h"
#include "shm/catalogue.h"
#include "shm/endpoint_health.h"
#include "shm/model_stats.h"

static const struct {
    const char *name;
    size_t stat;
} stats[] = {
#define STAT(member) (offsetof(struct shm_stats, member) / sizeof(uint64_t))
    {"requests", STAT(requests)},
    {"ok", STAT(ok)},
    {"client_errors", STAT(client_errors)},
    {"provider_errors", STAT(provider_errors)},
    {"timeouts", STAT(timeouts)},
    {"rate_limited", STAT(rate_limited)},
    {"cut", STAT(cut)},
    {"client_gone", STAT(client_gone)},
    {"lost", STAT(lost)},
    {"prompt_missed", STAT(prompt_missed)},
    {"cached", STAT(cached)},
    {"cache_creation", STAT(cache_creation)},
    {"completion", STAT(completion)},
    {"reasoning", STAT(reasoning)},
    {"audio_in", STAT(audio_in)},
    {"audio_out", STAT(audio_out)},
    {"duration_ms_sum", STAT(duration_ms_sum)},
    {"first_byte_ms_sum", STAT(first_byte_ms_sum)},
};

static void
stats_to_json(struct json_writer *json, const struct segment *segment,
              uint32_t endpoint_idx)
{
    struct model_stats_sum sum;
    model_stats_read(segment, endpoint_idx, &sum);
    json_key(json, "stats");
    json_object_begin(json);
    for (unsigned i = 0; i < ARRAY_LEN(stats); i++) {
        json_key(json, stats[i].name);
        json_u64(json, sum.v[stats[i].stat]);
    }
    json_key(json, "cost");
    json_money(json, (int64_t)sum.v[STAT(cost_nano)]);
    json_object_end(json);
}

/* `segment` NULL: without what all groups' calls came to. */
static void
endpoint_to_json(struct json_writer *json, const struct segment *segment,
                 const struct catalogue *catalogue,
                 const struct catalogue_endpoint *endpoint)
{
    const struct catalogue_provider *provider =
        &catalogue->providers[endpoint->provider];
    json_object_begin(json);
    json_key(json, "provider");
    json_cstring(json, provider->name);
    json_key(json, "kind");
    json_cstring(json, config_provider_kind_name(provider->kind));
    json_key(json, "enabled");
    json_bool(json, provider->enabled);
    if (segment != NULL) {
        stats_to_json(json, segment, endpoint->endpoint_idx);
    } else {
        json_key(json, "stats");
        json_null(json);
    }
    json_key(json, "cooling");
    if (segment != NULL)
        json_bool(json,
                  breaker_look(
                      segment,
                      &segment_health(segment, endpoint->endpoint_idx)->breaker,
                      clock_mono_ms()) >= BREAKER_COOLING);
    else
        json_null(json);
    json_object_end(json);
}

/* Ten digits of base 36 by which other systems' clients name a model: the same
 * wherever and whenever the model has the name. */
static void
uuid_of_model(const char *name, char out[11])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    struct iovec piece = {(void *)(uintptr_t)name, strlen(name)};
    uint64_t n;
    crypto_sha256(&piece, 1, digest);
    memcpy(&n, digest, sizeof(n));
    for (int i = 0; i < 10; i++, n /= 36)
        out[i] = digits[n % 36];
    out[10] = '\0';
}

static void
model_to_json(struct json_writer *json, const struct segment *segment,
              const struct catalogue *catalogue,
              const struct catalogue_model *model)
{
    char uuid[11];
    json_object_begin(json);
    json_key(json, "id");
    json_cstring(json, model->name);
    json_key(json, "uuid");
    uuid_of_model(model->name, uuid);
    json_cstring(json, uuid);
    json_key(json, "wildcard");
    json_bool(json, model->is_wildcard);
    json_key(json, "type");
    json_cstring(json, model->type);
    json_key(json, "aliases");
    json_array_begin(json);
    for (uint32_t i = 0; i < model->alias_count; i++)
        json_cstring(json, model->aliases[i]);
    json_array_end(json);
    json_key(json, "context");
    if (model->context == 0)
        json_null(json);
    else
        json_u64(json, model->context);
    json_key(json, "max_output");
    if (model->max_output == 0)
        json_null(json);
    else
        json_u64(json, model->max_output);
    json_key(json, "prices");
    prices_to_json(json, &model->prices, model->tiers);
    json_key(json, "price_version");
    json_u64(json, model->price_version);
    json_key(json, "providers");
    json_array_begin(json);
    for (uint32_t i = 0; i < model->endpoint_count; i++)
        endpoint_to_json(json, segment, catalogue, &model->endpoints[i]);
    json_array_end(json);
    json_object_end(json);
}

static bool
key_may_call(const struct gateway *key, const char *model)
{
    if (key == NULL || key->model_count == 0)
        return true;
    for (uint32_t i = 0; i < key->model_count; i++)
        if (strcmp(key->models[i], model) == 0)
            return true;
    return false;
}

void
op_models_list(struct call *call)
{
    const struct catalogue *catalogue = store_catalogue(call->store);
    const struct segment *segment = member_is_bound(&call->member)
                                        ? NULL
                                        : store_heritage(call->store)->segment;
    const char *ref = query_get(&call->query, "key");
    const struct gateway *key = NULL;
    struct json_writer *json = &call->json;
    uint64_t total = 0;
    if (ref != NULL) {
        key = key_of_ref(call, ref, NULL, &call->error);
        if (key == NULL) {
            call_refuse(call);
            return;
        }
    }
    json_object_begin(json);
    json_key(json, "currency");
    json_cstring(json, store_config(call->store)->server.currency);
    json_key(json, "data");
    json_array_begin(json);
    for (uint32_t i = 0; catalogue != NULL && i < catalogue->model_count; i++) {
        const struct catalogue_model *model = &catalogue->models[i];
        if (!key_may_call(key, model->name))
            continue;
        model_to_json(json, segment, catalogue, model);
        total++;
    }
    json_array_end(json);
    json_key(json, "total");
    json_u64(json, total);
    json_object_end(json);
    call_answer(call, 200);
}
