/*
 * check.h - assertions that stay on in production, and attribute shorthands.
 *
 * CHECK() is for our own bugs only; bytes from a network, a file or the
 * segment are never CHECKed but answered with an error.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_CHECK_H
#define AIGW_COMMON_CHECK_H

#define PRINTF_LIKE(n, m) __attribute__((format(printf, n, m)))
#define MUST_CHECK        __attribute__((warn_unused_result))
#define NORETURN          __attribute__((noreturn))
#define UNUSED            __attribute__((unused))
#define NOINLINE          __attribute__((noinline))
#define ALWAYS_INLINE     static inline __attribute__((always_inline))
/* Hardly ever called: it stands apart, and so does the way to it, so that what
 * is always done lies close together. */
#define COLD __attribute__((cold))
/* Too large to be zeroed each time on the way of a request, as
 * -ftrivial-auto-var-init does: it is written before it is read. */
#define UNINITIALIZED __attribute__((uninitialized))
#define ARRAY_LEN(a)  (sizeof(a) / sizeof((a)[0]))
#define LIKELY(x)     __builtin_expect(!!(x), 1)
#define UNLIKELY(x)   __builtin_expect(!!(x), 0)

/* check_failed - logs the failed condition to stderr and aborts (log.c). */
NORETURN COLD void check_failed(const char *file, int line,
                                const char *condition);

#define CHECK(cond)                                                            \
    do {                                                                       \
        if (UNLIKELY(!(cond)))                                                 \
            check_failed(__FILE__, __LINE__, #cond);                           \
    } while (0)

#define UNREACHABLE() check_failed(__FILE__, __LINE__, "unreachable")

#endif
