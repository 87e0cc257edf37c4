/*
 * balance.h - groups whose balance another service keeps ([balance]): what it
 * told, what it was charged, and what such a group may spend.
 *
 * All of it follows from few numbers of a group's *account*, on the scale of the
 * group's total T (nano, ever; in the ledger with the records that made it):
 *
 *   origin   T when the service took over; `end`: when it ceased to
 *   spent    = min(T, end) - origin
 *   charged  what the service has taken, whole micro
 *   open     charges that are under way, or whose outcome nobody knows
 *   pending  = floor(spent) - charged - open     the outbox: nothing to write
 *   limit    = origin + charged when told + told           for T
 *
 * So a charge is neither lost nor made twice by a death: what is pending was
 * durable with the calls' own batch, and an amount leaves it in the batch that
 * makes it `open`, before a worker may send it. T <= limit says that what was
 * spent and not charged is at most what was told: an open charge that may have
 * been taken counts as not taken.
 *
 *   worker asks -> open (SENT), durable -> answer -> POST -> worker tells
 *     taken: charged += amount       refused, never sent: pending again
 *     who knows: UNKNOWN, until a person says which it was
 *
 * A worker that asks again without having told did not get the answer: the same
 * task is given to it again. One whose column is another process' has died:
 * UNKNOWN. Limits are shown to workers at once; they are durable with the next
 * batch, and an older one allows no more. Loop thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_BALANCE_H
#define AIGW_ACCOUNTANT_BALANCE_H

#include "accountant/objects.h"
#include "common/balance_rule.h"

struct flush;
struct store;

enum {
    BALANCE_USER_BYTES = 64,
    BALANCE_REASON_BYTES = 160,
    BALANCE_COURIER_BYTES = 48, /* who asks: EPOCH-COLUMN-GENERATION */
    BALANCE_UNKNOWN_MAX = 256,  /* of a group: then nothing is charged */
    NANO_PER_MICRO = 1000,
};
/* Far above any balance, far below any overflow. */
#define BALANCE_MICRO_MAX (INT64_C(1) << 51)
/* The limit of a group of which nothing is known: refused with 503, not 402. */
#define BALANCE_NOT_KNOWN INT64_C(-1)

enum balance_task {
    BALANCE_NO_TASK,
    BALANCE_ACCOUNT,   /* what it has */
    BALANCE_REAL_NAME, /* whether its owner proved his name */
    BALANCE_CHARGE,
};

enum balance_real_name { REAL_NAME_UNKNOWN, REAL_NAME_YES, REAL_NAME_NO };

/* One amount that left `pending`. */
struct balance_charge {
    uint64_t serial; /* within the account, from 1 */
    int64_t micro;
    int64_t sent_ms; /* wall */
    int64_t before;  /* what was told last when it was sent, micro */
    char courier[BALANCE_COURIER_BYTES]; /* who has it; "": UNKNOWN */
    char reason[BALANCE_REASON_BYTES];   /* of an UNKNOWN one */
};

struct balance_account {
    struct object *object; /* the group's */
    /* ---- durable ---- */
    int64_t origin, end; /* nano; end -1: the service keeps it now */
    int64_t charged;     /* micro */
    bool is_told, is_subscription;
    int64_t told, told_charged; /* micro; `charged` at that time */
    int64_t quota;              /* micro, of a subscription */
    int64_t told_ms;            /* wall */
    char user[BALANCE_USER_BYTES];
    enum balance_real_name real_name;
    uint64_t serial;            /* of the last charge */
    struct balance_charge sent; /* micro 0: none is under way */
    struct balance_charge *unknown;
    uint32_t unknown_count;
    /* ---- in memory ---- */
    bool is_dirty;          /* the ledger has not this */
    bool is_moved;          /* in the batch: who keeps the balance */
    enum balance_task task; /* that a worker has */
    char courier[BALANCE_COURIER_BYTES];
    bool is_queued; /* of the two lists in the one of what is due */
    struct balance_account *next;
    int64_t told_mono_ms; /* below 0: before this machine began */
    uint64_t due_ms;
    int64_t looked_nano; /* T when it was told last */
    bool is_charge_held; /* since a charge failed: not before an answer */
    bool is_name_due;    /* the next question is whether the name is real */
    uint32_t failures, charge_failures; /* on end */
    uint64_t charge_due_ms;
    int64_t failing_ms; /* wall: since; 0 not */
    char error[BALANCE_REASON_BYTES];
    int64_t shown_limit; /* in the segment */
    int64_t alert_limit; /* that alerts have seen */
};

struct balance_counts {
    uint64_t tasks[BALANCE_CHARGE + 1], failures[BALANCE_CHARGE + 1];
    uint64_t unknown; /* charges that became so */
};

