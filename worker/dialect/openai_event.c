/*
 * openai_event.c - answers of OpenAI and those compatible with it, as they pass
 * by: events of a stream, pieces of a plain answer. Nothing is changed here;
 * what is learnt stands in struct answer.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_part.h"

#include <stdlib.h>

/* Top-level members of a plain answer worth keeping. */
enum { TAP_USAGE, TAP_ERROR, TAP_ID, TAP_MODEL, TAP_BASE_RESP, TAP_SERVICE };
static const char *const tapped[ANSWER_TAPPED + 1] = {
    "usage", "error", "id", "model", "base_resp", "service_tier", NULL};

void
openai_answer_begin(struct answer *answer)
{
    memset(&answer->stated, 0,
           offsetof(struct answer, tap) - offsetof(struct answer, stated));
    if (answer->tap != NULL)
        json_tap_init(&answer->tap->tap, tapped, answer->tap->values);
}

/* A string's content into a field once; a longer one stays out. */
static void
learn_text(char *field, size_t size, struct str value)
{
    if (field[0] != '\0' || value.len <= 2 || value.ptr[0] != '"')
        return;
    int len = json_string_decode(value, field, size);
    if (len < 0 || (size_t)len >= size)
        field[0] = '\0';
}

/* MiniMax tells failures under status 200: base_resp.status_code != 0. */
static bool
base_resp_failed(struct str base_resp)
{
    struct str code;
    uint64_t number = 0;
    if (base_resp.len == 0 || !json_find(base_resp, "status_code", &code))
        return false;
    return json_number_u64(code, &number) != 0 ? code.ptr[0] == '-'
                                               : number != 0;
}

static bool
is_error_word(struct str value)
{
    return json_string_equals(value, STR_LIT("error"));
}

/* What one event holds, as raw spans. */
struct event_members {
    struct openai_choices choices;
    struct str usage, x_groq;
    bool is_error;
};

/* In the order in which most providers write them. */
enum event_key {
    KEY_ID,
    KEY_OBJECT,
    KEY_CREATED,
    KEY_MODEL,
    KEY_CHOICES,
    KEY_USAGE,
    KEY_X_GROQ,
    KEY_ERROR,
    KEY_BASE_RESP,
    KEY_TYPE,
    KEY_SERVICE,
    KEY_OTHER,
};

static const struct str event_names[KEY_OTHER] = {
    [KEY_CHOICES] = STR_LIT("choices"),      [KEY_USAGE] = STR_LIT("usage"),
    [KEY_X_GROQ] = STR_LIT("x_groq"),        [KEY_ERROR] = STR_LIT("error"),
    [KEY_BASE_RESP] = STR_LIT("base_resp"),  [KEY_TYPE] = STR_LIT("type"),
    [KEY_OBJECT] = STR_LIT("object"),        [KEY_ID] = STR_LIT("id"),
    [KEY_MODEL] = STR_LIT("model"),          [KEY_CREATED] = STR_LIT("created"),
    [KEY_SERVICE] = STR_LIT("service_tier"),
};

static void
take_member(struct answer *answer, struct event_members *members,
            enum event_key key, struct str value)
{
    bool is_null = str_equals(value, STR_LIT("null"));
    switch (key) {
    case KEY_CHOICES: /* read where it stood */
        break;
    case KEY_USAGE:
        members->usage = value;
        break;
    case KEY_X_GROQ:
        members->x_groq = value;
        break;
    case KEY_ERROR:
        members->is_error = members->is_error || !is_null;
        break;
    case KEY_BASE_RESP:
        members->is_error = members->is_error || base_resp_failed(value);
        break;
    case KEY_TYPE:
    case KEY_OBJECT:
        members->is_error = members->is_error || is_error_word(value);
        break;
    case KEY_ID:
        learn_text(answer->id, sizeof(answer->id), value);
        break;
    case KEY_MODEL:
        learn_text(answer->model, sizeof(answer->model), value);
        break;
    case KEY_CREATED:
        if (answer->created == 0 && json_number_u64(value, &answer->created))
            answer->created = 0;
        break;
    case KEY_SERVICE:
        if (!is_null)
            answer_learn_service(answer, value);
        break;
    case KEY_OTHER:
        break;
    }
}

/* Usage of this event: its own, its choice's (Moonshot), Groq's. */
static bool
take_usage(struct answer *answer, const struct event_members *members)
{
    struct str groq;
    if (members->usage.len > 0 && openai_usage_read(answer, members->usage))
        return true;
    if (members->choices.usage.len > 0 &&
        openai_usage_read(answer, members->choices.usage))
        return true;
    return members->x_groq.len > 0 &&
           json_find(members->x_groq, "usage", &groq) &&
           openai_usage_read(answer, groq);
}

