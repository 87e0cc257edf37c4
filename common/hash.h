/*
 * hash.h - SipHash-2-4 for tables whose keys a client may choose, and a plain
 * mixing function for numbers of our own. Source: Aumasson, Bernstein,
 * "SipHash: a fast short-input PRF".
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_HASH_H
#define AIGW_COMMON_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_siphash(const uint8_t key[16], const void *bytes, size_t len);
/* Its variant with 128 bits of result. */
void hash_siphash128(const uint8_t key[16], const void *bytes, size_t len,
                     uint64_t out[2]);
uint64_t hash_mix64(uint64_t x);
uint32_t hash_crc32(uint32_t crc, const void *bytes, size_t len); /* zlib's */
/* Of two texts one behind the other, of which the second is `len` long. */
uint32_t hash_crc32_join(uint32_t first, uint32_t second, size_t len);

#endif
