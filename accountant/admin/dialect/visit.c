/*
 * visit.c - the request as it is read, and the answer; see visit.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/dialect/visit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/admin_state.h"
#include "accountant/admin/call.h"
#include "accountant/admin/dialect/dialect.h"
#include "accountant/admin/dialect/visit_part.h"
#include "accountant/admin/object_json.h"
#include "accountant/admin/identify.h"
#include "accountant/admin/login_token.h"
#include "common/net/http_reply.h"

/* ---- the request ---- */

struct str
visit_field(const struct visit *visit, const char *name)
{
    return http_field_find(&visit->head, str_from(name));
}

struct str
visit_host(const struct visit *visit)
{
    /* A worker's own Host names no server. */
    return visit->is_local ? visit_field(visit, "host")
                           : visit_field(visit, "x-aigw-host");
}

static struct str
without_port(struct str host)
{
    for (size_t i = host.len; i > 0 && host.ptr[i - 1] != ']'; i--)
        if (host.ptr[i - 1] == ':')
            return str_make(host.ptr, i - 1);
    return host;
}

void
visit_data_origin(const struct visit *visit, struct buf *out)
{
    const struct config *config = store_config(visit->call->store);
    bool is_tls = config->server.tls_listen.count > 0;
    const struct config_list *listen =
        is_tls ? &config->server.tls_listen : &config->server.listen;
    struct str host = without_port(visit_host(visit));
    const char *port =
        listen->count > 0 ? strrchr(listen->items[0], ':') : NULL;
    if (host.len == 0)
        host = STR_LIT("localhost");
    buf_printf(out, "%s://%.*s%s", is_tls ? "https" : "http", STR_ARG(host),
               port == NULL ? "" : port);
}

/* One name or value; what is no escape stands as it was sent. */
static char *
keep_text(struct str text, char **into)
{
    char *kept = *into;
    int len = url_decode(text, true, kept, text.len + 1);
    if (len < 0) {
        len = (int)text.len;
        *str_copy(kept, text) = '\0';
    }
    *into += len + 1;
    return kept;
}

void
visit_query_parse(struct visit *visit, char *into)
{
    struct str left = visit->head.query;
    while (left.len > 0 && visit->query_count < VISIT_QUERY_MAX) {
        const char *end = memchr(left.ptr, '&', left.len);
        size_t len = end == NULL ? left.len : (size_t)(end - left.ptr);
        if (len > 0) {
            const char *equals = memchr(left.ptr, '=', len);
            size_t name = equals == NULL ? len : (size_t)(equals - left.ptr);
            struct str pair = str_make(left.ptr, len);
            unsigned i = visit->query_count++;
            visit->query[i].name = keep_text(str_make(pair.ptr, name), &into);
            visit->query[i].value =
                keep_text(str_skip(pair, name + (equals != NULL)), &into);
        }
        left = str_skip(left, len + 1);
    }
}

const char *
visit_query_nth(const struct visit *visit, const char *name, unsigned n)
{
    for (unsigned i = 0; i < visit->query_count; i++)
        if (strcmp(visit->query[i].name, name) == 0 && n-- == 0)
            return visit->query[i].value;
    return NULL;
}

const char *
visit_query(const struct visit *visit, const char *name)
{
    const char *value = visit_query_nth(visit, name, 0);
    return value == NULL || *value == '\0' ? NULL : value;
}

uint64_t
visit_query_u64(const struct visit *visit, const char *name, uint64_t absent,
                uint64_t min, uint64_t max)
{
    const char *text = visit_query(visit, name);
    char *end = NULL;
    if (text == NULL)
        return absent;
    long long n = strtoll(text, &end, 10);
    if (end == text || *end != '\0')
        return absent;
    if (n < 0 || (uint64_t)n < min)
        return min;
    return (uint64_t)n > max ? max : (uint64_t)n;
}

const cJSON *
visit_json(struct visit *visit)
{
    const char *end = NULL;
    if (visit->json != NULL)
        return visit->json;
    struct str text = visit->body;
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[text.len - 1]) != NULL)
        text.len--;
    if (text.len == 0)
        visit->json = cJSON_CreateObject();
    else
        visit->json =
            cJSON_ParseWithLengthOpts(text.ptr, text.len, &end, false);
    bool whole = visit->json != NULL &&
                 (end == NULL || end == text.ptr + text.len) &&
                 memchr(text.ptr, '\0', text.len) == NULL;
    if (!whole) {
        cJSON_Delete(visit->json);
        visit->json = NULL;
        visit_fail(visit, 400, "invalid_json", "The body is not valid JSON.");
    }
    return visit->json;
}

const cJSON *
visit_object(struct visit *visit)
{
    const cJSON *json = visit_json(visit);
    if (json != NULL && !cJSON_IsObject(json)) {
        visit_fail(visit, 400, "invalid_json",
                   "The body must be a JSON object.");
        return NULL;
    }
    return json;
}

/* ---- who ---- */

