/*
 * test_query.c - query strings of management requests.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/query.h"

#include <errno.h>

#include "tests/test.h"

static bool
parse(struct query *query, const char *text, struct admin_error *error)
{
    *error = (struct admin_error){0};
    return query_parse(query, str_from(text), "name from limit", error);
}

TEST(names_and_values_are_decoded)
{
    struct query query;
    struct admin_error error;
    CHECK_TRUE(parse(&query, "name=a%20b%2Fc+d&limit=5&&", &error));
    CHECK_STR(str_from(query_get(&query, "name")), "a b/c d");
    CHECK_STR(str_from(query_get(&query, "limit")), "5");
    CHECK_TRUE(query_get(&query, "from") == NULL);
    query_fini(&query);
}

TEST(what_the_path_does_not_know_is_refused_by_name)
{
    static const struct {
        const char *text, *code, *field;
    } cases[] = {
        {"nmae=x", "invalid_field", "nmae"},
        {"name=x&name=y", "invalid_field", "name"},
        {"na=x", "invalid_field", "na"},
        {"name from=x", "invalid_field", "name from"},
        {"name=%", "invalid_query", ""},
        {"name=%4", "invalid_query", ""},
        {"name=%zz", "invalid_query", ""},
        {"name=%00", "invalid_query", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct query query;
        struct admin_error error;
        CHECK_TRUE(!parse(&query, cases[i].text, &error));
        CHECK_EQ(error.status, 400);
        CHECK_STR(str_from(error.code), cases[i].code);
        CHECK_STR(str_from(error.field), cases[i].field);
        query_fini(&query);
    }
}

TEST(numbers_have_bounds_and_times_three_forms)
{
    struct query query;
    struct admin_error error;
    uint64_t n = 7;
    int64_t ms = 0;
    CHECK_TRUE(parse(&query, "limit=1001&from=1970-01-02", &error));
    CHECK_TRUE(!query_u64(&query, "limit", 1, 1000, &n, &error));
    CHECK_TRUE(query_u64(&query, "name", 1, 1000, &n, &error));
    CHECK_EQ(n, 7);
    CHECK_TRUE(query_time(&query, "from", &ms, &error));
    CHECK_EQ(ms, 86400000);
    query_fini(&query);
    CHECK_TRUE(parse(&query, "limit=-1&from=1500", &error));
    CHECK_TRUE(!query_u64(&query, "limit", 0, 1000, &n, &error));
    CHECK_TRUE(query_time(&query, "from", &ms, &error));
    CHECK_EQ(ms, 1500);
    query_fini(&query);
    CHECK_TRUE(parse(&query, "from=yesterday", &error));
    CHECK_TRUE(!query_time(&query, "from", &ms, &error));
    CHECK_STR(str_from(error.field), "from");
    query_fini(&query);
}

TEST(a_decoded_text_fits_or_is_refused)
{
    char out[4];
    CHECK_EQ(url_decode(str_from("abc"), false, out, sizeof(out)), 3);
    CHECK_EQ(url_decode(str_from("abcd"), false, out, sizeof(out)), -EINVAL);
    CHECK_EQ(url_decode(str_from("%61+"), false, out, sizeof(out)), 2);
    CHECK_STR(str_from(out), "a+");
}
