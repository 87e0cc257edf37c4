/*
 * clickzetta.c - the management API of ClickZetta's gateway, as its command line
 * calls it: who may, the envelope, the portal around it.
 *
 * Success is `code` 0 in the body. What a retry cannot cure is told with status
 * 200 and another code, since its clients show such a message as it is and try
 * again after most other statuses.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/dialect/clickzetta.h"

#include <inttypes.h>
#include <stdio.h>

#include "accountant/admin/call.h"

enum { INSTANCE_ID = 1, SERVICE_ID = 1 };
#define TOKEN_LIFETIME_MS INT64_C(86400000) /* then it logs in anew */

/* ---- the envelope ---- */

cJSON *
clickzetta_envelope(cJSON *data)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "code", 0);
    cJSON_AddStringToObject(json, "message", "success");
    cJSON_AddItemToObject(json, "data",
                          data != NULL ? data : cJSON_CreateNull());
    return json;
}

void
clickzetta_answer(struct visit *visit, cJSON *data)
{
    visit_answer(visit, 200, clickzetta_envelope(data));
}

static void
fail(struct visit *visit)
{
    const struct admin_error *error = &visit->error;
    bool passes = error->status == 429 || error->status >= 500;
    bool no_route =
        visit->route == NULL && (error->status == 404 || error->status == 405);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "code", error->status);
    cJSON_AddStringToObject(json, "message", error->message);
    cJSON_AddNullToObject(json, "data");
    visit_answer(visit, passes || no_route ? error->status : 200, json);
}

void
clickzetta_add_mask(cJSON *object, const char *name, const cJSON *key)
{
    char text[16];
    const char *masked = shape_text(key, "masked_key");
    size_t len = strlen(masked);
    snprintf(text, sizeof(text), "%.4s****%s", masked,
             len < 4 ? "" : masked + len - 4);
    cJSON_AddStringToObject(object, name, text);
}

/* ---- who ---- */

/* Of a Cookie field. */
static struct str
cookie_value(struct str cookies, struct str name)
{
    while (cookies.len > 0) {
        const char *end = memchr(cookies.ptr, ';', cookies.len);
        size_t len = end == NULL ? cookies.len : (size_t)(end - cookies.ptr);
        struct str one = str_trim(str_make(cookies.ptr, len));
        if (one.len > name.len && one.ptr[name.len] == '=' &&
            str_equals_nocase(str_make(one.ptr, name.len), name))
            return str_skip(one, name.len + 1);
        cookies = str_skip(cookies, len + 1);
    }
    return (struct str){"", 0};
}

static bool
authenticate(struct visit *visit)
{
    struct str token = visit_field(visit, "x-clickzetta-token");
    if (token.len == 0)
        token = cookie_value(visit_field(visit, "cookie"),
                             STR_LIT("X-ClickZetta-Token"));
    return token.len > 0 ? visit_login_token(visit, token)
                         : visit_by_bearer(visit);
}

/* ---- the portal ---- */

/* Of the owner, who has no number, 1. */
static int64_t
user_id(const struct visit *visit)
{
    return (int64_t)visit->call->member.id + 1;
}

/* What clients read out of a cookie of theirs, where they do not log in. False: the
 * socket's, of whom each token is good. */
static bool
make_login(struct visit *visit, struct buf *out)
{
    cJSON *claims = cJSON_CreateObject();
    cJSON_AddNumberToObject(claims, "userId", (double)user_id(visit));
    cJSON_AddStringToObject(claims, "userName", visit->call->member.name);
    cJSON_AddNumberToObject(claims, "accountId", INSTANCE_ID);
    cJSON_AddNumberToObject(claims, "tenantId", INSTANCE_ID);
    cJSON_AddNumberToObject(claims, "instanceId", INSTANCE_ID);
    bool made = visit_login(visit, claims, TOKEN_LIFETIME_MS, out);
    cJSON_Delete(claims);
    return made;
}

