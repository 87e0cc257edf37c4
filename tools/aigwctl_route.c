/*
 * aigwctl_route.c - flags that are settings of a key (common/settings_rows.h):
 * its route, cache, retries and log.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"

#include "tools/aigwctl_json.h"
#include "tools/aigwctl_policy.h"

/* The server reads the values: times, numbers, names. */
static const struct {
    const char *flag, *setting;
} flags[] = {
    {"route-type", "route"},
    {"providers", "providers"},
    {"provider-sort", "sort"},
    {"private-keys", "private_keys"},
    {"byok-fallback", "byok_fallback"},
    {"allow-fallbacks", "allow_fallbacks"},
    {"affinity", "affinity"},
    {"cache-ttl", "cache_ttl"},
    {"skip-cache", "skip_cache"},
    {"cache-scope", "cache_scope"},
    {"max-attempts", "max_attempts"},
    {"retry-delay", "retry_delay"},
    {"retry-backoff", "retry_backoff"},
    {"request-timeout", "request_timeout"},
    {"collect-log", "collect_log"},
    {"log-payload", "log_payload"},
};

static bool
is_list(const char *flag)
{
    for (const struct flag *f = ctl_flags; f->name != NULL; f++)
        if (strcmp(f->name, flag) == 0)
            return f->kind == FLAG_LIST;
    return false;
}

/* Of a flag that was given several words, or one with commas. */
static cJSON *
list_value(const struct arguments *args, const char *flag)
{
    cJSON *list = cJSON_CreateArray();
    const char *value;
    for (unsigned i = 0; (value = argument_nth(args, flag, i)) != NULL; i++) {
        cJSON *part = list_of(value), *item;
        while ((item = cJSON_DetachItemFromArray(part, 0)) != NULL)
            cJSON_AddItemToArray(list, item);
        cJSON_Delete(part);
    }
    return list;
}

/* "unset" and "all" leave nothing said. */
static bool
says_nothing(const char *flag, const char *value)
{
    return strcmp(value, "unset") == 0 ||
           (strcmp(flag, "private-keys") == 0 && strcmp(value, "all") == 0);
}

bool
policy_add_settings(cJSON *body, const struct arguments *args,
                    struct buf *error)
{
    const char *route = argument(args, "route-type");
    cJSON *settings = NULL;
    if (route != NULL && strcmp(route, "provider") == 0 &&
        !argument_given(args, "providers")) {
        buf_append_cstr(error,
                        "--route-type provider requires --providers <id...>");
        return false;
    }
    if (route != NULL && strcmp(route, "byok") == 0 &&
        !argument_given(args, "private-keys")) {
        buf_append_cstr(error,
                        "--route-type byok requires --private-keys <alias...> "
                        "(all: every one of the group's own)");
        return false;
    }
    for (unsigned i = 0; i < ARRAY_LEN(flags); i++) {
        const char *value = argument(args, flags[i].flag);
        if (value == NULL)
            continue;
        if (settings == NULL)
            settings = cJSON_AddObjectToObject(body, "settings");
        if (says_nothing(flags[i].flag, value))
            cJSON_AddNullToObject(settings, flags[i].setting);
        else if (is_list(flags[i].flag))
            cJSON_AddItemToObject(settings, flags[i].setting,
                                  list_value(args, flags[i].flag));
        else
            cJSON_AddStringToObject(settings, flags[i].setting, value);
    }
    return true;
}

cJSON *
policy_routing(const cJSON *key)
{
    const cJSON *settings = cJSON_GetObjectItemCaseSensitive(key, "settings");
    cJSON *routing = cJSON_CreateObject();
    json_copy(routing, "routeType", settings, "route");
    json_copy(routing, "providerIds", settings, "providers");
    json_copy(routing, "providerSort", settings, "sort");
    json_copy(routing, "privateKeyAliases", settings, "private_keys");
    if (cJSON_HasObjectItem(routing, "privateKeyAliases"))
        cJSON_AddBoolToObject(routing, "privateKeyOnly",
                              strcmp(json_text(settings, "route"), "byok") ==
                                  0);
    if (routing->child != NULL)
        return routing;
    cJSON_Delete(routing);
    return NULL;
}

int
run_key_set(struct ctl *ctl)
{
    static const char *const members[] = {"settings", NULL};
    struct buf error;
    cJSON *body = cJSON_CreateObject();
    buf_init(&error, 0);
    bool good = policy_add_settings(body, &ctl->args, &error);
    if (good && body->child == NULL) {
        buf_printf(&error, "'%s' needs a flag. See: aigwctl %s --help",
                   ctl->args.command->words, ctl->args.command->words);
        good = false;
    }
    if (!good) {
        cJSON_Delete(body);
        return ctl_refuse_usage(ctl, &error);
    }
    buf_fini(&error);
    return ctl_patch_key(ctl, body, members);
}
