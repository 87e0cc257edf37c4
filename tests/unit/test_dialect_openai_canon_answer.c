/*
 * test_dialect_openai_canon_answer.c - answers of providers that speak as OpenAI
 * does, read into the canonical form, each oddity by a made one; and canonical
 * answers as clients of the dialect get them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/canon_trace.h"

#include <stdio.h>

#include "worker/dialect/canon_vector.h"
#include "worker/dialect/openai_canon.h"

static struct canon_path path;

/* What a stream of these events is told as. Without `[DONE]` of its own. */
static struct str
trace_events(const char *const *events)
{
    canon_path_begin(&path, &dialect_openai, &canon_trace, ENDPOINT_CHAT, true);
    for (; *events != NULL; events++) {
        struct sse_event event = {.data_count = 1};
        event.data[0] = str_from(*events);
        dialect_openai.read_event(&path.stream, &event);
    }
    return canon_path_end(&path);
}

#define DELTA(text) "{\"choices\":[{\"index\":0,\"delta\":{" text "}}]}"
#define FINISH(why)                                                            \
    "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" why "\"}]}"
#define CALLS(text) DELTA("\"tool_calls\":[" text "]")
#define FUNCTION(name, arguments)                                              \
    "\"function\":{\"name\":\"" name "\",\"arguments\":\"" arguments "\"}"

