/*
 * op_openapi.c - GET /admin/v1/openapi.json: the table of operations as an
 * OpenAPI 3.1 document. What a caller must be stands in x-aigw-role,
 * x-aigw-scopes and x-aigw-groups of each operation.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "accountant/admin/openapi.h"
#include "common/version.h"

static void
pair(struct json_writer *json, const char *name, const char *value)
{
    json_key(json, name);
    json_cstring(json, value);
}

/* What "{}" of a path is called. */
static const char *
param_name(const struct operation *operation)
{
    if (operation->access.bound == BOUND_KEY ||
        strncmp(operation->name, "token_", 6) == 0 ||
        strncmp(operation->name, "session_", 8) == 0)
        return "id";
    return strncmp(operation->name, "log_", 4) == 0 ? "request_id" : "name";
}

static void
path_text(const struct operation *operation, char *out, size_t size)
{
    const char *mark = strstr(operation->path, "{}");
    if (mark == NULL)
        snprintf(out, size, "%s", operation->path);
    else
        snprintf(out, size, "%.*s{%s}%s", (int)(mark - operation->path),
                 operation->path, param_name(operation), mark + 2);
}

static const struct openapi_operation *
words_of(const struct operation *operation)
{
    const struct openapi_operation *row = openapi_operations;
    while (row->name != NULL && strcmp(row->name, operation->name) != 0)
        row++;
    return row;
}

static void
parameter(struct json_writer *json, const char *in, const char *name,
          const char *type, const char *text, bool required)
{
    json_object_begin(json);
    pair(json, "name", name);
    pair(json, "in", in);
    json_key(json, "required");
    json_bool(json, required);
    if (text != NULL)
        pair(json, "description", text);
    json_key(json, "schema");
    openapi_type_to_json(json, type, NULL);
    json_object_end(json);
}

static void
query_parameter(struct json_writer *json, const char *name)
{
    const struct openapi_query *row = openapi_queries;
    while (row->name != NULL && strcmp(row->name, name) != 0)
        row++;
    parameter(json, "query", name, row->name == NULL ? "string" : row->type,
              row->text, false);
}

static void
parameters_to_json(struct json_writer *json, const struct operation *operation)
{
    char name[64];
    json_key(json, "parameters");
    json_array_begin(json);
    if (strstr(operation->path, "{}") != NULL)
        parameter(json, "path", param_name(operation), "string", NULL, true);
    for (const char *at = operation->query; *at != '\0';) {
        size_t len = strcspn(at, " ");
        snprintf(name, sizeof(name), "%.*s", (int)len, at);
        query_parameter(json, name);
        at += len + (at[len] == ' ');
    }
    if ((operation->flags & OPERATION_ETAG) != 0)
        parameter(json, "header", "If-Match", "string",
                  "only when it has still this ETag, else 412", false);
    if (operations_replay(operation) != NULL)
        parameter(json, "header", "Idempotency-Key", "string",
                  "for 24 hours the same request is done once", false);
    json_array_end(json);
}

static void
content_to_json(struct json_writer *json, const char *schema)
{
    json_key(json, "content");
    json_object_begin(json);
    json_key(json, "application/json");
    json_object_begin(json);
    json_key(json, "schema");
    openapi_type_to_json(json, schema, NULL);
    json_object_end(json);
    json_object_end(json);
}

static bool
is_creation(const struct operation *operation)
{
    const struct operation_replay *replay = operations_replay(operation);
    return (replay != NULL && replay->by != REPLAY_BY_PATH) ||
           strcmp(operation->name, "session_open") == 0 ||
           strcmp(operation->name, "session_link") == 0;
}

static void
responses_to_json(struct json_writer *json, const struct operation *operation,
                  const struct openapi_operation *words)
{
    bool is_text = (operation->flags & OPERATION_METRICS) != 0;
    json_key(json, "responses");
    json_object_begin(json);
    json_key(json, is_creation(operation) ? "201" : "200");
    json_object_begin(json);
    pair(json, "description", "done");
    if (!is_text)
        content_to_json(json, words->answer == NULL ? "object" : words->answer);
    json_object_end(json);
    json_key(json, "default");
    json_object_begin(json);
    pair(json, "description", "refused, or failed");
    content_to_json(json, "Error");
    json_object_end(json);
    json_object_end(json);
}

