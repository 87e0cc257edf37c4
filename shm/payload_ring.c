/*
 * payload_ring.c - see payload_ring.h.
 *
 * Killed anywhere: bytes beyond head were never published and are written again;
 * the column's next process goes on at head.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/payload_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAYLOAD_MAGIC UINT64_C(0x3164616f6c796170) /* changes with the layout */

struct ring_words {
    _Alignas(SHM_LINE) shm_u64 head, dropped; /* the column's process */
    shm_u64 is_allocated;                     /* master, before it runs */
    _Alignas(SHM_LINE) shm_u64 tail, damaged; /* accountant */
};

struct file {
    shm_u64 magic;
    uint64_t epoch; /* of the segment it belongs to */
    uint64_t ring_bytes;
    uint32_t column_max, pad;
    struct ring_words columns[];
};

struct payload_rings {
    int fd; /* master: to allocate pages; -1: of memory that is there */
    struct file *file;
    unsigned char *bytes;
    /* Copies, so that damage cannot move us. */
    uint64_t ring_bytes, map_bytes, rings_off;
    uint32_t column_max;
};

/* ---- the file ---- */

static uint64_t
rings_off(const struct segment *segment)
{
    uint64_t words =
        sizeof(struct file) + segment->column_max * sizeof(struct ring_words);
    return (words + 4095) & ~UINT64_C(4095);
}

static uint64_t
map_bytes(const struct segment *segment, uint64_t ring_bytes)
{
    return rings_off(segment) + segment->column_max * ring_bytes;
}

static struct payload_rings *
handle(const struct segment *segment, uint64_t ring_bytes, int fd, void *base)
{
    struct payload_rings *rings = calloc(1, sizeof(*rings));
    if (rings == NULL)
        return NULL;
    rings->fd = fd;
    rings->file = base;
    rings->ring_bytes = ring_bytes;
    rings->map_bytes = map_bytes(segment, ring_bytes);
    rings->rings_off = rings_off(segment);
    rings->bytes = (unsigned char *)base + rings->rings_off;
    rings->column_max = segment->column_max;
    return rings;
}

static void
fill(struct file *file, const struct segment *segment, uint64_t ring_bytes)
{
    file->epoch = segment->header->epoch;
    file->ring_bytes = ring_bytes;
    file->column_max = segment->column_max;
    shm_store(&file->magic, PAYLOAD_MAGIC); /* last: the rest counts */
}

void
payload_rings_path(const struct segment *segment, char out[160])
{
    snprintf(out, 160, "%s.payload", segment->path);
}

/* The file of this segment, mapped; -errno: it is another one. */
static int
attach(const struct segment *segment, const char *path, uid_t also_owner,
       struct payload_rings **out)
{
    struct file head;
    struct stat st;
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    void *base = MAP_FAILED;
    uint64_t ring_bytes = 0;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        (st.st_uid == geteuid() ||
         (geteuid() == 0 && st.st_uid == also_owner)) &&
        (st.st_mode & 0077) == 0 &&
        pread(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
        atomic_load_explicit(&head.magic, memory_order_relaxed) ==
            PAYLOAD_MAGIC &&
        head.epoch == segment->header->epoch &&
        head.column_max == segment->column_max && head.ring_bytes >= 4096 &&
        (head.ring_bytes & (head.ring_bytes - 1)) == 0 &&
        head.ring_bytes <= UINT64_C(1) << 30 &&
        (uint64_t)st.st_size == map_bytes(segment, head.ring_bytes)) {
        ring_bytes = head.ring_bytes;
        base = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE,
                    MAP_SHARED, fd, 0);
    }
    if (base != MAP_FAILED)
        *out = handle(segment, ring_bytes, fd, base);
    if (base != MAP_FAILED && *out != NULL)
        return 0;
    if (base != MAP_FAILED)
        munmap(base, (size_t)st.st_size);
    close(fd);
    return -ESTALE;
}

