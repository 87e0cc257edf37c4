/*
 * config_check.c - what concerns more than one value of a configuration, or
 * the world around it: addresses, names, references, sizes that must fit.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/config_part.h"
#include "common/provider_quirks.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    PROVIDER_NAME_BYTES = 64,
    UPSTREAM_NAME_BYTES = 256,
    LISTENERS_MAX = 4 * CONFIG_LISTEN_MAX,
};

struct checker {
    struct config *config;
    const struct config_origins *origins;
    struct buf *error;
    unsigned faults;
    struct config_address addresses[LISTENERS_MAX];
    unsigned address_count;
};

/* A fault of one option, at its line; at the section's when it is a default. */
static void PRINTF_LIKE(5, 6)
    fault(struct checker *checker, enum config_section section,
          const struct config_origin *origin, const char *option,
          const char *format, ...)
{
    char reason[512];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    config_fault_at(checker->error, checker->origins->path, section, origin,
                    option, reason);
    checker->faults++;
}

/* ---- [server], [admin] ---- */

static void
check_address(struct checker *checker, enum config_section section,
              const struct config_origin *origin, const char *option,
              const char *text)
{
    struct config_address *address =
        &checker->addresses[checker->address_count];
    const struct config_admin *admin = &checker->config->admin;
    if (!config_parse_address(text, address)) {
        fault(checker, section, origin, option,
              "\"%.80s\" is not an address, as 127.0.0.1:8080 or [::1]:8080",
              text);
        return;
    }
    /* Port 0 is another port each time. */
    for (unsigned i = 0; i < checker->address_count && address->port != 0; i++)
        if (memcmp(&checker->addresses[i], address, sizeof(*address)) == 0)
            fault(checker, section, origin, option,
                  "\"%.80s\" is listened on twice", text);
    checker->address_count++;
    if (section != CONFIG_SECTION_admin || config_address_is_loopback(address))
        return;
    if (!admin->is_public)
        fault(checker, section, origin, option,
              "\"%.80s\" is not a loopback address: that needs public = yes",
              text);
    if (admin->token == NULL)
        fault(checker, section, origin, option,
              "\"%.80s\" is not a loopback address: that needs a token", text);
}

static void
check_addresses(struct checker *checker, enum config_section section,
                const struct config_origin *origin, const char *option,
                const struct config_list *list)
{
    const struct config_server *server = &checker->config->server;
    for (unsigned i = 0; i < list->count; i++)
        check_address(checker, section, origin, option, list->items[i]);
    if (list->count > 0 && strcmp(option, "tls_listen") == 0 &&
        (server->tls_cert == NULL || server->tls_key == NULL))
        fault(checker, section, origin, option,
              "needs tls_cert and tls_key in [server]");
}

