/*
 * stress_world.h - what the players of a stress test share: the segment, the
 * books beside it, random numbers, and how one dies.
 *
 * A player dies at a crash point, a place before each store to the segment:
 * a process by SIGKILL, a thread by a jump out of the middle. So threads under
 * TSan see the same torn states as processes do.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TESTS_STRESS_WORLD_H
#define AIGW_TESTS_STRESS_WORLD_H

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/hash.h"
#include "shm/cells.h"
#include "shm/reap.h"
#include "shm/ring.h"
#include "shm/verify.h"

#ifdef __SANITIZE_ADDRESS__
/* Who jumps out of the middle leaves what it had in the heap. */
int __lsan_is_turned_off(void);

int
__lsan_is_turned_off(void)
{
    return 1;
}
#endif

enum mode { CALM_THREADS, DYING_THREADS, PROCESSES };

/* One per thread or process. */
struct player {
    enum mode mode;
    uint64_t random;
    /* Dies at one of this many crash points on average; 0: never. */
    uint64_t die_every;
    uint64_t fuse; /* crash points left to live; 0: none set */
    jmp_buf grave; /* of a thread */
};
static __thread struct player *self;

static uint64_t
random_next(void)
{
    uint64_t x = self->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return self->random = x;
}

static uint64_t
random_below(uint64_t n)
{
    return random_next() % n;
}

static void
player_init(struct player *player, enum mode mode, uint64_t seed,
            uint64_t die_every)
{
    memset(player, 0, sizeof(*player));
    player->mode = mode;
    player->random = hash_mix64(seed) | 1;
    player->die_every = mode == CALM_THREADS ? 0 : die_every;
    self = player;
    if (player->die_every != 0)
        player->fuse = 1 + random_below(2 * player->die_every);
}

void shm_crash_point(void);

void
shm_crash_point(void)
{
    if (self == NULL)
        return;
    if (self->fuse != 0 && --self->fuse == 0) {
        if (self->mode != PROCESSES)
            longjmp(self->grave, 1);
        raise(SIGKILL);
    }
    /* Stay longer between two stores now and then, so that others look in. */
    uint64_t dice = random_next() >> 32;
    if (dice % 256 == 0)
        sched_yield();
    else if (dice % 16 == 0)
        for (volatile int i = (int)(dice >> 8 & 127); i > 0; i--)
            ;
}

static void *
shared_memory(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    return memory;
}

static void
require(int rc, const char *what)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "%s: %s\n", what, strerror(-rc));
    exit(2);
}

/* Counts of the auditors; each names a promise that was broken. */
struct audit {
    uint64_t checks, broken;
};

static void
audit_that(struct audit *audit, bool holds, const char *promise,
           uint64_t number)
{
    audit->checks++;
    if (holds)
        return;
    if (audit->broken++ < 20)
        fprintf(stderr, "BROKEN: %s (%llu)\n", promise,
                (unsigned long long)number);
}

/* The same invariants as `aigw-shmdump --verify`, with nothing running. */
static void
audit_segment(struct audit *audit, const struct segment *segment)
{
    struct buf report;
    buf_init(&report, 0);
    uint32_t violations = segment_verify(segment, true, &report);
    audit_that(audit, violations == 0, buf_cstr(&report), violations);
    buf_fini(&report);
}

#endif
