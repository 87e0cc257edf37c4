/*
 * store_check.h - what a key or group must be before it may be stored,
 * whatever dialect it came by. 0, or -EINVAL with a sentence in `reason`.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_STORE_CHECK_H
#define AIGW_ACCOUNTANT_STORE_CHECK_H

#include "accountant/store.h"

/* No sum of limit and baseline can overflow below it. */
#define CHECK_LIMIT_MAX (INT64_C(1) << 61)

int check_gateway(const struct gateway *gateway, char *reason,
                  size_t size) MUST_CHECK;
int check_group(const struct group *group, char *reason,
                size_t size) MUST_CHECK;

#endif
