/*
 * gemini_read_part.c - the parts of a content.
 *
 * Calls and their results may come without ids here: then a call is named by its
 * number in the conversation, and a result answers the first call of its name
 * that is still open in the turn before. So the same conversation has the same
 * ids each time it comes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/gemini_part.h"

#include <stdio.h>

enum part_key {
    PART_TEXT,
    PART_THOUGHT,
    PART_SIGNATURE,
    PART_INLINE,
    PART_FILE,
    PART_CALL,
    PART_RESPONSE,
    PART_CODE,
    PART_CODE_RESULT,
    PART_TOOL_CALL,
    PART_TOOL_RESPONSE,
    PART_OTHER,
};
static const struct str part_keys[PART_OTHER * 2] = {
    // clang-format off
    STR_LIT("text"), STR_LIT("text"),
    STR_LIT("thought"), STR_LIT("thought"),
    STR_LIT("thoughtSignature"), STR_LIT("thought_signature"),
    STR_LIT("inlineData"), STR_LIT("inline_data"),
    STR_LIT("fileData"), STR_LIT("file_data"),
    STR_LIT("functionCall"), STR_LIT("function_call"),
    STR_LIT("functionResponse"), STR_LIT("function_response"),
    STR_LIT("executableCode"), STR_LIT("executable_code"),
    STR_LIT("codeExecutionResult"), STR_LIT("code_execution_result"),
    STR_LIT("toolCall"), STR_LIT("tool_call"),
    STR_LIT("toolResponse"), STR_LIT("tool_response"),
    // clang-format on
};

static struct str
inside(struct str value)
{
    return canon_inside(value, NULL);
}

static bool
is_object(struct str value)
{
    return value.len > 0 && *value.ptr == '{';
}

/* ---- media ---- */

enum media_key { MEDIA_TYPE, MEDIA_DATA, MEDIA_URI, MEDIA_NAME, MEDIA_OTHER };
static const struct str media_keys[MEDIA_OTHER * 2] = {
    STR_LIT("mimeType"),    STR_LIT("mime_type"),    STR_LIT("data"),
    STR_LIT("data"),        STR_LIT("fileUri"),      STR_LIT("file_uri"),
    STR_LIT("displayName"), STR_LIT("display_name"),
};

static enum canon_part_kind
media_kind(struct str type)
{
    if (str_starts_with(type, STR_LIT("image/")))
        return CANON_IMAGE;
    if (str_starts_with(type, STR_LIT("audio/")))
        return CANON_AUDIO;
    return CANON_FILE;
}

/* inlineData and fileData. */
static int
read_media(struct gemini_reading *reading, struct str value)
{
    struct str values[MEDIA_OTHER + 1];
    if (!json_members_spelt(value, media_keys, MEDIA_OTHER, 2, values))
        return 0;
    struct str type = inside(values[MEDIA_TYPE]);
    struct str uri = inside(values[MEDIA_URI]);
    if (str_starts_with(uri, STR_LIT("https://generativelanguage.")) ||
        str_starts_with(uri, STR_LIT("files/")) ||
        str_starts_with(uri, STR_LIT("gs://")))
        return scan_refuse(reading->fault, "unsupported_content", "fileData",
                           "A file kept by Google cannot be read by the "
                           "provider that serves this model: send it inside "
                           "the request.");
    struct canon_part *part =
        canon_part_add(reading->request, media_kind(type));
    part->media_type = type;
    part->source = uri.len > 0 ? CANON_URL : CANON_BASE64;
    part->data = uri.len > 0 ? uri : inside(values[MEDIA_DATA]);
    part->name = inside(values[MEDIA_NAME]);
    return 0;
}

/* ---- calls and their results ---- */

static struct str
call_id(struct gemini_reading *reading)
{
    enum { ID_BYTES = 24 };
    char *id = canon_alloc(reading->request, ID_BYTES);
    if (id == NULL)
        return str_make(NULL, 0);
    int len = snprintf(id, ID_BYTES, "call_%u", reading->calls);
    return str_make(id, (size_t)len);
}

static int
read_call(struct gemini_reading *reading, struct str value,
          struct str signature)
{
    static const struct str names[] = {STR_LIT("name"), STR_LIT("args"),
                                       STR_LIT("id")};
    struct canon_request *request = reading->request;
    struct str values[4];
    if (!json_members(value, names, 3, values) || inside(values[0]).len == 0)
        return scan_refuse(reading->fault, "invalid_value", "functionCall",
                           "A 'functionCall' has no name.");
    struct canon_part *part = canon_part_add(request, CANON_TOOL_CALL);
    reading->calls++;
    part->name = inside(values[0]);
    part->arguments = is_object(values[1]) ? values[1] : STR_LIT("{}");
    part->id = inside(values[2]);
    if (part->id.len == 0)
        part->id = call_id(reading);
    part->signature = signature;
    if (reading->pending_count < GEMINI_PENDING_MAX)
        reading->pending[reading->pending_count++] =
            (struct gemini_pending){part->id, part->name};
    return 0;
}

/* The id of the open call that a result belongs to, by id or name; it is open no
 * more. len 0: there is none. */
static struct str
answered_id(struct gemini_reading *reading, struct str id, struct str name)
{
    for (uint32_t i = 0; i < reading->pending_count; i++) {
        struct gemini_pending *call = &reading->pending[i];
        if (id.len > 0 ? !str_equals(call->id, id)
                       : !str_equals(call->name, name))
            continue;
        id = call->id;
        reading->pending_count--;
        memmove(call, call + 1, (reading->pending_count - i) * sizeof(*call));
        return id;
    }
    return id;
}

