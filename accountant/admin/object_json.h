/*
 * object_json.h - keys and groups as management shows them: their policy from
 * the store, what they have used and hold right now from the segment.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_OBJECT_JSON_H
#define AIGW_ACCOUNTANT_ADMIN_OBJECT_JSON_H

#include "accountant/store.h"
#include "common/json_write.h"

/* Live numbers of one key or group. */
struct entry_use {
    int64_t total[SHM_UNITS]; /* since it exists, in ledger totals */
    int64_t reserved[SHM_UNITS];
    uint32_t in_flight;
};

enum key_status {
    KEY_ACTIVE,
    KEY_DISABLED,
    KEY_EXPIRED,
    KEY_EXHAUSTED,
    KEY_DELETED /* and can be restored */
};

void key_use_read(const struct store *store, const struct gateway *key,
                  struct entry_use *use);
void group_use_read(const struct store *store, const struct group *group,
                    struct entry_use *use);
/* What a budget has used of its limit in the period that runs. */
int64_t budget_used(const struct budget *budget, const struct entry_use *use);

enum key_status key_status(const struct gateway *key,
                           const struct entry_use *use);
/* The same of a living key that a search found, by its slot and the segment alone;
 * and told of one that is asked soon. */
struct name_slot;
enum key_status slot_status(const struct store *store,
                            const struct name_slot *slot, int64_t now_ms);
void slot_status_soon(const struct store *store, const struct name_slot *slot);
const char *key_status_text(enum key_status status);

/* `plain_key` NULL: only the mask is shown. */
void key_to_json(struct json_writer *json, const struct store *store,
                 const struct gateway *key, const char *plain_key);
/* balance_json.c: what is left, by whoever keeps it; `used`: its total. */
int64_t group_balance(const struct store *store, const struct group *group,
                      int64_t used);
/* balance_request.c: of an account with a task that a worker is to do now. */
struct balance_account;
void balance_request_to_json(struct json_writer *json,
                             const struct store *store,
                             const struct balance_account *account);
/* "balance_source" and "service". */
void balance_source_to_json(struct json_writer *json, const struct store *store,
                            const struct group *group);
void group_to_json(struct json_writer *json, const struct store *store,
                   const struct group *group);
/* Name of a group, the last one of one that is gone; "" there was none. */
const char *group_name_of(const struct store *store, uint64_t group_id);

/* Name of a profile by settings_name_hash() of it; NULL: none, or it is gone. */
const char *gateway_name_of(const struct store *store, uint32_t gateway);
/* What rows know the profile of that name by, there or gone. */
uint32_t gateway_number_of(const struct store *store, const char *name);

struct ledger_row;
/* What has a name beside the ledger. */
struct log_row_names {
    uint64_t key_id, group_id;
    uint32_t gateway;
};
/* A row as it is shown, in two steps: what it says itself (any thread), and the
 * names that its ids have now. Appended. */
void log_row_begin_json(const struct ledger_row *row, struct buf *out);
void log_row_end_json(const struct store *store,
                      const struct log_row_names *names, struct buf *out);
/* The ledger's form of a row, with its flags by name, the names that its ids
 * have now, and where to go on from. */
void log_row_to_json(struct json_writer *json, const struct store *store,
                     const struct ledger_row *row, struct buf *scratch);

#endif
