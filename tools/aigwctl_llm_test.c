/*
 * aigwctl_llm_test.c - llm test: one token of a chat by an entry, as its client
 * would ask for it. See aigwctl_llm.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_llm.h"

#include <stdio.h>

#include "common/crypto.h"
#include "tools/aigwctl_json.h"

enum { TEST_WAIT_MS = 60000, SAMPLE_BYTES = 200 };

#define DEFAULT_MODEL "deepseek/deepseek-v4-pro"

/* Those that answer on .../chat/completions, and where when none is said. */
static const struct {
    const char *name, *base_url;
} testable[] = {
    {"clickzetta", ""},
    {"openai", "https://api.openai.com/v1"},
    {"openai-compatible", ""},
    {"openrouter", "https://openrouter.ai/api/v1"},
};

static bool
ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* Of clickzetta the base ends in /gateway/v1, whatever of it was written. */
static bool
base_of(const struct llm *llm, const char *fallback, char out[512])
{
    const char *base = *llm->base_url != '\0' ? llm->base_url : fallback;
    size_t len = strlen(base);
    while (len > 0 && base[len - 1] == '/')
        len--;
    int n = snprintf(out, 512, "%.*s", (int)len, base);
    const char *more = "";
    if (strcmp(llm->provider, "clickzetta") == 0 &&
        !ends_with(out, "/gateway/v1"))
        more = ends_with(out, "/gateway") ? "/v1" : "/gateway/v1";
    if (n < 0 || (size_t)n + strlen(more) >= 512)
        return false;
    memcpy(out + n, more, strlen(more) + 1);
    return strncmp(out, "http://", 7) == 0 || strncmp(out, "https://", 8) == 0;
}

static int
choose_base(struct ctl *ctl, const struct llm *llm, char base[512])
{
    unsigned row = 0;
    while (row < ARRAY_LEN(testable) &&
           strcmp(testable[row].name, llm->provider) != 0)
        row++;
    if (row == ARRAY_LEN(testable))
        return llm_refuse(ctl, "UNSUPPORTED_PROVIDER_TEST",
                          "Entries of provider '%s' cannot be tested: it has "
                          "no /chat/completions.",
                          llm->provider);
    if (*llm->api_key == '\0')
        return llm_refuse(ctl, "MISSING_API_KEY", "[llm.%s] has no api_key.",
                          llm->name);
    if (*llm->base_url == '\0' && *testable[row].base_url == '\0')
        return llm_refuse(ctl, "MISSING_BASE_URL", "[llm.%s] has no base_url.",
                          llm->name);
    if (!base_of(llm, testable[row].base_url, base))
        return llm_refuse(ctl, "MISSING_BASE_URL",
                          "The base_url of [llm.%s] is no http or https "
                          "address.",
                          llm->name);
    return CTL_OK;
}

static cJSON *
question(const char *model)
{
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "model", model);
    cJSON *messages = cJSON_AddArrayToObject(body, "messages");
    cJSON *message = cJSON_CreateObject();
    cJSON_AddStringToObject(message, "role", "user");
    cJSON_AddStringToObject(message, "content", "hi");
    cJSON_AddItemToArray(messages, message);
    cJSON_AddNumberToObject(body, "max_tokens", 1);
    return body;
}

static int
report(struct ctl *ctl, const struct llm *llm, const char *base,
       const char *model, const cJSON *answer)
{
    char text[600];
    cJSON *data = cJSON_CreateObject();
    snprintf(text, sizeof(text), "[llm.%s] test passed.", llm->name);
    cJSON_AddStringToObject(data, "message", text);
    cJSON_AddStringToObject(data, "name", llm->name);
    cJSON_AddStringToObject(data, "provider", llm->provider);
    snprintf(text, sizeof(text), "%s/chat/completions", base);
    cJSON_AddStringToObject(data, "url", text);
    cJSON_AddStringToObject(data, "probe", "chat.completions");
    cJSON_AddStringToObject(data, "source", "llm");
    cJSON_AddStringToObject(data, "model", model);
    const cJSON *said = json_at_path(answer, "choices.0.message.content");
    snprintf(text, sizeof(text), "%.*s", SAMPLE_BYTES,
             cJSON_IsString(said) ? said->valuestring : "");
    cJSON_AddStringToObject(data, "sample_response", text);
    return output_object(&ctl->output, data, NULL);
}

static int
ask(struct ctl *ctl, const struct llm *llm, const char *base, const char *model)
{
    struct connect service = {
        .from = "base_url", .timeout_ms = TEST_WAIT_MS, .by_proxy = true};
    struct buf body, answer, error;
    long status = 0;
    int result;
    buf_init(&body, 0);
    buf_init(&answer, 0);
    buf_init(&error, 0);
    snprintf(service.url, sizeof(service.url), "%s", base);
    snprintf(service.token, sizeof(service.token), "%s", llm->api_key);
    cJSON *json = question(model);
    json_print(&body, json);
    cJSON_Delete(json);
    bool answered =
        connect_request(&service, "POST", "/chat/completions", buf_view(&body),
                        &status, &answer, &error) == 0;
    const char *text = buf_cstr(&answer);
    json = cJSON_Parse(text);
    const cJSON *said = json_at_path(json, "error.message");
    if (!answered)
        result = llm_refuse(ctl, "LLM_TEST_REQUEST_FAILED", "[llm.%s]: %s",
                            llm->name, buf_cstr(&error));
    else if (status != 200)
        result = llm_refuse(ctl, "LLM_TEST_HTTP_ERROR",
                            "[llm.%s]: HTTP %ld: %.600s", llm->name, status,
                            cJSON_IsString(said) ? said->valuestring : text);
    else if (!cJSON_IsArray(json_at_path(json, "choices")))
        result =
            llm_refuse(ctl, "LLM_TEST_HTTP_ERROR",
                       "[llm.%s]: the answer is none of a chat.", llm->name);
    else
        result = report(ctl, llm, base, model, json);
    cJSON_Delete(json);
    connect_fini(&service);
    buf_fini(&body);
    buf_fini(&answer);
    buf_fini(&error);
    return result;
}

int
run_llm_test(struct ctl *ctl)
{
    struct profiles profiles;
    struct llm llm;
    struct buf error;
    char base[512];
    const char *model = argument(&ctl->args, "model");
    const char *name =
        ctl->args.positional_count > 0 ? ctl->args.positional[0] : NULL;
    buf_init(&error, 0);
    int status = CTL_FAILED;
    if (profiles_open(&profiles, false, &error) != 0) {
        status = llm_refuse(ctl, "PROFILES_ERROR", "%s", buf_cstr(&error));
    } else {
        status = llm_find(ctl, &profiles, name, &llm);
        profiles_close(&profiles);
    }
    buf_fini(&error);
    if (status == CTL_OK)
        status = choose_base(ctl, &llm, base);
    if (status == CTL_OK) {
        if (model == NULL)
            model = *llm.model != '\0' ? llm.model : DEFAULT_MODEL;
        status = ask(ctl, &llm, base, model);
    }
    crypto_wipe(&llm, sizeof(llm));
    return status;
}
