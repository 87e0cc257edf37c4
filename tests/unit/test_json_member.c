/*
 * test_json_member.c - members of objects, elements of lists, and objects by the
 * names of their members (json_member.c).
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/json_scan.h"
#include "tests/test.h"

/* The reader behind the opening bracket of `text`. */
static struct json_reader
inside(const char *text)
{
    struct json_reader reader;
    struct json_token token;
    json_reader_init(&reader, str_from(text));
    json_next(&reader, &token);
    return reader;
}

TEST(a_member_is_passed_with_its_value)
{
    static const struct {
        enum json_type type;
        const char *key, *value;
    } want[] = {
        {JSON_STRING, "\"a\"", "\"x\\\"y\""},
        {JSON_NUMBER, "\"b\"", "-1.5e3"},
        {JSON_NUMBER, "\"c\"", "0"},
        {JSON_NUMBER, "\"c0\"", "0.5"},
        {JSON_NUMBER, "\"c1\"", "12E1"},
        {JSON_TRUE, "\"d\"", "true"},
        {JSON_FALSE, "\"e\"", "false"},
        {JSON_NULL, "\"f\"", "null"},
        {JSON_OBJECT, "\"g\"", "{\"a\" : [ { } ]}"},
        {JSON_ARRAY, "\"h\"", "[1,[\"]\"]]"},
        {JSON_STRING, "\"a name of more than 31 bytes, which is rare\"",
         "\"and a text of more than 31 bytes, which is not\""},
    };
    struct json_reader reader = inside(
        "{\"a\":\"x\\\"y\" , \"b\" :-1.5e3,\"c\":0,\"c0\":0.5,\"c1\":12E1,"
        "\"d\": true,\"e\":false\n,\"f\":null,\"g\":{\"a\" : [ { } ]},"
        "\"h\":[1,[\"]\"]],\"a name of more than 31 bytes, which is rare\":"
        "\"and a text of more than 31 bytes, which is not\" } ");
    struct str key, value;
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        CHECK_EQ(json_member(&reader, &key, &value), want[i].type);
        CHECK_STR(key, want[i].key);
        CHECK_STR(value, want[i].value);
        CHECK_EQ(reader.depth, 1);
    }
    CHECK_EQ(json_member(&reader, &key, &value), JSON_OBJECT_END);
    CHECK_EQ(reader.depth, 0);
    struct json_token token;
    CHECK_EQ(json_next(&reader, &token), JSON_END);
    CHECK_EQ(json_member(&reader, &key, &value), JSON_BAD);
}

TEST(what_is_no_member_is_bad_where_it_stands)
{
    static const struct {
        const char *text;
        size_t pos;
    } cases[] = {
        {"{,\"a\":1}", 1},  {"{\"a\":1,}", 7},     {"{\"a\" 1}", 5},
        {"{\"a\":}", 5},    {"{\"a\":1]", 6},      {"{\"a\":1 \"b\":2}", 7},
        {"{\"a\":01}", 6},  {"{\"a\":-}", 6},      {"{\"a\":1.}", 7},
        {"{\"a\":tru}", 5}, {"{\"a\":[1}}", 7},    {"{\"a\":\"\\x\"}", 6},
        {"{\"a", 3},        {"{\"a\":", 5},        {"{\"a\":1", 6},
        {"{1:2}", 1},       {"{\"a\":{]}", 6},     {"{", 1},
        {"{\"a\":[", 6},    {"{\"a\":\"\n\"}", 6},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json_reader reader = inside(cases[i].text);
        struct str key, value;
        enum json_type type;
        do
            type = json_member(&reader, &key, &value);
        while (type > JSON_BAD && type != JSON_OBJECT_END);
        CHECK_EQ(type, JSON_BAD);
        CHECK_EQ(reader.pos, cases[i].pos);
        CHECK_EQ(json_member(&reader, &key, &value), JSON_BAD);
        CHECK_EQ(json_item(&reader, &value), JSON_BAD);
    }
}

TEST(a_member_stands_in_an_object_and_an_item_in_a_list)
{
    struct str key, value;
    struct json_reader reader = inside("[\"a\",1]");
    CHECK_EQ(json_member(&reader, &key, &value), JSON_BAD);
    reader = inside("{\"a\":1}");
    CHECK_EQ(json_item(&reader, &value), JSON_BAD);
    reader = inside("{\"a\":1,\"b\":2}");
    CHECK_EQ(json_member(&reader, &key, &value), JSON_NUMBER);
    CHECK_EQ(json_item(&reader, &value), JSON_BAD);
    reader = inside("[1,\"b\"]");
    CHECK_EQ(json_item(&reader, &value), JSON_NUMBER);
    CHECK_EQ(json_member(&reader, &key, &value), JSON_BAD);
}

