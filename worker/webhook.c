/*
 * webhook.c - asks the profile's webhook whether a call may be made:
 *
 *   POST  {"request_id", "key", "key_id", "group", "gateway", "model", "metadata",
 *          "request": the body, where webhook_prompt says so}
 *   200   {"allow": true}, or {"allow": false, "reason": "..."}
 *
 * Anything else, or nothing in time, is what webhook_fail makes of it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/json_write.h"
#include "common/log.h"
#include "worker/admission.h"
#include "worker/error_reply.h"
#include "worker/guard_part.h"
#include "worker/provider/provider.h"
#include "worker/request_path.h"
#include "worker/request_body.h"

enum { REPLY_MAX = 64 * 1024, REASON_BYTES = 256 };

/* ---- the question ---- */

static void
put_name(struct json_writer *json, const struct request *request,
         const char *name, uint32_t entry, uint64_t tag)
{
    struct entry_policy policy;
    uint64_t seen = 0;
    json_key(json, name);
    if (entry_look(request->worker->heritage->segment, entry, &policy, &seen) ==
            0 &&
        seen == tag)
        json_cstring(json, policy.name);
    else
        json_null(json);
}

static void
write_question(struct guard *guard)
{
    const struct request *request = guard->request;
    const struct call *call = &request->call;
    struct json_writer json;
    buf_reset(&guard->body);
    json_writer_init(&json, &guard->body);
    json_object_begin(&json);
    json_key(&json, "request_id");
    json_cstring(&json, request->id);
    put_name(&json, request, "key", request->key.entry, request->key.tag);
    json_key(&json, "key_id");
    json_u64(&json, request->key.id);
    put_name(&json, request, "group", request->key.group_entry,
             request->key.group_tag);
    json_key(&json, "gateway");
    json_cstring(&json, request->gateway->name);
    json_key(&json, "model");
    json_string(&json, str_make(call->model, call->model_len));
    json_key(&json, "metadata");
    if (request->has_tags)
        json_raw(&json, str_make(request->tags.json, request->tags.json_len));
    else
        json_raw(&json, STR_LIT("{}"));
    if (request->gateway->webhook_prompt && call->boundary.len == 0) {
        json_key(&json, "request");
        json_raw(&json, buf_view(&request->body)); /* JSON: it was scanned */
    }
    json_object_end(&json);
}

static void
write_head(struct guard *guard)
{
    const struct catalogue_provider *webhook = guard->request->gateway->webhook;
    struct buf *head = &guard->head;
    buf_reset(head);
    provider_request_line(
        head, webhook, webhook->path[0] == '\0' ? STR_LIT("/") : STR_LIT(""));
    buf_append_str(head, STR_LIT("User-Agent: aigw\r\nAccept: application/json"
                                 "\r\nAccept-Encoding: identity\r\n"
                                 "Content-Type: application/json\r\n"
                                 "Content-Length: "));
    buf_append_u64(head, buf_len(&guard->body));
    buf_append_str(head, STR_LIT("\r\n\r\n"));
}

/* ---- the answer ---- */

static void
refuse(struct request *request, const char *reason)
{
    struct fault fault;
    bool cloudflare = request->plane >= PLANE_CF_GATEWAY;
    request->guard_flags |= RECORD_BLOCKED;
    fault_set(&fault, cloudflare ? 424 : 403, "permission_error",
              cloudflare ? "prompt_blocked" : "call_not_allowed", NULL,
              "The call is not allowed by this gateway%s%s",
              *reason ? ": " : "", reason);
    fault.no_retry = true;
    admission_count_refused(request);
    request_fail(request, &fault);
}

/* Nobody said anything that is understood. */
static void
fail(struct request *request, const char *why)
{
    struct fault fault;
    log_warn("request=%s gateway=%s while asking the webhook: %s; the call is "
             "%s",
             request->id, request->gateway->name, why,
             request->gateway->webhook_fail == WEBHOOK_FAIL_OPEN ? "made"
                                                                 : "refused");
    if (request->gateway->webhook_fail == WEBHOOK_FAIL_OPEN) {
        request_admit(request);
        return;
    }
    fault_set_overloaded(&fault, "the webhook that must allow the call did not "
                                 "answer");
    request_fail(request, &fault);
}

static void
on_head(void *owner, const struct http_head *head)
{
    struct guard *guard = owner;
    guard->status = head->status;
}

static void
on_body(void *owner, struct str bytes)
{
    struct guard *guard = owner;
    if (buf_len(&guard->reply) + bytes.len <= REPLY_MAX)
        buf_append_str(&guard->reply, bytes);
    else
        guard->status = 0; /* a longer one is not understood */
}

static void
on_flush(void *owner)
{
    (void)owner;
}

static void
on_end(void *owner, enum exchange_result result, const char *text)
{
    struct guard *guard = owner;
    struct request *request = guard->request;
    struct str reply = buf_view(&guard->reply), allow, reason;
    char words[REASON_BYTES] = "";
    guard->exchange = NULL;
    if (request->step == REQUEST_DONE)
        return;
    if (result != EXCHANGE_OK) {
        fail(request, text);
    } else if (guard->status != 200 || !json_is(reply, JSON_OBJECT) ||
               !json_find(reply, "allow", &allow) ||
               (!str_equals(allow, STR_LIT("true")) &&
                !str_equals(allow, STR_LIT("false")))) {
        fail(request, "its answer is not understood");
    } else if (*allow.ptr == 't') {
        request_admit(request);
    } else {
        if (json_find(reply, "reason", &reason) && *reason.ptr == '"')
            json_text_decode_cut(str_make(reason.ptr + 1, reason.len - 2),
                                 words, sizeof(words));
        refuse(request, words);
    }
}

static const struct exchange_events events = {
    .head = on_head, .body = on_body, .flush = on_flush, .end = on_end};

void
webhook_ask(struct guard *guard)
{
    struct request *request = guard->request;
    struct exchange_request out = {.provider = request->gateway->webhook,
                                   .pieces = guard->pieces,
                                   .piece_count = 2};
    write_question(guard);
    write_head(guard);
    guard->pieces[0] = (struct iovec){guard->head.data + guard->head.start,
                                      buf_len(&guard->head)};
    guard->pieces[1] = (struct iovec){guard->body.data + guard->body.start,
                                      buf_len(&guard->body)};
    if (buf_ok(&guard->head) && buf_ok(&guard->body))
        guard->exchange = exchange_start(request->worker, &out, &events, guard);
    if (guard->exchange == NULL)
        fail(request, "out of memory");
}
