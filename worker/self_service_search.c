/*
 * self_service_search.c - Cloudflare's catalogue of models: those that the key
 * may call, page by page in the API's envelope. Pages are numbered; clients ask
 * for the next one until it is empty.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "common/json_write.h"
#include "worker/error_reply.h"
#include "worker/model_listing.h"
#include "worker/request_call.h"
#include "worker/self_service.h"

enum { PAGE_MAX = 1000, PAGE_DEFAULT = 20, SEARCH_BYTES = 128 };

struct search {
    char text[SEARCH_BYTES], task[SEARCH_BYTES]; /* "": any */
    uint64_t page, per_page;
    uint64_t total, count; /* found; on the page */
};

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
task_of(const struct catalogue_model *model)
{
    for (size_t i = 0; i < ARRAY_LEN(tasks); i++)
        if (strcmp(tasks[i].type, model->type) == 0)
            return tasks[i].task;
    return tasks[0].task;
}

/* A number from 1 to PAGE_MAX; 0: it is none. */
static uint64_t
query_number(struct str query, const char *name, uint64_t absent)
{
    struct str text = request_query(query, str_from(name));
    uint64_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || n > PAGE_MAX)
            return 0;
        n = n * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    return text.ptr == NULL ? absent : n;
}

/* As a form writes it: a plus is a space. False: it is no text. */
static bool
query_text(struct str query, const char *name, char out[SEARCH_BYTES])
{
    char plain[3 * SEARCH_BYTES];
    struct str text = request_query(query, str_from(name));
    out[0] = '\0';
    if (text.len == 0)
        return true;
    if (text.len > sizeof(plain))
        return false;
    for (size_t i = 0; i < text.len; i++)
        plain[i] = text.ptr[i] == '+' ? ' ' : text.ptr[i];
    return path_decode(str_make(plain, text.len), out, SEARCH_BYTES) > 0;
}

static void
write_text(struct json_writer *json, const char *name, const char *text)
{
    json_key(json, name);
    json_cstring(json, text);
}

/* The same for a name wherever it is asked: 128 bits of its digest, as a UUID of
 * version 8 (RFC 9562). */
static void
name_uuid(struct str name, char out[40])
{
    uint8_t b[CRYPTO_DIGEST_BYTES];
    struct iovec piece = {(void *)(uintptr_t)name.ptr, name.len};
    crypto_sha256(&piece, 1, b);
    b[6] = (uint8_t)(0x80 | (b[6] & 0x0f));
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
    snprintf(out, 40,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
             "%02x%02x%02x%02x%02x%02x",
             b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10],
             b[11], b[12], b[13], b[14], b[15]);
}

static void
write_model(struct json_writer *json, const struct catalogue *catalogue,
            const struct catalogue_model *model, struct str id)
{
    char uuid[40], context[24];
    name_uuid(id, uuid);
    json_object_begin(json);
    write_text(json, "id", uuid);
    json_key(json, "source");
    json_u64(json, 1);
    json_key(json, "name");
    json_string(json, id);
    json_key(json, "description");
    json_string(json, id);
    json_key(json, "task");
    json_object_begin(json);
    name_uuid(str_from(task_of(model)), uuid);
    write_text(json, "id", uuid);
    write_text(json, "name", task_of(model));
    write_text(json, "description", task_of(model));
    json_object_end(json);
    json_key(json, "created_at");
    json_time(json, catalogue->created_ms);
    json_key(json, "tags");
    json_array_begin(json);
    json_array_end(json);
    json_key(json, "properties");
    json_array_begin(json);
    if (model->context > 0) {
        snprintf(context, sizeof(context), "%llu",
                 (unsigned long long)model->context);
        json_object_begin(json);
        write_text(json, "property_id", "context_window");
        write_text(json, "value", context);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
}

static bool
is_meant(const struct search *search, const struct catalogue_model *model,
         struct str id)
{
    if (search->task[0] != '\0' &&
        strcasecmp(search->task, task_of(model)) != 0)
        return false;
    size_t len = strlen(search->text);
    for (size_t i = 0; i + len <= id.len; i++)
        if (strncasecmp(id.ptr + i, search->text, len) == 0)
            return true;
    return false;
}

static void
write_result(struct json_writer *json, struct search *search,
             struct model_listing *listing)
{
    const struct catalogue_model *model;
    uint64_t first = (search->page - 1) * search->per_page;
    json_key(json, "result");
    json_array_begin(json);
    while ((model = model_listing_next(listing)) != NULL) {
        if (!is_meant(search, model, listing->id))
            continue;
        if (search->total >= first && search->count < search->per_page) {
            write_model(json, listing->request->catalogue, model, listing->id);
            search->count++;
        }
        search->total++;
    }
    json_array_end(json);
}

static void
write_number(struct json_writer *json, const char *name, uint64_t n)
{
    json_key(json, name);
    json_u64(json, n);
}

static void
write_envelope(struct json_writer *json, struct search *search,
               struct model_listing *listing)
{
    json_object_begin(json);
    json_key(json, "success");
    json_bool(json, true);
    json_key(json, "errors");
    json_array_begin(json);
    json_array_end(json);
    json_key(json, "messages");
    json_array_begin(json);
    json_array_end(json);
    write_result(json, search, listing);
    json_key(json, "result_info");
    json_object_begin(json);
    write_number(json, "page", search->page);
    write_number(json, "per_page", search->per_page);
    write_number(json, "count", search->count);
    write_number(json, "total_count", search->total);
    json_object_end(json);
    json_object_end(json);
}

SELF_SERVICE(self_service_search)
{
    struct search search = {
        .page = query_number(head->query, "page", 1),
        .per_page = query_number(head->query, "per_page", PAGE_DEFAULT)};
    struct model_listing listing = {.request = request};
    struct fault fault;
    struct buf body;
    struct json_writer json;
    (void)rest;
    if (search.page == 0 || search.per_page == 0 ||
        !query_text(head->query, "search", search.text) ||
        !query_text(head->query, "task", search.task)) {
        fault_set(&fault, 400, "invalid_request_error", "invalid_value", NULL,
                  "page and per_page are numbers from 1 to %d, search and task "
                  "are text",
                  PAGE_MAX);
        request_fail(request, &fault);
        return;
    }
    request->catalogue = worker_catalogue(request->worker);
    if (request->catalogue == NULL) {
        fault_set_overloaded(&fault, "the gateway is starting");
        request_fail(request, &fault);
        return;
    }
    buf_init(&body, 0);
    json_writer_init(&json, &body);
    write_envelope(&json, &search, &listing);
    if (!listing.failed) {
        self_service_reply(request, 200, &body);
        return;
    }
    buf_fini(&body);
    request_fail(request, &listing.fault);
}
