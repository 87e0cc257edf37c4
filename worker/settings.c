/*
 * settings.c - see settings.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/settings.h"

#include <errno.h>

#include "shm/limit.h"
#include "worker/error_reply.h"
#include "worker/request_universal.h"

enum { KEY_TRIES = 16 };

/* ---- the head's layer ---- */

/* Names that clients of Cloudflare's had before, and still send. */
static const struct {
    struct str name;
    enum setting setting;
} old_names[] = {
    {STR_LIT("cf-cache-ttl"), SETTING_CACHE_TTL},
    {STR_LIT("cf-skip-cache"), SETTING_SKIP_CACHE},
};

/* Nearly all fields are none of ours: "cf-" or "x-aigw-". */
static bool
may_be_setting(struct str name)
{
    if (name.len < 10)
        return false;
    const char *p = name.ptr;
    return p[2] == '-' ? (p[0] | 0x20) == 'c' && (p[1] | 0x20) == 'f'
                       : p[6] == '-' && p[1] == '-' && (p[0] | 0x20) == 'x';
}

static int
find_setting(struct str name)
{
    for (int i = 0; i < SETTINGS; i++)
        if (str_equals_nocase(name, str_from(setting_rows[i].cf_header)) ||
            str_equals_nocase(name, str_from(setting_rows[i].own_header)))
            return i;
    for (size_t i = 0; i < ARRAY_LEN(old_names); i++)
        if (str_equals_nocase(name, old_names[i].name))
            return (int)old_names[i].setting;
    return -1;
}

static int
put_field(struct request *request, struct settings *layer, int setting,
          const struct http_field *field, struct fault *fault)
{
    struct buf reason;
    buf_init(&reason, 0);
    int r =
        settings_put(layer, (enum setting)setting, field->value,
                     catalogue_provider_number, request->catalogue, &reason);
    if (r < 0) {
        fault_set(fault, 400, "invalid_request_error", "invalid_field", NULL,
                  "the field `%.*s` is not understood: %s",
                  STR_ARG(field->name), buf_cstr(&reason));
        fault->no_retry = true;
    }
    buf_fini(&reason);
    /* As with Cloudflare: who wants no stored answer says cf-aig-skip-cache. */
    if (r == 0 && setting == SETTING_CACHE_TTL &&
        layer->values[SETTING_CACHE_TTL] == 0)
        layer->set &= ~(UINT64_C(1) << SETTING_CACHE_TTL);
    return r;
}

/* 0 with what the head says, mostly nothing; -1 with *fault. */
static int
read_head(struct request *request, struct settings *layer, struct fault *fault)
{
    const struct http_head *head = request->head;
    for (unsigned i = 0; i < head->field_count; i++) {
        const struct http_field *field = &head->fields[i];
        if (!may_be_setting(field->name))
            continue;
        int setting = find_setting(field->name);
        if (setting >= 0 &&
            put_field(request, layer, setting, field, fault) < 0)
            return -1;
    }
    return 0;
}

/* ---- the layers below ---- */

static int
read_entry(struct request *request, bool of_group, struct settings *layer,
           struct fault *fault)
{
    const struct segment *segment = request->worker->heritage->segment;
    uint32_t flags = of_group ? request->key.group_flags : request->key.flags;
    layer->set = 0;
    int r = -ESTALE;
    for (int tries = 0; tries < KEY_TRIES && r == -ESTALE; tries++) {
        if ((flags & SHM_KEY_HAS_SETTINGS) == 0)
            return 0;
        r = key_table_settings(segment, &request->key, of_group, layer);
        if (r == 0)
            return 0;
        if (r == -ESTALE && auth_check_again(request, fault) < 0)
            return -1;
        flags = of_group ? request->key.group_flags : request->key.flags;
    }
    fault_set_overloaded(fault, "the key is being changed");
    return -1;
}

/* A group's own goes before one of that name which is everybody's. */
static const struct catalogue_gateway *
profile_of(const struct request *request, uint32_t hash)
{
    const struct catalogue_gateway *own = catalogue_find_own_gateway(
        request->catalogue, hash, request->key.group_id);
    return own != NULL ? own : catalogue_find_gateway(request->catalogue, hash);
}

/* The one that a layer names, or NULL. */
static const struct catalogue_gateway *
profile_in(const struct request *request, const struct settings *layer)
{
    return settings_has(layer, SETTING_GATEWAY)
               ? profile_of(request, layer->values[SETTING_GATEWAY])
               : NULL;
}

/* By the key, its group, the call, its path or the server: the first that names
 * one that there is. Who calls must not leave the guardrails and limits of the
 * profile that his key was given, by naming another. *by_caller: who calls has
 * chosen it. */
static const struct catalogue_gateway *
find_gateway(const struct request *request, const struct settings *call,
             const struct settings *key, const struct settings *group,
             bool *by_caller)
{
    const struct catalogue_gateway *found = profile_in(request, key);
    uint32_t hash = settings_has(call, SETTING_GATEWAY)
                        ? call->values[SETTING_GATEWAY]
                        : request->gateway_hash;
    if (found == NULL)
        found = profile_in(request, group);
    if (found != NULL)
        return found;
    if (hash != 0 && hash == request->gateway_hash)
        found = catalogue_find_gateway(request->catalogue,
                                       request->account_gateway_hash);
    if (hash != 0 && found == NULL)
        found = profile_of(request, hash);
    *by_caller = found != NULL;
    return found != NULL ? found
                         : profile_in(request, &request->catalogue->settings);
}

