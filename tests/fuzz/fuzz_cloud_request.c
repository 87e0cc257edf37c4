/*
 * fuzz_cloud_request.c - request bodies of Workers AI, and what becomes of them
 * at Bedrock. What the scan admits must, once spliced, be admitted again with the
 * new bound; what it means must be writable as JSON, or is refused with a reason.
 * The first byte chooses the model, and whether the path names it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/fuzz/fuzz.h"

static struct canon_request *request;

static int
scan(struct str body, bool in_path, struct call *call)
{
    struct fault fault;
    *call = (struct call){.model_in_path = in_path};
    if (in_path) {
        call->model[0] = 'm';
        call->model_len = 1;
    }
    return dialect_workers_ai.scan(body, ENDPOINT_RUN, call, &fault);
}

static void
check_splices(struct str body, const struct call *call)
{
    const struct rewrite rewrite = {.max_tokens = 77, .model = STR_LIT("up")};
    struct splices splices;
    struct call again;
    struct buf out;
    buf_init(&out, 0);
    dialect_workers_ai.rewrite(body, call, &rewrite, &splices);
    apply_splices(&out, body, &splices);
    MUST(scan(buf_view(&out), call->model_in_path, &again) == 0);
    MUST(again.max_tokens == 77 && again.stream == call->stream);
    MUST(call->model_in_path || strcmp(again.model, "up") == 0);
    buf_fini(&out);
}

static void
translate(struct str body, const struct call *call, const char *model)
{
    const struct canon_target target = {.model = str_from(model),
                                        .endpoint = ENDPOINT_CONVERSE,
                                        .max_tokens = call->max_tokens};
    struct buf out;
    if (request == NULL)
        request = canon_request_create();
    MUST(request != NULL);
    buf_init(&out, 0);
    carry_request(&dialect_workers_ai, &dialect_bedrock, body, call, request,
                  &target, &out);
    buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const models[] = {
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "anthropic.claude-opus-4-6-v1",
        "amazon.nova-2-lite-v1:0",
        "m",
    };
    struct call call;
    if (size < 1)
        return 0;
    struct str body = {(const char *)data + 1, size - 1};
    if (scan(body, (data[0] & 1) != 0, &call) != 0)
        return 0;
    check_splices(body, &call);
    translate(body, &call, models[data[0] >> 1 & 3]);
    return 0;
}
