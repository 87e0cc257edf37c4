/*
 * op_session.c - logins of people, by a token or a login link once and by a cookie
 * then. Each sees and ends his own; who may change tokens, all.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/admin/admin_state.h"
#include "accountant/admin/identify.h"
#include "accountant/admin/sessions.h"
#include "accountant/admin/token_fields.h"
#include "accountant/admin/value.h"
#include "common/clock.h"
#include "common/net/http_reply.h"

enum { TOKEN_MAX = 512 };

static bool
sees_all(const struct call *call)
{
    const struct member *member = &call->member;
    return member->role == MEMBER_OWNER && !member_is_bound(member) &&
           (member->scopes & SCOPE_TOKENS_WRITE) != 0;
}

static bool
sees(const struct call *call, const struct session *session)
{
    return sees_all(call) ||
           (call->member.id != 0 && session->token_id == call->member.id);
}

static struct session *
own_session(const struct call *call)
{
    return call->session_id == 0
               ? NULL
               : sessions_by_id(call->admin->sessions, call->session_id,
                                clock_wall_ms());
}

static void
set_cookie(struct call *call, const char *value, int64_t seconds)
{
    char field[256];
    snprintf(field, sizeof(field),
             SESSION_COOKIE "=%s; Path=/; Max-Age=%lld; HttpOnly; "
                            "SameSite=Strict%s",
             value, (long long)seconds, call->is_tls ? "; Secure" : "");
    http_field_cstr(&call->fields, "set-cookie", field);
    crypto_wipe(field, sizeof(field));
}

static void
session_to_json(struct json_writer *json, const struct session *session)
{
    json_object_begin(json);
    json_key(json, "id");
    json_u64(json, session->id);
    json_key(json, "name");
    json_cstring(json, session->name);
    json_key(json, "from");
    json_cstring(json, session->from);
    json_key(json, "created_at");
    json_time(json, session->created_ms);
    json_key(json, "last_used_at");
    json_time(json, session->used_ms);
    json_key(json, "expires_at");
    json_time(json, session_ends_ms(session));
    json_object_end(json);
}

/* Who, and of a login the session with what a change must repeat. */
static void
answer_who(struct call *call, uint16_t status, const struct session *session)
{
    struct json_writer *json = &call->json;
    json_object_begin(json);
    json_key(json, "member");
    member_to_json(json, call->store, &call->member);
    json_key(json, "session");
    if (session == NULL)
        json_null(json);
    else
        session_to_json(json, session);
    json_key(json, "csrf_token");
    json_cstring(json, session == NULL ? NULL : session->csrf);
    json_object_end(json);
    call_answer(call, status);
}

/* By a token, or the code of a login link; `*token_id` is whose the session will
 * be. */
static bool
log_in(struct call *call, uint64_t *token_id)
{
    const cJSON *body = call->body;
    const cJSON *token = cJSON_GetObjectItemCaseSensitive(body, "token");
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(body, "code");
    bool by_code = code != NULL && token == NULL;
    if (!value_members(body, "", "token code", &call->error))
        return false;
    const char *text =
        value_text(by_code ? code : token, by_code ? "code" : "token",
                   TOKEN_MAX, &call->error);
    if (text == NULL)
        return false;
    bool known =
        by_code ? identify_link(call->admin, call->address, str_from(text),
                                &call->member, &call->error)
                : identify_token(call->admin, call->address, str_from(text),
                                 &call->member, &call->error);
    *token_id = by_code ? SESSION_OF_HOST : call->member.id;
    return known;
}

void
op_session_open(struct call *call)
{
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    char cookie[SESSION_SECRET_CHARS + 1];
    struct admin *admin = call->admin;
    uint64_t token_id = 0;
    if (!log_in(call, &token_id)) {
        call_refuse(call);
        return;
    }
    if (!identify_digest(admin, token_id, digest)) {
        call_fail(call, 401, "invalid_token", "The token has just ended.");
        return;
    }
    struct session *session =
        sessions_open(admin->sessions, token_id, digest, call->member.name,
                      call->from, clock_wall_ms(), cookie);
    set_cookie(call, cookie, SESSION_LIFE_MS / 1000);
    crypto_wipe(cookie, sizeof(cookie));
    answer_who(call, 201, session);
}

