/*
 * aigw_shmdump_sections.c - what the segment shows, section by section.
 *
 * Every number is one atomic load; rows of several words are read until two
 * readings agree (three tries), else marked "~". Every index read from the
 * segment is bounded before it is used; nothing walks a table by capacity, for
 * a reader of a hole in tmpfs would allocate it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "shm/column.h"
#include "shm/key_table.h"
#include "shm/model_stats.h"
#include "shm/ring.h"
#include "tools/aigw_shmdump.h"

enum { SETTLE_TRIES = 3 };

static uint32_t
bounded(uint32_t high, uint32_t max)
{
    return high < max ? high : max;
}

static const char *
name_of(const char *const *names, unsigned count, uint32_t value)
{
    return value < count ? names[value] : "?";
}

static const char *const column_states[] = {
    [SHM_COLUMN_FREE] = "free",
    [SHM_COLUMN_LIVE] = "live",
    [SHM_COLUMN_DYING] = "dying",
    [SHM_COLUMN_TAKEN] = "taken",
};
static const char *const tag_states[] = {"none", "active", "retired"};
static const char *const slot_states[] = {"free", "held", "sent", "settling"};

static void
pair(struct dump *dump, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    dump_row(dump);
    dump_text(dump, "name", name);
    dump_text(dump, "value", text);
}

static void
pair_hex(struct dump *dump, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%016llx", (unsigned long long)value);
    dump_row(dump);
    dump_text(dump, "name", name);
    dump_text(dump, "value", text);
}

static void
print_header(struct dump *dump, const struct segment *segment)
{
    const struct shm_header *h = segment->header;
    char text[65];
    snprintf(text, sizeof(text), "%.63s", h->instance);
    dump_row(dump);
    dump_text(dump, "name", "instance");
    dump_text(dump, "value", text);
    pair(dump, "layout_version", h->layout_version);
    pair_hex(dump, "layout_hash", h->layout_hash);
    pair_hex(dump, "epoch", h->epoch);
    pair(dump, "total_bytes", h->total_bytes);
    pair(dump, "created_ms", (unsigned long long)h->created_ms);
    pair(dump, "columns", segment->column_max);
    pair(dump, "column_high", column_high(segment));
    pair(dump, "entries", segment->entry_max);
    pair(dump, "entry_high", shm_load(&h->entry_high));
    pair(dump, "models", shm_load(&h->model_high));
    pair(dump, "providers", shm_load(&h->provider_high));
    pair(dump, "endpoints", shm_load(&h->endpoint_high));
    pair(dump, "slots_per_column", segment->slot_max);
    pair(dump, "ring_bytes", segment->ring_bytes);
    pair(dump, "master_pid", shm_load(&h->master_pid));
    pair(dump, "accountant_pid", shm_load(&h->accountant_pid));
    pair(dump, "accountant_ready", shm_load(&h->accountant_ready));
    pair(dump, "accountant_restarts", shm_load(&h->accountant_restarts));
    pair(dump, "worker_restarts", shm_load(&h->worker_restarts));
    pair(dump, "repeated_crashes", shm_load(&h->repeated_crashes));
    pair(dump, "config_generation", shm_load(&h->config_generation));
    pair(dump, "catalogue_generation", shm_load(&h->catalogue_generation));
    pair(dump, "reload_failed", shm_load(&h->reload_failed));
    pair(dump, "draining", shm_load(&h->draining));
    pair(dump, "flush_errors", shm_load(&h->flush_errors));
}

/* A column that was never given away has no pages for its slots. */
static uint32_t
slots_in_use(const struct segment *segment, uint32_t column)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < segment->slot_max; i++)
        used +=
            shm_load(&segment_slot(segment, column, i)->state) != SHM_SLOT_FREE;
    return used;
}

