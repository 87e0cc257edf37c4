/*
 * store_apply.c - management changes after they are durable: memory, segment,
 * answer; and the functions that queue them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/crash_point.h"
#include "accountant/store_change.h"
#include "accountant/store_group.h"
#include "common/log.h"

/* The segment is full, or /dev/shm: the new object goes out of the ledger, and
 * only then the caller hears that there was no room. */
static void
undo(struct store *store, struct change *change, enum change_kind kind)
{
    struct change *undone = change_make(kind, change->done, change->context);
    undone->id = change->id;
    undone->answered = change->answered;
    undone->error = -ENOSPC;
    snprintf(undone->reason, sizeof(undone->reason),
             "the key table or /dev/shm is full: raise [server] max_keys");
    change->answered = true;
    undone->extra = change->extra;
    change->extra = NULL;
    change_enqueue(store, undone);
}

static struct object *
get_object(struct store *store, enum ledger_kind kind, uint64_t id)
{
    struct object *object = objects_get(&store->objects, kind, id);
    if (object == NULL)
        fatal("out of memory");
    object->staged = false;
    return object;
}

/* release: who sees the number sees the entry as it is now. */
void
change_tell_revocation(struct store *store)
{
    shm_u64 *revocations = &store->segment->header->revocations;
    shm_store(revocations, shm_load_own(revocations) + 1);
}

/* Whether somebody who may call with the one may not with the other. */
static bool
takes_back(const struct gateway *old, const struct gateway *new)
{
    bool was_good = old->enabled && old->deleted_ms == 0;
    bool is_good = new->enabled &&new->deleted_ms == 0;
    bool value_ended = new->former_until_ms == SHM_VALUE_ENDED &&
                       old->former_until_ms != SHM_VALUE_ENDED;
    bool value_replaced = old->former_until_ms != 0 &&
                          memcmp(old->former_digest, new->former_digest,
                                 sizeof(old->former_digest)) != 0;
    return (was_good && !is_good) || value_ended || value_replaced;
}

static void
apply_put_gateway(struct store *store, struct change *change)
{
    struct object *object = get_object(store, LEDGER_KEY, change->id);
    struct gateway *gateway = change->gateway;
    bool is_new = object->gateway == NULL;
    bool revoked = !is_new && takes_back(object->gateway, gateway);
    if (is_new)
        memcpy(object->escrow, store->escrows.step, sizeof(object->escrow));
    gateway->total = object->total;
    gateway->last_used_ms = object->last_used_ms;
    change->gateway = NULL;
    if (objects_put_gateway(&store->objects, object, gateway) < 0)
        fatal("out of memory");
    crash_point("D5");
    if (publish_object(store, object) < 0 && is_new) {
        bin_make_room(store);
        undo(store, change, CHANGE_UNDO_GATEWAY);
        return;
    }
    if (revoked)
        change_tell_revocation(store);
    if (change->kind == CHANGE_REMOVE_GATEWAY)
        bin_add(store, gateway);
    change_answer(change, 0, "");
}

void
change_apply_gone_key(struct store *store, struct object *object)
{
    uint32_t entry = object->gateway->entry;
    object->staged = false;
    crash_point("D1");
    if (entry != SHM_ENTRY_NONE) {
        entry_retire(store->segment, entry);
        store->retired++;
    }
    crash_point("D2");
    objects_remove_gateway(&store->objects, object);
}

static void
apply_delete_gateway(struct store *store, struct change *change)
{
    struct object *object = get_object(store, LEDGER_KEY, change->id);
    bool had_entry = object->gateway->entry != SHM_ENTRY_NONE;
    change_apply_gone_key(store, object);
    if (had_entry)
        change_tell_revocation(store);
    change_answer(change, change->error, change->reason);
}

bool
change_apply_put_group(struct store *store, struct change *change)
{
    struct object *object = get_object(store, LEDGER_GROUP, change->id);
    struct group *group = change->group;
    bool is_new = object->group == NULL;
    bool revoked = !is_new && group->disabled && !object->group->disabled;
    group->total = object->total;
    change->group = NULL;
    if (is_new) {
        /* Nobody finds it by name before it has its entry. */
        object->group = group;
        int rc = publish_object(store, object);
        object->group = NULL;
        if (rc < 0) {
            free(group);
            undo(store, change, CHANGE_UNDO_GROUP);
            return false;
        }
        balance_look_at_scope(store);
    }
    if (objects_put_group(&store->objects, object, group) < 0)
        fatal("out of memory");
    if (!is_new && publish_object(store, object) < 0)
        log_warn("group=%llu has no entry in the segment: its keys are "
                 "refused; raise [server] max_keys",
                 (unsigned long long)object->id);
    if (revoked)
        change_tell_revocation(store);
    return true;
}

