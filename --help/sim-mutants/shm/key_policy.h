/*
 * key_policy.h - the two latches of an entry's cold part: policy and budget
 * rows. Private to the key table.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_KEY_POLICY_H
#define AIGW_SHM_KEY_POLICY_H

#include "shm/key_table.h"

/* The accountant's: writes the spare copy, whole, and makes it the one that
 * counts. Killed before the last store, nothing has happened. */
void key_policy_store(struct shm_entry_cold *cold,
                      const struct entry_policy *policy);
void key_policy_store_budgets(struct shm_entry_cold *cold,
                              const struct entry_policy *policy);

/* group_entry and group_tag of the view's key, as a pair. 0, -EAGAIN. */
int key_policy_group(const struct segment *segment,
                     struct key_view *view) MUST_CHECK;

#endif
