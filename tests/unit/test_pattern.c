/*
 * test_pattern.c - tests of common/pattern.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "common/pattern.h"
#include "tests/test.h"

static struct pattern *
make(const char *text, bool quick)
{
    char reason[PATTERN_REASON_BYTES] = "";
    struct pattern *pattern = pattern_compile(text, quick, reason);
    if (pattern == NULL)
        test_fail(__FILE__, __LINE__, "%s: %s", text, reason);
    return pattern;
}

TEST(matches_are_found_where_they_are_by_either_way)
{
    static const struct {
        const char *pattern, *text;
        size_t from;
        bool more;
        enum pattern_result result;
        size_t start, end;
    } cases[] = {
        {"b+", "abbbc", 0, false, PATTERN_FOUND, 1, 4},
        {"b+", "abbbc", 2, false, PATTERN_FOUND, 2, 4},
        {"b+", "abbb", 0, true, PATTERN_BEGUN, 1, 4},
        {"secret", "no sec", 0, true, PATTERN_BEGUN, 3, 6},
        {"secret", "no sec", 0, false, PATTERN_NONE, 0, 0},
        {"secret", "no sex", 0, true, PATTERN_NONE, 0, 0},
        {"secret", "secret and sec", 0, true, PATTERN_FOUND, 0, 6},
        {"x*", "aaa", 0, false, PATTERN_NONE, 0, 0}, /* empty ones are none */
        {"(?i)ÄPFEL", "drei äpfel", 0, false, PATTERN_FOUND, 5, 11},
        {"b",
         "\xff\xc3"
         "b",
         0, false, PATTERN_FOUND, 2, 3},
        {"a.c", "a\nc abc", 0, false, PATTERN_FOUND, 4, 7},
        {"a", "", 0, true, PATTERN_NONE, 0, 0},
    };
    for (int quick = 0; quick < 2; quick++)
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            struct pattern *pattern = make(cases[i].pattern, quick != 0);
            size_t start = 0, end = 0;
            enum pattern_result result =
                pattern_search(pattern, str_from(cases[i].text), cases[i].from,
                               cases[i].more, &start, &end);
            if (result != cases[i].result || start != cases[i].start ||
                (result == PATTERN_FOUND && end != cases[i].end))
                test_fail(__FILE__, __LINE__, "case %zu quick=%d: %d %zu %zu",
                          i, quick, (int)result, start, end);
            pattern_free(&pattern);
        }
}

TEST(a_hostile_text_is_given_up_and_said_to_be)
{
    char text[40000];
    memset(text, 'a', sizeof(text));
    for (int quick = 0; quick < 2; quick++) {
        struct pattern *pattern = make("(a+)+(a+)+(a+)+[0-9]", quick != 0);
        size_t start, end;
        CHECK_EQ(pattern_search(pattern, str_make(text, sizeof(text)), 0, false,
                                &start, &end),
                 PATTERN_UNDECIDED);
        pattern_free(&pattern);
    }
}

TEST(what_is_no_pattern_is_refused_with_a_place)
{
    static const char *const cases[] = {"",      "(",    "a{2,1}",
                                        "[z-a]", "(?P<", "\\C"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char reason[PATTERN_REASON_BYTES] = "";
        struct pattern *pattern = pattern_compile(cases[i], true, reason);
        if (pattern != NULL || reason[0] == '\0')
            test_fail(__FILE__, __LINE__, "taken: %s", cases[i]);
        pattern_free(&pattern);
    }
    char text[PATTERN_TEXT_MAX + 2], reason[PATTERN_REASON_BYTES];
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    CHECK_TRUE(pattern_compile(text, true, reason) == NULL);
}
