/*
 * value.c - see value.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/value.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/money.h"

/* Largest whole number up to which every double is one. */
static const double exact_max = 9007199254740992.0;

/* RFC 3629: no overlong forms, no surrogates, at most U+10FFFF. */
static bool
is_utf8(struct str text)
{
    const unsigned char *p = (const unsigned char *)text.ptr;
    size_t left = text.len;
    while (left > 0) {
        unsigned more = *p < 0x80                 ? 0
                        : *p >= 0xc2 && *p < 0xe0 ? 1
                        : *p >= 0xe0 && *p < 0xf0 ? 2
                        : *p >= 0xf0 && *p < 0xf5 ? 3
                                                  : 4;
        if (more == 4 || more >= left)
            return false;
        for (unsigned i = 1; i <= more; i++)
            if ((p[i] & 0xc0) != 0x80)
                return false;
        if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
            (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
            return false;
        p += more + 1;
        left -= more + 1;
    }
    return true;
}

cJSON *
body_parse(struct str text, struct admin_error *error)
{
    if (text.len == 0) {
        admin_error_set(error, 400, "invalid_json",
                        "This path needs a JSON object as body.");
        return NULL;
    }
    if (!is_utf8(text) || memchr(text.ptr, '\0', text.len) != NULL ||
        memmem(text.ptr, text.len, "\\u0000", 6) != NULL) {
        admin_error_set(error, 400, "invalid_json",
                        "The body must be UTF-8 without NUL characters.");
        return NULL;
    }
    const char *end = NULL;
    cJSON *body = cJSON_ParseWithLengthOpts(text.ptr, text.len, &end, 0);
    if (body == NULL) {
        admin_error_set(error, 400, "invalid_json",
                        "The body is not JSON (at byte %ld).",
                        end == NULL ? 0L : (long)(end - text.ptr));
        return NULL;
    }
    while (end < text.ptr + text.len && strchr(" \t\r\n", *end) != NULL)
        end++;
    if (end != text.ptr + text.len || !cJSON_IsObject(body)) {
        admin_error_set(error, 400, "invalid_json",
                        "The body must be one JSON object.");
        cJSON_Delete(body);
        return NULL;
    }
    return body;
}

static bool
refuse_u64(const char *name, uint64_t max, struct admin_error *error)
{
    return admin_error_field(error, name,
                             "'%s' must be a whole number from 0 to %llu.",
                             name, (unsigned long long)max);
}

bool
value_u64(const cJSON *value, const char *name, uint64_t max, uint64_t *out,
          struct admin_error *error)
{
    if (cJSON_IsNumber(value)) {
        double d = value->valuedouble;
        if (!(d >= 0) || d > exact_max || d != floor(d) || (uint64_t)d > max)
            return refuse_u64(name, max, error);
        *out = (uint64_t)d;
        return true;
    }
    if (!cJSON_IsString(value))
        return refuse_u64(name, max, error);
    const char *text = value->valuestring;
    char *end = NULL;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || n > max)
        return refuse_u64(name, max, error);
    *out = n;
    return true;
}

bool
value_limit(const cJSON *value, const char *name, uint64_t max, uint64_t *out,
            struct admin_error *error)
{
    if (cJSON_IsNull(value)) {
        *out = 0;
        return true;
    }
    return value_u64(value, name, max, out, error);
}

/* Decimal text of a number where the double certainly is what was written: a
 * decimal of at most 15 digits is the only one of its double. */
static bool
number_text(double number, char out[40])
{
    snprintf(out, 40, "%.15g", number);
    if (strtod(out, NULL) != number)
        return false;
    if (strpbrk(out, "eEni") != NULL) { /* exponent, nan, inf */
        if (!(fabs(number) < 1e15))
            return false;
        snprintf(out, 40, "%.9f", number);
    }
    return strtod(out, NULL) == number;
}

