/*
 * store_read.c - reading the objects, and making them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/store_private.h"
#include "accountant/store_search.h"
#include "common/clock.h"
#include "common/log.h"

enum { LOOK_AHEAD = 8 }; /* so many misses of the cache at once */

static const struct gateway *
gateway_of(const struct object *object)
{
    return object == NULL ? NULL : object->gateway;
}

/* NULL: there is none, or it is deleted. */
static const struct gateway *
living(const struct gateway *gateway)
{
    return gateway == NULL || gateway->deleted_ms != 0 ? NULL : gateway;
}

static const struct group *
group_of(const struct object *object)
{
    return object == NULL ? NULL : object->group;
}

const struct gateway *
store_gateway(const struct store *store, uint64_t id)
{
    return living(gateway_of(objects_find(&store->objects, LEDGER_KEY, id)));
}

const struct gateway *
store_gateway_deleted(const struct store *store, uint64_t id)
{
    const struct gateway *found =
        gateway_of(objects_find(&store->objects, LEDGER_KEY, id));
    return found != NULL && found->deleted_ms != 0 ? found : NULL;
}

const struct gateway *
store_gateway_named(const struct store *store, const char *group,
                    const char *name)
{
    if (group != NULL) {
        const struct group *in = store_group_named(store, group);
        return in == NULL ? NULL
                          : gateway_of(objects_by_name(
                                &store->objects, LEDGER_KEY, in->id, name));
    }
    const struct object *found = NULL, *in;
    size_t at = 0;
    while (found == NULL &&
           (in = objects_next(&store->objects, LEDGER_GROUP, &at)) != NULL)
        found = objects_by_name(&store->objects, LEDGER_KEY, in->id, name);
    return gateway_of(found);
}

const struct gateway *
store_gateway_by_key(const struct store *store, struct str plain_key)
{
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    crypto_key_digest(store->heritage->secrets, plain_key, digest);
    const struct gateway *found =
        living(gateway_of(objects_by_digest(&store->objects, digest)));
    if (found != NULL && !gateway_has_former(found) &&
        memcmp(found->digest, digest, sizeof(digest)) != 0)
        found = NULL;
    crypto_wipe(digest, sizeof(digest));
    return found;
}

static const struct gateway *
next_gateway(const struct store *store, size_t *at, bool deleted)
{
    const struct object *object;
    while ((object = objects_next(&store->objects, LEDGER_KEY, at)) != NULL)
        if ((object->gateway->deleted_ms != 0) == deleted)
            return object->gateway;
    return NULL;
}

const struct gateway *
store_gateway_next(const struct store *store, size_t *at)
{
    return next_gateway(store, at, false);
}

const struct gateway *
store_gateway_deleted_next(const struct store *store, size_t *at)
{
    return next_gateway(store, at, true);
}

bool
store_gateway_search(const struct store *store, struct name_search *search)
{
    return object_names_next(&store->objects.names, search);
}

const struct gateway *
store_gateway_found(const struct name_search *search)
{
    return search->found->gateway;
}

const struct name_slot *
store_gateway_ahead(const struct store *store, const struct name_search *search)
{
    const struct object_names *names = &store->objects.names;
    size_t at = search->at + LOOK_AHEAD;
    return at < names->count ? &names->slots[at] : NULL;
}

const char *
store_tags(const struct store *store, uint32_t number)
{
    return tag_sets_text(&store->objects.names.tags, number);
}

void
store_tags_soon(const struct store *store, const struct name_slot *slot)
{
    tag_sets_soon(&store->objects.names.tags, slot->tags);
}

uint32_t
store_tags_highest(const struct store *store)
{
    return tag_sets_highest(&store->objects.names.tags);
}

size_t
store_gateway_count(const struct store *store)
{
    return objects_count(&store->objects, LEDGER_KEY) -
           store->objects.deleted_gateways;
}

size_t
store_gateway_place(const struct store *store, size_t nth)
{
    size_t at = 0;
    if (store->objects.deleted_gateways == 0)
        return objects_place(&store->objects, LEDGER_KEY, nth);
    while (nth > 0 && store_gateway_next(store, &at) != NULL)
        nth--;
    return at;
}

const struct group *
store_group(const struct store *store, uint64_t id)
{
    return group_of(objects_find(&store->objects, LEDGER_GROUP, id));
}

const char *
store_group_name(const struct store *store, uint64_t id)
{
    const struct object *object =
        objects_find(&store->objects, LEDGER_GROUP, id);
    if (object != NULL && object->group != NULL)
        return object->group->name;
    return object == NULL || object->former_name == NULL ? ""
                                                         : object->former_name;
}

const struct group *
store_group_named(const struct store *store, const char *name)
{
    return group_of(objects_by_name(&store->objects, LEDGER_GROUP, 0, name));
}

