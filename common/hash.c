/*
 * hash.c - see hash.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/hash.h"

#include <string.h>
#include <zlib.h>

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t
rotate_left(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void
sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v0 = rotate_left(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v2 = rotate_left(s->v2, 32);
}

static inline void
sip_word(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    sip_round(s);
    s->v0 ^= word;
}

static inline uint64_t
load_le64(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline void
sip_begin(struct sip *s, const uint8_t key[16])
{
    uint64_t k0 = load_le64(key), k1 = load_le64(key + 8);
    *s = (struct sip){k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
                      k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573};
}

static inline void
sip_bytes(struct sip *s, const uint8_t *at, size_t len)
{
    uint64_t last = (uint64_t)len << 56;
    for (size_t n = len / 8; n > 0; n--, at += 8)
        sip_word(s, load_le64(at));
    for (size_t i = 0; i < len % 8; i++)
        last |= (uint64_t)at[i] << (8 * i);
    sip_word(s, last);
}

static inline uint64_t
sip_end(struct sip *s)
{
    for (int i = 0; i < 4; i++)
        sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t
hash_siphash(const uint8_t key[16], const void *bytes, size_t len)
{
    struct sip s;
    sip_begin(&s, key);
    sip_bytes(&s, bytes, len);
    s.v2 ^= 0xff;
    return sip_end(&s);
}

void
hash_siphash128(const uint8_t key[16], const void *bytes, size_t len,
                uint64_t out[2])
{
    struct sip s;
    sip_begin(&s, key);
    s.v1 ^= 0xee;
    sip_bytes(&s, bytes, len);
    s.v2 ^= 0xee;
    out[0] = sip_end(&s);
    s.v1 ^= 0xdd;
    out[1] = sip_end(&s);
}

/* The finaliser of MurmurHash3 (Appleby, public domain): a bijection. */
uint64_t
hash_mix64(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccd;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53;
    return x ^ x >> 33;
}

uint32_t
hash_crc32(uint32_t crc, const void *bytes, size_t len)
{
    return (uint32_t)crc32_z(crc, bytes, len);
}

uint32_t
hash_crc32_join(uint32_t first, uint32_t second, size_t len)
{
    return (uint32_t)crc32_combine(first, second, (z_off_t)len);
}
