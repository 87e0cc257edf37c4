/*
 * op_keys.c - operations that change virtual keys. Each edits a copy and hands
 * it to the store; the answer is given when the store has made it durable.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <errno.h>
#include <stdlib.h>

#include "accountant/admin/etag.h"
#include "accountant/admin/key_fields.h"
#include "accountant/admin/object_json.h"
#include "accountant/admin/op_keys.h"
#include "accountant/admin/view.h"
#include "common/hash.h"
#include "common/log.h"

const struct gateway *
key_of_path(struct call *call)
{
    uint64_t id = 0;
    const char *text = call->path_params[0];
    char *end = NULL;
    if (*text >= '0' && *text <= '9')
        id = strtoull(text, &end, 10);
    if (end == NULL || *end != '\0') {
        call_fail(call, 400, "invalid_path",
                  "A key's path ends in its id, a number; find it by "
                  "/admin/v1/keys?ref=NAME.");
        return NULL;
    }
    const struct gateway *key = view_key(call, id);
    if (key == NULL)
        call_fail(call, 404, "key_not_found", "There is no key with id %s.",
                  text);
    return key;
}

bool
key_is_as_expected(struct call *call, const struct gateway *key)
{
    char etag[CALL_ETAG_BYTES];
    etag_of_key(key, etag);
    return call_if_match(call, etag);
}

void
key_answer(struct call *call, uint16_t status, uint64_t id, bool reveal)
{
    char plain[CRYPTO_KEY_CHARS + 1] = "";
    const struct gateway *key = store_gateway(call->store, id);
    if (key == NULL) {
        call_fail(call, 404, "key_not_found",
                  "The key was deleted in the meantime.");
        return;
    }
    if (reveal && store_reveal(call->store, key, plain) != 0) {
        log_error("while revealing key id=%llu: its sealed form does not fit "
                  "the master secret; was data_dir/secret replaced?",
                  (unsigned long long)id);
        call_fail(call, 500, "reveal_failed",
                  "The key was stored under another master secret and cannot "
                  "be shown.");
        return;
    }
    char etag[CALL_ETAG_BYTES];
    etag_of_key(key, etag);
    call_set_etag(call, etag);
    key_to_json(&call->json, call->store, key, reveal ? plain : NULL);
    crypto_wipe(plain, sizeof(plain));
    call_answer(call, status);
}

static void
fail_put(struct call *call, int error, const char *reason)
{
    const struct gateway *wanted = call->work;
    const char *group =
        wanted == NULL ? NULL : group_name_of(call->store, wanted->group_id);
    const struct gateway *holder =
        wanted == NULL ? NULL
                       : store_gateway_named(call->store, group, wanted->name);
    bool taken = error == -EEXIST || error == EEXIST;
    if (taken && holder != NULL)
        call_fail(call, 409, "key_exists",
                  "Virtual key alias '%s' already exists (id=%llu). Use a "
                  "different alias.",
                  holder->name, (unsigned long long)holder->id);
    else
        call_fail_store(call, error, reason);
}

static void
created(void *context, int error, const char *reason, uint64_t id)
{
    if (error != 0)
        fail_put(context, error, reason);
    else
        key_answer(context, 201, id, true);
}

static void
upserted(void *context, int error, const char *reason, uint64_t id)
{
    if (error != 0)
        fail_put(context, error, reason);
    else
        key_answer(context, 200, id, true);
}

static void
updated(void *context, int error, const char *reason, uint64_t id)
{
    if (error != 0)
        fail_put(context, error, reason);
    else
        key_answer(context, 200, id, false);
}

static void
free_wanted(void *work)
{
    struct gateway *wanted = work;
    gateway_free(&wanted);
}

/* Keeps a copy of what was asked for, for the message of a conflict. */
static void
put_key(struct call *call, struct gateway *key, store_done done)
{
    if (call->work == NULL) {
        call->work = gateway_copy(key);
        call->work_free = free_wanted;
    }
    store_gateway_put(call->store, key, done, call);
}

/* In a shadow a call passes what its group has left, too. */
static bool
lifts_group_limits(const struct call *call)
{
    const cJSON *item = NULL;
    bool lifts = false;
    cJSON_ArrayForEach(item,
                       cJSON_GetObjectItemCaseSensitive(call->body, "settings"))
    {
        lifts = lifts ||
                (item->string != NULL && strcmp(item->string, "shadow") == 0 &&
                 !cJSON_IsNull(item) && !cJSON_IsFalse(item));
    }
    return lifts;
}

