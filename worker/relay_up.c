/*
 * relay_up.c - the way up: which dialect the provider takes a call in, the body
 * as it came but for splices, or translated, and the head before it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/relay_parts.h"

#include "common/log.h"
#include "worker/error_reply.h"
#include "worker/provider/provider.h"
#include "worker/retry.h"
#include "worker/settings.h"
#include "worker/request_universal.h"

/* The body as it came but for the splices; returns its length. */
static uint64_t
body_pieces(struct request *request)
{
    struct iovec *out = request->upstream_pieces + 1;
    char *body = request->body.data + request->body.start;
    uint64_t len = 0;
    uint32_t at = 0, end = (uint32_t)buf_len(&request->body);
    for (uint32_t i = 0; i < request->splices.count; i++) {
        struct splice *splice = &request->splices.items[i];
        if (splice->off > at)
            *out++ = (struct iovec){body + at, splice->off - at};
        if (splice->text_len > 0)
            *out++ = (struct iovec){request->splices.text + splice->text_off,
                                    splice->text_len};
        len += splice->off - at + splice->text_len;
        at = splice->off + splice->len;
    }
    if (end > at)
        *out++ = (struct iovec){body + at, end - at};
    request->upstream_piece_count = (int)(out - request->upstream_pieces);
    return len + (end - at);
}

/* The client's own dialect. Returns the body's length. */
static uint64_t
splice_body(struct request *request, uint32_t quirks)
{
    struct rewrite rewrite = {
        .max_tokens = request->max_tokens,
        .max_tokens_as_completion =
            request->call.max_tokens > 0
                ? request->call.max_tokens_is_completion
                : (quirks & QUIRK_COMPLETION_TOKENS) != 0,
        .drop_routing = request->routed_by_body && (quirks & QUIRK_ROUTES) == 0,
        .want_usage =
            (request->answer.withhold_usage || request->call.usage_unasked) &&
            (quirks & QUIRK_NO_STREAM_OPTIONS) == 0,
    };
    struct str asked = {request->call.model, request->call.model_len};
    if (!str_equals(request->upstream_model, asked))
        rewrite.model = request->upstream_model;
    request->dialect->rewrite(buf_view(&request->body), &request->call,
                              &rewrite, &request->splices);
    return body_pieces(request);
}

static void
write_head(struct request *request, const struct provider_family *family,
           uint8_t endpoint, uint64_t body_len)
{
    struct buf *head = &request->upstream_head;
    struct upstream_call call = {
        .provider = request->provider,
        .dialect = request->answer.dialect,
        .endpoint = endpoint,
        .model = request->upstream_model,
        .stream = request->call.stream,
        .is_translated = request->translation != NULL,
        .content_type = request->content_type,
        .client = request->universal != NULL
                      ? universal_head(request->universal)
                      : request->head,
        .body = request->upstream_pieces + 1,
        .body_pieces = request->upstream_piece_count - 1,
        .body_len = body_len,
        .request_id = request->id,
        /* Now: a signature is not as old as a slow upload. */
        .wall_ms =
            request->started_wall_ms +
            (int64_t)(loop_now_ms(request->worker->loop) - request->started_ms),
    };
    buf_reset(head);
    family->head(head, &call);
    request->upstream_pieces[0] =
        (struct iovec){head->data + head->start, buf_len(head)};
}

static void
begin_answer(struct request *request, const struct dialect *dialect,
             uint8_t endpoint)
{
    struct answer *answer = &request->answer;
    if (request->payload != NULL)
        payload_begin_answer(request);
    if (relay_guards(request))
        guard_begin_answer(request->guard);
    answer->dialect = dialect;
    answer->endpoint = endpoint;
    answer->stream = request->call.stream;
    answer->withhold_usage = dialect == request->dialect &&
                             request->call.stream &&
                             !request->call.include_usage;
    dialect->answer_begin(answer);
    relay_listen(request);
}

/* Pictures, sound and the like pass as they are, or not at all. */
static bool
can_translate(uint8_t endpoint)
{
    return endpoint < ENDPOINT_IMAGES && endpoint != ENDPOINT_COUNT_TOKENS;
}

