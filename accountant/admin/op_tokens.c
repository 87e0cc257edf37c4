/*
 * op_tokens.c - operations on admin tokens. Nobody gives, changes or takes one
 * that may more than he himself.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/admin_state.h"
#include "accountant/admin/etag.h"
#include "accountant/admin/key_fields.h"
#include "accountant/admin/page.h"
#include "accountant/admin/token_fields.h"

static struct members *
members_of(const struct call *call)
{
    return call->admin->members;
}

static const struct token *
token_of_path(struct call *call)
{
    const char *text = call->path_params[0];
    char *end = NULL;
    uint64_t id = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
    if (end == NULL || *end != '\0') {
        call_fail(call, 400, "invalid_path",
                  "An admin token's path ends in its id, a number.");
        return NULL;
    }
    const struct token *token = members_by_id(members_of(call), id);
    if (token == NULL)
        call_fail(call, 404, "token_not_found",
                  "There is no admin token with id %s.", text);
    return token;
}

/* False: answered. */
static bool
may_give(struct call *call, const struct token *token)
{
    if (member_covers(&call->member, &token->member))
        return true;
    call_fail(call, 403, "not_permitted",
              "This token may not as much as the other one: a role, scope or "
              "group of it is missing.");
    return false;
}

/* If-Match. False: it was answered. */
static bool
is_as_expected(struct call *call, const struct token *token)
{
    char etag[CALL_ETAG_BYTES];
    etag_of_token(token, etag);
    return call_if_match(call, etag);
}

static void
answer_token(struct call *call, uint16_t status, uint64_t id, bool reveal)
{
    char value[CRYPTO_KEY_CHARS + 1] = "";
    const struct token *token = members_by_id(members_of(call), id);
    if (token == NULL) {
        call_fail(call, 404, "token_not_found",
                  "The admin token was deleted in the meantime.");
    } else if (reveal && members_reveal(members_of(call), token, value) != 0) {
        call_fail(call, 500, "reveal_failed",
                  "The token was stored under another master secret and "
                  "cannot be shown.");
    } else {
        char etag[CALL_ETAG_BYTES];
        etag_of_token(token, etag);
        call_set_etag(call, etag);
        token_to_json(&call->json, call->store, token, reveal ? value : NULL);
        call_answer(call, status);
    }
    crypto_wipe(value, sizeof(value));
}

static void
created(void *context, int error, const char *reason, uint64_t id)
{
    if (error != 0)
        call_fail_store(context, error, reason);
    else
        answer_token(context, 201, id, true);
}

static void
changed(void *context, int error, const char *reason, uint64_t id)
{
    if (error != 0)
        call_fail_store(context, error, reason);
    else
        answer_token(context, 200, id, false);
}

/* Tokens are few: their changes follow one another, so that names are unique
 * and a copy that is edited is the newest. */
static bool
change_begin(struct call *call)
{
    return call_change_begin(call, 'm', 1);
}

static bool
is_taken(struct call *call, const char *name, uint64_t by_other_than)
{
    const struct token *other = members_by_name(members_of(call), name);
    if (other == NULL || other->member.id == by_other_than)
        return false;
    call_fail(call, 409, "token_exists",
              "An admin token is named '%s' already (id=%llu).", name,
              (unsigned long long)other->member.id);
    return true;
}

void
op_tokens_create(struct call *call)
{
    struct token token = {.enabled = true};
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(call->body, "name");
    const cJSON *role = cJSON_GetObjectItemCaseSensitive(call->body, "role");
    token.member.role = MEMBER_READ_ONLY;
    bool has_role =
        role != NULL || admin_error_field(&call->error, "role",
                                          "'role' must be read-only, operator "
                                          "or owner.");
    if (!has_role ||
        !name_is_valid(name, "name", token.member.name, &call->error) ||
        !token_fields_apply(call, &token)) {
        call_refuse(call);
        return;
    }
    if (!change_begin(call) || is_taken(call, token.member.name, 0) ||
        !may_give(call, &token))
        return;
    if (members_of(call)->count >= MEMBERS_MAX) {
        call_fail(call, 507, "no_space", "There are %d admin tokens already.",
                  MEMBERS_MAX);
        return;
    }
    snprintf(token.created_by, sizeof(token.created_by), "%s",
             call->member.name);
    members_put(members_of(call), &token, created, call);
}

/* By name or id. */
static bool
is_named(const struct token *token, const char *ref)
{
    char id[24];
    snprintf(id, sizeof(id), "%llu", (unsigned long long)token->member.id);
    return strcmp(token->member.name, ref) == 0 || strcmp(id, ref) == 0;
}

void
op_tokens_list(struct call *call)
{
    struct page page;
    if (!page_read(call, &page)) {
        call_refuse(call);
        return;
    }
    const char *ref = query_get(&call->query, "ref");
    page_begin(call);
    const struct token *token = members_next(members_of(call), 0);
    for (; token != NULL;
         token = members_next(members_of(call), token->member.id)) {
        if (ref != NULL && !is_named(token, ref))
            continue;
        if (page_has(&page))
            token_to_json(&call->json, call->store, token, NULL);
    }
    page_answer(call, &page);
}

void
op_tokens_get(struct call *call)
{
    const struct token *token = token_of_path(call);
    if (token != NULL)
        answer_token(call, 200, token->member.id, false);
}

void
op_tokens_replay(struct call *call)
{
    const struct token *token = token_of_path(call);
    if (token != NULL)
        answer_token(call, 200, token->member.id, true);
}

void
op_tokens_update(struct call *call)
{
    const struct token *old = change_begin(call) ? token_of_path(call) : NULL;
    if (old == NULL || !is_as_expected(call, old))
        return;
    struct token token = *old;
    if (!token_fields_apply(call, &token)) {
        call_refuse(call);
        return;
    }
    if (is_taken(call, token.member.name, token.member.id) ||
        !may_give(call, old) || !may_give(call, &token))
        return;
    members_put(members_of(call), &token, changed, call);
}

void
op_tokens_delete(struct call *call)
{
    const struct token *token = change_begin(call) ? token_of_path(call) : NULL;
    if (token == NULL || !is_as_expected(call, token) || !may_give(call, token))
        return;
    members_delete(members_of(call), token->member.id, call_deleted, call);
}