static enum event_verdict
event_json(struct answer *answer, struct str text)
{
    struct event_members members = {0};
    struct json_reader reader;
    struct json_token token;
    struct str key, value;
    enum json_type type;
    json_reader_init(&reader, text);
    if (json_next(&reader, &token) != JSON_OBJECT)
        return EVENT_PASS;
    while ((type = json_enter_member(&reader, &key, &value)) > JSON_BAD &&
           type != JSON_OBJECT_END) {
        unsigned which = json_key_find(key, event_names, KEY_OTHER);
        if (which == KEY_CHOICES && type == JSON_ARRAY)
            openai_choices_read(answer, &reader, &members.choices);
        else if (json_pass(&reader, type, &value) > JSON_BAD)
            take_member(answer, &members, (enum event_key)which, value);
    }
    take_usage(answer, &members);
    answer->error_seen = answer->error_seen || members.is_error;
    bool usage_only = members.choices.is_empty_list && members.usage.len > 0 &&
                      members.usage.ptr[0] == '{' && !members.is_error;
    return answer->withhold_usage && usage_only ? EVENT_WITHHOLD : EVENT_PASS;
}

/* Data in several lines is one text with line feeds between (WHATWG). */
static enum event_verdict
event_lines(struct answer *answer, const struct sse_event *event)
{
    struct buf joined;
    enum event_verdict verdict = EVENT_PASS;
    buf_init(&joined, 0);
    sse_join_data(event, &joined);
    if (buf_ok(&joined))
        verdict = event_json(answer, buf_view(&joined));
    buf_fini(&joined);
    return verdict;
}

enum event_verdict
openai_answer_event(struct answer *answer, const struct sse_event *event)
{
    if (event->event.len > 0 && str_equals(event->event, STR_LIT("error")))
        answer->error_seen = true;
    if (event->data_count == 0 || answer->done_seen)
        return EVENT_PASS;
    if (event->data_count > 1)
        return event_lines(answer, event);
    if (str_equals(str_trim(event->data[0]), STR_LIT("[DONE]"))) {
        answer->done_seen = true;
        return EVENT_PASS;
    }
    return event_json(answer, event->data[0]);
}

static struct str
tap_value(const struct answer *answer, unsigned which)
{
    const struct json_tap_value *value = &answer->tap->values[which];
    return value->seen && !value->truncated ? str_make(value->bytes, value->len)
                                            : str_make(NULL, 0);
}

/*
 * Read anew after each piece, so that all depends on what has come and nothing
 * on how it was cut; of a member that comes twice, the last counts.
 */
static void
read_tapped(struct answer *answer)
{
    struct str error = tap_value(answer, TAP_ERROR);
    struct str base_resp = tap_value(answer, TAP_BASE_RESP);
    answer->usage_seen = answer->usage_odd = false;
    answer->stated = (struct usage_stated){0};
    answer->id[0] = answer->model[0] = '\0';
    openai_usage_read(answer, tap_value(answer, TAP_USAGE));
    learn_text(answer->id, sizeof(answer->id), tap_value(answer, TAP_ID));
    learn_text(answer->model, sizeof(answer->model),
               tap_value(answer, TAP_MODEL));
    answer_learn_service(answer, tap_value(answer, TAP_SERVICE));
    /* A value too long to keep is no null. */
    answer->error_seen = (answer->tap->values[TAP_ERROR].seen &&
                          !str_equals(error, STR_LIT("null"))) ||
                         base_resp_failed(base_resp);
    answer->bad = answer->tap->tap.bad;
}

/* At the first piece. Without memory the text is counted all the same, and the
 * call is charged by that. */
static bool
has_tap(struct answer *answer)
{
    if (answer->tap == NULL && !answer->bad) {
        answer->tap = malloc(sizeof(*answer->tap));
        if (answer->tap != NULL)
            json_tap_init(&answer->tap->tap, tapped, answer->tap->values);
        answer->bad = answer->tap == NULL;
    }
    return answer->tap != NULL;
}

void
openai_answer_piece(struct answer *answer, struct str piece)
{
    if (answer->body_kind != ANSWER_JSON) {
        answer_count_other(answer, piece);
        return;
    }
    if (answer->endpoint != ENDPOINT_EMBEDDINGS)
        answer_count_plain(answer, piece);
    if (!has_tap(answer))
        return;
    json_tap_feed(&answer->tap->tap, piece.ptr, piece.len);
    read_tapped(answer);
}

/* True when it is a JSON object that states its usage: all is known then. Of a
 * member that comes twice, the last counts, as above. */
static bool
read_stated(struct answer *answer, struct str body)
{
    struct str values[KEY_OTHER + 1];
    if (!json_members(body, event_names, KEY_OTHER, values))
        return false;
    struct str usage = values[KEY_USAGE];
    if (usage.len == 0 || usage.len > JSON_TAP_VALUE_BYTES ||
        !openai_usage_read(answer, usage))
        return false;
    learn_text(answer->id, sizeof(answer->id), values[KEY_ID]);
    learn_text(answer->model, sizeof(answer->model), values[KEY_MODEL]);
    answer_learn_service(answer, values[KEY_SERVICE]);
    answer->error_seen =
        values[KEY_ERROR].len > 0 || base_resp_failed(values[KEY_BASE_RESP]);
    return true;
}

void
openai_answer_whole(struct answer *answer, struct str body)
{
    if (answer->body_kind != ANSWER_JSON || !read_stated(answer, body))
        openai_answer_piece(answer, body); /* which forgets what was tried */
}