// clang-format off
static const struct {
    const char *events[12]; /* and a NULL */
    const char *trace;
} streams[] = {
    {{DELTA("\"role\":\"assistant\",\"content\":\"\""), DELTA("\"content\":\"a\\u00e9\""),
      DELTA("\"content\":\"b\""), FINISH("stop"), "[DONE]"},
     "start [0t +\"a\\u00e9\" +\"b\" ] (fin 0 1) end"},
    {{FINISH("length")}, "start (fin 0 3) end"},
    {{FINISH("eos")}, "start (fin 0 1) end"},
    {{FINISH("model_length")}, "start (fin 0 4) end"},
    {{FINISH("content_filter")}, "start (fin 0 6) end"},
    {{FINISH("sensitive")}, "start (fin 0 6) end"},
    {{FINISH("network_error")}, "start (fin 0 8) end"},
    {{FINISH("anything new")}, "start (fin 0 1) end"},
    {{FINISH(""), FINISH("null"), FINISH("length"), FINISH("stop")}, "start (fin 0 3) end"},
    /* vLLM's stop_reason: the sequence, or a token's number */
    {{"{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\",\"stop_reason\":\"END\"}]}"},
     "start (fin 0 2 END) end"},
    {{"{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\",\"stop_reason\":151643}]}"},
     "start (fin 0 1) end"},
    /* Azure: nothing at first, and a choice without delta */
    {{"{\"id\":\"\",\"model\":\"\",\"choices\":[],\"prompt_filter_results\":[]}",
      "{\"choices\":[{\"index\":0,\"finish_reason\":null,\"content_filter_results\":{}}]}",
      DELTA("\"content\":\"x\"")},
     "start [0t +\"x\" ] (fin 0 0) end"},
    /* thoughts under three names */
    {{DELTA("\"reasoning_content\":\"r\",\"content\":null"), DELTA("\"content\":\"x\"")},
     "start [0h +\"r\" ] [0t +\"x\" ] (fin 0 0) end"},
    {{DELTA("\"reasoning\":\"r\",\"reasoning_content\":\"r\""), DELTA("\"content\":\"x\"")},
     "start [0h +\"r\" ] [0t +\"x\" ] (fin 0 0) end"},
    {{DELTA("\"reasoning\":\"r\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"r\",\"index\":0}]"),
      DELTA("\"reasoning_details\":[{\"type\":\"reasoning.text\",\"signature\":\"sig\",\"index\":0}]"),
      DELTA("\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":\"AAA\"}]"),
      DELTA("\"content\":\"x\"")},
     "start [0h +\"r\" ~\"sig\" ] [0x :AAA ] [0t +\"x\" ] (fin 0 0) end"},
    {{DELTA("\"reasoning_details\":[{\"text\":\"m\"}]"),
      DELTA("\"reasoning_details\":[{\"type\":\"reasoning.summary\",\"summary\":\"s\"}]")},
     "start [0h +\"m\" +\"s\" ] (fin 0 0) end"},
    /* Mistral: a list, then a string; the tag stays */
    {{DELTA("\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"h\"}]}]"),
      DELTA("\"content\":[{\"type\":\"text\",\"text\":\"t\"}]"), DELTA("\"content\":\"u\"")},
     "start [0h +\"h\" ] [0t +\"t\" +\"u\" ] (fin 0 0) end"},
    {{DELTA("\"content\":\"<think>h</think>t\"")},
     "start [0t +\"<think>h</think>t\" ] (fin 0 0) end"},
    {{DELTA("\"refusal\":\"no\"")}, "start [0r +\"no\" ] (fin 0 0) end"},
    /* tool calls as OpenAI has them */
    {{CALLS("{\"index\":0,\"id\":\"c1\",\"type\":\"function\"," FUNCTION("f", "") "}"),
      CALLS("{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\"}}"),
      CALLS("{\"index\":0,\"function\":{\"arguments\":\"\\\":1}\"}}"),
      CALLS("{\"index\":1,\"id\":\"c2\"," FUNCTION("g", "") "}"), FINISH("tool_calls")},
     "start [0T c1 f +\"{\\\"a\" +\"\\\":1}\" ] [0T c2 g +\"{}\" ] (fin 0 5) end"},
    /* two at once: the pieces of the second wait */
    {{CALLS("{\"index\":0,\"id\":\"c1\"," FUNCTION("f", "{") "},{\"index\":1,\"id\":\"c2\"," FUNCTION("g", "{") "}"),
      CALLS("{\"index\":1,\"function\":{\"arguments\":\"}\"}}"),
      CALLS("{\"index\":0,\"function\":{\"arguments\":\"}\"}}"), FINISH("stop")},
     "start [0T c1 f +\"{\" +\"}\" ] [0T c2 g +\"{}\" ] (fin 0 5) end"},
    /* Qwen: id "" goes on; MiMo: null */
    {{CALLS("{\"index\":0,\"id\":\"c1\"," FUNCTION("f", "{") "}"),
      CALLS("{\"index\":0,\"id\":\"\"," FUNCTION("", "}") "}"),
      CALLS("{\"index\":0,\"id\":null,\"function\":{\"name\":null,\"arguments\":\" \"}}")},
     "start [0T c1 f +\"{\" +\"}\" +\" \" ] (fin 0 5) end"},
    /* the id again and again; another one for each piece */
    {{CALLS("{\"index\":0,\"id\":\"c1\"," FUNCTION("f", "{") "}"),
      CALLS("{\"index\":0,\"id\":\"c1\",\"function\":{\"arguments\":\"}\"}}"),
      CALLS("{\"index\":0,\"id\":\"c9\",\"function\":{\"arguments\":\" \"}}")},
     "start [0T c1 f +\"{\" +\"}\" +\" \" ] (fin 0 5) end"},
    /* whole calls, all of them number 0 (Ollama), or without (Mistral, Gemini) */
    {{CALLS("{\"index\":0,\"id\":\"c1\"," FUNCTION("f", "{}") "}"),
      CALLS("{\"index\":0,\"id\":\"c2\"," FUNCTION("f", "{}") "}")},
     "start [0T c1 f +\"{}\" ] [0T c2 f +\"{}\" ] (fin 0 5) end"},
    {{CALLS("{\"id\":\"c1\"," FUNCTION("f", "{}") "},{\"id\":\"c2\"," FUNCTION("g", "{") "}"),
      CALLS("{\"id\":\"c2\",\"function\":{\"arguments\":\"}\"}}")},
     "start [0T c1 f +\"{}\" ] [0T c2 g +\"{\" +\"}\" ] (fin 0 5) end"},
    {{CALLS("{\"id\":\"\"," FUNCTION("f", "{}") "},{\"id\":\"\"," FUNCTION("g", "{") "}"),
      CALLS("{\"function\":{\"arguments\":\"}\"}}"), FINISH("stop")},
     "start [0T call_3bd6f8df351f3acd f +\"{}\" ] [0T call_fb9f5fd477d771d2 g +\"{\" +\"}\" ] (fin 0 5) end"},
    /* the name later than the id */
    {{CALLS("{\"index\":0,\"id\":\"c1\",\"type\":\"function\"}"),
      CALLS("{\"index\":0,\"function\":{\"name\":\"f\"}}"),
      CALLS("{\"index\":0,\"function\":{\"arguments\":\"{}\"}}")},
     "start [0T c1 f +\"{}\" ] (fin 0 5) end"},
    /* arguments as an object; nothing at all ends calls (Workers AI) */
    {{CALLS("{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":{\"a\":\"\\\"\"}}}"),
      CALLS("{\"id\":null,\"function\":{\"name\":null,\"arguments\":null}}")},
     "start [0T c1 f +\"{\\\"a\\\":\\\"\\\\\\\"\\\"}\" ] (fin 0 5) end"},
    /* Gemini's signature */
    {{CALLS("{\"id\":\"c1\"," FUNCTION("f", "{}") ",\"extra_content\":{\"google\":{\"thought_signature\":\"S\"}}}")},
     "start [0T c1 f ~\"S\" +\"{}\" ] (fin 0 5) end"},
    {{DELTA("\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}"),
      DELTA("\"function_call\":{\"arguments\":\"{}\"}"), FINISH("function_call")},
     "start [0T call_3bd6f8df351f3acd f +\"{}\" ] (fin 0 5) end"},
    /* n */
    {{"{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"}},{\"index\":0,\"delta\":{\"content\":\"a\"}}]}",
      "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"d\"},\"finish_reason\":\"stop\"}]}",
      "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"c\"},\"finish_reason\":\"length\"}]}"},
     "start [1t +\"b\" [0t +\"a\" +\"d\" +\"c\" ] (fin 0 3) ] (fin 1 1) end"},
    /* Perplexity: the message so far beside each delta; MiniMax: at the end */
    {{"{\"choices\":[{\"delta\":{\"content\":\"a\"},\"message\":{\"content\":\"a\"}}]}",
      "{\"choices\":[{\"delta\":{\"content\":\"b\"},\"message\":{\"content\":\"ab\"},\"finish_reason\":\"stop\"}]}"},
     "start [0t +\"a\" +\"b\" ] (fin 0 1) end"},
    {{DELTA("\"content\":\"a\""),
      "{\"object\":\"chat.completion\",\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}"},
     "start [0t +\"a\" ] (fin 0 1) end"},
    {{"{\"choices\":[{\"message\":{\"content\":\"all\"},\"finish_reason\":\"stop\"}]}"},
     "start [0t +\"all\" ] (fin 0 1) end"},
    {{"{\"choices\":[{\"delta\":{\"content\":\"a\"},\"logprobs\":{\"content\":[{\"token\":\"a\",\"logprob\":-1}],\"refusal\":null}}]}",
      "{\"choices\":[{\"delta\":{},\"logprobs\":{\"content\":[]}}]}"},
     "start [0t +\"a\" logprobs[{\"token\":\"a\",\"logprob\":-1}] ] (fin 0 0) end"},
    {{DELTA("\"images\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,QUJD\"}}]")},
     "start [0i image/png:QUJD ] (fin 0 0) end"},
    {{DELTA("\"images\":[{\"image_url\":{\"url\":\"https://x/y\"}}]")},
     "start [0t +\"![image](\" +\"https://x/y\" +\")\" ] (fin 0 0) end"},
    /* [DONE] is the last word; what is no JSON, or another's, is nothing */
    {{DELTA("\"content\":\"a\""), "[DONE]", DELTA("\"content\":\"b\"")},
     "start [0t +\"a\" ] (fin 0 0) end"},
    {{"", "oops", "[]", "null", "{\"choices\":7}", "{\"choices\":[7,null,[]]}", DELTA("\"content\":{\"a\":1}"),
      DELTA("\"tool_calls\":[1,{}],\"images\":\"x\",\"reasoning\":4")},
     "start (fin 0 0) end"},
};
// clang-format on

