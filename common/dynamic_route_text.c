/*
 * dynamic_route_text.c - one element of a dynamic route, in either spelling. Both
 * come down to names and values, which put() takes one by one.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/dynamic_route.h"

#include <stdlib.h>
#include <string.h>

#include "common/json_scan.h"
#include "common/money.h"

static const struct str type_names[DYNAMIC_TYPES] = {
    STR_LIT("start"), STR_LIT("conditional"), STR_LIT("percentage"),
    STR_LIT("rate"),  STR_LIT("model"),       STR_LIT("end")};

static bool
refuse(struct buf *reason, const char *what, struct str value)
{
    buf_printf(reason, "%s: \"%.*s\"", what,
               (int)(value.len < 80 ? value.len : 80), value.ptr);
    return false;
}

static bool
copy(char *out, size_t size, struct str value)
{
    if (value.len == 0 || value.len >= size ||
        memchr(value.ptr, '\0', value.len) != NULL)
        return false;
    memcpy(out, value.ptr, value.len);
    out[value.len] = '\0';
    return true;
}

static bool
take_number(struct str value, uint64_t most, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9' || *out > most)
            return false;
        *out = *out * 10 + (uint64_t)(value.ptr[i] - '0');
    }
    return value.len > 0 && *out <= most;
}

/* "1500ms", "30s", "5m", "1h", "1d" in ms; a number alone counts `unit` ms. */
static bool
take_time(struct str value, uint64_t unit, uint64_t most, uint64_t *out)
{
    static const struct {
        struct str name;
        uint64_t ms;
    } units[] = {{STR_LIT("ms"), 1},
                 {STR_LIT("s"), 1000},
                 {STR_LIT("m"), 60 * 1000},
                 {STR_LIT("h"), 3600 * 1000},
                 {STR_LIT("d"), 24 * 3600 * 1000}};
    size_t digits = 0;
    while (digits < value.len && value.ptr[digits] >= '0' &&
           value.ptr[digits] <= '9')
        digits++;
    struct str rest = str_skip(value, digits);
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (str_equals(rest, units[i].name)) {
            unit = units[i].ms;
            rest.len = 0;
        }
    if (rest.len > 0 ||
        !take_number(str_make(value.ptr, digits), most / unit, out))
        return false;
    *out *= unit;
    return *out > 0;
}

/* "10" or "12.5", with or without the sign, in hundredths of a percent. */
static bool
take_share(struct str value, uint16_t *share)
{
    char text[16], *end;
    if (value.len > 0 && value.ptr[value.len - 1] == '%')
        value.len--;
    if (!copy(text, sizeof(text), value) || text[0] < '0' || text[0] > '9' ||
        strspn(text, "0123456789.") != value.len)
        return false;
    double percent = strtod(text, &end);
    if (*end != '\0' || percent > 100)
        return false;
    *share = (uint16_t)(percent * 100 + 0.5);
    return *share > 0;
}

/* ---- outputs ---- */

static bool
set_branch(struct dynamic_element *element, unsigned at, struct str id)
{
    struct dynamic_branch *branch = &element->branches[at];
    if (element->branch_count <= at)
        element->branch_count = (uint8_t)(at + 1);
    return branch->id[0] == '\0' && copy(branch->id, sizeof(branch->id), id);
}

static bool
add_share(struct dynamic_element *element, struct str share, struct str id)
{
    unsigned at = element->branch_count;
    if (at >= DYNAMIC_BRANCHES_MAX || element->has_else)
        return false; /* the last one takes the rest */
    if (str_equals(share, STR_LIT("else"))) {
        element->has_else = true;
        return set_branch(element, at, id);
    }
    return take_share(share, &element->branches[at].share) &&
           set_branch(element, at, id);
}

