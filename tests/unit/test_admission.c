/*
 * test_admission.c - what a call may hold: clamp, reject, cut, finish, money,
 * rates, concurrency, and the words of each refusal.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/admission_parts.h"

#include "tests/unit/front_fixture.h"

/* A request as admission sees it, without a client's bytes. */
struct call_case {
    struct front f;
    struct request *request;
    struct fault fault;
    int fd;
};

static void
set_policy(struct front *f, uint32_t on_exhausted, uint32_t flags)
{
    struct entry_policy policy;
    uint64_t tag;
    CHECK_EQ(entry_read(&f->shm.segment, f->key, &policy, &tag), 0);
    policy.on_exhausted = on_exhausted;
    policy.flags |= flags;
    entry_update(&f->shm.segment, f->key, &policy);
}

static void
case_open(struct call_case *c)
{
    memset(c, 0, sizeof(*c));
    front_open(&c->f);
}

/* The next request: prompt bound 100, estimate 10. */
static struct request *
next_request(struct call_case *c, const char *model, bool stream,
             uint64_t max_tokens)
{
    struct front *f = &c->f;
    static struct http_head head; /* without fields */
    struct request *request = calloc(1, sizeof(*request));
    request->worker = f->worker;
    request->head = &head;
    request->dialect = &dialect_openai;
    request->endpoint = ENDPOINT_CHAT;
    request->call = (struct call){.endpoint = ENDPOINT_CHAT,
                                  .stream = stream,
                                  .max_tokens = max_tokens,
                                  .n = 1,
                                  .prompt_bound = 100,
                                  .prompt_estimate = 10,
                                  .model_len = (uint16_t)strlen(model)};
    memcpy(request->call.model, model, strlen(model) + 1);
    crypto_key_digest(&f->secrets, STR_LIT(FRONT_KEY), request->key_digest);
    CHECK_EQ(
        key_table_find(&f->shm.segment, request->key_digest, &request->key), 0);
    CHECK_EQ(route_find(request, &c->fault), 0);
    return request;
}

static void
end_request(struct request *request)
{
    if (request->admitted) {
        request->cause = RECORD_REFUSED; /* costs nothing */
        usage_settle(request);
    }
    catalogue_put(request->catalogue);
    free(request);
}

static uint64_t
granted(const struct request *request, int unit)
{
    return cells_granted(&request->worker->seat, request->slot, unit);
}

TEST(a_key_without_budgets_is_never_altered)
{
    struct call_case c;
    case_open(&c);
    struct request *r = next_request(&c, "builtin/free", false, 0);
    CHECK_EQ(admission_check(r, &c.fault), 0);
    CHECK_EQ(r->max_tokens, 0);
    CHECK_TRUE(!r->clamped && !r->budgeted);
    end_request(r);
    r = next_request(&c, "builtin/free", false, UINT64_C(1) << 52);
    r->call.n = 128; /* never too large for the cells */
    CHECK_EQ(admission_check(r, &c.fault), 0);
    end_request(r);
    front_close(&c.f);
}

TEST(a_plain_call_is_clamped_to_what_is_left)
{
    struct call_case c;
    case_open(&c);
    fixture_limit(&c.f.shm, c.f.key, SHM_TOKENS, 1000);
    struct request *r = next_request(&c, "builtin/free", false, 5000);
    CHECK_EQ(admission_check(r, &c.fault), 0);
    CHECK_TRUE(r->clamped);
    CHECK_EQ(r->max_tokens, 900);
    CHECK_EQ(granted(r, SHM_TOKENS), 1000);
    struct request *second = next_request(&c, "builtin/free", false, 1);
    CHECK_EQ(admission_check(second, &c.fault), -1);
    CHECK_EQ(c.fault.status, 429);
    CHECK_STR(str_from(c.fault.code), "insufficient_quota");
    CHECK_TRUE(c.fault.no_retry);
    end_request(second);
    end_request(r);
    r = next_request(&c, "builtin/free", false, 50);
    CHECK_EQ(admission_check(r, &c.fault), 0);
    CHECK_EQ(r->max_tokens, 0); /* it fits as it is */
    CHECK_EQ(granted(r, SHM_TOKENS), 150);
    end_request(r);
    front_close(&c.f);
}

TEST(several_answers_are_clamped_alike)
{
    struct call_case c;
    case_open(&c);
    fixture_limit(&c.f.shm, c.f.key, SHM_TOKENS, 1000);
    struct request *r = next_request(&c, "builtin/free", false, 5000);
    r->call.n = 7;
    CHECK_EQ(admission_check(r, &c.fault), 0);
    CHECK_EQ(r->max_tokens, 128);
    CHECK_EQ(granted(r, SHM_TOKENS), 100 + 7 * 128);
    end_request(r);
    front_close(&c.f);
}

