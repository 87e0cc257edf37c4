/*
 * test_http_decode.c - tests of common/net/http_decode.c: what is packed comes
 * back whatever room is given, and only whole texts do.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/http_decode.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "common/buf.h"
#include "tests/test.h"

static void
pack_gzip(struct buf *out, struct str text)
{
    z_stream z = {0};
    CHECK_EQ(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY),
             Z_OK);
    size_t bound = deflateBound(&z, text.len);
    CHECK_EQ(buf_reserve(out, bound), 0);
    z.next_in = (Bytef *)(uintptr_t)text.ptr;
    z.avail_in = (unsigned)text.len;
    z.next_out = (Bytef *)out->data + out->end;
    z.avail_out = (unsigned)bound;
    CHECK_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->end += bound - z.avail_out;
    deflateEnd(&z);
}

static void
pack_zstd(struct buf *out, struct str text)
{
    size_t bound = ZSTD_compressBound(text.len);
    CHECK_EQ(buf_reserve(out, bound), 0);
    size_t n =
        ZSTD_compress(out->data + out->end, bound, text.ptr, text.len, 19);
    CHECK_TRUE(!ZSTD_isError(n));
    out->end += n;
}

static const struct {
    const char *name;
    enum http_coding coding;
    void (*pack)(struct buf *out, struct str text);
} codings[] = {
    {"gzip", HTTP_CODING_GZIP, pack_gzip},
    {"zstd", HTTP_CODING_ZSTD, pack_zstd},
};

/* Decodes with at most `room` bytes at a time, at most `most` in all. */
static int
unpack(enum http_coding coding, struct str packed, size_t room, size_t most,
       struct buf *out)
{
    struct http_decoder *decoder = http_decoder_create(coding, packed);
    int result = 1;
    CHECK_TRUE(decoder != NULL);
    while (result == 1 && buf_len(out) <= most) {
        size_t made;
        CHECK_EQ(buf_reserve(out, room), 0);
        result = http_decoder_next(decoder, out->data + out->end, room, &made);
        CHECK_TRUE(made <= room);
        CHECK_TRUE(result != 1 || made == room);
        out->end += made;
    }
    CHECK_TRUE(http_decoder_memory(decoder) < 10 * 1024 * 1024);
    http_decoder_destroy(&decoder);
    CHECK_TRUE(decoder == NULL);
    return result;
}

/* Text that packs neither to nothing nor not at all. */
static void
make_text(struct buf *text, size_t len)
{
    uint32_t seed = 1;
    buf_init(text, 0);
    while (buf_len(text) < len) {
        seed = seed * 1664525 + 1013904223;
        buf_printf(text, "{\"word\":\"%u\"}", seed >> 22);
    }
}

TEST(what_was_packed_comes_back_whatever_room_is_given)
{
    struct buf text;
    make_text(&text, 100000);
    for (size_t c = 0; c < ARRAY_LEN(codings); c++) {
        struct buf packed, got;
        buf_init(&packed, 0);
        codings[c].pack(&packed, buf_view(&text));
        for (size_t room = 1; room < 300000; room = room * 3 + 1) {
            buf_init(&got, 0);
            CHECK_EQ(unpack(codings[c].coding, buf_view(&packed), room,
                            SIZE_MAX, &got),
                     0);
            CHECK_TRUE(str_equals(buf_view(&got), buf_view(&text)));
            buf_fini(&got);
        }
        buf_fini(&packed);
    }
    buf_fini(&text);
}

TEST(members_and_frames_may_follow_each_other_and_be_empty)
{
    for (size_t c = 0; c < ARRAY_LEN(codings); c++) {
        struct buf packed, got;
        buf_init(&packed, 0);
        buf_init(&got, 0);
        codings[c].pack(&packed, STR_LIT("{\"a\":"));
        codings[c].pack(&packed, STR_LIT(""));
        codings[c].pack(&packed, STR_LIT("1}"));
        CHECK_EQ(
            unpack(codings[c].coding, buf_view(&packed), 7, SIZE_MAX, &got), 0);
        CHECK_STR(buf_view(&got), "{\"a\":1}");
        buf_fini(&packed);
        buf_fini(&got);
    }
}

TEST(a_text_cut_anywhere_or_with_something_behind_it_is_refused)
{
    struct buf text;
    make_text(&text, 3000);
    for (size_t c = 0; c < ARRAY_LEN(codings); c++) {
        struct buf packed, got;
        buf_init(&packed, 0);
        codings[c].pack(&packed, buf_view(&text));
        for (size_t len = 0; len < buf_len(&packed); len++) {
            buf_init(&got, 0);
            if (unpack(codings[c].coding, str_make(buf_ptr(&packed), len), 4096,
                       SIZE_MAX, &got) != -EBADMSG)
                test_fail(__FILE__, __LINE__, "%s: cut at %zu passes",
                          codings[c].name, len);
            buf_fini(&got);
        }
        buf_append_char(&packed, '\0');
        buf_init(&got, 0);
        CHECK_EQ(
            unpack(codings[c].coding, buf_view(&packed), 4096, SIZE_MAX, &got),
            -EBADMSG);
        buf_fini(&got);
        buf_fini(&packed);
    }
    buf_fini(&text);
}

