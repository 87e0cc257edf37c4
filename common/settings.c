/*
 * settings.c - see settings.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/settings.h"

#include <errno.h>

#include "common/hash.h"

const struct setting_row setting_rows[SETTINGS] = {
#define SETTING_ROW(a, b, id_, name_, type_, words_, min_, max_, default_,     \
                    cf_, own_, text_)                                          \
    [SETTING_##id_] = {.name = #name_,                                         \
                       .words = words_,                                        \
                       .fallback = default_,                                   \
                       .cf_header = cf_,                                       \
                       .own_header = own_,                                     \
                       .text = text_,                                          \
                       .type = SETTING_TYPE_##type_,                           \
                       .min = min_,                                            \
                       .max = max_},
    SETTINGS_ROWS(SETTING_ROW, , )
#undef SETTING_ROW
};

int
settings_find(struct str name)
{
    for (int i = 0; i < SETTINGS; i++)
        if (str_equals(str_from(setting_rows[i].name), name))
            return i;
    return -1;
}

uint32_t
settings_name_hash(struct str name)
{
    uint32_t hash = hash_crc32(0, name.ptr, name.len);
    return hash == 0 ? 1 : hash;
}

static int
refuse(struct buf *reason, struct str text, const char *why)
{
    buf_printf(reason, "\"%.*s\" %s", (int)(text.len < 60 ? text.len : 60),
               text.ptr, why);
    return -EINVAL;
}

/* Index among words with '|' between, or -1. */
static int
word_index(const char *words, struct str text)
{
    struct str rest = str_from(words);
    for (int i = 0;; i++) {
        const char *bar = memchr(rest.ptr, '|', rest.len);
        size_t len = bar != NULL ? (size_t)(bar - rest.ptr) : rest.len;
        if (str_equals(str_make(rest.ptr, len), text))
            return i;
        if (bar == NULL)
            return -1;
        rest = str_skip(rest, len + 1);
    }
}

/* Units in ms; `own` is that of a number without one. False: it is none. */
static bool
unit_ms(struct str unit, uint64_t own, uint64_t *ms)
{
    static const struct {
        struct str name;
        uint64_t ms;
    } units[] = {{STR_LIT("ms"), 1},
                 {STR_LIT("s"), 1000},
                 {STR_LIT("m"), 60 * 1000},
                 {STR_LIT("h"), 3600 * 1000},
                 {STR_LIT("d"), 86400 * 1000}};
    *ms = own;
    if (unit.len == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (str_equals(units[i].name, unit)) {
            *ms = units[i].ms;
            return true;
        }
    return false;
}

static int
put_number(uint32_t *value, const struct setting_row *row, struct str text,
           struct buf *reason)
{
    uint64_t n = 0, unit = 1, own = row->type == SETTING_TYPE_MS ? 1 : 1000;
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' &&
           text.ptr[digits] <= '9' && n < UINT32_MAX)
        n = n * 10 + (uint64_t)(text.ptr[digits++] - '0');
    struct str rest = str_skip(text, digits);
    bool is_time = row->type != SETTING_TYPE_UINT;
    if (digits == 0 || (!is_time && rest.len > 0) ||
        (is_time && !unit_ms(rest, own, &unit)))
        return refuse(reason, text,
                      is_time ? "is no time, as 500ms, 10s or 5m"
                              : "is no whole number");
    if (is_time)
        n = n * unit / own;
    if (n < row->min || n > row->max) {
        refuse(reason, text, "is out of range: ");
        buf_printf(reason, "%u to %u%s", row->min, row->max,
                   row->type == SETTING_TYPE_MS        ? " ms"
                   : row->type == SETTING_TYPE_SECONDS ? " s"
                                                       : "");
        return -EINVAL;
    }
    *value = (uint32_t)n;
    return 0;
}

static int
put_providers(struct settings_providers *list, struct str text,
              settings_find_provider find, const void *context,
              struct buf *reason)
{
    *list = (struct settings_providers){0};
    while (text.len > 0) {
        const char *comma = memchr(text.ptr, ',', text.len);
        size_t len = comma != NULL ? (size_t)(comma - text.ptr) : text.len;
        struct str name = str_trim(str_make(text.ptr, len));
        text = str_skip(text, comma != NULL ? len + 1 : len);
        if (name.len == 0)
            return refuse(reason, text, "has an empty name before it");
        int idx = find == NULL ? 0 : find(context, name);
        if (idx < 0)
            return refuse(reason, name, "is no provider here");
        if (list->count == SETTINGS_LIST_MAX)
            return refuse(reason, name, "is one provider too many");
        list->idx[list->count++] = (uint16_t)idx;
    }
    return 0;
}

/* "NAME" or "PROVIDER/NAME": that there is one is no matter of form. */
static int
put_credentials(struct settings_names *list, struct str text,
                struct buf *reason)
{
    *list = (struct settings_names){0};
    while (text.len > 0) {
        const char *comma = memchr(text.ptr, ',', text.len);
        size_t len = comma != NULL ? (size_t)(comma - text.ptr) : text.len;
        struct str name = str_trim(str_make(text.ptr, len));
        text = str_skip(text, comma != NULL ? len + 1 : len);
        if (name.len == 0 || name.len > SETTINGS_CREDENTIAL_MAX)
            return refuse(reason, name, "is no name of a credential");
        if (list->count == SETTINGS_LIST_MAX)
            return refuse(reason, name, "is one credential too many");
        list->hash[list->count++] = settings_name_hash(name);
    }
    return 0;
}

