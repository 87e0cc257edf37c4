/*
 * publish.c - objects into their entries of the segment.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "accountant/policy.h"
#include "accountant/store_private.h"
#include "common/log.h"

static void
make_policy(struct store *store, const struct object *object,
            struct entry_policy *policy)
{
    if (object->kind == LEDGER_GROUP) {
        policy_of_group(object->group, policy);
        policy_set_settings(store->catalogue, object->group->settings, policy);
        return;
    }
    const struct object *group =
        objects_find(&store->objects, LEDGER_GROUP, object->gateway->group_id);
    policy_of_gateway(store->segment, store->catalogue, object->gateway,
                      group == NULL ? NULL : group->group, policy);
    policy_set_settings(store->catalogue, object->gateway->settings, policy);
}

int
publish_object(struct store *store, struct object *object)
{
    struct entry_policy policy;
    bool is_group = object->kind == LEDGER_GROUP;
    uint32_t *entry =
        is_group ? &object->group->entry : &object->gateway->entry;
    uint64_t *tag = is_group ? &object->group->tag : &object->gateway->tag;
    make_policy(store, object, &policy);
    escrow_of_object(store, object, &policy);
    if (*entry != SHM_ENTRY_NONE) {
        entry_update(store->segment, *entry, &policy);
        return 0;
    }
    const uint64_t total[SHM_UNITS] = {object->total.tokens,
                                       object->total.nano};
    int rc = entry_insert(store->segment, &policy, total, entry, tag);
    if (rc < 0) {
        *entry = SHM_ENTRY_NONE;
        log_error("%s=%llu finds no room in the segment: raise [server] "
                  "max_keys, or make room in /dev/shm",
                  is_group ? "group" : "key", (unsigned long long)object->id);
        return -ENOSPC;
    }
    return 0;
}

void
publish_budgets(struct store *store, struct object *object)
{
    struct entry_policy policy;
    uint32_t entry = object->kind == LEDGER_GROUP ? object->group->entry
                                                  : object->gateway->entry;
    if (entry == SHM_ENTRY_NONE)
        return;
    if (object->kind == LEDGER_GROUP)
        policy_budgets_of_group(object->group, &policy);
    else
        policy_budgets_of_gateway(object->gateway, &policy);
    escrow_of_object(store, object, &policy);
    entry_publish_budgets(store->segment, entry, &policy);
}

void
publish_names(struct store *store)
{
    struct object *object = objects_next(&store->objects, LEDGER_GROUP, 0);
    for (; object != NULL;
         object = objects_next(&store->objects, LEDGER_GROUP, object->id))
        if (object->group->settings[0] != '\0' &&
            object->group->entry != SHM_ENTRY_NONE &&
            publish_object(store, object) < 0)
            continue; /* logged */
    object = objects_next(&store->objects, LEDGER_KEY, 0);
    for (; object != NULL;
         object = objects_next(&store->objects, LEDGER_KEY, object->id))
        if ((object->gateway->model_count > 0 ||
             object->gateway->settings != NULL) &&
            object->gateway->entry != SHM_ENTRY_NONE &&
            publish_object(store, object) < 0)
            continue; /* logged */
}
