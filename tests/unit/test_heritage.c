/*
 * test_heritage.c - tests of common/heritage.c: how many clients descriptors
 * are enough for.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/heritage.h"

#include "tests/test.h"

static const struct {
    unsigned workers;
    uint64_t max_connections, descriptors;
    uint32_t connections;
} cases[] = {
    {1, 1000, 0, 1000},
    {1, 1000, 1048576, 1000},
    {2, 1000, 1048576, 500},
    {3, 1000, 1048576, 334},
    {1, 1000, 2536, 1000},
    {1, 1000, 2535, 999},
    {1, 16384, 1024, 395},
    {2, 16384, 64, 11},
    {2, 16384, 36, 4},
    {2, 16384, 10, 4},
    {64, 1048576, 1 << 30, 16384},
};

TEST(clients_are_as_many_as_configured_or_as_descriptors_allow)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config config = {
            .server = {.workers = cases[i].workers,
                       .max_connections = cases[i].max_connections}};
        struct heritage heritage = {.config = &config,
                                    .descriptors = cases[i].descriptors};
        uint32_t connections = heritage_connections(&heritage);
        CHECK_EQ(connections, cases[i].connections);
        CHECK_EQ(heritage_idle_upstream(&heritage), connections / 2);
        bool enough =
            cases[i].descriptors >= heritage_descriptors_wanted(&config);
        uint64_t used = connections * 2ull + connections / 2;
        if (enough || connections > 4)
            CHECK_TRUE(cases[i].descriptors == 0 ||
                       used + 20 <= cases[i].descriptors);
    }
}
