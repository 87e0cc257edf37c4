/*
 * test_signatures.c - a signed request is taken once.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/signatures.h"

#include <stdio.h>

#include "tests/test.h"

#define NOW INT64_C(1790000000)

static enum signature_use
use(struct signatures *signatures, const char *signature, const char *change,
    int64_t signed_s, int64_t now_s)
{
    return signatures_use(signatures, str_from(signature), str_from(change),
                          signed_s, now_s);
}

TEST(each_change_once_and_nothing_after_a_rest)
{
    struct signatures *s = signatures_create(0);
    CHECK_EQ(use(s, "a", "Stop", NOW, NOW), SIGNATURE_FRESH);
    CHECK_EQ(use(s, "a", "Stop", NOW, NOW), SIGNATURE_USED);
    CHECK_EQ(use(s, "a", "Delete", NOW, NOW + 1), SIGNATURE_FRESH);
    CHECK_EQ(use(s, "a", "", NOW, NOW + SIGNATURE_REST_S), SIGNATURE_FRESH);
    CHECK_EQ(use(s, "a", "", NOW, NOW + SIGNATURE_REST_S + 1), SIGNATURE_USED);
    CHECK_EQ(use(s, "a", "Start", NOW, NOW + SIGNATURE_REST_S + 1),
             SIGNATURE_USED);
    CHECK_EQ(use(s, "b", "Stop", NOW, NOW + 20), SIGNATURE_FRESH);
    /* What was read first is no way to a change later. */
    CHECK_EQ(use(s, "c", "", NOW, NOW), SIGNATURE_FRESH);
    CHECK_EQ(use(s, "c", "", NOW, NOW - 3), SIGNATURE_FRESH);
    CHECK_EQ(use(s, "c", "Delete", NOW, NOW + 20), SIGNATURE_USED);
    signatures_destroy(&s);
}

TEST(what_may_still_come_is_remembered)
{
    struct signatures *s = signatures_create(0);
    for (int64_t ahead = -SIGNATURE_SKEW_S; ahead <= SIGNATURE_SKEW_S;
         ahead++) {
        char name[32];
        snprintf(name, sizeof(name), "s%lld", (long long)ahead);
        CHECK_EQ(use(s, name, "Stop", NOW + ahead, NOW), SIGNATURE_FRESH);
    }
    for (int64_t now = NOW; now <= NOW + 2 * SIGNATURE_SKEW_S; now++) {
        char name[32];
        int64_t ahead = now - NOW - SIGNATURE_SKEW_S; /* the oldest good one */
        snprintf(name, sizeof(name), "s%lld", (long long)ahead);
        CHECK_EQ(use(s, name, "Stop", NOW + ahead, now), SIGNATURE_USED);
        snprintf(name, sizeof(name), "n%lld", (long long)now);
        CHECK_EQ(use(s, name, "Stop", now + SIGNATURE_SKEW_S, now),
                 SIGNATURE_FRESH);
    }
    signatures_destroy(&s);
}

TEST(of_before_the_beginning_none_is_taken)
{
    struct signatures *s = signatures_create(NOW);
    CHECK_EQ(use(s, "a", "Stop", NOW - 1, NOW), SIGNATURE_USED);
    CHECK_EQ(use(s, "a", "", NOW - 1, NOW), SIGNATURE_USED);
    CHECK_EQ(use(s, "a", "Stop", NOW, NOW), SIGNATURE_FRESH);
    CHECK_EQ(use(s, "a", "Stop", -1, NOW), SIGNATURE_USED);
    signatures_destroy(&s);
}

TEST(a_clock_that_was_set_back_brings_none_back)
{
    struct signatures *s = signatures_create(0);
    CHECK_EQ(use(s, "a", "Stop", NOW, NOW), SIGNATURE_FRESH);
    CHECK_EQ(use(s, "b", "Stop", NOW + 900, NOW + 900), SIGNATURE_FRESH);
    CHECK_EQ(use(s, "a", "Stop", NOW, NOW), SIGNATURE_USED);
    signatures_destroy(&s);
}

TEST(a_full_generation_takes_no_more_and_the_next_one_does)
{
    struct signatures *s = signatures_create(0);
    char name[32];
    enum signature_use used = SIGNATURE_FRESH;
    unsigned count = 0;
    for (; used == SIGNATURE_FRESH && count <= SIGNATURES_MAX; count++) {
        snprintf(name, sizeof(name), "s%u", count);
        used = use(s, name, "", NOW, NOW);
    }
    CHECK_EQ(used, SIGNATURE_FULL);
    CHECK_EQ(count, SIGNATURES_MAX);
    CHECK_EQ(use(s, "s0", "", NOW, NOW + 20), SIGNATURE_FULL);
    CHECK_EQ(use(s, "more", "Stop", NOW, NOW), SIGNATURE_FULL);
    CHECK_EQ(use(s, "more", "Stop", NOW + SIGNATURE_SKEW_S, NOW),
             SIGNATURE_FRESH);
    signatures_destroy(&s);
}
