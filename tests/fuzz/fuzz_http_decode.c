/*
 * fuzz_http_decode.c - any bytes as a compressed body. The first byte chooses
 * the coding and how much room is given at a time.
 *
 * Whatever room is given, result and content are the same; no more than asked
 * for is made; memory stays within the largest window. With zstd the content
 * is the same where both ways are good: the library decodes a frame that fits
 * into the room in one pass, and takes some broken ones in the other way only.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "common/buf.h"
#include "common/net/http_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 256 * 1024, MEMORY_MAX = 12 * 1024 * 1024 };

static int
decode(enum http_coding coding, struct str input, size_t room, struct buf *out)
{
    struct http_decoder *decoder = http_decoder_create(coding, input);
    CHECK(decoder != NULL);
    int result = 1;
    while (result == 1 && buf_len(out) <= MOST) {
        size_t made, left = MOST + 1 - buf_len(out);
        size_t give = room < left ? room : left;
        CHECK(buf_reserve(out, give) == 0);
        result = http_decoder_next(decoder, out->data + out->end, give, &made);
        CHECK(made <= give && (result != 1 || made == give));
        CHECK(http_decoder_memory(decoder) <= MEMORY_MAX);
        out->end += made;
    }
    http_decoder_destroy(&decoder);
    return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t rooms[] = {1, 7, 100, 4096, 65536};
    if (size < 1)
        return 0;
    enum http_coding coding = data[0] & 1 ? HTTP_CODING_ZSTD : HTTP_CODING_GZIP;
    struct str input = {(const char *)data + 1, size - 1};
    struct buf whole, cut;
    buf_init(&whole, 0);
    buf_init(&cut, 0);
    int result = decode(coding, input, MOST + 1, &whole);
    int again =
        decode(coding, input, rooms[(data[0] >> 1) % ARRAY_LEN(rooms)], &cut);
    CHECK(result == again || coding == HTTP_CODING_ZSTD);
    /* What an error leaves behind depends on the room; nobody reads it. */
    CHECK(result < 0 || again < 0 ||
          str_equals(buf_view(&whole), buf_view(&cut)));
    buf_fini(&whole);
    buf_fini(&cut);
    return 0;
}
