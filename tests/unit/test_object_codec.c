/*
 * test_object_codec.c - keys and groups survive as bytes; cut or changed bytes
 * are refused.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <errno.h>
#include <stdlib.h>

#include "accountant/object_codec.h"
#include "accountant/policy.h"

static struct gateway *
full_gateway(void)
{
    struct gateway *g = malloc(sizeof(*g));
    gateway_init(g);
    g->id = 9;
    g->group_id = 4;
    strcpy(g->name, "alice");
    memset(g->digest, 0xab, sizeof(g->digest));
    memset(g->sealed, 0xcd, 79);
    g->sealed_len = 79;
    strcpy(g->masked, "sk-aigw-****abcd");
    g->expires_ms = 1795262400000;
    g->created_ms = 5;
    g->updated_ms = -1;
    g->rpm = 60;
    g->tpm = UINT64_MAX;
    g->concurrency = 7;
    g->on_exhausted = SHM_ON_CUT;
    g->hold_worst = g->acl_enabled = g->acl_allow = true;
    g->models = calloc(2, sizeof(*g->models));
    g->models[0] = strdup("gpt-x");
    g->models[1] = strdup("a/b");
    g->model_count = 2;
    strcpy(g->acl[0], "10.0.0.0/8");
    g->acl_count = 1;
    strcpy(g->tags, "{\"team\":\"x\"}");
    g->model_limits = calloc(1, sizeof(*g->model_limits));
    g->model_limits->count = 1;
    g->model_limits->items[0] =
        (struct model_limit){.model = "gpt-x", .rpm = 5, .concurrency = 2};
    return g;
}

TEST(a_gateway_comes_back_as_it_was)
{
    struct gateway *g = full_gateway(), *back = NULL;
    struct buf bytes;
    buf_init(&bytes, 0);
    object_encode_gateway(g, &bytes);
    CHECK_EQ(object_decode_gateway(9, buf_view(&bytes), &back), 0);
    CHECK_EQ(back->id, 9);
    CHECK_EQ(back->group_id, 4);
    CHECK_STR(str_from(back->name), "alice");
    CHECK_TRUE(memcmp(back->digest, g->digest, sizeof(g->digest)) == 0);
    CHECK_EQ(back->sealed_len, 79);
    CHECK_TRUE(memcmp(back->sealed, g->sealed, 79) == 0);
    CHECK_EQ(back->expires_ms, g->expires_ms);
    CHECK_EQ(back->updated_ms, -1);
    CHECK_EQ(back->tpm == UINT64_MAX, 1);
    CHECK_EQ(back->concurrency, 7);
    CHECK_EQ(back->model_limits->count, 1);
    CHECK_STR(str_from(back->model_limits->items[0].model), "gpt-x");
    CHECK_EQ(back->model_limits->items[0].rpm, 5);
    CHECK_EQ(back->model_limits->items[0].concurrency, 2);
    CHECK_EQ(back->on_exhausted, SHM_ON_CUT);
    CHECK_TRUE(back->enabled && back->hold_worst && !back->crash_reserved);
    CHECK_TRUE(back->acl_enabled && back->acl_allow);
    CHECK_EQ(back->model_count, 2);
    CHECK_STR(str_from(back->models[1]), "a/b");
    CHECK_STR(str_from(back->acl[0]), "10.0.0.0/8");
    CHECK_STR(str_from(back->tags), g->tags);
    CHECK_EQ(back->entry, SHM_ENTRY_NONE);
    gateway_free(&back);
    gateway_free(&g);
    buf_fini(&bytes);
}

TEST(cut_and_longer_bytes_are_no_gateway)
{
    struct gateway *g = full_gateway(), *back = NULL;
    struct buf bytes;
    buf_init(&bytes, 0);
    /* Up to where what came later begins, it is what it was before that. */
    struct model_limits *limits = g->model_limits;
    g->model_limits = NULL;
    object_encode_gateway(g, &bytes);
    size_t before = buf_len(&bytes);
    g->model_limits = limits;
    buf_reset(&bytes);
    object_encode_gateway(g, &bytes);
    size_t len = buf_len(&bytes);
    for (size_t cut = 0; cut < len; cut++) {
        CHECK_EQ(
            object_decode_gateway(9, str_make(buf_ptr(&bytes), cut), &back),
            cut == before ? 0 : -EBADMSG);
        if (cut == before)
            gateway_free(&back);
    }
    buf_append_char(&bytes, 'x');
    CHECK_EQ(object_decode_gateway(9, buf_view(&bytes), &back), -EBADMSG);
    gateway_free(&g);
    buf_fini(&bytes);
}

