/*
 * objects.h - the keys and groups in memory, found by id, digest and name.
 *
 * A deleted key that can be restored yet has no name. An object outlives its
 * gateway: when that is gone its totals stay, because
 * records of the key may still lie in rings and rows name it for ever. Ids are
 * unique over keys and groups. Nothing here is O(n) per operation.
 * Loop thread (while restoring: the ledger thread, before it is handed over).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_OBJECTS_H
#define AIGW_ACCOUNTANT_OBJECTS_H

#include "accountant/ledger/table.h"
#include "accountant/object_names.h"
#include "accountant/store.h"

struct balance_account;

struct object {
    enum ledger_kind kind;
    uint64_t id;
    struct gateway *gateway; /* owned; both NULL: gone, only its totals */
    struct group *group;
    char *former_name;         /* owned: of a group that is gone */
    struct ledger_total total; /* durable */
    int64_t last_used_ms;
    /* Of the flush that is being made or written: total after it. */
    struct ledger_total pending;
    int64_t pending_used_ms;
    bool touched;
    bool staged;  /* a management change of it is in that flush */
    bool leaving; /* of a group: it is its deletion, nothing joins it */
    /* Strict durability: durable and shown to the workers; 0 none. */
    uint64_t escrow[SHM_UNITS];
    uint64_t escrow_next[SHM_UNITS]; /* on its way, while escrow_due */
    bool escrow_due;
    uint64_t rate_ms, rate_used[SHM_UNITS], rate[SHM_UNITS]; /* in 2 s */
    bool listed;
    struct balance_account *balance; /* of a group: balance.h; NULL: none */
};

/* The budgets of a living object, NULL of a deleted one. */
static inline struct budget *
object_budgets(struct object *object)
{
    if (object->gateway != NULL)
        return object->gateway->budgets;
    return object->group != NULL ? object->group->budgets : NULL;
}

/* Ids in ascending order; deleted ones are dropped when they are many. */
struct object_list {
    struct object **items;
    size_t count, room, dead;
};

struct objects {
    struct table by_id, by_digest, by_name;
    struct object_list gateways, groups;
    size_t deleted_gateways;   /* of them: those that can be restored */
    struct object_names names; /* of gateways that are not deleted */
    uint8_t seed[16];          /* of the hash of names, which people choose */
};

void objects_init(struct objects *objects, const uint8_t seed[16]);
void objects_fini(struct objects *objects);

struct object *objects_find(const struct objects *objects,
                            enum ledger_kind kind, uint64_t id);
/* Found or made without gateway and group. NULL: no memory. */
struct object *objects_get(struct objects *objects, enum ledger_kind kind,
                           uint64_t id);
/* Replaces what the object had (freed). Takes ownership. 0 or -ENOMEM (then
 * nothing changed and nothing was taken). */
int objects_put_gateway(struct objects *objects, struct object *object,
                        struct gateway *gateway) MUST_CHECK;
int objects_put_group(struct objects *objects, struct object *object,
                      struct group *group) MUST_CHECK;
void objects_remove_gateway(struct objects *objects, struct object *object);
/* Its name is free, and kept as former_name. */
void objects_remove_group(struct objects *objects, struct object *object);
/* The same of one that was gone before. */
void object_set_former_name(struct object *object, const char *name);

/* By its value, or by its former one, good or not. */
struct object *objects_by_digest(const struct objects *objects,
                                 const uint8_t digest[CRYPTO_DIGEST_BYTES]);
/* group_id 0 and kind LEDGER_GROUP for groups. */
struct object *objects_by_name(const struct objects *objects,
                               enum ledger_kind kind, uint64_t group_id,
                               const char *name);
/* In order of id: *at is 0 at the beginning. NULL at the end. Nothing may be put
 * or removed meanwhile. */
struct object *objects_next(const struct objects *objects,
                            enum ledger_kind kind, size_t *at);
size_t objects_count(const struct objects *objects, enum ledger_kind kind);
/* The place from which objects_next() gives the one behind `nth` others. */
size_t objects_place(const struct objects *objects, enum ledger_kind kind,
                     size_t nth);

#endif
