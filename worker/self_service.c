/*
 * self_service.c - see self_service.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/self_service.h"

#include "common/json_write.h"
#include "worker/account.h"
#include "worker/error_reply.h"

void
self_service_reply(struct request *request, uint16_t status, struct buf *body)
{
    if (buf_ok(body)) {
        request_reply(request, status, STR_LIT("application/json"),
                      buf_view(body));
    } else {
        struct fault fault;
        fault_set_overloaded(&fault, "out of memory");
        request_fail(request, &fault);
    }
    buf_fini(body);
}

/* ---- health ---- */

static void
reply_state(struct request *request, uint16_t status, const char *state,
            const char *reason)
{
    struct buf body;
    struct json_writer json;
    buf_init(&body, 0);
    json_writer_init(&json, &body);
    json_object_begin(&json);
    json_key(&json, "status");
    json_cstring(&json, state);
    if (reason != NULL) {
        json_key(&json, "reason");
        json_cstring(&json, reason);
    }
    json_object_end(&json);
    self_service_reply(request, status, &body);
}

SELF_SERVICE(self_service_healthz)
{
    (void)head;
    (void)rest;
    reply_state(request, 200, "ok", NULL);
}

SELF_SERVICE(self_service_readyz)
{
    (void)head;
    (void)rest;
    struct worker *worker = request->worker;
    const struct shm_header *header = worker->heritage->segment->header;
    const char *reason = NULL;
    request->catalogue = worker_catalogue(worker);
    if (worker->draining || shm_load(&header->draining) != 0)
        reason = "draining";
    else if (shm_load(&header->accountant_ready) == 0)
        reason = "the accountant is restoring the ledger";
    else if (request->catalogue == NULL)
        reason = "the catalogue of models is not loaded";
    else if (!seat_ring_has_room(&worker->seat))
        reason = "the log of finished requests is not written";
    if (reason == NULL)
        reply_state(request, 200, "ready", NULL);
    else
        reply_state(request, 503, "degraded", reason);
}

/* ---- usage ---- */

static const char *
period_name(uint32_t period)
{
    static const char *const names[] = {
        [SHM_PERIOD_NONE] = "none",     [SHM_PERIOD_DAILY] = "daily",
        [SHM_PERIOD_WEEKLY] = "weekly", [SHM_PERIOD_MONTHLY] = "monthly",
        [SHM_PERIOD_TOTAL] = "total",   [SHM_PERIOD_BALANCE] = "balance",
    };
    return period < ARRAY_LEN(names) ? names[period] : "unknown";
}

static void
write_amount(struct json_writer *json, const char *name, uint32_t unit,
             int64_t amount)
{
    json_key(json, name);
    if (unit == SHM_TOKENS)
        json_i64(json, amount);
    else
        json_money(json, amount);
}

static void
write_budgets(struct json_writer *json, const struct entry_policy *policy,
              const struct entry_sums *sums)
{
    json_key(json, "budgets");
    json_array_begin(json);
    for (int i = 0; i < SHM_BUDGETS; i++) {
        const struct entry_budget *row = &policy->budgets[i];
        if (row->period == SHM_PERIOD_NONE || row->unit >= SHM_UNITS)
            continue;
        int64_t total =
            (int64_t)sums->used[row->unit] - sums->origin[row->unit];
        int64_t used = total - row->baseline;
        int64_t reserved = (int64_t)sums->reserved[row->unit];
        int64_t remaining = row->limit - used - reserved;
        json_object_begin(json);
        json_key(json, "unit");
        json_cstring(json, row->unit == SHM_TOKENS ? "tokens" : "currency");
        json_key(json, "period");
        json_cstring(json, period_name(row->period));
        write_amount(json, "limit", row->unit, row->limit);
        write_amount(json, "used", row->unit, used);
        write_amount(json, "reserved", row->unit, reserved);
        write_amount(json, "remaining", row->unit,
                     remaining > 0 ? remaining : 0);
        json_key(json, "resets_at");
        json_time(json, row->resets_ms);
        json_object_end(json);
    }
    json_array_end(json);
}

static void
write_account(struct json_writer *json, const struct account *account)
{
    json_key(json, "name");
    json_cstring(json, account->policy.name);
    write_budgets(json, &account->policy, &account->sums);
}

static void
write_limits(struct json_writer *json, const struct entry_policy *policy)
{
    const struct {
        const char *name;
        uint64_t limit;
    } limits[] = {
        {"requests_per_minute", policy->rpm},
        {"tokens_per_minute", policy->tpm},
        {"concurrency", policy->max_in_flight},
    };
    json_key(json, "rate_limits");
    json_object_begin(json);
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        json_key(json, limits[i].name);
        if (limits[i].limit == 0)
            json_null(json);
        else
            json_u64(json, limits[i].limit);
    }
    json_object_end(json);
}

SELF_SERVICE(self_service_usage)
{
    (void)head;
    (void)rest;
    struct account key, group;
    struct fault fault;
    struct buf body;
    struct json_writer json;
    if (account_read(request, &key, &group, &fault) < 0) {
        request_fail(request, &fault);
        return;
    }
    buf_init(&body, 0);
    json_writer_init(&json, &body);
    json_object_begin(&json);
    json_key(&json, "object");
    json_cstring(&json, "usage");
    write_account(&json, &key);
    if (request->key.group_entry != SHM_ENTRY_NONE) {
        json_key(&json, "group");
        json_object_begin(&json);
        write_account(&json, &group);
        json_object_end(&json);
    }
    write_limits(&json, &key.policy);
    json_object_end(&json);
    self_service_reply(request, 200, &body);
}
