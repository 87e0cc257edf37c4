/*
 * provider.h - what a provider family knows: its paths, its credential header,
 * its quirks. One file per family, one row in provider_table.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_PROVIDER_PROVIDER_H
#define AIGW_WORKER_PROVIDER_PROVIDER_H

#include "common/buf.h"
#include "common/net/http_parse.h"
#include "shm/catalogue.h"
#include "worker/dialect/dialect.h"
#include "worker/fault.h"

struct provider_family {
    enum provider_kind kind;
    const char *name;
    /*
     * head - the whole request head for `call`, ours from the first byte:
     * method, path below base_url, Host, credential, content type and length,
     * accept, and those of the client's fields that pass (never hop-by-hop,
     * host, authorization, x-api-key, api-key, x-goog-api-key, cookie,
     * accept-encoding, content-*, expect, x-forwarded-*, x-aigw-*).
     */
    void (*head)(struct buf *out, const struct catalogue_provider *provider,
                 const struct call *call, const struct http_head *client,
                 uint64_t body_len, const char *request_id);
    /* An answer that is no 2xx: what the client gets instead, or false to pass
     * the provider's own body and status on. Never its credential: a body with
     * any piece of provider->api_key in it is replaced. `body`: all of it. */
    bool (*map_error)(const struct catalogue_provider *provider,
                      uint16_t status, struct str body, struct fault *fault);
    /* Whether max_tokens must be spelt max_completion_tokens when added. */
    bool (*completion_spelling)(const struct catalogue_provider *provider);
};

/* NULL for a kind without a row. */
const struct provider_family *provider_family_of(enum provider_kind kind);
extern const struct provider_family provider_openai, provider_builtin;

/* builtin: starts an answer through exchange events (exchange.c calls it). */
struct builtin_answer;
struct exchange_events;
struct worker;
struct exchange_request;
struct builtin_answer *builtin_start(struct worker *worker,
                                     const struct exchange_request *request,
                                     const struct exchange_events *events,
                                     void *owner);
void builtin_pause(struct builtin_answer *answer, bool paused);
/* Whether `end` follows the flush (or head) that is being given now. */
bool builtin_is_complete(const struct builtin_answer *answer);
void builtin_abort(struct builtin_answer *answer);

#endif
