/*
 * self_service_billing.c - the calling key's money: as OpenRouter describes a key,
 * and as OpenAI's old billing pages did, which aiproxy's clients ask.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/json_write.h"
#include "worker/account.h"
#include "worker/self_service.h"

/* What those clients take for no limit. */
#define NO_LIMIT_NANO (INT64_C(10000000) * INT64_C(1000000000))

static void
key_money(struct json_writer *json, const char *name, int64_t nano)
{
    json_key(json, name);
    json_money(json, nano);
}

static void
key_null(struct json_writer *json, const char *name)
{
    json_key(json, name);
    json_null(json);
}

static void
key_bool(struct json_writer *json, const char *name, bool value)
{
    json_key(json, name);
    json_bool(json, value);
}

static int64_t
used_ever(const struct account *account)
{
    const struct entry_sums *sums = &account->sums;
    return (int64_t)sums->used[SHM_NANO] - sums->origin[SHM_NANO];
}

/* Reads both, or answers why not. `group` is NULL where the key has none. */
static bool
read(struct request *request, struct account *key, struct account *group)
{
    struct fault fault;
    if (account_read(request, key, group, &fault) == 0)
        return true;
    request_fail(request, &fault);
    return false;
}

/* ---- OpenRouter ---- */

/* The money budget that resets first: it is the one to look at. */
static const struct entry_budget *
money_budget(const struct account *key)
{
    static const uint32_t periods[] = {SHM_PERIOD_DAILY, SHM_PERIOD_WEEKLY,
                                       SHM_PERIOD_MONTHLY, SHM_PERIOD_TOTAL};
    const struct entry_budget *row = NULL;
    for (size_t i = 0; row == NULL && i < ARRAY_LEN(periods); i++)
        row = account_budget(key, SHM_NANO, periods[i]);
    return row;
}

static void
write_limit(struct json_writer *json, const struct account *key)
{
    const struct entry_budget *row = money_budget(key);
    if (row == NULL) {
        key_null(json, "limit");
        key_null(json, "limit_remaining");
        key_null(json, "limit_reset");
        return;
    }
    int64_t left = row->limit - account_used(key, row) -
                   (int64_t)key->sums.reserved[SHM_NANO];
    key_money(json, "limit", row->limit);
    key_money(json, "limit_remaining", left > 0 ? left : 0);
    json_key(json, "limit_reset");
    json_cstring(json, row->period == SHM_PERIOD_DAILY     ? "daily"
                       : row->period == SHM_PERIOD_WEEKLY  ? "weekly"
                       : row->period == SHM_PERIOD_MONTHLY ? "monthly"
                                                           : NULL);
}

/* Of periods only those are known that the key has a money budget for. */
static void
write_usage(struct json_writer *json, const struct account *key)
{
    static const struct {
        const char *name, *byok;
        uint32_t period;
    } periods[] = {
        {"usage_daily", "byok_usage_daily", SHM_PERIOD_DAILY},
        {"usage_weekly", "byok_usage_weekly", SHM_PERIOD_WEEKLY},
        {"usage_monthly", "byok_usage_monthly", SHM_PERIOD_MONTHLY},
    };
    key_money(json, "usage", used_ever(key));
    key_money(json, "byok_usage", 0);
    for (size_t i = 0; i < ARRAY_LEN(periods); i++) {
        const struct entry_budget *row =
            account_budget(key, SHM_NANO, periods[i].period);
        key_money(json, periods[i].name,
                  row == NULL ? 0 : account_used(key, row));
        key_money(json, periods[i].byok, 0);
    }
}

static void
write_rate_limit(struct json_writer *json, const struct account *key)
{
    json_key(json, "rate_limit");
    json_object_begin(json);
    json_key(json, "requests");
    json_i64(json, key->policy.rpm == 0 ? -1 : (int64_t)key->policy.rpm);
    json_key(json, "interval");
    json_cstring(json, "1m");
    json_key(json, "note");
    json_cstring(json, "-1: no limit");
    json_object_end(json);
    json_key(json, "free_model_daily_requests");
    json_object_begin(json);
    json_key(json, "limit");
    json_u64(json, 0);
    json_key(json, "remaining");
    json_u64(json, 0);
    json_key(json, "used");
    json_u64(json, 0);
    json_object_end(json);
}

