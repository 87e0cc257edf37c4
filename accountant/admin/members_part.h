/*
 * members_part.h - what members*.c share.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_MEMBERS_PART_H
#define AIGW_ACCOUNTANT_ADMIN_MEMBERS_PART_H

#include "accountant/admin/members.h"

void token_free(struct token *token); /* and wipes */
struct token *members_token(struct members *members, uint64_t id);
/* Replaces or inserts; takes `token`. */
void members_put_in_memory(struct members *members, struct token *token);
void members_remove_from_memory(struct members *members, uint64_t id);
void members_forget_all(struct members *members);
/* One reference less. */
void members_drop(struct members *members);
/* A new value: digest, sealed form, mask. */
void members_give_value(const struct members *members, struct token *token);

#endif
