/*
 * ring.h - one byte ring per column from its worker to the accountant.
 *
 * Single producer, single consumer; positions are u64 and never wrap; a record
 * may lie across the end (two copies). Room for the largest record is kept
 * for each slot in use from admission on (H0), so a commit never fails.
 *   Invariant: head - tail + SHM_RECORD_MAX x slots in use <= ring_bytes.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_RING_H
#define AIGW_SHM_RING_H

#include "shm/segment.h"

/* Producer (the column's process): writes bytes at a position; publishes none. */
void ring_write(const struct segment *segment, uint32_t column, uint64_t pos,
                const void *bytes, uint32_t len);
void ring_publish(const struct segment *segment, uint32_t column,
                  uint64_t head); /* release */
uint64_t ring_head(const struct segment *segment, uint32_t column);
uint64_t ring_tail(const struct segment *segment, uint32_t column);

/* Consumer (accountant). */
/* The record at `pos` < head with its meta (record->len bytes) into `out` of
 * SHM_RECORD_MAX bytes. Its length, or -EBADMSG when what stands there is not a
 * record (damage: never trusted). */
int ring_read(const struct segment *segment, uint32_t column, uint64_t pos,
              uint64_t head, void *out) MUST_CHECK;
/* Only after the flush that holds everything below is durable. */
void ring_release(const struct segment *segment, uint32_t column,
                  uint64_t tail);

#endif
