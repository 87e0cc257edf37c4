/*
 * object_names.h - the names of all living keys in one piece of memory, in the
 * order of their ids, with the group of each: a list by a part of the name, or by
 * group, reads a few MiB in a row and not a million objects.
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

#include "common/check.h"

struct object;

/* All zero is empty. */
struct object_names {
    char *text;
    size_t text_len, text_room;
    struct name_slot {
        struct object *object;
        uint64_t group_id;
        uint32_t at, room; /* in text, in units of eight bytes */
    } * slots;
    size_t count, slot_room, blank;
};

/* Room for one more slot of a name with so many bytes. 0 or -ENOMEM. */
int object_names_reserve(struct object_names *names, size_t len) MUST_CHECK;
/* The object's name, instead of what it had. Behind object_names_reserve(). */
void object_names_put(struct object_names *names, struct object *object,
                      uint64_t group_id, const char *name);
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
};

/* The next one in order of id. False: there are no more. Nothing may be put or
 * removed meanwhile. */
bool object_names_next(const struct object_names *names,
                       struct name_search *search);

#endif
