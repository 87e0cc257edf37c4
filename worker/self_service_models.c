/*
 * self_service_models.c - the models that a key may call, as OpenAI, Anthropic
 * and Google list them: by the dialect of the client that asks.
 *
 * Pages: a token or id names the last model of the page before, so that a
 * catalogue that changes in between skips or repeats nothing else.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/json_write.h"
#include "worker/error_reply.h"
#include "worker/model_listing.h"
#include "worker/request_call.h"
#include "worker/request_path.h"
#include "worker/self_service.h"

enum { PAGE_MAX = 1000, PAGE_ANTHROPIC = 20, PAGE_GEMINI = 50 };

/* ---- one model in each shape ---- */

static void
write_text(struct json_writer *json, const char *name, struct str text)
{
    json_key(json, name);
    json_string(json, text);
}

static void
write_openai(struct json_writer *json, const struct catalogue *catalogue,
             const struct catalogue_model *model, struct str id)
{
    const char *owner = "aigw";
    if (model->endpoint_count > 0)
        owner = catalogue->providers[model->endpoints[0].provider].name;
    json_object_begin(json);
    write_text(json, "id", id);
    write_text(json, "object", STR_LIT("model"));
    json_key(json, "created");
    json_i64(json, catalogue->created_ms / 1000);
    write_text(json, "owned_by", str_from(owner));
    json_object_end(json);
}

static void
write_anthropic(struct json_writer *json, const struct catalogue *catalogue,
                const struct catalogue_model *model, struct str id)
{
    (void)model;
    json_object_begin(json);
    write_text(json, "type", STR_LIT("model"));
    write_text(json, "id", id);
    write_text(json, "display_name", id);
    json_key(json, "created_at");
    json_time(json, catalogue->created_ms);
    json_object_end(json);
}

static void
write_limit(struct json_writer *json, const char *name, uint64_t tokens)
{
    if (tokens == 0)
        return; /* not known */
    json_key(json, name);
    json_u64(json, tokens);
}

static void
write_gemini(struct json_writer *json, const struct catalogue *catalogue,
             const struct catalogue_model *model, struct str id)
{
    char name[CALL_MODEL_BYTES + 8] = "models/";
    size_t len = id.len < CALL_MODEL_BYTES ? id.len : CALL_MODEL_BYTES;
    static const char *const chat[] = {"generateContent",
                                       "streamGenerateContent", "countTokens"};
    static const char *const embedding[] = {"embedContent",
                                            "batchEmbedContents"};
    bool embeds = strncmp(model->type, "embedding", 9) == 0;
    size_t count = embeds ? ARRAY_LEN(embedding) : ARRAY_LEN(chat);
    (void)catalogue;
    memcpy(name + 7, id.ptr, len);
    json_object_begin(json);
    write_text(json, "name", str_make(name, 7 + len));
    write_text(json, "version", STR_LIT("1"));
    write_text(json, "displayName", id);
    write_limit(json, "inputTokenLimit", model->context);
    write_limit(json, "outputTokenLimit", model->max_output);
    json_key(json, "supportedGenerationMethods");
    json_array_begin(json);
    for (size_t i = 0; i < count; i++)
        json_cstring(json, embeds ? embedding[i] : chat[i]);
    json_array_end(json);
    json_object_end(json);
}

/* ---- lists ---- */

struct shape {
    void (*write)(struct json_writer *json, const struct catalogue *catalogue,
                  const struct catalogue_model *model, struct str id);
    const char *list; /* name of the list */
    /* of the query; NULL: the whole list is one page */
    const char *size, *after;
    uint32_t page; /* models on a page where the client names no number */
};

static const struct shape *
shape_of(const struct request *request)
{
    static const struct shape openai = {write_openai, "data", NULL, NULL, 0};
    static const struct shape anthropic = {write_anthropic, "data", "limit",
                                           "after_id", PAGE_ANTHROPIC};
    static const struct shape gemini = {write_gemini, "models", "pageSize",
                                        "pageToken", PAGE_GEMINI};
    static const struct shape openrouter = {self_service_write_openrouter,
                                            "data", NULL, NULL, 0};
    switch (request->dialect->number) {
    case DIALECT_ANTHROPIC:
        return &anthropic;
    case DIALECT_GEMINI:
        return &gemini;
    default:
        return request->plane == PLANE_OPENROUTER ? &openrouter : &openai;
    }
}

/* False: answered with 503. */
static bool
take_catalogue(struct request *request)
{
    struct fault fault;
    request->catalogue = worker_catalogue(request->worker);
    if (request->catalogue != NULL)
        return true;
    fault_set_overloaded(&fault, "the gateway is starting");
    request_fail(request, &fault);
    return false;
}

