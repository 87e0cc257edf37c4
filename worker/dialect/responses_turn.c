/*
 * responses_turn.c - canonical messages as input items for a provider.
 *
 * Text, media and refusals of a message stand in one item; tool calls, their
 * results and thinking are items of their own between them, in the same order.
 * Thinking goes up only where one of these providers encrypted it: others'
 * signatures, and thinking without any, it would refuse.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/responses_part.h"

#include "worker/provider/provider.h"

struct turn {
    struct json_writer *json;
    struct canon_request *request;
    struct fault *fault;
    uint32_t quirks;
    const struct canon_message *message;
    bool open; /* an item with content is under way */
};

static void
write_text(struct json_writer *json, const char *name, struct str text)
{
    json_key(json, name);
    json_inside(json, text);
}

static void
write_word(struct json_writer *json, const char *name, const char *word)
{
    json_key(json, name);
    json_cstring(json, word);
}

/* A string of texts one after the other. */
static void
write_joined(struct json_writer *json, const char *name,
             const struct str *texts, unsigned count)
{
    json_key(json, name);
    json_inside(json, str_make(NULL, 0));
    if (!buf_ok(json->out))
        return;
    json->out->end--; /* its closing quote comes behind the last */
    for (unsigned i = 0; i < count; i++)
        buf_append_str(json->out, texts[i]);
    buf_append_char(json->out, '"');
}

/* ---- content ---- */

static void
write_data_url(struct json_writer *json, const char *name,
               const struct canon_part *part)
{
    const struct str texts[] = {STR_LIT("data:"), part->media_type,
                                STR_LIT(";base64,"), part->data};
    write_joined(json, name, texts, ARRAY_LEN(texts));
}

/* A picture or a file: its source under one of three names. */
static void
write_source(struct json_writer *json, const struct canon_part *part,
             const char *data, const char *url)
{
    if (part->source == CANON_BASE64)
        write_data_url(json, data, part);
    else
        write_text(json, part->source == CANON_URL ? url : "file_id",
                   part->data);
}

static void
write_audio(struct json_writer *json, const struct canon_part *part)
{
    bool mp3 = str_equals(part->media_type, STR_LIT("audio/mp3")) ||
               str_equals(part->media_type, STR_LIT("audio/mpeg"));
    write_word(json, "type", "input_audio");
    json_key(json, "input_audio");
    json_object_begin(json);
    write_text(json, "data", part->data);
    write_word(json, "format", mp3 ? "mp3" : "wav");
    json_object_end(json);
}

static void
write_part(struct json_writer *json, const struct canon_part *part,
           bool is_output)
{
    json_object_begin(json);
    switch (part->kind) {
    case CANON_IMAGE:
        write_word(json, "type", "input_image");
        write_text(json, "detail",
                   part->detail.len > 0 ? part->detail : STR_LIT("auto"));
        write_source(json, part, "image_url", "image_url");
        break;
    case CANON_AUDIO:
        write_audio(json, part);
        break;
    case CANON_FILE:
        if (part->source == CANON_PLAIN_TEXT) {
            write_word(json, "type", "input_text");
            write_text(json, "text", part->data);
            break;
        }
        write_word(json, "type", "input_file");
        if (part->name.len > 0)
            write_text(json, "filename", part->name);
        else if (part->source == CANON_BASE64)
            write_word(json, "filename", "file");
        write_source(json, part, "file_data", "file_url");
        break;
    case CANON_REFUSAL:
        write_word(json, "type", "refusal");
        write_text(json, "refusal", part->text);
        break;
    default:
        write_word(json, "type", is_output ? "output_text" : "input_text");
        write_text(json, "text", part->text);
    }
    json_object_end(json);
}

static const char *
role_of(const struct turn *turn)
{
    switch (turn->message->role) {
    case CANON_SYSTEM:
        return turn->message->is_developer &&
                       (turn->quirks & QUIRK_NO_DEVELOPER) == 0
                   ? "developer"
                   : "system";
    case CANON_ASSISTANT:
        return "assistant";
    default:
        return "user";
    }
}

static void
content_end(struct turn *turn)
{
    if (!turn->open)
        return;
    turn->open = false;
    json_array_end(turn->json);
    json_object_end(turn->json);
}

static int
content_part(struct turn *turn, const struct canon_part *part)
{
    bool is_output = turn->message->role == CANON_ASSISTANT;
    bool is_text = part->kind == CANON_TEXT || part->kind == CANON_REFUSAL;
    if (is_text && part->text.len == 0)
        return 0;
    if (is_output && !is_text) {
        responses_drop(turn->request, "assistant.media");
        return 0;
    }
    if (!is_text && part->data.len == 0)
        return responses_refuse(turn->fault, "messages",
                                "A picture, sound or file in the messages has "
                                "no data.");
    if (!turn->open) {
        turn->open = true;
        json_object_begin(turn->json);
        write_word(turn->json, "role", role_of(turn));
        json_key(turn->json, "content");
        json_array_begin(turn->json);
    }
    write_part(turn->json, part, is_output);
    return 0;
}

