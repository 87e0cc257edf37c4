/*
 * test.h - the harness of the unit tests: three words.
 *
 *   TEST(name_that_is_a_sentence) { CHECK_EQ(a, b); CHECK_TRUE(x); ... }
 *
 * Each test file is a program with its tests registered by constructors, in
 * the order of the file. Silent when good, but for the closing line
 * "N passed, N failed". An argument runs only tests whose name contains it.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TESTS_TEST_H
#define AIGW_TESTS_TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/str.h"

struct test_case {
    const char *name;
    void (*run)(void);
    struct test_case *next;
};
void test_register(struct test_case *test);
void test_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Runs `body` in a forked child; true when it ended by SIGABRT or exit 1. */
bool test_dies(void (*body)(void));

#define TEST(test_name)                                                        \
    static void test_name(void);                                               \
    static struct test_case test_case_##test_name = {#test_name, test_name,    \
                                                     NULL};                    \
    __attribute__((constructor)) static void register_##test_name(void)        \
    {                                                                          \
        test_register(&test_case_##test_name);                                 \
    }                                                                          \
    static void test_name(void)

#define CHECK_TRUE(cond)                                                       \
    do {                                                                       \
        if (!(cond))                                                           \
            test_fail(__FILE__, __LINE__, "not true: %s", #cond);              \
    } while (0)
#define CHECK_EQ(got, want)                                                    \
    do {                                                                       \
        long long got_ = (long long)(got), want_ = (long long)(want);          \
        if (got_ != want_)                                                     \
            test_fail(__FILE__, __LINE__, "%s is %lld, not %lld", #got, got_,  \
                      want_);                                                  \
    } while (0)
#define CHECK_STR(got, want)                                                   \
    do {                                                                       \
        struct str got_ = (got), want_ = str_from(want);                       \
        if (!str_equals(got_, want_))                                          \
            test_fail(__FILE__, __LINE__, "%s is \"%.*s\", not \"%.*s\"",      \
                      #got, STR_ARG(got_), STR_ARG(want_));                    \
    } while (0)
#define CHECK_DIES(body) CHECK_TRUE(test_dies(body))

#endif
