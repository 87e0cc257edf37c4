/*
 * answer.c - what all dialects do alike with an answer: count its text, and
 * turn what was stated or counted into the six classes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/dialect.h"

#include <stdlib.h>

void
answer_release(struct answer *answer)
{
    free(answer->tap);
    answer->tap = NULL;
}

void
answer_learn_service(struct answer *answer, struct str value)
{
    /* Words of that list have no escapes. */
    answer->service_tier =
        value.len > 2 && *value.ptr == '"'
            ? (uint8_t)service_tier_of(str_make(value.ptr + 1, value.len - 2))
            : SERVICE_UNSTATED;
}

void
answer_state_split(struct answer *answer, const struct usage *usage)
{
    uint64_t input = usage->prompt_missed + usage->cached +
                     usage->cache_creation + usage->audio_in;
    uint64_t output = usage->completion + usage->reasoning + usage->audio_out;
    answer->usage_seen = answer->usage_is_split = true;
    answer->split = *usage;
    answer->stated = (struct usage_stated){
        .prompt = input,
        .completion = output,
        .total = input + output,
        .cached = usage->cached,
        .cache_write = usage->cache_creation,
        .audio_in = usage->audio_in,
        .reasoning = usage->reasoning,
        .audio_out = usage->audio_out,
        .has_total = true,
    };
}

enum answer_body_kind
answer_body_kind(struct str type)
{
    static const struct str text = {"text/", 5}, json = {"json", 4};
    /* What nearly all are. */
    if (type.len == 0 || str_starts_with(type, STR_LIT("application/json")))
        return ANSWER_JSON;
    if (memmem(type.ptr, type.len, json.ptr, json.len) != NULL)
        return ANSWER_JSON;
    return type.len > text.len &&
                   str_equals_nocase(str_make(type.ptr, text.len), text)
               ? ANSWER_TEXT
               : ANSWER_BINARY;
}

uint64_t
answer_output_estimate(const struct answer *answer)
{
    uint64_t by_text = (answer->ascii_bytes + 3) / 4 + answer->other_chars +
                       answer->media_tokens;
    uint64_t least = answer->content_events > answer->listed_tokens
                         ? answer->content_events
                         : answer->listed_tokens;
    return least > by_text ? least : by_text;
}

struct answer_counted
answer_counted(const struct answer *answer)
{
    return (struct answer_counted){answer->content_events, answer->ascii_bytes,
                                   answer->other_chars,    answer->media_tokens,
                                   answer->listed_tokens,  answer->sequence};
}

void
answer_count_back(struct answer *answer, const struct answer_counted *before)
{
    answer->content_events = before->events;
    answer->ascii_bytes = before->ascii;
    answer->other_chars = before->other;
    answer->media_tokens = before->media;
    answer->listed_tokens = before->listed;
    answer->sequence = before->sequence;
}

void
answer_note_stated(struct answer *answer)
{
    answer->output_when_stated = answer_output_estimate(answer);
}

/*
 * More than any call can have used: a provider's mistake, or its malice, must
 * not spend a month's budget at once. Prompts may hold more than their bytes
 * (images, searches) and answers think unseen, so the bound is a wide one.
 */
static bool
is_absurd(const struct usage_stated *stated, const struct call *call)
{
    enum { MARGIN = 4, ANSWER_TOKENS = 4 << 20 };
    uint64_t answer =
        call->max_tokens > ANSWER_TOKENS ? call->max_tokens : ANSWER_TOKENS;
    unsigned __int128 most =
        (unsigned __int128)answer * (call->n > 0 ? call->n : 1);
    most = (most + call->prompt_bound) * MARGIN;
    return stated->prompt > most || stated->completion > most ||
           stated->total > most || stated->reasoning > most ||
           stated->audio_in > most;
}

bool
answer_states_usage(const struct answer *answer, const struct call *call)
{
    return answer->usage_seen && !is_absurd(&answer->stated, call);
}

/* Nothing is stated: the prompt's estimate, the output seen, and what the call
 * said of output that is no text. */
static void
estimate_usage(const struct answer *answer, const struct call *call,
               struct usage *usage)
{
    uint64_t output = answer_output_estimate(answer);
    /* An answer that is nothing but an error costs nothing anywhere. */
    if (answer->error_seen && output == 0)
        return;
    usage->prompt_missed = call->prompt_estimate;
    usage->completion = output;
    usage->audio_out = call->output_estimate;
}

/*
 * Stated along the way, as Anthropic's message_start has it, and something has
 * come since: it is not cheaper than what was seen of it. Nor is what broke off,
 * whose provider may count in steps.
 */
static void
complete_stated(const struct answer *answer, struct usage *usage,
                bool *estimated)
{
    uint64_t seen = answer_output_estimate(answer);
    uint64_t output = usage->completion + usage->reasoning + usage->audio_out;
    bool is_over = answer->done_seen || answer->finish_seen;
    bool is_old = seen > answer->output_when_stated;
    if (seen > output && (is_old || !is_over))
        usage->completion += seen - output;
    else if (!is_old)
        return;
    *estimated = true;
}

