/*
 * object_names.c - see object_names.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/object_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/objects.h"

enum { UNIT = 8, BLANKS_LEAST = 64 };

/* Of a name with its NUL. */
static size_t
units(size_t len)
{
    return len / UNIT + 1;
}

static int
reserve_tags(struct object_names *names, const char *tags)
{
    tag_sets_drop(&names->tags, names->reserved_tags); /* was of no use */
    return tag_sets_take(&names->tags, tags, &names->reserved_tags);
}

int
object_names_reserve(struct object_names *names, const struct gateway *gateway)
{
    size_t wanted = names->text_len + units(strlen(gateway->name)) * UNIT;
    if (wanted > names->text_room) {
        size_t room = names->text_room * 2 > wanted ? names->text_room * 2
                                                    : wanted + 4096;
        char *more = realloc(names->text, room);
        if (more == NULL)
            return -ENOMEM;
        names->text = more;
        names->text_room = room;
    }
    if (names->count == names->slot_room) {
        size_t room = names->slot_room == 0 ? 64 : names->slot_room * 2;
        struct name_slot *more = realloc(names->slots, room * sizeof(*more));
        if (more == NULL)
            return -ENOMEM;
        names->slots = more;
        names->slot_room = room;
    }
    return reserve_tags(names, gateway->tags);
}