static int
make(const struct segment *segment, const char *path, uint64_t ring_bytes,
     struct payload_rings **out)
{
    uint64_t bytes = map_bytes(segment, ring_bytes);
    if (unlink(path) != 0 && errno != ENOENT)
        return -errno;
    int fd =
        open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    void *base = MAP_FAILED;
    int r = ftruncate(fd, (off_t)bytes) < 0 ? -errno : 0;
    if (r == 0)
        r = -posix_fallocate(fd, 0, (off_t)rings_off(segment));
    if (r == 0)
        base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (r == 0 && base == MAP_FAILED)
        r = -errno;
    if (r == 0)
        *out = handle(segment, ring_bytes, fd, base);
    if (r == 0 && *out != NULL) {
        fill(base, segment, ring_bytes);
        return 0;
    }
    if (base != MAP_FAILED)
        munmap(base, bytes);
    close(fd);
    unlink(path);
    return r == 0 ? -ENOMEM : r;
}

int
payload_rings_open(struct payload_rings **rings, const struct segment *segment,
                   uint64_t ring_mib, uid_t also_owner)
{
    char path[160];
    uint64_t ring_bytes = 1 << 20;
    while (ring_bytes < ring_mib << 20)
        ring_bytes *= 2;
    payload_rings_path(segment, path);
    *rings = NULL;
    if (attach(segment, path, also_owner, rings) == 0)
        return 0;
    return make(segment, path, ring_bytes, rings);
}

