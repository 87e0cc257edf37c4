/*
 * openai_crowd.c - who speaks as OpenAI does, and how each of them differs: a
 * row per host. One that no row knows (a server of one's own) takes the last:
 * chat only, in the habits that offend nobody.
 *
 * An operator's `speaks` and `quirks` stand in place of the row's. What a bit
 * means: common/provider_quirks.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/provider/openai_part.h"

/* Habits of many. */
enum {
    PLAIN = QUIRK_NO_DEVELOPER | QUIRK_EFFORT_3,
    SAMPLERS = PLAIN | QUIRK_TOP_K, /* vLLM and its kin behind a name */
    THINKING = QUIRK_NO_DEVELOPER | QUIRK_THINKING_TYPE | QUIRK_REASONING_BACK,
    QWEN = QUIRK_NO_DEVELOPER | QUIRK_ENABLE_THINKING | QUIRK_TOP_K |
           QUIRK_THINKING_UNBOUND,
    ARK = THINKING | QUIRK_EFFORT_3 | QUIRK_COMPLETION_TOKENS |
          QUIRK_THINKING_UNBOUND,
    OPENAI = QUIRK_COMPLETION_TOKENS | QUIRK_OPENAI_FIELDS,
};

#define HOST(text)                                                             \
    {                                                                          \
        "" text, sizeof(text) - 1                                              \
    }

/* `host`: the whole name or, with a dot before it, the end of one. */
static const struct crowd_row rows[] = {
    // clang-format off
    {HOST("api.openai.com"), 0, SPEAKS_CHAT | SPEAKS_RESPONSES, OPENAI, NULL},
    {HOST(".openai.azure.com"), 0, SPEAKS_CHAT | SPEAKS_RESPONSES, OPENAI, NULL},
    {HOST(".services.ai.azure.com"), 0, SPEAKS_CHAT | SPEAKS_RESPONSES, OPENAI, NULL},
    {HOST(".cognitiveservices.azure.com"), 0, SPEAKS_CHAT | SPEAKS_RESPONSES, OPENAI, NULL},
    {HOST("openrouter.ai"), 0, SPEAKS_CHAT | SPEAKS_RESPONSES | SPEAKS_MESSAGES,
     QUIRK_REASONING_OBJECT | QUIRK_CACHE_CONTROL | QUIRK_TOP_K | QUIRK_ROUTES, NULL},
    {HOST("api.deepseek.com"), 0, SPEAKS_CHAT | SPEAKS_RESPONSES | SPEAKS_MESSAGES,
     THINKING | QUIRK_EFFORT_3 | QUIRK_NO_SCHEMA, "/anthropic/v1/messages"},
    {HOST("dashscope.aliyuncs.com"), 0, SPEAKS_CHAT, QWEN | QUIRK_CACHE_CONTROL, NULL},
    {HOST("dashscope-intl.aliyuncs.com"), 0, SPEAKS_CHAT, QWEN | QUIRK_CACHE_CONTROL, NULL},
    {HOST("dashscope-us.aliyuncs.com"), 0, SPEAKS_CHAT, QWEN | QUIRK_CACHE_CONTROL, NULL},
    {HOST(".volces.com"), 0, SPEAKS_CHAT | SPEAKS_RESPONSES, ARK, NULL},
    {HOST(".bytepluses.com"), 0, SPEAKS_CHAT | SPEAKS_RESPONSES, ARK, NULL},
    {HOST("api.minimax.io"), 0, SPEAKS_CHAT | SPEAKS_MESSAGES,
     PLAIN | QUIRK_NO_REASONING | QUIRK_NO_SCHEMA, "/anthropic/v1/messages"},
    {HOST("api.minimaxi.com"), 0, SPEAKS_CHAT | SPEAKS_MESSAGES,
     PLAIN | QUIRK_NO_REASONING | QUIRK_NO_SCHEMA, "/anthropic/v1/messages"},
    {HOST("qianfan.baidubce.com"), 0, SPEAKS_CHAT, PLAIN | QUIRK_NO_REASONING, NULL},
    {HOST("api.hunyuan.cloud.tencent.com"), 0, SPEAKS_CHAT,
     QUIRK_NO_DEVELOPER | QUIRK_ENABLE_THINKING | QUIRK_NO_SCHEMA, NULL},
    {HOST("api.lkeap.cloud.tencent.com"), 0, SPEAKS_CHAT, THINKING | QUIRK_NO_REASONING | QUIRK_NO_SCHEMA, NULL},
    {HOST("api.moonshot.ai"), 0, SPEAKS_CHAT | SPEAKS_MESSAGES,
     THINKING | QUIRK_NO_REASONING, "/anthropic/v1/messages"},
    {HOST("api.moonshot.cn"), 0, SPEAKS_CHAT | SPEAKS_MESSAGES,
     THINKING | QUIRK_NO_REASONING, "/anthropic/v1/messages"},
    {HOST("api.z.ai"), 0, SPEAKS_CHAT | SPEAKS_MESSAGES,
     THINKING | QUIRK_NO_REASONING | QUIRK_NO_SCHEMA, "/api/anthropic/v1/messages"},
    {HOST("open.bigmodel.cn"), 0, SPEAKS_CHAT | SPEAKS_MESSAGES,
     THINKING | QUIRK_NO_REASONING | QUIRK_NO_SCHEMA, "/api/anthropic/v1/messages"},
    {HOST(".xiaomimimo.com"), 0, SPEAKS_CHAT | SPEAKS_MESSAGES,
     THINKING | QUIRK_NO_REASONING, "/anthropic/v1/messages"},
    {HOST("api.mistral.ai"), 0, SPEAKS_CHAT,
     QUIRK_NO_DEVELOPER | QUIRK_TOOL_ID_9 | QUIRK_TOOL_ANY | QUIRK_SEED_RANDOM | QUIRK_STRICT_FIELDS |
     QUIRK_NO_STREAM_OPTIONS | QUIRK_NO_REASONING | QUIRK_PREFIX, NULL},
    {HOST("api.groq.com"), 0, SPEAKS_CHAT | SPEAKS_RESPONSES, PLAIN | QUIRK_NO_LOGPROBS, NULL},
    {HOST("api.x.ai"), 0, SPEAKS_CHAT | SPEAKS_RESPONSES, PLAIN | QUIRK_THINKING_UNBOUND, NULL},
    {HOST("api.together.xyz"), 0, SPEAKS_CHAT, SAMPLERS, NULL},
    {HOST("api.together.ai"), 0, SPEAKS_CHAT, SAMPLERS, NULL},
    {HOST("api.cerebras.ai"), 0, SPEAKS_CHAT, PLAIN, NULL},
    {HOST("api.perplexity.ai"), 0, SPEAKS_CHAT, SAMPLERS, NULL},
    {HOST("api.siliconflow.cn"), 0, SPEAKS_CHAT, QWEN, NULL},
    {HOST("api.siliconflow.com"), 0, SPEAKS_CHAT, QWEN, NULL},
    {HOST("api.fireworks.ai"), 0, SPEAKS_CHAT, SAMPLERS, NULL},
    {HOST("router.huggingface.co"), 0, SPEAKS_CHAT, PLAIN, NULL},
    {HOST("api.avian.io"), 0, SPEAKS_CHAT, PLAIN, NULL},
    {HOST("api.deepinfra.com"), 0, SPEAKS_CHAT, SAMPLERS, NULL},
    {HOST("api.novita.ai"), 0, SPEAKS_CHAT, SAMPLERS, NULL},
    {HOST("integrate.api.nvidia.com"), 0, SPEAKS_CHAT, SAMPLERS, NULL},
    {HOST("generativelanguage.googleapis.com"), 0, SPEAKS_CHAT,
     PLAIN | QUIRK_NO_LOGPROBS | QUIRK_GOOGLE_SIGNATURE, NULL},
    {HOST(".api.aws"), 0, SPEAKS_CHAT | SPEAKS_RESPONSES, PLAIN | QUIRK_COMPLETION_TOKENS, NULL},
    {HOST("ollama.com"), 0, SPEAKS_CHAT, PLAIN, NULL},
    // clang-format on
};

