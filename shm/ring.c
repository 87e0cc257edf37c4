/*
 * ring.c - see ring.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/ring.h"

#include <errno.h>
#include <string.h>

/*
 * Verification reads records that may be released and written over while it
 * looks; it looks at the tail afterwards and throws such a copy away. A race by
 * intent, and told to the thread sanitizer as one.
 */
static void
copy_bytes(void *to, const void *from, size_t len)
{
#ifdef __SANITIZE_THREAD__
    unsigned char *out = to;
    const unsigned char *in = from;
    for (size_t i = 0; i < len; i++)
        __atomic_store_n(&out[i], __atomic_load_n(&in[i], __ATOMIC_RELAXED),
                         __ATOMIC_RELAXED);
#else
    memcpy(to, from, len);
#endif
}

void
ring_write(const struct segment *segment, uint32_t column, uint64_t pos,
           const void *bytes, uint32_t len)
{
    unsigned char *ring = segment_ring(segment, column);
    uint64_t at = pos & (segment->ring_bytes - 1);
    uint64_t first = segment->ring_bytes - at;
    CHECK(len <= SHM_RECORD_MAX);
    if (first >= len) {
        copy_bytes(ring + at, bytes, len);
        return;
    }
    copy_bytes(ring + at, bytes, first);
    copy_bytes(ring, (const unsigned char *)bytes + first, len - first);
}

void
ring_publish(const struct segment *segment, uint32_t column, uint64_t head)
{
    /* release: pairs with ring_head() of the accountant */
    shm_store(&segment_column(segment, column)->ring_head, head);
}

uint64_t
ring_head(const struct segment *segment, uint32_t column)
{
    return shm_load(&segment_column(segment, column)->ring_head);
}

uint64_t
ring_tail(const struct segment *segment, uint32_t column)
{
    return shm_load(&segment_column(segment, column)->ring_tail);
}

static void
copy_out(const struct segment *segment, uint32_t column, uint64_t pos,
         void *out, uint32_t len)
{
    const unsigned char *ring = segment_ring(segment, column);
    uint64_t at = pos & (segment->ring_bytes - 1);
    uint64_t first = segment->ring_bytes - at;
    if (first > len)
        first = len;
    copy_bytes(out, ring + at, first);
    copy_bytes((unsigned char *)out + first, ring, len - first);
}

int
ring_read(const struct segment *segment, uint32_t column, uint64_t pos,
          uint64_t head, void *out)
{
    struct shm_record *record = out;
    uint32_t least = (uint32_t)sizeof(*record);
    uint64_t ready = head - pos;
    if (ready < least || ready > segment->ring_bytes)
        return -EBADMSG;
    copy_out(segment, column, pos, out, least);
    uint32_t len = record->len;
    uint32_t meta = (uint32_t)record->model_asked_len + record->error_len +
                    record->tags_len + record->attempts_len +
                    record->charges * (uint32_t)sizeof(struct shm_charge);
    if (len < least || len > SHM_RECORD_MAX || len % 8 != 0 || len > ready ||
        record->version != SHM_LAYOUT_VERSION || meta > len - least ||
        record->attempts_len % sizeof(struct shm_attempt) != 0 ||
        record->attempts_len > SHM_ATTEMPTS_MAX * sizeof(struct shm_attempt) ||
        record->charges > SHM_CHARGES_MAX || record->cause >= RECORD_CAUSES)
        return -EBADMSG;
    /* The first part is not copied again: what was checked is what is used. */
    copy_out(segment, column, pos + least, record + 1, len - least);
    return (int)len;
}

void
ring_release(const struct segment *segment, uint32_t column, uint64_t tail)
{
    /* release: pairs with the producer's ring_tail() before it re-uses the room */
    shm_store(&segment_column(segment, column)->ring_tail, tail);
}
