/*
 * catalogue_build.c - from the configuration to a catalogue. Accountant only.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/catalogue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/provider_quirks.h"
#include "shm/catalogue_part.h"
#include "shm/model_stats.h"

struct build {
    struct segment *segment;
    const struct config *config;
    catalogue_price_version price_version;
    void *context;
    struct buf *error;
    struct catalogue *catalogue;
    /* Of each provider of the configuration: its number, or -1 (disabled). */
    int *provider_idx;
};

static bool
refuse(struct build *b, const char *what, const char *name, const char *reason)
{
    buf_printf(b->error, "%s %s: %s", what, name, reason);
    return false;
}

static bool
copy_text(char **to, const char *from)
{
    *to = from == NULL ? NULL : strdup(from);
    return from == NULL || *to != NULL;
}

/* The words of a list with blanks between; NULL for an empty one. */
static bool
copy_words(char **to, const struct config_list *list)
{
    size_t len = 0;
    *to = NULL;
    for (unsigned i = 0; i < list->count; i++)
        len += strlen(list->items[i]) + 1;
    if (len == 0)
        return true;
    *to = malloc(len);
    if (*to == NULL)
        return false;
    char *at = *to;
    for (unsigned i = 0; i < list->count; i++) {
        at = stpcpy(at, list->items[i]);
        *at++ = i + 1 < list->count ? ' ' : '\0';
    }
    return true;
}

static bool
copy_part(char *to, size_t size, const char *from, size_t len)
{
    if (len >= size)
        return false;
    memcpy(to, from, len);
    to[len] = '\0';
    return true;
}

/* scheme://host[:port][/path]; an IPv6 host stands in brackets, which are not
 * part of it. */
bool
catalogue_split_url(const char *url, struct catalogue_provider *p)
{
    const char *mark = strstr(url, "://");
    if (mark == NULL || strpbrk(url, " @?#") != NULL ||
        !copy_part(p->scheme, sizeof(p->scheme), url, (size_t)(mark - url)))
        return false;
    p->tls = strcmp(p->scheme, "https") == 0;
    if (!p->tls && strcmp(p->scheme, "http") != 0)
        return false;
    const char *host = mark + 3;
    const char *path = host + strcspn(host, "/");
    const char *host_end = path, *colon = NULL;
    if (*host == '[') {
        host++;
        host_end = memchr(host, ']', (size_t)(path - host));
        if (host_end == NULL)
            return false;
        colon = host_end + 1 < path ? host_end + 1 : NULL;
    } else {
        colon = memchr(host, ':', (size_t)(path - host));
        if (colon != NULL)
            host_end = colon;
    }
    unsigned long port = p->tls ? 443 : 80;
    if (colon != NULL) {
        char *end;
        if (*colon != ':' || colon[1] < '0' || colon[1] > '9')
            return false;
        port = strtoul(colon + 1, &end, 10);
        if (end != path || port == 0 || port > 65535)
            return false;
    }
    p->port = (uint16_t)port;
    size_t path_len = strlen(path);
    while (path_len > 0 && path[path_len - 1] == '/')
        path_len--;
    return host_end != host &&
           copy_part(p->host, sizeof(p->host), host,
                     (size_t)(host_end - host)) &&
           copy_part(p->path, sizeof(p->path), path, path_len);
}

static bool
lists_any(const struct config_provider *c)
{
    return c->models.count == 1 && strcmp(c->models.items[0], "*") == 0;
}

/* "model=name" each; the configuration was checked. */
static bool
copy_names(struct catalogue_provider *p, const struct config_list *names)
{
    p->names = calloc(names->count + 1u, sizeof(*p->names));
    for (unsigned i = 0; p->names != NULL && i < names->count; i++) {
        const char *item = names->items[i];
        size_t len = strcspn(item, "=");
        struct catalogue_name *name = &p->names[p->name_count++];
        name->model = strndup(item, len);
        name->upstream = strdup(item[len] == '=' ? item + len + 1 : item);
        if (name->model == NULL || name->upstream == NULL)
            return false;
    }
    return p->names != NULL;
}

