/*
 * bench_translate.c - translates one request, or one stream, again and again, for
 * callgrind to count. See bench_translate.py.
 *
 * usage: bench_translate request|stream FROM TO FILE TIMES
 *        (prints the bytes written, and the events read, of one time)
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/dialect/canon.h"
#include "worker/dialect/canon_stream.h"

static const struct dialect *
find(const char *name)
{
    static const struct dialect *const all[] = {
        &dialect_openai, &dialect_responses, &dialect_anthropic,
        &dialect_gemini, &dialect_bedrock,
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    fprintf(stderr, "bench_translate: no dialect %s\n", name);
    exit(2);
}

static uint8_t
endpoint_of(const struct dialect *dialect)
{
    return dialect == &dialect_openai      ? ENDPOINT_CHAT
           : dialect == &dialect_responses ? ENDPOINT_RESPONSES
           : dialect == &dialect_anthropic ? ENDPOINT_MESSAGES
           : dialect == &dialect_gemini    ? ENDPOINT_GENERATE
                                           : ENDPOINT_CONVERSE;
}

static void
prepare(struct call *call, const struct dialect *dialect)
{
    memset(call, 0, sizeof(*call));
    if (dialect != &dialect_gemini)
        return;
    call->model_in_path = call->stream_in_path = true;
    memcpy(call->model, "m", 2);
    call->model_len = 1;
}

static size_t
request_once(const struct dialect *from, const struct dialect *to,
             struct str body, struct canon_request *request, struct buf *out)
{
    static struct call call; /* scanned once: that is no part of it */
    static bool is_scanned;
    struct fault fault;
    struct canon_target target = {
        .model = STR_LIT("m"), .max_tokens = 4000, .endpoint = endpoint_of(to)};
    canon_request_reset(request);
    buf_reset(out);
    if (!is_scanned) {
        is_scanned = true;
        prepare(&call, from);
        if (from->scan(body, endpoint_of(from), &call, &fault) < 0) {
            fprintf(stderr, "bench_translate: %s\n", fault.message);
            exit(1);
        }
    }
    if (from->read_request(body, &call, request, &fault) < 0 ||
        to->write_request(request, &target, out, &fault) < 0) {
        fprintf(stderr, "bench_translate: %s\n", fault.message);
        exit(1);
    }
    return buf_len(out);
}

static size_t
stream_once(const struct dialect *from, const struct dialect *to,
            struct str body, struct canon_stream *stream, struct buf *out)
{
    static struct answer answer;
    static struct call call;
    static struct canon_request *request;
    struct sse_scan scan = {0};
    struct sse_event event;
    size_t events = 0;
    if (request == NULL)
        request = canon_request_create();
    call.stream = true;
    call.n = 1;
    memcpy(call.model, "m", 2);
    call.model_len = 1;
    memset(&answer, 0, sizeof(answer));
    answer.dialect = from;
    answer.stream = true;
    buf_reset(out);
    canon_stream_reset(stream);
    stream->answer = &answer;
    stream->client = to;
    stream->collect = to->collects;
    stream->include_usage = true;
    stream->call = &call;
    stream->request = request;
    stream->request_id = "req_0123456789abcdef";
    stream->out = out;
    while (body.len > 0 && sse_next(&scan, body.ptr, body.len, true, &event)) {
        scan.scanned = 0;
        from->read_event(stream, &event);
        body = str_skip(body, event.bytes);
        events++;
    }
    canon_stream_end(stream);
    return events;
}

int
main(int argc, char **argv)
{
    static char text[1 << 20];
    static struct canon_stream stream;
    struct buf out;
    if (argc != 6) {
        fprintf(stderr, "usage: %s request|stream FROM TO FILE TIMES\n",
                argv[0]);
        return 2;
    }
    const struct dialect *from = find(argv[2]), *to = find(argv[3]);
    FILE *file = fopen(argv[4], "r");
    if (file == NULL) {
        perror(argv[4]);
        return 1;
    }
    struct str body = {text, fread(text, 1, sizeof(text), file)};
    fclose(file);
    buf_init(&out, 0);
    struct canon_request *request = canon_request_create();
    size_t result = 0;
    for (int i = atoi(argv[5]); i > 0; i--)
        result = strcmp(argv[1], "request") == 0
                     ? request_once(from, to, body, request, &out)
                     : stream_once(from, to, body, &stream, &out);
    printf("%zu %zu\n", buf_len(&out), result);
    return 0;
}
