/*
 * tag_sets.h - each distinct text of tags that keys have, once, by a small number:
 * whether the keys of a list have a tag is asked once for each text, and is a
 * comparison of numbers for each key.
 *
 * Owner: struct object_names. Loop thread (while restoring: the ledger thread).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_TAG_SETS_H
#define AIGW_ACCOUNTANT_TAG_SETS_H

#include "accountant/ledger/table.h"

enum { TAG_SET_NONE = 0 }; /* of the empty text, which is not kept */

/* All zero is empty but for the seed of its hash: clients choose the texts. */
struct tag_sets {
    uint8_t seed[16];
    struct table by_text;
    /* By number - 1. */
    struct tag_place {
        struct tag_set *set; /* owned; NULL: free */
        uint32_t next_free;  /* the number of another free one; 0: none */
    } * places;
    uint32_t count, room, first_free;
};

/* Its number, which the caller has until tag_sets_drop(). 0 or -ENOMEM. */
int tag_sets_take(struct tag_sets *sets, const char *text,
                  uint32_t *number) MUST_CHECK;
void tag_sets_drop(struct tag_sets *sets, uint32_t number);
const char *tag_sets_text(const struct tag_sets *sets, uint32_t number);
/* It is asked for soon. */
void tag_sets_soon(const struct tag_sets *sets, uint32_t number);
/* No number is above it. */
uint32_t tag_sets_highest(const struct tag_sets *sets);
void tag_sets_fini(struct tag_sets *sets);

#endif
