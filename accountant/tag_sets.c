/*
 * tag_sets.c - see tag_sets.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/tag_sets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"

enum { SOON_BYTES = 64 }; /* a line of the cache */

struct tag_set {
    uint32_t number, users;
    char text[];
};

static uint64_t
text_hash(const struct tag_sets *sets, const char *text)
{
    return hash_siphash(sets->seed, text, strlen(text));
}

static bool
text_match(const void *item, const void *key)
{
    const struct tag_set *set = item;
    return strcmp(set->text, key) == 0;
}

/* Room for one number more. */
static int
reserve(struct tag_sets *sets)
{
    if (sets->first_free != 0 || sets->count < sets->room)
        return 0;
    uint32_t room = sets->room == 0 ? 64 : sets->room * 2;
    struct tag_place *more = reallocarray(sets->places, room, sizeof(*more));
    if (more == NULL)
        return -ENOMEM;
    sets->places = more;
    sets->room = room;
    return 0;
}

static uint32_t
take_number(struct tag_sets *sets)
{
    uint32_t number = sets->first_free;
    if (number == 0)
        return ++sets->count;
    sets->first_free = sets->places[number - 1].next_free;
    return number;
}

int
tag_sets_take(struct tag_sets *sets, const char *text, uint32_t *number)
{
    *number = TAG_SET_NONE;
    if (*text == '\0')
        return 0;
    uint64_t hash = text_hash(sets, text);
    struct tag_set *set = table_find(&sets->by_text, hash, text_match, text);
    if (set != NULL) {
        set->users++;
        *number = set->number;
        return 0;
    }
    size_t size = strlen(text) + 1;
    set = malloc(sizeof(*set) + size);
    if (set == NULL || reserve(sets) < 0 ||
        table_insert(&sets->by_text, hash, set) < 0) {
        free(set);
        return -ENOMEM;
    }
    *set = (struct tag_set){.number = take_number(sets), .users = 1};
    memcpy(set->text, text, size);
    sets->places[set->number - 1] = (struct tag_place){.set = set};
    *number = set->number;
    return 0;
}

void
tag_sets_drop(struct tag_sets *sets, uint32_t number)
{
    if (number == TAG_SET_NONE)
        return;
    struct tag_place *place = &sets->places[number - 1];
    struct tag_set *set = place->set;
    if (--set->users > 0)
        return;
    table_remove(&sets->by_text, text_hash(sets, set->text), set);
    free(set);
    *place = (struct tag_place){.next_free = sets->first_free};
    sets->first_free = number;
}

const char *
tag_sets_text(const struct tag_sets *sets, uint32_t number)
{
    return number == TAG_SET_NONE ? "" : sets->places[number - 1].set->text;
}

void
tag_sets_soon(const struct tag_sets *sets, uint32_t number)
{
    if (number == TAG_SET_NONE)
        return;
    const char *lines = (const char *)sets->places[number - 1].set;
    __builtin_prefetch(lines);
    __builtin_prefetch(lines + SOON_BYTES);
}

uint32_t
tag_sets_highest(const struct tag_sets *sets)
{
    return sets->count;
}

void
tag_sets_fini(struct tag_sets *sets)
{
    table_fini(&sets->by_text, free);
    free(sets->places);
    *sets = (struct tag_sets){0};
}
