/*
 * store_key_change.c - a key gets a new value, is deleted so that it can be
 * restored, and is restored: staged as a change of the key as it is then.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accountant/store_change.h"
#include "common/clock.h"
#include "common/log.h"

/* What the ledger says of a value that ended at once: it was, and the segment
 * may have it as the key's own (restore.c). */
static void
rotate(struct store *store, struct gateway *key, int64_t grace_ms)
{
    memcpy(key->former_digest, key->digest, sizeof(key->former_digest));
    memcpy(key->former_masked, key->masked, sizeof(key->former_masked));
    key->former_until_ms =
        grace_ms > 0 ? key->updated_ms + grace_ms : SHM_VALUE_ENDED;
    change_give_value(store, key);
}

static int
check(const struct store *store, const struct flush *flush,
      const struct object *object, struct change *change)
{
    const struct gateway *key = object == NULL ? NULL : object->gateway;
    bool restores = change->kind == CHANGE_RESTORE_GATEWAY;
    if (key == NULL || (key->deleted_ms != 0) != restores)
        return change_refuse(change, -ENOENT,
                             restores
                                 ? "there is no deleted key of this id, or its "
                                   "time is over"
                                 : "there is no such key");
    if (object->staged)
        return CHANGE_LATER;
    if (!restores)
        return 0;
    const char *name = change->name[0] != '\0' ? change->name : key->name;
    int rc = change_check_name(store, flush, LEDGER_KEY, key->id, key->group_id,
                               name);
    return rc == -EEXIST
               ? change_refuse(change, rc, "the name is taken in its group")
               : rc;
}

int
change_stage_key(struct store *store, struct flush *flush,
                 struct change *change)
{
    struct object *object =
        objects_find(&store->objects, LEDGER_KEY, change->id);
    int rc = check(store, flush, object, change);
    if (rc != 0)
        return rc;
    struct gateway *key = gateway_copy(object->gateway);
    if (key == NULL)
        fatal("out of memory");
    key->updated_ms = clock_wall_ms();
    if (change->kind == CHANGE_ROTATE_GATEWAY)
        rotate(store, key, change->grace_ms);
    else if (change->kind == CHANGE_END_FORMER && key->former_until_ms != 0)
        key->former_until_ms = SHM_VALUE_ENDED;
    else if (change->kind == CHANGE_REMOVE_GATEWAY)
        key->deleted_ms = key->updated_ms;
    else if (change->kind == CHANGE_RESTORE_GATEWAY)
        key->deleted_ms = 0;
    if (change->kind == CHANGE_RESTORE_GATEWAY && change->name[0] != '\0')
        memcpy(key->name, change->name, sizeof(key->name));
    change->gateway = key;
    object->staged = true;
    change_stage_gateway(store, flush, object, key);
    return 0;
}

/* ---- what callers call ---- */

static struct change *
make(enum change_kind kind, uint64_t id, store_done done, void *context)
{
    struct change *change = change_make(kind, done, context);
    change->id = id;
    return change;
}

void
store_gateway_delete(struct store *store, uint64_t id, store_done done,
                     void *context)
{
    change_enqueue(store, make(CHANGE_DELETE_GATEWAY, id, done, context));
}

void
change_purge(struct store *store, uint64_t id)
{
    change_enqueue(store, make(CHANGE_PURGE_GATEWAY, id, NULL, NULL));
}

void
store_gateway_remove(struct store *store, uint64_t id, store_done done,
                     void *context)
{
    if (store->config->server.delete_grace_ms == 0)
        store_gateway_delete(store, id, done, context);
    else
        change_enqueue(store, make(CHANGE_REMOVE_GATEWAY, id, done, context));
}

void
store_gateway_restore(struct store *store, uint64_t id, const char *name,
                      store_done done, void *context)
{
    struct change *change = make(CHANGE_RESTORE_GATEWAY, id, done, context);
    if (name != NULL)
        snprintf(change->name, sizeof(change->name), "%s", name);
    change_enqueue(store, change);
}

void
store_gateway_rotate(struct store *store, uint64_t id, int64_t grace_ms,
                     store_done done, void *context)
{
    struct change *change = make(CHANGE_ROTATE_GATEWAY, id, done, context);
    change->grace_ms = grace_ms;
    change_enqueue(store, change);
}

void
store_gateway_end_former(struct store *store, uint64_t id, store_done done,
                         void *context)
{
    change_enqueue(store, make(CHANGE_END_FORMER, id, done, context));
}
