/*
 * store.h - the accountant's objects in memory, and the one way to change them:
 * ledger first (synced), then memory and segment, then the answer.
 *
 * Loop thread only. Objects are const to their readers; a change hands in a
 * whole new copy. Callbacks run on the loop thread, later, never from inside
 * the call.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_STORE_H
#define AIGW_ACCOUNTANT_STORE_H

#include "accountant/ledger/ledger.h"
#include "accountant/model_limits.h"
#include "accountant/settle_lag.h"
#include "common/heritage.h"
#include "common/net/loop.h"
#include "shm/key_table.h"

struct store;

struct budget {
    uint32_t unit;   /* shm_unit */
    uint32_t period; /* shm_period; NONE: row unused */
    int64_t limit;   /* tokens or nano */
    int64_t baseline, period_no;
    int64_t resets_ms; /* 0 for total */
};

enum { GATEWAY_NAME_BYTES = 64, GATEWAY_TAGS_BYTES = 768 };

/* A virtual key. */
struct gateway {
    uint64_t id, group_id;
    char name[GATEWAY_NAME_BYTES]; /* unique in its group */
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    uint8_t sealed[CRYPTO_KEY_CHARS + CRYPTO_SEAL_OVERHEAD + 64];
    uint32_t sealed_len;
    char masked[24];
    /* The value before, good until then; later it is as if it were not. Kept
     * behind its end, too: the segment may still have it. */
    uint8_t former_digest[CRYPTO_DIGEST_BYTES];
    char former_masked[24]; /* "": there is none */
    int64_t former_until_ms;
    bool enabled;
    int64_t expires_ms, created_ms, updated_ms; /* 0: never */
    int64_t deleted_ms; /* revoked, and can be restored yet; 0: it is not */
    struct budget budgets[SHM_BUDGETS];
    uint64_t rpm, tpm;
    uint32_t concurrency;
    uint32_t on_exhausted; /* shm_on_exhausted */
    bool hold_worst, crash_reserved;
    char **models; /* names; count 0 = all */
    uint32_t model_count;
    bool acl_enabled, acl_allow;
    char acl[SHM_ACL_MAX][52]; /* CIDR text */
    uint32_t acl_count;
    char tags[GATEWAY_TAGS_BYTES]; /* JSON object text, "" = none */
    char *settings;                /* common/settings.h as text; NULL: none */
    struct model_limits *model_limits; /* NULL: none */
    /* live */
    uint32_t entry;
    uint64_t tag;
    struct ledger_total total;
    int64_t last_used_ms;
};

struct group {
    uint64_t id;
    char name[GATEWAY_NAME_BYTES];
    bool disabled;          /* its keys are refused */
    bool prepaid;           /* enforced from the first top-up on, or when set */
    int64_t topped_up_nano; /* sum of all top-ups; balance = it - total.nano */
    struct budget budgets[SHM_BUDGETS];
    uint64_t rpm, tpm;
    uint32_t concurrency;
    struct model_limits model_limits;
    uint32_t ratio[SHM_RATIOS]; /* of limits by model, millionths; 0: 1 */
    int64_t alert_below_nano;   /* a balance that is told; 0: none */
    int64_t created_ms, updated_ms, deleted_ms; /* deleted: its name is kept */
    char settings[SETTINGS_TEXT_MAX];           /* as a gateway's; "": none */
    uint32_t entry;
    uint64_t tag;
    struct ledger_total total;
};

/* 0; -EEXIST name taken; -ENOENT; -ENOSPC table or disk; -EIO ledger; `reason`
 * is a sentence for people. id: of the object. */
typedef void (*store_done)(void *context, int error, const char *reason,
                           uint64_t id);

/* ---- reading ---- */
/* Deleted keys are found by store_gateway_deleted*() alone. */
const struct gateway *store_gateway(const struct store *store, uint64_t id);
/* By group name (NULL: any group, first found) and key name. */
const struct gateway *store_gateway_named(const struct store *store,
                                          const char *group, const char *name);
const struct gateway *store_gateway_by_key(const struct store *store,
                                           struct str plain_key);
/* In order of id: *at is 0 at the beginning, or a place; NULL at the end. For one
 * walk: nothing is changed meanwhile. */
const struct gateway *store_gateway_next(const struct store *store, size_t *at);
size_t store_gateway_count(const struct store *store);
/* Where a walk begins that leaves out the first `nth`. */
size_t store_gateway_place(const struct store *store, size_t nth);
const struct gateway *store_gateway_deleted(const struct store *store,
                                            uint64_t id);
const struct gateway *store_gateway_deleted_next(const struct store *store,
                                                 size_t *at);
const struct group *store_group(const struct store *store, uint64_t id);
const struct group *store_group_named(const struct store *store,
                                      const char *name);
const struct group *store_group_next(const struct store *store, size_t *at);
/* Plain key of a gateway; 0 or -EBADMSG. */
int store_reveal(const struct store *store, const struct gateway *gateway,
                 char out[CRYPTO_KEY_CHARS + 1]) MUST_CHECK;

/* ---- changing ---- */
void gateway_init(struct gateway *gateway); /* defaults: enabled, all models */
struct gateway *gateway_copy(const struct gateway *gateway);
void gateway_free(struct gateway **gateway);
/*
 * store_gateway_put - id 0: creates (a new key is made; store_reveal shows it);
 * else replaces. Takes ownership. New budgets begin now (baseline = total);
 * budgets with unchanged unit and period keep baseline and period.
 */
void store_gateway_put(struct store *store, struct gateway *gateway,
                       store_done done, void *context);
