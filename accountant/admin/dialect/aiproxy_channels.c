/*
 * aiproxy_channels.c - aiproxy's channels, which are providers.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/dialect/aiproxy.h"
#include "common/check.h"

/* Of several types with one kind the first is shown. */
static const struct {
    int type;
    const char *kind, *name;
} types[] = {
    {1, "openai", "openai"},
    {3, "azure", "azure"},
    {14, "anthropic", "anthropic"},
    {24, "gemini", "google gemini"},
    {33, "bedrock", "aws"},
    {37, "workers-ai", "cloudflare"},
    {53, "builtin", "fake"},
    {4, "azure", "azure"},
    {12, "openai", "gemini (openai)"},
    {16, "openai", "zhipu"},
    {17, "openai", "ali"},
    {20, "openai", "openrouter"},
    {25, "openai", "moonshot"},
    {27, "openai", "minimax"},
    {28, "openai", "mistral"},
    {29, "openai", "groq"},
    {30, "openai", "ollama"},
    {36, "openai", "deepseek"},
    {40, "openai", "doubao"},
    {43, "openai", "siliconflow"},
    {45, "openai", "xai"},
};

int
aiproxy_channel_type(const char *kind)
{
    for (unsigned i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(types[i].kind, kind) == 0)
            return types[i].type;
    return types[0].type;
}

/* FNV-1a, 31 bits of it. */
int64_t
aiproxy_channel_id(const char *provider)
{
    uint32_t hash = 2166136261u;
    for (; *provider != '\0'; provider++)
        hash = (hash ^ (uint8_t)*provider) * 16777619u;
    return hash & 0x7fffffff;
}

cJSON *
aiproxy_channel_shown(const char *provider)
{
    return shape_of_i64(aiproxy_channel_id(provider));
}

static const cJSON *
ask_providers(struct visit *visit)
{
    const cJSON *all =
        visit_ask(visit, HTTP_GET, NULL, "/admin/v1/providers?limit=1000");
    return all == NULL ? NULL : shape_at(all, "data");
}

/* NULL: there is none. */
static const cJSON *
provider_numbered(const cJSON *providers, const char *number)
{
    const cJSON *provider = NULL;
    char *end = NULL;
    long long id = strtoll(number, &end, 10);
    cJSON_ArrayForEach(provider, providers)
    {
        if (*end == '\0' &&
            aiproxy_channel_id(shape_text(provider, "name")) == id)
            return provider;
    }
    return NULL;
}

const char *
aiproxy_channel_name(struct visit *visit, const char *number)
{
    const cJSON *providers = ask_providers(visit);
    if (providers == NULL)
        return NULL;
    return shape_text(provider_numbered(providers, number), "name");
}

/* ---- shown ---- */

/* Models of the catalogue that it serves. */
static void
add_models(cJSON *out, const cJSON *models, const char *provider)
{
    const cJSON *model = NULL, *at = NULL;
    cJSON *list = cJSON_AddArrayToObject(out, "models");
    cJSON_ArrayForEach(model, models)
    {
        cJSON_ArrayForEach(at, shape_at(model, "providers"))
        {
            if (strcmp(shape_text(at, "provider"), provider) == 0)
                cJSON_AddItemToArray(
                    list, cJSON_CreateString(shape_text(model, "id")));
        }
    }
}

static cJSON *
shown(const cJSON *provider, const cJSON *models)
{
    const char *name = shape_text(provider, "name");
    cJSON *out = cJSON_CreateObject();
    shape_add_i64(out, "id", aiproxy_channel_id(name));
    cJSON_AddStringToObject(out, "name", name);
    cJSON_AddNumberToObject(out, "type",
                            aiproxy_channel_type(shape_text(provider, "kind")));
    cJSON_AddStringToObject(out, "base_url", shape_text(provider, "base_url"));
    cJSON_AddStringToObject(out, "proxy_url", shape_text(provider, "proxy"));
    cJSON_AddStringToObject(out, "key", shape_text(provider, "api_key"));
    add_models(out, models, name);
    cJSON_AddItemToObject(out, "model_mapping", cJSON_CreateObject());
    cJSON_AddNumberToObject(out, "status",
                            shape_true(provider, "enabled") ? AIPROXY_ENABLED
                                                            : AIPROXY_DISABLED);
    cJSON_AddNumberToObject(out, "priority", AIPROXY_PRIORITY);
    cJSON_AddBoolToObject(out, "skip_tls_verify",
                          shape_at(provider, "verify") != NULL &&
                              !shape_true(provider, "verify"));
    cJSON *sets = cJSON_AddArrayToObject(out, "sets");
    cJSON_AddItemToArray(sets, cJSON_CreateString("default"));
    shape_add_i64(out, "created_at", shape_ms(provider, "created_at"));
    return out;
}

