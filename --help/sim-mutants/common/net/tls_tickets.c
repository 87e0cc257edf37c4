/*
 * tls_tickets.c - see tls_tickets.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/tls_tickets.h"

#include <inttypes.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

enum {
    PERIOD_BYTES = 8, /* of the name; the rest tells our keys from others' */
    /* What OpenSSL's callback may return. */
    TICKET_FAILED = -1,
    TICKET_UNKNOWN = 0, /* a full handshake follows */
    TICKET_GOOD = 1,
    TICKET_RENEW = 2,
};

void
tls_tickets_init(struct tls_tickets *tickets,
                 const struct crypto_secrets *secrets)
{
    *tickets = (struct tls_tickets){0};
    memcpy(tickets->secret, secrets->tickets, sizeof(tickets->secret));
}

void
tls_tickets_wipe(struct tls_tickets *tickets)
{
    crypto_wipe(tickets, sizeof(*tickets));
}

static void
derive_key(const struct tls_tickets *tickets, uint64_t period,
           struct tls_ticket_key *key)
{
    uint8_t bytes[TLS_TICKET_NAME_BYTES - PERIOD_BYTES + sizeof(key->aes) +
                  sizeof(key->mac)];
    char label[64];
    snprintf(label, sizeof(label), "aigw tls ticket period %" PRIu64, period);
    crypto_derive(tickets->secret, label, bytes, sizeof(bytes));
    key->period = period;
    for (int i = 0; i < PERIOD_BYTES; i++)
        key->name[i] = (uint8_t)(period >> (8 * (PERIOD_BYTES - 1 - i)));
    const uint8_t *at = bytes;
    memcpy(key->name + PERIOD_BYTES, at, TLS_TICKET_NAME_BYTES - PERIOD_BYTES);
    at += TLS_TICKET_NAME_BYTES - PERIOD_BYTES;
    memcpy(key->aes, at, sizeof(key->aes));
    memcpy(key->mac, at + sizeof(key->aes), sizeof(key->mac));
    crypto_wipe(bytes, sizeof(bytes));
}

const struct tls_ticket_key *
tls_tickets_find(struct tls_tickets *tickets, uint64_t now, const uint8_t *name)
{
    uint64_t period = now;
    if (name != NULL) {
        period = 0;
        for (int i = 0; i < PERIOD_BYTES; i++)
            period = period << 8 | name[i];
    }
    if (period == 0 || period + 1 < now || period > now + 1)
        return NULL;
    struct tls_ticket_key *key = &tickets->keys[period % 3];
    if (key->period != period)
        derive_key(tickets, period, key);
    /* Names are public; the MAC is what nobody can make. */
    if (name != NULL && memcmp(name, key->name, sizeof(key->name)) != 0)
        return NULL;
    return key;
}

static bool
set_keys(const struct tls_ticket_key *key, const uint8_t *iv,
         EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypts)
{
    char digest[] = "SHA256";
    uint8_t mac_key[sizeof(key->mac)];
    memcpy(mac_key, key->mac, sizeof(mac_key));
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, mac_key,
                                          sizeof(mac_key)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    bool good = EVP_MAC_CTX_set_params(mac, params) == 1 &&
                EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv,
                                  encrypts) == 1;
    crypto_wipe(mac_key, sizeof(mac_key));
    return good;
}

/* OpenSSL asks for the key of a ticket that came (encrypts 0), or of one that
 * goes, whose name and iv are ours to fill in. */
static int
on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv,
          EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypts)
{
    struct tls_tickets *tickets = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    uint64_t now =
        (uint64_t)clock_period_ms() / (1000 * (uint64_t)TLS_TICKET_PERIOD_S);
    const struct tls_ticket_key *key =
        tls_tickets_find(tickets, now, encrypts ? NULL : name);
    if (key == NULL)
        return TICKET_UNKNOWN;
    if (encrypts) {
        memcpy(name, key->name, sizeof(key->name));
        crypto_random(iv, (size_t)EVP_CIPHER_get_iv_length(EVP_aes_256_cbc()));
    }
    if (!set_keys(key, iv, cipher, mac, encrypts))
        return TICKET_FAILED;
    /* TLS 1.3 clients use a ticket once: each resumption gives the next. */
    if (!encrypts && (key->period != now || SSL_version(ssl) == TLS1_3_VERSION))
        return TICKET_RENEW;
    return TICKET_GOOD;
}

bool
tls_tickets_attach(struct tls_tickets *tickets, SSL_CTX *ssl_context)
{
    /* What is sealed at a period's end can be opened for one more period. */
    SSL_CTX_set_timeout(ssl_context, TLS_TICKET_PERIOD_S);
    SSL_CTX_set_num_tickets(ssl_context, 1);
    return SSL_CTX_set_app_data(ssl_context, tickets) == 1 &&
           SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl_context, on_ticket) == 1;
}
