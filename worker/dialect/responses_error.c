/*
 * responses_error.c - what the gateway itself says to a client of this dialect:
 * errors, and the end of a stream that it had to cut.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_part.h"
#include "worker/dialect/responses_part.h"

void
responses_error_body(struct buf *out, const struct fault *fault,
                     const char *request_id)
{
    openai_error_body(out, fault, request_id);
}

/* The event that clients know beside response.failed; a response.failed would
 * have to repeat a response that may not have begun. */
void
responses_stream_error(struct buf *out, const struct answer *answer,
                       const struct fault *fault)
{
    struct json_writer json;
    buf_append_str(out, STR_LIT("event: error\ndata: "));
    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "type");
    json_cstring(&json, "error");
    json_key(&json, "code");
    json_cstring(&json, fault->code);
    json_key(&json, "message");
    json_cstring(&json, fault->message);
    json_key(&json, "param");
    json_cstring(&json, fault->param);
    json_key(&json, "sequence_number");
    json_u64(&json, answer->sequence);
    json_object_end(&json);
    buf_append_str(out, STR_LIT("\n\n"));
}

/*
 * Of what was under way the client has the pieces; the response that ends it
 * has no output of its own, for that was not kept.
 */
void
responses_stream_cut(struct buf *out, const struct answer *answer,
                     const struct usage *usage, bool include_usage)
{
    (void)include_usage; /* it is always there */
    struct json_writer json;
    buf_append_str(out, STR_LIT("event: response.incomplete\ndata: "));
    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "type");
    json_cstring(&json, "response.incomplete");
    json_key(&json, "response");
    json_object_begin(&json);
    json_key(&json, "id");
    json_cstring(&json, answer->id);
    json_key(&json, "object");
    json_cstring(&json, "response");
    json_key(&json, "created_at");
    json_u64(&json, answer->created);
    json_key(&json, "status");
    json_cstring(&json, "incomplete");
    json_key(&json, "error");
    json_null(&json);
    json_key(&json, "incomplete_details");
    json_raw(&json, STR_LIT("{\"reason\":\"max_output_tokens\"}"));
    json_key(&json, "model");
    json_cstring(&json, answer->model);
    json_key(&json, "output");
    json_raw(&json, STR_LIT("[]"));
    json_key(&json, "usage");
    responses_write_usage(&json, usage);
    json_object_end(&json);
    json_key(&json, "sequence_number");
    json_u64(&json, answer->sequence);
    json_object_end(&json);
    buf_append_str(out, STR_LIT("\n\n"));
}
