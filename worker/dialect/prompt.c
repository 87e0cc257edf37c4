/*
 * prompt.c - how much a request puts before the model, whatever its dialect.
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
#include "worker/dialect/scan.h"

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

static uint64_t
media_bound(enum prompt_media media, const struct prompt_media_bytes *bytes)
{
    bool here = bytes->all > 0;
    switch (media) {
    case PROMPT_IMAGE:
        return PER_IMAGE;
    case PROMPT_AUDIO:
        return here ? PER_AUDIO + bytes->all / SOUND_BYTES_PER_TOKEN
                    : PER_AUDIO_LINK;
    case PROMPT_VIDEO:
        return here ? PER_VIDEO + bytes->all / SOUND_BYTES_PER_TOKEN
                    : PER_VIDEO_LINK;
    case PROMPT_FILE:
        /* Of a file that is no PDF, each byte may be a token. */
        return here ? PER_FILE + bytes->pdf / PDF_BYTES_PER_TOKEN +
                          (bytes->all - bytes->pdf)
                    : PER_FILE_LINK;
    default:
        UNREACHABLE();
    }
}

void
prompt_media_add(struct prompt *prompt, enum prompt_media media,
                 const struct prompt_media_bytes *bytes)
{
    prompt->media_tokens += media_bound(media, bytes);
    if (media == PROMPT_IMAGE)
        prompt->images++;
    else if (media == PROMPT_AUDIO)
        prompt->audios++;
    else
        prompt->files++;
}

static bool
key_is_data(struct str key)
{
    return str_equals(key, STR_LIT("\"data\"")) ||
           str_equals(key, STR_LIT("\"file_data\""));
}

int
prompt_media(struct json_reader *reader, enum prompt_media media, bool is_data,
             struct prompt *prompt)
{
    struct json_token token;
    unsigned level = 0;
    struct prompt_media_bytes bytes = {0, 0};
    bool is_null = false;
    do {
        switch (json_next(reader, &token)) {
        case JSON_BAD:
            return -1;
        case JSON_NULL:
            is_null = level == 0;
            break;
        case JSON_KEY:
            is_data = key_is_data(token.span);
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
    if (!is_null)
        prompt_media_add(prompt, media, &bytes);
    return 0;
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
        if (!prompt_level_moves(token->type, &level))
            return 0;
        json_next(reader, token);
    }
}

int
prompt_tools(struct json_reader *reader, struct json_token *token,
             struct prompt *prompt)
{
    if (token->type == JSON_NULL)
        return 0;
    return walk_compact(reader, token, &prompt->tool_bytes, &prompt->tools);
}

int
prompt_other(struct json_reader *reader, struct json_token *token,
             struct prompt *prompt)
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
prompt_skip(struct json_reader *reader, struct json_token *token)
{
    unsigned level = 0;
    for (;;) {
        if (token->type == JSON_BAD)
            return -1;
        if (!prompt_level_moves(token->type, &level))
            return 0;
        json_next(reader, token);
    }
}

/* A conversation, which providers put into a template. */
static bool
is_chat(uint8_t endpoint)
{
    return endpoint == ENDPOINT_CHAT || endpoint == ENDPOINT_RESPONSES ||
           endpoint == ENDPOINT_MESSAGES || endpoint == ENDPOINT_GENERATE ||
           endpoint == ENDPOINT_COUNT_TOKENS || endpoint == ENDPOINT_RUN;
}

static uint64_t
divide_up(uint64_t n, uint64_t by)
{
    return (n + by - 1) / by;
}

void
prompt_finish(const struct prompt *prompt, struct call *call)
{
    uint64_t inputs = prompt->messages + prompt->prompts;
    uint64_t base = inputs * PER_MESSAGE + prompt->tools * PER_TOOL;
    if (is_chat(call->endpoint))
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
