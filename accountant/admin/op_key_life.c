/*
 * op_key_life.c - operations on a key as a whole: a new value, deletion,
 * restoration.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <errno.h>
#include <stdlib.h>

#include "accountant/admin/key_fields.h"
#include "accountant/admin/op_keys.h"
#include "accountant/admin/value.h"
#include "accountant/admin/view.h"
#include "accountant/store_life.h"

enum { GRACE_S = 86400, GRACE_MAX_S = 90 * 86400 };

/* ---- deletion ---- */

/* Behind a deletion that leaves something to restore. */
static void
removed(void *context, int error, const char *reason, uint64_t id)
{
    struct call *call = context;
    const struct gateway *key = store_gateway_deleted(call->store, id);
    if (error != 0 || key == NULL) {
        call_deleted(call, error, reason, id);
        return;
    }
    json_object_begin(&call->json);
    json_key(&call->json, "id");
    json_u64(&call->json, id);
    json_key(&call->json, "deleted");
    json_bool(&call->json, true);
    json_key(&call->json, "restorable_until");
    json_time(&call->json, store_restorable_until(call->store, key));
    json_object_end(&call->json);
    call_answer(call, 200);
}

void
op_keys_delete(struct call *call)
{
    const struct gateway *key = key_of_path(call);
    if (key != NULL && call_change_begin(call, 'k', key->id) &&
        key_is_as_expected(call, key))
        store_gateway_remove(call->store, key->id, removed, call);
}

/* ---- restoration ---- */

static void
restored(void *context, int error, const char *reason, uint64_t id)
{
    struct call *call = context;
    if (error == -EEXIST)
        call_fail(call, 409, "key_exists",
                  "Another key has this name by now: name another one as "
                  "'name'.");
    else if (error != 0)
        call_fail_store(call, error, reason);
    else
        key_answer(call, 200, id, false);
}

void
op_keys_restore(struct call *call)
{
    char name[GATEWAY_NAME_BYTES];
    const char *text = call->path_params[0];
    char *end = NULL;
    uint64_t id = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(call->body, "name");
    const struct gateway *key =
        end == NULL || *end != '\0' ? NULL : view_deleted_key(call, id);
    if (key == NULL) {
        call_fail(call, 404, "key_not_found",
                  "There is no deleted key with id %s that can be restored; "
                  "/admin/v1/keys?status=deleted lists them.",
                  text);
        return;
    }
    if (!value_members(call->body, "", "name", &call->error) ||
        (value != NULL && !name_is_valid(value, "name", name, &call->error))) {
        call_refuse(call);
        return;
    }
    if (call_change_begin(call, 'k', key->id))
        store_gateway_restore(call->store, key->id, value == NULL ? NULL : name,
                              restored, call);
}

/* ---- a new value ---- */

static void
rotated(void *context, int error, const char *reason, uint64_t id)
{
    if (error != 0)
        call_fail_store(context, error, reason);
    else
        key_answer(context, 200, id, true);
}

static void
former_ended(void *context, int error, const char *reason, uint64_t id)
{
    if (error != 0)
        call_fail_store(context, error, reason);
    else
        key_answer(context, 200, id, false);
}

void
op_keys_rotate(struct call *call)
{
    uint64_t grace_s = GRACE_S;
    const struct gateway *key = key_of_path(call);
    if (key == NULL)
        return; /* and the call is gone */
    const cJSON *value =
        cJSON_GetObjectItemCaseSensitive(call->body, "grace_seconds");
    if (!value_members(call->body, "", "grace_seconds", &call->error) ||
        (value != NULL && !value_u64(value, "grace_seconds", GRACE_MAX_S,
                                     &grace_s, &call->error))) {
        call_refuse(call);
        return;
    }
    if (!call_change_begin(call, 'k', key->id) ||
        !key_is_as_expected(call, key))
        return;
    if (grace_s > 0 && gateway_has_former(key)) {
        call_fail(call, 409, "rotation_running",
                  "The key has a former value that is still good, and there "
                  "can be one only: end it (DELETE "
                  "/admin/v1/keys/%llu/former), or rotate with "
                  "\"grace_seconds\": 0, which ends both.",
                  (unsigned long long)key->id);
        return;
    }
    store_gateway_rotate(call->store, key->id, (int64_t)grace_s * 1000, rotated,
                         call);
}

void
op_keys_end_former(struct call *call)
{
    const struct gateway *key = key_of_path(call);
    if (key == NULL || !call_change_begin(call, 'k', key->id))
        return;
    if (!gateway_has_former(key))
        call_fail(call, 404, "no_former_value",
                  "The key has no former value that is still good.");
    else
        store_gateway_end_former(call->store, key->id, former_ended, call);
}
