/*
 * request_count.c - questions for the number of tokens that a call would have.
 *
 * A provider that speaks the dialect is asked; else the gateway answers, by its
 * own estimate, which it says. Free of charge in both cases: key, model and rate
 * are checked, no budget.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/error_reply.h"
#include "worker/provider/provider.h"
#include "worker/request.h"

/* Typical, and rather high than low: clients make room by it. */
enum {
    BYTES_PER_TOKEN = 3,
    PER_MESSAGE = 8,
    PER_IMAGE = 1500,
    PER_AUDIO = 500,
    PER_FILE = 2000,
};

bool
request_counts_here(const struct request *request)
{
    uint8_t endpoint = request->endpoint;
    if (endpoint != ENDPOINT_COUNT_TOKENS)
        return false;
    const struct provider_family *family =
        provider_family_of(request->provider->kind);
    const struct dialect *dialect =
        family->speaks(request->provider, request->dialect, &endpoint);
    return dialect != request->dialect || endpoint != ENDPOINT_COUNT_TOKENS;
}

static uint64_t
estimate(const struct call *call)
{
    uint64_t tokens =
        (call->text_bytes + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN +
        (uint64_t)call->messages * PER_MESSAGE +
        (uint64_t)call->images * PER_IMAGE +
        (uint64_t)call->audios * PER_AUDIO + (uint64_t)call->files * PER_FILE;
    if (tokens < call->prompt_estimate)
        tokens = call->prompt_estimate;
    return tokens < call->prompt_bound ? tokens : call->prompt_bound;
}

void
request_count(struct request *request)
{
    struct buf body;
    CHECK(request->dialect->count_body != NULL);
    buf_init(&body, 0);
    request->dialect->count_body(&body, estimate(&request->call));
    request->status = 200;
    request->cause = RECORD_OK;
    usage_settle(request);
    if (buf_ok(&body)) {
        request_reply_with(request, 200, STR_LIT("application/json"),
                           STR_LIT("x-aigw-estimated: yes\r\n"),
                           buf_view(&body));
    } else {
        struct fault fault;
        fault_set_overloaded(&fault, "out of memory");
        request_fail(request, &fault);
    }
    buf_fini(&body);
}
