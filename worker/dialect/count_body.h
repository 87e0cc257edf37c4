/*
 * count_body.h - dialect.count_body() of the dialects that have it.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_DIALECT_COUNT_BODY_H
#define AIGW_WORKER_DIALECT_COUNT_BODY_H

#include <stdint.h>

#include "common/buf.h"

void count_body_anthropic(struct buf *out, uint64_t tokens);
void count_body_responses(struct buf *out, uint64_t tokens);
void count_body_gemini(struct buf *out, uint64_t tokens);

#endif
