/*
 * test_value.c - values of management bodies: exact or refused.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/value.h"

#include <stdlib.h>

#include "tests/test.h"

static cJSON *
body(const char *text)
{
    struct admin_error error = {0};
    return body_parse(str_from(text), &error);
}

static const cJSON *
member(const cJSON *object)
{
    return object == NULL ? NULL : object->child;
}

TEST(a_body_is_one_strict_object)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{} x",
        "{\"a\":1}{}",
        "nul",
        "{\"a\":1,}",
        "\"x\"",
        "{\"a\"}",
        "{\"a\":\"\\u0000\"}",
        "{\"\xff\":1}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":\"\xc0\xaf\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct admin_error error = {0};
        cJSON *parsed = body_parse(str_from(bad[i]), &error);
        CHECK_TRUE(parsed == NULL);
        CHECK_EQ(error.status, 400);
        cJSON_Delete(parsed);
    }
    cJSON *good = body(" {\"name\":\"\xe9\x92\xa5\"} \r\n");
    CHECK_TRUE(good != NULL);
    cJSON_Delete(good);
}

TEST(whole_numbers_are_exact_or_refused)
{
    static const struct {
        const char *json;
        bool good;
        uint64_t want;
    } cases[] = {
        {"{\"n\":0}", true, 0},
        {"{\"n\":2000000}", true, 2000000},
        {"{\"n\":2e6}", true, 2000000},
        {"{\"n\":9007199254740992}", true, 9007199254740992u},
        {"{\"n\":\"9007199254740993\"}", true, 9007199254740993u},
        {"{\"n\":9007199254740994}", false, 0},
        {"{\"n\":1e300}", false, 0},
        {"{\"n\":-1}", false, 0},
        {"{\"n\":1.5}", false, 0},
        {"{\"n\":\"-1\"}", false, 0},
        {"{\"n\":\" 1\"}", false, 0},
        {"{\"n\":\"1k\"}", false, 0},
        {"{\"n\":\"\"}", false, 0},
        {"{\"n\":\"99999999999999999999999\"}", false, 0},
        {"{\"n\":true}", false, 0},
        {"{\"n\":null}", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct admin_error error = {0};
        uint64_t n = 0;
        cJSON *object = body(cases[i].json);
        bool good =
            value_u64(member(object), "n", UINT64_C(1) << 62, &n, &error);
        if (good != cases[i].good)
            test_fail(__FILE__, __LINE__, "%s", cases[i].json);
        if (cases[i].good)
            CHECK_EQ(n, cases[i].want);
        else
            CHECK_STR(str_from(error.field), "n");
        cJSON_Delete(object);
    }
}

TEST(money_keeps_nine_decimals)
{
    static const struct {
        const char *json;
        bool good;
        int64_t nano;
    } cases[] = {
        {"{\"m\":2.5}", true, 2500000000},
        {"{\"m\":0.1}", true, 100000000},
        {"{\"m\":0.000000001}", true, 1},
        {"{\"m\":1e-9}", true, 1},
        {"{\"m\":-5}", true, -5000000000},
        {"{\"m\":123456.789012345}", true, 123456789012345},
        {"{\"m\":\"9000000000.000000001\"}", true, 9000000000000000001},
        {"{\"m\":0.0000000001}", false, 0},
        {"{\"m\":\"0.0000000001\"}", false, 0},
        {"{\"m\":12345678.123456789012}", false, 0},
        {"{\"m\":1e30}", false, 0},
        {"{\"m\":\"1e3\"}", false, 0},
        {"{\"m\":\"\"}", false, 0},
        {"{\"m\":[]}", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct admin_error error = {0};
        int64_t nano = 0;
        cJSON *object = body(cases[i].json);
        bool good = value_money(member(object), "m", &nano, &error);
        if (good != cases[i].good)
            test_fail(__FILE__, __LINE__, "%s", cases[i].json);
        if (good)
            CHECK_EQ(nano, cases[i].nano);
        cJSON_Delete(object);
    }
}

TEST(an_unknown_or_doubled_member_is_named)
{
    struct admin_error error = {0};
    cJSON *object = body("{\"limit\":1,\"period\":2}");
    CHECK_TRUE(value_members(object, "b[0]", "limit period", &error));
    CHECK_TRUE(!value_members(object, "b[0]", "limit", &error));
    CHECK_STR(str_from(error.field), "b[0].period");
    cJSON_Delete(object);
    object = body("{\"a\":1,\"a\":2}");
    CHECK_TRUE(!value_members(object, "", "a", &error));
    CHECK_STR(str_from(error.field), "a");
    cJSON_Delete(object);
    object = body("{\"A\":1}");
    CHECK_TRUE(!value_members(object, "", "a", &error));
    cJSON_Delete(object);
}

TEST(an_expiry_lies_ahead)
{
    struct admin_error error = {0};
    int64_t ms = 5;
    cJSON *object = body("{\"e\":null}");
    CHECK_TRUE(value_expiry(member(object), "e", &ms, &error));
    CHECK_EQ(ms, 0);
    cJSON_Delete(object);
    object = body("{\"e\":\"2001-01-01\"}");
    CHECK_TRUE(!value_expiry(member(object), "e", &ms, &error));
    cJSON_Delete(object);
    object = body("{\"e\":\"2999-01-01T00:00:00Z\"}");
    CHECK_TRUE(value_expiry(member(object), "e", &ms, &error));
    CHECK_TRUE(ms > 0);
    cJSON_Delete(object);
}

TEST(texts_have_no_control_characters)
{
    struct admin_error error = {0};
    cJSON *object = body("{\"t\":\"a\\nb\"}");
    CHECK_TRUE(value_text(member(object), "t", 10, &error) == NULL);
    cJSON_Delete(object);
    object = body("{\"t\":\"abc\"}");
    CHECK_TRUE(value_text(member(object), "t", 2, &error) == NULL);
    CHECK_TRUE(value_text(member(object), "t", 3, &error) != NULL);
    cJSON_Delete(object);
}
