/*
 * health_check.c - see health_check.h.
 *
 * A check holds the probes' claims of all it asks for, as a call would: when its
 * worker dies, they heal. Its head is that of a call, with another first line,
 * so that the families' credentials need not be known here.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/health_check.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "worker/dialect/dialect.h"
#include "worker/exchange.h"
#include "worker/health_part.h"
#include "worker/provider/provider.h"

struct health_check {
    struct worker *worker;
    struct health_check *next; /* of those under way */
    struct catalogue *catalogue;
    const struct catalogue_provider *provider;
    struct exchange *exchange;
    struct buf head;
    struct iovec piece;
    uint16_t status;
    uint32_t count;
    struct health_attempt attempts[]; /* of endpoints at the provider */
};

static void
check_free(struct health_check *check)
{
    struct health_check **at = &check->worker->health->checks;
    while (*at != check)
        at = &(*at)->next;
    *at = check->next;
    buf_fini(&check->head);
    catalogue_put(check->catalogue);
    free(check);
}

static void
note(struct health_check *check, enum health_event event)
{
    struct health_outcome outcome = {
        .event = event,
        .status = check->status,
        .cause =
            check->status != 0 ? RECORD_PROVIDER_ERROR : RECORD_UPSTREAM_FAILED,
    };
    for (uint32_t i = 0; i < check->count; i++)
        health_note(check->worker, &check->attempts[i], &outcome);
}

/* ---- the answer ---- */

static void
on_head(void *owner, const struct http_head *head)
{
    struct health_check *check = owner;
    check->status = head->status;
}

static void
on_body(void *owner, struct str bytes)
{
    (void)owner;
    (void)bytes;
}

static void
on_flush(void *owner)
{
    (void)owner;
}

static void
on_end(void *owner, enum exchange_result result, const char *text)
{
    struct health_check *check = owner;
    const struct segment *segment = check->worker->heritage->segment;
    struct shm_credentials *row =
        segment_credentials(segment, check->provider->provider_idx);
    enum health_event event = HEALTH_FAILED;
    check->exchange = NULL;
    if (result == EXCHANGE_OK && check->status != 0)
        event = health_event_of(check->status);
    atomic_fetch_add_explicit(&row->checks, 1, memory_order_release);
    if (event == HEALTH_FAILED) {
        atomic_fetch_add_explicit(&row->checks_failed, 1, memory_order_release);
        log_info("health check of provider %s: status %u, %s",
                 check->provider->name, check->status,
                 result == EXCHANGE_OK ? "no" : text);
    }
    note(check, event);
    check_free(check);
}

static const struct exchange_events events = {
    .head = on_head, .body = on_body, .flush = on_flush, .end = on_end};

/* ---- the question ---- */

static bool
write_head(struct health_check *check)
{
    const struct catalogue_provider *provider = check->provider;
    const struct provider_family *family = provider_family_of(provider->kind);
    uint8_t endpoint = ENDPOINT_CHAT;
    struct buf call_head;
    struct upstream_call call = {.provider = provider,
                                 .model = STR_LIT("health-check"),
                                 .request_id = "health-check",
                                 .wall_ms = clock_wall_ms()};
    call.dialect = family->speaks(provider, &dialect_openai, &endpoint);
    call.endpoint = endpoint;
    if (call.dialect == NULL)
        return false;
    buf_init(&call_head, 0);
    family->head(&call_head, &call);
    struct str text = buf_view(&call_head);
    const char *line_end =
        buf_ok(&call_head) ? memchr(text.ptr, '\n', text.len) : NULL;
    if (line_end != NULL) {
        buf_append_str(&check->head, STR_LIT("GET "));
        buf_append_cstr(&check->head, provider->path);
        buf_append_cstr(&check->head, provider->health_check);
        buf_append_str(&check->head, STR_LIT(" HTTP/1.1\r\n"));
        buf_append_str(&check->head,
                       str_skip(text, (size_t)(line_end + 1 - text.ptr)));
    }
    buf_fini(&call_head);
    check->piece = (struct iovec){check->head.data + check->head.start,
                                  buf_len(&check->head)};
    return line_end != NULL && buf_ok(&check->head);
}

/* The endpoints at the provider that wait for a probe, into attempts where that
 * is not NULL; returns how many. */
static uint32_t
ready_ones(struct worker *worker, const struct catalogue *catalogue,
           const struct catalogue_provider *provider,
           struct health_attempt *attempts, uint32_t most)
{
    uint32_t count = 0;
    for (uint32_t m = 0; m < catalogue->model_count; m++) {
        const struct catalogue_model *model = &catalogue->models[m];
        for (uint32_t e = 0; e < model->endpoint_count; e++) {
            const struct catalogue_endpoint *endpoint = &model->endpoints[e];
            if (catalogue->providers[endpoint->provider].provider_idx !=
                    provider->provider_idx ||
                !health_is_ready(worker, provider, endpoint->endpoint_idx))
                continue;
            if (attempts == NULL)
                count++;
            else if (count < most && health_claim_check(worker, provider,
                                                        endpoint->endpoint_idx,
                                                        &attempts[count]))
                count++;
        }
    }
    return count;
}

/* Of all workers, the one that moves the time on asks. */
static bool
is_mine(const struct worker *worker, const struct catalogue_provider *provider)
{
    uint64_t now_ms = loop_now_ms(worker->loop);
    shm_u64 *word =
        &segment_credentials(worker->heritage->segment, provider->provider_idx)
             ->check_ms;
    uint64_t due = shm_load(word);
    return due <= now_ms &&
           shm_cas_once(word, &due,
                        now_ms + provider->health_check_interval_ms);
}

static void
start(struct worker *worker, struct catalogue *catalogue,
      const struct catalogue_provider *provider, uint32_t most)
{
    struct health_check *check =
        calloc(1, sizeof(*check) + most * sizeof(check->attempts[0]));
    if (check == NULL)
        return; /* the next time */
    check->worker = worker;
    check->provider = provider;
    check->catalogue = catalogue_get(catalogue);
    check->next = worker->health->checks;
    worker->health->checks = check;
    buf_init(&check->head, 0);
    check->count =
        ready_ones(worker, catalogue, provider, check->attempts, most);
    struct exchange_request request = {.provider = provider,
                                       .timeouts = &provider->timeouts,
                                       .pieces = &check->piece,
                                       .piece_count = 1};
    if (check->count > 0 && write_head(check))
        check->exchange = exchange_start(worker, &request, &events, check);
    if (check->exchange != NULL)
        return;
    note(check, HEALTH_UNKNOWN);
    check_free(check);
}

void
health_check_tick(struct worker *worker)
{
    struct catalogue *catalogue = worker->catalogue;
    if (catalogue == NULL || worker->draining)
        return;
    for (uint32_t i = 0; i < catalogue->provider_count; i++) {
        const struct catalogue_provider *provider = &catalogue->providers[i];
        if (provider->health_check == NULL)
            continue;
        provider = catalogue_checked_provider(provider);
        uint32_t ready = ready_ones(worker, catalogue, provider, NULL, 0);
        if (ready > 0 && is_mine(worker, provider))
            start(worker, catalogue, provider, ready);
    }
}

void
health_check_stop(struct worker *worker)
{
    while (worker->health->checks != NULL) {
        struct health_check *check = worker->health->checks;
        exchange_abort(check->exchange);
        note(check, HEALTH_UNKNOWN);
        check_free(check);
    }
}
