/*
 * catalogue_bytes.c - a catalogue from its bytes, which catalogue_write.c made. The
 * reader believes nothing: every length, count and number is bounded before it is
 * used.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "shm/catalogue_part.h"

enum { TEXT_MAX = 1 << 20, COUNT_MAX = 1 << 16 };

struct reader {
    struct str left;
    bool bad;
};

static void
get_bytes(struct reader *r, void *out, size_t len)
{
    if (r->bad || r->left.len < len) {
        r->bad = true;
        memset(out, 0, len);
        return;
    }
    memcpy(out, r->left.ptr, len);
    r->left = str_skip(r->left, len);
}

static uint64_t
get_u64(struct reader *r)
{
    uint64_t n;
    get_bytes(r, &n, sizeof(n));
    return n;
}

static uint32_t
get_below(struct reader *r, uint64_t limit)
{
    uint64_t n = get_u64(r);
    if (n < limit)
        return (uint32_t)n;
    r->bad = true;
    return 0;
}

static void
get_text(struct reader *r, char *out, size_t size)
{
    uint64_t len = get_u64(r);
    out[0] = '\0';
    if (len >= size) {
        r->bad = true;
        return;
    }
    get_bytes(r, out, len);
    out[len] = '\0';
}

static char *
get_heap_text(struct reader *r)
{
    uint64_t len = get_u64(r);
    if (len == CATALOGUE_ABSENT)
        return NULL;
    if (r->bad || len > TEXT_MAX || len > r->left.len) {
        r->bad = true;
        return NULL;
    }
    char *text = malloc(len + 1);
    if (text == NULL) {
        r->bad = true;
        return NULL;
    }
    get_bytes(r, text, len);
    text[len] = '\0';
    return text;
}

static void
get_names(struct reader *r, struct catalogue_provider *p)
{
    uint32_t count = get_below(r, COUNT_MAX);
    if (r->bad || count == 0)
        return;
    p->names = calloc(count, sizeof(*p->names));
    r->bad = p->names == NULL;
    while (!r->bad && p->name_count < count) {
        struct catalogue_name *name = &p->names[p->name_count++];
        name->model = get_heap_text(r);
        name->upstream = get_heap_text(r);
        r->bad = r->bad || name->model == NULL || name->upstream == NULL;
    }
}

static void
get_credentials(struct reader *r, struct catalogue_provider *p)
{
    uint32_t count = get_below(r, CONFIG_CREDENTIALS_MAX + 1);
    if (!r->bad && count > 0) {
        p->credentials = calloc(count, sizeof(*p->credentials));
        r->bad = p->credentials == NULL;
    }
    while (!r->bad && p->credential_count < count) {
        struct catalogue_credential *c = &p->credentials[p->credential_count++];
        get_text(r, c->name, sizeof(c->name));
        c->group = get_heap_text(r);
        c->gateway = get_heap_text(r);
        c->api_key = get_heap_text(r);
        c->region = get_heap_text(r);
        c->hash = get_below(r, UINT64_C(1) << 32);
        c->full_hash = get_below(r, UINT64_C(1) << 32);
        c->weight = get_below(r, UINT64_C(1) << 32);
        c->rate_limit = get_below(r, UINT64_C(1) << 32);
        c->rate_interval_ms = get_u64(r);
        c->named_only = get_below(r, 2);
        r->bad = r->bad || (c->rate_limit > 0 && c->rate_interval_ms == 0);
        c->slot = (uint8_t)get_below(r, HEALTH_CREDENTIALS);
    }
    r->bad = r->bad || !catalogue_link_credentials(p);
}

static void
get_provider(struct reader *r, struct catalogue_provider *p)
{
    get_text(r, p->name, sizeof(p->name));
    p->provider_idx = get_below(r, COUNT_MAX);
    p->kind = (enum provider_kind)get_below(r, 256);
    uint64_t flags = get_u64(r);
    p->tls = flags & 1;
    p->verify = flags >> 1 & 1;
    p->any_model = flags >> 2 & 1;
    p->enabled = flags >> 3 & 1;
    p->guarded = flags >> 4 & 1;
    get_text(r, p->scheme, sizeof(p->scheme));
    get_text(r, p->host, sizeof(p->host));
    get_text(r, p->path, sizeof(p->path));
    p->port = (uint16_t)get_below(r, 65536);
    p->api_key = get_heap_text(r);
    p->ca_file = get_heap_text(r);
    p->proxy = get_heap_text(r);
    p->api_version = get_heap_text(r);
    p->region = get_heap_text(r);
    p->pass_headers = get_heap_text(r);
    p->drop_headers = get_heap_text(r);
    uint64_t habits = get_u64(r);
    p->speaks = (uint32_t)(habits >> 32);
    p->quirks = (uint32_t)habits;
    get_names(r, p);
    get_bytes(r, &p->timeouts, sizeof(p->timeouts));
    p->builtin_delay_ms = get_u64(r);
    p->fails = get_below(r, UINT64_C(1) << 32);
    p->cooldown_ms = get_u64(r);
    p->cooldown_max_ms = get_u64(r);
    p->health_check = get_heap_text(r);
    p->health_check_interval_ms = get_u64(r);
    p->max_concurrency = get_below(r, UINT64_C(1) << 32);
    p->max_queue = get_below(r, UINT64_C(1) << 32);
    p->queue_timeout_ms = get_u64(r);
    p->on_disconnect = (enum on_disconnect)get_below(r, 256);
    p->data_policy = (enum data_policy)get_below(r, DATA_ZERO + 1);
    get_credentials(r, p);
}

static struct price_tiers *
get_tiers(struct reader *r, struct price_tiers *models)
{
    uint64_t which = get_below(r, TIERS_MODELS + 1);
    if (which != TIERS_OWN)
        return which == TIERS_MODELS ? models : NULL;
    struct price_tiers *tiers = calloc(1, sizeof(*tiers));
    r->bad = r->bad || tiers == NULL;
    if (!r->bad)
        get_bytes(r, tiers, sizeof(*tiers));
    r->bad = r->bad || tiers->count > PRICE_TIERS_MAX;
    return tiers; /* bad ones are given back with the rest */
}