TEST(events_of_every_kind_of_provider_are_understood)
{
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        CHECK_STR(trace_events(streams[i].events), streams[i].trace);
        CHECK_TRUE(!path.stream.has_error && !path.stream.failed);
    }
}

TEST(more_calls_than_are_remembered_are_told_apart_all_the_same)
{
    char text[256];
    canon_path_begin(&path, &dialect_openai, &canon_trace, ENDPOINT_CHAT, true);
    for (unsigned i = 0; i < 40; i++) {
        struct sse_event event = {.data_count = 1};
        snprintf(text, sizeof(text),
                 CALLS("{\"index\":%u,\"id\":\"c%u\"," FUNCTION("f", "{") "}"),
                 i, i);
        event.data[0] = str_from(text);
        dialect_openai.read_event(&path.stream, &event);
        snprintf(text, sizeof(text),
                 CALLS("{\"index\":%u,\"function\":{\"arguments\":\"}\"}}"), i);
        event.data[0] = str_from(text);
        dialect_openai.read_event(&path.stream, &event);
    }
    struct str trace = canon_path_end(&path);
    unsigned calls = 0;
    for (const char *at = trace.ptr; at != NULL; calls++) {
        at = memmem(at, (size_t)(trace.ptr + trace.len - at), "+\"{\" +\"}\" ]",
                    11);
        if (at == NULL)
            break;
        at++;
    }
    CHECK_EQ(calls, 40);
}

