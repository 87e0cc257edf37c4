/*
 * cloudflare_query.c - see cloudflare_query.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/dialect/cloudflare_query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILTERS_MAX = 16, VALUES_MAX = 32 };

/* Their keys; native NULL: all rows have this value, `constant`. */
static const struct {
    const char *key, *native, *constant;
} keys[] = {
    {"id", "request_id", NULL},
    {"event_id", "request_id", NULL},
    {"created_at", "time", NULL},
    {"provider", "provider", NULL},
    {"model", "model", NULL},
    {"success", "success", NULL},
    {"cached", "cached", NULL},
    {"cost", "cost", NULL},
    {"tokens", "tokens", NULL},
    {"tokens_in", "tokens_in", NULL},
    {"tokens_out", "tokens_out", NULL},
    {"duration", "duration_ms", NULL},
    {"status_code", "status", NULL},
    {"metadata.key", "metadata.key", NULL},
    {"metadata.value", "metadata.value", NULL},
    {"response_content_type", "stream", NULL},
    {"feedback", "feedback", NULL},
    {"score", "score", NULL},
    {"request_content_type", NULL, "application/json"},
    {"request_type", NULL, ""},
    {"model_type", NULL, ""},
    {"authentication", NULL, "true"},
    {"wholesale", NULL, "false"},
    {"compatibilityMode", NULL, "false"},
    {"dlp_action", NULL, ""},
    {"user_agent", NULL, ""},
};

struct filter {
    const char *key, *operator;
    unsigned count;
    const cJSON *values[VALUES_MAX]; /* texts or what JSON had */
};

static int
find_key(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (strcmp(keys[i].key, key) == 0)
            return (int)i;
    return -1;
}

static bool
refuse(struct visit *visit, const char *what, const char *text)
{
    char message[256];
    snprintf(message, sizeof(message), "Invalid enum value: %s '%.100s'", what,
             text);
    cloudflare_refuse(visit, 400, 7001, message);
    return false;
}

/* ---- one condition ---- */

static const char *
text_of(const cJSON *value, char number[40])
{
    if (cJSON_IsString(value))
        return value->valuestring;
    if (cJSON_IsBool(value))
        return cJSON_IsTrue(value) ? "true" : "false";
    snprintf(number, 40, "%.15g", value->valuedouble);
    return number;
}

/* Whether a text that all rows have passes. */
static bool
constant_passes(const struct filter *filter, const char *constant)
{
    bool any = false;
    for (unsigned i = 0; i < filter->count; i++) {
        char number[40];
        const char *text = text_of(filter->values[i], number);
        int order = strcmp(constant, text);
        switch (filter->operator[0]) {
        case 'c':
            any = any || strstr(constant, text) != NULL;
            break;
        case 'l':
            any = any || order < 0;
            break;
        case 'g':
            any = any || order > 0;
            break;
        default:
            any = any || order == 0;
        }
    }
    return any != (filter->operator[0] == 'n');
}

/* "text/event-stream" is a stream; anything else is none. */
static cJSON *
value_of(const char *key, const cJSON *value)
{
    char number[40];
    const char *text = text_of(value, number);
    if (strcmp(key, "response_content_type") == 0)
        return cJSON_CreateBool(strstr(text, "event") != NULL);
    return cJSON_CreateString(text);
}

static void
add_condition(cJSON *where, const struct filter *filter, const char *native)
{
    cJSON *condition = cJSON_CreateObject();
    cJSON *values = cJSON_CreateArray();
    cJSON_AddStringToObject(condition, "field", native);
    cJSON_AddStringToObject(condition, "operator", filter->operator);
    for (unsigned i = 0; i < filter->count; i++)
        cJSON_AddItemToArray(values, value_of(filter->key, filter->values[i]));
    cJSON_AddItemToObject(condition, "values", values);
    cJSON_AddItemToArray(where, condition);
}

static bool
add_filter(struct visit *visit, cJSON *where, const struct filter *filter,
           bool *never)
{
    static const char *const operators[] = {"eq", "neq", "contains", "lt",
                                            "gt"};
    bool known = false;
    int at = find_key(filter->key);
    for (size_t i = 0; i < ARRAY_LEN(operators); i++)
        known = known || strcmp(operators[i], filter->operator) == 0;
    if (at < 0)
        return refuse(visit, "filter key", filter->key);
    if (!known)
        return refuse(visit, "filter operator", filter->operator);
    if (filter->count == 0)
        return refuse(visit, "no value of the filter", filter->key);
    if (keys[at].native != NULL)
        add_condition(where, filter, keys[at].native);
    else if (!constant_passes(filter, keys[at].constant))
        *never = true;
    return true;
}

