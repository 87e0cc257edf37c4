/*
 * test_request_decode.c - tests of worker/request_decode.c: compressed bodies
 * are answered like plain ones, and bombs are not.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <zlib.h>
#include <zstd.h>

#include "tests/unit/front_fixture.h"
#include "worker/request_body.h"

#define HELLO                                                                  \
    "{\"model\":\"builtin/echo\",\"messages\":[{\"role\":\"user\","            \
    "\"content\":\"hello\"}]}"

static void
pack_gzip(struct buf *out, struct str text)
{
    z_stream z = {0};
    CHECK_EQ(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY),
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
        ZSTD_compress(out->data + out->end, bound, text.ptr, text.len, 3);
    CHECK_TRUE(!ZSTD_isError(n));
    out->end += n;
}

static const struct {
    const char *name;
    void (*pack)(struct buf *out, struct str text);
} codings[] = {{"gzip", pack_gzip}, {"zstd", pack_zstd}};

static void
make_post(struct buf *out, const char *coding, struct str body)
{
    buf_printf(out,
               "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
               "x-api-key: " FRONT_KEY "\r\nContent-Encoding: %s\r\n"
               "Content-Length: %zu\r\n\r\n",
               coding, body.len);
    buf_append_str(out, body);
}

/* The answer to `body` under `coding`; the connection stays open behind it. */
static void
ask(struct front *f, const char *coding, struct str body, struct buf *answer)
{
    static const char healthz[] = "GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n";
    struct buf request;
    buf_init(&request, 0);
    make_post(&request, coding, body);
    buf_append_cstr(&request, healthz);
    int fd = front_connect(f);
    front_send(f, fd, buf_view(&request));
    CHECK_TRUE(!front_read(f, fd, "{\"status\":\"ok\"}", 1, answer));
    CHECK_EQ(f->worker->body_bytes_held, 0);
    close(fd);
    buf_fini(&request);
}

TEST(a_compressed_body_is_answered_as_a_plain_one)
{
    struct front f;
    front_open(&f);
    for (size_t c = 0; c < ARRAY_LEN(codings); c++) {
        struct buf packed, answer;
        buf_init(&packed, 0);
        buf_init(&answer, 0);
        codings[c].pack(&packed, STR_LIT(HELLO));
        ask(&f, codings[c].name, buf_view(&packed), &answer);
        CHECK_TRUE(front_has(&answer, "HTTP/1.1 200 OK"));
        CHECK_TRUE(front_has(&answer, "\"content\":\"hello\""));
        buf_fini(&packed);
        buf_fini(&answer);
    }
    front_close(&f);
}

/* One object: decoded over many turns. */
static void
make_long(struct buf *text, size_t len)
{
    buf_init(text, 0);
    buf_append_cstr(text, "{\"model\":\"builtin/echo\",\"max_tokens\":1,"
                          "\"messages\":[{\"role\":\"user\",\"content\":\"");
    for (uint32_t seed = 1; buf_len(text) < len;
         seed = seed * 1664525 + 1013904223)
        buf_printf(text, "%u ", seed >> 20);
    buf_append_cstr(text, "\"}]}");
}

TEST(a_long_body_is_decoded_over_many_turns)
{
    struct front f;
    struct buf text;
    make_long(&text, 3 << 20);
    for (size_t c = 0; c < ARRAY_LEN(codings); c++) {
        struct buf packed, answer;
        front_open(&f);
        f.config->server.body_max_bytes = 32 << 20;
        f.worker->body_bytes_max = 64 << 20;
        buf_init(&packed, 0);
        buf_init(&answer, 0);
        codings[c].pack(&packed, buf_view(&text));
        ask(&f, codings[c].name, buf_view(&packed), &answer);
        CHECK_TRUE(front_has(&answer, "HTTP/1.1 200 OK"));
        buf_fini(&packed);
        buf_fini(&answer);
        front_close(&f);
    }
    buf_fini(&text);
}

