/*
 * gemini_error.c - what the gateway itself says to a client of this dialect:
 * errors as Google's servers word them (google.rpc.Status), and the end of a
 * stream that it had to cut.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/gemini_part.h"

#include <ctype.h>
#include <stdio.h>

/* google.rpc.Code by HTTP status, as google/rpc/code.proto has it. */
static const char *
status_name(uint16_t status)
{
    switch (status) {
    case 401:
        return "UNAUTHENTICATED";
    case 402:
        return "FAILED_PRECONDITION";
    case 403:
        return "PERMISSION_DENIED";
    case 404:
    case 405:
        return "NOT_FOUND";
    case 408:
    case 504:
        return "DEADLINE_EXCEEDED";
    case 409:
        return "ABORTED";
    case 429:
        return "RESOURCE_EXHAUSTED";
    case 499:
        return "CANCELLED";
    case 501:
        return "UNIMPLEMENTED";
    case 502:
    case 503:
    case 529:
        return "UNAVAILABLE";
    default:
        return status < 500 ? "INVALID_ARGUMENT" : "INTERNAL";
    }
}

static void
detail_begin(struct json_writer *json, const char *type)
{
    char name[64];
    snprintf(name, sizeof(name), "type.googleapis.com/google.rpc.%s", type);
    json_object_begin(json);
    json_key(json, "@type");
    json_cstring(json, name);
}

/* google.rpc.ErrorInfo wants UPPER_SNAKE_CASE. */
static void
write_reason(struct json_writer *json, const struct fault *fault)
{
    char reason[64];
    size_t len = 0;
    for (const char *c = fault->code; *c != '\0' && len + 1 < sizeof(reason);
         c++)
        reason[len++] = (char)toupper((unsigned char)*c);
    detail_begin(json, "ErrorInfo");
    json_key(json, "reason");
    json_string(json, str_make(reason, len));
    json_key(json, "domain");
    json_cstring(json, "aigw");
    if (fault->param != NULL) {
        json_key(json, "metadata");
        json_object_begin(json);
        json_key(json, "param");
        json_cstring(json, fault->param);
        json_object_end(json);
    }
    json_object_end(json);
}

static void
write_details(struct json_writer *json, const struct fault *fault,
              const char *request_id)
{
    json_key(json, "details");
    json_array_begin(json);
    if (fault->code != NULL)
        write_reason(json, fault);
    if (fault->retry_after_s > 0) {
        char delay[32];
        snprintf(delay, sizeof(delay), "%llus",
                 (unsigned long long)fault->retry_after_s);
        detail_begin(json, "RetryInfo");
        json_key(json, "retryDelay");
        json_cstring(json, delay);
        json_object_end(json);
    }
    if (request_id != NULL) {
        detail_begin(json, "RequestInfo");
        json_key(json, "requestId");
        json_cstring(json, request_id);
        json_object_end(json);
    }
    json_array_end(json);
}

void
gemini_error_body(struct buf *out, const struct fault *fault,
                  const char *request_id)
{
    struct json_writer json;
    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "error");
    json_object_begin(&json);
    json_key(&json, "code");
    json_u64(&json, fault->status);
    json_key(&json, "message");
    json_cstring(&json, fault->message);
    json_key(&json, "status");
    json_cstring(&json, status_name(fault->status));
    write_details(&json, fault, request_id);
    json_object_end(&json);
    json_object_end(&json);
}

void
gemini_stream_error(struct buf *out, const struct answer *answer,
                    const struct fault *fault)
{
    (void)answer;
    buf_append_cstr(out, "data: ");
    gemini_error_body(out, fault, NULL);
    buf_append_cstr(out, "\r\n\r\n");
}

static bool
is_finished(const struct answer *answer, unsigned choice)
{
    return (answer->choices_finished[choice / 64] >> choice % 64 & 1) != 0;
}

/* One last chunk: what had not ended has reached its length. */
void
gemini_stream_cut(struct buf *out, const struct answer *answer,
                  const struct usage *usage, bool include_usage)
{
    struct json_writer json;
    (void)include_usage; /* it always comes */
    buf_append_cstr(out, "data: ");
    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "candidates");
    json_array_begin(&json);
    for (unsigned choice = 0; choice <= answer->choice_top; choice++) {
        if (is_finished(answer, choice))
            continue;
        json_object_begin(&json);
        json_key(&json, "content");
        json_raw(&json, STR_LIT("{\"parts\":[{\"text\":\"\"}],"
                                "\"role\":\"model\"}"));
        json_key(&json, "finishReason");
        json_cstring(&json, "MAX_TOKENS");
        json_key(&json, "index");
        json_u64(&json, choice);
        json_object_end(&json);
    }
    json_array_end(&json);
    gemini_write_usage(&json, usage);
    json_key(&json, "modelVersion");
    json_cstring(&json, answer->model);
    json_key(&json, "responseId");
    json_cstring(&json, answer->id);
    json_object_end(&json);
    buf_append_cstr(out, "\r\n\r\n");
}