static const char *
checked_path(const struct config_provider *c)
{
    if (c->health_check == NULL || strcmp(c->health_check, "off") == 0)
        return NULL;
    return c->health_check;
}

static bool
add_provider(struct build *b, unsigned i)
{
    const struct config_provider *c = &b->config->providers[i];
    struct catalogue *catalogue = b->catalogue;
    b->provider_idx[i] = -1;
    if (!c->enabled)
        return true;
    struct catalogue_provider *p =
        &catalogue->providers[catalogue->provider_count];
    int idx = model_registry_provider(b->segment, c->name);
    if (idx < 0)
        return refuse(b, "provider", c->name, strerror(-idx));
    p->provider_idx = (uint32_t)idx;
    if (!copy_part(p->name, sizeof(p->name), c->name, strlen(c->name)))
        return refuse(b, "provider", c->name, "its name is too long");
    if (c->base_url != NULL && !catalogue_split_url(c->base_url, p))
        return refuse(b, "provider", c->name, "its base_url is not usable");
    p->kind = c->kind;
    p->verify = c->verify;
    p->guarded = c->guarded;
    p->any_model = lists_any(c);
    p->enabled = true;
    p->timeouts = (struct call_timeouts){
        .connect_ms = c->connect_timeout_ms,
        .first_byte_ms = c->first_byte_timeout_ms,
        .idle_ms = c->idle_timeout_ms,
        .total_ms = c->total_timeout_ms,
    };
    p->builtin_delay_ms = c->builtin_delay_ms;
    p->fails = c->fails;
    p->cooldown_ms = c->cooldown_ms;
    p->cooldown_max_ms = c->cooldown_max_ms > c->cooldown_ms
                             ? c->cooldown_max_ms
                             : c->cooldown_ms;
    p->health_check_interval_ms = c->health_check_interval_ms;
    p->max_concurrency = c->max_concurrency;
    p->max_queue = c->max_queue;
    p->queue_timeout_ms = c->queue_timeout_ms;
    p->on_disconnect = c->on_disconnect;
    p->data_policy = c->kind == PROVIDER_BUILTIN ? DATA_ZERO : c->data_policy;
    for (unsigned n = 0; n < c->speaks.count; n++)
        p->speaks |= provider_api_find(c->speaks.items[n]);
    for (unsigned n = 0; n < c->quirks.count; n++)
        p->quirks |= provider_quirk_find(c->quirks.items[n]);
    b->provider_idx[i] = (int)catalogue->provider_count++;
    if (!copy_text(&p->api_key, c->api_key) ||
        !copy_text(&p->ca_file, c->ca_file) ||
        !copy_text(&p->proxy, c->proxy) ||
        !copy_text(&p->api_version, c->api_version) ||
        !copy_text(&p->region, c->region) ||
        !copy_words(&p->pass_headers, &c->pass_headers) ||
        !copy_words(&p->drop_headers, &c->drop_headers) ||
        !copy_text(&p->health_check, checked_path(c)) ||
        !copy_names(p, &c->names))
        return refuse(b, "provider", c->name, strerror(ENOMEM));
    return catalogue_add_credentials(b->segment, p, b->config, b->error);
}

/* Provider `i` of the configuration serves `model`, in the order of calls. */
static bool
add_endpoint(struct build *b, struct catalogue_model *model, unsigned i)
{
    int provider = b->provider_idx[i];
    if (provider < 0 || model->endpoint_count == CONFIG_MODEL_PROVIDERS_MAX)
        return true;
    for (uint32_t n = 0; n < model->endpoint_count; n++)
        if (model->endpoints[n].provider == (uint32_t)provider)
            return true;
    uint32_t provider_idx = b->catalogue->providers[provider].provider_idx;
    int idx =
        model_registry_endpoint(b->segment, model->model_idx, provider_idx);
    if (idx < 0)
        return refuse(b, "model", model->name,
                      "too many pairs of model and provider (max_models)");
    model->endpoints[model->endpoint_count++] = (struct catalogue_endpoint){
        .provider = (uint32_t)provider, .endpoint_idx = (uint32_t)idx};
    return true;
}

