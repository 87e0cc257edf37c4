/*
 * openai_prompt.c - how much a request puts before the model.
 *
 * Tokens are bounded by bytes: no tokenizer in use makes more than one token of
 * a UTF-8 byte (and at most one more in all). To the bytes come what providers
 * add around messages and tools, and upper bounds for media, whose bytes say
 * little. Only a string in a media member is taken for media: "data:..." as
 * the text of a message is text.
 *
 * The estimate errs low, so that what is charged without stated usage (a broken
 * stream, a killed worker) is not more than was used. Of 161 recorded chats it
 * is above the provider's count in 8, with bytes / 4 in 28: English has up to 6
 * bytes a token, and tools are shown to models in a shorter form than JSON.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_part.h"

/* Upper bounds, in tokens. */
enum {
    CHAT_BASE = 256,        /* chat template, hidden system text */
    CHAT_BASE_TOOLS = 1024, /* the same with any tool */
    PER_MESSAGE = 16,
    PER_TOOL = 16,
    PER_IMAGE = 6000,
    PER_AUDIO = 256,       /* beside its bytes */
    PER_AUDIO_LINK = 4096, /* sound that is not in the body */
    PER_FILE = 6000,
    PER_FILE_LINK = 50000,
    PER_VIDEO = 1024,
    PER_VIDEO_LINK = 100000,
    /* 32 tokens a second at 6 kbit/s in base64 are one token in 31 bytes. */
    SOUND_BYTES_PER_TOKEN = 16,
    /* A page of compressed text and its picture. */
    PDF_BYTES_PER_TOKEN = 4,
};
/* The estimate. */
enum {
    TEXT_BYTES_PER_TOKEN = 5,
    TOOL_BYTES_PER_TOKEN = 12,
    IMAGE_ESTIMATE = 85, /* the smallest that a picture costs anywhere */
};

enum media { MEDIA_NONE, MEDIA_IMAGE, MEDIA_AUDIO, MEDIA_FILE, MEDIA_VIDEO };

static bool
key_is(struct str key, struct str name)
{
    return key.len == name.len + 2 &&
           memcmp(key.ptr + 1, name.ptr, name.len) == 0;
}

static enum media
media_of(struct str key)
{
    static const struct {
        struct str name;
        enum media media;
    } names[] = {
        {STR_LIT("image_url"), MEDIA_IMAGE},
        {STR_LIT("input_audio"), MEDIA_AUDIO},
        {STR_LIT("audio_url"), MEDIA_AUDIO},
        {STR_LIT("audio"), MEDIA_AUDIO},
        {STR_LIT("file"), MEDIA_FILE},
        {STR_LIT("video_url"), MEDIA_VIDEO},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (key_is(key, names[i].name))
            return names[i].media;
    return MEDIA_NONE;
}

/* Members of a message whose strings are there for the program, not for the
 * model; or that the constant per message covers. */
static bool
key_is_frame(struct str key)
{
    return key_is(key, STR_LIT("role")) || key_is(key, STR_LIT("type")) ||
           key_is(key, STR_LIT("id")) || key_is(key, STR_LIT("tool_call_id"));
}

/* One level up or down; false when the value that began at level 0 is over. */
static bool
level_moves(enum json_type type, unsigned *level)
{
    if (type == JSON_OBJECT || type == JSON_ARRAY)
        ++*level;
    else if (type == JSON_OBJECT_END || type == JSON_ARRAY_END)
        --*level;
    return *level > 0;
}

struct media_bytes {
    uint64_t all, pdf;
};

static uint64_t
media_bound(enum media media, const struct media_bytes *bytes)
{
    bool here = bytes->all > 0;
    switch (media) {
    case MEDIA_IMAGE:
        return PER_IMAGE;
    case MEDIA_AUDIO:
        return here ? PER_AUDIO + bytes->all / SOUND_BYTES_PER_TOKEN
                    : PER_AUDIO_LINK;
    case MEDIA_VIDEO:
        return here ? PER_VIDEO + bytes->all / SOUND_BYTES_PER_TOKEN
                    : PER_VIDEO_LINK;
    case MEDIA_FILE:
        /* Of a file that is no PDF, each byte may be a token. */
        return here ? PER_FILE + bytes->pdf / PDF_BYTES_PER_TOKEN +
                          (bytes->all - bytes->pdf)
                    : PER_FILE_LINK;
    default:
        UNREACHABLE();
    }
}

static void
media_count(struct openai_prompt *prompt, enum media media)
{
    if (media == MEDIA_IMAGE)
        prompt->images++;
    else if (media == MEDIA_AUDIO)
        prompt->audios++;
    else
        prompt->files++;
}

/* The value of a media member: a URL, or an object with a URL, data, an id. */
static int
walk_media(struct json_reader *reader, enum media media,
           struct openai_prompt *prompt)
{
    struct json_token token;
    unsigned level = 0;
    struct media_bytes bytes = {0, 0};
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
    } while (level_moves(token.type, &level));
    if (!is_null) {
        prompt->media_tokens += media_bound(media, &bytes);
        media_count(prompt, media);
    }
    return 0;
}

