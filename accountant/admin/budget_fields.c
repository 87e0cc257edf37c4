/*
 * budget_fields.c - see budget_fields.h.
 *
 * Only unit, period and limit are set here; the store gives a new budget its
 * baseline and its period's end, and leaves those of an old one alone.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/budget_fields.h"

#include <stdio.h>
#include <string.h>

#include "accountant/admin/value.h"

/* Below this no sum with a baseline can overflow. */
static const uint64_t limit_max = UINT64_C(1) << 61;

/* {unit, period, limit}; *removes: the limit is null. */
static bool
budget_read(const cJSON *value, const char *path, struct budget *budget,
            bool *removes, struct admin_error *error)
{
    char name[96];
    const cJSON *unit = NULL, *period = NULL, *limit = NULL;
    *budget = (struct budget){.unit = SHM_TOKENS};
    if (!value_members(value, path, "unit period limit", error))
        return false;
    unit = cJSON_GetObjectItemCaseSensitive(value, "unit");
    period = cJSON_GetObjectItemCaseSensitive(value, "period");
    limit = cJSON_GetObjectItemCaseSensitive(value, "limit");
    snprintf(name, sizeof(name), "%s.unit", path);
    if (unit != NULL &&
        !value_word(unit, name, words_unit, &budget->unit, error))
        return false;
    snprintf(name, sizeof(name), "%s.period", path);
    if (!value_word(period, name, words_period, &budget->period, error))
        return false;
    snprintf(name, sizeof(name), "%s.limit", path);
    *removes = cJSON_IsNull(limit);
    if (*removes)
        return true;
    if (budget->unit == SHM_NANO) {
        if (!value_money(limit, name, &budget->limit, error))
            return false;
        if (budget->limit < 0 || (uint64_t)budget->limit > limit_max)
            return admin_error_field(error, name,
                                     "'%s' must be 0 or more, and below "
                                     "2300000000.",
                                     name);
        return true;
    }
    uint64_t tokens = 0;
    if (!value_u64(limit, name, limit_max, &tokens, error))
        return false;
    budget->limit = (int64_t)tokens;
    return true;
}

static struct budget *
budget_find(struct budget budgets[SHM_BUDGETS], uint32_t unit, uint32_t period)
{
    for (int i = 0; i < SHM_BUDGETS; i++)
        if (budgets[i].period == period &&
            (period == SHM_PERIOD_NONE || budgets[i].unit == unit))
            return &budgets[i];
    return NULL;
}

bool
budgets_replace(const cJSON *value, struct budget budgets[SHM_BUDGETS],
                struct admin_error *error)
{
    struct budget old[SHM_BUDGETS];
    const cJSON *item = NULL;
    int count = 0;
    memcpy(old, budgets, sizeof(old));
    memset(budgets, 0, SHM_BUDGETS * sizeof(*budgets));
    if (cJSON_IsNull(value))
        return true;
    if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) > SHM_BUDGETS)
        return admin_error_field(error, "budgets",
                                 "'budgets' must be a list of at most %d "
                                 "{unit, period, limit}.",
                                 SHM_BUDGETS);
    cJSON_ArrayForEach(item, value)
    {
        char path[32];
        struct budget budget;
        bool removes = false;
        snprintf(path, sizeof(path), "budgets[%d]", count);
        if (!budget_read(item, path, &budget, &removes, error))
            return false;
        if (removes)
            return admin_error_field(error, path,
                                     "'%s.limit' must be a number: what is "
                                     "not in the list is removed.",
                                     path);
        if (budget_find(budgets, budget.unit, budget.period) != NULL)
            return admin_error_field(error, path,
                                     "'%s' has unit and period of an earlier "
                                     "one.",
                                     path);
        const struct budget *same =
            budget_find(old, budget.unit, budget.period);
        budgets[count] = same == NULL ? budget : *same;
        budgets[count++].limit = budget.limit;
    }
    return true;
}

static bool
set_one(const cJSON *value, struct budget budgets[SHM_BUDGETS],
        struct admin_error *error)
{
    struct budget budget;
    bool removes = false;
    if (!budget_read(value, "set_budget", &budget, &removes, error))
        return false;
    struct budget *place = budget_find(budgets, budget.unit, budget.period);
    if (removes) {
        if (place != NULL)
            memset(place, 0, sizeof(*place));
        return true;
    }
    if (place == NULL) {
        place = budget_find(budgets, 0, SHM_PERIOD_NONE);
        if (place == NULL)
            return admin_error_field(error, "set_budget",
                                     "There are %d budgets already, the most "
                                     "there can be.",
                                     SHM_BUDGETS);
        *place = budget;
    }
    place->limit = budget.limit;
    return true;
}

bool
budgets_set_one(const cJSON *value, struct budget budgets[SHM_BUDGETS],
                struct admin_error *error)
{
    const cJSON *item = NULL;
    if (!cJSON_IsArray(value))
        return set_one(value, budgets, error);
    cJSON_ArrayForEach(item, value)
    {
        if (!set_one(item, budgets, error))
            return false;
    }
    return true;
}