/* A group's profile is for its keys. */
static bool
may_use(const struct request *request, struct fault *fault)
{
    const struct catalogue_gateway *gateway = request->gateway;
    if (gateway->group_id == 0 || !gateway->authentication ||
        gateway->group_id == request->key.group_id)
        return true;
    fault_set(fault, 401, "authentication_error", "invalid_api_key", NULL,
              "this gateway takes keys of its own group only");
    fault->no_retry = true;
    return false;
}

static void
put_value(struct settings *layer, enum setting setting, uint32_t value)
{
    layer->values[setting] = value;
    layer->set |= UINT64_C(1) << setting;
}

/* The `config` of a step of the universal endpoint: above the head. */
static void
put_step(const struct request *request, struct settings *layer)
{
    const struct attempt_policy *policy =
        request->universal == NULL ? NULL
                                   : universal_policy(request->universal);
    if (policy == NULL)
        return;
    if (policy->request_timeout_ms > 0)
        put_value(layer, SETTING_REQUEST_TIMEOUT, policy->request_timeout_ms);
    if (policy->max_attempts > 0)
        put_value(layer, SETTING_MAX_ATTEMPTS, policy->max_attempts);
    if (policy->has_retry_delay)
        put_value(layer, SETTING_RETRY_DELAY, policy->retry_delay_ms);
    if (policy->backoff != ATTEMPT_BACKOFF_UNSET)
        put_value(layer, SETTING_RETRY_BACKOFF,
                  policy->backoff - ATTEMPT_BACKOFF_CONSTANT);
}

static uint64_t
text_name(const struct request *request, struct str text, uint32_t what)
{
    return limit_name_of_text(request->worker->heritage->secrets->hash_seed,
                              text, what);
}

/* Of the layers that are not there for everybody. */
static void
add_windows(struct request *request, const struct settings *key,
            const struct settings *group)
{
    const struct key_view *view = &request->key;
    const struct catalogue_gateway *gateway = request->gateway;
    if (settings_has(group, SETTING_RATE_LIMIT))
        limits_add_window(
            request, group,
            limit_name(view->group_entry, view->group_tag, LIMIT_WINDOW));
    if (gateway != NULL && settings_has(&gateway->settings, SETTING_RATE_LIMIT))
        limits_add_window(
            request, &gateway->settings,
            text_name(request, str_from(gateway->name), LIMIT_GATEWAY));
    if (settings_has(key, SETTING_RATE_LIMIT))
        limits_add_window(request, key,
                          limit_name(view->entry, view->tag, LIMIT_WINDOW));
}

/* Who calls may not lift limits by naming a profile that is a shadow. */
static void
merge_profile(struct settings *settings, const struct settings *profile,
              bool by_caller)
{
    uint32_t shadow = settings->values[SETTING_SHADOW];
    settings_merge(settings, profile);
    if (by_caller && shadow == 0)
        settings->values[SETTING_SHADOW] = 0;
}

/* A call may ask for more privacy than it has to have, and for no less. */
static void
merge_call(struct settings *settings, const struct settings *call)
{
    uint32_t zdr = settings->values[SETTING_ZDR];
    settings_merge(settings, call);
    settings->values[SETTING_ZDR] |= zdr;
}

static bool
has_limits(const struct settings *settings)
{
    return (settings->values[SETTING_SHADOW] |
            settings->values[SETTING_CUT_ON_REVOKE]) != 0;
}

int
settings_resolve(struct request *request, struct fault *fault)
{
    const uint32_t flags = request->key.flags | request->key.group_flags;
    struct settings call, key, group;
    call.set = key.set = group.set = 0;
    bool by_caller = false;
    request->settings = &request->catalogue->settings;
    request->gateway = NULL;
    if (read_head(request, &call, fault) < 0)
        return -1;
    put_step(request, &call);
    if ((flags & SHM_KEY_HAS_SETTINGS) != 0 &&
        (read_entry(request, false, &key, fault) < 0 ||
         read_entry(request, true, &group, fault) < 0))
        return -1;
    if (request->catalogue->gateway_count > 0)
        request->gateway =
            find_gateway(request, &call, &key, &group, &by_caller);
    if (UNLIKELY(request->gateway != NULL) && !may_use(request, fault))
        return -1;
    if (UNLIKELY(request->settings->values[SETTING_RATE_LIMIT] != 0))
        limits_add_window(request, request->settings,
                          text_name(request, STR_LIT("server"), LIMIT_WINDOW));
    if (UNLIKELY(has_limits(request->settings)))
        limits_configure(request);
    if ((call.set | key.set | group.set) == 0 && request->gateway == NULL)
        return 0;
    add_windows(request, &key, &group);
    request->own_settings = request->catalogue->settings;
    settings_merge(&request->own_settings, &group);
    if (request->gateway != NULL)
        merge_profile(&request->own_settings, &request->gateway->settings,
                      by_caller);
    settings_merge(&request->own_settings, &key);
    merge_call(&request->own_settings, &call);
    request->settings = &request->own_settings;
    limits_configure(request);
    return 0;
}
