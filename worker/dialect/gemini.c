/*
 * gemini.c - the dialect of Google's Generative Language API: generateContent,
 * streamGenerateContent, countTokens, embedContent, batchEmbedContents. The path
 * names the model and whether the answer is a stream. Parts: gemini_part.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/gemini_part.h"
#include "worker/dialect/count_body.h"

const struct dialect dialect_gemini = {
    .number = DIALECT_GEMINI,
    .name = "gemini",
    .scan = gemini_scan,
    .rewrite = gemini_rewrite,
    .answer_begin = canon_answer_begin,
    .answer_event = canon_answer_event,
    .answer_piece = canon_answer_piece,
    .answer_whole = canon_answer_whole,
    .error_body = gemini_error_body,
    .stream_error = gemini_stream_error,
    .stream_cut = gemini_stream_cut,
    .read_request = gemini_read_request,
    .write_request = gemini_write_request,
    .read_event = gemini_read_event,
    .read_plain = gemini_read_plain,
    .usage_member = "usageMetadata",
    .read_usage = gemini_read_usage,
    .write_event = gemini_write_event,
    .write_plain = gemini_write_plain,
    .collects = true, /* arguments of calls go out whole */
    .stream_type = "text/event-stream",
    .plain_type = "application/json; charset=UTF-8",
    .count_body = count_body_gemini,
};

bool
gemini_members_of(struct json_reader *reader, const struct str *names,
                  struct str *values, unsigned count, unsigned spellings)
{
    struct str key, value;
    enum json_type type;
    for (unsigned i = 0; i < count; i++)
        values[i] = str_make(NULL, 0);
    while ((type = json_member(reader, &key, &value)) > JSON_BAD &&
           type != JSON_OBJECT_END) {
        unsigned which = key_find(key, names, count * spellings);
        if (which < count * spellings)
            values[spellings == 2 ? which / 2 : which] = value;
    }
    return type == JSON_OBJECT_END;
}

bool
gemini_members(struct str object, const struct str *names, struct str *values,
               unsigned count, unsigned spellings)
{
    struct json_reader reader;
    struct json_token token;
    json_reader_init(&reader, object);
    if (json_next(&reader, &token) == JSON_OBJECT)
        return gemini_members_of(&reader, names, values, count, spellings);
    for (unsigned i = 0; i < count; i++)
        values[i] = str_make(NULL, 0);
    return false;
}

void
gemini_pass_rest(struct json_reader *reader, const struct json_token *first)
{
    struct json_token token = *first;
    if (first->type != JSON_OBJECT && first->type != JSON_ARRAY)
        return;
    while (json_next(reader, &token) > JSON_BAD)
        if (token.depth == first->depth &&
            (token.type == JSON_OBJECT_END || token.type == JSON_ARRAY_END))
            return;
}

void
gemini_list_begin(struct gemini_list *list, struct str value)
{
    struct json_token token;
    bool is_null = value.len == 0 || str_equals(value, STR_LIT("null"));
    list->is_single = is_null || *value.ptr != '[';
    list->is_over = is_null;
    json_reader_init(&list->reader, value);
    if (!list->is_single)
        json_next(&list->reader, &token);
}

bool
gemini_list_next(struct gemini_list *list, struct str *element)
{
    if (list->is_over)
        return false;
    enum json_type type = json_skip_value(&list->reader, element);
    list->is_over =
        list->is_single || type <= JSON_BAD || type == JSON_ARRAY_END;
    return type > JSON_BAD && type != JSON_ARRAY_END;
}

enum json_type
gemini_list_enter(struct gemini_list *list, struct str *first)
{
    struct json_token token;
    if (list->is_over)
        return JSON_END;
    enum json_type type = json_next(&list->reader, &token);
    list->is_over =
        list->is_single || type <= JSON_BAD || type == JSON_ARRAY_END;
    if (type == JSON_ARRAY)
        gemini_pass_rest(&list->reader, &token);
    *first = token.span;
    return type == JSON_ARRAY_END || type == JSON_BAD ? JSON_END : type;
}

bool
gemini_array_enter(struct json_reader *reader)
{
    struct json_token token;
    enum json_type type = json_next(reader, &token);
    if (type != JSON_ARRAY)
        gemini_pass_rest(reader, &token);
    return type == JSON_ARRAY;
}

bool
gemini_array_object(struct json_reader *reader)
{
    struct json_token token;
    enum json_type type;
    while ((type = json_next(reader, &token)) > JSON_BAD &&
           type != JSON_ARRAY_END && type != JSON_OBJECT)
        gemini_pass_rest(reader, &token);
    return type == JSON_OBJECT;
}
