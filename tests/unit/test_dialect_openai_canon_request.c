/*
 * test_dialect_openai_canon_request.c - chat requests into the canonical form and
 * out of it again, for each habit of providers.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <stdio.h>

#include "worker/dialect/openai_write.h"

static struct canon_request *request;
static struct buf out;
static struct fault fault;

/* The body as the provider would get it; empty when refused. */
static struct str
carry_to(const char *body, uint8_t endpoint, uint32_t quirks, bool stream)
{
    struct call call = {0};
    if (request == NULL)
        request = canon_request_create();
    canon_request_reset(request);
    buf_reset(&out);
    fault = (struct fault){0};
    if (dialect_openai.scan(str_from(body), endpoint, &call, &fault) != 0 ||
        dialect_openai.read_request(str_from(body), &call, request, &fault) !=
            0)
        return str_make(NULL, 0);
    const struct canon_target target = {
        .model = STR_LIT("up"),
        .max_tokens = call.max_tokens,
        .endpoint = endpoint,
        .stream = stream,
        .quirks = quirks,
    };
    if (dialect_openai.write_request(request, &target, &out, &fault) != 0)
        return str_make(NULL, 0);
    CHECK_TRUE(!request->failed && buf_ok(&out));
    return buf_view(&out);
}

#define BODY(rest)     "{\"model\":\"m\"," rest "}"
#define SENT(rest)     "{\"model\":\"up\"," rest "}"
#define HI             "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define MESSAGES(list) "\"messages\":[" list "]"
#define USER(content)  "{\"role\":\"user\",\"content\":" content "}"
#define CALL(id, name, arguments)                                              \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name  \
    "\",\"arguments\":\"" arguments "\"}}"

enum {
    OPENAI = QUIRK_COMPLETION_TOKENS | QUIRK_OPENAI_FIELDS,
    MISTRAL = QUIRK_TOOL_ID_9 | QUIRK_TOOL_ANY | QUIRK_SEED_RANDOM |
              QUIRK_STRICT_FIELDS | QUIRK_PREFIX,
    OPENROUTER = QUIRK_REASONING_OBJECT | QUIRK_CACHE_CONTROL | QUIRK_TOP_K,
};

