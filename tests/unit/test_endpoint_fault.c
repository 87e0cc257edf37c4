/*
 * test_endpoint_fault.c - the last error of an endpoint: what is noted is read,
 * at the ends of each field; nothing, and damage, are no error.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/endpoint_fault.h"

#include "shm/model_stats.h"
#include "tests/unit/shm_fixture.h"

static struct fixture f;

static struct shm_health *
open_one(void)
{
    fixture_open(&f);
    CHECK_EQ(model_registry_model(&f.segment, "m"), 0);
    CHECK_EQ(model_registry_provider(&f.segment, "p"), 0);
    CHECK_EQ(model_registry_endpoint(&f.segment, 0, 0), 0);
    return segment_health(&f.segment, 0);
}

TEST(what_is_noted_is_read)
{
    static const struct endpoint_fault faults[] = {
        {1, 0, RECORD_UPSTREAM_FAILED, 0, false},
        {1795500000, 503, RECORD_PROVIDER_ERROR, 5, true},
        {INT64_C(1) << 34, UINT16_MAX, RECORD_CAUSES - 1,
         HEALTH_CREDENTIALS - 1, true},
    };
    struct shm_health *health = open_one();
    for (unsigned i = 0; i < ARRAY_LEN(faults); i++) {
        struct endpoint_fault read;
        endpoint_fault_note(health, &faults[i]);
        CHECK_TRUE(endpoint_fault_read(&f.segment, 0, &read));
        CHECK_EQ(read.wall_s, faults[i].wall_s);
        CHECK_EQ(read.status, faults[i].status);
        CHECK_EQ(read.cause, faults[i].cause);
        CHECK_EQ(read.credential, faults[i].credential);
        CHECK_EQ(read.is_check, faults[i].is_check);
    }
    fixture_close(&f);
}

TEST(nothing_and_damage_are_no_error)
{
    struct endpoint_fault read;
    struct shm_health *health = open_one();
    CHECK_TRUE(!endpoint_fault_read(&f.segment, 0, &read));
    shm_store(&health->fault, UINT64_MAX); /* a cause that there is not */
    CHECK_TRUE(!endpoint_fault_read(&f.segment, 0, &read));
    fixture_close(&f);
}
