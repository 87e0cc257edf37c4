/*
 * op_health.c - GET /admin/v1/health: how providers, their models and their
 * credentials are, as the workers see it in the segment.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <stdlib.h>

#include "accountant/admin/health_json.h"
#include "common/clock.h"
#include "shm/catalogue.h"
#include "shm/credential_slots.h"
#include "shm/endpoint_health.h"

/* What is the same for all of one answer. */
struct look {
    const struct segment *segment;
    const struct catalogue *catalogue;
    struct health_calls calls;
    uint64_t now_ms;
    int64_t wall_ms;
};

static int64_t
wall_of(const struct look *look, uint64_t mono_ms)
{
    return mono_ms == 0
               ? 0
               : look->wall_ms + (int64_t)mono_ms - (int64_t)look->now_ms;
}

static bool
is_sick(const struct breaker_view *view)
{
    return view->state >= BREAKER_COOLING;
}

static const char *
state_text(const struct breaker_view *view)
{
    switch (view->state) {
    case BREAKER_HEALTHY:
        return "up";
    case BREAKER_SUSPECT:
    case BREAKER_RUN:
        return "failing";
    case BREAKER_COOLING:
        return view->is_probed ? "half-open" : "cooling";
    case BREAKER_READY:
        return "half-open";
    }
    return "up";
}

static const char *
reason_text(enum breaker_reason reason)
{
    switch (reason) {
    case BREAKER_BY_NOTHING:
        return NULL;
    case BREAKER_BY_FAILURES:
        return "failures";
    case BREAKER_BY_BURST:
        return "burst";
    case BREAKER_BY_STATUS:
        return "refused";
    case BREAKER_BY_PROBE:
        return "probe";
    }
    return NULL;
}

static void
breaker_to_json(struct json_writer *json, const struct look *look,
                const struct breaker_view *view)
{
    json_key(json, "state");
    json_cstring(json, state_text(view));
    json_key(json, "failing_since");
    json_time(json, wall_of(look, view->since_ms));
    json_key(json, "cooling_until");
    json_time(json, wall_of(look, view->until_ms));
    json_key(json, "reason");
    json_cstring(json, is_sick(view) ? reason_text(view->reason) : NULL);
    json_key(json, "failures");
    json_u64(json, view->consecutive);
    json_key(json, "cooled");
    json_u64(json, view->opened);
}

static bool
endpoint_to_json(struct json_writer *json, const struct look *look,
                 const struct catalogue_model *model,
                 const struct catalogue_endpoint *endpoint)
{
    struct breaker_view view;
    uint32_t idx = endpoint->endpoint_idx;
    breaker_view(look->segment, &segment_health(look->segment, idx)->breaker,
                 look->now_ms, &view);
    json_object_begin(json);
    json_key(json, "model");
    json_cstring(json, model->name);
    breaker_to_json(json, look, &view);
    json_key(json, "in_flight");
    json_u64(json,
             health_calls_at(
                 &look->calls, model->model_idx,
                 look->catalogue->providers[endpoint->provider].provider_idx));
    json_key(json, "max_concurrency");
    json_u64(json, endpoint->max_concurrency);
    health_window_to_json(json, look->segment, idx, look->now_ms);
    health_fault_to_json(json, look->segment, look->catalogue, endpoint);
    json_object_end(json);
    return is_sick(&view);
}

/* The models where the provider has said that this credential has no calls left
 * for now. */
static void
limits_to_json(struct json_writer *json, const struct look *look,
               uint32_t provider, unsigned slot)
{
    json_key(json, "limited");
    json_array_begin(json);
    for (uint32_t m = 0; m < look->catalogue->model_count; m++) {
        const struct catalogue_model *model = &look->catalogue->models[m];
        for (uint32_t e = 0; e < model->endpoint_count; e++) {
            const struct catalogue_endpoint *endpoint = &model->endpoints[e];
            if (endpoint->provider != provider)
                continue;
            uint64_t until = limit_until(
                &segment_health(look->segment, endpoint->endpoint_idx)
                     ->limited[slot]);
            if (until <= look->now_ms)
                continue;
            json_object_begin(json);
            json_key(json, "model");
            json_cstring(json, model->name);
            json_key(json, "until");
            json_time(json, wall_of(look, until));
            json_object_end(json);
        }
    }
    json_array_end(json);
}

static bool
credential_to_json(struct json_writer *json, const struct look *look,
                   uint32_t provider, const char *name, unsigned slot)
{
    struct breaker_view view;
    const struct shm_credentials *row = segment_credentials(
        look->segment, look->catalogue->providers[provider].provider_idx);
    breaker_view(look->segment, &row->breaker[slot], look->now_ms, &view);
    json_object_begin(json);
    json_key(json, "name");
    json_cstring(json, name);
    breaker_to_json(json, look, &view);
    limits_to_json(json, look, provider, slot);
    json_object_end(json);
    return is_sick(&view);
}

