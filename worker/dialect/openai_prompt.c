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
                prompt_media(reader, media, false, prompt) != 0)
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
