/*
 * verify_part.h - what the parts of segment_verify() share. Private to shm/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_VERIFY_PART_H
#define AIGW_SHM_VERIFY_PART_H

#include "shm/verify.h"

/* One pass. `report` may be cut at VERIFY_LINES; `count` is the truth. */
struct verify {
    const struct segment *segment;
    bool quiet;
    struct buf *report;
    uint32_t count;
    uint32_t entry_high, column_high; /* bounded */
};

enum { VERIFY_LINES = 200, VERIFY_TRIES = 4 };

void verify_violation(struct verify *v, const char *format, ...)
    PRINTF_LIKE(2, 3);
bool verify_name_is_printable(const char *name);

void verify_slots(struct verify *v);   /* I2, I3, I4, I8, I9 */
void verify_rings(struct verify *v);   /* records whole, I6 */
void verify_entries(struct verify *v); /* policies, ceilings, index, registry */

#endif
