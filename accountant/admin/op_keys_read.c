/*
 * op_keys_read.c - virtual keys shown: one, by reference, and as pages.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <stdlib.h>

#include "accountant/admin/key_choice.h"
#include "accountant/admin/etag.h"
#include "accountant/admin/object_json.h"
#include "accountant/admin/op_keys.h"
#include "accountant/admin/page.h"
#include "accountant/admin/value.h"
#include "accountant/admin/view.h"
#include "accountant/store_search.h"
#include "common/clock.h"

enum { REF_MAX = 256 };

/* The one key of that name; *many: more than one group has it. */
static const struct gateway *
key_named_anywhere(const struct call *call, const char *name, bool *many)
{
    const struct gateway *found = NULL;
    size_t at = 0;
    const struct group *group = view_group_next(call, &at);
    *many = false;
    for (; group != NULL; group = view_group_next(call, &at)) {
        const struct gateway *key = view_key_named(call, group->name, name);
        if (key != NULL && found != NULL)
            *many = true;
        if (found == NULL)
            found = key;
    }
    return found;
}

/* No key in the message: a whole one must not reach a log or a screen. */
static const struct gateway *
refuse_ref(const char *ref, struct admin_error *error)
{
    if (strstr(ref, "**") != NULL)
        admin_error_set(error, 400, "masked_key",
                        "That is a masked key, which names nothing. Use the "
                        "alias, the id or the whole key.");
    else if (strncmp(ref, "sk-", 3) == 0)
        admin_error_set(error, 404, "key_not_found",
                        "No virtual key has this value.");
    else
        admin_error_set(error, 404, "key_not_found",
                        "Virtual key '%.64s' not found by alias or key value.",
                        ref);
    return NULL;
}

const struct gateway *
key_of_ref(const struct call *call, const char *ref, const char *group,
           struct admin_error *error)
{
    bool many = false;
    const struct gateway *key = group != NULL
                                    ? view_key_named(call, group, ref)
                                    : key_named_anywhere(call, ref, &many);
    if (many) {
        admin_error_set(error, 409, "ambiguous_name",
                        "More than one group has a key named '%.64s': name "
                        "the group too, or use the id.",
                        ref);
        return NULL;
    }
    if (key == NULL && *ref >= '0' && *ref <= '9') {
        char *end = NULL;
        uint64_t id = strtoull(ref, &end, 10);
        if (*end == '\0')
            key = view_key(call, id);
    }
    if (key == NULL && strncmp(ref, "sk-", 3) == 0)
        key = view_key_by_value(call, str_from(ref));
    return key != NULL ? key : refuse_ref(ref, error);
}

void
op_keys_get(struct call *call)
{
    const struct gateway *key = key_of_path(call);
    char etag[CALL_ETAG_BYTES];
    if (key == NULL)
        return;
    etag_of_key(key, etag);
    call_set_etag(call, etag);
    key_to_json(&call->json, call->store, key, NULL);
    call_answer(call, 200);
}

static void
answer_one(struct call *call, const struct gateway *key)
{
    const struct page one = {.number = 1, .limit = 1, .total = 1};
    page_begin(call);
    key_to_json(&call->json, call->store, key, NULL);
    page_answer(call, &one);
}

void
op_keys_lookup(struct call *call)
{
    const cJSON *body = call->body;
    const cJSON *group = cJSON_GetObjectItemCaseSensitive(body, "group");
    const char *group_name = NULL;
    bool valid = value_members(body, "", "ref group", &call->error);
    if (valid && group != NULL && !cJSON_IsNull(group)) {
        group_name =
            value_text(group, "group", GATEWAY_NAME_BYTES - 1, &call->error);
        valid = group_name != NULL;
    }
    const char *ref =
        valid ? value_text(cJSON_GetObjectItemCaseSensitive(body, "ref"), "ref",
                           REF_MAX, &call->error)
              : NULL;
    const struct gateway *key =
        ref == NULL ? NULL : key_of_ref(call, ref, group_name, &call->error);
    if (key == NULL) {
        call_refuse(call);
        return;
    }
    key_to_json(&call->json, call->store, key, NULL);
    call_answer(call, 200);
}

struct key_filter {
    const char *name; /* part of it, case-insensitive; NULL any */
    uint64_t group_id;
    bool by_group, by_status, by_enabled, enabled;
    enum key_status status;
    struct key_choice choice;
    int64_t now_ms;
};

static bool
filter_status(const char *text, struct key_filter *filter,
              struct admin_error *error)
{
    if (text == NULL)
        return true;
    if (strcmp(text, "0") == 0 || strcmp(text, "1") == 0) {
        filter->by_enabled = true;
        filter->enabled = *text == '1';
        return true;
    }
    for (int s = KEY_ACTIVE; s <= KEY_DELETED; s++) {
        if (strcmp(text, key_status_text((enum key_status)s)) == 0) {
            filter->by_status = true;
            filter->status = (enum key_status)s;
            return true;
        }
    }
    return admin_error_field(error, "status",
                             "'status' must be active, disabled, expired, "
                             "exhausted or deleted (or 1 enabled, 0 "
                             "disabled).");
}

static bool
filter_admits(const struct key_filter *filter, const struct store *store,
              const struct gateway *key)
{
    struct entry_use use;
    if (filter->by_group && key->group_id != filter->group_id)
        return false;
    if (filter->by_enabled && key->enabled != filter->enabled)
        return false;
    if (filter->name != NULL && strcasestr(key->name, filter->name) == NULL)
        return false;
    if (!key_choice_admits(&filter->choice, key))
        return false;
    if (!filter->by_status)
        return true;
    key_use_read(store, key, &use);
    return key_status(key, &use) == filter->status;
}

