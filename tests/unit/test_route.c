/*
 * test_route.c - which provider gets a call, as the client sees it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/request.h"

#include "tests/unit/front_fixture.h"

static void
ask_model(struct front *f, const char *model, struct buf *answer)
{
    char body[256];
    snprintf(body, sizeof(body),
             "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\","
             "\"content\":\"hi\"}]}",
             model);
    buf_reset(answer);
    front_ask(f, body, answer);
}

static void
change_key(struct front *f, bool all_models, uint32_t model_idx)
{
    struct entry_policy policy;
    uint64_t tag;
    CHECK_EQ(entry_read(&f->shm.segment, f->key, &policy, &tag), 0);
    policy.flags &= ~(uint32_t)SHM_KEY_ALL_MODELS;
    if (all_models)
        policy.flags |= SHM_KEY_ALL_MODELS;
    memset(policy.models, 0, sizeof(policy.models));
    policy.models[model_idx / 64] |= UINT64_C(1) << model_idx % 64;
    entry_update(&f->shm.segment, f->key, &policy);
}

TEST(a_model_is_found_by_its_name_and_by_its_alias)
{
    struct front f;
    struct buf answer;
    buf_init(&answer, 0);
    front_open(&f);
    ask_model(&f, "builtin/echo", &answer);
    CHECK_TRUE(front_has(&answer, "HTTP/1.1 200 "));
    ask_model(&f, "echo", &answer);
    CHECK_TRUE(front_has(&answer, "HTTP/1.1 200 "));
    CHECK_TRUE(front_has(&answer, "x-aigw-model: builtin/echo\r\n"));
    CHECK_TRUE(front_has(&answer, "x-aigw-provider: builtin\r\n"));
    front_close(&f);
    buf_fini(&answer);
}

TEST(unknown_and_forbidden_models_are_answered_alike)
{
    struct front f;
    struct buf unknown, forbidden;
    buf_init(&unknown, 0);
    buf_init(&forbidden, 0);
    front_open(&f);
    int only_provider = -1;
    struct str upstream;
    const struct catalogue_model *echo = catalogue_find(
        f.catalogue, STR_LIT("builtin/echo"), &upstream, &only_provider);
    change_key(&f, false, echo->model_idx);
    ask_model(&f, "builtin/echo", &unknown);
    CHECK_TRUE(front_has(&unknown, "HTTP/1.1 200 "));
    ask_model(&f, "builtin/none", &unknown);
    ask_model(&f, "builtin/free", &forbidden);
    CHECK_TRUE(front_has(&unknown, "HTTP/1.1 404 "));
    CHECK_TRUE(front_has(&unknown, "\"code\":\"model_not_found\""));
    CHECK_TRUE(front_has(&unknown, "x-should-retry: false"));
    CHECK_TRUE(front_has(&forbidden, "HTTP/1.1 404 "));
    CHECK_TRUE(front_has(&forbidden, "\"code\":\"model_not_found\""));
    front_close(&f);
    buf_fini(&unknown);
    buf_fini(&forbidden);
}

TEST(a_provider_that_cannot_be_reached_is_followed_by_the_next)
{
    struct front f;
    struct buf answer;
    struct shm_record record = {0};
    buf_init(&answer, 0);
    front_open(&f);
    ask_model(&f, "gone/first", &answer);
    CHECK_TRUE(front_has(&answer, "HTTP/1.1 200 "));
    CHECK_TRUE(front_has(&answer, "x-aigw-attempts: 2\r\n"));
    CHECK_TRUE(front_record(&f, &record));
    CHECK_EQ(record.attempts, 2);
    CHECK_EQ(record.attempts_len, 2 * sizeof(struct shm_attempt));
    CHECK_EQ(record.cause, RECORD_OK);
    ask_model(&f, "gone/only", &answer);
    CHECK_TRUE(front_has(&answer, "HTTP/1.1 502 "));
    CHECK_TRUE(front_has(&answer, "\"code\":\"upstream_error\""));
    CHECK_TRUE(front_record(&f, &record));
    CHECK_EQ(record.cause, RECORD_UPSTREAM_FAILED);
    CHECK_EQ(record.tokens, 0);
    CHECK_EQ(record.attempts_len, sizeof(struct shm_attempt));
    ask_model(&f, "builtin/echo", &answer);
    CHECK_TRUE(front_record(&f, &record));
    CHECK_EQ(record.attempts_len, 0); /* none has failed: no list */
    front_close(&f);
    buf_fini(&answer);
}

TEST(each_provider_gets_the_name_that_it_knows)
{
    struct front f;
    struct buf answer;
    struct shm_record record = {0};
    buf_init(&answer, 0);
    front_open(&f);
    ask_model(&f, "builtin/bound", &answer);
    CHECK_TRUE(front_has(&answer, "\"model\":\"bound-2026-01-01\""));
    CHECK_TRUE(front_has(&answer, "x-aigw-model: builtin/bound\r\n"));
    CHECK_TRUE(front_record(&f, &record));
    CHECK_TRUE(record.nano > 0); /* the prices of the configured model */
    ask_model(&f, "gone/first", &answer); /* its second provider */
    CHECK_TRUE(front_has(&answer, "\"model\":\"here\""));
    ask_model(&f, "builtin/echo", &answer);
    CHECK_TRUE(front_has(&answer, "\"model\":\"builtin/echo\""));
    front_close(&f);
    buf_fini(&answer);
}
