/*
 * key_choice.h - a list of keys narrowed to ids and tags, as other systems ask
 * for them: `ids`, `tags`, `tag_keys` of GET /admin/v1/keys.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_KEY_CHOICE_H
#define AIGW_ACCOUNTANT_ADMIN_KEY_CHOICE_H

#include <cjson/cJSON.h>

#include "accountant/admin/query.h"
#include "accountant/objects.h"

enum { KEY_CHOICE_IDS_MAX = 1000 };

struct key_choice {
    uint64_t *ids; /* sorted; NULL: any */
    uint32_t id_count;
    cJSON *tags;          /* all of them; NULL: any */
    const char *tag_keys; /* names by comma, all of them; NULL: any */
};

/* Zeroed before; key_choice_fini() in both cases. `query` outlives it. */
bool key_choice_read(struct key_choice *choice, const struct query *query,
                     struct admin_error *error) MUST_CHECK;
void key_choice_fini(struct key_choice *choice);
bool key_choice_admits(const struct key_choice *choice,
                       const struct gateway *key);

#endif