/* ---- items of their own ---- */

bool
responses_is_ours(const struct canon_part *part)
{
    struct str secret = {NULL, 0};
    if (part->kind == CANON_THINKING)
        secret = part->signature;
    else if (part->kind == CANON_REDACTED)
        secret = part->data;
    return str_starts_with(secret, STR_LIT("gAAAA")) || /* OpenAI, Azure */
           str_starts_with(secret, STR_LIT("rsn_"));    /* Bedrock Mantle */
}

static void
write_thinking(struct turn *turn, const struct canon_part *part)
{
    struct json_writer *json = turn->json;
    if (!responses_is_ours(part) || (turn->quirks & QUIRK_NO_REASONING) != 0)
        return; /* what it said is in the answer that followed */
    content_end(turn);
    json_object_begin(json);
    write_word(json, "type", "reasoning");
    json_key(json, "summary");
    json_array_begin(json);
    if (part->text.len > 0) {
        json_object_begin(json);
        write_word(json, "type", "summary_text");
        write_text(json, "text", part->text);
        json_object_end(json);
    }
    json_array_end(json);
    write_text(json, "encrypted_content",
               part->kind == CANON_THINKING ? part->signature : part->data);
    json_object_end(json);
}

static void
write_call(struct turn *turn, const struct canon_part *part)
{
    struct json_writer *json = turn->json;
    content_end(turn);
    json_object_begin(json);
    write_word(json, "type", "function_call");
    write_text(json, "call_id", part->id);
    write_text(json, "name", part->name);
    json_key(json, "arguments");
    json_string(json,
                part->arguments.len > 0 ? part->arguments : STR_LIT("{}"));
    json_object_end(json);
}

/* `parts`: what the result holds. */
static int
write_output(struct turn *turn, const struct canon_part *result,
             const struct canon_part *parts)
{
    struct json_writer *json = turn->json;
    const struct str texts[] = {
        result->is_error ? STR_LIT("Error: ") : str_make(NULL, 0),
        result->children > 0 ? parts[0].text : str_make(NULL, 0)};
    if (result->arguments.len > 0) {
        json_key(json, "output");
        json_string(json, result->arguments);
        return 0;
    }
    if (result->children == 0 ||
        (result->children == 1 && parts[0].kind == CANON_TEXT)) {
        write_joined(json, "output", texts, ARRAY_LEN(texts));
        return 0;
    }
    json_key(json, "output");
    json_array_begin(json);
    if (result->is_error)
        json_raw(json,
                 STR_LIT("{\"type\":\"input_text\",\"text\":\"Error:\"}"));
    for (uint32_t i = 0; i < result->children; i++) {
        if (parts[i].kind != CANON_TEXT && parts[i].kind != CANON_IMAGE &&
            parts[i].kind != CANON_FILE)
            return responses_refuse(turn->fault, "messages",
                                    "A tool result holds what the Responses "
                                    "API, which serves this model, does not "
                                    "take.");
        write_part(json, &parts[i], false);
    }
    json_array_end(json);
    return 0;
}

static int
write_result(struct turn *turn, const struct canon_part *part)
{
    struct json_writer *json = turn->json;
    content_end(turn);
    json_object_begin(json);
    write_word(json, "type", "function_call_output");
    write_text(json, "call_id", part->id);
    if (write_output(turn, part, part + 1) != 0)
        return -1;
    json_object_end(json);
    return 0;
}

/* ---- messages ---- */

static int
write_message(struct turn *turn)
{
    const struct canon_message *message = turn->message;
    uint32_t end = message->first_part + message->part_count;
    for (uint32_t i = message->first_part; i < end; i++) {
        const struct canon_part *part = &turn->request->parts[i];
        int rc = 0;
        switch (part->kind) {
        case CANON_TOOL_CALL:
            write_call(turn, part);
            break;
        case CANON_TOOL_RESULT:
            rc = write_result(turn, part);
            i += part->children;
            break;
        case CANON_THINKING:
        case CANON_REDACTED:
            write_thinking(turn, part);
            break;
        default:
            rc = content_part(turn, part);
        }
        if (rc != 0)
            return -1;
    }
    content_end(turn);
    return 0;
}

int
responses_write_input(struct json_writer *json, struct canon_request *request,
                      uint32_t quirks, struct fault *fault)
{
    struct turn turn = {
        .json = json, .request = request, .fault = fault, .quirks = quirks};
    json_array_begin(json);
    for (uint32_t i = 0; i < request->message_count; i++) {
        turn.message = &request->messages[i];
        if (write_message(&turn) != 0)
            return -1;
    }
    json_array_end(json);
    return 0;
}
