/*
 * auth.h - who asks: what a head claims, and whether it is true.
 *
 * In three steps, so that the lines of memory that the last of them reads, which
 * the requests between two of one key have driven out, come while other work is
 * done. Only the last one judges.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_AUTH_H
#define AIGW_WORKER_AUTH_H

#include "worker/auth_cache.h"
#include "worker/request.h"

struct auth_claim {
    struct str credential; /* in the head; empty: none was given */
    struct auth_tag tag;
    struct auth_known known; /* where is_known */
    bool is_known;
};

void auth_claim_read(const struct worker *worker, const struct http_head *head,
                     struct auth_claim *claim);
/* What is known of it, if it was good lately. */
void auth_claim_find(const struct worker *worker, struct auth_claim *claim);
/* 0 and request->key, or -1 with *fault. Cheap refusals first. */
int auth_check(struct request *request, struct auth_claim *claim,
               struct fault *fault) MUST_CHECK;

#endif
