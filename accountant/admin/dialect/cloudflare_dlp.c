/*
 * cloudflare_dlp.c - `dlp` of a gateway as native guardrails: each profile of it
 * that has patterns here is a rule for requests, answers, or both. A profile is one
 * of those below by its name, or "pattern:REGEX" (PCRE2); others need Cloudflare's
 * own detection, are kept and find nothing.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "accountant/admin/dialect/cloudflare.h"

static const struct {
    const char *profile, *pattern;
} profiles[] = {
    {"credentials",
     "\\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,251}|"
     "sk-[A-Za-z0-9_-]{20,200}|xox[abpr]-[A-Za-z0-9-]{10,200})\\b|"
     "-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----"},
    {"payment_cards",
     "\\b(?:4[0-9]{3}|5[1-5][0-9]{2}|6011)(?:[ -]?[0-9]{4}){3}\\b|"
     "\\b3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}\\b"},
    {"iban", "\\b[A-Z]{2}[0-9]{2} ?(?:[A-Z0-9]{4} ?){2,7}[A-Z0-9]{1,4}\\b"},
    {"us_social_security",
     "\\b(?!000|666|9[0-9]{2})[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}\\b"},
    {"email_addresses", "\\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}"
                        "(?:\\.[A-Za-z0-9-]{1,63}){1,8}\\b"},
};

static const char *
pattern_of(const char *profile)
{
    static const char own[] = "pattern:";
    if (strncmp(profile, own, sizeof(own) - 1) == 0)
        return profile + sizeof(own) - 1;
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++)
        if (strcasecmp(profiles[i].profile, profile) == 0)
            return profiles[i].pattern;
    return NULL;
}

/* NAME:ACTION:PATTERN behind the others; names differ by their place. */
static void
add_rules(cJSON *rules, const cJSON *policy)
{
    const cJSON *item;
    const char *action =
        strcmp(shape_text(policy, "action"), "BLOCK") == 0 ? "block" : "flag";
    cJSON_ArrayForEach(item, shape_at(policy, "profiles"))
    {
        char rule[2048];
        const char *name = cJSON_IsString(item) ? item->valuestring : "";
        const char *pattern = pattern_of(name);
        if (pattern == NULL || *pattern == '\0')
            continue;
        size_t len = strcspn(name, ":");
        int n = snprintf(rule, sizeof(rule), "dlp-%d-%.*s:%s:%s",
                         cJSON_GetArraySize(rules) + 1,
                         (int)(len < 40 ? len : 40), name, action, pattern);
        if (n < (int)sizeof(rule))
            cJSON_AddItemToArray(rules, cJSON_CreateString(rule));
    }
}

static bool
is_checked(const cJSON *policy, const char *side)
{
    const cJSON *item, *check = shape_at(policy, "check");
    cJSON_ArrayForEach(item, check)
    {
        if (cJSON_IsString(item) && strcmp(item->valuestring, side) == 0)
            return true;
    }
    return false;
}

static cJSON *
rules_of(const cJSON *dlp, const char *side)
{
    cJSON *rules = cJSON_CreateArray();
    const cJSON *policy, *policies = shape_at(dlp, "policies");
    if (!shape_true(dlp, "enabled"))
        return rules;
    if (policies == NULL)
        add_rules(rules, dlp);
    cJSON_ArrayForEach(policy, policies)
    {
        if (shape_true(policy, "enabled") && is_checked(policy, side))
            add_rules(rules, policy);
    }
    return rules;
}

void
cloudflare_dlp_put(cJSON *native, const cJSON *dlp)
{
    cJSON_AddItemToObject(native, "guard_prompt", rules_of(dlp, "REQUEST"));
    cJSON_AddItemToObject(native, "guard_answer", rules_of(dlp, "RESPONSE"));
}

/* ---- checked ---- */

static bool
is_action(const cJSON *policy)
{
    const char *action = shape_text(policy, "action");
    return strcmp(action, "BLOCK") == 0 || strcmp(action, "FLAG") == 0;
}

static void
check_part(const cJSON *part, const char *name, cJSON *faults)
{
    char member[64];
    const cJSON *item;
    snprintf(member, sizeof(member), "%s.enabled", name);
    if (!cJSON_IsBool(shape_at(part, "enabled")))
        cloudflare_fault(faults, member, "enabled is required");
    snprintf(member, sizeof(member), "%s.action", name);
    if (!is_action(part))
        cloudflare_fault(faults, member,
                         "Invalid enum value: action must be BLOCK or FLAG");
    snprintf(member, sizeof(member), "%s.profiles", name);
    const cJSON *list = shape_at(part, "profiles");
    if (!cJSON_IsArray(list))
        cloudflare_fault(faults, member, "profiles must be an array");
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item))
            cloudflare_fault(faults, member, "profiles must be texts");
    }
}

static void
check_sides(const cJSON *policy, const char *name, cJSON *faults)
{
    char member[64];
    const cJSON *item, *check = shape_at(policy, "check");
    snprintf(member, sizeof(member), "%s.check", name);
    if (!cJSON_IsArray(check))
        cloudflare_fault(faults, member, "check must be an array");
    cJSON_ArrayForEach(item, check)
    {
        const char *side = cJSON_IsString(item) ? item->valuestring : "";
        if (strcmp(side, "REQUEST") != 0 && strcmp(side, "RESPONSE") != 0)
            cloudflare_fault(faults, member,
                             "Invalid enum value: REQUEST or RESPONSE");
    }
}

void
cloudflare_dlp_check(const cJSON *dlp, cJSON *faults)
{
    const cJSON *policy, *policies = shape_at(dlp, "policies");
    int number = 0;
    if (!cJSON_IsObject(dlp))
        return;
    if (policies == NULL) {
        check_part(dlp, "dlp", faults);
        return;
    }
    if (!cJSON_IsBool(shape_at(dlp, "enabled")))
        cloudflare_fault(faults, "dlp.enabled", "enabled is required");
    if (!cJSON_IsArray(policies))
        cloudflare_fault(faults, "dlp.policies", "policies must be an array");
    cJSON_ArrayForEach(policy, policies)
    {
        char name[48];
        snprintf(name, sizeof(name), "dlp.policies.%d", number++);
        check_part(policy, name, faults);
        check_sides(policy, name, faults);
    }
}
