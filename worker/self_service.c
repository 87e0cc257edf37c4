/*
 * self_service.c - see self_service.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/self_service.h"

#include <errno.h>

#include "common/json_write.h"
#include "worker/error_reply.h"

static void
reply_json(struct request *request, uint16_t status, struct buf *body)
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
    reply_json(request, status, &body);
}

void
self_service_healthz(struct request *request, struct str rest)
{
    (void)rest;
    reply_state(request, 200, "ok", NULL);
}

void
self_service_readyz(struct request *request, struct str rest)
{
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

/* ---- models ---- */

static void
write_model(struct json_writer *json, const struct request *request,
            const struct catalogue_model *model, struct str id)
{
    const struct catalogue *catalogue = request->catalogue;
    const char *owner = "aigw";
    if (model->endpoint_count > 0)
        owner = catalogue->providers[model->endpoints[0].provider].name;
    json_object_begin(json);
    json_key(json, "id");
    json_string(json, id);
    json_key(json, "object");
    json_cstring(json, "model");
    json_key(json, "created");
    json_i64(json, catalogue->created_ms / 1000);
    json_key(json, "owned_by");
    json_cstring(json, owner);
    json_object_end(json);
}

/* False: answered with 503. */
static bool
take_catalogue(struct request *request)
{
    struct fault fault;
    request->catalogue = worker_catalogue(request->worker);
    if (request->catalogue != NULL)
        return true;
    fault_set_overloaded(&fault, "the gateway is starting");
    request_fail(request, &fault);
    return false;
}

void
self_service_models(struct request *request, struct str rest)
{
    (void)rest;
    struct buf body;
    struct json_writer json;
    struct fault fault;
    if (!take_catalogue(request))
        return;
    buf_init(&body, 0);
    json_writer_init(&json, &body);
    json_object_begin(&json);
    json_key(&json, "object");
    json_cstring(&json, "list");
    json_key(&json, "data");
    json_array_begin(&json);
    for (uint32_t i = 0; i < request->catalogue->model_count; i++) {
        const struct catalogue_model *model = &request->catalogue->models[i];
        if (model->is_wildcard)
            continue;
        int allowed = auth_model_allowed(request, model->model_idx, &fault);
        if (allowed < 0) {
            buf_fini(&body);
            request_fail(request, &fault);
            return;
        }
        if (allowed == 0)
            continue;
        write_model(&json, request, model, str_from(model->name));
        for (uint32_t a = 0; a < model->alias_count; a++)
            write_model(&json, request, model, str_from(model->aliases[a]));
    }
    json_array_end(&json);
    json_object_end(&json);
    reply_json(request, 200, &body);
}

/* Percent-decodes into `out`; 0 when it is malformed or too long. */
static size_t
decode_id(struct str id, char out[CALL_MODEL_BYTES])
{
    size_t len = 0;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        if (c == '%') {
            uint8_t byte;
            if (id.len - i < 3 ||
                crypto_unhex(str_make(id.ptr + i + 1, 2), &byte, 1) < 0)
                return 0;
            c = (char)byte;
            i += 2;
        }
        if (len == CALL_MODEL_BYTES - 1)
            return 0;
        out[len++] = c;
    }
    out[len] = '\0';
    return len;
}

void
self_service_model(struct request *request, struct str rest)
{
    char id[CALL_MODEL_BYTES];
    struct fault fault;
    if (!take_catalogue(request))
        return;
    struct str name = {id, decode_id(rest, id)};
    struct str upstream = name;
    int only_provider = -1;
    const struct catalogue_model *model = NULL;
    if (name.len > 0)
        model =
            catalogue_find(request->catalogue, name, &upstream, &only_provider);
    int allowed = model == NULL
                      ? 0
                      : auth_model_allowed(request, model->model_idx, &fault);
    if (allowed == 0)
        fault_set(&fault, 404, "invalid_request_error", "model_not_found",
                  "model",
                  "this model does not exist or this key may not use it; GET "
                  "/v1/models lists what it may");
    if (allowed <= 0) {
        request_fail(request, &fault);
        return;
    }
    struct buf body;
    struct json_writer json;
    buf_init(&body, 0);
    json_writer_init(&json, &body);
    write_model(&json, request, model, name);
    reply_json(request, 200, &body);
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

/* What is told of a key or group. */
struct account {
    struct entry_policy policy;
    struct entry_sums sums;
};

/* 0; -ESTALE the entry is another tenant's by now. -EAGAIN. */
static int
read_account(const struct segment *segment, uint32_t entry, uint64_t tag,
             struct account *account)
{
    uint64_t now;
    entry_sum(segment, entry, &account->sums);
    int r = entry_look(segment, entry, &account->policy, &now);
    return r == 0 && now != tag ? -ESTALE : r;
}

/* 0 or -1 with *fault. `group` is not touched where the key has none. */
static int
read_accounts(struct request *request, struct account *key,
              struct account *group, struct fault *fault)
{
    enum { LOOK_UPS = 16 }; /* as many times it changed hands meanwhile */
    const struct segment *segment = request->worker->heritage->segment;
    const struct key_view *view = &request->key;
    for (int tries = 0; tries < LOOK_UPS; tries++) {
        int r = read_account(segment, view->entry, view->tag, key);
        if (r == 0 && view->group_entry != SHM_ENTRY_NONE)
            r = read_account(segment, view->group_entry, view->group_tag,
                             group);
        if (r == 0)
            return 0;
        if (r == -ESTALE && auth_check_again(request, fault) < 0)
            return -1;
    }
    fault_set_overloaded(fault, "the key is being changed");
    return -1;
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

void
self_service_usage(struct request *request, struct str rest)
{
    (void)rest;
    struct account key, group;
    struct fault fault;
    struct buf body;
    struct json_writer json;
    if (read_accounts(request, &key, &group, &fault) < 0) {
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
    reply_json(request, 200, &body);
}
