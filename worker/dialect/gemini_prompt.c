/*
 * gemini_prompt.c - what the contents of a request put before the model; what is
 * counted how: prompt.c.
 *
 *   contents  [content ...] or one     content  {role, parts}
 *   parts     [part ...] or one        part     {text, inlineData, fileData,
 *                                                functionCall, ...}
 *
 * Media are members of a part, and of the parts that a function gave back. What
 * stands in arguments and results is text, whatever its name, and models see the
 * names as well as the values. Signatures stand for thoughts that were hidden.
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
    KEY_PARTS,
    KEY_RESPONSE,
    KEY_RESPONSE_SNAKE,
    KEY_CALL,
    KEY_CALL_SNAKE,
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
    STR_LIT("parts"),
    STR_LIT("functionResponse"),
    STR_LIT("function_response"),
    STR_LIT("functionCall"),
    STR_LIT("function_call"),
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
            which = json_key_find(token.span, names, ARRAY_LEN(names));
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

/* A value that is no part of ours. The token is its first one, and its last in
 * the end; so below. */
static int
walk_plain(struct json_reader *reader, struct json_token *token, bool visible,
           struct prompt *prompt)
{
    unsigned level = 0;
    for (;;) {
        switch (token->type) {
        case JSON_BAD:
            return -1;
        case JSON_STRING:
            if (visible)
                prompt->visible_bytes += token->decoded_len;
            else
                prompt->other_bytes += token->decoded_len;
            break;
        case JSON_KEY:
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

/* What an object is whose members are walked. */
enum place { IN_CONTENT, IN_PART, IN_CALL, IN_RESPONSE };

static int walk_list(struct json_reader *reader, struct json_token *token,
                     enum place place, struct prompt *prompt);

static int
walk_object(struct json_reader *reader, struct json_token *token,
            enum place place, struct prompt *prompt)
{
    while (json_next(reader, token) == JSON_KEY) {
        unsigned key = json_key_find(token->span, content_keys, KEY_OTHER);
        int rc;
        prompt->other_bytes += token->span.len;
        if (place == IN_PART && key < KEY_MEDIA_END) {
            rc = walk_media(reader, key >= KEY_FILE, prompt);
        } else {
            json_next(reader, token);
            bool is_object = token->type == JSON_OBJECT;
            if (key == KEY_PARTS &&
                (place == IN_CONTENT || place == IN_RESPONSE))
                rc = walk_list(reader, token, IN_PART, prompt);
            else if (place == IN_PART && is_object &&
                     (key == KEY_RESPONSE || key == KEY_RESPONSE_SNAKE))
                rc = walk_object(reader, token, IN_RESPONSE, prompt);
            else if (place == IN_PART && is_object &&
                     (key == KEY_CALL || key == KEY_CALL_SNAKE))
                rc = walk_object(reader, token, IN_CALL, prompt);
            else
                rc = walk_plain(reader, token,
                                key < KEY_ROLE || key > KEY_SIGNATURE_SNAKE,
                                prompt);
        }
        if (rc != 0)
            return -1;
    }
    return token->type == JSON_OBJECT_END ? 0 : -1;
}

/* One of them may stand without its list. */
static int
walk_list(struct json_reader *reader, struct json_token *token,
          enum place place, struct prompt *prompt)
{
    bool is_list = token->type == JSON_ARRAY;
    if (is_list)
        json_next(reader, token);
    for (; token->type > JSON_BAD && token->type != JSON_ARRAY_END;
         json_next(reader, token)) {
        bool is_object = token->type == JSON_OBJECT;
        prompt->messages += is_object && place == IN_CONTENT;
        if ((is_object ? walk_object(reader, token, place, prompt)
                       : walk_plain(reader, token, true, prompt)) != 0)
            return -1;
        if (!is_list)
            return 0;
    }
    return is_list && token->type == JSON_ARRAY_END ? 0 : -1;
}

int
gemini_prompt_contents(struct json_reader *reader, struct json_token *token,
                       struct prompt *prompt)
{
    return walk_list(reader, token, IN_CONTENT, prompt);
}
