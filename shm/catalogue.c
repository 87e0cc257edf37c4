/*
 * catalogue.c - a catalogue in memory: life, index of names, resolution.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/catalogue.h"

#include <stdlib.h>
#include <string.h>

#include "shm/catalogue_part.h"

/* Names are the operator's, so that plain FNV-1a is good enough. */
static uint32_t
hash_name(struct str name)
{
    uint32_t hash = 0x811c9dc5u;
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (uint8_t)name.ptr[i]) * 0x01000193u;
    return hash;
}

static bool
model_is_named(const struct catalogue_model *model, struct str name)
{
    if (str_equals(str_from(model->name), name))
        return true;
    for (uint32_t i = 0; i < model->alias_count; i++)
        if (str_equals(str_from(model->aliases[i]), name))
            return true;
    return false;
}

static const struct catalogue_model *
find_known(const struct catalogue *catalogue, struct str name)
{
    uint32_t mask = catalogue->index_size - 1;
    for (uint32_t at = hash_name(name) & mask; catalogue->index[at] != 0;
         at = (at + 1) & mask) {
        const struct catalogue_model *model =
            &catalogue->models[catalogue->index[at] - 1];
        if (model_is_named(model, name))
            return model;
    }
    return NULL;
}

/* The first to have a name keeps it: models are entered before aliases. */
static void
enter_name(struct catalogue *catalogue, const char *name, uint32_t model)
{
    uint32_t mask = catalogue->index_size - 1;
    uint32_t at = hash_name(str_from(name)) & mask;
    while (catalogue->index[at] != 0)
        at = (at + 1) & mask;
    catalogue->index[at] = model + 1;
}

bool
catalogue_make_index(struct catalogue *catalogue)
{
    uint32_t names = 1;
    for (uint32_t i = 0; i < catalogue->model_count; i++)
        names += 1 + catalogue->models[i].alias_count;
    catalogue->index_size = 1;
    while (catalogue->index_size < 2 * names)
        catalogue->index_size *= 2;
    catalogue->index = calloc(catalogue->index_size, sizeof(*catalogue->index));
    if (catalogue->index == NULL)
        return false;
    for (uint32_t i = 0; i < catalogue->model_count; i++)
        if (!catalogue->models[i].is_wildcard)
            enter_name(catalogue, catalogue->models[i].name, i);
    for (uint32_t i = 0; i < catalogue->model_count; i++)
        for (uint32_t n = 0; n < catalogue->models[i].alias_count; n++)
            enter_name(catalogue, catalogue->models[i].aliases[n], i);
    return true;
}

void
catalogue_free_secret(char *secret)
{
    if (secret != NULL)
        crypto_wipe(secret, strlen(secret));
    free(secret);
}

static void
free_provider(struct catalogue_provider *provider)
{
    catalogue_free_credentials(provider);
    catalogue_free_secret(provider->api_key);
    catalogue_free_secret(provider->proxy); /* may hold a password */
    free(provider->ca_file);
    free(provider->api_version);
    free(provider->region);
    free(provider->pass_headers);
    free(provider->drop_headers);
    free(provider->health_check);
    for (uint32_t i = 0; i < provider->name_count; i++) {
        free(provider->names[i].model);
        free(provider->names[i].upstream);
    }
    free(provider->names);
}

void
catalogue_free_gateway(struct catalogue_gateway *gateway)
{
    free(gateway->redact);
    free(gateway->guard_prompt);
    free(gateway->guard_answer);
    if (gateway->webhook != NULL)
        free_provider(gateway->webhook);
    free(gateway->webhook);
    catalogue_free_routes(gateway);
}

static void
catalogue_free(struct catalogue *catalogue)
{
    for (uint32_t i = 0; i < catalogue->provider_count; i++)
        free_provider(&catalogue->providers[i]);
    for (uint32_t i = 0; i < catalogue->model_count; i++) {
        struct catalogue_model *model = &catalogue->models[i];
        for (uint32_t n = 0; n < model->alias_count; n++)
            free(model->aliases[n]);
        free(model->aliases);
        catalogue_free_tiers(model);
    }
    for (uint32_t i = 0; i < catalogue->gateway_count; i++)
        free(catalogue->gateways[i].spend_rules);
    free(catalogue->providers);
    free(catalogue->models);
    for (uint32_t i = 0; i < catalogue->gateway_count; i++)
        catalogue_free_gateway(&catalogue->gateways[i]);
    free(catalogue->gateways);
    free(catalogue->index);
    free(catalogue);
}

