/*
 * gemini_event.c - what answers of this dialect say: whole ones and chunks of a
 * stream have the same form, and a chunk's parts continue those before it.
 *
 * Left out, because no other dialect has a place for it: what Google's own tools
 * did (executableCode, codeExecutionResult, toolCall, toolResponse), safety
 * ratings, grounding. A signature goes on with thoughts and calls only; on text
 * it is optional. Arguments of calls come whole unless a client asked for
 * pieces (partialArgs), which only passes through.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/gemini_part.h"

static const struct str nothing = {NULL, 0};

/* ---- parts ---- */

enum part_key {
    PART_TEXT,
    PART_THOUGHT,
    PART_SIGNATURE,
    PART_CALL,
    PART_INLINE,
    PART_OTHER,
};
static const struct str part_keys[PART_OTHER] = {
    STR_LIT("text"),         STR_LIT("thought"),    STR_LIT("thoughtSignature"),
    STR_LIT("functionCall"), STR_LIT("inlineData"),
};

enum call_key { CALL_NAME, CALL_ARGS, CALL_ID, CALL_PARTIAL, CALL_OTHER };
static const struct str call_keys[CALL_OTHER] = {
    STR_LIT("name"), STR_LIT("args"), STR_LIT("id"), STR_LIT("partialArgs")};

static struct str
inside(struct str value)
{
    return canon_inside(value, NULL);
}

static bool
is_object(struct str value)
{
    return value.len > 0 && *value.ptr == '{';
}

/* Pieces of arguments, of which only the length matters here. */
static void
count_partial(struct answer *answer, struct str list)
{
    struct json_reader reader;
    struct json_token token;
    json_reader_init(&reader, list);
    do {
        json_next(&reader, &token);
        if (token.type == JSON_STRING)
            answer_count_text(answer, token.span);
    } while (token.type != JSON_END && token.type != JSON_BAD);
    answer->content_events++;
}

static void
read_call(struct canon_stream *stream, uint32_t choice, struct str object,
          struct str signature)
{
    struct str values[CALL_OTHER + 1];
    if (!json_members(object, call_keys, CALL_OTHER, values))
        return;
    if (values[CALL_PARTIAL].len > 0)
        count_partial(stream->answer, values[CALL_PARTIAL]);
    struct str name = inside(values[CALL_NAME]);
    if (name.len == 0)
        return; /* the call before goes on */
    canon_tool_whole(stream, choice, inside(values[CALL_ID]), name,
                     is_object(values[CALL_ARGS]) ? values[CALL_ARGS]
                                                  : STR_LIT("{}"),
                     signature);
}

static void
read_inline(struct canon_stream *stream, uint32_t choice, struct str object)
{
    static const struct str names[] = {STR_LIT("mimeType"), STR_LIT("data")};
    struct str values[ARRAY_LEN(names) + 1];
    if (!json_members(object, names, ARRAY_LEN(names), values))
        return;
    struct str type = inside(values[0]);
    if (str_starts_with(type, STR_LIT("image/")))
        canon_image(stream, choice, type, inside(values[1]));
    else /* sound is asked for by none but this dialect's clients */
        canon_count(stream, ANSWER_SOUND, inside(values[1]));
}

/* The reader stands behind its opening brace. */
static void
read_part(struct canon_stream *stream, uint32_t choice,
          struct json_reader *reader)
{
    struct str values[PART_OTHER + 1];
    if (!json_members_here(reader, part_keys, PART_OTHER, values))
        return;
    struct str signature = inside(values[PART_SIGNATURE]);
    bool is_thought = str_equals(values[PART_THOUGHT], STR_LIT("true"));
    if (values[PART_CALL].len > 0) {
        read_call(stream, choice, values[PART_CALL], signature);
    } else if (is_thought) {
        canon_thinking(stream, choice, inside(values[PART_TEXT]));
        canon_signature(stream, choice, signature);
    } else if (values[PART_TEXT].len > 0) {
        canon_text(stream, choice, inside(values[PART_TEXT]));
    } else if (values[PART_INLINE].len > 0) {
        read_inline(stream, choice, values[PART_INLINE]);
    }
}

/* ---- candidates ---- */

enum candidate_key {
    CANDIDATE_CONTENT,
    CANDIDATE_FINISH,
    CANDIDATE_INDEX,
    CANDIDATE_LOGPROBS,
    CANDIDATE_OTHER,
};
static const struct str candidate_keys[CANDIDATE_OTHER] = {
    STR_LIT("content"), STR_LIT("finishReason"), STR_LIT("index"),
    STR_LIT("logprobsResult")};