// clang-format off
static const struct {
    const char *event, *type, *message;
} failures[] = {
    {"{\"error\":{\"message\":\"no\",\"type\":\"server_error\",\"code\":500}}", "server_error", "no"},
    {"{\"error\":{\"message\":\"no\",\"code\":\"tool_use_failed\"}}", "tool_use_failed", "no"},
    {"{\"error\":\"text\"}", "", "text"},
    {"{\"object\":\"error\",\"message\":\"m\",\"type\":\"Bad\",\"code\":400}", "", "m"},
    {"{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}", "overloaded_error", "busy"},
    {"{\"type\":\"error\",\"code\":\"c\",\"message\":\"m\"}", "c", "m"},
    {"{\"base_resp\":{\"status_code\":1008,\"status_msg\":\"balance\"}}", "", "balance"},
    {"{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":null}],\"error\":{\"code\":502,\"message\":\"up\"}}", "", "up"},
};
// clang-format on

TEST(failures_under_status_200_are_told)
{
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        const char *events[] = {failures[i].event, NULL};
        trace_events(events);
        CHECK_TRUE(path.stream.has_error && path.answer.error_seen);
        CHECK_STR(str_from(path.stream.error_type), failures[i].type);
        CHECK_STR(str_from(path.stream.error_message), failures[i].message);
        canon_path_begin(&path, &dialect_openai, &canon_trace, ENDPOINT_CHAT,
                         false);
        dialect_openai.read_plain(&path.stream, str_from(failures[i].event));
        CHECK_TRUE(path.stream.has_error);
        CHECK_STR(str_from(path.stream.error_message), failures[i].message);
    }
    const char *fine[] = {"{\"error\":null,\"base_resp\":{\"status_code\":0}}",
                          NULL};
    trace_events(fine);
    CHECK_TRUE(!path.stream.has_error && !path.answer.error_seen);
}

TEST(an_event_named_error_is_one_whatever_it_holds)
{
    canon_path_begin(&path, &dialect_openai, &canon_trace, ENDPOINT_CHAT, true);
    canon_path_feed(&path,
                    str_from("event: error\ndata: {\"message\":\"m\"}\n\n"));
    CHECK_TRUE(path.stream.has_error);
    CHECK_STR(str_from(path.stream.error_message), "m");
}

