/*
 * policy.h - from a key or group as people set it to the policy of its entry
 * in the segment. Loop thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_POLICY_H
#define AIGW_ACCOUNTANT_POLICY_H

#include "accountant/store.h"

struct catalogue;

/* catalogue may be NULL: then names are looked up in the registry alone. */
void policy_of_gateway(struct segment *segment,
                       const struct catalogue *catalogue,
                       const struct gateway *gateway, const struct group *group,
                       struct entry_policy *policy);
void policy_of_group(const struct group *group, struct entry_policy *policy);
/* Only the budgets (of a key; of a group with its balance), rest zero. */
void policy_budgets_of_gateway(const struct gateway *gateway,
                               struct entry_policy *policy);
void policy_budgets_of_group(const struct group *group,
                             struct entry_policy *policy);

/* The layer that `text` is, of a key or group; providers by the catalogue, NULL:
 * none. What is not understood any more is logged and left out. */
void policy_set_settings(const struct catalogue *catalogue, const char *text,
                         struct entry_policy *policy);

/* "10.0.0.0/8", "::1", "192.0.2.7": 16 bytes (v4 mapped) and bits. -EINVAL. */
int policy_parse_cidr(const char *text, uint8_t addr[16],
                      uint32_t *prefix_len) MUST_CHECK;

#endif
