/*
 * fuzz_dialect_request.c - request bodies of the OpenAI dialect. The first byte
 * chooses endpoint and splices. What the scan admits must, once spliced, be
 * admitted again with the new values, and be to cJSON what it was before but
 * for the members that had to change.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <cjson/cJSON.h>

#include "tests/fuzz/fuzz.h"

/* Takes the members that may change off. */
static cJSON *
strip(cJSON *body)
{
    cJSON_DeleteItemFromObjectCaseSensitive(body, "model");
    cJSON_DeleteItemFromObjectCaseSensitive(body, "max_tokens");
    cJSON_DeleteItemFromObjectCaseSensitive(body, "max_completion_tokens");
    cJSON *options =
        cJSON_DetachItemFromObjectCaseSensitive(body, "stream_options");
    cJSON_DeleteItemFromObjectCaseSensitive(options, "include_usage");
    if (options != NULL && options->child != NULL)
        cJSON_AddItemToObject(body, "stream_options", options);
    else
        cJSON_Delete(options);
    return body;
}

/* cJSON compares the first of duplicates only, and no text beyond a NUL: a
 * body that is not equal to itself is not compared. */
static void
check_the_rest_is_equal(struct str before, struct str after)
{
    cJSON *a = cJSON_ParseWithLength(before.ptr, before.len);
    cJSON *again = cJSON_ParseWithLength(before.ptr, before.len);
    cJSON *b = cJSON_ParseWithLength(after.ptr, after.len);
    if (a != NULL && cJSON_Compare(strip(a), strip(again), 1)) {
        MUST(b != NULL);
        MUST(cJSON_Compare(a, strip(b), 1));
    }
    cJSON_Delete(a);
    cJSON_Delete(again);
    cJSON_Delete(b);
}

static void
check_call(const struct call *call, struct str body)
{
    MUST(call->model_len > 0 && call->model_len < CALL_MODEL_BYTES);
    MUST(call->model[call->model_len] == '\0');
    MUST(strlen(call->model) == call->model_len);
    MUST(call->n >= 1 && call->max_tokens <= UINT64_C(1) << 31);
    MUST(call->prompt_estimate >= 1);
    MUST(call->prompt_bound >= call->prompt_estimate);
    MUST(call->text_bytes <= 2 * body.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char model[] = "up/\"stream\"-\\1";
    static struct splices splices;
    if (size < 1)
        return 0;
    uint8_t choice = data[0];
    struct str body = {(const char *)data + 1, size - 1};
    uint8_t endpoint = (uint8_t)(ENDPOINT_CHAT + (choice & 3) % 3);
    struct call call = {0}, again = {0};
    struct fault fault = {0};
    if (dialect_openai.scan(body, endpoint, &call, &fault) != 0) {
        MUST(fault.status == 400 || fault.status == 422);
        MUST(fault.code != NULL);
        MUST(fault.message[0] != '\0');
        return 0;
    }
    check_call(&call, body);
    struct rewrite rewrite = {
        .max_tokens_as_completion = (choice & 4) != 0,
        .want_usage = (choice & 8) != 0,
        .max_tokens = (choice & 16) != 0 ? 77 : 0,
        .model = (choice & 32) != 0 ? str_from(model) : str_make(NULL, 0),
    };
    if (endpoint == ENDPOINT_EMBEDDINGS)
        rewrite.max_tokens = 0, rewrite.want_usage = false;
    dialect_openai.rewrite(body, &call, &rewrite, &splices);
    struct buf out;
    buf_init(&out, 0);
    apply_splices(&out, body, &splices);
    struct str spliced = buf_view(&out);
    MUST(dialect_openai.scan(spliced, endpoint, &again, &fault) == 0);
    MUST(str_equals(str_from(again.model),
                    str_from(rewrite.model.ptr != NULL ? model : call.model)));
    MUST(again.max_tokens ==
         (rewrite.max_tokens > 0 ? rewrite.max_tokens : call.max_tokens));
    MUST(again.include_usage == (rewrite.want_usage || call.include_usage));
    MUST(again.stream == call.stream && again.n == call.n);
    MUST(again.prompt_bound == call.prompt_bound);
    check_the_rest_is_equal(body, spliced);
    buf_fini(&out);
    return 0;
}