struct catalogue *
catalogue_get(struct catalogue *catalogue)
{
    catalogue->references++;
    return catalogue;
}

void
catalogue_put(struct catalogue *catalogue)
{
    if (catalogue == NULL)
        return;
    CHECK(catalogue->references > 0);
    if (--catalogue->references == 0)
        catalogue_free(catalogue);
}

uint64_t
catalogue_current(const struct segment *segment)
{
    return shm_load(&segment->header->catalogue_generation);
}

static bool
is_served_by(const struct catalogue_model *model, uint32_t provider)
{
    for (uint32_t i = 0; i < model->endpoint_count; i++)
        if (model->endpoints[i].provider == provider)
            return true;
    return false;
}

bool
catalogue_make_tables(struct catalogue *catalogue, size_t providers,
                      size_t models, size_t gateways)
{
    catalogue->providers = calloc(providers + 1, sizeof(*catalogue->providers));
    catalogue->models = calloc(models + 1, sizeof(*catalogue->models));
    catalogue->gateways = calloc(gateways + 1, sizeof(*catalogue->gateways));
    return catalogue->providers != NULL && catalogue->models != NULL &&
           catalogue->gateways != NULL;
}

bool
catalogue_is_called(const struct catalogue_model *model, struct str name)
{
    struct str own = str_from(model->name);
    if (name.len > own.len && name.ptr[name.len - own.len - 1] == '/' &&
        str_equals(str_skip(name, name.len - own.len), own))
        return true;
    for (uint32_t i = 0; i < model->alias_count; i++)
        if (str_equals(str_from(model->aliases[i]), name))
            return true;
    return str_equals(own, name);
}

const struct catalogue_gateway *
catalogue_find_gateway(const struct catalogue *catalogue, uint32_t hash)
{
    for (uint32_t i = 0; i < catalogue->gateway_count; i++)
        if (catalogue->gateways[i].hash == hash ||
            catalogue->gateways[i].name_hash == hash)
            return &catalogue->gateways[i];
    return NULL;
}

const struct catalogue_gateway *
catalogue_find_own_gateway(const struct catalogue *catalogue, uint32_t hash,
                           uint64_t group_id)
{
    for (uint32_t i = 0; i < catalogue->gateway_count; i++)
        if (catalogue->gateways[i].own_hash == hash &&
            catalogue->gateways[i].group_id == group_id)
            return &catalogue->gateways[i];
    return NULL;
}

void
catalogue_name_gateway(struct catalogue_gateway *gateway,
                       char group[SHM_NAME_BYTES])
{
    const char *slash = strrchr(gateway->name, '/');
    const char *own = slash == NULL ? gateway->name : slash + 1;
    size_t len = slash == NULL ? 0 : (size_t)(slash - gateway->name);
    gateway->name_hash = settings_name_hash(str_from(gateway->name));
    gateway->own_hash = settings_name_hash(str_from(own));
    *str_copy(group, str_make(gateway->name, len)) = '\0';
}

int
catalogue_find_provider(const struct catalogue *catalogue, struct str name)
{
    for (uint32_t i = 0; i < catalogue->provider_count; i++)
        if (str_equals(str_from(catalogue->providers[i].name), name))
            return (int)i;
    return -1;
}

int
catalogue_provider_number(const void *catalogue, struct str name)
{
    const struct catalogue *in = catalogue;
    int found = in == NULL ? -1 : catalogue_find_provider(in, name);
    return found < 0 ? -1 : (int)in->providers[found].provider_idx;
}

/* "provider/rest" cut at the first slash; the provider's number or -1. */
static int
split_provider(const struct catalogue *catalogue, struct str name,
               struct str *rest)
{
    const char *slash = name.len == 0 ? NULL : memchr(name.ptr, '/', name.len);
    if (slash == NULL)
        return -1;
    size_t len = (size_t)(slash - name.ptr);
    *rest = str_skip(name, len + 1);
    if (rest->len == 0)
        return -1;
    return catalogue_find_provider(catalogue, str_make(name.ptr, len));
}

