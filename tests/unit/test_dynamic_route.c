/*
 * test_dynamic_route.c - elements in both spellings, and which of them are a way.
 * What is refused is in tests/system/test_34_dynamic.py, with its words.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/dynamic_route.h"

static struct dynamic_element
element_of(const char *text)
{
    struct dynamic_element element;
    struct buf reason;
    buf_init(&reason, 0);
    if (!dynamic_element_read(str_from(text), &element, &reason))
        test_fail(__FILE__, __LINE__, "%s: %s", text, buf_cstr(&reason));
    buf_fini(&reason);
    return element;
}

TEST(both_spellings_say_the_same)
{
    static const char *const pairs[][2] = {
        {"id=a type=start next=b",
         "{\"id\":\"a\",\"type\":\"start\",\"outputs\":{\"next\":{"
         "\"elementId\":\"b\"}}}"},
        {"id=a type=conditional when={\"metadata.x\":\"y z\"} true=b false=c",
         "{\"type\":\"conditional\",\"properties\":{\"conditions\":"
         "{\"metadata.x\":\"y z\"}},\"id\":\"a\",\"outputs\":{\"true\":{"
         "\"elementId\":\"b\"},\"false\":\"c\"}}"},
        {"id=a type=percentage to=b:10% to=c:2.5 else=d",
         "{\"id\":\"a\",\"type\":\"percentage\",\"outputs\":{\"10%\":{"
         "\"elementId\":\"b\"},\"2.5%\":{\"elementId\":\"c\"},\"else\":{"
         "\"elementId\":\"d\"}}}"},
        {"id=a type=rate key=metadata.u limit=100 window=1m limitType=count "
         "success=b fallback=c",
         "{\"id\":\"a\",\"type\":\"rate\",\"properties\":{\"key\":"
         "\"metadata.u\",\"limit\":100,\"limitType\":\"count\",\"window\":60},"
         "\"outputs\":{\"success\":{\"elementId\":\"b\"},\"fallback\":{"
         "\"elementId\":\"c\"}}}"},
        {"id=a type=rate limit=0.25 window=1d limitType=cost success=b",
         "{\"id\":\"a\",\"type\":\"rate\",\"properties\":{\"limit\":0.25,"
         "\"limitType\":\"cost\",\"window\":86400},\"outputs\":{\"success\":{"
         "\"elementId\":\"b\"}}}"},
        {"id=a type=model provider=p model=m/n retries=2 timeout=30s "
         "fallback=b",
         "{\"id\":\"a\",\"type\":\"model\",\"properties\":{\"provider\":\"p\","
         "\"model\":\"m\\/n\",\"retries\":2,\"timeout\":30000},\"outputs\":{"
         "\"success\":null,\"fallback\":{\"elementId\":\"b\"}}}"},
        {"id=a type=end", "{\"id\":\"a\",\"type\":\"end\",\"outputs\":{}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct dynamic_element one = element_of(pairs[i][0]),
                               other = element_of(pairs[i][1]);
        if (memcmp(&one, &other, sizeof(one)) != 0)
            test_fail(__FILE__, __LINE__, "%s: %s", pairs[i][0], "differs");
    }
}

TEST(what_is_no_element_is_refused)
{
    static const char *const texts[] = {
        "",
        "x",
        "id=",
        "id=a",
        "id=a type=",
        "id=a type=start",
        "id=a type=start next=b next=c",
        "id=a type=start true=b",
        "id=a type=end next=b",
        "id=a type=model",
        "id=a type=model model=m retries=6",
        "id=a type=model model=m timeout=0",
        "id=a type=model model=m timeout=5w",
        "id=a type=model model=m limit=1",
        "id=a type=percentage",
        "id=a type=percentage to=b",
        "id=a type=percentage to=b:0%",
        "id=a type=percentage to=b:101%",
        "id=a type=percentage to=b:x",
        "id=a type=percentage else=b to=c:1%",
        "id=a type=percentage to=:5%",
        "id=a type=rate limit=0 window=1m",
        "id=a type=rate limit=4194304 window=1m success=b",
        "id=a type=rate limit=1 window=1m key=user success=b",
        "id=a type=conditional true=b false=c",
        "id=a type=conditional when={\"body.x\":1} true=b",
        "id=a type=conditional when={\"body.x\":1 true=b false=c",
        "{",
        "{\"id\":\"a\"}",
        "{\"id\":1,\"type\":\"end\",\"outputs\":[]}",
        "{\"id\":\"a\",\"type\":\"start\",\"outputs\":{\"next\":{}}}",
        "{\"id\":\"a\",\"type\":\"start\",\"outputs\":{\"next\":3}} x",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct dynamic_element element;
        struct buf reason;
        buf_init(&reason, 0);
        if (dynamic_element_read(str_from(texts[i]), &element, &reason))
            test_fail(__FILE__, __LINE__, "%s: %s", texts[i], "taken");
        CHECK_TRUE(buf_len(&reason) > 0);
        buf_fini(&reason);
    }
}

TEST(a_route_knows_where_it_begins_and_leads)
{
    char *const texts[] = {
        "id=m type=model model=m", "id=p type=percentage to=m:25% else=r",
        "id=r type=rate limit=1 window=1s success=m fallback=e",
        "id=e type=end", "id=s type=start next=p"};
    struct dynamic_route route;
    struct buf reason;
    buf_init(&reason, 0);
    CHECK_EQ(dynamic_route_read(texts, 5, &route, &reason), 0);
    CHECK_EQ(route.first, 4);
    CHECK_EQ(route.elements[4].branches[0].to, 1);
    CHECK_EQ(route.elements[1].branches[0].share, 2500);
    CHECK_EQ(route.elements[1].branches[1].share, 7500);
    CHECK_EQ(route.elements[2].branches[1].to, 3);
    dynamic_route_free(&route);
    dynamic_route_free(&route);
    buf_fini(&reason);
}

TEST(every_way_is_bounded)
{
    char texts[DYNAMIC_ELEMENTS_MAX + 1][64], *list[DYNAMIC_ELEMENTS_MAX + 1];
    struct dynamic_route route;
    struct buf reason;
    buf_init(&reason, 0);
    for (unsigned i = 0; i <= DYNAMIC_ELEMENTS_MAX; i++) {
        snprintf(texts[i], sizeof(texts[i]), "id=%u type=start next=%u", i,
                 i + 1);
        list[i] = texts[i];
    }
    CHECK_EQ(
        dynamic_route_read(list, DYNAMIC_ELEMENTS_MAX + 1, &route, &reason),
        -EINVAL);
    /* Eight models one after the other; a ninth is too much. */
    for (unsigned n = 8; n <= 9; n++) {
        for (unsigned i = 0; i < n; i++)
            snprintf(
                texts[i], sizeof(texts[i]), "id=%u type=model model=m %s%u", i,
                i + 1 < n ? "fallback=" : "retries=", i + 1 < n ? i + 1 : 0);
        CHECK_EQ(dynamic_route_read(list, n, &route, &reason),
                 n == 8 ? 0 : -EINVAL);
        dynamic_route_free(&route);
    }
    buf_fini(&reason);
}
