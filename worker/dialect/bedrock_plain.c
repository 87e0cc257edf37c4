/*
 * bedrock_plain.c - a whole answer of Converse: its blocks.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/bedrock_part.h"

#include "worker/dialect/openai_canon.h"

static const struct str no_text;

enum block_key {
    BLOCK_TEXT,
    BLOCK_TOOL,
    BLOCK_REASONING,
    BLOCK_IMAGE,
    BLOCK_CITED,
    BLOCK_KEYS
};

static void
read_tool_block(struct canon_stream *stream, struct str object)
{
    static const struct str names[] = {STR_LIT("toolUseId"), STR_LIT("name"),
                                       STR_LIT("input"), STR_LIT("type")};
    struct str values[ARRAY_LEN(names) + 1];
    if (json_members(object, names, ARRAY_LEN(names), values) &&
        values[3].len == 0)
        canon_tool_whole(
            stream, 0, openai_text(values[0]), openai_text(values[1]),
            values[2].len > 0 ? values[2] : STR_LIT("{}"), no_text);
}

static void
read_reasoning_block(struct canon_stream *stream, struct str object)
{
    struct str value;
    if (json_find(object, "reasoningText", &value))
        bedrock_reasoning(stream, value);
    if (json_find(object, "redactedContent", &value))
        canon_redacted(stream, 0, openai_text(value));
}

static void
read_image_block(struct canon_stream *stream, struct str object)
{
    struct str format, data;
    char type[32] = "image/png";
    if (!json_find(object, "source.bytes", &data))
        return;
    if (json_find(object, "format", &format) && format.len > 2 &&
        format.len < sizeof(type) - 6) {
        memcpy(type + 6, format.ptr + 1, format.len - 2);
        type[6 + format.len - 2] = '\0';
    }
    canon_image(stream, 0, str_from(type), openai_text(data));
}

/* citationsContent: {content: [{text}], citations: [...]} */
static void
read_cited_block(struct canon_stream *stream, struct str object)
{
    struct json_reader reader;
    struct str list, element, text;
    if (!json_find(object, "content", &list))
        return;
    if (!json_list_begin(&reader, list))
        return;
    while (json_item(&reader, &element) == JSON_OBJECT)
        if (json_find(element, "text", &text))
            canon_text(stream, 0, openai_text(text));
}

static void
read_block(struct canon_stream *stream, struct str block)
{
    static const struct str names[BLOCK_KEYS] = {
        [BLOCK_TEXT] = STR_LIT("text"),
        [BLOCK_TOOL] = STR_LIT("toolUse"),
        [BLOCK_REASONING] = STR_LIT("reasoningContent"),
        [BLOCK_IMAGE] = STR_LIT("image"),
        [BLOCK_CITED] = STR_LIT("citationsContent"),
    };
    struct str values[BLOCK_KEYS + 1];
    if (!json_members(block, names, BLOCK_KEYS, values))
        return;
    canon_text(stream, 0, openai_text(values[BLOCK_TEXT]));
    if (values[BLOCK_TOOL].len > 0)
        read_tool_block(stream, values[BLOCK_TOOL]);
    if (values[BLOCK_REASONING].len > 0)
        read_reasoning_block(stream, values[BLOCK_REASONING]);
    if (values[BLOCK_IMAGE].len > 0)
        read_image_block(stream, values[BLOCK_IMAGE]);
    if (values[BLOCK_CITED].len > 0)
        read_cited_block(stream, values[BLOCK_CITED]);
    canon_block_end(stream, 0);
}

void
bedrock_read_plain(struct canon_stream *stream, struct str body)
{
    static const struct str names[] = {STR_LIT("output"), STR_LIT("stopReason"),
                                       STR_LIT("additionalModelResponseFields"),
                                       STR_LIT("usage"),
                                       STR_LIT("serviceTier")};
    struct str values[ARRAY_LEN(names) + 1], content, block;
    struct json_reader reader;
    if (!json_members(body, names, ARRAY_LEN(names), values)) {
        stream->answer->bad = true;
        return;
    }
    if (values[0].len == 0 && values[3].len == 0) {
        bedrock_fail(stream, no_text, body);
        return;
    }
    canon_start(stream, no_text, no_text);
    if (json_find(values[0], "message.content", &content)) {
        if (json_list_begin(&reader, content))
            while (json_item(&reader, &block) == JSON_OBJECT)
                read_block(stream, block);
    }
    bedrock_finish(stream, values[1], values[2]);
    bedrock_read_usage(stream->answer, values[3]);
    bedrock_read_service(stream->answer, values[4]);
    canon_done(stream);
}