SELF_SERVICE(self_service_key)
{
    struct account key, group;
    struct buf body;
    struct json_writer json;
    (void)head;
    (void)rest;
    if (!read(request, &key, &group))
        return;
    buf_init(&body, 0);
    json_writer_init(&json, &body);
    json_object_begin(&json);
    json_key(&json, "data");
    json_object_begin(&json);
    json_key(&json, "label");
    json_cstring(&json, key.policy.name);
    write_limit(&json, &key);
    write_usage(&json, &key);
    write_rate_limit(&json, &key);
    key_bool(&json, "include_byok_in_limit", true);
    key_bool(&json, "is_free_tier", false);
    key_bool(&json, "is_management_key", false);
    key_bool(&json, "is_provisioning_key", false);
    json_key(&json, "allowed_data_regions");
    json_array_begin(&json);
    json_array_end(&json);
    key_null(&json, "creator_user_id");
    key_null(&json, "organization_id");
    key_null(&json, "workspace_id");
    json_key(&json, "expires_at");
    json_time(&json, key.policy.expires_ms);
    json_object_end(&json);
    json_object_end(&json);
    self_service_reply(request, 200, &body);
}

/* ---- billing pages ---- */

struct money {
    int64_t total, left, used; /* of key and group together; used: the key's */
};

/* What is left of the balance, of the key's lifetime budget: the lower. */
static bool
read_money(struct request *request, struct money *money)
{
    struct account key, group;
    if (!read(request, &key, &group))
        return false;
    money->used = used_ever(&key);
    money->left = NO_LIMIT_NANO;
    const struct entry_budget *row =
        account_budget(&key, SHM_NANO, SHM_PERIOD_TOTAL);
    if (row != NULL)
        money->left = row->limit - account_used(&key, row);
    row = request->key.group_entry == SHM_ENTRY_NONE
              ? NULL
              : account_budget(&group, SHM_NANO, SHM_PERIOD_BALANCE);
    if (row != NULL && row->limit - account_used(&group, row) < money->left)
        money->left = row->limit - account_used(&group, row);
    if (money->left < 0)
        money->left = 0;
    money->total = money->left + money->used;
    return true;
}

SELF_SERVICE(self_service_subscription)
{
    struct money money;
    struct buf body;
    struct json_writer json;
    (void)head;
    (void)rest;
    if (!read_money(request, &money))
        return;
    buf_init(&body, 0);
    json_writer_init(&json, &body);
    json_object_begin(&json);
    json_key(&json, "object");
    json_cstring(&json, "billing_subscription");
    key_bool(&json, "has_payment_method", true);
    key_money(&json, "soft_limit_usd", money.left);
    key_money(&json, "hard_limit_usd", money.total);
    key_money(&json, "system_hard_limit_usd", money.total);
    json_key(&json, "access_until");
    json_i64(&json, request->key.expires_ms / 1000);
    json_object_end(&json);
    self_service_reply(request, 200, &body);
}

SELF_SERVICE(self_service_billed)
{
    struct money money;
    struct buf body;
    struct json_writer json;
    (void)head;
    (void)rest;
    if (!read_money(request, &money))
        return;
    buf_init(&body, 0);
    json_writer_init(&json, &body);
    json_object_begin(&json);
    json_key(&json, "object");
    json_cstring(&json, "list");
    key_money(&json, "total_usage", money.used * 100); /* in cents */
    json_object_end(&json);
    self_service_reply(request, 200, &body);
}

SELF_SERVICE(self_service_quota)
{
    struct money money;
    struct buf body;
    struct json_writer json;
    (void)head;
    (void)rest;
    if (!read_money(request, &money))
        return;
    buf_init(&body, 0);
    json_writer_init(&json, &body);
    json_object_begin(&json);
    key_money(&json, "total", money.total);
    key_money(&json, "remain", money.left);
    json_object_end(&json);
    self_service_reply(request, 200, &body);
}
