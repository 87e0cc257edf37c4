/*
 * member.h - who calls: an admin token's role, scopes and groups, or the owner
 * (a process that may use the unix socket, the token of [admin]). What each
 * operation asks of it is in the table of operations; authorise.h judges.
 *
 * A call holds a copy, so what a token may is what it might when its request
 * came. Loop thread only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_MEMBER_H
#define AIGW_ACCOUNTANT_ADMIN_MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "accountant/admin/words.h"
#include "common/str.h"

enum { MEMBER_NAME_BYTES = 64, MEMBER_GROUPS_MAX = 64 };

/* A higher one may all that a lower one may. 0 is nobody's. */
enum member_role {
    MEMBER_NOBODY,
    MEMBER_READ_ONLY, /* looks */
    MEMBER_OPERATOR,  /* changes keys, groups, configuration */
    MEMBER_OWNER      /* and who may what; books, whole exports */
};

/* Bits. A write scope has its read scope in it (member_scope_closure()). */
enum member_scope {
    SCOPE_KEYS_READ = 1 << 0,
    SCOPE_KEYS_WRITE = 1 << 1,
    SCOPE_GROUPS_READ = 1 << 2,
    SCOPE_GROUPS_WRITE = 1 << 3, /* top-ups too */
    SCOPE_CONFIG_READ = 1 << 4,  /* providers, models, prices, gateways */
    SCOPE_CONFIG_WRITE = 1 << 5,
    SCOPE_USAGE_READ = 1 << 6,
    SCOPE_LOGS_READ = 1 << 7, /* and payloads */
    SCOPE_TOKENS_READ = 1 << 8,
    SCOPE_TOKENS_WRITE = 1 << 9,
    SCOPE_AUDIT_READ = 1 << 10,
    SCOPE_SYSTEM_READ = 1 << 11, /* status, cache, books, metrics */
    SCOPE_SYSTEM_WRITE = 1 << 12,
    /* Cloudflare's, by its names; the closure says what they are here. */
    SCOPE_WORKERS_AI_READ = 1 << 13,
    SCOPE_WORKERS_AI_EDIT = 1 << 14,
    SCOPE_AI_GATEWAY_READ = 1 << 15,
    SCOPE_AI_GATEWAY_EDIT = 1 << 16,
    SCOPE_AI_GATEWAY_RUN = 1 << 17,
    SCOPE_ANY = 1 << 18, /* every member has it */
    SCOPE_ALL = (1 << 19) - 1
};

struct member {
    uint64_t id; /* of its token; 0: of the socket or [admin] */
    char name[MEMBER_NAME_BYTES];
    enum member_role role;
    uint32_t scopes;      /* closed; SCOPE_ALL when it has no list */
    unsigned group_count; /* 0: all groups */
    uint64_t groups[MEMBER_GROUPS_MAX];
};

/* Everything, of all groups; `name` for the log. */
void member_set_owner(struct member *member, const char *name);
static inline bool
member_is_bound(const struct member *member)
{
    return member->group_count > 0;
}
bool member_sees_group(const struct member *member, uint64_t group_id);
/* Whether all that `other` may, `member` may too: who may not more than that
 * can give, change or take it. */
bool member_covers(const struct member *member, const struct member *other);
/* With all that they imply. */
uint32_t member_scope_closure(uint32_t scopes);

/* "read-only" ... and "keys:read" ..., "AI Gateway Read" ... for people. */
extern const struct word member_roles[];
extern const struct word member_scopes[];
const char *member_role_text(enum member_role role);

#endif
