/*
 * segment.c - creating, attaching, checking and allocating the segment.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/proc.h"
#include "shm/segment_places.h"

enum { PAGE = 4096, COLUMNS_MIN = 32, COLUMNS_MAX = 4096 };

void
segment_path(const char *instance, char out[128])
{
    const char *dir = getenv("AIGW_SHM_DIR");
    if (dir == NULL || *dir == '\0')
        dir = "/dev/shm";
    int len = snprintf(out, 128, "%s/aigw-%s", dir, instance);
    if (len < 0 || len >= 128)
        out[0] = '\0'; /* a cut name would be another instance's */
}

static uint64_t
power_of_two_from(uint64_t n)
{
    uint64_t power = 1;
    while (power < n)
        power *= 2;
    return power;
}

static uint64_t
at_most(uint64_t n, uint64_t most)
{
    return n < most ? n : most;
}

/* Whether the counts are such as segment_create() could have made: they may
 * come from a file that somebody damaged. */
static bool
counts_are_sane(const struct segment *s)
{
    return s->column_max > 0 && s->column_max <= COLUMNS_MAX &&
           s->column_max % 8 == 0 && s->entry_max > 0 &&
           s->entry_max <= 1u << 25 && s->bucket_count / 2 > s->entry_max &&
           s->bucket_count <= 1u << 28 &&
           (s->bucket_count & (s->bucket_count - 1)) == 0 && s->model_max > 0 &&
           s->model_max <= SHM_MODELS_MAX && s->provider_max > 0 &&
           s->provider_max <= 4096 && s->endpoint_max > 0 &&
           s->endpoint_max <= 1u << 16 && s->slot_max > 0 &&
           s->slot_max <= 1u << 16 && s->ring_bytes >= 2 * SHM_RECORD_MAX &&
           s->ring_bytes <= 1ull << 32 &&
           (s->ring_bytes & (s->ring_bytes - 1)) == 0 &&
           s->entry_stride == places_entry_stride(s->column_max) &&
           s->limit_max >= SHM_LIMIT_WAYS && s->limit_max <= 1u << 24 &&
           (s->limit_max & (s->limit_max - 1)) == 0 &&
           s->limit_stride == places_limit_stride(s->column_max);
}

/* Offsets and size follow from the counts alone. */
static void
compute_places(struct segment *s)
{
    uint64_t at = PAGE;
    s->columns_off = at;
    at = places_align(at + s->column_max * sizeof(struct shm_column), PAGE);
    s->buckets_off = at;
    at = places_align(at + s->bucket_count * sizeof(shm_u64), PAGE);
    s->limit_names_off = at;
    at = places_align(at + s->limit_max * sizeof(shm_u64), PAGE);
    s->limits_off = at;
    at = places_align(at + (uint64_t)s->limit_max * s->limit_stride, PAGE);
    s->spend_names_off = at;
    at = places_align(at + SHM_SPENDS * sizeof(shm_u64), PAGE);
    s->spends_off = at;
    at = places_align(at + SHM_SPENDS * sizeof(struct shm_spend), PAGE);
    s->entries_off = at;
    at = places_align(at + (uint64_t)s->entry_max * s->entry_stride, PAGE);
    s->models_off = at;
    at = places_align(at + s->model_max * sizeof(struct shm_name), PAGE);
    s->providers_off = at;
    at = places_align(at + s->provider_max * sizeof(struct shm_name), PAGE);
    s->endpoints_off = at;
    at = places_align(at + s->endpoint_max * sizeof(struct shm_endpoint), PAGE);
    s->stats_off = at;
    at = places_align(at + (uint64_t)s->endpoint_max * s->column_max *
                               sizeof(struct shm_stats),
                      PAGE);
    s->slots_off = at;
    at = places_align(at + (uint64_t)s->column_max * s->slot_max *
                               sizeof(struct shm_slot),
                      PAGE);
    s->rings_off = at;
    at = places_align(at + s->column_max * s->ring_bytes, PAGE);
    s->health_off = at;
    at = places_align(at + s->endpoint_max * sizeof(struct shm_health), PAGE);
    s->credentials_off = at;
    at = places_align(at + s->provider_max * sizeof(struct shm_credentials),
                      PAGE);
    s->gates_off = at;
    at = places_align(at + (uint64_t)(s->endpoint_max + s->provider_max) *
                               places_gate_stride(s->column_max),
                      PAGE);
    s->windows_off = at;
    s->bytes = at + (uint64_t)s->endpoint_max * s->column_max *
                        sizeof(struct shm_window);
}

