/*
 * op_keys.h - what the operations share about naming a key.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_OP_KEYS_H
#define AIGW_ACCOUNTANT_ADMIN_OP_KEYS_H

#include "accountant/admin/call.h"

/* Answers with the key; `reveal`: with its value. */
void key_answer(struct call *call, uint16_t status, uint64_t id, bool reveal);
/* If-Match. False: it was answered. */
bool key_is_as_expected(struct call *call,
                        const struct gateway *key) MUST_CHECK;
/* The key whose id the path ends in. NULL: the call was answered. */
const struct gateway *key_of_path(struct call *call) MUST_CHECK;
/*
 * key_of_ref - by name, id or whole key, in that order. `group` NULL: any; a
 * name that two groups have is refused then. Only what the call's member sees.
 * NULL: error set.
 */
const struct gateway *key_of_ref(const struct call *call, const char *ref,
                                 const char *group,
                                 struct admin_error *error) MUST_CHECK;

#endif