static void
print_workers(struct dump *dump, const struct segment *segment)
{
    uint64_t now = clock_mono_ms();
    for (uint32_t i = 0; i < column_high(segment); i++) {
        struct shm_column *c = segment_column(segment, i);
        uint64_t beat = shm_load(&c->heartbeat_ms);
        dump_row(dump);
        dump_u64(dump, "column", i);
        dump_text(dump, "state",
                  name_of(column_states, ARRAY_LEN(column_states),
                          shm_load(&c->state)));
        dump_u64(dump, "pid", shm_load(&c->pid));
        dump_u64(dump, "generation", shm_load(&c->generation));
        dump_u64(dump, "config", shm_load(&c->config_generation));
        dump_u64(dump, "in_flight", slots_in_use(segment, i));
        dump_u64(dump, "connections", shm_load(&c->connections));
        dump_u64(dump, "requests", shm_load(&c->requests));
        dump_u64(dump, "heartbeat_age_ms", now > beat ? now - beat : 0);
    }
}

static void
print_rings(struct dump *dump, const struct segment *segment)
{
    for (uint32_t i = 0; i < column_high(segment); i++) {
        uint64_t tail = ring_tail(segment, i), head = ring_head(segment, i);
        uint64_t waiting = head - tail;
        dump_row(dump);
        dump_u64(dump, "column", i);
        dump_u64(dump, "head", head);
        dump_u64(dump, "tail", tail);
        dump_u64(dump, "waiting_bytes", waiting);
        dump_u64(dump, "size", segment->ring_bytes);
        dump_text(dump, "note",
                  waiting > segment->ring_bytes ? "impossible" : "");
    }
}

/* True when two readings agree. */
static bool
read_entry(const struct segment *segment, uint32_t entry,
           struct entry_policy *policy, uint64_t *tag, struct entry_sums *sums)
{
    struct entry_sums again;
    bool settled = false;
    for (int i = 0; i < SETTLE_TRIES && !settled; i++) {
        /* Of one moment; else, the accountant is at it, what counts now. */
        bool is_whole = entry_read(segment, entry, policy, tag) == 0;
        if (!is_whole && entry_look(segment, entry, policy, tag) < 0)
            continue;
        entry_sum(segment, entry, sums);
        entry_sum(segment, entry, &again);
        settled = is_whole && memcmp(sums, &again, sizeof(again)) == 0;
    }
    return settled;
}

static void
print_keys(struct dump *dump, const struct segment *segment)
{
    uint32_t high =
        bounded(shm_load(&segment->header->entry_high), segment->entry_max);
    for (uint32_t i = 0; i < high; i++) {
        struct entry_policy policy = {0};
        struct entry_sums sums = {0};
        uint64_t tag = shm_load(&segment_entry_hot(segment, i)->tag);
        if ((tag & 0xff) == SHM_TAG_NONE)
            continue;
        bool settled = read_entry(segment, i, &policy, &tag, &sums);
        policy.name[sizeof(policy.name) - 1] = '\0';
        dump_row(dump);
        dump_u64(dump, "entry", i);
        dump_text(dump, "kind",
                  (policy.flags & SHM_KEY_IS_GROUP) != 0 ? "group" : "key");
        dump_u64(dump, "id", policy.id);
        dump_text(dump, "name", policy.name);
        dump_text(
            dump, "state",
            name_of(tag_states, ARRAY_LEN(tag_states), (uint32_t)(tag & 0xff)));
        dump_u64(dump, "in_flight", sums.busy);
        dump_i64(dump, "tokens",
                 (int64_t)(sums.used[SHM_TOKENS] -
                           (uint64_t)sums.origin[SHM_TOKENS]));
        dump_u64(dump, "tokens_reserved", sums.reserved[SHM_TOKENS]);
        dump_limit(dump, "tokens_ceiling", sums.ceiling[SHM_TOKENS]);
        dump_i64(
            dump, "nano",
            (int64_t)(sums.used[SHM_NANO] - (uint64_t)sums.origin[SHM_NANO]));
        dump_u64(dump, "nano_reserved", sums.reserved[SHM_NANO]);
        dump_limit(dump, "nano_ceiling", sums.ceiling[SHM_NANO]);
        dump_text(dump, "note", settled ? "" : "~");
    }
}

