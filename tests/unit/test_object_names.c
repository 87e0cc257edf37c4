/*
 * test_object_names.c - names of keys in one piece: found by parts of them as a look
 * at each would find them, whatever is put, renamed and removed in between.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/objects.h"
#include "common/hash.h"
#include "tests/test.h"

enum { KEYS = 300, ROUNDS = 6000 };

struct known {
    struct object object;
    char name[80]; /* "" none */
    char tags[8];
    uint64_t group;
    int64_t expires_ms, limit;
    uint32_t entry;
};

static struct known known[KEYS];
static uint64_t state = 7;

static unsigned
chance(unsigned below)
{
    state = hash_mix64(state + 1);
    return (unsigned)(state % below);
}

/* Few letters, so that parts are found in many; longer and shorter. */
static void
make_name(char out[80])
{
    unsigned len = 1 + chance(chance(8) == 0 ? 62 : 12);
    for (unsigned i = 0; i < len; i++)
        out[i] = "abABc-"[chance(6)];
    out[len] = '\0';
}

static void
lower(const char *in, char *out)
{
    do
        *out++ = *in >= 'A' && *in <= 'Z' ? (char)(*in + 32) : *in;
    while (*in++ != '\0');
}

static void
compare_slot(const struct object_names *names, const struct name_slot *slot,
             const struct known *one)
{
    CHECK_STR(str_from(tag_sets_text(&names->tags, slot->tags)), one->tags);
    CHECK_TRUE(slot->tags <= tag_sets_highest(&names->tags));
    CHECK_EQ(slot->expires_ms, one->expires_ms);
    CHECK_EQ(slot->enabled, one->expires_ms % 2);
    CHECK_EQ(slot->entry, one->entry);
    CHECK_EQ(slot->budgets, one->limit < 0    ? NAME_BUDGETS_NONE
                            : one->limit == 0 ? NAME_BUDGETS_SPENT
                                              : NAME_BUDGETS_ASK);
}

static void
compare(const struct object_names *names, const char *part, uint64_t group)
{
    char wanted[80];
    struct name_search search = {.part = wanted, .group_id = group};
    lower(part, wanted);
    for (unsigned i = 0; i < KEYS; i++) {
        if (known[i].name[0] == '\0' ||
            strcasestr(known[i].name, part) == NULL ||
            (group != 0 && known[i].group != group))
            continue;
        CHECK_TRUE(object_names_next(names, &search));
        CHECK_TRUE(search.found == &known[i].object);
        CHECK_EQ(search.found_group, known[i].group);
        compare_slot(names, search.slot, &known[i]);
    }
    CHECK_TRUE(!object_names_next(names, &search));
}

static void
put(struct object_names *names, struct known *one)
{
    make_name(one->name);
    one->group = 1 + chance(3);
    one->expires_ms = chance(100);
    one->entry = chance(1000);
    one->limit = (int64_t)chance(3) - 1;
    /* Few of many keys; now and then none, or one's own. */
    snprintf(one->tags, sizeof(one->tags), chance(4) == 0 ? "" : "{%u}",
             chance(chance(2) == 0 ? 4 : 10000));
    struct gateway gateway = {.group_id = one->group,
                              .expires_ms = one->expires_ms,
                              .enabled = one->expires_ms % 2 != 0,
                              .entry = one->entry};
    memcpy(gateway.tags, one->tags, sizeof(one->tags));
    if (one->limit >= 0)
        gateway.budgets[chance(SHM_BUDGETS)] =
            (struct budget){.period = SHM_PERIOD_TOTAL, .limit = one->limit};
    memcpy(gateway.name, one->name, sizeof(gateway.name));
    CHECK_EQ(object_names_reserve(names, &gateway), 0);
    object_names_put(names, &one->object, &gateway);
}

TEST(parts_are_found_as_by_looking_at_each)
{
    struct object_names names = {0};
    compare(&names, "a", 0);
    for (unsigned i = 0; i < KEYS; i++) {
        known[i].object.id = i * 3 + 1;
        if (i % 7 != 0) /* these come later, between the others */
            put(&names, &known[i]);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct known *one = &known[chance(KEYS)];
        char part[80];
        if (chance(round % 2000 < 1000 ? 4 : 2) == 0) {
            object_names_remove(&names, &one->object);
            one->name[0] = '\0';
        } else if (chance(3) == 0) {
            put(&names, one);
        } else if (chance(3) == 0) {
            struct gateway gateway = {.entry = one->entry = chance(1000)};
            one->limit = -1;
            one->expires_ms = 0;
            object_names_update(&names, &one->object, &gateway);
        }
        make_name(part);
        part[1 + chance(3)] = '\0';
        compare(&names, part, chance(2) == 0 ? 0 : 1 + chance(3));
        if (round % 100 == 0)
            compare(&names, "", chance(4));
    }
    for (unsigned i = 0; i < KEYS; i++) {
        object_names_remove(&names, &known[i].object);
        known[i].name[0] = '\0';
    }
    compare(&names, "", 0);
    CHECK_TRUE(names.text_len < KEYS * 80);
    CHECK_EQ(names.tags.by_text.count, 0);
    CHECK_TRUE(tag_sets_highest(&names.tags) <= KEYS + 1);
    object_names_fini(&names);
}
