/*
 * responses_plain.c - a provider's response object: begun, ended, or all there
 * is; and its usage.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_part.h"
#include "worker/dialect/responses_part.h"

enum plain_member {
    PLAIN_ID,
    PLAIN_MODEL,
    PLAIN_CREATED,
    PLAIN_STATUS,
    PLAIN_ERROR,
    PLAIN_INCOMPLETE,
    PLAIN_OUTPUT,
    PLAIN_USAGE,
    PLAIN_CHOICES,
    PLAIN_CODE,
    PLAIN_SERVICE,
    PLAIN_MEMBERS
};
static const struct str names[PLAIN_MEMBERS] = {
    STR_LIT("id"),     STR_LIT("model"),        STR_LIT("created_at"),
    STR_LIT("status"), STR_LIT("error"),        STR_LIT("incomplete_details"),
    STR_LIT("output"), STR_LIT("usage"),        STR_LIT("choices"),
    STR_LIT("code"),   STR_LIT("service_tier"),
};

bool
responses_read_usage(struct answer *answer, struct str object)
{
    struct str value;
    /* Azure's models of others have the names of chat completions. */
    if (json_find(object, "prompt_tokens", &value) &&
        !json_find(object, "input_tokens", &value))
        return openai_usage_read(answer, object);
    return openai_usage_read_responses(answer, object);
}

static void
take_begin(struct canon_stream *stream, const struct str *values)
{
    struct answer *answer = stream->answer;
    uint64_t created = 0;
    if (answer->created == 0 && values[PLAIN_CREATED].len > 0 &&
        json_number_u64(values[PLAIN_CREATED], &created) == 0)
        answer->created = created;
    canon_start(stream, responses_text(values[PLAIN_ID]),
                responses_text(values[PLAIN_MODEL]));
}

void
responses_read_begin(struct canon_stream *stream, struct str response)
{
    struct str values[PLAIN_MEMBERS + 1];
    json_members(response, names, PLAIN_MEMBERS, values);
    take_begin(stream, values);
}

/* {"error": {"code", "message"}}; xAI: {"code": ..., "error": "..."}. */
static void
take_error(struct canon_stream *stream, const struct str *values)
{
    static const struct str members[] = {STR_LIT("code"), STR_LIT("message"),
                                         STR_LIT("type")};
    struct str inner[ARRAY_LEN(members) + 1], error = values[PLAIN_ERROR];
    json_members(error, members, ARRAY_LEN(members), inner);
    if (error.len > 0 && *error.ptr == '"') {
        inner[0] = values[PLAIN_CODE];
        inner[1] = error;
    } else if (inner[0].len == 0) {
        inner[0] = inner[2];
    }
    canon_error(stream, responses_text(inner[0]), responses_text(inner[1]));
}

static enum canon_stop
stop_of(const struct str *values)
{
    struct str reason;
    if (!responses_is(values[PLAIN_STATUS], STR_LIT("incomplete")))
        return CANON_STOP_END;
    if (values[PLAIN_INCOMPLETE].len > 0 &&
        json_find(values[PLAIN_INCOMPLETE], "reason", &reason) &&
        responses_is(reason, STR_LIT("content_filter")))
        return CANON_STOP_FILTER;
    return CANON_STOP_LENGTH;
}

static void
take_end(struct canon_stream *stream, const struct str *values)
{
    answer_learn_service(stream->answer, values[PLAIN_SERVICE]);
    if (values[PLAIN_USAGE].len > 0)
        responses_read_usage(stream->answer, values[PLAIN_USAGE]);
    if (values[PLAIN_ERROR].len > 0 ||
        responses_is(values[PLAIN_STATUS], STR_LIT("failed"))) {
        take_error(stream, values);
        return;
    }
    canon_finish(stream, 0, stop_of(values), str_make(NULL, 0));
}

void
responses_read_end(struct canon_stream *stream, struct str response)
{
    struct str values[PLAIN_MEMBERS + 1];
    json_members(response, names, PLAIN_MEMBERS, values);
    take_begin(stream, values);
    /* A stream that said nothing on its way. */
    if (stream->answer->content_events == 0)
        responses_read_output(stream, values[PLAIN_OUTPUT]);
    take_end(stream, values);
}

void
responses_read_plain(struct canon_stream *stream, struct str body)
{
    struct str values[PLAIN_MEMBERS + 1];
    if (!json_members(body, names, PLAIN_MEMBERS, values)) {
        stream->answer->bad = true;
        return;
    }
    /* Azure answers for models of others in the form of chat completions. */
    if (values[PLAIN_CHOICES].len > 0 && values[PLAIN_OUTPUT].len == 0 &&
        dialect_openai.read_plain != NULL) {
        dialect_openai.read_plain(stream, body);
        return;
    }
    take_begin(stream, values);
    if (values[PLAIN_OUTPUT].len + values[PLAIN_STATUS].len +
            values[PLAIN_ERROR].len + values[PLAIN_USAGE].len ==
        0)
        return; /* it is none */
    responses_read_output(stream, values[PLAIN_OUTPUT]);
    take_end(stream, values);
}
