/*
 * layout_health.h - the part of layout.h that says how endpoints are: cool-downs,
 * limits of credentials, calls in progress, times of the last half hour.
 *
 *   .   shm_health      [endpoint_max]                     9 lines each
 *   .   shm_credentials [provider_max]                     97 lines each
 *   .   gates           [endpoint_max + provider_max]      turn u64[C] | busy
 *                                                          u32[C], to a line
 *   .   shm_window      [endpoint_max][column_max]         a page each
 *
 * Included by layout.h only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_LAYOUT_HEALTH_H
#define AIGW_SHM_LAYOUT_HEALTH_H

enum {
    HEALTH_CREDENTIALS = 64, /* of a provider */
    HEALTH_NAME_WORDS = 8,   /* of a credential's name */
    HEALTH_TTFT_BUCKETS = 34,
    HEALTH_SPEED_BUCKETS = 26,
    HEALTH_FINE = 10,   /* slices of 30 s: 5 minutes */
    HEALTH_COARSE = 5,  /* of 6 minutes: 30 */
    HEALTH_RECENT = 16, /* of 2 s: the last 30 s and the one that goes on */
};

/*
 * Whether something may be sent to. Many writers, compare-and-swap; each word
 * is true by itself and heals (endpoint_health.c).
 *   run    0: healthy. Else: when it began or until when it cools | what
 *   claim  of the one probe: until when it counts | column | its generation
 *   closed when it last became healthy again | the step it had reached
 *   opened how often it began to cool; a counter, not books
 */
struct shm_breaker {
    shm_u64 run, claim, closed, opened;
};

/* Of an endpoint. fault: what went wrong last (endpoint_fault.h). last_resort: calls
 * that nobody else could take, on end without an answer | when the next one may be
 * sent. limited: until when a credential has no calls left here. */
struct shm_health {
    _Alignas(SHM_LINE) struct shm_breaker breaker;
    shm_u64 fault, last_resort;
    shm_u64 spare[2];
    _Alignas(SHM_LINE) shm_u64 limited[HEALTH_CREDENTIALS];
};

/* Of a provider. check_ms: when the next health check is due; whoever moves it
 * makes that check. name: of the credential whose words have that number, 0
 * nobody's; the accountant writes (credential_slots.h). */
struct shm_credentials {
    _Alignas(SHM_LINE) shm_u64 check_ms;
    shm_u64 checks, checks_failed;
    shm_u64
        used; /* a bit for each one that may be chosen; 0: there is but one */
    shm_u64 spare[4];
    _Alignas(SHM_LINE) struct shm_breaker breaker[HEALTH_CREDENTIALS];
    shm_u64 name[HEALTH_CREDENTIALS][HEALTH_NAME_WORDS];
};

/* `number` is the time by the slice's length; 0 while it is being emptied. */
struct shm_window_slice {
    shm_u32 number, requests, errors, limited;
    shm_u32 ttft[HEALTH_TTFT_BUCKETS];   /* ms */
    shm_u32 speed[HEALTH_SPEED_BUCKETS]; /* halves of a token a second */
};
struct shm_window_recent {
    shm_u32 number, requests, errors, limited;
};
/* Per endpoint and column; the column's process writes. */
struct shm_window {
    _Alignas(SHM_LINE) struct shm_window_slice fine[HEALTH_FINE];
    struct shm_window_slice coarse[HEALTH_COARSE];
    struct shm_window_recent recent[HEALTH_RECENT];
};

#endif