/* A batch that names its model more often than splices can change. */
static bool
names_too_often(const struct request *request)
{
    struct str asked = {request->call.model, request->call.model_len};
    return request->call.models_inside > CALL_MODELS_SPLICED &&
           !str_equals(request->upstream_model, asked);
}

/* Head and body for the provider that was chosen. 0, or -1 with *fault. */
static int
make_upstream_request(struct request *request, struct exchange_request *out,
                      struct fault *fault)
{
    const struct catalogue_provider *provider = request->provider;
    const struct provider_family *family = provider_family_of(provider->kind);
    uint8_t endpoint = request->endpoint;
    const struct dialect *dialect =
        family->speaks(provider, request->dialect, &endpoint);
    uint64_t body_len;
    relay_translation_end(request);
    if (dialect == NULL ||
        (dialect != request->dialect && !can_translate(request->endpoint))) {
        fault_set(fault, 400, "invalid_request_error", "unsupported_endpoint",
                  NULL,
                  "the provider of this model (%s) does not serve this API; "
                  "choose another model or API",
                  provider->name);
        return -1;
    }
    begin_answer(request, dialect, endpoint);
    if (dialect == request->dialect && !names_too_often(request)) {
        body_len = splice_body(request, family->quirks(provider));
        out->call = &request->call;
        out->body = buf_view(&request->body);
    } else {
        if (relay_translate_request(request, family->quirks(provider), fault) <
            0)
            return -1;
        out->call = relay_translated_call(request);
        out->body = relay_translated_body(request);
        body_len = out->body.len;
        request->upstream_pieces[1] =
            (struct iovec){(void *)(uintptr_t)out->body.ptr, out->body.len};
        request->upstream_piece_count = 2;
    }
    write_head(request, family, endpoint, body_len);
    if (!buf_ok(&request->upstream_head)) {
        fault_set_overloaded(fault, "out of memory");
        return -1;
    }
    return 0;
}

/* The lesser of what the call's settings and its dynamic route say. */
static uint32_t
first_byte_ms(const struct request *request)
{
    const struct route_plan *plan = &request->plan;
    uint32_t ms = setting_of(request, SETTING_REQUEST_TIMEOUT);
    uint32_t own = plan->models[plan->items[plan->next - 1].model].timeout_ms;
    return own != 0 && (ms == 0 || own < ms) ? own : ms;
}

static int
send_once(struct request *request, struct fault *fault)
{
    struct exchange_request out = {.provider = request->provider};
    if (make_upstream_request(request, &out, fault) < 0)
        return -1;
    request->attempts++;
    request->sent_at_ms =
        (uint32_t)(loop_now_ms(request->worker->loop) - request->started_ms);
    cells_route(&request->worker->seat, request->slot,
                request->model->model_idx, request->provider->provider_idx,
                request->served->price_version, request->attempts);
    retry_note_call(request);
    out.timeouts = &request->served->timeouts;
    out.first_byte_ms = first_byte_ms(request);
    out.fresh = request->health.doubted;
    out.pieces = request->upstream_pieces;
    out.piece_count = request->upstream_piece_count;
    request->exchange =
        exchange_start(request->worker, &out, relay_events(), request);
    if (request->exchange != NULL)
        return 0;
    fault_set_overloaded(fault, "out of memory");
    return -1;
}

/* Why none of an endpoint's credentials may be used. */
struct hindrance {
    bool cools;        /* one of them */
    uint64_t retry_ms; /* all have used up their rates: until one may */
};

/* The request's credential, or what the provider has in place of one. */
static bool
may_use(struct request *request, bool last_resort, struct hindrance *hindrance)
{
    uint64_t retry_ms = 0;
    if (route_credential_take(request, &retry_ms) < 0) {
        if (hindrance->retry_ms == 0 || retry_ms < hindrance->retry_ms)
            hindrance->retry_ms = retry_ms;
        return false;
    }
    unsigned slot = request->provider->credential_slot;
    uint32_t endpoint_idx = request->served->endpoint_idx;
    if (last_resort
            ? health_last_resort(request->worker, request->provider,
                                 endpoint_idx, slot, &request->health)
            : health_may_send(request->worker, request->provider, endpoint_idx,
                              slot, &request->health) != HEALTH_COOLING)
        return true;
    route_credential_give_back(request);
    hindrance->cools = true;
    return false;
}

