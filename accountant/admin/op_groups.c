/*
 * op_groups.c - operations on groups: tenants with budgets and a balance of
 * their own, which all their keys share.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include "accountant/admin/budget_fields.h"
#include "accountant/admin/etag.h"
#include "accountant/admin/key_fields.h"
#include "accountant/admin/limit_fields.h"
#include "accountant/admin/object_json.h"
#include "accountant/admin/page.h"
#include "accountant/admin/settings_fields.h"
#include "accountant/admin/value.h"
#include "accountant/admin/view.h"

enum { NOTE_MAX = 200 };
#define LIMIT_MAX (UINT64_C(1) << 48)

static const struct group *
group_of_path(struct call *call)
{
    const struct group *group = view_group_named(call, call->path_params[0]);
    if (group == NULL)
        call_fail(call, 404, "group_not_found", "Group '%.64s' does not exist.",
                  call->path_params[0]);
    return group;
}

static bool
group_fields_apply(const cJSON *body, const struct store *store,
                   struct group *group, struct admin_error *error)
{
    uint64_t concurrency = group->concurrency;
    if (!value_members(body, "",
                       "name prepaid budgets set_budget rpm tpm concurrency "
                       "model_limits settings",
                       error))
        return false;
    const cJSON *prepaid = cJSON_GetObjectItemCaseSensitive(body, "prepaid");
    const cJSON *budgets = cJSON_GetObjectItemCaseSensitive(body, "budgets");
    const cJSON *one = cJSON_GetObjectItemCaseSensitive(body, "set_budget");
    const cJSON *rpm = cJSON_GetObjectItemCaseSensitive(body, "rpm");
    const cJSON *tpm = cJSON_GetObjectItemCaseSensitive(body, "tpm");
    const cJSON *most = cJSON_GetObjectItemCaseSensitive(body, "concurrency");
    const cJSON *limits =
        cJSON_GetObjectItemCaseSensitive(body, "model_limits");
    bool good =
        (limits == NULL ||
         model_limits_apply(limits, store, &group->model_limits, error)) &&
        (prepaid == NULL ||
         value_bool(prepaid, "prepaid", &group->prepaid, error)) &&
        (budgets == NULL || budgets_replace(budgets, group->budgets, error)) &&
        (one == NULL || budgets_set_one(one, group->budgets, error)) &&
        (rpm == NULL ||
         value_limit(rpm, "rpm", LIMIT_MAX, &group->rpm, error)) &&
        (tpm == NULL ||
         value_limit(tpm, "tpm", LIMIT_MAX, &group->tpm, error)) &&
        (most == NULL ||
         value_limit(most, "concurrency", 1000000, &concurrency, error));
    const cJSON *settings = cJSON_GetObjectItemCaseSensitive(body, "settings");
    char text[SETTINGS_TEXT_MAX];
    if (good && settings != NULL) {
        good = settings_apply(settings, store, group->settings, text, error);
        if (good)
            memcpy(group->settings, text, sizeof(text));
    }
    group->concurrency = (uint32_t)concurrency;
    return good;
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

static void
group_changed(void *context, int error, const char *reason, uint64_t id)
{
    if (error != 0)
        call_fail_store(context, error, reason);
    else
        answer_group(context, 200, id);
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
    if (name != NULL &&
        (!cJSON_IsString(name) || strcmp(name->valuestring, group.name) != 0))
        call_fail(call, 400, "invalid_field",
                  "A group cannot be renamed: its name is in logs and "
                  "scripts.");
    else if (!group_fields_apply(call->body, call->store, &group, &call->error))
        call_refuse(call);
    else
        store_group_put(call->store, &group, group_changed, call);
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
    if (good && nano == 0)
        good = admin_error_field(&call->error, "amount",
                                 "'amount' must not be 0; below 0 takes back.");
    if (!good)
        call_refuse(call);
    else
        store_group_top_up(call->store, group->id, nano, note, group_changed,
                           call);
}
