/*
 * probe_part.h - what probe.c (whose turn it is, exchanges) and probe_call.c (the
 * call and its answer, as bytes) share.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_PROBE_PART_H
#define AIGW_WORKER_PROBE_PART_H

#include "shm/catalogue.h"
#include "worker/dialect/dialect.h"

enum {
    PROBE_MODEL_BYTES = 256,
    PROBE_PROMPT_BYTES = 1001,
    PROBE_TEXT_BYTES = 501,
    PROBE_CODE_BYTES = 48,
    PROBE_MESSAGE_BYTES = 512,
};

/* The call, made of names. Owner: a probe. */
struct probe_call {
    char model[PROBE_MODEL_BYTES], prompt[PROBE_PROMPT_BYTES];
    const struct catalogue_provider *provider; /* with its credential */
    struct call_timeouts timeouts;
    struct str upstream; /* the model's name there */
    const struct dialect *dialect;
    uint8_t endpoint;
    struct call call; /* for the builtin provider */
};

/* What came of it. code "": it is well. */
struct probe_outcome {
    uint16_t status; /* 0: no answer */
    uint32_t duration_ms, first_byte_ms;
    char text[PROBE_TEXT_BYTES]; /* "": none */
    char code[PROBE_CODE_BYTES], message[PROBE_MESSAGE_BYTES];
};

/* Provider, endpoint and names of call->model at `provider`. False: *outcome
 * says why not. */
bool probe_call_find(struct probe_call *call, const struct catalogue *catalogue,
                     struct str provider, struct probe_outcome *outcome);
/* Head and body as they go out. False: as above. */
bool probe_call_write(struct probe_call *call, const char *id, int64_t wall_ms,
                      struct buf *head, struct buf *body,
                      struct probe_outcome *outcome);
/* outcome->status and `body` are the provider's answer: what it says, without
 * the credential. */
void probe_call_read(const struct probe_call *call, struct str body,
                     struct probe_outcome *outcome);
/* code NULL: upstream_error. */
void probe_fail(struct probe_outcome *outcome, const char *code,
                const char *message);

#endif
