/*
 * buf.c - see buf.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/buf.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_FIRST_BYTES = 256 };

char buf_nothing[1];

void
buf_init_secret(struct buf *buf, size_t limit_bytes)
{
    buf_init(buf, limit_bytes);
    buf->secret = true;
}

static void
give_back(struct buf *buf)
{
    if (buf->secret)
        explicit_bzero(buf->data, buf->cap);
    free(buf->data);
}

void
buf_fini(struct buf *buf)
{
    bool secret = buf->secret;
    if (buf->cap > 0)
        give_back(buf);
    buf_init(buf, buf->limit);
    buf->secret = secret;
}

/* Room for n more bytes behind `end`, whatever the limit says. */
static bool
buf_grow(struct buf *buf, size_t n)
{
    size_t len = buf_len(buf);
    if (buf->cap - buf->end >= n)
        return true;
    /* Moving is paid for by the bytes consumed since the last move. */
    if (buf->start >= len && buf->cap - len >= n) {
        memmove(buf->data, buf->data + buf->start, len);
        buf->start = 0;
        buf->end = len;
        return true;
    }
    if (n > SIZE_MAX / 2 - len)
        return false;
    size_t cap = buf->cap > 0 ? buf->cap : BUF_FIRST_BYTES;
    while (cap < len + n)
        cap *= 2;
    char *data = malloc(cap);
    if (data == NULL)
        return false;
    memcpy(data, buf->data + buf->start, len);
    if (buf->cap > 0)
        give_back(buf);
    buf->data = data;
    buf->start = 0;
    buf->end = len;
    buf->cap = cap;
    return true;
}

int
buf_reserve(struct buf *buf, size_t n)
{
    if (buf->data == NULL)
        buf->data = buf_nothing; /* a struct that was only zeroed */
    if (buf->limit > 0 && (n > buf->limit || buf_len(buf) > buf->limit - n)) {
        buf->failed = true;
        return -EMSGSIZE;
    }
    if (!buf_grow(buf, n)) {
        buf->failed = true;
        return -ENOMEM;
    }
    return 0;
}

char *
buf_extend_slowly(struct buf *buf, size_t n)
{
    if (buf->failed || buf_reserve(buf, n) != 0)
        return NULL;
    buf->end += n;
    return buf->data + buf->end - n;
}

unsigned
buf_digits(uint64_t n)
{
    static const uint64_t tens[] = {
        UINT64_C(0),
        UINT64_C(10),
        UINT64_C(100),
        UINT64_C(1000),
        UINT64_C(10000),
        UINT64_C(100000),
        UINT64_C(1000000),
        UINT64_C(10000000),
        UINT64_C(100000000),
        UINT64_C(1000000000),
        UINT64_C(10000000000),
        UINT64_C(100000000000),
        UINT64_C(1000000000000),
        UINT64_C(10000000000000),
        UINT64_C(100000000000000),
        UINT64_C(1000000000000000),
        UINT64_C(10000000000000000),
        UINT64_C(100000000000000000),
        UINT64_C(1000000000000000000),
        UINT64_C(10000000000000000000),
    };
    /* From its bits, 1233 / 4096 of a digit each; one more or not. */
    unsigned bits = 64 - (unsigned)__builtin_clzll(n | 1);
    unsigned least = bits * 1233 >> 12;
    return least + (n >= tens[least]);
}

/* Eight digits at once, the first in the lowest byte: fours, pairs and digits are
 * parted side by side in one word, each by a multiplication that stands for the
 * division by 100 or 10. */
static uint64_t
eight_digits(uint32_t n)
{
    uint64_t fours = n / 10000 | (uint64_t)(n % 10000) << 32;
    uint64_t tops = (fours * 10486 >> 20) & UINT64_C(0x0000007f0000007f);
    uint64_t pairs = tops | (fours - 100 * tops) << 16;
    uint64_t tens = (pairs * 103 >> 10) & UINT64_C(0x000f000f000f000f);
    uint64_t digits = tens | (pairs - 10 * tens) << 8;
    return digits | UINT64_C(0x3030303030303030);
}

/* The last `count` of the eight, 2 to 8. Two stores that may overlap: a copy of
 * any length is a call. */
static void
put_digits(char *out, uint64_t digits, unsigned count)
{
    uint64_t bytes = htole64(digits >> 8 * (8 - count));
    char *from = (char *)&bytes;
    if (count >= 4) {
        memcpy(out, from, 4);
        memcpy(out + count - 4, from + count - 4, 4);
    } else {
        memcpy(out, from, 2);
        memcpy(out + count - 2, from + count - 2, 2);
    }
}

void
buf_write_u64(char *out, uint64_t n, unsigned digits)
{
    for (; digits > 8; n /= 100000000) {
        digits -= 8;
        put_digits(out + digits, eight_digits((uint32_t)(n % 100000000)), 8);
    }
    if (digits == 1)
        out[0] = (char)('0' + n);
    else
        put_digits(out, eight_digits((uint32_t)n), digits);
}

void
buf_append_u64(struct buf *buf, uint64_t n)
{
    unsigned digits = buf_digits(n);
    char *place = buf_extend(buf, digits);
    if (place != NULL)
        buf_write_u64(place, n, digits);
}

void
buf_append_i64(struct buf *buf, int64_t n)
{
    if (n < 0)
        buf_append_char(buf, '-');
    buf_append_u64(buf, n < 0 ? -(uint64_t)n : (uint64_t)n);
}

void
buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        buf->failed = true;
    if (buf->failed || buf_reserve(buf, (size_t)n) != 0)
        return;
    /* The NUL needs a byte of memory that does not count. */
    if (!buf_grow(buf, (size_t)n + 1)) {
        buf->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf(buf->data + buf->end, (size_t)n + 1, format, args);
    va_end(args);
    buf->end += (size_t)n;
}

void
buf_consume(struct buf *buf, size_t n)
{
    CHECK(n <= buf_len(buf));
    buf->start += n;
    if (buf->start == buf->end)
        buf->start = buf->end = 0;
}

const char *
buf_cstr(struct buf *buf)
{
    if (buf->failed)
        return "";
    if (buf->data == NULL || !buf_grow(buf, 1))
        return "";
    buf->data[buf->end] = '\0';
    return buf->data + buf->start;
}