/* An output by its name, as both spellings have it. */
static bool
put_output(struct dynamic_element *element, struct str name, struct str id)
{
    static const struct {
        struct str name;
        uint8_t type, at;
    } rows[] = {{STR_LIT("next"), DYNAMIC_START, 0},
                {STR_LIT("true"), DYNAMIC_CONDITIONAL, 0},
                {STR_LIT("false"), DYNAMIC_CONDITIONAL, 1},
                {STR_LIT("success"), DYNAMIC_RATE, 0},
                {STR_LIT("fallback"), DYNAMIC_RATE, 1},
                {STR_LIT("fallback"), DYNAMIC_MODEL, 0},
                {STR_LIT("success"), DYNAMIC_MODEL, 1}};
    if (element->type == DYNAMIC_PERCENTAGE)
        return add_share(element, name, id);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].type == element->type && str_equals(rows[i].name, name))
            return set_branch(element, rows[i].at, id);
    return false;
}

/* ---- properties ---- */

static bool
put_model(struct dynamic_element *element, struct str name, struct str value)
{
    uint64_t n;
    if (str_equals(name, STR_LIT("model")))
        return copy(element->model, sizeof(element->model), value);
    if (str_equals(name, STR_LIT("provider")))
        return copy(element->provider, sizeof(element->provider), value);
    if (str_equals(name, STR_LIT("retries"))) {
        if (!take_number(value, DYNAMIC_RETRIES_MAX, &n))
            return false;
        element->retries = (uint8_t)n;
        return true;
    }
    if (!str_equals(name, STR_LIT("timeout")) ||
        !take_time(value, 1, 24 * 3600 * 1000, &n))
        return false;
    element->timeout_ms = (uint32_t)n;
    return true;
}

static bool
put_rate(struct dynamic_element *element, struct str name, struct str value)
{
    if (str_equals(name, STR_LIT("key")))
        return condition_is_field(value) &&
               copy(element->key, sizeof(element->key), value);
    /* Which of the two it is may come behind it: take_limit(). */
    if (str_equals(name, STR_LIT("limit")))
        return copy(element->condition, sizeof(element->condition), value);
    if (str_equals(name, STR_LIT("limitType"))) {
        element->is_cost = str_equals(value, STR_LIT("cost"));
        return element->is_cost || str_equals(value, STR_LIT("count"));
    }
    return str_equals(name, STR_LIT("window")) &&
           take_time(value, 1000, UINT64_C(366) * 24 * 3600 * 1000,
                     &element->window_ms);
}

static bool
put_property(struct dynamic_element *element, struct str name, struct str value,
             struct buf *reason)
{
    switch ((enum dynamic_type)element->type) {
    case DYNAMIC_CONDITIONAL:
        if (str_equals(name, STR_LIT("conditions")) ||
            str_equals(name, STR_LIT("when")))
            return condition_check(value, reason) &&
                   copy(element->condition, sizeof(element->condition), value);
        return false;
    case DYNAMIC_RATE:
        return put_rate(element, name, value);
    case DYNAMIC_MODEL:
        return put_model(element, name, value);
    case DYNAMIC_START:
    case DYNAMIC_PERCENTAGE:
    case DYNAMIC_END:
    case DYNAMIC_TYPES:
        break;
    }
    return false;
}

static bool
set_type(struct dynamic_element *element, struct str name, struct buf *reason)
{
    for (uint8_t i = 0; i < DYNAMIC_TYPES; i++)
        if (str_equals(type_names[i], name)) {
            element->type = i;
            return true;
        }
    return refuse(reason,
                  "the type is none of start, conditional, percentage, rate, "
                  "model and end",
                  name);
}

/* ---- name=value ---- */

static bool
is_output(struct str name)
{
    static const struct str names[] = {STR_LIT("next"),  STR_LIT("true"),
                                       STR_LIT("false"), STR_LIT("success"),
                                       STR_LIT("else"),  STR_LIT("fallback")};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_equals(names[i], name))
            return true;
    return false;
}

