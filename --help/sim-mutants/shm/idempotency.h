/*
 * idempotency.h - which calls with an Idempotency-Key have begun: a table of
 * fixed size that all workers share, so that no call is charged twice.
 *
 * A file of its own beside the segment (PATH.idem), made by the master when
 * [server] idempotency is on, and mapped by every child through fork. It lives
 * as long as its segment (epoch). Entries are claimed without locks; a process
 * may be killed at any store. A claim whose owner died while it was made is
 * taken away; one whose owner died later stays until it expires, because the
 * dead call may have been charged.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_IDEMPOTENCY_H
#define AIGW_SHM_IDEMPOTENCY_H

#include "shm/column.h"

enum {
    IDEMPOTENCY_SETS = 4096,
    IDEMPOTENCY_WAYS = 16, /* a name lies in one set; 65,536 entries in all */
};

struct idempotency;

/* What a call says of itself. */
struct idempotency_claim {
    uint64_t name[2]; /* digest of the virtual key and the Idempotency-Key */
    uint64_t body[2]; /* digest of the request's body */
    uint64_t request_id[2];
    uint64_t now_ms, ttl_ms; /* monotonic */
};

enum idempotency_verdict {
    IDEMPOTENCY_NEW,     /* it is ours: end it with idempotency_end() */
    IDEMPOTENCY_RUNNING, /* the same call is in progress, or its worker died */
    IDEMPOTENCY_CHARGED, /* it was answered, and charged */
    IDEMPOTENCY_OTHER,   /* the name stands for another body */
    IDEMPOTENCY_FULL,    /* all entries of the set are in progress */
};

/* PATH.idem, PATH the segment's. */
void idempotency_path(const struct segment *segment, char out[160]);
/* Master. Attaches the file that belongs to this segment, or makes a new one.
 * 0 or -errno. */
int idempotency_open(struct idempotency **table, const struct segment *segment,
                     uid_t also_owner) MUST_CHECK;
/* Without a file, for tests: shared with children. NULL: out of memory. */
struct idempotency *
idempotency_create_shared(const struct segment *segment) MUST_CHECK;
void idempotency_close(struct idempotency **table);
void idempotency_unlink(const struct segment *segment);

/*
 * Worker. Of all that claim one name at a time, at most one gets NEW; *entry is
 * then its place. first_id: the earlier call's request id, zero where it is not
 * known yet (RUNNING, CHARGED, OTHER).
 */
enum idempotency_verdict
idempotency_claim(struct idempotency *table, const struct seat *seat,
                  const struct idempotency_claim *claim, uint32_t *entry,
                  uint64_t first_id[2]) MUST_CHECK;
/* The call has ended: charged, or free to be tried again. */
void idempotency_end(struct idempotency *table, uint32_t entry, bool charged);

#endif
