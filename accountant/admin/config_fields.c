/*
 * config_fields.c - see config_fields.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/config_fields.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MASK_CHARS = 4, MASK_FROM = 12 };

/* ---- JSON to text ---- */

static bool
refuse(const struct config_option *option, const char *what,
       struct admin_error *error)
{
    return admin_error_field(error, option->name, "'%s' must be %s.",
                             option->name, what);
}

/* A whole number as digits with a unit behind it, of what `factor` divides. */
static bool
number_to_text(const cJSON *value, uint64_t factor, const char *unit,
               struct buf *out)
{
    double d = value->valuedouble;
    if (!(d >= 0) || d > 9007199254740992.0 || d != floor(d) ||
        (uint64_t)d % factor != 0)
        return false;
    buf_append_u64(out, (uint64_t)d / factor);
    buf_append_cstr(out, unit);
    return true;
}

/* Decimal digits without an exponent, of a number that is certainly them. */
static bool
price_to_text(double number, struct buf *out)
{
    char text[64];
    snprintf(text, sizeof(text), "%.15g", number);
    if (!(number >= 0) || strtod(text, NULL) != number)
        return false;
    if (strchr(text, 'e') != NULL) { /* at most twelve places are stated */
        snprintf(text, sizeof(text), "%.12f", number);
        if (!(number < 1e15) || fabs(strtod(text, NULL) - number) > 1e-24)
            return false;
        size_t len = strlen(text);
        while (text[len - 1] == '0')
            len--;
        text[text[len - 1] == '.' ? len - 1 : len] = '\0';
    }
    buf_append_cstr(out, text);
    return true;
}

/* As a list of aigw.ini, in which a comma of an item is written "\,". A
 * backslash before one would be taken for that. */
static bool
item_to_text(const char *item, struct buf *out)
{
    size_t len = strlen(item);
    if (len == 0 || strstr(item, "\\,") != NULL || item[len - 1] == '\\')
        return false;
    buf_append_cstr(out, buf_len(out) > 0 ? ", " : "");
    for (const char *p = item; *p != '\0'; p++) {
        if (*p == ',')
            buf_append_char(out, '\\');
        buf_append_char(out, *p);
    }
    return true;
}

/* An element of a dynamic route is a text, or an object that is one. */
static bool
takes_objects(const struct config_option *option)
{
    return option->section == CONFIG_SECTION_route &&
           option->type == CONFIG_LIST;
}

static bool
object_to_text(const cJSON *item, struct buf *out)
{
    char *text = cJSON_PrintUnformatted(item);
    bool good = text != NULL && item_to_text(text, out);
    cJSON_free(text);
    return good;
}

static bool
list_to_text(const struct config_option *option, const cJSON *value,
             struct buf *out, struct admin_error *error)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, value)
    {
        bool good =
            cJSON_IsObject(item) && takes_objects(option)
                ? object_to_text(item, out)
                : cJSON_IsString(item) && item_to_text(item->valuestring, out);
        if (!good)
            return refuse(option,
                          "a list of texts that are not empty and have no "
                          "backslash before a comma or at their end",
                          error);
    }
    return true;
}

static bool
takes_lists(const struct config_option *option)
{
    return option->type == CONFIG_LIST || option->type == CONFIG_SETTING;
}

/* What a member must be, for people. */
static const char *
kind_text(const struct config_option *option)
{
    switch (option->type) {
    case CONFIG_BOOL:
        return "true or false";
    case CONFIG_LIST:
        return "a list of texts";
    case CONFIG_UINT:
    case CONFIG_U64:
        return "a whole number";
    case CONFIG_DURATION:
        return "a time as \"30s\", or a number of milliseconds";
    case CONFIG_SIZE:
        return "a size as \"64k\", or a number of bytes, whole KiB";
    case CONFIG_PRICE:
    case CONFIG_UNIT_PRICE:
        return "a price as 2.5 or \"2.5\"";
    default:
        return "a text";
    }
}