/* Where the console is for a browser of this host: the first listener's address,
 * any address as localhost. */
static void
console_url(const struct call *call, const char *code, char *out, size_t size)
{
    const struct config_admin *admin = &store_config(call->store)->admin;
    bool tls = admin->listen.count == 0 && admin->tls_listen.count > 0;
    const struct config_list *list = tls ? &admin->tls_listen : &admin->listen;
    const char *address = list->count == 0 ? "" : list->items[0];
    const char *colon = strrchr(address, ':');
    bool any = strncmp(address, "0.0.0.0:", 8) == 0 ||
               strncmp(address, "[::]:", 5) == 0;
    if (any && colon != NULL)
        snprintf(out, size, "%s://localhost%s/console/#login=%s",
                 tls ? "https" : "http", colon, code);
    else
        snprintf(out, size, "%s://%s/console/#login=%s", tls ? "https" : "http",
                 address, code);
}

void
op_session_link(struct call *call)
{
    struct json_writer *json = &call->json;
    char code[SESSION_SECRET_CHARS + 1], url[256];
    /* A member's token logs in by itself, for as long as it lasts. */
    if (call->member.id != 0 || strcmp(call->member.name, "socket") != 0) {
        call_fail(call, 403, "socket_only",
                  "Login links are made on the server's host, over its unix "
                  "socket: aigwctl console.");
        return;
    }
    int64_t ends_ms =
        login_link_make(call->admin->sessions, clock_wall_ms(), code);
    console_url(call, code, url, sizeof(url));
    json_object_begin(json);
    json_key(json, "url");
    json_cstring(json, url);
    json_key(json, "code");
    json_cstring(json, code);
    json_key(json, "expires_at");
    json_time(json, ends_ms);
    json_object_end(json);
    crypto_wipe(code, sizeof(code));
    crypto_wipe(url, sizeof(url));
    call_answer(call, 201);
}

void
op_session_get(struct call *call)
{
    answer_who(call, 200, own_session(call));
}

void
op_session_close(struct call *call)
{
    struct session *session = own_session(call);
    if (session == NULL) {
        call_fail(call, 404, "session_not_found",
                  "This request came without a login.");
        return;
    }
    sessions_close(session);
    set_cookie(call, "", 0);
    call_deleted(call, 0, NULL, call->session_id);
}

void
op_sessions_list(struct call *call)
{
    struct json_writer *json = &call->json;
    int64_t now_ms = clock_wall_ms();
    uint64_t total = 0;
    json_object_begin(json);
    json_key(json, "data");
    json_array_begin(json);
    for (unsigned i = 0; i < SESSIONS_MAX; i++) {
        const struct session *row = &call->admin->sessions->rows[i];
        if (row->id == 0 || now_ms >= session_ends_ms(row) || !sees(call, row))
            continue;
        session_to_json(json, row);
        total++;
    }
    json_array_end(json);
    json_key(json, "total");
    json_u64(json, total);
    json_object_end(json);
    call_answer(call, 200);
}

void
op_sessions_revoke(struct call *call)
{
    const char *text = call->path_params[0];
    char *end = NULL;
    uint64_t id = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
    struct session *session =
        id == 0 || *end != '\0'
            ? NULL
            : sessions_by_id(call->admin->sessions, id, clock_wall_ms());
    if (session == NULL || !sees(call, session)) {
        call_fail(call, 404, "session_not_found",
                  "There is no login with id %.32s.", text);
        return;
    }
    sessions_close(session);
    call_deleted(call, 0, NULL, id);
}
