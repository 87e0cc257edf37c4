/*
 * http_decode.c - see http_decode.h. zlib and libzstd do the work.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/http_decode.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
    GZIP_ONLY = 15 + 16, /* largest window; neither zlib's nor raw format */
    GZIP_MEMORY = 48 * 1024,
    ZSTD_WINDOW_LOG_MAX = 23,
};

struct http_decoder {
    enum http_coding coding;
    struct str input;
    bool at_start; /* of a member or frame behind a whole one */
    z_stream zlib;
    ZSTD_DCtx *zstd;
};

enum http_coding
http_coding_of(const struct http_head *head)
{
    struct str name = STR_LIT("content-encoding");
    struct str value = http_field_find(head, name);
    if (value.len == 0 && value.ptr == NULL)
        return HTTP_CODING_IDENTITY;
    if (http_field_count(head, name) > 1)
        return HTTP_CODING_OTHER;
    if (value.len == 0 || str_equals_nocase(value, STR_LIT("identity")))
        return HTTP_CODING_IDENTITY;
    /* RFC 9110 8.4.1.3: x-gzip is the same. */
    if (str_equals_nocase(value, STR_LIT("gzip")) ||
        str_equals_nocase(value, STR_LIT("x-gzip")))
        return HTTP_CODING_GZIP;
    if (str_equals_nocase(value, STR_LIT("zstd")))
        return HTTP_CODING_ZSTD;
    return HTTP_CODING_OTHER;
}

uint64_t
http_decode_max(uint64_t bytes, uint64_t body_max)
{
    uint64_t max = bytes < UINT64_MAX / HTTP_DECODE_RATIO
                       ? bytes * HTTP_DECODE_RATIO
                       : UINT64_MAX;
    if (max < HTTP_DECODE_FREE_BYTES)
        max = HTTP_DECODE_FREE_BYTES;
    return max < body_max ? max : body_max;
}

static bool
start_gzip(struct http_decoder *decoder)
{
    return inflateInit2(&decoder->zlib, GZIP_ONLY) == Z_OK;
}

static bool
start_zstd(struct http_decoder *decoder)
{
    decoder->zstd = ZSTD_createDCtx();
    return decoder->zstd != NULL &&
           !ZSTD_isError(ZSTD_DCtx_setParameter(
               decoder->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX));
}

struct http_decoder *
http_decoder_create(enum http_coding coding, struct str input)
{
    CHECK(coding == HTTP_CODING_GZIP || coding == HTTP_CODING_ZSTD);
    struct http_decoder *decoder = calloc(1, sizeof(*decoder));
    if (decoder == NULL)
        return NULL;
    decoder->coding = coding;
    decoder->input = input;
    if (!(coding == HTTP_CODING_GZIP ? start_gzip : start_zstd)(decoder))
        http_decoder_destroy(&decoder);
    return decoder;
}

void
http_decoder_destroy(struct http_decoder **decoder_ptr)
{
    struct http_decoder *decoder = *decoder_ptr;
    if (decoder == NULL)
        return;
    inflateEnd(&decoder->zlib); /* nothing to do where it was not begun */
    ZSTD_freeDCtx(decoder->zstd);
    free(decoder);
    *decoder_ptr = NULL;
}

/* zlib counts in unsigned int. */
static unsigned
zlib_size(size_t n)
{
    return n < INT_MAX ? (unsigned)n : INT_MAX;
}

/* One step. *made: bytes of output; the input taken is skipped. */
static int
step_gzip(struct http_decoder *decoder, char *out, size_t room, size_t *made)
{
    z_stream *zlib = &decoder->zlib;
    if (decoder->at_start && inflateReset(zlib) != Z_OK)
        return -EBADMSG;
    decoder->at_start = false;
    unsigned in_len = zlib_size(decoder->input.len);
    unsigned out_len = zlib_size(room);
    zlib->next_in = (Bytef *)(uintptr_t)decoder->input.ptr; /* only read */
    zlib->avail_in = in_len;
    zlib->next_out = (Bytef *)out;
    zlib->avail_out = out_len;
    int result = inflate(zlib, Z_NO_FLUSH);
    decoder->input = str_skip(decoder->input, in_len - zlib->avail_in);
    *made = out_len - zlib->avail_out;
    if (result == Z_MEM_ERROR)
        return -ENOMEM;
    decoder->at_start = result == Z_STREAM_END;
    /* Z_BUF_ERROR: neither input nor room was used. */
    return result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR
               ? 0
               : -EBADMSG;
}

static int
step_zstd(struct http_decoder *decoder, char *out, size_t room, size_t *made)
{
    ZSTD_inBuffer in = {decoder->input.ptr, decoder->input.len, 0};
    ZSTD_outBuffer to = {out, room, 0};
    size_t result = ZSTD_decompressStream(decoder->zstd, &to, &in);
    decoder->input = str_skip(decoder->input, in.pos);
    *made = to.pos;
    decoder->at_start = result == 0;
    if (!ZSTD_isError(result))
        return 0;
    return ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation ? -ENOMEM
                                                                     : -EBADMSG;
}

int
http_decoder_next(struct http_decoder *decoder, char *out, size_t room,
                  size_t *made)
{
    *made = 0;
    for (;;) {
        if (decoder->input.len == 0 && decoder->at_start)
            return 0;
        if (*made == room)
            return 1;
        size_t before = decoder->input.len, n = 0;
        int result = (decoder->coding == HTTP_CODING_GZIP
                          ? step_gzip
                          : step_zstd)(decoder, out + *made, room - *made, &n);
        *made += n;
        if (result < 0)
            return result;
        /* All was given and it still wants more. */
        if (n == 0 && before == decoder->input.len && !decoder->at_start)
            return -EBADMSG;
    }
}

size_t
http_decoder_memory(const struct http_decoder *decoder)
{
    if (decoder->coding == HTTP_CODING_GZIP)
        return sizeof(*decoder) + GZIP_MEMORY;
    return sizeof(*decoder) + ZSTD_sizeof_DCtx(decoder->zstd);
}
