/*
 * openai_media.c - endpoints beside chat: pictures, speech, transcriptions,
 * ranking, moderation. Forms, where one is sent, and what an answer may cost
 * whose length no max_tokens bounds.
 *
 * Bounds are sound for what is sold under these paths in 2026; estimates, which
 * count only where the provider states nothing, err low.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_part.h"

enum {
    PICTURE_BOUND = 16384, /* tokens of the largest one there is */
    FORM_BASE = 256,       /* what a provider adds to a prompt */
    /* Slow speech: 5 characters a second, 20 tokens a second. */
    SPEECH_TOKENS_PER_BYTE = 4,
    /* 10 tokens a second at 256 kbit/s. */
    SOUND_BYTES_ESTIMATE = 3200,
};

bool
openai_media_counts(uint8_t endpoint, unsigned member)
{
    switch (endpoint) {
    case ENDPOINT_CHAT:
    case ENDPOINT_COMPLETIONS:
        return true;
    case ENDPOINT_IMAGES:
    case ENDPOINT_IMAGE_EDITS:
    case ENDPOINT_IMAGE_VARIATIONS:
        return member == MEMBER_STREAM || member == MEMBER_N;
    case ENDPOINT_SPEECH:
    case ENDPOINT_TRANSCRIPTIONS:
    case ENDPOINT_TRANSLATIONS:
        return member == MEMBER_STREAM;
    default:
        return false;
    }
}

void
openai_media_finish(const struct prompt *prompt, struct call *call)
{
    switch (call->endpoint) {
    case ENDPOINT_IMAGES:
    case ENDPOINT_IMAGE_EDITS:
    case ENDPOINT_IMAGE_VARIATIONS:
        call->images_out = call->n;
        call->output_bound = (uint64_t)call->n * PICTURE_BOUND;
        break;
    case ENDPOINT_SPEECH:
        call->output_bound =
            prompt->visible_bytes * SPEECH_TOKENS_PER_BYTE + FORM_BASE;
        call->output_estimate = prompt->visible_bytes;
        break;
    case ENDPOINT_TRANSCRIPTIONS:
    case ENDPOINT_TRANSLATIONS: /* no more words than sound */
        call->output_bound = prompt->media_tokens + FORM_BASE;
        break;
    default:
        break;
    }
    call->prompt_bound += FORM_BASE;
    /* They state their usage unasked, and know no stream_options. */
    call->include_usage = call->stream;
}

/* ---- forms ---- */

static int
refuse_form(struct scan *scan, const struct multipart_reader *reader)
{
    return scan_refuse(scan->fault, "invalid_multipart", NULL,
                       "The form is not well-formed multipart/form-data as its "
                       "Content-Type describes it: see byte %zu of %zu.",
                       reader->pos, scan->body.len);
}

static int
take_form_model(struct scan *scan, struct str value)
{
    struct call *call = scan->call;
    if (value.len == 0 || value.len >= sizeof(call->model) ||
        !scan_is_name(value.ptr, value.len))
        return scan_refuse(scan->fault, "model_required", "model",
                           "The form's field 'model' is no readable text of 1 "
                           "to %d bytes.",
                           CALL_MODEL_BYTES - 1);
    call->model_value = scan_span(scan, value);
    if (call->model_in_path)
        return 0;
    memcpy(call->model, value.ptr, value.len);
    call->model[value.len] = '\0';
    call->model_len = (uint16_t)value.len;
    return 0;
}

/* As the readers of forms take a truth, which is not only one way. */
static bool
is_true(struct str value)
{
    return str_equals_nocase(value, STR_LIT("true")) ||
           str_equals_nocase(value, STR_LIT("on")) ||
           str_equals_nocase(value, STR_LIT("yes")) ||
           str_equals(value, STR_LIT("1"));
}

static int
take_form_count(struct scan *scan, struct str value)
{
    scan->token.type = JSON_NUMBER;
    scan->token.span = value;
    return scan_count(scan, "n", CALL_CHOICES_MAX, &scan->n);
}

static void
weigh_file(struct scan *scan, struct str value)
{
    struct prompt_media_bytes bytes = {.all = value.len};
    bool is_sound = scan->call->endpoint == ENDPOINT_TRANSCRIPTIONS ||
                    scan->call->endpoint == ENDPOINT_TRANSLATIONS;
    prompt_media_add(&scan->prompt, is_sound ? PROMPT_AUDIO : PROMPT_IMAGE,
                     &bytes);
    if (is_sound)
        scan->prompt.token_ids += value.len / SOUND_BYTES_ESTIMATE;
}

static int
take_part(struct scan *scan, const struct multipart_part *part)
{
    unsigned member = scan_member_find(&openai_names, part->name);
    if (member == SCAN_LOOKALIKE)
        return scan_refuse(scan->fault, "ambiguous_member", NULL,
                           "A field's name differs from one that the API knows "
                           "only in case or by invisible characters.");
    if (member < MEMBER_GUARDED_END) {
        const char *name = scan_member_name(&openai_names, member);
        if ((scan->seen >> member & 1) != 0 || part->is_file)
            return scan_refuse(scan->fault, "duplicate_member", name,
                               "The field '%s' must come once, as text.", name);
        scan->seen |= 1u << member;
    }
    if (member == MEMBER_MODEL)
        return take_form_model(scan, part->value);
    if (part->is_file)
        weigh_file(scan, part->value);
    else if (member == MEMBER_PROMPT)
        scan->prompt.visible_bytes += part->value.len;
    else
        scan->prompt.other_bytes += part->value.len;
    if (!openai_media_counts(scan->call->endpoint, member))
        return 0;
    if (member == MEMBER_N)
        return take_form_count(scan, part->value);
    scan->call->stream = is_true(part->value);
    return 0;
}

/* A name without quotes is a token, which no JSON string is. */
static bool
is_quoted(struct str name)
{
    return name.len >= 2 && *name.ptr == '"';
}

int
openai_form_scan(struct scan *scan, uint8_t endpoint)
{
    struct multipart_boundary boundary = scan->call->boundary;
    struct multipart_reader reader;
    struct multipart_part part;
    scan_begin(scan->call, endpoint);
    scan->call->boundary = boundary;
    enum multipart_result result =
        multipart_begin(&reader, scan->body, &boundary);
    while (result == MULTIPART_PART &&
           (result = multipart_next(&reader, &part)) == MULTIPART_PART) {
        if (!is_quoted(part.name))
            return refuse_form(scan, &reader);
        if (take_part(scan, &part) != 0)
            return -1;
    }
    return result == MULTIPART_BAD ? refuse_form(scan, &reader)
                                   : openai_scan_finish(scan);
}
