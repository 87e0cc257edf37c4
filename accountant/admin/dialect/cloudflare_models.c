/*
 * cloudflare_models.c - Cloudflare's catalogue of models for who manages: all
 * there are. Who calls them asks a worker, which shows what his key may
 * (worker/self_service_search.c); the shapes are the same.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "accountant/admin/dialect/cloudflare.h"
#include "common/clock.h"

enum { PER_PAGE_MAX = 1000 };

/* What Cloudflare calls the kinds of models. */
static const struct {
    const char *type, *task;
} tasks[] = {
    {"chat", "Text Generation"},
    {"completion", "Text Generation"},
    {"embedding", "Text Embeddings"},
    {"image", "Text-to-Image"},
    {"audio", "Automatic Speech Recognition"},
    {"moderation", "Text Classification"},
    {"rerank", "Text Classification"},
};

static const char *
task_of(const char *type)
{
    for (size_t i = 0; i < ARRAY_LEN(tasks); i++)
        if (strcmp(tasks[i].type, type) == 0)
            return tasks[i].task;
    return tasks[0].task;
}

static cJSON *
shape_task(const char *name)
{
    char id[40];
    cJSON *out = cJSON_CreateObject();
    cloudflare_name_uuid(name, id);
    cJSON_AddStringToObject(out, "id", id);
    cJSON_AddStringToObject(out, "name", name);
    cJSON_AddStringToObject(out, "description", name);
    return out;
}

static void
add_property(cJSON *list, const char *id, const cJSON *value)
{
    char text[40];
    if (value == NULL)
        return;
    cJSON *item = cJSON_CreateObject();
    snprintf(text, sizeof(text), "%.15g", value->valuedouble);
    cJSON_AddStringToObject(item, "property_id", id);
    cJSON_AddStringToObject(item, "value", text);
    cJSON_AddItemToArray(list, item);
}

/* [{unit, price, currency}], as theirs. */
static void
add_price(cJSON *list, const cJSON *model, const cJSON *currency)
{
    static const char *const units[][2] = {
        {"prices.input", "per M input tokens"},
        {"prices.output", "per M output tokens"}};
    cJSON *value = cJSON_CreateArray();
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        const cJSON *price = shape_at(model, units[i][0]);
        if (price == NULL)
            continue;
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "unit", units[i][1]);
        shape_add_copy(item, "price", price);
        shape_add_copy(item, "currency", currency);
        cJSON_AddItemToArray(value, item);
    }
    if (value->child == NULL) {
        cJSON_Delete(value);
        return;
    }
    cJSON *property = cJSON_CreateObject();
    cJSON_AddStringToObject(property, "property_id", "price");
    cJSON_AddItemToObject(property, "value", value);
    cJSON_AddItemToArray(list, property);
}

static cJSON *
shape_model(const cJSON *model, const cJSON *currency)
{
    char id[40];
    const char *name = shape_text(model, "id");
    cJSON *out = cJSON_CreateObject();
    cloudflare_name_uuid(name, id);
    cJSON_AddStringToObject(out, "id", id);
    cJSON_AddNumberToObject(out, "source", 1);
    cJSON_AddStringToObject(out, "name", name);
    cJSON_AddStringToObject(out, "description", name);
    cJSON_AddItemToObject(out, "task",
                          shape_task(task_of(shape_text(model, "type"))));
    cJSON_AddArrayToObject(out, "tags");
    cJSON *properties = cJSON_AddArrayToObject(out, "properties");
    add_property(properties, "context_window", shape_at(model, "context"));
    add_property(properties, "max_output_tokens",
                 shape_at(model, "max_output"));
    add_price(properties, model, currency);
    return out;
}

/* "@cf/AUTHOR/NAME" and "AUTHOR/NAME": AUTHOR. */
static struct str
author_of(const char *name)
{
    if (name[0] == '@')
        name += strcspn(name, "/") + (strchr(name, '/') != NULL);
    size_t len = strcspn(name, "/");
    return str_make(name, name[len] == '\0' ? 0 : len);
}

static bool
is_meant(const struct visit *visit, const cJSON *model)
{
    const char *search = visit_query(visit, "search");
    const char *task = visit_query(visit, "task");
    const char *author = visit_query(visit, "author");
    const char *name = shape_text(model, "id");
    if (shape_true(model, "wildcard"))
        return false;
    return (search == NULL || strcasestr(name, search) != NULL) &&
           (task == NULL ||
            strcasecmp(task, task_of(shape_text(model, "type"))) == 0) &&
           (author == NULL ||
            str_equals_nocase(author_of(name), str_from(author)));
}

