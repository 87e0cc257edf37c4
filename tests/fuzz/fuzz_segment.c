/*
 * fuzz_segment.c - a segment file that anybody may have changed: attaching,
 * verifying and reading it never crashes, hangs or writes.
 *
 * The input patches a small sound segment: triples of a place (3 bytes, scaled
 * over the file's used parts), and 8 bytes to put there. The first byte says
 * whether the header may be patched too.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/hash.h"
#include "shm/cells.h"
#include "shm/model_stats.h"
#include "shm/ring.h"
#include "shm/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATCH = 3 + 8, COLUMNS = 2 };

/* The parts worth patching: holes of the file are left out. */
struct part {
    uint64_t off, len;
};
static struct part parts[8];
static unsigned char *sound; /* the bytes of all parts, one after the other */
static struct segment writer;
static char path[128];
static volatile uint64_t seen; /* so that nothing read is left out */

static void
require(int rc)
{
    if (rc < 0)
        abort();
}

static void
add_life(struct segment *s)
{
    const uint64_t nothing[SHM_UNITS] = {0};
    struct entry_policy policy = {
        .id = 1, .flags = SHM_KEY_IS_GROUP, .group_entry = SHM_ENTRY_NONE};
    struct key_view view;
    struct hold_refusal why;
    struct seat seat;
    uint32_t entry;
    uint64_t tag;
    require(entry_insert(s, &policy, nothing, &entry, &tag));
    policy = (struct entry_policy){.id = 2,
                                   .flags = SHM_KEY_ENABLED,
                                   .group_entry = entry,
                                   .group_tag = tag,
                                   .digest = {1, 2, 3}};
    policy.budgets[0] =
        (struct entry_budget){.period = SHM_PERIOD_TOTAL, .limit = 1000};
    require(entry_insert(s, &policy, nothing, &entry, &tag));
    require(key_table_find(s, policy.digest, &view));
    require(model_registry_model(s, "m"));
    require(model_registry_provider(s, "p"));
    require(model_registry_endpoint(s, 0, 0));
    for (int i = 0; i < COLUMNS; i++) {
        int column = column_find_free(s);
        require(column);
        require(column_claim(s, (uint32_t)column, getpid(), 1));
        require(seat_open(&seat, s, (uint32_t)column));
        for (int n = 0; n < 3; n++) {
            struct hold hold = {.key = &view, .amount = {5, 6}};
            struct shm_record record = {.tokens = 3, .nano = 4};
            int slot = seat_take_slot(&seat);
            require(slot);
            require(cells_hold(&seat, (uint32_t)slot, &hold, &why));
            if (n < 2)
                cells_settle(&seat, (uint32_t)slot, &record, "text", 4);
        }
        seat_close(&seat);
    }
}

static uint64_t
parts_bytes(void)
{
    uint64_t bytes = 0;
    for (int i = 0; i < 8; i++)
        bytes += parts[i].len;
    return bytes;
}

static void
set_up(void)
{
    struct segment_sizes sizes = {.instance = "fuzz",
                                  .workers = 1,
                                  .max_keys = 16,
                                  .max_models = 4,
                                  .max_requests = 4,
                                  .ring_kib = 16};
    struct buf error;
    char folder[] = "/tmp/aigw-fuzz-XXXXXX";
    buf_init(&error, 0);
    if (mkdtemp(folder) == NULL)
        abort();
    setenv("AIGW_SHM_DIR", folder, 1);
    require(segment_create(&writer, &sizes, &error));
    add_life(&writer);
    memcpy(path, writer.path, sizeof(path));
    const struct segment *s = &writer;
    parts[0] = (struct part){0, sizeof(struct shm_header)};
    parts[1] = (struct part){s->columns_off, 3 * sizeof(struct shm_column)};
    parts[2] = (struct part){s->buckets_off, s->bucket_count * 8ull};
    parts[3] = (struct part){s->entries_off, 2ull * s->entry_stride};
    parts[4] = (struct part){s->models_off, sizeof(struct shm_name)};
    parts[5] = (struct part){s->endpoints_off, sizeof(struct shm_endpoint)};
    parts[6] = (struct part){s->slots_off,
                             COLUMNS * s->slot_max * sizeof(struct shm_slot)};
    parts[7] = (struct part){s->rings_off, 1024};
    sound = malloc(parts_bytes());
    if (sound == NULL)
        abort();
    unsigned char *to = sound;
    for (int i = 0; i < 8; i++) {
        memcpy(to, s->base + parts[i].off, parts[i].len);
        to += parts[i].len;
    }
    buf_fini(&error);
}