/* Exact name, alias, or one of these behind the name of a provider that
 * serves it. */
static const struct catalogue_model *
resolve_known(const struct catalogue *catalogue, struct str name,
              int *only_provider)
{
    struct str rest;
    const struct catalogue_model *model = find_known(catalogue, name);
    *only_provider = -1;
    if (model != NULL)
        return model;
    int provider = split_provider(catalogue, name, &rest);
    if (provider < 0)
        return NULL;
    model = find_known(catalogue, rest);
    if (model == NULL || !is_served_by(model, (uint32_t)provider))
        return NULL;
    *only_provider = provider;
    return model;
}

static const struct catalogue_model *
find_wildcard(const struct catalogue *catalogue, int provider)
{
    for (uint32_t i = 0; i < catalogue->model_count; i++) {
        const struct catalogue_model *model = &catalogue->models[i];
        if (model->is_wildcard &&
            (provider < 0 || is_served_by(model, (uint32_t)provider)))
            return model;
    }
    return NULL;
}

static const struct catalogue_model *
resolve_wildcard(const struct catalogue *catalogue, struct str name,
                 struct str *upstream, int *only_provider)
{
    struct str rest;
    int provider = split_provider(catalogue, name, &rest);
    const struct catalogue_model *model =
        provider < 0 ? NULL : find_wildcard(catalogue, provider);
    if (model != NULL) {
        *upstream = rest;
        *only_provider = provider;
        return model;
    }
    *upstream = name;
    *only_provider = -1;
    return find_wildcard(catalogue, -1);
}

static struct str
without_suffix(struct str name)
{
    static const struct str suffixes[] = {{":nitro", 6}, {":floor", 6}};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        struct str suffix = suffixes[i];
        if (name.len > suffix.len &&
            str_equals(str_skip(name, name.len - suffix.len), suffix))
            return str_make(name.ptr, name.len - suffix.len);
    }
    return name;
}

const struct catalogue_model *
catalogue_find(const struct catalogue *catalogue, struct str name,
               struct str *upstream, int *only_provider)
{
    const struct catalogue_model *model =
        resolve_known(catalogue, name, only_provider);
    struct str plain = without_suffix(name);
    if (model == NULL && plain.len != name.len)
        model = resolve_known(catalogue, plain, only_provider);
    if (model != NULL) {
        *upstream = str_from(model->name);
        return model;
    }
    if (plain.len == 0)
        return NULL;
    return resolve_wildcard(catalogue, plain, upstream, only_provider);
}

struct str
catalogue_upstream_name(const struct catalogue_provider *provider,
                        struct str model)
{
    for (uint32_t i = 0; i < provider->name_count; i++)
        if (str_equals(str_from(provider->names[i].model), model))
            return str_from(provider->names[i].upstream);
    return model;
}

/* "PROVIDER/name" as one known name, or `name` where the provider serves it. */
static const struct catalogue_model *
resolve_at(const struct catalogue *catalogue, uint32_t provider,
           struct str name)
{
    char whole[2 * SHM_NAME_BYTES];
    struct str head = str_from(catalogue->providers[provider].name);
    const struct catalogue_model *model = NULL;
    if (head.len + 1 + name.len <= sizeof(whole)) {
        memcpy(whole, head.ptr, head.len);
        whole[head.len] = '/';
        memcpy(whole + head.len + 1, name.ptr, name.len);
        model = find_known(catalogue, str_make(whole, head.len + 1 + name.len));
    }
    if (model == NULL || !is_served_by(model, provider))
        model = find_known(catalogue, name);
    return model != NULL && is_served_by(model, provider) ? model : NULL;
}

const struct catalogue_model *
catalogue_find_at(const struct catalogue *catalogue, int provider,
                  struct str name, struct str *upstream)
{
    const struct catalogue_model *model =
        resolve_at(catalogue, (uint32_t)provider, name);
    struct str plain = without_suffix(name);
    if (model == NULL && plain.len != name.len)
        model = resolve_at(catalogue, (uint32_t)provider, plain);
    if (model != NULL) {
        *upstream = str_from(model->name);
        return model;
    }
    *upstream = plain;
    return plain.len == 0 ? NULL : find_wildcard(catalogue, provider);
}
