/*
 * store_group.c - changes of groups: made, changed, renamed, deleted with their
 * keys.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/store_group.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/crash_point.h"
#include "accountant/object_codec.h"
#include "accountant/store_check.h"
#include "common/clock.h"
#include "common/log.h"

/* ---- made and changed ---- */

void
change_stage_group(struct flush *flush, const struct object *object,
                   struct group *group)
{
    struct buf bytes;
    buf_init(&bytes, 0);
    object_encode_group(group, &bytes);
    ledger_batch_object(flush->batch, LEDGER_GROUP, group->id,
                        buf_view(&bytes));
    change_put_budgets(flush, LEDGER_GROUP, group->id, object,
                       object == NULL ? NULL : object->group->budgets,
                       group->budgets);
    alerts_stage_change(flush, object, NULL, group);
    if (!buf_ok(&bytes))
        fatal("out of memory");
    buf_fini(&bytes);
}

int
change_stage_put_group(struct store *store, struct flush *flush,
                       struct change *change)
{
    struct group *group = change->group;
    bool is_new = group->id == 0;
    struct object *object =
        is_new ? NULL : objects_find(&store->objects, LEDGER_GROUP, group->id);
    if (!is_new && (object == NULL || object->group == NULL))
        return change_refuse(change, -ENOENT, "there is no such group");
    if (object != NULL && object->staged)
        return CHANGE_LATER;
    int rc = check_group(group, change->reason, sizeof(change->reason));
    if (rc < 0)
        return rc;
    if (object != NULL && strcmp(object->group->name, "default") == 0 &&
        strcmp(group->name, "default") != 0)
        return change_refuse(change, -EINVAL,
                             "the group \"default\" keeps its name");
    rc = change_check_name(store, flush, LEDGER_GROUP, group->id, 0,
                           group->name);
    if (rc == -EEXIST)
        return change_refuse(change, rc, "the name is taken");
    if (rc != 0)
        return rc;
    group->updated_ms = clock_wall_ms();
    if (is_new) {
        group->id = ++store->next_id;
        group->created_ms = group->updated_ms;
        group->topped_up_nano = 0;
        group->entry = SHM_ENTRY_NONE;
    } else {
        group->created_ms = object->group->created_ms;
        group->topped_up_nano = object->group->topped_up_nano;
        group->entry = object->group->entry;
        group->tag = object->group->tag;
        object->staged = true;
    }
    change_stage_group(flush, object, change->group);
    change->id = change->group->id;
    return 0;
}

/* ---- deleted ---- */

/* The next key of the group, those that can be restored behind the others. NULL
 * at the end. */
struct key_walk {
    struct name_search living;
    size_t binned;
};

static struct object *
next_key(const struct store *store, struct key_walk *walk)
{
    if (object_names_next(&store->objects.names, &walk->living))
        return walk->living.found;
    while (walk->binned < store->bin.count) {
        uint64_t id = store->bin.keys[walk->binned++].id;
        struct object *object = objects_find(&store->objects, LEDGER_KEY, id);
        const struct gateway *key = object == NULL ? NULL : object->gateway;
        if (key != NULL && key->deleted_ms != 0 &&
            key->group_id == walk->living.group_id)
            return object;
    }
    return NULL;
}

static struct key_walk
walk_of(uint64_t group_id)
{
    return (struct key_walk){.living = {.part = "", .group_id = group_id}};
}

size_t
group_key_count(const struct store *store, uint64_t id)
{
    struct name_search search = {.part = "", .group_id = id};
    size_t count = 0;
    while (object_names_next(&store->objects.names, &search))
        count++;
    return count;
}

/* A key of it is made or changed in this flush: then its deletion waits, and so
 * does what comes behind it. */
static bool
has_staged_keys(const struct store *store, const struct flush *flush,
                uint64_t id)
{
    struct key_walk walk = walk_of(id);
    const struct object *object;
    for (const struct change *c = flush->changes; c != NULL; c = c->next)
        if (c->gateway != NULL && c->gateway->group_id == id)
            return true;
    while ((object = next_key(store, &walk)) != NULL)
        if (object->staged)
            return true;
    return false;
}

static void
add_key(struct change *change, struct object *object)
{
    size_t count = change->key_count;
    if ((count & (count + 1)) == 0) { /* 0, 1, 3, 7 ...: full */
        struct object **more =
            realloc(change->keys, (2 * count + 1) * sizeof(struct object *));
        if (more == NULL)
            fatal("out of memory");
        change->keys = more;
    }
    change->keys[change->key_count++] = object;
}