/* Over all accounts, for metrics. Amounts in micro. */
struct balance_summary {
    uint64_t groups, not_known, unknown_charges;
    uint64_t oldest_ms; /* age of the oldest answer */
    int64_t charged, pending, unknown;
    struct balance_counts counts;
};

struct balance_book {
    struct balance_account **accounts; /* owned, each of one group */
    size_t count, room;
    bool is_scope_dirty; /* the configuration or the groups have changed */
    bool has_dirty;      /* the ledger has not all accounts as they are */
    bool has_moved;      /* in the batch: who keeps a balance */
    bool from_export;    /* nobody knows what was charged since */
    struct balance_account *due, **due_end; /* in order */
    struct balance_account *busy;           /* that workers have */
    uint64_t scan_ms;
    struct balance_counts counts;
};

/* ---- balance.c ---- */
/* Its objects are gone, or go. */
void balance_fini(struct balance_book *book);
/* The account of an object that has none; zeroed but for it. */
struct balance_account *balance_make(struct balance_book *book,
                                     struct object *object);
/* NULL: none. */
struct balance_account *balance_account_of(const struct store *store,
                                           uint64_t group_id);
/* Whether the service keeps it, whether or not there is an account yet. */
bool balance_is_elsewhere(const struct store *store, const struct group *group);
/* For a group's total: what it may reach. BALANCE_NOT_KNOWN. Only of one whose
 * balance is elsewhere. */
int64_t balance_limit(const struct store *store, const struct object *object);
/* In whole micro; `rest` (may be NULL): nano below. */
int64_t balance_spent(const struct balance_account *account, int64_t *rest);
int64_t balance_pending(const struct balance_account *account);
/* The sum of what nobody knows of. */
int64_t balance_unknown(const struct balance_account *account);
/* limit - T of what was told last, however old. */
int64_t balance_left(const struct store *store,
                     const struct balance_account *account, int64_t total);
void balance_sum(const struct store *store, struct balance_summary *summary);
bool balance_is_stale(const struct store *store,
                      const struct balance_account *account);

/* ---- balance_flush.c ---- */
/* The configuration has changed, or a group is new. */
void balance_look_at_scope(struct store *store);
/* After F2: accounts that begin or end with this batch, and all that changed;
 * crossings that alerts wait for. */
void balance_stage(struct flush *flush);
/* It is durable: groups whose balance moved house are shown so. */
void balance_applied(struct store *store);
/* The limit into the segment where it is another one. */
void balance_show(struct store *store, struct balance_account *account);
/* At the start: as it was loaded. */
void balance_take(struct store *store, struct balance_book *book);
/* Each tick: what is due, leases that ended, answers too old. */
void balance_tick(struct store *store, uint64_t now_ms);

/* ---- balance_work.c ---- */
/* What came of a task, as a worker tells it. */
struct balance_outcome {
    enum balance_task task;
    uint64_t group_id, serial; /* of a charge */
    enum balance_result {
        BALANCE_OK,
        BALANCE_REFUSED, /* it said no, or nothing was sent */
        BALANCE_WHO_KNOWS,
    } result;
    const char *reason; /* for people; not NULL */
    /* Of an account. */
    int64_t balance;
    bool is_subscription;
    int64_t quota, left_of_quota;
    const char *user;
    bool is_real_name;
};
/* Takes it in; one that is known already, or is of no task, changes nothing. */
void balance_told(struct store *store, const char *courier,
                  const struct balance_outcome *outcome);
/* What that courier is to do: NULL for now nothing. A charge may be sent once
 * the next flush is durable. `*again`: it has the task already. */
struct balance_account *balance_next(struct store *store, const char *courier);
/* That courier wants no more: what it was given and did not get, it did not do. */
void balance_give_back(struct store *store, const char *courier);
/* Tasks of workers that are no more. */
void balance_miss_dead(struct store *store);
/* A person says what became of an unknown charge. -ENOENT. */
int balance_settle(struct store *store, struct balance_account *account,
                   uint64_t serial, bool was_taken) MUST_CHECK;
/* Asks soon. */
void balance_ask_now(struct store *store, struct balance_account *account);

/* ---- balance_codec.c ---- */
void balance_encode(const struct balance_account *account, struct buf *out);
/* Into one that is zeroed. 0, -EBADMSG, -ENOMEM. */
int balance_decode(struct str bytes,
                   struct balance_account *account) MUST_CHECK;
/* At the start: one row. 0 or -errno. Ledger thread. */
int balance_load(struct balance_book *book, struct objects *objects,
                 struct str name, struct str bytes) MUST_CHECK;

#endif
