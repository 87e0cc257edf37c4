/*
 * query.c - see query.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/query.h"

#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int
url_decode(struct str text, bool plus, char *out, size_t size)
{
    size_t at = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            if (text.len - i < 3)
                return -EINVAL;
            int high = hex_digit(text.ptr[i + 1]);
            int low = hex_digit(text.ptr[i + 2]);
            if (high < 0 || low < 0)
                return -EINVAL;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == '\0' || at + 1 >= size)
            return -EINVAL;
        out[at++] = c;
    }
    if (size == 0)
        return -EINVAL;
    out[at] = '\0';
    return (int)at;
}

static bool
name_is_allowed(const char *allowed, const char *name)
{
    size_t len = strlen(name);
    while (*allowed != '\0') {
        size_t word = strcspn(allowed, " ");
        if (word == len && memcmp(allowed, name, len) == 0)
            return true;
        allowed += word;
        allowed += *allowed == ' ';
    }
    return false;
}

/* One "name=value"; `room` bytes at `into` are enough for both and NULs. */
static bool
query_add(struct query *query, struct str pair, const char *allowed, char *into,
          struct admin_error *error)
{
    const char *equals = memchr(pair.ptr, '=', pair.len);
    size_t name_len = equals == NULL ? pair.len : (size_t)(equals - pair.ptr);
    struct str value = str_skip(pair, name_len + (equals != NULL));
    int n = url_decode(str_make(pair.ptr, name_len), true, into, name_len + 1);
    char *value_into = into + name_len + 1;
    if (n < 0 || url_decode(value, true, value_into, value.len + 1) < 0)
        return admin_error_set(error, 400, "invalid_query",
                               "The query string has a bad %%-escape.");
    if (!name_is_allowed(allowed, into))
        return *allowed == '\0'
                   ? admin_error_field(error, into,
                                       "Unknown parameter '%s': this path "
                                       "takes none.",
                                       into)
                   : admin_error_field(error, into,
                                       "Unknown parameter '%s'. Known here: "
                                       "%s.",
                                       into, allowed);
    for (unsigned i = 0; i < query->count; i++)
        if (strcmp(query->params[i].name, into) == 0)
            return admin_error_field(error, into,
                                     "Parameter '%s' is given twice.", into);
    if (query->count == QUERY_PARAMS_MAX)
        return admin_error_set(error, 400, "invalid_query",
                               "The query string has too many parameters.");
    query->params[query->count].name = into;
    query->params[query->count].value = value_into;
    query->count++;
    return true;
}

bool
query_parse(struct query *query, struct str text, const char *allowed,
            struct admin_error *error)
{
    query->count = 0;
    query->text = NULL;
    if (text.len == 0)
        return true;
    /* A pair of n bytes needs at most n + 2 with its two NULs. */
    query->text = malloc(2 * text.len + 2);
    if (query->text == NULL)
        return admin_error_set(error, 503, "overloaded", "Out of memory.");
    char *into = query->text;
    while (text.len > 0) {
        const char *end = memchr(text.ptr, '&', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.ptr);
        if (len > 0) {
            if (!query_add(query, str_make(text.ptr, len), allowed, into,
                           error))
                return false;
            into += len + 2;
        }
        text = str_skip(text, len + 1);
    }
    return true;
}

void
query_fini(struct query *query)
{
    free(query->text);
    query->text = NULL;
    query->count = 0;
}

const char *
query_get(const struct query *query, const char *name)
{
    for (unsigned i = 0; i < query->count; i++)
        if (strcmp(query->params[i].name, name) == 0)
            return *query->params[i].value == '\0' ? NULL
                                                   : query->params[i].value;
    return NULL;
}

bool
query_u64(const struct query *query, const char *name, uint64_t min,
          uint64_t max, uint64_t *out, struct admin_error *error)
{
    const char *text = query_get(query, name);
    if (text == NULL)
        return true;
    char *end = NULL;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || n < min ||
        n > max)
        return admin_error_field(
            error, name, "'%s' must be a whole number from %llu to %llu.", name,
            (unsigned long long)min, (unsigned long long)max);
    *out = n;
    return true;
}

bool
query_time(const struct query *query, const char *name, int64_t *out_ms,
           struct admin_error *error)
{
    const char *text = query_get(query, name);
    if (text == NULL)
        return true;
    if (strspn(text, "0123456789") == strlen(text) && strlen(text) < 16) {
        *out_ms = (int64_t)strtoll(text, NULL, 10);
        return true;
    }
    if (clock_parse_rfc3339(text, out_ms) != 0)
        return admin_error_field(error, name,
                                 "'%s' must be a time as 2026-11-21T08:00:00Z, "
                                 "a date, or milliseconds since 1970.",
                                 name);
    return true;
}
