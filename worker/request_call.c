/*
 * request_call.c - see request_call.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/request_call.h"

#include "worker/dialect/multipart.h"
#include "worker/error_reply.h"

const struct dialect *
request_dialect(const struct path_match *match, const struct http_head *head)
{
    if (match->row != NULL && match->row->dialect != NULL)
        return match->row->dialect;
    /* The shape of a list of models is chosen by nothing else. */
    struct str path = head->path, found;
    if (memmem(path.ptr, path.len, "/v1beta/", 8) != NULL)
        return &dialect_gemini;
    if (memmem(path.ptr, path.len, "/v1/messages", 12) != NULL)
        return &dialect_anthropic;
    found = http_field_find(head, STR_LIT("anthropic-version"));
    if (found.ptr == NULL)
        found = http_field_find(head, STR_LIT("x-api-key"));
    if (found.ptr != NULL)
        return &dialect_anthropic;
    found = http_field_find(head, STR_LIT("x-goog-api-key"));
    if (found.ptr == NULL)
        found = request_query(head->query, STR_LIT("key"));
    return found.ptr != NULL ? &dialect_gemini : &dialect_openai;
}

struct str
request_query(struct str query, struct str name)
{
    while (query.len > 0) {
        const char *end = memchr(query.ptr, '&', query.len);
        size_t len = end == NULL ? query.len : (size_t)(end - query.ptr);
        struct str item = {query.ptr, len};
        if (item.len > name.len && item.ptr[name.len] == '=' &&
            str_starts_with(item, name))
            return str_skip(item, name.len + 1);
        query = str_skip(query, len + 1);
    }
    return (struct str){NULL, 0};
}

static int
take_model(struct call *call, struct str coded, struct fault *fault)
{
    struct str prefix = STR_LIT("models/"); /* as Google writes names */
    if (str_starts_with(coded, prefix))
        coded = str_skip(coded, prefix.len);
    size_t len = path_decode(coded, call->model, sizeof(call->model));
    if (len == 0) {
        fault_set(fault, 404, "invalid_request_error", "model_not_found",
                  "model",
                  "the model's name in the path is no readable text of 1 to "
                  "%d bytes, percent-encoded where it must be",
                  CALL_MODEL_BYTES - 1);
        fault->no_retry = true;
        return -1;
    }
    call->model_len = (uint16_t)len;
    call->model_in_path = true;
    return 0;
}

static bool
takes_forms(const struct path_row *row)
{
    switch (row->endpoint) {
    case ENDPOINT_IMAGE_EDITS:
    case ENDPOINT_IMAGE_VARIATIONS:
    case ENDPOINT_TRANSCRIPTIONS:
    case ENDPOINT_TRANSLATIONS:
        return true;
    default:
        return false;
    }
}

/* A form's boundary, and the field by which the provider learns of it: ours, so
 * that nobody finds another boundary in it. */
static int
take_form(struct request *request, const struct http_head *head,
          struct fault *fault)
{
    struct str type = http_field_find(head, STR_LIT("Content-Type"));
    struct call *call = &request->call;
    if (!multipart_is_form(type))
        return 0; /* JSON, or refused as such */
    if (http_field_count(head, STR_LIT("Content-Type")) != 1 ||
        !multipart_boundary(type, &call->boundary)) {
        fault_set(fault, 400, "invalid_request_error", "invalid_multipart",
                  NULL,
                  "the Content-Type of a form must have one boundary of 1 to "
                  "%d plain characters",
                  MULTIPART_BOUNDARY_MAX);
        return -1;
    }
    request->content_type =
        multipart_content_type(&call->boundary, request->content_type_text);
    return 0;
}

int
request_call_begin(struct request *request, const struct http_head *head,
                   const struct path_match *match, struct fault *fault)
{
    const struct path_row *row = match->row;
    struct call *call = &request->call;
    request->endpoint = row->endpoint;
    request_read_fields(request);
    call->model_in_path = call->as_array = false;
    call->stream_in_path = row->stream;
    call->boundary.len = 0;
    if (row->stream) {
        call->stream = true;
        call->as_array = !str_equals(request_query(head->query, STR_LIT("alt")),
                                     STR_LIT("sse"));
    }
    if (match->model.len > 0 && take_model(call, match->model, fault) < 0)
        return -1;
    if (match->provider.len > 0) {
        if (match->provider.len >= sizeof(request->path_provider)) {
            fault_set_http(fault, 404, "no provider has the name in the path");
            return -1;
        }
        memcpy(request->path_provider, match->provider.ptr,
               match->provider.len);
        request->path_provider_len = (uint8_t)match->provider.len;
    }
    return takes_forms(row) ? take_form(request, head, fault) : 0;
}