static bool
number_fits(const struct config_option *option, const cJSON *value,
            struct buf *out)
{
    switch (option->type) {
    case CONFIG_UINT:
    case CONFIG_U64:
    case CONFIG_SETTING:
        return number_to_text(value, 1, "", out);
    case CONFIG_DURATION:
        return number_to_text(value, 1, "ms", out);
    case CONFIG_SIZE:
        return number_to_text(value, 1024, "k", out);
    case CONFIG_PRICE:
    case CONFIG_UNIT_PRICE:
        return price_to_text(value->valuedouble, out);
    default:
        return false;
    }
}

static bool
value_to_text(const struct config_option *option, const cJSON *value,
              struct buf *out, struct admin_error *error)
{
    bool is_yes = option->type == CONFIG_BOOL || option->type == CONFIG_SETTING;
    if (cJSON_IsString(value))
        buf_append_cstr(out, value->valuestring);
    else if (cJSON_IsBool(value) && is_yes)
        buf_append_cstr(out, cJSON_IsTrue(value) ? "yes" : "no");
    else if (cJSON_IsArray(value) && takes_lists(option))
        return list_to_text(option, value, out, error);
    else if (!cJSON_IsNumber(value) || !number_fits(option, value, out))
        return refuse(option, kind_text(option), error);
    return true;
}

/* ---- what a text may be ---- */

/* Into a line of a head or of a file: nothing that ends it. A credential is one
 * word. */
static bool
is_clean(const struct config_option *option, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < ' ' || c == 0x7f ||
            (option->type == CONFIG_SECRET && (c == ' ' || c > 0x7f)))
            return false;
    }
    return true;
}

static bool
is_masked(const struct config_option *option, const char *text)
{
    return (option->type == CONFIG_SECRET || option->type == CONFIG_URL) &&
           strstr(text, "****") != NULL;
}

static bool
text_is_allowed(const struct config_option *option, const struct config *base,
                const char *text, struct admin_error *error)
{
    if (!is_clean(option, text))
        return refuse(option,
                      option->type == CONFIG_SECRET
                          ? "one word of printable ASCII"
                          : "a text without control characters",
                      error);
    if (is_masked(option, text))
        return admin_error_field(error, option->name,
                                 "'%s' is masked here: leave it out to keep "
                                 "it, or send it whole.",
                                 option->name);
    if (option->type == CONFIG_URL && !base->admin.private_providers &&
        strncmp(text, "http://", 7) == 0)
        return admin_error_field(
            error, option->name,
            "'%s' must begin with https://: what management makes sends "
            "nothing in the clear, unless aigw.ini has [admin] "
            "private_providers = yes.",
            option->name);
    if (option->section != CONFIG_SECTION_provider)
        return true;
    if (strcmp(option->name, "ca_file") == 0 && *text != '\0')
        return admin_error_field(error, option->name,
                                 "'ca_file' names a file of the server: only "
                                 "aigw.ini sets it.");
    if (strcmp(option->name, "guarded") == 0 && strcmp(text, "yes") != 0 &&
        !base->admin.private_providers)
        return admin_error_field(
            error, option->name,
            "'guarded' must be true: what management makes reaches addresses "
            "of the public internet only, unless aigw.ini has [admin] "
            "private_providers = yes.");
    return true;
}

static bool
apply_one(const struct config_option *option, const cJSON *value,
          const struct config *base, struct managed *managed,
          struct admin_error *error)
{
    struct buf text;
    if (cJSON_IsNull(value)) {
        managed_set(managed, option->name, NULL);
        return true;
    }
    buf_init_secret(&text, 0);
    bool good = value_to_text(option, value, &text, error);
    const char *string = buf_cstr(&text);
    if (good && !buf_ok(&text))
        good = admin_error_set(error, 503, "overloaded", "Out of memory.");
    good = good && text_is_allowed(option, base, string, error);
    if (good)
        managed_set(managed, option->name, *string == '\0' ? NULL : string);
    buf_fini(&text);
    return good;
}

static bool
refuse_unknown(enum config_section section, const char *name,
               struct admin_error *error)
{
    struct buf words, hint;
    buf_init(&words, 0);
    buf_init(&hint, 0);
    for (size_t i = 0; i < config_option_count; i++)
        if (config_options[i].section == section)
            buf_printf(&words, "%s|", config_options[i].name);
    config_suggest(name, buf_cstr(&words), &hint);
    admin_error_field(error, name, "Unknown member '%.60s'%s", name,
                      buf_len(&hint) > 0 ? buf_cstr(&hint) : ".");
    buf_fini(&words);
    buf_fini(&hint);
    return false;
}

