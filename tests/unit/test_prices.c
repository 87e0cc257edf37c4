/*
 * test_prices.c - lists of prices as others write them, and periods priced again
 * as the ledger keeps them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/price_rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/reprice.h"
#include "tests/test.h"

static struct price_rows rows;
static struct admin_error error;

static bool
read_litellm(const char *text)
{
    cJSON *data = cJSON_Parse(text);
    bool good = price_rows_litellm(data, &rows, &error);
    cJSON_Delete(data);
    return good;
}

TEST(public_prices_are_whole_numbers_of_pico)
{
    /* A price of a token as the list has it, and ours of a token. */
    static const struct {
        const char *number;
        int64_t pico; /* -1: refused */
    } cases[] = {
        {"2.5e-06", 2500000},   {"0.0000025", 2500000}, {"0", 0},
        {"1.25e-07", 125000},   {"3e-08", 30000},       {"6.125e-07", 612500},
        {"7.5e-11", 75},        {"1e-12", 1},           {"1e-13", -1},
        {"1.5e-12", -1},        {"-1e-06", -1},         {"1e+09", -1},
        {"0.00055", 550000000}, {"\"1e-06\"", -1},      {"true", -1},
        {"0.3", 300000000000},  {"1e308", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[128];
        snprintf(text, sizeof(text), "{\"m\": {\"input_cost_per_token\": %s}}",
                 cases[i].number);
        CHECK_TRUE(read_litellm(text));
        CHECK_EQ(rows.count, 1);
        CHECK_EQ(rows.rows[0].fault != NULL, cases[i].pico < 0);
        if (cases[i].pico >= 0)
            CHECK_EQ(rows.rows[0].prices.input, cases[i].pico);
        price_rows_fini(&rows);
    }
}

TEST(prices_of_long_prompts_and_of_services_are_tiers)
{
    struct buf text;
    buf_init(&text, 0);
    CHECK_TRUE(read_litellm(
        "{\"gemini-2.5-pro\": {\"input_cost_per_token\": 1.25e-06,"
        " \"input_cost_per_token_priority\": 2e-06,"
        " \"input_cost_per_token_above_200k_tokens\": 2.5e-06,"
        " \"input_cost_per_token_above_200k_tokens_priority\": 4e-06,"
        " \"output_cost_per_token\": 1e-05,"
        " \"output_cost_per_token_above_200k_tokens\": 1.5e-05,"
        " \"output_cost_per_token_above_200k_tokens_of_mine\": 1,"
        " \"output_cost_per_token_batches\": 5e-06,"
        " \"input_cost_per_token_above_128k_tokens\": null,"
        " \"cache_creation_input_token_cost_above_1hr\": 5e-06,"
        " \"cache_creation_input_token_cost_above_1hr_above_200k_tokens\":"
        " 6e-06}}"));
    CHECK_EQ(rows.count, 1);
    CHECK_TRUE(rows.rows[0].fault == NULL && rows.rows[0].says_tiers);
    CHECK_EQ(rows.rows[0].prices.cache_creation_1h, 5000000);
    for (unsigned i = 0; i < rows.rows[0].tiers.count; i++) {
        price_tier_print(&rows.rows[0].tiers.items[i], &text);
        buf_append_char(&text, '\n');
    }
    CHECK_STR(buf_view(&text),
              "prompt_from=200001 service_tier=priority input=4\n"
              "prompt_from=200001 input=2.5 output=15 cache_creation_1h=6\n"
              "service_tier=batch output=5\n"
              "service_tier=priority input=2\n");
    price_rows_fini(&rows);
    buf_reset(&text);
    for (int i = 1; i <= 9; i++)
        buf_printf(&text, "%s\"input_cost_per_token_above_%dk_tokens\": 1e-06",
                   i == 1 ? "{\"m\": {" : ", ", i);
    buf_append_cstr(&text, "}}");
    CHECK_TRUE(read_litellm(buf_cstr(&text)));
    CHECK_TRUE(rows.rows[0].fault != NULL);
    price_rows_fini(&rows);
    buf_fini(&text);
}

