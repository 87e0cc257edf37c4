/*
 * op_cache.c - GET /admin/v1/cache: how much the cache of answers has and saves;
 * POST /admin/v1/cache/purge: nothing of it is given again, or nothing of one
 * group's or gateway's. The accountant is the only one who raises the numbers of purges.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include "accountant/admin/object_json.h"
#include "accountant/admin/value.h"
#include "shm/answer_cache.h"
#include "shm/catalogue.h"

static void
key_u64(struct json_writer *json, const char *name, uint64_t value)
{
    json_key(json, name);
    json_u64(json, value);
}

static void
stats_to_json(struct json_writer *json, const struct answer_cache_stats *stats)
{
    static const char *const names[ANSWER_COUNTS] = {
#define C(name, text) [ANSWER_COUNT_##name] = #name,
        ANSWER_CACHE_COUNTS(C)
#undef C
    };
    uint64_t hits = stats->counts[ANSWER_COUNT_hits];
    uint64_t asked = hits + stats->counts[ANSWER_COUNT_misses];
    key_u64(json, "hit_percent", asked > 0 ? hits * 100 / asked : 0);
    for (int i = 0; i < ANSWER_COUNTS; i++) {
        if (i == ANSWER_COUNT_saved_nano)
            continue;
        key_u64(json, names[i], stats->counts[i]);
    }
    json_key(json, "saved_cost");
    json_money(json, (int64_t)stats->counts[ANSWER_COUNT_saved_nano]);
    key_u64(json, "entries", stats->entries);
    key_u64(json, "bytes", stats->used_bytes);
    key_u64(json, "size_bytes", stats->size_bytes);
    key_u64(json, "item_max_bytes", stats->item_max_bytes);
    key_u64(json, "purges", stats->generation);
}

void
op_cache_stats(struct call *call)
{
    const struct answer_cache *cache =
        store_heritage(call->store)->answer_cache;
    struct answer_cache_stats stats = {0};
    if (cache != NULL)
        answer_cache_stats(cache, &stats);
    json_object_begin(&call->json);
    json_key(&call->json, "enabled");
    json_bool(&call->json, cache != NULL);
    stats_to_json(&call->json, &stats);
    json_object_end(&call->json);
    call_answer(call, 200);
}

/* A scope of the body: {"group": NAME}, {"gateway": NAME}, or all: 0. False: the
 * call was refused. */
static bool
read_scope(struct call *call, const char **name, uint64_t *scope)
{
    const struct catalogue *catalogue = store_catalogue(call->store);
    const cJSON *group = cJSON_GetObjectItemCaseSensitive(call->body, "group");
    const cJSON *gateway =
        cJSON_GetObjectItemCaseSensitive(call->body, "gateway");
    const cJSON *one = group != NULL ? group : gateway;
    *name = NULL;
    *scope = 0;
    if (!value_members(call->body, "", "group gateway", &call->error)) {
        call_refuse(call);
        return false;
    }
    if (one == NULL)
        return true;
    if (!cJSON_IsString(one) || (group != NULL && gateway != NULL)) {
        call_fail(call, 400, "invalid_value",
                  "Name one group or one gateway, or neither.");
        return false;
    }
    *name = one->valuestring;
    const struct group *found = store_group_named(call->store, *name);
    const struct catalogue_gateway *profile =
        gateway == NULL || catalogue == NULL
            ? NULL
            : catalogue_find_gateway(catalogue,
                                     settings_name_hash(str_from(*name)));
    if (group != NULL && found != NULL)
        *scope = found->id;
    else if (profile != NULL)
        *scope = ANSWER_SCOPE_GATEWAY | profile->hash;
    if (*scope != 0)
        return true;
    call_fail(call, 404,
              group != NULL ? "group_not_found" : "gateway_not_found",
              "%s '%.64s' does not exist.", group != NULL ? "Group" : "Gateway",
              *name);
    return false;
}

void
op_cache_purge(struct call *call)
{
    struct answer_cache *cache = store_heritage(call->store)->answer_cache;
    const char *name;
    uint64_t scope;
    if (!read_scope(call, &name, &scope))
        return;
    if (cache != NULL && scope != 0)
        answer_cache_purge_scope(cache, scope);
    else if (cache != NULL)
        answer_cache_purge_all(cache);
    json_object_begin(&call->json);
    json_key(&call->json, "purged");
    json_bool(&call->json, cache != NULL);
    json_key(&call->json, "of");
    json_cstring(&call->json, name);
    json_object_end(&call->json);
    call_answer(call, 200);
}
