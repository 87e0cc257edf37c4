/*
 * fuzz_gemini_request.c - request bodies of the Gemini dialect. The first byte
 * chooses endpoint and splices. What the scan admits must, once spliced, be
 * admitted again with the new values; what it means must be writable as a body
 * of this dialect that is JSON and is admitted, too.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/fuzz/fuzz.h"

static int
scan(struct str body, uint8_t endpoint, const char *model, struct call *call,
     struct fault *fault)
{
    *call = (struct call){.model_in_path = true};
    call->model_len = (uint16_t)strlen(model);
    memcpy(call->model, model, call->model_len);
    return dialect_gemini.scan(body, endpoint, call, fault);
}

static void
check_splices(struct str body, const struct call *call, uint8_t choice)
{
    static struct splices splices;
    struct rewrite rewrite = {
        .max_tokens = (choice & 8) != 0 ? 77 : 0,
        .model = (choice & 16) != 0 ? STR_LIT("up") : str_make(NULL, 0),
    };
    struct call again;
    struct fault fault = {0};
    struct buf out;
    if (call->models_inside > CALL_MODELS_SPLICED)
        rewrite.model.ptr = NULL; /* the relay writes those anew */
    dialect_gemini.rewrite(body, call, &rewrite, &splices);
    buf_init(&out, 0);
    apply_splices(&out, body, &splices);
    const char *model = rewrite.model.ptr != NULL ? "up" : call->model;
    MUST(scan(buf_view(&out), call->endpoint, model, &again, &fault) == 0);
    if (call->endpoint == ENDPOINT_GENERATE)
        MUST(again.max_tokens ==
             (rewrite.max_tokens > 0 ? rewrite.max_tokens : call->max_tokens));
    MUST(again.n == call->n && again.models_inside == call->models_inside);
    MUST(again.text_bytes == call->text_bytes);
    buf_fini(&out);
}

static void
check_meaning(struct str body, const struct call *call)
{
    struct canon_request *request = canon_request_create();
    struct fault fault = {0};
    struct buf out;
    MUST(request != NULL);
    buf_init(&out, 0);
    struct canon_target target = {.model = STR_LIT("gemini-3-flash"),
                                  .max_tokens = 9};
    if (carry_request(&dialect_gemini, &dialect_gemini, body, call, request,
                      &target, &out)) {
        struct call again;
        uint8_t endpoint = call->endpoint == ENDPOINT_GENERATE
                               ? ENDPOINT_GENERATE
                               : ENDPOINT_BATCH_EMBED;
        MUST(scan(buf_view(&out), endpoint, "gemini-3-flash", &again, &fault) ==
             0);
        MUST(endpoint != ENDPOINT_GENERATE || again.max_tokens == 9);
    }
    buf_fini(&out);
    canon_request_destroy(&request);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t endpoints[] = {ENDPOINT_GENERATE,
                                        ENDPOINT_COUNT_TOKENS, ENDPOINT_EMBED,
                                        ENDPOINT_BATCH_EMBED};
    if (size < 1)
        return 0;
    struct str body = {(const char *)data + 1, size - 1};
    struct call call;
    struct fault fault = {0};
    if (scan(body, endpoints[data[0] & 3], "m", &call, &fault) != 0) {
        MUST(fault.status == 400 || fault.status == 422);
        MUST(fault.code != NULL && fault.message[0] != '\0');
        return 0;
    }
    MUST(call.model_len == 1 && call.n >= 1 && call.prompt_estimate >= 1);
    MUST(call.prompt_bound >= call.prompt_estimate);
    MUST(call.text_bytes <= 2 * body.len);
    check_splices(body, &call, data[0]);
    check_meaning(body, &call);
    return 0;
}
