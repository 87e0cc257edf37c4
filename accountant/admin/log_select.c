/*
 * log_select.c - see log_select.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/log_select.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/value.h"
#include "accountant/admin/view.h"
#include "accountant/admin/object_json.h"
#include "accountant/ledger_report.h"
#include "common/clock.h"
#include "common/json_scan.h"
#include "common/settings.h"
#include "shm/layout.h"

enum log_operator { OP_EQ, OP_NEQ, OP_CONTAINS, OP_LT, OP_GT };
enum { NAME_BYTES = 256, TEXT_BYTES = 1024 };

static const struct word operators[] = {
    {"eq", OP_EQ}, {"neq", OP_NEQ}, {"contains", OP_CONTAINS},
    {"lt", OP_LT}, {"gt", OP_GT},   {NULL, 0}};

const struct word log_fields[] = {{"request_id", LOG_REQUEST_ID},
                                  {"time", LOG_TIME},
                                  {"provider", LOG_PROVIDER},
                                  {"model", LOG_MODEL},
                                  {"success", LOG_SUCCESS},
                                  {"cached", LOG_CACHED},
                                  {"stream", LOG_STREAM},
                                  {"status", LOG_STATUS},
                                  {"cost", LOG_COST},
                                  {"tokens", LOG_TOKENS},
                                  {"tokens_in", LOG_TOKENS_IN},
                                  {"tokens_out", LOG_TOKENS_OUT},
                                  {"duration_ms", LOG_DURATION},
                                  {"metadata.key", LOG_METADATA_KEY},
                                  {"metadata.value", LOG_METADATA_VALUE},
                                  {"feedback", LOG_FEEDBACK},
                                  {"score", LOG_SCORE},
                                  {NULL, 0}};

/* ---- fields of a row ---- */

uint64_t
log_tokens_in(const struct ledger_row *row)
{
    const struct usage *u = &row->classes;
    return u->prompt_missed + u->cached + u->cache_creation + u->audio_in;
}

uint64_t
log_tokens_out(const struct ledger_row *row)
{
    const struct usage *u = &row->classes;
    return u->completion + u->reasoning + u->audio_out;
}

const char *
log_field_text(const struct ledger_row *row, enum log_field field)
{
    switch (field) {
    case LOG_REQUEST_ID:
        return row->request_id;
    case LOG_PROVIDER:
        return row->provider;
    case LOG_MODEL:
        return row->model;
    default:
        return NULL;
    }
}

static double
tag_number(const char *tags, const char *name)
{
    struct json_reader reader;
    struct json_token token;
    struct str key, value;
    enum json_type type;
    json_reader_init(&reader, str_from(tags));
    if (json_next(&reader, &token) != JSON_OBJECT)
        return NAN;
    while ((type = json_member(&reader, &key, &value)) != JSON_OBJECT_END &&
           type != JSON_BAD) {
        char text[40];
        if (!json_string_equals(key, str_from(name)))
            continue;
        *str_copy(text, str_cut(value, sizeof(text) - 1)) = '\0';
        return strtod(text, NULL);
    }
    return NAN;
}

double
log_field_number(const struct ledger_row *row, enum log_field field)
{
    switch (field) {
    case LOG_TIME:
        return (double)row->ended_ms;
    case LOG_SUCCESS:
        return ledger_row_is_error(row) ? 0 : 1;
    case LOG_CACHED:
        return (row->flags & RECORD_CACHED) != 0;
    case LOG_STREAM:
        return (row->flags & RECORD_STREAM) != 0;
    case LOG_STATUS:
        return row->status;
    case LOG_COST:
        return (double)row->nano / 1e9;
    case LOG_TOKENS:
        return (double)(log_tokens_in(row) + log_tokens_out(row));
    case LOG_TOKENS_IN:
        return (double)log_tokens_in(row);
    case LOG_TOKENS_OUT:
        return (double)log_tokens_out(row);
    case LOG_DURATION:
        return row->duration_ms;
    case LOG_FEEDBACK:
        return tag_number(row->tags, LOG_FEEDBACK_TAG);
    case LOG_SCORE:
        return tag_number(row->tags, LOG_SCORE_TAG);
    default:
        return 0;
    }
}