/* The first slot whose id is not below `id`. */
static size_t
slot_of(const struct object_names *names, uint64_t id)
{
    size_t low = 0, high = names->count;
    if (high > 0 && names->slots[high - 1].object->id < id)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (names->slots[middle].object->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The slot gets `room` units; those behind it move. */
static void
resize(struct object_names *names, size_t i, uint16_t room)
{
    struct name_slot *slot = &names->slots[i];
    size_t end = ((size_t)slot->at + slot->room) * UNIT;
    size_t by = ((size_t)room - slot->room) * UNIT;
    memmove(names->text + end + by, names->text + end, names->text_len - end);
    names->text_len += by;
    for (size_t k = i + 1; k < names->count; k++)
        names->slots[k].at += room - slot->room;
    slot->room = room;
}

static void
insert(struct object_names *names, size_t i, struct object *object)
{
    struct name_slot *slot = &names->slots[i];
    uint32_t at =
        i < names->count ? slot->at : (uint32_t)(names->text_len / UNIT);
    memmove(slot + 1, slot, (names->count - i) * sizeof(*slot));
    names->count++;
    names->blank++;
    *slot = (struct name_slot){.object = object, .at = at};
}

static void
write_name(struct object_names *names, const struct name_slot *slot,
           const char *name)
{
    char *out = names->text + (size_t)slot->at * UNIT;
    size_t i = 0;
    for (; name[i] != '\0'; i++)
        out[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a')
                                                  : name[i];
    memset(out + i, 0, (size_t)slot->room * UNIT - i);
}

static bool
is_blank(const struct object_names *names, const struct name_slot *slot)
{
    return slot->room == 0 || names->text[(size_t)slot->at * UNIT] == '\0';
}

static enum name_budgets
budgets_of(const struct gateway *gateway)
{
    enum name_budgets found = NAME_BUDGETS_NONE;
    for (int i = 0; i < SHM_BUDGETS; i++) {
        const struct budget *budget = &gateway->budgets[i];
        if (budget->period == SHM_PERIOD_NONE)
            continue;
        if (budget->limit <= 0)
            return NAME_BUDGETS_SPENT;
        found = NAME_BUDGETS_ASK;
    }
    return found;
}

static void
set_facts(struct name_slot *slot, const struct gateway *gateway)
{
    slot->expires_ms = gateway->expires_ms;
    slot->entry = gateway->entry;
    slot->enabled = gateway->enabled;
    slot->budgets = budgets_of(gateway);
}

void
object_names_put(struct object_names *names, struct object *object,
                 const struct gateway *gateway)
{
    size_t i = slot_of(names, object->id);
    size_t room = units(strlen(gateway->name));
    if (i == names->count || names->slots[i].object != object)
        insert(names, i, object);
    struct name_slot *slot = &names->slots[i];
    if (slot->room < room)
        resize(names, i, (uint16_t)room);
    names->blank -= is_blank(names, slot) && gateway->name[0] != '\0';
    slot->group_id = gateway->group_id;
    set_facts(slot, gateway);
    tag_sets_drop(&names->tags, slot->tags);
    slot->tags = names->reserved_tags;
    names->reserved_tags = TAG_SET_NONE;
    write_name(names, slot, gateway->name);
}

void
object_names_update(struct object_names *names, const struct object *object,
                    const struct gateway *gateway)
{
    size_t i = slot_of(names, object->id);
    if (i < names->count && names->slots[i].object == object)
        set_facts(&names->slots[i], gateway);
}

/* Without the blank ones, where they are most. */
static void
squeeze(struct object_names *names)
{
    size_t kept = 0, at = 0;
    if (names->blank < BLANKS_LEAST || names->blank * 2 < names->count)
        return;
    for (size_t i = 0; i < names->count; i++) {
        struct name_slot slot = names->slots[i];
        if (is_blank(names, &slot))
            continue;
        memmove(names->text + at, names->text + (size_t)slot.at * UNIT,
                (size_t)slot.room * UNIT);
        slot.at = (uint32_t)(at / UNIT);
        at += (size_t)slot.room * UNIT;
        names->slots[kept++] = slot;
    }
    names->text_len = at;
    names->count = kept;
    names->blank = 0;
}

void
object_names_remove(struct object_names *names, const struct object *object)
{
    size_t i = slot_of(names, object->id);
    if (i == names->count || names->slots[i].object != object ||
        is_blank(names, &names->slots[i]))
        return;
    write_name(names, &names->slots[i], "");
    tag_sets_drop(&names->tags, names->slots[i].tags);
    names->slots[i].tags = TAG_SET_NONE;
    names->blank++;
    squeeze(names);
}

void
object_names_fini(struct object_names *names)
{
    free(names->text);
    free(names->slots);
    tag_sets_fini(&names->tags);
    *names = (struct object_names){0};
}

/* ---- searched ---- */

/* The slot, of those from `low` on, that has the byte at `offset`. */
static size_t
slot_at(const struct object_names *names, size_t low, size_t offset)
{
    size_t high = names->count;
    if (low + 1 < high && offset < (size_t)names->slots[low + 1].at * UNIT)
        return low; /* as where most match */
    while (low + 1 < high) {
        size_t middle = low + (high - low) / 2;
        if ((size_t)names->slots[middle].at * UNIT <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The next slot from search->at on whose name has the part; count: none. */
static size_t
next_slot(const struct object_names *names, const struct name_search *search)
{
    size_t at = search->at, len = strlen(search->part);
    if (len == 0) {
        while (at < names->count && is_blank(names, &names->slots[at]))
            at++;
        return at;
    }
    if (at >= names->count)
        return names->count;
    size_t from = (size_t)names->slots[at].at * UNIT;
    /* Where one matches the next often does, and memmem() takes long to begin. */
    if (at > 0 && strstr(names->text + from, search->part) != NULL)
        return at;
    const char *found =
        memmem(names->text + from, names->text_len - from, search->part, len);
    return found == NULL ? names->count
                         : slot_at(names, at, (size_t)(found - names->text));
}

bool
object_names_next(const struct object_names *names, struct name_search *search)
{
    for (;;) {
        size_t i = next_slot(names, search);
        if (i >= names->count)
            return false;
        const struct name_slot *slot = &names->slots[i];
        search->at = i + 1;
        if (search->group_id != 0 && search->group_id != slot->group_id)
            continue;
        search->found = slot->object;
        search->found_group = slot->group_id;
        search->slot = slot;
        return true;
    }
}
