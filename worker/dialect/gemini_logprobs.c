/*
 * gemini_logprobs.c - log probabilities between Google's form and OpenAI's:
 *
 *   {"chosenCandidates": [{token, tokenId, logProbability}, ...],
 *    "topCandidates": [{"candidates": [{the same}, ...]}, ...]}
 *   [{token, logprob, bytes, top_logprobs: [{token, logprob, bytes}, ...]}, ...]
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/gemini_part.h"

/* One token in either form; values raw. */
struct token_values {
    struct str token, logprob, top;
};

/* A value that begins with one of these bytes, else another. */
static struct str
if_begins(struct str value, const char *bytes, struct str otherwise)
{
    return value.len > 0 && strchr(bytes, *value.ptr) != NULL ? value
                                                              : otherwise;
}

static void
read_token(struct str object, struct token_values *values)
{
    enum { TOKEN, LOGPROB, TOP, COUNT };
    static const struct str names[COUNT * 2] = {
        STR_LIT("token"),   STR_LIT("token"),      STR_LIT("logProbability"),
        STR_LIT("logprob"), STR_LIT("candidates"), STR_LIT("top_logprobs"),
    };
    struct str found[COUNT + 1];
    json_members_spelt(object, names, COUNT, 2, found);
    values->token = if_begins(found[TOKEN], "\"", STR_LIT("\"\""));
    values->logprob = if_begins(found[LOGPROB], "-0123456789", STR_LIT("0"));
    values->top = if_begins(found[TOP], "[", STR_LIT("[]"));
}

/* ---- to OpenAI's ---- */

static void
write_openai_token(struct json_writer *json, const struct token_values *values)
{
    json_key(json, "token");
    json_raw(json, values->token);
    json_key(json, "logprob");
    json_raw(json, values->logprob);
    json_key(json, "bytes");
    json_null(json);
}

/* `tops`: one element of topCandidates. */
static void
write_openai_tops(struct json_writer *json, struct str tops)
{
    struct json_reader reader;
    struct token_values outer, values;
    struct str element;
    json_key(json, "top_logprobs");
    json_array_begin(json);
    read_token(tops, &outer);
    json_list_begin(&reader, outer.top);
    while (json_list_next(&reader, &element)) {
        read_token(element, &values);
        json_object_begin(json);
        write_openai_token(json, &values);
        json_object_end(json);
    }
    json_array_end(json);
}

void
gemini_logprobs_read(struct canon_stream *stream, uint32_t choice,
                     struct str value)
{
    struct json_reader chosen, top;
    struct json_writer json;
    struct token_values values;
    struct str list, element, tops;
    struct buf out;
    if (!json_find(value, "chosenCandidates", &list))
        return;
    if (stream->client == NULL) { /* the longer list has all, too */
        if (json_find(value, "topCandidates", &tops) && tops.len > list.len)
            list = tops;
        canon_logprobs(stream, choice, list);
        return;
    }
    buf_init(&out, 0);
    json_writer_init(&json, &out);
    json_array_begin(&json);
    json_list_begin(&chosen, list);
    if (!json_find(value, "topCandidates", &list))
        list = STR_LIT("[]");
    json_list_begin(&top, list);
    while (json_list_next(&chosen, &element)) {
        read_token(element, &values);
        json_object_begin(&json);
        write_openai_token(&json, &values);
        write_openai_tops(&json,
                          json_list_next(&top, &tops) ? tops : STR_LIT("{}"));
        json_object_end(&json);
    }
    json_array_end(&json);
    if (buf_ok(&out))
        canon_logprobs(stream, choice, buf_view(&out));
    stream->failed = stream->failed || !buf_ok(&out);
    buf_fini(&out);
}

/* ---- from OpenAI's ---- */

static void
write_token(struct json_writer *json, const struct token_values *values)
{
    json_object_begin(json);
    json_key(json, "token");
    json_raw(json, values->token);
    json_key(json, "logProbability");
    json_raw(json, values->logprob);
    json_object_end(json);
}

static void
write_chosen(struct json_writer *json, struct str list)
{
    struct json_reader reader;
    struct token_values values;
    struct str element;
    json_key(json, "chosenCandidates");
    json_array_begin(json);
    json_list_begin(&reader, list);
    while (json_list_next(&reader, &element)) {
        read_token(element, &values);
        write_token(json, &values);
    }
    json_array_end(json);
}

static void
write_tops(struct json_writer *json, struct str list)
{
    struct json_reader reader, inner;
    struct token_values values, top;
    struct str element;
    json_key(json, "topCandidates");
    json_array_begin(json);
    json_list_begin(&reader, list);
    while (json_list_next(&reader, &element)) {
        read_token(element, &values);
        json_object_begin(json);
        json_key(json, "candidates");
        json_array_begin(json);
        json_list_begin(&inner, values.top);
        while (json_list_next(&inner, &element)) {
            read_token(element, &top);
            write_token(json, &top);
        }
        json_array_end(json);
        json_object_end(json);
    }
    json_array_end(json);
}

void
gemini_logprobs_write(struct json_writer *json, struct str list)
{
    json_key(json, "logprobsResult");
    json_object_begin(json);
    write_chosen(json, list);
    write_tops(json, list);
    json_object_end(json);
}
