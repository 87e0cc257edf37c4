/*
 * op_provider_test.c - POST /admin/v1/providers/NAME/test: one small chat call to
 * a provider, by a worker; and what workers ask and tell of it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/admin/admin_state.h"
#include "accountant/admin/authorise.h"
#include "accountant/admin/object_json.h"
#include "accountant/admin/value.h"
#include "accountant/managed.h"
#include "common/log.h"
#include "shm/catalogue.h"

#define PROMPT_DEFAULT "Say ok."
enum { ID_CHARS = 16 };

/* ---- for people ---- */

/* The provider's index in the catalogue; -1: the call was refused. */
static int
find_provider(struct call *call, const struct catalogue *catalogue)
{
    const char *name = call->path_params[0];
    int provider = catalogue == NULL
                       ? -1
                       : catalogue_find_provider(catalogue, str_from(name));
    if (provider >= 0)
        return provider;
    if (config_find_section(store_config(call->store), CONFIG_SECTION_provider,
                            name) == NULL)
        call_fail(call, 404, "not_found", "There is no provider '%.100s'.",
                  name);
    else
        call_fail(call, 409, "provider_disabled",
                  "The provider '%.100s' is disabled: enable it to test it.",
                  name);
    return -1;
}

static bool
is_chat_at(const struct catalogue_model *model, int provider)
{
    bool is_there = false;
    for (uint32_t i = 0; i < model->endpoint_count; i++)
        is_there = is_there || (int)model->endpoints[i].provider == provider;
    return is_there && strcmp(model->type, "chat") == 0;
}

/* The name of the first chat model that it serves; NULL: it names none. */
static const char *
first_model(const struct catalogue *catalogue, int provider)
{
    for (uint32_t i = 0; i < catalogue->model_count; i++)
        if (!catalogue->models[i].is_wildcard &&
            is_chat_at(&catalogue->models[i], provider))
            return catalogue->models[i].name;
    return NULL;
}

/* Into test->model: the body's, or the first. False: error is set. */
static bool
choose_model(struct call *call, const struct catalogue *catalogue, int provider,
             struct provider_test *test)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(call->body, "model");
    const char *name = first_model(catalogue, provider);
    struct str upstream;
    if (value != NULL) {
        name =
            value_text(value, "model", PROVIDER_TEST_MODEL_MAX, &call->error);
        if (name == NULL)
            return false;
        const struct catalogue_model *model =
            catalogue_find_at(catalogue, provider, str_from(name), &upstream);
        if (model == NULL || !is_chat_at(model, provider))
            name = NULL;
    }
    if (name == NULL) {
        admin_error_field(&call->error, "model",
                          value != NULL
                              ? "'model' is no chat model of this provider."
                              : "The provider lists no chat model: name one "
                                "in 'model'.");
        return false;
    }
    snprintf(test->model, sizeof(test->model), "%s", name);
    return true;
}

static bool
read_prompt(struct call *call, struct provider_test *test)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(call->body, "prompt");
    const char *prompt = PROMPT_DEFAULT;
    if (value != NULL)
        prompt =
            value_text(value, "prompt", PROVIDER_TEST_PROMPT_MAX, &call->error);
    if (prompt == NULL)
        return false;
    snprintf(test->prompt, sizeof(test->prompt), "%s", prompt);
    return true;
}

void
op_providers_test(struct call *call)
{
    const struct catalogue *catalogue = store_catalogue(call->store);
    int provider = find_provider(call, catalogue);
    if (provider < 0)
        return;
    struct provider_test *test = calloc(1, sizeof(*test));
    if (test == NULL)
        fatal("out of memory");
    test->admin = call->admin;
    test->call = call;
    call->work = test;
    call->work_free = provider_test_free;
    memcpy(test->provider, catalogue->providers[provider].name,
           sizeof(test->provider));
    if (!value_members(call->body, "", "model prompt", &call->error) ||
        !choose_model(call, catalogue, provider, test) ||
        !read_prompt(call, test))
        call_refuse(call);
    else if (!provider_tests_add(call->admin, test))
        call_fail(call, 429, "too_many_tests",
                  "There are %d tests of providers under way: wait for one "
                  "to end.",
                  PROVIDER_TESTS_MAX);
}

