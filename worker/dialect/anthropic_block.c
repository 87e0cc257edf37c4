/*
 * anthropic_block.c - messages of a request and the blocks that they hold, as
 * parts of the canonical request.
 *
 * Blocks of tools that ran at Anthropic are dropped and told: what they found
 * stands in the text that followed. Citations are dropped, their text stays.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/anthropic_part.h"

/* Blocks within blocks: a result's, and those of a document within it. Deeper
 * ones mean nothing to the API. */
enum { NESTING_MAX = 2 };

enum block_key {
    KEY_TYPE,
    KEY_TEXT,
    KEY_SOURCE,
    KEY_ID,
    KEY_NAME,
    KEY_INPUT,
    KEY_TOOL_USE_ID,
    KEY_CONTENT,
    KEY_IS_ERROR,
    KEY_THINKING,
    KEY_SIGNATURE,
    KEY_DATA,
    KEY_TITLE,
    KEY_CONTEXT,
    KEY_CACHE_CONTROL,
    KEY_OTHER,
};

static const struct str block_names[KEY_OTHER] = {
    [KEY_TYPE] = STR_LIT("type"),
    [KEY_TEXT] = STR_LIT("text"),
    [KEY_SOURCE] = STR_LIT("source"),
    [KEY_ID] = STR_LIT("id"),
    [KEY_NAME] = STR_LIT("name"),
    [KEY_INPUT] = STR_LIT("input"),
    [KEY_TOOL_USE_ID] = STR_LIT("tool_use_id"),
    [KEY_CONTENT] = STR_LIT("content"),
    [KEY_IS_ERROR] = STR_LIT("is_error"),
    [KEY_THINKING] = STR_LIT("thinking"),
    [KEY_SIGNATURE] = STR_LIT("signature"),
    [KEY_DATA] = STR_LIT("data"),
    [KEY_TITLE] = STR_LIT("title"),
    [KEY_CONTEXT] = STR_LIT("context"),
    [KEY_CACHE_CONTROL] = STR_LIT("cache_control"),
};

enum block_type {
    BLOCK_TEXT,
    BLOCK_IMAGE,
    BLOCK_DOCUMENT,
    BLOCK_TOOL_USE,
    BLOCK_TOOL_RESULT,
    BLOCK_THINKING,
    BLOCK_REDACTED,
    BLOCK_SEARCH_RESULT,
    BLOCK_OTHER,
};

static enum block_type
block_type_of(struct str value)
{
    static const struct str names[BLOCK_OTHER] = {
        [BLOCK_TEXT] = STR_LIT("text"),
        [BLOCK_IMAGE] = STR_LIT("image"),
        [BLOCK_DOCUMENT] = STR_LIT("document"),
        [BLOCK_TOOL_USE] = STR_LIT("tool_use"),
        [BLOCK_TOOL_RESULT] = STR_LIT("tool_result"),
        [BLOCK_THINKING] = STR_LIT("thinking"),
        [BLOCK_REDACTED] = STR_LIT("redacted_thinking"),
        [BLOCK_SEARCH_RESULT] = STR_LIT("search_result"),
    };
    if (value.len < 2 || *value.ptr != '"')
        return BLOCK_OTHER;
    return (enum block_type)json_key_find(value, names, BLOCK_OTHER);
}

static int read_content(struct anthropic_reading *reading, struct str content,
                        unsigned nesting);

static void
add_text(struct anthropic_reading *reading, struct str value)
{
    struct str text = canon_inside(value, NULL);
    if (text.len > 0)
        canon_part_add(reading->request, CANON_TEXT)->text = text;
}

/* ---- media ---- */

enum source_key {
    SOURCE_TYPE,
    SOURCE_MEDIA_TYPE,
    SOURCE_DATA,
    SOURCE_URL,
    SOURCE_FILE_ID,
    SOURCE_CONTENT,
    SOURCE_END,
};