int
openai_prompt_messages(struct json_reader *reader, struct json_token *token,
                       struct openai_prompt *prompt)
{
    unsigned level = 0;
    bool visible = true;
    for (;;) {
        switch (token->type) {
        case JSON_BAD:
            return -1;
        case JSON_KEY: {
            enum media media = media_of(token->span);
            visible = !key_is_frame(token->span);
            if (media != MEDIA_NONE && walk_media(reader, media, prompt) != 0)
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
        if (!level_moves(token->type, &level))
            return 0;
        json_next(reader, token);
    }
}

/* "prompt" and "input": a string, strings, token numbers, lists of those. */
int
openai_prompt_inputs(struct json_reader *reader, struct json_token *token,
                     struct openai_prompt *prompt)
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
        if (!level_moves(token->type, &level))
            return 0;
        json_next(reader, token);
    }
}

/* The bytes of one value as compact JSON. Elements of a list in *elements. */
static int
walk_compact(struct json_reader *reader, struct json_token *token,
             uint64_t *bytes, uint64_t *elements)
{
    unsigned level = 0;
    for (;;) {
        if (token->type == JSON_BAD)
            return -1;
        *bytes += token->span.len + 1; /* its comma or colon */
        *elements += level == 1 && token->type == JSON_OBJECT;
        if (!level_moves(token->type, &level))
            return 0;
        json_next(reader, token);
    }
}

int
openai_prompt_tools(struct json_reader *reader, struct json_token *token,
                    struct openai_prompt *prompt)
{
    if (token->type == JSON_NULL)
        return 0;
    return walk_compact(reader, token, &prompt->tool_bytes, &prompt->tools);
}

int
openai_prompt_other(struct json_reader *reader, struct json_token *token,
                    struct openai_prompt *prompt)
{
    uint64_t elements = 0;
    if (token->type == JSON_STRING) {
        prompt->other_bytes += token->decoded_len;
        return 0;
    }
    if (token->type != JSON_OBJECT && token->type != JSON_ARRAY)
        return token->type == JSON_BAD ? -1 : 0;
    return walk_compact(reader, token, &prompt->other_bytes, &elements);
}

int
openai_prompt_unseen(struct json_reader *reader, struct json_token *token)
{
    unsigned level = 0;
    for (;;) {
        if (token->type == JSON_BAD)
            return -1;
        if (!level_moves(token->type, &level))
            return 0;
        json_next(reader, token);
    }
}

static uint64_t
divide_up(uint64_t n, uint64_t by)
{
    return (n + by - 1) / by;
}

void
openai_prompt_finish(const struct openai_prompt *prompt, struct call *call)
{
    uint64_t inputs = prompt->messages + prompt->prompts;
    uint64_t base = inputs * PER_MESSAGE + prompt->tools * PER_TOOL;
    if (call->endpoint == ENDPOINT_CHAT)
        base += prompt->tools > 0 ? CHAT_BASE_TOOLS : CHAT_BASE;
    call->text_bytes = prompt->visible_bytes + prompt->tool_bytes;
    call->messages = (uint32_t)inputs;
    call->tools = (uint32_t)prompt->tools;
    call->images = prompt->images;
    call->audios = prompt->audios;
    call->files = prompt->files;
    call->prompt_bound = call->text_bytes + prompt->other_bytes +
                         prompt->token_ids + prompt->media_tokens + base;
    call->prompt_estimate =
        divide_up(prompt->visible_bytes, TEXT_BYTES_PER_TOKEN) +
        divide_up(prompt->tool_bytes, TOOL_BYTES_PER_TOKEN) +
        prompt->token_ids + (uint64_t)prompt->images * IMAGE_ESTIMATE;
    if (call->prompt_estimate == 0)
        call->prompt_estimate = 1;
    if (call->prompt_bound < call->prompt_estimate)
        call->prompt_bound = call->prompt_estimate;
}
