/*
 * store_change.c - management changes: queued in order, staged into a flush,
 * applied and answered when it is durable.
 *
 * Staging computes against what is durable plus the records of the same flush.
 * A change that touches what another change of the same flush touches waits
 * for the next one, and so do all behind it: order is kept.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/store_change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/crash_point.h"
#include "accountant/object_codec.h"
#include "accountant/store_check.h"
#include "accountant/store_group.h"
#include "common/clock.h"
#include "common/log.h"

/* ---- the queue ---- */

void
change_enqueue(struct store *store, struct change *change)
{
    change->next = NULL;
    struct store_extra **end = &change->extra;
    while (*end != NULL)
        end = &(*end)->next;
    *end = store_detach(store);
    *store->changes_end = change;
    store->changes_end = &change->next;
    store->change_count++;
    store_kick(store);
}

struct change *
change_make(enum change_kind kind, store_done done, void *context)
{
    struct change *change = calloc(1, sizeof(*change));
    if (change == NULL)
        fatal("out of memory");
    change->kind = kind;
    change->done = done;
    change->context = context;
    return change;
}

static void
change_free(struct change *change)
{
    gateway_free(&change->gateway);
    free(change->group);
    free(change->keys);
    change_free_credits(change);
    free(change->prices);
    if (change->reload != NULL)
        reload_drop(change->reload);
    while (change->extra != NULL) {
        struct store_extra *extra = change->extra;
        change->extra = extra->next;
        extra->free(extra);
    }
    free(change);
}

void
change_free_all(struct change *changes)
{
    while (changes != NULL) {
        struct change *next = changes->next;
        change_free(changes);
        changes = next;
    }
}

void
change_answer(struct change *change, int error, const char *reason)
{
    if (change->answered)
        return;
    change->answered = true;
    if (change->done != NULL)
        change->done(change->context, error, reason, change->id);
}

void
change_refuse_queued(struct store *store, int error, const char *reason)
{
    struct change *changes = store->changes;
    store->changes = NULL;
    store->changes_end = &store->changes;
    store->change_count = 0;
    change_answer_staged(changes, error, reason);
    change_free_all(changes);
}

void
change_answer_staged(struct change *changes, int error, const char *reason)
{
    for (; changes != NULL; changes = changes->next)
        change_answer(changes, error, reason);
}

/* ---- staging ---- */

/* Whether another change of this flush makes or renames to the same name. */
static bool
name_is_staged(const struct flush *flush, enum ledger_kind kind,
               uint64_t group_id, const char *name)
{
    for (const struct change *c = flush->changes; c != NULL; c = c->next) {
        if (kind == LEDGER_KEY && c->gateway != NULL &&
            c->gateway->group_id == group_id &&
            strcmp(c->gateway->name, name) == 0)
            return true;
        if (kind == LEDGER_GROUP && c->group != NULL &&
            strcmp(c->group->name, name) == 0)
            return true;
    }
    return false;
}

int
change_check_name(const struct store *store, const struct flush *flush,
                  enum ledger_kind kind, uint64_t id, uint64_t group_id,
                  const char *name)
{
    if (name_is_staged(flush, kind, group_id, name))
        return CHANGE_LATER;
    const struct object *other =
        objects_by_name(&store->objects, kind, group_id, name);
    if (other == NULL || other->id == id)
        return 0;
    return other->staged ? CHANGE_LATER : -EEXIST;
}

/* Budgets with the unit and period of an old one go on; others begin now. */
void
change_put_budgets(struct flush *flush, enum ledger_kind kind, uint64_t id,
                   const struct object *object, const struct budget *old,
                   struct budget *budgets)
{
    for (int row = 0; row < SHM_BUDGETS; row++) {
        struct budget *b = &budgets[row];
        if (b->period == SHM_PERIOD_NONE) {
            *b = (struct budget){0};
            ledger_batch_delete_budget(flush->batch, kind, id, (uint8_t)row);
            continue;
        }
        int64_t total = object == NULL ? 0 : flush_total_of(object, b->unit);
        const struct budget *same = NULL;
        for (int i = 0; i < SHM_BUDGETS && old != NULL; i++)
            if (old[i].period == b->period && old[i].unit == b->unit)
                same = &old[i];
        bool moved = same == NULL || roll_is_due(same, &flush->now);
        if (moved) {
            roll_begin(b, &flush->now, total);
        } else {
            b->baseline = same->baseline;
            b->period_no = same->period_no;
            b->resets_ms = same->resets_ms;
        }
        flush_put_budget(flush, kind, id, row, b, moved);
        if (b->resets_ms != 0 && b->resets_ms < flush->store->next_roll_ms)
            flush->store->next_roll_ms = b->resets_ms;
    }
}

