/*
 * atomic.h - the atomic operations that code of shm/ may use, by meaning.
 *
 * Every store to the segment is release or stronger: a SIGKILL then leaves a
 * prefix of the program's order (interrupts are precise; the compiler must
 * keep program order, and release on every store makes it). Loads that decide
 * something are acquire. One seq_cst fence stands in the admission, one in the
 * retirement of an entry. See shm/README.md for the table of who writes what.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_ATOMIC_H
#define AIGW_SHM_ATOMIC_H

#include <stdatomic.h>
#include <stdint.h>

#define SHM_LINE 64

typedef _Atomic uint64_t shm_u64;
typedef _Atomic int64_t shm_i64;
typedef _Atomic uint32_t shm_u32;

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics are lock-free");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "32-bit atomics are lock-free");

/* Pairs with shm_store of the word's one writer. */
#define shm_load(p) atomic_load_explicit((p), memory_order_acquire)
/* The word's own writer, or a payload under a sequence lock. */
#define shm_load_own(p) atomic_load_explicit((p), memory_order_relaxed)
/* Pairs with shm_load; also keeps the program order that kills rely on. */
#define shm_store(p, v) atomic_store_explicit((p), (v), memory_order_release)
/* Payload under a sequence lock only. */
#define shm_store_payload(p, v)                                                \
    atomic_store_explicit((p), (v), memory_order_relaxed)
/* Words with many writers (rate words): acq_rel, fails softly. */
#define shm_cas(p, expected, v)                                                \
    atomic_compare_exchange_weak_explicit(                                     \
        (p), (expected), (v), memory_order_acq_rel, memory_order_acquire)
/* Decides once (column.claim): fails only when somebody else was first. */
#define shm_cas_once(p, expected, v)                                           \
    atomic_compare_exchange_strong_explicit(                                   \
        (p), (expected), (v), memory_order_acq_rel, memory_order_acquire)
/* H3 and D3: what I stored is seen before what I load from here on. */
#define shm_fence() atomic_thread_fence(memory_order_seq_cst)

/* Crash points for kill tests: built with -DSHM_CRASH_POINTS only. */
#ifdef SHM_CRASH_POINTS
void shm_crash_point(void);
#undef shm_store
#define shm_store(p, v)                                                        \
    do {                                                                       \
        shm_crash_point();                                                     \
        atomic_store_explicit((p), (v), memory_order_release);                 \
    } while (0)
#endif

/*
 * The simulator (tests/sim) stands between code and segment: each operation is
 * a place where another process may run or this one may die, and a store may
 * wait in a store buffer that only its own process sees. Built with
 * -DSHM_SIMULATED only.
 */
#ifdef SHM_SIMULATED
uint64_t shm_simulated_load(const volatile void *word, unsigned bytes);
void shm_simulated_store(volatile void *word, unsigned bytes, uint64_t value);
void shm_simulated_fence(void);
#undef shm_load
#undef shm_load_own
#undef shm_store
#undef shm_cas
#undef shm_cas_once
#undef shm_fence
#define shm_load(p)                                                            \
    ((__typeof__(*(p) + 0))shm_simulated_load((p), sizeof(*(p))))
#define shm_load_own(p) shm_load(p)
#define shm_store(p, v) shm_simulated_store((p), sizeof(*(p)), (uint64_t)(v))
#define shm_fence()     shm_simulated_fence()
#define shm_cas_once(p, expected, v)                                           \
    (shm_simulated_fence(),                                                    \
     atomic_compare_exchange_strong_explicit(                                  \
         (p), (expected), (v), memory_order_acq_rel, memory_order_acquire))
#define shm_cas(p, expected, v) shm_cas_once(p, expected, v)
#endif

#endif
