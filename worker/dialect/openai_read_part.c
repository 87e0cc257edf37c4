/*
 * openai_read_part.c - what the messages of a chat request are made of: text,
 * media, tool calls, thoughts that came back.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_canon.h"
#include "worker/dialect/scan.h"

enum part_key {
    PART_TYPE,
    PART_TEXT,
    PART_REFUSAL,
    PART_IMAGE,
    PART_AUDIO,
    PART_FILE,
    PART_THINKING,
    PART_SUMMARY,
    PART_SIGNATURE,
    PART_DATA,
    PART_CACHE,
    PART_BREAKPOINT,
    PART_KEYS,
};

static const struct str part_keys[PART_KEYS] = {
    [PART_TYPE] = STR_LIT("type"),
    [PART_TEXT] = STR_LIT("text"),
    [PART_REFUSAL] = STR_LIT("refusal"),
    [PART_IMAGE] = STR_LIT("image_url"),
    [PART_AUDIO] = STR_LIT("input_audio"),
    [PART_FILE] = STR_LIT("file"),
    [PART_THINKING] = STR_LIT("thinking"),
    [PART_SUMMARY] = STR_LIT("summary"),
    [PART_SIGNATURE] = STR_LIT("signature"),
    [PART_DATA] = STR_LIT("data"),
    [PART_CACHE] = STR_LIT("cache_control"),
    [PART_BREAKPOINT] = STR_LIT("prompt_cache_breakpoint"),
};

/* ---- media ---- */

/*
 * "data:MEDIA/TYPE;base64,DATA" taken apart. Some JSON writers escape each
 * slash: then it is told anew without. False: no data URL in base64.
 */
static bool
split_data_url(struct canon_request *request, struct str url,
               struct str *media_type, struct str *data)
{
    if (memchr(url.ptr, '\\', url.len) != NULL)
        url = canon_escape(request, canon_unescape(request, url));
    const char *comma = url.len == 0 ? NULL : memchr(url.ptr, ',', url.len);
    if (comma == NULL || !str_starts_with(url, STR_LIT("data:")))
        return false;
    struct str head = str_make(url.ptr + 5, (size_t)(comma - url.ptr) - 5);
    static const struct str ending = {";base64", 7};
    if (head.len < ending.len ||
        memcmp(head.ptr + head.len - ending.len, ending.ptr, ending.len) != 0)
        return false;
    const char *end = memchr(head.ptr, ';', head.len);
    *media_type = str_make(head.ptr, (size_t)(end - head.ptr));
    *data = str_skip(url, (size_t)(comma - url.ptr) + 1);
    return true;
}

static bool
is_data_url(struct str text)
{
    return str_starts_with(text, STR_LIT("data:"));
}

/* "image_url": {"url", "detail"}, or the URL alone. */
static int
read_image(struct openai_reading *reading, struct str value)
{
    enum { URL, DETAIL, IMAGE_KEYS };
    static const struct str names[IMAGE_KEYS] = {
        [URL] = STR_LIT("url"), [DETAIL] = STR_LIT("detail")};
    struct str values[IMAGE_KEYS + 1];
    if (!json_members(value, names, IMAGE_KEYS, values))
        values[URL] = value;
    struct canon_part *part = canon_part_add(reading->request, CANON_IMAGE);
    part->detail = openai_text(values[DETAIL]);
    part->source = CANON_URL;
    part->data = openai_text(values[URL]);
    if (part->data.len == 0)
        return scan_refuse(reading->fault, "invalid_value", "messages",
                           "An image_url has no URL.");
    if (!is_data_url(part->data))
        return 0;
    part->source = CANON_BASE64;
    if (!split_data_url(reading->request, part->data, &part->media_type,
                        &part->data) &&
        !reading->request->failed)
        return scan_refuse(reading->fault, "invalid_value", "messages",
                           "A data URL of an image is not in base64.");
    return 0;
}

static int
read_audio(struct openai_reading *reading, struct str value)
{
    enum { DATA, FORMAT, AUDIO_KEYS };
    static const struct str names[AUDIO_KEYS] = {
        [DATA] = STR_LIT("data"), [FORMAT] = STR_LIT("format")};
    struct str values[AUDIO_KEYS + 1];
    json_members(value, names, AUDIO_KEYS, values);
    struct str data = openai_text(values[DATA]);
    struct str format = openai_text(values[FORMAT]);
    if (data.len == 0 || format.len == 0 || format.len > 16)
        return scan_refuse(reading->fault, "invalid_value", "messages",
                           "An input_audio needs data and a format.");
    char *type = canon_alloc(reading->request, 6 + format.len);
    struct canon_part *part = canon_part_add(reading->request, CANON_AUDIO);
    part->source = CANON_BASE64;
    part->data = data;
    if (type == NULL)
        return 0;
    memcpy(type, "audio/", 6);
    memcpy(type + 6, format.ptr, format.len);
    part->media_type = str_make(type, 6 + format.len);
    return 0;
}

