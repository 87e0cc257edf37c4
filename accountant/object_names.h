/*
 * object_names.h - the names of all living keys in one piece of memory, in the
 * order of their ids, and what else lists ask of each in slots beside them: a list
 * by a part of the name, by group, tags or status reads a few MiB in a row and not a
 * million objects. A slot takes 40 bytes.
 *
 * Names are in lower case (ASCII), each in a slot that ends with a NUL and begins
 * at a multiple of eight; a slot without a name is of a key that is deleted. A key
 * keeps its slot while its name fits; else what follows is moved.
 *
 * Owner: struct objects. Loop thread (while restoring: the ledger thread).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_OBJECT_NAMES_H
#define AIGW_ACCOUNTANT_OBJECT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accountant/tag_sets.h"

struct gateway;
struct object;

/* All zero is empty. */
struct object_names {
    char *text;
    size_t text_len, text_room;
    struct name_slot {
        struct object *object;
        uint64_t group_id;
        int64_t expires_ms;
        uint32_t entry;  /* of the segment */
        uint32_t tags;   /* in `tags`; of a slot that is blank: none */
        uint32_t at;     /* in text, in units of eight bytes */
        uint16_t room;   /* the same */
        uint8_t enabled; /* each as the gateway's */
        uint8_t budgets; /* enum name_budgets */
    } * slots;
    size_t count, slot_room, blank;
    struct tag_sets tags;
    uint32_t reserved_tags;
};

enum name_budgets {
    NAME_BUDGETS_NONE,
    NAME_BUDGETS_ASK,  /* its ceilings in the segment say whether it is spent */
    NAME_BUDGETS_SPENT /* one is of nothing */
};

/* Room for one more slot of the gateway. 0 or -ENOMEM. */
int object_names_reserve(struct object_names *names,
                         const struct gateway *gateway) MUST_CHECK;
/* The gateway's name and the rest, instead of what the object had. Behind
 * object_names_reserve() of the same one. */
void object_names_put(struct object_names *names, struct object *object,
                      const struct gateway *gateway);
/* The gateway that was put has its entry now, or its budgets. */
void object_names_update(struct object_names *names,
                         const struct object *object,
                         const struct gateway *gateway);
void object_names_remove(struct object_names *names,
                         const struct object *object);
void object_names_fini(struct object_names *names);

struct name_search {
    const char *part;  /* in lower case; "" any name */
    uint64_t group_id; /* 0 any */
    size_t at;         /* 0 at the beginning */
    /* of the one that was found */
    uint64_t found_group;
    struct object *found; /* not touched by the search */
    const struct name_slot *slot;
};

/* The next one in order of id. False: there are no more. Nothing may be put or
 * removed meanwhile. */
bool object_names_next(const struct object_names *names,
                       struct name_search *search);

#endif