bool
value_money(const cJSON *value, const char *name, int64_t *nano,
            struct admin_error *error)
{
    char text[40];
    struct str decimal = {NULL, 0};
    if (cJSON_IsString(value))
        decimal = str_from(value->valuestring);
    else if (cJSON_IsNumber(value) && number_text(value->valuedouble, text))
        decimal = str_from(text);
    bool negative = decimal.len > 0 && decimal.ptr[0] == '-';
    if (negative)
        decimal = str_skip(decimal, 1);
    if (decimal.len == 0 || money_parse(decimal, 9, nano) != 0)
        return admin_error_field(
            error, name,
            "'%s' must be an amount with at most 9 decimals, as 2.5 or "
            "\"2.5\" (a string where it has more than 15 digits).",
            name);
    if (negative)
        *nano = -*nano;
    return true;
}

bool
value_bool(const cJSON *value, const char *name, bool *out,
           struct admin_error *error)
{
    if (!cJSON_IsBool(value))
        return admin_error_field(error, name, "'%s' must be true or false.",
                                 name);
    *out = cJSON_IsTrue(value);
    return true;
}

const char *
value_text(const cJSON *value, const char *name, size_t max,
           struct admin_error *error)
{
    const char *text = cJSON_IsString(value) ? value->valuestring : "";
    size_t len = strlen(text);
    bool bad = len == 0 || len > max;
    for (size_t i = 0; i < len; i++)
        bad = bad || (unsigned char)text[i] < 0x20 || text[i] == 0x7f;
    if (bad) {
        admin_error_field(error, name,
                          "'%s' must be a text of 1 to %zu bytes without "
                          "control characters.",
                          name, max);
        return NULL;
    }
    return text;
}

bool
value_word(const cJSON *value, const char *name, const struct word *words,
           uint32_t *out, struct admin_error *error)
{
    if (cJSON_IsString(value) &&
        word_value(words, value->valuestring, out) == 0)
        return true;
    char list[128];
    word_list(words, list, sizeof(list));
    return admin_error_field(error, name, "'%s' must be %s.", name, list);
}

bool
value_expiry(const cJSON *value, const char *name, int64_t *out_ms,
             struct admin_error *error)
{
    int64_t ms = 0;
    if (cJSON_IsNull(value)) {
        *out_ms = 0;
        return true;
    }
    if (!cJSON_IsString(value) ||
        clock_parse_rfc3339(value->valuestring, &ms) != 0)
        return admin_error_field(error, name,
                                 "'%s' must be a time as "
                                 "2027-01-31T00:00:00Z, a date, or null for "
                                 "never.",
                                 name);
    if (ms <= clock_wall_ms())
        return admin_error_field(error, name,
                                 "'%s' lies in the past. To stop a key now, "
                                 "disable it.",
                                 name);
    *out_ms = ms;
    return true;
}

static bool
word_is_in(const char *names, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = names; *at != '\0' && len > 0;) {
        size_t word = strcspn(at, " ");
        if (word == len && memcmp(at, name, len) == 0)
            return true;
        at += word + (at[word] == ' ');
    }
    return false;
}

bool
value_members(const cJSON *object, const char *prefix, const char *names,
              struct admin_error *error)
{
    char path[96];
    const cJSON *item = NULL;
    if (!cJSON_IsObject(object))
        return admin_error_field(
            error, prefix, "'%s' must be an object with %s.", prefix, names);
    cJSON_ArrayForEach(item, object)
    {
        snprintf(path, sizeof(path), "%s%s%s", prefix,
                 *prefix == '\0' ? "" : ".", item->string);
        if (!word_is_in(names, item->string))
            return admin_error_field(error, path,
                                     "Unknown member '%s'. Known here: %s.",
                                     path, names);
        for (const cJSON *other = item->next; other != NULL;
             other = other->next)
            if (strcmp(other->string, item->string) == 0)
                return admin_error_field(error, path,
                                         "Member '%s' is given twice.", path);
    }
    return true;
}
