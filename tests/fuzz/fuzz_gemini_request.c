/*
 * fuzz_gemini_request.c - request bodies of the Gemini dialect. The first byte
 * chooses endpoint and splices. What the scan admits must, once spliced, be
 * admitted again with the new values; what it means must be writable as a body
 * of this dialect that is JSON and is admitted, too.
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

static int
scan(struct str body, uint8_t endpoint, const char *model, struct call *call,
     struct fault *fault)
{
    *call = (struct call){.model_in_path = true};
    call->model_len = (uint16_t)strlen(model);
    memcpy(call->model, model, call->model_len);
    return dialect_gemini.scan(body, endpoint, call, fault);
}

static struct str
apply(struct str body, const struct splices *splices)
{
    size_t room = body.len + SPLICES_MAX * SPLICES_BYTES + 1;
    size_t from = 0, len = 0;
    char *out = malloc(room);
    MUST(out != NULL);
    for (uint32_t i = 0; i < splices->count; i++) {
        const struct splice *splice = &splices->items[i];
        MUST(splice->off >= from && splice->text_len > 0);
        MUST((size_t)splice->off + splice->len <= body.len);
        memcpy(out + len, body.ptr + from, splice->off - from);
        len += splice->off - from;
        memcpy(out + len, splices->text + splice->text_off, splice->text_len);
        len += splice->text_len;
        from = splice->off + splice->len;
    }
    memcpy(out + len, body.ptr + from, body.len - from);
    return str_make(out, len + body.len - from);
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
    if (call->models_inside > CALL_MODELS_SPLICED)
        rewrite.model.ptr = NULL; /* the relay writes those anew */
    dialect_gemini.rewrite(body, call, &rewrite, &splices);
    struct str spliced = apply(body, &splices);
    const char *model = rewrite.model.ptr != NULL ? "up" : call->model;
    MUST(scan(spliced, call->endpoint, model, &again, &fault) == 0);
    if (call->endpoint == ENDPOINT_GENERATE)
        MUST(again.max_tokens ==
             (rewrite.max_tokens > 0 ? rewrite.max_tokens : call->max_tokens));
    MUST(again.n == call->n && again.models_inside == call->models_inside);
    MUST(again.text_bytes == call->text_bytes);
    free((void *)(uintptr_t)spliced.ptr);
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
    if (dialect_gemini.read_request(body, call, request, &fault) != 0) {
        MUST(fault.status == 400 && fault.message[0] != '\0');
    } else if (dialect_gemini.write_request(request, &target, &out, &fault) !=
               0) {
        MUST(fault.status == 400 && fault.message[0] != '\0');
    } else {
        struct call again;
        cJSON *json = cJSON_ParseWithLength(buf_ptr(&out), buf_len(&out));
        struct json_reader reader;
        struct json_token token;
        json_reader_init(&reader, buf_view(&out));
        while (json_next(&reader, &token) > JSON_BAD)
            continue;
        MUST(token.type == JSON_END);
        uint8_t endpoint = call->endpoint == ENDPOINT_GENERATE
                               ? ENDPOINT_GENERATE
                               : ENDPOINT_BATCH_EMBED;
        MUST(scan(buf_view(&out), endpoint, "gemini-3-flash", &again, &fault) ==
             0);
        MUST(endpoint != ENDPOINT_GENERATE || again.max_tokens == 9);
        cJSON_Delete(json);
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
