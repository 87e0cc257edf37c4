/*
 * zenlayer.h - what the files of Zenlayer's API share.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_DIALECT_ZENLAYER_H
#define AIGW_ACCOUNTANT_ADMIN_DIALECT_ZENLAYER_H

#include "accountant/admin/dialect/dialect.h"
#include "accountant/admin/dialect/shape.h"

/* Rows whose path is the action's name. */
extern const struct dialect_route zenlayer_gateways[], zenlayer_settings[],
    zenlayer_usage[];

/*
 * zenlayer_body - the request's parameters, checked by `fields`: names with
 * single blanks between, each followed by "*" where it is required, and a letter
 * for its type: s text, i whole number, n whole number or null, b boolean, a
 * list of texts, g {"tags": [tags]}, t list of tags. null counts as absent. NULL:
 * answered.
 */
const cJSON *zenlayer_body(struct visit *visit, const char *fields);
/* The text, which must be one of `words` (by "|"), or NULL: absent or answered
 * (visit->answered). */
const char *zenlayer_word(struct visit *visit, const cJSON *body,
                          const char *name, const char *words);
/* A name by the rule for names. False: answered. */
bool zenlayer_name(struct visit *visit, const char *name);
/* The group that resourceGroupId means, NULL where it is absent. False: not
 * known yet, or answered. */
bool zenlayer_group(struct visit *visit, const cJSON *body, const char **group);
/* The native key that gatewayUuid, the only parameter, means; NULL: not known
 * yet, or answered. */
const cJSON *zenlayer_gateway(struct visit *visit);
/* All models; NULL: not known yet, or answered. */
const cJSON *zenlayer_models(struct visit *visit);

/* 200; `response` (taken) gets its requestId; NULL is nothing else. */
void zenlayer_answer(struct visit *visit, cJSON *response);
/* By the codes of their documentation. */
void zenlayer_fail(struct visit *visit, uint16_t status, const char *code,
                   const char *format, ...) PRINTF_LIKE(4, 5);

/* zenlayer_sign.c: hex of ZC2-HMAC-SHA256. `value_of` gives a signed field. */
struct zenlayer_signature {
    struct str timestamp, signed_headers, body;
    struct str (*value_of)(const void *context, struct str name);
    const void *context;
    bool lower; /* the values in lower case */
};
void zenlayer_sign(const struct zenlayer_signature *request, struct str secret,
                   char out[65]);

#endif
