/*
 * object_json.c - see object_json.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/object_json.h"

#include "accountant/admin/limit_fields.h"
#include "accountant/admin/settings_fields.h"
#include "accountant/admin/words.h"
#include "accountant/objects.h"
#include "accountant/object_names.h"
#include "accountant/store_life.h"
#include "common/clock.h"
#include "shm/catalogue.h"

static void
use_read(const struct store *store, uint32_t entry,
         const struct ledger_total *total, struct entry_use *use)
{
    struct entry_sums sums;
    *use = (struct entry_use){
        .total = {(int64_t)total->tokens, (int64_t)total->nano}};
    if (entry == SHM_ENTRY_NONE)
        return;
    entry_sum(store_heritage(store)->segment, entry, &sums);
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        use->total[unit] = (int64_t)sums.used[unit] - sums.origin[unit];
        use->reserved[unit] = (int64_t)sums.reserved[unit];
    }
    use->in_flight = sums.busy;
}

void
key_use_read(const struct store *store, const struct gateway *key,
             struct entry_use *use)
{
    use_read(store, key->entry, &key->total, use);
}

void
group_use_read(const struct store *store, const struct group *group,
               struct entry_use *use)
{
    use_read(store, group->entry, &group->total, use);
}

int64_t
budget_used(const struct budget *budget, const struct entry_use *use)
{
    int64_t used = use->total[budget->unit] - budget->baseline;
    return used > 0 ? used : 0;
}

enum key_status
key_status(const struct gateway *key, const struct entry_use *use)
{
    if (key->deleted_ms != 0)
        return KEY_DELETED;
    if (!key->enabled)
        return KEY_DISABLED;
    if (key->expires_ms != 0 && key->expires_ms <= clock_wall_ms())
        return KEY_EXPIRED;
    for (int i = 0; i < SHM_BUDGETS; i++) {
        const struct budget *budget = &key->budgets[i];
        if (budget->period != SHM_PERIOD_NONE &&
            budget_used(budget, use) >= budget->limit)
            return KEY_EXHAUSTED;
    }
    return KEY_ACTIVE;
}

enum key_status
slot_status(const struct store *store, const struct name_slot *slot,
            int64_t now_ms)
{
    if (!slot->enabled)
        return KEY_DISABLED;
    if (slot->expires_ms != 0 && slot->expires_ms <= now_ms)
        return KEY_EXPIRED;
    if (slot->budgets == NAME_BUDGETS_NONE)
        return KEY_ACTIVE;
    if (slot->budgets == NAME_BUDGETS_SPENT)
        return KEY_EXHAUSTED;
    if (slot->entry != SHM_ENTRY_NONE)
        return entry_is_spent(store_heritage(store)->segment, slot->entry)
                   ? KEY_EXHAUSTED
                   : KEY_ACTIVE;
    const struct gateway *key = slot->object->gateway;
    struct entry_use use;
    key_use_read(store, key, &use);
    return key_status(key, &use);
}

void
slot_status_soon(const struct store *store, const struct name_slot *slot)
{
    if (slot->enabled && slot->budgets == NAME_BUDGETS_ASK &&
        slot->entry != SHM_ENTRY_NONE)
        entry_is_spent_soon(store_heritage(store)->segment, slot->entry);
}

const char *
key_status_text(enum key_status status)
{
    static const char *const text[] = {"active", "disabled", "expired",
                                       "exhausted", "deleted"};
    return text[status];
}

static void
key_amount(struct json_writer *json, const char *name, uint32_t unit,
           int64_t amount)
{
    json_key(json, name);
    if (unit == SHM_NANO)
        json_money(json, amount);
    else
        json_i64(json, amount);
}

static void
budgets_to_json(struct json_writer *json, const struct budget *budgets,
                const struct entry_use *use)
{
    json_key(json, "budgets");
    json_array_begin(json);
    for (int i = 0; i < SHM_BUDGETS; i++) {
        const struct budget *b = &budgets[i];
        if (b->period == SHM_PERIOD_NONE || b->unit >= SHM_UNITS)
            continue;
        int64_t used = budget_used(b, use), reserved = use->reserved[b->unit];
        /* Both are below 2^62: cells and limits are bounded. */
        int64_t left = b->limit - used - reserved;
        json_object_begin(json);
        json_key(json, "unit");
        json_cstring(json, word_text(words_unit, b->unit));
        json_key(json, "period");
        json_cstring(json, word_text(words_period, b->period));
        key_amount(json, "limit", b->unit, b->limit);
        key_amount(json, "used", b->unit, used);
        key_amount(json, "reserved", b->unit, reserved);
        key_amount(json, "remaining", b->unit, left > 0 ? left : 0);
        json_key(json, "resets_at");
        json_time(json, b->resets_ms);
        json_object_end(json);
    }
    json_array_end(json);
}

