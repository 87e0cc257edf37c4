/*
 * test_json_scan.c - the pull reader, spans, and the tap.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/json_scan.h"

#include "common/hash.h"
#include "common/json_lex.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/test.h"

/* One letter per token: o{ e} a[ z] k s n t f u, then E or B. */
static const char *
shape_of(struct str text)
{
    static char shape[2048];
    static const char letters[] = "EBoeazksntfu";
    struct json_reader reader;
    struct json_token token;
    size_t len = 0;
    json_reader_init(&reader, text);
    do {
        json_next(&reader, &token);
        shape[len++] = letters[token.type];
    } while (token.type > JSON_BAD && len < sizeof(shape) - 1);
    shape[len] = '\0';
    return shape;
}

TEST(texts_are_read_into_the_right_tokens)
{
    static const struct {
        const char *text, *shape;
    } cases[] = {
        {"{}", "oeE"},
        {"[]", "azE"},
        {" [ ] ", "azE"},
        {"0", "nE"},
        {"-0", "nE"},
        {"-1.5e+10", "nE"},
        {"1E5", "nE"},
        {"\"\"", "sE"},
        {"true", "tE"},
        {"false", "fE"},
        {"null", "uE"},
        {"\t\r\n null", "uE"},
        {"{\"a\":1}", "okneE"},
        {"{\"a\":{\"b\":[1,\"x\",null]},\"c\":true}", "okokansuzekteE"},
        {"[[],{},[{}]]", "aazoeaoezzE"},
        {"[\"\\u00e9\\ud800\\\\\\\"\\/\\b\\f\\n\\r\\t\"]", "aszE"},
        {"[\"\xff\xfe\"]", "aszE"}, /* UTF-8 is not our business */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK_STR(str_from(shape_of(str_from(cases[i].text))), cases[i].shape);
}

TEST(what_is_not_json_is_refused)
{
    static const char *const cases[] = {
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\" 1}",
        "{,}",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "1e+",
        "-",
        "--1",
        "0x10",
        "NaN",
        "Infinity",
        "tru",
        "truex",
        "True",
        "nul",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"\x01\"",
        "[1]]",
        "{} {}",
        "1 2",
        "[}",
        "{\"a\":1]",
        "\xef\xbb\xbf{}",
        "/**/1",
        "[1]x",
        "\"\\",
        "\"\\u",
        "{\"a\":1 \"b\":2}",
        "{\"a\"::1}",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *shape = shape_of(str_from(cases[i]));
        if (shape[strlen(shape) - 1] != 'B')
            test_fail(__FILE__, __LINE__, "taken: %s", cases[i]);
    }
    CHECK_STR(str_from(shape_of(str_make("[0\0]", 4))), "anB");
    CHECK_STR(str_from(shape_of(str_make("\"a\0b\"", 5))), "B");
}

TEST(an_error_says_where_and_stays)
{
    struct json_reader reader;
    struct json_token token;
    struct str span;
    json_reader_init(&reader, STR_LIT("{\"a\": 1, b}"));
    while (json_next(&reader, &token) > JSON_BAD)
        continue;
    CHECK_EQ(token.type, JSON_BAD);
    CHECK_EQ(reader.pos, 9);
    CHECK_EQ(json_next(&reader, &token), JSON_BAD);
    CHECK_EQ(json_skip_value(&reader, &span), JSON_BAD);
    json_reader_init(&reader, STR_LIT("1"));
    CHECK_EQ(json_next(&reader, &token), JSON_NUMBER);
    CHECK_EQ(json_next(&reader, &token), JSON_END);
    CHECK_EQ(json_next(&reader, &token), JSON_END);
}

static bool
depth_is_taken(size_t depth, bool by_skip)
{
    char text[1024];
    struct json_reader reader;
    struct json_token token;
    struct str span;
    for (size_t i = 0; i < depth; i++) {
        text[i] = '[';
        text[2 * depth - 1 - i] = ']';
    }
    json_reader_init(&reader, str_make(text, 2 * depth));
    if (by_skip)
        return json_skip_value(&reader, &span) == JSON_ARRAY &&
               span.len == 2 * depth;
    while (json_next(&reader, &token) > JSON_BAD)
        continue;
    return token.type == JSON_END;
}

TEST(containers_nest_128_deep_and_no_deeper)
{
    CHECK_TRUE(depth_is_taken(JSON_MAX_DEPTH, false));
    CHECK_TRUE(depth_is_taken(JSON_MAX_DEPTH, true));
    CHECK_TRUE(!depth_is_taken(JSON_MAX_DEPTH + 1, false));
    CHECK_TRUE(!depth_is_taken(JSON_MAX_DEPTH + 1, true));
}

TEST(tokens_carry_raw_spans_and_depths)
{
    struct json_reader reader;
    struct json_token token;
    json_reader_init(&reader, STR_LIT(" { \"k\\n\" : [ 1.50 ] } "));
    CHECK_EQ(json_next(&reader, &token), JSON_OBJECT);
    CHECK_EQ(token.depth, 0);
    CHECK_EQ(json_next(&reader, &token), JSON_KEY);
    CHECK_STR(token.span, "\"k\\n\"");
    CHECK_EQ(token.depth, 1);
    CHECK_EQ(json_next(&reader, &token), JSON_ARRAY);
    CHECK_EQ(token.depth, 1);
    CHECK_EQ(json_next(&reader, &token), JSON_NUMBER);
    CHECK_STR(token.span, "1.50");
    CHECK_EQ(token.depth, 2);
    CHECK_EQ(json_next(&reader, &token), JSON_ARRAY_END);
    CHECK_EQ(token.depth, 1);
    CHECK_EQ(json_next(&reader, &token), JSON_OBJECT_END);
    CHECK_EQ(token.depth, 0);
    CHECK_EQ(json_next(&reader, &token), JSON_END);
}

TEST(a_value_is_skipped_whole)
{
    struct json_reader reader;
    struct json_token token;
    struct str span;
    json_reader_init(&reader,
                     STR_LIT("{\"a\":{\"x\":\"]}\\\"\",\"y\":[[1],{}]},\"b\":"
                             "-12.5 ,\"c\":\"long string, longer than a "
                             "vector register, and then some more of it\","
                             "\"d\":[1,2] } "));
    static const char *const want[] = {
        "{\"x\":\"]}\\\"\",\"y\":[[1],{}]}", "-12.5",
        "\"long string, longer than a vector register, and then some more of "
        "it\"",
        "[1,2]"};
    CHECK_EQ(json_next(&reader, &token), JSON_OBJECT);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        CHECK_EQ(json_next(&reader, &token), JSON_KEY);
        CHECK_TRUE(json_skip_value(&reader, &span) > JSON_BAD);
        CHECK_STR(span, want[i]);
    }
    CHECK_EQ(json_skip_value(&reader, &span), JSON_OBJECT_END);
    CHECK_EQ(json_skip_value(&reader, &span), JSON_END);
}