TEST(a_group_comes_back_as_it_was)
{
    struct group group = {.id = 4,
                          .name = "team",
                          .prepaid = true,
                          .topped_up_nano = 1500000000,
                          .rpm = 3,
                          .concurrency = 2,
                          .created_ms = 77,
                          .disabled = true,
                          .ratio = {500000, 0},
                          .alert_below_nano = 7,
                          .deleted_ms = 99,
                          .model_limits = {.count = 1}};
    group.model_limits.items[0] = (struct model_limit){.model = "m", .tpm = 9};
    struct group *back = NULL;
    struct buf bytes;
    buf_init(&bytes, 0);
    object_encode_group(&group, &bytes);
    CHECK_EQ(object_decode_group(4, buf_view(&bytes), &back), 0);
    CHECK_STR(str_from(back->name), "team");
    CHECK_TRUE(back->prepaid);
    CHECK_EQ(back->topped_up_nano, 1500000000);
    CHECK_EQ(back->concurrency, 2);
    CHECK_EQ(back->created_ms, 77);
    CHECK_EQ(back->model_limits.items[0].tpm, 9);
    CHECK_TRUE(back->disabled);
    CHECK_EQ(back->ratio[SHM_RATIO_RPM], 500000);
    CHECK_EQ(back->ratio[SHM_RATIO_TPM], 0);
    CHECK_EQ(back->alert_below_nano, 7);
    CHECK_EQ(back->deleted_ms, 99);
    free(back);
    CHECK_EQ(object_decode_group(4, str_make(buf_ptr(&bytes), 3), &back),
             -EBADMSG);
    buf_fini(&bytes);
}

static const struct {
    const char *text;
    int result;
    uint32_t prefix_len;
} ranges[] = {
    {"10.0.0.0/8", 0, 104},  {"192.0.2.7", 0, 128},    {"0.0.0.0/0", 0, 96},
    {"::1", 0, 128},         {"2001:db8::/32", 0, 32}, {"::/0", 0, 0},
    {"10.0.0.0/33", -22, 0}, {"10.0.0/8", -22, 0},     {"", -22, 0},
    {"/8", -22, 0},          {"10.0.0.0/", -22, 0},    {"10.0.0.0/-1", -22, 0},
    {"::1/129", -22, 0},     {"::1/8x", -22, 0},       {"host", -22, 0},
};

TEST(ip_ranges_are_read_or_refused)
{
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        uint8_t addr[16];
        uint32_t prefix_len = 0;
        int rc = policy_parse_cidr(ranges[i].text, addr, &prefix_len);
        if (rc != ranges[i].result ||
            (rc == 0 && prefix_len != ranges[i].prefix_len))
            test_fail(__FILE__, __LINE__, "\"%s\": %d, /%u", ranges[i].text, rc,
                      prefix_len);
    }
}

TEST(a_prepaid_group_has_its_balance_as_a_budget)
{
    struct group group = {.id = 4, .name = "team", .topped_up_nano = 90};
    struct entry_policy policy;
    policy_of_group(&group, &policy);
    CHECK_EQ(policy.flags & SHM_KEY_HAS_MONEY_BUDGET, 0);
    CHECK_EQ(policy.budgets[0].period, SHM_PERIOD_NONE);
    group.prepaid = true;
    group.budgets[0].period = SHM_PERIOD_DAILY;
    policy_of_group(&group, &policy);
    CHECK_TRUE((policy.flags & SHM_KEY_HAS_MONEY_BUDGET) != 0);
    CHECK_EQ(policy.budgets[1].period, SHM_PERIOD_BALANCE);
    CHECK_EQ(policy.budgets[1].unit, SHM_NANO);
    CHECK_EQ(policy.budgets[1].limit, 90);
    CHECK_EQ(policy.budgets[1].baseline, 0);
}
