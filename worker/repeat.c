/*
 * repeat.c - calls with an Idempotency-Key: a second one like a first that is
 * in progress or was charged is refused, so that no retry is charged twice
 * (draft-ietf-httpapi-idempotency-key-header: 409, 422). A first call that
 * cost nothing leaves no trace: its retries are new.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "common/crypto.h"
#include "shm/idempotency.h"
#include "worker/error_reply.h"
#include "worker/request.h"

enum { NAME_BYTES_MAX = 255 };

/* Nobody can make a name or a body that another key's call stands for. */
static void
digest_words(const struct request *request, struct str text, uint64_t out[2])
{
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    crypto_hmac(request->key_digest, text, digest);
    memcpy(out, digest, 2 * sizeof(*out));
}

static void
refuse(enum idempotency_verdict verdict, const uint64_t first_id[2],
       struct fault *fault)
{
    char first[64] = "another call";
    if (first_id[0] != 0 || first_id[1] != 0)
        snprintf(first, sizeof(first), "request req_%016llx%016llx",
                 (unsigned long long)first_id[0],
                 (unsigned long long)first_id[1]);
    switch (verdict) {
    case IDEMPOTENCY_OTHER:
        fault_set(fault, 422, "invalid_request_error", "idempotency_key_reused",
                  NULL,
                  "%s had this Idempotency-Key and another body: take a new "
                  "key for a new call",
                  first);
        fault->no_retry = true;
        return;
    case IDEMPOTENCY_CHARGED:
        fault_set(fault, 409, "invalid_request_error", "idempotency_conflict",
                  NULL,
                  "%s with this Idempotency-Key was answered and charged; this "
                  "one was not sent, and costs nothing",
                  first);
        fault->no_retry = true;
        return;
    case IDEMPOTENCY_FULL:
        fault_set_overloaded(fault, "too many calls with an Idempotency-Key "
                                    "are in progress");
        return;
    default:
        fault_set(fault, 409, "invalid_request_error", "idempotency_conflict",
                  NULL,
                  "%s with this Idempotency-Key is in progress, or its end is "
                  "not known; this one was not sent, and costs nothing",
                  first);
        fault->retry_after_s = 1;
        return;
    }
}

int
repeat_check(struct request *request, struct fault *fault)
{
    struct worker *worker = request->worker;
    struct str name =
        http_field_find(request->head, STR_LIT("idempotency-key"));
    if (name.len == 0)
        return 0;
    if (name.len > NAME_BYTES_MAX) {
        fault_set(fault, 400, "invalid_request_error", "invalid_request", NULL,
                  "the Idempotency-Key is longer than %d characters",
                  NAME_BYTES_MAX);
        fault->no_retry = true;
        return -1;
    }
    struct idempotency_claim claim = {
        .request_id = {request->id_words[0], request->id_words[1]},
        .now_ms = loop_now_ms(worker->loop),
        .ttl_ms = worker->config->server.idempotency_ttl_ms,
    };
    uint64_t first_id[2];
    digest_words(request, name, claim.name);
    digest_words(request, buf_view(&request->body), claim.body);
    enum idempotency_verdict verdict =
        idempotency_claim(worker->heritage->idempotency, &worker->seat, &claim,
                          &request->repeat_entry, first_id);
    request->has_repeat_entry = verdict == IDEMPOTENCY_NEW;
    if (verdict == IDEMPOTENCY_NEW)
        return 0;
    refuse(verdict, first_id, fault);
    return -1;
}

void
repeat_end(struct request *request)
{
    bool charged = request->settled &&
                   (usage_total(&request->usage) + request->tried_tokens > 0 ||
                    request->cost_nano > 0);
    request->has_repeat_entry = false;
    idempotency_end(request->worker->heritage->idempotency,
                    request->repeat_entry, charged);
}
