/*
 * authorise.c - see authorise.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/authorise.h"

#include <stdlib.h>
#include <string.h>

#include "accountant/admin/view.h"

/* The names of the scopes that are missing. */
static void
list_missing(uint32_t missing, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (const struct word *w = member_scopes; w->text != NULL; w++) {
        size_t len = strlen(w->text);
        if ((w->value & missing) == 0 || at + len + 3 > size)
            continue;
        if (at > 0) {
            memcpy(out + at, ", ", 2);
            at += 2;
        }
        memcpy(out + at, w->text, len + 1);
        at += len;
    }
}

bool
authorise_operation(const struct member *member,
                    const struct operation *operation,
                    struct admin_error *error)
{
    const struct operation_access *access = &operation->access;
    enum member_role least =
        access->role == MEMBER_NOBODY ? MEMBER_OWNER : access->role;
    if ((operation->flags & OPERATION_OPEN) != 0)
        return true;
    if (member->role < least)
        return admin_error_set(error, 403, "not_permitted",
                               "'%s' needs the role %s; this token is %s.",
                               operation->name, member_role_text(least),
                               member_role_text(member->role));
    uint32_t wanted = access->scopes == 0 ? SCOPE_ALL : access->scopes;
    uint32_t missing = wanted & ~member->scopes;
    if (missing != 0) {
        char names[256];
        list_missing(missing, names, sizeof(names));
        return admin_error_set(error, 403, "not_permitted",
                               "'%s' needs the scope %s, which this token "
                               "does not have.",
                               operation->name, names);
    }
    if (access->bound == BOUND_NEVER && member_is_bound(member))
        return admin_error_set(error, 403, "not_permitted",
                               "'%s' is about all groups; this token is bound "
                               "to some.",
                               operation->name);
    return true;
}

static bool
no_group(struct call *call, const char *name)
{
    return admin_error_set(&call->error, 404, "group_not_found",
                           "Group '%.64s' does not exist.", name);
}

/* What is no text is left to the handler, which refuses it. */
static bool
body_group(struct call *call, const char *without)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(call->body, "group");
    const char *name = without;
    if (value != NULL && !cJSON_IsNull(value)) {
        if (!cJSON_IsString(value))
            return admin_error_field(&call->error, "group",
                                     "'group' must be the name of a group.");
        name = value->valuestring;
    }
    if (name == NULL)
        return admin_error_set(&call->error, 403, "not_permitted",
                               "This token is bound to groups: name one of "
                               "them as 'group'.");
    return view_group_named(call, name) != NULL || no_group(call, name);
}

static bool
path_key(struct call *call)
{
    const char *text = call->path_params[0];
    char *end = NULL;
    uint64_t id = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
    if (end == NULL || *end != '\0') /* the handler says what is wrong */
        return true;
    return view_key(call, id) != NULL || view_deleted_key(call, id) != NULL ||
           admin_error_set(&call->error, 404, "key_not_found",
                           "There is no key with id %.64s.", text);
}

bool
authorise_group_of(enum operation_bound bound, const char *name,
                   char group[GATEWAY_NAME_BYTES])
{
    const char *slash = strrchr(name, '/');
    if (bound == BOUND_ROUTE && slash != NULL)
        slash = memrchr(name, '/', (size_t)(slash - name));
    if (slash == NULL || (size_t)(slash - name) >= GATEWAY_NAME_BYTES)
        return false;
    *str_copy(group, str_make(name, (size_t)(slash - name))) = '\0';
    return true;
}

/* A profile or route of no group is everybody's, and not such a token's to see.
 */
static bool
named_group(struct call *call, enum operation_bound bound)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(call->body, "name");
    const char *group = query_get(&call->query, "group");
    char text[GATEWAY_NAME_BYTES];
    if (strstr(call->operation->path, "{}") == NULL &&
        call->operation->method != HTTP_POST)
        return (group != NULL && view_group_named(call, group) != NULL) ||
               admin_error_set(&call->error, 403, "not_permitted",
                               "This token is bound to groups: name one of "
                               "them as 'group'.");
    const char *name = call->operation->method != HTTP_POST
                           ? call->path_params[0]
                       : cJSON_IsString(value) ? value->valuestring
                                               : "";
    if (authorise_group_of(bound, name, text) &&
        view_group_named(call, text) != NULL)
        return true;
    return admin_error_set(&call->error, 404, "not_found",
                           "%s '%.100s' does not exist in a group of "
                           "this token.",
                           bound == BOUND_ROUTE ? "route" : "gateway", name);
}

bool
authorise_object(struct call *call)
{
    if (!member_is_bound(&call->member))
        return true;
    switch (call->operation->access.bound) {
    case BOUND_NEVER:
        return admin_error_set(&call->error, 403, "not_permitted",
                               "This token is bound to groups.");
    case BOUND_FREE:
    case BOUND_SEEN:
        return true;
    case BOUND_KEY:
        return path_key(call);
    case BOUND_GROUP:
        return view_group_named(call, call->path_params[0]) != NULL ||
               no_group(call, call->path_params[0]);
    case BOUND_PROFILE:
    case BOUND_ROUTE:
        return named_group(call, call->operation->access.bound);
    case BOUND_BODY:
        return body_group(call, "default");
    case BOUND_BODY_NAMED:
        return body_group(call, NULL);
    }
    UNREACHABLE();
}

bool
authorise_own(struct call *call)
{
    if (call->member.id == 0 && strcmp(call->member.name, "socket") == 0)
        return true;
    call_fail(call, 403, "socket_only",
              "This is for the server's own workers, over the unix socket.");
    return false;
}