static int
set_sizes(struct segment *s, const struct segment_sizes *sizes)
{
    uint64_t columns = at_most(4ull * sizes->workers, COLUMNS_MAX);
    s->column_max = (uint32_t)places_align(
        columns < COLUMNS_MIN ? COLUMNS_MIN : columns, 8);
    /* Groups are entries too, and retired entries linger for a while. */
    s->entry_max = (uint32_t)at_most(
        (uint64_t)sizes->max_keys + sizes->max_keys / 4 + 256, 1u << 25);
    s->bucket_count = (uint32_t)power_of_two_from(4ull * s->entry_max);
    s->model_max = (uint32_t)at_most(sizes->max_models, SHM_MODELS_MAX);
    s->provider_max = 256;
    s->endpoint_max = 2 * s->model_max + 64;
    s->slot_max = sizes->max_requests;
    s->ring_bytes = power_of_two_from(sizes->ring_kib != 0
                                          ? (uint64_t)sizes->ring_kib << 10
                                          : (uint64_t)sizes->ring_mib << 20);
    s->entry_stride = (uint32_t)places_entry_stride(s->column_max);
    uint64_t limits = sizes->max_limits == 0 ? 1024 : sizes->max_limits;
    s->limit_max = (uint32_t)power_of_two_from(
        limits < SHM_LIMIT_WAYS ? SHM_LIMIT_WAYS : limits);
    s->limit_stride = (uint32_t)places_limit_stride(s->column_max);
    if (!counts_are_sane(s))
        return -EINVAL;
    compute_places(s);
    return 0;
}

static uint64_t
make_epoch(void)
{
    uint64_t low = 0;
    if (getrandom(&low, sizeof(low), GRND_NONBLOCK) != sizeof(low))
        low = clock_mono_ns();
    /* Later creations sort behind earlier ones. */
    return (uint64_t)clock_wall_ms() << 20 | (low & 0xfffff);
}

static int
fill_header(struct segment *s, const struct segment_sizes *sizes)
{
    struct shm_header *h = s->header;
    h->layout_version = SHM_LAYOUT_VERSION;
    h->header_bytes = sizeof(*h);
    h->layout_hash = segment_layout_hash();
    h->total_bytes = s->bytes;
    h->instance_id = sizes->instance_id;
    h->epoch = make_epoch();
    int rc = proc_boot_id(h->boot_id);
    if (rc < 0)
        return rc;
    memcpy(h->instance, sizes->instance, sizeof(h->instance));
    h->instance[sizeof(h->instance) - 1] = '\0';
    h->column_max = s->column_max;
    h->entry_max = s->entry_max;
    h->bucket_count = s->bucket_count;
    h->model_max = s->model_max;
    h->provider_max = s->provider_max;
    h->endpoint_max = s->endpoint_max;
    h->slot_max = s->slot_max;
    h->entry_stride = s->entry_stride;
    h->ring_bytes = s->ring_bytes;
    h->columns_off = s->columns_off;
    h->buckets_off = s->buckets_off;
    h->entries_off = s->entries_off;
    h->models_off = s->models_off;
    h->providers_off = s->providers_off;
    h->endpoints_off = s->endpoints_off;
    h->stats_off = s->stats_off;
    h->slots_off = s->slots_off;
    h->rings_off = s->rings_off;
    h->health_off = s->health_off;
    h->credentials_off = s->credentials_off;
    h->gates_off = s->gates_off;
    h->windows_off = s->windows_off;
    h->limit_max = s->limit_max;
    h->limit_stride = s->limit_stride;
    h->limit_names_off = s->limit_names_off;
    h->limits_off = s->limits_off;
    h->spend_names_off = s->spend_names_off;
    h->spends_off = s->spends_off;
    h->created_ms = clock_wall_ms();
    /* release: whoever sees the magic sees all of the above */
    shm_store(&h->magic, SHM_MAGIC);
    return 0;
}

