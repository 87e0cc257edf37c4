/*
 * openai_write_message.c - the messages of a provider's chat request.
 *
 * Messages of the system and of the assistant that follow one another become
 * one; results of tools become messages of their own, before what the user says
 * beside them, as the API wants them right behind their calls.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_write.h"
#include "worker/dialect/scan.h"

static void
message_begin(struct openai_writing *writing, const char *role)
{
    json_object_begin(&writing->json);
    json_key(&writing->json, "role");
    json_inside(&writing->json, str_from(role));
}

static uint32_t
end_of(const struct canon_message *message)
{
    return message->first_part + message->part_count;
}

/* ---- system ---- */

static int
write_system(struct openai_writing *writing, uint32_t from, uint32_t to,
             bool is_developer)
{
    bool as_developer =
        is_developer && (writing->quirks & QUIRK_NO_DEVELOPER) == 0;
    message_begin(writing, as_developer ? "developer" : "system");
    json_key(&writing->json, "content");
    if (openai_write_content(writing, from, to) != 0)
        return -1;
    json_object_end(&writing->json);
    return 0;
}

/* What a provider without schemas is told instead; and json_object wants the
 * word in the prompt. */
static void
write_format_note(struct openai_writing *writing)
{
    const struct canon_request *request = writing->request;
    bool has_schema = request->format == CANON_FORMAT_SCHEMA;
    if (request->format == CANON_FORMAT_TEXT ||
        (has_schema && (writing->quirks & QUIRK_NO_SCHEMA) == 0))
        return;
    message_begin(writing, "system");
    json_key(&writing->json, "content");
    json_raw(&writing->json, STR_LIT("\"Answer with a JSON object"));
    if (has_schema) {
        buf_append_str(writing->json.out,
                       STR_LIT(" that matches this JSON schema: "));
        json_escape(writing->json.out, request->schema);
    } else {
        buf_append_char(writing->json.out, '.');
    }
    buf_append_char(writing->json.out, '"');
    json_object_end(&writing->json);
}

/* ---- user ---- */

/* A result given as an object is told as the text of it. */
static void
write_result(struct openai_writing *writing, uint32_t at)
{
    const struct canon_part *part = &writing->request->parts[at];
    const char *prefix = part->is_error ? "Error: " : "";
    struct json_writer *json = &writing->json;
    bool has_text = false, has_more = false;
    for (uint32_t i = at + 1; i <= at + part->children; i++) {
        has_text = has_text || openai_is_text(&writing->request->parts[i]);
        has_more = has_more || !openai_is_text(&writing->request->parts[i]);
    }
    message_begin(writing, "tool");
    json_key(json, "tool_call_id");
    openai_write_tool_id(writing, part->id);
    json_key(json, "content");
    if (part->arguments.len > 0) {
        json_raw(json, STR_LIT("\""));
        buf_append_cstr(json->out, prefix);
        json_escape(json->out, part->arguments);
        buf_append_char(json->out, '"');
    } else if (has_more && !has_text) {
        json_inside(json, STR_LIT("(see the next message)"));
    } else {
        openai_write_texts(writing, at + 1, at + 1 + part->children, prefix);
    }
    json_object_end(json);
}

/* Media in results: a tool message has only text, so the user shows them. */
static int
write_result_media(struct openai_writing *writing, uint32_t at, bool *begun)
{
    const struct canon_part *part = &writing->request->parts[at];
    for (uint32_t i = at + 1; i <= at + part->children; i++) {
        if (openai_is_text(&writing->request->parts[i]))
            continue;
        if (!*begun) {
            message_begin(writing, "user");
            json_key(&writing->json, "content");
            json_array_begin(&writing->json);
            *begun = true;
        }
        if (openai_write_pictures(writing, i, i + 1) != 0)
            return -1;
    }
    return 0;
}

/* All results of messages [first, last), then their media. */
static int
write_results(struct openai_writing *writing, uint32_t from, uint32_t to)
{
    const struct canon_request *request = writing->request;
    bool begun = false;
    for (uint32_t i = from; i < to; i = openai_part_next(request, i))
        if (request->parts[i].kind == CANON_TOOL_RESULT)
            write_result(writing, i);
    for (uint32_t i = from; i < to; i = openai_part_next(request, i))
        if (request->parts[i].kind == CANON_TOOL_RESULT &&
            write_result_media(writing, i, &begun) != 0)
            return -1;
    if (begun) {
        json_array_end(&writing->json);
        json_object_end(&writing->json);
    }
    return 0;
}

static int
write_user(struct openai_writing *writing, const struct canon_message *message)
{
    const struct canon_request *request = writing->request;
    bool says = message->part_count == 0;
    uint32_t to = end_of(message);
    for (uint32_t i = message->first_part; i < to;
         i = openai_part_next(request, i))
        says = says || request->parts[i].kind != CANON_TOOL_RESULT;
    if (!says)
        return 0;
    message_begin(writing, "user");
    json_key(&writing->json, "content");
    if (openai_write_content(writing, message->first_part, to) != 0)
        return -1;
    json_object_end(&writing->json);
    return 0;
}

/* ---- assistant ---- */

