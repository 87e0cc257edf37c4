/*
 * gateway_routes.h - dynamic routes that a change of their gateway profile takes
 * with it: profile and routes are in one batch, so nobody sees the one without the
 * other, whatever dies in between.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_GATEWAY_ROUTES_H
#define AIGW_ACCOUNTANT_ADMIN_GATEWAY_ROUTES_H

#include "accountant/admin/call.h"
#include "accountant/managed.h"
#include "accountant/store.h"

/* Edits of one change; the first is the profile's own. */
struct config_edits {
    struct managed_edit *items; /* owned, until store_manage() takes it */
    size_t count;
};

/* One more, zeroed but for its section and name. Never fails: the process ends. */
struct managed_edit *config_edits_add(struct config_edits *edits,
                                      enum config_section section,
                                      const char *name);
/* With what they would have put. */
void config_edits_free(struct config_edits *edits);

/*
 * gateway_routes_put - the member `routes` of a change, {"NAME": {"elements": [...],
 * ...} or null}: each is made or takes the place of what management made of that
 * name, options it does not name have their defaults; null takes it away. NULL
 * `routes`: nothing. False: call->error names the member.
 */
bool gateway_routes_put(struct call *call, const char *gateway,
                        const cJSON *routes,
                        struct config_edits *edits) MUST_CHECK;
/* All that management made of the gateway's, with their versions, go. */
void gateway_routes_delete(struct call *call, const char *gateway,
                           struct config_edits *edits);

#endif