/* 0 is "no limit". */
static void
key_limit(struct json_writer *json, const char *name, uint64_t limit)
{
    json_key(json, name);
    if (limit == 0)
        json_null(json);
    else
        json_u64(json, limit);
}

static void
totals_to_json(struct json_writer *json, const struct entry_use *use)
{
    json_key(json, "total");
    json_object_begin(json);
    key_amount(json, "tokens", SHM_TOKENS, use->total[SHM_TOKENS]);
    key_amount(json, "cost", SHM_NANO, use->total[SHM_NANO]);
    json_object_end(json);
    json_key(json, "in_flight");
    json_u64(json, use->in_flight);
}

static void
key_lists_to_json(struct json_writer *json, const struct gateway *key)
{
    json_key(json, "models");
    if (key->model_count == 0) {
        json_null(json);
    } else {
        json_array_begin(json);
        for (uint32_t i = 0; i < key->model_count; i++)
            json_cstring(json, key->models[i]);
        json_array_end(json);
    }
    json_key(json, "ip_acl");
    json_object_begin(json);
    json_key(json, "enabled");
    json_bool(json, key->acl_enabled);
    json_key(json, "type");
    json_cstring(json, word_text(words_acl_type, key->acl_allow));
    json_key(json, "addresses");
    json_array_begin(json);
    for (uint32_t i = 0; i < key->acl_count; i++)
        json_cstring(json, key->acl[i]);
    json_array_end(json);
    json_object_end(json);
    json_key(json, "tags");
    json_raw(json, key->tags[0] == '\0' ? STR_LIT("{}") : str_from(key->tags));
}

static void
key_policy_to_json(struct json_writer *json, const struct gateway *key)
{
    key_limit(json, "rpm", key->rpm);
    key_limit(json, "tpm", key->tpm);
    key_limit(json, "concurrency", key->concurrency);
    model_limits_to_json(json, key->model_limits);
    json_key(json, "on_exhausted");
    json_cstring(json, word_text(words_on_exhausted, key->on_exhausted));
    json_key(json, "hold");
    json_cstring(json, word_text(words_hold, key->hold_worst));
    json_key(json, "crash_charge");
    json_cstring(json, word_text(words_crash_charge, key->crash_reserved));
    settings_to_json(json, key->settings);
}

const char *
group_name_of(const struct store *store, uint64_t group_id)
{
    return store_group_name(store, group_id);
}

const char *
gateway_name_of(const struct store *store, uint32_t gateway)
{
    const struct catalogue_gateway *found =
        gateway == 0 ? NULL
                     : catalogue_find_gateway(store_catalogue(store), gateway);
    return found == NULL ? NULL : found->name;
}

uint32_t
gateway_number_of(const struct store *store, const char *name)
{
    uint32_t hash = settings_name_hash(str_from(name));
    const struct catalogue_gateway *found =
        catalogue_find_gateway(store_catalogue(store), hash);
    return found == NULL ? hash : found->hash;
}

