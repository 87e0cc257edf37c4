/*
 * fuzz_responses_request.c - request bodies of the Responses dialect. What the
 * scan admits must be admitted again with its splices, and say what they say;
 * what is read of it must be written, for a provider of each dialect, as JSON.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/fuzz/fuzz.h"

static void
check_splices(struct str body, const struct call *call)
{
    const struct rewrite rewrite = {.model = STR_LIT("up\"stream"),
                                    .max_tokens = 77};
    struct splices splices;
    struct buf out;
    struct call again = {0};
    struct fault fault;
    buf_init(&out, 0);
    dialect_responses.rewrite(body, call, &rewrite, &splices);
    apply_splices(&out, body, &splices);
    MUST(dialect_responses.scan(buf_view(&out), call->endpoint, &again,
                                &fault) == 0);
    MUST(str_equals(str_make(again.model, again.model_len), rewrite.model));
    MUST(again.max_tokens == 77 && again.stream == call->stream);
    MUST(again.prompt_bound == call->prompt_bound);
    buf_fini(&out);
}

static void
check_carried(struct str body, const struct call *call)
{
    static const struct dialect *const providers[] = {
        &dialect_responses, &dialect_openai, &dialect_anthropic,
        &dialect_gemini};
    static const uint8_t endpoints[] = {ENDPOINT_RESPONSES, ENDPOINT_CHAT,
                                        ENDPOINT_MESSAGES, ENDPOINT_GENERATE};
    struct canon_request *request = canon_request_create();
    struct buf out;
    MUST(request != NULL);
    buf_init(&out, 0);
    for (size_t i = 0; i < ARRAY_LEN(providers); i++) {
        const struct canon_target target = {
            .model = STR_LIT("up"), .max_tokens = 9, .endpoint = endpoints[i]};
        carry_request(&dialect_responses, providers[i], body, call, request,
                      &target, &out);
    }
    buf_fini(&out);
    canon_request_destroy(&request);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct call call = {0};
    struct fault fault;
    char *copy = malloc(size + 1); /* of its own, so that ASan sees its end */
    MUST(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    struct str body = str_make(copy, size);
    if (dialect_responses.scan(body, ENDPOINT_RESPONSES, &call, &fault) == 0) {
        check_splices(body, &call);
        check_carried(body, &call);
    }
    free(copy);
    return 0;
}