/* Applies the body to `key` (taken) and puts it; refuses the call otherwise. */
static void
edit_and_put(struct call *call, struct gateway *key, store_done done)
{
    if (key == NULL) {
        call_fail(call, 503, "overloaded", "Out of memory.");
    } else if ((call->member.scopes & SCOPE_GROUPS_WRITE) == 0 &&
               lifts_group_limits(call)) {
        gateway_free(&key);
        call_fail(call, 403, "not_permitted",
                  "The setting 'shadow' lifts the limits of the key's group, "
                  "too: it needs the scope groups:write.");
    } else if (!key_fields_apply(call->body, call->store, key, &call->error)) {
        gateway_free(&key);
        call_refuse(call);
    } else {
        put_key(call, key, done);
    }
}

static struct gateway *
new_key(uint64_t group_id)
{
    struct gateway *key = malloc(sizeof(*key));
    if (key == NULL)
        return NULL;
    gateway_init(key);
    key->group_id = group_id;
    key->acl_allow = true; /* what a first list of addresses means */
    return key;
}

/* Creations of one name in one group follow one another too. */
static bool
name_change_begin(struct call *call, uint64_t group_id, const char *name)
{
    const struct crypto_secrets *secrets = store_heritage(call->store)->secrets;
    uint64_t hash = hash_siphash(secrets->hash_seed, name, strlen(name));
    return call_change_begin(call, 'n', hash_mix64(hash + group_id));
}

void
op_keys_create(struct call *call)
{
    char name[GATEWAY_NAME_BYTES];
    const struct group *group =
        key_group_of(call->body, call->store, &call->error);
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(call->body, "name");
    if (group == NULL || !name_is_valid(value, "name", name, &call->error)) {
        call_refuse(call);
        return;
    }
    const struct gateway *holder =
        store_gateway_named(call->store, group->name, name);
    if (holder != NULL) {
        call_fail(call, 409, "key_exists",
                  "Virtual key alias '%s' already exists (id=%llu). Use a "
                  "different alias.",
                  name, (unsigned long long)holder->id);
        return;
    }
    if (name_change_begin(call, group->id, name))
        edit_and_put(call, new_key(group->id), created);
}

void
op_keys_upsert(struct call *call)
{
    char name[GATEWAY_NAME_BYTES];
    const struct group *group =
        key_group_of(call->body, call->store, &call->error);
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(call->body, "name");
    if (group == NULL || !name_is_valid(value, "name", name, &call->error)) {
        call_refuse(call);
        return;
    }
    const struct gateway *key =
        store_gateway_named(call->store, group->name, name);
    if (key != NULL) {
        if (call_change_begin(call, 'k', key->id))
            edit_and_put(call, gateway_copy(key), upserted);
    } else if (name_change_begin(call, group->id, name)) {
        edit_and_put(call, new_key(group->id), created);
    }
}

/* What a copy does not have of its original: identity, value, use. */
static void
begin_anew(struct gateway *key)
{
    key->id = 0;
    memset(key->digest, 0, sizeof(key->digest));
    memset(key->sealed, 0, sizeof(key->sealed));
    key->sealed_len = 0;
    key->masked[0] = '\0';
    memset(key->former_digest, 0, sizeof(key->former_digest));
    key->former_masked[0] = '\0';
    key->former_until_ms = 0;
    key->created_ms = key->updated_ms = key->last_used_ms = 0;
    key->entry = SHM_ENTRY_NONE;
    key->tag = 0;
    memset(&key->total, 0, sizeof(key->total));
    for (int i = 0; i < SHM_BUDGETS; i++) {
        struct budget *budget = &key->budgets[i];
        budget->baseline = budget->period_no = budget->resets_ms = 0;
    }
}

/* A new key of the same group and configuration, but for what the body names. */
void
op_keys_copy(struct call *call)
{
    char name[GATEWAY_NAME_BYTES];
    const struct gateway *key = key_of_path(call);
    if (key == NULL)
        return; /* and the call is gone */
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(call->body, "name");
    if (!name_is_valid(value, "name", name, &call->error)) {
        call_refuse(call);
        return;
    }
    const char *group = group_name_of(call->store, key->group_id);
    const struct gateway *holder =
        store_gateway_named(call->store, group, name);
    if (holder != NULL) {
        call_fail(call, 409, "key_exists",
                  "Virtual key alias '%s' already exists (id=%llu). Use a "
                  "different alias.",
                  name, (unsigned long long)holder->id);
        return;
    }
    if (!name_change_begin(call, key->group_id, name))
        return;
    struct gateway *copy = gateway_copy(key);
    if (copy != NULL)
        begin_anew(copy);
    edit_and_put(call, copy, created);
}

void
op_keys_update(struct call *call)
{
    const struct gateway *key = key_of_path(call);
    if (key == NULL || !call_change_begin(call, 'k', key->id) ||
        !key_is_as_expected(call, key))
        return;
    edit_and_put(call, gateway_copy(key), updated);
}

void
op_keys_reveal(struct call *call)
{
    const struct gateway *key = key_of_path(call);
    if (key != NULL)
        key_answer(call, 200, key->id, true);
}
