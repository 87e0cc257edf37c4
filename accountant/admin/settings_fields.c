/*
 * settings_fields.c - see settings_fields.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/settings_fields.h"

#include <stdio.h>

#include "accountant/admin/value.h"
#include "shm/catalogue.h"

/* The value of each setting, "" for none, while a text is put together. */
struct edit {
    struct buf values[SETTINGS];
};

/* The next line `name = value` of a text that settings_read() takes. */
static bool
next_line(struct str *text, int *setting, struct str *value)
{
    while (text->len > 0) {
        const char *end = memchr(text->ptr, '\n', text->len);
        size_t len = end != NULL ? (size_t)(end - text->ptr) : text->len;
        struct str line = str_make(text->ptr, len);
        const char *mark = memchr(line.ptr, '=', line.len);
        *text = str_skip(*text, end != NULL ? len + 1 : len);
        if (mark == NULL)
            continue;
        size_t name = (size_t)(mark - line.ptr);
        *setting = settings_find(str_trim(str_make(line.ptr, name)));
        *value = str_trim(str_skip(line, name + 1));
        if (*setting >= 0)
            return true;
    }
    return false;
}

/* A value of JSON as settings_put() takes it. False: not of a kind that fits. */
static bool
value_as_text(const cJSON *value, struct buf *out)
{
    if (cJSON_IsString(value)) {
        buf_append_cstr(out, value->valuestring);
    } else if (cJSON_IsBool(value)) {
        buf_append_cstr(out, cJSON_IsTrue(value) ? "yes" : "no");
    } else if (cJSON_IsNumber(value) && value->valuedouble >= 0 &&
               value->valuedouble <= UINT32_MAX &&
               value->valuedouble == (double)(uint32_t)value->valuedouble) {
        buf_append_u64(out, (uint64_t)value->valuedouble);
    } else if (cJSON_IsArray(value)) {
        const cJSON *item;
        cJSON_ArrayForEach(item, value)
        {
            if (!cJSON_IsString(item))
                return false;
            buf_append_cstr(out, buf_len(out) > 0 ? "," : "");
            buf_append_cstr(out, item->valuestring);
        }
    } else {
        return false;
    }
    return buf_len(out) == 0 ||
           memchr(buf_ptr(out), '\n', buf_len(out)) == NULL;
}

static bool
apply_one(const cJSON *item, const struct store *store, struct edit *edit,
          struct admin_error *error)
{
    char field[96];
    struct settings layer = {0};
    int setting = settings_find(str_from(item->string));
    snprintf(field, sizeof(field), "settings.%s", item->string);
    if (setting < 0)
        return admin_error_field(error, field, "'%s' is not known.", field);
    struct buf *text = &edit->values[setting];
    buf_reset(text);
    if (cJSON_IsNull(item))
        return true;
    if (!value_as_text(item, text))
        return admin_error_field(error, field,
                                 "'%s' has a value of no kind "
                                 "that fits.",
                                 field);
    struct buf reason;
    buf_init(&reason, 0);
    bool good = settings_put(&layer, (enum setting)setting, buf_view(text),
                             catalogue_provider_number, store_catalogue(store),
                             &reason) == 0;
    if (!good)
        admin_error_field(error, field, "'%s': %s", field, buf_cstr(&reason));
    buf_fini(&reason);
    return good;
}

static bool
write_text(const struct edit *edit, char out[SETTINGS_TEXT_MAX],
           struct admin_error *error)
{
    size_t len = 0;
    out[0] = '\0';
    for (int i = 0; i < SETTINGS; i++) {
        const struct buf *value = &edit->values[i];
        if (buf_len(value) == 0)
            continue;
        int n =
            snprintf(out + len, SETTINGS_TEXT_MAX - len, "%s = %.*s\n",
                     setting_rows[i].name, (int)buf_len(value), buf_ptr(value));
        len += (size_t)n;
        if (len >= SETTINGS_TEXT_MAX)
            return admin_error_field(error, "settings",
                                     "'settings' take more than %d bytes.",
                                     SETTINGS_TEXT_MAX - 1);
    }
    return true;
}

bool
settings_apply(const cJSON *value, const struct store *store, const char *was,
               char out[SETTINGS_TEXT_MAX], struct admin_error *error)
{
    struct edit edit;
    struct str rest = str_from(was), text;
    const cJSON *item;
    int setting;
    bool good = cJSON_IsObject(value);
    for (int i = 0; i < SETTINGS; i++)
        buf_init(&edit.values[i], 0);
    while (next_line(&rest, &setting, &text))
        buf_append_str(&edit.values[setting], text);
    if (!good)
        admin_error_field(error, "settings", "'settings' must be an object.");
    cJSON_ArrayForEach(item, value) good =
        good && apply_one(item, store, &edit, error);
    good = good && write_text(&edit, out, error);
    for (int i = 0; i < SETTINGS; i++)
        buf_fini(&edit.values[i]);
    return good;
}

static void
write_list(struct json_writer *json, struct str text)
{
    json_array_begin(json);
    while (text.len > 0) {
        const char *comma = memchr(text.ptr, ',', text.len);
        size_t len = comma != NULL ? (size_t)(comma - text.ptr) : text.len;
        json_string(json, str_trim(str_make(text.ptr, len)));
        text = str_skip(text, comma != NULL ? len + 1 : len);
    }
    json_array_end(json);
}

void
settings_to_json(struct json_writer *json, const char *text)
{
    struct str rest = str_from(text), value;
    int setting;
    json_key(json, "settings");
    json_object_begin(json);
    while (next_line(&rest, &setting, &value)) {
        json_key(json, setting_rows[setting].name);
        switch (setting_rows[setting].type) {
        case SETTING_TYPE_BOOL:
            json_bool(json, value.len > 0 &&
                                (value.ptr[0] == 'y' || value.ptr[0] == 't'));
            break;
        case SETTING_TYPE_UINT:
            json_raw(json, value);
            break;
        case SETTING_TYPE_PROVIDERS:
        case SETTING_TYPE_CREDENTIALS:
            write_list(json, value);
            break;
        default:
            json_string(json, value);
        }
    }
    json_object_end(json);
}
