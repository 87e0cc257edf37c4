/*
 * store_group.h - a group is renamed or goes, with what is its own: the inside,
 * for the accountant's own files. What callers call is in store_life.h.
 *
 * Such a change is an edit of the configuration (store_manage.c), alone in its
 * batch, because profiles, routes, credentials and alerts name their group: so
 * it follows other edits in order, and what it needs of the catalogue can only
 * fail before anything is durable. The group itself is staged in that batch and
 * follows before the catalogue is published. A start does the same from the
 * ledger, so there is no step between them that can be seen.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_STORE_GROUP_H
#define AIGW_ACCOUNTANT_STORE_GROUP_H

#include "accountant/store_change.h"

struct group_edit {
    uint64_t id;
    char from[GATEWAY_NAME_BYTES]; /* as it was when the edit was asked for */
    char to[GATEWAY_NAME_BYTES];   /* "": it goes */
    bool all;                      /* its keys and parts go with it */
    struct group *put;             /* what it is to be; owned */
};
void group_edit_free(struct group_edit *edit);

/* ---- group_parts.c ---- */
/*
 * What becomes of the parts in `book` that are the group's own: as edits (owned
 * by the caller, as store_manage() takes them). 0; -ENOENT -EEXIST -EPERM
 * -ENOTEMPTY -EBUSY with a reason: nothing can come of it.
 */
int group_edit_parts(const struct store *store, const struct managed_book *book,
                     const struct group_edit *edit, struct managed_edit **edits,
                     size_t *count, struct buf *reason) MUST_CHECK;

/* ---- store_group.c ---- */
/* Living keys of a group. */
size_t group_key_count(const struct store *store, uint64_t id);
/* Of the change that carries the edit. */
int group_edit_stage(struct store *store, struct flush *flush,
                     struct change *change, const struct group_edit *edit);
/* Durable: memory and segment follow. NULL: there is none. */
void group_edit_apply(struct store *store, struct change *change,
                      const struct group_edit *edit);

#endif
