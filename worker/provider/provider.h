/*
 * provider.h - what a provider family knows: its paths, its credential header,
 * its quirks. One file per family, one row in provider_table.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_PROVIDER_PROVIDER_H
#define AIGW_WORKER_PROVIDER_PROVIDER_H

#include <sys/uio.h>

#include "common/buf.h"
#include "common/net/http_parse.h"
#include "common/provider_quirks.h"
#include "shm/catalogue.h"
#include "worker/dialect/dialect.h"
#include "worker/fault.h"

/* One call as a family's head() sees it. */
struct upstream_call {
    const struct catalogue_provider *provider;
    const struct dialect *dialect; /* that the body is in */
    uint8_t endpoint;              /* of that dialect */
    struct str model;              /* the upstream's name */
    bool stream;
    bool is_translated;             /* the client speaks another dialect */
    struct str content_type;        /* of the body; len 0: application/json */
    struct str path_rest;           /* raw paths: what stood behind the row's */
    const struct http_head *client; /* whose fields may pass; NULL: none */
    const struct iovec *body;       /* for signatures over it */
    int body_pieces;
    uint64_t body_len;
    const char *request_id;
    int64_t wall_ms;
};

struct provider_family {
    enum provider_kind kind;
    const char *name;
    /*
     * speaks - the dialect and endpoint in which this provider takes a call that
     * came as `*endpoint` of `client`. The client's own: its bytes pass. Another
     * one: it is translated. NULL: it cannot serve such calls.
     */
    const struct dialect *(*speaks)(const struct catalogue_provider *provider,
                                    const struct dialect *client,
                                    uint8_t *endpoint);
    /*
     * head - the whole request head, ours from the first byte: method, path
     * below base_url, Host, credential, content type and length, accept, and
     * those of the client's fields that pass (provider_client_fields).
     */
    void (*head)(struct buf *out, const struct upstream_call *call);
    /* An answer that is no 2xx: what the client gets instead, or false to pass
     * the provider's own body and status on (never where `translated`). Never
     * its credential: a body with any piece of provider->api_key in it is
     * replaced. `body`: all of it. */
    bool (*map_error)(const struct catalogue_provider *provider,
                      uint16_t status, struct str body, bool translated,
                      struct fault *fault);
    uint32_t (*quirks)(const struct catalogue_provider *provider);
};

/* ---- what families share (provider_head.c) ---- */

/* Fields of the client that may pass, and its User-Agent (never hop-by-hop,
 * host, credentials, cookie, accept-encoding, content-*, expect, forwarding
 * fields, x-aigw-*, cf-aig-*, and none that names an account; nor what the
 * provider's lists keep back). */
void provider_client_fields(struct buf *out,
                            const struct catalogue_provider *provider,
                            const struct http_head *client);
/* Whether the provider's own lists let a field of that name pass. */
bool provider_passes(const struct catalogue_provider *provider,
                     struct str name);
/* Whether it gets the field because its pass_headers name it. */
bool provider_asks_for(const struct catalogue_provider *provider,
                       const struct http_field *field);
/* "host", "[::1]:8080": as the Host field has it. */
void provider_host(struct buf *out, const struct catalogue_provider *provider);
/* "POST " base path, `path`, " HTTP/1.1\r\nHost: ...\r\n". `path` as on the
 * wire, encoded. */
void provider_request_line(struct buf *out,
                           const struct catalogue_provider *provider,
                           struct str path);
/* The same with another base than the provider's. */
void provider_request_line_at(struct buf *out,
                              const struct catalogue_provider *provider,
                              const char *base, struct str path);
/* Content-Type, Content-Length, Accept, Accept-Encoding, X-Request-Id. */
void provider_body_fields(struct buf *out, const struct upstream_call *call);
/* A segment of a path, percent-encoded but for unreserved characters and those
 * in `keep`. */
void provider_path_segment(struct buf *out, struct str segment,
                           const char *keep);

/* ---- those who speak as OpenAI does (provider_path.c) ---- */

/* "/chat/completions" ... below base_url. */
struct str provider_openai_path(uint8_t endpoint);
/* The OpenAI dialect, and its endpoint for a call of `client`; NULL: there is
 * none. */
const struct dialect *provider_speaks_openai(const struct dialect *client,
                                             uint8_t *endpoint);

/* NULL for a kind without a row. */
const struct provider_family *provider_family_of(enum provider_kind kind);
extern const struct provider_family provider_openai, provider_builtin,
    provider_anthropic, provider_gemini, provider_azure, provider_bedrock,
    provider_workers_ai;

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
