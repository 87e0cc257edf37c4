/*
 * test_limits.c - a worker's limits by key and model: taken, refused, given
 * back, corrected.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/limit.h"
#include "tests/unit/front_fixture.h"

/* A request as admission sees it, without a client's bytes. */
struct call_case {
    struct front f;
    struct fault fault;
};

static void
case_open(struct call_case *c)
{
    memset(c, 0, sizeof(*c));
    front_open(&c->f);
}

static struct catalogue_model *
model_of(struct call_case *c, const char *name)
{
    for (uint32_t i = 0; i < c->f.catalogue->model_count; i++)
        if (strcmp(c->f.catalogue->models[i].name, name) == 0)
            return &c->f.catalogue->models[i];
    CHECK_TRUE(false);
    return NULL;
}

/* Prompt estimate 10; max_tokens 0: none stated. */
static struct request *
next_request(struct call_case *c, const char *model, uint64_t max_tokens)
{
    struct front *f = &c->f;
    static struct http_head head; /* without fields */
    struct request *request = calloc(1, sizeof(*request));
    request->worker = f->worker;
    request->head = &head;
    request->dialect = &dialect_openai;
    request->endpoint = ENDPOINT_CHAT;
    request->call = (struct call){.endpoint = ENDPOINT_CHAT,
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

static bool
passes(struct call_case *c, const char *model, uint64_t max_tokens)
{
    struct request *request = next_request(c, model, max_tokens);
    bool good = admission_check(request, &c->fault) == 0;
    end_request(request);
    return good;
}

static uint64_t
name_of(struct call_case *c, bool is_group, const char *model)
{
    struct front *f = &c->f;
    struct key_view view;
    uint8_t digest[32];
    crypto_key_digest(&f->secrets, STR_LIT(FRONT_KEY), digest);
    CHECK_EQ(key_table_find(&f->shm.segment, digest, &view), 0);
    return is_group ? limit_name(view.group_entry, view.group_tag,
                                 model_of(c, model)->model_idx)
                    : limit_name(view.entry, view.tag,
                                 model_of(c, model)->model_idx);
}

/* What the accountant publishes of a key or its group. */
static void
set_limits(struct call_case *c, bool is_group, const char *model,
           struct limit_values values)
{
    struct segment *segment = &c->f.shm.segment;
    struct entry_policy policy;
    uint64_t tag;
    uint32_t entry = is_group ? c->f.shm.group : c->f.key;
    CHECK_EQ(limit_set(segment, name_of(c, is_group, model), &values), 0);
    CHECK_EQ(entry_read(segment, entry, &policy, &tag), 0);
    policy.flags |= SHM_KEY_HAS_MODEL_LIMITS;
    entry_update(segment, entry, &policy);
}

static uint64_t
in_flight(struct call_case *c, bool is_group, const char *model)
{
    struct segment *segment = &c->f.shm.segment;
    return limit_in_flight(segment, name_of(c, is_group, model),
                           segment->column_max);
}

TEST(a_models_requests_a_minute_are_counted_by_key_and_model)
{
    struct call_case c;
    case_open(&c);
    set_limits(&c, false, "builtin/free", (struct limit_values){.rpm = 2});
    CHECK_TRUE(passes(&c, "builtin/free", 1));
    CHECK_TRUE(passes(&c, "builtin/free", 1));
    CHECK_TRUE(!passes(&c, "builtin/free", 1));
    CHECK_EQ(c.fault.status, 429);
    CHECK_STR(str_from(c.fault.code), "rate_limit_exceeded");
    CHECK_STR(str_from(c.fault.message),
              "this key may use 2 requests a minute of builtin/free: try again "
              "in 30 s");
    CHECK_EQ(c.fault.retry_after_s, 30);
    CHECK_TRUE(passes(&c, "builtin/bound", 1));
    front_close(&c.f);
}

TEST(a_groups_limit_counts_beside_the_keys)
{
    struct call_case c;
    case_open(&c);
    set_limits(&c, false, "builtin/free", (struct limit_values){.rpm = 5});
    set_limits(&c, true, "builtin/free", (struct limit_values){.rpm = 1});
    CHECK_TRUE(passes(&c, "builtin/free", 1));
    for (int i = 0; i < 20; i++) /* each gives back what the key's row took */
        CHECK_TRUE(!passes(&c, "builtin/free", 1));
    CHECK_TRUE(strstr(c.fault.message, "this key's group may use 1 requests") !=
               NULL);
    set_limits(&c, true, "builtin/free", (struct limit_values){.rpm = 0});
    for (int i = 0; i < 4; i++)
        CHECK_TRUE(passes(&c, "builtin/free", 1));
    CHECK_TRUE(!passes(&c, "builtin/free", 1));
    front_close(&c.f);
}

TEST(tokens_of_a_model_are_taken_by_estimate_and_corrected_by_use)
{
    struct call_case c;
    case_open(&c);
    set_limits(&c, false, "builtin/free", (struct limit_values){.tpm = 100});
    struct request *r = next_request(&c, "builtin/free", 80); /* takes 90 */
    CHECK_EQ(admission_check(r, &c.fault), 0);
    CHECK_TRUE(!passes(&c, "builtin/free", 80));
    CHECK_TRUE(strstr(c.fault.message, "100 tokens a minute of builtin/free") !=
               NULL);
    end_request(r); /* used nothing */
    CHECK_TRUE(passes(&c, "builtin/free", 80));
    front_close(&c.f);
}

TEST(requests_of_a_model_in_flight_are_limited_and_given_back)
{
    struct call_case c;
    case_open(&c);
    set_limits(&c, false, "builtin/free",
               (struct limit_values){.max_in_flight = 1});
    set_limits(&c, true, "builtin/bound",
               (struct limit_values){.max_in_flight = 1});
    struct request *first = next_request(&c, "builtin/free", 1);
    struct request *bound = next_request(&c, "builtin/bound", 1);
    CHECK_EQ(admission_check(first, &c.fault), 0);
    CHECK_EQ(admission_check(bound, &c.fault), 0);
    CHECK_EQ(in_flight(&c, false, "builtin/free"), 1);
    CHECK_EQ(in_flight(&c, true, "builtin/bound"), 1);
    CHECK_TRUE(!passes(&c, "builtin/free", 1));
    CHECK_EQ(c.fault.status, 429);
    CHECK_TRUE(strstr(c.fault.message,
                      "this key has its 1 requests to builtin/free in") !=
               NULL);
    CHECK_TRUE(!passes(&c, "builtin/bound", 1));
    CHECK_TRUE(strstr(c.fault.message, "this key's group has its 1 requests") !=
               NULL);
    end_request(first);
    end_request(bound);
    CHECK_EQ(in_flight(&c, false, "builtin/free"), 0);
    CHECK_EQ(in_flight(&c, true, "builtin/bound"), 0);
    CHECK_TRUE(passes(&c, "builtin/free", 1));
    CHECK_TRUE(passes(&c, "builtin/bound", 1));
    front_close(&c.f);
}

TEST(a_models_defaults_are_each_keys_own_and_its_limits_go_first)
{
    struct call_case c;
    case_open(&c);
    struct catalogue_model *model = model_of(&c, "builtin/free");
    model->key_rpm = 1;
    CHECK_TRUE(passes(&c, "builtin/free", 1));
    CHECK_TRUE(!passes(&c, "builtin/free", 1));
    CHECK_TRUE(passes(&c, "builtin/bound", 1));
    /* The key's own, larger limit. */
    model_of(&c, "builtin/echo")->key_rpm = 1;
    set_limits(&c, false, "builtin/echo", (struct limit_values){.rpm = 2});
    CHECK_TRUE(passes(&c, "builtin/echo", 1));
    CHECK_TRUE(passes(&c, "builtin/echo", 1));
    CHECK_TRUE(!passes(&c, "builtin/echo", 1));
    /* Of what its own limits do not name the default stays. */
    set_limits(&c, false, "builtin/free", (struct limit_values){.tpm = 600});
    CHECK_TRUE(!passes(&c, "builtin/free", 1));
    model->key_rpm = 0;
    model->key_concurrency = 1;
    struct request *r = next_request(&c, "builtin/free", 1);
    CHECK_EQ(admission_check(r, &c.fault), 0);
    CHECK_TRUE(!passes(&c, "builtin/free", 1));
    end_request(r);
    front_close(&c.f);
}

TEST(a_row_that_is_freed_between_look_and_hold_is_made_again)
{
    struct call_case c;
    case_open(&c);
    struct segment *segment = &c.f.shm.segment;
    model_of(&c, "builtin/free")->key_concurrency = 1;
    struct request *r = next_request(&c, "builtin/free", 1);
    CHECK_EQ(limits_take(r, &c.fault), 0);
    CHECK_EQ(r->limits.count, 1);
    CHECK_EQ(limit_sweep(segment, clock_mono_ns()), 0);
    CHECK_EQ(limit_find(segment, r->limits.taken[0].name), SHM_LIMIT_NONE);
    CHECK_EQ(limits_look_again(r, &c.fault), 0);
    CHECK_TRUE(limit_find(segment, r->limits.taken[0].name) != SHM_LIMIT_NONE);
    end_request(r);
    front_close(&c.f);
}

TEST(without_room_for_a_limit_the_call_is_refused_not_let_through)
{
    struct call_case c;
    case_open(&c);
    struct segment *segment = &c.f.shm.segment;
    model_of(&c, "builtin/free")->key_rpm = 100;
    for (uint64_t i = 0; i < 8ull * segment->limit_max; i++)
        if (limit_claim(segment, limit_name((uint32_t)(i % 100), i / 100 << 8,
                                            1)) == SHM_LIMIT_NONE)
            continue; /* full is what is wanted */
    CHECK_TRUE(!passes(&c, "builtin/free", 1));
    CHECK_EQ(c.fault.status, 503);
    CHECK_TRUE(passes(&c, "builtin/bound", 1)); /* has no limit */
    limit_sweep(segment, clock_mono_ns());
    CHECK_TRUE(passes(&c, "builtin/free", 1));
    /* Limits of its own that found no room: none of its calls pass. */
    struct entry_policy policy;
    uint64_t tag;
    CHECK_EQ(entry_read(segment, c.f.key, &policy, &tag), 0);
    policy.flags |= SHM_KEY_HAS_MODEL_LIMITS | SHM_KEY_LIMITS_LOST;
    entry_update(segment, c.f.key, &policy);
    CHECK_TRUE(!passes(&c, "builtin/bound", 1));
    CHECK_EQ(c.fault.status, 503);
    front_close(&c.f);
}
