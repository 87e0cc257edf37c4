/*
 * relay_translate_up.c - a request on its way to a provider of another dialect:
 * the client's body -> canon_request -> the provider's body.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "worker/error_reply.h"
#include "worker/request_body.h"
#include "worker/relay_translation.h"

void
relay_translation_end(struct request *request)
{
    struct translation *translation = request->translation;
    if (translation == NULL)
        return;
    canon_request_destroy(&translation->asked);
    canon_stream_fini(&translation->stream);
    buf_fini(&translation->body);
    buf_fini(&translation->out);
    free(translation);
    request->translation = NULL;
    CHECK(request_book_canon(request, 0));
}

/* ---- memory ---- */

/* canon_request.hold: its arena beyond what each call has. */
static bool
hold_asked(void *owner, uint64_t bytes)
{
    struct request *request = owner;
    if (bytes <= FREE_BYTES)
        return true;
    if (!request_book_canon(request, bytes))
        return false;
    request->translation->asked_bytes = bytes;
    return true;
}

/* With the provider's body beside the canonical request. */
static bool
hold_body(struct request *request, uint64_t body_bytes)
{
    return hold_asked(request,
                      request->translation->asked->arena_bytes + body_bytes);
}

static int
no_memory(struct fault *fault)
{
    fault_set_overloaded(fault, "out of memory");
    return -1;
}

static int
no_room(struct fault *fault)
{
    fault_set_overloaded(fault, "requests under translation fill the memory "
                                "meant for them");
    return -1;
}

/* Why there is no canonical request. */
static int
asked_failed(const struct canon_request *asked, struct fault *fault)
{
    if (asked->refused)
        return no_room(fault);
    if (!asked->too_many)
        return no_memory(fault);
    fault_set(fault, 400, "invalid_request_error", "invalid_value", NULL,
              "The request has more than 65536 messages, parts or tools: it "
              "cannot be carried to the provider that serves this model.");
    return -1;
}

/* The call wants all that it says to be obeyed (require_parameters). */
static int
refuse_loss(const struct canon_request *asked, struct fault *fault)
{
    fault_set(fault, 404, "invalid_request_error", "no_provider",
              asked->dropped[0],
              "No endpoints found that can handle the requested parameters: "
              "the provider of this model takes no `%s`",
              asked->dropped[0]);
    fault->no_retry = true;
    return -1;
}

/* ---- the request ---- */

int
relay_translate_request(struct request *request, uint32_t quirks,
                        struct fault *fault)
{
    const struct dialect *from = request->dialect;
    const struct dialect *to = request->answer.dialect;
    if (from->read_request == NULL || to->write_request == NULL) {
        fault_set(fault, 400, "invalid_request_error", "unsupported_endpoint",
                  NULL, "the provider of this model does not serve this API");
        return -1;
    }
    struct translation *translation = calloc(1, sizeof(*translation));
    if (translation == NULL)
        return no_memory(fault);
    request->translation = translation;
    buf_init(&translation->body, 0);
    buf_init(&translation->out, 0);
    translation->asked = canon_request_create();
    if (translation->asked == NULL)
        return no_memory(fault);
    struct canon_request *asked = translation->asked;
    asked->stream = request->call.stream;
    asked->max_tokens = request->call.max_tokens;
    asked->hold = hold_asked;
    asked->owner = request;
    int read = from->read_request(buf_view(&request->body), &request->call,
                                  asked, fault);
    if (asked->failed) /* else nothing that was read can be believed */
        return asked_failed(asked, fault);
    if (read < 0)
        return -1;
    if (!hold_body(request, buf_len(&request->body)))
        return no_room(fault);
    struct canon_target target = {
        .model = request->upstream_model,
        .max_tokens = request->max_tokens > 0 ? request->max_tokens
                                              : request->call.max_tokens,
        .max_output = request->model->max_output,
        .endpoint = request->answer.endpoint,
        .stream = request->call.stream,
        .quirks = quirks,
    };
    int written = to->write_request(asked, &target, &translation->body, fault);
    if (asked->failed)
        return asked_failed(asked, fault);
    if (written < 0)
        return -1;
    if (!buf_ok(&translation->body))
        return no_memory(fault);
    if (request->plan.is_strict && asked->dropped_count > 0)
        return refuse_loss(asked, fault);
    if (!hold_body(request, buf_len(&translation->body)))
        return no_room(fault);
    relay_translate_stream(request);
    return 0;
}

struct str
relay_translated_body(const struct request *request)
{
    return buf_view(&request->translation->body);
}

const struct call *
relay_translated_call(struct request *request)
{
    struct call *call = &request->translation->call;
    *call = request->call;
    call->endpoint = request->answer.endpoint;
    call->include_usage = true;
    return call;
}

void
relay_dropped_field(const struct request *request, struct buf *out)
{
    const struct canon_request *asked = request->translation->asked;
    if (asked->dropped_count == 0)
        return;
    buf_append_str(out, STR_LIT("x-aigw-dropped: "));
    for (uint32_t i = 0; i < asked->dropped_count; i++) {
        buf_append_str(out, i > 0 ? STR_LIT(", ") : STR_LIT(""));
        buf_append_cstr(out, asked->dropped[i]);
    }
    buf_append_str(out, STR_LIT("\r\n"));
}
