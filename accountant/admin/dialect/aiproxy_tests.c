/*
 * aiproxy_tests.c - aiproxy's tests of channels, which are tests of providers,
 * one after the other.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "accountant/admin/dialect/aiproxy.h"
#include "common/buf.h"

enum {
    MODE_CHAT = 1,
    CODE_NONE = 503, /* where no answer came */
    /* No test begins later: one lasts for 50 s, and a client of the [admin]
     * listener is answered within 60. */
    BEGIN_MS = 8000,
};

/* What the query wants to be told. */
struct wish {
    bool successes, bodies, stream;
};

static bool
is_true(const struct visit *visit, const char *name)
{
    const char *value = visit_query(visit, name);
    return value != NULL && strcmp(value, "true") == 0;
}

static struct wish
wish_of(const struct visit *visit)
{
    return (struct wish){.successes = is_true(visit, "return_success"),
                         .bodies = is_true(visit, "success_body"),
                         .stream = is_true(visit, "stream")};
}

/* {success: false, message}, as their tests tell it: under status 200. */
static cJSON *
failure(const char *message)
{
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "message", message);
    cJSON_AddFalseToObject(out, "success");
    return out;
}

/* Why there is no test, as theirs. */
static cJSON *
not_tested(const char *channel, const char *model, const char *why)
{
    char text[600];
    snprintf(text, sizeof(text),
             "failed to test channel %.100s(%" PRId64 ") model %.200s: %.250s",
             channel, aiproxy_channel_id(channel), model, why);
    return failure(text);
}

/* ---- a test as theirs ---- */

static void
add_response(cJSON *out, const cJSON *test, bool bodies)
{
    char *text = NULL;
    if (!shape_true(test, "ok")) {
        cJSON *error = cJSON_CreateObject();
        shape_add_copy(error, "error", shape_at(test, "error"));
        text = cJSON_PrintUnformatted(error);
        cJSON_Delete(error);
    }
    cJSON_AddStringToObject(out, "response",
                            text != NULL ? text
                            : bodies     ? shape_text(test, "text")
                                         : "");
    cJSON_free(text);
}

static cJSON *
test_shown(const cJSON *test, const char *kind, bool bodies)
{
    const char *channel = shape_text(test, "provider");
    int64_t status = shape_i64(test, "status");
    cJSON *out = cJSON_CreateObject();
    shape_add_i64(out, "test_at", shape_ms(test, "tested_at"));
    cJSON_AddStringToObject(out, "model", shape_text(test, "model"));
    cJSON_AddStringToObject(out, "actual_model",
                            shape_text(test, "upstream_model"));
    add_response(out, test, bodies);
    cJSON_AddStringToObject(out, "channel_name", channel);
    cJSON_AddNumberToObject(out, "channel_type", aiproxy_channel_type(kind));
    shape_add_i64(out, "channel_id", aiproxy_channel_id(channel));
    cJSON_AddNumberToObject(out, "took",
                            shape_number(test, "duration_ms") / 1000);
    cJSON_AddBoolToObject(out, "success", shape_true(test, "ok"));
    cJSON_AddNumberToObject(out, "mode", MODE_CHAT);
    shape_add_i64(out, "code", status != 0 ? status : CODE_NONE);
    return out;
}

/* The test, or the refusal of it with *status; NULL: not there yet, or answered
 * because the member may not. */
static const cJSON *
ask_test(struct visit *visit, const char *channel, const char *model,
         uint16_t *status)
{
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "model", model);
    const cJSON *test = visit_try(visit, status, HTTP_POST, body,
                                  "/admin/v1/providers/{}/test", channel);
    if (test == NULL || (*status != 401 && *status != 403))
        return test;
    visit_fail(visit, *status, shape_text(test, "error.code"), "%s",
               shape_text(test, "error.message"));
    return NULL;
}

/* ---- one model ---- */

/* The channel of the path; NULL: not known yet, or answered. */
static const cJSON *
find(struct visit *visit)
{
    const char *name = aiproxy_channel_name(visit, visit->params[0]);
    if (name == NULL)
        return NULL;
    if (*name == '\0') {
        visit_answer(visit, 200, failure("channel not found"));
        return NULL;
    }
    return visit_ask(visit, HTTP_GET, NULL, "/admin/v1/providers/{}", name);
}

static void
test_model(struct visit *visit)
{
    const cJSON *provider = find(visit);
    const char *model = visit->params[1];
    uint16_t status;
    if (provider == NULL)
        return;
    const char *name = shape_text(provider, "name");
    const cJSON *test = ask_test(visit, name, model, &status);
    if (test == NULL)
        return;
    if (status == 400)
        visit_answer(visit, 200, failure("model not supported by channel"));
    else if (status != 200)
        visit_answer(
            visit, 200,
            not_tested(name, model, shape_text(test, "error.message")));
    else
        aiproxy_answer(visit, test_shown(test, shape_text(provider, "kind"),
                                         is_true(visit, "success_body")));
}

