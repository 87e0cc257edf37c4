/*
 * verify.h - the invariants of the segment, for the dump tool and tests: reads
 * everything, trusts nothing, writes nothing.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_VERIFY_H
#define AIGW_SHM_VERIFY_H

#include "common/buf.h"
#include "shm/segment.h"

/* One line per violation into `report`; returns their number. `quiet`: nothing
 * is in flight, so reserved and busy must be 0, all slots FREE. */
uint32_t segment_verify(const struct segment *segment, bool quiet,
                        struct buf *report);

#endif
