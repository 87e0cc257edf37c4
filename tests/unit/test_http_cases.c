/*
 * test_http_cases.c - replays a file of HTTP attack cases against the parsers.
 *
 * The file is http-cases.json in the folder AIGW_SHARED names, or in ../shared;
 * without it the test says so and passes. Around the parsers stands the least
 * front that decides a case: it bounds the head, knows no method but GET, HEAD,
 * POST and OPTIONS, and closes where a front must. Each case is sent whole and
 * byte by byte, and judged by its `prefer`.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/net/http_parse.h"
#include "tests/test.h"

/* What cJSON must not see, because its strings end there. */
#define NUL_STAND_IN "\\ue000"

static const char json_body[] =
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";

/* What is decided above the parsers: kinds of content, paths. */
static const char *const not_here[] = {"te-ce", "ex-100-404"};

/* A file's bytes with "\u0000" replaced; NULL when there is no such file. */
static char *
load(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return NULL;
    static char text[4 << 20];
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = '\0';
    for (char *at = text; (at = strchr(at, '\\')) != NULL; at += 2)
        if (strncmp(at, "\\u0000", 6) == 0)
            memcpy(at, NUL_STAND_IN, 6);
    return text;
}

/* UTF-8 of U+0000 to U+00FF, back to one byte each. */
static void
append_latin1(struct buf *out, const char *utf8)
{
    const unsigned char *at = (const unsigned char *)utf8;
    while (*at != 0) {
        if (*at < 0x80) {
            buf_append_char(out, (char)*at++);
        } else if (*at == 0xee) { /* the stand-in */
            buf_append_char(out, 0);
            at += 3;
        } else {
            buf_append_char(out, (char)((at[0] & 3) << 6 | (at[1] & 63)));
            at += 2;
        }
    }
}

static void
append_word(struct buf *out, struct str word, const char *id)
{
    char smuggled[200];
    int len =
        snprintf(smuggled, sizeof(smuggled),
                 "GET /smuggled-%s HTTP/1.1\r\nHost: a.example:80\r\n\r\n", id);
    if (str_equals(word, STR_LIT("HOST")))
        buf_append_cstr(out, "a.example:80");
    else if (str_equals(word, STR_LIT("P")))
        buf_append_cstr(out, "/v1/chat/completions");
    else if (str_equals(word, STR_LIT("G")))
        buf_append_cstr(out, "/v1/models");
    else if (str_equals(word, STR_LIT("B")))
        buf_append_cstr(out, json_body);
    else if (str_equals(word, STR_LIT("BLEN")))
        buf_append_u64(out, strlen(json_body));
    else if (str_equals(word, STR_LIT("BHEX")))
        buf_printf(out, "%zx", strlen(json_body));
    else if (str_equals(word, STR_LIT("SM")))
        buf_append_cstr(out, smuggled);
    else if (str_equals(word, STR_LIT("SMLEN")))
        buf_append_u64(out, (uint64_t)len);
    else if (str_equals(word, STR_LIT("SMHEX")))
        buf_printf(out, "%x", (unsigned)len);
    else if (str_equals(word, STR_LIT("CLTE")))
        buf_append_u64(out, (uint64_t)len + 5);
    else if (!str_equals(word, STR_LIT("X")) &&
             !str_equals(word, STR_LIT("XLF")))
        test_fail(__FILE__, __LINE__, "%s: unknown word %.*s", id,
                  STR_ARG(word));
}

static void
append_template(struct buf *out, struct str text, const char *id)
{
    while (text.len > 0) {
        const char *open = memmem(text.ptr, text.len, "{{", 2);
        size_t plain = open == NULL ? text.len : (size_t)(open - text.ptr);
        buf_append(out, text.ptr, plain);
        text = str_skip(text, plain);
        const char *close = memmem(text.ptr, text.len, "}}", 2);
        if (open == NULL || close == NULL)
            continue;
        append_word(out, str_make(open + 2, (size_t)(close - open) - 2), id);
        text = str_skip(text, (size_t)(close - open) + 2);
    }
}