static bool
read_source(struct str object, struct str *values)
{
    static const struct str names[SOURCE_END] = {
        [SOURCE_TYPE] = STR_LIT("type"),
        [SOURCE_MEDIA_TYPE] = STR_LIT("media_type"),
        [SOURCE_DATA] = STR_LIT("data"),
        [SOURCE_URL] = STR_LIT("url"),
        [SOURCE_FILE_ID] = STR_LIT("file_id"),
        [SOURCE_CONTENT] = STR_LIT("content"),
    };
    return json_members(object, names, SOURCE_END, values);
}

static bool
is_type(const struct str *source, const char *type)
{
    return source[SOURCE_TYPE].len > 0 &&
           json_string_equals(source[SOURCE_TYPE], str_from(type));
}

/* An image, or a document of which only its blocks matter. */
static int
read_media(struct anthropic_reading *reading, enum canon_part_kind kind,
           const struct str *block, unsigned nesting)
{
    struct str source[SOURCE_END + 1];
    if (!read_source(block[KEY_SOURCE], source))
        return anthropic_refuse(reading->fault, "messages",
                                "an image or document has no source");
    add_text(reading, block[KEY_CONTEXT]);
    if (is_type(source, "content"))
        return read_content(reading, source[SOURCE_CONTENT], nesting + 1);
    struct canon_part *part = canon_part_add(reading->request, kind);
    part->cache_control = block[KEY_CACHE_CONTROL];
    part->media_type = canon_inside(source[SOURCE_MEDIA_TYPE], NULL);
    part->name = canon_inside(block[KEY_TITLE], NULL);
    if (is_type(source, "url")) {
        part->source = CANON_URL;
        part->data = canon_inside(source[SOURCE_URL], NULL);
    } else if (is_type(source, "file")) {
        part->source = CANON_FILE_ID;
        part->data = canon_inside(source[SOURCE_FILE_ID], NULL);
    } else {
        part->source =
            is_type(source, "text") ? CANON_PLAIN_TEXT : CANON_BASE64;
        part->data = canon_inside(source[SOURCE_DATA], NULL);
    }
    return 0;
}

/* ---- blocks ---- */

static void
read_tool_use(struct anthropic_reading *reading, const struct str *block)
{
    struct canon_part *part = canon_part_add(reading->request, CANON_TOOL_CALL);
    struct str input = block[KEY_INPUT];
    part->id = canon_inside(block[KEY_ID], NULL);
    part->name = canon_inside(block[KEY_NAME], NULL);
    part->arguments =
        input.len > 0 && *input.ptr == '{' ? input : STR_LIT("{}");
    part->cache_control = block[KEY_CACHE_CONTROL];
}

/* By its number: parts move when more are added. */
static int
read_tool_result(struct anthropic_reading *reading, const struct str *block,
                 unsigned nesting)
{
    struct canon_request *request = reading->request;
    struct canon_part *part = canon_part_add(request, CANON_TOOL_RESULT);
    part->id = canon_inside(block[KEY_TOOL_USE_ID], NULL);
    part->is_error = str_equals(block[KEY_IS_ERROR], STR_LIT("true"));
    part->cache_control = block[KEY_CACHE_CONTROL];
    uint32_t number = request->part_count;
    if (read_content(reading, block[KEY_CONTENT], nesting + 1) != 0)
        return -1;
    if (!request->failed)
        request->parts[number - 1].children = request->part_count - number;
    return 0;
}

static void
drop_block(struct anthropic_reading *reading)
{
    if (!reading->told_blocks)
        canon_drop(reading->request, "server_tool_use");
    reading->told_blocks = true;
}

