/*
 * authorise.h - may this member run this operation on this object: the columns
 * role, scopes and bound of the table of operations, and nothing else, decide.
 * A row without them is for an owner of all groups.
 *
 * What a token bound to groups must not see is not there for it (404), in paths
 * and bodies here, in lists, references and reports by view.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_AUTHORISE_H
#define AIGW_ACCOUNTANT_ADMIN_AUTHORISE_H

#include "accountant/admin/call.h"
#include "accountant/admin/operations.h"

/* From the head alone: role, scopes, and whether a bound token may at all. */
bool authorise_operation(const struct member *member,
                         const struct operation *operation,
                         struct admin_error *error) MUST_CHECK;
/* With path and body: the object's group. False: call->error is set. */
bool authorise_object(struct call *call) MUST_CHECK;
/* Whether a process of this server asks, over the unix socket. False: the call
 * has been answered, 403. */
bool authorise_own(struct call *call) MUST_CHECK;

/* The group in GROUP/NAME of a profile (BOUND_PROFILE) or GROUP/GATEWAY/NAME of a
 * route (BOUND_ROUTE). False: it is of none, or too long. */
bool authorise_group_of(enum operation_bound bound, const char *name,
                        char group[GATEWAY_NAME_BYTES]) MUST_CHECK;

#endif