/* "file": {"file_data": a data URL or base64, "file_id", "filename"}. */
static int
read_file(struct openai_reading *reading, struct str value)
{
    enum { DATA, ID, NAME, FILE_KEYS };
    static const struct str names[FILE_KEYS] = {[DATA] = STR_LIT("file_data"),
                                                [ID] = STR_LIT("file_id"),
                                                [NAME] = STR_LIT("filename")};
    struct str values[FILE_KEYS + 1];
    json_members(value, names, FILE_KEYS, values);
    struct str data = openai_text(values[DATA]), id = openai_text(values[ID]);
    if (data.len == 0 && id.len == 0)
        return scan_refuse(reading->fault, "invalid_value", "messages",
                           "A file needs file_data or file_id.");
    struct canon_part *part = canon_part_add(reading->request, CANON_FILE);
    part->name = openai_text(values[NAME]);
    part->source = data.len > 0 ? CANON_BASE64 : CANON_FILE_ID;
    part->data = data.len > 0 ? data : id;
    if (data.len == 0)
        return 0;
    if (str_starts_with(data, STR_LIT("http"))) {
        part->source = CANON_URL; /* OpenRouter takes links there */
        return 0;
    }
    part->media_type = STR_LIT("application/pdf");
    if (is_data_url(data) &&
        !split_data_url(reading->request, data, &part->media_type,
                        &part->data) &&
        !reading->request->failed)
        return scan_refuse(reading->fault, "invalid_value", "messages",
                           "A data URL of a file is not in base64.");
    return 0;
}

/* ---- text ---- */

/* Empty texts are none. */
static void
add_text(struct openai_reading *reading, enum canon_part_kind kind,
         struct str text)
{
    if (text.len > 0)
        canon_part_add(reading->request, kind)->text = text;
}

static void
add_thinking(struct openai_reading *reading, struct str text,
             struct str signature)
{
    if (text.len == 0 && signature.len == 0)
        return;
    struct canon_part *part = canon_part_add(reading->request, CANON_THINKING);
    part->text = text;
    part->signature = signature;
}

/* Mistral's list of texts, or a text. */
static void
read_thinking(struct openai_reading *reading, const struct str *values)
{
    struct str inner[PART_KEYS + 1], item, text;
    struct json_reader reader;
    struct str signature = openai_text(values[PART_SIGNATURE]);
    text = openai_text(values[PART_THINKING]);
    if (text.len > 0 || !json_list_begin(&reader, values[PART_THINKING])) {
        add_thinking(reading, text, signature);
        return;
    }
    while (json_list_next(&reader, &item)) {
        json_members(item, part_keys, PART_KEYS, inner);
        add_thinking(reading, openai_text(inner[PART_TEXT]), signature);
    }
}

/* The reader stands behind the brace of a part. */
static int
read_part(struct openai_reading *reading, struct json_reader *reader)
{
    struct str values[PART_KEYS + 1];
    int rc = 0;
    json_members_here(reader, part_keys, PART_KEYS, values);
    struct str type = openai_text(values[PART_TYPE]);
    uint32_t before = reading->request->part_count;
    if (str_equals(type, STR_LIT("text")))
        add_text(reading, CANON_TEXT, openai_text(values[PART_TEXT]));
    else if (str_equals(type, STR_LIT("image_url")))
        rc = read_image(reading, values[PART_IMAGE]);
    else if (str_equals(type, STR_LIT("input_audio")))
        rc = read_audio(reading, values[PART_AUDIO]);
    else if (str_equals(type, STR_LIT("file")))
        rc = read_file(reading, values[PART_FILE]);
    else if (str_equals(type, STR_LIT("refusal")))
        add_text(reading, CANON_REFUSAL, openai_text(values[PART_REFUSAL]));
    else if (str_equals(type, STR_LIT("thinking")))
        read_thinking(reading, values);
    else
        return scan_refuse(reading->fault, "unsupported_content", "messages",
                           "Content of type \"%.*s\" cannot be carried to the "
                           "provider of this model.",
                           (int)(type.len < 64 ? type.len : 64), type.ptr);
    struct str cache = values[PART_CACHE];
    if (cache.len == 0 && values[PART_BREAKPOINT].len > 0)
        cache = STR_LIT("{\"type\":\"ephemeral\"}");
    if (!reading->request->failed && reading->request->part_count > before)
        reading->request->parts[before].cache_control = cache;
    return rc;
}

int
openai_read_content(struct openai_reading *reading, struct str content)
{
    struct json_reader reader;
    struct json_token token;
    enum json_type type;
    if (!json_list_begin(&reader, content)) {
        add_text(reading, CANON_TEXT, openai_text(content));
        return 0;
    }
    while ((type = json_next(&reader, &token)) == JSON_OBJECT ||
           type == JSON_STRING) {
        if (type == JSON_STRING)
            add_text(reading, CANON_TEXT, openai_text(token.span));
        else if (read_part(reading, &reader) != 0)
            return -1;
    }
    return 0;
}