TEST(a_container_may_be_entered_and_its_rest_be_passed)
{
    struct json_reader reader =
        inside("{\"a\":{\"x\":1,\"y\":[2]},\"b\":[[],{\"z\":3}],\"c\":4}");
    struct str key, value, outer;
    CHECK_EQ(json_enter_member(&reader, &key, &outer), JSON_OBJECT);
    CHECK_STR(outer, "{");
    CHECK_EQ(reader.depth, 2);
    CHECK_EQ(json_member(&reader, &key, &value), JSON_NUMBER);
    CHECK_STR(key, "\"x\"");
    CHECK_EQ(json_pass(&reader, JSON_OBJECT, &outer), JSON_OBJECT);
    CHECK_STR(outer, "{\"x\":1,\"y\":[2]}");
    CHECK_EQ(json_enter_member(&reader, &key, &outer), JSON_ARRAY);
    CHECK_EQ(json_enter_item(&reader, &value), JSON_ARRAY);
    CHECK_EQ(json_enter_item(&reader, &value), JSON_ARRAY_END);
    CHECK_EQ(json_enter_item(&reader, &value), JSON_OBJECT);
    CHECK_EQ(json_member(&reader, &key, &value), JSON_NUMBER);
    CHECK_EQ(json_member(&reader, &key, &value), JSON_OBJECT_END);
    CHECK_EQ(json_enter_item(&reader, &value), JSON_ARRAY_END);
    CHECK_EQ(json_enter_member(&reader, &key, &value), JSON_NUMBER);
    CHECK_EQ(json_pass(&reader, JSON_NUMBER, &value), JSON_NUMBER);
    CHECK_STR(value, "4");
    CHECK_EQ(json_enter_member(&reader, &key, &value), JSON_OBJECT_END);
}

TEST(a_list_is_walked_by_its_items_and_by_its_objects)
{
    static const char *const want[] = {"1", "{\"a\":[]}", "\"x\"", "[{}]",
                                       "{}"};
    static const char *const none[] = {"{\"a\":1}", "1",    "",
                                       "\"[1]\"",   "null", "[,1]"};
    struct str list = STR_LIT(" [1, {\"a\":[]} ,\"x\",[{}],{} ]"), item, key;
    struct json_reader reader;
    CHECK_TRUE(json_list_begin(&reader, list));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        CHECK_TRUE(json_list_next(&reader, &item));
        CHECK_STR(item, want[i]);
    }
    CHECK_TRUE(!json_list_next(&reader, &item));
    CHECK_TRUE(json_list_begin(&reader, list));
    CHECK_TRUE(json_list_object(&reader));
    CHECK_EQ(json_member(&reader, &key, &item), JSON_ARRAY);
    CHECK_EQ(json_member(&reader, &key, &item), JSON_OBJECT_END);
    CHECK_TRUE(json_list_object(&reader));
    CHECK_EQ(json_member(&reader, &key, &item), JSON_OBJECT_END);
    CHECK_TRUE(!json_list_object(&reader));
    CHECK_EQ(reader.depth, 0);
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        json_list_begin(&reader, str_from(none[i]));
        CHECK_TRUE(!json_list_next(&reader, &item));
        CHECK_TRUE(!json_list_object(&reader));
    }
}

TEST(bad_lists_end_at_their_fault)
{
    static const char *const cases[] = {"[1 2]",   "[1,]", "[1,2",
                                        "[1,tru]", "[1}",  "[1,[}]"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json_reader reader = inside(cases[i]);
        struct str item;
        CHECK_EQ(json_item(&reader, &item), JSON_NUMBER);
        enum json_type type = json_item(&reader, &item);
        while (type > JSON_BAD && type != JSON_ARRAY_END)
            type = json_item(&reader, &item);
        CHECK_EQ(type, JSON_BAD);
    }
}

/* ---- by name ---- */

enum { A, LONG, B, COUNT };
static const struct str names[COUNT] = {
    STR_LIT("a"), STR_LIT("a_name_of_17_byte"), STR_LIT("b")};