/* All bytes of a case; *fin: the client half-closes behind them. */
static bool
make_bytes(const cJSON *test, const char *id, struct buf *out, bool *fin)
{
    const cJSON *step;
    *fin = false;
    cJSON_ArrayForEach(step, cJSON_GetObjectItem(test, "send"))
    {
        const cJSON *fill = cJSON_GetObjectItem(step, "fill");
        const cJSON *drip = cJSON_GetObjectItem(step, "drip");
        const cJSON *text = fill != NULL ? fill : drip != NULL ? drip : step;
        if (cJSON_GetObjectItem(step, "wait") != NULL)
            continue;
        if (cJSON_GetObjectItem(step, "fin") != NULL) {
            *fin = true;
            continue;
        }
        if (!cJSON_IsString(text))
            return false; /* a JSON body: nothing for the parsers */
        struct buf latin1, filled;
        buf_init(&latin1, 0);
        buf_init(&filled, 0);
        append_latin1(&latin1, text->valuestring);
        append_template(&filled, buf_view(&latin1), id);
        const cJSON *times = cJSON_GetObjectItem(step, "n");
        for (int n = fill != NULL ? times->valueint : 1; n > 0; n--)
            buf_append_str(out, buf_view(&filled));
        buf_fini(&latin1);
        buf_fini(&filled);
    }
    return true;
}

struct outcome {
    unsigned served;   /* requests complete and answered with 200 */
    unsigned refusals; /* answered with `status` */
    unsigned status;
    bool closed; /* by us */
    bool smuggled;
};

/* One connection of the least front. */
struct front {
    struct outcome outcome;
    struct http_head head;
    struct http_body body;
    size_t scanned;
    bool in_body, keep;
};

static void
refuse(struct front *front, unsigned status, bool close)
{
    front->outcome.refusals++;
    front->outcome.status = status;
    front->outcome.closed = close;
}

static void
finish_request(struct front *front)
{
    front->in_body = false;
    front->scanned = 0;
    if (front->head.method == HTTP_OTHER)
        refuse(front, 405, !front->keep);
    else
        front->outcome.served++;
    front->outcome.closed = !front->keep;
}

static size_t
take_head(struct front *front, struct str input)
{
    enum http_parse_result result =
        http_parse_request(input.ptr, input.len, &front->scanned, &front->head);
    if (result == HTTP_MORE && input.len >= HTTP_HEAD_MAX)
        refuse(front, memchr(input.ptr, '\n', input.len) ? 431 : 414, true);
    else if (result == HTTP_DONE && front->head.bytes > HTTP_HEAD_MAX)
        refuse(front, 431, true);
    else if (result == HTTP_BAD)
        refuse(front, front->head.error_status, true);
    if (result != HTTP_DONE || front->outcome.closed)
        return 0;
    struct str target = front->head.target;
    if (memmem(target.ptr, target.len, "smuggled", 8) != NULL)
        front->outcome.smuggled = true;
    front->keep = front->head.keep_alive;
    front->in_body = true;
    http_body_init(&front->body, &front->head);
    return front->head.bytes;
}

/* Takes what it can of the input and says how much. */
static size_t
front_take(struct front *front, struct str input)
{
    size_t taken = 0;
    while (!front->outcome.closed) {
        struct str rest = str_skip(input, taken), content;
        if (!front->in_body) {
            size_t head = take_head(front, rest);
            taken += head;
            if (head == 0)
                return taken;
            continue;
        }
        size_t consumed;
        enum http_parse_result result = http_body_next(
            &front->body, rest.ptr, rest.len, &consumed, &content);
        taken += consumed;
        if (result == HTTP_BAD)
            refuse(front, 400, true);
        else if (result == HTTP_DONE)
            finish_request(front);
        else if (taken == input.len)
            return taken;
    }
    return taken;
}

