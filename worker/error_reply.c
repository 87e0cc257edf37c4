/*
 * error_reply.c - see error_reply.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/error_reply.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/net/http_reply.h"

static const struct {
    uint16_t status;
    const char *code;
} http_codes[] = {
    {400, "bad_request"},
    {404, "unknown_path"},
    {405, "method_not_allowed"},
    {408, "request_timeout"},
    {411, "length_required"},
    {413, "request_too_large"},
    {414, "uri_too_long"},
    {415, "unsupported_content_encoding"},
    {417, "expectation_failed"},
    {431, "header_fields_too_large"},
    {501, "not_implemented"},
    {503, "overloaded"},
    {505, "http_version_not_supported"},
};

static void
set_message(struct fault *fault, const char *format, va_list args)
{
    int len = vsnprintf(fault->message, sizeof(fault->message), format, args);
    if (len >= (int)sizeof(fault->message)) {
        size_t used = sizeof(fault->message) - 1;
        fault->message[str_whole(str_make(fault->message, used))] = '\0';
    }
}

void
fault_message(struct fault *fault, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_message(fault, format, args);
    va_end(args);
}

void
fault_set(struct fault *fault, uint16_t status, const char *type,
          const char *code, const char *param, const char *format, ...)
{
    fault->status = status;
    fault->type = type;
    fault->code = code;
    fault->param = param;
    fault->no_retry = false;
    fault->retry_after_s = 0;
    fault->limit = 0;
    fault->budget = (struct fault_budget){0};
    va_list args;
    va_start(args, format);
    set_message(fault, format, args);
    va_end(args);
}

void
fault_set_http(struct fault *fault, uint16_t status, const char *reason)
{
    if (status == 503) {
        fault_set_overloaded(fault, reason);
        return;
    }
    const char *code = "bad_request";
    for (size_t i = 0; i < ARRAY_LEN(http_codes); i++)
        if (http_codes[i].status == status)
            code = http_codes[i].code;
    fault_set(fault, status, "invalid_request_error", code, NULL, "%s", reason);
}

void
fault_set_overloaded(struct fault *fault, const char *reason)
{
    fault_set(fault, 503, "service_unavailable_error", "overloaded", NULL,
              "%s; try again shortly", reason);
    fault->retry_after_s = 1;
}

void
error_reply_fields(struct buf *out, const struct fault *fault)
{
    if (fault->retry_after_s > 0)
        http_field_u64(out, "retry-after", fault->retry_after_s);
    if (fault->no_retry)
        buf_append_str(out, STR_LIT("x-should-retry: false\r\n"));
}
