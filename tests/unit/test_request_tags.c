/*
 * test_request_tags.c - tests of worker/request_tags.c and of the way of
 * metadata into the record (worker/request_fields.c, usage.c).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/front_fixture.h"
#include "worker/request_tags.h"

#define TEXT64                                                                 \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct request_tags tags;
static struct buf scratch;

static void
begin(void)
{
    memset(&tags, 0x5a, sizeof(tags)); /* nothing relies on what was there */
    request_tags_reset(&tags);
    buf_init(&scratch, 0);
}

static struct str
json(void)
{
    return str_make(tags.json, tags.json_len);
}

TEST(texts_numbers_and_booleans_are_values)
{
    begin();
    request_tags_add(
        &tags,
        STR_LIT(" { \"team\" : \"blue\\u0021\", \"n\":-1.50,\"ok\":"
                "true , \"no\":false, \"e\":\"\"} "),
        TAGS_CLOUDFLARE_MAX, &scratch);
    CHECK_STR(json(), "{\"team\":\"blue!\",\"n\":-1.50,\"ok\":true,\"no\":"
                      "false,\"e\":\"\"}");
    CHECK_STR(request_tags_find(&tags, STR_LIT("team")), "blue!");
    CHECK_STR(request_tags_find(&tags, STR_LIT("n")), "-1.50");
    CHECK_STR(request_tags_find(&tags, STR_LIT("ok")), "true");
    CHECK_TRUE(request_tags_find(&tags, STR_LIT("e")).ptr != NULL);
    CHECK_TRUE(request_tags_find(&tags, STR_LIT("tea")).ptr == NULL);
    buf_fini(&scratch);
}

TEST(anything_else_loses_all_of_it)
{
    static const char *const cases[] = {
        "",
        "null",
        "[]",
        "\"a\"",
        "{\"a\":1",
        "{\"a\":1}x",
        "{\"a\":1,}",
        "{\"a\":\"1\",\"b\":null}",
        "{\"a\":\"1\",\"b\":{}}",
        "{\"a\":\"1\",\"b\":[1]}",
        "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":null}",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin();
        request_tags_add(&tags, str_from(cases[i]), 5, &scratch);
        if (tags.count != 0 || tags.json_len != 0)
            test_fail(__FILE__, __LINE__, "taken: %s", cases[i]);
        buf_fini(&scratch);
    }
}

TEST(entries_beyond_the_limit_and_reserved_names_are_left_out)
{
    begin();
    request_tags_add(&tags,
                     STR_LIT("{\"cf.x\":\"1\",\"a\":1,\"\":2,\"b\":3,\"c\":4,"
                             "\"d\":5,\"e\":6}"),
                     TAGS_CLOUDFLARE_MAX, &scratch);
    CHECK_STR(json(), "{\"a\":1,\"b\":3,\"c\":4}");
    request_tags_add(&tags, STR_LIT("{\"c\":\"new\",\"z\":9}"), TAGS_MAX,
                     &scratch);
    CHECK_STR(json(), "{\"a\":1,\"b\":3,\"c\":\"new\",\"z\":9}");
    CHECK_STR(request_tags_find(&tags, STR_LIT("c")), "new");
    buf_reset(&scratch);
    struct buf many;
    buf_init(&many, 0);
    for (int i = 0; i < 20; i++)
        buf_printf(&many, "%s\"k%d\":%d", i == 0 ? "{" : ",", i, i);
    buf_append_char(&many, '}');
    request_tags_add(&tags, buf_view(&many), TAGS_MAX, &scratch);
    CHECK_EQ(tags.count, TAGS_MAX);
    CHECK_STR(request_tags_find(&tags, STR_LIT("k11")), "11");
    CHECK_TRUE(request_tags_find(&tags, STR_LIT("k12")).ptr == NULL);
    buf_fini(&many);
    buf_fini(&scratch);
}

TEST(what_does_not_fit_is_no_entry)
{
    struct buf long_one;
    buf_init(&long_one, 0);
    begin();
    buf_append_cstr(&long_one, "{\"a\":\"");
    for (int i = 0; i < 12; i++)
        buf_append_cstr(&long_one, TEXT64);
    buf_append_cstr(&long_one, "\",\"b\":\"");
    for (int i = 0; i < 100; i++) /* six bytes each when it is written */
        buf_append_cstr(&long_one, "\\u0001");
    buf_append_cstr(&long_one, "\",\"c\":\"" TEXT64 "\"}");
    request_tags_add(&tags, buf_view(&long_one), TAGS_MAX, &scratch);
    CHECK_EQ(tags.count, 1); /* 600 and 64 bytes do not both fit */
    CHECK_TRUE(request_tags_find(&tags, STR_LIT("a")).ptr == NULL);
    CHECK_EQ(request_tags_find(&tags, STR_LIT("b")).len, 100);
    request_tags_add(&tags, STR_LIT("{\"d\":\"x\"}"), TAGS_MAX, &scratch);
    CHECK_EQ(tags.count, 2);
    CHECK_STR(request_tags_find(&tags, STR_LIT("d")), "x");
    CHECK_TRUE(tags.json_len < TAGS_JSON_BYTES);
    buf_fini(&long_one);
    buf_fini(&scratch);
}

static void
record_meta(struct front *f, struct buf *meta)
{
    unsigned char bytes[SHM_RECORD_MAX];
    struct shm_record record;
    uint64_t head = ring_head(&f->shm.segment, 0);
    CHECK_TRUE(ring_read(&f->shm.segment, 0, f->ring_pos, head, bytes) > 0);
    f->ring_pos = head;
    memcpy(&record, bytes, sizeof(record));
    buf_append(meta,
               bytes + sizeof(record) + record.model_asked_len +
                   record.error_len,
               record.tags_len);
}

TEST(metadata_of_both_fields_is_in_the_record_and_ids_are_answered)
{
    static const char body[] =
        "{\"model\":\"builtin/echo\",\"messages\":[{\"role\":\"user\","
        "\"content\":\"hello\"}]}";
    struct front f;
    struct buf request, answer, meta;
    front_open(&f);
    buf_init(&request, 0);
    buf_init(&answer, 0);
    buf_init(&meta, 0);
    front_post(&request,
               "Connection: close\r\n"
               "X-AIGW-Metadata: {\"plan\":\"paid\",\"n\":3}\r\n"
               "cf-aig-event-id: my-event\r\n"
               "CF-AIG-METADATA: {\"plan\":\"free\",\"user\":\"x\"}\r\n",
               body);
    int fd = front_connect(&f);
    front_send(&f, fd, buf_view(&request));
    CHECK_TRUE(front_read(&f, fd, NULL, 0, &answer));
    close(fd);
    CHECK_TRUE(front_has(&answer, "HTTP/1.1 200 "));
    CHECK_TRUE(front_has(&answer, "cf-aig-event-id: my-event\r\n"));
    CHECK_TRUE(front_has(&answer, "cf-aig-log-id: req_"));
    record_meta(&f, &meta);
    CHECK_STR(buf_view(&meta), "{\"plan\":\"paid\",\"user\":\"x\",\"n\":3}");
    buf_reset(&answer);
    buf_reset(&meta);
    front_ask(&f, body, &answer);
    CHECK_TRUE(!front_has(&answer, "cf-aig-"));
    record_meta(&f, &meta);
    CHECK_EQ(buf_len(&meta), 0);
    buf_fini(&meta);
    buf_fini(&answer);
    buf_fini(&request);
    front_close(&f);
}
