/*
 * model_part.h - what the parts of the model share.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TESTS_SIM_MODEL_PART_H
#define AIGW_TESTS_SIM_MODEL_PART_H

#include "tests/sim/model.h"

extern struct request model_requests[REQUESTS];
extern unsigned model_request_count;

/* Of the key, or of the group that all keys are in. */
bool model_is_of(const struct request *request, unsigned tenant);
/* By how much its requests went, or may have gone, over their leases. */
uint64_t model_overruns(unsigned tenant, int unit);
/* Whether the reaper may charge a dead request so. */
bool model_may_be_lost_charge(const struct request *request,
                              const uint64_t charge[SHM_UNITS]);
/* For those who ask just now. */
void model_look_at_ceilings(void);
/* Whose entry it is; NULL: nobody's that management knows. */
struct tenant *model_tenant_of(const struct shm_entry_hot *hot);
/* An empty segment. */
void watch_begin(void);

#endif