/* The native list, of an account that is there. */
static const cJSON *
ask_models(struct visit *visit)
{
    return visit_ask(visit, HTTP_GET, NULL, "/admin/v1/models");
}

static void
search_models(struct visit *visit)
{
    struct cloudflare_page page;
    if (!cloudflare_page(visit, &page, PER_PAGE_MAX))
        return;
    const cJSON *model, *answer = ask_models(visit);
    if (answer == NULL)
        return;
    cJSON *all = cJSON_CreateArray();
    cJSON_ArrayForEach(model, shape_at(answer, "data"))
    {
        if (is_meant(visit, model))
            cJSON_AddItemToArray(
                all, shape_model(model, shape_at(answer, "currency")));
    }
    cloudflare_answer_list(visit, all, &page);
}

static void
schema(struct visit *visit)
{
    const char *name = visit_query(visit, "model");
    const cJSON *model, *answer = ask_models(visit);
    if (answer == NULL)
        return;
    cJSON_ArrayForEach(model, shape_at(answer, "data"))
    {
        if (name == NULL || strcmp(shape_text(model, "id"), name) != 0)
            continue;
        bool is_chat = strcmp(shape_text(model, "type"), "embedding") != 0;
        cJSON *out = cJSON_Parse(
            is_chat
                ? "{\"input\":{\"type\":\"object\",\"properties\":{"
                  "\"prompt\":{\"type\":\"string\"},\"messages\":{\"type\":"
                  "\"array\"},\"stream\":{\"type\":\"boolean\"},"
                  "\"max_tokens\":{\"type\":\"integer\"},\"temperature\":{"
                  "\"type\":\"number\"}}},\"output\":{\"type\":\"object\","
                  "\"properties\":{\"response\":{\"type\":\"string\"}}}}"
                : "{\"input\":{\"type\":\"object\",\"properties\":{\"text\":{"
                  "\"type\":[\"string\",\"array\"]}},\"required\":[\"text\"]},"
                  "\"output\":{\"type\":\"object\",\"properties\":{\"shape\":{"
                  "\"type\":\"array\"},\"data\":{\"type\":\"array\"}}}}");
        cloudflare_answer(visit, out);
        return;
    }
    cloudflare_refuse_missing(visit, "Model", name == NULL ? "" : name);
}

/* Lists of a single page. */
static void
search_tasks(struct visit *visit)
{
    const struct cloudflare_page page = {1, PER_PAGE_MAX};
    cJSON *all = cJSON_CreateArray();
    for (size_t i = 0; i < ARRAY_LEN(tasks); i++)
        if (i == 0 || strcmp(tasks[i].task, tasks[i - 1].task) != 0)
            cJSON_AddItemToArray(all, shape_task(tasks[i].task));
    cloudflare_answer_list(visit, all, &page);
}

static void
search_authors(struct visit *visit)
{
    const struct cloudflare_page page = {1, PER_PAGE_MAX};
    const cJSON *model, *answer = ask_models(visit);
    if (answer == NULL)
        return;
    cJSON *all = cJSON_CreateArray(), *seen = cJSON_CreateObject();
    cJSON_ArrayForEach(model, shape_at(answer, "data"))
    {
        char author[128];
        struct str name = author_of(shape_text(model, "id"));
        *str_copy(author, str_cut(name, sizeof(author) - 1)) = '\0';
        if (name.len == 0 ||
            cJSON_GetObjectItemCaseSensitive(seen, author) != NULL)
            continue;
        cJSON_AddTrueToObject(seen, author);
        cJSON_AddItemToArray(all, shape_task(author));
    }
    cJSON_Delete(seen);
    cloudflare_answer_list(visit, all, &page);
}

// clang-format off
const struct dialect_route cloudflare_model_routes[] = {
    {HTTP_GET, "/accounts/{}/ai/models/search", search_models, 0},
    {HTTP_GET, "/accounts/{}/ai/models/schema", schema, 0},
    {HTTP_GET, "/accounts/{}/ai/tasks/search", search_tasks, 0},
    {HTTP_GET, "/accounts/{}/ai/authors/search", search_authors, 0},
    {HTTP_GET, NULL, NULL, 0},
};
// clang-format on
