/*
 * config_fields.h - sections of the configuration as JSON: one member for each
 * option of the table (common/config_options.h), so that an option which is
 * added there is in the API at once.
 *
 * Yes and no are true and false, numbers are numbers, lists are arrays, times a
 * text as "30s" (a number is taken as ms), prices decimal numbers or texts.
 * Whatever aigw.ini would have is taken as a text, too, but for ${ENV}, file:
 * and cred:. null: not set. Secrets are shown by their last four characters.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_CONFIG_FIELDS_H
#define AIGW_ACCOUNTANT_ADMIN_CONFIG_FIELDS_H

#include <cjson/cJSON.h>

#include "accountant/admin/admin_error.h"
#include "accountant/managed.h"
#include "common/json_write.h"

/* Members besides "name", onto what `managed` has; whether they fit to all the
 * rest is seen by store_manage(). `base`: for what only the file may allow. */
bool config_fields_apply(const cJSON *body, const struct config *base,
                         struct managed *managed,
                         struct admin_error *error) MUST_CHECK;
/* Every option of a section's struct. */
void config_fields_to_json(struct json_writer *json,
                           enum config_section section, const void *fields);
/* One option, of whatever type; its value alone. */
void config_value_to_json(struct json_writer *json,
                          const struct config_option *option,
                          const void *fields);
void config_field_to_json(struct json_writer *json,
                          const struct config_option *option,
                          const void *fields);

#endif
