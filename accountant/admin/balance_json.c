/*
 * balance_json.c - what a group shows of a balance that another service keeps.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/object_json.h"
#include "accountant/balance.h"

static void
key_micro(struct json_writer *json, const char *name, int64_t micro)
{
    json_key(json, name);
    json_money(json, micro * NANO_PER_MICRO);
}

static void
key_time(struct json_writer *json, const char *name, int64_t wall_ms)
{
    json_key(json, name);
    json_time(json, wall_ms); /* 0: null */
}

static void
key_text(struct json_writer *json, const char *name, const char *text)
{
    json_key(json, name);
    json_cstring(json, *text == '\0' ? NULL : text);
}

static void
charge_to_json(struct json_writer *json, const struct balance_charge *charge,
               const char *state)
{
    json_object_begin(json);
    json_key(json, "id");
    json_u64(json, charge->serial);
    json_key(json, "state");
    json_cstring(json, state);
    key_micro(json, "amount", charge->micro);
    key_time(json, "sent_at", charge->sent_ms);
    key_micro(json, "told_before", charge->before);
    key_text(json, "reason", charge->reason);
    json_object_end(json);
}

static void
charges_to_json(struct json_writer *json, const struct balance_account *account)
{
    json_key(json, "charges");
    json_array_begin(json);
    if (account->sent.micro > 0)
        charge_to_json(json, &account->sent, "sent");
    for (uint32_t i = 0; i < account->unknown_count; i++)
        charge_to_json(json, &account->unknown[i], "unknown");
    json_array_end(json);
}

static void
real_name_to_json(struct json_writer *json,
                  const struct balance_account *account)
{
    json_key(json, "real_name");
    if (account->real_name == REAL_NAME_UNKNOWN)
        json_null(json);
    else
        json_bool(json, account->real_name == REAL_NAME_YES);
}

static void
account_to_json(struct json_writer *json, const struct store *store,
                const struct balance_account *account)
{
    json_object_begin(json);
    json_key(json, "state");
    json_cstring(json, account->end >= 0                  ? "ended"
                       : !account->is_told                ? "never_told"
                       : balance_is_stale(store, account) ? "too_old"
                                                          : "told");
    json_key(json, "told");
    if (account->is_told)
        json_money(json, account->told * NANO_PER_MICRO);
    else
        json_null(json);
    key_time(json, "told_at", account->is_told ? account->told_ms : 0);
    json_key(json, "subscription");
    json_bool(json, account->is_subscription);
    key_micro(json, "quota", account->quota);
    key_text(json, "user", account->user);
    real_name_to_json(json, account);
    key_micro(json, "spent", balance_spent(account, NULL));
    key_micro(json, "charged", account->charged);
    key_micro(json, "pending", balance_pending(account));
    key_micro(json, "unknown", balance_unknown(account));
    charges_to_json(json, account);
    key_time(json, "failing_since", account->failing_ms);
    key_text(json, "error", account->error);
    json_object_end(json);
}

int64_t
group_balance(const struct store *store, const struct group *group,
              int64_t used)
{
    if (!balance_is_elsewhere(store, group))
        return group->topped_up_nano - used;
    const struct balance_account *account =
        balance_account_of(store, group->id);
    return account == NULL ? 0 : balance_left(store, account, used);
}

void
balance_source_to_json(struct json_writer *json, const struct store *store,
                       const struct group *group)
{
    const struct balance_account *account =
        balance_account_of(store, group->id);
    json_key(json, "balance_source");
    json_cstring(json,
                 balance_is_elsewhere(store, group) ? "service" : "ledger");
    json_key(json, "service");
    if (account == NULL)
        json_null(json);
    else
        account_to_json(json, store, account);
}
