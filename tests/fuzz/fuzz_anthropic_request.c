/*
 * fuzz_anthropic_request.c - Messages requests. What the scan admits must, once
 * spliced, be admitted again with the new values; what is read into the
 * canonical form must be written as JSON that the scan admits, and reading that
 * and writing it again must give the same bytes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/fuzz/fuzz.h"
#include "worker/provider/provider.h"

static struct canon_request *request;

static void
check_splices(struct str body, const struct call *call, uint8_t choice)
{
    static struct splices splices;
    struct call again = {0};
    struct fault fault;
    struct buf out;
    const struct rewrite rewrite = {
        .model = (choice & 2) != 0 ? STR_LIT("up/\"stream\"-\\1")
                                   : str_make(NULL, 0),
        .max_tokens = (choice & 4) != 0 ? 77 : 0,
    };
    buf_init(&out, 0);
    dialect_anthropic.rewrite(body, call, &rewrite, &splices);
    apply_splices(&out, body, &splices);
    MUST(dialect_anthropic.scan(buf_view(&out), call->endpoint, &again,
                                &fault) == 0);
    MUST(again.prompt_bound == call->prompt_bound);
    MUST(again.stream == call->stream);
    if (rewrite.max_tokens > 0 && call->endpoint == ENDPOINT_MESSAGES)
        MUST(again.max_tokens == 77);
    buf_fini(&out);
}

/* Read and written; false when it cannot be carried. */
static bool
carry(struct str body, const struct canon_target *target, struct buf *out)
{
    struct call call = {0};
    struct fault fault = {0};
    /* Without a model (it may be empty) a written body is none to a client. */
    MUST(dialect_anthropic.scan(body, ENDPOINT_MESSAGES, &call, &fault) == 0);
    if (!carry_request(&dialect_anthropic, &dialect_anthropic, body, &call,
                       request, target, out))
        return false;
    for (uint32_t i = 0; i < request->dropped_count; i++)
        for (const char *p = request->dropped[i]; *p != '\0'; p++)
            MUST(*p > ' ' && *p < 0x7f);
    return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct call call = {0};
    struct fault fault = {0};
    struct buf once, twice;
    if (size < 1)
        return 0;
    uint8_t choice = data[0];
    uint8_t endpoint =
        (choice & 1) != 0 ? ENDPOINT_COUNT_TOKENS : ENDPOINT_MESSAGES;
    struct str body = {(const char *)data + 1, size - 1};
    if (dialect_anthropic.scan(body, endpoint, &call, &fault) != 0) {
        MUST(fault.status == 400 || fault.status == 422);
        MUST(fault.code != NULL && fault.message[0] != '\0');
        return 0;
    }
    MUST(call.n == 1 && call.prompt_bound >= call.prompt_estimate);
    MUST(call.model_len > 0 && call.text_bytes <= 3 * body.len);
    check_splices(body, &call, choice);
    if (endpoint != ENDPOINT_MESSAGES)
        return 0;
    if (request == NULL)
        request = canon_request_create();
    struct canon_target target = {
        .model = (choice & 8) != 0 ? STR_LIT("claude-opus-4-1")
                                   : STR_LIT("claude-opus-5"),
        .max_tokens = (choice & 16) != 0 ? 64000 : call.max_tokens,
        .quirks = (choice & 32) != 0 ? QUIRK_NO_SCHEMA : 0,
        .stream = call.stream,
    };
    buf_init(&once, 0);
    buf_init(&twice, 0);
    target.max_tokens = target.max_tokens > 0 ? target.max_tokens : 1;
    if (carry(body, &target, &once) &&
        carry(buf_view(&once), &target, &twice)) {
        /* The second time may only say more by a schema told in words. */
        bool told = (choice & 32) != 0;
        MUST(told || str_equals(buf_view(&once), buf_view(&twice)));
    }
    buf_fini(&once);
    buf_fini(&twice);
    return 0;
}