static void
print_models(struct dump *dump, const struct segment *segment)
{
    static const char *const names[] = {"requests",      "ok",
                                        "client_errors", "provider_errors",
                                        "timeouts",      "rate_limited",
                                        "cut",           "client_gone",
                                        "lost",          "prompt_missed",
                                        "cached",        "cache_creation",
                                        "completion",    "reasoning"};
    uint32_t high = bounded(shm_load(&segment->header->endpoint_high),
                            segment->endpoint_max);
    for (uint32_t i = 0; i < high; i++) {
        uint32_t model, provider;
        char name[SHM_NAME_BYTES];
        struct model_stats_sum sum;
        if (model_registry_endpoint_pair(segment, i, &model, &provider) < 0)
            continue;
        dump_row(dump);
        dump_u64(dump, "endpoint", i);
        model_registry_model_name(segment, model, name);
        dump_text(dump, "model", name);
        model_registry_provider_name(segment, provider, name);
        dump_text(dump, "provider", name);
        model_stats_read(segment, i, &sum);
        for (unsigned n = 0; n < ARRAY_LEN(names); n++)
            dump_u64(dump, names[n], sum.v[n]);
    }
}

static void
print_slot(struct dump *dump, const struct segment *segment, uint32_t column,
           uint32_t index, int64_t now)
{
    const struct shm_slot *slot = segment_slot(segment, column, index);
    uint32_t state = shm_load(&slot->state);
    char id[40], model[SHM_NAME_BYTES];
    if (state == SHM_SLOT_FREE)
        return;
    int64_t since = shm_load(&slot->started_wall_ms);
    snprintf(id, sizeof(id), "req_%016llx%016llx",
             (unsigned long long)shm_load(&slot->request_id[0]),
             (unsigned long long)shm_load(&slot->request_id[1]));
    model_registry_model_name(segment, shm_load(&slot->model_idx), model);
    dump_row(dump);
    dump_u64(dump, "column", column);
    dump_u64(dump, "slot", index);
    dump_text(dump, "state",
              name_of(slot_states, ARRAY_LEN(slot_states), state));
    dump_text(dump, "request", id);
    dump_i64(dump, "age_ms", now > since ? now - since : 0);
    dump_u64(dump, "key_id", shm_load(&slot->key_id));
    dump_u64(dump, "group_id", shm_load(&slot->group_id));
    dump_text(dump, "model", model);
    dump_u64(dump, "tokens_granted", shm_load(&slot->amount[SHM_TOKENS]));
    dump_u64(dump, "tokens_progress", shm_load(&slot->progress[SHM_TOKENS]));
    dump_u64(dump, "nano_granted", shm_load(&slot->amount[SHM_NANO]));
    dump_text(dump, "note",
              shm_load(&slot->state) == state &&
                      shm_load(&slot->started_wall_ms) == since
                  ? ""
                  : "~");
}

static void
print_slots(struct dump *dump, const struct segment *segment)
{
    int64_t now = clock_wall_ms();
    for (uint32_t c = 0; c < column_high(segment); c++)
        for (uint32_t i = 0; i < segment->slot_max; i++)
            print_slot(dump, segment, c, i, now);
}

static void
print_catalogue(struct dump *dump, const struct segment *segment)
{
    uint32_t high =
        bounded(shm_load(&segment->header->model_high), segment->model_max);
    char name[SHM_NAME_BYTES];
    for (uint32_t i = 0; i < high; i++) {
        model_registry_model_name(segment, i, name);
        dump_row(dump);
        dump_text(dump, "kind", "model");
        dump_u64(dump, "number", i);
        dump_text(dump, "name", name);
    }
    high = bounded(shm_load(&segment->header->provider_high),
                   segment->provider_max);
    for (uint32_t i = 0; i < high; i++) {
        model_registry_provider_name(segment, i, name);
        dump_row(dump);
        dump_text(dump, "kind", "provider");
        dump_u64(dump, "number", i);
        dump_text(dump, "name", name);
    }
}

// clang-format off
const struct dump_part dump_parts[] = {
    { "header",    "sizes, processes, generations",        print_header },
    { "keys",      "keys and groups with their cells",     print_keys },
    { "models",    "counters per model and provider",      print_models },
    { "endpoints", "health of models at providers, and of credentials", dump_endpoints },
    { "workers",   "columns: who sits where",              print_workers },
    { "rings",     "records waiting for the accountant",   print_rings },
    { "slots",     "requests in flight",                   print_slots },
    { "cache",     "the cache of answers, by worker",      print_cache },
    { "blocks",    "the cache of answers, by block",       print_blocks },
    { "catalogue", "numbers of models and providers",      print_catalogue },
    { NULL, NULL, NULL },
};
// clang-format on
