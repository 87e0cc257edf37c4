/*
 * op_groups.c - operations on groups: tenants with budgets and a balance of
 * their own, which all their keys share.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <errno.h>
#include <string.h>

#include "accountant/admin/etag.h"
#include "accountant/admin/group_fields.h"
#include "accountant/admin/key_fields.h"
#include "accountant/admin/object_json.h"
#include "accountant/admin/page.h"
#include "accountant/admin/value.h"
#include "accountant/admin/view.h"
#include "accountant/balance.h"
#include "accountant/store_life.h"

enum { NOTE_MAX = 200 };

static const struct group *
group_of_path(struct call *call)
{
    const struct group *group = view_group_named(call, call->path_params[0]);
    if (group == NULL)
        call_fail(call, 404, "group_not_found", "Group '%.64s' does not exist.",
                  call->path_params[0]);
    return group;
}

/* If-Match. False: it was answered. */
static bool
is_as_expected(struct call *call, const struct group *group)
{
    char etag[CALL_ETAG_BYTES];
    etag_of_group(group, etag);
    return call_if_match(call, etag);
}

static void
answer_group(struct call *call, uint16_t status, uint64_t id)
{
    const struct group *group = store_group(call->store, id);
    if (group == NULL) {
        call_fail(call, 404, "group_not_found", "The group is gone.");
        return;
    }
    char etag[CALL_ETAG_BYTES];
    etag_of_group(group, etag);
    call_set_etag(call, etag);
    group_to_json(&call->json, call->store, group);
    call_answer(call, status);
}

static void
group_created(void *context, int error, const char *reason, uint64_t id)
{
    if (error != 0)
        call_fail_store(context, error, reason);
    else
        answer_group(context, 201, id);
}

/* Of a change that concerns what is the group's own, too. */
static void
fail_whole(struct call *call, int error, const char *reason)
{
    if (error == -ENOTEMPTY || error == -EBUSY || error == -EPERM)
        call_fail(call, 409, error == -ENOTEMPTY ? "group_in_use" : "conflict",
                  "%s.", reason);
    else if (error == -EEXIST)
        call_fail(call, 409, "group_exists", "%s.", reason);
    else
        call_fail_store(call, error, reason);
}

static void
group_changed(void *context, int error, const char *reason, uint64_t id)
{
    if (error != 0)
        fail_whole(context, error, reason);
    else
        answer_group(context, 200, id);
}

static void
group_deleted(void *context, int error, const char *reason, uint64_t id)
{
    if (error != 0)
        fail_whole(context, error, reason);
    else
        call_deleted(context, 0, reason, id);
}

void
op_groups_create(struct call *call)
{
    struct group group = {.entry = SHM_ENTRY_NONE};
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(call->body, "name");
    if (!name_is_valid(name, "name", group.name, &call->error) ||
        !group_fields_apply(call->body, call->store, &group, &call->error))
        call_refuse(call);
    else if (store_group_named(call->store, group.name) != NULL)
        call_fail(call, 409, "group_exists", "Group '%s' already exists.",
                  group.name);
    else
        store_group_put(call->store, &group, group_created, call);
}

void
op_groups_list(struct call *call)
{
    struct page page;
    uint64_t id = 0;
    if (!query_u64(&call->query, "id", 1, UINT64_MAX, &id, &call->error) ||
        !page_read(call, &page)) {
        call_refuse(call);
        return;
    }
    page_begin(call);
    size_t at = 0;
    const struct group *group = view_group_next(call, &at);
    for (; group != NULL; group = view_group_next(call, &at)) {
        if (id != 0 && group->id != id)
            continue;
        if (page_has(&page))
            group_to_json(&call->json, call->store, group);
    }
    page_answer(call, &page);
}

void
op_groups_get(struct call *call)
{
    const struct group *group = group_of_path(call);
    if (group != NULL)
        answer_group(call, 200, group->id);
}

void
op_groups_update(struct call *call)
{
    const struct group *old = group_of_path(call);
    if (old == NULL || !call_change_begin(call, 'g', old->id) ||
        !is_as_expected(call, old))
        return;
    struct group group = *old;
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(call->body, "name");
    if ((name != NULL &&
         !name_is_valid(name, "name", group.name, &call->error)) ||
        !group_fields_apply(call->body, call->store, &group, &call->error))
        call_refuse(call);
    else if (strcmp(group.name, old->name) != 0 && !view_sees_all(call))
        call_fail(call, 403, "not_permitted",
                  "A token that is bound to groups does not rename them.");
    else if (strcmp(group.name, old->name) != 0)
        store_group_rename(call->store, &group, group_changed, call);
    else
        store_group_put(call->store, &group, group_changed, call);
}

void
op_groups_delete(struct call *call)
{
    const struct group *group = group_of_path(call);
    if (group == NULL)
        return; /* and the call is gone */
    const char *all = query_get(&call->query, "all");
    bool with_all = all != NULL && strcmp(all, "yes") == 0;
    if (all != NULL && !with_all && strcmp(all, "no") != 0) {
        call_fail(call, 400, "invalid_query", "'all' is yes or no.");
        return;
    }
    if (call_change_begin(call, 'g', group->id) && is_as_expected(call, group))
        store_group_delete(call->store, group->id, with_all, group_deleted,
                           call);
}

void
op_groups_top_up(struct call *call)
{
    const struct group *group = group_of_path(call);
    int64_t nano = 0;
    const char *note = "";
    if (group == NULL || !call_change_begin(call, 'g', group->id) ||
        !is_as_expected(call, group))
        return;
    const cJSON *body = call->body;
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(body, "note");
    bool good = value_members(body, "", "amount note", &call->error) &&
                value_money(cJSON_GetObjectItemCaseSensitive(body, "amount"),
                            "amount", &nano, &call->error);
    if (good && text != NULL && !cJSON_IsNull(text)) {
        note = value_text(text, "note", NOTE_MAX, &call->error);
        good = note != NULL;
    }
    if (good && balance_is_elsewhere(call->store, group)) {
        call_fail(call, 409, "balance_elsewhere",
                  "The balance of group '%.64s' is kept by the service of "
                  "[balance]: top it up there.",
                  group->name);
        return;
    }
    if (good && nano == 0)
        good = admin_error_field(&call->error, "amount",
                                 "'amount' must not be 0; below 0 takes back.");
    if (!good)
        call_refuse(call);
    else
        store_group_top_up(call->store, group->id, nano, note, group_changed,
                           call);
}
