/*
 * op_status.c - GET /admin/v1/status: processes, rings, ledger, generations.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <time.h>
#include <unistd.h>

#include "accountant/admin/object_json.h"
#include "accountant/admin/system_json.h"
#include "common/clock.h"
#include "common/version.h"
#include "shm/catalogue.h"

/* Age of a process whose start is in clock ticks since boot. */
static uint64_t
process_age_ms(uint64_t start_ticks)
{
    struct timespec now;
    long ticks = sysconf(_SC_CLK_TCK);
    if (start_ticks == 0 || ticks <= 0 ||
        clock_gettime(CLOCK_BOOTTIME, &now) != 0)
        return 0;
    uint64_t now_ms =
        (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    uint64_t start_ms = start_ticks * 1000 / (uint64_t)ticks;
    return now_ms > start_ms ? now_ms - start_ms : 0;
}

static uint64_t
since_ms(uint64_t now_ms, uint64_t then_ms)
{
    return now_ms > then_ms ? now_ms - then_ms : 0;
}

static const char *
column_state_text(const struct shm_column *column, uint32_t state)
{
    if (state == SHM_COLUMN_DYING)
        return "dying";
    if (state == SHM_COLUMN_TAKEN)
        return "starting";
    return shm_load(&column->draining) != 0 ? "draining" : "live";
}

static void
key_u64(struct json_writer *json, const char *name, uint64_t value)
{
    json_key(json, name);
    json_u64(json, value);
}

static void
worker_to_json(struct json_writer *json, const struct segment *segment,
               uint32_t i, uint32_t state)
{
    const struct shm_column *column = segment_column(segment, i);
    uint64_t now_ms = clock_mono_ms();
    json_object_begin(json);
    key_u64(json, "column", i);
    key_u64(json, "pid", shm_load(&column->pid));
    json_key(json, "state");
    json_cstring(json, column_state_text(column, state));
    key_u64(json, "uptime_ms", since_ms(now_ms, shm_load(&column->started_ms)));
    key_u64(json, "connections", shm_load(&column->connections));
    key_u64(json, "requests", shm_load(&column->requests));
    key_u64(json, "heartbeat_age_ms",
            since_ms(now_ms, shm_load(&column->heartbeat_ms)));
    key_u64(json, "config_generation", shm_load(&column->config_generation));
    key_u64(json, "ring_bytes",
            shm_load(&column->ring_head) - shm_load(&column->ring_tail));
    json_object_end(json);
}

static void
workers_to_json(struct json_writer *json, const struct segment *segment)
{
    uint32_t high = shm_load(&segment->header->column_high);
    json_key(json, "workers");
    json_array_begin(json);
    for (uint32_t i = 0; i < high && i < segment->column_max; i++) {
        uint32_t state = shm_load(&segment_column(segment, i)->state);
        if (state != SHM_COLUMN_FREE)
            worker_to_json(json, segment, i, state);
    }
    json_array_end(json);
}

static void
accountant_to_json(struct json_writer *json, const struct shm_header *header,
                   const struct store_state *state)
{
    json_key(json, "accountant");
    json_object_begin(json);
    key_u64(json, "pid", (uint64_t)getpid());
    json_key(json, "ready");
    json_bool(json, shm_load(&header->accountant_ready) != 0);
    key_u64(json, "restarts", shm_load(&header->accountant_restarts));
    key_u64(json, "records", state->records);
    key_u64(json, "flushes", state->flushes);
    key_u64(json, "flush_errors", state->flush_errors);
    json_key(json, "last_flush_at");
    json_time(json, state->last_flush_ms);
    json_key(json, "last_export_at");
    json_time(json, state->last_export_ms);
    key_u64(json, "export_failures", state->export_failures);
    key_u64(json, "queued_changes", state->queued_changes);
    key_u64(json, "ring_bytes_waiting", state->ring_bytes_waiting);
    key_u64(json, "oldest_record_ms", state->oldest_record_ms);
    key_u64(json, "lag_ms", state->lag.last_ms);
    json_key(json, "ledger");
    json_cstring(json, state->ledger_failed ? "failed" : "ok");
    json_key(json, "ledger_error");
    json_cstring(json, state->ledger_failed ? state->ledger_error : NULL);
    json_object_end(json);
}

static void
list_to_json(struct json_writer *json, const char *name,
             const struct config_list *list)
{
    json_key(json, name);
    json_array_begin(json);
    for (unsigned i = 0; i < list->count; i++)
        json_cstring(json, list->items[i]);
    json_array_end(json);
}

static void
config_to_json(struct json_writer *json, const struct shm_header *header,
               const struct config *config, const struct store_master *master)
{
    bool refused = shm_load(&header->reload_failed) != 0;
    json_key(json, "config");
    json_object_begin(json);
    json_key(json, "path");
    json_cstring(json, config->path);
    key_u64(json, "generation", shm_load(&header->config_generation));
    list_to_json(json, "listen", &config->server.listen);
    list_to_json(json, "tls_listen", &config->server.tls_listen);
    json_key(json, "last_reload");
    json_cstring(json, refused ? "refused" : "ok");
    json_key(json, "reason");
    json_cstring(json, refused ? master->reload_reason : NULL);
    key_u64(json, "reloads", master->reloads);
    json_object_end(json);
}

static void
upgrade_to_json(struct json_writer *json, const struct store_master *master)
{
    json_key(json, "upgrade");
    json_object_begin(json);
    key_u64(json, "upgrades", master->upgrades);
    json_key(json, "last");
    json_cstring(json, master->upgrade[0] != '\0' ? master->upgrade : NULL);
    json_object_end(json);
}

static void
catalogue_to_json(struct json_writer *json, const struct store *store,
                  const struct shm_header *header)
{
    const struct catalogue *catalogue = store_catalogue(store);
    json_key(json, "catalogue");
    json_object_begin(json);
    key_u64(json, "generation", shm_load(&header->catalogue_generation));
    key_u64(json, "providers",
            catalogue == NULL ? 0 : catalogue->provider_count);
    key_u64(json, "models", catalogue == NULL ? 0 : catalogue->model_count);
    json_object_end(json);
}

static void
counts_to_json(struct json_writer *json, const struct store *store)
{
    uint64_t groups = 0, in_flight = 0;
    size_t at = 0;
    const struct group *group = store_group_next(store, &at);
    for (; group != NULL; group = store_group_next(store, &at)) {
        struct entry_use use;
        group_use_read(store, group, &use);
        in_flight += use.in_flight;
        groups++;
    }
    key_u64(json, "keys", store_gateway_count(store));
    key_u64(json, "groups", groups);
    key_u64(json, "in_flight", in_flight);
}

void
op_status(struct call *call)
{
    const struct store *store = call->store;
    const struct config *config = store_config(store);
    const struct segment *segment = store_heritage(store)->segment;
    const struct shm_header *header = segment->header;
    struct json_writer *json = &call->json;
    struct store_state state;
    store_state(store, &state);
    json_object_begin(json);
    json_key(json, "version");
    json_cstring(json, AIGW_VERSION);
    json_key(json, "instance");
    json_cstring(json, config->server.instance);
    json_key(json, "time");
    json_time(json, clock_wall_ms());
    json_key(json, "state");
    json_cstring(json, shm_load(&header->draining) != 0 ? "stopping"
                       : state.ledger_failed            ? "ledger_failed"
                                                        : "running");
    key_u64(json, "uptime_ms", process_age_ms(shm_load(&header->master_start)));
    key_u64(json, "master_pid", shm_load(&header->master_pid));
    counts_to_json(json, store);
    workers_to_json(json, segment);
    key_u64(json, "worker_restarts", shm_load(&header->worker_restarts));
    key_u64(json, "ring_capacity_bytes", segment->ring_bytes);
    accountant_to_json(json, header, &state);
    config_to_json(json, header, config, store_master(store));
    upgrade_to_json(json, store_master(store));
    catalogue_to_json(json, store, header);
    system_processes_to_json(json, segment);
    system_certificate_to_json(json, config, header);
    system_warnings_to_json(json, store);
    json_key(json, "segment");
    json_cstring(json, segment->path);
    key_u64(json, "segment_bytes", segment->bytes);
    json_object_end(json);
    call_answer(call, 200);
}
