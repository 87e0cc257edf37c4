/*
 * store_change.h - the inside of a management change, for store_change*.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_STORE_CHANGE_H
#define AIGW_ACCOUNTANT_STORE_CHANGE_H

#include "accountant/store_private.h"

enum { CHANGE_LATER = 1 }; /* from staging: in the next flush */

enum change_kind {
    CHANGE_PUT_GATEWAY,
    CHANGE_DELETE_GATEWAY,
    CHANGE_PURGE_GATEWAY,  /* the same, if it is deleted still */
    CHANGE_REMOVE_GATEWAY, /* can be restored */
    CHANGE_RESTORE_GATEWAY,
    CHANGE_ROTATE_GATEWAY,
    CHANGE_END_FORMER,
    CHANGE_PUT_GROUP,
    CHANGE_TOP_UP,
    CHANGE_CREDIT, /* of several groups */
    CHANGE_RELOAD, /* of the configuration: prices, and edits of parts */
    CHANGE_EXTRA,  /* nothing but its extra */
    /* A new object found no room in the segment: out of the ledger again. */
    CHANGE_UNDO_GATEWAY,
    CHANGE_UNDO_GROUP,
};

struct change {
    enum change_kind kind;
    uint64_t id;             /* of the object, once it is known */
    struct gateway *gateway; /* owned */
    struct group *group;     /* owned */
    int64_t nano;
    int64_t grace_ms; /* of a rotation */
    char note[256];
    char name[GATEWAY_NAME_BYTES]; /* of what is restored; "": its own */
    struct store_credit *credits;  /* owned */
    size_t credit_count;
    struct ledger_price *prices; /* owned */
    size_t price_count;
    struct object **keys; /* that go with their group; owned */
    size_t key_count;
    struct reload *reload;     /* owned until it is applied */
    struct store_extra *extra; /* owned; NULL: none */
    store_done done;
    void *context;
    bool answered;
    int error;
    char reason[200];
    struct change *next;
};

/* Never fails: without memory the process ends (the ledger has all). */
struct change *change_make(enum change_kind kind, store_done done,
                           void *context);
void change_enqueue(struct store *store, struct change *change);
/* Keeps the reason; returns error. */
int change_refuse(struct change *change, int error, const char *reason);
/* 0 free; -EEXIST; CHANGE_LATER. */
int change_check_name(const struct store *store, const struct flush *flush,
                      enum ledger_kind kind, uint64_t id, uint64_t group_id,
                      const char *name);
/* What `object` (NULL: a new one) will be, into the batch. */
void change_stage_gateway(struct store *store, struct flush *flush,
                          const struct object *object, struct gateway *gateway);
void change_give_value(struct store *store, struct gateway *gateway);
/* All that the ledger has of it but its totals. */
void change_stage_gone(struct flush *flush, enum ledger_kind kind, uint64_t id);
/* Budgets with the unit and period of an old one go on; others begin now. */
void change_put_budgets(struct flush *flush, enum ledger_kind kind, uint64_t id,
                        const struct object *object, const struct budget *old,
                        struct budget *budgets);

/* ---- store_group.c ---- */
/* What `object` will be, into the batch. */
void change_stage_group(struct flush *flush, const struct object *object,
                        struct group *group);
int change_stage_put_group(struct store *store, struct flush *flush,
                           struct change *change);

/* ---- store_apply.c: after the batch is durable ---- */
/* False: a new one found no room, and is undone. */
bool change_apply_put_group(struct store *store, struct change *change);
/* Revoked in the segment and gone from memory. */
void change_apply_gone_key(struct store *store, struct object *object);
/* Workers look which of their calls may go on. */
void change_tell_revocation(struct store *store);

/* ---- store_key_change.c: the kinds that change what a key is ---- */
int change_stage_key(struct store *store, struct flush *flush,
                     struct change *change);
/* Queues that a deleted key goes for good. */
void change_purge(struct store *store, uint64_t id);

/* ---- store_credit.c ---- */
int change_stage_credits(struct store *store, struct flush *flush,
                         struct change *change);
void change_apply_credits(struct store *store, struct change *change);
void change_free_credits(struct change *change);

#endif
