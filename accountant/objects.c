/*
 * objects.c - see objects.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/log.h"

struct name_key {
    enum ledger_kind kind;
    uint64_t group_id;
    const char *name;
};

void
objects_init(struct objects *objects, const uint8_t seed[16])
{
    *objects = (struct objects){0};
    memcpy(objects->seed, seed, sizeof(objects->seed));
    memcpy(objects->names.tags.seed, seed, sizeof(objects->seed));
}

static void
free_object(void *item)
{
    struct object *object = item;
    gateway_free(&object->gateway);
    free(object->group);
    free(object->former_name);
    free(object);
}

void
objects_fini(struct objects *objects)
{
    table_fini(&objects->by_digest, NULL);
    table_fini(&objects->by_name, NULL);
    table_fini(&objects->by_id, free_object);
    free(objects->gateways.items);
    free(objects->groups.items);
    object_names_fini(&objects->names);
    objects->gateways = objects->groups = (struct object_list){0};
    objects->deleted_gateways = 0;
}

/* ---- hashes and equality ---- */

static uint64_t
id_hash(enum ledger_kind kind, uint64_t id)
{
    return hash_mix64(id * 2 + (kind == LEDGER_GROUP));
}

static bool
id_match(const void *item, const void *key)
{
    const struct object *object = item, *wanted = key;
    return object->id == wanted->id && object->kind == wanted->kind;
}

/* The digest is a keyed hash already. */
static uint64_t
digest_hash(const uint8_t digest[CRYPTO_DIGEST_BYTES])
{
    uint64_t hash;
    memcpy(&hash, digest, sizeof(hash));
    return hash;
}

static bool
digest_match(const void *item, const void *key)
{
    const struct object *object = item;
    const struct gateway *gateway = object->gateway;
    return memcmp(gateway->digest, key, CRYPTO_DIGEST_BYTES) == 0 ||
           (gateway->former_until_ms != 0 &&
            memcmp(gateway->former_digest, key, CRYPTO_DIGEST_BYTES) == 0);
}

static uint64_t
name_hash(const struct objects *objects, const struct name_key *key)
{
    return hash_siphash(objects->seed, key->name, strlen(key->name)) ^
           id_hash(key->kind, key->group_id);
}

static struct name_key
name_of(const struct object *object)
{
    if (object->kind == LEDGER_GROUP)
        return (struct name_key){LEDGER_GROUP, 0, object->group->name};
    return (struct name_key){LEDGER_KEY, object->gateway->group_id,
                             object->gateway->name};
}

static bool
name_match(const void *item, const void *key)
{
    struct name_key have = name_of(item);
    const struct name_key *wanted = key;
    return have.kind == wanted->kind && have.group_id == wanted->group_id &&
           strcmp(have.name, wanted->name) == 0;
}

/* ---- finding ---- */

struct object *
objects_find(const struct objects *objects, enum ledger_kind kind, uint64_t id)
{
    struct object wanted = {.kind = kind, .id = id};
    return table_find(&objects->by_id, id_hash(kind, id), id_match, &wanted);
}

struct object *
objects_get(struct objects *objects, enum ledger_kind kind, uint64_t id)
{
    struct object *object = objects_find(objects, kind, id);
    if (object != NULL)
        return object;
    object = calloc(1, sizeof(*object));
    if (object == NULL)
        return NULL;
    object->kind = kind;
    object->id = id;
    if (table_insert(&objects->by_id, id_hash(kind, id), object) < 0) {
        free(object);
        return NULL;
    }
    return object;
}

struct object *
objects_by_digest(const struct objects *objects,
                  const uint8_t digest[CRYPTO_DIGEST_BYTES])
{
    return table_find(&objects->by_digest, digest_hash(digest), digest_match,
                      digest);
}

struct object *
objects_by_name(const struct objects *objects, enum ledger_kind kind,
                uint64_t group_id, const char *name)
{
    struct name_key key = {kind, group_id, name};
    return table_find(&objects->by_name, name_hash(objects, &key), name_match,
                      &key);
}

static bool
is_alive(const struct object *object)
{
    return object->gateway != NULL || object->group != NULL;
}

/* The first place with an id > after_id. */
static size_t
list_after(const struct object_list *list, uint64_t after_id)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->items[middle]->id <= after_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct object_list *
list_of(const struct objects *objects, enum ledger_kind kind)
{
    return kind == LEDGER_KEY ? &objects->gateways : &objects->groups;
}

struct object *
objects_next(const struct objects *objects, enum ledger_kind kind, size_t *at)
{
    const struct object_list *list = list_of(objects, kind);
    while (*at < list->count) {
        struct object *object = list->items[(*at)++];
        if (is_alive(object))
            return object;
    }
    return NULL;
}

size_t
objects_count(const struct objects *objects, enum ledger_kind kind)
{
    const struct object_list *list = list_of(objects, kind);
    return list->count - list->dead;
}

size_t
objects_place(const struct objects *objects, enum ledger_kind kind, size_t nth)
{
    const struct object_list *list = list_of(objects, kind);
    size_t at = 0;
    if (list->dead == 0)
        return nth < list->count ? nth : list->count;
    while (nth > 0 && objects_next(objects, kind, &at) != NULL)
        nth--;
    return at;
}