TEST(a_budgeted_call_without_a_bound_gets_one)
{
    struct call_case c;
    case_open(&c);
    fixture_limit(&c.f.shm, c.f.key, SHM_TOKENS, 100000);
    struct request *r = next_request(&c, "builtin/free", false, 0);
    CHECK_EQ(admission_check(r, &c.fault), 0);
    CHECK_EQ(r->max_tokens, 4096);
    CHECK_TRUE(!r->clamped);
    end_request(r);
    r = next_request(&c, "builtin/bound", false, 0);
    CHECK_EQ(admission_check(r, &c.fault), 0);
    CHECK_EQ(r->max_tokens, 500);
    CHECK_EQ(granted(r, SHM_TOKENS), 600);
    end_request(r);
    front_close(&c.f);
}

TEST(reject_never_alters_a_call)
{
    struct call_case c;
    case_open(&c);
    fixture_limit(&c.f.shm, c.f.key, SHM_TOKENS, 1000);
    set_policy(&c.f, SHM_ON_REJECT, 0);
    struct request *r = next_request(&c, "builtin/free", false, 5000);
    CHECK_EQ(admission_check(r, &c.fault), -1);
    CHECK_EQ(c.fault.status, 429);
    CHECK_TRUE(strstr(c.fault.message, "5100 tokens") != NULL);
    end_request(r);
    r = next_request(&c, "builtin/free", true, 900);
    CHECK_EQ(admission_check(r, &c.fault), 0);
    CHECK_EQ(r->max_tokens, 0);
    CHECK_EQ(granted(r, SHM_TOKENS), 1000);
    end_request(r);
    front_close(&c.f);
}

TEST(a_stream_starts_with_a_slice_and_grows_until_nothing_is_left)
{
    struct call_case c;
    case_open(&c);
    fixture_limit(&c.f.shm, c.f.key, SHM_TOKENS, 350);
    struct request *r = next_request(&c, "builtin/free", true, 5000);
    CHECK_EQ(admission_check(r, &c.fault), 0);
    CHECK_EQ(r->max_tokens, 0);
    CHECK_EQ(r->output_bound, 100);
    CHECK_EQ(granted(r, SHM_TOKENS), 200);
    CHECK_TRUE(admission_grow(r, 100));
    CHECK_EQ(granted(r, SHM_TOKENS), 200);
    CHECK_TRUE(admission_grow(r, 101));
    CHECK_EQ(granted(r, SHM_TOKENS), 300);
    CHECK_TRUE(admission_grow(r, 201)); /* less than a slice is left */
    CHECK_EQ(granted(r, SHM_TOKENS), 350);
    CHECK_TRUE(!admission_grow(r, 251));
    CHECK_EQ(granted(r, SHM_TOKENS), 350);
    end_request(r);
    front_close(&c.f);
}

TEST(a_stream_that_holds_the_worst_is_clamped_instead)
{
    struct call_case c;
    case_open(&c);
    fixture_limit(&c.f.shm, c.f.key, SHM_TOKENS, 350);
    set_policy(&c.f, SHM_ON_DEFAULT, SHM_KEY_HOLD_WORST);
    struct request *r = next_request(&c, "builtin/free", true, 5000);
    CHECK_EQ(admission_check(r, &c.fault), 0);
    CHECK_EQ(r->max_tokens, 250);
    CHECK_EQ(granted(r, SHM_TOKENS), 350);
    end_request(r);
    front_close(&c.f);
}

TEST(finish_may_run_over_but_must_be_able_to_start)
{
    struct call_case c;
    case_open(&c);
    fixture_limit(&c.f.shm, c.f.key, SHM_TOKENS, 250);
    set_policy(&c.f, SHM_ON_FINISH, 0);
    struct request *r = next_request(&c, "builtin/free", true, 5000);
    CHECK_EQ(admission_check(r, &c.fault), 0);
    CHECK_TRUE(admission_grow(r, 150));
    CHECK_TRUE(admission_grow(r, 100000));
    CHECK_EQ(granted(r, SHM_TOKENS), 250);
    struct request *second = next_request(&c, "builtin/free", true, 5000);
    CHECK_EQ(admission_check(second, &c.fault), -1);
    end_request(second);
    end_request(r);
    front_close(&c.f);
}

TEST(money_is_held_at_the_dearest_price)
{
    struct call_case c;
    case_open(&c);
    /* Input 1, output 2 per million: 100 + 2 x 200 tokens = 500,000 nano. */
    fixture_limit(&c.f.shm, c.f.key, SHM_NANO, 500000);
    struct request *r = next_request(&c, "builtin/echo", false, 5000);
    CHECK_EQ(admission_check(r, &c.fault), 0);
    CHECK_EQ(r->max_tokens, 200);
    CHECK_EQ(granted(r, SHM_NANO), 500000);
    end_request(r);
    r = next_request(&c, "builtin/echo", true, 5000);
    CHECK_EQ(admission_check(r, &c.fault), 0);
    CHECK_TRUE(admission_grow(r, 200));
    CHECK_TRUE(!admission_grow(r, 201));
    CHECK_EQ(granted(r, SHM_NANO), 500000);
    end_request(r);
    front_close(&c.f);
}

