/*
 * publish.c - objects into their entries of the segment.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "accountant/model_limits.h"
#include "accountant/policy.h"
#include "accountant/store_private.h"
#include "common/log.h"

/* Of a group whose balance is elsewhere: that one, in its own balance's row. */
static void
set_balance(const struct store *store, const struct object *object,
            struct entry_policy *policy)
{
    if (object->kind != LEDGER_GROUP ||
        !balance_is_elsewhere(store, object->group))
        return;
    policy->flags |= SHM_KEY_HAS_MONEY_BUDGET;
    int row = 0;
    while (row < SHM_BUDGETS - 1 &&
           policy->budgets[row].period != SHM_PERIOD_NONE &&
           policy->budgets[row].period != SHM_PERIOD_BALANCE)
        row++;
    policy->budgets[row] = (struct entry_budget){
        .unit = SHM_NANO,
        .period = SHM_PERIOD_BALANCE,
        .limit = balance_limit(store, object),
    };
}

static void
make_policy(struct store *store, const struct object *object,
            struct entry_policy *policy)
{
    if (object->kind == LEDGER_GROUP) {
        policy_of_group(object->group, policy);
        policy_set_settings(store->catalogue, object->group->settings, policy);
        set_balance(store, object, policy);
        return;
    }
    const struct object *group =
        objects_find(&store->objects, LEDGER_GROUP, object->gateway->group_id);
    policy_of_gateway(store->segment, store->catalogue, object->gateway,
                      group == NULL ? NULL : group->group, policy);
    policy_set_settings(store->catalogue, object->gateway->settings, policy);
}

static const struct model_limits *
limits_of(const struct object *object)
{
    return object->kind == LEDGER_GROUP ? &object->group->model_limits
                                        : object->gateway->model_limits;
}

/* Rows of the entry, with the policy's flag where not all of them found room:
 * rather no call than one without its limit. */
static void
publish_limits(struct store *store, const struct object *object, uint32_t entry,
               uint64_t tag, struct entry_policy *policy)
{
    uint32_t had = shm_load(&segment_entry_hot(store->segment, entry)->flags);
    if (((had | policy->flags) & SHM_KEY_HAS_MODEL_LIMITS) == 0)
        return;
    if (model_limits_publish(
            store->segment, store->catalogue, limits_of(object),
            object->kind == LEDGER_GROUP ? object->group->ratio : NULL, entry,
            tag) == 0)
        return;
    policy->flags |= SHM_KEY_LIMITS_LOST;
    log_error("%s=%llu has limits with models that find no room in the "
              "segment: its calls are refused; raise [server] max_limits",
              object->kind == LEDGER_GROUP ? "group" : "key",
              (unsigned long long)object->id);
}

static int
publish_entry(struct store *store, struct object *object)
{
    struct entry_policy policy;
    bool is_group = object->kind == LEDGER_GROUP;
    uint32_t *entry =
        is_group ? &object->group->entry : &object->gateway->entry;
    uint64_t *tag = is_group ? &object->group->tag : &object->gateway->tag;
    make_policy(store, object, &policy);
    escrow_of_object(store, object, &policy);
    if (*entry != SHM_ENTRY_NONE) {
        publish_limits(store, object, *entry, *tag, &policy);
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
    publish_limits(store, object, *entry, *tag, &policy);
    if ((policy.flags & SHM_KEY_LIMITS_LOST) != 0)
        entry_update(store->segment, *entry, &policy);
    return 0;
}

int
publish_object(struct store *store, struct object *object)
{
    int rc = publish_entry(store, object);
    if (object->kind == LEDGER_KEY)
        object_names_update(&store->objects.names, object, object->gateway);
    return rc;
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
    set_balance(store, object, &policy);
    escrow_of_object(store, object, &policy);
    entry_publish_budgets(store->segment, entry, &policy);
}

static bool
names_things(const struct object *object)
{
    if (object->kind == LEDGER_GROUP)
        return object->group->entry != SHM_ENTRY_NONE &&
               (object->group->model_limits.count > 0 ||
                object->group->settings[0] != '\0');
    return object->gateway->entry != SHM_ENTRY_NONE &&
           (object->gateway->model_count > 0 ||
            object->gateway->model_limits != NULL ||
            object->gateway->settings != NULL);
}

static void
publish_names_of(struct store *store, enum ledger_kind kind)
{
    size_t at = 0;
    struct object *object = objects_next(&store->objects, kind, &at);
    for (; object != NULL; object = objects_next(&store->objects, kind, &at))
        if (names_things(object) && publish_object(store, object) < 0)
            continue; /* logged */
}

void
publish_names(struct store *store)
{
    publish_names_of(store, LEDGER_GROUP);
    publish_names_of(store, LEDGER_KEY);
}
