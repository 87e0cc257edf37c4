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
gemini_members(struct str object, const struct str *names, struct str *values,
               unsigned count, unsigned spellings)
{
    struct json_reader reader;
    struct json_token token;
    struct str key, value;
    enum json_type type;
    for (unsigned i = 0; i < count; i++)
        values[i] = str_make(NULL, 0);
    json_reader_init(&reader, object);
    if (json_next(&reader, &token) != JSON_OBJECT)
        return false;
    while ((type = json_member(&reader, &key, &value)) > JSON_BAD &&
           type != JSON_OBJECT_END) {
        unsigned which = key_find(key, names, count * spellings) / spellings;
        if (which < count)
            values[which] = value;
    }
    return type == JSON_OBJECT_END;
}

void
gemini_list_begin(struct gemini_list *list, struct str value)
{
    struct json_token token;
    list->single = value;
    list->is_single = value.len == 0 || *value.ptr != '[';
    json_reader_init(&list->reader, value);
    if (!list->is_single)
        json_next(&list->reader, &token);
    else if (str_equals(value, STR_LIT("null")))
        list->single.len = 0;
}

bool
gemini_list_next(struct gemini_list *list, struct str *element)
{
    if (list->is_single) {
        *element = list->single;
        list->single.len = 0;
        return element->len > 0;
    }
    enum json_type type = json_skip_value(&list->reader, element);
    return type > JSON_BAD && type != JSON_ARRAY_END;
}
