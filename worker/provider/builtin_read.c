/*
 * builtin_read.c - reads a chat, completions or embeddings request for the
 * builtin provider. Unknown members are passed over.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/hash.h"
#include "common/json_scan.h"
#include "worker/provider/builtin_part.h"

static struct str
inside_quotes(struct str string)
{
    return str_make(string.ptr + 1, string.len - 2);
}

/* Bytes of the character or escape at the start; *is_space: parts words. */
static size_t
unit_len(struct str raw, bool *is_space)
{
    *is_space = *raw.ptr == ' ';
    if (*raw.ptr != '\\' || raw.len < 2)
        return 1;
    char escape = raw.ptr[1];
    *is_space = escape == 'n' || escape == 't' || escape == 'r';
    size_t len = escape == 'u' ? 6 : 2;
    return len < raw.len ? len : raw.len;
}

size_t
builtin_word_len(struct str raw)
{
    size_t at = 0;
    bool in_word = false, after_word = false;
    while (at < raw.len) {
        bool is_space;
        size_t len = unit_len(str_skip(raw, at), &is_space);
        if (!is_space && after_word)
            break;
        after_word = is_space && in_word;
        in_word = in_word || !is_space;
        at += len;
    }
    return at;
}

uint64_t
builtin_word_count(struct str raw)
{
    uint64_t count = 0;
    bool in_word = false;
    while (raw.len > 0) {
        bool is_space;
        size_t len = unit_len(raw, &is_space);
        count += !is_space && !in_word;
        in_word = !is_space;
        raw = str_skip(raw, len);
    }
    return count;
}

/* One text of the prompt; `echo` collects it, unless NULL. */
static void
add_text(struct builtin_question *question, struct str string, struct buf *echo)
{
    struct str raw = inside_quotes(string);
    question->prompt_tokens += builtin_word_count(raw);
    if (echo != NULL)
        buf_append_str(echo, raw);
}

/* The member that begins at the reader: false at the end of the object. */
static bool
next_member(struct json_reader *reader, struct str *key)
{
    struct json_token token;
    if (json_next(reader, &token) != JSON_KEY)
        return false;
    *key = token.span;
    return true;
}

/* "content": a string, or parts of which those with a "text" count. */
static void
read_content(struct builtin_question *question, struct str content,
             struct buf *echo)
{
    if (content.len == 0)
        return;
    if (*content.ptr == '"') {
        add_text(question, content, echo);
        return;
    }
    struct json_reader reader;
    struct json_token token;
    if (!json_list_begin(&reader, content))
        return;
    while (json_next(&reader, &token) == JSON_OBJECT) {
        struct str key, value;
        while (next_member(&reader, &key)) {
            enum json_type type = json_skip_value(&reader, &value);
            if (type == JSON_STRING && json_string_equals(key, STR_LIT("text")))
                add_text(question, value, echo);
        }
    }
}

static void
read_message(struct builtin_question *question, struct json_reader *reader)
{
    struct str key, value, content = {NULL, 0};
    bool is_user = false;
    while (next_member(reader, &key)) {
        if (json_skip_value(reader, &value) == JSON_BAD)
            return;
        if (json_string_equals(key, STR_LIT("role")))
            is_user =
                *value.ptr == '"' && json_string_equals(value, STR_LIT("user"));
        else if (json_string_equals(key, STR_LIT("content")))
            content = value;
    }
    if (is_user)
        buf_reset(&question->text);
    read_content(question, content, is_user ? &question->text : NULL);
}

static void
read_messages(struct builtin_question *question, struct str messages)
{
    struct json_reader reader;
    struct json_token token;
    if (!json_list_begin(&reader, messages))
        return;
    while (json_next(&reader, &token) == JSON_OBJECT)
        read_message(question, &reader);
}

/* An array of token numbers, of which the bracket is read already, or with its
 * first number read as well (`count` = 1). */
static uint64_t
count_numbers(struct json_reader *reader, uint64_t count)
{
    struct json_token token;
    while (json_next(reader, &token) == JSON_NUMBER)
        count++;
    return count;
}

static void
add_input(struct builtin_question *question, struct str raw)
{
    static const uint8_t fixed_key[16] = "aigw embeddings";
    uint64_t hash = hash_siphash(fixed_key, raw.ptr, raw.len);
    buf_append(&question->inputs, &hash, sizeof(hash));
}

/*
 * "prompt" and "input": a string, a list of strings, of token numbers, or of
 * such lists. A list of numbers is one input.
 */
static void
read_input(struct builtin_question *question, struct str input)
{
    struct json_reader reader;
    struct json_token token;
    json_reader_init(&reader, input);
    enum json_type type = json_next(&reader, &token);
    if (type == JSON_STRING) {
        add_text(question, token.span, &question->text);
        add_input(question, inside_quotes(token.span));
    }
    if (type != JSON_ARRAY)
        return;
    for (;;) {
        type = json_next(&reader, &token);
        if (type == JSON_STRING) {
            add_text(question, token.span, &question->text);
            add_input(question, inside_quotes(token.span));
        } else if (type == JSON_ARRAY) {
            size_t from = reader.pos;
            question->prompt_tokens += count_numbers(&reader, 0);
            add_input(question,
                      str_make(reader.text + from, reader.pos - from));
        } else {
            break;
        }
    }
    if (type == JSON_NUMBER) {
        question->prompt_tokens += count_numbers(&reader, 1);
        add_input(question, input);
    }
}

