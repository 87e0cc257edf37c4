/*
 * anthropic_message.c - system, messages and blocks of a body written for a
 * provider of this dialect.
 *
 * Messages of one side that follow each other become one: the results of tools
 * stand first in it, as the API wants them in the message behind the calls. Of
 * an answer that begins the conversation, a full stop by the user goes before.
 * Empty texts are left out, for they are refused.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/anthropic_part.h"
#include "worker/provider/provider.h"

#include <stdio.h>

#include "common/hash.h"

/* ---- ids ---- */

enum { TOOL_ID_MAX = 64 };

static bool
is_tool_id(struct str id)
{
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    return id.len > 0 && id.len <= TOOL_ID_MAX;
}

/* Ids of other makes come to the same one each time they are seen, so that a
 * call and its result still belong together. */
static void
write_tool_id(struct json_writer *json, const char *key, struct str id)
{
    static const uint8_t hash_key[16] = {'t', 'o', 'o', 'l', '_', 'i', 'd'};
    char made[TOOL_ID_MAX];
    json_key(json, key);
    if (is_tool_id(id)) {
        json_inside(json, id);
        return;
    }
    uint64_t hash[2];
    hash_siphash128(hash_key, id.ptr, id.len, hash);
    snprintf(made, sizeof(made), "toolu_%016llx%016llx",
             (unsigned long long)hash[0], (unsigned long long)hash[1]);
    json_cstring(json, made);
}

/* ---- blocks ---- */

static void
block_begin(struct json_writer *json, const char *type)
{
    json_object_begin(json);
    json_key(json, "type");
    json_cstring(json, type);
}

static void
block_end(struct json_writer *json, const struct canon_part *part)
{
    if (part->cache_control.len > 0) {
        json_key(json, "cache_control");
        json_raw(json, part->cache_control);
    }
    json_object_end(json);
}

static void
write_text(struct json_writer *json, const struct canon_part *part)
{
    if (part->text.len == 0)
        return;
    block_begin(json, "text");
    json_key(json, "text");
    json_inside(json, part->text);
    block_end(json, part);
}

static void
write_pair(struct json_writer *json, const char *key, struct str text)
{
    json_key(json, key);
    json_inside(json, text);
}

static void
write_source(struct json_writer *json, const struct canon_part *part)
{
    json_key(json, "source");
    if (part->source == CANON_URL) {
        block_begin(json, "url");
        write_pair(json, "url", part->data);
    } else if (part->source == CANON_PLAIN_TEXT) {
        block_begin(json, "text");
        write_pair(json, "media_type", STR_LIT("text/plain"));
        write_pair(json, "data", part->data);
    } else {
        block_begin(json, "base64");
        write_pair(json, "media_type", part->media_type);
        write_pair(json, "data", part->data);
    }
    json_object_end(json);
}

static bool
is_pdf(struct str media_type)
{
    /* a slash may be written as an escape */
    return str_equals(media_type, STR_LIT("application/pdf")) ||
           str_equals(media_type, STR_LIT("application\\/pdf"));
}

static int
write_media(struct json_writer *json, const struct canon_part *part,
            struct fault *fault)
{
    bool is_image = part->kind == CANON_IMAGE;
    if (part->source == CANON_FILE_ID)
        return anthropic_refuse(fault, "messages",
                                "a file's id is known to the provider only "
                                "that it was given to: send the file itself");
    if (!is_image && part->source == CANON_BASE64 && !is_pdf(part->media_type))
        return anthropic_refuse(
            fault, "messages",
            "Anthropic's API takes PDF files and plain "
            "text only: %.*s is neither",
            part->media_type.len < 80 ? (int)part->media_type.len : 80,
            part->media_type.ptr);
    block_begin(json, is_image ? "image" : "document");
    write_source(json, part);
    if (!is_image && part->name.len > 0)
        write_pair(json, "title", part->name);
    block_end(json, part);
    return 0;
}

