/*
 * tls_tickets.h - the keys of session tickets; private to tls*.c.
 *
 * A ticket (RFC 5077; RFC 8446 4.6.1) is a session, sealed and given to the
 * client, so that any worker of any later process can resume it without memory
 * of its own. The key of a period of 12 hours is derived from the master
 * secret, hence the same in every worker, over reloads and restarts, with
 * nothing to share or to rotate. New tickets get the current period's key; the
 * previous one's (and the next one's: clocks differ by a moment) are accepted.
 *
 * Whoever has read the master secret can open recorded tickets of TLS 1.2
 * (those of 1.3 hold no key of a connection): tls_min = 1.3 where that matters.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_NET_TLS_TICKETS_H
#define AIGW_COMMON_NET_TLS_TICKETS_H

#include <openssl/ssl.h>
#include <stdint.h>

#include "common/crypto.h"

enum {
    TLS_TICKET_NAME_BYTES = 16, /* OpenSSL's */
    TLS_TICKET_PERIOD_S = 12 * 3600,
};

struct tls_ticket_key {
    uint64_t period; /* 0: not derived yet */
    uint8_t name[TLS_TICKET_NAME_BYTES];
    uint8_t aes[32], mac[32];
};

/* Owner: a server context. */
struct tls_tickets {
    uint8_t secret[CRYPTO_SECRET_BYTES];
    struct tls_ticket_key keys[3]; /* of period p at p % 3 */
};

void tls_tickets_init(struct tls_tickets *tickets,
                      const struct crypto_secrets *secrets);
void tls_tickets_wipe(struct tls_tickets *tickets);
/* Makes contexts seal and open their tickets with `tickets`, which outlives
 * them and their connections. False: OpenSSL has no memory. */
bool tls_tickets_attach(struct tls_tickets *tickets, SSL_CTX *ssl_context);
/* The key of a ticket named `name`, in period `now`; NULL: none of ours, or too
 * old. `name` NULL: the key for a new ticket. */
const struct tls_ticket_key *tls_tickets_find(struct tls_tickets *tickets,
                                              uint64_t now,
                                              const uint8_t *name);

#endif
