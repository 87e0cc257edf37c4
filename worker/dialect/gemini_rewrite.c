/*
 * gemini_rewrite.c - the splices of this dialect: a bound for the answer in
 * generationConfig, and the model's name in the few places where a body repeats
 * what its path says.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/gemini_part.h"

#include <stdio.h>

/* Where names go: all splices share the text of the first. */
struct renaming {
    struct splices *splices;
    struct str body, name;
    struct splice text; /* text_len 0: none was made yet */
};

static void
rename_at(struct renaming *renaming, struct str value)
{
    struct splices *splices = renaming->splices;
    if (value.len < 2 || *value.ptr != '"' ||
        splices->count >= CALL_MODELS_SPLICED)
        return;
    struct splice *splice =
        splice_add(splices, (uint32_t)(value.ptr - renaming->body.ptr),
                   (uint32_t)value.len);
    if (renaming->text.text_len > 0) {
        splice->text_off = renaming->text.text_off;
        splice->text_len = renaming->text.text_len;
        return;
    }
    char name[CALL_MODEL_BYTES + 8];
    int len = snprintf(name, sizeof(name), "models/%.*s",
                       STR_ARG(gemini_model_name(renaming->name)));
    size_t room = sizeof(name) - 1;
    splice_name(splices, splice,
                str_make(name, (size_t)len < room ? (size_t)len : room));
    renaming->text = *splice;
}

static void
rename_in_object(struct renaming *renaming, struct str object)
{
    struct json_reader reader;
    struct json_token token;
    struct str key, value;
    enum json_type type;
    json_reader_init(&reader, object);
    if (json_next(&reader, &token) != JSON_OBJECT)
        return;
    while ((type = json_member(&reader, &key, &value)) > JSON_BAD &&
           type != JSON_OBJECT_END)
        if (json_string_equals(key, STR_LIT("model")))
            rename_at(renaming, value);
}

/* A list of requests, or one. */
static void
rename_in_requests(struct renaming *renaming, struct str value)
{
    struct json_reader reader;
    struct str element;
    enum json_type type;
    if (!json_list_begin(&reader, value)) {
        rename_in_object(renaming, value);
        return;
    }
    while ((type = json_item(&reader, &element)) > JSON_BAD &&
           type != JSON_ARRAY_END)
        rename_in_object(renaming, element);
}

static void
rename_models(struct renaming *renaming)
{
    static const struct str names[] = {STR_LIT("model"), STR_LIT("requests"),
                                       STR_LIT("generateContentRequest"),
                                       STR_LIT("generate_content_request")};
    struct json_reader reader;
    struct json_token token;
    struct str key, value;
    enum json_type type;
    json_reader_init(&reader, renaming->body);
    json_next(&reader, &token);
    while ((type = json_member(&reader, &key, &value)) > JSON_BAD &&
           type != JSON_OBJECT_END) {
        unsigned which = json_key_find(key, names, ARRAY_LEN(names));
        if (which == 0)
            rename_at(renaming, value);
        else if (which < ARRAY_LEN(names))
            rename_in_requests(renaming, value);
    }
}

/* maxOutputTokens where it does not stand yet: first in generationConfig. */
static void
insert_max_tokens(struct str body, const struct call *call, uint64_t max_tokens,
                  struct splices *splices)
{
    struct span32 config = call->config_value;
    bool is_object = config.len > 0 && body.ptr[config.off] == '{';
    struct splice *splice;
    if (is_object)
        splice = splice_add(splices, config.off + 1, 0);
    else if (config.len > 0) /* null */
        splice = splice_add(splices, config.off, config.len);
    else
        splice = splice_add(splices, call->first_member, 0);
    if (config.len == 0)
        splice_text(splices, splice, STR_LIT("\"generationConfig\":"));
    splice_text(splices, splice,
                is_object ? STR_LIT("\"maxOutputTokens\":")
                          : STR_LIT("{\"maxOutputTokens\":"));
    splice_number(splices, splice, max_tokens);
    if (!is_object)
        splice_text(splices, splice, STR_LIT("}"));
    bool alone = config.len == 0 ? call->empty_object
                 : is_object     ? splice_object_is_empty(body, config)
                                 : true;
    if (!alone)
        splice_text(splices, splice, STR_LIT(","));
}

void
gemini_rewrite(struct str body, const struct call *call,
               const struct rewrite *rewrite, struct splices *splices)
{
    splices->count = splices->text_len = 0;
    if (rewrite->model.ptr != NULL && call->models_inside > 0) {
        struct renaming renaming = {
            .splices = splices, .body = body, .name = rewrite->model};
        rename_models(&renaming);
    }
    if (rewrite->max_tokens == 0 || call->endpoint != ENDPOINT_GENERATE)
        return;
    if (call->max_tokens_value.len > 0)
        splice_number(splices,
                      splice_add(splices, call->max_tokens_value.off,
                                 call->max_tokens_value.len),
                      rewrite->max_tokens);
    else
        insert_max_tokens(body, call, rewrite->max_tokens, splices);
}