void
change_give_value(struct store *store, struct gateway *gateway)
{
    char key[CRYPTO_KEY_CHARS + 1], aad[32];
    const struct crypto_secrets *secrets = store->heritage->secrets;
    snprintf(aad, sizeof(aad), "key:%llu", (unsigned long long)gateway->id);
    crypto_key_generate(key);
    struct str text = str_make(key, strlen(key));
    crypto_key_digest(secrets, text, gateway->digest);
    crypto_key_mask(text, gateway->masked);
    gateway->sealed_len = (uint32_t)crypto_seal(
        secrets, str_from(aad), text.ptr, text.len, gateway->sealed);
    crypto_wipe(key, sizeof(key));
}

/* What a caller cannot change. */
static void
keep_identity(struct gateway *gateway, const struct gateway *old)
{
    memcpy(gateway->digest, old->digest, sizeof(gateway->digest));
    memcpy(gateway->sealed, old->sealed, sizeof(gateway->sealed));
    memcpy(gateway->masked, old->masked, sizeof(gateway->masked));
    gateway->sealed_len = old->sealed_len;
    memcpy(gateway->former_digest, old->former_digest,
           sizeof(gateway->former_digest));
    memcpy(gateway->former_masked, old->former_masked,
           sizeof(gateway->former_masked));
    gateway->former_until_ms = old->former_until_ms;
    gateway->created_ms = old->created_ms;
    gateway->entry = old->entry;
    gateway->tag = old->tag;
}

void
change_stage_gateway(struct store *store, struct flush *flush,
                     const struct object *object, struct gateway *gateway)
{
    struct buf bytes;
    buf_init(&bytes, 0);
    object_encode_gateway(gateway, &bytes);
    ledger_batch_object(flush->batch, LEDGER_KEY, gateway->id,
                        buf_view(&bytes));
    change_put_budgets(flush, LEDGER_KEY, gateway->id, object,
                       object == NULL ? NULL : object->gateway->budgets,
                       gateway->budgets);
    alerts_stage_change(flush, object, gateway, NULL);
    if (escrow_is_strict(store->config)) {
        /* A new key's first step; an old one may have another group. */
        const uint64_t *escrow =
            object == NULL ? store->escrows.step : object->escrow;
        struct ledger_escrow value = {escrow[SHM_TOKENS], escrow[SHM_NANO],
                                      gateway->group_id};
        ledger_batch_escrow(flush->batch, gateway->id, &value);
    }
    if (!buf_ok(&bytes))
        fatal("out of memory");
    buf_fini(&bytes);
}

static int
stage_put_gateway(struct store *store, struct flush *flush,
                  struct change *change)
{
    struct gateway *gateway = change->gateway;
    bool is_new = gateway->id == 0;
    struct object *object =
        is_new ? NULL : objects_find(&store->objects, LEDGER_KEY, gateway->id);
    if (!is_new && (object == NULL || object->gateway == NULL ||
                    object->gateway->deleted_ms != 0))
        return change_refuse(change, -ENOENT, "there is no such key");
    if (object != NULL && object->staged)
        return CHANGE_LATER;
    gateway->deleted_ms = 0;
    if (gateway->group_id == 0) {
        const struct object *group =
            objects_by_name(&store->objects, LEDGER_GROUP, 0, "default");
        gateway->group_id = group == NULL ? 0 : group->id;
    }
    const struct object *group =
        objects_find(&store->objects, LEDGER_GROUP, gateway->group_id);
    if (group == NULL || group->group == NULL)
        return change_refuse(change, -ENOENT, "there is no such group");
    if (group->leaving)
        return CHANGE_LATER;
    int rc = check_gateway(gateway, change->reason, sizeof(change->reason));
    if (rc < 0)
        return rc;
    rc = change_check_name(store, flush, LEDGER_KEY, gateway->id,
                           gateway->group_id, gateway->name);
    if (rc == -EEXIST)
        return change_refuse(change, rc, "the name is taken in its group");
    if (rc != 0)
        return rc;
    gateway->updated_ms = clock_wall_ms();
    if (is_new) {
        gateway->id = ++store->next_id;
        gateway->created_ms = gateway->updated_ms;
        gateway->entry = SHM_ENTRY_NONE;
        change_give_value(store, gateway);
    } else {
        keep_identity(gateway, object->gateway);
        object->staged = true;
    }
    change->id = gateway->id;
    change_stage_gateway(store, flush, object, gateway);
    return 0;
}

void
change_stage_gone(struct flush *flush, enum ledger_kind kind, uint64_t id)
{
    ledger_batch_delete_object(flush->batch, kind, id);
    if (kind == LEDGER_KEY)
        ledger_batch_delete_escrow(flush->batch, id);
    for (int row = 0; row < SHM_BUDGETS; row++)
        ledger_batch_delete_budget(flush->batch, kind, id, (uint8_t)row);
}

