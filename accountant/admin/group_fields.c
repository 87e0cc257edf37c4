/*
 * group_fields.c - see group_fields.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/group_fields.h"

#include <string.h>

#include "accountant/admin/budget_fields.h"
#include "accountant/admin/limit_fields.h"
#include "accountant/admin/settings_fields.h"
#include "accountant/admin/value.h"

#define LIMIT_MAX (UINT64_C(1) << 48)
/* A thousandth to a thousand, in nano as money is read. */
#define RATIO_MIN INT64_C(1000000)
#define RATIO_MAX INT64_C(1000000000000)

static const cJSON *
member(const cJSON *body, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(body, name);
}

static bool
apply_limit(const cJSON *body, const char *name, uint64_t max, uint64_t *limit,
            struct admin_error *error)
{
    const cJSON *value = member(body, name);
    return value == NULL || value_limit(value, name, max, limit, error);
}

/* null: 1. */
static bool
apply_ratio(const cJSON *body, const char *name, uint32_t *ratio,
            struct admin_error *error)
{
    const cJSON *value = member(body, name);
    int64_t nano = INT64_C(1000000000);
    if (value == NULL)
        return true;
    if (!cJSON_IsNull(value) && !value_money(value, name, &nano, error))
        return false;
    if (nano < RATIO_MIN || nano > RATIO_MAX || nano % 1000 != 0)
        return admin_error_field(error, name,
                                 "'%s' is from 0.001 to 1000 and has at most "
                                 "six decimals; null: 1.",
                                 name);
    *ratio = nano == INT64_C(1000000000) ? 0 : (uint32_t)(nano / 1000);
    return true;
}

/* null: none. */
static bool
apply_alert(const cJSON *body, int64_t *below, struct admin_error *error)
{
    const cJSON *value = member(body, "balance_alert");
    int64_t nano = 0;
    if (value == NULL)
        return true;
    if (!cJSON_IsNull(value)) {
        if (!value_money(value, "balance_alert", &nano, error))
            return false;
        if (nano <= 0)
            return admin_error_field(error, "balance_alert",
                                     "'balance_alert' must be above 0; null: "
                                     "none.");
    }
    *below = nano;
    return true;
}

static bool
apply_settings(const cJSON *body, const struct store *store,
               struct group *group, struct admin_error *error)
{
    const cJSON *settings = member(body, "settings");
    char text[SETTINGS_TEXT_MAX];
    if (settings == NULL)
        return true;
    if (!settings_apply(settings, store, group->settings, text, error))
        return false;
    memcpy(group->settings, text, sizeof(text));
    return true;
}

static bool
apply_enabled(const cJSON *body, bool *disabled, struct admin_error *error)
{
    const cJSON *value = member(body, "enabled");
    bool enabled;
    if (value == NULL)
        return true;
    if (!value_bool(value, "enabled", &enabled, error))
        return false;
    *disabled = !enabled;
    return true;
}

bool
group_fields_apply(const cJSON *body, const struct store *store,
                   struct group *group, struct admin_error *error)
{
    uint64_t concurrency = group->concurrency;
    if (!value_members(body, "",
                       "name enabled prepaid budgets set_budget rpm tpm "
                       "concurrency model_limits rpm_ratio tpm_ratio "
                       "balance_alert settings",
                       error))
        return false;
    const cJSON *prepaid = member(body, "prepaid");
    const cJSON *budgets = member(body, "budgets");
    const cJSON *one = member(body, "set_budget");
    const cJSON *limits = member(body, "model_limits");
    bool good =
        (limits == NULL ||
         model_limits_apply(limits, store, &group->model_limits, error)) &&
        apply_enabled(body, &group->disabled, error) &&
        (prepaid == NULL ||
         value_bool(prepaid, "prepaid", &group->prepaid, error)) &&
        (budgets == NULL || budgets_replace(budgets, group->budgets, error)) &&
        (one == NULL || budgets_set_one(one, group->budgets, error)) &&
        apply_limit(body, "rpm", LIMIT_MAX, &group->rpm, error) &&
        apply_limit(body, "tpm", LIMIT_MAX, &group->tpm, error) &&
        apply_limit(body, "concurrency", 1000000, &concurrency, error) &&
        apply_ratio(body, "rpm_ratio", &group->ratio[SHM_RATIO_RPM], error) &&
        apply_ratio(body, "tpm_ratio", &group->ratio[SHM_RATIO_TPM], error) &&
        apply_alert(body, &group->alert_below_nano, error) &&
        apply_settings(body, store, group, error);
    group->concurrency = (uint32_t)concurrency;
    return good;
}
