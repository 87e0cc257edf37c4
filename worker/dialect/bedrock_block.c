/*
 * bedrock_block.c - messages of a Converse call. User and assistant take turns
 * strictly, the user begins: what follows of the same role is merged, and before
 * an assistant that would begin stands a user who says ".".
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/bedrock_part.h"

#include "worker/dialect/scan.h"

static void
open_message(struct bedrock_writer *writer, uint8_t role)
{
    struct json_writer *json = &writer->json;
    writer->is_open = true;
    writer->role = role;
    json_object_begin(json);
    json_key(json, "role");
    json_cstring(json, role == CANON_ASSISTANT ? "assistant" : "user");
    json_key(json, "content");
    json_array_begin(json);
}

static void
close_message(struct bedrock_writer *writer)
{
    if (!writer->is_open)
        return;
    json_array_end(&writer->json);
    json_object_end(&writer->json);
    writer->is_open = false;
}

static void
write_text(struct bedrock_writer *writer, struct str text)
{
    json_object_begin(&writer->json);
    json_key(&writer->json, "text");
    json_inside(&writer->json, text);
    json_object_end(&writer->json);
}

/* A block of `role` comes next. */
static void
begin_block(struct bedrock_writer *writer, uint8_t role)
{
    if (writer->is_open && writer->role == role)
        return;
    if (!writer->is_open && role == CANON_ASSISTANT) {
        open_message(writer, CANON_USER);
        write_text(writer, STR_LIT("."));
    }
    close_message(writer);
    open_message(writer, role);
}

static void
write_thinking(struct bedrock_writer *writer, const struct canon_part *part)
{
    struct json_writer *json = &writer->json;
    json_object_begin(json);
    json_key(json, "reasoningContent");
    json_object_begin(json);
    if (part->kind == CANON_REDACTED) {
        json_key(json, "redactedContent");
        json_inside(json, part->data);
    } else {
        json_key(json, "reasoningText");
        json_object_begin(json);
        json_key(json, "text");
        json_inside(json, part->text);
        json_key(json, "signature");
        json_inside(json, part->signature);
        json_object_end(json);
    }
    json_object_end(json);
    json_object_end(json);
}

static void
write_call(struct bedrock_writer *writer, const struct canon_part *part)
{
    struct json_writer *json = &writer->json;
    json_object_begin(json);
    json_key(json, "toolUse");
    json_object_begin(json);
    json_key(json, "toolUseId");
    bedrock_tool_id(writer, part->id);
    json_key(json, "name");
    json_inside(json, part->name);
    json_key(json, "input");
    json_raw(json, part->arguments.len > 0 ? part->arguments : STR_LIT("{}"));
    json_object_end(json);
    json_object_end(json);
}

static int
write_result_content(struct bedrock_writer *writer,
                     const struct canon_part *result)
{
    struct json_writer *json = &writer->json;
    if (result->arguments.len > 0) {
        json_object_begin(json);
        json_key(json, "json");
        json_raw(json, result->arguments);
        json_object_end(json);
    }
    for (uint32_t i = 1; i <= result->children; i++) {
        const struct canon_part *part = result + i;
        if (part->kind == CANON_TEXT && !bedrock_is_blank(part->text))
            write_text(writer, part->text);
        else if (part->kind != CANON_TEXT && bedrock_media(writer, part) < 0)
            return -1;
    }
    return 0;
}

static int
write_result(struct bedrock_writer *writer, const struct canon_part *part)
{
    struct json_writer *json = &writer->json;
    json_object_begin(json);
    json_key(json, "toolResult");
    json_object_begin(json);
    json_key(json, "toolUseId");
    bedrock_tool_id(writer, part->id);
    json_key(json, "content");
    json_array_begin(json);
    if (write_result_content(writer, part) < 0)
        return -1;
    json_array_end(json);
    if (part->is_error) {
        json_key(json, "status");
        json_cstring(json, "error");
    }
    json_object_end(json);
    json_object_end(json);
    return 0;
}

/* Blank texts, and thoughts that nobody signed, are refused by Bedrock. */
static bool
is_sent(const struct canon_part *part)
{
    switch (part->kind) {
    case CANON_TEXT:
    case CANON_REFUSAL:
        return !bedrock_is_blank(part->text);
    case CANON_THINKING:
        return part->signature.len > 0;
    case CANON_REDACTED:
        return part->data.len > 0;
    default:
        return true;
    }
}

static int
write_part(struct bedrock_writer *writer, const struct canon_part *part)
{
    int rc = 0;
    switch (part->kind) {
    case CANON_TEXT:
    case CANON_REFUSAL:
        write_text(writer, part->text);
        break;
    case CANON_THINKING:
    case CANON_REDACTED:
        write_thinking(writer, part);
        break;
    case CANON_TOOL_CALL:
        write_call(writer, part);
        break;
    case CANON_TOOL_RESULT:
        rc = write_result(writer, part);
        break;
    default:
        rc = bedrock_media(writer, part);
    }
    if (rc == 0)
        bedrock_cache_point(writer, part->cache_control);
    return rc;
}

int
bedrock_messages(struct bedrock_writer *writer)
{
    const struct canon_request *request = writer->request;
    json_key(&writer->json, "messages");
    json_array_begin(&writer->json);
    for (uint32_t m = 0; m < request->message_count; m++) {
        const struct canon_message *message = &request->messages[m];
        uint32_t i = message->first_part, end = i + message->part_count;
        if (message->role == CANON_SYSTEM)
            continue;
        while (i < end) {
            const struct canon_part *part = &request->parts[i];
            uint32_t children =
                part->kind == CANON_TOOL_RESULT ? part->children : 0;
            i += 1 + children;
            if (!is_sent(part))
                continue;
            begin_block(writer, message->role);
            if (write_part(writer, part) < 0)
                return -1;
        }
    }
    if (!writer->is_open)
        return scan_refuse(writer->fault, "invalid_value", "messages",
                           "No message of a user or an assistant says "
                           "anything: send at least one.");
    close_message(writer);
    json_array_end(&writer->json);
    return 0;
}
