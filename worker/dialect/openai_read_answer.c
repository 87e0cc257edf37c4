/*
 * openai_read_answer.c - answers of providers that speak as OpenAI does, as the
 * canonical stream hears them: events and plain answers, their frames.
 *
 * Lenient: what is missing, null or of another type than it should be is as if
 * it had not been said. What stands in a choice: openai_read_choice.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_canon.h"

enum answer_key {
    KEY_CHOICES,
    KEY_USAGE,
    KEY_ID,
    KEY_MODEL,
    KEY_OBJECT,
    KEY_ERROR,
    KEY_TYPE,
    KEY_MESSAGE,
    KEY_CODE,
    KEY_BASE_RESP,
    KEY_X_GROQ,
    KEY_DATA,
    KEY_SERVICE,
    KEYS,
};

static const struct str answer_keys[KEYS] = {
    [KEY_CHOICES] = STR_LIT("choices"),
    [KEY_USAGE] = STR_LIT("usage"),
    [KEY_ID] = STR_LIT("id"),
    [KEY_MODEL] = STR_LIT("model"),
    [KEY_OBJECT] = STR_LIT("object"),
    [KEY_ERROR] = STR_LIT("error"),
    [KEY_TYPE] = STR_LIT("type"),
    [KEY_MESSAGE] = STR_LIT("message"),
    [KEY_CODE] = STR_LIT("code"),
    [KEY_BASE_RESP] = STR_LIT("base_resp"),
    [KEY_X_GROQ] = STR_LIT("x_groq"),
    [KEY_DATA] = STR_LIT("data"),
    [KEY_SERVICE] = STR_LIT("service_tier"),
};

struct str
openai_text(struct str value)
{
    return canon_inside(value, NULL);
}

static bool
is_word(struct str value, struct str word)
{
    return str_equals(openai_text(value), word);
}

/* ---- failures under status 200 ---- */

/* {"message", "type", "code"}, or the message alone. */
static void
tell_error(struct canon_stream *stream, struct str error)
{
    struct str values[KEYS + 1];
    if (!json_members(error, answer_keys, KEYS, values)) {
        canon_error(stream, str_make(NULL, 0), openai_text(error));
        return;
    }
    struct str type = openai_text(values[KEY_TYPE]);
    canon_error(stream, type.len > 0 ? type : openai_text(values[KEY_CODE]),
                openai_text(values[KEY_MESSAGE]));
}

/* MiniMax: base_resp.status_code is not 0. */
static bool
base_resp_failed(struct canon_stream *stream, struct str base_resp)
{
    struct str code, message = {NULL, 0};
    uint64_t number = 0;
    if (base_resp.len == 0 || !json_find(base_resp, "status_code", &code) ||
        (json_number_u64(code, &number) == 0 ? number == 0 : *code.ptr != '-'))
        return false;
    json_find(base_resp, "status_msg", &message);
    canon_error(stream, str_make(NULL, 0), openai_text(message));
    return true;
}

static bool
is_error(struct canon_stream *stream, const struct str *values)
{
    if (values[KEY_ERROR].len > 0) {
        tell_error(stream, values[KEY_ERROR]);
        return true;
    }
    if (is_word(values[KEY_TYPE], STR_LIT("error")) ||
        is_word(values[KEY_OBJECT], STR_LIT("error"))) {
        canon_error(stream, openai_text(values[KEY_CODE]),
                    openai_text(values[KEY_MESSAGE]));
        return true;
    }
    return base_resp_failed(stream, values[KEY_BASE_RESP]);
}

/* ---- frames ---- */

/* Its own; Groq's, where it did not ask for one; Moonshot's stands in choices
 * (openai_read_choice). The last one counts: they grow, or repeat. */
static void
read_usage(struct canon_stream *stream, const struct str *values)
{
    struct str groq;
    if (values[KEY_SERVICE].len > 0)
        answer_learn_service(stream->answer, values[KEY_SERVICE]);
    if (values[KEY_USAGE].len > 0 &&
        openai_usage_read(stream->answer, values[KEY_USAGE]))
        return;
    if (values[KEY_X_GROQ].len > 0 &&
        json_find(values[KEY_X_GROQ], "usage", &groq))
        openai_usage_read(stream->answer, groq);
}

/* Azure's first event names nothing and has no choices. */
static void
read_start(struct canon_stream *stream, const struct str *values)
{
    struct str id = openai_text(values[KEY_ID]);
    if (id.len > 0)
        canon_start(stream, id, openai_text(values[KEY_MODEL]));
}

/* One object of an answer, but for its data. False: it is none. */
static bool
read_answer(struct canon_stream *stream, struct str text, struct str *values)
{
    struct json_reader reader;
    struct json_token token;
    struct str key, value;
    enum json_type type;
    memset(values, 0, (KEYS + 1) * sizeof(*values));
    json_reader_init(&reader, text);
    if (json_next(&reader, &token) != JSON_OBJECT)
        return false;
    while ((type = json_enter_member(&reader, &key, &value)) > JSON_BAD &&
           type != JSON_OBJECT_END) {
        unsigned which = json_key_find(key, answer_keys, KEYS);
        if (which == KEY_CHOICES && type == JSON_ARRAY) {
            if (values[KEY_ID].len > 0)
                read_start(stream, values);
            while (json_list_object(&reader))
                openai_read_choice(stream, &reader);
        } else if (json_pass(&reader, type, &value) != JSON_NULL) {
            values[which] = value;
        }
    }
    return true;
}

void
openai_read_event(struct canon_stream *stream, const struct sse_event *event)
{
    struct str values[KEYS + 1];
    struct buf joined;
    buf_init(&joined, 0);
    struct str data = str_trim(canon_event_data(event, &joined));
    if (str_equals(data, STR_LIT("[DONE]"))) {
        canon_done(stream);
    } else if (data.len > 0) {
        read_answer(stream, data, values);
        read_start(stream, values);
        read_usage(stream, values);
        if (!is_error(stream, values) &&
            str_equals(event->event, STR_LIT("error")))
            canon_error(stream, openai_text(values[KEY_TYPE]),
                        openai_text(values[KEY_MESSAGE]));
    }
    buf_fini(&joined);
}

static void
read_vectors(struct canon_stream *stream, struct str data)
{
    enum { VECTOR, INDEX, VECTOR_KEYS };
    static const struct str names[VECTOR_KEYS] = {
        [VECTOR] = STR_LIT("embedding"), [INDEX] = STR_LIT("index")};
    struct str values[VECTOR_KEYS + 1], item;
    struct json_reader reader;
    uint64_t number = 0, index;
    if (!json_list_begin(&reader, data))
        return;
    for (; json_list_next(&reader, &item); number++) {
        json_members(item, names, VECTOR_KEYS, values);
        if (json_number_u64(values[INDEX], &index) != 0 || index > UINT32_MAX)
            index = number;
        if (openai_text(values[VECTOR]).len > 0 ||
            json_is(values[VECTOR], JSON_ARRAY))
            canon_vector(stream, (uint32_t)index, values[VECTOR]);
    }
}

void
openai_read_plain(struct canon_stream *stream, struct str body)
{
    struct str values[KEYS + 1];
    if (!read_answer(stream, body, values)) {
        stream->answer->bad = true;
        return;
    }
    read_start(stream, values);
    read_vectors(stream, values[KEY_DATA]);
    read_usage(stream, values);
    is_error(stream, values);
}