/* With its credential, or, where that was put aside or used up since it was
 * chosen, with another one that was not. */
static bool
may_send(struct request *request, bool last_resort, struct hindrance *hindrance)
{
    do {
        if (may_use(request, last_resort, hindrance))
            return true;
    } while (!last_resort && request->provider->credential != NULL &&
             route_next_credential(request, true));
    return false;
}

COLD static void
refuse_rate(uint64_t retry_ms, struct fault *fault)
{
    fault_set(fault, 429, "rate_limit_error", "rate_limit_exceeded", NULL,
              "the credential for the provider of this model has had as many "
              "calls as it may for now (rate_limit)");
    fault->retry_after_s = (retry_ms + 999) / 1000;
}

/* All that may take the call cool, and asking them lately was of no use. */
COLD static void
refuse_cooling(const struct request *request, struct fault *fault)
{
    uint64_t ms = health_limited_ms(request->worker, request->provider,
                                    request->served->endpoint_idx,
                                    request->provider->credential_slot);
    if (ms == 0) {
        fault_set_overloaded(fault, "the provider of this model fails");
        return;
    }
    fault_set(fault, 429, "rate_limit_error", "rate_limit_exceeded", NULL,
              "the provider of this model takes no more calls for now");
    fault->retry_after_s = (ms + 999) / 1000;
}

enum sending {
    SENDING,       /* or waiting for a place */
    SENDING_NEVER, /* *fault */
    SENDING_COOLS, /* *fault; as a last resort it might */
};

/* The endpoint that was chosen is sent the call, or the call waits for it. */
static enum sending
attempt(struct request *request, bool last_resort, struct fault *fault)
{
    switch (queue_enter(request)) {
    case QUEUE_WAIT:
        return SENDING;
    case QUEUE_FULL:
        fault_set_overloaded(fault, "the provider of this model has as many "
                                    "calls as it may, and as many wait");
        return SENDING_NEVER;
    case QUEUE_PASS:
        break;
    }
    struct hindrance hindrance = {0};
    if (!may_send(request, last_resort, &hindrance)) {
        if (hindrance.cools)
            refuse_cooling(request, fault);
        else
            refuse_rate(hindrance.retry_ms, fault);
        return hindrance.cools ? SENDING_COOLS : SENDING_NEVER;
    }
    return send_once(request, fault) == 0 ? SENDING : SENDING_NEVER;
}

/* From the chosen candidate to the last one of `which`, a bit each. *cools: those
 * that cool. 0: one has it. *fault is the first one's, where it has none yet. */
static int
attempt_each(struct request *request, uint32_t which, bool last_resort,
             uint32_t *cools, struct fault *fault, bool *has_failed)
{
    UNINITIALIZED struct fault later;
    do {
        uint32_t bit = UINT32_C(1) << (request->plan.next - 1);
        if ((which & bit) == 0)
            continue;
        /* cppcheck-suppress uninitvar ; it is for attempt() to write */
        struct fault *why = *has_failed ? &later : fault;
        enum sending sending = attempt(request, last_resort, why);
        if (sending == SENDING)
            return 0;
        if (sending == SENDING_COOLS)
            *cools |= bit;
        *has_failed = true;
        /* It cannot take the call: no attempt was made. */
        relay_attempt_end(request, RECORD_REFUSED);
        log_info("request=%s while sending to provider %s: %s", request->id,
                 request->provider->name,
                 why->code == NULL ? "refused" : why->code);
    } while (route_next(request));
    return -1;
}

int
relay_send_upstream(struct request *request, struct fault *fault)
{
    const struct catalogue_provider *provider = request->provider;
    uint64_t tried = request->plan.tried;
    uint8_t first = request->plan.next;
    uint32_t cools = 0, again = 0;
    bool has_failed = false;
    if (attempt_each(request, UINT32_MAX, false, &cools, fault, &has_failed) ==
        0)
        return 0;
    if (cools == 0)
        return -1;
    /* Nobody may have it, and somebody had better: one endpoint that fails is
     * better asked than a client refused, within reason. */
    route_again_from(request, first);
    /* With the credential that it was to have. */
    request->provider = provider;
    request->plan.tried = tried;
    return attempt_each(request, cools, true, &again, fault, &has_failed);
}