/* Whatever the host is, by port; the last one fits all. */
static const struct crowd_row any_host[] = {
    // clang-format off
    {HOST(""), 11434, SPEAKS_CHAT, PLAIN, NULL},   /* Ollama */
    {HOST(""), 1234, SPEAKS_CHAT, SAMPLERS, NULL}, /* LM Studio */
    {HOST(""), 8000, SPEAKS_CHAT, SAMPLERS, NULL}, /* vLLM */
    {HOST(""), 8080, SPEAKS_CHAT, SAMPLERS, NULL}, /* llama.cpp */
    {HOST(""), 0, SPEAKS_CHAT, PLAIN, NULL},       /* any other */
    // clang-format on
};

/* An end of the name counts only with something before it. */
static bool
fits(const struct crowd_row *row, struct str host)
{
    if (host.len < row->host.len ||
        (host.len > row->host.len) != (*row->host.ptr == '.'))
        return false;
    return str_equals_nocase(str_skip(host, host.len - row->host.len),
                             row->host);
}

/* An address in numbers, which no row names. */
static bool
is_address(struct str host)
{
    char last = host.len > 0 ? host.ptr[host.len - 1] : '0';
    return (last >= '0' && last <= '9') || last == ']';
}

const struct crowd_row *
crowd_row_of(const struct catalogue_provider *provider)
{
    struct str host = str_from(provider->host);
    if (!is_address(host))
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
            if (fits(&rows[i], host))
                return &rows[i];
    size_t i = 0;
    while (any_host[i].port != 0 && any_host[i].port != provider->port)
        i++;
    return &any_host[i];
}

uint32_t
openai_quirks(const struct catalogue_provider *provider)
{
    return provider->quirks != 0 ? provider->quirks
                                 : crowd_row_of(provider)->quirks;
}

uint32_t
openai_apis(const struct catalogue_provider *provider)
{
    return provider->speaks != 0 ? provider->speaks
                                 : crowd_row_of(provider)->speaks;
}
