/*
 * config_value.c - one value of the configuration: text to field and back.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/config_part.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *suffix;
    uint64_t factor;
};

/* Largest first: printing takes the first that divides. */
static const struct unit duration_units[] = {{"d", 86400000}, {"h", 3600000},
                                             {"m", 60000},    {"s", 1000},
                                             {"ms", 1},       {NULL, 0}};
static const struct unit size_units[] = {
    {"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}, {NULL, 0}};

static void *
field_of(const struct config_option *option, void *section)
{
    return (char *)section + option->offset;
}

static const void *
const_field_of(const struct config_option *option, const void *section)
{
    return (const char *)section + option->offset;
}

bool
config_list_add(struct config_list *list, struct str item)
{
    char **items =
        realloc(list->items, (list->count + 1) * sizeof(*list->items));
    if (items == NULL)
        return false;
    list->items = items;
    items[list->count] = strndup(item.ptr, item.len);
    if (items[list->count] == NULL)
        return false;
    list->count++;
    return true;
}

void
config_list_free(struct config_list *list)
{
    for (unsigned i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct config_list){0};
}

static bool
out_of_memory(struct buf *reason)
{
    buf_append_cstr(reason, "out of memory");
    return false;
}

/* Begins a reason with the value, where that may be shown. */
static void
reason_value(const char *text, bool quote, struct buf *reason)
{
    if (quote)
        buf_printf(reason, "\"%.60s\" ", text);
    else
        buf_append_cstr(reason, "the value ");
}

/* Digits and a suffix. 0; -EINVAL; -ERANGE; -EDOM: the suffix is no unit. */
static int
parse_quantity(const char *text, const struct unit *units, uint64_t *out)
{
    uint64_t n = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, *p - '0', &n))
            return -ERANGE;
    if (p == text)
        return -EINVAL;
    if (units == NULL) {
        *out = n;
        return *p == '\0' ? 0 : -EINVAL;
    }
    for (; units->suffix != NULL; units++) {
        if (strcmp(p, units->suffix) != 0)
            continue;
        *out = n;
        return __builtin_mul_overflow(n, units->factor, out) ? -ERANGE : 0;
    }
    return -EDOM;
}

static const struct unit *
units_of(enum config_type type)
{
    return type == CONFIG_DURATION ? duration_units
           : type == CONFIG_SIZE   ? size_units
                                   : NULL;
}

void
config_print_quantity(enum config_type type, uint64_t value, struct buf *out)
{
    const struct unit *unit = units_of(type);
    if (unit == NULL) {
        buf_append_u64(out, value);
        return;
    }
    while (unit[1].suffix != NULL && (value == 0 || value % unit->factor != 0))
        unit++;
    buf_append_u64(out, value / unit->factor);
    buf_append_cstr(out, unit->suffix);
}

static bool
set_number(const struct config_option *option, void *field, const char *text,
           bool quote, struct buf *reason)
{
    uint64_t n = 0;
    int rc = parse_quantity(text, units_of(option->type), &n);
    if (rc == 0 && n >= option->min && n <= option->max) {
        if (option->type == CONFIG_UINT)
            *(unsigned *)field = (unsigned)n;
        else
            *(uint64_t *)field = n;
        return true;
    }
    reason_value(text, quote, reason);
    if (rc == -EDOM || (rc == -EINVAL && option->type == CONFIG_DURATION) ||
        (rc == -EINVAL && option->type == CONFIG_SIZE)) {
        buf_printf(reason, "is not a number with its unit, %s",
                   option->type == CONFIG_DURATION
                       ? "as 250ms, 10s, 5m, 1h or 30d"
                       : "as 64k, 32m or 1g (of 1024)");
        return false;
    }
    if (rc == -EINVAL) {
        buf_append_cstr(reason, "is not a whole number without a unit");
        return false;
    }
    buf_append_cstr(reason, "is out of range: ");
    config_print_quantity(option->type, option->min, reason);
    buf_append_cstr(reason, " to ");
    config_print_quantity(option->type, option->max, reason);
    return false;
}

