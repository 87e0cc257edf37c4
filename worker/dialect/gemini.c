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
    enum json_type type = list->is_single
                              ? json_skip_value(&list->reader, element)
                              : json_item(&list->reader, element);
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
    *first = token.span;
    if (type == JSON_ARRAY)
        type = json_pass(&list->reader, type, first);
    return type == JSON_ARRAY_END || type == JSON_BAD ? JSON_END : type;
}