static void
write_call(struct json_writer *json, const struct canon_part *part)
{
    block_begin(json, "tool_use");
    write_tool_id(json, "id", part->id);
    write_pair(json, "name", part->name);
    json_key(json, "input");
    json_raw(json, part->arguments.len > 0 ? part->arguments : STR_LIT("{}"));
    block_end(json, part);
}

/* Thoughts without their signature are no good to the one who had them. */
static void
write_thought(struct canon_request *request, struct json_writer *json,
              const struct canon_part *part)
{
    if (part->kind == CANON_REDACTED) {
        block_begin(json, "redacted_thinking");
        write_pair(json, "data", part->data);
        json_object_end(json);
    } else if (part->signature.len > 0) {
        block_begin(json, "thinking");
        write_pair(json, "thinking", part->text);
        write_pair(json, "signature", part->signature);
        json_object_end(json);
    } else if (request->dropped_count == 0 ||
               strcmp(request->dropped[request->dropped_count - 1],
                      "reasoning_content") != 0) {
        canon_drop(request, "reasoning_content");
    }
}

static int write_part(struct canon_request *request, struct json_writer *json,
                      uint32_t number, struct fault *fault);

/* An object that a tool gave goes as its JSON text. */
static int
write_result(struct canon_request *request, struct json_writer *json,
             uint32_t number, struct fault *fault)
{
    const struct canon_part *part = &request->parts[number];
    block_begin(json, "tool_result");
    write_tool_id(json, "tool_use_id", part->id);
    json_key(json, "content");
    json_array_begin(json);
    if (part->arguments.len > 0) {
        block_begin(json, "text");
        json_key(json, "text");
        json_string(json, part->arguments);
        json_object_end(json);
    }
    for (uint32_t i = 1; i <= part->children; i++)
        if (write_part(request, json, number + i, fault) != 0)
            return -1;
    json_array_end(json);
    if (part->is_error) {
        json_key(json, "is_error");
        json_bool(json, true);
    }
    block_end(json, part);
    return 0;
}

static int
write_part(struct canon_request *request, struct json_writer *json,
           uint32_t number, struct fault *fault)
{
    const struct canon_part *part = &request->parts[number];
    switch (part->kind) {
    case CANON_TEXT:
    case CANON_REFUSAL:
        write_text(json, part);
        return 0;
    case CANON_IMAGE:
    case CANON_FILE:
        return write_media(json, part, fault);
    case CANON_AUDIO:
        return anthropic_refuse(fault, "messages",
                                "Anthropic's models hear no audio: choose "
                                "another model");
    case CANON_THINKING:
    case CANON_REDACTED:
        write_thought(request, json, part);
        return 0;
    case CANON_TOOL_CALL:
        write_call(json, part);
        return 0;
    default:
        return write_result(request, json, number, fault);
    }
}

/* ---- messages ---- */

/* The parts of one message that are results, or those that are none. */
static int
write_parts(struct canon_request *request, struct json_writer *json,
            const struct canon_message *message, bool results,
            struct fault *fault)
{
    uint32_t end = message->first_part + message->part_count;
    for (uint32_t i = message->first_part; i < end; i++) {
        uint32_t number = i;
        bool is_result = request->parts[i].kind == CANON_TOOL_RESULT;
        i += is_result ? request->parts[i].children : 0;
        if (is_result == results &&
            write_part(request, json, number, fault) != 0)
            return -1;
    }
    return 0;
}

static bool
part_shows(const struct canon_part *part)
{
    switch (part->kind) {
    case CANON_TEXT:
    case CANON_REFUSAL:
        return part->text.len > 0;
    case CANON_THINKING:
        return part->signature.len > 0;
    default:
        return true;
    }
}

/* Whether a message has a block that will be written. */
static bool
message_shows(const struct canon_request *request,
              const struct canon_message *message)
{
    for (uint32_t i = 0; i < message->part_count; i++)
        if (part_shows(&request->parts[message->first_part + i]))
            return true;
    return false;
}