/* The value before, while it is good. */
static void
former_to_json(struct json_writer *json, const struct gateway *key)
{
    json_key(json, "former");
    if (!gateway_has_former(key)) {
        json_null(json);
        return;
    }
    json_object_begin(json);
    json_key(json, "masked_key");
    json_cstring(json, key->former_masked);
    json_key(json, "until");
    json_time(json, key->former_until_ms);
    json_object_end(json);
}

static void
times_to_json(struct json_writer *json, const struct store *store,
              const struct gateway *key)
{
    json_key(json, "created_at");
    json_time(json, key->created_ms);
    json_key(json, "updated_at");
    json_time(json, key->updated_ms);
    json_key(json, "last_used_at");
    json_time(json, key->last_used_ms);
    if (key->deleted_ms == 0)
        return;
    json_key(json, "deleted_at");
    json_time(json, key->deleted_ms);
    json_key(json, "restorable_until");
    json_time(json, store_restorable_until(store, key));
}

void
key_to_json(struct json_writer *json, const struct store *store,
            const struct gateway *key, const char *plain_key)
{
    struct entry_use use;
    key_use_read(store, key, &use);
    json_object_begin(json);
    json_key(json, "id");
    json_u64(json, key->id);
    json_key(json, "name");
    json_cstring(json, key->name);
    json_key(json, "group");
    json_cstring(json, group_name_of(store, key->group_id));
    json_key(json, "group_id");
    json_u64(json, key->group_id);
    if (plain_key != NULL) {
        json_key(json, "key");
        json_cstring(json, plain_key);
    }
    json_key(json, "masked_key");
    json_cstring(json, key->masked);
    former_to_json(json, key);
    json_key(json, "enabled");
    json_bool(json, key->enabled);
    json_key(json, "status");
    json_cstring(json, key_status_text(key_status(key, &use)));
    json_key(json, "expires_at");
    json_time(json, key->expires_ms);
    budgets_to_json(json, key->budgets, &use);
    key_policy_to_json(json, key);
    key_lists_to_json(json, key);
    totals_to_json(json, &use);
    times_to_json(json, store, key);
    json_object_end(json);
}

static void
group_ratios_to_json(struct json_writer *json, const struct group *group)
{
    static const char *const names[] = {"rpm_ratio", "tpm_ratio"};
    for (int i = 0; i < SHM_RATIOS; i++) {
        json_key(json, names[i]);
        /* millionths as money has nano */
        json_money(json, group->ratio[i] == 0
                             ? INT64_C(1000000000)
                             : group->ratio[i] * INT64_C(1000));
    }
    json_key(json, "balance_alert");
    if (group->alert_below_nano == 0)
        json_null(json);
    else
        json_money(json, group->alert_below_nano);
}

void
group_to_json(struct json_writer *json, const struct store *store,
              const struct group *group)
{
    struct entry_use use;
    group_use_read(store, group, &use);
    json_object_begin(json);
    json_key(json, "id");
    json_u64(json, group->id);
    json_key(json, "name");
    json_cstring(json, group->name);
    json_key(json, "enabled");
    json_bool(json, !group->disabled);
    json_key(json, "prepaid");
    json_bool(json, group->prepaid);
    key_amount(json, "topped_up", SHM_NANO, group->topped_up_nano);
    key_amount(json, "balance", SHM_NANO,
               group_balance(store, group, use.total[SHM_NANO]));
    balance_source_to_json(json, store, group);
    key_amount(json, "reserved", SHM_NANO, use.reserved[SHM_NANO]);
    budgets_to_json(json, group->budgets, &use);
    key_limit(json, "rpm", group->rpm);
    key_limit(json, "tpm", group->tpm);
    key_limit(json, "concurrency", group->concurrency);
    model_limits_to_json(json, &group->model_limits);
    group_ratios_to_json(json, group);
    settings_to_json(json, group->settings);
    totals_to_json(json, &use);
    json_key(json, "created_at");
    json_time(json, group->created_ms);
    json_key(json, "updated_at");
    json_time(json, group->updated_ms);
    json_object_end(json);
}