/* {"error": ...} and nothing else. */
static bool
is_failure(struct str response)
{
    struct json_reader reader;
    struct json_token token;
    struct str key, value;
    json_reader_init(&reader, response);
    json_next(&reader, &token);
    enum json_type type = json_member(&reader, &key, &value);
    return type > JSON_BAD && type != JSON_OBJECT_END &&
           json_string_equals(key, STR_LIT("error")) &&
           json_member(&reader, &key, &value) == JSON_OBJECT_END;
}

static int
read_response(struct gemini_reading *reading, struct str value)
{
    static const struct str names[] = {STR_LIT("name"), STR_LIT("response"),
                                       STR_LIT("id"), STR_LIT("parts")};
    struct canon_request *request = reading->request;
    struct str values[5], element, media[2];
    struct gemini_list list;
    if (!json_members(value, names, 4, values))
        return scan_refuse(reading->fault, "invalid_value", "functionResponse",
                           "A 'functionResponse' is not an object.");
    struct str name = inside(values[0]);
    struct str id = answered_id(reading, inside(values[2]), name);
    struct canon_part *part = canon_part_add(request, CANON_TOOL_RESULT);
    part->name = name;
    part->id = id.len > 0 ? id : call_id(reading);
    part->arguments = is_object(values[1]) ? values[1] : STR_LIT("{}");
    part->is_error = is_failure(part->arguments);
    uint32_t at = request->part_count;
    gemini_list_begin(&list, values[3]);
    while (gemini_list_next(&list, &element)) {
        static const struct str inline_keys[] = {STR_LIT("inlineData"),
                                                 STR_LIT("inline_data")};
        if (json_members_spelt(element, inline_keys, 1, 2, media) &&
            media[0].len > 0 && read_media(reading, media[0]) != 0)
            return -1;
    }
    if (!request->failed && request->part_count > at)
        request->parts[at - 1].children = request->part_count - at;
    return 0;
}

/* ---- parts ---- */

static void
read_text(struct gemini_reading *reading, struct str text, struct str signature,
          bool is_thought)
{
    struct canon_request *request = reading->request;
    if (text.len == 0 && signature.len == 0)
        return;
    struct canon_part *part =
        canon_part_add(request, is_thought ? CANON_THINKING : CANON_TEXT);
    part->text = text;
    part->signature = signature;
}

/* What Google's own tools did means nothing elsewhere. */
static const char *
foreign_part(const struct str *values)
{
    static const struct {
        enum part_key key;
        const char *name;
    } rows[] = {
        {PART_CODE, "executableCode"},
        {PART_CODE_RESULT, "codeExecutionResult"},
        {PART_TOOL_CALL, "toolCall"},
        {PART_TOOL_RESPONSE, "toolResponse"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (values[rows[i].key].len > 0)
            return rows[i].name;
    return NULL;
}

/* The reader stands behind its opening brace. */
static int
read_part(struct gemini_reading *reading, struct json_reader *reader)
{
    struct str values[PART_OTHER + 1];
    json_members_spelt_here(reader, part_keys, PART_OTHER, 2, values);
    struct str signature = inside(values[PART_SIGNATURE]);
    if (values[PART_CALL].len > 0)
        return read_call(reading, values[PART_CALL], signature);
    if (values[PART_RESPONSE].len > 0)
        return read_response(reading, values[PART_RESPONSE]);
    if (values[PART_INLINE].len > 0)
        return read_media(reading, values[PART_INLINE]);
    if (values[PART_FILE].len > 0)
        return read_media(reading, values[PART_FILE]);
    const char *foreign = foreign_part(values);
    if (foreign != NULL)
        canon_drop(reading->request, foreign);
    read_text(reading, inside(values[PART_TEXT]), signature,
              str_equals(values[PART_THOUGHT], STR_LIT("true")));
    return 0;
}

/*
 * Thoughts that came in pieces are one again, with the signature of the last:
 * it was made for all of them.
 */
static void
join_thoughts(struct canon_request *request, struct canon_message *message)
{
    struct canon_part *parts = request->parts + message->first_part;
    uint32_t count = message->part_count, out = 0;
    for (uint32_t i = 0; i < count;) {
        uint32_t end = i;
        size_t len = 0;
        while (end < count && parts[end].kind == CANON_THINKING) {
            len += parts[end].text.len;
            if (parts[end++].signature.len > 0)
                break;
        }
        if (end <= i + 1) {
            parts[out++] = parts[i++];
            continue;
        }
        char *all = canon_alloc(request, len + 1);
        if (all == NULL)
            return;
        struct canon_part joined = parts[end - 1];
        joined.text = str_make(all, len);
        for (; i < end; i++)
            all = str_copy(all, parts[i].text);
        parts[out++] = joined;
    }
    request->part_count -= count - out;
    message->part_count = out;
}

int
gemini_read_parts(struct gemini_reading *reading, struct str value)
{
    struct canon_request *request = reading->request;
    struct gemini_list list;
    struct str first;
    enum json_type type;
    bool has_thought = false;
    gemini_list_begin(&list, value);
    while ((type = gemini_list_enter(&list, &first)) != JSON_END) {
        if (type == JSON_STRING)
            read_text(reading, inside(first), str_make(NULL, 0), false);
        else if (type != JSON_OBJECT)
            return scan_refuse(reading->fault, "invalid_type", "parts",
                               "An element of 'parts' is not an object.");
        else if (read_part(reading, &list.reader) != 0)
            return -1;
        has_thought =
            has_thought ||
            (request->part_count > 0 && !request->failed &&
             request->parts[request->part_count - 1].kind == CANON_THINKING);
    }
    if (has_thought && !request->failed)
        join_thoughts(request, &request->messages[request->message_count - 1]);
    return 0;
}