/* The next message from `at` on that is one of the conversation. */
static uint32_t
next_shown(const struct canon_request *request, uint32_t at)
{
    while (at < request->message_count &&
           (request->messages[at].role == CANON_SYSTEM ||
            !message_shows(request, &request->messages[at])))
        at++;
    return at;
}

/* One message of the messages [from, to) of one side. */
static int
write_turn(struct canon_request *request, struct json_writer *json,
           uint32_t from, uint32_t to, struct fault *fault)
{
    uint8_t role = request->messages[from].role;
    json_object_begin(json);
    json_key(json, "role");
    json_cstring(json, role == CANON_USER ? "user" : "assistant");
    json_key(json, "content");
    json_array_begin(json);
    for (int results = 1; results >= 0; results--)
        for (uint32_t i = from; i < to; i++)
            if (request->messages[i].role == role &&
                write_parts(request, json, &request->messages[i], results,
                            fault) != 0)
                return -1;
    json_array_end(json);
    json_object_end(json);
    return 0;
}

int
anthropic_write_messages(struct canon_request *request,
                         struct json_writer *json, struct fault *fault)
{
    uint32_t at = next_shown(request, 0);
    json_key(json, "messages");
    json_array_begin(json);
    if (at < request->message_count &&
        request->messages[at].role == CANON_ASSISTANT)
        json_raw(json, STR_LIT("{\"role\":\"user\",\"content\":[{"
                               "\"type\":\"text\",\"text\":\".\"}]}"));
    while (at < request->message_count) {
        uint8_t role = request->messages[at].role;
        uint32_t next = at;
        do
            next = next_shown(request, next + 1);
        while (next < request->message_count &&
               request->messages[next].role == role);
        if (write_turn(request, json, at, next, fault) != 0)
            return -1;
        at = next;
    }
    json_array_end(json);
    return 0;
}

/* ---- system ---- */

/* What there is no switch for is asked for in words. */
static void
write_instruction(const struct canon_request *request,
                  const struct canon_target *target, struct json_writer *json)
{
    bool schema = request->format == CANON_FORMAT_SCHEMA &&
                  (target->quirks & QUIRK_NO_SCHEMA) != 0;
    if (request->format != CANON_FORMAT_JSON && !schema)
        return;
    block_begin(json, "text");
    json_key(json, "text");
    buf_append_cstr(json->out, "\"Answer with one JSON object and nothing else"
                               ", not even a code fence.");
    if (schema) {
        buf_append_cstr(json->out, " It must follow this JSON Schema: ");
        json_escape(json->out, request->schema);
    }
    buf_append_char(json->out, '"');
    json->comma = true;
    json_object_end(json);
}

static bool
has_system(const struct canon_request *request,
           const struct canon_target *target)
{
    if (request->format == CANON_FORMAT_JSON)
        return true;
    if (request->format == CANON_FORMAT_SCHEMA &&
        (target->quirks & QUIRK_NO_SCHEMA) != 0)
        return true;
    for (uint32_t i = 0; i < request->message_count; i++)
        if (request->messages[i].role == CANON_SYSTEM &&
            message_shows(request, &request->messages[i]))
            return true;
    return false;
}

int
anthropic_write_system(struct canon_request *request,
                       const struct canon_target *target,
                       struct json_writer *json, struct fault *fault)
{
    if (!has_system(request, target))
        return 0;
    json_key(json, "system");
    json_array_begin(json);
    for (uint32_t m = 0; m < request->message_count; m++) {
        const struct canon_message *message = &request->messages[m];
        for (uint32_t i = 0;
             message->role == CANON_SYSTEM && i < message->part_count; i++) {
            const struct canon_part *part =
                &request->parts[message->first_part + i];
            if (part->kind != CANON_TEXT)
                return anthropic_refuse(fault, "messages",
                                        "a system message holds text only");
            write_text(json, part);
        }
    }
    write_instruction(request, target, json);
    json_array_end(json);
    return 0;
}
