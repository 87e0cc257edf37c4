/*
 * test_aigwctl_policy.c - flags as members of a management body.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_policy.h"

#include <stdio.h>

#include "tests/test.h"
#include "tools/aigwctl_json.h"

static char body_text[1024], message[512];

/* The body of `key create k FLAGS`, or false with `message`. */
static bool
make_body(const char *flags)
{
    static char text[512], program[] = "aigwctl";
    char *argv[40] = {program}, *rest = text, *word;
    int argc = 1;
    struct arguments args;
    struct buf error, out;
    const char *near;
    cJSON *body = cJSON_CreateObject();
    snprintf(text, sizeof(text), "key create k %s", flags);
    while ((word = strsep(&rest, " ")) != NULL)
        if (*word != '\0')
            argv[argc++] = word;
    buf_init(&error, 0);
    buf_init(&out, 0);
    bool good = arguments_parse(&args, argc, argv, &error, &near) &&
                policy_add_all(body, &args, &error);
    json_print(&out, body);
    snprintf(body_text, sizeof(body_text), "%s", buf_cstr(&out));
    snprintf(message, sizeof(message), "%s", buf_cstr(&error));
    buf_fini(&error);
    buf_fini(&out);
    cJSON_Delete(body);
    return good;
}

TEST(flags_become_members)
{
    static const struct {
        const char *flags, *body;
    } cases[] = {
        {"", "{}"},
        {"--quota 5", "{\"set_budget\":{\"unit\":\"tokens\",\"period\":"
                      "\"total\",\"limit\":\"5\"}}"},
        {"--quota 2.50 --unit currency --period monthly",
         "{\"set_budget\":{\"unit\":\"currency\",\"period\":\"monthly\","
         "\"limit\":\"2.50\"}}"},
        {"--rpm 60 --concurrency none", "{\"rpm\":\"60\",\"concurrency\":"
                                        "null}"},
        {"--models a,b", "{\"models\":[\"a\",\"b\"]}"},
        {"--models all", "{\"models\":null}"},
        {"--ip-allow 10.0.0.0/8,::1",
         "{\"ip_acl\":{\"enabled\":true,\"type\":\"allow\",\"addresses\":["
         "\"10.0.0.0/8\",\"::1\"]}}"},
        {"--expires never", "{\"expires_at\":null}"},
        {"--expires 2999-01-31", "{\"expires_at\":\"2999-01-31T00:00:00.000Z"
                                 "\"}"},
        {"--tag a=1 --tag b=x=y --tag a=2",
         "{\"tags\":{\"b\":\"x=y\",\"a\":\"2\"}}"},
        {"--hold worst --crash-charge reserved --on-exhausted finish",
         "{\"on_exhausted\":\"finish\",\"hold\":\"worst\",\"crash_charge\":"
         "\"reserved\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (!make_body(cases[i].flags))
            test_fail(__FILE__, __LINE__, "%s: %s", cases[i].flags, message);
        CHECK_STR(str_from(body_text), cases[i].body);
    }
}

TEST(wrong_values_are_refused_before_anything_is_sent)
{
    static const char *const flags[] = {
        "--quota 1m",     "--quota -5",
        "--quota 2.5",    "--quota x --unit currency",
        "--period daily", "--unit tokens",
        "--rpm many",     "--expires soon",
        "--expires 5y",   "--tag novalue",
        "--tag =x",       "--ip-allow ::1 --ip-deny ::2",
    };
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (make_body(flags[i]))
            test_fail(__FILE__, __LINE__, "taken: %s", flags[i]);
        CHECK_TRUE(message[0] != '\0');
    }
}

TEST(durations_have_one_unit)
{
    CHECK_EQ(duration_ms("90s"), 90000);
    CHECK_EQ(duration_ms("30m"), 1800000);
    CHECK_EQ(duration_ms("12h"), 43200000);
    CHECK_EQ(duration_ms("7d"), 604800000);
    CHECK_EQ(duration_ms("2w"), 1209600000);
    CHECK_EQ(duration_ms("30"), 0);
    CHECK_EQ(duration_ms("d"), 0);
    CHECK_EQ(duration_ms("1h30m"), 0);
    CHECK_EQ(duration_ms("99999999d"), 0);
}
