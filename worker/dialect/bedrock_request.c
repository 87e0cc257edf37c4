/*
 * bedrock_request.c - the body of a Converse call: the members beside messages
 * and tools, and what becomes of those that Converse has no place for.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/bedrock_part.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/hash.h"
#include "worker/dialect/scan.h"

/* Dropped and told, but for those that change what the answer is. */
static const struct canon_field_row field_rows[CANON_FIELDS_END] = {
    [CANON_FIELD_TEMPERATURE] = {CANON_SILENT, NULL},
    [CANON_FIELD_TOP_P] = {CANON_SILENT, NULL},
    [CANON_FIELD_TOP_K] = {CANON_SILENT, NULL},
    [CANON_FIELD_USER] = {CANON_SILENT, NULL},
    [CANON_FIELD_SERVICE_TIER] = {CANON_SILENT, NULL},
    [CANON_FIELD_LOGPROBS] = {CANON_REFUSE, NULL},
    [CANON_FIELD_N] = {CANON_REFUSE, NULL},
    [CANON_FIELD_MODALITIES] = {CANON_REFUSE, NULL},
    [CANON_FIELD_AUDIO] = {CANON_REFUSE, NULL},
    [CANON_FIELD_CACHED_CONTENT] = {CANON_REFUSE, NULL},
};

/* Values that ask for what comes anyway. */
static void
forget_harmless(struct canon_request *request)
{
    static const struct {
        enum canon_field field;
        const char *value;
    } harmless[] = {
        {CANON_FIELD_N, "1"},
        {CANON_FIELD_LOGPROBS, "false"},
        {CANON_FIELD_STORE, "false"},
        {CANON_FIELD_MODALITIES, "[\"text\"]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(harmless); i++) {
        struct str *value = &request->fields[harmless[i].field];
        if (str_equals(*value, str_from(harmless[i].value)))
            *value = str_make(NULL, 0);
    }
}

/* ---- what several members need ---- */

bool
bedrock_is_blank(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\\' && i + 1 < text.len)
            c = strchr("nrtf", text.ptr[++i]) != NULL ? ' ' : 'x';
        if (c != ' ')
            return false;
    }
    return true;
}

void
bedrock_cache_point(struct bedrock_writer *writer, struct str cache_control)
{
    struct json_writer *json = &writer->json;
    struct str ttl;
    bool is_string = false;
    if (cache_control.len == 0 || *cache_control.ptr != '{')
        return;
    json_object_begin(json);
    json_key(json, "cachePoint");
    json_object_begin(json);
    json_key(json, "type");
    json_cstring(json, "default");
    if (json_find(cache_control, "ttl", &ttl))
        ttl = canon_inside(ttl, &is_string);
    if (is_string) {
        json_key(json, "ttl");
        json_inside(json, ttl);
    }
    json_object_end(json);
    json_object_end(json);
}

