/*
 * test_hash.c - hashes against published values.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/hash.h"

#include "tests/test.h"

TEST(siphash_gives_the_values_of_its_authors)
{
    /* vectors.h of the reference: key 00..0f, text 00..(n-1). */
    static const struct {
        size_t len;
        uint64_t hash;
    } cases[] = {
        {0, 0x726fdb47dd0e0e31},  {1, 0x74f839c593dc67fd},
        {7, 0xab0200f58b01d137},  {8, 0x93f5f5799a932462},
        {15, 0xa129ca6149be45e5}, {63, 0x958a324ceb064572},
    };
    uint8_t key[16], text[64];
    for (uint8_t i = 0; i < 64; i++) {
        text[i] = i;
        if (i < 16)
            key[i] = i;
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_TRUE(hash_siphash(key, text, cases[i].len) == cases[i].hash);
}

TEST(siphash128_gives_the_values_of_its_authors)
{
    static const struct {
        size_t len;
        uint64_t hash[2];
    } cases[] = {
        {0, {0xe6a825ba047f81a3, 0x930255c71472f66d}},
        {1, {0x44af996bd8c187da, 0x45fc229b11597634}},
        {8, {0x61f55862baa9623b, 0xb49714f364e2830f}},
        {15, {0x11a8b03399e99354, 0xd9c3cf970fec087e}},
    };
    uint8_t key[16];
    uint64_t hash[2];
    for (uint8_t i = 0; i < 16; i++)
        key[i] = i;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hash_siphash128(key, key, cases[i].len, hash);
        CHECK_TRUE(hash[0] == cases[i].hash[0]);
        CHECK_TRUE(hash[1] == cases[i].hash[1]);
    }
}

TEST(crc32_gives_the_check_value)
{
    CHECK_EQ(hash_crc32(0, "123456789", 9), 0xcbf43926);
    CHECK_EQ(hash_crc32(hash_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
    CHECK_EQ(
        hash_crc32_join(hash_crc32(0, "1234", 4), hash_crc32(0, "56789", 5), 5),
        0xcbf43926);
}

TEST(mixing_spreads_neighbours)
{
    CHECK_EQ(hash_mix64(0), 0);
    for (uint64_t i = 0; i < 64; i++) {
        uint64_t a = hash_mix64(i), b = hash_mix64(i + 1);
        CHECK_TRUE(__builtin_popcountll(a ^ b) > 10);
    }
}
