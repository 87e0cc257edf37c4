/*
 * test_aigwctl_json.c - JSON as aigwctl prints it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_json.h"

#include "tests/test.h"

static void
check_print(const char *json, const char *want)
{
    struct buf out;
    cJSON *value = cJSON_Parse(json);
    buf_init(&out, 0);
    json_print(&out, value);
    CHECK_STR(buf_view(&out), want);
    buf_fini(&out);
    cJSON_Delete(value);
}

TEST(numbers_stand_as_people_write_them)
{
    check_print("[0,-5,2000000,1e15,9007199254740991]",
                "[0,-5,2000000,1000000000000000,9007199254740991]");
    check_print("[0.5,0.000000001,1e-9,123.456,-2.25]",
                "[0.5,0.000000001,0.000000001,123.456,-2.25]");
}

TEST(strings_are_escaped)
{
    check_print("{\"a\\\"b\":\"x\\ny\",\"t\":true,\"n\":null,\"l\":[]}",
                "{\"a\\\"b\":\"x\\ny\",\"t\":true,\"n\":null,\"l\":[]}");
}

TEST(pretty_is_indented)
{
    struct buf out;
    cJSON *value = cJSON_Parse("{\"a\":[1,{}],\"b\":{\"c\":2}}");
    buf_init(&out, 0);
    json_print_pretty(&out, value, 0);
    CHECK_STR(buf_view(&out), "{\n  \"a\": [\n    1,\n    {}\n  ],\n"
                              "  \"b\": {\n    \"c\": 2\n  }\n}");
    buf_fini(&out);
    cJSON_Delete(value);
}

TEST(paths_go_into_objects_and_lists)
{
    cJSON *value = cJSON_Parse("{\"q\":[{\"limit\":5}],\"x\":1}");
    CHECK_TRUE(json_at_path(value, "q.0.limit") != NULL);
    CHECK_EQ(json_at_path(value, "q.0.limit")->valueint, 5);
    CHECK_TRUE(json_at_path(value, "q.1.limit") == NULL);
    CHECK_TRUE(json_at_path(value, "q.x") == NULL);
    CHECK_TRUE(json_at_path(value, "x.y") == NULL);
    CHECK_TRUE(json_at_path(value, "nothing") == NULL);
    cJSON_Delete(value);
}