/* For good; deleted ones, too. */
void store_gateway_delete(struct store *store, uint64_t id, store_done done,
                          void *context);
void store_group_put(struct store *store, const struct group *group,
                     store_done done, void *context);
/* nano > 0 adds, < 0 takes back; kept in the history with `note`. */
void store_group_top_up(struct store *store, uint64_t group_id, int64_t nano,
                        const char *note, store_done done, void *context);

struct managed;
/* A part of the configuration that is to be made, replaced or deleted. */
struct managed_edit {
    int section; /* enum config_section */
    char name[256];
    struct managed *put; /* NULL: delete */
    uint64_t revision;   /* that it must have now; 0: there must be none */
};
/* What management made; parts that the file shadows and faulty ones, too. */
const struct managed_book *store_managed(const struct store *store);
/* The file's alone. */
const struct config *store_file_config(const struct store *store);
/*
 * store_manage - all edits, or none; takes the array and its parts. Done when
 * they are durable and in the catalogue that every worker's next request sees.
 * Errors besides store_done's: -EPERM the file has that name; -ESTALE another
 * revision; -EINVAL does not fit ("option: why" where it is the part's own);
 * -EBUSY others need it. Edits that wait together become one catalogue.
 */
void store_manage(struct store *store, struct managed_edit *edits, size_t count,
                  store_done done, void *context);

/*
 * What a change takes into its batch beside itself, so that both are durable or
 * neither is: a row of the audit log, a key of idempotency. Whoever makes it
 * puts this first into a struct of his own.
 */
struct ledger_batch;
struct store_extra {
    /* The change is staged; `id` is its object's. Called again, with `undone`,
     * when the change is taken out of the ledger for want of room. */
    void (*stage)(struct store_extra *extra, struct ledger_batch *batch,
                  uint64_t id, bool undone);
    /* It is durable: memory follows, before the answer. NULL: nothing to do. */
    void (*applied)(struct store_extra *extra);
    void (*free)(struct store_extra *extra);
    struct store_extra *next; /* the store's */
};
/* The next change that is queued takes it, and owns it then. At most one is
 * attached. */
void store_attach(struct store *store, struct store_extra *extra);
/* The one that no change has taken: the caller's again. NULL: taken, none. */
struct store_extra *store_detach(struct store *store);
/* An amount onto the balance of a group, below 0 from it. */
struct store_credit {
    uint64_t group_id;
    int64_t nano;
    struct group *staged; /* the store's */
};
/* All of them, or none; `credits` (each group once) and `extra` are taken. In
 * the histories with `note`; what is not prepaid does not become so. */
void store_credit(struct store *store, struct store_credit *credits,
                  size_t count, const char *note, struct store_extra *extra,
                  store_done done, void *context);
/* A change that is nothing but its extra (owned). id 0: a new one is given. */
void store_put_extra(struct store *store, struct store_extra *extra,
                     uint64_t id, store_done done, void *context);

/*
 * store_query - runs `work` on a query thread with a snapshot, then `done` on
 * the loop thread. `work` must touch nothing but the ledger and its context.
 */
void store_query(struct store *store,
                 void (*work)(struct ledger *ledger,
                              struct ledger_snapshot *snapshot, void *context),
                 void (*done)(void *context), void *context);
/* The same of work that is long, or goes on: short ones come before it. */
void store_query_long(struct store *store,
                      void (*work)(struct ledger *ledger,
                                   struct ledger_snapshot *snapshot,
                                   void *context),
                      void (*done)(void *context), void *context);
/* The same on the ledger thread, which alone writes, without a snapshot; the
 * ledger is NULL while it cannot be opened. */
void store_write(struct store *store,
                 void (*work)(struct ledger *ledger,
                              struct ledger_snapshot *snapshot, void *context),
                 void (*done)(void *context), void *context);
/* Drains rings and flushes, then calls: what was settled before is durable and
 * visible to queries. error != 0: the ledger cannot write now. */
void store_flush(struct store *store, store_done done, void *context);

/* What the master said of itself by message, for status. */
struct store_master {
    uint64_t reloads, upgrades; /* that were applied or refused */
    char reload_reason[240];    /* "": the last reload was applied */
    char upgrade[240];          /* what came of the last one */
};
const struct store_master *store_master(const struct store *store);

/* Since the process began, by record_limit: what limits refused of what is in
 * the log, and what shadows let pass. */
struct store_limits {
    uint64_t refused[RECORD_LIMITS], would_refuse[RECORD_LIMITS];
};
const struct store_limits *store_limits(const struct store *store);

/* What status and metrics show. */
struct store_state {
    uint64_t flushes, flush_errors, records, queued_changes;
    int64_t last_flush_ms;  /* wall; 0 never */
    int64_t last_export_ms; /* wall; 0 none known */
    uint64_t export_failures;
    uint64_t ring_bytes_waiting;
    uint64_t oldest_record_ms; /* its age: of those that wait; 0 none */
    struct settle_lag lag;
    bool ledger_failed;
    char ledger_error[256];
    /* Damage seen in rings: left out, counted, never trusted. */
    uint64_t quarantined_records, quarantined_bytes, broken_chains;
    uint32_t retired_entries; /* deleted keys that requests still name */
};
void store_state(const struct store *store, struct store_state *state);
const struct heritage *store_heritage(const struct store *store);
bool store_is_new(const struct store *store); /* but one group, none was made */
/* The accountant's newest configuration (after reloads) and catalogue. */
const struct config *store_config(const struct store *store);
const struct catalogue *store_catalogue(const struct store *store);
struct loop *store_loop(const struct store *store);
/* NULL: no payloads are kept. */
struct payloads *store_payloads(const struct store *store);

#endif
