/*
 * token_fields.c - see token_fields.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/token_fields.h"

#include <stdio.h>
#include <string.h>

#include "accountant/admin/key_fields.h"
#include "accountant/admin/object_json.h"
#include "accountant/admin/value.h"
#include "accountant/admin/view.h"
#include "common/clock.h"

enum { EXPIRY_DAYS_MAX = 36500 };
#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

/* null: all that the role has. */
static bool
apply_scopes(const cJSON *list, struct token *token, struct admin_error *error)
{
    const cJSON *item = NULL;
    uint32_t scopes = 0;
    char known[400];
    word_list(member_scopes, known, sizeof(known));
    if (!cJSON_IsNull(list) &&
        (!cJSON_IsArray(list) || cJSON_GetArraySize(list) == 0))
        return admin_error_field(error, "scopes",
                                 "'scopes' must be a list of %s; null: all "
                                 "that the role has.",
                                 known);
    cJSON_ArrayForEach(item, list)
    {
        uint32_t scope = 0;
        if (!cJSON_IsString(item) ||
            word_value(member_scopes, item->valuestring, &scope) != 0)
            return admin_error_field(error, "scopes",
                                     "'scopes' must be a list of %s.", known);
        scopes |= scope;
    }
    token->scopes = scopes;
    return true;
}

/* null: all groups. */
static bool
apply_groups(struct call *call, const cJSON *list, struct token *token)
{
    struct member *member = &token->member;
    const cJSON *item = NULL;
    uint64_t groups[MEMBER_GROUPS_MAX];
    unsigned count = 0;
    if (!cJSON_IsNull(list) &&
        (!cJSON_IsArray(list) || cJSON_GetArraySize(list) == 0))
        return admin_error_field(&call->error, "groups",
                                 "'groups' must be a list of names of groups; "
                                 "null: all groups.");
    cJSON_ArrayForEach(item, list)
    {
        const struct group *group =
            cJSON_IsString(item) ? view_group_named(call, item->valuestring)
                                 : NULL;
        if (group == NULL)
            return admin_error_field(
                &call->error, "groups", "Group '%.64s' does not exist.",
                cJSON_IsString(item) ? item->valuestring : "");
        bool twice = false;
        for (unsigned i = 0; i < count; i++)
            twice = twice || groups[i] == group->id;
        if (twice)
            continue;
        if (count == MEMBER_GROUPS_MAX)
            return admin_error_field(&call->error, "groups",
                                     "'groups' has at most %d names.",
                                     MEMBER_GROUPS_MAX);
        groups[count++] = group->id;
    }
    if (count > 0)
        memcpy(member->groups, groups, count * sizeof(groups[0]));
    member->group_count = count;
    return true;
}

static bool
apply_expiry(const cJSON *body, struct token *token, struct admin_error *error)
{
    const cJSON *at = cJSON_GetObjectItemCaseSensitive(body, "expires_at");
    const cJSON *days =
        cJSON_GetObjectItemCaseSensitive(body, "expires_in_days");
    uint64_t count = 0;
    if (at != NULL && days != NULL)
        return admin_error_field(error, "expires_in_days",
                                 "Give 'expires_at' or 'expires_in_days', not "
                                 "both.");
    if (at != NULL)
        return value_expiry(at, "expires_at", &token->expires_ms, error);
    if (days == NULL)
        return true;
    if (!value_limit(days, "expires_in_days", EXPIRY_DAYS_MAX, &count, error))
        return false;
    if (count == 0 && !cJSON_IsNull(days))
        return admin_error_field(error, "expires_in_days",
                                 "'expires_in_days' must be from 1 to %d, or "
                                 "null for never.",
                                 EXPIRY_DAYS_MAX);
    token->expires_ms =
        count == 0 ? 0 : clock_wall_ms() + (int64_t)count * DAY_MS;
    return true;
}

