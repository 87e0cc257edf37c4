/*
 * anthropic_prompt.c - what the messages of this dialect put before the model;
 * what is counted how: prompt.c.
 *
 * Media stand in "source" objects. Whether their bytes are few tokens is told
 * by members that a client may write twice or in any order, so the least costly
 * reading counts only where nothing contradicts it: base64 of an image or a PDF
 * is left out of the text only if the source says so and nothing else, a link
 * is an image only in a block that says so and nothing else.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/anthropic_part.h"

enum prompt_key {
    KEY_TYPE,
    KEY_ROLE,
    KEY_ID,
    KEY_TOOL_USE_ID,
    KEY_MEDIA_TYPE,
    KEY_CACHE_CONTROL,
    KEY_SOURCE,
    KEY_INPUT,
    KEY_DATA,
    KEY_URL,
    KEY_FILE_ID,
    KEY_OTHER,
};

static enum prompt_key
find_key(struct str key)
{
    static const struct str names[KEY_OTHER] = {
        [KEY_TYPE] = STR_LIT("type"),
        [KEY_ROLE] = STR_LIT("role"),
        [KEY_ID] = STR_LIT("id"),
        [KEY_TOOL_USE_ID] = STR_LIT("tool_use_id"),
        [KEY_MEDIA_TYPE] = STR_LIT("media_type"),
        [KEY_CACHE_CONTROL] = STR_LIT("cache_control"),
        [KEY_SOURCE] = STR_LIT("source"),
        [KEY_INPUT] = STR_LIT("input"),
        [KEY_DATA] = STR_LIT("data"),
        [KEY_URL] = STR_LIT("url"),
        [KEY_FILE_ID] = STR_LIT("file_id"),
    };
    return (enum prompt_key)json_key_find(key, names, KEY_OTHER);
}

/* What the words under one name came to: none, one and the same, or several. */
struct claims {
    bool wanted, other;
};

/* What has been seen of a source object. */
struct source {
    struct claims base64, image, pdf;
    bool is_link;
    uint64_t data_bytes; /* of "data", as base64 and as text */
    uint64_t data_text;
};

/* A block that is open: whether it says that it is an image, and its links. */
struct block {
    struct claims image;
    uint32_t links;
};

struct walk {
    struct json_reader *reader;
    struct json_token *token;
    struct prompt *prompt;
    struct block blocks[JSON_MAX_DEPTH]; /* by the depth of their braces */
};

static void
claim(struct claims *claims, struct str value, struct str wanted)
{
    bool is = json_string_equals(value, wanted);
    claims->wanted = claims->wanted || is;
    claims->other = claims->other || !is;
}

static bool
holds(const struct claims *claims)
{
    return claims->wanted && !claims->other;
}

/* One string inside of a source. */
static void
source_string(struct walk *walk, struct source *source, enum prompt_key key)
{
    struct str value = walk->token->span;
    switch (key) {
    case KEY_TYPE:
        claim(&source->base64, value, STR_LIT("base64"));
        break;
    case KEY_MEDIA_TYPE:
        claim(&source->pdf, value, STR_LIT("application/pdf"));
        source->image.wanted = true;
        if (!str_starts_with(value, STR_LIT("\"image/")))
            source->image.other = true;
        break;
    case KEY_DATA:
        source->data_bytes += value.len;
        source->data_text += walk->token->decoded_len;
        break;
    case KEY_URL:
    case KEY_FILE_ID:
        source->is_link = true;
        walk->prompt->other_bytes += walk->token->decoded_len;
        break;
    default:
        walk->prompt->visible_bytes += walk->token->decoded_len;
    }
}

/* What a source comes to, at its end. */
static void
source_finish(struct walk *walk, const struct source *source,
              struct block *block)
{
    struct prompt_media_bytes bytes = {source->data_bytes, 0};
    if (source->data_bytes > 0 && holds(&source->base64)) {
        if (holds(&source->pdf))
            bytes.pdf = bytes.all;
        prompt_media_add(walk->prompt,
                         holds(&source->image) ? PROMPT_IMAGE : PROMPT_FILE,
                         &bytes);
    } else {
        walk->prompt->visible_bytes += source->data_text;
    }
    block->links += source->is_link;
}