static void
scopes_to_json(struct json_writer *json, uint32_t scopes)
{
    json_key(json, "x-aigw-scopes");
    json_array_begin(json);
    for (const struct word *w = member_scopes; w->text != NULL; w++)
        if ((w->value & scopes) != 0)
            json_cstring(json, w->text);
    json_array_end(json);
}

static void
operation_to_json(struct json_writer *json, const struct operation *operation)
{
    static const char *const bounds[] = {
        [BOUND_NEVER] = "never",       [BOUND_FREE] = "any",
        [BOUND_KEY] = "of the key",    [BOUND_GROUP] = "of the path",
        [BOUND_BODY] = "of the body",  [BOUND_BODY_NAMED] = "of the body",
        [BOUND_SEEN] = "what it sees", [BOUND_PROFILE] = "of the name",
        [BOUND_ROUTE] = "of the name",
    };
    const struct openapi_operation *words = words_of(operation);
    const char *section = openapi_section(operation);
    const char *body = section != NULL ? section : words->body;
    bool open = (operation->flags & OPERATION_OPEN) != 0;
    json_object_begin(json);
    pair(json, "operationId", operation->name);
    if (words->summary != NULL)
        pair(json, "summary", words->summary);
    json_key(json, "x-aigw-role");
    json_cstring(json, open ? NULL : member_role_text(operation->access.role));
    scopes_to_json(json, operation->access.scopes);
    pair(json, "x-aigw-groups", bounds[operation->access.bound]);
    parameters_to_json(json, operation);
    if ((operation->flags & OPERATION_BODY) != 0) {
        json_key(json, "requestBody");
        json_object_begin(json);
        json_key(json, "required");
        json_bool(json, true);
        content_to_json(json, body == NULL ? "object" : body);
        json_object_end(json);
    }
    responses_to_json(json, operation, words);
    json_object_end(json);
}

static const char *
method_key(enum http_method method)
{
    switch (method) {
    case HTTP_POST:
        return "post";
    case HTTP_PATCH:
        return "patch";
    case HTTP_PUT:
        return "put";
    case HTTP_DELETE:
        return "delete";
    default:
        return "get";
    }
}

/* Each path once, with all its methods. */
static void
paths_to_json(struct json_writer *json)
{
    const struct operation *row, *other;
    char path[160];
    json_object_begin(json);
    for (unsigned i = 0; (row = operations_row(i)) != NULL; i++) {
        bool seen = false;
        for (unsigned j = 0; j < i; j++)
            seen = seen || strcmp(operations_row(j)->path, row->path) == 0;
        if (seen)
            continue;
        path_text(row, path, sizeof(path));
        json_key(json, path);
        json_object_begin(json);
        for (unsigned j = i; (other = operations_row(j)) != NULL; j++) {
            if (strcmp(other->path, row->path) != 0)
                continue;
            json_key(json, method_key(other->method));
            operation_to_json(json, other);
        }
        json_object_end(json);
    }
    json_object_end(json);
}

static void
security_to_json(struct json_writer *json)
{
    json_key(json, "securitySchemes");
    json_object_begin(json);
    json_key(json, "token");
    json_object_begin(json);
    pair(json, "type", "http");
    pair(json, "scheme", "bearer");
    json_object_end(json);
    json_key(json, "login");
    json_object_begin(json);
    pair(json, "type", "apiKey");
    pair(json, "in", "cookie");
    pair(json, "name", "aigw_session");
    json_object_end(json);
    json_object_end(json);
}

static void
either(struct json_writer *json, const char *name)
{
    json_object_begin(json);
    json_key(json, name);
    json_array_begin(json);
    json_array_end(json);
    json_object_end(json);
}

void
op_openapi(struct call *call)
{
    struct json_writer *json = &call->json;
    json_object_begin(json);
    pair(json, "openapi", "3.1.0");
    json_key(json, "info");
    json_object_begin(json);
    pair(json, "title", "aigw management");
    pair(json, "version", AIGW_VERSION);
    json_object_end(json);
    json_key(json, "security");
    json_array_begin(json);
    either(json, "token");
    either(json, "login");
    json_array_end(json);
    json_key(json, "paths");
    paths_to_json(json);
    json_key(json, "components");
    json_object_begin(json);
    security_to_json(json);
    json_key(json, "schemas");
    openapi_schemas_to_json(json);
    json_object_end(json);
    json_object_end(json);
    call_answer(call, 200);
}
