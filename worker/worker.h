/*
 * worker.h - the data plane process: one event loop, no disk, no LevelDB.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_WORKER_H
#define AIGW_WORKER_WORKER_H

#include "common/buf.h"
#include "common/heritage.h"
#include "common/net/loop.h"
#include "shm/catalogue.h"
#include "shm/column.h"
#include "worker/body_pool.h"
#include "worker/cache.h"
#include "worker/calibration.h"
#include "worker/relay_piece.h"

enum { WORKER_READ_BYTES = 64 * 1024 };

struct upstreams; /* exchange.c */
struct clients;   /* client.c: listeners, connections, spare ones */
struct requests;  /* request.c: requests in flight, spare ones */
struct auth_cache;
struct health; /* health.c */
struct queues; /* queue.c */
struct pattern_set;

/* The struct that `member` at `pointer` is embedded in. */
#define OWNER_OF(pointer, type, member)                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* One per process; everything else hangs on it. */
struct worker {
    const struct heritage *heritage;
    const struct config *config;
    struct loop *loop;
    struct seat seat;
    struct catalogue *catalogue; /* the newest; requests hold references */
    uint64_t catalogue_retry_ms; /* not before: the last read failed */
    struct upstreams *upstreams;
    struct clients *clients;
    struct requests *requests;
    struct retries *retries; /* retry.c */
    struct auth_cache *auth_cache;
    struct health *health;
    struct courier *courier; /* NULL: it is not this worker's turn */
    struct teller *teller;   /* NULL: no service keeps balances */
    struct probe *probes;    /* tests of providers under way */
    struct loop_timer probe_timer;
    uint32_t probe_looks; /* that follow, by probe_timer */
    struct queues *queues;
    struct body_pool body_pool;
    struct cache_worker cache;
    char admin_path[108]; /* the accountant's unix socket */
    struct pattern_set *pattern_sets;
    char *redact_text; /* [log] redact as a text, where it was needed */
    struct buf reply;  /* scratch of whoever writes an answer right now */
    bool draining;     /* no accept; a successor may have taken over */
    bool stopping;     /* the whole server ends */
    bool ring_woken;   /* the accountant was told that the ring fills */
    uint64_t body_bytes_held, body_bytes_max;   /* this worker's share */
    uint64_t canon_bytes_held, canon_bytes_max; /* of calls between dialects */
    uint32_t connection_count;
    uint64_t request_id_base[2]; /* random; the counter is added */
    uint64_t request_count;
    struct loop_timer revoke_timer; /* revoke.c */
    uint64_t revocations;           /* seen of the header's */
    uint32_t revocable;             /* running requests of such keys */
    struct calibration calibrations[SHM_MODELS_MAX];
    struct relay_pieces relay_pieces;
    /* Shared by all reads of this process; content is valid until the callback
     * that was given it returns. */
    char read_buffer[WORKER_READ_BYTES];
};

/* worker_main - the role's entry: init in order, loop, drain. Exit status. */
int worker_main(const struct heritage *heritage);

/* The newest catalogue with a reference for the caller (loads a new generation
 * when the header's number changed: one acquire load otherwise). */
struct catalogue *worker_catalogue(struct worker *worker);

#endif
