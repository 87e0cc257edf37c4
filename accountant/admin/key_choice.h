/*
 * key_choice.h - a list of keys narrowed to ids and tags, as other systems ask
 * for them: `ids`, `tags`, `tag_keys` of GET /admin/v1/keys.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_KEY_CHOICE_H
#define AIGW_ACCOUNTANT_ADMIN_KEY_CHOICE_H

#include "accountant/admin/query.h"
#include "accountant/objects.h"
#include "common/buf.h"

enum { KEY_CHOICE_IDS_MAX = 1000 };

struct key_choice {
    uint64_t *ids; /* sorted; NULL: any */
    uint32_t id_count;
    bool by_tags;
    /* What a key's tags must have, as it stands in their text: `"name":"text"` or
     * `"name":`, a NUL behind each; so no list parses the tags of every key. */
    struct buf wanted;
    uint8_t *known; /* by number of tags: what was found; owned */
};

/* Zeroed before; key_choice_fini() in both cases. */
bool key_choice_read(struct key_choice *choice, const struct query *query,
                     struct admin_error *error) MUST_CHECK;
void key_choice_fini(struct key_choice *choice);
bool key_choice_admits(const struct key_choice *choice,
                       const struct gateway *key);
/* The tags of a slot: each of their texts is looked at once. Behind
 * key_choice_begin(), which is for one walk. */
bool key_choice_begin(struct key_choice *choice, const struct store *store,
                      struct admin_error *error) MUST_CHECK;
bool key_choice_admits_tags(struct key_choice *choice,
                            const struct store *store, uint32_t number);

#endif
