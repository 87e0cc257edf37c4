/*
 * system_json.c - see system_json.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/system_json.h"

#include <string.h>
#include <unistd.h>

#include "accountant/managed.h"
#include "common/clock.h"
#include "common/proc.h"
#include "shm/column.h"

enum {
    CERTIFICATE_SOON_S = 14 * 24 * 3600,
    RING_FULL_PERCENT = 80,
};

/* ---- processes ---- */

static void
key_u64(struct json_writer *json, const char *name, uint64_t value)
{
    json_key(json, name);
    json_u64(json, value);
}

static void
process_to_json(struct json_writer *json, const char *role, uint64_t pid)
{
    struct proc_usage usage;
    json_object_begin(json);
    json_key(json, "role");
    json_cstring(json, role);
    key_u64(json, "pid", pid);
    if (pid > 0 && proc_usage((pid_t)pid, &usage) == 0) {
        key_u64(json, "memory_bytes", usage.own);
        key_u64(json, "file_bytes", usage.files);
        key_u64(json, "shared_bytes", usage.shared);
        json_key(json, "descriptors");
        if (usage.descriptors == 0)
            json_null(json);
        else
            json_u64(json, usage.descriptors);
    }
    json_object_end(json);
}

void
system_processes_to_json(struct json_writer *json,
                         const struct segment *segment)
{
    uint32_t high = column_high(segment);
    json_key(json, "processes");
    json_array_begin(json);
    process_to_json(json, "master", shm_load(&segment->header->master_pid));
    process_to_json(json, "accountant", (uint64_t)getpid());
    for (uint32_t i = 0; i < high && i < segment->column_max; i++) {
        const struct shm_column *column = segment_column(segment, i);
        if (shm_load(&column->state) == SHM_COLUMN_LIVE)
            process_to_json(json, "worker", shm_load(&column->pid));
    }
    json_array_end(json);
}

/* ---- certificate ---- */

void
system_certificate_to_json(struct json_writer *json,
                           const struct config *config,
                           const struct shm_header *header)
{
    int64_t until_s = shm_load(&header->certificate_until_s);
    json_key(json, "certificate");
    if (until_s == 0) {
        json_null(json);
        return;
    }
    json_object_begin(json);
    json_key(json, "file");
    json_cstring(json, config->server.tls_cert);
    json_key(json, "expires_at");
    json_time(json, until_s * 1000);
    json_object_end(json);
}

/* ---- warnings ---- */

static void
warn(struct json_writer *json, const char *code, const char *object,
     const char *message)
{
    json_object_begin(json);
    json_key(json, "code");
    json_cstring(json, code);
    json_key(json, "object");
    json_cstring(json, object);
    json_key(json, "message");
    json_cstring(json, message);
    json_object_end(json);
}

static void
warn_of_certificate(struct json_writer *json, const struct config *config,
                    const struct shm_header *header)
{
    int64_t until_s = shm_load(&header->certificate_until_s);
    int64_t now_s = clock_wall_ms() / 1000;
    if (until_s == 0 || until_s > now_s + CERTIFICATE_SOON_S)
        return;
    if (until_s > now_s)
        warn(json, "certificate_expires", config->server.tls_cert,
             "The certificate ends within two weeks.");
    else
        warn(json, "certificate_expired", config->server.tls_cert,
             "The certificate has ended: clients refuse it.");
}

static void
warn_of_providers(struct json_writer *json, const struct config *config)
{
    for (unsigned i = 0; i < config->provider_count; i++) {
        const struct config_provider *provider = &config->providers[i];
        if (provider->enabled && !provider->verify)
            warn(json, "provider_unverified", provider->name,
                 "Its certificate is not checked (verify = no).");
    }
}

static void
warn_of_parts(struct json_writer *json, const struct store *store)
{
    const struct managed_book *book = store_managed(store);
    for (size_t i = 0; i < book->count; i++) {
        const struct managed *managed = book->items[i];
        if (managed->fault != NULL)
            warn(json, "part_left_out", managed->name, managed->fault);
        else if (managed->shadowed)
            warn(json, "part_shadowed", managed->name,
                 "The configuration file has one of this name, which holds.");
    }
}

static void
warn_of_segment(struct json_writer *json, const struct segment *segment)
{
    uint32_t high = column_high(segment);
    if (shm_load(&segment->header->limit_misses) > 0)
        warn(json, "limits_full", NULL,
             "Limits by model found no room: raise [server] max_limits.");
    for (uint32_t i = 0; i < high && i < segment->column_max; i++) {
        const struct shm_column *column = segment_column(segment, i);
        uint64_t waiting =
            shm_load(&column->ring_head) - shm_load(&column->ring_tail);
        if (shm_load(&column->state) != SHM_COLUMN_FREE &&
            waiting * 100 > segment->ring_bytes * RING_FULL_PERCENT) {
            warn(json, "ring_filling", NULL,
                 "A worker's ring is nearly full: the ledger does not follow.");
            break;
        }
    }
}

void
system_warnings_to_json(struct json_writer *json, const struct store *store)
{
    const struct segment *segment = store_heritage(store)->segment;
    const struct config *config = store_config(store);
    struct store_state state;
    store_state(store, &state);
    json_key(json, "warnings");
    json_array_begin(json);
    if (state.ledger_failed)
        warn(json, "ledger_failed", NULL, state.ledger_error);
    if (shm_load(&segment->header->reload_failed) != 0)
        warn(json, "reload_refused", config->path,
             store_master(store)->reload_reason);
    warn_of_certificate(json, config, segment->header);
    warn_of_segment(json, segment);
    warn_of_providers(json, config);
    warn_of_parts(json, store);
    json_array_end(json);
}