const struct group *
store_group_next(const struct store *store, size_t *at)
{
    return group_of(objects_next(&store->objects, LEDGER_GROUP, at));
}

int
store_reveal(const struct store *store, const struct gateway *gateway,
             char out[CRYPTO_KEY_CHARS + 1])
{
    uint8_t plain[sizeof(gateway->sealed)];
    char aad[32];
    snprintf(aad, sizeof(aad), "key:%llu", (unsigned long long)gateway->id);
    int len = crypto_open(store->heritage->secrets, str_from(aad),
                          gateway->sealed, gateway->sealed_len, plain);
    if (len < 0 || len > CRYPTO_KEY_CHARS) {
        crypto_wipe(plain, sizeof(plain));
        return -EBADMSG;
    }
    memcpy(out, plain, (size_t)len);
    out[len] = '\0';
    crypto_wipe(plain, sizeof(plain));
    return 0;
}

void
store_state(const struct store *store, struct store_state *state)
{
    struct ledger_health health;
    *state = (struct store_state){
        .flushes = store->flushes,
        .records = store->drain.records,
        .queued_changes = store->change_count,
        .last_flush_ms = store->last_flush_ms,
        .last_export_ms = store->exporter.last_ms,
        .export_failures = store->exporter.failures,
        .quarantined_records = store->drain.quarantined_records,
        .quarantined_bytes = store->drain.quarantined_bytes,
        .broken_chains = store->drain.broken_chains,
        .retired_entries = store->retired,
        .lag = store->lag,
    };
    state->ring_bytes_waiting = drain_waiting(&store->drain);
    int64_t oldest_ms = drain_oldest_ms(&store->drain);
    int64_t now_ms = clock_wall_ms();
    if (oldest_ms != 0 && oldest_ms < now_ms)
        state->oldest_record_ms = (uint64_t)(now_ms - oldest_ms);
    ledger_threads_health(store->threads, &health);
    state->flush_errors = health.errors;
    state->ledger_failed = health.failed;
    memcpy(state->ledger_error, health.text, sizeof(state->ledger_error));
}

const struct store_limits *
store_limits(const struct store *store)
{
    return &store->limit_counts;
}

const struct heritage *
store_heritage(const struct store *store)
{
    return store->heritage;
}

bool
store_is_new(const struct store *store)
{
    return store->next_id <= 1;
}

const struct store_master *
store_master(const struct store *store)
{
    return &store->master;
}

const struct config *
store_config(const struct store *store)
{
    return store->config;
}

const struct catalogue *
store_catalogue(const struct store *store)
{
    return store->catalogue;
}

struct loop *
store_loop(const struct store *store)
{
    return store->loop;
}

/* ---- gateways ---- */

bool
gateway_has_former(const struct gateway *gateway)
{
    return gateway->former_until_ms > clock_wall_ms();
}

int64_t
store_restorable_until(const struct store *store, const struct gateway *gateway)
{
    return gateway->deleted_ms + store->config->server.delete_grace_ms;
}

void
gateway_init(struct gateway *gateway)
{
    memset(gateway, 0, sizeof(*gateway));
    gateway->enabled = true;
    gateway->entry = SHM_ENTRY_NONE;
}

struct gateway *
gateway_copy(const struct gateway *gateway)
{
    struct gateway *copy = malloc(sizeof(*copy));
    if (copy == NULL)
        return NULL;
    *copy = *gateway;
    copy->models = NULL;
    copy->model_count = 0;
    copy->settings = NULL;
    copy->model_limits = NULL;
    if (gateway->settings != NULL)
        copy->settings = strdup(gateway->settings);
    if (gateway->model_limits != NULL)
        copy->model_limits = malloc(sizeof(*copy->model_limits));
    if ((gateway->settings != NULL && copy->settings == NULL) ||
        (gateway->model_limits != NULL && copy->model_limits == NULL)) {
        gateway_free(&copy);
        return NULL;
    }
    if (gateway->model_limits != NULL)
        *copy->model_limits = *gateway->model_limits;
    if (gateway->model_count == 0)
        return copy;
    copy->models = calloc(gateway->model_count, sizeof(*copy->models));
    for (uint32_t i = 0; copy->models != NULL && i < gateway->model_count;
         i++) {
        copy->models[i] = strdup(gateway->models[i]);
        if (copy->models[i] == NULL)
            break;
        copy->model_count++;
    }
    if (copy->model_count != gateway->model_count)
        gateway_free(&copy);
    return copy;
}

void
gateway_free(struct gateway **pointer)
{
    struct gateway *gateway = *pointer;
    if (gateway == NULL)
        return;
    for (uint32_t i = 0; i < gateway->model_count; i++)
        free(gateway->models[i]);
    free(gateway->models);
    free(gateway->settings);
    free(gateway->model_limits);
    free(gateway);
    *pointer = NULL;
}

struct payloads *
store_payloads(const struct store *store)
{
    return store->payloads;
}
