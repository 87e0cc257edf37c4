/*
 * op_settings.c - GET /admin/v1/settings: the options of the file that hold for
 * the whole server, with what they are, and what may be said in the parts that
 * management makes. Secrets are masked.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <string.h>

#include "accountant/admin/config_fields.h"
#include "common/settings.h"

static const char *const type_names[] = {
    [CONFIG_STRING] = "text",      [CONFIG_URL] = "url",
    [CONFIG_SECRET] = "secret",    [CONFIG_CHOICE] = "choice",
    [CONFIG_ENUM] = "choice",      [CONFIG_LIST] = "list",
    [CONFIG_BOOL] = "boolean",     [CONFIG_UINT] = "integer",
    [CONFIG_U64] = "integer",      [CONFIG_DURATION] = "duration",
    [CONFIG_SIZE] = "size",        [CONFIG_PRICE] = "price",
    [CONFIG_UNIT_PRICE] = "price",
};

/* Of what stands in several layers: as a value of its own type. */
static const char *
type_name(const struct config_option *option)
{
    if (option->type != CONFIG_SETTING)
        return type_names[option->type];
    switch (setting_rows[option->min].type) {
    case SETTING_TYPE_ENUM:
        return "choice";
    case SETTING_TYPE_UINT:
        return "integer";
    case SETTING_TYPE_BOOL:
        return "boolean";
    case SETTING_TYPE_MS:
    case SETTING_TYPE_SECONDS:
        return "duration";
    case SETTING_TYPE_PROVIDERS:
    case SETTING_TYPE_CREDENTIALS:
        return "list";
    case SETTING_TYPE_GATEWAY:
        return "text";
    }
    return "text";
}

/* "a|b|c" as an array; null where the unit is no choice. */
static void
words_to_json(struct json_writer *json, const char *unit)
{
    struct str rest = str_from(unit);
    json_array_begin(json);
    while (rest.len > 0) {
        const char *bar = memchr(rest.ptr, '|', rest.len);
        size_t len = bar == NULL ? rest.len : (size_t)(bar - rest.ptr);
        json_string(json, str_make(rest.ptr, len));
        rest = str_skip(rest, bar == NULL ? len : len + 1);
    }
    json_array_end(json);
}

static void
option_to_json(struct json_writer *json, const struct config_option *option)
{
    bool is_choice =
        strchr(option->unit, '|') != NULL && option->type != CONFIG_LIST;
    json_key(json, "option");
    json_cstring(json, option->name);
    json_key(json, "type");
    json_cstring(json, type_name(option));
    json_key(json, "words");
    if (is_choice)
        words_to_json(json, option->unit);
    else
        json_null(json);
    json_key(json, "unit");
    json_cstring(json,
                 is_choice || option->unit[0] == '\0' ? NULL : option->unit);
    json_key(json, "default");
    json_cstring(json, option->fallback[0] == '\0' ? NULL : option->fallback);
    json_key(json, "applies");
    json_cstring(json, option->applies == CONFIG_RELOAD ? "reload" : "restart");
    json_key(json, "text");
    json_cstring(json, option->text);
}

/* Whether the value is what the file would have without that line. */
static bool
is_default(const struct config_option *option, const void *fields,
           const void *defaults)
{
    struct buf value, fallback;
    buf_init_secret(&value, 0);
    buf_init_secret(&fallback, 0);
    config_value_print(option, fields, false, &value);
    config_value_print(option, defaults, false, &fallback);
    bool same = buf_ok(&value) && buf_ok(&fallback) &&
                str_equals(buf_view(&value), buf_view(&fallback));
    buf_fini(&value);
    buf_fini(&fallback);
    return same;
}

/* One of the single sections: server, admin, log, balance. */
static void
section_to_json(struct json_writer *json, enum config_section section,
                const void *fields, const void *defaults)
{
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *option = &config_options[i];
        if (option->section != section)
            continue;
        json_object_begin(json);
        json_key(json, "section");
        json_cstring(json, config_section_names[section]);
        option_to_json(json, option);
        json_key(json, "value");
        config_value_to_json(json, option, fields);
        json_key(json, "changed");
        json_bool(json, !is_default(option, fields, defaults));
        json_object_end(json);
    }
}

static void
part_to_json(struct json_writer *json, enum config_section section)
{
    json_key(json, config_section_names[section]);
    json_array_begin(json);
    for (size_t i = 0; i < config_option_count; i++) {
        if (config_options[i].section != section)
            continue;
        json_object_begin(json);
        option_to_json(json, &config_options[i]);
        json_object_end(json);
    }
    json_array_end(json);
}

void
op_settings(struct call *call)
{
    const struct config *config = store_config(call->store);
    struct json_writer *json = &call->json;
    struct config_server server = {0};
    struct config_admin admin = {0};
    struct config_log log = {0};
    struct config_balance balance = {0};
    bool made = config_section_init(CONFIG_SECTION_server, &server);
    made = config_section_init(CONFIG_SECTION_admin, &admin) && made;
    made = config_section_init(CONFIG_SECTION_log, &log) && made;
    made = config_section_init(CONFIG_SECTION_balance, &balance) && made;
    if (made) {
        json_object_begin(json);
        json_key(json, "path");
        json_cstring(json, config->path);
        json_key(json, "data");
        json_array_begin(json);
        section_to_json(json, CONFIG_SECTION_server, &config->server, &server);
        section_to_json(json, CONFIG_SECTION_admin, &config->admin, &admin);
        section_to_json(json, CONFIG_SECTION_log, &config->log, &log);
        section_to_json(json, CONFIG_SECTION_balance, &config->balance,
                        &balance);
        json_array_end(json);
        json_key(json, "parts");
        json_object_begin(json);
        for (int s = CONFIG_SECTION_NAMED; s < CONFIG_SECTION_COUNT; s++)
            part_to_json(json, (enum config_section)s);
        json_object_end(json);
        json_object_end(json);
    }
    config_section_free(CONFIG_SECTION_server, &server);
    config_section_free(CONFIG_SECTION_admin, &admin);
    config_section_free(CONFIG_SECTION_log, &log);
    config_section_free(CONFIG_SECTION_balance, &balance);
    if (made)
        call_answer(call, 200);
    else
        call_fail(call, 503, "overloaded", "Out of memory.");
}