/* ---- conditions ---- */

static bool
text_is(const char *have, uint32_t op, const char *want)
{
    switch (op) {
    case OP_CONTAINS:
        return strcasestr(have, want) != NULL;
    case OP_LT:
        return strcmp(have, want) < 0;
    case OP_GT:
        return strcmp(have, want) > 0;
    default:
        return strcmp(have, want) == 0;
    }
}

static bool
any_text(const struct log_condition *c, const char *have)
{
    for (unsigned i = 0; i < c->count; i++)
        if (text_is(have, c->op, c->values[i].text))
            return true;
    return false;
}

/* "contains" of a number: its digits do. */
static bool
any_number(const struct log_condition *c, double have)
{
    char text[40];
    snprintf(text, sizeof(text), "%.9g", have);
    for (unsigned i = 0; i < c->count; i++) {
        double want = c->values[i].number;
        if (c->op == OP_LT         ? have < want
            : c->op == OP_GT       ? have > want
            : c->op == OP_CONTAINS ? strstr(text, c->values[i].text) != NULL
                                   : fabs(have - want) < 5e-10)
            return true;
    }
    return false;
}

/* Any name, or any value, of the row's metadata. */
static bool
any_metadata(const struct log_condition *c, const char *tags)
{
    struct json_reader reader;
    struct json_token token;
    struct str key, value;
    enum json_type type;
    json_reader_init(&reader, str_from(tags));
    if (json_next(&reader, &token) != JSON_OBJECT)
        return false;
    while ((type = json_member(&reader, &key, &value)) != JSON_OBJECT_END) {
        char text[TEXT_BYTES];
        bool is_text = c->field == LOG_METADATA_KEY || type == JSON_STRING;
        struct str span = c->field == LOG_METADATA_KEY ? key : value;
        if (type == JSON_BAD)
            return false;
        if (!is_text && span.len < sizeof(text))
            *str_copy(text, span) = '\0';
        else if (!is_text || json_string_decode(span, text, sizeof(text)) < 0)
            continue;
        if (any_text(c, text))
            return true;
    }
    return false;
}

static bool
condition_takes(const struct log_condition *c, const struct ledger_row *row)
{
    const char *text = log_field_text(row, c->field);
    bool any;
    if (c->field == LOG_METADATA_KEY || c->field == LOG_METADATA_VALUE)
        any = any_metadata(c, row->tags);
    else if (text != NULL)
        any = any_text(c, text);
    else
        any = any_number(c, log_field_number(row, c->field));
    return any != (c->op == OP_NEQ);
}

bool
log_select_takes(const struct log_select *select, const struct ledger_row *row)
{
    for (unsigned i = 0; i < select->count; i++)
        if (!condition_takes(&select->conditions[i], row))
            return false;
    return true;
}

/* ---- a body ---- */

/* "0.5", "true" or a time, for a field that is a number. */
static bool
number_of_text(enum log_field field, const char *text, double *number)
{
    char *end = NULL;
    int64_t ms;
    *number = strtod(text, &end);
    if (end != text && *end == '\0')
        return true;
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        *number = *text == 't';
        return true;
    }
    if (field != LOG_TIME || clock_parse_rfc3339(text, &ms) != 0)
        return false;
    *number = (double)ms;
    return true;
}