TEST(the_last_usage_of_a_stream_counts)
{
    static const char *const events[] = {
        "{\"choices\":[{\"delta\":{\"content\":\"a\"}}],"
        "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}}",
        "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\",\"usage\":"
        "{\"prompt_tokens\":9,\"completion_tokens\":2}}]}",
        "{\"choices\":[],\"usage\":{}}",
        "{\"choices\":[],\"x_groq\":{\"usage\":{\"prompt_tokens\":9,"
        "\"completion_tokens\":3}}}",
        "{\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":"
        "7,"
        "\"total_tokens\":16,\"prompt_tokens_details\":{\"cached_tokens\":4}}}",
        "[DONE]",
        NULL};
    trace_events(events);
    CHECK_EQ(path.stream.usage.prompt_missed, 5);
    CHECK_EQ(path.stream.usage.cached, 4);
    CHECK_EQ(path.stream.usage.completion, 7);
}

/* ---- as clients get it ---- */

static struct str
write_stream(const char *const *events, bool include_usage)
{
    canon_path_begin(&path, &dialect_openai, &dialect_openai, ENDPOINT_CHAT,
                     true);
    path.stream.include_usage = include_usage;
    for (; *events != NULL; events++) {
        struct sse_event event = {.data_count = 1};
        event.data[0] = str_from(*events);
        dialect_openai.read_event(&path.stream, &event);
    }
    return canon_path_end(&path);
}

#define CHUNK(id, choice, delta, logprobs, finish, usage)                      \
    "data: {\"id\":\"" id "\",\"object\":\"chat.completion.chunk\","           \
    "\"created\":1700000000,\"model\":\"asked\",\"choices\":[{"                \
    "\"index\":" #choice ",\"delta\":{" delta "},\"logprobs\":" logprobs       \
    ",\"finish_reason\":" finish "}]" usage "}\n\n"
#define ROLE "\"role\":\"assistant\",\"content\":\"\",\"refusal\":null"
#define OURS "chatcmpl-req_7"

TEST(a_stream_looks_as_openai_writes_it)
{
    static const char *const events[] = {
        "{\"id\":\"chatcmpl-theirs\",\"model\":\"other\",\"choices\":"
        "[{\"delta\":{\"content\":\"a\\ud83d\"}}]}",
        FINISH("stop"),
        "{\"choices\":[],\"usage\":{\"prompt_tokens\":5,"
        "\"completion_tokens\":2}}",
        "[DONE]", NULL};
    CHECK_STR(write_stream(events, false),
              CHUNK("chatcmpl-theirs", 0, ROLE, "null", "null", "")
                  CHUNK("chatcmpl-theirs", 0, "\"content\":\"a\\ud83d\"",
                        "null", "null", "")
                      CHUNK("chatcmpl-theirs", 0, "", "null", "\"stop\"",
                            "") "data: [DONE]\n\n");
    CHECK_STR(
        write_stream(events, true),
        CHUNK("chatcmpl-theirs", 0, ROLE, "null", "null",
              ",\"usage\":null") CHUNK("chatcmpl-theirs", 0,
                                       "\"content\":\"a\\ud83d\"", "null",
                                       "null", ",\"usage\":null")
            CHUNK(
                "chatcmpl-theirs", 0, "", "null", "\"stop\"",
                ",\"usage\":null") "data: "
                                   "{\"id\":\"chatcmpl-theirs\",\"object\":"
                                   "\"chat.completion.chunk\",\"created\":"
                                   "1700000000,\"model\":"
                                   "\"asked\",\"choices\":[],\"usage\":{"
                                   "\"prompt_tokens\":5,"
                                   "\"completion_tokens\":2,\"total_tokens\":7,"
                                   "\"prompt_tokens_details\":{\"cached_"
                                   "tokens\":0,"
                                   "\"cache_write_tokens\":0,\"audio_tokens\":"
                                   "0},"
                                   "\"completion_tokens_details\":{\"reasoning_"
                                   "tokens\":0,"
                                   "\"audio_tokens\":0}}}\n\ndata: [DONE]\n\n");
}

TEST(the_id_of_a_stream_stays_what_it_is_at_its_start)
{
    static const char *const events[] = {
        "{\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"id\":\"chatcmpl-"
        "late\"}",
        FINISH("stop"), NULL};
    struct str out = write_stream(events, false);
    CHECK_TRUE(memmem(out.ptr, out.len, "chatcmpl-late", 13) == NULL);
    CHECK_TRUE(memmem(out.ptr, out.len, OURS, strlen(OURS)) != NULL);
}

