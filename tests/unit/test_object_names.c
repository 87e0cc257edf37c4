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
    uint64_t group;
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
    unsigned len = 1 + chance(chance(8) == 0 ? 70 : 12);
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
    }
    CHECK_TRUE(!object_names_next(names, &search));
}

static void
put(struct object_names *names, struct known *one)
{
    make_name(one->name);
    one->group = 1 + chance(3);
    CHECK_EQ(object_names_reserve(names, strlen(one->name)), 0);
    object_names_put(names, &one->object, one->group, one->name);
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
    object_names_fini(&names);
}
