/*
 * test_relay_array.c - tests of worker/relay_array.c: events in, an array out,
 * however the bytes are cut.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <cjson/cJSON.h>

#include "tests/test.h"
#include "worker/relay_parts.h"

static struct buf out;

static struct str
array_of(const char *events, size_t piece)
{
    struct relay_array array = {0};
    struct str rest = str_from(events);
    buf_reset(&out);
    while (rest.len > 0) {
        size_t n = piece < rest.len ? piece : rest.len;
        relay_array_add(&array, &out, str_make(rest.ptr, n));
        rest = str_skip(rest, n);
    }
    relay_array_end(&array, &out);
    relay_array_end(&array, &out); /* once */
    return buf_view(&out);
}

TEST(the_data_of_events_are_elements_however_they_are_cut)
{
    static const struct {
        const char *events, *want;
    } cases[] = {
        {"", "[]\r\n"},
        {": nothing\n\n", "[]\r\n"},
        {"data: {\"a\":1}\r\n\r\n", "[{\"a\":1}\r\n]\r\n"},
        {"data: 1\r\n\r\ndata: 2\r\n\r\n", "[1,\r\n2\r\n]\r\n"},
        {"data:1\n\ndata:2\n\ndata:3", "[1,\r\n2,\r\n3\r\n]\r\n"},
        {"data: 1\r\rdata: 2\r\r", "[1,\r\n2\r\n]\r\n"},
        /* lines of one event are lines of one element */
        {"data: [1,\ndata: 2]\n\n", "[[1,\n2]\r\n]\r\n"},
        {"data: [1,\r\ndata: 2]\r\n\r\ndata: 3\r\n\r\n",
         "[[1,\n2],\r\n3\r\n]\r\n"},
        /* other fields, comments, names that begin alike */
        {"event: x\nid: 1\ndata: 1\nretry: 5\n\n: c\n\ndat: 9\ndata2: 9\n"
         "data: 2\n\n",
         "[1,\r\n2\r\n]\r\n"},
        {"\xef\xbb\xbf"
         "data: 1\n\n",
         "[1\r\n]\r\n"},
        {"data: \n\ndata:\n\ndata: 1\n\n", "[1\r\n]\r\n"},
        {"data: \"data: x\"\n\n", "[\"data: x\"\r\n]\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t piece = 1; piece < 40; piece++) {
            struct str got = array_of(cases[i].events, piece);
            CHECK_STR(got, cases[i].want);
            cJSON *json = cJSON_ParseWithLength(got.ptr, got.len);
            CHECK_TRUE(cJSON_IsArray(json));
            cJSON_Delete(json);
        }
    buf_fini(&out);
}
