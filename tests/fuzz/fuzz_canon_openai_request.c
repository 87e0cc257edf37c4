/*
 * fuzz_canon_openai_request.c - chat and embeddings requests into the canonical
 * form and out of it, for a provider whose quirks the first four bytes choose.
 * What is written is JSON, and is read again as what it was.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/fuzz/fuzz.h"

/* True when it was carried. */
static bool
carry(struct canon_request *request, struct str body, uint8_t endpoint,
      uint32_t quirks, struct buf *out)
{
    struct call call = {.endpoint = endpoint};
    struct fault fault = {0};
    if (dialect_openai.scan(body, endpoint, &call, &fault) != 0)
        return false;
    const struct canon_target target = {
        .model = STR_LIT("up"),
        .max_tokens = call.max_tokens,
        .endpoint = endpoint,
        .stream = call.stream,
        .quirks = quirks,
    };
    return carry_request(&dialect_openai, &dialect_openai, body, &call, request,
                         &target, out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t quirks;
    struct buf out, again;
    if (size < 5)
        return 0;
    memcpy(&quirks, data, sizeof(quirks));
    uint8_t endpoint = data[4] == 'e' ? ENDPOINT_EMBEDDINGS : ENDPOINT_CHAT;
    struct str body = {(const char *)data + 5, size - 5};
    struct canon_request *request = canon_request_create();
    MUST(request != NULL);
    buf_init(&out, 0);
    buf_init(&again, 0);
    if (carry(request, body, endpoint, quirks, &out)) {
        uint32_t messages = request->message_count, tools = request->tool_count;
        /* Not refused now, what was not before; but members that only some
         * providers know may be in it. */
        if (carry(request, buf_view(&out), endpoint, quirks, &again)) {
            MUST(request->message_count <= 2 * messages + 2);
            MUST(request->tool_count <= tools);
        }
    }
    buf_fini(&out);
    buf_fini(&again);
    canon_request_destroy(&request);
    return 0;
}