/* ---- where filters stand ---- */

/* [{key, operator, value}] as JSON in one parameter. */
static bool
read_json(struct visit *visit, const char *text, cJSON *where, bool *never)
{
    cJSON *parsed = cJSON_Parse(text);
    const cJSON *item;
    bool good = cJSON_IsArray(parsed) || cJSON_IsObject(parsed);
    if (!good)
        refuse(visit, "filters, no JSON:", text);
    else if (cJSON_IsObject(parsed)) {
        cJSON *list = cJSON_CreateArray();
        cJSON_AddItemToArray(list, parsed);
        parsed = list;
    }
    cJSON_ArrayForEach(item, parsed)
    {
        const cJSON *one, *value = shape_at(item, "value");
        struct filter filter = {
            shape_text(item, "key"), shape_text(item, "operator"), 0, {NULL}};
        if (!good)
            break;
        if (cJSON_IsArray(value)) {
            cJSON_ArrayForEach(one, value)
            {
                if (filter.count < VALUES_MAX)
                    filter.values[filter.count++] = one;
            }
        } else if (value != NULL) {
            filter.values[filter.count++] = value;
        }
        good = add_filter(visit, where, &filter, never);
    }
    cJSON_Delete(parsed);
    return good;
}

/* The same parameter under the names that clients write it. */
static const char *
dotted(const struct visit *visit, const char *member, unsigned n)
{
    static const char *const forms[][2] = {
        {"filters.", ""}, {"filters[", "]"}, {"filters[][", "]"}};
    char name[64];
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        snprintf(name, sizeof(name), "%s%s%s", forms[i][0], member,
                 forms[i][1]);
        const char *value = visit_query_nth(visit, name, n);
        if (value != NULL)
            return value;
    }
    return NULL;
}

/* filters.key=, filters.operator=, filters.value=, repeated: the n-th of each
 * belong together; of one filter all values are its. */
static bool
read_dotted(struct visit *visit, cJSON *where, bool *never)
{
    unsigned count = 0;
    while (dotted(visit, "key", count) != NULL)
        count++;
    for (unsigned n = 0; n < count && n < FILTERS_MAX; n++) {
        const char *op = dotted(visit, "operator", n), *text;
        cJSON *texts = cJSON_CreateArray();
        struct filter filter = {
            dotted(visit, "key", n), op == NULL ? "eq" : op, 0, {NULL}};
        for (unsigned v = count == 1 ? 0 : n;
             (text = dotted(visit, "value", v)) != NULL &&
             filter.count < (count == 1 ? VALUES_MAX : 1);
             v++) {
            cJSON *value = cJSON_CreateString(text);
            cJSON_AddItemToArray(texts, value);
            filter.values[filter.count++] = value;
        }
        bool good = add_filter(visit, where, &filter, never);
        cJSON_Delete(texts);
        if (!good)
            return false;
    }
    return true;
}

/* Parameters of earlier clients. */
static const struct {
    const char *name, *key, *operator;
} olds[] = {
    {"cached", "cached", "eq"},
    {"success", "success", "eq"},
    {"feedback", "feedback", "eq"},
    {"model", "model", "eq"},
    {"provider", "provider", "eq"},
    {"model_type", "model_type", "eq"},
    {"request_content_type", "request_content_type", "eq"},
    {"response_content_type", "response_content_type", "eq"},
    {"min_cost", "cost", "gt"},
    {"max_cost", "cost", "lt"},
    {"min_duration", "duration", "gt"},
    {"max_duration", "duration", "lt"},
    {"min_tokens_in", "tokens_in", "gt"},
    {"max_tokens_in", "tokens_in", "lt"},
    {"min_tokens_out", "tokens_out", "gt"},
    {"max_tokens_out", "tokens_out", "lt"},
    {"min_total_tokens", "tokens", "gt"},
    {"max_total_tokens", "tokens", "lt"},
};

/* A bound is part of the range: a little further out. */
static const char *
bound(const char *operator, const char * text, char out[40])
{
    char *end = NULL;
    double n = strtod(text, &end);
    if (operator[0] == 'e' || end == text || * end != '\0')
        return text;
    snprintf(out, 40, "%.12g", n + (operator[0] == 'g' ? -1e-9 : 1e-9));
    return out;
}