/* With a personal access token, which is one of management's, or with such a
 * one as password. */
static void
login(struct visit *visit)
{
    const cJSON *body = visit_object(visit);
    if (body == NULL)
        return;
    const char *token = shape_text(body, "accessToken");
    if (*token == '\0')
        token = shape_text(body, "password");
    if (!visit_token(visit, str_from(token))) {
        visit->dialect->fail(visit);
        return;
    }
    struct buf made;
    cJSON *data = cJSON_CreateObject();
    buf_init_secret(&made, 0);
    cJSON_AddStringToObject(data, "token",
                            make_login(visit, &made) ? buf_cstr(&made) : token);
    buf_fini(&made);
    cJSON_AddNumberToObject(data, "instanceId", INSTANCE_ID);
    shape_add_i64(data, "userId", user_id(visit));
    shape_add_i64(data, "expireTime", TOKEN_LIFETIME_MS);
    clickzetta_answer(visit, data);
}

static void
current_user(struct visit *visit)
{
    cJSON *data = cJSON_CreateObject();
    shape_add_i64(data, "id", user_id(visit));
    cJSON_AddNumberToObject(data, "accountId", INSTANCE_ID);
    cJSON_AddStringToObject(data, "name", visit->call->member.name);
    cJSON_AddNumberToObject(data, "instanceId", INSTANCE_ID);
    cJSON_AddStringToObject(data, "accountDisplayName", "aigw");
    clickzetta_answer(visit, data);
}

static void
instances(struct visit *visit)
{
    uint16_t status;
    const cJSON *shown =
        visit_try(visit, &status, HTTP_GET, NULL, "/admin/v1/status");
    if (shown == NULL)
        return;
    const char *name = shape_text(shown, "instance");
    cJSON *list = cJSON_CreateArray();
    cJSON *one = cJSON_CreateObject();
    cJSON_AddNumberToObject(one, "id", INSTANCE_ID);
    /* Who may not see it is told what it is called where nobody named it. */
    cJSON_AddStringToObject(one, "name", *name == '\0' ? "default" : name);
    cJSON_AddNumberToObject(one, "serviceId", SERVICE_ID);
    cJSON_AddItemToArray(list, one);
    clickzetta_answer(visit, list);
}

static void
billing_account(struct visit *visit)
{
    const char *home;
    if (!visit_home(visit, &home))
        return;
    const cJSON *group =
        visit_ask(visit, HTTP_GET, NULL, "/admin/v1/groups/{}", home);
    if (group == NULL)
        return;
    double balance = shape_number(group, "balance");
    bool prepaid =
        shape_true(group, "prepaid") || shape_number(group, "topped_up") != 0;
    if (!prepaid)
        balance = 0;
    cJSON *data = cJSON_CreateObject();
    cJSON_AddNumberToObject(data, "cashAmount", balance > 0 ? balance : 0);
    cJSON_AddNumberToObject(data, "oweAmount", balance < 0 ? -balance : 0);
    cJSON_AddStringToObject(data, "accountName", home);
    clickzetta_answer(visit, data);
}

const struct dialect_route clickzetta_portal[] = {
    {HTTP_POST, "/user/loginSingle", login, DIALECT_OPEN},
    {HTTP_POST, "/user/getCurrentUser", current_user, 0},
    {HTTP_GET, "/service/serviceInstanceList", instances, 0},
    {HTTP_GET, "/hornhub/account/billing/account/{}", billing_account, 0},
    {HTTP_GET, NULL, NULL, 0},
};

static const char *const prefixes[] = {"/clickzetta-portal",
                                       "/llm-gateway-admin", NULL};
static const struct dialect_route *const tables[] = {clickzetta_portal,
                                                     clickzetta_keys, NULL};

const struct dialect dialect_clickzetta = {
    .name = "clickzetta",
    .prefixes = prefixes,
    .tables = tables,
    .authenticate = authenticate,
    .fail = fail,
};