TEST(calls_thoughts_images_and_further_choices_are_streamed)
{
    static const char *const events[] = {
        DELTA("\"reasoning_details\":[{\"text\":\"h\",\"signature\":\"S\"}]"),
        DELTA("\"reasoning_details\":[{\"data\":\"E\"}]"),
        CALLS("{\"id\":\"c1\"," FUNCTION(
            "f", "{}") ",\"extra_content\":{\"google\":{\"thought_signature\":"
                       "\"G\"}}}"),
        DELTA("\"images\":[{\"image_url\":\"data:image/png;base64,QQ==\"}]"),
        "{\"choices\":[{\"index\":2,\"delta\":{\"refusal\":\"no\"},"
        "\"finish_reason\":\"content_filter\"}]}",
        FINISH("stop"),
        NULL};
    CHECK_STR(
        write_stream(events, false),
        CHUNK(OURS, 0, ROLE, "null", "null", "") CHUNK(
            OURS, 0, "\"reasoning_content\":\"h\"", "null", "null", "")
            CHUNK(OURS, 0,
                  "\"reasoning_details\":[{\"type\":\"reasoning.text\","
                  "\"signature\":\"S\"}]",
                  "null", "null",
                  "") CHUNK(OURS, 0,
                            "\"reasoning_details\":[{\"type\":"
                            "\"reasoning.encrypted\",\"data\":\"E\"}]",
                            "null", "null", "")
                CHUNK(OURS, 0,
                      "\"tool_calls\":[{\"index\":0,\"id\":\"c1\","
                      "\"type\":\"function\",\"function\":{\"name\":"
                      "\"f\",\"arguments\":\"\"}}]",
                      "null", "null",
                      "") CHUNK(OURS, 0,
                                "\"tool_calls\":[{\"index\":0,\"function\":"
                                "{\"arguments\":\"\"},\"extra_content\":"
                                "{\"google\":{\"thought_signature\":\"G\"}}}]",
                                "null", "null", "")
                    CHUNK(OURS, 0,
                          "\"tool_calls\":[{\"index\":0,"
                          "\"function\":{\"arguments\":\"{}\"}}]",
                          "null", "null",
                          "") CHUNK(OURS, 0,
                                    "\"images\":[{\"type\":\"image_url\","
                                    "\"image_url\":{\"url\":\"data:image/"
                                    "png;base64,QQ==\"}}]",
                                    "null", "null",
                                    "") CHUNK(OURS, 2, ROLE, "null", "null", "")
                        CHUNK(OURS, 2, "\"refusal\":\"no\"", "null", "null", "")
                            CHUNK(OURS, 0, "", "null", "\"tool_calls\"", "")
                                CHUNK(OURS, 2, "", "null", "\"content_filter\"",
                                      "") "data: [DONE]\n\n");
}

static const char whole[] =
    "{\"id\":\"gen-1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":"
    "{\"role\":\"assistant\",\"content\":\"t\\n\",\"reasoning\":\"h\","
    "\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"h\","
    "\"signature\":\"S\"}],\"refusal\":null,\"tool_calls\":[{\"index\":0,"
    "\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
    "\"arguments\":\"{\\\"a\\\":1}\"},\"extra_content\":{\"google\":"
    "{\"thought_signature\":\"G\"}}},{\"id\":\"c2\",\"function\":{\"name\":"
    "\"g\",\"arguments\":\"\"}}]},\"logprobs\":{\"content\":[1,2]},"
    "\"finish_reason\":\"stop\"},{\"index\":1,\"message\":{\"content\":"
    "\"u\"},\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":3,"
    "\"completion_tokens\":4,\"total_tokens\":7}}";

