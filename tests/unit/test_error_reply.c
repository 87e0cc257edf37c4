/*
 * test_error_reply.c - faults, and how an error answer looks.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/error_reply.h"

#include "tests/test.h"

TEST(each_http_fault_has_a_stable_code)
{
    static const struct {
        uint16_t status;
        const char *code;
    } rows[] = {
        {400, "bad_request"},
        {404, "unknown_path"},
        {405, "method_not_allowed"},
        {408, "request_timeout"},
        {411, "length_required"},
        {413, "request_too_large"},
        {414, "uri_too_long"},
        {415, "unsupported_content_encoding"},
        {417, "expectation_failed"},
        {431, "header_fields_too_large"},
        {501, "not_implemented"},
        {503, "overloaded"},
        {505, "http_version_not_supported"},
        {499, "bad_request"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fault fault;
        memset(&fault, 0xff, sizeof(fault));
        fault_set_http(&fault, rows[i].status, "because");
        CHECK_EQ(fault.status, rows[i].status);
        CHECK_STR(str_from(fault.code), rows[i].code);
        CHECK_TRUE(strstr(fault.message, "because") != NULL);
        CHECK_TRUE(fault.param == NULL);
        CHECK_TRUE(!fault.no_retry);
    }
}

TEST(overload_says_when_to_come_back)
{
    struct fault fault;
    struct buf out;
    buf_init(&out, 0);
    fault_set_overloaded(&fault, "full");
    error_reply_fields(&out, &fault);
    CHECK_STR(buf_view(&out), "retry-after: 1\r\n");
    buf_fini(&out);
}

TEST(what_a_retry_cannot_cure_says_so)
{
    struct fault fault;
    struct buf out;
    buf_init(&out, 0);
    fault_set(&fault, 429, "insufficient_quota", "insufficient_quota", NULL,
              "%d left", 3);
    CHECK_STR(str_from(fault.message), "3 left");
    fault.no_retry = true;
    error_reply_fields(&out, &fault);
    CHECK_STR(buf_view(&out), "x-should-retry: false\r\n");
    buf_fini(&out);
}

TEST(a_message_longer_than_its_room_is_cut_and_ends)
{
    struct fault fault;
    char text[2000];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    fault_set(&fault, 400, "t", "c", "p", "%s", text);
    CHECK_EQ(strlen(fault.message), sizeof(fault.message) - 1);
}
