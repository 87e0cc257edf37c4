/*
 * identify.c - see identify.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/identify.h"

#include <stdio.h>
#include <string.h>

#include "accountant/admin/members.h"
#include "accountant/admin/sessions.h"
#include "common/clock.h"

/* The token of [admin]; empty: none is configured. */
static struct str
configured_token(const struct admin *admin)
{
    const char *token = store_config(admin->store)->admin.token;
    return str_from(token == NULL ? "" : token);
}

static bool
refuse_anonymous(const struct admin *admin, struct admin_error *error)
{
    bool is_off = configured_token(admin).len == 0 &&
                  members_next(admin->members, 0) == NULL;
    if (is_off)
        return admin_error_set(
            error, 403, "management_disabled",
            "Management over TCP is off: set 'token' in section [admin] of "
            "aigw.ini and reload, or make an admin token (aigwctl token "
            "create NAME) on this host, where aigwctl speaks through the unix "
            "socket.");
    return admin_error_set(error, 401, "invalid_token",
                           "Send an admin token, or the token of [admin] in "
                           "aigw.ini, as 'Authorization: Bearer TOKEN'.");
}

static bool
take_token(struct admin *admin, const struct token *token,
           struct member *member, struct admin_error *error)
{
    switch (token_status(token, clock_wall_ms())) {
    case TOKEN_ACTIVE:
        *member = token->member;
        members_touch(admin->members, member->id);
        return true;
    case TOKEN_DISABLED:
        return admin_error_set(error, 401, "token_disabled",
                               "This admin token is disabled.");
    case TOKEN_EXPIRED:
        return admin_error_set(error, 401, "token_expired",
                               "This admin token has expired.");
    }
    UNREACHABLE();
}

bool
identify_token(struct admin *admin, struct guard_address address,
               struct str token, struct member *member,
               struct admin_error *error)
{
    uint64_t now_ms = loop_now_ms(admin->loop);
    struct str configured = configured_token(admin);
    if (guard_waits(&admin->guard, address, now_ms, error))
        return false;
    if (configured.len > 0 && crypto_equals(token, configured)) {
        member_set_owner(member, "admin");
        return true;
    }
    const struct token *found = members_by_value(admin->members, token);
    if (found != NULL)
        return take_token(admin, found, member, error);
    refuse_anonymous(admin, error);
    if (error->status == 401 && token.len > 0) /* else nothing was guessed */
        guard_count(&admin->guard, address, now_ms);
    return false;
}

bool
identify_link(struct admin *admin, struct guard_address address,
              struct str code, struct member *member, struct admin_error *error)
{
    uint64_t now_ms = loop_now_ms(admin->loop);
    if (guard_waits(&admin->guard, address, now_ms, error))
        return false;
    if (login_link_take(admin->sessions, code, clock_wall_ms())) {
        member_set_owner(member, "host");
        return true;
    }
    guard_count(&admin->guard, address, now_ms);
    return admin_error_set(error, 401, "invalid_code",
                           "This login link was used, or is older than ten "
                           "minutes: ask for another one (aigwctl console).");
}

bool
identify_signer(struct admin *admin, struct str name, struct member *member,
                struct buf *secret)
{
    char text[MEMBER_NAME_BYTES], value[CRYPTO_KEY_CHARS + 1];
    struct str configured = configured_token(admin);
    if (str_equals(name, STR_LIT("admin")) && configured.len > 0) {
        member_set_owner(member, "admin");
        buf_append_str(secret, configured);
        return buf_ok(secret);
    }
    if (name.len >= sizeof(text))
        return false;
    *str_copy(text, name) = '\0';
    const struct token *token = members_by_name(admin->members, text);
    if (token == NULL || token_status(token, clock_wall_ms()) != TOKEN_ACTIVE ||
        members_reveal(admin->members, token, value) != 0)
        return false;
    buf_append_cstr(secret, value);
    crypto_wipe(value, sizeof(value));
    *member = token->member;
    members_touch(admin->members, member->id);
    return buf_ok(secret);
}

