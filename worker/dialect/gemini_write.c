/*
 * gemini_write.c - the canonical request as the body of generateContent or
 * batchEmbedContents.
 *
 * Consecutive messages of one role become one content, system messages the
 * system instruction. Thoughts of another provider, or of an earlier turn, need
 * not come back: only the signature on a call must. A picture that is a link
 * goes out as fileData, which Google fetches from public https hosts.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/canon_index.h"
#include "worker/dialect/gemini_part.h"

static const char where[] = "Gemini's API";

/* ---- parts ---- */

static void
write_text(struct json_writer *json, struct str text, struct str signature)
{
    json_object_begin(json);
    json_key(json, "text");
    json_inside(json, text);
    if (signature.len > 0) {
        json_key(json, "thoughtSignature");
        json_inside(json, signature);
    }
    json_object_end(json);
}

static int
refuse_file_id(struct fault *fault)
{
    return scan_refuse(fault, "unsupported_content", "file_id",
                       "A file given by its id is kept by another provider "
                       "than the one that serves this model: send it inside "
                       "the request.");
}

static int
write_media(struct json_writer *json, const struct canon_part *part,
            struct fault *fault)
{
    bool is_link = part->source == CANON_URL;
    if (part->source == CANON_FILE_ID)
        return refuse_file_id(fault);
    if (part->source == CANON_PLAIN_TEXT) {
        write_text(json, part->data, str_make(NULL, 0));
        return 0;
    }
    json_object_begin(json);
    json_key(json, is_link ? "fileData" : "inlineData");
    json_object_begin(json);
    if (part->media_type.len > 0) {
        json_key(json, "mimeType");
        json_inside(json, part->media_type);
    } else if (!is_link) { /* what a file mostly is; Google wants a type */
        json_key(json, "mimeType");
        json_cstring(json, part->kind == CANON_IMAGE   ? "image/png"
                           : part->kind == CANON_AUDIO ? "audio/wav"
                                                       : "application/pdf");
    }
    json_key(json, is_link ? "fileUri" : "data");
    json_inside(json, part->data);
    json_object_end(json);
    json_object_end(json);
    return 0;
}

/* What writing one request carries along. */
struct writing {
    struct canon_request *request;
    struct json_writer *json;
    struct fault *fault;
    bool is_third;  /* signatures are checked */
    bool is_signed; /* a call of this content has one, or its stand-in */
};

/*
 * Only the first of several calls at once is signed. Where a call of another
 * provider, or of a client that lost it, has none, the stand-in that Google
 * documents for this keeps the turn from being refused.
 */
static void
write_call(struct writing *writing, const struct canon_part *part)
{
    struct json_writer *json = writing->json;
    json_object_begin(json);
    json_key(json, "functionCall");
    json_object_begin(json);
    if (part->id.len > 0) {
        json_key(json, "id");
        json_inside(json, part->id);
    }
    json_key(json, "name");
    json_inside(json, part->name);
    json_key(json, "args");
    json_raw(json, part->arguments.len > 0 ? part->arguments : STR_LIT("{}"));
    json_object_end(json);
    if (part->signature.len > 0) {
        json_key(json, "thoughtSignature");
        json_inside(json, part->signature);
    } else if (writing->is_third && !writing->is_signed) {
        json_key(json, "thoughtSignature");
        json_cstring(json, "skip_thought_signature_validator");
    }
    writing->is_signed = true;
    json_object_end(json);
}

/* The texts of a result as one string. */
static void
write_result_text(struct writing *writing, const struct canon_part *part)
{
    struct buf *out = writing->json->out;
    bool any = false;
    json_key(writing->json, part->is_error ? "error" : "result");
    json_raw(writing->json, STR_LIT("\""));
    for (uint32_t i = 1; i <= part->children; i++) {
        if (part[i].kind != CANON_TEXT || part[i].text.len == 0)
            continue;
        buf_append_str(out, any ? STR_LIT("\\n") : STR_LIT(""));
        buf_append_str(out, part[i].text);
        any = true;
    }
    buf_append_char(out, '"');
}

/* What a result is as an object; a text that is one is sent as it. */
static struct str
result_object(struct writing *writing, const struct canon_part *part)
{
    struct str object = part->arguments;
    if (object.len > 0 || part->children != 1 || part[1].kind != CANON_TEXT ||
        part[1].text.len == 0 || *part[1].text.ptr != '{')
        return object;
    return canon_arguments(writing->request, part[1].text, &object)
               ? object
               : str_make(NULL, 0);
}

