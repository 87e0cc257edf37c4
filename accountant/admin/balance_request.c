/*
 * balance_request.c - what a worker is to ask the service of balances, or to
 * charge: whole, so that nothing of it need be known there.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>

#include "accountant/admin/object_json.h"
#include "accountant/balance.h"
#include "accountant/jwt.h"
#include "common/clock.h"
#include "common/log.h"
#include "shm/segment.h"

enum {
    TOKEN_S = 3600,
    TOKEN_EARLY_S = 60, /* clocks differ */
};

/* Who asks, and for how long that is believed. */
static void
put_token(struct json_writer *json, const struct config_balance *config)
{
    int64_t now_s = clock_wall_ms() / 1000;
    char claims[120];
    struct buf token;
    snprintf(claims, sizeof(claims),
             "{\"requester\":\"sealos-admin\",\"nbf\":%" PRId64
             ",\"exp\":%" PRId64 "}",
             now_s - TOKEN_EARLY_S, now_s + TOKEN_S);
    buf_init_secret(&token, 0);
    jwt_sign(&token, STR_LIT("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"),
             str_from(claims), str_from(config->jwt_secret));
    if (!buf_ok(&token))
        fatal("out of memory");
    json_key(json, "token");
    json_string(json, buf_view(&token));
    buf_fini(&token);
}

static void
put_question(struct json_writer *json, const char *path, const char *value)
{
    static const char hex[] = "0123456789ABCDEF";
    char text[64 + 3 * 64 + 1];
    size_t len = (size_t)snprintf(text, 64, "/admin/v1alpha1/%s=", path);
    for (const char *c = value; *c != '\0' && len + 4 < sizeof(text); c++) {
        unsigned char byte = (unsigned char)*c;
        if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
            (byte >= '0' && byte <= '9') || byte == '-' || byte == '_' ||
            byte == '.') {
            text[len++] = *c;
            continue;
        }
        text[len++] = '%';
        text[len++] = hex[byte >> 4];
        text[len++] = hex[byte & 15];
    }
    text[len] = '\0';
    json_key(json, "path");
    json_cstring(json, text);
}

/* The key of idempotency is for a service that heeds it: its protocol knows of
 * none. */
static void
put_charge(struct json_writer *json, const struct store *store,
           const struct balance_account *account)
{
    const struct shm_header *header = store_heritage(store)->segment->header;
    struct buf body;
    struct json_writer inner;
    char key[80];
    buf_init(&body, 0);
    json_writer_init(&inner, &body);
    json_object_begin(&inner);
    json_key(&inner, "namespace");
    json_cstring(&inner, account->object->group->name);
    json_key(&inner, "appType");
    json_cstring(&inner, "LLM-TOKEN");
    json_key(&inner, "appName");
    json_cstring(&inner, store_config(store)->balance.app_name);
    json_key(&inner, "userUID");
    json_cstring(&inner, account->user);
    json_key(&inner, "amount");
    json_i64(&inner, account->sent.micro);
    json_object_end(&inner);
    if (!buf_ok(&body))
        fatal("out of memory");
    snprintf(key, sizeof(key), "aigw-%" PRIx64 "-%" PRIu64 "-%" PRIu64,
             (uint64_t)header->instance_id, account->object->id,
             account->sent.serial);
    json_key(json, "path");
    json_cstring(json, "/admin/v1alpha1/charge-billing");
    json_key(json, "key");
    json_cstring(json, key);
    json_key(json, "body");
    json_string(json, buf_view(&body));
    buf_fini(&body);
}

void
balance_request_to_json(struct json_writer *json, const struct store *store,
                        const struct balance_account *account)
{
    const struct config_balance *config = &store_config(store)->balance;
    json_key(json, "group_id");
    json_u64(json, account->object->id);
    json_key(json, "serial");
    json_u64(json, account->sent.serial);
    json_key(json, "url");
    json_cstring(json, config->url);
    json_key(json, "ca_file");
    json_cstring(json, config->ca_file == NULL ? "" : config->ca_file);
    json_key(json, "timeout_ms");
    json_u64(json, config->timeout_ms);
    put_token(json, config);
    if (account->task == BALANCE_ACCOUNT)
        put_question(json, "account-with-workspace?namespace",
                     account->object->group->name);
    else if (account->task == BALANCE_REAL_NAME)
        put_question(json, "real-name-info?userUID", account->user);
    else
        put_charge(json, store, account);
}