/* ---- what an assistant said before ---- */

/*
 * Signatures come back in reasoning_details: with their text, or without where
 * the client put a stream together; then the text is that of reasoning_content,
 * if there was but one.
 */
static bool
read_details(struct openai_reading *reading, struct str list, struct str told)
{
    struct str values[PART_KEYS + 1], item, bare = {NULL, 0};
    struct json_reader reader;
    unsigned bares = 0;
    bool has_text = false;
    if (!json_list_begin(&reader, list))
        return false;
    while (json_list_next(&reader, &item)) {
        json_members(item, part_keys, PART_KEYS, values);
        struct str text = openai_text(values[PART_TEXT]);
        struct str signature = openai_text(values[PART_SIGNATURE]);
        if (text.len == 0)
            text = openai_text(values[PART_SUMMARY]);
        if (values[PART_DATA].len > 0) {
            canon_part_add(reading->request, CANON_REDACTED)->data =
                openai_text(values[PART_DATA]);
        } else if (text.len > 0) {
            add_thinking(reading, text, signature);
            has_text = true;
        } else if (signature.len > 0) {
            bare = signature;
            bares++;
        }
    }
    if (has_text || bares == 0)
        return has_text;
    add_thinking(reading, told, bares == 1 ? bare : str_make(NULL, 0));
    return true;
}

void
openai_read_thoughts(struct openai_reading *reading, struct str reasoning,
                     struct str details)
{
    struct str told = openai_text(reasoning);
    if (details.len == 0 || !read_details(reading, details, told))
        add_thinking(reading, told, str_make(NULL, 0));
}

/* The legacy call has no id: it gets one by its number. */
static struct str
make_id(struct openai_reading *reading)
{
    struct buf text;
    buf_init(&text, 0);
    buf_printf(&text, "call_%u", ++reading->made_ids);
    struct str id = canon_escape(reading->request, buf_view(&text));
    buf_fini(&text);
    return id;
}

static int
add_call(struct openai_reading *reading, struct str id, struct str function,
         struct str signature)
{
    enum { NAME, ARGUMENTS, FUNCTION_KEYS };
    static const struct str names[FUNCTION_KEYS] = {
        [NAME] = STR_LIT("name"), [ARGUMENTS] = STR_LIT("arguments")};
    struct str values[FUNCTION_KEYS + 1], object;
    json_members(function, names, FUNCTION_KEYS, values);
    struct str name = openai_text(values[NAME]);
    struct str arguments = values[ARGUMENTS];
    if (name.len == 0)
        return scan_refuse(reading->fault, "invalid_value", "messages",
                           "A tool call of an assistant has no function name.");
    if (arguments.len > 0 && *arguments.ptr == '{')
        object = arguments;
    else if (!canon_arguments(reading->request, openai_text(arguments),
                              &object) &&
             !reading->request->failed)
        return scan_refuse(reading->fault, "invalid_value", "messages",
                           "The arguments of a tool call are not a JSON "
                           "object.");
    struct canon_part *part = canon_part_add(reading->request, CANON_TOOL_CALL);
    part->id = id.len > 0 ? id : make_id(reading);
    part->name = name;
    part->arguments = object;
    part->signature = signature;
    return 0;
}

int
openai_read_function_call(struct openai_reading *reading, struct str object)
{
    struct str none = {NULL, 0};
    return add_call(reading, none, object, none);
}

int
openai_read_tool_calls(struct openai_reading *reading, struct str list)
{
    enum { ID, TYPE, FUNCTION, EXTRA, CALL_KEYS };
    static const struct str names[CALL_KEYS] = {
        [ID] = STR_LIT("id"),
        [TYPE] = STR_LIT("type"),
        [FUNCTION] = STR_LIT("function"),
        [EXTRA] = STR_LIT("extra_content"),
    };
    struct str values[CALL_KEYS + 1];
    struct json_reader reader;
    if (!json_list_begin(&reader, list))
        return 0;
    while (json_list_object(&reader)) {
        struct str signature = {NULL, 0};
        json_members_here(&reader, names, CALL_KEYS, values);
        if (str_equals(openai_text(values[TYPE]), STR_LIT("custom")))
            return scan_refuse(reading->fault, "unsupported_content",
                               "messages",
                               "Calls of custom tools cannot be carried to "
                               "the provider of this model.");
        if (values[EXTRA].len > 0)
            json_find(values[EXTRA], "google.thought_signature", &signature);
        if (add_call(reading, openai_text(values[ID]), values[FUNCTION],
                     openai_text(signature)) != 0)
            return -1;
    }
    return 0;
}