/* ---- several ---- */

struct round {
    struct visit *visit;
    struct wish wish;
    cJSON *results;
    bool is_late;
};

static bool
is_late(const struct visit *visit, const cJSON *test)
{
    return shape_ms(test, "tested_at") + shape_i64(test, "duration_ms") >
           visit->now_ms + BEGIN_MS;
}

/* One model more; false: not known yet, or answered. */
static bool
test_one(struct round *round, const cJSON *provider, const char *model)
{
    const char *name = shape_text(provider, "name");
    uint16_t status;
    if (round->is_late) {
        cJSON_AddItemToArray(
            round->results,
            not_tested(name, model, "the others took too long; test it alone"));
        return true;
    }
    const cJSON *test = ask_test(round->visit, name, model, &status);
    if (test == NULL)
        return false;
    if (status != 200) {
        cJSON_AddItemToArray(
            round->results,
            not_tested(name, model, shape_text(test, "error.message")));
        return true;
    }
    round->is_late = is_late(round->visit, test);
    if (shape_true(test, "ok") && !round->wish.successes)
        return true;
    cJSON *result = cJSON_CreateObject();
    cJSON_AddItemToObject(
        result, "data",
        test_shown(test, shape_text(provider, "kind"), round->wish.bodies));
    cJSON_AddTrueToObject(result, "success");
    cJSON_AddItemToArray(round->results, result);
    return true;
}

/* All chat models of a channel; false: as above. */
static bool
test_channel(struct round *round, const cJSON *provider, const cJSON *models)
{
    const cJSON *model = NULL, *at = NULL;
    cJSON_ArrayForEach(model, models)
    {
        if (shape_true(model, "wildcard") ||
            strcmp(shape_text(model, "type"), "chat") != 0)
            continue;
        cJSON_ArrayForEach(at, shape_at(model, "providers"))
        {
            if (strcmp(shape_text(at, "provider"),
                       shape_text(provider, "name")) == 0 &&
                !test_one(round, provider, shape_text(model, "id")))
                return false;
        }
    }
    return true;
}

/* A line of a stream for each, as theirs come, all at once. */
static void
answer_stream(struct visit *visit, const cJSON *results)
{
    const cJSON *result = NULL;
    struct buf out;
    buf_init(&out, 0);
    cJSON_ArrayForEach(result, results)
    {
        char *text = cJSON_PrintUnformatted(result);
        if (text == NULL)
            out.failed = true;
        else
            buf_printf(&out, "data: %s\n\n", text);
        cJSON_free(text);
    }
    visit_answer_raw(visit, 200, "text/event-stream", &out);
    buf_fini(&out);
}

/* `round->results` is the answer, where all of it is known; taken. */
static void
answer(struct round *round, bool whole)
{
    if (whole && round->wish.stream)
        answer_stream(round->visit, round->results);
    if (!whole || round->wish.stream)
        cJSON_Delete(round->results);
    else
        aiproxy_answer(round->visit, round->results);
}

static const cJSON *
ask_models(struct visit *visit)
{
    const cJSON *all = visit_ask(visit, HTTP_GET, NULL, "/admin/v1/models");
    return all == NULL ? NULL : shape_at(all, "data");
}

static void
test_models(struct visit *visit)
{
    const cJSON *provider = find(visit);
    const cJSON *models = provider == NULL ? NULL : ask_models(visit);
    if (models == NULL)
        return;
    struct round round = {
        .visit = visit, .wish = wish_of(visit), .results = cJSON_CreateArray()};
    answer(&round, test_channel(&round, provider, models));
}

/* Of all channels that are enabled: another one cannot be asked. */
static void
test_all(struct visit *visit)
{
    const cJSON *provider = NULL;
    const cJSON *all =
        visit_ask(visit, HTTP_GET, NULL, "/admin/v1/providers?limit=1000");
    const cJSON *models = all == NULL ? NULL : ask_models(visit);
    bool whole = true;
    if (models == NULL)
        return;
    struct round round = {
        .visit = visit, .wish = wish_of(visit), .results = cJSON_CreateArray()};
    cJSON_ArrayForEach(provider, shape_at(all, "data"))
    {
        whole = whole && (!shape_true(provider, "enabled") ||
                          test_channel(&round, provider, models));
    }
    answer(&round, whole);
}

// clang-format off
const struct dialect_route aiproxy_tests[] = {
    {HTTP_GET, "/channels/test", test_all, 0},
    {HTTP_GET, "/channel/{}/test", test_models, 0},
    {HTTP_GET, "/channel/{}/test/{*}", test_model, 0},
    {HTTP_GET, NULL, NULL, 0},
};
// clang-format on
