/*
 * test_condition.c - conditions on what is known of a call: which hold, which are
 * none.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <string.h>

#include "common/condition.h"

/* plan "paid", seats 12, empty "", quoted a"b, stream true; nothing else. */
static int
find(void *context, struct str field, char out[CONDITION_VALUE_BYTES])
{
    static const struct {
        const char *name, *value;
    } rows[] = {{"metadata.plan", "paid"}, {"metadata.seats", "12"},
                {"metadata.empty", ""},    {"headers.x-quoted", "a\"b"},
                {"body.stream", "true"},   {"body.a.b", "1e2"}};
    (*(unsigned *)context)++;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_equals(str_from(rows[i].name), field)) {
            memcpy(out, rows[i].value, strlen(rows[i].value));
            return (int)strlen(rows[i].value);
        }
    return -1;
}

static const struct {
    const char *text;
    bool holds;
} conditions[] = {
    {"{\"metadata.plan\":\"paid\"}", true},
    {"{\"metadata.plan\":\"pai\"}", false},
    {"{\"metadata.plan\":{\"$eq\":\"paid\"}}", true},
    {"{\"metadata.plan\":{\"$ne\":\"paid\"}}", false},
    {"{\"metadata.none\":{\"$ne\":\"paid\"}}", true},
    {"{\"metadata.none\":\"\"}", false},
    {"{\"metadata.none\":null}", true},
    {"{\"metadata.plan\":null}", false},
    {"{\"metadata.empty\":\"\"}", true},
    {"{\"metadata.none\":{\"$exists\":false}}", true},
    {"{\"metadata.plan\":{\"$exists\":true}}", true},
    {"{\"metadata.plan\":{\"$exists\":false}}", false},
    {"{\"metadata.seats\":12}", true},
    {"{\"metadata.seats\":12.0}", true},
    {"{\"metadata.seats\":\"12\"}", true},
    {"{\"metadata.seats\":{\"$gt\":11,\"$lt\":13}}", true},
    {"{\"metadata.seats\":{\"$gt\":12}}", false},
    {"{\"metadata.seats\":{\"$gte\":12,\"$lte\":12}}", true},
    {"{\"metadata.seats\":{\"$gte\":12,\"$lt\":12}}", false},
    {"{\"metadata.plan\":{\"$gt\":1}}", false},
    {"{\"metadata.none\":{\"$lt\":1}}", false},
    {"{\"body.a.b\":{\"$eq\":100}}", true},
    {"{\"body.stream\":true}", true},
    {"{\"body.stream\":false}", false},
    {"{\"headers.x-quoted\":\"a\\\"b\"}", true},
    {"{\"headers.x-quoted\":\"a\\u0022b\"}", true},
    {"{\"metadata.plan\":{\"$in\":[\"free\",\"paid\"]}}", true},
    {"{\"metadata.plan\":{\"$in\":[]}}", false},
    {"{\"metadata.plan\":{\"$nin\":[\"free\"]}}", true},
    {"{\"metadata.none\":{\"$in\":[null]}}", true},
    {"{\"metadata.plan\":\"paid\",\"metadata.seats\":13}", false},
    {"{\"$or\":[{\"metadata.seats\":13},{\"metadata.plan\":\"paid\"}]}", true},
    {"{\"$and\":[{\"metadata.seats\":12},{\"metadata.plan\":\"x\"}]}", false},
    {"{\"$nor\":[{\"metadata.seats\":13},{\"metadata.plan\":\"x\"}]}", true},
    {"{\"$not\":{\"metadata.seats\":13}}", true},
    {"{\"$not\":{\"$or\":[{\"$and\":[{\"metadata.seats\":12}]}]}}", false},
};

TEST(conditions_hold_or_do_not)
{
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
        struct str text = str_from(conditions[i].text);
        struct buf reason;
        unsigned asked = 0;
        buf_init(&reason, 0);
        if (!condition_check(text, &reason))
            test_fail(__FILE__, __LINE__, "%s: %s", text.ptr,
                      buf_cstr(&reason));
        if (condition_holds(text, find, &asked) != conditions[i].holds)
            test_fail(__FILE__, __LINE__, "%s: %s", text.ptr, "the other");
        CHECK_TRUE(asked > 0);
        buf_fini(&reason);
    }
}

TEST(what_is_no_condition_is_refused_with_a_reason)
{
    static const char *const texts[] = {
        "",
        "1",
        "[]",
        "{",
        "{}",
        "{\"plan\":1}",
        "{\"metadata.\":1}",
        "{\"metadata.a\":{}}",
        "{\"metadata.a\":[1]}",
        "{\"metadata.a\":{\"$like\":1}}",
        "{\"metadata.a\":{\"$eq\":{}}}",
        "{\"metadata.a\":{\"$gt\":\"x\"}}",
        "{\"metadata.a\":{\"$in\":1}}",
        "{\"metadata.a\":{\"$in\":[[]]}}",
        "{\"metadata.a\":{\"$exists\":1}}",
        "{\"$or\":[]}",
        "{\"$or\":{}}",
        "{\"$or\":[1]}",
        "{\"$not\":[]}",
        "{\"$and\":[{\"$and\":[{\"$and\":[{\"$and\":[{\"$and\":[{\"body.a\":1}]"
        "}]}]}]}]}",
        "{\"metadata.a\":1} "
        "{\"metadata.a\":1}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct buf reason;
        buf_init(&reason, 0);
        if (condition_check(str_from(texts[i]), &reason))
            test_fail(__FILE__, __LINE__, "%s: %s", texts[i], "taken");
        CHECK_TRUE(buf_len(&reason) > 0);
        buf_fini(&reason);
    }
}