TEST(a_bit_turned_anywhere_is_seen_or_changes_nothing)
{
    struct buf text;
    make_text(&text, 2000);
    for (size_t c = 0; c < ARRAY_LEN(codings); c++) {
        struct buf packed;
        buf_init(&packed, 0);
        codings[c].pack(&packed, buf_view(&text));
        for (size_t at = 0; at < buf_len(&packed); at++) {
            struct buf got;
            buf_init(&got, 0);
            packed.data[packed.start + at] ^= 4;
            int result = unpack(codings[c].coding, buf_view(&packed), 1000,
                                1 << 20, &got);
            CHECK_TRUE(result != -ENOMEM);
            /* zstd's frames carry no sum here; gzip's members do. */
            if (codings[c].coding == HTTP_CODING_GZIP && result == 0)
                CHECK_TRUE(str_equals(buf_view(&got), buf_view(&text)));
            packed.data[packed.start + at] ^= 4;
            buf_fini(&got);
        }
        buf_fini(&packed);
    }
    buf_fini(&text);
}

TEST(other_formats_of_the_same_libraries_are_no_gzip)
{
    unsigned char packed[200];
    uLongf len = sizeof(packed);
    CHECK_EQ(compress(packed, &len, (const Bytef *)"hello", 5), Z_OK);
    struct buf got;
    buf_init(&got, 0);
    CHECK_EQ(unpack(HTTP_CODING_GZIP, str_make((char *)packed, len), 100,
                    SIZE_MAX, &got),
             -EBADMSG);
    buf_fini(&got);
}

/* RFC 9659: 8 MiB is the most that a receiver has to keep. */
TEST(a_window_beyond_8_mib_is_refused_before_memory_is_taken)
{
    static const unsigned char frame[] = {
        0x28, 0xb5, 0x2f, 0xfd, /* magic */
        0x00,                   /* no size, no sum, a window descriptor */
        0xa8,                   /* 2^31 bytes */
        0x01, 0x00, 0x00,       /* a last block, empty */
    };
    struct buf got;
    buf_init(&got, 0);
    CHECK_EQ(unpack(HTTP_CODING_ZSTD,
                    str_make((const char *)frame, sizeof(frame)), 100, SIZE_MAX,
                    &got),
             -EBADMSG);
    buf_fini(&got);
}

TEST(zeros_without_end_stop_where_the_caller_stops)
{
    enum { ZEROS = 8 * 1024 * 1024 };
    char *zeros = calloc(1, ZEROS);
    for (size_t c = 0; c < ARRAY_LEN(codings); c++) {
        struct buf packed, got;
        buf_init(&packed, 0);
        buf_init(&got, 0);
        codings[c].pack(&packed, str_make(zeros, ZEROS));
        uint64_t most = http_decode_max(buf_len(&packed), 32 << 20);
        CHECK_TRUE(most < ZEROS);
        CHECK_EQ(
            unpack(codings[c].coding, buf_view(&packed), 65536, most, &got), 1);
        buf_fini(&packed);
        buf_fini(&got);
    }
    free(zeros);
}

TEST(what_may_come_of_a_body_is_bounded_by_ratio_and_body_max)
{
    CHECK_EQ(http_decode_max(0, 32 << 20), HTTP_DECODE_FREE_BYTES);
    CHECK_EQ(http_decode_max(100, 32 << 20), HTTP_DECODE_FREE_BYTES);
    CHECK_EQ(http_decode_max(100, 1000), 1000);
    CHECK_EQ(http_decode_max(100000, 32 << 20), 100000 * HTTP_DECODE_RATIO);
    CHECK_EQ(http_decode_max(1 << 20, 32 << 20), 32 << 20);
    CHECK_EQ(http_decode_max(UINT64_MAX, 5), 5);
}

// clang-format off
static const struct {
    const char *fields;
    enum http_coding coding;
} heads[] = {
    {"", HTTP_CODING_IDENTITY},
    {"Content-Encoding:\r\n", HTTP_CODING_IDENTITY},
    {"Content-Encoding: Identity\r\n", HTTP_CODING_IDENTITY},
    {"content-encoding: GZIP\r\n", HTTP_CODING_GZIP},
    {"Content-Encoding: x-gzip\r\n", HTTP_CODING_GZIP},
    {"Content-Encoding:\tzstd \r\n", HTTP_CODING_ZSTD},
    {"Content-Encoding: gzip, gzip\r\n", HTTP_CODING_OTHER},
    {"Content-Encoding: identity, gzip\r\n", HTTP_CODING_OTHER},
    {"Content-Encoding: gzip\r\nContent-Encoding: zstd\r\n", HTTP_CODING_OTHER},
    {"Content-Encoding:\r\nContent-Encoding: gzip\r\n", HTTP_CODING_OTHER},
    {"Content-Encoding: br\r\n", HTTP_CODING_OTHER},
    {"Content-Encoding: deflate\r\n", HTTP_CODING_OTHER},
    {"Content-Encoding: gzip;q=1\r\n", HTTP_CODING_OTHER},
};
// clang-format on

TEST(a_coding_is_known_only_alone)
{
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        static struct http_head head;
        struct buf bytes;
        size_t scanned = 0;
        buf_init(&bytes, 0);
        buf_printf(&bytes, "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n",
                   heads[i].fields);
        CHECK_EQ(http_parse_request(buf_ptr(&bytes), buf_len(&bytes), &scanned,
                                    &head),
                 HTTP_DONE);
        CHECK_EQ(http_coding_of(&head), heads[i].coding);
        buf_fini(&bytes);
    }
}
