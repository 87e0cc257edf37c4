/*
 * key_table.h - from the digest of a virtual key to its entry.
 *
 * Open addressing over a keyed digest (HMAC, hence uniform); one 64-bit word a
 * bucket: high half digest bits, low half entry + 1; 0 empty, TOMBSTONE. Only
 * the accountant inserts, changes and retires. Groups are entries without a
 * bucket. Retirement: the slot of a request is the hazard pointer.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_KEY_TABLE_H
#define AIGW_SHM_KEY_TABLE_H

#include "shm/segment.h"

/* The policy of a key or group, process-local, plain. */
struct entry_policy {
    uint64_t id, group_id;
    uint8_t digest[32];
    uint8_t former[32];    /* the value before, good until then (wall ms); */
    int64_t former_until;  /* or SHM_VALUE_ENDED, SHM_VALUE_NONE */
    uint32_t flags;        /* shm_entry_flags */
    uint32_t on_exhausted; /* shm_on_exhausted */
    int64_t expires_ms;
    uint32_t max_in_flight;
    uint32_t group_entry;
    uint64_t group_tag;
    uint64_t rpm, tpm;
    uint32_t ratio[SHM_RATIOS]; /* of a group: millionths; 0: 1 */
    uint64_t models[SHM_MODELS_MAX / 64];
    uint32_t acl_count;
    struct {
        uint8_t addr[16];
        uint32_t prefix_len;
    } acl[SHM_ACL_MAX];
    char name[64];
    struct settings settings; /* a layer; SHM_KEY_HAS_SETTINGS where set */
    struct entry_budget {
        uint32_t unit, period; /* SHM_PERIOD_NONE: row unused */
        int64_t limit, baseline, period_no, resets_ms;
    } budgets[SHM_BUDGETS];
    uint64_t escrow[SHM_UNITS]; /* in ledger totals; 0: none */
};

/* What a worker reads of an entry at admission. */
struct key_view {
    uint32_t entry, group_entry;
    uint64_t tag, group_tag;
    uint32_t flags, on_exhausted; /* on_exhausted: the key's */
    uint32_t group_flags;         /* without a group: SHM_KEY_ENABLED */
    int64_t expires_ms;
    int64_t value_until_ms; /* of a former value; 0: the digest is the key's */
    uint64_t rpm, tpm;
    uint64_t id, group_id;
};

/* ---- Workers. ---- */
/* None of these waits for the accountant, wherever it sleeps or dies; they read
 * again only when it has completed a change meanwhile. -EAGAIN: it did so again
 * and again, or the table is damaged (answer 503).
 * key_table_find - by the key's value, or by its former one, which is good until
 * view->value_until_ms. 0; -ENOENT no such key; -EAGAIN.
 * key_table_find_likely - the same by one line of memory less, when the key is
 * still where it was: its view's `entry` of another time. Any number is safe. */
int key_table_find(const struct segment *segment, const uint8_t digest[32],
                   struct key_view *view) MUST_CHECK;
int key_table_find_likely(const struct segment *segment,
                          const uint8_t digest[32], uint32_t likely,
                          struct key_view *view) MUST_CHECK;
/* What a look-up and an admission read of the entry is on its way then. */
void key_table_prefetch(const struct segment *segment, uint32_t entry);
/* Whether key and group still have the entries that the view names. */
bool key_table_is_current(const struct segment *segment,
                          const struct key_view *view);
/* Whether the entry's policy admits a model / an address (16 bytes, v4
 * mapped). 1 yes, 0 no; -ESTALE the key changed hands: look it up again;
 * -EAGAIN. */
int key_table_model_allowed(const struct segment *segment,
                            const struct key_view *view, uint32_t model_idx);
int key_table_address_allowed(const struct segment *segment,
                              const struct key_view *view,
                              const uint8_t addr[16]);

/* The layer of the view's key, or of its group. 0; -ESTALE, -EAGAIN as above. */
int key_table_settings(const struct segment *segment,
                       const struct key_view *view, bool of_group,
                       struct settings *settings) MUST_CHECK;