static bool
lists_model(const struct config_provider *c, const char *name)
{
    for (unsigned i = 0; i < c->models.count; i++)
        if (strcmp(c->models.items[i], name) == 0)
            return true;
    return false;
}

/* The providers that list it; if none does, those that take any model. */
static bool
add_listing_endpoints(struct build *b, struct catalogue_model *model)
{
    const struct config *config = b->config;
    for (unsigned i = 0; i < config->provider_count; i++)
        if (lists_model(&config->providers[i], model->name) &&
            !add_endpoint(b, model, i))
            return false;
    for (unsigned i = 0;
         model->endpoint_count == 0 && i < config->provider_count; i++)
        if (lists_any(&config->providers[i]) && !add_endpoint(b, model, i))
            return false;
    return true;
}

/* A model with its number; the caller adds endpoints, then keeps it. */
static struct catalogue_model *
begin_model(struct build *b, const char *name)
{
    struct catalogue *catalogue = b->catalogue;
    struct catalogue_model *model = &catalogue->models[catalogue->model_count];
    int idx = model_registry_model(b->segment, name);
    if (idx < 0) {
        refuse(b, "model", name,
               idx == -ENOSPC ? "too many models (max_models)"
                              : strerror(-idx));
        return NULL;
    }
    memset(model, 0, sizeof(*model));
    model->model_idx = (uint32_t)idx;
    /* the registry took the name, so it fits */
    memcpy(model->name, name, strlen(name) + 1);
    memcpy(model->type, "chat", 5);
    prices_clear(&model->prices);
    return model;
}

/* A model that nobody serves is not shown: its providers are disabled. */
static void
keep_model(struct build *b, struct catalogue_model *model)
{
    if (model->endpoint_count == 0)
        return;
    if (b->price_version != NULL)
        model->price_version = b->price_version(model->name, &model->prices,
                                                model->tiers, b->context);
    b->catalogue->model_count++;
}

static bool
add_named_endpoints(struct build *b, struct catalogue_model *model,
                    const struct config_model *c)
{
    for (unsigned n = 0; n < c->providers.count; n++)
        for (unsigned i = 0; i < b->config->provider_count; i++)
            if (strcmp(b->config->providers[i].name, c->providers.items[n]) ==
                    0 &&
                !add_endpoint(b, model, i))
                return false;
    return true;
}

static bool
add_config_model(struct build *b, const struct config_model *c)
{
    struct catalogue_model *model = begin_model(b, c->name);
    if (model == NULL)
        return false;
    if (c->type != NULL &&
        !copy_part(model->type, sizeof(model->type), c->type, strlen(c->type)))
        return refuse(b, "model", c->name, "its type is too long");
    model->context = c->context;
    model->max_output = c->max_output;
    model->max_concurrency = c->max_concurrency;
    model->key_rpm = c->key_rpm;
    model->key_tpm = c->key_tpm;
    model->key_concurrency = c->key_concurrency;
    model->prices = c->prices;
    bool ok = c->providers.count > 0 ? add_named_endpoints(b, model, c)
                                     : add_listing_endpoints(b, model);
    if (!ok)
        return false;
    if (model->endpoint_count == 0)
        return true; /* it is not shown: its providers are disabled */
    bool bad;
    model->tiers =
        catalogue_make_tiers(&c->price_tiers, &c->prices, &bad, b->error);
    if (bad) {
        buf_printf(b->error, " (model %s)", c->name);
        return false;
    }
    if (c->alias.count > 0) {
        model->aliases = calloc(c->alias.count, sizeof(*model->aliases));
        if (model->aliases == NULL) {
            catalogue_free_tiers(model);
            return refuse(b, "model", c->name, strerror(ENOMEM));
        }
    }
    keep_model(b, model); /* from here catalogue_put() frees its parts */
    for (unsigned i = 0; model->aliases != NULL && i < c->alias.count; i++) {
        model->aliases[i] = strdup(c->alias.items[i]);
        if (model->aliases[i] == NULL)
            return refuse(b, "model", c->name, strerror(ENOMEM));
        model->alias_count++;
    }
    return true;
}

