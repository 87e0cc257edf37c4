/*
 * model_stats_registry.c - numbers for names of models and providers, and for
 * their pairs (endpoints), stable for the life of the segment. The accountant
 * inserts; a row never changes once its state says that it is used.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/model_stats.h"

#include <errno.h>
#include <string.h>

enum { FREE, USED };

static void
copy_name(const struct shm_name *row, char out[SHM_NAME_BYTES])
{
    uint64_t words[SHM_NAME_BYTES / 8];
    out[0] = '\0';
    if (shm_load(&row->state) != USED)
        return;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        words[i] = shm_load(&row->name[i]);
    memcpy(out, words, sizeof(words));
    out[SHM_NAME_BYTES - 1] = '\0';
}

/* Rows [0, *high) of `rows`; pages of a new row are allocated first. */
static int
find_or_insert(struct segment *segment, struct shm_name *rows, shm_u32 *high,
               uint32_t max, uint64_t rows_off, const char *name)
{
    char have[SHM_NAME_BYTES];
    uint64_t words[SHM_NAME_BYTES / 8] = {0};
    size_t len = strlen(name);
    uint32_t count = shm_load_own(high);
    if (len == 0 || len >= SHM_NAME_BYTES)
        return -ENAMETOOLONG;
    for (uint32_t i = 0; i < count && i < max; i++) {
        copy_name(&rows[i], have);
        if (strcmp(have, name) == 0)
            return (int)i;
    }
    if (count >= max)
        return -ENOSPC;
    int rc = segment_allocate(segment, rows_off + count * sizeof(rows[0]),
                              sizeof(rows[0]));
    if (rc < 0)
        return -ENOSPC;
    memcpy(words, name, len);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        shm_store(&rows[count].name[i], words[i]);
    shm_store(&rows[count].state, USED);
    shm_store(high, count + 1);
    return (int)count;
}

int
model_registry_model(struct segment *segment, const char *name)
{
    return find_or_insert(segment, segment_model_name(segment, 0),
                          &segment->header->model_high, segment->model_max,
                          segment->models_off, name);
}

int
model_registry_provider(struct segment *segment, const char *name)
{
    int idx =
        find_or_insert(segment, segment_provider_name(segment, 0),
                       &segment->header->provider_high, segment->provider_max,
                       segment->providers_off, name);
    /* Before a catalogue says the number to anybody. */
    if (idx >= 0 && segment_allocate_provider(segment, (uint32_t)idx) < 0)
        return -ENOSPC;
    return idx;
}

int
model_registry_endpoint(struct segment *segment, uint32_t model_idx,
                        uint32_t provider_idx)
{
    shm_u32 *high = &segment->header->endpoint_high;
    uint32_t count = shm_load_own(high);
    for (uint32_t i = 0; i < count && i < segment->endpoint_max; i++) {
        const struct shm_endpoint *row = segment_endpoint(segment, i);
        if (shm_load_own(&row->model_idx) == model_idx &&
            shm_load_own(&row->provider_idx) == provider_idx)
            return (int)i;
    }
    if (count >= segment->endpoint_max ||
        segment_allocate_endpoint(segment, count) < 0)
        return -ENOSPC;
    struct shm_endpoint *row = segment_endpoint(segment, count);
    shm_store(&row->model_idx, model_idx);
    shm_store(&row->provider_idx, provider_idx);
    shm_store(&row->state, USED);
    shm_store(high, count + 1);
    return (int)count;
}

int
model_registry_endpoint_pair(const struct segment *segment,
                             uint32_t endpoint_idx, uint32_t *model_idx,
                             uint32_t *provider_idx)
{
    if (endpoint_idx >= segment->endpoint_max ||
        endpoint_idx >= shm_load(&segment->header->endpoint_high))
        return -ENOENT;
    const struct shm_endpoint *row = segment_endpoint(segment, endpoint_idx);
    if (shm_load(&row->state) != USED)
        return -ENOENT;
    *model_idx = shm_load(&row->model_idx);
    *provider_idx = shm_load(&row->provider_idx);
    return 0;
}

void
model_registry_model_name(const struct segment *segment, uint32_t idx,
                          char out[SHM_NAME_BYTES])
{
    out[0] = '\0';
    if (idx < segment->model_max &&
        idx < shm_load(&segment->header->model_high))
        copy_name(segment_model_name(segment, idx), out);
}

void
model_registry_provider_name(const struct segment *segment, uint32_t idx,
                             char out[SHM_NAME_BYTES])
{
    out[0] = '\0';
    if (idx < segment->provider_max &&
        idx < shm_load(&segment->header->provider_high))
        copy_name(segment_provider_name(segment, idx), out);
}
