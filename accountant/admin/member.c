/*
 * member.c - see member.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/member.h"

#include <stdio.h>

const struct word member_roles[] = {{"read-only", MEMBER_READ_ONLY},
                                    {"operator", MEMBER_OPERATOR},
                                    {"owner", MEMBER_OWNER},
                                    {NULL, 0}};

const struct word member_scopes[] = {{"keys:read", SCOPE_KEYS_READ},
                                     {"keys:write", SCOPE_KEYS_WRITE},
                                     {"groups:read", SCOPE_GROUPS_READ},
                                     {"groups:write", SCOPE_GROUPS_WRITE},
                                     {"config:read", SCOPE_CONFIG_READ},
                                     {"config:write", SCOPE_CONFIG_WRITE},
                                     {"usage:read", SCOPE_USAGE_READ},
                                     {"logs:read", SCOPE_LOGS_READ},
                                     {"tokens:read", SCOPE_TOKENS_READ},
                                     {"tokens:write", SCOPE_TOKENS_WRITE},
                                     {"audit:read", SCOPE_AUDIT_READ},
                                     {"system:read", SCOPE_SYSTEM_READ},
                                     {"system:write", SCOPE_SYSTEM_WRITE},
                                     {"Workers AI Read", SCOPE_WORKERS_AI_READ},
                                     {"Workers AI Edit", SCOPE_WORKERS_AI_EDIT},
                                     {"AI Gateway Read", SCOPE_AI_GATEWAY_READ},
                                     {"AI Gateway Edit", SCOPE_AI_GATEWAY_EDIT},
                                     {"AI Gateway Run", SCOPE_AI_GATEWAY_RUN},
                                     {NULL, 0}};

/* What a scope has in it beside itself; one pass in this order is enough. */
static const struct {
    uint32_t has, implies;
} implications[] = {
    {SCOPE_WORKERS_AI_EDIT, SCOPE_WORKERS_AI_READ},
    {SCOPE_WORKERS_AI_READ, SCOPE_CONFIG_READ},
    {SCOPE_AI_GATEWAY_EDIT, SCOPE_AI_GATEWAY_READ | SCOPE_CONFIG_WRITE},
    {SCOPE_AI_GATEWAY_READ, SCOPE_CONFIG_READ | SCOPE_LOGS_READ |
                                SCOPE_USAGE_READ | SCOPE_GROUPS_READ},
    {SCOPE_KEYS_WRITE, SCOPE_KEYS_READ},
    {SCOPE_GROUPS_WRITE, SCOPE_GROUPS_READ},
    {SCOPE_CONFIG_WRITE, SCOPE_CONFIG_READ},
    {SCOPE_TOKENS_WRITE, SCOPE_TOKENS_READ},
    {SCOPE_SYSTEM_WRITE, SCOPE_SYSTEM_READ},
};

uint32_t
member_scope_closure(uint32_t scopes)
{
    for (unsigned i = 0; i < ARRAY_LEN(implications); i++)
        if ((scopes & implications[i].has) != 0)
            scopes |= implications[i].implies;
    return scopes | SCOPE_ANY;
}

void
member_set_owner(struct member *member, const char *name)
{
    *member = (struct member){.role = MEMBER_OWNER, .scopes = SCOPE_ALL};
    snprintf(member->name, sizeof(member->name), "%s", name);
}

bool
member_sees_group(const struct member *member, uint64_t group_id)
{
    bool sees = member->group_count == 0;
    for (unsigned i = 0; i < member->group_count; i++)
        sees = sees || member->groups[i] == group_id;
    return sees;
}

bool
member_covers(const struct member *member, const struct member *other)
{
    bool covers = other->role <= member->role &&
                  (other->scopes & ~member->scopes) == 0 &&
                  (!member_is_bound(member) || member_is_bound(other));
    for (unsigned i = 0; i < other->group_count; i++)
        covers = covers && member_sees_group(member, other->groups[i]);
    return covers;
}

const char *
member_role_text(enum member_role role)
{
    return word_text(member_roles, role);
}
