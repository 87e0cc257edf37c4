/*
 * settings_fields.h - the settings of a key or group between JSON and the text in
 * which they are kept.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_SETTINGS_FIELDS_H
#define AIGW_ACCOUNTANT_ADMIN_SETTINGS_FIELDS_H

#include <cjson/cJSON.h>

#include "accountant/admin/admin_error.h"
#include "accountant/store.h"
#include "common/json_write.h"

/*
 * settings_apply - "settings": {"sort": "price", "providers": ["a", "b"],
 * "cache_ttl": "10m" or 600, "shadow": true, "route": null} over the text `was`
 * (NULL: none): null takes one away, what is not named stays. The new text into
 * `out`. False with the error set.
 */
bool settings_apply(const cJSON *value, const struct store *store,
                    const char *was, char out[SETTINGS_TEXT_MAX],
                    struct admin_error *error) MUST_CHECK;
/* The member "settings" of an object; text NULL or "": {}. */
void settings_to_json(struct json_writer *json, const char *text);

#endif
