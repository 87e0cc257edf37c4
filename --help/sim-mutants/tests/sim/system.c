/*
 * system.c - what the code under test asks of the system: clocks, identity,
 * random bytes, locks, the end of the process. By --wrap, so that the code is
 * the one that ships.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

#include "common/clock.h"
#include "common/crypto.h"
#include "common/proc.h"
#include "tests/sim/sim.h"
#include "tests/sim/world.h"

struct sim_clock sim_clock;

/* ---- clocks: 2026-11-21T12:00:00Z and on ---- */

uint64_t __wrap_clock_mono_ns(void);
uint64_t __wrap_clock_mono_ms(void);
int64_t __wrap_clock_wall_ms(void);
int64_t __wrap_clock_period_ms(void);

uint64_t
__wrap_clock_mono_ns(void)
{
    return sim_clock.mono_ns;
}

uint64_t
__wrap_clock_mono_ms(void)
{
    return sim_clock.mono_ns / 1000000;
}

int64_t
__wrap_clock_wall_ms(void)
{
    return INT64_C(1795262400000) + (int64_t)(sim_clock.mono_ns / 1000000) +
           sim_clock.wall_ahead_ms;
}

int64_t
__wrap_clock_period_ms(void)
{
    return __wrap_clock_wall_ms() + sim_clock.period_ahead_ms;
}

int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left);

/* Who sleeps here waits for others to move: a point, and no time. */
int
__wrap_nanosleep(const struct timespec *wanted, struct timespec *left)
{
    (void)wanted;
    (void)left;
    sim_point();
    return 0;
}

/* ---- identity ---- */

pid_t __wrap_getpid(void);
uint64_t __wrap_proc_start_time(pid_t pid);
int __wrap_proc_boot_id(uint8_t out[16]);

pid_t
__wrap_getpid(void)
{
    return sim_self == NULL ? 1 : sim_self->pid;
}

uint64_t
__wrap_proc_start_time(pid_t pid)
{
    const struct process *process = world_process_of(pid);
    return process == NULL ? 0 : process->start_time;
}

int
__wrap_proc_boot_id(uint8_t out[16])
{
    memset(out, 7, 16);
    return 0;
}

/* ---- chance ---- */

ssize_t __wrap_getrandom(void *out, size_t len, unsigned flags);
size_t __wrap_crypto_seal(const struct crypto_secrets *secrets, struct str aad,
                          const void *plain, size_t len, uint8_t *out);
void __wrap_crypto_key_digest(const struct crypto_secrets *secrets,
                              struct str key,
                              uint8_t digest[CRYPTO_DIGEST_BYTES]);

ssize_t
__wrap_getrandom(void *out, size_t len, unsigned flags)
{
    unsigned char *at = out;
    (void)flags;
    for (size_t i = 0; i < len; i++)
        at[i] = (unsigned char)sim_below(256);
    return (ssize_t)len;
}

/* Sealing takes longer than all the rest of a new key, and no order of events
 * depends on it. */
size_t
__wrap_crypto_seal(const struct crypto_secrets *secrets, struct str aad,
                   const void *plain, size_t len, uint8_t *out)
{
    (void)secrets;
    (void)aad;
    memset(out, 0, CRYPTO_SEAL_OVERHEAD);
    memcpy(out + CRYPTO_SEAL_OVERHEAD, plain, len);
    return len + CRYPTO_SEAL_OVERHEAD;
}

void
__wrap_crypto_key_digest(const struct crypto_secrets *secrets, struct str key,
                         uint8_t digest[CRYPTO_DIGEST_BYTES])
{
    (void)secrets;
    /* The key's characters are random already: any of them are a digest. */
    CHECK(key.len >= 8 + CRYPTO_DIGEST_BYTES);
    memcpy(digest, key.ptr + 8, CRYPTO_DIGEST_BYTES);
}

/* ---- locks ---- */

int __real_pthread_mutex_trylock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_lock(pthread_mutex_t *lock);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock);
int __wrap_pthread_cond_broadcast(pthread_cond_t *condition);

int
__wrap_pthread_mutex_lock(pthread_mutex_t *lock)
{
    while (pthread_mutex_trylock(lock) != 0) {
        if (sim_self == NULL)
            sim_broken("sim: an audit came upon a lock that is held");
        sim_yield();
    }
    return 0;
}

int
__wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock)
{
    (void)condition;
    pthread_mutex_unlock(lock);
    sim_yield();
    return __wrap_pthread_mutex_lock(lock);
}

int
__wrap_pthread_cond_broadcast(pthread_cond_t *condition)
{
    (void)condition;
    return 0; /* who waits looks again by itself */
}

/* ---- the end ---- */

void __real_exit(int status) __attribute__((noreturn));
void __wrap_exit(int status) __attribute__((noreturn));

/* fatal() of a player. */
void
__wrap_exit(int status)
{
    if (sim_self == NULL)
        __real_exit(status);
    sim_broken("a process ended itself with status %d", status);
}
