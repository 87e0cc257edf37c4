/*
 * http_decode.h - request bodies that come compressed: gzip (RFC 1952) and zstd
 * (RFC 8878; windows up to 8 MiB, RFC 9659), decoded piece by piece into room
 * that the caller gives and bounds.
 *
 * The compressed text is complete before decoding begins. More than one gzip
 * member or zstd frame may follow each other; anything else behind the last
 * one, or a last one that is not whole, is an error: what is decoded is what
 * was sent, or nothing.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_NET_HTTP_DECODE_H
#define AIGW_COMMON_NET_HTTP_DECODE_H

#include "common/net/http_parse.h"

enum http_coding {
    HTTP_CODING_IDENTITY,
    HTTP_CODING_GZIP,
    HTTP_CODING_ZSTD,
    HTTP_CODING_OTHER, /* unknown, or more than one */
};

enum {
    /* A body may always grow to so much; beyond it, at most so many bytes come
     * of one: text compresses 3 to 30 times, a bomb 1,000 times. */
    HTTP_DECODE_FREE_BYTES = 1024 * 1024,
    HTTP_DECODE_RATIO = 128,
};

/* What Content-Encoding says. */
enum http_coding http_coding_of(const struct http_head *head);
/* How many bytes may come of `bytes` compressed ones. */
uint64_t http_decode_max(uint64_t bytes, uint64_t body_max);

struct http_decoder; /* owner: who created it */
/* GZIP or ZSTD. `input` stays where it is until the decoder is destroyed.
 * NULL: out of memory. */
struct http_decoder *http_decoder_create(enum http_coding coding,
                                         struct str input) MUST_CHECK;
void http_decoder_destroy(struct http_decoder **decoder);
/*
 * http_decoder_next - decodes into `out`, *made bytes. 1: the room is full, call
 * again; 0: all is decoded; -EBADMSG: broken, cut off, or with something behind
 * it; -ENOMEM. After an error the decoder can only be destroyed.
 */
int http_decoder_next(struct http_decoder *decoder, char *out, size_t room,
                      size_t *made) MUST_CHECK;
/* Bytes of memory it holds now, near enough to be counted. */
size_t http_decoder_memory(const struct http_decoder *decoder);

#endif