void
bedrock_tool_id(struct bedrock_writer *writer, struct str id)
{
    static const uint8_t key[16] = {0};
    bool good = id.len > 0 && id.len <= 64;
    for (size_t i = 0; i < id.len && good; i++) {
        char c = id.ptr[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               (c >= '0' && c <= '9') || c == '_' || c == '-';
    }
    if (good) {
        json_inside(&writer->json, id);
        return;
    }
    uint64_t mark[2];
    char text[40];
    hash_siphash128(key, id.ptr, id.len, mark);
    snprintf(text, sizeof(text), "call_%016llx%016llx",
             (unsigned long long)mark[0], (unsigned long long)mark[1]);
    json_cstring(&writer->json, text);
}

/* ---- members ---- */

static void
write_system_text(struct bedrock_writer *writer, struct str text)
{
    struct json_writer *json = &writer->json;
    if (bedrock_is_blank(text))
        return;
    json_object_begin(json);
    json_key(json, "text");
    json_inside(json, text);
    json_object_end(json);
}

/* All that the system says, wherever it stood; there is no switch for an answer
 * in JSON without a schema. */
static void
write_system(struct bedrock_writer *writer)
{
    const struct canon_request *request = writer->request;
    json_key(&writer->json, "system");
    json_array_begin(&writer->json);
    for (uint32_t m = 0; m < request->message_count; m++) {
        const struct canon_message *message = &request->messages[m];
        uint32_t end = message->first_part + message->part_count;
        if (message->role != CANON_SYSTEM)
            continue;
        for (uint32_t i = message->first_part; i < end; i++) {
            const struct canon_part *part = &request->parts[i];
            if (part->kind != CANON_TEXT || bedrock_is_blank(part->text))
                continue;
            write_system_text(writer, part->text);
            bedrock_cache_point(writer, part->cache_control);
        }
    }
    if (request->format == CANON_FORMAT_JSON)
        write_system_text(writer,
                          STR_LIT("Answer with one JSON object and nothing "
                                  "else: no other text, no code fence."));
    json_array_end(&writer->json);
}

/* From 0 to 1 in nearly all models, where others take 2. */
static void
write_temperature(struct bedrock_writer *writer, struct str value)
{
    char text[32];
    size_t len = value.len < sizeof(text) ? value.len : sizeof(text) - 1;
    memcpy(text, value.ptr, len);
    text[len] = '\0';
    json_key(&writer->json, "temperature");
    json_raw(&writer->json, strtod(text, NULL) > 1 ? STR_LIT("1") : value);
}

static bool
is_number(struct str value)
{
    return value.len > 0 &&
           ((*value.ptr >= '0' && *value.ptr <= '9') || *value.ptr == '-');
}

static void
write_stops(struct bedrock_writer *writer)
{
    const struct canon_request *request = writer->request;
    bool any = false;
    for (uint32_t i = 0; i < request->stop_count; i++) {
        if (bedrock_is_blank(request->stops[i]))
            continue;
        if (!any) {
            json_key(&writer->json, "stopSequences");
            json_array_begin(&writer->json);
            any = true;
        }
        json_inside(&writer->json, request->stops[i]);
    }
    if (any)
        json_array_end(&writer->json);
}

/* A Claude that thinks chooses its words itself. */
static void
write_inference(struct bedrock_writer *writer)
{
    struct canon_request *request = writer->request;
    struct json_writer *json = &writer->json;
    struct str temperature = request->fields[CANON_FIELD_TEMPERATURE];
    struct str top_p = request->fields[CANON_FIELD_TOP_P];
    bool fixed = writer->vendor == BEDROCK_CLAUDE &&
                 writer->thinking != BEDROCK_NO_THINKING;
    if (fixed && is_number(temperature))
        canon_drop(request, "temperature");
    if (fixed && is_number(top_p))
        canon_drop(request, "top_p");
    json_key(json, "inferenceConfig");
    json_object_begin(json);
    if (writer->target->max_tokens > 0) {
        json_key(json, "maxTokens");
        json_u64(json, writer->target->max_tokens);
    }
    if (!fixed && is_number(temperature))
        write_temperature(writer, temperature);
    if (!fixed && is_number(top_p)) {
        json_key(json, "topP");
        json_raw(json, top_p);
    }
    write_stops(writer);
    json_object_end(json);
}

/* The schema is a string that holds JSON. */
static void
write_output(struct bedrock_writer *writer)
{
    const struct canon_request *request = writer->request;
    struct json_writer *json = &writer->json;
    if (request->format != CANON_FORMAT_SCHEMA || request->schema.len == 0)
        return;
    json_key(json, "outputConfig");
    json_object_begin(json);
    json_key(json, "textFormat");
    json_object_begin(json);
    json_key(json, "type");
    json_cstring(json, "json_schema");
    json_key(json, "structure");
    json_object_begin(json);
    json_key(json, "jsonSchema");
    json_object_begin(json);
    if (request->schema_name.len > 0) {
        json_key(json, "name");
        json_inside(json, request->schema_name);
    }
    if (request->schema_description.len > 0) {
        json_key(json, "description");
        json_inside(json, request->schema_description);
    }
    json_key(json, "schema");
    json_string(json, request->schema);
    json_object_end(json);
    json_object_end(json);
    json_object_end(json);
    json_object_end(json);
}

static void
write_tier(struct bedrock_writer *writer)
{
    static const struct {
        const char *name, *tier; /* NULL: as Bedrock likes */
    } tiers[] = {
        {"\"auto\"", NULL},
        {"\"default\"", "default"},
        {"\"standard_only\"", "default"},
        {"\"flex\"", "flex"},
        {"\"priority\"", "priority"},
        {"null", NULL},
    };
    struct str value = writer->request->fields[CANON_FIELD_SERVICE_TIER];
    if (value.len == 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(tiers); i++) {
        if (!str_equals(str_from(tiers[i].name), value))
            continue;
        if (tiers[i].tier == NULL)
            return;
        json_key(&writer->json, "serviceTier");
        json_object_begin(&writer->json);
        json_key(&writer->json, "type");
        json_cstring(&writer->json, tiers[i].tier);
        json_object_end(&writer->json);
        return;
    }
    canon_drop(writer->request, "service_tier");
}

/* requestMetadata takes few characters. */
static void
write_user(struct bedrock_writer *writer)
{
    bool good = false;
    struct str user =
        canon_inside(writer->request->fields[CANON_FIELD_USER], &good);
    if (!good || user.len == 0)
        return;
    good = user.len <= 256;
    for (size_t i = 0; i < user.len && good; i++) {
        char c = user.ptr[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               (c >= '0' && c <= '9') ||
               (c != '\0' && strchr(" :_@$#=/+,-.", c) != NULL);
    }
    if (!good) {
        canon_drop(writer->request, "user");
        return;
    }
    json_key(&writer->json, "requestMetadata");
    json_object_begin(&writer->json);
    json_key(&writer->json, "user");
    json_inside(&writer->json, user);
    json_object_end(&writer->json);
}

/* Which stop sequence it was, Claude tells only when asked. */
static void
write_response_paths(struct bedrock_writer *writer)
{
    if (writer->vendor != BEDROCK_CLAUDE || writer->request->stop_count == 0)
        return;
    json_key(&writer->json, "additionalModelResponseFieldPaths");
    json_array_begin(&writer->json);
    json_cstring(&writer->json, "/stop_sequence");
    json_array_end(&writer->json);
}

int
bedrock_write_request(struct canon_request *request,
                      const struct canon_target *target, struct buf *out,
                      struct fault *fault)
{
    struct bedrock_writer writer = {
        .request = request, .target = target, .fault = fault};
    struct json_writer *json = &writer.json;
    if (request->kind != CANON_CHAT)
        return scan_refuse(fault, "unsupported_endpoint", NULL,
                           "Bedrock's Converse API, which serves this model, "
                           "answers chats only.");
    json_writer_init(json, out);
    json_object_begin(json);
    forget_harmless(request);
    if (bedrock_think_plan(&writer) < 0 ||
        canon_fields_write(request, field_rows, json, "Bedrock's Converse API",
                           fault) < 0 ||
        bedrock_messages(&writer) < 0)
        return -1;
    write_system(&writer);
    write_inference(&writer);
    bedrock_tools(&writer);
    bedrock_model_fields(&writer);
    write_response_paths(&writer);
    write_output(&writer);
    write_tier(&writer);
    write_user(&writer);
    json_object_end(json);
    return 0;
}