static int
stage_delete(struct store *store, struct flush *flush, struct change *change)
{
    enum ledger_kind kind =
        change->kind == CHANGE_UNDO_GROUP ? LEDGER_GROUP : LEDGER_KEY;
    struct object *object = objects_find(&store->objects, kind, change->id);
    if (kind == LEDGER_KEY && (object == NULL || object->gateway == NULL))
        return change_refuse(change, -ENOENT, "there is no such key");
    if (object != NULL && object->staged)
        return CHANGE_LATER;
    if (change->kind == CHANGE_PURGE_GATEWAY &&
        object->gateway->deleted_ms == 0)
        return change_refuse(change, -ENOENT, "the key was restored");
    change_stage_gone(flush, kind, change->id);
    if (object != NULL)
        object->staged = true;
    return 0;
}

static int
stage_top_up(struct store *store, struct flush *flush, struct change *change)
{
    struct object *object =
        objects_find(&store->objects, LEDGER_GROUP, change->id);
    int64_t sum;
    if (object == NULL || object->group == NULL)
        return change_refuse(change, -ENOENT, "there is no such group");
    if (object->staged)
        return CHANGE_LATER;
    if (__builtin_add_overflow(object->group->topped_up_nano, change->nano,
                               &sum) ||
        sum < 0 || sum > CHECK_LIMIT_MAX)
        return change_refuse(change, -EINVAL,
                             "the sum of all top-ups must stay between 0 and "
                             "2,300,000,000");
    change->group = malloc(sizeof(*change->group));
    if (change->group == NULL)
        fatal("out of memory");
    *change->group = *object->group;
    change->group->topped_up_nano = sum;
    change->group->prepaid = true;
    change->group->updated_ms = clock_wall_ms();
    object->staged = true;
    change_stage_group(flush, object, change->group);
    change->id = change->group->id;
    struct ledger_top_up top_up = {
        .group_id = change->id,
        .batch_no = flush->batch_no,
        .index = flush->change_count,
        .at_ms = change->group->updated_ms,
        .nano = change->nano,
        .note = str_from(change->note),
    };
    ledger_batch_top_up(flush->batch, &top_up);
    return 0;
}

static int
stage_reload(struct store *store, struct flush *flush, struct change *change)
{
    const struct group_edit *edit = reload_group_edit(change->reload);
    int rc = edit == NULL ? 0 : group_edit_stage(store, flush, change, edit);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < change->price_count; i++)
        ledger_batch_price(flush->batch, &change->prices[i]);
    reload_stage(change->reload, flush->batch);
    return 0;
}

static int
stage_kind(struct store *store, struct flush *flush, struct change *change)
{
    switch (change->kind) {
    case CHANGE_PUT_GATEWAY:
        return stage_put_gateway(store, flush, change);
    case CHANGE_DELETE_GATEWAY:
    case CHANGE_PURGE_GATEWAY:
    case CHANGE_UNDO_GATEWAY:
    case CHANGE_UNDO_GROUP:
        return stage_delete(store, flush, change);
    case CHANGE_REMOVE_GATEWAY:
    case CHANGE_RESTORE_GATEWAY:
    case CHANGE_ROTATE_GATEWAY:
    case CHANGE_END_FORMER:
        return change_stage_key(store, flush, change);
    case CHANGE_PUT_GROUP:
        return change_stage_put_group(store, flush, change);
    case CHANGE_TOP_UP:
        return stage_top_up(store, flush, change);
    case CHANGE_CREDIT:
        return change_stage_credits(store, flush, change);
    case CHANGE_RELOAD:
        return stage_reload(store, flush, change);
    case CHANGE_EXTRA:
        if (change->id == 0)
            change->id = ++store->next_id;
        return 0;
    }
    UNREACHABLE();
}

static int
stage(struct store *store, struct flush *flush, struct change *change)
{
    int rc = stage_kind(store, flush, change);
    bool undone = change->kind == CHANGE_UNDO_GATEWAY ||
                  change->kind == CHANGE_UNDO_GROUP;
    if (rc != 0)
        return rc;
    for (struct store_extra *e = change->extra; e != NULL; e = e->next)
        e->stage(e, flush->batch, change->id, undone);
    return 0;
}

int
change_refuse(struct change *change, int error, const char *reason)
{
    snprintf(change->reason, sizeof(change->reason), "%s", reason);
    return error;
}

void
change_stage_all(struct store *store, struct flush *flush)
{
    struct change *refused = NULL, **refused_end = &refused;
    while (store->changes != NULL && flush->change_count < STORE_CHANGES_MAX) {
        struct change *change = store->changes;
        int rc = stage(store, flush, change);
        if (rc == CHANGE_LATER)
            break;
        store->changes = change->next;
        if (store->changes == NULL)
            store->changes_end = &store->changes;
        store->change_count--;
        change->next = NULL;
        if (rc < 0) {
            change->error = rc;
            *refused_end = change;
            refused_end = &change->next;
            continue;
        }
        *flush->changes_end = change;
        flush->changes_end = &change->next;
        flush->change_count++;
    }
    for (struct change *c = refused; c != NULL; c = c->next)
        change_answer(c, c->error, c->reason);
    change_free_all(refused);
}
