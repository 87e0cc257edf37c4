/*
 * anthropic_error.c - what the gateway itself says to a client of this dialect:
 * errors, the end of a stream that it had to cut, limits.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/anthropic_part.h"

#include "common/clock.h"
#include "shm/rate.h"

static const char *
error_type(uint16_t status)
{
    switch (status) {
    case 401:
        return "authentication_error";
    case 402:
        return "billing_error";
    case 403:
        return "permission_error";
    case 404:
        return "not_found_error";
    case 408:
    case 504:
        return "timeout_error";
    case 413:
        return "request_too_large";
    case 429:
        return "rate_limit_error";
    case 503:
    case 529:
        return "overloaded_error";
    default:
        return status < 500 ? "invalid_request_error" : "api_error";
    }
}

/* `code` and `param` are ours: stable, and of no harm to clients that know but
 * the other two. */
static void
write_error(struct json_writer *json, const struct fault *fault)
{
    json_key(json, "type");
    json_cstring(json, "error");
    json_key(json, "error");
    json_object_begin(json);
    json_key(json, "type");
    json_cstring(json, error_type(fault->status));
    json_key(json, "message");
    json_cstring(json, fault->message);
    if (fault->code != NULL) {
        json_key(json, "code");
        json_cstring(json, fault->code);
    }
    if (fault->param != NULL) {
        json_key(json, "param");
        json_cstring(json, fault->param);
    }
    json_object_end(json);
}

void
anthropic_error_body(struct buf *out, const struct fault *fault,
                     const char *request_id)
{
    struct json_writer json;
    json_writer_init(&json, out);
    json_object_begin(&json);
    write_error(&json, fault);
    if (request_id != NULL) {
        json_key(&json, "request_id");
        json_cstring(&json, request_id);
    }
    json_object_end(&json);
}

void
anthropic_stream_error(struct buf *out, const struct answer *answer,
                       const struct fault *fault)
{
    struct json_writer json;
    (void)answer;
    buf_append_str(out, STR_LIT("event: error\ndata: "));
    json_writer_init(&json, out);
    json_object_begin(&json);
    write_error(&json, fault);
    json_object_end(&json);
    buf_append_str(out, STR_LIT("\n\n"));
}

/*
 * The open block ends, then the message. A block whose start was the event that
 * was cut off was never opened: what that counted has been taken back.
 */
void
anthropic_stream_cut(struct buf *out, const struct answer *answer,
                     const struct usage *usage, bool include_usage)
{
    const uint64_t *words = answer->reader.words;
    struct json_writer json;
    (void)include_usage; /* here it is always stated */
    if (words[WORD_OPEN] > 0 &&
        words[WORD_OPEN_EVENTS] <= answer->content_events) {
        buf_append_str(out, STR_LIT("event: content_block_stop\ndata: {\"type\""
                                    ":\"content_block_stop\",\"index\":"));
        buf_append_u64(out, words[WORD_OPEN] - 1);
        buf_append_str(out, STR_LIT("}\n\n"));
    }
    if (!answer->finish_seen) {
        buf_append_str(out, STR_LIT("event: message_delta\ndata: "));
        json_writer_init(&json, out);
        json_object_begin(&json);
        json_key(&json, "type");
        json_cstring(&json, "message_delta");
        json_key(&json, "delta");
        json_raw(&json, STR_LIT("{\"stop_reason\":\"max_tokens\","
                                "\"stop_sequence\":null}"));
        json_key(&json, "usage");
        json_object_begin(&json);
        anthropic_write_usage(&json, usage);
        json_object_end(&json);
        json_object_end(&json);
        buf_append_str(out, STR_LIT("\n\n"));
    }
    buf_append_str(out, STR_LIT("event: message_stop\n"
                                "data: {\"type\":\"message_stop\"}\n\n"));
}

/* ---- limits ---- */

static void
limit_field(struct buf *out, struct str name, uint64_t value)
{
    buf_append_str(out, name);
    buf_append_u64(out, value);
    buf_append_str(out, STR_LIT("\r\n"));
}

static void
reset_field(struct buf *out, struct str name, uint64_t reset_ns)
{
    char text[32];
    int64_t ms = clock_wall_ms() + (int64_t)((reset_ns + 999999) / 1000000);
    /* In whole seconds, as there, and never too early. */
    clock_format_rfc3339((ms + 999) / 1000 * 1000, text);
    memcpy(text + 19, "Z", 2);
    buf_append_str(out, name);
    buf_append_cstr(out, text);
    buf_append_str(out, STR_LIT("\r\n"));
}

void
anthropic_limit_fields(struct buf *out, const struct rate_answer *requests,
                       const struct rate_answer *tokens)
{
    if (requests->limit > 0) {
        limit_field(out, STR_LIT("anthropic-ratelimit-requests-limit: "),
                    requests->limit);
        limit_field(out, STR_LIT("anthropic-ratelimit-requests-remaining: "),
                    requests->remaining);
        reset_field(out, STR_LIT("anthropic-ratelimit-requests-reset: "),
                    requests->reset_ns);
    }
    if (tokens->limit > 0) {
        limit_field(out, STR_LIT("anthropic-ratelimit-tokens-limit: "),
                    tokens->limit);
        limit_field(out, STR_LIT("anthropic-ratelimit-tokens-remaining: "),
                    tokens->remaining);
        reset_field(out, STR_LIT("anthropic-ratelimit-tokens-reset: "),
                    tokens->reset_ns);
    }
}
