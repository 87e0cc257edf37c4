/*
 * config_check_layers.c - what credentials, endpoints, profiles and settings name is
 * there.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/config_part.h"
#include "common/spend_rule.h"

#include <stdio.h>
#include <string.h>

enum {
    PROVIDER_NAME_BYTES = 64,
    GATEWAY_NAME_MAX = 64,
    GATEWAY_PATH_MAX = 127
};

struct check {
    struct config *config;
    const struct config_origins *origins;
    struct buf *error;
    bool failed;
};

static void PRINTF_LIKE(5, 6)
    fault(struct check *check, enum config_section section,
          const struct config_origin *origin, const char *option,
          const char *format, ...)
{
    char reason[512];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    config_fault_at(check->error, check->origins->path, section, origin, option,
                    reason);
    check->failed = true;
}

/* Whether a provider's list has it. */
static bool
any_lists(const struct config *config, const char *model)
{
    for (unsigned i = 0; i < config->provider_count; i++) {
        const struct config_list *models = &config->providers[i].models;
        for (unsigned n = 0; n < models->count; n++)
            if (strcmp(models->items[n], model) == 0)
                return true;
    }
    return false;
}

/* ---- [credential.PROVIDER/NAME] ---- */

/* The provider of "PROVIDER/NAME", or NULL; *len: of its name. */
static const struct config_provider *
provider_of_name(const struct config *config, const char *name, size_t *len)
{
    *len = strcspn(name, "/");
    for (unsigned i = 0; i < config->provider_count; i++) {
        const char *own = config->providers[i].name;
        if (strlen(own) == *len && memcmp(own, name, *len) == 0)
            return &config->providers[i];
    }
    return NULL;
}

/* A list of private_keys is hashes of names. */
static void
check_others(struct check *check, unsigned idx, size_t provider_len,
             const struct config_origin *origin)
{
    const struct config *config = check->config;
    const char *name = config->credentials[idx].name;
    uint32_t hash = settings_name_hash(str_from(name + provider_len + 1));
    unsigned count = 1;
    for (unsigned i = 0; i < idx; i++) {
        const char *other = config->credentials[i].name;
        if (strncmp(other, name, provider_len + 1) != 0)
            continue;
        count++;
        if (settings_name_hash(str_from(other + provider_len + 1)) == hash)
            fault(check, CONFIG_SECTION_credential, origin, NULL,
                  "its name looks like that of %.127s: choose another", other);
    }
    if (count == CONFIG_CREDENTIALS_MAX)
        fault(check, CONFIG_SECTION_credential, origin, NULL,
              "a provider has at most %d credentials beside its own api_key",
              CONFIG_CREDENTIALS_MAX - 1);
}

static void
check_credential(struct check *check, unsigned idx,
                 const struct config_origin *origin)
{
    const enum config_section section = CONFIG_SECTION_credential;
    const struct config_credential *credential =
        &check->config->credentials[idx];
    const char *full = credential->name;
    size_t len;
    const struct config_provider *provider =
        provider_of_name(check->config, full, &len);
    const char *name = full[len] == '\0' ? "" : full + len + 1;
    size_t name_len = strlen(name);
    if (name_len == 0 || name_len >= CONFIG_CREDENTIAL_NAME_BYTES ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz"
                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") != name_len ||
        strcmp(name, "default") == 0) {
        fault(check, section, origin, NULL,
              "the section is [credential.PROVIDER/NAME]; NAME has at most %d "
              "letters, digits, '-', '_' and '.', and \"default\" is the "
              "provider's own api_key",
              CONFIG_CREDENTIAL_NAME_BYTES - 1);
        return;
    }
    if (provider == NULL)
        fault(check, section, origin, NULL, "there is no provider \"%.*s\"",
              (int)(len < 80 ? len : 80), full);
    else if (provider->kind == PROVIDER_BUILTIN)
        fault(check, section, origin, NULL,
              "provider \"%.80s\" is builtin: it takes no credential",
              provider->name);
    else if (provider->kind != PROVIDER_BEDROCK && credential->region != NULL)
        fault(check, section, origin, "region",
              "only those of bedrock have one");
    if (credential->api_key == NULL)
        fault(check, section, origin, "api_key", "it is missing");
    check_others(check, idx, len, origin);
}

/* ---- [endpoint.PROVIDER/MODEL], settings ---- */

static void
check_endpoint(struct check *check, const struct config_endpoint *endpoint,
               const struct config_origin *origin)
{
    const enum config_section section = CONFIG_SECTION_endpoint;
    char provider[PROVIDER_NAME_BYTES];
    size_t len = strcspn(endpoint->name, "/");
    const char *model = endpoint->name + len + 1;
    if (endpoint->name[len] == '\0' || len >= sizeof(provider)) {
        fault(check, section, origin, NULL,
              "the section is [endpoint.PROVIDER/MODEL]");
        return;
    }
    memcpy(provider, endpoint->name, len);
    provider[len] = '\0';
    if (config_find_provider(check->config, provider) == NULL)
        fault(check, section, origin, NULL, "there is no provider \"%s\"",
              provider);
    if (config_find_model(check->config, model) == NULL &&
        !any_lists(check->config, model))
        fault(check, section, origin, NULL, "there is no model \"%.127s\"",
              model);
}

