/*
 * cloudflare.h - what the files of Cloudflare's API share: its envelope.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_DIALECT_CLOUDFLARE_H
#define AIGW_ACCOUNTANT_ADMIN_DIALECT_CLOUDFLARE_H

#include "accountant/admin/dialect/visit.h"

/* 200, {success, errors, messages, result}; `result`: taken, NULL is null. */
void cloudflare_answer(struct visit *visit, cJSON *result);
/* One error in the envelope, result null. */
void cloudflare_refuse(struct visit *visit, uint16_t status, int code,
                       const char *message);

#endif