/* One step of json_member() is two of the others, whole or not. */
static void
check_members(struct str text)
{
    struct json_reader one, two;
    struct json_token token;
    struct str key, value, want;
    enum json_type type;
    json_reader_init(&one, text);
    json_reader_init(&two, text);
    if (json_next(&one, &token) != JSON_OBJECT)
        return;
    json_next(&two, &token);
    do {
        type = json_member(&one, &key, &value);
        enum json_type next = json_next(&two, &token);
        if (next == JSON_KEY)
            next = json_skip_value(&two, &want);
        CHECK_EQ(type, next);
        if (type <= JSON_BAD || type == JSON_OBJECT_END)
            continue;
        CHECK_TRUE(str_equals(key, token.span));
        CHECK_TRUE(str_equals(value, want) && value.ptr == want.ptr);
    } while (type > JSON_BAD && type != JSON_OBJECT_END);
    if (type == JSON_OBJECT_END)
        CHECK_EQ(json_next(&one, &token), json_next(&two, &token));
}

TEST(members_are_passed_as_their_tokens_are)
{
    static const char *const texts[] = {
        "{\"id\": \"a name of more than sixteen bytes\", \"n\":0,\"m\" : 12,"
        "\"f\":12.5e3 ,\"g\":-1,\"t\":true,\"u\":null, \"o\":{\"x\": [1, "
        "{\"]\": \"}\"}]}, \"e\\n\":\"\\u00e9\\\"\" , \"l\":[]}",
        "{}",
        "{ }",
        "{ \"a\"\t:\n1 }",
        "{\"a\":1,}",
        "{\"a\":01}",
        "{,}",
        "{\"a\":1 \"b\":2}",
        "{\"a\" 1}",
        "{\"a\":}",
        "{\"a\":1]",
        "{1:2}",
        "{\"a\":[1}",
        "{\"a\":1..2}",
        "{\"a\":tru}",
        "{\"a\x01\":1}",
        "{\"a\":\"\\x\"}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        size_t len = strlen(texts[i]);
        for (size_t cut = 1; cut <= len; cut++) {
            char *text = malloc(cut); /* nothing may be read behind it */
            CHECK_TRUE(text != NULL);
            memcpy(text, texts[i], cut);
            check_members(str_make(text, cut));
            free(text);
        }
    }
}