static void
apply_reload(struct change *change)
{
    struct reload *reload = change->reload;
    change->reload = NULL;
    crash_point("M2");
    reload_apply(reload);
}

static void
apply(struct store *store, struct change *change)
{
    switch (change->kind) {
    case CHANGE_PUT_GATEWAY:
    case CHANGE_REMOVE_GATEWAY:
    case CHANGE_RESTORE_GATEWAY:
    case CHANGE_ROTATE_GATEWAY:
    case CHANGE_END_FORMER:
        apply_put_gateway(store, change);
        return;
    case CHANGE_DELETE_GATEWAY:
    case CHANGE_PURGE_GATEWAY:
    case CHANGE_UNDO_GATEWAY:
        apply_delete_gateway(store, change);
        return;
    case CHANGE_PUT_GROUP:
    case CHANGE_TOP_UP:
        if (change_apply_put_group(store, change))
            change_answer(change, 0, "");
        return;
    case CHANGE_CREDIT:
        change_apply_credits(store, change);
        return;
    case CHANGE_UNDO_GROUP:
        change_answer(change, change->error, change->reason);
        return;
    case CHANGE_EXTRA:
        change_answer(change, 0, "");
        return;
    case CHANGE_RELOAD:
        prices_now_durable(&store->prices, change->prices, change->price_count);
        change->answered = true; /* reload_apply() answers */
        group_edit_apply(store, change, reload_group_edit(change->reload));
        apply_reload(change);
        return;
    }
    UNREACHABLE();
}

void
change_apply_all(struct store *store, struct change *changes)
{
    for (struct change *c = changes; c != NULL; c = c->next) {
        for (struct store_extra *e = c->extra; e != NULL; e = e->next)
            if (e->applied != NULL)
                e->applied(e);
        apply(store, c);
    }
    change_free_all(changes);
}

/* ---- what callers call ---- */

void
store_gateway_put(struct store *store, struct gateway *gateway, store_done done,
                  void *context)
{
    struct change *change = change_make(CHANGE_PUT_GATEWAY, done, context);
    change->gateway = gateway;
    change->id = gateway->id;
    change_enqueue(store, change);
}

void
store_group_put(struct store *store, const struct group *group, store_done done,
                void *context)
{
    struct change *change = change_make(CHANGE_PUT_GROUP, done, context);
    change->group = malloc(sizeof(*change->group));
    if (change->group == NULL)
        fatal("out of memory");
    *change->group = *group;
    change->id = group->id;
    change_enqueue(store, change);
}

void
store_group_top_up(struct store *store, uint64_t group_id, int64_t nano,
                   const char *note, store_done done, void *context)
{
    struct change *change = change_make(CHANGE_TOP_UP, done, context);
    change->id = group_id;
    change->nano = nano;
    if (note != NULL)
        snprintf(change->note, sizeof(change->note), "%s", note);
    change_enqueue(store, change);
}

void
store_attach(struct store *store, struct store_extra *extra)
{
    CHECK(store->attached == NULL);
    store->attached = extra;
}

struct store_extra *
store_detach(struct store *store)
{
    struct store_extra *extra = store->attached;
    store->attached = NULL;
    return extra;
}

void
store_put_extra(struct store *store, struct store_extra *extra, uint64_t id,
                store_done done, void *context)
{
    struct change *change = change_make(CHANGE_EXTRA, done, context);
    change->id = id;
    change->extra = extra;
    change_enqueue(store, change);
}

/* Somebody waits no longer; what was staged goes on. */
static void
reload_answered(void *context, int error, const char *reason, uint64_t id)
{
    (void)id;
    reload_answer(context, error, reason);
}

void
change_queue_reload(struct store *store, struct reload *reload,
                    struct ledger_price *prices, size_t count)
{
    struct change *change = change_make(CHANGE_RELOAD, reload_answered, reload);
    change->prices = prices;
    change->price_count = count;
    change->reload = reload;
    change_enqueue(store, change);
}
