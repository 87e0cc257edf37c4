/*
 * signatures.h - signed requests that were taken, so that none is taken twice: for
 * schemes that sign a time in seconds and no nonce.
 *
 * Their clients sign the same bytes twice within a second, and not always the name of
 * the action. So a signature is good for SIGNATURE_REST_S from its first use, and for
 * each action that changes something once.
 *
 * Memory only. Kept by generations of the signed second, for as long as such a second
 * may still be sent; a generation with SIGNATURES_MAX uses takes no more (full), so
 * that none has to be forgotten: 48 MiB at the very most. What was
 * signed before `floor_s` counts as used: an accountant that begins again begins there.
 * Of before that, what a client with a clock ahead of ours has signed for seconds to
 * come may be taken once more.
 *
 * Owner: struct admin; loop thread only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_SIGNATURES_H
#define AIGW_ACCOUNTANT_ADMIN_SIGNATURES_H

#include <stdint.h>

#include "common/check.h"
#include "common/str.h"

enum {
    SIGNATURE_SKEW_S = 300, /* how far a signed second may be from ours */
    SIGNATURE_REST_S = 10,
    SIGNATURES_MAX = 1 << 19,
};

enum signature_use {
    SIGNATURE_FRESH, /* and is used now */
    SIGNATURE_USED,
    SIGNATURE_FULL, /* too many in this time, or out of memory: later */
};

struct signatures;

/* NULL: out of memory. */
struct signatures *signatures_create(int64_t floor_s) MUST_CHECK;
void signatures_destroy(struct signatures **signatures);
/* `change`: the action that changes something, len 0: it changes nothing.
 * `signed_s` is within SIGNATURE_SKEW_S of `now_s`. */
enum signature_use signatures_use(struct signatures *signatures,
                                  struct str signature, struct str change,
                                  int64_t signed_s, int64_t now_s) MUST_CHECK;

#endif