// clang-format off
static const struct {
    uint32_t quirks;
    const char *body, *sent;
    const char *dropped; /* the first, or NULL */
} cases[] = {
    {0, BODY(HI), SENT(HI), NULL},
    {0, BODY(HI ",\"max_tokens\":7"), SENT(HI ",\"max_tokens\":7"), NULL},
    {OPENAI, BODY(HI ",\"max_tokens\":7"), SENT(HI ",\"max_completion_tokens\":7"), NULL},
    /* roles */
    {0, BODY(MESSAGES("{\"role\":\"developer\",\"content\":\"d\\u0000\"}," USER("\"\""))),
     SENT(MESSAGES("{\"role\":\"developer\",\"content\":\"d\\u0000\"}," USER("\"\""))), NULL},
    {QUIRK_NO_DEVELOPER, BODY(MESSAGES("{\"role\":\"developer\",\"content\":\"d\"}," USER("\"a\""))),
     SENT(MESSAGES("{\"role\":\"system\",\"content\":\"d\"}," USER("\"a\""))), NULL},
    {0, BODY(MESSAGES("{\"role\":\"system\",\"content\":\"a\"},{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"b\"}]}," USER("\"c\""))),
     SENT(MESSAGES("{\"role\":\"system\",\"content\":\"a\\n\\nb\"}," USER("\"c\""))), NULL},
    /* texts of one message */
    {0, BODY(MESSAGES(USER("[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"\"},{\"type\":\"text\",\"text\":\"b\"}]"))),
     SENT(MESSAGES(USER("\"a\\n\\nb\""))), NULL},
    {QUIRK_CACHE_CONTROL,
     BODY(MESSAGES(USER("[{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}},{\"type\":\"text\",\"text\":\"b\",\"prompt_cache_breakpoint\":{\"mode\":\"explicit\"}}]"))),
     SENT(MESSAGES(USER("[{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}},{\"type\":\"text\",\"text\":\"b\",\"cache_control\":{\"type\":\"ephemeral\"}}]"))), NULL},
    {QUIRK_CACHE_CONTROL, BODY(MESSAGES("{\"role\":\"user\",\"content\":\"a\",\"cache_control\":{\"type\":\"ephemeral\"}}")),
     SENT(MESSAGES(USER("[{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\"}}]"))), NULL},
    {0, BODY(MESSAGES("{\"role\":\"user\",\"content\":\"a\",\"cache_control\":{\"type\":\"ephemeral\"}}")),
     SENT(MESSAGES(USER("\"a\""))), NULL},
    /* media */
    {0, BODY(MESSAGES(USER("[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image\\/png;base64,QU\\/D\",\"detail\":\"low\"}},{\"type\":\"image_url\",\"image_url\":\"https://x/y.png\"}]"))),
     SENT(MESSAGES(USER("[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,QU/D\",\"detail\":\"low\"}},{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y.png\"}}]"))), NULL},
    {0, BODY(MESSAGES(USER("[{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QQ==\",\"format\":\"wav\"}},{\"type\":\"text\",\"text\":\"t\"}]"))),
     SENT(MESSAGES(USER("[{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QQ==\",\"format\":\"wav\"}},{\"type\":\"text\",\"text\":\"t\"}]"))), NULL},
    {0, BODY(MESSAGES(USER("[{\"type\":\"file\",\"file\":{\"file_data\":\"data:application/pdf;base64,QQ==\",\"filename\":\"a.pdf\"}},{\"type\":\"file\",\"file\":{\"file_id\":\"f1\"}},{\"type\":\"file\",\"file\":{\"file_data\":\"QQ==\"}}]"))),
     SENT(MESSAGES(USER("[{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":\"data:application/pdf;base64,QQ==\"}},{\"type\":\"file\",\"file\":{\"file_id\":\"f1\"}},{\"type\":\"file\",\"file\":{\"filename\":\"file.pdf\",\"file_data\":\"data:application/pdf;base64,QQ==\"}}]"))), NULL},
    /* a loop of tools; consecutive turns of the assistant become one */
    {0, BODY(MESSAGES(USER("\"q\"") ",{\"role\":\"assistant\",\"content\":\"t\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" CALL("c1", "f", "{\\\"a\\\":\\\"\\\\\\\"\\\"}") "," CALL("c2", "g", "") "]},"
      "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"r1\"},{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":[{\"type\":\"text\",\"text\":\"r2\"}]}," USER("\"go\""))),
     SENT(MESSAGES(USER("\"q\"") ",{\"role\":\"assistant\",\"content\":\"t\",\"tool_calls\":[" CALL("c1", "f", "{\\\"a\\\":\\\"\\\\\\\"\\\"}") "," CALL("c2", "g", "{}") "]},"
      "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"r1\"},{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":\"r2\"}," USER("\"go\""))), NULL},
    /* media of a result: shown by the user behind it */
    {0, BODY(MESSAGES("{\"role\":\"assistant\",\"tool_calls\":[" CALL("c1", "f", "{}") "]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,QQ==\"}}]}")),
     SENT(MESSAGES("{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" CALL("c1", "f", "{}") "]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"(see the next message)\"},"
      USER("[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,QQ==\"}}]"))), NULL},
    /* legacy calls get ids */
    {0, BODY(MESSAGES("{\"role\":\"assistant\",\"content\":null,\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"role\":\"function\",\"name\":\"f\",\"content\":\"r\"}")
      ",\"functions\":[{\"name\":\"f\",\"parameters\":{\"type\":\"object\"}}],\"function_call\":{\"name\":\"f\"}"),
     SENT(MESSAGES("{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" CALL("call_1", "f", "{}") "]},{\"role\":\"tool\",\"tool_call_id\":\"call_1\",\"content\":\"r\"}")
      ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\"}}}],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}"), NULL},
    /* ids: Mistral's nine, and none too long */
    {MISTRAL, BODY(MESSAGES("{\"role\":\"assistant\",\"tool_calls\":[" CALL("toolu_01", "f", "{}") "," CALL("abcDEF123", "f", "{}") "]},{\"role\":\"tool\",\"tool_call_id\":\"toolu_01\",\"content\":\"r\"}")),
     SENT(MESSAGES("{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" CALL("GL5sxg7KX", "f", "{}") "," CALL("abcDEF123", "f", "{}") "]},{\"role\":\"tool\",\"tool_call_id\":\"GL5sxg7KX\",\"content\":\"r\"}")), NULL},
    {0, BODY(MESSAGES("{\"role\":\"tool\",\"tool_call_id\":\"call_0123456789012345678901234567890123456789\",\"content\":\"r\"}")),
     SENT(MESSAGES("{\"role\":\"tool\",\"tool_call_id\":\"call_O8tgePZnpnF\",\"content\":\"r\"}")), NULL},
    /* thoughts */
    {0, BODY(MESSAGES("{\"role\":\"assistant\",\"content\":\"t\",\"reasoning_content\":\"h\"}," USER("\"q\""))),
     SENT(MESSAGES("{\"role\":\"assistant\",\"content\":\"t\"}," USER("\"q\""))), NULL},
    {QUIRK_REASONING_BACK, BODY(MESSAGES("{\"role\":\"assistant\",\"content\":\"t\",\"reasoning_content\":\"h\"}," USER("\"q\""))),
     SENT(MESSAGES("{\"role\":\"assistant\",\"content\":\"t\"}," USER("\"q\""))), NULL},
    {QUIRK_REASONING_BACK, BODY(MESSAGES("{\"role\":\"assistant\",\"reasoning\":\"h\",\"tool_calls\":[" CALL("c1", "f", "{}") "]}")),
     SENT(MESSAGES("{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"h\",\"tool_calls\":[" CALL("c1", "f", "{}") "]}")), NULL},
    {OPENROUTER, BODY(MESSAGES("{\"role\":\"assistant\",\"content\":\"t\",\"reasoning_content\":\"h\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"signature\":\"S\"},{\"type\":\"reasoning.encrypted\",\"data\":\"E\"}]}," USER("\"q\""))),
     SENT(MESSAGES("{\"role\":\"assistant\",\"content\":\"t\",\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":\"E\"},{\"type\":\"reasoning.text\",\"text\":\"h\",\"signature\":\"S\"}]}," USER("\"q\""))), NULL},
    {OPENROUTER, BODY(MESSAGES("{\"role\":\"assistant\",\"content\":\"t\",\"reasoning_content\":\"hi\",\"reasoning_details\":[{\"text\":\"h\",\"signature\":\"S\"},{\"text\":\"i\"}]}," USER("\"q\""))),
     SENT(MESSAGES("{\"role\":\"assistant\",\"content\":\"t\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"h\",\"signature\":\"S\"},{\"type\":\"reasoning.text\",\"text\":\"i\"}]}," USER("\"q\""))), NULL},
    /* two signatures for one text fit nothing */
    {OPENROUTER, BODY(MESSAGES("{\"role\":\"assistant\",\"content\":\"t\",\"reasoning_content\":\"hi\",\"reasoning_details\":[{\"signature\":\"S\"},{\"signature\":\"T\"}]}," USER("\"q\""))),
     SENT(MESSAGES("{\"role\":\"assistant\",\"content\":\"t\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"hi\"}]}," USER("\"q\""))), NULL},
    {OPENROUTER, BODY(MESSAGES("{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"h\"}]},{\"type\":\"text\",\"text\":\"t\"}]}," USER("\"q\""))),
     SENT(MESSAGES("{\"role\":\"assistant\",\"content\":\"t\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"h\"}]}," USER("\"q\""))), NULL},
    {QUIRK_GOOGLE_SIGNATURE, BODY(MESSAGES("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"},\"extra_content\":{\"google\":{\"thought_signature\":\"G\"}}}]}")),
     SENT(MESSAGES("{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"},\"extra_content\":{\"google\":{\"thought_signature\":\"G\"}}}]}")), NULL},
    {MISTRAL, BODY(MESSAGES(USER("\"q\"") ",{\"role\":\"assistant\",\"content\":\"{\"}")),
     SENT(MESSAGES(USER("\"q\"") ",{\"role\":\"assistant\",\"content\":\"{\",\"prefix\":true}")), NULL},
    /* tools and their choice */
    {0, BODY(HI ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\",\"strict\":true}}],\"tool_choice\":\"required\",\"parallel_tool_calls\":false"),
     SENT(HI ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"type\":\"object\",\"properties\":{}},\"strict\":true}}],\"tool_choice\":\"required\",\"parallel_tool_calls\":false"), NULL},
    {MISTRAL, BODY(HI ",\"tools\":[{\"function\":{\"name\":\"f\",\"parameters\":{}}}],\"tool_choice\":\"required\""),
     SENT(HI ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{}}}],\"tool_choice\":\"any\""), NULL},
    {0, BODY(HI ",\"tools\":[{\"function\":{\"name\":\"f\",\"parameters\":{}}},{\"function\":{\"name\":\"g\",\"parameters\":{}}}],\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"auto\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"g\"}}]}}"),
     SENT(HI ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"g\",\"parameters\":{}}}],\"tool_choice\":\"auto\""), NULL},
    {0, BODY(HI ",\"tools\":[],\"tool_choice\":\"auto\",\"parallel_tool_calls\":true"), SENT(HI), NULL},
    /* format */
    {0, BODY(HI ",\"response_format\":{\"type\":\"text\"}"), SENT(HI), NULL},
    {0, BODY(HI ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"description\":\"d\",\"schema\":{\"type\":\"object\"},\"strict\":true}}"),
     SENT(HI ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"description\":\"d\",\"schema\":{\"type\":\"object\"},\"strict\":true}}"), NULL},
    {QUIRK_NO_SCHEMA, BODY(HI ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":\"object\"}}}"),
     SENT("\"messages\":[{\"role\":\"system\",\"content\":\"Answer with a JSON object that matches this JSON schema: {\\\"type\\\":\\\"object\\\"}\"},{\"role\":\"user\",\"content\":\"hi\"}],\"response_format\":{\"type\":\"json_object\"}"), NULL},
    {0, BODY(HI ",\"response_format\":{\"type\":\"json_object\"}"),
     SENT("\"messages\":[{\"role\":\"system\",\"content\":\"Answer with a JSON object.\"},{\"role\":\"user\",\"content\":\"hi\"}],\"response_format\":{\"type\":\"json_object\"}"), NULL},
    /* thinking */
    {0, BODY(HI ",\"reasoning_effort\":\"xhigh\""), SENT(HI ",\"reasoning_effort\":\"xhigh\""), NULL},
    {0, BODY(HI ",\"reasoning_effort\":\"utmost\""), SENT(HI), "reasoning_effort"},
    {QUIRK_EFFORT_3, BODY(HI ",\"reasoning_effort\":\"xhigh\""), SENT(HI ",\"reasoning_effort\":\"high\""), NULL},
    {QUIRK_EFFORT_3, BODY(HI ",\"reasoning_effort\":\"minimal\""), SENT(HI ",\"reasoning_effort\":\"low\""), NULL},
    {QUIRK_EFFORT_3, BODY(HI ",\"reasoning_effort\":\"none\""), SENT(HI), NULL},
    {QUIRK_NO_REASONING, BODY(HI ",\"reasoning_effort\":\"low\""), SENT(HI), "reasoning_effort"},
    {0, BODY(HI ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":3000}"), SENT(HI ",\"reasoning_effort\":\"medium\""), NULL},
    {0, BODY(HI ",\"thinking\":{\"type\":\"disabled\"}"), SENT(HI), NULL},
    {QUIRK_THINKING_TYPE, BODY(HI ",\"thinking\":{\"type\":\"disabled\"}"), SENT(HI ",\"thinking\":{\"type\":\"disabled\"}"), NULL},
    {QUIRK_THINKING_TYPE, BODY(HI ",\"reasoning_effort\":\"none\""), SENT(HI ",\"thinking\":{\"type\":\"disabled\"},\"reasoning_effort\":\"none\""), NULL},
    {QUIRK_THINKING_TYPE | QUIRK_NO_REASONING, BODY(HI ",\"reasoning_effort\":\"high\""), SENT(HI ",\"thinking\":{\"type\":\"enabled\"}"), NULL},
    {QUIRK_ENABLE_THINKING, BODY(HI ",\"reasoning\":{\"effort\":\"low\"}"), SENT(HI ",\"enable_thinking\":true,\"thinking_budget\":2048"), NULL},
    {QUIRK_ENABLE_THINKING, BODY(HI ",\"enable_thinking\":false,\"thinking_budget\":5"), SENT(HI ",\"enable_thinking\":false"), NULL},
    {QUIRK_ENABLE_THINKING, BODY(HI ",\"chat_template_kwargs\":{\"enable_thinking\":true}"), SENT(HI ",\"enable_thinking\":true"), NULL},
    {OPENROUTER, BODY(HI ",\"reasoning\":{\"max_tokens\":900,\"exclude\":true}"), SENT(HI ",\"reasoning\":{\"max_tokens\":900,\"exclude\":true}"), NULL},
    {OPENROUTER, BODY(HI ",\"reasoning_effort\":\"high\""), SENT(HI ",\"reasoning\":{\"effort\":\"high\"}"), NULL},
    {OPENROUTER, BODY(HI ",\"reasoning\":{\"enabled\":true}"), SENT(HI ",\"reasoning\":{\"enabled\":true}"), NULL},
    {OPENROUTER, BODY(HI ",\"include_reasoning\":false"), SENT(HI ",\"reasoning\":{\"exclude\":true}"), NULL},
    /* ends, fields */
    {0, BODY(HI ",\"stop\":\"a\""), SENT(HI ",\"stop\":[\"a\"]"), NULL},
    {0, BODY(HI ",\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]"), SENT(HI ",\"stop\":[\"a\",\"b\",\"c\",\"d\"]"), "stop sequences beyond 4"},
    {0, BODY(HI ",\"temperature\":0.70,\"top_p\":1e-1,\"seed\":9,\"presence_penalty\":1,\"frequency_penalty\":-1,\"logit_bias\":{\"1\":2},\"logprobs\":true,\"top_logprobs\":2,\"n\":2,\"user\":\"u\""),
     SENT(HI ",\"temperature\":0.70,\"top_p\":1e-1,\"seed\":9,\"presence_penalty\":1,\"frequency_penalty\":-1,\"logit_bias\":{\"1\":2},\"logprobs\":true,\"top_logprobs\":2,\"n\":2,\"user\":\"u\""), NULL},
    {0, BODY(HI ",\"n\":1,\"logprobs\":false,\"top_logprobs\":0,\"store\":false,\"modalities\":[\"text\"],\"service_tier\":\"auto\",\"seed\":null"), SENT(HI), NULL},
    {0, BODY(HI ",\"top_k\":4"), SENT(HI), "top_k"},
    {QUIRK_TOP_K, BODY(HI ",\"top_k\":4,\"repetition_penalty\":1.1"), SENT(HI ",\"top_k\":4,\"repetition_penalty\":1.1"), NULL},
    {OPENAI, BODY(HI ",\"service_tier\":\"flex\",\"metadata\":{\"a\":\"b\"},\"store\":true,\"verbosity\":\"low\",\"prediction\":{},\"modalities\":[\"text\",\"audio\"],\"audio\":{\"voice\":\"x\"},\"web_search_options\":{},\"prompt_cache_key\":\"k\""),
     SENT(HI ",\"service_tier\":\"flex\",\"metadata\":{\"a\":\"b\"},\"store\":true,\"verbosity\":\"low\",\"prediction\":{},\"modalities\":[\"text\",\"audio\"],\"audio\":{\"voice\":\"x\"},\"web_search_options\":{},\"prompt_cache_key\":\"k\""), NULL},
    {0, BODY(HI ",\"metadata\":{\"a\":\"b\"}"), SENT(HI), "metadata"},
    {MISTRAL, BODY(HI ",\"seed\":9,\"user\":\"u\""), SENT(HI ",\"random_seed\":9"), "user"},
    {0, BODY(HI ",\"user\":\"0123456789012345678901234567890123456789012345678901234567890123456789\""), SENT(HI), "user"},
    {0, BODY(HI ",\"my_new_thing\":1,\"bad\\nname\":2"), SENT(HI), "my_new_thing"},
};
// clang-format on