static uint64_t
read_number(struct str value)
{
    uint64_t number = 0;
    if (json_number_u64(value, &number) != 0)
        return 0;
    return number;
}

/* 0 is no bound; what the client asked and what the gateway allows. */
static void
bound_tokens(struct builtin_question *question, uint64_t max_tokens)
{
    if (max_tokens > 0 &&
        (question->max_tokens == 0 || max_tokens < question->max_tokens))
        question->max_tokens = max_tokens;
}

static void
read_member(struct builtin_question *question, struct str key,
            enum json_type type, struct str value)
{
    bool is_embeddings = question->endpoint == ENDPOINT_EMBEDDINGS;
    if (json_string_equals(key, STR_LIT("model"))) {
        buf_reset(&question->model);
        if (type == JSON_STRING)
            buf_append_str(&question->model, inside_quotes(value));
    } else if (question->endpoint == ENDPOINT_CHAT &&
               json_string_equals(key, STR_LIT("messages"))) {
        read_messages(question, value);
    } else if ((question->endpoint == ENDPOINT_COMPLETIONS &&
                json_string_equals(key, STR_LIT("prompt"))) ||
               (is_embeddings && json_string_equals(key, STR_LIT("input")))) {
        read_input(question, value);
    } else if (json_string_equals(key, STR_LIT("max_tokens")) ||
               json_string_equals(key, STR_LIT("max_completion_tokens"))) {
        bound_tokens(question, type == JSON_NUMBER ? read_number(value) : 0);
    } else if (json_string_equals(key, STR_LIT("stream_options"))) {
        struct str wanted;
        question->include_usage = type == JSON_OBJECT &&
                                  json_find(value, "include_usage", &wanted) &&
                                  str_equals(wanted, STR_LIT("true"));
    } else if (is_embeddings && type == JSON_NUMBER &&
               json_string_equals(key, STR_LIT("dimensions"))) {
        uint64_t n = read_number(value);
        question->dimensions = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
    } else if (is_embeddings && type == JSON_STRING &&
               json_string_equals(key, STR_LIT("encoding_format"))) {
        question->base64 = json_string_equals(value, STR_LIT("base64"));
    }
}

static void
cut_text(struct builtin_question *question)
{
    struct str text = buf_view(&question->text);
    question->completion_tokens = builtin_word_count(text);
    if (question->max_tokens == 0 ||
        question->completion_tokens <= question->max_tokens)
        return;
    size_t len = 0;
    for (uint64_t i = 0; i < question->max_tokens; i++)
        len += builtin_word_len(str_skip(text, len));
    question->text.end = question->text.start + len;
    question->completion_tokens = question->max_tokens;
    question->is_cut = true;
}

static int
check(const struct builtin_question *question, const char **reason)
{
    size_t inputs = buf_len(&question->inputs) / sizeof(uint64_t);
    *reason = NULL;
    if (!buf_ok(&question->text) || !buf_ok(&question->inputs) ||
        !buf_ok(&question->model))
        *reason = "out of memory";
    else if (question->choices > BUILTIN_CHOICES_MAX)
        *reason = "n must be at most 128";
    else if (question->endpoint == ENDPOINT_EMBEDDINGS && inputs == 0)
        *reason = "input must be a string or a list";
    else if (question->endpoint == ENDPOINT_EMBEDDINGS &&
             inputs > BUILTIN_INPUTS_MAX)
        *reason = "input must have at most 2048 entries";
    else if (question->dimensions == 0 ||
             question->dimensions > BUILTIN_DIMENSIONS_MAX)
        *reason = "dimensions must be 1 to 1024";
    return *reason == NULL ? 0 : -1;
}

int
builtin_question_read(struct builtin_question *question, struct str body,
                      const struct call *call, const char **reason)
{
    *question = (struct builtin_question){
        .endpoint = call->endpoint,
        .choices = call->n > 0 ? call->n : 1,
        .dimensions = BUILTIN_DIMENSIONS,
        .include_usage = call->include_usage,
    };
    buf_init(&question->model, 0);
    buf_init(&question->text, 0);
    buf_init(&question->inputs, 0);
    bound_tokens(question, call->max_tokens);
    struct json_reader reader;
    struct json_token token;
    struct str key, value;
    json_reader_init(&reader, body);
    *reason = "the body is not a JSON object";
    if (json_next(&reader, &token) != JSON_OBJECT)
        return -1;
    while (next_member(&reader, &key)) {
        enum json_type type = json_skip_value(&reader, &value);
        if (type == JSON_BAD)
            return -1;
        read_member(question, key, type, value);
    }
    if (json_next(&reader, &token) != JSON_END)
        return -1;
    if (question->prompt_tokens == 0)
        question->prompt_tokens = 1;
    cut_text(question);
    return check(question, reason);
}

void
builtin_question_fini(struct builtin_question *question)
{
    buf_fini(&question->model);
    buf_fini(&question->text);
    buf_fini(&question->inputs);
}
