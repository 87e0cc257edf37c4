/*
 * view.c - see view.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/view.h"

bool
view_sees_all(const struct call *call)
{
    return call->member.group_count == 0;
}

bool
view_sees_group(const struct call *call, uint64_t group_id)
{
    return member_sees_group(&call->member, group_id);
}

static const struct gateway *
seen_key(const struct call *call, const struct gateway *key)
{
    return key != NULL && view_sees_group(call, key->group_id) ? key : NULL;
}

const struct gateway *
view_key(const struct call *call, uint64_t id)
{
    return seen_key(call, store_gateway(call->store, id));
}

const struct gateway *
view_deleted_key(const struct call *call, uint64_t id)
{
    return seen_key(call, store_gateway_deleted(call->store, id));
}

const struct gateway *
view_deleted_key_next(const struct call *call, size_t *at)
{
    const struct gateway *key = store_gateway_deleted_next(call->store, at);
    while (key != NULL && !view_sees_group(call, key->group_id))
        key = store_gateway_deleted_next(call->store, at);
    return key;
}

const struct gateway *
view_key_named(const struct call *call, const char *group, const char *name)
{
    return seen_key(call, store_gateway_named(call->store, group, name));
}

const struct gateway *
view_key_by_value(const struct call *call, struct str plain_key)
{
    return seen_key(call, store_gateway_by_key(call->store, plain_key));
}

const struct group *
view_group_named(const struct call *call, const char *name)
{
    const struct group *group = store_group_named(call->store, name);
    return group != NULL && view_sees_group(call, group->id) ? group : NULL;
}

const struct group *
view_group_next(const struct call *call, size_t *at)
{
    const struct group *group = store_group_next(call->store, at);
    while (group != NULL && !view_sees_group(call, group->id))
        group = store_group_next(call->store, at);
    return group;
}

uint64_t
view_only_group(const struct call *call)
{
    return call->member.group_count == 1 ? call->member.groups[0] : 0;
}
