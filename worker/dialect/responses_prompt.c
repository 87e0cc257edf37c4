/*
 * responses_prompt.c - what the input and the tools of this dialect put before
 * the model; what is counted how: prompt.c.
 *
 * Parts are flat here: a picture's URL, a file's data or id stand beside the
 * type, which may come after them. An id whose part has not said what it is
 * counts as a file, the larger of the two.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/responses_part.h"

/* What a search or a sandbox of the provider's may add, each time the bound of
 * what was seen: 16,765 tokens. */
enum { PER_HOSTED_TOOL = 20000 };

enum walk_key {
    KEY_IMAGE_URL,
    KEY_RESULT, /* image_generation_call: the picture, in base64 */
    KEY_INPUT_AUDIO,
    KEY_FILE_DATA,
    KEY_FILE_URL,
    KEY_FILE_ID,
    KEY_TYPE,
    KEY_HIDDEN, /* may be seen, or stands for what is seen */
    KEY_VISIBLE
};

static enum walk_key
key_of(struct str key)
{
    static const struct {
        struct str name;
        enum walk_key key;
    } names[] = {
        {STR_LIT("type"), KEY_TYPE},
        {STR_LIT("id"), KEY_HIDDEN},
        {STR_LIT("role"), KEY_HIDDEN},
        {STR_LIT("status"), KEY_HIDDEN},
        {STR_LIT("phase"), KEY_HIDDEN},
        {STR_LIT("detail"), KEY_HIDDEN},
        {STR_LIT("call_id"), KEY_HIDDEN},
        {STR_LIT("encrypted_content"), KEY_HIDDEN},
        {STR_LIT("annotations"), KEY_HIDDEN},
        {STR_LIT("logprobs"), KEY_HIDDEN},
        {STR_LIT("image_url"), KEY_IMAGE_URL},
        {STR_LIT("result"), KEY_RESULT},
        {STR_LIT("input_audio"), KEY_INPUT_AUDIO},
        {STR_LIT("file_data"), KEY_FILE_DATA},
        {STR_LIT("file_url"), KEY_FILE_URL},
        {STR_LIT("file_id"), KEY_FILE_ID},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (key.len == names[i].name.len + 2 &&
            memcmp(key.ptr + 1, names[i].name.ptr, names[i].name.len) == 0)
            return names[i].key;
    return KEY_VISIBLE;
}

/* The value behind a key that is no plain text, read to its end. */
static int
walk_special(struct json_reader *reader, struct json_token *token,
             enum walk_key key, bool in_image, struct prompt *prompt)
{
    switch (key) {
    case KEY_IMAGE_URL:
        return prompt_media(reader, PROMPT_IMAGE, false, prompt);
    case KEY_RESULT:
        return prompt_media(reader, PROMPT_IMAGE, true, prompt);
    case KEY_INPUT_AUDIO:
        return prompt_media(reader, PROMPT_AUDIO, false, prompt);
    case KEY_FILE_DATA:
        return prompt_media(reader, PROMPT_FILE, true, prompt);
    case KEY_FILE_URL:
        return prompt_media(reader, PROMPT_FILE, false, prompt);
    case KEY_FILE_ID:
        return prompt_media(reader, in_image ? PROMPT_IMAGE : PROMPT_FILE,
                            false, prompt);
    default:
        json_next(reader, token);
        return prompt_other(reader, token, prompt);
    }
}

int
responses_prompt_input(struct json_reader *reader, struct json_token *token,
                       struct prompt *prompt)
{
    unsigned level = 0;
    bool in_image = false, is_type = false;
    if (token->type == JSON_STRING)
        prompt->messages++;
    for (;;) {
        switch (token->type) {
        case JSON_BAD:
            return -1;
        case JSON_KEY: {
            enum walk_key key = key_of(token->span);
            is_type = key == KEY_TYPE;
            if (key < KEY_TYPE || key == KEY_HIDDEN) {
                if (walk_special(reader, token, key, in_image, prompt) != 0)
                    return -1;
                json_next(reader, token);
                continue;
            }
            break;
        }
        case JSON_STRING:
            if (is_type) {
                in_image = str_equals(token->span, STR_LIT("\"input_image\""));
                prompt->other_bytes += token->decoded_len;
            } else {
                prompt->visible_bytes += token->decoded_len;
            }
            is_type = false;
            break;
        case JSON_OBJECT:
            prompt->messages += level == 1;
            in_image = false;
            break;
        default:
            break;
        }
        if (!prompt_level_moves(token->type, &level))
            return 0;
        json_next(reader, token);
    }
}

/* Whether the provider runs tools of this type itself. */
static bool
is_hosted(struct str type)
{
    static const struct str names[] = {
        STR_LIT("\"web_search"),       STR_LIT("\"file_search"),
        STR_LIT("\"code_interpreter"), STR_LIT("\"mcp"),
        STR_LIT("\"computer"),         STR_LIT("\"image_generation"),
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_starts_with(type, names[i]))
            return true;
    return false;
}

int
responses_prompt_tools(struct json_reader *reader, struct json_token *token,
                       struct prompt *prompt)
{
    struct str list = {token->span.ptr, 0};
    if (prompt_tools(reader, token, prompt) != 0)
        return -1;
    if (token->type != JSON_ARRAY_END)
        return 0;
    list.len = (size_t)(token->span.ptr + 1 - list.ptr);
    struct json_reader tools;
    struct str tool, name;
    enum json_type type;
    json_reader_init(&tools, list);
    json_next(&tools, token);
    while ((type = json_skip_value(&tools, &tool)) > JSON_BAD &&
           type != JSON_ARRAY_END)
        if (type == JSON_OBJECT && json_find(tool, "type", &name) &&
            is_hosted(name))
            prompt->media_tokens += PER_HOSTED_TOOL;
    return 0;
}