static bool
has_model(const struct catalogue *catalogue, const char *name)
{
    for (uint32_t i = 0; i < catalogue->model_count; i++)
        if (strcmp(catalogue->models[i].name, name) == 0)
            return true;
    return false;
}

static bool
has_section(const struct config *config, const char *name)
{
    for (unsigned i = 0; i < config->model_count; i++)
        if (strcmp(config->models[i].name, name) == 0)
            return true;
    return false;
}

/* Models that only a provider's list names: unpriced. */
static bool
add_listed_models(struct build *b, const struct config_provider *c)
{
    for (unsigned i = 0; c->enabled && i < c->models.count; i++) {
        const char *name = c->models.items[i];
        if (strcmp(name, "*") == 0 || has_section(b->config, name) ||
            has_model(b->catalogue, name))
            continue;
        struct catalogue_model *model = begin_model(b, name);
        if (model == NULL || !add_listing_endpoints(b, model))
            return false;
        keep_model(b, model);
    }
    return true;
}

static bool
add_wildcard(struct build *b, unsigned i)
{
    char name[SHM_NAME_BYTES];
    int provider = b->provider_idx[i];
    if (provider < 0 || !b->catalogue->providers[provider].any_model)
        return true;
    const char *provider_name = b->catalogue->providers[provider].name;
    size_t len = strlen(provider_name);
    if (len + 3 > sizeof(name))
        return refuse(b, "provider", provider_name, "its name is too long");
    memcpy(name, provider_name, len);
    memcpy(name + len, "/*", 3);
    struct catalogue_model *model = begin_model(b, name);
    if (model == NULL)
        return false;
    model->is_wildcard = true;
    if (!add_endpoint(b, model, i))
        return false;
    keep_model(b, model);
    return true;
}

static bool
fill(struct build *b)
{
    const struct config *config = b->config;
    for (unsigned i = 0; i < config->provider_count; i++)
        if (!add_provider(b, i))
            return false;
    for (unsigned i = 0; i < config->model_count; i++)
        if (!add_config_model(b, &config->models[i]))
            return false;
    for (unsigned i = 0; i < config->provider_count; i++)
        if (!add_listed_models(b, &config->providers[i]))
            return false;
    for (unsigned i = 0; i < config->provider_count; i++)
        if (!add_wildcard(b, i))
            return false;
    if (!catalogue_add_endpoints(b->catalogue, config, b->price_version,
                                 b->context, b->error) ||
        !catalogue_add_settings(b->catalogue, config, b->error))
        return false;
    return catalogue_make_index(b->catalogue) ||
           refuse(b, "catalogue", "index", strerror(ENOMEM));
}

struct catalogue *
catalogue_build(struct segment *segment, const struct config *config,
                catalogue_price_version price_version, void *context,
                struct buf *error)
{
    struct build b = {.segment = segment,
                      .config = config,
                      .price_version = price_version,
                      .context = context,
                      .error = error};
    size_t models = config->model_count + config->provider_count + 1;
    for (unsigned i = 0; i < config->provider_count; i++)
        models += config->providers[i].models.count;
    b.catalogue = calloc(1, sizeof(*b.catalogue));
    b.provider_idx = calloc(config->provider_count + 1, sizeof(int));
    if (b.catalogue != NULL) {
        b.catalogue->references = 1;
        b.catalogue->created_ms = clock_wall_ms();
    }
    bool ok = b.catalogue != NULL && b.provider_idx != NULL &&
              catalogue_make_tables(b.catalogue, config->provider_count, models,
                                    config->gateway_count);
    if (!ok)
        refuse(&b, "catalogue", "tables", strerror(ENOMEM));
    ok = ok && fill(&b);
    free(b.provider_idx);
    if (ok)
        return b.catalogue;
    catalogue_put(b.catalogue);
    return NULL;
}