TEST(a_client_that_leaves_in_the_middle_leaves_nothing_behind)
{
    struct front f;
    struct buf text, packed, request;
    front_open(&f);
    f.config->server.body_max_bytes = 32 << 20;
    f.worker->body_bytes_max = 64 << 20;
    buf_init(&packed, 0);
    buf_init(&request, 0);
    make_long(&text, 12 << 20);
    pack_gzip(&packed, buf_view(&text));
    make_post(&request, "gzip", buf_view(&packed));
    int fd = front_connect(&f);
    front_send(&f, fd, buf_view(&request));
    uint64_t until = clock_mono_ms() + FRONT_DEADLINE_MS;
    while (f.worker->body_bytes_held < buf_len(&packed) + (1 << 20) &&
           clock_mono_ms() < until)
        loop_turn(f.worker->loop, 0);
    CHECK_TRUE(f.worker->body_bytes_held > buf_len(&packed) + (1 << 20));
    struct linger reset = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
    while (client_open_count(f.worker) > 0 && clock_mono_ms() < until)
        loop_turn(f.worker->loop, 0);
    loop_turn(f.worker->loop, 0);
    loop_turn(f.worker->loop, 0);
    CHECK_EQ(requests_running(f.worker), 0);
    CHECK_EQ(f.worker->body_bytes_held, 0);
    struct shm_record record;
    CHECK_TRUE(!front_record(&f, &record));
    front_close(&f);
    buf_fini(&text);
    buf_fini(&packed);
    buf_fini(&request);
}

TEST(what_grows_too_much_or_is_broken_is_refused_and_its_memory_given_back)
{
    enum { ZEROS = 20 << 20 };
    char *zeros = calloc(1, ZEROS);
    for (size_t c = 0; c < ARRAY_LEN(codings); c++) {
        struct front f;
        struct buf bomb, hello, answer;
        buf_init(&bomb, 0);
        buf_init(&hello, 0);
        front_open(&f);
        codings[c].pack(&bomb, str_make(zeros, ZEROS));
        codings[c].pack(&hello, STR_LIT(HELLO));
        buf_init(&answer, 0);
        f.worker->body_bytes_max = 64 << 20;
        ask(&f, codings[c].name, buf_view(&bomb), &answer); /* body_max */
        CHECK_TRUE(front_has(&answer, "HTTP/1.1 413 "));
        CHECK_TRUE(front_has(&answer, "body_max"));
        f.config->server.body_max_bytes = 32 << 20;
        buf_reset(&answer);
        ask(&f, codings[c].name, buf_view(&bomb), &answer); /* ratio */
        CHECK_TRUE(front_has(&answer, "HTTP/1.1 413 "));
        CHECK_TRUE(!front_has(&answer, "body_max"));
        buf_reset(&answer);
        f.worker->body_bytes_max = 300000;
        ask(&f, codings[c].name, buf_view(&bomb), &answer); /* memory */
        CHECK_TRUE(front_has(&answer, "HTTP/1.1 503 "));
        f.worker->body_bytes_max = 64 << 20;
        buf_reset(&answer);
        ask(&f, codings[c].name, STR_LIT(HELLO), &answer);
        CHECK_TRUE(front_has(&answer, "HTTP/1.1 400 "));
        buf_reset(&answer);
        ask(&f, codings[c].name, str_make(buf_ptr(&hello), buf_len(&hello) - 1),
            &answer);
        CHECK_TRUE(front_has(&answer, "HTTP/1.1 400 "));
        buf_reset(&answer);
        ask(&f, codings[c].name, STR_LIT(""), &answer);
        CHECK_TRUE(front_has(&answer, "HTTP/1.1 400 "));
        buf_reset(&answer);
        ask(&f, "gzip, zstd", buf_view(&hello), &answer);
        CHECK_TRUE(front_has(&answer, "HTTP/1.1 415 "));
        CHECK_TRUE(front_has(&answer, "Accept-Encoding: gzip, zstd"));
        buf_fini(&answer);
        buf_fini(&bomb);
        buf_fini(&hello);
        front_close(&f);
    }
    free(zeros);
}