void
answer_usage(const struct answer *answer, const struct call *call,
             struct usage *usage, bool *estimated, bool *ambiguous)
{
    *usage = (struct usage){0};
    *ambiguous = false;
    *estimated = !answer_states_usage(answer, call);
    bool absurd = answer->usage_seen && *estimated;
    if (!*estimated) {
        if (answer->usage_is_split)
            *usage = answer->split;
        else
            usage_from_stated(&answer->stated, usage, ambiguous);
        if (answer->stream)
            complete_stated(answer, usage, estimated);
    } else {
        estimate_usage(answer, call, usage);
    }
    if (!answer->error_seen)
        usage->images_out = call->images_out;
    *ambiguous = *ambiguous || answer->usage_odd || absurd;
}

/* A run without escapes. UTF-8: a character is counted at its first byte. */
static void
count_run(struct answer *answer, const char *p, const char *end)
{
    const uint64_t high_bits = UINT64_C(0x8080808080808080);
    uint64_t ascii = 0, other = 0;
    while (p < end) {
        uint64_t word;
        if (end - p >= (ptrdiff_t)sizeof(word)) {
            memcpy(&word, p, sizeof(word));
            if ((word & high_bits) == 0) {
                ascii += sizeof(word);
                p += sizeof(word);
                continue;
            }
        }
        unsigned char c = (unsigned char)*p++;
        ascii += c < 0x80;
        other += c >= 0xc0;
    }
    answer->ascii_bytes += ascii;
    answer->other_chars += other;
}

static unsigned
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    return ((unsigned)c | 0x20) - 'a' + 10;
}

/* One byte of an escape. A pair of surrogates is one character: its first
 * half counts. */
static void
count_escape(struct answer *answer, struct text_count *state, char c)
{
    if (state->escape_left == 5 && c != 'u') {
        answer->ascii_bytes++;
        state->escape_left = 0;
        return;
    }
    if (state->escape_left == 5)
        state->escape_value = 0;
    else
        state->escape_value =
            (uint16_t)(state->escape_value << 4 | (hex_digit(c) & 0xf));
    if (--state->escape_left > 0)
        return;
    uint16_t unit = state->escape_value;
    answer->ascii_bytes += unit < 0x80;
    answer->other_chars += unit >= 0x80 && (unit & 0xfc00) != 0xdc00;
}

void
answer_count_part(struct answer *answer, struct text_count *state,
                  struct str part)
{
    const char *p = part.ptr, *end = part.ptr + part.len;
    if (UNLIKELY(answer->on_text != NULL) && answer->stream)
        answer->on_text(answer->listener, part);
    while (p < end) {
        if (state->escape_left > 0) {
            count_escape(answer, state, *p++);
            continue;
        }
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        const char *run_end = slash != NULL ? slash : end;
        count_run(answer, p, run_end);
        p = run_end;
        if (slash != NULL) {
            state->escape_left = 5;
            p++;
        }
    }
}

/* An element for each token, with its alternatives: of more than ELEMENT_BYTES
 * it is none that a model makes. */
static void
count_list(struct answer *answer, struct str list)
{
    enum { ELEMENT_BYTES = 4096 };
    struct json_reader reader;
    struct str element;
    uint64_t tokens = 0;
    if (!json_list_begin(&reader, list))
        return;
    while (json_list_next(&reader, &element))
        tokens++;
    uint64_t by_bytes = list.len / ELEMENT_BYTES;
    answer->listed_tokens += tokens > by_bytes ? tokens : by_bytes;
}

void
answer_count(struct answer *answer, enum answer_content kind, struct str piece)
{
    struct text_count state = {0};
    uint64_t tokens;
    switch (kind) {
    case ANSWER_WORDS:
        answer_count_part(answer, &state, piece);
        break;
    case ANSWER_PICTURE:
        tokens = (piece.len + 3) / 4;
        answer->media_tokens +=
            tokens < ANSWER_PICTURE_TOKENS ? tokens : ANSWER_PICTURE_TOKENS;
        break;
    case ANSWER_SOUND:
        answer->media_tokens += piece.len / ANSWER_SOUND_BYTES + 1;
        break;
    case ANSWER_LIST:
        count_list(answer, piece);
        break;
    }
}

void
answer_count_text(struct answer *answer, struct str json_string)
{
    struct text_count state = {0};
    if (json_string.len > 2)
        answer_count_part(answer, &state,
                          str_make(json_string.ptr + 1, json_string.len - 2));
}

void
answer_count_other(struct answer *answer, struct str piece)
{
    if (answer->body_kind == ANSWER_TEXT)
        count_run(answer, piece.ptr, piece.ptr + piece.len);
}