static int walk_value(struct walk *walk);

/*
 * An object under "source". Blocks inside ("content") are walked as any other.
 * The token is its brace, and its closing one in the end.
 */
static int
walk_source(struct walk *walk, struct block *block)
{
    struct source source = {0};
    while (json_next(walk->reader, walk->token) == JSON_KEY) {
        enum prompt_key key = find_key(walk->token->span);
        if (json_next(walk->reader, walk->token) == JSON_STRING)
            source_string(walk, &source, key);
        else if (walk_value(walk) != 0)
            return -1;
    }
    if (walk->token->type != JSON_OBJECT_END)
        return -1;
    source_finish(walk, &source, block);
    return 0;
}

static int
walk_member(struct walk *walk, struct block *block, enum prompt_key key)
{
    struct prompt *prompt = walk->prompt;
    enum json_type type = json_next(walk->reader, walk->token);
    switch (key) {
    case KEY_TYPE:
        if (type == JSON_STRING)
            claim(&block->image, walk->token->span, STR_LIT("image"));
        /* fall through */
    case KEY_ROLE:
    case KEY_ID:
    case KEY_TOOL_USE_ID:
        if (type == JSON_STRING) {
            prompt->other_bytes += walk->token->decoded_len;
            return 0;
        }
        break;
    case KEY_CACHE_CONTROL:
        return prompt_skip(walk->reader, walk->token);
    case KEY_INPUT: {
        /* A call of a tool: all of it is text, whatever its members' names. */
        uint64_t other = prompt->other_bytes;
        if (prompt_other(walk->reader, walk->token, prompt) != 0)
            return -1;
        prompt->visible_bytes += prompt->other_bytes - other;
        prompt->other_bytes = other;
        return 0;
    }
    case KEY_SOURCE:
        if (type == JSON_OBJECT)
            return walk_source(walk, block);
        break;
    default:
        break;
    }
    return walk_value(walk);
}

static int
walk_object(struct walk *walk)
{
    struct block *block = &walk->blocks[walk->token->depth];
    *block = (struct block){.links = 0};
    while (json_next(walk->reader, walk->token) == JSON_KEY) {
        enum prompt_key key = find_key(walk->token->span);
        if (walk_member(walk, block, key) != 0)
            return -1;
    }
    if (walk->token->type != JSON_OBJECT_END)
        return -1;
    for (; block->links > 0; block->links--)
        prompt_media_add(walk->prompt,
                         holds(&block->image) ? PROMPT_IMAGE : PROMPT_FILE,
                         &(struct prompt_media_bytes){0, 0});
    return 0;
}

/* The value whose first token is the walk's. Not deeper than the reader lets
 * containers be. */
static int
walk_value(struct walk *walk)
{
    switch (walk->token->type) {
    case JSON_BAD:
        return -1;
    case JSON_STRING:
        walk->prompt->visible_bytes += walk->token->decoded_len;
        return 0;
    case JSON_OBJECT:
        return walk_object(walk);
    case JSON_ARRAY:
        while (json_next(walk->reader, walk->token) > JSON_BAD &&
               walk->token->type != JSON_ARRAY_END)
            if (walk_value(walk) != 0)
                return -1;
        return walk->token->type == JSON_ARRAY_END ? 0 : -1;
    default:
        return 0;
    }
}

int
anthropic_prompt_messages(struct json_reader *reader, struct json_token *token,
                          struct prompt *prompt)
{
    UNINITIALIZED struct walk walk;
    walk.reader = reader;
    walk.token = token;
    walk.prompt = prompt;
    if (token->type != JSON_ARRAY)
        return walk_value(&walk);
    while (json_next(reader, token) > JSON_BAD &&
           token->type != JSON_ARRAY_END) {
        prompt->messages++;
        if (walk_value(&walk) != 0)
            return -1;
    }
    return token->type == JSON_ARRAY_END ? 0 : -1;
}
