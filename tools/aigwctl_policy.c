/*
 * aigwctl_policy.c - see aigwctl_policy.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_policy.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/money.h"

int64_t
duration_ms(const char *text)
{
    static const struct {
        char letter;
        int64_t ms;
    } units[] = {{'s', 1000},
                 {'m', 60 * 1000},
                 {'h', 3600 * 1000},
                 {'d', 24 * 3600 * 1000},
                 {'w', 7 * 24 * 3600 * INT64_C(1000)}};
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 6 || strlen(text) != digits + 1)
        return 0;
    for (unsigned i = 0; i < ARRAY_LEN(units); i++)
        if (units[i].letter == text[digits])
            return atoll(text) * units[i].ms;
    return 0;
}

cJSON *
list_of(const char *text)
{
    cJSON *list = cJSON_CreateArray();
    while (*text != '\0') {
        size_t len = strcspn(text, ",");
        struct str item = str_trim(str_make(text, len));
        char *copy = item.len == 0 ? NULL : strndup(item.ptr, item.len);
        if (copy != NULL)
            cJSON_AddItemToArray(list, cJSON_CreateString(copy));
        free(copy);
        text += len + (text[len] == ',');
    }
    return list;
}

static bool
quota_is_valid(const char *quota, bool is_money, struct buf *error)
{
    int64_t nano = 0;
    bool valid = is_money
                     ? money_parse(str_from(quota), 9, &nano) == 0 && nano >= 0
                     : *quota != '\0' && strlen(quota) <= 18 &&
                           strspn(quota, "0123456789") == strlen(quota);
    if (!valid)
        buf_printf(error,
                   is_money ? "--quota must be an amount as 25 or 12.50, not "
                              "'%s'."
                            : "--quota must be a whole number of tokens, not "
                              "'%s' (for money add --unit currency).",
                   quota);
    return valid;
}

bool
policy_add_budget(cJSON *body, const struct arguments *args, struct buf *error)
{
    const char *quota = argument(args, "quota");
    const char *period = argument(args, "period");
    const char *unit = argument(args, "unit");
    bool removes = argument_given(args, "remove");
    if (quota == NULL && !removes) {
        if (period == NULL && unit == NULL)
            return true;
        buf_append_cstr(error, "--period and --unit need --quota N.");
        return false;
    }
    if (quota != NULL && removes) {
        buf_append_cstr(error, "Give --quota or --remove, not both.");
        return false;
    }
    bool is_money = unit != NULL && strcmp(unit, "currency") == 0;
    if (quota != NULL && !quota_is_valid(quota, is_money, error))
        return false;
    cJSON *budget = cJSON_AddObjectToObject(body, "set_budget");
    cJSON_AddStringToObject(budget, "unit", unit == NULL ? "tokens" : unit);
    cJSON_AddStringToObject(budget, "period",
                            period == NULL ? "total" : period);
    /* As text: no digit is lost in a double. */
    if (removes)
        cJSON_AddNullToObject(budget, "limit");
    else
        cJSON_AddStringToObject(budget, "limit", quota);
    return true;
}

bool
policy_add_expiry(cJSON *body, const char *text, struct buf *error)
{
    int64_t ms = duration_ms(text);
    char when[32];
    if (strcmp(text, "never") == 0) {
        cJSON_AddNullToObject(body, "expires_at");
        return true;
    }
    if (ms > 0)
        ms += clock_wall_ms();
    else if (clock_parse_rfc3339(text, &ms) != 0) {
        buf_printf(error,
                   "'%s' is no time: say 30d, 12h, never, 2027-01-31 or "
                   "2027-01-31T12:00:00Z.",
                   text);
        return false;
    }
    clock_format_rfc3339(ms, when);
    cJSON_AddStringToObject(body, "expires_at", when);
    return true;
}

bool
policy_has_limits(const struct arguments *args)
{
    return argument_given(args, "rpm") || argument_given(args, "tpm") ||
           argument_given(args, "concurrency");
}

bool
policy_add_limits(cJSON *body, const struct arguments *args, struct buf *error)
{
    static const char *const names[] = {"rpm", "tpm", "concurrency"};
    const char *model = argument(args, "model");
    if (model != NULL) {
        body = cJSON_AddObjectToObject(body, "model_limits");
        body = cJSON_AddObjectToObject(body, model);
    }
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = argument(args, names[i]);
        if (value == NULL)
            continue;
        if (strcmp(value, "none") == 0) {
            cJSON_AddNullToObject(body, names[i]);
        } else if (*value != '\0' &&
                   strspn(value, "0123456789") == strlen(value)) {
            cJSON_AddStringToObject(body, names[i], value);
        } else {
            buf_printf(error, "--%s must be a number or 'none', not '%s'.",
                       names[i], value);
            return false;
        }
    }
    return true;
}

void
policy_add_models(cJSON *body, const char *list)
{
    if (strcmp(list, "all") == 0)
        cJSON_AddNullToObject(body, "models");
    else
        cJSON_AddItemToObject(body, "models", list_of(list));
}

bool
policy_add_acl(cJSON *body, const struct arguments *args, struct buf *error)
{
    const char *allow = argument(args, "ip-allow");
    const char *deny = argument(args, "ip-deny");
    bool off = argument_given(args, "off");
    if ((allow != NULL) + (deny != NULL) + off > 1) {
        buf_append_cstr(error, "Give one of --ip-allow, --ip-deny and --off.");
        return false;
    }
    if (allow == NULL && deny == NULL && !off)
        return true;
    if (off) {
        cJSON_AddNullToObject(body, "ip_acl");
        return true;
    }
    cJSON *acl = cJSON_AddObjectToObject(body, "ip_acl");
    cJSON_AddBoolToObject(acl, "enabled", true);
    cJSON_AddStringToObject(acl, "type", allow != NULL ? "allow" : "deny");
    cJSON_AddItemToObject(acl, "addresses",
                          list_of(allow != NULL ? allow : deny));
    return true;
}

static bool
add_tags(cJSON *body, const struct arguments *args, struct buf *error)
{
    cJSON *tags = NULL;
    const char *tag;
    for (unsigned i = 0; (tag = argument_nth(args, "tag", i)) != NULL; i++) {
        size_t len = strcspn(tag, "=");
        char name[128];
        if (len == 0 || len >= sizeof(name) || tag[len] != '=') {
            buf_printf(error, "--tag must be NAME=TEXT, not '%s'.", tag);
            return false;
        }
        memcpy(name, tag, len);
        name[len] = '\0';
        if (tags == NULL)
            tags = cJSON_AddObjectToObject(body, "tags");
        cJSON_DeleteItemFromObjectCaseSensitive(tags, name);
        cJSON_AddStringToObject(tags, name, tag + len + 1);
    }
    return true;
}

bool
policy_add_all(cJSON *body, const struct arguments *args, struct buf *error)
{
    static const struct {
        const char *flag, *member;
    } words[] = {{"on-exhausted", "on_exhausted"},
                 {"hold", "hold"},
                 {"crash-charge", "crash_charge"}};
    const char *expires = argument(args, "expires");
    const char *models = argument(args, "models");
    for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
        const char *value = argument(args, words[i].flag);
        if (value != NULL)
            cJSON_AddStringToObject(body, words[i].member, value);
    }
    if (models != NULL)
        policy_add_models(body, models);
    return policy_add_budget(body, args, error) &&
           (expires == NULL || policy_add_expiry(body, expires, error)) &&
           policy_add_limits(body, args, error) &&
           policy_add_acl(body, args, error) &&
           policy_add_settings(body, args, error) &&
           add_tags(body, args, error);
}
