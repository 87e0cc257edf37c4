/*
 * courier.c - see courier.h.
 *
 *   GET /admin/v1/deliveries/due -> each: POST its url -> POST .../deliveries/ID
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/courier.h"

#include <stdlib.h>
#include <string.h>

#include "common/json_scan.h"
#include "common/log.h"
#include "shm/catalogue_url.h"
#include "worker/exchange.h"
#include "worker/provider/provider.h"

enum {
    AGAIN_MS = 1000,  /* between two questions */
    LEASE_MS = 30000, /* beside the time that a webhook has */
    REPLY_MAX = 1 << 20,
    ID_BYTES = 64,
    URL_BYTES = 1024,
    FAILED_MAX = 8, /* as many as are told at a time */
};

enum step { STEP_ASK, STEP_POST, STEP_TELL };

struct courier {
    struct worker *worker;
    struct exchange *exchange;
    enum step step;
    uint64_t lease; /* what header.courier_ms is while it is ours */
    struct buf head, body, reply, list;
    struct iovec pieces[2];
    uint16_t status;
    struct json_reader events; /* in `list` */
    /* Alerts whose webhook has failed since it was asked, in `list`: what else is
     * theirs stays due, and holds up nobody. */
    struct str failed[FAILED_MAX], alert;
    unsigned failed_count;
    char id[ID_BYTES];
    struct catalogue_provider hook;
};

static void next_event(struct courier *courier);

static shm_u64 *
lease_word(const struct courier *courier)
{
    return &courier->worker->heritage->segment->header->courier_ms;
}

/* False: somebody else has it, since this took too long. */
static bool
renew(struct courier *courier, uint64_t ms)
{
    uint64_t until = loop_now_ms(courier->worker->loop) + ms;
    if (!shm_cas_once(lease_word(courier), &courier->lease, until))
        return false;
    courier->lease = until;
    return true;
}

static void
end(struct courier *courier)
{
    courier->worker->courier = NULL;
    renew(courier, AGAIN_MS);
    buf_fini(&courier->head);
    buf_fini(&courier->body);
    buf_fini(&courier->reply);
    buf_fini(&courier->list);
    free(courier);
}

/* ---- one exchange ---- */

static void
on_head(void *owner, const struct http_head *head)
{
    ((struct courier *)owner)->status = head->status;
}

static void
on_body(void *owner, struct str bytes)
{
    struct courier *courier = owner;
    if (courier->step == STEP_ASK &&
        buf_len(&courier->reply) + bytes.len <= REPLY_MAX)
        buf_append_str(&courier->reply, bytes);
}

static void
on_flush(void *owner)
{
    (void)owner;
}

static void on_end(void *owner, enum exchange_result result, const char *text);

static const struct exchange_events events = {
    .head = on_head, .body = on_body, .flush = on_flush, .end = on_end};

/* What head and body are, to the webhook or (NULL) to the accountant. */
static void
send(struct courier *courier, enum step step,
     const struct catalogue_provider *provider)
{
    struct exchange_request request = {
        .provider = provider,
        .unix_path = provider == NULL ? courier->worker->admin_path : NULL,
        .pieces = courier->pieces,
        .piece_count = 2,
    };
    buf_append_str(&courier->head, STR_LIT("Content-Length: "));
    buf_append_u64(&courier->head, buf_len(&courier->body));
    buf_append_str(&courier->head, STR_LIT("\r\n\r\n"));
    courier->step = step;
    courier->status = 0;
    courier->pieces[0] = (struct iovec){
        courier->head.data + courier->head.start, buf_len(&courier->head)};
    courier->pieces[1] = (struct iovec){
        courier->body.data + courier->body.start, buf_len(&courier->body)};
    buf_reset(&courier->reply);
    if (buf_ok(&courier->head) && buf_ok(&courier->body))
        courier->exchange =
            exchange_start(courier->worker, &request, &events, courier);
    if (courier->exchange == NULL)
        end(courier);
}

static void
begin(struct courier *courier)
{
    buf_reset(&courier->head);
    buf_reset(&courier->body);
}

/* ---- the steps ---- */

static void
tell(struct courier *courier)
{
    uint16_t status = courier->status;
    begin(courier);
    buf_printf(&courier->head,
               "POST /admin/v1/deliveries/%s HTTP/1.1\r\nHost: localhost\r\n"
               "Content-Type: application/json\r\n",
               courier->id);
    buf_printf(&courier->body, "{\"status\": %u}", status);
    send(courier, STEP_TELL, NULL);
}

static bool
read_text(struct str value, char *out, size_t size)
{
    int len = value.len > 0 && *value.ptr == '"'
                  ? json_string_decode(value, out, size)
                  : -1;
    return len > 0 && (size_t)len < size;
}

enum member {
    MEMBER_ID,
    MEMBER_ALERT,
    MEMBER_URL,
    MEMBER_GUARDED,
    MEMBER_TIMEOUT,
    MEMBER_TIMESTAMP,
    MEMBER_SIGNATURE,
    MEMBER_BODY,
    MEMBERS,
};
static const struct str member_names[MEMBERS] = {
    STR_LIT("id"),        STR_LIT("alert"),      STR_LIT("url"),
    STR_LIT("guarded"),   STR_LIT("timeout_ms"), STR_LIT("timestamp"),
    STR_LIT("signature"), STR_LIT("body"),
};

