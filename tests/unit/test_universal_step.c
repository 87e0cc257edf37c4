/*
 * test_universal_step.c - tests of worker/universal_step.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/universal_step.h"

#include <stdio.h>
#include <string.h>

#include "tests/test.h"

static struct universal_step steps[UNIVERSAL_STEPS_MAX];

static int
read_steps(const char *body, struct fault *fault)
{
    memset(steps, 0xa5, sizeof(steps));
    return universal_read_steps(str_from(body), steps, fault);
}

#define STEP(members)                                                          \
    "{\"provider\":\"p\",\"endpoint\":\"e/f\",\"query\":{\"a\":1}," members "}"

TEST(a_body_is_one_call_or_a_list_of_them)
{
    static const char body[] =
        "[" STEP("\"headers\":{\"X-A\":\"b\"},\"config\":{\"requestTimeout\":"
                 "250,\"maxAttempts\":2}") "," STEP("\"headers\":null,"
                                                    "\"config\":null,"
                                                    "\"other\":[]") "]";
    struct fault fault;
    CHECK_EQ(read_steps(body, &fault), 2);
    CHECK_STR(str_from(steps[0].path), "/v1/a/g/p/e/f");
    CHECK_STR(str_make(body + steps[0].query.off, steps[0].query.len),
              "{\"a\":1}");
    CHECK_STR(str_make(body + steps[0].headers.off, steps[0].headers.len),
              "{\"X-A\":\"b\"}");
    CHECK_EQ(steps[0].policy.request_timeout_ms, 250);
    CHECK_EQ(steps[0].policy.max_attempts, 2);
    CHECK_EQ(steps[1].headers.len, 0);
    CHECK_EQ(steps[1].policy.request_timeout_ms, 0);
    CHECK_EQ(read_steps(STEP("\"x\":1"), &fault), 1);
}

TEST(calls_that_are_none_are_refused_wherever_they_stand)
{
    static const char *const bad[] = {
        "\"headers\":[]",
        "\"headers\":\"x: y\"",
        "\"headers\":{\"a\":1}",
        "\"headers\":{\"a\":[\"b\"]}",
        "\"headers\":{\"\":\"b\"}",
        "\"headers\":{\"a b\":\"c\"}",
        "\"headers\":{\"a:\":\"c\"}",
        "\"headers\":{\"a\\r\\nb\":\"c\"}",
        "\"headers\":{\"a\":\"b\\r\\nx-api-key: c\"}",
        "\"headers\":{\"a\":\"b\\u0000\"}",
        "\"headers\":{\"a\":\"b\",\"A\":\"c\"}",
        "\"headers\":{\"\\u0061\":\"b\",\"a\":\"b\"}",
        "\"config\":[]",
        "\"config\":{\"maxAttempts\":9}",
        "\"query\":7",
        "\"provider\":\"a/b\"",
    };
    char body[512];
    struct fault fault;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        snprintf(body, sizeof(body),
                 "[" STEP("\"x\":1") ",{\"provider\":\"p\","
                                     "\"endpoint\":\"e\",\"query\":{},%s}]",
                 bad[i]);
        if (read_steps(body, &fault) != -1)
            test_fail(__FILE__, __LINE__, "%s was taken", bad[i]);
        CHECK_EQ(fault.status, 400);
        CHECK_TRUE(fault.no_retry);
    }
}

TEST(fields_of_a_call_are_bounded)
{
    struct fault fault;
    struct buf body;
    buf_init(&body, 0);
    for (int count = 32; count <= 33; count++) {
        buf_reset(&body);
        buf_append_cstr(&body, "{\"provider\":\"p\",\"endpoint\":\"e\","
                               "\"query\":{},\"headers\":{\"x\":null");
        for (int i = 0; i < count; i++)
            buf_printf(&body, ",\"x-%d\":\"v\"", i);
        buf_append_cstr(&body, "}}");
        CHECK_EQ(read_steps(buf_cstr(&body), &fault), count == 32 ? 1 : -1);
    }
    buf_reset(&body);
    buf_append_cstr(&body, "{\"provider\":\"p\",\"endpoint\":\"e\","
                           "\"query\":{},\"headers\":{\"x\":\"");
    for (int i = 0; i < UNIVERSAL_FIELDS_BYTES; i++)
        buf_append_char(&body, 'v');
    buf_append_cstr(&body, "\"}}");
    CHECK_EQ(read_steps(buf_cstr(&body), &fault), -1);
    CHECK_STR(str_from(fault.param), "headers");
    buf_fini(&body);
}

static struct http_head client, merged;
static struct buf texts;

static int
merge(const char *fields, const char *headers, struct fault *fault)
{
    static char text[16384];
    size_t scanned = 0;
    snprintf(text, sizeof(text), "POST /v1/a/g HTTP/1.1\r\nHost: g\r\n%s\r\n",
             fields);
    CHECK_EQ(http_parse_request(text, strlen(text), &scanned, &client),
             HTTP_DONE);
    return universal_step_head(str_from(headers), &client, &merged, &texts,
                               fault);
}

TEST(a_calls_own_fields_come_before_the_clients)
{
    struct fault fault;
    CHECK_EQ(
        merge("X-A: old\r\nx-a: older\r\nX-B: kept\r\nConnection: X-Hop, "
              "X-C\r\nX-Hop: 1\r\n",
              "{\"x-A\":\" new \\u00e9 \",\"X-C\":\"named\",\"Connection\":"
              "\"x-b\",\"TE\":\"trailers\",\"Transfer-Encoding\":"
              "\"chunked\",\"x-\\u0064\":\"\",\"x-e\":null}",
              &fault),
        0);
    CHECK_EQ(http_field_count(&merged, STR_LIT("x-a")), 1);
    CHECK_STR(http_field_find(&merged, STR_LIT("x-a")), "new \xc3\xa9");
    CHECK_STR(http_field_find(&merged, STR_LIT("x-b")), "kept");
    CHECK_EQ(http_field_count(&merged, STR_LIT("x-d")), 1);
    static const char *const gone[] = {"x-c", "x-hop", "connection",
                                       "te",  "x-e",   "transfer-encoding"};
    for (size_t i = 0; i < ARRAY_LEN(gone); i++)
        CHECK_EQ(http_field_count(&merged, str_from(gone[i])), 0);
    CHECK_TRUE(!merged.names_fields);
    buf_fini(&texts);
}

TEST(all_fields_together_are_bounded)
{
    char fields[4096];
    struct fault fault;
    size_t len = 0;
    for (int i = 0; i < 98; i++)
        len += (size_t)snprintf(fields + len, sizeof(fields) - len,
                                "x-%d: v\r\n", i);
    CHECK_EQ(merge(fields, "{\"y\":\"1\",\"x-97\":\"2\"}", &fault), 0);
    CHECK_EQ(merged.field_count, 100);
    CHECK_EQ(merge(fields, "{\"y\":\"1\",\"z\":\"2\"}", &fault), -1);
    CHECK_EQ(fault.status, 400);
    CHECK_EQ(merge(fields, "", &fault), 0);
    CHECK_EQ(merged.field_count, 99); /* and the host */
    buf_fini(&texts);
}