static bool
set_price(const struct config_option *option, int64_t *field, const char *text,
          bool quote, struct buf *reason)
{
    int scale = option->type == CONFIG_PRICE ? 6 : 12;
    if (*text == '\0') {
        *field = MONEY_UNSET;
        return true;
    }
    int rc = money_parse(str_from(text), scale, field);
    if (rc == 0)
        return true;
    *field = MONEY_UNSET;
    reason_value(text, quote, reason);
    buf_printf(reason,
               rc == -ERANGE ? "is too large a price"
                             : "is not a decimal number with at most %d places "
                               "(the price %s)",
               scale, option->unit);
    return false;
}

/* Index of `text` among words with '|' between, or -1. */
static int
find_word(const char *words, const char *text)
{
    size_t len = strlen(text);
    for (int i = 0;; i++) {
        size_t n = strcspn(words, "|");
        if (n == len && memcmp(words, text, n) == 0)
            return i;
        if (words[n] == '\0')
            return -1;
        words += n + 1;
    }
}

static bool
set_word(const struct config_option *option, void *field, const char *text,
         bool quote, struct buf *reason)
{
    int idx = find_word(option->unit, text);
    if (idx >= 0 && option->type == CONFIG_ENUM) {
        *(unsigned *)field = (unsigned)idx;
        return true;
    }
    if (idx >= 0) {
        char *copy = strdup(text);
        if (copy == NULL)
            return out_of_memory(reason);
        *(char **)field = copy;
        return true;
    }
    reason_value(text, quote, reason);
    buf_printf(reason, "is not one of %s", option->unit);
    if (quote)
        config_suggest(text, option->unit, reason);
    return false;
}

static bool
set_bool(bool *field, const char *text, bool quote, struct buf *reason)
{
    *field = strcmp(text, "yes") == 0;
    if (*field || strcmp(text, "no") == 0)
        return true;
    reason_value(text, quote, reason);
    buf_append_cstr(reason, "is neither yes nor no");
    return false;
}

static bool
set_text(const struct config_option *option, char **field, const char *text,
         struct buf *reason)
{
    size_t len = strlen(text);
    *field = NULL;
    if (len < option->min || len > option->max) {
        if (len == 0)
            buf_append_cstr(reason, "the value is empty");
        else
            buf_printf(reason, "the value has %zu characters, not %llu to %llu",
                       len, (unsigned long long)option->min,
                       (unsigned long long)option->max);
        return false;
    }
    if (len == 0)
        return true;
    *field = strdup(text);
    return *field != NULL || out_of_memory(reason);
}

static bool
list_has(const struct config_list *list, struct str item)
{
    for (unsigned i = 0; i < list->count; i++)
        if (str_equals(str_from(list->items[i]), item))
            return true;
    return false;
}

static bool
add_list_item(const struct config_option *option, struct config_list *list,
              struct str item, struct buf *reason)
{
    if (item.len == 0)
        buf_append_cstr(reason, "the list has an empty item");
    else if (list_has(list, item))
        buf_append_cstr(reason, "the list has an item twice");
    else if (list->count >= option->max)
        buf_printf(reason, "the list has more than %llu items",
                   (unsigned long long)option->max);
    else
        return config_list_add(list, item) || out_of_memory(reason);
    return false;
}

static bool
set_list(const struct config_option *option, struct config_list *list,
         const char *text, struct buf *reason)
{
    *list = (struct config_list){0};
    for (const char *p = text; *text != '\0';) {
        size_t n = strcspn(p, ",");
        if (!add_list_item(option, list, str_trim(str_make(p, n)), reason)) {
            config_list_free(list);
            return false;
        }
        if (p[n] == '\0')
            break;
        p += n + 1;
    }
    return true;
}

/* Whether the providers it names are there is seen when it is used. */
static bool
set_setting(const struct config_option *option, char **field, const char *text,
            struct buf *reason)
{
    struct settings layer = {0};
    *field = NULL;
    if (*text == '\0')
        return true;
    if (settings_put(&layer, (enum setting)option->min, str_from(text), NULL,
                     NULL, reason) < 0)
        return false;
    *field = strdup(text);
    return *field != NULL || out_of_memory(reason);
}