static bool
put_pair(struct dynamic_element *element, struct str name, struct str value,
         struct buf *reason)
{
    if (str_equals(name, STR_LIT("id")))
        return copy(element->id, sizeof(element->id), value) ||
               refuse(reason, "no id", value);
    if (str_equals(name, STR_LIT("type")))
        return set_type(element, value, reason);
    if (element->type == DYNAMIC_TYPES)
        return refuse(reason, "`id` and `type` come first", name);
    bool good;
    if (str_equals(name, STR_LIT("to"))) { /* ID:10% */
        const char *colon = memrchr(value.ptr, ':', value.len);
        size_t len = colon == NULL ? 0 : (size_t)(colon - value.ptr);
        good = colon != NULL && element->type == DYNAMIC_PERCENTAGE &&
               add_share(element, str_skip(value, len + 1),
                         str_make(value.ptr, len));
    } else if (is_output(name)) {
        good = put_output(element, name, value);
    } else {
        good = put_property(element, name, value, reason);
    }
    if (!good && buf_len(reason) == 0)
        refuse(reason, "an element of this type cannot have that", name);
    return good;
}

/* The next word, or the JSON behind `when=`. */
static bool
next_pair(struct str *left, struct str *name, struct str *value)
{
    while (left->len > 0 && (left->ptr[0] == ' ' || left->ptr[0] == '\t'))
        *left = str_skip(*left, 1);
    if (left->len == 0)
        return false;
    const char *equals = memchr(left->ptr, '=', left->len);
    size_t len = equals == NULL ? left->len : (size_t)(equals - left->ptr);
    *name = str_make(left->ptr, len);
    *left = str_skip(*left, equals == NULL ? len : len + 1);
    len = 0;
    if (left->len > 0 && left->ptr[0] == '{') {
        struct json_reader reader;
        json_reader_init(&reader, *left);
        if (json_skip_value(&reader, value) == JSON_BAD)
            *value = *left;
        len = (size_t)(value->ptr + value->len - left->ptr);
    } else {
        while (len < left->len && left->ptr[len] != ' ' &&
               left->ptr[len] != '\t')
            len++;
        *value = str_make(left->ptr, len);
    }
    *left = str_skip(*left, len);
    return true;
}

static bool
read_pairs(struct str text, struct dynamic_element *element, struct buf *reason)
{
    struct str name, value;
    while (next_pair(&text, &name, &value))
        if (!put_pair(element, name, value, reason))
            return false;
    return true;
}

/* ---- JSON ---- */

/* A value as the other spelling has it: a string decoded, else as it is. */
static struct str
plain(struct str value, char *text, size_t size)
{
    if (value.len == 0 || value.ptr[0] != '"')
        return value;
    int len = json_string_decode(value, text, size);
    return len < 0 ? (struct str){NULL, 0} : str_make(text, (size_t)len);
}

static bool
read_members(struct str object, struct dynamic_element *element, bool outputs,
             struct buf *reason)
{
    struct json_reader reader;
    struct json_token token;
    struct str key, value, id;
    enum json_type type;
    char name[64], text[DYNAMIC_TEXT_BYTES];
    json_reader_init(&reader, object);
    if (json_next(&reader, &token) != JSON_OBJECT)
        return refuse(reason, "no object", object);
    while ((type = json_member(&reader, &key, &value)) != JSON_OBJECT_END) {
        int len =
            type == JSON_BAD ? -1 : json_string_decode(key, name, sizeof(name));
        if (len < 0)
            return refuse(reason, "not understood", object);
        if (type == JSON_NULL)
            continue;
        if (outputs && type == JSON_OBJECT)
            value = json_find(value, "elementId", &id) ? id : STR_LIT("\"\"");
        value = plain(value, text, sizeof(text));
        struct str member = {name, (size_t)len};
        bool good = outputs ? put_output(element, member, value)
                            : put_property(element, member, value, reason);
        if (!good && buf_len(reason) == 0)
            refuse(reason, "an element of this type cannot have that", member);
        if (!good)
            return false;
    }
    return true;
}