TEST(of_price_tiers_the_dearest_that_may_be_charged_is_held)
{
    struct call_case c;
    case_open(&c);
    fixture_limit(&c.f.shm, c.f.key, SHM_NANO, 10000000);
    struct request *r = next_request(&c, "builtin/tiers", false, 200);
    CHECK_EQ(admission_check(r, &c.fault), 0);
    /* A prompt of at most 100 tokens: input 3, output 5; neither that of longer
     * ones nor that of other times. */
    CHECK_EQ(granted(r, SHM_NANO), 100 * 3000 + 200 * 5000);
    end_request(r);
    fixture_limit(&c.f.shm, c.f.key, SHM_NANO, 1299999);
    r = next_request(&c, "builtin/tiers", false, 200);
    CHECK_EQ(admission_check(r, &c.fault), 0);
    CHECK_EQ(r->max_tokens, 199);
    end_request(r);
    front_close(&c.f);
}

TEST(a_key_with_money_needs_a_price)
{
    struct call_case c;
    case_open(&c);
    fixture_limit(&c.f.shm, c.f.key, SHM_NANO, 500000);
    set_policy(&c.f, SHM_ON_DEFAULT, SHM_KEY_HAS_MONEY_BUDGET);
    struct request *r = next_request(&c, "builtin/free", false, 5);
    CHECK_EQ(admission_check(r, &c.fault), -1);
    CHECK_EQ(c.fault.status, 403);
    CHECK_STR(str_from(c.fault.code), "model_unpriced");
    end_request(r);
    front_close(&c.f);
}

TEST(a_spent_group_is_named_and_a_spent_balance_is_402)
{
    struct call_case c;
    case_open(&c);
    fixture_limit(&c.f.shm, c.f.shm.group, SHM_TOKENS, 50);
    struct request *r = next_request(&c, "builtin/echo", false, 5);
    CHECK_EQ(admission_check(r, &c.fault), -1);
    CHECK_EQ(c.fault.status, 429);
    CHECK_TRUE(strstr(c.fault.message, "group") != NULL);
    CHECK_TRUE(strstr(c.fault.message, "50 tokens") != NULL);
    end_request(r);
    struct entry_policy policy;
    uint64_t tag;
    CHECK_EQ(entry_read(&c.f.shm.segment, c.f.shm.group, &policy, &tag), 0);
    memset(policy.budgets, 0, sizeof(policy.budgets));
    policy.budgets[0] = (struct entry_budget){
        .unit = SHM_NANO, .period = SHM_PERIOD_BALANCE, .limit = 10};
    entry_publish_budgets(&c.f.shm.segment, c.f.shm.group, &policy);
    r = next_request(&c, "builtin/echo", false, 5);
    CHECK_EQ(admission_check(r, &c.fault), -1);
    CHECK_EQ(c.fault.status, 402);
    CHECK_STR(str_from(c.fault.code), "insufficient_balance");
    end_request(r);
    front_close(&c.f);
}

TEST(rates_and_concurrency_are_429_with_retry_after)
{
    struct call_case c;
    case_open(&c);
    struct entry_policy policy;
    uint64_t tag;
    CHECK_EQ(entry_read(&c.f.shm.segment, c.f.key, &policy, &tag), 0);
    policy.rpm = 2;
    policy.max_in_flight = 1;
    entry_update(&c.f.shm.segment, c.f.key, &policy);
    struct request *first = next_request(&c, "builtin/echo", false, 5);
    CHECK_EQ(admission_check(first, &c.fault), 0);
    CHECK_EQ(first->rpm.remaining, 1);
    struct request *r = next_request(&c, "builtin/echo", false, 5);
    CHECK_EQ(admission_check(r, &c.fault), -1);
    CHECK_EQ(c.fault.status, 429);
    CHECK_STR(str_from(c.fault.code), "rate_limit_exceeded");
    CHECK_TRUE(c.fault.retry_after_s >= 1 && !c.fault.no_retry);
    end_request(r);
    end_request(first);
    /* The refused one gave its request back. */
    r = next_request(&c, "builtin/echo", false, 5);
    CHECK_EQ(admission_check(r, &c.fault), 0);
    end_request(r);
    r = next_request(&c, "builtin/echo", false, 5);
    CHECK_EQ(admission_check(r, &c.fault), -1);
    CHECK_STR(str_from(c.fault.code), "rate_limit_exceeded");
    CHECK_TRUE(c.fault.retry_after_s >= 1 && c.fault.retry_after_s <= 60);
    end_request(r);
    front_close(&c.f);
}

TEST(without_a_free_slot_it_is_overloaded)
{
    struct call_case c;
    case_open(&c);
    struct request *running[8];
    for (int i = 0; i < 8; i++) {
        running[i] = next_request(&c, "builtin/echo", false, 5);
        CHECK_EQ(admission_check(running[i], &c.fault), 0);
    }
    struct request *r = next_request(&c, "builtin/echo", false, 5);
    CHECK_EQ(admission_check(r, &c.fault), -1);
    CHECK_EQ(c.fault.status, 503);
    CHECK_STR(str_from(c.fault.code), "overloaded");
    end_request(r);
    for (int i = 0; i < 8; i++)
        end_request(running[i]);
    front_close(&c.f);
}