static void
refuse_query(struct request *request, const char *param)
{
    struct fault fault;
    fault_set(&fault, 400, "invalid_request_error", "invalid_value", param,
              "'%s' is not understood: send a number from 1 to %d, or what the "
              "page before gave for the next one",
              param, PAGE_MAX);
    fault.no_retry = true;
    request_fail(request, &fault);
}

/* Models on the page, at most PAGE_MAX; 0: no number. */
static uint32_t
page_size(const struct shape *shape, struct str query)
{
    struct str text = request_query(query, str_from(shape->size));
    uint64_t size = 0;
    if (text.ptr == NULL)
        return shape->page;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return 0;
        size = size * 10 + (uint64_t)(text.ptr[i] - '0');
        if (size > PAGE_MAX)
            size = PAGE_MAX;
    }
    return (uint32_t)size;
}

/* What stands behind the list: how to go on. */
static void
write_page_end(struct json_writer *json, const struct request *request,
               const struct model_listing *listing, struct str first)
{
    struct model_listing ahead = *listing;
    bool more = listing->id.ptr != NULL && model_listing_next(&ahead) != NULL;
    if (request->dialect->number == DIALECT_GEMINI) {
        if (more)
            write_text(json, "nextPageToken", listing->id);
        return;
    }
    json_key(json, "has_more");
    json_bool(json, more);
    json_key(json, "first_id");
    if (first.ptr == NULL)
        json_null(json);
    else
        json_string(json, first);
    json_key(json, "last_id");
    if (first.ptr == NULL)
        json_null(json);
    else
        json_string(json, listing->id);
}

/* The whole list is one page. */
static void
write_openrouter_end(struct json_writer *json, uint32_t count)
{
    json_key(json, "total_count");
    json_u64(json, count);
    json_key(json, "links");
    json_object_begin(json);
    json_key(json, "next");
    json_null(json);
    json_object_end(json);
}

/* The listing stands before the page asked for. False: answered with 400. */
static bool
page_begin(const struct shape *shape, struct str query,
           struct model_listing *listing, uint32_t *left)
{
    char after[CALL_MODEL_BYTES];
    *left = UINT32_MAX;
    if (shape->size == NULL)
        return true;
    *left = page_size(shape, query);
    struct str text = request_query(query, str_from(shape->after));
    size_t len = path_decode(text, after, sizeof(after));
    bool found =
        text.len == 0 || model_listing_skip(listing, str_make(after, len));
    listing->id = (struct str){NULL, 0};
    if (*left > 0 && (found || listing->failed))
        return true;
    refuse_query(listing->request, found ? shape->size : shape->after);
    return false;
}

SELF_SERVICE(self_service_models)
{
    const struct shape *shape = shape_of(request);
    const struct catalogue_model *model;
    struct model_listing listing = {.request = request};
    struct str first = {NULL, 0};
    struct buf body;
    struct json_writer json;
    uint32_t left, count = 0;
    (void)rest;
    if (!take_catalogue(request) ||
        !page_begin(shape, head->query, &listing, &left))
        return;
    buf_init(&body, 0);
    json_writer_init(&json, &body);
    json_object_begin(&json);
    if (shape->size == NULL)
        write_text(&json, "object", STR_LIT("list"));
    json_key(&json, shape->list);
    json_array_begin(&json);
    for (; left > 0 && (model = model_listing_next(&listing)) != NULL; left--) {
        shape->write(&json, request->catalogue, model, listing.id);
        count++;
        if (first.ptr == NULL)
            first = listing.id;
    }
    json_array_end(&json);
    if (shape->size != NULL)
        write_page_end(&json, request, &listing, first);
    if (shape->write == self_service_write_openrouter)
        write_openrouter_end(&json, count);
    json_object_end(&json);
    if (!listing.failed) {
        self_service_reply(request, 200, &body);
        return;
    }
    buf_fini(&body);
    request_fail(request, &listing.fault);
}

SELF_SERVICE(self_service_model)
{
    char id[CALL_MODEL_BYTES];
    struct fault fault;
    (void)head;
    if (!take_catalogue(request))
        return;
    struct str name = {id, path_decode(rest, id, sizeof(id))};
    struct str upstream = name;
    int only_provider = -1;
    const struct catalogue_model *model = NULL;
    if (name.len > 0)
        model =
            catalogue_find(request->catalogue, name, &upstream, &only_provider);
    int allowed = model == NULL
                      ? 0
                      : auth_model_allowed(request, model->model_idx, &fault);
    if (allowed == 0)
        fault_set(&fault, 404, "invalid_request_error", "model_not_found",
                  "model",
                  "this model does not exist or this key may not use it; GET "
                  "/v1/models lists what it may");
    if (allowed <= 0) {
        request_fail(request, &fault);
        return;
    }
    struct buf body;
    struct json_writer json;
    buf_init(&body, 0);
    json_writer_init(&json, &body);
    shape_of(request)->write(&json, request->catalogue, model, name);
    self_service_reply(request, 200, &body);
}
