/*
 * catalogue_build_more.c - from the configuration to a catalogue: what an
 * endpoint has of its own, profiles, and the lowest layer of settings.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/catalogue_part.h"

/* ---- endpoints ---- */

static const struct config_endpoint *
section_of(const struct config *config, const char *provider, const char *model)
{
    size_t len = strlen(provider);
    for (unsigned i = 0; i < config->endpoint_count; i++) {
        const char *name = config->endpoints[i].name;
        if (strncmp(name, provider, len) == 0 && name[len] == '/' &&
            strcmp(name + len + 1, model) == 0)
            return &config->endpoints[i];
    }
    return NULL;
}

static uint64_t
own_or(uint64_t own, uint64_t otherwise)
{
    return own != 0 ? own : otherwise;
}

static void
set_timeouts(struct catalogue_endpoint *endpoint,
             const struct config_endpoint *c, const struct call_timeouts *whole)
{
    endpoint->timeouts = *whole;
    if (c == NULL)
        return;
    endpoint->timeouts = (struct call_timeouts){
        .connect_ms = own_or(c->connect_timeout_ms, whole->connect_ms),
        .first_byte_ms = own_or(c->first_byte_timeout_ms, whole->first_byte_ms),
        .idle_ms = own_or(c->idle_timeout_ms, whole->idle_ms),
        .total_ms = own_or(c->total_timeout_ms, whole->total_ms),
    };
}

/* The model without the endpoint, which is switched off. */
static void
drop_endpoint(struct catalogue_model *model, uint32_t at)
{
    model->endpoint_count--;
    memmove(&model->endpoints[at], &model->endpoints[at + 1],
            (model->endpoint_count - at) * sizeof(model->endpoints[0]));
}

static bool
complete_model(struct catalogue *catalogue, struct catalogue_model *model,
               const struct config *config,
               catalogue_price_version price_version, void *context,
               struct buf *error)
{
    for (uint32_t i = 0; i < model->endpoint_count; i++) {
        struct catalogue_endpoint *endpoint = &model->endpoints[i];
        const struct catalogue_provider *provider =
            &catalogue->providers[endpoint->provider];
        const struct config_endpoint *c =
            section_of(config, provider->name, model->name);
        if (c != NULL && !c->enabled) {
            drop_endpoint(model, i--);
            continue;
        }
        set_timeouts(endpoint, c, &provider->timeouts);
        endpoint->prices = model->prices;
        endpoint->tiers = model->tiers;
        endpoint->price_version = model->price_version;
        endpoint->quantization =
            c == NULL ? QUANTIZATION_UNKNOWN : c->quantization;
        endpoint->max_concurrency = c != NULL && c->max_concurrency != 0
                                        ? c->max_concurrency
                                        : model->max_concurrency;
        if (c == NULL ||
            (!prices_are_set(&c->prices) && c->price_tiers.count == 0))
            continue;
        char name[2 * SHM_NAME_BYTES];
        int len =
            snprintf(name, sizeof(name), "%s@%s", model->name, provider->name);
        if (len >= SHM_NAME_BYTES) {
            buf_printf(error,
                       "endpoint %s: its name is too long to have "
                       "prices of its own",
                       c->name);
            return false;
        }
        bool bad;
        endpoint->prices = c->prices;
        endpoint->tiers =
            catalogue_make_tiers(&c->price_tiers, &c->prices, &bad, error);
        if (bad) {
            buf_printf(error, " (endpoint %s)", c->name);
            return false;
        }
        if (price_version != NULL)
            endpoint->price_version =
                price_version(name, &c->prices, endpoint->tiers, context) |
                CATALOGUE_ENDPOINT_PRICE;
    }
    return true;
}

bool
catalogue_add_endpoints(struct catalogue *catalogue,
                        const struct config *config,
                        catalogue_price_version price_version, void *context,
                        struct buf *error)
{
    for (uint32_t i = 0; i < catalogue->model_count; i++)
        if (!complete_model(catalogue, &catalogue->models[i], config,
                            price_version, context, error))
            return false;
    return true;
}

/* ---- settings ---- */

/* Of a provider that is switched off nothing is asked, by any list. */
static bool
put_layer(struct catalogue *catalogue, char *const texts[SETTINGS],
          struct settings *layer, struct buf *error)
{
    for (int i = 0; i < SETTINGS; i++) {
        UNINITIALIZED char line[SETTINGS_TEXT_MAX];
        if (texts[i] == NULL)
            continue;
        int len = snprintf(line, sizeof(line), "%s = %s", setting_rows[i].name,
                           texts[i]);
        if ((size_t)len >= sizeof(line)) {
            buf_printf(error, "%s: it is too long", setting_rows[i].name);
            return false;
        }
        if (settings_read(layer, str_make(line, (size_t)len),
                          catalogue_provider_number, catalogue, error) < 0)
            return false;
    }
    return true;
}

static bool
put_spend_rules(const struct config_list *texts,
                struct catalogue_gateway *gateway, struct buf *error)
{
    if (texts->count == 0)
        return true;
    gateway->spend_rules = calloc(texts->count, sizeof(*gateway->spend_rules));
    if (gateway->spend_rules == NULL) {
        buf_append_cstr(error, "out of memory");
        return false;
    }
    for (unsigned i = 0; i < texts->count; i++) {
        if (spend_rule_parse(str_from(texts->items[i]),
                             &gateway->spend_rules[i], error) < 0)
            return false;
        gateway->spend_rule_count++;
    }
    return true;
}

bool
catalogue_add_settings(struct catalogue *catalogue, const struct config *config,
                       struct buf *error)
{
    settings_init(&catalogue->settings);
    if (!put_layer(catalogue, config->server.settings, &catalogue->settings,
                   error))
        return false;
    for (unsigned i = 0; i < config->gateway_count; i++) {
        const struct config_gateway *c = &config->gateways[i];
        struct catalogue_gateway *gateway =
            &catalogue->gateways[catalogue->gateway_count];
        size_t len = strlen(c->name);
        if (len >= sizeof(gateway->name) ||
            catalogue_find_gateway(
                catalogue, settings_name_hash(str_from(c->name))) != NULL) {
            buf_printf(error,
                       "gateway %.64s: its name is too long, or like "
                       "another's",
                       c->name);
            return false;
        }
        char group[SHM_NAME_BYTES];
        memcpy(gateway->name, c->name, len + 1);
        catalogue_name_gateway(gateway, group);
        gateway->hash = c->formerly == NULL
                            ? gateway->name_hash
                            : settings_name_hash(str_from(c->formerly));
        gateway->group_id = *group == '\0' ? 0 : CATALOGUE_NO_GROUP;
        gateway->authentication = c->authentication;
        memset(&gateway->settings, 0, sizeof(gateway->settings));
        catalogue->gateway_count++;
        if (!put_layer(catalogue, c->settings, &gateway->settings, error) ||
            !catalogue_add_guards(gateway, c, error) ||
            !put_spend_rules(&c->spend_rules, gateway, error) ||
            !catalogue_add_routes(gateway, config, error))
            return false;
    }
    return true;
}