bool
config_value_set(const struct config_option *option, void *section,
                 const char *text, bool quote, struct buf *reason)
{
    void *field = field_of(option, section);
    config_value_free(option, section);
    switch (option->type) {
    case CONFIG_STRING:
    case CONFIG_URL:
    case CONFIG_SECRET:
        return set_text(option, field, text, reason);
    case CONFIG_CHOICE:
    case CONFIG_ENUM:
        return set_word(option, field, text, quote, reason);
    case CONFIG_LIST:
        return set_list(option, field, text, reason);
    case CONFIG_BOOL:
        return set_bool(field, text, quote, reason);
    case CONFIG_UINT:
    case CONFIG_U64:
    case CONFIG_DURATION:
    case CONFIG_SIZE:
        return set_number(option, field, text, quote, reason);
    case CONFIG_PRICE:
    case CONFIG_UNIT_PRICE:
        return set_price(option, field, text, quote, reason);
    case CONFIG_SETTING:
        return set_setting(option, field, text, reason);
    }
    UNREACHABLE();
}

void
config_value_free(const struct config_option *option, void *section)
{
    void *field = field_of(option, section);
    switch (option->type) {
    case CONFIG_STRING:
    case CONFIG_URL:
    case CONFIG_SECRET:
    case CONFIG_CHOICE:
    case CONFIG_SETTING:
        if (*(char **)field != NULL)
            explicit_bzero(*(char **)field, strlen(*(char **)field));
        free(*(char **)field);
        *(char **)field = NULL;
        return;
    case CONFIG_LIST:
        config_list_free(field);
        return;
    default:
        return; /* holds no memory */
    }
}

static void
print_word(const char *words, unsigned idx, struct buf *out)
{
    for (; idx > 0; idx--)
        words += strcspn(words, "|") + 1;
    buf_append(out, words, strcspn(words, "|"));
}

/* Integer times 10^-scale, without needless zeros. */
static void
print_price(int64_t price, int scale, struct buf *out)
{
    char digits[32];
    if (price < 0)
        return;
    int len =
        snprintf(digits, sizeof(digits), "%0*lld", scale + 1, (long long)price);
    int point = len - scale;
    while (len > point && digits[len - 1] == '0')
        len--;
    buf_append(out, digits, (size_t)point);
    if (len > point)
        buf_append_char(out, '.');
    buf_append(out, digits + point, (size_t)(len - point));
}

static void
print_url(const char *url, bool mask, struct buf *out)
{
    const char *at = strrchr(url, '@');
    const char *host = strstr(url, "://");
    if (!mask || at == NULL) {
        buf_append_cstr(out, url);
        return;
    }
    if (host != NULL && host < at)
        buf_append(out, url, (size_t)(host - url) + 3);
    buf_append_cstr(out, "****");
    buf_append_cstr(out, at);
}

static void
print_list(const struct config_list *list, struct buf *out)
{
    for (unsigned i = 0; i < list->count; i++) {
        if (i > 0)
            buf_append_cstr(out, ", ");
        buf_append_cstr(out, list->items[i]);
    }
}

static void
print_text(const struct config_option *option, const char *text, bool mask,
           struct buf *out)
{
    if (text == NULL)
        return;
    if (option->type == CONFIG_SECRET && mask)
        buf_append_cstr(out, "****");
    else if (option->type == CONFIG_URL)
        print_url(text, mask, out);
    else
        buf_append_cstr(out, text);
}

void
config_value_print(const struct config_option *option, const void *section,
                   bool mask, struct buf *out)
{
    const void *field = const_field_of(option, section);
    switch (option->type) {
    case CONFIG_STRING:
    case CONFIG_URL:
    case CONFIG_SECRET:
    case CONFIG_CHOICE:
    case CONFIG_SETTING:
        print_text(option, *(char *const *)field, mask, out);
        return;
    case CONFIG_ENUM:
        print_word(option->unit, *(const unsigned *)field, out);
        return;
    case CONFIG_LIST:
        print_list(field, out);
        return;
    case CONFIG_BOOL:
        buf_append_cstr(out, *(const bool *)field ? "yes" : "no");
        return;
    case CONFIG_UINT:
        buf_append_u64(out, *(const unsigned *)field);
        return;
    case CONFIG_U64:
    case CONFIG_DURATION:
    case CONFIG_SIZE:
        config_print_quantity(option->type, *(const uint64_t *)field, out);
        return;
    case CONFIG_PRICE:
        print_price(*(const int64_t *)field, 6, out);
        return;
    case CONFIG_UNIT_PRICE:
        print_price(*(const int64_t *)field, 12, out);
        return;
    }
}
