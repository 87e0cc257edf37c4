/*
 * test_objects.c - keys in order of id, with deleted ones among them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "accountant/objects.h"

enum { KEYS = 300 };

static struct object *
put(struct objects *objects, uint64_t id)
{
    struct gateway *key = calloc(1, sizeof(*key));
    struct object *object = objects_get(objects, LEDGER_KEY, id);
    gateway_init(key);
    key->id = id;
    key->group_id = 1;
    snprintf(key->name, sizeof(key->name), "k%llu", (unsigned long long)id);
    memcpy(key->digest, &id, sizeof(id));
    CHECK_EQ(objects_put_gateway(objects, object, key), 0);
    return object;
}

TEST(a_walk_goes_by_id_and_leaves_out_what_is_deleted)
{
    static const uint8_t seed[16] = {1};
    struct objects objects;
    struct object *all[KEYS + 1];
    objects_init(&objects, seed);
    for (uint64_t id = 1; id <= KEYS; id++)
        all[id] = put(&objects, id);
    for (int round = 0; round < 2; round++) {
        uint64_t living[KEYS];
        size_t count = 0, at = 0;
        for (uint64_t id = 1; id <= KEYS; id++)
            if (all[id]->gateway != NULL)
                living[count++] = id;
        CHECK_EQ(objects_count(&objects, LEDGER_KEY), count);
        for (size_t i = 0; i < count; i++)
            CHECK_EQ(objects_next(&objects, LEDGER_KEY, &at)->id, living[i]);
        CHECK_TRUE(objects_next(&objects, LEDGER_KEY, &at) == NULL);
        for (size_t nth = 0; nth < count; nth += 7) {
            at = objects_place(&objects, LEDGER_KEY, nth);
            CHECK_EQ(objects_next(&objects, LEDGER_KEY, &at)->id, living[nth]);
        }
        at = objects_place(&objects, LEDGER_KEY, count);
        CHECK_TRUE(objects_next(&objects, LEDGER_KEY, &at) == NULL);
        at = objects_place(&objects, LEDGER_KEY, SIZE_MAX);
        CHECK_TRUE(objects_next(&objects, LEDGER_KEY, &at) == NULL);
        /* Few enough that their places stay. */
        for (uint64_t id = 3; round == 0 && id <= KEYS; id += 9)
            objects_remove_gateway(&objects, all[id]);
    }
    objects_fini(&objects);
}
