/*
 * error_reply.h - makes faults: what is told to a client when it does not get
 * what it asked for. Writing them: request_fail(), by the dialect's shape.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_ERROR_REPLY_H
#define AIGW_WORKER_ERROR_REPLY_H

#include "common/buf.h"
#include "worker/fault.h"

/* Fills all of *fault but no_retry and retry_after_s, which become false, 0. */
COLD void fault_set(struct fault *fault, uint16_t status, const char *type,
                    const char *code, const char *param, const char *format,
                    ...) PRINTF_LIKE(6, 7);
/* Its message alone; one that is too long is cut between two characters. */
COLD void fault_message(struct fault *fault, const char *format, ...)
    PRINTF_LIKE(2, 3);
/* A malformed or late request: type and code by the status. */
COLD void fault_set_http(struct fault *fault, uint16_t status,
                         const char *reason);
/* 503: no slot, ring full, out of memory, starting. Worth a retry. */
COLD void fault_set_overloaded(struct fault *fault, const char *reason);

/* The fields an error has besides those of every answer: retry-after,
 * x-should-retry. */
void error_reply_fields(struct buf *out, const struct fault *fault);

#endif
