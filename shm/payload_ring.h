/*
 * payload_ring.h - bodies of calls on their way from the workers to the log: one
 * byte ring per column that may lose.
 *
 * Single producer (the column's process), single consumer (the accountant), as
 * the ring of records, but nothing is booked by it: what finds no room is dropped
 * and counted. A file of its own beside the segment (PATH.payload), made by the
 * master, mapped by every child through fork; it lives as long as its segment
 * (epoch). All it holds was redacted before it came here.
 *
 *   page 0   magic, epoch, sizes | a line of each column's producer: head,
 *            dropped | a line of its consumer: tail
 *   rings    bytes [column_max][ring_bytes], a power of two; a record may lie
 *            across the end
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_PAYLOAD_RING_H
#define AIGW_SHM_PAYLOAD_RING_H

#include <sys/uio.h>

#include "common/buf.h"
#include "shm/segment.h"

struct payload_rings;

enum payload_flags {
    PAYLOAD_REQUEST_CUT = 1, /* there was more than is kept */
    PAYLOAD_ANSWER_CUT = 2,
    PAYLOAD_STREAM = 4, /* the answer's texts, put together */
};

/* One call; request_len bytes of its request follow, then those of its answer. */
struct payload_record {
    uint32_t len; /* of all, padded to 8 */
    uint32_t flags;
    uint64_t request_id[2];
    int64_t ended_ms; /* wall; as its row has it */
    uint32_t request_len, answer_len;
    uint64_t request_size, answer_size; /* as they were sent */
};

/* PATH.payload, PATH the segment's. */
void payload_rings_path(const struct segment *segment, char out[160]);
/* Master. Attaches the file that belongs to this segment, or makes a new one with
 * rings of `ring_mib` (rounded up to a power of two). 0 or -errno. */
int payload_rings_open(struct payload_rings **rings,
                       const struct segment *segment, uint64_t ring_mib,
                       uid_t also_owner) MUST_CHECK;
/* Without a file, for tests: shared with children. NULL: out of memory. */
struct payload_rings *
payload_rings_create_shared(const struct segment *segment,
                            uint64_t ring_bytes) MUST_CHECK;
/* Master, before it gives a seat away: the pages of its ring, so that a full
 * /dev/shm never is a SIGBUS. 0 or -errno: that worker keeps no payloads. */
int payload_rings_allocate(struct payload_rings *rings,
                           uint32_t column) MUST_CHECK;
void payload_rings_close(struct payload_rings **rings);
void payload_rings_unlink(const struct segment *segment);

/* ---- producer ---- */
/* record->len is set here. False: there is no room, it was counted. */
bool payload_put(struct payload_rings *rings, uint32_t column,
                 struct payload_record *record, struct str request,
                 struct str answer);

/* ---- consumer ---- */
/*
 * payload_take - whole records of a column, one behind the other, at most about
 * `max_bytes`, into `out`; their room is free again. What is no record (damage) is
 * passed over up to head and counted as one dropped. False: there was nothing.
 */
bool payload_take(struct payload_rings *rings, uint32_t column,
                  size_t max_bytes, struct buf *out);
/* The next record of what was taken, NULL at its end; *at from 0. */
const struct payload_record *payload_next(const struct buf *taken, size_t *at);
struct str payload_request(const struct payload_record *record);
struct str payload_answer(const struct payload_record *record);
/* A column's ring, for tests of damage. */
unsigned char *payload_ring_bytes(struct payload_rings *rings, uint32_t column);
/* Dropped since the file was made, of all columns. */
uint64_t payload_dropped(const struct payload_rings *rings);

#endif