static int
remember_columns(struct segment *s)
{
    s->taken_generation = calloc(s->column_max, sizeof(*s->taken_generation));
    return s->taken_generation == NULL ? -ENOMEM : 0;
}

static int
map(struct segment *s, int protection)
{
    void *base = mmap(NULL, s->bytes, protection, MAP_SHARED, s->fd, 0);
    if (base == MAP_FAILED)
        return -errno;
    s->base = base;
    s->header = base;
    return remember_columns(s);
}

static void
clear(struct segment *s)
{
    memset(s, 0, sizeof(*s));
    s->fd = -1;
    s->retired_count = UINT32_MAX;
}

int
segment_create(struct segment *s, const struct segment_sizes *sizes,
               struct buf *error)
{
    const char *action = "size";
    clear(s);
    segment_path(sizes->instance, s->path);
    int rc = set_sizes(s, sizes);
    if (rc == 0 && s->path[0] == '\0')
        rc = -ENAMETOOLONG;
    if (rc < 0)
        goto fail;
    action = "create";
    s->fd = open(s->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (s->fd < 0) {
        rc = -errno;
        goto fail;
    }
    s->writable = true;
    action = "allocate";
    rc = ftruncate(s->fd, (off_t)s->bytes) < 0 ? -errno : 0;
    if (rc == 0)
        rc = segment_allocate(s, 0, s->entries_off);
    if (rc == 0)
        rc = map(s, PROT_READ | PROT_WRITE);
    if (rc == 0)
        rc = fill_header(s, sizes);
    if (rc == 0)
        return 0;
    unlink(s->path);
fail:
    buf_printf(error, "cannot %s segment %s: %s", action, s->path,
               strerror(-rc));
    segment_detach(s);
    return rc;
}

int
segment_create_private(struct segment *s, const struct segment_sizes *sizes)
{
    clear(s);
    int rc = set_sizes(s, sizes);
    if (rc < 0)
        return rc;
    void *base = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return -errno;
    s->base = base;
    s->header = base;
    s->writable = true;
    s->is_private = true;
    rc = remember_columns(s);
    if (rc == 0)
        rc = fill_header(s, sizes);
    if (rc < 0)
        segment_detach(s);
    return rc;
}

static void
copy_counts(struct segment *s, const struct shm_header *h)
{
    s->column_max = h->column_max;
    s->entry_max = h->entry_max;
    s->bucket_count = h->bucket_count;
    s->model_max = h->model_max;
    s->provider_max = h->provider_max;
    s->endpoint_max = h->endpoint_max;
    s->slot_max = h->slot_max;
    s->entry_stride = h->entry_stride;
    s->ring_bytes = h->ring_bytes;
    s->limit_max = h->limit_max;
    s->limit_stride = h->limit_stride;
}

/* NULL, or why nothing can be lost with this file. */
static const char *
why_worthless(const struct shm_header *h, bool writable)
{
    uint8_t boot_id[16];
    if (shm_load(&h->magic) == 0)
        return "its creation was not finished";
    if (shm_load(&h->magic) != SHM_MAGIC)
        return "it is not a segment of aigw";
    if (writable && (proc_boot_id(boot_id) < 0 ||
                     memcmp(boot_id, h->boot_id, sizeof(boot_id)) != 0))
        return "it is from before the last boot";
    return NULL;
}

static bool
has_other_layout(const struct shm_header *h)
{
    return h->layout_version != SHM_LAYOUT_VERSION ||
           h->layout_hash != segment_layout_hash() ||
           h->header_bytes != sizeof(*h);
}

/* NULL when the header, read from the file, is one we can work with. */
static const char *
why_damaged(struct segment *s, struct shm_header *h, uint64_t file_bytes)
{
    copy_counts(s, h);
    if (!counts_are_sane(s))
        return "its header is damaged";
    compute_places(s);
    if (h->total_bytes != s->bytes || h->columns_off != s->columns_off ||
        h->buckets_off != s->buckets_off || h->entries_off != s->entries_off ||
        h->models_off != s->models_off || h->slots_off != s->slots_off ||
        h->providers_off != s->providers_off ||
        h->endpoints_off != s->endpoints_off || h->stats_off != s->stats_off ||
        h->rings_off != s->rings_off || h->health_off != s->health_off ||
        h->credentials_off != s->credentials_off ||
        h->gates_off != s->gates_off || h->windows_off != s->windows_off ||
        h->limit_names_off != s->limit_names_off ||
        h->limits_off != s->limits_off ||
        h->spend_names_off != s->spend_names_off ||
        h->spends_off != s->spends_off)
        return "its header is damaged";
    if (file_bytes < s->bytes)
        return "it is cut short";
    return NULL;
}

/* What only matters when we are going to work with it. */
static const char *
why_not_writable(const struct stat *st, uid_t also_owner)
{
    if (st->st_uid != geteuid() && (geteuid() != 0 || st->st_uid != also_owner))
        return "another user owns it";
    if ((st->st_mode & 077) != 0)
        return "others may open it";
    return NULL;
}

int
segment_attach(struct segment *s, const char *path, bool writable,
               uid_t also_owner, struct buf *error)
{
    struct stat st;
    struct shm_header h;
    clear(s);
    s->writable = writable;
    size_t len = strlen(path);
    int rc = len < sizeof(s->path) ? 0 : -ENAMETOOLONG;
    if (rc == 0) {
        memcpy(s->path, path, len + 1);
        s->fd = open(path, (writable ? O_RDWR | O_NOFOLLOW : O_RDONLY) |
                               O_CLOEXEC | O_NONBLOCK);
        rc = s->fd < 0 || fstat(s->fd, &st) < 0 ? -errno : 0;
    }
    if (rc < 0) {
        buf_printf(error, "cannot open segment %s: %s", path, strerror(-rc));
        goto fail;
    }
    const char *reason = NULL;
    rc = -ESTALE;
    if (!S_ISREG(st.st_mode) || st.st_size < PAGE ||
        pread(s->fd, &h, sizeof(h), 0) != sizeof(h))
        reason = "it is not a segment of aigw";
    if (reason == NULL)
        reason = why_worthless(&h, writable);
    if (reason == NULL && has_other_layout(&h)) {
        rc = -EPROTO;
        reason = "it has the layout of another version of aigw";
    }
    if (reason == NULL)
        reason = why_damaged(s, &h, (uint64_t)st.st_size);
    if (reason == NULL && writable) {
        rc = -EPROTO;
        reason = why_not_writable(&st, also_owner);
    }
    if (reason != NULL) {
        buf_printf(error, "segment %s is not usable: %s", path, reason);
        goto fail;
    }
    rc = map(s, writable ? PROT_READ | PROT_WRITE : PROT_READ);
    if (rc == 0)
        return 0;
    buf_printf(error, "cannot map segment %s: %s", path, strerror(-rc));
fail:
    segment_detach(s);
    return rc;
}

void
segment_detach(struct segment *s)
{
    if (s->base != NULL)
        munmap(s->base, s->bytes);
    if (s->fd >= 0)
        close(s->fd);
    free(s->taken_generation);
    s->taken_generation = NULL;
    s->base = NULL;
    s->header = NULL;
    s->fd = -1;
}

int
segment_unlink(const char *path)
{
    return unlink(path) < 0 ? -errno : 0;
}

int
segment_set_aside(const char *path)
{
    char aside[160];
    int len = snprintf(aside, sizeof(aside), "%s.stale", path);
    if (len < 0 || len >= (int)sizeof(aside))
        return -ENAMETOOLONG;
    return rename(path, aside) < 0 ? -errno : 0;
}