static void
get_model(struct reader *r, struct catalogue_model *m, uint32_t providers)
{
    get_text(r, m->name, sizeof(m->name));
    m->model_idx = get_below(r, SHM_MODELS_MAX);
    m->is_wildcard = get_below(r, 2) == 1;
    get_text(r, m->type, sizeof(m->type));
    m->context = get_u64(r);
    m->max_output = get_u64(r);
    m->max_concurrency = get_below(r, UINT64_C(1) << 32);
    m->key_rpm = get_u64(r);
    m->key_tpm = get_u64(r);
    m->key_concurrency = get_u64(r);
    get_bytes(r, &m->prices, sizeof(m->prices));
    m->tiers = get_tiers(r, NULL);
    m->price_version = get_below(r, UINT64_C(1) << 32);
    m->endpoint_count = get_below(r, CONFIG_MODEL_PROVIDERS_MAX + 1);
    for (uint32_t i = 0; i < m->endpoint_count; i++) {
        m->endpoints[i].provider = get_below(r, providers);
        m->endpoints[i].endpoint_idx = get_below(r, COUNT_MAX);
        m->endpoints[i].price_version = get_below(r, UINT64_C(1) << 32);
        m->endpoints[i].max_concurrency = get_below(r, UINT64_C(1) << 32);
        m->endpoints[i].quantization =
            (enum quantization)get_below(r, QUANTIZATION_FP32 + 1);
        get_bytes(r, &m->endpoints[i].prices, sizeof(m->prices));
        m->endpoints[i].tiers = get_tiers(r, m->tiers);
        get_bytes(r, &m->endpoints[i].timeouts,
                  sizeof(m->endpoints[i].timeouts));
    }
    uint32_t aliases = get_below(r, COUNT_MAX);
    if (r->bad || aliases == 0)
        return;
    m->aliases = calloc(aliases, sizeof(*m->aliases));
    for (uint32_t i = 0; m->aliases != NULL && i < aliases; i++) {
        char *alias = get_heap_text(r);
        if (alias == NULL)
            break;
        m->aliases[m->alias_count++] = alias;
    }
    r->bad = r->bad || m->alias_count != aliases;
}

