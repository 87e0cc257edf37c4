/*
 * key_fields.h - the members of a management body applied to a virtual key.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_KEY_FIELDS_H
#define AIGW_ACCOUNTANT_ADMIN_KEY_FIELDS_H

#include <cjson/cJSON.h>

#include "accountant/admin/admin_error.h"
#include "accountant/store.h"

/*
 * key_fields_apply - edits `key` member by member; what the body does not name
 * stays. False: error says which member; `key` is then half edited and must not
 * be used. "group" is left to key_group_of().
 */
bool key_fields_apply(const cJSON *body, const struct store *store,
                      struct gateway *key,
                      struct admin_error *error) MUST_CHECK;
/* The body's "group" (default "default"). NULL: error set. */
const struct group *key_group_of(const cJSON *body, const struct store *store,
                                 struct admin_error *error) MUST_CHECK;
/* The catalogue's own name of a model: an alias is what it stands for. NULL:
 * error set; a single model behind a wildcard cannot be told apart. */
const char *model_known_as(const struct store *store, const char *name,
                           struct admin_error *error) MUST_CHECK;
/* Names of keys and groups: 1..63 bytes, no blanks at the ends, no mask. */
bool name_is_valid(const cJSON *value, const char *member,
                   char out[GATEWAY_NAME_BYTES],
                   struct admin_error *error) MUST_CHECK;

#endif