/* How many there are and how many are sent nothing. */
struct tally {
    uint32_t all, sick;
};

static struct tally
endpoints_to_json(struct json_writer *json, const struct look *look,
                  uint32_t provider)
{
    struct tally tally = {0, 0};
    json_key(json, "endpoints");
    json_array_begin(json);
    for (uint32_t m = 0; m < look->catalogue->model_count; m++) {
        const struct catalogue_model *model = &look->catalogue->models[m];
        for (uint32_t e = 0; e < model->endpoint_count; e++) {
            if (model->endpoints[e].provider != provider)
                continue;
            tally.all++;
            tally.sick +=
                endpoint_to_json(json, look, model, &model->endpoints[e]);
        }
    }
    json_array_end(json);
    return tally;
}

static struct tally
credentials_to_json(struct json_writer *json, const struct look *look,
                    uint32_t p)
{
    const struct catalogue_provider *provider = &look->catalogue->providers[p];
    struct tally tally = {0, 0};
    json_key(json, "credentials");
    json_array_begin(json);
    for (uint32_t i = 0; i < provider->credential_count; i++) {
        tally.all++;
        tally.sick +=
            credential_to_json(json, look, p, provider->credentials[i].name,
                               provider->credentials[i].slot);
    }
    if (provider->credential_count == 0) {
        tally.all = 1;
        tally.sick = credential_to_json(json, look, p, CREDENTIAL_DEFAULT, 0);
    }
    json_array_end(json);
    return tally;
}

static const char *
provider_state(struct tally endpoints, struct tally credentials)
{
    if ((endpoints.all > 0 && endpoints.sick == endpoints.all) ||
        credentials.sick == credentials.all)
        return "down";
    return endpoints.sick > 0 || credentials.sick > 0 ? "degraded" : "up";
}

static void
begin_provider(struct json_writer *json, const char *name,
               enum provider_kind kind, bool enabled)
{
    json_object_begin(json);
    json_key(json, "provider");
    json_cstring(json, name);
    json_key(json, "kind");
    json_cstring(json, config_provider_kind_name(kind));
    json_key(json, "enabled");
    json_bool(json, enabled);
}

/* Of those that are switched off the workers know nothing. */
static uint64_t
disabled_to_json(struct json_writer *json, const struct config *config)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < config->provider_count; i++) {
        if (config->providers[i].enabled)
            continue;
        begin_provider(json, config->providers[i].name,
                       config->providers[i].kind, false);
        json_key(json, "in_flight");
        json_u64(json, 0);
        json_key(json, "endpoints");
        json_array_begin(json);
        json_array_end(json);
        json_key(json, "credentials");
        json_array_begin(json);
        json_array_end(json);
        json_key(json, "state");
        json_cstring(json, "disabled");
        json_object_end(json);
        count++;
    }
    return count;
}

static void
provider_to_json(struct json_writer *json, const struct look *look, uint32_t p)
{
    const struct catalogue_provider *provider = &look->catalogue->providers[p];
    const struct shm_credentials *row =
        segment_credentials(look->segment, provider->provider_idx);
    begin_provider(json, provider->name, provider->kind, true);
    json_key(json, "in_flight");
    json_u64(json, health_calls_to(&look->calls, provider->provider_idx));
    json_key(json, "max_concurrency");
    json_u64(json, provider->max_concurrency);
    json_key(json, "health_checks");
    json_u64(json, shm_load(&row->checks));
    json_key(json, "health_checks_failed");
    json_u64(json, shm_load(&row->checks_failed));
    struct tally endpoints = endpoints_to_json(json, look, p);
    struct tally credentials = credentials_to_json(json, look, p);
    json_key(json, "state");
    json_cstring(json, provider_state(endpoints, credentials));
    json_object_end(json);
}

void
op_health(struct call *call)
{
    struct json_writer *json = &call->json;
    struct look look = {
        .segment = store_heritage(call->store)->segment,
        .catalogue = store_catalogue(call->store),
        .now_ms = clock_mono_ms(),
        .wall_ms = clock_wall_ms(),
    };
    uint32_t count =
        look.catalogue == NULL ? 0 : look.catalogue->provider_count;
    if (!health_calls_read(look.segment, &look.calls)) {
        call_fail(call, 503, "overloaded", "Out of memory.");
        return;
    }
    json_object_begin(json);
    json_key(json, "time");
    json_time(json, look.wall_ms);
    json_key(json, "data");
    json_array_begin(json);
    for (uint32_t p = 0; p < count; p++)
        provider_to_json(json, &look, p);
    uint64_t disabled = disabled_to_json(json, store_config(call->store));
    json_array_end(json);
    json_key(json, "total");
    json_u64(json, count + disabled);
    json_object_end(json);
    health_calls_free(&look.calls);
    call_answer(call, 200);
}
