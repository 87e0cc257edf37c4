/*
 * store_life.h - changes of a key as a whole: a new value, deletion that can be
 * taken back, restoration. As store.h, whose part they are.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_STORE_LIFE_H
#define AIGW_ACCOUNTANT_STORE_LIFE_H

#include "accountant/store.h"

/*
 * store_gateway_remove - revoked at once; for [server] delete_grace it can be
 * restored with its value, budgets and use, unless the room is needed.
 * Its name is free. Without such a time: store_gateway_delete().
 */
void store_gateway_remove(struct store *store, uint64_t id, store_done done,
                          void *context);
/* name NULL: the one it had. -EEXIST: that is taken by now. */
void store_gateway_restore(struct store *store, uint64_t id, const char *name,
                           store_done done, void *context);
/* A new value; the one there was stays good for grace_ms (0: not at all), any
 * former one ends. */
void store_gateway_rotate(struct store *store, uint64_t id, int64_t grace_ms,
                          store_done done, void *context);
/* The former value ends now. */
void store_gateway_end_former(struct store *store, uint64_t id, store_done done,
                              void *context);
/*
 * store_group_rename - `group` as it is to be, under another name. What was made
 * for it alone is renamed with it, in one batch: profiles GROUP/NAME and their
 * routes, credentials and alerts. -EEXIST; -EPERM the file has such a part.
 */
void store_group_rename(struct store *store, const struct group *group,
                        store_done done, void *context);
/*
 * store_group_delete - for good, its name free; rows keep it. -ENOTEMPTY: it has
 * keys or parts of its own, and not `all`, which deletes them in the same
 * batch, keys that can be restored, too. -EPERM as above.
 */
void store_group_delete(struct store *store, uint64_t id, bool all,
                        store_done done, void *context);
/* What it is called, or was; "": there was none. */
const char *store_group_name(const struct store *store, uint64_t id);
/* Whether the former value is good; and until when a deleted key can be
 * restored, wall ms. */
bool gateway_has_former(const struct gateway *gateway);
int64_t store_restorable_until(const struct store *store,
                               const struct gateway *gateway);

#endif