static bool
read_value(struct call *call, struct log_condition *c, const cJSON *value)
{
    bool is_text = c->field == LOG_METADATA_KEY ||
                   c->field == LOG_METADATA_VALUE ||
                   log_field_text(&(struct ledger_row){0}, c->field) != NULL;
    double number =
        cJSON_IsBool(value) ? cJSON_IsTrue(value) : value->valuedouble;
    const char *text = cJSON_IsString(value) ? value->valuestring : NULL;
    bool fits = text == NULL
                    ? !is_text && (cJSON_IsBool(value) || cJSON_IsNumber(value))
                    : is_text || number_of_text(c->field, text, &number);
    if (!fits)
        return admin_error_field(
            &call->error, "where", "a value of '%s' must be %s.",
            word_text(log_fields, c->field), is_text ? "a text" : "a number");
    c->values[c->count].number = number;
    c->values[c->count].text = text == NULL ? "" : text;
    c->count++;
    return true;
}

static bool
read_condition(struct call *call, struct log_condition *c, const cJSON *item)
{
    struct admin_error *error = &call->error;
    uint32_t field;
    if (!value_members(item, "where", "field operator values", error) ||
        !value_word(cJSON_GetObjectItemCaseSensitive(item, "field"), "field",
                    log_fields, &field, error) ||
        !value_word(cJSON_GetObjectItemCaseSensitive(item, "operator"),
                    "operator", operators, &c->op, error))
        return false;
    c->field = (enum log_field)field;
    const cJSON *value,
        *values = cJSON_GetObjectItemCaseSensitive(item, "values");
    int count = cJSON_IsArray(values) ? cJSON_GetArraySize(values) : 0;
    if (count < 1 || count > LOG_VALUES_MAX)
        return admin_error_field(error, "where",
                                 "'values' must be a list of 1 to %d values.",
                                 LOG_VALUES_MAX);
    cJSON_ArrayForEach(value, values)
    {
        if (!read_value(call, c, value))
            return false;
    }
    return true;
}

static bool
read_where(struct call *call, struct log_select *select)
{
    const cJSON *item,
        *where = cJSON_GetObjectItemCaseSensitive(call->body, "where");
    if (where == NULL)
        return true;
    if (!cJSON_IsArray(where) || cJSON_GetArraySize(where) > LOG_CONDITIONS_MAX)
        return admin_error_field(&call->error, "where",
                                 "'where' must be a list of at most %d "
                                 "conditions.",
                                 LOG_CONDITIONS_MAX);
    cJSON_ArrayForEach(item, where)
    {
        struct log_condition *c = &select->conditions[select->count];
        if (!read_condition(call, c, item))
            return false;
        select->count++;
    }
    return true;
}

static bool
read_text(struct call *call, const char *name, const char **text)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(call->body, name);
    if (value == NULL || cJSON_IsNull(value))
        return true;
    *text = value_text(value, name, NAME_BYTES, &call->error);
    return *text != NULL;
}

static bool
read_time(struct call *call, const char *name, int64_t *ms)
{
    const char *text = NULL;
    if (!read_text(call, name, &text))
        return false;
    return text == NULL || clock_parse_rfc3339(text, ms) == 0 ||
           admin_error_field(&call->error, name,
                             "'%s' must be a time as "
                             "2026-01-31T12:00:00Z.",
                             name);
}

bool
log_select_read(struct call *call, struct log_select *select)
{
    struct ledger_row_filter *filter = &select->filter;
    const char *group_name = NULL, *gateway = NULL;
    *filter = (struct ledger_row_filter){.cause = -1, .listed_only = true};
    select->count = 0;
    if (!read_time(call, "from", &filter->from_ms) ||
        !read_time(call, "to", &filter->to_ms) ||
        !read_text(call, "group", &group_name) ||
        !read_text(call, "gateway", &gateway) ||
        !read_text(call, "text", &filter->text) || !read_where(call, select))
        return false;
    filter->group_id = view_only_group(call);
    if (gateway != NULL)
        filter->gateway = gateway_number_of(call->store, gateway);
    if (group_name != NULL) {
        const struct group *group = view_group_named(call, group_name);
        if (group == NULL)
            return admin_error_set(&call->error, 404, "group_not_found",
                                   "Group '%.64s' does not exist.", group_name);
        filter->group_id = group->id;
    }
    return true;
}
