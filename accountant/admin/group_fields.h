/*
 * group_fields.h - the members of a group's body.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_GROUP_FIELDS_H
#define AIGW_ACCOUNTANT_ADMIN_GROUP_FIELDS_H

#include <cjson/cJSON.h>

#include "accountant/admin/admin_error.h"
#include "accountant/store.h"

/* Members that are named change, others stay; "name" is the caller's. False:
 * error says which member. */
bool group_fields_apply(const cJSON *body, const struct store *store,
                        struct group *group,
                        struct admin_error *error) MUST_CHECK;

#endif