static void
get_settings(struct reader *r, struct settings *settings)
{
    get_bytes(r, settings, sizeof(*settings));
    for (int i = 0; i < SETTINGS_LISTS; i++)
        if (settings->lists[i].count > SETTINGS_LIST_MAX)
            r->bad = true;
    if (settings->private_keys.count > SETTINGS_LIST_MAX)
        r->bad = true;
}

static void
get_spend_rules(struct reader *r, struct catalogue_gateway *g)
{
    uint32_t rules = get_below(r, SPEND_RULES_MAX + 1);
    if (rules == 0 || r->bad)
        return;
    g->spend_rules = calloc(rules, sizeof(*g->spend_rules));
    r->bad = g->spend_rules == NULL;
    for (; !r->bad && g->spend_rule_count < rules; g->spend_rule_count++) {
        char text[SPEND_TEXT_BYTES];
        struct buf reason;
        get_text(r, text, sizeof(text));
        buf_init(&reason, 0);
        if (!r->bad &&
            spend_rule_parse(str_from(text),
                             &g->spend_rules[g->spend_rule_count], &reason) < 0)
            r->bad = true;
        buf_fini(&reason);
    }
}

static void
get_route(struct reader *r, struct catalogue_gateway *g)
{
    char name[SHM_NAME_BYTES], *texts[DYNAMIC_ELEMENTS_MAX];
    struct buf reason;
    get_text(r, name, sizeof(name));
    uint32_t count = get_below(r, DYNAMIC_ELEMENTS_MAX + 1), got = 0;
    for (; got < count && !r->bad; got++) {
        texts[got] = get_heap_text(r);
        r->bad = r->bad || texts[got] == NULL;
    }
    buf_init(&reason, 0);
    if (!r->bad)
        r->bad = !catalogue_add_route(g, str_from(name), texts, count, &reason);
    buf_fini(&reason);
    while (got > 0)
        free(texts[--got]);
}

static void
get_gateway(struct reader *r, struct catalogue_gateway *g)
{
    char group[SHM_NAME_BYTES];
    get_text(r, g->name, sizeof(g->name));
    catalogue_name_gateway(g, group);
    g->hash = get_below(r, UINT64_C(1) << 32);
    g->group_id = get_u64(r);
    g->authentication = get_below(r, 2);
    get_settings(r, &g->settings);
    get_spend_rules(r, g);
    g->redact = get_heap_text(r);
    g->guard_prompt = get_heap_text(r);
    g->guard_answer = get_heap_text(r);
    uint32_t how = get_below(r, 4);
    g->webhook_fail = (enum webhook_fail)(how >> 1);
    g->webhook_prompt = how & 1;
    if (get_below(r, 2) != 0) {
        g->webhook = calloc(1, sizeof(*g->webhook));
        r->bad = r->bad || g->webhook == NULL;
        if (!r->bad)
            get_provider(r, g->webhook);
    }
    uint32_t routes = get_below(r, COUNT_MAX);
    for (uint32_t i = 0; i < routes && !r->bad; i++)
        get_route(r, g);
}

struct catalogue *
catalogue_read(struct str bytes)
{
    struct reader r = {bytes, false};
    struct catalogue *catalogue = calloc(1, sizeof(*catalogue));
    if (catalogue == NULL)
        return NULL;
    catalogue->references = 1;
    r.bad = get_u64(&r) != CATALOGUE_MAGIC;
    catalogue->created_ms = (int64_t)get_u64(&r);
    uint32_t providers = get_below(&r, COUNT_MAX);
    uint32_t models = get_below(&r, COUNT_MAX);
    uint32_t gateways = get_below(&r, COUNT_MAX);
    get_settings(&r, &catalogue->settings);
    if (!catalogue_make_tables(catalogue, providers, models, gateways))
        r.bad = true;
    while (!r.bad && catalogue->provider_count < providers)
        get_provider(&r, &catalogue->providers[catalogue->provider_count++]);
    while (!r.bad && catalogue->model_count < models)
        get_model(&r, &catalogue->models[catalogue->model_count++], providers);
    while (!r.bad && catalogue->gateway_count < gateways)
        get_gateway(&r, &catalogue->gateways[catalogue->gateway_count++]);
    if (!r.bad && r.left.len == 0 && catalogue_make_index(catalogue))
        return catalogue;
    catalogue_put(catalogue);
    return NULL;
}
