/*
 * test_builtin.c - tests of worker/provider/builtin*.c, through exchanges.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/upstream_fixture.h"

#include "common/json_scan.h"
#include "worker/provider/builtin_part.h"

static void
start(struct fixture *f, uint8_t endpoint, bool stream, const char *body)
{
    struct buf kept = f->record.body;
    buf_reset(&kept);
    f->record = (struct record){.body = kept};
    f->provider.kind = PROVIDER_BUILTIN;
    f->call.endpoint = endpoint;
    f->call.stream = stream;
    struct exchange_request request = {
        .provider = &f->provider, .call = &f->call, .body = str_from(body)};
    f->record.exchange =
        exchange_start(f->worker, &request, &record_events, &f->record);
    CHECK_TRUE(f->record.exchange != NULL);
    CHECK_EQ(f->record.heads, 0);
}

static void
ask(struct fixture *f, uint8_t endpoint, bool stream, const char *body)
{
    start(f, endpoint, stream, body);
    UNTIL(f, f->record.ends == 1);
    CHECK_EQ(f->record.result, EXCHANGE_OK);
    CHECK_TRUE(f->record.complete_at_flush);
    CHECK_STR(str_from(f->record.content_type),
              stream ? "text/event-stream" : "application/json");
}

/* The raw value of a member of the answer. */
static struct str
member(struct fixture *f, const char *path)
{
    struct str value = {NULL, 0};
    CHECK_TRUE(json_find(buf_view(&f->record.body), path, &value));
    return value;
}

static bool
says(struct fixture *f, const char *text)
{
    return memmem(buf_ptr(&f->record.body), buf_len(&f->record.body), text,
                  strlen(text)) != NULL;
}

TEST(chat_gives_back_the_last_words_of_the_user)
{
    struct fixture f;
    fixture_init(&f);
    ask(&f, ENDPOINT_CHAT, false,
        "{\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"},"
        "{\"content\":\"old\",\"role\":\"user\"},"
        "{\"role\":\"user\",\"content\":\"say \\\"hi\\\"\\n\\ud83d twice\"},"
        "{\"role\":\"assistant\",\"content\":null}],"
        "\"model\":\"builtin/echo\"}");
    CHECK_EQ(f.record.status, 200);
    CHECK_STR(member(&f, "object"), "\"chat.completion\"");
    CHECK_STR(member(&f, "model"), "\"builtin/echo\"");
    CHECK_STR(member(&f, "usage.prompt_tokens"), "7");
    CHECK_STR(member(&f, "usage.completion_tokens"), "4");
    CHECK_STR(member(&f, "usage.total_tokens"), "11");
    CHECK_TRUE(says(&f, "\"content\":\"say \\\"hi\\\"\\n\\ud83d twice\""));
    CHECK_TRUE(says(&f, "\"finish_reason\":\"stop\""));
    fixture_fini(&f);
}

TEST(text_parts_are_put_together_and_images_left_out)
{
    struct fixture f;
    fixture_init(&f);
    ask(&f, ENDPOINT_CHAT, false,
        "{\"messages\":[{\"role\":\"user\",\"content\":["
        "{\"type\":\"text\",\"text\":\"one \"},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:x\"}},"
        "{\"type\":\"text\",\"text\":\"two\"}]}],\"model\":\"m\"}");
    CHECK_TRUE(says(&f, "\"content\":\"one two\""));
    CHECK_STR(member(&f, "usage.prompt_tokens"), "2");
    fixture_fini(&f);
}

TEST(max_tokens_cut_the_words_whoever_states_them)
{
    struct fixture f;
    fixture_init(&f);
    ask(&f, ENDPOINT_CHAT, false,
        "{\"messages\":[{\"role\":\"user\",\"content\":\"a b c d\"}],"
        "\"max_completion_tokens\":2}");
    CHECK_TRUE(says(&f, "\"content\":\"a b \""));
    CHECK_TRUE(says(&f, "\"finish_reason\":\"length\""));
    f.call.max_tokens = 1;
    ask(&f, ENDPOINT_CHAT, false,
        "{\"messages\":[{\"role\":\"user\",\"content\":\"a b c d\"}],"
        "\"max_tokens\":3}");
    CHECK_TRUE(says(&f, "\"content\":\"a \""));
    CHECK_STR(member(&f, "usage.completion_tokens"), "1");
    fixture_fini(&f);
}

