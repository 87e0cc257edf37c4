/*
 * test_redact.c - tests of worker/redact.c and worker/pattern_set.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/test.h"
#include "worker/redact.h"

static struct pattern_set *list;

static struct redaction
make(const char *first, const char *second)
{
    struct redaction redaction = {{NULL, NULL}};
    if (first != NULL)
        redaction.sets[0] = pattern_set_get(&list, first, false);
    if (second != NULL)
        redaction.sets[1] = pattern_set_get(&list, second, false);
    CHECK_TRUE((first == NULL) == (redaction.sets[0] == NULL));
    return redaction;
}

static void
done(struct redaction *redaction)
{
    for (int i = 0; i < REDACT_SETS; i++)
        pattern_set_put(redaction->sets[i]);
    pattern_sets_free(&list);
}

TEST(matches_are_replaced_however_they_are_written)
{
    static const struct {
        const char *body, *kept;
    } cases[] = {
        {"{\"a\":\"my sk-12345678 key\"}", "{\"a\":\"my [redacted] key\"}"},
        {"{ \"a\" : \"sk\\u002d12345678\\n\" }",
         "{ \"a\" : \"[redacted]\\n\" }"},
        {"{\"a\":\"\\u0073\\u006b-1234\\u0035678\"}", "{\"a\":\"[redacted]\"}"},
        {"{\"sk-12345678\":1}", "{\"[redacted]\":1}"},
        {"[4111111111111111, 12, -1.50]", "[\"[redacted]\", 12, -1.50]"},
        {"{\"a\":\"sk-1234\",\"b\":\"untouched \\u00e4\\/\"}",
         "{\"a\":\"sk-1234\",\"b\":\"untouched \\u00e4\\/\"}"},
        {"{\"a\":\"sk-12345678 and sk-87654321\"}",
         "{\"a\":\"[redacted] and [redacted]\"}"},
        {"{\"a\":[{\"b\":\"ANNA\"}]}", "{\"a\":[{\"b\":\"[redacted]\"}]}"},
        {"no JSON, sk-12345678", "no JSON, [redacted]"},
        {"{\"a\":\"x\"} sk-12345678", "{\"a\":\"x\"} [redacted]"},
        {"{\"a\":\"sk-12345678", "{\"a\":\"[redacted]"},
        {"", ""},
    };
    struct redaction redaction = make("sk-[0-9]{8}\n\\b\\d{16}\\b", "(?i)anna");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out;
        buf_init(&out, 0);
        bool cut =
            redact_json(&out, str_from(cases[i].body), 1000, false, &redaction);
        if (cut || !str_equals(buf_view(&out), str_from(cases[i].kept)))
            test_fail(__FILE__, __LINE__, "case %zu: %.*s", i,
                      STR_ARG(buf_view(&out)));
        buf_fini(&out);
    }
    done(&redaction);
}

/* A secret anywhere around the end of what is kept: no part of it is. */
TEST(a_match_across_the_end_is_found)
{
    struct redaction redaction = make("sk-[0-9]{20}", NULL);
    for (unsigned form = 0; form < 3; form++)
        for (unsigned before = 0; before < 80; before++) {
            struct buf body, out;
            buf_init(&body, 0);
            buf_init(&out, 0);
            if (form < 2)
                buf_append_cstr(&body, "{\"a\":\"");
            for (unsigned i = 0; i < before; i++)
                buf_append_char(&body, '.');
            buf_append_cstr(&body, form == 1 ? "sk\\u002d" : "sk-");
            buf_append_cstr(&body, "01234567890123456789 and more text");
            if (form < 2)
                buf_append_cstr(&body, "\",\"b\":\"something\"}");
            if (form < 2)
                redact_json(&out, buf_view(&body), 64, false, &redaction);
            else
                redact_text(&out, buf_view(&body), 64, false, &redaction);
            CHECK_TRUE(buf_len(&out) <= 64);
            if (memmem(buf_ptr(&out), buf_len(&out), "sk", 2) != NULL ||
                memmem(buf_ptr(&out), buf_len(&out), "01", 2) != NULL)
                test_fail(__FILE__, __LINE__, "form %u, %u before: %.*s", form,
                          before, STR_ARG(buf_view(&out)));
            buf_fini(&body);
            buf_fini(&out);
        }
    done(&redaction);
}