TEST(the_elements_of_a_list_are_walked_by_skipping)
{
    struct json_reader reader;
    struct json_token token;
    struct str span;
    json_reader_init(&reader, STR_LIT("[ {\"a\":[]} , 2,\"x\" ]"));
    CHECK_EQ(json_next(&reader, &token), JSON_ARRAY);
    CHECK_EQ(json_skip_value(&reader, &span), JSON_OBJECT);
    CHECK_STR(span, "{\"a\":[]}");
    CHECK_EQ(json_skip_value(&reader, &span), JSON_NUMBER);
    CHECK_EQ(json_skip_value(&reader, &span), JSON_STRING);
    CHECK_EQ(json_skip_value(&reader, &span), JSON_ARRAY_END);
    CHECK_EQ(json_next(&reader, &token), JSON_END);
}

TEST(skipping_refuses_open_ends_and_wrong_brackets)
{
    static const char *const cases[] = {
        "{\"a\":[}", "[\"x]", "[\"\n\"]", "[[]", "{\"a\":\"\\x\"}", "[1}"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json_reader reader;
        struct str span;
        json_reader_init(&reader, str_from(cases[i]));
        CHECK_EQ(json_skip_value(&reader, &span), JSON_BAD);
    }
}

/* Every position of a special byte relative to the 16 and 64 byte steps. */
TEST(long_strings_end_where_they_end)
{
    char text[300];
    for (size_t len = 0; len < 200; len++) {
        struct json_reader reader;
        struct str span;
        memset(text, 'x', sizeof(text));
        text[0] = text[len + 1] = '"';
        json_reader_init(&reader, str_make(text, len + 2));
        CHECK_EQ(json_skip_value(&reader, &span), JSON_STRING);
        CHECK_EQ(span.len, len + 2);
        text[len + 1] = 0x1f;
        text[len + 2] = '"';
        json_reader_init(&reader, str_make(text, len + 3));
        CHECK_EQ(json_skip_value(&reader, &span), JSON_BAD);
        CHECK_EQ(reader.pos, len + 1);
        memcpy(text + len + 1, "\\\"\"", 3);
        json_reader_init(&reader, str_make(text, len + 4));
        CHECK_EQ(json_skip_value(&reader, &span), JSON_STRING);
        CHECK_EQ(span.len, len + 4);
    }
}

