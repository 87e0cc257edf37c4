/*
 * config_address.c - the form of a listening address, checked before anything
 * is bound. The same forms as listen_parse() of common/net, which this layer
 * may not call; a test holds them together.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/config_part.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

static bool
parse_port(const char *text, uint16_t *port)
{
    unsigned value = 0;
    size_t len = strlen(text);
    if (len == 0 || len > 5)
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (unsigned)(*text - '0');
    }
    *port = (uint16_t)value;
    return value <= UINT16_MAX;
}

/* Numeric, "[v6]" or v4; v4 becomes mapped v6. */
static bool
parse_host(struct str host, uint8_t addr16[16])
{
    char text[INET6_ADDRSTRLEN];
    bool is_v6 =
        host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    if (is_v6)
        host = str_make(host.ptr + 1, host.len - 2);
    if (host.len == 0 || host.len >= sizeof(text))
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    if (is_v6)
        return inet_pton(AF_INET6, text, addr16) == 1;
    memcpy(addr16, mapped_prefix, sizeof(mapped_prefix));
    return inet_pton(AF_INET, text, addr16 + sizeof(mapped_prefix)) == 1;
}

bool
config_parse_address(const char *text, struct config_address *address)
{
    const char *colon = strrchr(text, ':');
    *address = (struct config_address){.port = 0};
    if (!parse_port(colon == NULL ? text : colon + 1, &address->port))
        return false;
    if (colon == NULL || (colon == text + 1 && *text == '*'))
        return true; /* any: [::] */
    return parse_host(str_make(text, (size_t)(colon - text)), address->addr16);
}

bool
config_address_is_loopback(const struct config_address *address)
{
    static const uint8_t loopback[16] = {[15] = 1};
    const uint8_t *bytes = address->addr16;
    if (memcmp(bytes, mapped_prefix, sizeof(mapped_prefix)) == 0)
        return bytes[12] == 127;
    return memcmp(bytes, loopback, sizeof(loopback)) == 0;
}
