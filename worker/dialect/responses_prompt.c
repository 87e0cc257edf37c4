/*
 * responses_prompt.c - what the input and the tools of this dialect put before
 * the model; what is counted how: prompt.c.
 *
 *   input    [item ...]      item     {type, content, output, ...}
 *   content  [part ...]      part     {type, text, image_url, file_id, ...}
 *
 * Media are members of a part, and of two items: the picture that a tool of the
 * provider's made, the screen that a computer's tool saw. Anywhere else (what
 * tools were called with, what they gave back as an object) names like these are
 * text like any, which models read to the last byte.
 *
 * In a part a picture's URL, a file's data or id stand beside the type, which may
 * come after them. An id whose part has not said what it is counts as a file,
 * the larger of the two. What an item's type decides is judged at the item's
 * end; types that contradict each other count for the most that they may cost.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/responses_part.h"

/* What a search or a sandbox of the provider's may add, each time the bound of
 * what was seen: 16,765 tokens. */
enum { PER_HOSTED_TOOL = 20000 };

enum walk_key {
    KEY_IMAGE_URL,
    KEY_INPUT_AUDIO,
    KEY_FILE_DATA,
    KEY_FILE_URL,
    KEY_FILE_ID,
    KEY_TYPE,
    KEY_CONTENT, /* of items: parts */
    KEY_OUTPUT,  /* of items: parts, a screen, or any value */
    KEY_RESULT,  /* of items: image_generation_call's picture, in base64 */
    KEY_HIDDEN,  /* may be seen, or stands for what is seen */
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
        {STR_LIT("content"), KEY_CONTENT},
        {STR_LIT("summary"), KEY_CONTENT},
        {STR_LIT("output"), KEY_OUTPUT},
        {STR_LIT("result"), KEY_RESULT},
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

/* ---- values ---- */

static uint64_t
bytes_from(const char *start, const struct json_token *last)
{
    return (uint64_t)(last->span.ptr + last->span.len - start);
}

/* Text, or a value that a model reads as its JSON text, names and white space
 * included. The token is its first one, and its last in the end. */
static int
walk_text(struct json_reader *reader, struct json_token *token,
          struct prompt *prompt)
{
    const char *start = token->span.ptr;
    if (token->type == JSON_STRING) {
        prompt->visible_bytes += token->decoded_len;
        return 0;
    }
    if (token->type == JSON_NULL)
        return 0;
    if (prompt_skip(reader, token) != 0)
        return -1;
    prompt->visible_bytes += bytes_from(start, token);
    return 0;
}

/* The value behind the name of a part's medium. */
static int
walk_medium(struct json_reader *reader, enum walk_key key, bool in_image,
            struct prompt *prompt)
{
    switch (key) {
    case KEY_IMAGE_URL:
        return prompt_media(reader, PROMPT_IMAGE, false, prompt);
    case KEY_INPUT_AUDIO:
        return prompt_media(reader, PROMPT_AUDIO, false, prompt);
    case KEY_FILE_DATA:
        return prompt_media(reader, PROMPT_FILE, true, prompt);
    case KEY_FILE_URL:
        return prompt_media(reader, PROMPT_FILE, false, prompt);
    default:
        return prompt_media(reader, in_image ? PROMPT_IMAGE : PROMPT_FILE,
                            false, prompt);
    }
}

/* ---- parts ---- */

static int
walk_part(struct json_reader *reader, struct json_token *token,
          struct prompt *prompt)
{
    bool in_image = false;
    while (json_next(reader, token) == JSON_KEY) {
        enum walk_key key = key_of(token->span);
        int rc;
        if (key < KEY_TYPE) {
            rc = walk_medium(reader, key, in_image, prompt);
        } else {
            json_next(reader, token);
            if (key == KEY_TYPE)
                in_image = str_equals(token->span, STR_LIT("\"input_image\""));
            rc = key == KEY_TYPE || key == KEY_HIDDEN
                     ? prompt_other(reader, token, prompt)
                     : walk_text(reader, token, prompt);
        }
        if (rc != 0)
            return -1;
    }
    return token->type == JSON_OBJECT_END ? 0 : -1;
}

/* A list of parts, one of them, or text. */
static int
walk_parts(struct json_reader *reader, struct json_token *token,
           struct prompt *prompt)
{
    if (token->type == JSON_OBJECT)
        return walk_part(reader, token, prompt);
    if (token->type != JSON_ARRAY)
        return walk_text(reader, token, prompt);
    while (json_next(reader, token) > JSON_BAD && token->type != JSON_ARRAY_END)
        if ((token->type == JSON_OBJECT
                 ? walk_part(reader, token, prompt)
                 : walk_text(reader, token, prompt)) != 0)
            return -1;
    return token->type == JSON_ARRAY_END ? 0 : -1;
}

/* ---- items ---- */

/* What an item says that it is; bits. */
enum { IS_SCREEN = 1, IS_PICTURE = 2, IS_SHELL = 4, IS_OTHER = 8 };

struct item {
    unsigned is;
    struct str output, result; /* raw; strings of output are counted already */
};

static void
take_type(struct item *item, const struct json_token *token)
{
    if (token->type != JSON_STRING)
        item->is |= IS_OTHER;
    else if (json_string_equals(token->span, STR_LIT("computer_call_output")))
        item->is |= IS_SCREEN;
    else if (json_string_equals(token->span, STR_LIT("image_generation_call")))
        item->is |= IS_PICTURE;
    else if (json_string_equals(token->span, STR_LIT("shell_call_output")))
        item->is |= IS_SHELL;
    else
        item->is |= IS_OTHER;
}

/* A value of which it is known now what it may be read as. */
static int
judge(struct str value, bool is_media, bool is_text, struct prompt *prompt)
{
    struct json_reader reader;
    struct json_token token;
    if (value.len == 0)
        return 0;
    json_reader_init(&reader, value);
    if (is_text)
        prompt->visible_bytes += value.len;
    if (is_media && *value.ptr == '"')
        return prompt_media(&reader, PROMPT_IMAGE, true, prompt);
    if (!is_media)
        return 0;
    json_next(&reader, &token);
    return walk_parts(&reader, &token, prompt);
}

static int
judge_output(const struct item *item, bool is_any, struct prompt *prompt)
{
    struct str output = item->output;
    bool is_list = output.len > 0 && *output.ptr == '[';
    unsigned is = item->is;
    if (is_list)
        return judge(output, is_any || is != IS_SHELL,
                     is_any || (is & IS_SHELL) != 0, prompt);
    return judge(output, is_any || (is & IS_SCREEN) != 0,
                 is_any || is != IS_SCREEN, prompt);
}

static int
judge_result(const struct item *item, bool is_any, struct prompt *prompt)
{
    return judge(item->result, is_any || (item->is & IS_PICTURE) != 0,
                 is_any || item->is != IS_PICTURE, prompt);
}

/* A second one of a name: who knows which of them is read. */
static int
keep_value(struct json_reader *reader, struct json_token *token,
           struct item *item, enum walk_key key, struct prompt *prompt)
{
    struct str *kept = key == KEY_OUTPUT ? &item->output : &item->result;
    const char *start = token->span.ptr;
    if (kept->len > 0 &&
        (key == KEY_OUTPUT ? judge_output(item, true, prompt)
                           : judge_result(item, true, prompt)) != 0)
        return -1;
    if (token->type == JSON_NULL)
        return 0;
    if (prompt_skip(reader, token) != 0)
        return -1;
    *kept = str_make(start, (size_t)bytes_from(start, token));
    return 0;
}

static int
walk_member(struct json_reader *reader, struct json_token *token,
            struct item *item, enum walk_key key, struct prompt *prompt)
{
    switch (key) {
    case KEY_TYPE:
        take_type(item, token);
        return prompt_other(reader, token, prompt);
    case KEY_HIDDEN:
        return prompt_other(reader, token, prompt);
    case KEY_CONTENT:
        return walk_parts(reader, token, prompt);
    case KEY_OUTPUT:
        if (token->type != JSON_OBJECT && token->type != JSON_ARRAY)
            return walk_text(reader, token, prompt);
        return keep_value(reader, token, item, key, prompt);
    case KEY_RESULT:
        return keep_value(reader, token, item, key, prompt);
    default:
        return walk_text(reader, token, prompt);
    }
}

static int
walk_item(struct json_reader *reader, struct json_token *token,
          struct prompt *prompt)
{
    struct item item = {.is = 0};
    if (token->type != JSON_OBJECT)
        return walk_text(reader, token, prompt);
    prompt->messages++;
    while (json_next(reader, token) == JSON_KEY) {
        enum walk_key key = key_of(token->span);
        json_next(reader, token);
        if (walk_member(reader, token, &item, key, prompt) != 0)
            return -1;
    }
    if (token->type != JSON_OBJECT_END)
        return -1;
    return judge_output(&item, false, prompt) == 0
               ? judge_result(&item, false, prompt)
               : -1;
}

int
responses_prompt_input(struct json_reader *reader, struct json_token *token,
                       struct prompt *prompt)
{
    prompt->messages += token->type == JSON_STRING;
    if (token->type != JSON_ARRAY)
        return walk_item(reader, token, prompt);
    while (json_next(reader, token) > JSON_BAD && token->type != JSON_ARRAY_END)
        if (walk_item(reader, token, prompt) != 0)
            return -1;
    return token->type == JSON_ARRAY_END ? 0 : -1;
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
    while ((type = json_item(&tools, &tool)) > JSON_BAD &&
           type != JSON_ARRAY_END)
        if (type == JSON_OBJECT && json_find(tool, "type", &name) &&
            is_hosted(name))
            prompt->media_tokens += PER_HOSTED_TOOL;
    return 0;
}
