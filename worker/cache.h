/*
 * cache.h - answers given once more: exact match, for whom the answer was made.
 *
 *   route found -> cache_take(): may it be answered from the cache?
 *     no             -> goes on, and is told nothing of it
 *     found          -> admitted (requests count, tokens do not), recorded as
 *                       RECORD_CACHED, given (cache_give.c)
 *     an equal call  -> waits for its answer, for at most cache_wait
 *     is under way      (cache_flight.c)
 *     else           -> goes on; what the client is sent is kept aside and, when
 *                       it was whole and good, stored (cache_keep.c)
 *
 * Single flight is per worker: nothing is waited for that may have died.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_CACHE_H
#define AIGW_WORKER_CACHE_H

#include <sys/uio.h>

#include "common/net/loop.h"
#include "shm/answer_cache.h"

struct fault;
struct request;
struct worker;

enum {
    CACHE_LEADERS = 256,     /* lists of calls that others may wait for */
    CACHE_TTL_NAMED_S = 300, /* where a call names its answer, and no more */
    CACHE_NAME_BYTES = 1024, /* of cf-aig-cache-key; a longer one is none */
};

enum cache_status { CACHE_OFF, CACHE_MISS, CACHE_HIT };

/* The first waits longest. */
struct cache_queue {
    struct request *first, *last;
};

/* Of one request; all zero: the cache is not in play. */
struct cache_call {
    struct str name; /* cf-aig-cache-key; len 0: the call has none */
    uint8_t status;  /* enum cache_status */
    bool keeps;      /* what the client is sent is kept aside */
    bool leads;      /* others may wait for it */
    bool stored;     /* they will find it */
    bool alone;      /* has waited in vain */
    uint32_t ttl_s;
    uint32_t provider_idx; /* HIT: who made the answer */
    struct answer_key key;
    struct request *next_leader; /* of the same list */
    struct cache_queue *waiting; /* for this one; NULL: none ever did */
    struct cache_queue *queue;   /* in which this one waits */
    struct request *next, *prev; /* in it */
    uint64_t give_up_ms;         /* when it goes on by itself */
};

/* Of one worker. */
struct cache_worker {
    struct answer_writer writer;
    struct request *leaders[CACHE_LEADERS];
    struct cache_queue ready; /* whose turn has come */
    uint32_t waiting_count;
    struct buf copy; /* an answer found, until it is sent */
    struct loop_timer tick;
    struct loop_deferred wake;
};

/* admission.c: as admission_check(), for an answer that is there already and
 * costs nothing: requests and concurrency count, budgets and tokens do not. */
int admission_check_stored(struct request *request,
                           struct fault *fault) MUST_CHECK;
/* request_front.c: the call goes on, from its admission; none answered it. */
void request_go_on(struct request *request);

void cache_worker_open(struct worker *worker);
void cache_worker_close(struct worker *worker);

/* ---- cache.c ---- */
/* Whether it may come to cache_take() with a stored answer. */
bool cache_may_have(const struct request *request);
/* The field by which a call names its answer (request_fields.c). */
void cache_field_name(struct request *request, struct str value);
/* True: the request is answered, refused, or waits; else it goes on. */
bool cache_take(struct request *request);

/* ---- cache_give.c ---- */
/* 0: the request was answered or refused; -ENOENT. */
int cache_look_up(struct request *request, uint64_t max_age_ms) MUST_CHECK;
/* The client takes more of a long answer. */
void cache_give_more(struct request *request);

/* ---- cache_keep.c ---- */
/*
 * cache_keep - what goes out to the client as the next part of the answer's
 * body, before framing; `last`: it is all, and is stored where it may be.
 * Only where request->cache.keeps.
 */
void cache_keep(struct request *request, const struct iovec *pieces, int count,
                bool last);

/* ---- cache_flight.c ---- */
/* Makes the request the one that others wait for, or lets it wait: true. */
bool cache_flight_join(struct request *request, bool may_wait);
/* Nobody needs to wait for it: its answer can never be stored. */
void cache_flight_release(struct request *request);
/* The request is done: whoever waits for it goes on, and it waits no longer. */
void cache_done(struct request *request);
/* It waits, or its client is slow; and the worker ends. */
void cache_cut(struct request *request);

#endif
