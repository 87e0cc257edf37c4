/*
 * test_budget_fields.c - budgets out of a body.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/budget_fields.h"

#include "tests/test.h"

static bool
replace(const char *json, struct budget budgets[SHM_BUDGETS],
        struct admin_error *error)
{
    cJSON *value = cJSON_Parse(json);
    *error = (struct admin_error){0};
    bool good = budgets_replace(value, budgets, error);
    cJSON_Delete(value);
    return good;
}

static bool
set_one(const char *json, struct budget budgets[SHM_BUDGETS],
        struct admin_error *error)
{
    cJSON *value = cJSON_Parse(json);
    *error = (struct admin_error){0};
    bool good = budgets_set_one(value, budgets, error);
    cJSON_Delete(value);
    return good;
}

TEST(a_list_replaces_and_keeps_what_has_begun)
{
    struct budget b[SHM_BUDGETS] = {{.unit = SHM_TOKENS,
                                     .period = SHM_PERIOD_DAILY,
                                     .limit = 5,
                                     .baseline = 77,
                                     .period_no = 3}};
    struct admin_error error;
    CHECK_TRUE(replace("[{\"period\":\"total\",\"unit\":\"currency\","
                       "\"limit\":2.5},{\"period\":\"daily\",\"limit\":9}]",
                       b, &error));
    CHECK_EQ(b[0].unit, SHM_NANO);
    CHECK_EQ(b[0].limit, 2500000000);
    CHECK_EQ(b[1].limit, 9);
    CHECK_EQ(b[1].baseline, 77);
    CHECK_EQ(b[1].period_no, 3);
    CHECK_EQ(b[2].period, SHM_PERIOD_NONE);
    CHECK_TRUE(replace("null", b, &error));
    CHECK_EQ(b[0].period, SHM_PERIOD_NONE);
}

TEST(one_budget_is_added_changed_and_removed)
{
    struct budget b[SHM_BUDGETS] = {{0}};
    struct admin_error error;
    CHECK_TRUE(set_one("{\"period\":\"daily\",\"limit\":\"10\"}", b, &error));
    CHECK_TRUE(set_one("{\"period\":\"weekly\",\"limit\":20}", b, &error));
    CHECK_TRUE(set_one("{\"period\":\"daily\",\"limit\":30}", b, &error));
    CHECK_EQ(b[0].limit, 30);
    CHECK_EQ(b[1].limit, 20);
    CHECK_EQ(b[2].period, SHM_PERIOD_NONE);
    CHECK_TRUE(set_one("{\"period\":\"daily\",\"limit\":null}", b, &error));
    CHECK_EQ(b[0].period, SHM_PERIOD_NONE);
    CHECK_TRUE(set_one("{\"period\":\"total\",\"limit\":1}", b, &error));
    CHECK_EQ(b[0].period, SHM_PERIOD_TOTAL);
    CHECK_EQ(b[1].period, SHM_PERIOD_WEEKLY);
}

TEST(a_wrong_budget_is_named)
{
    static const struct {
        const char *json, *field;
    } cases[] = {
        {"{}", "budgets"},
        {"[5]", "budgets[0]"},
        {"[{\"period\":\"daily\"}]", "budgets[0].limit"},
        {"[{\"limit\":5}]", "budgets[0].period"},
        {"[{\"period\":\"hourly\",\"limit\":5}]", "budgets[0].period"},
        {"[{\"period\":\"daily\",\"limit\":1.5}]", "budgets[0].limit"},
        {"[{\"period\":\"daily\",\"limit\":-1}]", "budgets[0].limit"},
        {"[{\"period\":\"daily\",\"limit\":-1,\"unit\":\"currency\"}]",
         "budgets[0].limit"},
        {"[{\"period\":\"daily\",\"limit\":null}]", "budgets[0]"},
        {"[{\"period\":\"daily\",\"limit\":1,\"used\":1}]", "budgets[0].used"},
        {"[{\"period\":\"daily\",\"limit\":1},"
         "{\"period\":\"daily\",\"limit\":2}]",
         "budgets[1]"},
        {"[1,2,3,4,5,6,7,8,9]", "budgets"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct budget b[SHM_BUDGETS] = {{0}};
        struct admin_error error;
        if (replace(cases[i].json, b, &error))
            test_fail(__FILE__, __LINE__, "taken: %s", cases[i].json);
        CHECK_STR(str_from(error.field), cases[i].field);
    }
}

TEST(several_are_set_at_once_beside_the_others)
{
    struct budget b[SHM_BUDGETS] = {
        {.unit = SHM_TOKENS, .period = SHM_PERIOD_DAILY, .limit = 5},
        {.unit = SHM_TOKENS, .period = SHM_PERIOD_WEEKLY, .limit = 6}};
    struct admin_error error;
    CHECK_TRUE(set_one("[{\"period\":\"daily\",\"limit\":9},"
                       "{\"period\":\"total\",\"limit\":7},"
                       "{\"period\":\"weekly\",\"limit\":null}]",
                       b, &error));
    CHECK_EQ(b[0].limit, 9);
    CHECK_EQ(b[1].period == SHM_PERIOD_TOTAL || b[2].period == SHM_PERIOD_TOTAL,
             true);
    for (int i = 0; i < SHM_BUDGETS; i++)
        CHECK_TRUE(b[i].period != SHM_PERIOD_WEEKLY);
    CHECK_TRUE(!set_one("[{\"period\":\"daily\",\"limit\":9},5]", b, &error));
}