static bool
is_wanted(const cJSON *provider, const char *part)
{
    return part == NULL ||
           strcasestr(shape_text(provider, "name"), part) != NULL ||
           strcasestr(shape_text(provider, "base_url"), part) != NULL;
}

/* `page` NULL: all of them, as a bare list. */
static void
answer_list(struct visit *visit, const char *part,
            const struct aiproxy_page *page)
{
    const cJSON *providers = ask_providers(visit);
    const cJSON *models = providers == NULL ? NULL
                                            : visit_ask(visit, HTTP_GET, NULL,
                                                        "/admin/v1/models");
    const cJSON *provider = NULL;
    uint64_t total = 0;
    if (models == NULL)
        return;
    cJSON *rows = cJSON_CreateArray();
    cJSON_ArrayForEach(provider, providers)
    {
        if (!is_wanted(provider, part))
            continue;
        uint64_t place = total++;
        if (page == NULL || (place >= (page->page - 1) * page->per_page &&
                             place < page->page * page->per_page))
            cJSON_AddItemToArray(rows,
                                 shown(provider, shape_at(models, "data")));
    }
    if (page == NULL) {
        aiproxy_answer(visit, rows);
        return;
    }
    cJSON *data = cJSON_CreateObject();
    cJSON_AddItemToObject(data, "channels", rows);
    shape_add_i64(data, "total", (int64_t)total);
    aiproxy_answer(visit, data);
}

static void
list(struct visit *visit)
{
    struct aiproxy_page page;
    aiproxy_read_page(visit, &page);
    answer_list(visit, visit_query(visit, "keyword"), &page);
}

static void
list_all(struct visit *visit)
{
    answer_list(visit, NULL, NULL);
}

static void
type_metas(struct visit *visit)
{
    cJSON *data = cJSON_CreateObject();
    for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
        char type[16];
        snprintf(type, sizeof(type), "%d", types[i].type);
        cJSON *one = cJSON_AddObjectToObject(data, type);
        cJSON_AddStringToObject(one, "name", types[i].name);
        cJSON_AddStringToObject(one, "keyHelp", "");
        cJSON_AddStringToObject(one, "defaultBaseUrl", "");
    }
    aiproxy_answer(visit, data);
}

/* The channel of the path; NULL: not known yet, or answered. */
static const cJSON *
find(struct visit *visit)
{
    const cJSON *providers = ask_providers(visit);
    const cJSON *provider =
        providers == NULL ? NULL
                          : provider_numbered(providers, visit->params[0]);
    if (provider == NULL && providers != NULL)
        visit_fail(visit, 404, "not_found", "channel record not found");
    return provider;
}

static void
answer_one(struct visit *visit, const cJSON *provider)
{
    const cJSON *models = visit_ask(visit, HTTP_GET, NULL, "/admin/v1/models");
    if (models != NULL)
        aiproxy_answer(visit, shown(provider, shape_at(models, "data")));
}

static void
get(struct visit *visit)
{
    const cJSON *provider = find(visit);
    if (provider != NULL)
        answer_one(visit, provider);
}

/* ---- changed ---- */

static void
put_text(const cJSON *body, const char *from, cJSON *native, const char *to)
{
    if (shape_at(body, from) != NULL)
        shape_add_copy(native, to, shape_at(body, from));
}

