/*
 * gemini_prompt.c - what the contents of a request put before the model; what is
 * counted how: prompt.c.
 *
 * Arguments and results of calls are objects here, and models see their names
 * as well as their values. Signatures stand for thoughts that were hidden.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/gemini_part.h"

enum content_key {
    KEY_INLINE,
    KEY_INLINE_SNAKE,
    KEY_FILE,
    KEY_FILE_SNAKE,
    KEY_MEDIA_END,
    KEY_ROLE = KEY_MEDIA_END,
    KEY_ID,
    KEY_SIGNATURE,
    KEY_SIGNATURE_SNAKE,
    KEY_OTHER,
};
static const struct str content_keys[KEY_OTHER] = {
    STR_LIT("inlineData"),
    STR_LIT("inline_data"),
    STR_LIT("fileData"),
    STR_LIT("file_data"),
    STR_LIT("role"),
    STR_LIT("id"),
    STR_LIT("thoughtSignature"),
    STR_LIT("thought_signature"),
};

static bool
starts_with_nocase(struct str text, struct str prefix)
{
    return text.len >= prefix.len &&
           str_equals_nocase(str_make(text.ptr, prefix.len), prefix);
}

/* By its type, with quotes. */
static enum prompt_media
media_of(struct str type)
{
    if (starts_with_nocase(type, STR_LIT("\"image/")))
        return PROMPT_IMAGE;
    if (starts_with_nocase(type, STR_LIT("\"audio/")))
        return PROMPT_AUDIO;
    if (starts_with_nocase(type, STR_LIT("\"video/")))
        return PROMPT_VIDEO;
    return PROMPT_FILE;
}

/* A link without a type may be a video. */
static enum prompt_media
linked_media_of(struct str type)
{
    return type.len > 2 ? media_of(type) : PROMPT_VIDEO;
}

/* {mimeType, data} or {mimeType, fileUri}; the reader stands behind its name. */
static int
walk_media(struct json_reader *reader, bool is_link, struct prompt *prompt)
{
    static const struct str names[] = {STR_LIT("data"), STR_LIT("mimeType"),
                                       STR_LIT("mime_type")};
    struct json_token token;
    struct prompt_media_bytes bytes = {0, 0};
    struct str type = {NULL, 0};
    unsigned level = 0, which = ARRAY_LEN(names);
    bool is_null = false;
    do {
        switch (json_next(reader, &token)) {
        case JSON_BAD:
            return -1;
        case JSON_NULL:
            is_null = level == 0;
            break;
        case JSON_KEY:
            which = key_find(token.span, names, ARRAY_LEN(names));
            break;
        case JSON_STRING:
            if (which == 0)
                bytes.all += token.span.len;
            else if (which < ARRAY_LEN(names))
                type = token.span;
            else
                prompt->other_bytes += token.decoded_len;
            break;
        default:
            break;
        }
    } while (prompt_level_moves(token.type, &level));
    if (is_null)
        return 0;
    if (starts_with_nocase(type, STR_LIT("\"application/pdf")))
        bytes.pdf = bytes.all;
    prompt_media_add(prompt, is_link ? linked_media_of(type) : media_of(type),
                     &bytes);
    return 0;
}

int
gemini_prompt_contents(struct json_reader *reader, struct json_token *token,
                       struct prompt *prompt)
{
    unsigned level = 0;
    bool visible = true;
    unsigned objects_at = token->type == JSON_ARRAY ? 1 : 0;
    for (;;) {
        switch (token->type) {
        case JSON_BAD:
            return -1;
        case JSON_KEY: {
            unsigned key = key_find(token->span, content_keys, KEY_OTHER);
            visible = key == KEY_OTHER;
            prompt->other_bytes += token->span.len;
            /* Elsewhere (arguments, results) such a name is text like any. */
            if (key < KEY_MEDIA_END && level == objects_at + 3 &&
                walk_media(reader, key >= KEY_FILE, prompt) != 0)
                return -1;
            break;
        }
        case JSON_STRING:
            if (visible)
                prompt->visible_bytes += token->decoded_len;
            else
                prompt->other_bytes += token->decoded_len;
            break;
        case JSON_OBJECT:
            prompt->messages += level == objects_at;
            break;
        case JSON_NUMBER:
        case JSON_TRUE:
        case JSON_FALSE:
        case JSON_NULL:
            prompt->other_bytes += token->span.len;
            break;
        default:
            break;
        }
        if (!prompt_level_moves(token->type, &level))
            return 0;
        json_next(reader, token);
    }
}
