/*
 * model_stats.h - counters per endpoint (a model at a provider): one row per
 * column, one writer each, summed on read. And the registry of model, provider
 * names with stable numbers for the life of the segment (accountant inserts).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_MODEL_STATS_H
#define AIGW_SHM_MODEL_STATS_H

#include "shm/column.h"

/* Worker: adds one finished request to its row. */
void model_stats_add(struct seat *seat, uint32_t endpoint_idx,
                     const struct shm_record *record);
/* Reaper: counts a lost request in the dead worker's row, where the endpoint is
 * known. Best effort: statistics are not books. */
void model_stats_add_lost(const struct segment *segment, uint32_t column,
                          const struct shm_record *record);
/* Any process: the sum over columns, plain values in shm_stats' order. */
struct model_stats_sum {
    uint64_t v[sizeof(struct shm_stats) / sizeof(uint64_t)];
};
void model_stats_read(const struct segment *segment, uint32_t endpoint_idx,
                      struct model_stats_sum *sum);

/* Accountant: number of a name, inserted when new. -ENOSPC. Names longer than
 * SHM_NAME_BYTES - 1 are refused with -ENAMETOOLONG. */
int model_registry_model(struct segment *segment, const char *name) MUST_CHECK;
int model_registry_provider(struct segment *segment,
                            const char *name) MUST_CHECK;
/* Endpoint number of (model, provider); stable; name "model @ provider" is not
 * kept, only the pair (shm_endpoint). */
int model_registry_endpoint(struct segment *segment, uint32_t model_idx,
                            uint32_t provider_idx) MUST_CHECK;
int model_registry_endpoint_pair(const struct segment *segment,
                                 uint32_t endpoint_idx, uint32_t *model_idx,
                                 uint32_t *provider_idx) MUST_CHECK;
/* Any process: NUL-terminated copy; "" when unused or out of range. */
void model_registry_model_name(const struct segment *segment, uint32_t idx,
                               char out[SHM_NAME_BYTES]);
void model_registry_provider_name(const struct segment *segment, uint32_t idx,
                                  char out[SHM_NAME_BYTES]);

#endif
