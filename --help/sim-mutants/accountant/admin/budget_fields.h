/*
 * budget_fields.h - budgets out of a management body, for keys and groups.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_BUDGET_FIELDS_H
#define AIGW_ACCOUNTANT_ADMIN_BUDGET_FIELDS_H

#include <cjson/cJSON.h>

#include "accountant/admin/admin_error.h"
#include "accountant/store.h"

/* "budgets": [{unit, period, limit}]: replaces all; null or [] removes all. */
bool budgets_replace(const cJSON *value, struct budget budgets[SHM_BUDGETS],
                     struct admin_error *error) MUST_CHECK;
/* "set_budget": {unit, period, limit}: adds or replaces one; limit null removes
 * it. */
bool budgets_set_one(const cJSON *value, struct budget budgets[SHM_BUDGETS],
                     struct admin_error *error) MUST_CHECK;

#endif