static bool
read_json(struct str text, struct dynamic_element *element, struct buf *reason)
{
    enum { ID, TYPE, PROPERTIES, OUTPUTS, MEMBERS };
    static const struct str names[MEMBERS] = {STR_LIT("id"), STR_LIT("type"),
                                              STR_LIT("properties"),
                                              STR_LIT("outputs")};
    struct str values[MEMBERS + 1] = {{0}}; /* the last: what has other names */
    char id[DYNAMIC_ID_BYTES], type[32];
    if (!json_is(text, JSON_OBJECT) ||
        !json_members(text, names, MEMBERS, values))
        return refuse(reason, "no JSON object", text);
    struct str id_text = plain(values[ID], id, sizeof(id));
    return put_pair(element, STR_LIT("id"), id_text, reason) &&
           set_type(element, plain(values[TYPE], type, sizeof(type)), reason) &&
           (values[PROPERTIES].len == 0 ||
            read_members(values[PROPERTIES], element, false, reason)) &&
           (values[OUTPUTS].len == 0 ||
            read_members(values[OUTPUTS], element, true, reason));
}

/* ---- what it must have ---- */

/* Of a rate, whose text waits where other elements have their condition. */
static bool
take_limit(struct dynamic_element *element)
{
    enum {
        NANO_SCALE = 9,
        COUNT_MOST = (1 << 22) - 1 /* of a window's word */
    };
    struct str text = str_from(element->condition);
    uint64_t count;
    bool good;
    if (element->is_cost) {
        good = text.len > 0 &&
               money_parse(text, NANO_SCALE, &element->limit_nano) == 0 &&
               element->limit_nano > 0;
    } else {
        good = take_number(text, COUNT_MOST, &count) && count > 0;
        element->limit = good ? (uint32_t)count : 0;
    }
    memset(element->condition, 0, sizeof(element->condition));
    return good;
}

static bool
is_whole(struct dynamic_element *element, struct buf *reason)
{
    const char *missing = NULL;
    const struct dynamic_branch *to = element->branches;
    switch ((enum dynamic_type)element->type) {
    case DYNAMIC_START:
        missing = to[0].id[0] == '\0' ? "its output `next`" : NULL;
        break;
    case DYNAMIC_CONDITIONAL:
        missing = element->condition[0] == '\0' ? "its condition"
                  : to[0].id[0] == '\0' || to[1].id[0] == '\0'
                      ? "its outputs `true` and `false`"
                      : NULL;
        break;
    case DYNAMIC_PERCENTAGE:
        missing = element->branch_count == 0 ? "its outputs" : NULL;
        break;
    case DYNAMIC_RATE:
        missing = !take_limit(element) || element->window_ms == 0
                      ? "a `limit` that is one, or `window`,"
                  : to[0].id[0] == '\0' ? "its output `success`"
                                        : NULL;
        break;
    case DYNAMIC_MODEL:
        missing = element->model[0] == '\0' ? "its `model`" : NULL;
        break;
    case DYNAMIC_END:
        break;
    case DYNAMIC_TYPES:
        missing = "its type";
        break;
    }
    if (missing != NULL)
        buf_printf(reason, "%s is missing", missing);
    return missing == NULL;
}

bool
dynamic_element_read(struct str text, struct dynamic_element *element,
                     struct buf *reason)
{
    *element = (struct dynamic_element){.type = DYNAMIC_TYPES};
    if (text.len == 0 || text.len >= DYNAMIC_TEXT_BYTES)
        return refuse(reason, "empty, or too long", text);
    bool good = text.ptr[0] == '{' ? read_json(text, element, reason)
                                   : read_pairs(text, element, reason);
    if (good && element->id[0] == '\0')
        return refuse(reason, "no id", text);
    return good && is_whole(element, reason);
}