/* What the view's group is called. 0; -ESTALE, -EAGAIN as above. */
int key_table_group_name(const struct segment *segment,
                         const struct key_view *view, char out[64]) MUST_CHECK;

/* A limit by model times the ratio of the view's group; 0 stays 0, nothing else
 * becomes 0. */
uint64_t key_table_scaled(const struct segment *segment,
                          const struct key_view *view, enum shm_ratio which,
                          uint64_t limit);

/* ---- Any process. ---- */
uint64_t ratio_of_limit(uint64_t limit, uint64_t ratio);
/*
 * entry_look - the entry as its readers see it now: policy and budget rows each
 * whole, the hot words each true by itself, all of tenant *tag. Waits for
 * nobody. 0, -EAGAIN as above.
 * entry_read - the same as of one moment, ceilings too. -EAGAIN: the accountant
 * is at it, or died there (its successor publishes the entry again).
 */
int entry_look(const struct segment *segment, uint32_t entry,
               struct entry_policy *policy, uint64_t *tag) MUST_CHECK;
int entry_read(const struct segment *segment, uint32_t entry,
               struct entry_policy *policy, uint64_t *tag) MUST_CHECK;
/* Sums over columns [0, high): each number true at some instant. */
struct entry_sums {
    uint64_t reserved[SHM_UNITS], used[SHM_UNITS];
    uint32_t busy;
    int64_t origin[SHM_UNITS], ceiling[SHM_UNITS];
};
void entry_sum(const struct segment *segment, uint32_t entry,
               struct entry_sums *sums);
/* Whether a budget is used up: so much is charged as a ceiling allows. */
bool entry_is_spent(const struct segment *segment, uint32_t entry);
/* It is asked of that entry soon. */
void entry_is_spent_soon(const struct segment *segment, uint32_t entry);
/* origin + the lowest baseline + limit of a unit's budgets; INT64_MAX: none. */
int64_t entry_ceiling(const struct entry_policy *policy, uint32_t unit,
                      int64_t origin);

/* ---- Accountant only. ---- */
/*
 * entry_insert - takes a free entry (pages allocated), origin[u] = sum of used
 * minus `ledger_total[u]`, policy, budgets, ceilings, then tag ACTIVE, then the
 * bucket (keys). *entry set. 0; -ENOSPC table or /dev/shm full.
 */
int entry_insert(struct segment *segment, const struct entry_policy *policy,
                 const uint64_t ledger_total[SHM_UNITS], uint32_t *entry,
                 uint64_t *tag) MUST_CHECK;
/* entry_update - policy, budgets, ceilings and values of a living entry (V1..V5
 * where there is a new value); the tag stays. */
void entry_update(struct segment *segment, uint32_t entry,
                  const struct entry_policy *policy);
/* entry_publish_budgets - only budget rows and ceilings (a roll, a limit). */
void entry_publish_budgets(struct segment *segment, uint32_t entry,
                           const struct entry_policy *policy);
/* entry_set_escrow - E2: what of it is durable, in ledger totals; 0: no limit. */
void entry_set_escrow(struct segment *segment, uint32_t entry,
                      const uint64_t escrow[SHM_UNITS]);
/*
 * entry_lower_escrow - L1, L2: shows less, then looks whether anybody was
 * granted more. True: nobody was, and nobody will be; the ledger may follow.
 * False: the old one stands again.
 */
bool entry_lower_escrow(struct segment *segment, uint32_t entry,
                        const uint64_t old[SHM_UNITS],
                        const uint64_t escrow[SHM_UNITS]);
/* What was refused for want of it, in ledger totals, since the last call; 0
 * nothing. */
void entry_take_escrow_wanted(struct segment *segment, uint32_t entry,
                              uint64_t wanted[SHM_UNITS]);
/* D1 second half, D2: removes the bucket, tag RETIRED. */
void entry_retire(struct segment *segment, uint32_t entry);
/* D3, D4: one fence, one scan of all slots of all columns for all RETIRED
 * entries; those nobody names become NONE (free for entry_insert). Returns how
 * many are still waited for. */
uint32_t entry_sweep_retired(struct segment *segment);

#endif
