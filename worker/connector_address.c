/*
 * connector_address.c - which addresses may be connected to; see connector.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <netinet/in.h>
#include <string.h>

#include "worker/connector.h"

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};

/* The address of version 4 in or inside of `address`; NULL with the one of
 * version 6 in `out`; false: neither. */
static bool
bytes_of(const struct sockaddr *address, uint8_t out[16], const uint8_t **v4)
{
    *v4 = NULL;
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        memcpy(out, &in.sin_addr, 4);
        *v4 = out;
        return true;
    }
    if (address->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 in6;
    memcpy(&in6, address, sizeof(in6));
    memcpy(out, &in6.sin6_addr, 16);
    if (memcmp(out, mapped, sizeof(mapped)) == 0 ||
        memcmp(out, nat64, sizeof(nat64)) == 0)
        *v4 = out + 12;
    return true;
}

static bool
refuses_v4(const uint8_t a[4])
{
    return a[0] == 0 || (a[0] == 169 && a[1] == 254) || a[0] >= 224;
}

bool
connector_refuses_address(const struct sockaddr *address)
{
    static const uint8_t unspecified[16];
    uint8_t a[16];
    const uint8_t *v4;
    if (!bytes_of(address, a, &v4))
        return true;
    if (v4 != NULL)
        return refuses_v4(v4);
    return memcmp(a, unspecified, sizeof(unspecified)) == 0 || a[0] == 0xff ||
           (a[0] == 0xfe && (a[1] & 0xc0) == 0x80);
}

/* Networks that are no public ones. */
struct network {
    uint8_t len; /* bits */
    uint8_t bytes[8];
};

static const struct network special_v4[] = {
    {8, {0}},             /* this network */
    {8, {10}},            /* private */
    {10, {100, 64}},      /* shared by carriers */
    {8, {127}},           /* loopback */
    {16, {169, 254}},     /* link-local: the cloud's metadata */
    {12, {172, 16}},      /* private */
    {24, {192, 0, 0}},    /* protocol assignments */
    {24, {192, 0, 2}},    /* documentation */
    {24, {192, 31, 196}}, /* AS112 */
    {24, {192, 52, 193}}, /* AMT */
    {24, {192, 88, 99}},  /* 6to4 relays */
    {16, {192, 168}},     /* private */
    {24, {192, 175, 48}}, /* AS112 */
    {15, {198, 18}},      /* benchmarks */
    {24, {198, 51, 100}}, /* documentation */
    {24, {203, 0, 113}},  /* documentation */
    {3, {224}},           /* multicast, reserved, broadcast */
};

/* Inside 2000::/3; all outside of it is none. */
static const struct network special_v6[] = {
    {23, {0x20, 0x01}},                         /* protocol assignments: Teredo,
                                                   ORCHID, AMT ... */
    {32, {0x20, 0x01, 0x0d, 0xb8}},             /* documentation */
    {48, {0x26, 0x20, 0x00, 0x4f, 0x80, 0x00}}, /* AS112 */
    {20, {0x3f, 0xff}},                         /* documentation */
};

static bool
is_in(const struct network *networks, size_t count, const uint8_t *address)
{
    for (size_t i = 0; i < count; i++) {
        const struct network *n = &networks[i];
        size_t whole = n->len / 8;
        uint8_t rest = (uint8_t)(0xff00 >> n->len % 8);
        if (memcmp(n->bytes, address, whole) == 0 &&
            ((n->bytes[whole] ^ address[whole]) & rest) == 0)
            return true;
    }
    return false;
}

bool
connector_is_public(const struct sockaddr *address)
{
    uint8_t a[16];
    const uint8_t *v4;
    if (!bytes_of(address, a, &v4))
        return false;
    if (v4 == NULL && a[0] == 0x20 && a[1] == 0x02)
        v4 = a + 2; /* 6to4, RFC 3056 */
    if (v4 != NULL)
        return !is_in(special_v4, ARRAY_LEN(special_v4), v4);
    return (a[0] & 0xe0) == 0x20 &&
           !is_in(special_v6, ARRAY_LEN(special_v6), a);
}