/* "Europe/Berlin": a file of the zone database, by a name without tricks. */
static bool
timezone_exists(const char *name)
{
    char path[128];
    struct stat st;
    if (strcmp(name, "UTC") == 0)
        return true;
    if (!isalpha((unsigned char)name[0]) || strstr(name, "..") != NULL)
        return false;
    snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Bytes that may stand in a name used in paths, addresses and lists. */
static bool
is_plain_name(const char *name)
{
    for (const char *p = name; *p != '\0'; p++)
        if (!isalnum((unsigned char)*p) && strchr("._-", *p) == NULL)
            return false;
    return *name != '\0' && *name != '.';
}

static void
check_sizes(struct checker *checker)
{
    const struct config_server *server = &checker->config->server;
    const struct config_origin *origin =
        &checker->origins->single[CONFIG_SECTION_server];
    uint64_t ring = server->ring_mib << 20;
    uint64_t need = server->max_requests * CONFIG_RING_RECORD_BYTES;
    if ((server->ring_mib & (server->ring_mib - 1)) != 0)
        fault(checker, CONFIG_SECTION_server, origin, "ring_mib",
              "%llu is not a power of two",
              (unsigned long long)server->ring_mib);
    else if (need > ring)
        fault(checker, CONFIG_SECTION_server, origin, "ring_mib",
              "%llu MiB are too few for max_requests = %llu, each of which "
              "keeps %d bytes free: at least %llu",
              (unsigned long long)server->ring_mib,
              (unsigned long long)server->max_requests,
              (int)CONFIG_RING_RECORD_BYTES,
              (unsigned long long)((need + (1 << 20) - 1) >> 20));
    if (server->body_memory_bytes < server->body_max_bytes)
        fault(checker, CONFIG_SECTION_server, origin, "body_memory",
              "is less than body_max");
    if (checker->config->model_count > server->max_models)
        fault(checker, CONFIG_SECTION_server, origin, "max_models",
              "there are %u models", checker->config->model_count);
}

static void
check_server(struct checker *checker)
{
    const struct config_server *server = &checker->config->server;
    const struct config_origin *origin =
        &checker->origins->single[CONFIG_SECTION_server];
    const enum config_section section = CONFIG_SECTION_server;
    if (server->listen.count + server->tls_listen.count == 0)
        fault(checker, section, origin, "listen",
              "neither listen nor tls_listen has an address");
    check_addresses(checker, section, origin, "listen", &server->listen);
    check_addresses(checker, section, origin, "tls_listen",
                    &server->tls_listen);
    if (!is_plain_name(server->instance))
        fault(checker, section, origin, "instance",
              "only letters, digits, \".\", \"_\" and \"-\" make a name");
    if (!timezone_exists(server->timezone))
        fault(checker, section, origin, "timezone",
              "neither UTC nor a name in /usr/share/zoneinfo");
    for (const char *p = server->currency; *p != '\0'; p++)
        if (*p < 'A' || *p > 'Z') {
            fault(checker, section, origin, "currency",
                  "three capital letters, as USD or EUR");
            break;
        }
    check_sizes(checker);
}

/* ---- [provider.NAME] ---- */

static void
check_base_url(struct checker *checker, struct config_provider *provider,
               const struct config_origin *origin)
{
    const char *reason;
    if (provider->base_url == NULL) {
        fault(checker, CONFIG_SECTION_provider, origin, NULL,
              "provider %s has no base_url", provider->name);
        return;
    }
    if (strncmp(provider->base_url, "https://", 8) == 0)
        reason = config_url_fault(provider->base_url + 8);
    else if (strncmp(provider->base_url, "http://", 7) == 0)
        reason = config_url_fault(provider->base_url + 7);
    else
        reason = "it begins with neither https:// nor http://";
    if (reason != NULL) {
        fault(checker, CONFIG_SECTION_provider, origin, "base_url", "%s",
              reason);
        return;
    }
    size_t len = strlen(provider->base_url);
    while (provider->base_url[len - 1] == '/')
        provider->base_url[--len] = '\0';
}

static void
check_health_check(struct checker *checker,
                   const struct config_provider *provider,
                   const struct config_origin *origin)
{
    const char *path = provider->health_check;
    bool good = path == NULL || strcmp(path, "off") == 0 || path[0] == '/';
    for (const char *p = path; good && p != NULL && *p != '\0'; p++)
        good = *p > ' ' && *p < 0x7f && *p != '#';
    if (provider->kind == PROVIDER_BEDROCK ||
        provider->kind == PROVIDER_BUILTIN)
        good = path == NULL || path[0] != '/'; /* no GET would be signed */
    if (!good)
        fault(checker, CONFIG_SECTION_provider, origin, "health_check",
              "neither \"off\" nor a path as /models");
}

/* A model's name can be listed, sent, and kept in the segment. */
static const char *
model_name_fault(const char *name)
{
    if (strlen(name) >= CONFIG_NAME_BYTES)
        return "a model's name has at most 127 bytes";
    for (const char *p = name; *p != '\0'; p++)
        if (*p == ' ' || *p == '\t' || *p == ',' || *p == '*')
            return "a model's name has no space, comma or \"*\" in it";
    return NULL;
}

static void
check_provider_models(struct checker *checker,
                      const struct config_provider *provider,
                      const struct config_origin *origin)
{
    const struct config_list *models = &provider->models;
    for (unsigned i = 0; i < models->count; i++) {
        bool any = strcmp(models->items[i], "*") == 0;
        const char *reason = any ? NULL : model_name_fault(models->items[i]);
        if (any && models->count > 1)
            reason = "\"*\" stands alone";
        if (reason != NULL)
            fault(checker, CONFIG_SECTION_provider, origin, "models", "%s",
                  reason);
    }
}

/* Whether `models` of the provider or a section knows the first `len` bytes. */
static bool
is_served_model(const struct config *config,
                const struct config_provider *provider, const char *name,
                size_t len)
{
    const struct config_list *models = &provider->models;
    for (unsigned i = 0; i < models->count; i++)
        if (strcmp(models->items[i], "*") == 0 ||
            (strncmp(models->items[i], name, len) == 0 &&
             models->items[i][len] == '\0'))
            return true;
    for (unsigned i = 0; i < config->model_count; i++)
        if (strncmp(config->models[i].name, name, len) == 0 &&
            config->models[i].name[len] == '\0')
            return true;
    return false;
}

/* "model=name", each model once. */
static void
check_provider_names(struct checker *checker,
                     const struct config_provider *provider,
                     const struct config_origin *origin)
{
    const struct config_list *names = &provider->names;
    for (unsigned i = 0; i < names->count; i++) {
        const char *item = names->items[i], *mark = strchr(item, '=');
        size_t len = mark == NULL ? 0 : (size_t)(mark - item);
        bool is_second = false;
        for (unsigned j = 0; j < i && len > 0; j++)
            is_second |= strncmp(names->items[j], item, len + 1) == 0;
        if (len == 0 || mark[1] == '\0')
            fault(checker, CONFIG_SECTION_provider, origin, "names",
                  "\"%.80s\" is not MODEL=NAME", item);
        else if (strlen(mark + 1) >= UPSTREAM_NAME_BYTES)
            fault(checker, CONFIG_SECTION_provider, origin, "names",
                  "a name has at most %d bytes", UPSTREAM_NAME_BYTES - 1);
        else if (is_second)
            fault(checker, CONFIG_SECTION_provider, origin, "names",
                  "%.*s has two names", (int)len, item);
        else if (!is_served_model(checker->config, provider, item, len))
            fault(checker, CONFIG_SECTION_provider, origin, "names",
                  "there is no model \"%.*s\"", (int)len, item);
    }
}

/* Words that are none of `find`'s. */
static void
check_words(struct checker *checker, const struct config_list *list,
            const char *option, uint32_t (*find)(const char *word),
            const struct config_origin *origin)
{
    for (unsigned i = 0; i < list->count; i++)
        if (find(list->items[i]) == 0)
            fault(checker, CONFIG_SECTION_provider, origin, option,
                  "\"%.80s\" is not known", list->items[i]);
}

/* Names of fields: letters, digits and hyphens, `*` at the end. */
static void
check_headers(struct checker *checker, const struct config_list *list,
              const char *option, const struct config_origin *origin)
{
    for (unsigned i = 0; i < list->count; i++) {
        const char *name = list->items[i];
        size_t plain = strspn(name, "abcdefghijklmnopqrstuvwxyz"
                                    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
        if (name[plain + (name[plain] == '*')] != '\0')
            fault(checker, CONFIG_SECTION_provider, origin, option,
                  "\"%.80s\" is no name of a field, as x-team or x-team-*",
                  name);
    }
}

static void
check_provider(struct checker *checker, struct config_provider *provider,
               const struct config_origin *origin)
{
    static const char *const schemes[] = {"http://",   "https://",
                                          "socks4://", "socks4a://",
                                          "socks5://", "socks5h://"};
    bool proxy_good = provider->proxy == NULL;
    if (!is_plain_name(provider->name) ||
        strlen(provider->name) >= PROVIDER_NAME_BYTES)
        fault(checker, CONFIG_SECTION_provider, origin, NULL,
              "a provider's name has at most 63 letters, digits, \".\", \"_\" "
              "and \"-\"");
    if (provider->kind != PROVIDER_BUILTIN)
        check_base_url(checker, provider, origin);
    check_health_check(checker, provider, origin);
    check_provider_models(checker, provider, origin);
    check_provider_names(checker, provider, origin);
    check_words(checker, &provider->speaks, "speaks", provider_api_find,
                origin);
    check_words(checker, &provider->quirks, "quirks", provider_quirk_find,
                origin);
    check_headers(checker, &provider->pass_headers, "pass_headers", origin);
    check_headers(checker, &provider->drop_headers, "drop_headers", origin);
    if (provider->guarded && provider->proxy != NULL)
        fault(checker, CONFIG_SECTION_provider, origin, "proxy",
              "a guarded provider has none: nobody sees what stands behind a "
              "proxy");
    for (size_t i = 0; i < ARRAY_LEN(schemes) && !proxy_good; i++) {
        size_t len = strlen(schemes[i]);
        proxy_good = strncmp(provider->proxy, schemes[i], len) == 0 &&
                     provider->proxy[len] != '\0';
    }
    if (!proxy_good)
        fault(checker, CONFIG_SECTION_provider, origin, "proxy",
              "it does not begin with http://, https://, socks5:// or "
              "socks5h:// and a host");
}

/* ---- [model.NAME] ---- */

static void
check_model_providers(struct checker *checker, const struct config_model *model,
                      const struct config_origin *origin)
{
    const struct config *config = checker->config;
    for (unsigned i = 0; i < model->providers.count; i++) {
        const char *name = model->providers.items[i];
        struct buf words, hint;
        bool found = false;
        buf_init(&words, 0);
        buf_init(&hint, 0);
        for (unsigned p = 0; p < config->provider_count; p++) {
            found |= strcmp(config->providers[p].name, name) == 0;
            buf_printf(&words, "%s|", config->providers[p].name);
        }
        config_suggest(name, buf_cstr(&words), &hint);
        if (!found)
            fault(checker, CONFIG_SECTION_model, origin, "providers",
                  "there is no provider \"%.80s\"%s", name, buf_cstr(&hint));
        buf_fini(&words);
        buf_fini(&hint);
    }
}

/* All names of models and aliases, each with the section that has it. */
struct name_use {
    const char *name;
    unsigned model;
    bool is_alias;
};

static int
name_use_compare(const void *a, const void *b)
{
    const struct name_use *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : (int)x->is_alias - (int)y->is_alias;
}

static void
check_model_names(struct checker *checker)
{
    const struct config *config = checker->config;
    size_t count = 0, n = 0;
    for (unsigned i = 0; i < config->model_count; i++)
        count += 1 + config->models[i].alias.count;
    struct name_use *uses = calloc(count + 1, sizeof(*uses));
    if (uses == NULL) {
        config_fault(checker->error, checker->origins->path, 0,
                     "out of memory");
        checker->faults++;
        return;
    }
    for (unsigned i = 0; i < config->model_count; i++) {
        const struct config_model *model = &config->models[i];
        uses[n++] = (struct name_use){model->name, i, false};
        for (unsigned j = 0; j < model->alias.count; j++)
            uses[n++] = (struct name_use){model->alias.items[j], i, true};
    }
    qsort(uses, n, sizeof(*uses), name_use_compare);
    for (size_t i = 1; i < n; i++)
        if (strcmp(uses[i - 1].name, uses[i].name) == 0)
            fault(checker, CONFIG_SECTION_model,
                  &checker->origins->named[CONFIG_SECTION_model][uses[i].model],
                  "alias", "\"%.127s\" is also %s model %.127s", uses[i].name,
                  uses[i - 1].is_alias ? "an alias of" : "the name of",
                  config->models[uses[i - 1].model].name);
    free(uses);
}

static void
check_model(struct checker *checker, const struct config_model *model,
            const struct config_origin *origin)
{
    const char *reason = model_name_fault(model->name);
    if (reason != NULL)
        fault(checker, CONFIG_SECTION_model, origin, NULL, "%s", reason);
    for (unsigned i = 0; i < model->alias.count; i++) {
        reason = model_name_fault(model->alias.items[i]);
        if (reason != NULL)
            fault(checker, CONFIG_SECTION_model, origin, "alias", "%s", reason);
    }
    check_model_providers(checker, model, origin);
}

bool
config_check(struct config *config, const struct config_origins *origins,
             struct buf *error)
{
    struct checker checker = {
        .config = config, .origins = origins, .error = error};
    check_server(&checker);
    check_addresses(&checker, CONFIG_SECTION_admin,
                    &origins->single[CONFIG_SECTION_admin], "listen",
                    &config->admin.listen);
    check_addresses(&checker, CONFIG_SECTION_admin,
                    &origins->single[CONFIG_SECTION_admin], "tls_listen",
                    &config->admin.tls_listen);
    for (unsigned i = 0; i < config->provider_count; i++)
        check_provider(&checker, &config->providers[i],
                       &origins->named[CONFIG_SECTION_provider][i]);
    for (unsigned i = 0; i < config->model_count; i++)
        check_model(&checker, &config->models[i],
                    &origins->named[CONFIG_SECTION_model][i]);
    check_model_names(&checker);
    bool layers = config_check_layers(config, origins, error);
    bool guards = config_check_guards(config, origins, error);
    return layers && guards && checker.faults == 0;
}
