/*
 * canon_stream.c - an answer on its way between dialects: what readers say
 * becomes facts, and blocks in order. Tool calls: canon_tool.c. What is kept of
 * an answer in one piece: canon_collect.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/canon_part.h"

#include <stdlib.h>
#include <string.h>

#include "common/json_scan.h"
#include "common/json_write.h"

static const struct str no_word;

/* ---- facts ---- */

/* Beyond this a word is content. Ids of calls have 20 to 64 bytes. */
enum { WORD_BYTES = 128 };

/* Memory for a piece, where it is kept, and for what will be written of it. */
static bool
has_room(struct canon_stream *stream, struct str content)
{
    uint64_t bytes = stream->collected + buf_len(stream->out) + content.len;
    return LIKELY(bytes <= stream->room) || stream->hold == NULL ||
           stream->hold(stream->owner, bytes);
}

bool
canon_take(struct canon_stream *stream, enum answer_content kind,
           struct str content, struct str word)
{
    struct answer *answer = stream->answer;
    if (content.len == 0 || answer->done_seen || stream->is_cut)
        return false;
    struct answer_counted before = answer_counted(answer);
    answer->content_events += kind != ANSWER_LIST; /* it is the text's */
    answer_count(answer, kind, content);
    if (UNLIKELY(word.len > WORD_BYTES))
        answer_count(answer, ANSWER_WORDS, str_skip(word, WORD_BYTES));
    if (stream->client == NULL)
        return false;
    if (has_room(stream, content) &&
        (stream->is_covered == NULL || stream->is_covered(stream->owner)))
        return true;
    answer_count_back(answer, &before);
    stream->is_cut = true;
    return false;
}

static bool
goes_on(const struct canon_stream *stream)
{
    return stream->client != NULL && !stream->is_cut &&
           !stream->answer->done_seen;
}

static void
learn(char *field, size_t size, struct str text)
{
    if (field[0] != '\0' || text.len == 0)
        return;
    int len = json_text_decode(text, field, size);
    if (len < 0 || (size_t)len >= size)
        field[0] = '\0';
}

/* ---- order ---- */

void
canon_emit(struct canon_stream *stream, struct canon_event *event)
{
    if (!stream->started) {
        stream->started = true;
        struct canon_event start = {.kind = CANON_EVENT_START};
        if (!stream->plain)
            stream->client->write_event(stream, &start);
    }
    if (stream->collect)
        canon_collect(stream, event);
    if (!stream->plain)
        stream->client->write_event(stream, event);
}

struct canon_choice *
canon_choice_of(struct canon_stream *stream, uint32_t choice)
{
    if (choice >= CANON_CHOICES_MAX)
        return NULL;
    stream->choices[choice].is_used = true;
    return &stream->choices[choice];
}

void
canon_open(struct canon_stream *stream, uint32_t choice,
           struct canon_event *event)
{
    struct canon_choice *c = &stream->choices[choice];
    event->kind = CANON_EVENT_BLOCK_START;
    event->choice = choice;
    event->number = c->blocks++;
    c->is_open = true;
    c->block = event->block;
    c->lex = 0;
    c->lex_depth = 0;
    canon_emit(stream, event);
}

/* What an event of the open block says of it. */
static struct canon_event
of_block(const struct canon_choice *c, uint32_t choice, uint8_t kind)
{
    return (struct canon_event){
        .kind = kind,
        .block = c->block,
        .choice = choice,
        .number = c->blocks - 1,
        .tool = c->tools > 0 ? c->tools - 1 : 0,
    };
}

void
canon_piece(struct canon_stream *stream, uint32_t choice, struct str text)
{
    struct canon_event event =
        of_block(&stream->choices[choice], choice, CANON_EVENT_PIECE);
    event.text = text;
    canon_emit(stream, &event);
}

void
canon_close(struct canon_stream *stream, uint32_t choice)
{
    struct canon_choice *c = &stream->choices[choice];
    if (!c->is_open)
        return;
    if (c->block == CANON_BLOCK_TOOL && (c->lex & CANON_LEX_SEEN) == 0)
        canon_piece(stream, choice, STR_LIT("{}"));
    struct canon_event event = of_block(c, choice, CANON_EVENT_BLOCK_END);
    c->is_open = false;
    canon_emit(stream, &event);
}