static int
put_bool(uint32_t *value, struct str text, struct buf *reason)
{
    *value =
        str_equals(text, STR_LIT("yes")) || str_equals(text, STR_LIT("true"));
    if (*value != 0 || str_equals(text, STR_LIT("no")) ||
        str_equals(text, STR_LIT("false")))
        return 0;
    return refuse(reason, text, "is neither yes nor no");
}

int
settings_put(struct settings *settings, enum setting setting, struct str text,
             settings_find_provider find, const void *context,
             struct buf *reason)
{
    const struct setting_row *row = &setting_rows[setting];
    uint32_t value = 0;
    int rc = 0;
    switch (row->type) {
    case SETTING_TYPE_ENUM:
        rc = word_index(row->words, text);
        value = (uint32_t)rc;
        if (rc < 0) {
            refuse(reason, text, "is not one of ");
            buf_append_cstr(reason, row->words);
        }
        break;
    case SETTING_TYPE_BOOL:
        rc = put_bool(&value, text, reason);
        break;
    case SETTING_TYPE_UINT:
    case SETTING_TYPE_MS:
    case SETTING_TYPE_SECONDS:
        rc = put_number(&value, row, text, reason);
        break;
    case SETTING_TYPE_PROVIDERS:
        rc = put_providers(&settings->lists[row->min], text, find, context,
                           reason);
        break;
    case SETTING_TYPE_CREDENTIALS:
        rc = put_credentials(&settings->private_keys, text, reason);
        break;
    case SETTING_TYPE_GATEWAY:
        if (text.len == 0 || text.len > 64)
            rc = refuse(reason, text, "is no name of a gateway");
        value = settings_name_hash(text);
        break;
    }
    if (rc < 0)
        return -EINVAL;
    settings->values[setting] = value;
    settings->set |= UINT64_C(1) << setting;
    return 0;
}

void
settings_init(struct settings *settings)
{
    struct buf reason;
    buf_init(&reason, 0);
    memset(settings, 0, sizeof(*settings));
    for (int i = 0; i < SETTINGS; i++)
        if (setting_rows[i].fallback[0] != '\0')
            CHECK(settings_put(settings, (enum setting)i,
                               str_from(setting_rows[i].fallback), NULL, NULL,
                               &reason) == 0);
    settings->set = 0;
    buf_fini(&reason);
}

void
settings_merge(struct settings *lower, const struct settings *upper)
{
    for (uint64_t left = upper->set; left != 0; left &= left - 1) {
        int i = __builtin_ctzll(left);
        if (i >= SETTINGS)
            break;
        lower->values[i] = upper->values[i];
        if (setting_rows[i].type == SETTING_TYPE_PROVIDERS)
            lower->lists[setting_rows[i].min] =
                upper->lists[setting_rows[i].min];
        else if (setting_rows[i].type == SETTING_TYPE_CREDENTIALS)
            lower->private_keys = upper->private_keys;
    }
    lower->set |= upper->set;
}

/* Names that `find` does not know are passed over: each alone is put. */
static int
read_providers(struct settings *settings, enum setting setting, struct str text,
               settings_find_provider find, const void *context,
               struct buf *reason)
{
    UNINITIALIZED char known[SETTINGS_TEXT_MAX];
    size_t len = 0;
    for (struct str rest = text; find != NULL && rest.len > 0;) {
        const char *comma = memchr(rest.ptr, ',', rest.len);
        size_t n = comma != NULL ? (size_t)(comma - rest.ptr) : rest.len;
        struct str name = str_trim(str_make(rest.ptr, n));
        rest = str_skip(rest, comma != NULL ? n + 1 : n);
        if (name.len == 0 || find(context, name) < 0 ||
            len + name.len + 1 > sizeof(known))
            continue;
        if (len > 0)
            known[len++] = ',';
        memcpy(known + len, name.ptr, name.len);
        len += name.len;
    }
    return settings_put(settings, setting,
                        find == NULL ? text : str_make(known, len), find,
                        context, reason);
}

static int
read_line(struct settings *settings, struct str line,
          settings_find_provider find, const void *context, struct buf *reason)
{
    const char *mark = memchr(line.ptr, '=', line.len);
    size_t len = mark != NULL ? (size_t)(mark - line.ptr) : line.len;
    int setting = settings_find(str_trim(str_make(line.ptr, len)));
    if (setting < 0 || mark == NULL)
        return refuse(reason, line, "is no setting");
    struct str value = str_trim(str_skip(line, len + 1));
    if (setting_rows[setting].type == SETTING_TYPE_PROVIDERS)
        return read_providers(settings, (enum setting)setting, value, find,
                              context, reason);
    return settings_put(settings, (enum setting)setting, value, find, context,
                        reason);
}

int
settings_read(struct settings *settings, struct str text,
              settings_find_provider find, const void *context,
              struct buf *reason)
{
    while (text.len > 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t len = end != NULL ? (size_t)(end - text.ptr) : text.len;
        struct str line = str_trim(str_make(text.ptr, len));
        text = str_skip(text, end != NULL ? len + 1 : len);
        if (line.len > 0 &&
            read_line(settings, line, find, context, reason) < 0)
            return -EINVAL;
    }
    return 0;
}