static int
find_provider(const void *context, struct str name)
{
    const struct config *config = context;
    for (unsigned i = 0; i < config->provider_count; i++)
        if (str_equals(str_from(config->providers[i].name), name))
            return (int)i;
    return -1;
}

static void
check_settings(struct check *check, enum config_section section,
               char *const settings[SETTINGS],
               const struct config_origin *origin)
{
    for (int i = 0; i < SETTINGS; i++) {
        struct settings layer = {0};
        struct buf reason;
        buf_init(&reason, 0);
        if (settings[i] != NULL &&
            settings_put(&layer, (enum setting)i, str_from(settings[i]),
                         find_provider, check->config, &reason) < 0)
            fault(check, section, origin, setting_rows[i].name, "%s",
                  buf_cstr(&reason));
        buf_fini(&reason);
    }
}

static void
check_spend_rules(struct check *check, const struct config_gateway *gateway,
                  const struct config_origin *origin)
{
    const struct config_list *rules = &gateway->spend_rules;
    char ids[SPEND_RULES_MAX][SPEND_ID_BYTES];
    for (unsigned i = 0; i < rules->count && i < SPEND_RULES_MAX; i++) {
        struct spend_rule rule;
        struct buf reason;
        buf_init(&reason, 0);
        if (spend_rule_parse(str_from(rules->items[i]), &rule, &reason) < 0)
            fault(check, CONFIG_SECTION_gateway, origin, "spend_rules", "%s",
                  buf_cstr(&reason));
        for (unsigned n = 0; n < i; n++)
            if (strcmp(ids[n], rule.id) == 0)
                fault(check, CONFIG_SECTION_gateway, origin, "spend_rules",
                      "two rules have the id \"%s\"", rule.id);
        memcpy(ids[i], rule.id, sizeof(ids[i]));
        buf_fini(&reason);
    }
}

/* NAME or GROUP/NAME. */
static bool
is_gateway_name(const char *text)
{
    const char *slash = strrchr(text, '/');
    const char *name = slash == NULL ? text : slash + 1;
    size_t len = strlen(name);
    size_t group = (size_t)(name - text);
    for (size_t i = 0; i < group; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    return len > 0 && len <= GATEWAY_NAME_MAX && group != 1 &&
           group + len <= GATEWAY_PATH_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == len;
}

/* What stands behind GROUP/. */
static const char *
own_name(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash == NULL ? name : slash + 1;
}

/* Whether the other is called, or was called first, by one of these hashes. */
static bool
has_hash(const struct config_gateway *other, uint32_t name, uint32_t former)
{
    uint32_t its = settings_name_hash(str_from(other->name));
    uint32_t was = other->formerly == NULL
                       ? its
                       : settings_name_hash(str_from(other->formerly));
    return its == name || its == former || was == name || was == former;
}

/* Paths, keys and cached answers say a profile by the hash of its name: who may
 * make one must not be asked in another's place. */
static void
check_other_gateways(struct check *check, unsigned idx,
                     const struct config_origin *origin)
{
    const struct config_gateway *gateways = check->config->gateways;
    const char *name = gateways[idx].name, *own = own_name(name);
    const char *former = gateways[idx].formerly;
    uint32_t hash = settings_name_hash(str_from(name));
    uint32_t former_hash =
        former == NULL ? hash : settings_name_hash(str_from(former));
    uint32_t own_hash = settings_name_hash(str_from(own));
    for (unsigned i = 0; i < idx; i++) {
        const char *other = gateways[i].name, *theirs = own_name(other);
        bool one_group = own - name == theirs - other &&
                         memcmp(name, other, (size_t)(own - name)) == 0;
        if (has_hash(&gateways[i], hash, former_hash) ||
            (one_group && settings_name_hash(str_from(theirs)) == own_hash))
            fault(check, CONFIG_SECTION_gateway, origin, NULL,
                  "its name looks like that of another: choose another one");
    }
}

static void
check_gateway(struct check *check, const struct config_gateway *gateway,
              const struct config_origin *origin)
{
    if (!is_gateway_name(gateway->name))
        fault(check, CONFIG_SECTION_gateway, origin, NULL,
              "the name of a gateway is up to %d letters, digits, '-', '_' "
              "and '.', before it GROUP/ where it is a group's",
              GATEWAY_NAME_MAX);
    check_settings(check, CONFIG_SECTION_gateway, gateway->settings, origin);
    check_spend_rules(check, gateway, origin);
}

bool
config_check_layers(struct config *config, const struct config_origins *origins,
                    struct buf *error)
{
    struct check check = {.config = config, .origins = origins, .error = error};
    for (unsigned i = 0; i < config->credential_count; i++)
        check_credential(&check, i,
                         &origins->named[CONFIG_SECTION_credential][i]);
    for (unsigned i = 0; i < config->endpoint_count; i++)
        check_endpoint(&check, &config->endpoints[i],
                       &origins->named[CONFIG_SECTION_endpoint][i]);
    check_settings(&check, CONFIG_SECTION_server, config->server.settings,
                   &origins->single[CONFIG_SECTION_server]);
    for (unsigned i = 0; i < config->gateway_count; i++) {
        const struct config_origin *origin =
            &origins->named[CONFIG_SECTION_gateway][i];
        check_gateway(&check, &config->gateways[i], origin);
        check_other_gateways(&check, i, origin);
    }
    bool prices = config_check_prices(config, origins, error);
    return config_check_routes(config, origins, error) && prices &&
           !check.failed;
}
