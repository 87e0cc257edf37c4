/*
 * openai_prompt.c - what the messages and inputs of this dialect put before the
 * model; what is counted how: prompt.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_part.h"

static bool
key_is(struct str key, struct str name)
{
    return key.len == name.len + 2 &&
           memcmp(key.ptr + 1, name.ptr, name.len) == 0;
}

static enum prompt_media
media_of(struct str key)
{
    static const struct {
        struct str name;
        enum prompt_media media;
    } names[] = {
        {STR_LIT("image_url"), PROMPT_IMAGE},
        {STR_LIT("input_audio"), PROMPT_AUDIO},
        {STR_LIT("audio_url"), PROMPT_AUDIO},
        {STR_LIT("audio"), PROMPT_AUDIO},
        {STR_LIT("file"), PROMPT_FILE},
        {STR_LIT("video_url"), PROMPT_VIDEO},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (key_is(key, names[i].name))
            return names[i].media;
    return PROMPT_NO_MEDIA;
}

/* Members of a message whose strings are there for the program, not for the
 * model; or that the constant per message covers. */
static bool
key_is_frame(struct str key)
{
    return key_is(key, STR_LIT("role")) || key_is(key, STR_LIT("type")) ||
           key_is(key, STR_LIT("id")) || key_is(key, STR_LIT("tool_call_id"));
}

/* The value of a media member: a URL, or an object with a URL, data, an id. */
static int
walk_media(struct json_reader *reader, enum prompt_media media,
           struct prompt *prompt)
{
    struct json_token token;
    unsigned level = 0;
    struct prompt_media_bytes bytes = {0, 0};
    bool is_data = false, is_null = false;
    do {
        switch (json_next(reader, &token)) {
        case JSON_BAD:
            return -1;
        case JSON_NULL:
            is_null = level == 0;
            break;
        case JSON_KEY:
            is_data = key_is(token.span, STR_LIT("data")) ||
                      key_is(token.span, STR_LIT("file_data"));
            break;
        case JSON_STRING:
            if (is_data || str_starts_with(token.span, STR_LIT("\"data:"))) {
                bytes.all += token.span.len;
                if (str_starts_with(token.span,
                                    STR_LIT("\"data:application/pdf")))
                    bytes.pdf += token.span.len;
            } else {
                prompt->other_bytes += token.decoded_len;
            }
            break;
        default:
            break;
        }
    } while (prompt_level_moves(token.type, &level));
    if (!is_null) {
        prompt_media_add(prompt, media, &bytes);
    }
    return 0;
}

int
openai_prompt_messages(struct json_reader *reader, struct json_token *token,
                       struct prompt *prompt)
{
    unsigned level = 0;
    bool visible = true;
    for (;;) {
        switch (token->type) {
        case JSON_BAD:
            return -1;
        case JSON_KEY: {
            enum prompt_media media = media_of(token->span);
            visible = !key_is_frame(token->span);
            if (media != PROMPT_NO_MEDIA &&
                walk_media(reader, media, prompt) != 0)
                return -1;
            break;
        }
        case JSON_STRING:
            if (visible)
                prompt->visible_bytes += token->decoded_len;
            else
                prompt->other_bytes += token->decoded_len;
            prompt->messages += level == 1;
            break;
        case JSON_OBJECT:
            prompt->messages += level == 1;
            break;
        default:
            break;
        }
        if (!prompt_level_moves(token->type, &level))
            return 0;
        json_next(reader, token);
    }
}

/* "prompt" and "input": a string, strings, token numbers, lists of those. */
int
openai_prompt_inputs(struct json_reader *reader, struct json_token *token,
                     struct prompt *prompt)
{
    unsigned level = 0;
    bool numbers_above = false; /* the outer list is itself one prompt */
    for (;;) {
        switch (token->type) {
        case JSON_BAD:
            return -1;
        case JSON_STRING:
            prompt->visible_bytes += token->decoded_len;
            prompt->prompts += level <= 1;
            break;
        case JSON_NUMBER:
            prompt->token_ids++;
            prompt->prompts += level == 1 && !numbers_above;
            numbers_above = numbers_above || level == 1;
            break;
        case JSON_KEY:
            prompt->other_bytes += token->span.len;
            break;
        case JSON_ARRAY:
        case JSON_OBJECT:
            prompt->prompts += level == 1;
            break;
        default:
            break;
        }
        if (!prompt_level_moves(token->type, &level))
            return 0;
        json_next(reader, token);
    }
}
