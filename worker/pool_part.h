/*
 * pool_part.h - between pool.c and pool_place.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_POOL_PART_H
#define AIGW_WORKER_POOL_PART_H

#include "worker/pool.h"

enum { PLACE_CHAINS = 64 };

/* One per CA file and verify setting: reading the system's store takes
 * milliseconds. Lives as long as the pool. */
struct tls_setting {
    char *ca_file; /* NULL: the system's store */
    bool verify;
    struct tls_client_context *context;
    struct tls_setting *next;
};

/*
 * Freed when nobody holds it, it has no connection and it is retired: a
 * provider that the catalogue names keeps its place.
 */
struct place {
    struct pool *pool;
    struct place *next; /* of its chain */
    uint32_t hash;
    uint32_t holders;     /* pool_get_place */
    uint32_t connections; /* in use and idle */
    uint32_t idle_count;
    bool retired; /* not in the catalogue: keep nothing */
    struct connection *newest, *oldest;
    struct tls_setting *tls_setting; /* NULL: not used yet */
    /* the key */
    bool tls, verify, guarded;
    uint16_t port;
    char *host; /* of a provider, else NULL */
    char *proxy, *ca_file, *unix_path;
};

struct pool {
    struct loop *loop;
    pool_ready ready;
    struct place *chains[PLACE_CHAINS];
    struct tls_setting *tls_settings;
    uint32_t idle_count, idle_max;
    struct connection *newest, *oldest; /* idle ones of all places */
    struct connection *free_list;
    struct loop_timer sweep;
};

/* Frees the place if nothing keeps it any more. */
void place_release(struct place *place);
/* pool_destroy: all places and contexts. */
void place_free_all(struct pool *pool);

#endif