bool
identify_by_id(struct admin *admin, uint64_t token_id, struct member *member,
               struct admin_error *error)
{
    const struct token *token = members_by_id(admin->members, token_id);
    if (token_id != 0 && token != NULL)
        return take_token(admin, token, member, error);
    if (token_id != 0 || configured_token(admin).len == 0)
        return refuse_anonymous(admin, error);
    member_set_owner(member, "admin");
    return true;
}

bool
identify_digest(const struct admin *admin, uint64_t token_id,
                uint8_t digest[CRYPTO_DIGEST_BYTES])
{
    if (token_id == SESSION_OF_HOST) {
        memset(digest, 0, CRYPTO_DIGEST_BYTES);
        return true;
    }
    if (token_id == 0) {
        struct str token = configured_token(admin);
        crypto_hmac(store_heritage(admin->store)->secrets->key_digest, token,
                    digest);
        return token.len > 0;
    }
    const struct token *token = members_by_id(admin->members, token_id);
    if (token == NULL || token_status(token, clock_wall_ms()) != TOKEN_ACTIVE)
        return false;
    memcpy(digest, token->digest, CRYPTO_DIGEST_BYTES);
    return true;
}

static bool
is_change(const struct http_head *head)
{
    return head->method != HTTP_GET && head->method != HTTP_HEAD;
}

static bool
by_session(struct admin *admin, const struct http_head *head, struct str cookie,
           struct member *member, uint64_t *session_id,
           struct admin_error *error)
{
    int64_t now_ms = clock_wall_ms();
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    struct session *session = sessions_find(admin->sessions, cookie, now_ms);
    struct str csrf = http_field_find(head, STR_LIT("x-csrf-token"));
    if (session == NULL || !identify_digest(admin, session->token_id, digest) ||
        memcmp(digest, session->token_digest, sizeof(digest)) != 0)
        return admin_error_set(error, 401, "session_ended",
                               "This login has ended: log in again.");
    if (is_change(head) && !crypto_equals(csrf, str_from(session->csrf)))
        return admin_error_set(error, 403, "csrf",
                               "A change by a login must repeat its "
                               "csrf_token in the field x-csrf-token.");
    if (session->token_id == SESSION_OF_HOST)
        member_set_owner(member, session->name);
    else if (session->token_id == 0)
        member_set_owner(member, "admin");
    else
        *member = members_by_id(admin->members, session->token_id)->member;
    if (member->id != 0)
        members_touch(admin->members, member->id);
    session->used_ms = now_ms;
    *session_id = session->id;
    return true;
}

bool
identify_request(struct admin *admin, const struct http_head *head,
                 bool is_metrics, struct member *member, uint64_t *session_id,
                 struct admin_error *error)
{
    enum access_way way = access_via(head);
    struct guard_address address = guard_address_of(&admin->guard, head);
    *session_id = 0;
    if (way == ACCESS_SOCKET) {
        member_set_owner(member, "socket");
        return true;
    }
    if (is_metrics && way == ACCESS_LOOPBACK) {
        *member = (struct member){.role = MEMBER_READ_ONLY,
                                  .scopes = SCOPE_SYSTEM_READ | SCOPE_ANY,
                                  .name = "loopback"};
        return true;
    }
    if (http_field_count(head, STR_LIT("authorization")) > 0)
        return identify_token(admin, address, access_bearer(head), member,
                              error);
    struct str cookie =
        session_cookie_of(http_field_count(head, STR_LIT("cookie")) == 1
                              ? http_field_find(head, STR_LIT("cookie"))
                              : str_make("", 0));
    if (cookie.len > 0)
        return by_session(admin, head, cookie, member, session_id, error);
    return !guard_waits(&admin->guard, address, loop_now_ms(admin->loop),
                        error) &&
           refuse_anonymous(admin, error);
}