static bool
read_olds(struct visit *visit, cJSON *where, bool *never)
{
    for (size_t i = 0; i < ARRAY_LEN(olds); i++) {
        char number[40];
        const char *text = visit_query(visit, olds[i].name);
        if (text == NULL)
            continue;
        cJSON *value =
            cJSON_CreateString(bound(olds[i].operator, text, number));
        struct filter filter = {olds[i].key, olds[i].operator, 1, {value}};
        bool good = add_filter(visit, where, &filter, never);
        cJSON_Delete(value);
        if (!good)
            return false;
    }
    return true;
}

/* ---- order ---- */

static bool
put_order(struct visit *visit, cJSON *native)
{
    const char *by = visit_query(visit, "order_by");
    const char *way = visit_query(visit, "order_by_direction");
    if (way == NULL)
        way = visit_query(visit, "direction");
    if (by != NULL) {
        int at = find_key(by);
        if (at < 0)
            return refuse(visit, "order_by", by);
        if (keys[at].native != NULL)
            cJSON_AddStringToObject(native, "order_by", keys[at].native);
    }
    if (way != NULL && strcmp(way, "asc") != 0 && strcmp(way, "desc") != 0)
        return refuse(visit, "order_by_direction", way);
    cJSON_AddStringToObject(native, "order", way == NULL ? "desc" : way);
    return true;
}

static bool
put_times(struct visit *visit, cJSON *native)
{
    static const char *const names[][2] = {{"start_date", "from"},
                                           {"end_date", "to"}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (visit_query(visit, names[i][0]) != NULL)
            cJSON_AddStringToObject(native, names[i][1],
                                    visit_query(visit, names[i][0]));
    return true;
}

cJSON *
cloudflare_log_query(struct visit *visit, bool *never)
{
    char name[256];
    cJSON *native = cJSON_CreateObject();
    cJSON *where = cJSON_AddArrayToObject(native, "where");
    const char *json = visit_query(visit, "filters");
    const char *search = visit_query(visit, "search");
    cloudflare_profile_name(visit, name);
    cJSON_AddStringToObject(native, "gateway", name);
    if (search != NULL)
        cJSON_AddStringToObject(native, "text", search);
    if ((json == NULL || read_json(visit, json, where, never)) &&
        read_dotted(visit, where, never) && read_olds(visit, where, never) &&
        put_order(visit, native) && put_times(visit, native))
        return native;
    cJSON_Delete(native);
    return NULL;
}

bool
cloudflare_log_wants_info(const struct visit *visit)
{
    const char *text = visit_query(visit, "meta_info");
    return text != NULL &&
           (strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
}

cJSON *
cloudflare_log_info(const cJSON *answer)
{
    static const char *const names[][2] = {{"cost", "cost"},
                                           {"duration", "duration_ms"},
                                           {"tokens_in", "tokens_in"},
                                           {"tokens_out", "tokens_out"},
                                           {"total_tokens", "tokens"}};
    cJSON *info = cJSON_CreateObject();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char theirs[64];
        const cJSON *range = cJSON_GetObjectItemCaseSensitive(
            shape_at(answer, "statistics"), names[i][1]);
        snprintf(theirs, sizeof(theirs), "min_%s", names[i][0]);
        shape_add_copy(info, theirs, shape_at(range, "min"));
        snprintf(theirs, sizeof(theirs), "max_%s", names[i][0]);
        shape_add_copy(info, theirs, shape_at(range, "max"));
    }
    return info;
}

/* ---- what a row says by numbers ---- */

bool
cloudflare_log_is_good(const cJSON *row)
{
    static const char *const good[] = {"ok", "client_gone", "cut", "revoked"};
    const char *cause = shape_text(row, "cause");
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (strcmp(good[i], cause) == 0)
            return true;
    return false;
}

/* By the numbers of enum endpoint (worker/dialect/call.h), which rows keep. */
static const char *const paths[] = {
    "chat/completions",
    "completions",
    "embeddings",
    "responses",
    "messages",
    "count_tokens",
    "generateContent",
    "embedContent",
    "batchEmbedContents",
    "run",
    "images/generations",
    "images/edits",
    "images/variations",
    "audio/speech",
    "audio/transcriptions",
    "audio/translations",
    "rerank",
    "moderations",
};

const char *
cloudflare_log_path(const cJSON *row)
{
    double endpoint = shape_number(row, "endpoint");
    return endpoint >= 1 && endpoint <= (double)ARRAY_LEN(paths)
               ? paths[(size_t)endpoint - 1]
               : "";
}