/* ---- changing ---- */

static int
list_add(struct object_list *list, struct object *object)
{
    if (object->listed)
        return 0;
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 64 : list->room * 2;
        struct object **more = realloc(list->items, room * sizeof(*more));
        if (more == NULL)
            return -ENOMEM;
        list->items = more;
        list->room = room;
    }
    /* Ids rise, so this is the end but for a repaired ledger. */
    size_t at = list_after(list, object->id);
    memmove(&list->items[at + 1], &list->items[at],
            (list->count - at) * sizeof(*list->items));
    list->items[at] = object;
    list->count++;
    object->listed = true;
    return 0;
}

static void
list_drop_dead(struct object_list *list)
{
    size_t kept = 0;
    if (list->dead < 64 || list->dead * 2 < list->count)
        return;
    for (size_t i = 0; i < list->count; i++) {
        struct object *object = list->items[i];
        if (is_alive(object))
            list->items[kept++] = object;
        else
            object->listed = false;
    }
    list->count = kept;
    list->dead = 0;
}

/* Of a deleted key the name is free. */
static bool
has_name(const struct object *object)
{
    return object->gateway == NULL || object->gateway->deleted_ms == 0;
}

static void
remove_name(struct objects *objects, struct object *object)
{
    if (!has_name(object))
        return;
    struct name_key key = name_of(object);
    table_remove(&objects->by_name, name_hash(objects, &key), object);
}

static int
add_name(struct objects *objects, struct object *object)
{
    if (!has_name(object))
        return 0;
    struct name_key key = name_of(object);
    return table_insert(&objects->by_name, name_hash(objects, &key), object);
}

/* ---- values ---- */

static void
remove_values(struct objects *objects, struct object *object)
{
    const struct gateway *gateway = object->gateway;
    table_remove(&objects->by_digest, digest_hash(gateway->digest), object);
    if (gateway->former_until_ms != 0)
        table_remove(&objects->by_digest, digest_hash(gateway->former_digest),
                     object);
}

/* All, or none. */
static int
add_values(struct objects *objects, struct object *object)
{
    const struct gateway *gateway = object->gateway;
    if (table_insert(&objects->by_digest, digest_hash(gateway->digest),
                     object) < 0)
        return -ENOMEM;
    if (gateway->former_until_ms == 0 ||
        table_insert(&objects->by_digest, digest_hash(gateway->former_digest),
                     object) == 0)
        return 0;
    table_remove(&objects->by_digest, digest_hash(gateway->digest), object);
    return -ENOMEM;
}

int
objects_put_gateway(struct objects *objects, struct object *object,
                    struct gateway *gateway)
{
    struct gateway *old = object->gateway;
    if (object_names_reserve(&objects->names, gateway) < 0 ||
        list_add(&objects->gateways, object) < 0)
        return -ENOMEM;
    if (old != NULL) {
        remove_name(objects, object);
        remove_values(objects, object);
    }
    object->gateway = gateway;
    if (add_name(objects, object) < 0 || add_values(objects, object) < 0) {
        remove_name(objects, object);
        object->gateway = old;
        if (old == NULL)
            objects->gateways.dead++;
        /* There was room for these a moment ago. */
        else if (add_name(objects, object) < 0 ||
                 add_values(objects, object) < 0)
            UNREACHABLE();
        return -ENOMEM;
    }
    if (has_name(object))
        object_names_put(&objects->names, object, gateway);
    else
        object_names_remove(&objects->names, object);
    objects->deleted_gateways += gateway->deleted_ms != 0;
    if (old != NULL)
        objects->deleted_gateways -= old->deleted_ms != 0;
    gateway_free(&old);
    return 0;
}

int
objects_put_group(struct objects *objects, struct object *object,
                  struct group *group)
{
    struct group *old = object->group;
    if (list_add(&objects->groups, object) < 0)
        return -ENOMEM;
    if (old != NULL)
        remove_name(objects, object);
    object->group = group;
    if (add_name(objects, object) < 0) {
        CHECK(old == NULL);
        object->group = NULL;
        objects->groups.dead++;
        return -ENOMEM;
    }
    free(old);
    return 0;
}

void
object_set_former_name(struct object *object, const char *name)
{
    free(object->former_name);
    object->former_name = strdup(name);
    if (object->former_name == NULL)
        fatal("out of memory");
}

void
objects_remove_group(struct objects *objects, struct object *object)
{
    if (object->group == NULL)
        return;
    remove_name(objects, object);
    object_set_former_name(object, object->group->name);
    free(object->group);
    object->group = NULL;
    objects->groups.dead++;
    list_drop_dead(&objects->groups);
}

void
objects_remove_gateway(struct objects *objects, struct object *object)
{
    if (object->gateway == NULL)
        return;
    remove_name(objects, object);
    remove_values(objects, object);
    object_names_remove(&objects->names, object);
    objects->deleted_gateways -= object->gateway->deleted_ms != 0;
    gateway_free(&object->gateway);
    objects->gateways.dead++;
    list_drop_dead(&objects->gateways);
}