static bool
read_filter(struct call *call, struct key_filter *filter, struct page *page)
{
    const char *group = query_get(&call->query, "group");
    struct admin_error *error = &call->error;
    filter->name = query_get(&call->query, "name");
    filter->now_ms = clock_wall_ms();
    if (group != NULL) {
        const struct group *found = view_group_named(call, group);
        if (found == NULL)
            return admin_error_set(error, 404, "group_not_found",
                                   "Group '%.64s' does not exist.", group);
        filter->by_group = true;
        filter->group_id = found->id;
    }
    return key_choice_read(&filter->choice, &call->query, error) &&
           filter_status(query_get(&call->query, "status"), filter, error) &&
           page_read(call, page);
}

static bool
filter_is_empty(const struct key_filter *filter)
{
    const struct key_choice *choice = &filter->choice;
    return filter->name == NULL && !filter->by_group && !filter->by_status &&
           !filter->by_enabled && choice->ids == NULL && !choice->by_tags;
}

/* Looks at the page's keys alone: there may be a million. */
static void
list_any(struct call *call, struct page *page)
{
    size_t at = store_gateway_place(call->store, page_first(page));
    const struct gateway *key = store_gateway_next(call->store, &at);
    for (uint64_t left = page->limit; key != NULL && left > 0; left--) {
        key_to_json(&call->json, call->store, key, NULL);
        key = store_gateway_next(call->store, &at);
    }
    page->total = store_gateway_count(call->store);
}

/* Those that are deleted are few, and have no name to be found by. */
static void
list_deleted(struct call *call, const struct key_filter *filter,
             struct page *page)
{
    size_t at = 0;
    const struct gateway *key = view_deleted_key_next(call, &at);
    for (; key != NULL; key = view_deleted_key_next(call, &at))
        if (filter_admits(filter, call->store, key) && page_has(page))
            key_to_json(&call->json, call->store, key, NULL);
}

static void
list_numbered(struct call *call, const struct key_filter *filter,
              struct page *page)
{
    for (uint32_t i = 0; i < filter->choice.id_count; i++) {
        uint64_t id = filter->choice.ids[i];
        const struct gateway *key = i > 0 && id == filter->choice.ids[i - 1]
                                        ? NULL
                                        : view_key(call, id);
        if (key != NULL && filter_admits(filter, call->store, key) &&
            page_has(page))
            key_to_json(&call->json, call->store, key, NULL);
    }
}

/* In lower case; false: longer than any name. */
static bool
lower_part(const char *part, char out[GATEWAY_NAME_BYTES])
{
    size_t i = 0;
    for (; i < GATEWAY_NAME_BYTES - 1 && part[i] != '\0'; i++)
        out[i] =
            part[i] >= 'A' && part[i] <= 'Z' ? (char)(part[i] + 32) : part[i];
    out[i] = '\0';
    return part[i] == '\0';
}

/* By what the slot has, and for a status the segment. */
static bool
admits_slot(struct key_filter *filter, const struct store *store,
            const struct name_slot *slot)
{
    if (filter->by_enabled && slot->enabled != filter->enabled)
        return false;
    return key_choice_admits_tags(&filter->choice, store, slot->tags) &&
           (!filter->by_status ||
            slot_status(store, slot, filter->now_ms) == filter->status);
}

static void
look_ahead(const struct key_filter *filter, const struct store *store,
           const struct name_search *search)
{
    const struct name_slot *slot = store_gateway_ahead(store, search);
    if (slot != NULL && filter->by_status)
        slot_status_soon(store, slot);
    if (slot != NULL && filter->choice.by_tags)
        store_tags_soon(store, slot);
}

/* Keys themselves are looked at where the page has them. */
static void
list_found(struct call *call, struct key_filter *filter, struct page *page)
{
    char part[GATEWAY_NAME_BYTES];
    struct name_search search = {.part = part, .group_id = filter->group_id};
    bool all = view_sees_all(call);
    if (search.group_id == 0)
        search.group_id = view_only_group(call);
    if (!lower_part(filter->name == NULL ? "" : filter->name, part))
        return;
    while (store_gateway_search(call->store, &search)) {
        look_ahead(filter, call->store, &search);
        if ((!all && !view_sees_group(call, search.found_group)) ||
            !admits_slot(filter, call->store, search.slot))
            continue;
        if (page_has(page))
            key_to_json(&call->json, call->store, store_gateway_found(&search),
                        NULL);
    }
}

static void
list_chosen(struct call *call, struct key_filter *filter, struct page *page)
{
    if (filter->by_status && filter->status == KEY_DELETED)
        list_deleted(call, filter, page);
    else if (filter->choice.ids != NULL)
        list_numbered(call, filter, page);
    else
        list_found(call, filter, page);
}

void
op_keys_list(struct call *call)
{
    struct key_filter filter = {0};
    struct page page;
    const char *ref = query_get(&call->query, "ref");
    if (ref != NULL) {
        const struct gateway *key = key_of_ref(
            call, ref, query_get(&call->query, "group"), &call->error);
        if (key == NULL)
            call_refuse(call);
        else
            answer_one(call, key);
        return;
    }
    if (!read_filter(call, &filter, &page) ||
        !key_choice_begin(&filter.choice, call->store, &call->error)) {
        key_choice_fini(&filter.choice);
        call_refuse(call);
        return;
    }
    page_begin(call);
    if (filter_is_empty(&filter) && view_sees_all(call))
        list_any(call, &page);
    else
        list_chosen(call, &filter, &page);
    key_choice_fini(&filter.choice);
    page_answer(call, &page);
}
