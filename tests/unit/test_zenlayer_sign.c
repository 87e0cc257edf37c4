/*
 * test_zenlayer_sign.c - ZC2-HMAC-SHA256 by the two known vectors.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/dialect/zenlayer.h"

#include <stdio.h>

#include "tests/test.h"

struct fields {
    const char *content_type, *host, *extra;
};

static struct str
value_of(const void *context, struct str name)
{
    const struct fields *fields = context;
    if (str_equals(name, STR_LIT("content-type")))
        return str_from(fields->content_type);
    if (str_equals(name, STR_LIT("host")))
        return str_from(fields->host);
    return str_from(fields->extra);
}

static struct str
sign(const struct fields *fields, const char *names, const char *secret,
     const char *timestamp, const char *body, bool lower)
{
    static char hex[65];
    struct zenlayer_signature request = {
        .timestamp = str_from(timestamp),
        .signed_headers = str_from(names),
        .body = str_from(body),
        .value_of = value_of,
        .context = fields,
        .lower = lower,
    };
    zenlayer_sign(&request, str_from(secret), hex);
    return str_from(hex);
}

TEST(the_documents_example)
{
    const struct fields fields = {"application/json; charset=utf-8",
                                  "console.zenlayer.com", ""};
    CHECK_STR(
        sign(&fields, "content-type;host", "Gu5t9xGARNpq86cd98joQYCN3",
             "1673361177",
             "{\"pageSize\":10,\"pageNum\":1,\"zoneId\":\"HKG-A\"}", false),
        "efb356c32e55c781e10dc676da59462c22596d82e91c57803666243379555b2f");
}

TEST(as_the_sdks_sign_with_a_port_in_the_host)
{
    const struct fields fields = {"application/json", "127.0.0.1:8080", ""};
    const char *body = "{\"pageSize\":10,\"pageNum\":1}";
    const char *wanted =
        "313ee4c89ac1a5aacbb18cd37711aefad02dae81f37c79240d7378970a07eb6f";
    CHECK_STR(sign(&fields, "content-type;host", "testSecret", "1750000000",
                   body, false),
              wanted);
    const struct fields upper = {"Application/JSON", "127.0.0.1:8080", ""};
    CHECK_TRUE(!str_equals(sign(&upper, "content-type;host", "testSecret",
                                "1750000000", body, false),
                           str_from(wanted)));
    CHECK_STR(sign(&upper, "content-type;host", "testSecret", "1750000000",
                   body, true),
              wanted);
}

TEST(every_part_is_signed)
{
    const struct fields fields = {"application/json", "h", "a"};
    const struct fields other = {"application/json", "h", "b"};
    const char *names = "content-type;host;x-zc-action";
    char first[65];
    struct str got = sign(&fields, names, "s", "1", "{}", false);
    *str_copy(first, got) = '\0';
    CHECK_TRUE(!str_equals(str_from(first),
                           sign(&other, names, "s", "1", "{}", false)));
    CHECK_TRUE(!str_equals(str_from(first),
                           sign(&fields, names, "t", "1", "{}", false)));
    CHECK_TRUE(!str_equals(str_from(first),
                           sign(&fields, names, "s", "2", "{}", false)));
    CHECK_TRUE(!str_equals(str_from(first),
                           sign(&fields, names, "s", "1", "{ }", false)));
    CHECK_TRUE(!str_equals(str_from(first), sign(&fields, "content-type;host",
                                                 "s", "1", "{}", false)));
}
