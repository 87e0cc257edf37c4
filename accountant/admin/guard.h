/*
 * guard.h - guesses of management tokens from elsewhere: after ten wrong ones
 * an address waits, and a right one does not help it meanwhile. One failure is
 * forgotten each six seconds.
 *
 * Not for loopback: behind a proxy of this host everybody comes from there, and
 * one could lock out all. Owner: struct admin; loop thread only. 256 addresses
 * (of IPv6: networks of 64 bits) are remembered; the one that is nearest to
 * being forgotten gives its place away.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_GUARD_H
#define AIGW_ACCOUNTANT_ADMIN_GUARD_H

#include "accountant/admin/access.h"

enum { GUARD_ROWS = 256, GUARD_FAILURES = 10, GUARD_FORGET_MS = 6000 };

struct guard {
    uint8_t seed[16]; /* so that nobody can choose who shares a row */
    struct {
        uint64_t tag;      /* of the address */
        uint64_t clear_ms; /* when its failures are forgotten */
    } rows[GUARD_ROWS];
};

/* Who is counted: an address, or nobody. */
struct guard_address {
    bool counted;
    uint64_t tag;
};

void guard_init(struct guard *guard);
struct guard_address guard_address_of(const struct guard *guard,
                                      const struct http_head *head);
/* True: it waits; 429 in `error`. */
bool guard_waits(const struct guard *guard, struct guard_address address,
                 uint64_t now_ms, struct admin_error *error);
/* A wrong token came from there. */
void guard_count(struct guard *guard, struct guard_address address,
                 uint64_t now_ms);
/* The same two by the request's head. */
bool guard_makes_wait(const struct guard *guard, const struct http_head *head,
                      uint64_t now_ms, struct admin_error *error);
void guard_failed(struct guard *guard, const struct http_head *head,
                  uint64_t now_ms);

#endif
