/*
 * test_key_choice.c - keys chosen by ids and tags: a tag is found as it was
 * written, and by nothing that only looks like it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <stdio.h>

#include "accountant/admin/key_choice.h"

static bool
admits(const char *query_text, uint64_t id, const char *tags)
{
    struct gateway key = {.id = id};
    struct key_choice choice = {.by_tags = false};
    struct query query;
    struct admin_error error = {.status = 0};
    snprintf(key.tags, sizeof(key.tags), "%s", tags);
    CHECK_TRUE(
        query_parse(&query, str_from(query_text), "ids tags tag_keys", &error));
    CHECK_TRUE(key_choice_read(&choice, &query, &error));
    bool found = key_choice_admits(&choice, &key);
    key_choice_fini(&choice);
    query_fini(&query);
    return found;
}

#define TAGS(json) "tags=" json

TEST(a_tag_is_name_and_text)
{
    static const struct {
        const char *query, *tags;
        bool found;
    } cases[] = {
        {TAGS("{\"team\":\"a\"}"), "{\"team\":\"a\"}", true},
        {TAGS("{\"team\":\"a\"}"), "{\"x\":\"y\",\"team\":\"a\",\"z\":\"\"}",
         true},
        {TAGS("{\"team\":\"a\"}"), "", false},
        {TAGS("{\"team\":\"a\"}"), "{\"team\":\"ab\"}", false},
        {TAGS("{\"team\":\"a\"}"), "{\"team\":\"b\"}", false},
        {TAGS("{\"team\":\"a\"}"), "{\"Team\":\"a\"}", false},
        {TAGS("{\"team\":\"a\"}"), "{\"my team\":\"a\"}", false},
        /* the same bytes inside of a name or a text */
        {TAGS("{\"team\":\"a\"}"), "{\"my\\\"team\":\"a\"}", false},
        {TAGS("{\"team\":\"a\"}"), "{\"x\":\",\\\"team\\\":\\\"a\\\"\"}",
         false},
        {TAGS("{\"team\":\"a\"}"), "{\"x,\":\"team\",\"y\":\"a\"}", false},
        {TAGS("{\"team\":\"a\",\"x\":\"y\"}"), "{\"x\":\"y\",\"team\":\"a\"}",
         true},
        {TAGS("{\"team\":\"a\",\"x\":\"y\"}"), "{\"x\":\"z\",\"team\":\"a\"}",
         false},
        {TAGS("{\"q\":\"\\\"\\n\"}"), "{\"q\":\"\\\"\\n\"}", true},
        {TAGS("{\"\":\"\"}"), "{\"\":\"\"}", true},
        {TAGS("{}"), "", true},
        {"tag_keys=team", "{\"team\":\"a\"}", true},
        {"tag_keys=team,x", "{\"x\":\"1\",\"team\":\"a\"}", true},
        {"tag_keys=team,y", "{\"x\":\"1\",\"team\":\"a\"}", false},
        {"tag_keys=team", "{\"x\":\"team\"}", false},
        {"tag_keys=tea", "{\"team\":\"a\"}", false},
        {"tag_keys=eam", "{\"team\":\"a\"}", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (admits(cases[i].query, 1, cases[i].tags) != cases[i].found)
            test_fail(__FILE__, __LINE__, "%s among %s", cases[i].query,
                      cases[i].tags);
}

TEST(ids_are_any_of_a_list)
{
    CHECK_TRUE(admits("ids=3,1,2", 2, ""));
    CHECK_TRUE(!admits("ids=3,1", 2, ""));
    CHECK_TRUE(!admits("ids=2&tag_keys=x", 2, "{\"y\":\"\"}"));
    CHECK_TRUE(admits("", 2, ""));
}

TEST(what_is_no_choice_is_refused)
{
    static const char *const bad[] = {"ids=1,", "ids=x", "tags=[]", "tags=x",
                                      "tags={\"a\":1}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct key_choice choice = {.by_tags = false};
        struct query query;
        struct admin_error error = {.status = 0};
        CHECK_TRUE(
            query_parse(&query, str_from(bad[i]), "ids tags tag_keys", &error));
        CHECK_TRUE(!key_choice_read(&choice, &query, &error));
        CHECK_EQ(error.status, 400);
        key_choice_fini(&choice);
        query_fini(&query);
    }
}
