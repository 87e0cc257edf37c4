/*
 * test_authorise.c - the columns of the table of operations, walked: every row
 * x role x scope x bound.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/authorise.h"

#include "tests/test.h"

static struct admin_error error;

static bool
may(const struct member *member, const struct operation *row)
{
    error = (struct admin_error){0};
    bool allowed = authorise_operation(member, row, &error);
    CHECK_EQ(allowed, error.status == 0);
    return allowed;
}

TEST(every_row_says_who_may)
{
    const struct operation *row;
    for (unsigned i = 0; (row = operations_row(i)) != NULL; i++) {
        bool open = (row->flags & OPERATION_OPEN) != 0;
        if (row->access.scopes == 0 ||
            (row->access.role == MEMBER_NOBODY) != open)
            test_fail(__FILE__, __LINE__, "%s", row->name);
    }
}

TEST(a_change_is_never_for_a_reader_and_needs_a_write_scope)
{
    const uint32_t writes = SCOPE_KEYS_WRITE | SCOPE_GROUPS_WRITE |
                            SCOPE_CONFIG_WRITE | SCOPE_TOKENS_WRITE |
                            SCOPE_SYSTEM_WRITE;
    const struct operation *row;
    for (unsigned i = 0; (row = operations_row(i)) != NULL; i++) {
        bool own = strncmp(row->name, "session", 7) == 0; /* one's own */
        bool changes = (row->flags & OPERATION_CHANGES) != 0 && !own;
        if (changes && (row->access.role < MEMBER_OPERATOR ||
                        (row->access.scopes & writes) == 0))
            test_fail(__FILE__, __LINE__, "%s", row->name);
        if (row->method == HTTP_GET && (row->access.scopes & writes) != 0)
            test_fail(__FILE__, __LINE__, "%s", row->name);
    }
}

/* Written down once more: a row whose columns change by mistake is found here. */
static const char *const owners =
    "token_create token_update token_delete session_link "
    "delivery_due delivery_note price_reprice reload "
    "ledger_export balance_settle balance_work provider_test_work ";
static const char *const readers =
    "key_list key_lookup key_get key_periods group_list "
    "group_get group_top_ups session_get session_close "
    "session_list session_revoke model_list provider_list "
    "provider_get credential_list credential_get model_get "
    "endpoint_list endpoint_get gateway_list gateway_get "
    "route_list route_get alert_list alert_get delivery_list "
    "price_list price_reprice_list openapi status health usage "
    "logs log_export log_get log_search ledger_sum "
    "ledger_verify ledger_list ledger_disk cache_stats metrics "
    "balance_list ";
static const char *const of_bound =
    "key_create key_list key_upsert key_lookup key_get "
    "key_update key_delete key_copy key_rotate key_end_former "
    "key_restore key_reveal key_periods group_list group_get "
    "group_update group_top_ups group_top_up session_open "
    "session_get session_close session_list session_revoke "
    "model_list gateway_create gateway_list gateway_get "
    "gateway_update gateway_delete route_create route_list "
    "route_get route_update route_delete openapi audit usage "
    "logs log_export log_get log_update log_search log_delete "
    "cache_purge balance_list balance_ask ";

static bool
is_listed(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = list; (at = strstr(at, name)) != NULL; at += len)
        if ((at == list || at[-1] == ' ') && at[len] == ' ')
            return true;
    return false;
}

TEST(who_may_is_what_was_meant)
{
    const struct operation *row;
    for (unsigned i = 0; (row = operations_row(i)) != NULL; i++) {
        enum member_role role = is_listed(owners, row->name) ? MEMBER_OWNER
                                : is_listed(readers, row->name)
                                    ? MEMBER_READ_ONLY
                                    : MEMBER_OPERATOR;
        bool open = (row->flags & OPERATION_OPEN) != 0;
        if (row->access.role != (open ? MEMBER_NOBODY : role) ||
            (row->access.bound != BOUND_NEVER) !=
                is_listed(of_bound, row->name))
            test_fail(__FILE__, __LINE__, "%s", row->name);
    }
}

TEST(each_role_scope_and_bound_is_needed)
{
    const struct operation *row;
    for (unsigned i = 0; (row = operations_row(i)) != NULL; i++) {
        if ((row->flags & OPERATION_OPEN) != 0)
            continue;
        for (int role = MEMBER_NOBODY; role <= MEMBER_OWNER; role++) {
            struct member member = {.role = (enum member_role)role,
                                    .scopes = SCOPE_ALL};
            bool enough = member.role >= row->access.role;
            CHECK_EQ(may(&member, row), enough);
            for (uint32_t bit = 1; bit < SCOPE_ALL; bit <<= 1) {
                member.scopes = SCOPE_ALL & ~bit;
                CHECK_EQ(may(&member, row),
                         enough && (row->access.scopes & bit) == 0);
            }
            member.scopes = row->access.scopes;
            CHECK_EQ(may(&member, row), enough);
            member.group_count = 1;
            CHECK_EQ(may(&member, row),
                     enough && row->access.bound != BOUND_NEVER);
        }
    }
}

TEST(a_row_without_columns_is_for_an_owner_of_all)
{
    static const struct operation row = {.name = "new"};
    struct member member = {.role = MEMBER_OWNER, .scopes = SCOPE_ALL};
    CHECK_TRUE(may(&member, &row));
    member.scopes = SCOPE_ALL & ~SCOPE_AUDIT_READ;
    CHECK_TRUE(!may(&member, &row));
    CHECK_TRUE(strstr(error.message, "audit:read") != NULL);
    member = (struct member){.role = MEMBER_OPERATOR, .scopes = SCOPE_ALL};
    CHECK_TRUE(!may(&member, &row));
    CHECK_TRUE(strstr(error.message, "owner") != NULL);
    member = (struct member){
        .role = MEMBER_OWNER, .scopes = SCOPE_ALL, .group_count = 1};
    CHECK_TRUE(!may(&member, &row));
    CHECK_EQ(error.status, 403);
}

TEST(scopes_have_in_them_what_they_need)
{
    CHECK_EQ(member_scope_closure(0), SCOPE_ANY);
    CHECK_EQ(member_scope_closure(SCOPE_ALL), SCOPE_ALL);
    uint32_t edit = member_scope_closure(SCOPE_AI_GATEWAY_EDIT);
    CHECK_TRUE((edit & SCOPE_CONFIG_READ) != 0 &&
               (edit & SCOPE_CONFIG_WRITE) != 0 &&
               (edit & SCOPE_LOGS_READ) != 0 && (edit & SCOPE_KEYS_READ) == 0);
    for (uint32_t bit = 1; bit < SCOPE_ALL; bit <<= 1) {
        uint32_t closed = member_scope_closure(bit);
        CHECK_EQ(member_scope_closure(closed), closed);
    }
}