/* ---- for workers ---- */

static void
put_id(struct json_writer *json, uint64_t id)
{
    char text[ID_CHARS + 1];
    snprintf(text, sizeof(text), "%016" PRIx64, id);
    json_key(json, "id");
    json_cstring(json, text);
}

static void
give_next(struct call *call, const char *worker)
{
    struct json_writer *json = &call->json;
    const struct provider_test *test = provider_tests_take(call->admin, worker);
    json_object_begin(json);
    if (test != NULL) {
        put_id(json, test->id);
        json_key(json, "provider");
        json_cstring(json, test->provider);
        json_key(json, "model");
        json_cstring(json, test->model);
        json_key(json, "prompt");
        json_cstring(json, test->prompt);
    }
    json_object_end(json);
    call_answer(call, 200);
}

/* A number of the worker's, or null for 0. */
static void
put_number(struct json_writer *json, const char *name, const cJSON *done)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(done, name);
    double number = cJSON_IsNumber(value) ? value->valuedouble : 0;
    json_key(json, name);
    if (number > 0 && number < 1e9)
        json_u64(json, (uint64_t)number);
    else
        json_null(json);
}

/* A text of the worker's, or null. */
static void
put_text(struct json_writer *json, const char *name, const cJSON *value)
{
    json_key(json, name);
    json_cstring(json, cJSON_IsString(value) ? value->valuestring : NULL);
}

static void
put_outcome(struct json_writer *json, const struct provider_test *test,
            const cJSON *done)
{
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(done, "code");
    json_object_begin(json);
    json_key(json, "provider");
    json_cstring(json, test->provider);
    json_key(json, "model");
    json_cstring(json, test->model);
    put_text(json, "upstream_model",
             cJSON_GetObjectItemCaseSensitive(done, "upstream_model"));
    put_text(json, "credential",
             cJSON_GetObjectItemCaseSensitive(done, "credential"));
    json_key(json, "ok");
    json_bool(json, !cJSON_IsString(code));
    put_number(json, "status", done);
    put_number(json, "duration_ms", done);
    put_number(json, "first_byte_ms", done);
    put_text(json, "text", cJSON_GetObjectItemCaseSensitive(done, "text"));
    json_key(json, "error");
    if (cJSON_IsString(code)) {
        json_object_begin(json);
        put_text(json, "code", code);
        put_text(json, "message",
                 cJSON_GetObjectItemCaseSensitive(done, "message"));
        json_object_end(json);
    } else {
        json_null(json);
    }
    json_key(json, "tested_at");
    json_time(json, test->taken_wall_ms);
    json_object_end(json);
}

/* The answer of who waits for it, then the worker's. */
static void
take_outcome(struct call *call, const char *worker, const cJSON *done)
{
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(done, "id");
    uint64_t number =
        cJSON_IsString(id) ? strtoull(id->valuestring, NULL, 16) : 0;
    struct provider_test *test =
        provider_tests_end(call->admin, number, worker);
    if (test == NULL) {
        call_fail(call, 404, "not_found", "Nobody waits for that test.");
        return;
    }
    put_outcome(&test->call->json, test, done);
    call_answer(test->call, 200);
    json_object_begin(&call->json);
    json_object_end(&call->json);
    call_answer(call, 200);
}

void
op_provider_tests_work(struct call *call)
{
    const cJSON *worker =
        cJSON_GetObjectItemCaseSensitive(call->body, "worker");
    const cJSON *done = cJSON_GetObjectItemCaseSensitive(call->body, "done");
    if (!authorise_own(call))
        return;
    if (!value_members(call->body, "", "worker done", &call->error) ||
        !cJSON_IsString(worker) ||
        strlen(worker->valuestring) >= SEAT_NAME_BYTES)
        call_fail(call, 400, "invalid_field",
                  "It needs who asks, or has done what.");
    else if (cJSON_IsObject(done))
        take_outcome(call, worker->valuestring, done);
    else
        give_next(call, worker->valuestring);
}