bool
token_fields_apply(struct call *call, struct token *token)
{
    const cJSON *body = call->body;
    struct admin_error *error = &call->error;
    uint32_t role = token->member.role;
    if (!value_members(body, "",
                       "name role scopes groups enabled expires_at "
                       "expires_in_days",
                       error))
        return false;
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(body, "name");
    const cJSON *role_name = cJSON_GetObjectItemCaseSensitive(body, "role");
    const cJSON *scopes = cJSON_GetObjectItemCaseSensitive(body, "scopes");
    const cJSON *groups = cJSON_GetObjectItemCaseSensitive(body, "groups");
    const cJSON *enabled = cJSON_GetObjectItemCaseSensitive(body, "enabled");
    bool good = (name == NULL ||
                 name_is_valid(name, "name", token->member.name, error)) &&
                (role_name == NULL ||
                 value_word(role_name, "role", member_roles, &role, error)) &&
                (scopes == NULL || apply_scopes(scopes, token, error)) &&
                (groups == NULL || apply_groups(call, groups, token)) &&
                (enabled == NULL ||
                 value_bool(enabled, "enabled", &token->enabled, error)) &&
                apply_expiry(body, token, error);
    token->member.role = (enum member_role)role;
    token->member.scopes = token_scopes(token);
    return good;
}

/* ---- shown ---- */

static void
time_or_null(struct json_writer *json, const char *name, int64_t ms)
{
    json_key(json, name);
    json_time(json, ms); /* 0: null */
}

static void
scopes_to_json(struct json_writer *json, uint32_t scopes)
{
    json_key(json, "scopes");
    json_array_begin(json);
    for (const struct word *w = member_scopes; w->text != NULL; w++)
        if ((scopes & w->value) != 0)
            json_cstring(json, w->text);
    json_array_end(json);
}

/* Of a group that is gone nothing is said: its name is nobody's. */
static void
groups_to_json(struct json_writer *json, const struct store *store,
               const struct member *member)
{
    json_key(json, "groups");
    if (!member_is_bound(member)) {
        json_null(json);
        return;
    }
    json_array_begin(json);
    for (unsigned i = 0; i < member->group_count; i++)
        if (store_group(store, member->groups[i]) != NULL)
            json_cstring(json, group_name_of(store, member->groups[i]));
    json_array_end(json);
}

void
member_to_json(struct json_writer *json, const struct store *store,
               const struct member *member)
{
    json_object_begin(json);
    json_key(json, "id");
    if (member->id == 0)
        json_null(json);
    else
        json_u64(json, member->id);
    json_key(json, "name");
    json_cstring(json, member->name);
    json_key(json, "role");
    json_cstring(json, member_role_text(member->role));
    scopes_to_json(json, member->scopes);
    groups_to_json(json, store, member);
    json_object_end(json);
}

void
token_to_json(struct json_writer *json, const struct store *store,
              const struct token *token, const char *value)
{
    static const char *const status[] = {[TOKEN_ACTIVE] = "active",
                                         [TOKEN_DISABLED] = "disabled",
                                         [TOKEN_EXPIRED] = "expired"};
    const struct member *member = &token->member;
    json_object_begin(json);
    json_key(json, "id");
    json_u64(json, member->id);
    json_key(json, "name");
    json_cstring(json, member->name);
    json_key(json, "role");
    json_cstring(json, member_role_text(member->role));
    if (token->scopes == 0) {
        json_key(json, "scopes");
        json_null(json);
    } else {
        scopes_to_json(json, token->scopes);
    }
    groups_to_json(json, store, member);
    json_key(json, "enabled");
    json_bool(json, token->enabled);
    json_key(json, "status");
    json_cstring(json, status[token_status(token, clock_wall_ms())]);
    json_key(json, "masked_token");
    json_cstring(json, token->masked);
    if (value != NULL) {
        json_key(json, "token");
        json_cstring(json, value);
    }
    json_key(json, "created_by");
    json_cstring(json, token->created_by);
    time_or_null(json, "expires_at", token->expires_ms);
    time_or_null(json, "created_at", token->created_ms);
    time_or_null(json, "updated_at", token->updated_ms);
    time_or_null(json, "last_used_at", token->used_ms);
    json_object_end(json);
}
