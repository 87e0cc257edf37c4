/*
 * test_aiproxy_minute.c - usage of a minute as aiproxy's metrics.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/dialect/aiproxy_minute.h"

#include "tests/test.h"

static void
add_row(cJSON *data, const char *key, const char *model, int requests,
        int errors, int tokens)
{
    cJSON *row = cJSON_CreateObject();
    if (key != NULL)
        cJSON_AddStringToObject(row, "key", key);
    cJSON_AddStringToObject(row, "model", model);
    cJSON_AddNumberToObject(row, "requests", requests);
    cJSON_AddNumberToObject(row, "errors", errors);
    cJSON_AddNumberToObject(row, "tokens", tokens);
    cJSON_AddItemToArray(data, row);
}

static cJSON *
some_usage(void)
{
    cJSON *usage = cJSON_CreateObject();
    cJSON *data = cJSON_AddArrayToObject(usage, "data");
    add_row(data, "b", "m2", 1, 0, 10);
    add_row(data, "a", "m1", 6, 3, 120);
    add_row(data, "b", "m1", 2, 0, 30);
    add_row(data, NULL, "m2", 5, 5, 0); /* of a key that is gone */
    add_row(data, "a", "m1", 2, 1, 60); /* of another of the same name */
    return usage;
}

/* As printed, so that nothing is there twice. */
static void
check_text(cJSON *json, const char *wanted)
{
    char *text = cJSON_PrintUnformatted(json);
    CHECK_STR(str_from(text), wanted);
    cJSON_free(text);
    cJSON_Delete(json);
}

#define METRIC(requests, tokens, rps, tps, errors, rate)                       \
    "{\"rpm\":" requests ",\"tpm\":" tokens ",\"rps\":" rps ",\"tps\":" tps    \
    ",\"requests\":" requests ",\"errors\":" errors ",\"error_rate\":" rate    \
    "}"
#define A METRIC("8", "180", "0.13333333333333333", "3", "4", "0.5")

TEST(rows_of_a_name_are_summed)
{
    struct aiproxy_minute minute;
    cJSON *usage = some_usage();
    CHECK_TRUE(aiproxy_minute_read(&minute, usage, "key", NULL));
    CHECK_EQ(minute.count, 5);
    check_text(aiproxy_minute_of(&minute, "a", ""), A);
    check_text(aiproxy_minute_of(&minute, "nobody", ""),
               METRIC("0", "0", "0", "0", "0", "0"));
    check_text(aiproxy_minute_by_name(&minute), /* of "" nobody asks */
               "{\"a\":" A ",\"b\":" METRIC(
                   "3", "40", "0.05", "0.66666666666666663", "0", "0") "}");
    aiproxy_minute_free(&minute);
    cJSON_Delete(usage);
}

TEST(rows_of_two_names_are_summed)
{
    struct aiproxy_minute minute;
    cJSON *usage = some_usage();
    CHECK_TRUE(aiproxy_minute_read(&minute, usage, "key", "model"));
    check_text(aiproxy_minute_of(&minute, "a", "m1"), A);
    cJSON *both = aiproxy_minute_by_both(&minute);
    cJSON_DeleteItemFromObjectCaseSensitive(both, ""); /* nobody asks for it */
    check_text(
        both, "{\"a\":{\"m1\":" A "},\"b\":{\"m1\":" METRIC(
                  "2", "30", "0.033333333333333333", "0.5", "0",
                  "0") ",\"m2\":" METRIC("1", "10", "0.016666666666666666",
                                         "0.16666666666666666", "0", "0") "}}");
    aiproxy_minute_free(&minute);
    cJSON_Delete(usage);
}

TEST(a_refusal_has_no_rows)
{
    struct aiproxy_minute minute;
    cJSON *refusal = cJSON_Parse("{\"error\":{\"code\":\"group_not_found\"}}");
    CHECK_TRUE(aiproxy_minute_read(&minute, refusal, "key", "model"));
    CHECK_EQ(minute.count, 0);
    check_text(aiproxy_minute_by_both(&minute), "{}");
    check_text(aiproxy_minute_by_name(&minute), "{}");
    aiproxy_minute_free(&minute);
    cJSON_Delete(refusal);
}
