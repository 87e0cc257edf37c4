/*
 * canon_vector.h - embeddings in the two spellings that providers have for them,
 * whatever the dialect: a list of numbers, and little-endian 32-bit floats in
 * base64.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_DIALECT_CANON_VECTOR_H
#define AIGW_WORKER_DIALECT_CANON_VECTOR_H

#include "common/buf.h"
#include "common/str.h"

/* A vector's value as base64 (a string, with quotes), or as a list of numbers;
 * as it stood where it is neither. */
void canon_vector_base64(struct buf *out, struct str value);
void canon_vector_list(struct buf *out, struct str value);

#endif
