/*
 * clickzetta.h - what the files of ClickZetta's API share.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_DIALECT_CLICKZETTA_H
#define AIGW_ACCOUNTANT_ADMIN_DIALECT_CLICKZETTA_H

#include "accountant/admin/dialect/dialect.h"
#include "accountant/admin/dialect/shape.h"

extern const struct dialect_route clickzetta_portal[], clickzetta_keys[];

/* {code 0, message, data}; `data`: taken. */
cJSON *clickzetta_envelope(cJSON *data);
void clickzetta_answer(struct visit *visit, cJSON *data);
/* First four, "****", last four, of a native masked key. */
void clickzetta_add_mask(cJSON *object, const char *name, const cJSON *key);
/* Where of the periods of a key's token budgets: PDO, PWO, PMO, PTO as
 * `quota_pdo` ...; NULL: no such budget. */
const char *clickzetta_period(const cJSON *budget);

#endif
