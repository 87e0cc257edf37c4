/*
 * buf.h - a growing byte buffer with a read end and a write end.
 *
 *   data:  | consumed | readable ........ | free |
 *          0          start               end    cap
 *
 * Owner: whoever embeds it; buf_fini() gives the memory back. After a failed
 * growth `failed` is set and every later append is a no-op, so that a writer
 * checks once at the end (buf_ok) instead of at each call.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_BUF_H
#define AIGW_COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/check.h"
#include "common/str.h"

struct buf {
    char *data;
    size_t start, end, cap;
    size_t limit; /* bytes readable at most; 0 = no limit */
    bool failed;  /* out of memory or over limit since the last reset */
    bool secret;  /* memory is wiped before it goes back */
};

/* What an empty buf points at, so that a view of it is never NULL. Nothing is
 * ever written through it: cap is 0. */
extern char buf_nothing[1];

static inline void
buf_init(struct buf *buf, size_t limit_bytes)
{
    *buf = (struct buf){.data = buf_nothing, .limit = limit_bytes};
}

/* buf_init_secret - for what must not be left in freed memory. */
void buf_init_secret(struct buf *buf, size_t limit_bytes);
void buf_fini(struct buf *buf);

/* buf_reset - forgets the content and `failed`, keeps the memory. */
static inline void
buf_reset(struct buf *buf)
{
    buf->start = buf->end = 0;
    buf->failed = false;
}

/* buf_reserve - room for n more bytes. 0; -ENOMEM; -EMSGSIZE over limit. */
int buf_reserve(struct buf *buf, size_t n) MUST_CHECK;
void buf_append_u64(struct buf *buf, uint64_t n);
/* How many decimal digits n has, and writing as many of them. */
unsigned buf_digits(uint64_t n);
void buf_write_u64(char *out, uint64_t n, unsigned digits);
void buf_append_i64(struct buf *buf, int64_t n);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
/* buf_consume - n <= readable bytes are done with; resets offsets if empty. */
void buf_consume(struct buf *buf, size_t n);
/* buf_cstr - NUL-terminates without counting the NUL. "" when it failed. */
const char *buf_cstr(struct buf *buf);

/* The way through growth, limits and failure; buf_extend() is its front. */
COLD char *buf_extend_slowly(struct buf *buf, size_t n);

/*
 * buf_extend - n > 0 bytes more, which the caller writes at the place returned;
 * NULL when it failed. Inline, because heads are written piece by piece and most
 * pieces fit.
 */
static inline char *
buf_extend(struct buf *buf, size_t n)
{
    if (LIKELY(n <= buf->cap - buf->end && buf->limit == 0 && !buf->failed)) {
        char *place = buf->data + buf->end;
        buf->end += n;
        return place;
    }
    return buf_extend_slowly(buf, n);
}

static inline void
buf_append(struct buf *buf, const void *bytes, size_t n)
{
    char *place = n > 0 ? buf_extend(buf, n) : NULL;
    if (LIKELY(place != NULL))
        memcpy(place, bytes, n);
}

static inline void
buf_append_str(struct buf *buf, struct str s)
{
    buf_append(buf, s.ptr, s.len);
}

static inline void
buf_append_cstr(struct buf *buf, const char *cstr)
{
    buf_append(buf, cstr, strlen(cstr));
}

static inline void
buf_append_char(struct buf *buf, char c)
{
    buf_append(buf, &c, 1);
}

static inline size_t
buf_len(const struct buf *buf)
{
    return buf->end - buf->start;
}

static inline const char *
buf_ptr(const struct buf *buf)
{
    return buf->data + buf->start;
}

static inline struct str
buf_view(const struct buf *buf)
{
    return (struct str){buf->data + buf->start, buf->end - buf->start};
}

static inline bool
buf_ok(const struct buf *buf)
{
    return !buf->failed;
}

#endif
