/*
 * fuzz_responses_request.c - request bodies of the Responses dialect. What the
 * scan admits must be admitted again with its splices, and say what they say;
 * what is read of it must be written, for a provider of each dialect, as JSON.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <cjson/cJSON.h>
#include <stdlib.h>

#include "worker/dialect/canon.h"
#include "worker/dialect/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                        \
    do {                                                                       \
        if (!(condition))                                                      \
            abort();                                                           \
    } while (0)

static void
check_splices(struct str body, const struct call *call)
{
    const struct rewrite rewrite = {.model = STR_LIT("up\"stream"),
                                    .max_tokens = 77};
    struct splices splices;
    struct buf out;
    struct call again;
    struct fault fault;
    size_t at = 0;
    buf_init(&out, 0);
    dialect_responses.rewrite(body, call, &rewrite, &splices);
    for (uint32_t i = 0; i < splices.count; i++) {
        const struct splice *splice = &splices.items[i];
        MUST(splice->off >= at && splice->text_len > 0);
        buf_append(&out, body.ptr + at, splice->off - at);
        buf_append(&out, splices.text + splice->text_off, splice->text_len);
        at = (size_t)splice->off + splice->len;
        MUST(at <= body.len);
    }
    buf_append_str(&out, str_skip(body, at));
    MUST(buf_ok(&out));
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
    for (size_t i = 0; i < ARRAY_LEN(providers); i++) {
        const struct canon_target target = {
            .model = STR_LIT("up"), .max_tokens = 9, .endpoint = endpoints[i]};
        struct fault fault = {0};
        struct buf out;
        struct canon_request *request = canon_request_create();
        MUST(request != NULL);
        buf_init(&out, 0);
        if (dialect_responses.read_request(body, call, request, &fault) != 0 ||
            providers[i]->write_request(request, &target, &out, &fault) != 0) {
            MUST(fault.status == 400 && fault.message[0] != '\0');
        } else {
            struct json_reader reader;
            struct json_token token;
            json_reader_init(&reader, buf_view(&out));
            while (json_next(&reader, &token) > JSON_BAD)
                ;
            MUST(token.type == JSON_END);
        }
        buf_fini(&out);
        canon_request_destroy(&request);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct call call;
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