/* `step`: how many bytes arrive at a time. */
static struct outcome
run_front(struct str bytes, size_t step, bool fin)
{
    static struct front front;
    memset(&front, 0, sizeof(front));
    size_t start = 0, len = 0;
    while (len < bytes.len && !front.outcome.closed) {
        len = bytes.len - len < step ? bytes.len : len + step;
        start += front_take(&front, str_make(bytes.ptr + start, len - start));
    }
    if (!fin || front.outcome.closed)
        return front.outcome;
    if (front.in_body || start < bytes.len)
        refuse(&front, 400, true);
    front.outcome.closed = true;
    return front.outcome;
}

static bool
status_listed(const char *list, unsigned status)
{
    char text[8];
    snprintf(text, sizeof(text), "%u", status);
    return strstr(list, text) != NULL;
}

static bool
is_outcome(const struct outcome *got, const char *want, unsigned responses)
{
    bool refused = got->served == 0 && got->refusals == 1;
    bool served = got->served == responses && got->refusals == 0;
    if (strncmp(want, "reject:", 7) == 0)
        return refused && got->closed && status_listed(want, got->status);
    if (strncmp(want, "status:", 7) == 0)
        return refused && status_listed(want, got->status);
    if (strcmp(want, "accept") == 0)
        return served;
    if (strcmp(want, "accept+close") == 0)
        return served && got->closed;
    if (strcmp(want, "accept-then-reject") == 0)
        return got->served == 1 && got->refusals <= 1 && got->closed;
    return false;
}

static void
judge(const cJSON *test, const char *id, struct str bytes, size_t step,
      bool fin)
{
    const char *want = cJSON_GetObjectItem(test, "prefer")->valuestring;
    const cJSON *responses = cJSON_GetObjectItem(test, "responses");
    struct outcome got = run_front(bytes, step, fin);
    unsigned number = responses == NULL ? 1 : (unsigned)responses->valueint;
    /* The smuggled request closes nothing the front could not see. */
    if (!is_outcome(&got, want, number) || got.smuggled)
        test_fail(__FILE__, __LINE__,
                  "%s by %zu: served %u, refused %u with %u, closed %d, "
                  "smuggled %d; wanted %s",
                  id, step, got.served, got.refusals, got.status, got.closed,
                  got.smuggled, want);
}

static bool
is_decided_elsewhere(const char *id)
{
    for (size_t i = 0; i < ARRAY_LEN(not_here); i++)
        if (strcmp(not_here[i], id) == 0)
            return true;
    return false;
}

TEST(every_case_of_the_file_ends_as_preferred)
{
    char path[4096];
    const char *shared = getenv("AIGW_SHARED");
    snprintf(path, sizeof(path), "%s/http-cases.json",
             shared == NULL ? "../shared" : shared);
    char *text = load(path);
    if (text == NULL) {
        fprintf(stderr, "skipped: no %s\n", path);
        return;
    }
    cJSON *file = cJSON_Parse(text);
    const cJSON *test;
    unsigned judged = 0;
    cJSON_ArrayForEach(test, cJSON_GetObjectItem(file, "cases"))
    {
        const char *id = cJSON_GetObjectItem(test, "id")->valuestring;
        const char *level = cJSON_GetObjectItem(test, "level")->valuestring;
        struct buf bytes;
        bool fin;
        buf_init(&bytes, 0);
        if (strcmp(level, "app") != 0 && !is_decided_elsewhere(id) &&
            make_bytes(test, id, &bytes, &fin)) {
            judge(test, id, buf_view(&bytes), buf_len(&bytes), fin);
            judge(test, id, buf_view(&bytes), 1, fin);
            judge(test, id, buf_view(&bytes), 4096, fin);
            judged++;
        }
        buf_fini(&bytes);
    }
    CHECK_TRUE(judged > 200);
    cJSON_Delete(file);
}
