/*
 * openai_scan.c - one pass over a request body: what the gateway must know to
 * route it, to hold a lease for it, and to change it where it stands.
 *
 * Strict, because the provider reads the same bytes after us: what two readers
 * may understand differently is refused here (members twice, names that look
 * alike, numbers that are no counts). All else is the provider's to judge.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_part.h"

#include <stdarg.h>
#include <stdio.h>

enum { ANSWERS_MAX = 65536 };
static const uint64_t MAX_TOKENS_MAX = UINT64_C(1) << 31;

struct scan {
    struct json_reader reader;
    struct json_token token;
    struct str body;
    struct call *call;
    struct fault *fault;
    struct openai_prompt prompt;
    uint32_t seen; /* a bit per guarded member */
    uint64_t n, best_of;
};

PRINTF_LIKE(4, 5)
static int
refuse(struct fault *fault, const char *code, const char *param,
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

static int
refuse_json(struct scan *scan)
{
    return refuse(scan->fault, "invalid_json", NULL,
                  "The request body is not valid JSON: see byte %zu of %zu.",
                  scan->reader.pos, scan->body.len);
}

/*
 * Nothing, or a value of another kind: that is not broken JSON, and 400 would
 * read as broken HTTP (RFC 9110 15.5.1, 15.5.21). Half a value is broken.
 */
static int
refuse_non_object(struct scan *scan)
{
    struct str text = scan->body;
    while (text.len > 0 && memchr(" \t\r\n", text.ptr[0], 4) != NULL)
        text = str_skip(text, 1);
    bool is_number =
        text.len > 0 &&
        (text.ptr[0] == '-' || (text.ptr[0] >= '0' && text.ptr[0] <= '9'));
    if (scan->token.type == JSON_BAD && text.len > 0 && !is_number)
        return refuse_json(scan);
    refuse(scan->fault, "invalid_json", NULL,
           "The request body is not a JSON object (byte 0 of %zu).",
           scan->body.len);
    scan->fault->status = 422;
    return -1;
}

static int
refuse_model(struct scan *scan, const char *why)
{
    return refuse(scan->fault, "model_required", "model",
                  "%s Name a model in the member 'model' of the body.", why);
}

static struct span32
span_of(const struct scan *scan, struct str text)
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

/* A name goes into headers, logs and other bodies: text without controls. */
static bool
is_name(const char *name, size_t len)
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

static int
take_model(struct scan *scan)
{
    struct call *call = scan->call;
    if (scan->token.type != JSON_STRING)
        return refuse_model(scan, "The model is not a string.");
    int len =
        json_string_decode(scan->token.span, call->model, sizeof(call->model));
    if (len == 0)
        return refuse_model(scan, "The model's name is empty.");
    if (len < 0 || (size_t)len >= sizeof(call->model))
        return refuse_model(scan, "The model's name is too long.");
    if (!is_name(call->model, (size_t)len))
        return refuse_model(scan, "The model's name is no readable text.");
    call->model_len = (uint16_t)len;
    call->model_value = span_of(scan, scan->token.span);
    return 0;
}

/* A whole number in digits: 100.0 and 1e2 read differently in places. */
static int
take_count(struct scan *scan, enum openai_member member, uint64_t max,
           uint64_t *count)
{
    const char *name = openai_member_name(member);
    if (scan->token.type != JSON_NUMBER)
        return refuse(scan->fault, "invalid_type", name,
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
        return refuse(scan->fault, "invalid_value", name,
                      "'%s' must be a whole number from 1 to %llu.", name,
                      (unsigned long long)max);
    *count = value;
    return 0;
}

/*
 * max_tokens and max_completion_tokens: one of them. Providers disagree which
 * of two counts, so no lease could be sure; OpenAI refuses both as well.
 */
static int
take_max_tokens(struct scan *scan, enum openai_member member)
{
    struct call *call = scan->call;
    if (scan->token.type == JSON_NULL) {
        if (call->max_tokens == 0)
            call->max_tokens_value = span_of(scan, scan->token.span);
        return 0;
    }
    if (call->max_tokens != 0)
        return refuse(scan->fault, "invalid_parameter_combination",
                      openai_member_name(member),
                      "'max_tokens' and 'max_completion_tokens' are both set. "
                      "Send one of them.");
    call->max_tokens_value = span_of(scan, scan->token.span);
    call->max_tokens_is_completion = member == MEMBER_MAX_COMPLETION_TOKENS;
    return take_count(scan, member, MAX_TOKENS_MAX, &call->max_tokens);
}

static int
take_bool(struct scan *scan, const char *param, bool *value)
{
    if (scan->token.type != JSON_TRUE && scan->token.type != JSON_FALSE &&
        scan->token.type != JSON_NULL)
        return refuse(scan->fault, "invalid_type", param,
                      "'%s' must be true or false.", param);
    *value = scan->token.type == JSON_TRUE;
    return 0;
}

static int
take_stream_option(struct scan *scan)
{
    struct call *call = scan->call;
    bool wanted =
        json_string_equals(scan->token.span, STR_LIT("include_usage"));
    json_next(&scan->reader, &scan->token);
    if (!wanted)
        return openai_prompt_unseen(&scan->reader, &scan->token) == 0
                   ? 0
                   : refuse_json(scan);
    if (scan->token.type == JSON_BAD)
        return refuse_json(scan);
    if (call->include_usage_value.len > 0)
        return refuse(scan->fault, "duplicate_member", "stream_options",
                      "'include_usage' stands twice in 'stream_options'. "
                      "Send it once.");
    call->include_usage_value = span_of(scan, scan->token.span);
    return take_bool(scan, "include_usage", &call->include_usage);
}

static int
take_stream_options(struct scan *scan)
{
    struct call *call = scan->call;
    const char *start = scan->token.span.ptr;
    if (scan->token.type == JSON_NULL) {
        call->stream_options_value = span_of(scan, scan->token.span);
        return 0;
    }
    if (scan->token.type != JSON_OBJECT)
        return refuse(scan->fault, "invalid_type", "stream_options",
                      "'stream_options' must be an object.");
    while (json_next(&scan->reader, &scan->token) == JSON_KEY)
        if (take_stream_option(scan) != 0)
            return -1;
    if (scan->token.type != JSON_OBJECT_END)
        return refuse_json(scan);
    const char *end = scan->token.span.ptr + 1;
    call->stream_options_value =
        span_of(scan, str_make(start, (size_t)(end - start)));
    return 0;
}

/* Embeddings know no output: of its members only the model counts. */
static int
take_guarded(struct scan *scan, enum openai_member member)
{
    if ((scan->seen >> member & 1) != 0)
        return refuse(scan->fault, "duplicate_member",
                      openai_member_name(member),
                      "The member '%s' stands twice in the body. Send it once.",
                      openai_member_name(member));
    scan->seen |= 1u << member;
    if (member == MEMBER_MODEL)
        return take_model(scan);
    if (scan->call->endpoint == ENDPOINT_EMBEDDINGS)
        return openai_prompt_other(&scan->reader, &scan->token,
                                   &scan->prompt) == 0
                   ? 0
                   : refuse_json(scan);
    bool is_null = scan->token.type == JSON_NULL;
    switch (member) {
    case MEMBER_STREAM:
        return take_bool(scan, "stream", &scan->call->stream);
    case MEMBER_STREAM_OPTIONS:
        return take_stream_options(scan);
    case MEMBER_N:
        return is_null ? 0
                       : take_count(scan, member, CALL_CHOICES_MAX, &scan->n);
    case MEMBER_BEST_OF:
        return is_null
                   ? 0
                   : take_count(scan, member, CALL_CHOICES_MAX, &scan->best_of);
    default:
        return take_max_tokens(scan, member);
    }
}

/* The reader stands behind a top-level name. */
static int
take_member(struct scan *scan, enum openai_member member)
{
    struct json_reader *reader = &scan->reader;
    struct json_token *token = &scan->token;
    if (member == MEMBER_LOOKALIKE)
        return refuse(scan->fault, "ambiguous_member", NULL,
                      "A member's name before byte %zu differs from one that "
                      "the API knows only in case or by invisible characters.",
                      reader->pos);
    if (json_next(reader, token) == JSON_BAD)
        return refuse_json(scan);
    if (member < MEMBER_GUARDED_END)
        return take_guarded(scan, member);
    int rc;
    switch (member) {
    case MEMBER_MESSAGES:
        rc = openai_prompt_messages(reader, token, &scan->prompt);
        break;
    case MEMBER_PROMPT:
    case MEMBER_INPUT:
        rc = openai_prompt_inputs(reader, token, &scan->prompt);
        break;
    case MEMBER_TOOLS:
    case MEMBER_FUNCTIONS:
        rc = openai_prompt_tools(reader, token, &scan->prompt);
        break;
    case MEMBER_UNSEEN:
        rc = openai_prompt_unseen(reader, token);
        break;
    default:
        rc = openai_prompt_other(reader, token, &scan->prompt);
    }
    return rc == 0 ? 0 : refuse_json(scan);
}

static int
scan_finish(struct scan *scan)
{
    struct call *call = scan->call;
    if ((scan->seen >> MEMBER_MODEL & 1) == 0)
        return refuse_model(scan, "The body names no model.");
    uint64_t answers = scan->best_of > scan->n ? scan->best_of : scan->n;
    if (call->endpoint == ENDPOINT_COMPLETIONS && scan->prompt.prompts > 1)
        answers *= scan->prompt.prompts;
    if (answers > ANSWERS_MAX)
        return refuse(scan->fault, "invalid_value", "prompt",
                      "The body asks for %llu answers; %d is the most. Send "
                      "fewer prompts at once.",
                      (unsigned long long)answers, ANSWERS_MAX);
    call->n = (uint32_t)answers;
    openai_prompt_finish(&scan->prompt, call);
    return 0;
}

int
openai_scan(struct str body, uint8_t endpoint, struct call *call,
            struct fault *fault)
{
    struct scan scan = {
        .body = body, .call = call, .fault = fault, .n = 1, .best_of = 1};
    *call = (struct call){.endpoint = endpoint};
    json_reader_init(&scan.reader, body);
    json_next(&scan.reader, &scan.token);
    if (scan.token.type != JSON_OBJECT)
        return refuse_non_object(&scan);
    call->first_member = (uint32_t)scan.reader.pos;
    call->empty_object = true;
    while (json_next(&scan.reader, &scan.token) == JSON_KEY) {
        call->empty_object = false;
        if (take_member(&scan, openai_member_find(scan.token.span)) != 0)
            return -1;
    }
    if (scan.token.type != JSON_OBJECT_END ||
        json_next(&scan.reader, &scan.token) != JSON_END)
        return refuse_json(&scan);
    return scan_finish(&scan);
}
