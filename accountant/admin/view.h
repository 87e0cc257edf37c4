/*
 * view.h - the store as a call's member may see it: keys and groups of other
 * groups are not there. Operations ask here wherever a client names something
 * or a list is made.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_VIEW_H
#define AIGW_ACCOUNTANT_ADMIN_VIEW_H

#include "accountant/admin/call.h"

/* No group is hidden from it. */
bool view_sees_all(const struct call *call);
bool view_sees_group(const struct call *call, uint64_t group_id);
/* As the store's functions of the same names. */
const struct gateway *view_key(const struct call *call, uint64_t id);
/* Those that can be restored; view_key() does not find them. */
const struct gateway *view_deleted_key(const struct call *call, uint64_t id);
const struct gateway *view_deleted_key_next(const struct call *call,
                                            size_t *at);
const struct gateway *view_key_named(const struct call *call, const char *group,
                                     const char *name);
const struct gateway *view_key_by_value(const struct call *call,
                                        struct str plain_key);
const struct group *view_group_named(const struct call *call, const char *name);
const struct group *view_group_next(const struct call *call, size_t *at);
/* The only group that the member sees; 0: there are more. For scans that can
 * be told one. */
uint64_t view_only_group(const struct call *call);

#endif