TEST(a_chat_stream_is_role_words_finish_usage_and_done)
{
    struct fixture f;
    fixture_init(&f);
    ask(&f, ENDPOINT_CHAT, true,
        "{\"model\":\"m\",\"stream\":true,"
        "\"stream_options\":{\"include_usage\":true},"
        "\"messages\":[{\"role\":\"user\",\"content\":\"hello big world\"}]}");
    static const char *const pieces[] = {
        "\"delta\":{\"role\":\"assistant\",\"content\":\"\"}",
        "\"delta\":{\"content\":\"hello \"}",
        "\"delta\":{\"content\":\"big \"}",
        "\"delta\":{\"content\":\"world\"}",
        "\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"",
        "\"choices\":[],\"usage\":{\"prompt_tokens\":3,"
        "\"completion_tokens\":3,\"total_tokens\":6}",
        "data: [DONE]\n\n",
    };
    struct sse_scan scan = {0};
    struct sse_event event;
    size_t at = 0, count = 0;
    struct str body = buf_view(&f.record.body);
    while (sse_next(&scan, body.ptr + at, body.len - at, true, &event)) {
        CHECK_TRUE(count < ARRAY_LEN(pieces) &&
                   memmem(body.ptr + at, event.bytes, pieces[count],
                          strlen(pieces[count])) != NULL);
        at += event.bytes;
        count++;
        scan.scanned = 0;
    }
    CHECK_EQ(count, ARRAY_LEN(pieces));
    CHECK_EQ(f.record.flushes, 1);
    fixture_fini(&f);
}