static int
take_block(struct anthropic_reading *reading, const struct str *block,
           unsigned nesting)
{
    struct canon_request *request = reading->request;
    struct canon_part *part;
    enum block_type type = block_type_of(block[KEY_TYPE]);
    /* What a result holds is text and media. */
    if (nesting > 0 && (type == BLOCK_TOOL_USE || type == BLOCK_TOOL_RESULT))
        type = BLOCK_OTHER;
    switch (type) {
    case BLOCK_TEXT:
        part = canon_part_add(request, CANON_TEXT);
        part->text = canon_inside(block[KEY_TEXT], NULL);
        part->cache_control = block[KEY_CACHE_CONTROL];
        return 0;
    case BLOCK_IMAGE:
        return read_media(reading, CANON_IMAGE, block, nesting);
    case BLOCK_DOCUMENT:
        return read_media(reading, CANON_FILE, block, nesting);
    case BLOCK_TOOL_USE:
        read_tool_use(reading, block);
        return 0;
    case BLOCK_TOOL_RESULT:
        return read_tool_result(reading, block, nesting);
    case BLOCK_THINKING:
        part = canon_part_add(request, CANON_THINKING);
        part->text = canon_inside(block[KEY_THINKING], NULL);
        part->signature = canon_inside(block[KEY_SIGNATURE], NULL);
        return 0;
    case BLOCK_REDACTED:
        part = canon_part_add(request, CANON_REDACTED);
        part->data = canon_inside(block[KEY_DATA], NULL);
        return 0;
    case BLOCK_SEARCH_RESULT:
        add_text(reading, block[KEY_TITLE]);
        return read_content(reading, block[KEY_CONTENT], nesting + 1);
    default:
        drop_block(reading);
        return 0;
    }
}

/* The reader stands behind the opening brace of a block. */
static int
read_block(struct anthropic_reading *reading, struct json_reader *reader,
           unsigned nesting)
{
    struct str values[KEY_OTHER + 1];
    json_members_here(reader, block_names, KEY_OTHER, values);
    if (values[KEY_CACHE_CONTROL].len > 0 &&
        *values[KEY_CACHE_CONTROL].ptr != '{')
        values[KEY_CACHE_CONTROL] = str_make(NULL, 0);
    return take_block(reading, values, nesting);
}

/* A string, or a list of blocks. */
static int
read_content(struct anthropic_reading *reading, struct str content,
             unsigned nesting)
{
    struct json_reader reader;
    struct json_token token;
    json_reader_init(&reader, content);
    enum json_type type = json_next(&reader, &token);
    if (type == JSON_STRING)
        add_text(reading, token.span);
    if (type != JSON_ARRAY)
        return 0;
    if (nesting > NESTING_MAX) {
        drop_block(reading);
        return 0;
    }
    while (json_list_object(&reader))
        if (read_block(reading, &reader, nesting) != 0)
            return -1;
    return 0;
}

static int
read_message(struct anthropic_reading *reading, struct json_reader *reader)
{
    enum { ROLE, CONTENT, END };
    static const struct str names[END] = {STR_LIT("role"), STR_LIT("content")};
    struct str values[END + 1];
    enum canon_role role = CANON_USER;
    json_members_here(reader, names, END, values);
    if (values[ROLE].len == 0)
        return anthropic_refuse(reading->fault, "messages",
                                "a message has no role");
    if (json_string_equals(values[ROLE], STR_LIT("assistant")))
        role = CANON_ASSISTANT;
    else if (json_string_equals(values[ROLE], STR_LIT("system")))
        role = CANON_SYSTEM;
    else if (!json_string_equals(values[ROLE], STR_LIT("user")))
        return anthropic_refuse(reading->fault, "messages",
                                "a message's role is none of user, assistant "
                                "and system");
    canon_message_add(reading->request, role);
    return read_content(reading, values[CONTENT], 0);
}

int
anthropic_read_messages(struct anthropic_reading *reading,
                        struct json_reader *reader, enum json_type type)
{
    if (type != JSON_ARRAY)
        return anthropic_refuse(reading->fault, "messages",
                                "'messages' must be a list of messages");
    while (json_list_object(reader))
        if (read_message(reading, reader) != 0)
            return -1;
    return 0;
}

int
anthropic_read_system(struct anthropic_reading *reading, struct str value)
{
    if (*value.ptr != '"' && *value.ptr != '[')
        return 0;
    canon_message_add(reading->request, CANON_SYSTEM);
    return read_content(reading, value, 0);
}