/* A piece of a block of text, which is begun where another one is open. */
static void
text_piece(struct canon_stream *stream, uint32_t choice, uint8_t block,
           struct str text)
{
    struct canon_choice *c = canon_choice_of(stream, choice);
    if (c == NULL)
        return;
    struct canon_event event = {.block = block, .text = text};
    if ((!c->is_open || c->block != block) && canon_must_wait(stream, choice)) {
        canon_wait(stream, choice, &event, true);
        return;
    }
    if (!c->is_open || c->block != block) {
        canon_close(stream, choice);
        event.text = no_word;
        canon_open(stream, choice, &event);
    }
    canon_piece(stream, choice, text);
}

/* A block that comes whole. */
static void
whole_block(struct canon_stream *stream, uint32_t choice,
            struct canon_event *event)
{
    if (canon_choice_of(stream, choice) == NULL)
        return;
    if (canon_must_wait(stream, choice)) {
        canon_wait(stream, choice, event, false);
        return;
    }
    canon_close(stream, choice);
    canon_open(stream, choice, event);
    canon_close(stream, choice);
}

void
canon_sign(struct canon_stream *stream, uint32_t choice, struct str text)
{
    struct canon_event event =
        of_block(&stream->choices[choice], choice, CANON_EVENT_SIGNATURE);
    event.text = text;
    canon_emit(stream, &event);
}

/* ---- what readers say ---- */

void
canon_start(struct canon_stream *stream, struct str id, struct str model)
{
    struct answer *answer = stream->answer;
    learn(answer->id, sizeof(answer->id), id);
    learn(answer->model, sizeof(answer->model), model);
    if (!goes_on(stream) || stream->started)
        return;
    stream->started = true;
    struct canon_event event = {.kind = CANON_EVENT_START};
    if (!stream->plain)
        stream->client->write_event(stream, &event);
}

void
canon_text(struct canon_stream *stream, uint32_t choice, struct str text)
{
    if (canon_take(stream, ANSWER_WORDS, text, no_word))
        text_piece(stream, choice, CANON_BLOCK_TEXT, text);
}

void
canon_thinking(struct canon_stream *stream, uint32_t choice, struct str text)
{
    if (canon_take(stream, ANSWER_WORDS, text, no_word))
        text_piece(stream, choice, CANON_BLOCK_THINKING, text);
}

void
canon_refusal(struct canon_stream *stream, uint32_t choice, struct str text)
{
    if (canon_take(stream, ANSWER_WORDS, text, no_word))
        text_piece(stream, choice, CANON_BLOCK_REFUSAL, text);
}

void
canon_signature(struct canon_stream *stream, uint32_t choice, struct str text)
{
    struct canon_choice *c = NULL;
    if (canon_take(stream, ANSWER_WORDS, text, no_word))
        c = canon_choice_of(stream, choice);
    if (c == NULL || canon_wait_signature(stream, choice, text))
        return;
    if (!c->is_open) {
        struct canon_event open = {.block = CANON_BLOCK_THINKING};
        canon_open(stream, choice, &open);
    }
    canon_sign(stream, choice, text);
}

void
canon_redacted(struct canon_stream *stream, uint32_t choice, struct str data)
{
    struct canon_event event = {.block = CANON_BLOCK_REDACTED, .data = data};
    if (canon_take(stream, ANSWER_WORDS, data, no_word))
        whole_block(stream, choice, &event);
}

void
canon_image(struct canon_stream *stream, uint32_t choice, struct str media_type,
            struct str data)
{
    struct canon_event event = {
        .block = CANON_BLOCK_IMAGE, .data = data, .media_type = media_type};
    if (canon_take(stream, ANSWER_PICTURE, data, media_type))
        whole_block(stream, choice, &event);
}

void
canon_block_end(struct canon_stream *stream, uint32_t choice)
{
    if (!goes_on(stream) || choice >= CANON_CHOICES_MAX)
        return;
    canon_close(stream, choice);
    canon_tools_next(stream, choice);
}

void
canon_logprobs(struct canon_stream *stream, uint32_t choice, struct str value)
{
    if (value.len <= 2 || *value.ptr != '[' ||
        !canon_take(stream, ANSWER_LIST, value, no_word) ||
        canon_choice_of(stream, choice) == NULL)
        return;
    /* A plain answer may have line ends in it, an event may not. */
    struct buf line;
    struct json_writer json;
    buf_init(&line, 0);
    json_writer_init(&json, &line);
    if (!stream->plain && memchr(value.ptr, '\n', value.len) != NULL) {
        json_raw_line(&json, value);
        value = buf_view(&line);
    }
    struct canon_event event = {
        .kind = CANON_EVENT_LOGPROBS, .choice = choice, .value = value};
    if (buf_ok(&line))
        canon_emit(stream, &event);
    else
        stream->failed = true;
    buf_fini(&line);
}