/* Much is replaced before it, so what was only looked at would fit. */
TEST(no_part_of_a_match_is_kept_where_others_made_room)
{
    enum { MAX = 64 };
    struct redaction redaction = make("A{100,}\nsk-[0-9]{20}", NULL);
    for (unsigned form = 0; form < 4; form++) {
        struct buf body, out;
        buf_init(&body, 0);
        buf_init(&out, 0);
        bool is_json = form == 1 || form == 3, is_cut = form >= 2;
        buf_append_cstr(&body, is_json ? "{\"a\":\"" : "");
        while (buf_len(&body) < MAX + PATTERN_SPAN - 30)
            buf_append_char(&body, 'A');
        buf_append_cstr(&body, "..........");
        buf_append_cstr(&body, "sk-01234567890123456789 and more text");
        for (unsigned i = 0; i < MAX; i++)
            buf_append_char(&body, '.');
        buf_append_cstr(&body, is_json ? "\"}" : "");
        struct str text = buf_view(&body);
        if (is_cut)
            text.len = MAX + PATTERN_SPAN;
        bool cut = is_json ? redact_json(&out, text, MAX, is_cut, &redaction)
                           : redact_text(&out, text, MAX, is_cut, &redaction);
        CHECK_TRUE(cut && buf_len(&out) <= MAX);
        if (memmem(buf_ptr(&out), buf_len(&out), "sk", 2) != NULL)
            test_fail(__FILE__, __LINE__, "form %u: %.*s", form,
                      STR_ARG(buf_view(&out)));
        buf_fini(&body);
        buf_fini(&out);
    }
    done(&redaction);
}

TEST(what_takes_too_long_is_not_kept)
{
    struct redaction redaction = make("(a+)+(a+)+[0-9]", NULL);
    struct buf out, body;
    buf_init(&out, 0);
    buf_init(&body, 0);
    buf_append_cstr(&body, "{\"x\":\"");
    for (int i = 0; i < 5000; i++)
        buf_append_char(&body, 'a');
    buf_append_cstr(&body, "\"}");
    CHECK_TRUE(!redact_json(&out, buf_view(&body), 65536, false, &redaction));
    CHECK_STR(buf_view(&out),
              "{\"x\":\"[not kept: a pattern took too long]\"}");
    buf_fini(&out);
    buf_fini(&body);
    done(&redaction);
}

TEST(without_patterns_bodies_are_as_they_were_but_not_longer)
{
    struct redaction none = {{NULL, NULL}};
    struct buf out, body;
    buf_init(&out, 0);
    buf_init(&body, 0);
    buf_append_cstr(&body, " {\"a\" : [1, \"\\u00e4\", null, true]}\n");
    CHECK_TRUE(!redact_json(&out, buf_view(&body), 1000, false, &none));
    CHECK_STR(buf_view(&out), buf_cstr(&body));
    for (size_t max = 0; max < buf_len(&body); max++) {
        buf_reset(&out);
        CHECK_TRUE(redact_json(&out, buf_view(&body), max, false, &none));
        CHECK_TRUE(buf_len(&out) <= max);
    }
    buf_fini(&out);
    buf_fini(&body);
}

TEST(sets_are_shared_by_text_and_names_and_actions_read)
{
    struct pattern_set *a =
        pattern_set_get(&list, "x:block:a:b\ny:flag:c", true);
    CHECK_EQ(a->count, 2);
    CHECK_STR(str_from(a->rules[0].name), "x");
    CHECK_TRUE(a->rules[0].blocks && !a->rules[1].blocks);
    size_t start, end;
    CHECK_EQ(pattern_search(a->rules[0].pattern, STR_LIT("a:b"), 0, false,
                            &start, &end),
             PATTERN_FOUND);
    CHECK_TRUE(pattern_set_get(&list, "x:block:a:b\ny:flag:c", true) == a);
    CHECK_EQ(a->references, 2);
    CHECK_TRUE(pattern_set_get(&list, "x", true) == NULL);
    CHECK_TRUE(pattern_set_get(&list, "x:block:(", true) == NULL);
    pattern_set_put(a);
    pattern_set_put(a);
    for (int i = 0; i < 200; i++) { /* idle ones do not pile up */
        char text[32];
        snprintf(text, sizeof(text), "a%d", i);
        pattern_set_put(pattern_set_get(&list, text, false));
    }
    unsigned count = 0;
    for (struct pattern_set *set = list; set != NULL; set = set->next)
        count++;
    CHECK_TRUE(count < 80);
    pattern_sets_free(&list);
}