static void
tear_down(void)
{
    char *slash = strrchr(path, '/');
    segment_unlink(path);
    *slash = '\0';
    rmdir(path);
}

static void
restore(void)
{
    const unsigned char *from = sound;
    for (int i = 0; i < 8; i++) {
        memcpy(writer.base + parts[i].off, from, parts[i].len);
        from += parts[i].len;
    }
}

/* `place` of 2^24 over the parts, the header left out or not. */
static void
patch(uint32_t place, const uint8_t bytes[8], bool header)
{
    uint64_t skip = header ? 0 : parts[0].len;
    uint64_t at = skip + (parts_bytes() - skip) * place / (1u << 24);
    for (int i = 0; i < 8; i++) {
        if (at < parts[i].len) {
            uint64_t off = (at & ~UINT64_C(7));
            uint64_t room = parts[i].len - off;
            memcpy(writer.base + parts[i].off + off, bytes,
                   room < 8 ? room : 8);
            return;
        }
        at -= parts[i].len;
    }
}

/* What the dump tool does, without the printing. */
static uint64_t
read_everything(const struct segment *s)
{
    uint64_t hash = 0;
    char name[SHM_NAME_BYTES];
    uint32_t high = shm_load(&s->header->entry_high);
    for (uint32_t i = 0; i < high && i < s->entry_max; i++) {
        struct entry_policy policy;
        struct entry_sums sums;
        uint64_t tag;
        if (entry_read(s, i, &policy, &tag) == 0)
            hash += strlen(policy.name);
        entry_sum(s, i, &sums);
        hash += sums.used[0];
    }
    for (uint32_t i = 0; i < s->model_max + 2; i++) {
        struct model_stats_sum sum;
        uint32_t model, provider;
        model_registry_model_name(s, i, name);
        hash += strlen(name);
        model_registry_provider_name(s, i, name);
        hash += strlen(name);
        model_stats_read(s, i, &sum);
        hash += sum.v[0];
        (void)!model_registry_endpoint_pair(s, i, &model, &provider);
    }
    uint8_t digest[32] = {1, 2, 3};
    struct key_view view;
    if (key_table_find(s, digest, &view) == 0) {
        const uint8_t addr[16] = {1};
        hash += (uint64_t)key_table_model_allowed(s, &view, 3);
        hash += (uint64_t)key_table_address_allowed(s, &view, addr);
        hash += cells_room(s, &view, SHM_TOKENS);
    }
    return hash;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct segment reader;
    struct buf report;
    if (sound == NULL) {
        set_up();
        atexit(tear_down);
    }
    if (size == 0)
        return 0;
    restore();
    bool header = (data[0] & 1) != 0, quiet = (data[0] & 2) != 0;
    for (size_t at = 1; at + PATCH <= size && at < 64 * PATCH; at += PATCH) {
        uint32_t place = (uint32_t)data[at] | (uint32_t)data[at + 1] << 8 |
                         (uint32_t)data[at + 2] << 16;
        patch(place, data + at + 3, header);
    }
    buf_init(&report, 0);
    if (segment_attach(&reader, path, false, (uid_t)-1, &report) == 0) {
        /* Quiet: one pass; a violation is repeated for the living only. */
        uint32_t violations = segment_verify(&reader, true, &report);
        if (size < 1 + PATCH && quiet && violations == 0)
            abort(); /* leases stand in it: a quiet one has none */
        seen = seen + read_everything(&reader);
        segment_detach(&reader);
    }
    buf_fini(&report);
    return 0;
}
