/*
 * segment_allocate.c - pages for parts of the segment, before they are used: a
 * full /dev/shm is an error here, never a SIGBUS later.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>

#include "shm/segment_places.h"

int
segment_allocate(struct segment *s, uint64_t off, uint64_t len)
{
    if (s->is_private)
        return 0;
    int rc;
    do
        rc = fallocate(s->fd, 0, (off_t)off, (off_t)len);
    while (rc < 0 && errno == EINTR);
    /* A folder that AIGW_SHM_DIR names may lie on a file system without it. */
    if (rc < 0 && errno == EOPNOTSUPP)
        return -posix_fallocate(s->fd, (off_t)off, (off_t)len);
    return rc < 0 ? -errno : 0;
}

int
segment_allocate_column(struct segment *s, uint32_t column)
{
    uint64_t slots = (uint64_t)s->slot_max * sizeof(struct shm_slot);
    CHECK(column < s->column_max);
    int rc = segment_allocate(s, s->slots_off + column * slots, slots);
    if (rc < 0)
        return rc;
    return segment_allocate(s, s->rings_off + column * s->ring_bytes,
                            s->ring_bytes);
}

int
segment_allocate_entry(struct segment *s, uint32_t entry)
{
    CHECK(entry < s->entry_max);
    return segment_allocate(
        s, s->entries_off + (uint64_t)entry * s->entry_stride, s->entry_stride);
}

static int
allocate_gate(struct segment *s, uint32_t gate)
{
    uint64_t stride = places_gate_stride(s->column_max);
    return segment_allocate(s, s->gates_off + gate * stride, stride);
}

int
segment_allocate_endpoint(struct segment *s, uint32_t endpoint)
{
    uint64_t row = s->column_max * sizeof(struct shm_stats);
    uint64_t windows = s->column_max * sizeof(struct shm_window);
    CHECK(endpoint < s->endpoint_max);
    int rc = segment_allocate(
        s, s->endpoints_off + endpoint * sizeof(struct shm_endpoint),
        sizeof(struct shm_endpoint));
    if (rc == 0)
        rc = segment_allocate(s, s->stats_off + endpoint * row, row);
    if (rc == 0)
        rc = segment_allocate(
            s, s->health_off + endpoint * sizeof(struct shm_health),
            sizeof(struct shm_health));
    if (rc == 0)
        rc = allocate_gate(s, segment_gate_of_endpoint(s, endpoint));
    if (rc == 0)
        rc = segment_allocate(s, s->windows_off + endpoint * windows, windows);
    return rc;
}

int
segment_allocate_provider(struct segment *s, uint32_t provider)
{
    CHECK(provider < s->provider_max);
    int rc = segment_allocate(
        s, s->credentials_off + provider * sizeof(struct shm_credentials),
        sizeof(struct shm_credentials));
    if (rc == 0)
        rc = allocate_gate(s, segment_gate_of_provider(s, provider));
    return rc;
}