static void
write_call(struct openai_writing *writing, const struct canon_part *part)
{
    struct json_writer *json = &writing->json;
    json_object_begin(json);
    json_key(json, "id");
    openai_write_tool_id(writing, part->id);
    json_key(json, "type");
    json_inside(json, STR_LIT("function"));
    json_key(json, "function");
    json_object_begin(json);
    json_key(json, "name");
    json_inside(json, part->name);
    json_key(json, "arguments");
    json_raw(json, STR_LIT("\""));
    json_escape(json->out,
                part->arguments.len > 0 ? part->arguments : STR_LIT("{}"));
    buf_append_char(json->out, '"');
    json_object_end(json);
    if (part->signature.len > 0 &&
        (writing->quirks & QUIRK_GOOGLE_SIGNATURE) != 0)
        openai_write_tool_signature(json, part->signature);
    json_object_end(json);
}

/* OpenRouter: as they came. */
static void
write_details(struct openai_writing *writing, uint32_t from, uint32_t to)
{
    struct str none = {NULL, 0};
    json_key(&writing->json, "reasoning_details");
    json_array_begin(&writing->json);
    for (uint32_t i = from; i < to; i++) {
        const struct canon_part *part = &writing->request->parts[i];
        if (part->kind == CANON_THINKING)
            openai_write_detail(&writing->json, part->text, part->signature,
                                none);
        else if (part->kind == CANON_REDACTED)
            openai_write_detail(&writing->json, none, none, part->data);
    }
    json_array_end(&writing->json);
}

/* DeepSeek and others want them within a loop of tools, and only there. */
static void
write_thoughts(struct openai_writing *writing, uint32_t from, uint32_t to,
               bool has_calls)
{
    const struct canon_request *request = writing->request;
    if ((writing->quirks & QUIRK_REASONING_OBJECT) != 0) {
        write_details(writing, from, to);
        return;
    }
    if ((writing->quirks & QUIRK_REASONING_BACK) == 0 || !has_calls)
        return;
    json_key(&writing->json, "reasoning_content");
    json_raw(&writing->json, STR_LIT("\""));
    for (uint32_t i = from; i < to; i++)
        if (request->parts[i].kind == CANON_THINKING)
            buf_append_str(writing->json.out, request->parts[i].text);
    buf_append_char(writing->json.out, '"');
}

struct assistant_parts {
    uint32_t texts, calls, thoughts, images;
};

static struct assistant_parts
count_parts(const struct canon_request *request, uint32_t from, uint32_t to)
{
    struct assistant_parts count = {0};
    for (uint32_t i = from; i < to; i++) {
        const struct canon_part *part = &request->parts[i];
        count.texts += openai_is_text(part);
        count.calls += part->kind == CANON_TOOL_CALL;
        count.thoughts +=
            part->kind == CANON_THINKING || part->kind == CANON_REDACTED;
        count.images += part->kind == CANON_IMAGE;
    }
    return count;
}

/* `is_last`: the provider is to go on with it. */
static int
write_assistant(struct openai_writing *writing, uint32_t from, uint32_t to,
                bool is_last)
{
    struct canon_request *request = writing->request;
    struct json_writer *json = &writing->json;
    struct assistant_parts has = count_parts(request, from, to);
    bool can_prefix = (writing->quirks & QUIRK_PREFIX) != 0;
    if (is_last && has.calls == 0 && !can_prefix)
        return scan_refuse(writing->fault, "unsupported_content", "messages",
                           "The last message is the assistant's: the API that "
                           "serves this model does not go on with it. End "
                           "with a message of the user.");
    if (has.texts + has.calls + has.thoughts == 0 && has.images == 0)
        return 0;
    message_begin(writing, "assistant");
    json_key(json, "content");
    if (has.texts > 0 || has.calls == 0)
        openai_write_texts(writing, from, to, "");
    else
        json_null(json);
    if (has.thoughts > 0)
        write_thoughts(writing, from, to, has.calls > 0);
    if (has.images > 0)
        canon_drop(request, "images of the assistant");
    if (has.calls > 0) {
        json_key(json, "tool_calls");
        json_array_begin(json);
        for (uint32_t i = from; i < to; i++)
            if (request->parts[i].kind == CANON_TOOL_CALL)
                write_call(writing, &request->parts[i]);
        json_array_end(json);
    }
    if (is_last && has.calls == 0) {
        json_key(json, "prefix");
        json_bool(json, true);
    }
    json_object_end(json);
    return 0;
}

/* ---- all ---- */

/* Behind the last message of the run that begins at `at`. */
static uint32_t
run_end(const struct canon_request *request, uint32_t at)
{
    const struct canon_message *first = &request->messages[at];
    while (++at < request->message_count &&
           request->messages[at].role == first->role &&
           request->messages[at].is_developer == first->is_developer)
        continue;
    return at;
}

static int
write_run(struct openai_writing *writing, uint32_t at, uint32_t end)
{
    const struct canon_request *request = writing->request;
    const struct canon_message *first = &request->messages[at];
    uint32_t from = first->first_part, to = end_of(&request->messages[end - 1]);
    if (first->role == CANON_SYSTEM)
        return write_system(writing, from, to, first->is_developer);
    if (first->role == CANON_ASSISTANT)
        return write_assistant(writing, from, to,
                               end == request->message_count);
    if (write_results(writing, from, to) != 0)
        return -1;
    for (; at < end; at++)
        if (write_user(writing, &request->messages[at]) != 0)
            return -1;
    return 0;
}

int
openai_write_messages(struct openai_writing *writing)
{
    json_key(&writing->json, "messages");
    json_array_begin(&writing->json);
    write_format_note(writing);
    for (uint32_t at = 0; at < writing->request->message_count;) {
        uint32_t end = run_end(writing->request, at);
        if (write_run(writing, at, end) != 0)
            return -1;
        at = end;
    }
    json_array_end(&writing->json);
    return 0;
}
