/*
 * scan.c - see scan.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/scan.h"

#include <stdarg.h>
#include <stdio.h>

int
scan_refuse(struct fault *fault, const char *code, const char *param,
            const char *format, ...)
{
    va_list args;
    *fault = (struct fault){
        .status = 400,
        .type = "invalid_request_error",
        .code = code,
        .param = param,
    };
    va_start(args, format);
    vsnprintf(fault->message, sizeof(fault->message), format, args);
    va_end(args);
    return -1;
}

int
scan_refuse_json(struct scan *scan)
{
    return scan_refuse(
        scan->fault, "invalid_json", NULL,
        "The request body is not valid JSON: see byte %zu of %zu.",
        scan->reader.pos, scan->body.len);
}

/*
 * Nothing, or a value of another kind: that is not broken JSON, and 400 would
 * read as broken HTTP (RFC 9110 15.5.1, 15.5.21). Half a value is broken.
 */
int
scan_refuse_non_object(struct scan *scan)
{
    struct str text = scan->body;
    while (text.len > 0 && memchr(" \t\r\n", text.ptr[0], 4) != NULL)
        text = str_skip(text, 1);
    bool is_number =
        text.len > 0 &&
        (text.ptr[0] == '-' || (text.ptr[0] >= '0' && text.ptr[0] <= '9'));
    if (scan->token.type == JSON_BAD && text.len > 0 && !is_number)
        return scan_refuse_json(scan);
    scan_refuse(scan->fault, "invalid_json", NULL,
                "The request body is not a JSON object (byte 0 of %zu).",
                scan->body.len);
    scan->fault->status = 422;
    return -1;
}

int
scan_refuse_model(struct scan *scan, const char *why)
{
    return scan_refuse(scan->fault, "model_required", "model",
                       "%s Name a model in the member 'model' of the body.",
                       why);
}

/* What was there of a call whose path told nothing is another call's. */
void
scan_begin(struct call *call, uint8_t endpoint)
{
    if (!call->model_in_path) {
        *call = (struct call){.endpoint = endpoint};
        return;
    }
    struct call told = *call;
    *call = (struct call){
        .endpoint = endpoint,
        .model_in_path = true,
        .stream_in_path = told.stream_in_path,
        .stream = told.stream_in_path && told.stream,
        .as_array = told.as_array,
        .model_len = told.model_len,
    };
    memcpy(call->model, told.model, sizeof(call->model));
}

COLD static int
refuse_twice(struct scan *scan, const char *name)
{
    return scan_refuse(
        scan->fault, "duplicate_member", name,
        "The member '%s' stands twice in the body. Send it once.", name);
}

int
scan_member(struct scan *scan, const struct scan_names *names,
            int (*take)(struct scan *scan, unsigned member))
{
    unsigned member = scan_member_find(names, scan->token.span);
    if (member == SCAN_LOOKALIKE)
        return scan_refuse(
            scan->fault, "ambiguous_member", NULL,
            "A member's name before byte %zu differs from one that "
            "the API knows only in case or by invisible characters.",
            scan->reader.pos);
    if (json_next(&scan->reader, &scan->token) == JSON_BAD)
        return scan_refuse_json(scan);
    if (member < names->guarded_end) {
        if ((scan->seen >> member & 1) != 0)
            return refuse_twice(scan, scan_member_name(names, member));
        scan->seen |= 1u << member;
    }
    return take(scan, member);
}

int
scan_object(struct scan *scan, const struct scan_names *names,
            int (*take)(struct scan *scan, unsigned member))
{
    json_reader_init(&scan->reader, scan->body);
    json_next(&scan->reader, &scan->token);
    if (scan->token.type != JSON_OBJECT)
        return scan_refuse_non_object(scan);
    scan->call->first_member = (uint32_t)scan->reader.pos;
    scan->call->empty_object = true;
    while (json_next(&scan->reader, &scan->token) == JSON_KEY) {
        scan->call->empty_object = false;
        if (scan_member(scan, names, take) != 0)
            return -1;
    }
    if (scan->token.type != JSON_OBJECT_END ||
        json_next(&scan->reader, &scan->token) != JSON_END)
        return scan_refuse_json(scan);
    return 0;
}

struct span32
scan_span(const struct scan *scan, struct str text)
{
    return (struct span32){
        .off = (uint32_t)(text.ptr - scan->body.ptr),
        .len = (uint32_t)text.len,
    };
}

/* Length of the UTF-8 character at p, 0 when it is none (RFC 3629). */
static size_t
utf8_char(const unsigned char *p, size_t len)
{
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if ((p[0] >= 0x80 && p[0] < 0xc2) || p[0] > 0xf4 || n > len)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool bad = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
               (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f);
    return bad ? 0 : n;
}

bool
scan_is_name(const char *name, size_t len)
{
    const unsigned char *p = (const unsigned char *)name;
    for (size_t at = 0; at < len;) {
        size_t n = utf8_char(p + at, len - at);
        if (n == 0 || p[at] < 0x20 || p[at] == 0x7f)
            return false;
        at += n;
    }
    return true;
}

int
scan_model(struct scan *scan)
{
    struct call *call = scan->call;
    if (scan->token.type != JSON_STRING)
        return scan_refuse_model(scan, "The model is not a string.");
    int len =
        json_string_decode(scan->token.span, call->model, sizeof(call->model));
    if (len == 0)
        return scan_refuse_model(scan, "The model's name is empty.");
    if (len < 0 || (size_t)len >= sizeof(call->model))
        return scan_refuse_model(scan, "The model's name is too long.");
    if (!scan_is_name(call->model, (size_t)len))
        return scan_refuse_model(scan, "The model's name is no readable text.");
    call->model_len = (uint16_t)len;
    call->model_value = scan_span(scan, scan->token.span);
    return 0;
}

/* A whole number in digits: 100.0 and 1e2 read differently in places. */
int
scan_count(struct scan *scan, const char *name, uint64_t max, uint64_t *count)
{
    if (scan->token.type != JSON_NUMBER)
        return scan_refuse(
            scan->fault, "invalid_type", name,
            "'%s' is not a number. Send a whole number or leave it "
            "out.",
            name);
    struct str text = scan->token.span;
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || value > max)
            value = max + 1;
        else
            value = value * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    if (value == 0 || value > max)
        return scan_refuse(scan->fault, "invalid_value", name,
                           "'%s' must be a whole number from 1 to %llu.", name,
                           (unsigned long long)max);
    *count = value;
    return 0;
}

int
scan_bool(struct scan *scan, const char *name, bool *value)
{
    if (scan->token.type != JSON_TRUE && scan->token.type != JSON_FALSE &&
        scan->token.type != JSON_NULL)
        return scan_refuse(scan->fault, "invalid_type", name,
                           "'%s' must be true or false.", name);
    *value = scan->token.type == JSON_TRUE;
    return 0;
}
