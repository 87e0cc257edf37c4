/*
 * self_service_openrouter.c - models and their endpoints as OpenRouter describes
 * them: prices a token, limits, how each provider has been of late.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "common/clock.h"
#include "shm/endpoint_window.h"
#include "worker/error_reply.h"
#include "worker/model_listing.h"
#include "worker/request_call.h"
#include "worker/request_path.h"
#include "worker/self_service.h"

/* ---- what a model is ---- */

static const struct kind {
    const char *type, *modality, *input, *output;
    bool chats;
} kinds[] = {
    {"chat", "text->text", "text", "text", true},
    {"completion", "text->text", "text", "text", true},
    {"embedding", "text->embeddings", "text", "embeddings", false},
    {"image", "text->image", "text", "image", false},
    {"audio", "audio->transcription", "audio", "transcription", false},
    {"rerank", "text->rerank", "text", "rerank", false},
    {"moderation", "text->text", "text", "text", false},
};

static const struct kind *
kind_of(const struct catalogue_model *model)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].type, model->type) == 0)
            return &kinds[i];
    return &kinds[0];
}

static void
key_text(struct json_writer *json, const char *name, const char *text)
{
    json_key(json, name);
    json_cstring(json, text);
}

static void
key_list(struct json_writer *json, const char *name, const char *item)
{
    json_key(json, name);
    json_array_begin(json);
    json_cstring(json, item);
    json_array_end(json);
}

static void
key_number(struct json_writer *json, const char *name, uint64_t n)
{
    json_key(json, name);
    if (n == 0)
        json_null(json);
    else
        json_u64(json, n);
}

static void
write_architecture(struct json_writer *json,
                   const struct catalogue_model *model)
{
    const struct kind *kind = kind_of(model);
    json_key(json, "architecture");
    json_object_begin(json);
    key_text(json, "modality", kind->modality);
    key_list(json, "input_modalities", kind->input);
    key_list(json, "output_modalities", kind->output);
    key_text(json, "tokenizer", "Other");
    key_text(json, "instruct_type", NULL);
    json_object_end(json);
}

/* What all dialects have words for, so that any provider may be sent it. */
static void
write_parameters(struct json_writer *json, const struct catalogue_model *model)
{
    static const char *const names[] = {
        "max_tokens", "temperature", "top_p", "stop", "tools", "tool_choice",
    };
    json_key(json, "supported_parameters");
    json_array_begin(json);
    for (size_t i = 0; kind_of(model)->chats && i < ARRAY_LEN(names); i++)
        json_cstring(json, names[i]);
    json_array_end(json);
}

/* Pico-currency as a decimal text of currency; without a price, -1. */
static void
key_price(struct json_writer *json, const char *name, int64_t pico)
{
    char text[40];
    if (pico < 0) {
        key_text(json, name, "-1");
        return;
    }
    int len = snprintf(text, sizeof(text), "%lld.%012lld",
                       (long long)(pico / INT64_C(1000000000000)),
                       (long long)(pico % INT64_C(1000000000000)));
    while (len > 0 && text[len - 1] == '0')
        len--;
    if (len > 0 && text[len - 1] == '.')
        len--;
    text[len] = '\0';
    key_text(json, name, text);
}

static void
write_pricing(struct json_writer *json, const struct prices *prices)
{
    const struct {
        const char *name;
        int64_t pico;
    } others[] = {
        {"input_cache_read", prices->cached},
        {"input_cache_write", prices->cache_creation},
        {"input_cache_write_1h", prices->cache_creation_1h},
        {"internal_reasoning", prices->reasoning},
        {"audio", prices->audio_in},
        {"audio_output", prices->audio_out},
        {"image", prices->image},
        {"request", prices->request},
    };
    json_key(json, "pricing");
    json_object_begin(json);
    key_price(json, "prompt", prices->input);
    key_price(json, "completion", prices->output);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (others[i].pico >= 0)
            key_price(json, others[i].name, others[i].pico);
    json_object_end(json);
}