/* The webhook as a provider, in all but its dialect. False: it is none. */
static bool
set_hook(struct courier *courier, const struct str *values)
{
    char url[URL_BYTES];
    uint64_t ms = 0;
    struct catalogue_provider *hook = &courier->hook;
    memset(hook, 0, sizeof(*hook));
    if (!read_text(values[MEMBER_URL], url, sizeof(url)) ||
        !catalogue_split_url(url, hook) ||
        json_number_u64(values[MEMBER_TIMEOUT], &ms) != 0)
        return false;
    memcpy(hook->name, "alert", 6);
    hook->verify = hook->enabled = true;
    hook->guarded = !str_equals(values[MEMBER_GUARDED], STR_LIT("false"));
    hook->timeouts = (struct call_timeouts){
        .connect_ms = ms, .first_byte_ms = ms, .idle_ms = ms, .total_ms = ms};
    return true;
}

static bool
set_body(struct courier *courier, struct str text)
{
    char *decoded = malloc(text.len + 1);
    int len =
        decoded == NULL ? -1 : json_string_decode(text, decoded, text.len + 1);
    if (len > 0)
        buf_append(&courier->body, decoded, (size_t)len);
    free(decoded);
    return len > 0;
}

static void
post(struct courier *courier, const struct str *values)
{
    const struct catalogue_provider *hook = &courier->hook;
    char signature[80];
    begin(courier);
    if (!set_hook(courier, values) || !set_body(courier, values[MEMBER_BODY])) {
        courier->status = 0; /* of an alert that is gone: told so */
        tell(courier);
        return;
    }
    provider_request_line(&courier->head, hook,
                          hook->path[0] == '\0' ? STR_LIT("/") : STR_LIT(""));
    buf_append_str(&courier->head,
                   STR_LIT("User-Agent: aigw\r\nAccept: */*\r\n"
                           "Content-Type: application/json\r\n"));
    buf_printf(&courier->head, "X-Aigw-Event: %s\r\n", courier->id);
    buf_append_str(&courier->head, STR_LIT("X-Aigw-Timestamp: "));
    buf_append_str(&courier->head, values[MEMBER_TIMESTAMP]);
    if (read_text(values[MEMBER_SIGNATURE], signature, sizeof(signature)))
        buf_printf(&courier->head, "\r\nX-Aigw-Signature: sha256=%s",
                   signature);
    buf_append_str(&courier->head, STR_LIT("\r\n"));
    if (renew(courier, hook->timeouts.total_ms + LEASE_MS))
        send(courier, STEP_POST, hook);
    else
        end(courier);
}

static bool
has_failed(const struct courier *courier, struct str alert)
{
    for (unsigned i = 0; i < courier->failed_count; i++)
        if (str_equals(courier->failed[i], alert))
            return true;
    return false;
}

static void
next_event(struct courier *courier)
{
    struct str event, values[MEMBERS + 1];
    while (json_item(&courier->events, &event) == JSON_OBJECT)
        if (json_members(event, member_names, MEMBERS, values) &&
            !has_failed(courier, values[MEMBER_ALERT]) &&
            read_text(values[MEMBER_ID], courier->id, sizeof(courier->id))) {
            courier->alert = values[MEMBER_ALERT];
            post(courier, values);
            return;
        }
    end(courier);
}

static void
note_failed(struct courier *courier)
{
    if (courier->failed_count < FAILED_MAX)
        courier->failed[courier->failed_count++] = courier->alert;
}

static void
begin_events(struct courier *courier)
{
    struct str data;
    buf_append_str(&courier->list, buf_view(&courier->reply));
    if (courier->status == 200 && buf_ok(&courier->list) &&
        json_find(buf_view(&courier->list), "data", &data) &&
        json_list_begin(&courier->events, data))
        next_event(courier);
    else
        end(courier);
}

static void
on_end(void *owner, enum exchange_result result, const char *text)
{
    struct courier *courier = owner;
    bool good = result == EXCHANGE_OK;
    courier->exchange = NULL;
    switch (courier->step) {
    case STEP_ASK:
        if (good)
            begin_events(courier);
        else
            end(courier); /* it is not there now: with another heartbeat */
        return;
    case STEP_POST:
        if (!good || courier->status < 200 || courier->status > 299) {
            log_warn("event %s of an alert: its webhook answered %u%s%s; it is "
                     "sent again",
                     courier->id, courier->status, good ? "" : ", ",
                     good ? "" : text);
            note_failed(courier);
        }
        if (!good)
            courier->status = 0;
        tell(courier);
        return;
    case STEP_TELL:
        if (good)
            next_event(courier);
        else
            end(courier); /* the event stays due */
        return;
    }
    UNREACHABLE();
}

/* ---- whose turn it is ---- */

void
courier_tick(struct worker *worker)
{
    const struct shm_header *header = worker->heritage->segment->header;
    uint64_t now_ms = loop_now_ms(worker->loop);
    if (LIKELY(shm_load(&header->alerts) == 0) || worker->courier != NULL ||
        worker->draining)
        return;
    uint64_t due = shm_load(&header->courier_ms);
    struct courier *courier = due > now_ms ? NULL : calloc(1, sizeof(*courier));
    if (courier == NULL)
        return;
    courier->worker = worker;
    courier->lease = due;
    if (!renew(courier, LEASE_MS)) {
        free(courier);
        return;
    }
    buf_init(&courier->head, 0);
    buf_init(&courier->body, 0);
    buf_init(&courier->reply, 0);
    buf_init(&courier->list, 0);
    worker->courier = courier;
    buf_append_str(&courier->head,
                   STR_LIT("GET /admin/v1/deliveries/due HTTP/1.1\r\n"
                           "Host: localhost\r\n"));
    send(courier, STEP_ASK, NULL);
}

void
courier_stop(struct worker *worker)
{
    if (worker->courier == NULL)
        return;
    exchange_abort(worker->courier->exchange);
    end(worker->courier);
}
