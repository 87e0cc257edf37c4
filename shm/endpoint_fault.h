/*
 * endpoint_fault.h - what went wrong last at an endpoint, for people: one word
 * that any worker writes when an attempt has failed. The last writer's stands;
 * nothing is decided by it.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_ENDPOINT_FAULT_H
#define AIGW_SHM_ENDPOINT_FAULT_H

#include <stdbool.h>

#include "shm/segment.h"

struct endpoint_fault {
    int64_t wall_s;     /* seconds since 1970 */
    uint16_t status;    /* the provider's; 0: it did not answer */
    uint8_t cause;      /* enum record_cause */
    uint8_t credential; /* of the provider's, < HEALTH_CREDENTIALS */
    bool is_check;      /* of a health check, not of a call */
};

void endpoint_fault_note(struct shm_health *health,
                         const struct endpoint_fault *fault);
/* Any process. False: none since the segment was made, or the word is damaged. */
bool endpoint_fault_read(const struct segment *segment, uint32_t endpoint_idx,
                         struct endpoint_fault *fault);

#endif