TEST(models_without_prices_and_things_that_are_no_models_are_left_out)
{
    CHECK_TRUE(
        read_litellm("{\"sample_spec\": {\"input_cost_per_token\": 1},"
                     " \"a\": {\"max_tokens\": 5}, \"b\": 7, \"c\": null,"
                     " \"d\": {\"input_cost_per_token\": null},"
                     " \"e\": {\"output_cost_per_image\": 0.04}, \"f\": {"
                     "\"output_cost_per_token\": 1e-06, "
                     "\"input_cost_per_request\": 0.01}}"));
    CHECK_EQ(rows.count, 2);
    CHECK_STR(str_from(rows.rows[0].model), "e");
    CHECK_TRUE(rows.rows[0].fault !=
               NULL); /* nothing that a call is priced by */
    CHECK_EQ(rows.rows[1].prices.request, INT64_C(10000000000));
    CHECK_EQ(rows.rows[1].prices.input, MONEY_UNSET);
    price_rows_fini(&rows);
    CHECK_TRUE(!read_litellm("[]") && !read_litellm("7"));
    CHECK_TRUE(!price_rows_litellm(NULL, &rows, &error));
    char name[200], text[300];
    memset(name, 'x', 140);
    name[140] = '\0';
    snprintf(text, sizeof(text), "{\"%s\": {\"input_cost_per_token\": 1e-6}}",
             name);
    CHECK_TRUE(read_litellm(text));
    CHECK_TRUE(rows.rows[0].fault != NULL && rows.rows[0].model[0] == '\0');
    price_rows_fini(&rows);
}

TEST(csv_is_read_by_its_header)
{
    CHECK_TRUE(price_rows_csv("image,provider,price_output,model\r\n"
                              "0.04,azure,10,\"a,\"\"b\"\"\"\r\n"
                              "\r\n"
                              ", , 2.5 ,c\n"
                              ",,1.0000001,d\n"
                              ",,1,",
                              &rows, &error));
    CHECK_EQ(rows.count, 4);
    CHECK_STR(str_from(rows.rows[0].model), "a,\"b\"");
    CHECK_STR(str_from(rows.rows[0].provider), "azure");
    CHECK_EQ(rows.rows[0].prices.image, INT64_C(40000000000));
    CHECK_EQ(rows.rows[1].prices.output, 2500000);
    CHECK_EQ(rows.rows[1].prices.image, MONEY_UNSET);
    CHECK_TRUE(rows.rows[0].fault == NULL && rows.rows[1].fault == NULL);
    CHECK_TRUE(rows.rows[2].fault != NULL); /* finer than we count */
    CHECK_TRUE(rows.rows[3].fault != NULL); /* no model */
    price_rows_fini(&rows);
    static const char *const bad[] = {
        "",
        "\n",
        "input,output\n",
        "model,model\n",
        "model,price\n",
        "model,input\na,1,2\n",
        "model\n\"a\n",
        "\"model\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CHECK_TRUE(!price_rows_csv(bad[i], &rows, &error));
        CHECK_STR(str_from(error.field), "data");
        CHECK_TRUE(rows.rows == NULL);
    }
}

/* Any text ends, and what is read of it is one row a line at most. */
TEST(csv_of_any_kind_is_read_or_refused)
{
    static const char letters[] = "a,\"\n\r1. model";
    unsigned state = 7;
    for (int round = 0; round < 20000; round++) {
        char text[96] = "model,input\n";
        size_t len = strlen(text), lines = 1;
        for (int i = 0; i < 40; i++) {
            state = state * 1103515245 + 12345;
            text[len++] = letters[(state >> 16) % (sizeof(letters) - 1)];
            lines += text[len - 1] == '\n';
        }
        text[len] = '\0';
        if (price_rows_csv(text, &rows, &error))
            CHECK_TRUE(rows.count <= lines);
        price_rows_fini(&rows);
    }
}

TEST(a_period_priced_again_is_kept_as_it_was)
{
    struct reprice one = {.model = "m",
                          .provider = "p",
                          .from_ms = 5,
                          .to_ms = 9,
                          .at_ms = 11,
                          .requests = 3,
                          .tokens = 1000,
                          .left = 1,
                          .was = 500,
                          .now = 400};
    struct reprice again;
    struct buf bytes;
    buf_init(&bytes, 0);
    one.groups = calloc(2, sizeof(*one.groups));
    one.group_count = 2;
    one.groups[0] = (struct reprice_group){7, 2, 300, 200, 30, 70};
    one.groups[1] = (struct reprice_group){9, 1, 200, 210, 0, -10};
    reprice_encode(&one, &bytes);
    CHECK_EQ(reprice_decode(buf_view(&bytes), &again), 0);
    CHECK_STR(str_from(again.model), "m");
    CHECK_STR(str_from(again.provider), "p");
    CHECK_EQ(again.to_ms, 9);
    CHECK_EQ(again.was, 500);
    CHECK_EQ(again.now, 400);
    CHECK_EQ(again.group_count, 2);
    CHECK_EQ(again.groups[1].credit, -10);
    CHECK_EQ(again.groups[0].credited, 30);
    reprice_fini(&again);
    for (size_t len = 0; len < buf_len(&bytes); len++)
        CHECK_EQ(reprice_decode(str_make(buf_ptr(&bytes), len), &again),
                 -EBADMSG);
    reprice_fini(&one);
    buf_fini(&bytes);
}