/* A key that was restored and deleted again stands in the bin twice. */
static void
stage_keys(struct store *store, struct flush *flush, struct change *change)
{
    struct key_walk walk = walk_of(change->id);
    struct object *object;
    while ((object = next_key(store, &walk)) != NULL) {
        if (object->staged)
            continue;
        change_stage_gone(flush, LEDGER_KEY, object->id);
        object->staged = true;
        add_key(change, object);
    }
}

/* What stays is its name, for the rows that have its number. */
static void
stage_tombstone(struct flush *flush, const struct group *group)
{
    struct buf bytes;
    struct group gone = {.id = group->id,
                         .created_ms = group->created_ms,
                         .updated_ms = clock_wall_ms(),
                         .topped_up_nano = group->topped_up_nano};
    memcpy(gone.name, group->name, sizeof(gone.name));
    gone.deleted_ms = gone.updated_ms;
    buf_init(&bytes, 0);
    object_encode_group(&gone, &bytes);
    if (!buf_ok(&bytes))
        fatal("out of memory");
    change_stage_gone(flush, LEDGER_GROUP, gone.id);
    ledger_batch_object(flush->batch, LEDGER_GROUP, gone.id, buf_view(&bytes));
    buf_fini(&bytes);
}

static int
stage_delete_group(struct store *store, struct flush *flush,
                   struct change *change, const struct group_edit *edit)
{
    struct object *object =
        objects_find(&store->objects, LEDGER_GROUP, edit->id);
    if (object == NULL || object->group == NULL)
        return change_refuse(change, -ENOENT, "there is no such group");
    if (object->staged || has_staged_keys(store, flush, edit->id))
        return CHANGE_LATER;
    if (!edit->all && group_key_count(store, edit->id) > 0)
        return change_refuse(change, -ENOTEMPTY, "it has keys");
    change->id = edit->id;
    stage_keys(store, flush, change);
    stage_tombstone(flush, object->group);
    object->staged = object->leaving = true;
    return 0;
}

/* Keys before their group, so that no request finds a key whose group is gone. */
static void
apply_delete_group(struct store *store, struct change *change)
{
    struct object *object =
        objects_find(&store->objects, LEDGER_GROUP, change->id);
    CHECK(object != NULL && object->group != NULL);
    uint32_t entry = object->group->entry;
    for (size_t i = 0; i < change->key_count; i++)
        change_apply_gone_key(store, change->keys[i]);
    crash_point("D1");
    if (entry != SHM_ENTRY_NONE) {
        entry_retire(store->segment, entry);
        store->retired++;
    }
    crash_point("D2");
    objects_remove_group(&store->objects, object);
    object->staged = object->leaving = false;
    if (change->key_count > 0)
        change_tell_revocation(store);
}

/* ---- with the parts that are its own ---- */

void
group_edit_free(struct group_edit *edit)
{
    if (edit == NULL)
        return;
    free(edit->put);
    free(edit);
}

int
group_edit_stage(struct store *store, struct flush *flush,
                 struct change *change, const struct group_edit *edit)
{
    if (edit->put == NULL)
        return stage_delete_group(store, flush, change, edit);
    if (change->group == NULL) {
        change->group = malloc(sizeof(*change->group));
        if (change->group == NULL)
            fatal("out of memory");
    }
    *change->group = *edit->put;
    return change_stage_put_group(store, flush, change);
}

void
group_edit_apply(struct store *store, struct change *change,
                 const struct group_edit *edit)
{
    if (edit == NULL)
        return;
    if (edit->put == NULL)
        apply_delete_group(store, change);
    else if (!change_apply_put_group(store, change))
        UNREACHABLE(); /* it is not new */
}

/* ---- what callers call ---- */

static struct group_edit *
make_edit(const struct store *store, uint64_t id)
{
    struct group_edit *edit = calloc(1, sizeof(*edit));
    const struct group *group = store_group(store, id);
    if (edit == NULL)
        fatal("out of memory");
    edit->id = id;
    if (group != NULL)
        memcpy(edit->from, group->name, sizeof(edit->from));
    return edit;
}

void
store_group_rename(struct store *store, const struct group *group,
                   store_done done, void *context)
{
    struct group_edit *edit = make_edit(store, group->id);
    edit->put = malloc(sizeof(*edit->put));
    if (edit->put == NULL)
        fatal("out of memory");
    *edit->put = *group;
    memcpy(edit->to, group->name, sizeof(edit->to));
    manage_group(store, edit, done, context);
}

void
store_group_delete(struct store *store, uint64_t id, bool all, store_done done,
                   void *context)
{
    struct group_edit *edit = make_edit(store, id);
    edit->all = all;
    manage_group(store, edit, done, context);
}