static const struct {
    struct str name;
    uint8_t stop;
} finishes[] = {
    /* in the order of Google's numbers, with enum-encoding=int */
    {STR_LIT("FINISH_REASON_UNSPECIFIED"), CANON_STOP_NONE},
    {STR_LIT("STOP"), CANON_STOP_END},
    {STR_LIT("MAX_TOKENS"), CANON_STOP_LENGTH},
    {STR_LIT("SAFETY"), CANON_STOP_FILTER},
    {STR_LIT("RECITATION"), CANON_STOP_FILTER},
    {STR_LIT("OTHER"), CANON_STOP_ERROR},
    {STR_LIT("LANGUAGE"), CANON_STOP_FILTER},
    {STR_LIT("BLOCKLIST"), CANON_STOP_FILTER},
    {STR_LIT("PROHIBITED_CONTENT"), CANON_STOP_FILTER},
    {STR_LIT("SPII"), CANON_STOP_FILTER},
    {STR_LIT("MALFORMED_FUNCTION_CALL"), CANON_STOP_ERROR},
    {STR_LIT("IMAGE_SAFETY"), CANON_STOP_FILTER},
    {STR_LIT("UNEXPECTED_TOOL_CALL"), CANON_STOP_ERROR},
    {STR_LIT("TOO_MANY_TOOL_CALLS"), CANON_STOP_ERROR},
    {STR_LIT("IMAGE_PROHIBITED_CONTENT"), CANON_STOP_FILTER},
    {STR_LIT("IMAGE_RECITATION"), CANON_STOP_FILTER},
    {STR_LIT("IMAGE_OTHER"), CANON_STOP_ERROR},
    {STR_LIT("NO_IMAGE"), CANON_STOP_ERROR},
    {STR_LIT("CONTINUATION"), CANON_STOP_PAUSE},
};

/* A reason that is not known here is an end all the same. */
static enum canon_stop
stop_of(struct str value)
{
    uint64_t number;
    if (*value.ptr != '"') {
        if (json_number_u64(value, &number) == 0 &&
            number < ARRAY_LEN(finishes))
            return finishes[number].stop;
        return CANON_STOP_NONE;
    }
    struct str name = inside(value);
    for (size_t i = 0; i < ARRAY_LEN(finishes); i++)
        if (str_equals(name, finishes[i].name))
            return finishes[i].stop;
    return name.len > 0 ? CANON_STOP_END : CANON_STOP_NONE;
}

static uint32_t
index_of(struct str value)
{
    uint64_t number = 0;
    if (value.len == 0 || json_number_u64(value, &number) != 0)
        return 0;
    return number < CALL_CHOICES_MAX ? (uint32_t)number : CALL_CHOICES_MAX - 1;
}

/* The reader stands behind its opening brace. */
static void
read_content(struct canon_stream *stream, uint32_t choice,
             struct json_reader *reader)
{
    static const struct str parts = STR_LIT("parts");
    struct str key, value;
    enum json_type type;
    while ((type = json_enter_member(reader, &key, &value)) > JSON_BAD &&
           type != JSON_OBJECT_END) {
        if (type != JSON_ARRAY || json_key_find(key, &parts, 1) != 0)
            json_pass(reader, type, &value);
        else
            while (json_list_object(reader))
                read_part(stream, choice, reader);
    }
}

/*
 * The reader stands behind its opening brace. The index stands behind the
 * content, which is therefore read last; but where one answer was asked for,
 * the index is 0.
 */
static void
read_candidate(struct canon_stream *stream, struct json_reader *reader)
{
    bool alone = stream->call != NULL && stream->call->n == 1;
    struct str values[CANDIDATE_OTHER + 1] = {0}, key, value;
    struct json_reader content = {0};
    enum json_type type;
    while ((type = json_enter_member(reader, &key, &value)) > JSON_BAD &&
           type != JSON_OBJECT_END) {
        unsigned which = json_key_find(key, candidate_keys, CANDIDATE_OTHER);
        if (which == CANDIDATE_CONTENT && type == JSON_OBJECT) {
            if (alone) {
                read_content(stream, 0, reader);
                continue;
            }
            content = *reader;
        }
        json_pass(reader, type, &value);
        values[which] = value;
    }
    uint32_t choice = alone ? 0 : index_of(values[CANDIDATE_INDEX]);
    if (choice > stream->answer->choice_top)
        stream->answer->choice_top = (uint8_t)choice;
    if (content.text != NULL)
        read_content(stream, choice, &content);
    if (is_object(values[CANDIDATE_LOGPROBS]))
        gemini_logprobs_read(stream, choice, values[CANDIDATE_LOGPROBS]);
    struct str finish = values[CANDIDATE_FINISH];
    enum canon_stop stop = finish.len > 0 ? stop_of(finish) : CANON_STOP_NONE;
    if (stop != CANON_STOP_NONE)
        canon_finish(stream, choice, stop, nothing);
}

/* The reader stands in their list. Whether there were any. */
static bool
read_candidates(struct canon_stream *stream, struct json_reader *reader)
{
    bool any = false;
    for (; json_list_object(reader); any = true)
        read_candidate(stream, reader);
    return any;
}

/* ---- vectors ---- */