static void
write_result(struct writing *writing, const struct canon_part *part,
             uint32_t at)
{
    struct json_writer *json = writing->json;
    struct str name = part->name, object = result_object(writing, part);
    if (name.len == 0)
        name = canon_call_name(writing->request, at, part->id);
    json_object_begin(json);
    json_key(json, "functionResponse");
    json_object_begin(json);
    if (part->id.len > 0) {
        json_key(json, "id");
        json_inside(json, part->id);
    }
    json_key(json, "name");
    json_inside(json, name.len > 0 ? name : STR_LIT("unknown"));
    json_key(json, "response");
    if (object.len > 0) {
        json_raw(json, object);
    } else {
        json_object_begin(json);
        write_result_text(writing, part);
        json_object_end(json);
    }
    json_object_end(json);
    json_object_end(json);
}

/* Pictures and files of a result stand behind it. */
static int
write_result_media(struct writing *writing, const struct canon_part *part)
{
    for (uint32_t i = 1; i <= part->children; i++)
        if (part[i].kind != CANON_TEXT &&
            write_media(writing->json, &part[i], writing->fault) != 0)
            return -1;
    return 0;
}

static int
write_part(struct writing *writing, uint32_t at)
{
    const struct canon_part *part = &writing->request->parts[at];
    switch (part->kind) {
    case CANON_TEXT:
    case CANON_REFUSAL:
        if (part->text.len > 0 || part->signature.len > 0)
            write_text(writing->json, part->text, part->signature);
        return 0;
    case CANON_IMAGE:
    case CANON_AUDIO:
    case CANON_FILE:
        return write_media(writing->json, part, writing->fault);
    case CANON_TOOL_CALL:
        write_call(writing, part);
        return 0;
    case CANON_TOOL_RESULT:
        write_result(writing, part, at);
        return write_result_media(writing, part);
    default: /* thoughts */
        return 0;
    }
}

/* ---- contents ---- */

/* Whether anything of a message would be written. */
static bool
has_content(const struct canon_request *request,
            const struct canon_message *message)
{
    for (uint32_t i = 0; i < message->part_count; i++) {
        const struct canon_part *part =
            &request->parts[message->first_part + i];
        bool is_text = part->kind == CANON_TEXT || part->kind == CANON_REFUSAL;
        if (part->kind == CANON_THINKING || part->kind == CANON_REDACTED)
            continue;
        if (!is_text || part->text.len > 0 || part->signature.len > 0)
            return true;
    }
    return false;
}

static int
write_message_parts(struct writing *writing,
                    const struct canon_message *message)
{
    uint32_t at = message->first_part, end = at + message->part_count;
    while (at < end) {
        if (write_part(writing, at) != 0)
            return -1;
        at += 1 + writing->request->parts[at].children;
    }
    return 0;
}

static void
content_begin(struct writing *writing, enum canon_role role)
{
    json_object_begin(writing->json);
    json_key(writing->json, "role");
    json_inside(writing->json,
                role == CANON_ASSISTANT ? STR_LIT("model") : STR_LIT("user"));
    json_key(writing->json, "parts");
    json_array_begin(writing->json);
    writing->is_signed = false;
}

static void
content_end(struct writing *writing)
{
    json_array_end(writing->json);
    json_object_end(writing->json);
}

/* A conversation begins with the user: where it does not, with a word of ours
 * that says as little as possible. */
static void
write_opening(struct writing *writing)
{
    content_begin(writing, CANON_USER);
    write_text(writing->json, STR_LIT("."), str_make(NULL, 0));
    content_end(writing);
}

static int
write_contents(struct writing *writing)
{
    const struct canon_request *request = writing->request;
    int role = -1;
    json_key(writing->json, "contents");
    json_array_begin(writing->json);
    for (uint32_t i = 0; i < request->message_count; i++) {
        const struct canon_message *message = &request->messages[i];
        if (message->role == CANON_SYSTEM || !has_content(request, message))
            continue;
        if (role == -1 && message->role == CANON_ASSISTANT)
            write_opening(writing);
        if (message->role != role) {
            if (role != -1)
                content_end(writing);
            content_begin(writing, message->role);
        }
        role = message->role;
        if (write_message_parts(writing, message) != 0)
            return -1;
    }
    if (role == -1)
        write_opening(writing);
    else
        content_end(writing);
    json_array_end(writing->json);
    return 0;
}

