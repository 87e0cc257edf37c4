/*
 * limit_fields.h - the member "model_limits" of a key or group:
 *
 *   {"gpt-4o": {"rpm": 60, "tpm": null, "concurrency": 2}, "o3": null}
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_LIMIT_FIELDS_H
#define AIGW_ACCOUNTANT_ADMIN_LIMIT_FIELDS_H

#include <cjson/cJSON.h>

#include "accountant/admin/admin_error.h"
#include "accountant/model_limits.h"
#include "accountant/store.h"
#include "common/json_write.h"

/* Models and members that are named change, others stay; null removes a limit,
 * a model's, or all. False: error says which member. */
bool model_limits_apply(const cJSON *value, const struct store *store,
                        struct model_limits *limits,
                        struct admin_error *error) MUST_CHECK;
/* The member with its name; NULL: none, {}. */
void model_limits_to_json(struct json_writer *json,
                          const struct model_limits *limits);

#endif
