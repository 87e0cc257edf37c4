/*
 * token_fields.h - admin tokens in bodies and answers.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_TOKEN_FIELDS_H
#define AIGW_ACCOUNTANT_ADMIN_TOKEN_FIELDS_H

#include "accountant/admin/call.h"
#include "accountant/admin/members.h"

/* Members of a body: name role scopes groups enabled expires_at
 * expires_in_days. What is not named stays. False: call->error. */
bool token_fields_apply(struct call *call, struct token *token) MUST_CHECK;
/* `value` NULL: only the mask is shown. */
void token_to_json(struct json_writer *json, const struct store *store,
                   const struct token *token, const char *value);
/* id, name, role, scopes, groups: who somebody is. */
void member_to_json(struct json_writer *json, const struct store *store,
                    const struct member *member);

#endif