TEST(requests_arrive_as_each_kind_of_provider_wants_them)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK_STR(
            carry_to(cases[i].body, ENDPOINT_CHAT, cases[i].quirks, false),
            cases[i].sent);
        CHECK_STR(
            str_from(request->dropped_count > 0 ? request->dropped[0] : NULL),
            cases[i].dropped);
    }
}

TEST(streams_ask_for_their_usage_where_that_is_understood)
{
    CHECK_STR(carry_to(BODY(HI ",\"stream\":true"), ENDPOINT_CHAT, 0, true),
              SENT(HI ",\"stream\":true,\"stream_options\":"
                      "{\"include_usage\":true}"));
    CHECK_STR(carry_to(BODY(HI ",\"stream\":true"), ENDPOINT_CHAT,
                       QUIRK_NO_STREAM_OPTIONS, true),
              SENT(HI ",\"stream\":true"));
}

// clang-format off
static const struct {
    uint32_t quirks;
    const char *body, *code, *param;
} refused[] = {
    {0, BODY(HI ",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"x\"}}]"), "unsupported_tool", "tools"},
    {0, BODY(HI ",\"tools\":[{\"type\":\"function\",\"function\":{}}]"), "invalid_value", "tools"},
    {0, BODY(HI ",\"tool_choice\":{\"type\":\"custom\"}"), "unsupported_tool", "tool_choice"},
    {0, BODY(HI ",\"response_format\":{\"type\":\"grammar\"}"), "unsupported_parameter", "response_format"},
    {0, BODY(MESSAGES(USER("[{\"type\":\"video_url\",\"video_url\":{}}]"))), "unsupported_content", "messages"},
    {0, BODY(MESSAGES(USER("[{\"type\":\"image_url\",\"image_url\":{}}]"))), "invalid_value", "messages"},
    {0, BODY(MESSAGES(USER("[{\"type\":\"image_url\",\"image_url\":\"data:image/png,raw\"}]"))), "invalid_value", "messages"},
    {0, BODY(MESSAGES(USER("[{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QQ==\"}}]"))), "invalid_value", "messages"},
    {0, BODY(MESSAGES(USER("[{\"type\":\"file\",\"file\":{}}]"))), "invalid_value", "messages"},
    {0, BODY(MESSAGES(USER("[{\"type\":\"file\",\"file\":{\"file_data\":\"https://x/y\"}}]"))), "unsupported_content", "messages"},
    {0, BODY(MESSAGES("{\"role\":\"robot\",\"content\":\"x\"}")), "invalid_value", "messages"},
    {0, BODY(MESSAGES("7")), "invalid_type", "messages"},
    {0, BODY("\"messages\":{}"), "invalid_type", "messages"},
    {0, BODY(MESSAGES("{\"role\":\"tool\",\"content\":\"x\"}")), "invalid_value", "messages"},
    {0, BODY(MESSAGES("{\"role\":\"assistant\",\"tool_calls\":[" CALL("c", "f", "[]") "]}")), "invalid_value", "messages"},
    {0, BODY(MESSAGES("{\"role\":\"assistant\",\"tool_calls\":[" CALL("c", "f", "{\\\"a\\\"") "]}")), "invalid_value", "messages"},
    {0, BODY(MESSAGES("{\"role\":\"assistant\",\"tool_calls\":[" CALL("c", "", "{}") "]}")), "invalid_value", "messages"},
    {0, BODY(MESSAGES("{\"role\":\"assistant\",\"tool_calls\":[{\"type\":\"custom\"}]}")), "unsupported_content", "messages"},
    {0, BODY(MESSAGES(USER("\"q\"") ",{\"role\":\"assistant\",\"content\":\"x\"}")), "unsupported_content", "messages"},
    {0, BODY(HI ",\"modalities\":[\"text\",\"audio\"]"), "unsupported_parameter", "modalities"},
    {QUIRK_NO_LOGPROBS, BODY(HI ",\"n\":3"), "unsupported_parameter", "n"},
    {MISTRAL, BODY(HI ",\"logprobs\":true"), "unsupported_parameter", "logprobs"},
};
// clang-format on