static int
write_system(struct writing *writing)
{
    const struct canon_request *request = writing->request;
    bool any = false;
    for (uint32_t i = 0; i < request->message_count; i++) {
        const struct canon_message *message = &request->messages[i];
        if (message->role != CANON_SYSTEM || !has_content(request, message))
            continue;
        if (!any) {
            json_key(writing->json, "systemInstruction");
            json_object_begin(writing->json);
            json_key(writing->json, "parts");
            json_array_begin(writing->json);
        }
        any = true;
        if (write_message_parts(writing, message) != 0)
            return -1;
    }
    if (any) {
        json_array_end(writing->json);
        json_object_end(writing->json);
    }
    return 0;
}

/* ---- embeddings ---- */

static const struct canon_field_row embed_fields[CANON_FIELDS_END] = {
    [CANON_FIELD_DIMENSIONS] = {CANON_CARRY, "outputDimensionality"},
    [CANON_FIELD_TASK_TYPE] = {CANON_CARRY, "taskType"},
    [CANON_FIELD_TITLE] = {CANON_CARRY, "title"},
    /* the client's own writer makes it of the numbers */
    [CANON_FIELD_ENCODING] = {CANON_SILENT, NULL},
};

/* They are repeated for each input: of few bytes many would come. */
static int
check_repeated(struct writing *writing)
{
    enum { REPEATED_BYTES_MAX = 4 << 20 };
    const struct canon_request *request = writing->request;
    struct str dimensions = request->fields[CANON_FIELD_DIMENSIONS];
    uint64_t number, bytes = 0;
    if (dimensions.len > 0 && json_number_u64(dimensions, &number) != 0)
        return scan_refuse(writing->fault, "invalid_value", "dimensions",
                           "'dimensions' is no whole number.");
    for (unsigned i = 0; i < CANON_FIELDS_END; i++)
        if (embed_fields[i].fate == CANON_CARRY)
            bytes += request->fields[i].len;
    if (bytes * request->part_count > REPEATED_BYTES_MAX)
        return scan_refuse(writing->fault, "invalid_value", NULL,
                           "The members of this call are too long to be "
                           "repeated for each input.");
    return 0;
}

static int
write_embedding(struct writing *writing, const struct canon_target *target)
{
    struct canon_request *request = writing->request;
    struct json_writer *json = writing->json;
    if (check_repeated(writing) != 0)
        return -1;
    json_key(json, "requests");
    json_array_begin(json);
    for (uint32_t i = 0; i < request->part_count; i++) {
        json_object_begin(json);
        json_key(json, "model");
        json_raw(json, STR_LIT("\"models/"));
        json_escape(json->out, gemini_model_name(target->model));
        buf_append_char(json->out, '"');
        json_key(json, "content");
        json_object_begin(json);
        json_key(json, "parts");
        json_array_begin(json);
        write_text(json, request->parts[i].text, str_make(NULL, 0));
        json_array_end(json);
        json_object_end(json);
        if (canon_fields_write(request, embed_fields, json, where,
                               writing->fault) != 0)
            return -1;
        json_object_end(json);
    }
    json_array_end(json);
    return 0;
}

/* ---- the whole ---- */

static void
write_raw(struct json_writer *json, const char *name, struct str value)
{
    if (value.len == 0)
        return;
    json_key(json, name);
    json_raw(json, value);
}

static int
write_generate(struct writing *writing, const struct canon_target *target)
{
    struct canon_request *request = writing->request;
    if (write_system(writing) != 0 || write_contents(writing) != 0)
        return -1;
    if (request->tool_count > 0)
        gemini_write_tools(request, writing->json);
    write_raw(writing->json, "safetySettings",
              request->fields[CANON_FIELD_SAFETY]);
    write_raw(writing->json, "cachedContent",
              request->fields[CANON_FIELD_CACHED_CONTENT]);
    return gemini_write_config(request, target, writing->json, writing->fault);
}

int
gemini_write_request(struct canon_request *request,
                     const struct canon_target *target, struct buf *out,
                     struct fault *fault)
{
    struct json_writer json;
    struct writing writing = {
        .request = request,
        .json = &json,
        .fault = fault,
        .is_third = gemini_is_third(target->model),
    };
    json_writer_init(&json, out);
    json_object_begin(&json);
    int rc = request->kind == CANON_EMBED ? write_embedding(&writing, target)
                                          : write_generate(&writing, target);
    json_object_end(&json);
    return rc;
}
