/*
 * catalogue_write.c - a catalogue as bytes; catalogue_bytes.c reads them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "shm/catalogue_part.h"

static void
put_u64(struct buf *out, uint64_t n)
{
    buf_append(out, &n, sizeof(n));
}

static void
put_text(struct buf *out, const char *text)
{
    put_u64(out, text == NULL ? CATALOGUE_ABSENT : strlen(text));
    if (text != NULL)
        buf_append_cstr(out, text);
}

static void
put_credentials(struct buf *out, const struct catalogue_provider *p)
{
    put_u64(out, p->credential_count);
    for (uint32_t i = 0; i < p->credential_count; i++) {
        const struct catalogue_credential *c = &p->credentials[i];
        put_text(out, c->name);
        put_text(out, c->group);
        put_text(out, c->gateway);
        put_text(out, c->api_key);
        put_text(out, c->region);
        put_u64(out, c->hash);
        put_u64(out, c->full_hash);
        put_u64(out, c->weight);
        put_u64(out, c->rate_limit);
        put_u64(out, c->rate_interval_ms);
        put_u64(out, c->named_only);
        put_u64(out, c->slot);
    }
}

static void
put_provider(struct buf *out, const struct catalogue_provider *p)
{
    uint64_t flags = (uint64_t)p->tls | (uint64_t)p->verify << 1 |
                     (uint64_t)p->any_model << 2 | (uint64_t)p->enabled << 3 |
                     (uint64_t)p->guarded << 4;
    put_text(out, p->name);
    put_u64(out, p->provider_idx);
    put_u64(out, p->kind);
    put_u64(out, flags);
    put_text(out, p->scheme);
    put_text(out, p->host);
    put_text(out, p->path);
    put_u64(out, p->port);
    put_text(out, p->api_key);
    put_text(out, p->ca_file);
    put_text(out, p->proxy);
    put_text(out, p->api_version);
    put_text(out, p->region);
    put_text(out, p->pass_headers);
    put_text(out, p->drop_headers);
    put_u64(out, (uint64_t)p->speaks << 32 | p->quirks);
    put_u64(out, p->name_count);
    for (uint32_t i = 0; i < p->name_count; i++) {
        put_text(out, p->names[i].model);
        put_text(out, p->names[i].upstream);
    }
    buf_append(out, &p->timeouts, sizeof(p->timeouts));
    put_u64(out, p->builtin_delay_ms);
    put_u64(out, p->fails);
    put_u64(out, p->cooldown_ms);
    put_u64(out, p->cooldown_max_ms);
    put_text(out, p->health_check);
    put_u64(out, p->health_check_interval_ms);
    put_u64(out, p->max_concurrency);
    put_u64(out, p->max_queue);
    put_u64(out, p->queue_timeout_ms);
    put_u64(out, p->on_disconnect);
    put_u64(out, p->data_policy);
    put_credentials(out, p);
}

static void
put_tiers(struct buf *out, const struct price_tiers *tiers,
          const struct price_tiers *models)
{
    bool is_own = tiers != NULL && tiers != models;
    put_u64(out, tiers == NULL ? TIERS_NONE
                 : is_own      ? TIERS_OWN
                               : TIERS_MODELS);
    if (is_own)
        buf_append(out, tiers, sizeof(*tiers));
}

static void
put_model(struct buf *out, const struct catalogue_model *m)
{
    put_text(out, m->name);
    put_u64(out, m->model_idx);
    put_u64(out, m->is_wildcard);
    put_text(out, m->type);
    put_u64(out, m->context);
    put_u64(out, m->max_output);
    put_u64(out, m->max_concurrency);
    put_u64(out, m->key_rpm);
    put_u64(out, m->key_tpm);
    put_u64(out, m->key_concurrency);
    buf_append(out, &m->prices, sizeof(m->prices));
    put_tiers(out, m->tiers, NULL);
    put_u64(out, m->price_version);
    put_u64(out, m->endpoint_count);
    for (uint32_t i = 0; i < m->endpoint_count; i++) {
        put_u64(out, m->endpoints[i].provider);
        put_u64(out, m->endpoints[i].endpoint_idx);
        put_u64(out, m->endpoints[i].price_version);
        put_u64(out, m->endpoints[i].max_concurrency);
        put_u64(out, m->endpoints[i].quantization);
        buf_append(out, &m->endpoints[i].prices, sizeof(m->prices));
        put_tiers(out, m->endpoints[i].tiers, m->tiers);
        buf_append(out, &m->endpoints[i].timeouts,
                   sizeof(m->endpoints[i].timeouts));
    }
    put_u64(out, m->alias_count);
    for (uint32_t i = 0; i < m->alias_count; i++)
        put_text(out, m->aliases[i]);
}

static void
put_gateway(struct buf *out, const struct catalogue_gateway *g)
{
    put_text(out, g->name);
    put_u64(out, g->hash);
    put_u64(out, g->group_id);
    put_u64(out, g->authentication);
    buf_append(out, &g->settings, sizeof(g->settings));
    put_u64(out, g->spend_rule_count);
    for (uint32_t i = 0; i < g->spend_rule_count; i++)
        put_text(out, g->spend_rules[i].text);
    put_text(out, g->redact);
    put_text(out, g->guard_prompt);
    put_text(out, g->guard_answer);
    put_u64(out, (uint64_t)g->webhook_fail << 1 | g->webhook_prompt);
    put_u64(out, g->webhook != NULL);
    if (g->webhook != NULL)
        put_provider(out, g->webhook);
    put_u64(out, g->route_count);
    for (uint32_t i = 0; i < g->route_count; i++) {
        const struct catalogue_route *route = &g->routes[i];
        put_text(out, route->name);
        put_u64(out, route->way.count);
        for (unsigned n = 0; n < route->way.count; n++)
            put_text(out, route->way.texts[n]);
    }
}

void
catalogue_write(const struct catalogue *catalogue, struct buf *out)
{
    put_u64(out, CATALOGUE_MAGIC);
    put_u64(out, (uint64_t)catalogue->created_ms);
    put_u64(out, catalogue->provider_count);
    put_u64(out, catalogue->model_count);
    put_u64(out, catalogue->gateway_count);
    buf_append(out, &catalogue->settings, sizeof(catalogue->settings));
    for (uint32_t i = 0; i < catalogue->provider_count; i++)
        put_provider(out, &catalogue->providers[i]);
    for (uint32_t i = 0; i < catalogue->model_count; i++)
        put_model(out, &catalogue->models[i]);
    for (uint32_t i = 0; i < catalogue->gateway_count; i++)
        put_gateway(out, &catalogue->gateways[i]);
}