TEST(strings_compare_and_decode_with_their_escapes)
{
    static const struct {
        const char *span, *plain;
    } cases[] = {
        {"\"model\"", "model"},
        {"\"m\\u006fdel\"", "model"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u00e9\\u20AC\"", "\xc3\xa9\xe2\x82\xac"},
        {"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80"},
        {"\"\\ud83d\"", "\xef\xbf\xbd"},
        {"\"\\ude00x\"", "\xef\xbf\xbdx"},
        {"\"\\ud83d\\n\"", "\xef\xbf\xbd\n"},
        {"\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
        {"\"\"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str span = str_from(cases[i].span);
        char out[64];
        int n = json_string_decode(span, out, sizeof(out));
        CHECK_EQ(n, strlen(cases[i].plain));
        CHECK_STR(str_from(out), cases[i].plain);
        CHECK_TRUE(json_string_equals(span, str_from(cases[i].plain)));
        CHECK_TRUE(!json_string_equals(span, STR_LIT("other")));
    }
    char out[4];
    CHECK_EQ(json_string_decode(STR_LIT("\"abcd\""), out, 4), 4);
    CHECK_EQ(json_string_decode(STR_LIT("\"abcde\""), out, 4), -EMSGSIZE);
    CHECK_EQ(json_string_decode(STR_LIT("\"\\u20ac\""), out, 2), -EMSGSIZE);
    CHECK_EQ(json_string_decode(STR_LIT("\"\\q\""), out, 4), -EINVAL);
    CHECK_EQ(json_string_decode(STR_LIT("12"), out, 4), -EINVAL);
    CHECK_TRUE(
        json_string_equals(STR_LIT("\"a\\u0000b\""), str_make("a\0b", 3)));
    CHECK_TRUE(!json_string_equals(STR_LIT("\"mode\""), STR_LIT("model")));
    CHECK_TRUE(!json_string_equals(STR_LIT("\"models\""), STR_LIT("model")));
}

TEST(a_text_is_decoded_as_far_as_there_is_room)
{
    static const struct {
        const char *inside, *plain;
        size_t size;
    } cases[] = {
        {"abcd", "abcd", 5},
        {"abcde", "abcd", 5},
        {"ab\\u20ac", "ab", 5},
        {"a\\u20acb", "a\xe2\x82\xac", 5},
        {"abc\xc3\xa9", "abc", 5},
        {"ab\xc3\xa9x", "ab\xc3\xa9", 5},
        {"\\ud83d\\ude00", "", 4},
        {"\\ud83d\\ude00", "\xf0\x9f\x98\x80", 5},
        {"ab\\q", "ab", 9},
        {"\\\\\\\"\\n", "\\\"\n", 4},
        {"x", "", 1},
        {"", "", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[16];
        memset(out, 'z', sizeof(out));
        CHECK_EQ(
            json_text_decode_cut(str_from(cases[i].inside), out, cases[i].size),
            strlen(cases[i].plain));
        CHECK_STR(str_from(out), cases[i].plain);
        CHECK_EQ(out[cases[i].size], 'z');
    }
}

TEST(numbers_become_unsigned_integers)
{
    static const struct {
        const char *span;
        int rc;
        uint64_t value;
    } cases[] = {
        {"0", 0, 0},
        {"12", 0, 12},
        {"12.9", 0, 12},
        {"1.2e1", 0, 12},
        {"1.29e1", 0, 12},
        {"120e-1", 0, 12},
        {"1e3", 0, 1000},
        {"0.5", 0, 0},
        {"0.001e3", 0, 1},
        {"5e-324", 0, 0},
        {"0e999999999999", 0, 0},
        {"-0", 0, 0},
        {"9007199254740992", 0, 9007199254740992},
        {"9007199254740993", -ERANGE, 9007199254740992},
        {"18446744073709551616", -ERANGE, 9007199254740992},
        {"1e400", -ERANGE, 9007199254740992},
        {"-1", -ERANGE, 0},
        {"-0.1", -ERANGE, 0},
        {"null", -ENOENT, 0},
        {"\"12\"", -EINVAL, 0},
        {"true", -EINVAL, 0},
        {"", -EINVAL, 0},
        {"1x", -EINVAL, 0},
        {"1e", -EINVAL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t value = 77;
        CHECK_EQ(json_number_u64(str_from(cases[i].span), &value), cases[i].rc);
        CHECK_EQ(value, cases[i].value);
    }
}

TEST(members_are_found_by_path_and_the_last_one_counts)
{
    struct str object =
        STR_LIT("{\"usage\":{\"total\":1},\"a\":\"x\",\"us\\u0061ge\":"
                "{\"total\":2,\"d\":{\"c\":[3]}}}");
    struct str value;
    CHECK_TRUE(json_find(object, "usage.total", &value));
    CHECK_STR(value, "2");
    CHECK_TRUE(json_find(object, "usage.d.c", &value));
    CHECK_STR(value, "[3]");
    CHECK_TRUE(json_find(object, "a", &value));
    CHECK_STR(value, "\"x\"");
    CHECK_TRUE(!json_find(object, "b", &value));
    CHECK_TRUE(!json_find(object, "a.b", &value));
    CHECK_TRUE(!json_find(STR_LIT("[1]"), "a", &value));
    CHECK_TRUE(!json_find(STR_LIT("{\"a\":1"), "a", &value));
    CHECK_TRUE(!json_find(STR_LIT(""), "a", &value));
}

/* ---- the tap ---- */

static const char *const tap_names[] = {"id", "usage", "model", NULL};
static struct json_tap tap;
static struct json_tap_value tap_values[3];

static void
feed_in_pieces(struct str text, size_t piece)
{
    json_tap_init(&tap, tap_names, tap_values);
    for (size_t at = 0; at < text.len; at += piece) {
        size_t n = text.len - at < piece ? text.len - at : piece;
        /* A copy with nothing behind it, so that ASan sees an overrun. */
        char *copy = malloc(n);
        memcpy(copy, text.ptr + at, n);
        json_tap_feed(&tap, copy, n);
        free(copy);
    }
}

static struct str
tapped(size_t i)
{
    return str_make(tap_values[i].bytes, tap_values[i].len);
}

TEST(the_tap_captures_members_whatever_the_cuts)
{
    struct str text = STR_LIT(
        "\xef\xbb\xbf {\"id\" : \"a\\\"b\" , \"x\":{\"id\":[1,\"}\\\\\"]},"
        "\"choices\":[{\"usage\":1},[[]],\"a text that is longer than one "
        "vector of sixteen bytes\"],\n"
        "\"us\\u0061ge\":{\"total\":12,\"d\":{\"c\":null}} ,\"y\":true,"
        "\"model\":-1.5e3} \n");
    for (size_t piece = 1; piece <= text.len; piece++) {
        feed_in_pieces(text, piece);
        CHECK_TRUE(!tap.bad && tap.complete);
        CHECK_EQ(tap.bytes_seen, text.len);
        for (size_t i = 0; i < 3; i++)
            CHECK_TRUE(tap_values[i].seen && !tap_values[i].truncated);
        CHECK_STR(tapped(0), "\"a\\\"b\"");
        CHECK_STR(tapped(1), "{\"total\":12,\"d\":{\"c\":null}}");
        CHECK_STR(tapped(2), "-1.5e3");
    }
}

TEST(the_last_of_two_members_counts_in_the_tap)
{
    feed_in_pieces(STR_LIT("{\"id\":1,\"id\":\"two\"}"), 3);
    CHECK_STR(tapped(0), "\"two\"");
    CHECK_TRUE(tap_values[0].seen && !tap_values[1].seen);
    feed_in_pieces(STR_LIT("{\"id\":1,\"id\":\"tw"), 3);
    CHECK_TRUE(!tap_values[0].seen && !tap.complete && !tap.bad);
}

TEST(a_value_too_long_for_the_tap_is_marked)
{
    static char text[JSON_TAP_VALUE_BYTES + 64];
    for (size_t over = 0; over < 2; over++) {
        size_t len = JSON_TAP_VALUE_BYTES + over;
        memset(text, 'x', sizeof(text));
        memcpy(text, "{\"id\":\"", 7);
        memcpy(text + 6 + len - 1, "\"}", 2);
        for (size_t piece = 1; piece < 4000; piece += 799) {
            feed_in_pieces(str_make(text, 6 + len + 1), piece);
            CHECK_TRUE(tap.complete && tap_values[0].seen);
            CHECK_EQ(tap_values[0].truncated, over);
            CHECK_EQ(tap_values[0].len, over ? 0 : JSON_TAP_VALUE_BYTES);
        }
    }
}

TEST(the_tap_says_when_it_is_no_json)
{
    static const char *const bad[] = {
        "x{}",        "{\"a\" 1}",      "{\"id\":1}x",
        "{1:2}",      "{\"id\":1 2}",   "{\"a\":,}",
        "{,}",        "{\"a\":1,}",     "]",
        "\xef\xbb{}", "{\"a\":\"\n\"}", "{\"a\":\"\\x\"}",
        "<html>",     "data: {}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        for (size_t piece = 1; piece < 20; piece += 3) {
            feed_in_pieces(str_from(bad[i]), piece);
            /* A bare word at the top is only known by what follows. */
            CHECK_TRUE(tap.bad);
        }
    }
    char *deep = malloc(70000);
    memset(deep, '[', 70000);
    feed_in_pieces(str_make(deep, 65535), 4096);
    CHECK_TRUE(!tap.bad);
    feed_in_pieces(str_make(deep, 65536), 4096);
    CHECK_TRUE(tap.bad);
    free(deep);
}

TEST(a_top_value_that_is_no_object_ends_the_tap_quietly)
{
    static const char *const good[] = {"[{\"id\":1},[2]]", "\"x\"", "12 ",
                                       "null\n",           "[]",    "{}"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        for (size_t piece = 1; piece < 20; piece += 3) {
            feed_in_pieces(str_from(good[i]), piece);
            CHECK_TRUE(tap.complete && !tap.bad && !tap_values[0].seen);
        }
    }
}

/* Every escape at every place of blocks, behind text of every length. */
static void
check_escapes(void)
{
    static const struct {
        const char *text;
        int decoded; /* bytes; -1: no escape */
    } escapes[] = {
        {"\\n", 1},     {"\\\"", 1},     {"\\\\", 1},         {"\\/", 1},
        {"\\t", 1},     {"\\b", 1},      {"\\f", 1},          {"\\r", 1},
        {"\\u0041", 1}, {"\\u00e9", 2},  {"\\u20ac", 3},      {"\\n\\n", 2},
        {"\\\\\\n", 2}, {"\\x", -1},     {"\\u12g4", -1},     {"\n", -1},
        {"\\\n", -1},   {"\\U0041", -1}, {"\\\\\\\\\\\"", 3},
    };
    char text[512];
    for (size_t i = 0; i < ARRAY_LEN(escapes); i++)
        for (size_t before = 0; before < 140; before++)
            for (size_t after = 0; after < 150; after += 49) {
                size_t len = strlen(escapes[i].text);
                text[0] = '"';
                memset(text + 1, 'x', before);
                memcpy(text + 1 + before, escapes[i].text, len);
                memset(text + 1 + before + len, 'y', after);
                text[1 + before + len + after] = '"';
                struct str all = {text, before + len + after + 2};
                struct json_reader reader;
                struct json_token token;
                json_reader_init(&reader, all);
                enum json_type type = json_next(&reader, &token);
                if (escapes[i].decoded < 0) {
                    CHECK_EQ(type, JSON_BAD);
                    continue;
                }
                CHECK_EQ(type, JSON_STRING);
                CHECK_EQ(token.span.len, all.len);
                CHECK_EQ(token.decoded_len,
                         before + after + (size_t)escapes[i].decoded);
            }
}

TEST(escapes_are_passed_wherever_they_stand)
{
    static const unsigned widths[] = {16, 32, 64};
    for (size_t i = 0; i < ARRAY_LEN(widths); i++) {
        json_lex_limit_width(widths[i]);
        check_escapes();
    }
}

/* Random bytes of those that matter: all widths say the same. */
TEST(vectors_of_all_widths_read_alike)
{
    static const char bytes[] = "\"\\\\\\\\nntrbf/u01aFxyz\n\x7f\x80\xa2\xff";
    uint64_t seed = 1;
    char text[400];
    for (int round = 0; round < 200000; round++) {
        size_t len = 70 + (size_t)round % (sizeof(text) - 70);
        for (size_t i = 0; i < len; i++) {
            seed = hash_mix64(seed + i);
            /* Mostly plain, or no string would be long. */
            text[i] = seed % 16 != 0 ? 'x' : bytes[seed / 16 % sizeof(bytes)];
        }
        const char *after[3], *fault[3];
        size_t surplus[3];
        for (unsigned w = 0; w < 3; w++) {
            json_lex_limit_width(16u << w);
            after[w] =
                json_lex_string(text, text + len, &fault[w], &surplus[w]);
        }
        for (unsigned w = 1; w < 3; w++) {
            CHECK_TRUE(after[w] == after[0]);
            if (after[0] == NULL)
                CHECK_TRUE(fault[w] == fault[0]);
            else
                CHECK_EQ(surplus[w], surplus[0]);
        }
    }
}
