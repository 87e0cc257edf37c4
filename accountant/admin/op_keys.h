/*
 * op_keys.h - what the operations share about naming a key.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_OP_KEYS_H
#define AIGW_ACCOUNTANT_ADMIN_OP_KEYS_H

#include "accountant/admin/call.h"

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