TEST(a_stream_has_usage_only_when_asked)
{
    struct fixture f;
    fixture_init(&f);
    ask(&f, ENDPOINT_CHAT, true,
        "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
    CHECK_TRUE(!says(&f, "usage"));
    CHECK_TRUE(says(&f, "[DONE]"));
    fixture_fini(&f);
}

TEST(an_empty_question_has_an_empty_answer)
{
    struct fixture f;
    fixture_init(&f);
    for (int stream = 0; stream < 2; stream++) {
        ask(&f, ENDPOINT_CHAT, stream, "{\"messages\":[]}");
        CHECK_EQ(f.record.status, 200);
        ask(&f, ENDPOINT_COMPLETIONS, stream, "{}");
        CHECK_TRUE(says(&f, "\"finish_reason\":\"stop\""));
    }
    fixture_fini(&f);
}

TEST(n_answers_are_given_and_counted)
{
    struct fixture f;
    fixture_init(&f);
    f.call.n = 3;
    const char *body =
        "{\"messages\":[{\"role\":\"user\",\"content\":\"a b\"}],"
        "\"stream_options\":{\"include_usage\":true}}";
    ask(&f, ENDPOINT_CHAT, false, body);
    CHECK_TRUE(says(&f, "\"index\":2"));
    CHECK_STR(member(&f, "usage.completion_tokens"), "6");
    ask(&f, ENDPOINT_CHAT, true, body);
    CHECK_TRUE(says(&f, "{\"index\":2,\"delta\":{\"content\":\"b\"}"));
    CHECK_TRUE(says(&f, "\"completion_tokens\":6"));
    f.call.n = 4000000000u;
    ask(&f, ENDPOINT_CHAT, false, body);
    CHECK_EQ(f.record.status, 400);
    fixture_fini(&f);
}

TEST(completions_give_back_the_prompt)
{
    struct fixture f;
    fixture_init(&f);
    ask(&f, ENDPOINT_COMPLETIONS, false, "{\"prompt\":\"once upon\"}");
    CHECK_TRUE(says(&f, "\"text\":\"once upon\""));
    CHECK_STR(member(&f, "object"), "\"text_completion\"");
    ask(&f, ENDPOINT_COMPLETIONS, true, "{\"prompt\":[\"a \",\"b\"]}");
    CHECK_TRUE(says(&f, "\"text\":\"b\""));
    ask(&f, ENDPOINT_COMPLETIONS, false, "{\"prompt\":[1,2,3]}");
    CHECK_STR(member(&f, "usage.prompt_tokens"), "3");
    fixture_fini(&f);
}

TEST(embeddings_are_the_same_for_the_same_text)
{
    struct fixture f;
    fixture_init(&f);
    ask(&f, ENDPOINT_EMBEDDINGS, false,
        "{\"input\":[\"a b\",\"c\",\"a b\"],\"dimensions\":3}");
    struct str data = member(&f, "data");
    struct str a = {NULL, 0}, third = {NULL, 0};
    struct json_reader reader;
    struct json_token token;
    json_reader_init(&reader, data);
    CHECK_EQ(json_next(&reader, &token), JSON_ARRAY);
    for (int i = 0; i < 3; i++) {
        struct str item;
        CHECK_EQ(json_skip_value(&reader, &item), JSON_OBJECT);
        CHECK_TRUE(json_find(item, "embedding", i == 0 ? &a : &third));
    }
    CHECK_TRUE(str_equals(a, third));
    CHECK_STR(member(&f, "usage.total_tokens"), "5");
    ask(&f, ENDPOINT_EMBEDDINGS, false,
        "{\"input\":\"a b\",\"encoding_format\":\"base64\"}");
    CHECK_TRUE(says(&f, "\"embedding\":\""));
    ask(&f, ENDPOINT_EMBEDDINGS, false, "{\"input\":[[1,2],[3]]}");
    CHECK_TRUE(says(&f, "\"index\":1"));
    CHECK_STR(member(&f, "usage.prompt_tokens"), "3");
    fixture_fini(&f);
}

TEST(what_cannot_be_answered_is_refused_with_a_reason)
{
    static const struct {
        uint8_t endpoint;
        const char *body;
    } cases[] = {
        {ENDPOINT_CHAT, ""},
        {ENDPOINT_CHAT, "[]"},
        {ENDPOINT_CHAT, "{\"messages\":"},
        {ENDPOINT_CHAT, "{} x"},
        {ENDPOINT_EMBEDDINGS, "{}"},
        {ENDPOINT_EMBEDDINGS, "{\"input\":\"a\",\"dimensions\":0}"},
        {ENDPOINT_EMBEDDINGS, "{\"input\":\"a\",\"dimensions\":99999}"},
    };
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ask(&f, cases[i].endpoint, false, cases[i].body);
        CHECK_EQ(f.record.status, 400);
        CHECK_TRUE(member(&f, "error.message").len > 2);
    }
    fixture_fini(&f);
}

TEST(odd_shapes_do_no_harm)
{
    static const char *const bodies[] = {
        "{\"messages\":1}",
        "{\"messages\":[1,[],{}]}",
        "{\"messages\":[{\"role\":[],\"content\":{}}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":[[],1]}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":1}]}]}",
        "{\"model\":{},\"messages\":[{\"role\":\"user\"}]}",
        "{\"stream_options\":[],\"max_tokens\":-1}",
        "{\"max_tokens\":1e99,\"messages\":[{\"role\":\"user\","
        "\"content\":\"\\\\\"}]}",
        "{\"prompt\":[[],{},1],\"input\":{}}",
        "{\"prompt\":[1,\"a\"]}",
    };
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        for (uint8_t e = ENDPOINT_CHAT; e <= ENDPOINT_EMBEDDINGS; e++) {
            start(&f, e, false, bodies[i]);
            UNTIL(&f, f.record.ends == 1);
            start(&f, e, true, bodies[i]);
            UNTIL(&f, f.record.ends == 1);
        }
    }
    fixture_fini(&f);
}

