/*
 * test_json_write.c - JSON written into a buf.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/json_write.h"

#include <stdio.h>

#include "common/json_scan.h"
#include "tests/test.h"

TEST(commas_and_brackets_stand_where_they_belong)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, 0);
    json_writer_init(&w, &out);
    json_object_begin(&w);
    json_key(&w, "a");
    json_u64(&w, UINT64_MAX);
    json_key(&w, "b");
    json_array_begin(&w);
    json_i64(&w, -1);
    json_bool(&w, true);
    json_bool(&w, false);
    json_null(&w);
    json_object_begin(&w);
    json_object_end(&w);
    json_array_begin(&w);
    json_array_end(&w);
    json_array_end(&w);
    json_key_str(&w, STR_LIT("c\""));
    json_cstring(&w, NULL);
    json_key(&w, "d");
    json_raw(&w, STR_LIT("{\"x\": 1}"));
    json_key(&w, "m");
    json_money(&w, 1500000000);
    json_key(&w, "t");
    json_time(&w, 1);
    json_key(&w, "n");
    json_time(&w, 0);
    json_object_end(&w);
    CHECK_STR(buf_view(&out),
              "{\"a\":18446744073709551615,\"b\":[-1,true,false,null,{},[]],"
              "\"c\\\"\":null,\"d\":{\"x\": 1},\"m\":1.5,"
              "\"t\":\"1970-01-01T00:00:00.001Z\",\"n\":null}");
    buf_fini(&out);
}

TEST(text_is_escaped_and_made_utf8)
{
    static const struct {
        const char *text;
        const char *json;
    } cases[] = {
        {"plain", "plain"},
        {"\"\\/", "\\\"\\\\/"},
        {"\b\f\n\r\t\x01\x1f", "\\b\\f\\n\\r\\t\\u0001\\u001f"},
        {"\x7f", "\x7f"},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
         "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"a\xffz", "a\xef\xbf\xbdz"},
        {"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"}, /* overlong */
        {"\xe0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* half */
        {"\xf4\x90\x80\x80",
         "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"}, /* cut short */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out;
        buf_init(&out, 0);
        json_escape(&out, str_from(cases[i].text));
        CHECK_STR(buf_view(&out), cases[i].json);
        buf_fini(&out);
    }
}

TEST(a_value_in_one_line_has_spaces_for_line_ends)
{
    struct buf out;
    struct json_writer json;
    buf_init(&out, 0);
    json_writer_init(&json, &out);
    json_array_begin(&json);
    json_raw_line(&json, STR_LIT("{\n \"a\":\r\n1}\n"));
    json_raw_line(&json, STR_LIT("2"));
    json_array_end(&json);
    CHECK_STR(buf_view(&out), "[{  \"a\":  1} ,2]");
    buf_fini(&out);
}

TEST(any_bytes_make_good_json)
{
    unsigned seed = 1;
    for (int turn = 0; turn < 2000; turn++) {
        char bytes[64];
        size_t len = (size_t)turn % sizeof(bytes);
        for (size_t i = 0; i < len; i++) {
            seed = seed * 1103515245 + 12345;
            bytes[i] = (char)(seed >> 16);
        }
        struct buf out;
        struct json_writer w;
        struct json_reader reader;
        struct json_token token;
        buf_init(&out, 0);
        json_writer_init(&w, &out);
        json_string(&w, str_make(bytes, len));
        json_reader_init(&reader, buf_view(&out));
        CHECK_EQ(json_next(&reader, &token), JSON_STRING);
        CHECK_EQ(json_next(&reader, &token), JSON_END);
        buf_fini(&out);
    }
}

TEST(every_byte_is_escaped_wherever_it_stands)
{
    struct buf out;
    struct json_writer json;
    buf_init(&out, 0);
    for (unsigned c = 0; c < 256; c++) {
        for (size_t at = 0; at < 19; at++) {
            char text[19], want[64], back[64];
            memset(text, 'a', sizeof(text));
            text[at] = (char)c;
            buf_reset(&out);
            json_writer_init(&json, &out);
            json_string(&json, str_make(text, sizeof(text)));
            int len = json_string_decode(buf_view(&out), back, sizeof(back));
            snprintf(want, sizeof(want), "%.*s%s%.*s", (int)at,
                     "aaaaaaaaaaaaaaaaaaa", "\xef\xbf\xbd", (int)(18 - at),
                     "aaaaaaaaaaaaaaaaaaa");
            bool good = c < 0x80 ? len == 19 && memcmp(back, text, 19) == 0
                                 : len == 21 && memcmp(back, want, 21) == 0;
            if (!good)
                test_fail(__FILE__, __LINE__, "byte %u at %zu", c, at);
            /* The same as a name. */
            struct buf key;
            buf_init(&key, 0);
            json_writer_init(&json, &key);
            json_key_str(&json, str_make(text, sizeof(text)));
            buf_append_char(&out, ':');
            CHECK_TRUE(str_equals(buf_view(&key), buf_view(&out)));
            buf_fini(&key);
        }
    }
    buf_fini(&out);
}