struct payload_rings *
payload_rings_create_shared(const struct segment *segment, uint64_t ring_bytes)
{
    void *base =
        mmap(NULL, map_bytes(segment, ring_bytes), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    struct payload_rings *rings = handle(segment, ring_bytes, -1, base);
    if (rings == NULL) {
        munmap(base, map_bytes(segment, ring_bytes));
        return NULL;
    }
    fill(base, segment, ring_bytes);
    for (uint32_t i = 0; i < segment->column_max; i++)
        shm_store(&rings->file->columns[i].is_allocated, 1);
    return rings;
}

int
payload_rings_allocate(struct payload_rings *rings, uint32_t column)
{
    struct ring_words *words = &rings->file->columns[column];
    CHECK(column < rings->column_max);
    if (shm_load(&words->is_allocated) != 0)
        return 0;
    off_t off = (off_t)(rings->rings_off + column * rings->ring_bytes);
    int r = -posix_fallocate(rings->fd, off, (off_t)rings->ring_bytes);
    if (r == 0)
        shm_store(&words->is_allocated, 1);
    return r;
}

void
payload_rings_close(struct payload_rings **rings)
{
    if (*rings == NULL)
        return;
    munmap((*rings)->file, (*rings)->map_bytes);
    if ((*rings)->fd >= 0)
        close((*rings)->fd);
    free(*rings);
    *rings = NULL;
}

void
payload_rings_unlink(const struct segment *segment)
{
    char path[160];
    payload_rings_path(segment, path);
    unlink(path);
}

/* ---- bytes ---- */

static uint64_t
copy_in(struct payload_rings *rings, uint32_t column, uint64_t pos,
        const void *bytes, size_t len)
{
    unsigned char *ring = rings->bytes + column * rings->ring_bytes;
    uint64_t at = pos & (rings->ring_bytes - 1);
    uint64_t first = rings->ring_bytes - at;
    if (first > len)
        first = len;
    if (first > 0)
        memcpy(ring + at, bytes, first);
    if (len > first)
        memcpy(ring, (const unsigned char *)bytes + first, len - first);
    return pos + len;
}

static void
copy_out(const struct payload_rings *rings, uint32_t column, uint64_t pos,
         void *out, size_t len)
{
    const unsigned char *ring = rings->bytes + column * rings->ring_bytes;
    uint64_t at = pos & (rings->ring_bytes - 1);
    uint64_t first = rings->ring_bytes - at;
    if (first > len)
        first = len;
    memcpy(out, ring + at, first);
    memcpy((unsigned char *)out + first, ring, len - first);
}

/* ---- producer ---- */

bool
payload_put(struct payload_rings *rings, uint32_t column,
            struct payload_record *record, struct str request,
            struct str answer)
{
    CHECK(column < rings->column_max);
    struct ring_words *words = &rings->file->columns[column];
    uint64_t head = shm_load(&words->head);
    uint64_t used = head - shm_load(&words->tail);
    uint64_t len = (sizeof(*record) + request.len + answer.len + 7) & ~7ull;
    if (shm_load(&words->is_allocated) == 0 || used > rings->ring_bytes ||
        len > rings->ring_bytes - used) {
        shm_store(&words->dropped, shm_load(&words->dropped) + 1);
        return false;
    }
    record->len = (uint32_t)len;
    record->request_len = (uint32_t)request.len;
    record->answer_len = (uint32_t)answer.len;
    uint64_t pos = copy_in(rings, column, head, record, sizeof(*record));
    pos = copy_in(rings, column, pos, request.ptr, request.len);
    copy_in(rings, column, pos, answer.ptr, answer.len);
    /* release: pairs with the load in payload_take() */
    shm_store(&words->head, head + len);
    return true;
}

/* ---- consumer ---- */

/* The length of the record at `pos`; 0: there is none. */
static uint64_t
record_at(const struct payload_rings *rings, uint32_t column, uint64_t pos,
          uint64_t ready)
{
    struct payload_record record;
    if (ready < sizeof(record))
        return 0;
    copy_out(rings, column, pos, &record, sizeof(record));
    uint64_t parts =
        sizeof(record) + (uint64_t)record.request_len + record.answer_len;
    return record.len % 8 == 0 && record.len <= ready && parts <= record.len &&
                   record.len - parts < 8
               ? record.len
               : 0;
}

bool
payload_take(struct payload_rings *rings, uint32_t column, size_t max_bytes,
             struct buf *out)
{
    CHECK(column < rings->column_max);
    struct ring_words *words = &rings->file->columns[column];
    /* acquire: pairs with the store in payload_put() */
    uint64_t head = shm_load(&words->head), tail = shm_load(&words->tail);
    size_t taken = 0;
    if (head == tail)
        return false;
    while (tail != head && taken < max_bytes) {
        uint64_t ready = head - tail;
        uint64_t len = ready <= rings->ring_bytes
                           ? record_at(rings, column, tail, ready)
                           : 0;
        if (len == 0) {
            shm_store(&words->damaged, shm_load(&words->damaged) + 1);
            tail = head;
            break;
        }
        if (buf_reserve(out, len) < 0)
            break; /* later: it stays where it is */
        copy_out(rings, column, tail, out->data + out->end, len);
        /* What is read twice was checked once: a damaged producer must not
         * change it in between. */
        struct payload_record *copy =
            (struct payload_record *)(void *)(out->data + out->end);
        if (copy->len != len ||
            sizeof(*copy) + (uint64_t)copy->request_len + copy->answer_len >
                len) {
            tail = head;
            break;
        }
        out->end += len;
        taken += len;
        tail += len;
    }
    /* release: pairs with the producer's load before it uses the room again */
    shm_store(&words->tail, tail);
    return taken > 0;
}

const struct payload_record *
payload_next(const struct buf *taken, size_t *at)
{
    if (*at >= buf_len(taken))
        return NULL;
    const void *place = buf_ptr(taken) + *at;
    const struct payload_record *record = place;
    *at += record->len;
    return record;
}

struct str
payload_request(const struct payload_record *record)
{
    return str_make((const char *)(record + 1), record->request_len);
}

struct str
payload_answer(const struct payload_record *record)
{
    return str_make((const char *)(record + 1) + record->request_len,
                    record->answer_len);
}

unsigned char *
payload_ring_bytes(struct payload_rings *rings, uint32_t column)
{
    return rings->bytes + column * rings->ring_bytes;
}

uint64_t
payload_dropped(const struct payload_rings *rings)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < rings->column_max; i++)
        sum += shm_load(&rings->file->columns[i].dropped) +
               shm_load(&rings->file->columns[i].damaged);
    return sum;
}