void
canon_finish(struct canon_stream *stream, uint32_t choice, enum canon_stop stop,
             struct str stop_text)
{
    struct answer *answer = stream->answer;
    if (stop_text.len > WORD_BYTES)
        canon_take(stream, ANSWER_WORDS, stop_text, no_word);
    if (answer->done_seen || stream->is_cut)
        return;
    answer->finish_seen = true;
    if (choice < CALL_CHOICES_MAX)
        answer->choices_finished[choice / 64] |= UINT64_C(1) << choice % 64;
    struct canon_choice *c =
        stream->client == NULL ? NULL : canon_choice_of(stream, choice);
    if (c == NULL || c->finished)
        return;
    c->finished = true;
    c->stop = (uint8_t)stop; /* the last block's end is to know */
    c->stop_text = canon_keep(stream, stop_text);
}

/* Told at the end only: some providers say more behind a finish reason. */
static void
tell_finish(struct canon_stream *stream, uint32_t choice)
{
    struct canon_choice *c = &stream->choices[choice];
    canon_tools_flush(stream, choice);
    canon_close(stream, choice);
    if (c->has_tool &&
        (c->stop == CANON_STOP_END || c->stop == CANON_STOP_NONE))
        c->stop = CANON_STOP_TOOLS;
    struct canon_event event = {.kind = CANON_EVENT_FINISH,
                                .choice = choice,
                                .stop = c->stop,
                                .text = canon_collected(stream, c->stop_text)};
    canon_emit(stream, &event);
}

void
canon_vector(struct canon_stream *stream, uint32_t number, struct str value)
{
    struct canon_event event = {
        .kind = CANON_EVENT_VECTOR, .number = number, .value = value};
    if (value.len == 0 || !goes_on(stream))
        return;
    if (has_room(stream, value)) /* it is the prompt that is paid for */
        canon_emit(stream, &event);
    else
        stream->is_cut = true;
}

void
canon_count(struct canon_stream *stream, enum answer_content kind,
            struct str content)
{
    struct answer *answer = stream->answer;
    if (content.len == 0 || answer->done_seen)
        return;
    answer->content_events++;
    answer_count(answer, kind, content);
}

void
canon_error(struct canon_stream *stream, struct str type, struct str message)
{
    stream->answer->error_seen = true;
    if (stream->client == NULL || stream->has_error)
        return;
    stream->has_error = true;
    int len =
        json_text_decode(type, stream->error_type, sizeof(stream->error_type));
    if (len < 0 || (size_t)len >= sizeof(stream->error_type))
        stream->error_type[0] = '\0';
    json_text_decode_cut(message, stream->error_message,
                         sizeof(stream->error_message));
}

void
canon_done(struct canon_stream *stream)
{
    stream->answer->done_seen = true;
}

/* ---- what its owner does ---- */

void
canon_stream_end(struct canon_stream *stream)
{
    bool cut = stream->is_cut;
    if (stream->ended)
        return;
    stream->ended = true;
    stream->is_cut = false;
    stream->answer->done_seen = false; /* the last events are ours */
    canon_choice_of(stream, 0);
    for (uint32_t i = 0; i < CANON_CHOICES_MAX; i++)
        if (stream->choices[i].is_used) {
            if (!stream->choices[i].finished && cut)
                stream->choices[i].stop = CANON_STOP_LENGTH;
            stream->choices[i].finished = true;
            tell_finish(stream, i);
        }
    struct canon_event event = {.kind = CANON_EVENT_END};
    canon_emit(stream, &event);
    stream->answer->done_seen = true;
    if (stream->plain)
        stream->client->write_plain(stream);
}

/* ---- dialects that pass through ---- */

enum event_verdict
canon_answer_event(struct answer *answer, const struct sse_event *event)
{
    struct canon_stream stream;
    memset(&stream, 0, sizeof(stream));
    stream.answer = answer;
    if (!answer->done_seen)
        answer->dialect->read_event(&stream, event);
    return EVENT_PASS;
}

void
canon_answer_whole(struct answer *answer, struct str body)
{
    struct canon_stream stream;
    memset(&stream, 0, sizeof(stream));
    stream.answer = answer;
    answer->dialect->read_plain(&stream, body);
}

struct str
canon_event_data(const struct sse_event *event, struct buf *joined)
{
    if (event->data_count == 0)
        return str_make(NULL, 0);
    if (event->data_count == 1)
        return event->data[0];
    buf_reset(joined);
    sse_join_data(event, joined);
    return buf_ok(joined) ? buf_view(joined) : str_make(NULL, 0);
}
