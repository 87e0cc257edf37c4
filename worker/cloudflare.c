/*
 * cloudflare.c - see cloudflare.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/cloudflare.h"

#include "common/json_write.h"
#include "common/net/http_reply.h"
#include "worker/request_path.h"

enum {
    NUMBER_OTHER = 7003, /* "Model execution failed" */
    NUMBER_WHO = 10000,  /* of which the API says no more */
};

/* Our codes by their numbers, at the gateway and at the API. */
static const struct {
    const char *code;
    uint16_t gateway, api;
} numbers[] = {
    {"invalid_api_key", 2009, 10000},     {"key_disabled", 2009, 10000},
    {"key_expired", 2009, 10000},         {"group_disabled", 2009, 10000},
    {"ip_not_allowed", 2009, 10000},      {"unknown_path", 7003, 7003},
    {"method_not_allowed", 7003, 7003},   {"model_not_found", 7003, 7003},
    {"gateway_not_found", 2001, 2001},    {"no_credential", 2040, 2040},
    {"provider_not_found", 2008, 2008},   {"rate_limit_exceeded", 2003, 2003},
    {"insufficient_quota", 2045, 3036},   {"spend_limit_exceeded", 2045, 3036},
    {"insufficient_balance", 2021, 2021}, {"invalid_value", 5006, 5006},
    {"invalid_json", 5006, 5006},         {"upstream_error", 2005, 2005},
    {"upstream_timeout", 2005, 3007},     {"request_timeout", 3008, 3008},
    {"prompt_blocked", 2016, 2016},       {"answer_blocked", 2017, 2017},
    {"request_too_large", 3006, 3006},    {"overloaded", 3040, 3040},
};

static uint16_t
number_of(const struct fault *fault, uint8_t plane)
{
    for (size_t i = 0; fault->code != NULL && i < ARRAY_LEN(numbers); i++)
        if (strcmp(fault->code, numbers[i].code) == 0)
            return plane == PLANE_CF_GATEWAY ? numbers[i].gateway
                                             : numbers[i].api;
    return NUMBER_OTHER;
}

static void
write_item(struct json_writer *json, uint16_t number, const char *message)
{
    json_object_begin(json);
    json_key(json, "code");
    json_u64(json, number);
    json_key(json, "message");
    json_cstring(json, message);
    json_object_end(json);
}

static void
write_empty_list(struct json_writer *json, const char *name)
{
    json_key(json, name);
    json_array_begin(json);
    json_array_end(json);
}

void
cloudflare_error_body(struct buf *out, uint8_t plane, const struct fault *fault)
{
    struct json_writer json;
    bool is_gateway = plane == PLANE_CF_GATEWAY;
    uint16_t number = number_of(fault, plane);
    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "success");
    json_bool(&json, false);
    json_key(&json, "result");
    if (is_gateway) {
        json_array_begin(&json);
        json_array_end(&json);
    } else {
        json_null(&json);
    }
    write_empty_list(&json, "messages");
    json_key(&json, is_gateway ? "error" : "errors");
    json_array_begin(&json);
    write_item(&json, number,
               number == NUMBER_WHO ? "Authentication error" : fault->message);
    if (!is_gateway && fault->code != NULL &&
        strcmp(fault->code, "unknown_path") == 0)
        write_item(&json, 7000, "No route for that URI");
    json_array_end(&json);
    if (is_gateway) {
        json_key(&json, "name");
        json_cstring(&json, "AiGatewayError");
        json_key(&json, "httpCode");
        json_u64(&json, fault->status);
        json_key(&json, "internalCode");
        json_u64(&json, number);
        json_key(&json, "message");
        json_cstring(&json, fault->message);
    }
    json_object_end(&json);
}

void
cloudflare_id_fields(const struct request *request, struct buf *out)
{
    struct str id = str_from(request->id), event = request->event_id;
    http_field(out, STR_LIT("cf-aig-log-id"), id);
    http_field(out, STR_LIT("cf-aig-event-id"), event.len > 0 ? event : id);
}

/* ---- names of providers ---- */

static const struct {
    struct str theirs, ours;
} names[] = {
    {STR_LIT("google-ai-studio"), STR_LIT("gemini")},
    {STR_LIT("google-ai-studio"), STR_LIT("google")},
    {STR_LIT("azure-openai"), STR_LIT("azure")},
    {STR_LIT("aws-bedrock"), STR_LIT("bedrock")},
    {STR_LIT("workers-ai"), STR_LIT("cloudflare")},
    {STR_LIT("grok"), STR_LIT("xai")},
    {STR_LIT("perplexity-ai"), STR_LIT("perplexity")},
};
/* Kinds of which there is one provider, mostly. */
static const struct {
    struct str theirs;
    enum provider_kind kind;
} kinds[] = {
    {STR_LIT("anthropic"), PROVIDER_ANTHROPIC},
    {STR_LIT("google-ai-studio"), PROVIDER_GEMINI},
    {STR_LIT("azure-openai"), PROVIDER_AZURE},
    {STR_LIT("aws-bedrock"), PROVIDER_BEDROCK},
    {STR_LIT("workers-ai"), PROVIDER_WORKERS_AI},
};

int
cloudflare_provider(const struct catalogue *catalogue, struct str name)
{
    int found = catalogue_find_provider(catalogue, name);
    if (found < 0 && str_starts_with(name, STR_LIT("custom-")))
        found = catalogue_find_provider(catalogue, str_skip(name, 7));
    for (size_t i = 0; found < 0 && i < ARRAY_LEN(names); i++)
        if (str_equals(names[i].theirs, name))
            found = catalogue_find_provider(catalogue, names[i].ours);
    for (size_t i = 0; found < 0 && i < ARRAY_LEN(kinds); i++)
        for (uint32_t p = 0; str_equals(kinds[i].theirs, name) && found < 0 &&
                             p < catalogue->provider_count;
             p++)
            if (catalogue->providers[p].kind == kinds[i].kind)
                found = (int)p;
    return found;
}