void
self_service_write_openrouter(struct json_writer *json,
                              const struct catalogue *catalogue,
                              const struct catalogue_model *model,
                              struct str id)
{
    char path[CALL_MODEL_BYTES + 32];
    json_object_begin(json);
    json_key(json, "id");
    json_string(json, id);
    key_text(json, "canonical_slug", model->name);
    json_key(json, "name");
    json_string(json, id);
    key_text(json, "object", "model"); /* as OpenAI's clients want it */
    json_key(json, "created");
    json_i64(json, catalogue->created_ms / 1000);
    key_text(json, "description", "");
    key_number(json, "context_length", model->context);
    write_architecture(json, model);
    write_pricing(json, &model->prices);
    json_key(json, "top_provider");
    json_object_begin(json);
    key_number(json, "context_length", model->context);
    key_number(json, "max_completion_tokens", model->max_output);
    json_key(json, "is_moderated");
    json_bool(json, false);
    json_object_end(json);
    json_key(json, "per_request_limits");
    json_null(json);
    write_parameters(json, model);
    json_key(json, "default_parameters");
    json_null(json);
    json_key(json, "supported_voices");
    json_null(json);
    json_key(json, "links");
    json_object_begin(json);
    snprintf(path, sizeof(path), "/api/v1/models/%.*s/endpoints",
             (int)(id.len < CALL_MODEL_BYTES ? id.len : CALL_MODEL_BYTES),
             id.ptr);
    key_text(json, "details", path);
    json_object_end(json);
    json_object_end(json);
}

/* ---- its endpoints ---- */

static void
write_percentiles(struct json_writer *json, const char *name,
                  const uint64_t *buckets, unsigned count, double scale)
{
    static const struct {
        const char *name;
        unsigned permille;
    } parts[] = {{"p50", 500}, {"p75", 750}, {"p90", 900}, {"p99", 990}};
    double value;
    json_key(json, name);
    if (!window_percentile(buckets, count, 500, &value)) {
        json_null(json);
        return;
    }
    json_object_begin(json);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        char text[32];
        if (!window_percentile(buckets, count, parts[i].permille, &value))
            value = 0;
        snprintf(text, sizeof(text), "%.1f", value * scale);
        json_key(json, parts[i].name);
        json_raw(json, str_from(text));
    }
    json_object_end(json);
}

/* Percent of calls that did not fail. */
static void
write_uptime(struct json_writer *json, const char *name,
             const struct window_sum *sum)
{
    char text[32];
    json_key(json, name);
    if (sum->requests == 0) {
        json_null(json);
        return;
    }
    snprintf(text, sizeof(text), "%.2f",
             100 - 100 * (double)sum->errors / (double)sum->requests);
    json_raw(json, str_from(text));
}

static void
write_tool_choice(struct json_writer *json, bool chats)
{
    static const char *const names[] = {"auto", "none", "required", "function"};
    json_key(json, "supports_tool_choice");
    json_object_begin(json);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        json_key(json, names[i]);
        json_bool(json, chats);
    }
    json_object_end(json);
}

static void
write_health(struct json_writer *json, const struct request *request,
             const struct catalogue_endpoint *endpoint)
{
    enum { MS = 1 };
    const struct segment *segment = request->worker->heritage->segment;
    struct window_sum recent, half_hour;
    uint64_t now_ms = clock_mono_ms();
    window_read(segment, endpoint->endpoint_idx, WINDOW_5_MIN, now_ms, &recent);
    window_read(segment, endpoint->endpoint_idx, WINDOW_30_MIN, now_ms,
                &half_hour);
    write_uptime(json, "uptime_last_5m", &recent);
    write_uptime(json, "uptime_last_30m", &half_hour);
    json_key(json, "uptime_last_1d");
    json_null(json);
    write_percentiles(json, "latency_last_30m", half_hour.ttft,
                      HEALTH_TTFT_BUCKETS, MS);
    write_percentiles(json, "throughput_last_30m", half_hour.speed,
                      HEALTH_SPEED_BUCKETS, 0.5);
}