TEST(a_plain_answer_looks_as_openai_writes_it)
{
    canon_path_begin(&path, &dialect_openai, &dialect_openai, ENDPOINT_CHAT,
                     false);
    canon_path_feed(&path, str_from(whole));
    CHECK_STR(
        canon_path_end(&path),
        "{\"id\":\"chatcmpl-req_7\",\"object\":\"chat.completion\","
        "\"system_fingerprint\":null,"
        "\"created\":1700000000,\"model\":\"asked\",\"choices\":[{\"index\":0,"
        "\"message\":{\"role\":\"assistant\",\"content\":\"t\\n\","
        "\"refusal\":null,\"reasoning_content\":\"h\","
        "\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"h\","
        "\"signature\":\"S\"}],\"tool_calls\":[{\"id\":\"c1\",\"type\":"
        "\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
        "\"{\\\"a\\\":1}\"},\"extra_content\":{\"google\":"
        "{\"thought_signature\":\"G\"}}},{\"id\":\"c2\",\"type\":\"function\","
        "\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]},"
        "\"logprobs\":{\"content\":[1,2],\"refusal\":null},"
        "\"finish_reason\":\"tool_calls\"},{\"index\":1,\"message\":{\"role\":"
        "\"assistant\",\"content\":\"u\",\"refusal\":null},\"logprobs\":null,"
        "\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":3,"
        "\"completion_tokens\":4,\"total_tokens\":7,\"prompt_tokens_details\":"
        "{\"cached_tokens\":0,\"cache_write_tokens\":0,\"audio_tokens\":0},"
        "\"completion_tokens_details\":{\"reasoning_tokens\":0,"
        "\"audio_tokens\":0}}}");
}

/* ---- embeddings ---- */

static struct str
embed(struct canon_request *request, const char *vectors)
{
    char text[512];
    snprintf(text, sizeof(text),
             "{\"object\":\"list\",\"data\":[%s],\"usage\":{\"prompt_tokens\":"
             "3,\"total_tokens\":3}}",
             vectors);
    canon_path_begin(&path, &dialect_openai, &dialect_openai,
                     ENDPOINT_EMBEDDINGS, false);
    path.stream.request = request;
    canon_path_feed(&path, str_from(text));
    return canon_path_end(&path);
}

#define EMBEDDINGS(first, second)                                              \
    "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,"    \
    "\"embedding\":" first "},{\"object\":\"embedding\",\"index\":1,"          \
    "\"embedding\":" second "}],\"model\":\"asked\",\"usage\":"                \
    "{\"prompt_tokens\":3,\"total_tokens\":3}}"

TEST(vectors_come_in_the_spelling_that_was_asked_for)
{
    struct canon_request *request = canon_request_create();
    static const char lists[] = "{\"index\":1,\"embedding\":[0.5]},"
                                "{\"index\":0,\"embedding\":[1,-2.5,1e-3]}";
    static const char strings[] = "{\"embedding\":\"AACAPwAAIMBvEoM6\"},"
                                  "{\"embedding\":\"AAAAPw==\"}";
    CHECK_STR(embed(request, lists), EMBEDDINGS("[1,-2.5,1e-3]", "[0.5]"));
    CHECK_STR(embed(request, strings),
              EMBEDDINGS("[1,-2.5,0.00100000005]", "[0.5]"));
    request->fields[CANON_FIELD_ENCODING] = STR_LIT("\"base64\"");
    CHECK_STR(embed(request, lists),
              EMBEDDINGS("\"AACAPwAAIMBvEoM6\"", "\"AAAAPw==\""));
    CHECK_STR(embed(request, strings),
              EMBEDDINGS("\"AACAPwAAIMBvEoM6\"", "\"AAAAPw==\""));
    canon_request_destroy(&request);
}

TEST(what_is_no_number_does_not_become_json)
{
    struct buf out;
    buf_init(&out, 0);
    canon_vector_list(&out, STR_LIT("\"AACAfwAAwH8AAID/=\\/\""));
    CHECK_STR(buf_view(&out), "[0,0,0]");
    buf_reset(&out);
    canon_vector_list(&out, STR_LIT("\"AAC\""));
    CHECK_STR(buf_view(&out), "[]");
    buf_reset(&out);
    canon_vector_base64(&out, STR_LIT("[]"));
    CHECK_STR(buf_view(&out), "\"\"");
    buf_fini(&out);
    canon_path_fini(&path);
}