struct str
visit_bearer(const struct visit *visit)
{
    struct str value = visit_field(visit, "authorization");
    if (value.len > 7 &&
        str_equals_nocase(str_make(value.ptr, 7), STR_LIT("Bearer ")))
        value = str_trim(str_skip(value, 7));
    return value;
}

bool
visit_wrong(struct visit *visit, uint16_t status, const char *code,
            const char *message)
{
    struct admin *admin = visit->call->admin;
    guard_failed(&admin->guard, &visit->head, loop_now_ms(admin->loop));
    return admin_error_set(&visit->error, status, code, "%s", message);
}

bool
visit_token(struct visit *visit, struct str token)
{
    struct admin *admin = visit->call->admin;
    struct member *member = &visit->call->member;
    struct guard_address address =
        guard_address_of(&admin->guard, &visit->head);
    const char *owner = store_config(admin->store)->admin.token;
    if (identify_token(admin, address, token, member, &visit->error))
        return true;
    /* Who may use the socket is an owner, whatever his client has to send. */
    bool is_unknown = strcmp(visit->error.code, "invalid_token") == 0 ||
                      strcmp(visit->error.code, "management_disabled") == 0;
    if (!visit->is_local || !is_unknown || (owner != NULL && *owner != '\0'))
        return false;
    member_set_owner(member, "socket");
    return true;
}

bool
visit_login_token(struct visit *visit, struct str token)
{
    struct call *call = visit->call;
    struct admin *admin = call->admin;
    switch (
        login_token_check(admin, guard_address_of(&admin->guard, &visit->head),
                          token, visit->now_ms, &call->member, &visit->error)) {
    case LOGIN_TOKEN_GOOD:
        return true;
    case LOGIN_TOKEN_REFUSED:
        return false;
    case LOGIN_TOKEN_NONE:
        break;
    }
    return visit_token(visit, token);
}

bool
visit_login(struct visit *visit, cJSON *claims, int64_t life_ms,
            struct buf *out)
{
    struct call *call = visit->call;
    return login_token_make(call->admin, call->member.id, claims, visit->now_ms,
                            life_ms, out);
}

bool
visit_signer(struct visit *visit, struct str key_id, struct buf *secret)
{
    return identify_signer(visit->call->admin, key_id, &visit->call->member,
                           secret);
}

enum signature_use
visit_use_signature(struct visit *visit, struct str signature,
                    struct str change, int64_t signed_s)
{
    return signatures_use(visit->call->admin->signatures, signature, change,
                          signed_s, visit->now_ms / 1000);
}

uint64_t
visit_virtual_key(const struct visit *visit, struct str token,
                  const char **status)
{
    const struct store *store = visit->call->store;
    const struct gateway *key = store_gateway_by_key(store, token);
    struct entry_use use;
    if (key == NULL)
        return 0;
    key_use_read(store, key, &use);
    enum key_status is = key_status(key, &use);
    *status = is == KEY_DISABLED  ? "disabled"
              : is == KEY_EXPIRED ? "expired"
                                  : "active"; /* a spent budget is no fault */
    return key->id;
}

bool
visit_by_bearer(struct visit *visit)
{
    struct str token = visit_bearer(visit);
    if (visit->is_local && token.len == 0) {
        member_set_owner(&visit->call->member, "socket");
        return true;
    }
    return visit_token(visit, token);
}

/* ---- the answer ---- */

static void
answer_is(struct visit *visit, uint16_t status)
{
    CHECK(!visit->answered);
    visit->answered = true;
    visit->status = status;
}

void
visit_answer(struct visit *visit, uint16_t status, cJSON *json)
{
    struct call *call = visit->call;
    answer_is(visit, status);
    if (json == NULL)
        return;
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    if (text == NULL) {
        buf_append_cstr(&call->reply, "{\"error\":\"out of memory\"}");
        visit->status = 503;
        return;
    }
    buf_append_cstr(&call->reply, text);
    cJSON_free(text);
}

void
visit_answer_raw(struct visit *visit, uint16_t status, const char *type,
                 struct buf *body)
{
    answer_is(visit, status);
    visit->call->content_type = type;
    buf_append_str(&visit->call->reply, buf_view(body));
    if (!buf_ok(body))
        visit->status = 503;
    buf_fini(body);
    buf_init(body, 0);
}

void
visit_answer_field(struct visit *visit, const char *name, const char *value)
{
    http_field_named(&visit->call->fields, str_from(name), str_from(value));
}

void
visit_fail(struct visit *visit, uint16_t status, const char *code,
           const char *format, ...)
{
    va_list args;
    visit->error = (struct admin_error){.status = status, .code = code};
    va_start(args, format);
    vsnprintf(visit->error.message, sizeof(visit->error.message), format, args);
    va_end(args);
    visit->dialect->fail(visit);
}

void
visit_fail_field(struct visit *visit, const char *field, const char *format,
                 ...)
{
    struct admin_error *error = &visit->error;
    va_list args;
    *error = (struct admin_error){.status = 400, .code = "invalid_field"};
    snprintf(error->field, sizeof(error->field), "%s", field);
    va_start(args, format);
    vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
    visit->dialect->fail(visit);
}