static void
write_endpoint(struct json_writer *json, const struct request *request,
               const struct catalogue_model *model,
               const struct catalogue_endpoint *endpoint)
{
    enum { WORKS = 0, IS_OFF = -10 };
    const struct catalogue_provider *provider =
        &request->catalogue->providers[endpoint->provider];
    char name[2 * SHM_NAME_BYTES + 4];
    snprintf(name, sizeof(name), "%s | %s", provider->name, model->name);
    json_object_begin(json);
    key_text(json, "name", name);
    key_text(json, "model_id", model->name);
    key_text(json, "model_name", model->name);
    key_text(json, "provider_name", provider->name);
    key_text(json, "tag", provider->name);
    json_key(json, "context_length");
    json_u64(json, model->context);
    key_number(json, "max_completion_tokens", model->max_output);
    key_number(json, "max_prompt_tokens", 0);
    key_text(json, "quantization", "unknown");
    write_pricing(json, &endpoint->prices);
    write_parameters(json, model);
    json_key(json, "status");
    json_i64(json, provider->enabled ? WORKS : IS_OFF);
    json_key(json, "supports_implicit_caching");
    json_bool(json, false);
    json_key(json, "supports_voice_cloning");
    json_bool(json, false);
    write_tool_choice(json, kind_of(model)->chats);
    write_health(json, request, endpoint);
    json_object_end(json);
}

/* The model of the path, if the key may call it; NULL: answered. */
static const struct catalogue_model *
find_model(struct request *request, struct str rest, char id[CALL_MODEL_BYTES])
{
    struct fault fault;
    int only_provider = -1, allowed = 0;
    struct str name = {id, path_decode(rest, id, CALL_MODEL_BYTES)};
    struct str upstream = name;
    const struct catalogue_model *model = NULL;
    request->catalogue = worker_catalogue(request->worker);
    if (request->catalogue == NULL) {
        fault_set_overloaded(&fault, "the gateway is starting");
        request_fail(request, &fault);
        return NULL;
    }
    if (name.len > 0)
        model =
            catalogue_find(request->catalogue, name, &upstream, &only_provider);
    if (model != NULL)
        allowed = auth_model_allowed(request, model->model_idx, &fault);
    if (allowed == 0)
        fault_set(&fault, 404, "invalid_request_error", "model_not_found",
                  "model", "No endpoints found for %.200s", id);
    if (allowed > 0)
        return model;
    request_fail(request, &fault);
    return NULL;
}

SELF_SERVICE(self_service_endpoints)
{
    char id[CALL_MODEL_BYTES];
    struct buf body;
    struct json_writer json;
    (void)head;
    const struct catalogue_model *model = find_model(request, rest, id);
    if (model == NULL)
        return;
    buf_init(&body, 0);
    json_writer_init(&json, &body);
    json_object_begin(&json);
    json_key(&json, "data");
    json_object_begin(&json);
    key_text(&json, "id", id);
    key_text(&json, "name", id);
    json_key(&json, "created");
    json_i64(&json, request->catalogue->created_ms / 1000);
    key_text(&json, "description", "");
    write_architecture(&json, model);
    json_key(&json, "endpoints");
    json_array_begin(&json);
    for (uint32_t i = 0; i < model->endpoint_count; i++)
        write_endpoint(&json, request, model, &model->endpoints[i]);
    json_array_end(&json);
    json_object_end(&json);
    json_object_end(&json);
    self_service_reply(request, 200, &body);
}

void
self_service_openrouter_error(struct buf *out, const struct fault *fault)
{
    struct json_writer json;
    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "error");
    json_object_begin(&json);
    json_key(&json, "code");
    json_u64(&json, fault->status);
    json_key(&json, "message");
    json_cstring(&json, fault->message);
    json_key(&json, "metadata");
    json_object_begin(&json);
    json_key(&json, "code");
    json_cstring(&json, fault->code);
    json_key(&json, "param");
    json_cstring(&json, fault->param);
    json_object_end(&json);
    json_object_end(&json);
    json_object_end(&json);
}