TEST(what_would_change_the_answer_is_refused)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct str sent =
            carry_to(refused[i].body, ENDPOINT_CHAT, refused[i].quirks, false);
        CHECK_EQ(sent.len, 0);
        CHECK_EQ(fault.status, 400);
        CHECK_STR(str_from(fault.code), refused[i].code);
        CHECK_STR(str_from(fault.param), refused[i].param);
        CHECK_TRUE(fault.message[0] != '\0');
    }
}

TEST(what_the_canonical_form_adds_is_written)
{
    request = request != NULL ? request : canon_request_create();
    canon_request_reset(request);
    buf_reset(&out);
    canon_message_add(request, CANON_ASSISTANT);
    struct canon_part *part = canon_part_add(request, CANON_TOOL_CALL);
    part->id = STR_LIT("c1");
    part->name = STR_LIT("f");
    part->arguments = STR_LIT("{ \"a\": 1 }");
    canon_part_add(request, CANON_IMAGE)->data = STR_LIT("QQ==");
    canon_message_add(request, CANON_USER);
    part = canon_part_add(request, CANON_TOOL_RESULT);
    part->id = STR_LIT("c1");
    part->is_error = true;
    part->children = 1;
    canon_part_add(request, CANON_TEXT)->text = STR_LIT("bad");
    part = canon_part_add(request, CANON_TOOL_RESULT);
    part->id = STR_LIT("c2");
    part->arguments = STR_LIT("{\"r\":\"\\n\"}");
    part = canon_part_add(request, CANON_FILE);
    part->source = CANON_PLAIN_TEXT;
    part->data = STR_LIT("file");
    const struct canon_target target = {.model = STR_LIT("u\"p"),
                                        .endpoint = ENDPOINT_CHAT};
    CHECK_EQ(dialect_openai.write_request(request, &target, &out, &fault), 0);
    CHECK_STR(buf_view(&out),
              "{\"model\":\"u\\\"p\",\"messages\":[{\"role\":\"assistant\","
              "\"content\":null,\"tool_calls\":[" CALL(
                  "c1", "f",
                  "{ \\\"a\\\": 1 }") "]},{\"role\":\"tool\","
                                      "\"tool_call_id\":\"c1\",\"content\":"
                                      "\"Error: bad\"},"
                                      "{\"role\":\"tool\",\"tool_call_id\":"
                                      "\"c2\",\"content\":"
                                      "\"{\\\"r\\\":\\\"\\\\n\\\"}\"}," USER(
                                          "\"file\"") "]}");
    CHECK_STR(str_from(request->dropped[0]), "images of the assistant");
}

