/*
 * credential.c - see credential.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/provider/credential.h"

#include <string.h>

enum {
    SHOWN_BYTES = 8,   /* of a credential: as much as this may give it away */
    HIDDEN_BYTES = 12, /* more than a prefix, or a word that lies in it */
    SHORT_KEY_MIN = 4, /* a shorter one is no secret */
    FILTER_BITS = 1024,
};

/* A filter that most positions of a text do not pass. */
struct pieces {
    struct str key;
    size_t bytes; /* that are looked for at once */
    uint64_t filter[FILTER_BITS / 64];
};

static uint64_t
load_piece(const char *p, size_t bytes)
{
    uint64_t piece = 0;
    memcpy(&piece, p, bytes < sizeof(piece) ? bytes : sizeof(piece));
    return piece;
}

static unsigned
filter_bit(uint64_t piece)
{
    return (unsigned)(piece * 0x9e3779b97f4a7c15u >> 54);
}

/* False: there is no credential to look for. */
static bool
pieces_init(struct pieces *pieces, const struct catalogue_provider *provider,
            size_t bytes)
{
    struct str key = str_from(provider->api_key);
    if (key.len < SHORT_KEY_MIN)
        return false;
    *pieces =
        (struct pieces){.key = key, .bytes = key.len < bytes ? key.len : bytes};
    for (size_t i = 0; i + pieces->bytes <= key.len; i++) {
        unsigned bit = filter_bit(load_piece(key.ptr + i, pieces->bytes));
        pieces->filter[bit / 64] |= (uint64_t)1 << bit % 64;
    }
    return true;
}

/* Where the next piece begins, from `from`; len when there is none. */
static size_t
next_piece(const struct pieces *pieces, const char *bytes, size_t len,
           size_t from)
{
    for (size_t i = from; i + pieces->bytes <= len; i++) {
        uint64_t piece = load_piece(bytes + i, pieces->bytes);
        unsigned bit = filter_bit(piece);
        if ((pieces->filter[bit / 64] >> bit % 64 & 1) != 0 &&
            memmem(pieces->key.ptr, pieces->key.len, bytes + i,
                   pieces->bytes) != NULL)
            return i;
    }
    return len;
}

bool
credential_shows(const struct catalogue_provider *provider, struct str body)
{
    struct pieces pieces;
    return pieces_init(&pieces, provider, SHOWN_BYTES) &&
           next_piece(&pieces, body.ptr, body.len, 0) < body.len;
}

bool
credential_hide(const struct catalogue_provider *provider, char *bytes,
                size_t len)
{
    struct pieces pieces;
    if (!pieces_init(&pieces, provider, HIDDEN_BYTES))
        return false;
    /* A piece is overwritten when the next, which may overlap, is known. */
    size_t at = next_piece(&pieces, bytes, len, 0);
    bool found = at < len;
    while (at < len) {
        size_t next = next_piece(&pieces, bytes, len, at + 1);
        size_t end = at + pieces.bytes;
        memset(bytes + at, '*', (next < end ? next : end) - at);
        at = next;
    }
    return found;
}