/* {"values": [...]} */
static void
read_vector(struct canon_stream *stream, uint32_t number, struct str object)
{
    struct str values;
    if (json_find(object, "values", &values))
        canon_vector(stream, number, values);
}

static void
read_vectors(struct canon_stream *stream, struct str list)
{
    struct json_reader reader;
    struct str element;
    uint32_t number = 0;
    if (!json_list_begin(&reader, list))
        return;
    while (json_list_next(&reader, &element))
        read_vector(stream, number++, element);
}

/* ---- the whole ---- */

enum answer_key {
    ANSWER_CANDIDATES,
    ANSWER_USAGE,
    ANSWER_FEEDBACK,
    ANSWER_ERROR,
    ANSWER_EMBEDDINGS,
    ANSWER_EMBEDDING,
    ANSWER_OTHER,
};
static const struct str answer_keys[ANSWER_OTHER] = {
    STR_LIT("candidates"), STR_LIT("usageMetadata"), STR_LIT("promptFeedback"),
    STR_LIT("error"),      STR_LIT("embeddings"),    STR_LIT("embedding"),
};

/* What the relay asks of a failure is whether it is worth another try. */
static struct str
error_type(struct str status)
{
    if (str_equals(status, STR_LIT("RESOURCE_EXHAUSTED")))
        return STR_LIT("rate_limit_error");
    if (str_equals(status, STR_LIT("UNAVAILABLE")))
        return STR_LIT("overloaded_error");
    return status;
}

static void
read_error(struct canon_stream *stream, struct str value)
{
    static const struct str names[] = {STR_LIT("status"), STR_LIT("message")};
    struct str values[ARRAY_LEN(names) + 1];
    if (json_members(value, names, ARRAY_LEN(names), values))
        canon_error(stream, error_type(inside(values[0])), inside(values[1]));
    else
        canon_error(stream, nothing, inside(value));
}

/* A prompt that was refused has no candidates. */
static void
read_feedback(struct canon_stream *stream, struct str value)
{
    struct str reason;
    if (json_find(value, "blockReason", &reason) &&
        !str_equals(reason, STR_LIT("null")))
        canon_finish(stream, 0, CANON_STOP_FILTER, nothing);
}

/* Names stand behind the text that they belong to: looked for ahead, once. */
static void
read_names(struct canon_stream *stream, struct str text)
{
    static const struct str names[] = {STR_LIT("responseId"),
                                       STR_LIT("modelVersion")};
    struct str values[ARRAY_LEN(names) + 1];
    json_members(text, names, ARRAY_LEN(names), values);
    canon_start(stream, inside(values[0]), inside(values[1]));
}

/* What else an answer may hold. */
static void
read_other(struct canon_stream *stream, enum answer_key key, struct str value)
{
    switch (key) {
    case ANSWER_EMBEDDINGS:
        read_vectors(stream, value);
        break;
    case ANSWER_EMBEDDING:
        read_vector(stream, 0, value);
        break;
    case ANSWER_ERROR:
        if (!str_equals(value, STR_LIT("null")))
            read_error(stream, value);
        break;
    default:
        break;
    }
}

/* False: it is no JSON object. Of half a one, whole candidates are told. */
static bool
read_answer(struct canon_stream *stream, struct str text)
{
    struct json_reader reader;
    struct json_token token;
    struct str key, value, feedback = nothing;
    enum json_type type;
    bool any = false, states_output = false;
    json_reader_init(&reader, text);
    if (json_next(&reader, &token) != JSON_OBJECT)
        return false;
    if (stream->answer->id[0] == '\0')
        read_names(stream, text);
    while ((type = json_enter_member(&reader, &key, &value)) > JSON_BAD &&
           type != JSON_OBJECT_END) {
        unsigned which = json_key_find(key, answer_keys, ANSWER_OTHER);
        if (which == ANSWER_CANDIDATES && type == JSON_ARRAY) {
            any = read_candidates(stream, &reader) || any;
        } else if (which == ANSWER_USAGE && type == JSON_OBJECT) {
            states_output = gemini_usage(&reader, stream->answer);
        } else {
            json_pass(&reader, type, &value);
            if (which == ANSWER_FEEDBACK)
                feedback = value;
            else
                read_other(stream, which, value);
        }
    }
    if (states_output) /* of all that stands here, in whichever order */
        answer_note_stated(stream->answer);
    if (!any && feedback.len > 0)
        read_feedback(stream, feedback);
    return type == JSON_OBJECT_END;
}

void
gemini_read_event(struct canon_stream *stream, const struct sse_event *event)
{
    struct buf joined;
    buf_init(&joined, 0);
    struct str data = canon_event_data(event, &joined);
    if (data.len > 0)
        read_answer(stream, data);
    buf_fini(&joined);
}

void
gemini_read_plain(struct canon_stream *stream, struct str body)
{
    while (body.len > 0 && memchr(" \t\r\n", *body.ptr, 4) != NULL)
        body = str_skip(body, 1);
    if (!read_answer(stream, body))
        stream->answer->bad = true;
}