TEST(embeddings_are_carried_by_their_texts)
{
    CHECK_STR(carry_to(BODY("\"input\":\"a\\u0000\",\"dimensions\":3"),
                       ENDPOINT_EMBEDDINGS, 0, false),
              SENT("\"input\":\"a\\u0000\",\"dimensions\":3"));
    CHECK_STR(carry_to(BODY("\"input\":[\"a\",\"\",\"b\"],\"encoding_format\":"
                            "\"base64\",\"dimensions\":3,\"user\":\"u\""),
                       ENDPOINT_EMBEDDINGS, QUIRK_SEED_RANDOM, false),
              SENT("\"input\":[\"a\",\"\",\"b\"],\"user\":\"u\","
                   "\"output_dimension\":3,\"encoding_format\":\"base64\""));
    CHECK_EQ(
        carry_to(BODY("\"input\":[1,2]"), ENDPOINT_EMBEDDINGS, 0, false).len,
        0);
    CHECK_STR(str_from(fault.param), "input");
}

TEST(other_endpoints_are_not_translated)
{
    CHECK_EQ(
        carry_to(BODY("\"prompt\":\"a\""), ENDPOINT_COMPLETIONS, 0, false).len,
        0);
    CHECK_STR(str_from(fault.code), "unsupported_endpoint");
    canon_request_destroy(&request);
    buf_fini(&out);
}