TEST(a_key_is_found_by_its_name_whatever_its_escapes)
{
    static const struct {
        const char *key;
        unsigned which;
    } cases[] = {
        {"\"a\"", A},
        {"\"b\"", B},
        {"\"a_name_of_17_byte\"", LONG},
        {"\"\"", COUNT},
        {"\"c\"", COUNT},
        {"\"a_name_of_17_bytf\"", COUNT},
        {"\"aa\"", COUNT},
        {"\"\\u0061\"", A},
        {"\"x_name_of_17_byte\"", COUNT},
        {"\"\\b\"", COUNT},
        {"\"\\u0062\"", B},
        {"\"a_name\\u005fof_17_byte\"", LONG},
        {"\"A\"", COUNT},
        {"\"\\u00\"", COUNT},
        {"\"a_name_of_xx_byte\"", COUNT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK_EQ(json_key_find(str_from(cases[i].key), names, COUNT),
                 cases[i].which);
    CHECK_EQ(json_key_find(STR_LIT("\"a\""), names, 0), 0);
}

TEST(names_of_any_length_are_told_apart)
{
    char text[40], key[42];
    for (size_t len = 1; len < sizeof(text); len++) {
        memset(text, 'n', len);
        struct str name = {text, len};
        snprintf(key, sizeof(key), "\"%.*s\"", (int)len, text);
        CHECK_EQ(json_key_find(str_make(key, len + 2), &name, 1), 0);
        for (size_t at = 1; at <= len; at++) {
            key[at] = 'm';
            CHECK_EQ(json_key_find(str_make(key, len + 2), &name, 1), 1);
            key[at] = 'n';
        }
    }
}

TEST(members_come_by_name_the_last_one_counts_and_null_is_none)
{
    static const struct {
        const char *object;
        bool whole;
        const char *a, *b, *others;
    } cases[] = {
        {"{}", true, "", "", ""},
        {" {\"a\":1,\"b\":[2]} ", true, "1", "[2]", ""},
        {"{\"a\":1,\"a\":2}", true, "2", "", ""},
        {"{\"a\":1,\"a\":null}", true, "", "", ""},
        {"{\"a\":null,\"a\":1}", true, "1", "", ""},
        {"{\"\\u0061\":1}", true, "1", "", ""},
        {"{\"x\":1,\"y\":null,\"b\":{\"a\":3}}", true, "", "{\"a\":3}", "1"},
        {"{\"x\":1,\"y\":2}", true, "", "", "2"},
        {"{\"a\":1}x", false, "1", "", ""},
        {"{\"a\":1,\"b\":2", false, "1", "2", ""},
        {"{\"a\":1,\"b\":[}", false, "1", "", ""},
        {"{\"a\":1 \"b\":2}", false, "1", "", ""},
        {"[1]", false, "", "", ""},
        {"", false, "", "", ""},
        {" ", false, "", "", ""},
        {"null", false, "", "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str values[COUNT + 1];
        memset(values, 0x5a, sizeof(values));
        CHECK_EQ(json_members(str_from(cases[i].object), names, COUNT, values),
                 cases[i].whole);
        CHECK_STR(values[A], cases[i].a);
        CHECK_STR(values[B], cases[i].b);
        CHECK_STR(values[COUNT], cases[i].others);
        CHECK_EQ(values[LONG].len, 0);
    }
}

TEST(members_are_read_where_they_stand)
{
    struct json_reader reader =
        inside("[{\"a\":1},{\"b\":[3,{}]},{\"a\":tru}]");
    struct str values[COUNT + 1];
    CHECK_TRUE(json_list_object(&reader));
    CHECK_TRUE(json_members_here(&reader, names, COUNT, values));
    CHECK_STR(values[A], "1");
    CHECK_TRUE(json_list_object(&reader));
    CHECK_TRUE(json_members_here(&reader, names, COUNT, values));
    CHECK_STR(values[A], "");
    CHECK_STR(values[B], "[3,{}]");
    CHECK_EQ(reader.depth, 1);
    CHECK_TRUE(json_list_object(&reader));
    CHECK_TRUE(!json_members_here(&reader, names, COUNT, values));
    CHECK_TRUE(!json_list_object(&reader));
}

TEST(a_value_may_have_two_names)
{
    static const struct str spelt[] = {STR_LIT("topK"), STR_LIT("top_k"),
                                       STR_LIT("seed"), STR_LIT("seed")};
    struct str values[3];
    CHECK_TRUE(json_members_spelt(STR_LIT("{\"top_k\":1,\"seed\":2}"), spelt, 2,
                                  2, values));
    CHECK_STR(values[0], "1");
    CHECK_STR(values[1], "2");
    CHECK_TRUE(json_members_spelt(STR_LIT("{\"topK\":1,\"top_k\":3,\"x\":4}"),
                                  spelt, 2, 2, values));
    CHECK_STR(values[0], "3");
    CHECK_STR(values[1], "");
    CHECK_STR(values[2], "4");
}

/* As deep as json_next() goes, and no deeper, wherever one begins. */
TEST(all_readers_go_as_deep)
{
    for (unsigned depth = JSON_MAX_DEPTH - 2; depth <= JSON_MAX_DEPTH + 1;
         depth++) {
        char text[2 * JSON_MAX_DEPTH + 20];
        struct str values[COUNT + 1], key, value;
        struct json_reader reader;
        struct json_token token;
        bool good = depth <= JSON_MAX_DEPTH;
        /* {"a":[[[...]]]} of so many containers */
        size_t len = (size_t)snprintf(text, sizeof(text), "{\"a\":");
        memset(text + len, '[', depth - 1);
        memset(text + len + depth - 1, ']', depth - 1);
        len += 2 * (depth - 1);
        text[len++] = '}';
        struct str object = str_make(text, len);
        CHECK_EQ(json_members(object, names, COUNT, values), good);
        json_reader_init(&reader, object);
        json_next(&reader, &token);
        CHECK_EQ(json_members_here(&reader, names, COUNT, values), good);
        json_reader_init(&reader, object);
        json_next(&reader, &token);
        CHECK_EQ(json_member(&reader, &key, &value),
                 good ? JSON_ARRAY : JSON_BAD);
        json_reader_init(&reader, object);
        enum json_type type = json_next(&reader, &token);
        while (type > JSON_BAD)
            type = json_next(&reader, &token);
        CHECK_EQ(type, good ? JSON_END : JSON_BAD);
    }
}
