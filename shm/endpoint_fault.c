/*
 * endpoint_fault.c - see endpoint_fault.h. The word, from its lowest bit: status
 * 16, cause 5, is_check 1, credential 6, a one that says there is something,
 * seconds 35.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/endpoint_fault.h"

enum {
    CAUSE_AT = 16,
    CHECK_AT = 21,
    CREDENTIAL_AT = 22,
    THERE_AT = 28,
    SECONDS_AT = 29,
};
_Static_assert(RECORD_CAUSES <= 1 << (CHECK_AT - CAUSE_AT) &&
                   HEALTH_CREDENTIALS <= 1 << (THERE_AT - CREDENTIAL_AT),
               "they fit their bits");

void
endpoint_fault_note(struct shm_health *health,
                    const struct endpoint_fault *fault)
{
    shm_store(&health->fault, (uint64_t)fault->status |
                                  (uint64_t)fault->cause << CAUSE_AT |
                                  (uint64_t)fault->is_check << CHECK_AT |
                                  (uint64_t)fault->credential << CREDENTIAL_AT |
                                  UINT64_C(1) << THERE_AT |
                                  (uint64_t)fault->wall_s << SECONDS_AT);
}

bool
endpoint_fault_read(const struct segment *segment, uint32_t endpoint_idx,
                    struct endpoint_fault *fault)
{
    uint64_t word = shm_load(&segment_health(segment, endpoint_idx)->fault);
    *fault = (struct endpoint_fault){
        .wall_s = (int64_t)(word >> SECONDS_AT),
        .status = (uint16_t)word,
        .cause = word >> CAUSE_AT & ((1 << (CHECK_AT - CAUSE_AT)) - 1),
        .is_check = (word >> CHECK_AT & 1) != 0,
        .credential =
            word >> CREDENTIAL_AT & ((1 << (THERE_AT - CREDENTIAL_AT)) - 1),
    };
    return (word >> THERE_AT & 1) != 0 && fault->cause < RECORD_CAUSES;
}