TEST(the_body_is_taken_from_the_pieces_that_would_be_sent)
{
    struct fixture f;
    fixture_init(&f);
    char first[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"a b\"}],",
         second[] = "\"max_tokens\":1}";
    struct iovec pieces[] = {
        {NULL, 0}, {first, sizeof(first) - 1}, {second, sizeof(second) - 1}};
    f.provider.kind = PROVIDER_BUILTIN;
    struct exchange_request request = {.provider = &f.provider,
                                       .pieces = pieces,
                                       .piece_count = 3,
                                       .call = &f.call,
                                       .body = STR_LIT("{}")};
    f.record.exchange =
        exchange_start(f.worker, &request, &record_events, &f.record);
    UNTIL(&f, f.record.ends == 1);
    CHECK_TRUE(says(&f, "\"content\":\"a \""));
    fixture_fini(&f);
}

TEST(a_delay_parts_the_events)
{
    struct fixture f;
    fixture_init(&f);
    f.provider.builtin_delay_ms = 5;
    uint64_t from_ms = clock_mono_ms();
    ask(&f, ENDPOINT_CHAT, true,
        "{\"messages\":[{\"role\":\"user\",\"content\":\"a b\"}]}");
    /* role, two words, finish, [DONE] */
    CHECK_EQ(f.record.flushes, 5);
    CHECK_TRUE(clock_mono_ms() - from_ms >= 20);
    fixture_fini(&f);
}

TEST(a_long_stream_comes_in_several_flushes_and_stops_when_paused)
{
    struct fixture f;
    fixture_init(&f);
    char body[20000];
    size_t len = (size_t)snprintf(
        body, sizeof(body), "{\"messages\":[{\"role\":\"user\",\"content\":\"");
    while (len < sizeof(body) - 16)
        len += (size_t)snprintf(body + len, 3, "w ");
    snprintf(body + len, 10, "\"}]}");
    start(&f, ENDPOINT_CHAT, true, body);
    f.record.pause_in_body = true;
    UNTIL(&f, f.record.flushes == 1);
    fixture_settle(&f);
    CHECK_EQ(f.record.flushes, 1);
    exchange_resume(f.record.exchange);
    CHECK_EQ(f.record.flushes, 1);
    UNTIL(&f, f.record.flushes == 2);
    f.record.pause_in_body = false;
    exchange_resume(f.record.exchange);
    UNTIL(&f, f.record.ends == 1);
    CHECK_TRUE(f.record.flushes > 10);
    CHECK_TRUE(says(&f, "[DONE]"));
    fixture_fini(&f);
}

TEST(an_answer_may_be_aborted_at_any_point)
{
    const char *body = "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}";
    for (int i = 0; i < 5; i++) {
        struct fixture f;
        fixture_init(&f);
        f.provider.builtin_delay_ms = i == 4 ? 1000 : 0;
        start(&f, ENDPOINT_CHAT, i % 2 == 0, body);
        f.record.abort_in_head = i == 0;
        f.record.abort_in_body = i == 1;
        f.record.abort_in_flush = i == 2;
        if (i >= 3)
            exchange_abort(f.record.exchange);
        fixture_settle(&f);
        CHECK_EQ(f.record.ends, 0);
        fixture_fini(&f);
    }
}

TEST(words_are_counted_and_cut_around_escapes)
{
    static const struct {
        const char *raw;
        uint64_t count;
        size_t first;
    } cases[] = {
        {"", 0, 0},           {"   ", 0, 3},       {"a", 1, 1},
        {" a b", 2, 3},       {"a\\nb", 2, 3},     {"a\\\\n b", 2, 5},
        {"\\u0041b c", 2, 8}, {"a\\t\\r b", 2, 6}, {"\\", 1, 1},
        {"\\u12", 1, 4},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK_EQ(builtin_word_count(str_from(cases[i].raw)), cases[i].count);
        CHECK_EQ(builtin_word_len(str_from(cases[i].raw)), cases[i].first);
    }
}