bool
config_fields_apply(const cJSON *body, const struct config *base,
                    struct managed *managed, struct admin_error *error)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, body)
    {
        for (const cJSON *other = item->next; other != NULL;
             other = other->next)
            if (strcmp(other->string, item->string) == 0)
                return admin_error_field(error, item->string,
                                         "Member '%.60s' is given twice.",
                                         item->string);
        if (strcmp(item->string, "name") == 0)
            continue;
        int idx = config_find_option(managed->section, item->string);
        if (idx < 0)
            return refuse_unknown(managed->section, item->string, error);
        if (!apply_one(config_option_at(managed->section, idx), item, base,
                       managed, error))
            return false;
    }
    return true;
}

/* ---- to JSON ---- */

static void
list_to_json(struct json_writer *json, const struct config_list *list,
             bool has_objects)
{
    json_array_begin(json);
    for (unsigned i = 0; i < list->count; i++)
        if (has_objects && list->items[i][0] == '{')
            json_raw(json, str_from(list->items[i]));
        else
            json_cstring(json, list->items[i]);
    json_array_end(json);
}

static void
setting_to_json(struct json_writer *json, const struct config_option *option,
                struct str text)
{
    switch (setting_rows[option->min].type) {
    case SETTING_TYPE_BOOL:
        json_bool(json, text.ptr[0] == 'y' || text.ptr[0] == 't');
        return;
    case SETTING_TYPE_UINT:
        json_raw(json, text);
        return;
    case SETTING_TYPE_ENUM:
    case SETTING_TYPE_MS:
    case SETTING_TYPE_SECONDS:
    case SETTING_TYPE_GATEWAY:
        json_string(json, text);
        return;
    default: /* lists of names */
        json_array_begin(json);
        while (text.len > 0) {
            const char *comma = memchr(text.ptr, ',', text.len);
            size_t len = comma != NULL ? (size_t)(comma - text.ptr) : text.len;
            json_string(json, str_trim(str_make(text.ptr, len)));
            text = str_skip(text, comma != NULL ? len + 1 : len);
        }
        json_array_end(json);
    }
}

static void
secret_to_json(struct json_writer *json, const char *secret)
{
    char masked[4 + MASK_CHARS + 1];
    size_t len = strlen(secret);
    snprintf(masked, sizeof(masked), "****%s",
             len < MASK_FROM ? "" : secret + len - MASK_CHARS);
    json_cstring(json, masked);
}

static void
text_to_json(struct json_writer *json, const struct config_option *option,
             struct str text)
{
    switch (option->type) {
    case CONFIG_UINT:
    case CONFIG_U64:
    case CONFIG_PRICE:
    case CONFIG_UNIT_PRICE:
        json_raw(json, text);
        return;
    case CONFIG_BOOL:
        json_bool(json, text.ptr[0] == 'y');
        return;
    case CONFIG_SETTING:
        setting_to_json(json, option, text);
        return;
    default:
        json_string(json, text);
    }
}

void
config_field_to_json(struct json_writer *json,
                     const struct config_option *option, const void *fields)
{
    json_key(json, option->name);
    config_value_to_json(json, option, fields);
}

void
config_value_to_json(struct json_writer *json,
                     const struct config_option *option, const void *fields)
{
    const void *field = (const char *)fields + option->offset;
    struct buf text;
    if (option->type == CONFIG_LIST) {
        list_to_json(json, field, takes_objects(option));
        return;
    }
    if (option->type == CONFIG_SECRET && *(char *const *)field != NULL) {
        secret_to_json(json, *(char *const *)field);
        return;
    }
    buf_init(&text, 0);
    config_value_print(option, fields, true, &text);
    if (buf_len(&text) == 0)
        json_null(json);
    else
        text_to_json(json, option, buf_view(&text));
    buf_fini(&text);
}

void
config_fields_to_json(struct json_writer *json, enum config_section section,
                      const void *fields)
{
    for (size_t i = 0; i < config_option_count; i++)
        if (config_options[i].section == section)
            config_field_to_json(json, &config_options[i], fields);
}