/* What a channel's body names, of a provider; NULL: answered. */
static cJSON *
native_of(struct visit *visit, const cJSON *body)
{
    const cJSON *type = shape_at(body, "type");
    cJSON *native = cJSON_CreateObject();
    put_text(body, "base_url", native, "base_url");
    put_text(body, "key", native, "api_key");
    put_text(body, "proxy_url", native, "proxy");
    put_text(body, "models", native, "models");
    if (shape_at(body, "skip_tls_verify") != NULL)
        cJSON_AddBoolToObject(native, "verify",
                              !shape_true(body, "skip_tls_verify"));
    if (shape_at(body, "status") != NULL)
        cJSON_AddBoolToObject(native, "enabled",
                              shape_i64(body, "status") == AIPROXY_ENABLED);
    if (type == NULL)
        return native;
    for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
        if (types[i].type == shape_i64(body, "type")) {
            cJSON_AddStringToObject(native, "kind", types[i].kind);
            return native;
        }
    }
    cJSON_Delete(native);
    visit_fail(visit, 400, "invalid_field", "channel type is not known");
    return NULL;
}

bool
aiproxy_channel_make(struct visit *visit, const cJSON *body)
{
    cJSON *native = native_of(visit, body);
    if (native == NULL)
        return false;
    shape_add_copy(native, "name", shape_at(body, "name"));
    return visit_ask(visit, HTTP_POST, native, "/admin/v1/providers") != NULL;
}

static void
create(struct visit *visit)
{
    const cJSON *body = visit_object(visit);
    if (body != NULL && aiproxy_channel_make(visit, body))
        aiproxy_answer(visit, NULL);
}

/* Those of a list of numbers that there are. */
static void
list_numbered(struct visit *visit)
{
    const cJSON *number = NULL, *body = visit_json(visit);
    const cJSON *providers = body == NULL ? NULL : ask_providers(visit);
    const cJSON *models = providers == NULL ? NULL
                                            : visit_ask(visit, HTTP_GET, NULL,
                                                        "/admin/v1/models");
    if (models == NULL)
        return;
    if (!cJSON_IsArray(body) || cJSON_GetArraySize(body) > AIPROXY_BATCH_MAX) {
        visit_fail(visit, 400, "invalid_field",
                   "the body must be a list of numbers, %d at most",
                   AIPROXY_BATCH_MAX);
        return;
    }
    cJSON *rows = cJSON_CreateArray();
    cJSON_ArrayForEach(number, body)
    {
        char text[24];
        snprintf(text, sizeof(text), "%.0f",
                 cJSON_IsNumber(number) ? number->valuedouble : -1.0);
        const cJSON *provider = provider_numbered(providers, text);
        if (provider != NULL)
            cJSON_AddItemToArray(rows,
                                 shown(provider, shape_at(models, "data")));
    }
    aiproxy_answer(visit, rows);
}

static void
update(struct visit *visit)
{
    const cJSON *body = visit_object(visit);
    cJSON *native = body == NULL ? NULL : native_of(visit, body);
    const cJSON *provider = native == NULL ? NULL : find(visit);
    if (provider == NULL) {
        cJSON_Delete(native);
        return;
    }
    provider = visit_ask(visit, HTTP_PATCH, native, "/admin/v1/providers/{}",
                         shape_text(provider, "name"));
    if (provider != NULL)
        answer_one(visit, provider);
}

static void
set_status(struct visit *visit)
{
    const cJSON *body = visit_object(visit);
    const char *enabled;
    if (body != NULL &&
        aiproxy_status_word(visit, shape_i64(body, "status"), &enabled))
        update(visit);
}

static void
delete_one(struct visit *visit)
{
    const cJSON *provider = find(visit);
    if (provider != NULL &&
        visit_ask(visit, HTTP_DELETE, NULL, "/admin/v1/providers/{}",
                  shape_text(provider, "name")) != NULL)
        aiproxy_answer(visit, NULL);
}

const struct dialect_route aiproxy_channels[] = {
    {HTTP_GET, "/channels/", list, 0},
    {HTTP_GET, "/channels/search", list, 0},
    {HTTP_GET, "/channels/all", list_all, 0},
    {HTTP_GET, "/channels/type_metas", type_metas, 0},
    {HTTP_POST, "/channels/batch_info", list_numbered, 0},
    {HTTP_POST, "/channel/", create, 0},
    {HTTP_GET, "/channel/{}", get, 0},
    {HTTP_PUT, "/channel/{}", update, 0},
    {HTTP_DELETE, "/channel/{}", delete_one, 0},
    {HTTP_POST, "/channel/{}/status", set_status, 0},
    {HTTP_GET, NULL, NULL, 0},
};
