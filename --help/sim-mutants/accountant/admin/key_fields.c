/*
 * key_fields.c - see key_fields.h. A table of members; each row's function
 * reads one.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/key_fields.h"

#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/budget_fields.h"
#include "accountant/admin/limit_fields.h"
#include "accountant/admin/settings_fields.h"
#include "accountant/admin/value.h"
#include "common/clock.h"
#include "common/json_write.h"
#include "common/net/listen.h"
#include "shm/catalogue.h"

enum { TAGS_MAX = 16, MODELS_LIST_MAX = 256, EXPIRY_DAYS_MAX = 36500 };
#define LIMIT_MAX (UINT64_C(1) << 48)
#define DAY_MS    (INT64_C(24) * 60 * 60 * 1000)

struct key_edit {
    const struct store *store;
    struct gateway *key;
    struct admin_error *error;
};

bool
name_is_valid(const cJSON *value, const char *member,
              char out[GATEWAY_NAME_BYTES], struct admin_error *error)
{
    const char *text = value_text(value, member, GATEWAY_NAME_BYTES - 1, error);
    if (text == NULL)
        return false;
    size_t len = strlen(text);
    if (text[0] == ' ' || text[len - 1] == ' ' || strstr(text, "**") != NULL ||
        strncmp(text, "sk-", 3) == 0)
        return admin_error_field(error, member,
                                 "'%s' must not begin or end with a blank, "
                                 "begin with 'sk-' or contain '**': it would "
                                 "be taken for a key.",
                                 member);
    memcpy(out, text, len + 1);
    return true;
}

const struct group *
key_group_of(const cJSON *body, const struct store *store,
             struct admin_error *error)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(body, "group");
    const char *name = "default";
    if (value != NULL) {
        name = value_text(value, "group", GATEWAY_NAME_BYTES - 1, error);
        if (name == NULL)
            return NULL;
    }
    const struct group *group = store_group_named(store, name);
    if (group == NULL)
        admin_error_set(error, 404, "group_not_found",
                        "Group '%s' does not exist. Create it first: aigwctl "
                        "group create %s",
                        name, name);
    return group;
}

static bool
apply_name(struct key_edit *edit, const cJSON *value)
{
    return name_is_valid(value, "name", edit->key->name, edit->error);
}

/* Checked by key_group_of(); a key stays in its group. */
static bool
apply_group(struct key_edit *edit, const cJSON *value)
{
    const struct group *group = store_group(edit->store, edit->key->group_id);
    if (group == NULL || !cJSON_IsString(value) ||
        strcmp(group->name, value->valuestring) != 0)
        return admin_error_field(edit->error, "group",
                                 "A key cannot change its group: its use is "
                                 "booked there. Create a new key.");
    return true;
}

static bool
apply_enabled(struct key_edit *edit, const cJSON *value)
{
    return value_bool(value, "enabled", &edit->key->enabled, edit->error);
}

static bool
apply_budgets(struct key_edit *edit, const cJSON *value)
{
    return budgets_replace(value, edit->key->budgets, edit->error);
}

static bool
apply_set_budget(struct key_edit *edit, const cJSON *value)
{
    return budgets_set_one(value, edit->key->budgets, edit->error);
}

static bool
apply_expires_at(struct key_edit *edit, const cJSON *value)
{
    return value_expiry(value, "expires_at", &edit->key->expires_ms,
                        edit->error);
}

static bool
apply_expires_in_days(struct key_edit *edit, const cJSON *value)
{
    uint64_t days = 0;
    if (!value_limit(value, "expires_in_days", EXPIRY_DAYS_MAX, &days,
                     edit->error))
        return false;
    if (days == 0 && !cJSON_IsNull(value))
        return admin_error_field(edit->error, "expires_in_days",
                                 "'expires_in_days' must be from 1 to %d, or "
                                 "null for never.",
                                 EXPIRY_DAYS_MAX);
    edit->key->expires_ms =
        days == 0 ? 0 : clock_wall_ms() + (int64_t)days * DAY_MS;
    return true;
}

static bool
apply_rpm(struct key_edit *edit, const cJSON *value)
{
    return value_limit(value, "rpm", LIMIT_MAX, &edit->key->rpm, edit->error);
}

static bool
apply_tpm(struct key_edit *edit, const cJSON *value)
{
    return value_limit(value, "tpm", LIMIT_MAX, &edit->key->tpm, edit->error);
}

static bool
apply_concurrency(struct key_edit *edit, const cJSON *value)
{
    uint64_t n = 0;
    if (!value_limit(value, "concurrency", 1000000, &n, edit->error))
        return false;
    edit->key->concurrency = (uint32_t)n;
    return true;
}

static bool
apply_model_limits(struct key_edit *edit, const cJSON *value)
{
    struct gateway *key = edit->key;
    if (key->model_limits == NULL)
        key->model_limits = calloc(1, sizeof(*key->model_limits));
    if (key->model_limits == NULL)
        return admin_error_set(edit->error, 503, "overloaded",
                               "Out of memory.");
    return model_limits_apply(value, edit->store, key->model_limits,
                              edit->error);
}

static bool
apply_on_exhausted(struct key_edit *edit, const cJSON *value)
{
    return value_word(value, "on_exhausted", words_on_exhausted,
                      &edit->key->on_exhausted, edit->error);
}

static bool
apply_hold(struct key_edit *edit, const cJSON *value)
{
    uint32_t worst = 0;
    if (!value_word(value, "hold", words_hold, &worst, edit->error))
        return false;
    edit->key->hold_worst = worst != 0;
    return true;
}

static bool
apply_crash_charge(struct key_edit *edit, const cJSON *value)
{
    uint32_t reserved = 0;
    if (!value_word(value, "crash_charge", words_crash_charge, &reserved,
                    edit->error))
        return false;
    edit->key->crash_reserved = reserved != 0;
    return true;
}

const char *
model_known_as(const struct store *store, const char *name,
               struct admin_error *error)
{
    const struct catalogue *catalogue = store_catalogue(store);
    for (uint32_t i = 0; catalogue != NULL && i < catalogue->model_count; i++)
        if (strcmp(catalogue->models[i].name, name) == 0)
            return catalogue->models[i].name;
    struct str upstream;
    int only_provider = -1;
    const struct catalogue_model *model =
        catalogue == NULL ? NULL
                          : catalogue_find(catalogue, str_from(name), &upstream,
                                           &only_provider);
    if (model == NULL) {
        admin_error_set(error, 404, "model_not_found",
                        "Model '%s' is not known. See: aigwctl model list",
                        name);
        return NULL;
    }
    if (model->is_wildcard) {
        admin_error_set(error, 400, "model_behind_wildcard",
                        "Model '%s' is served by '%s'; single models behind "
                        "it cannot be allowed. Allow '%s', or define "
                        "[model.%s] in aigw.ini.",
                        name, model->name, model->name, name);
        return NULL;
    }
    return model->name;
}

static void
models_clear(struct gateway *key)
{
    for (uint32_t i = 0; i < key->model_count; i++)
        free(key->models[i]);
    free(key->models);
    key->models = NULL;
    key->model_count = 0;
}

static bool
apply_models(struct key_edit *edit, const cJSON *value)
{
    struct gateway *key = edit->key;
    const cJSON *item = NULL;
    int count = cJSON_GetArraySize(value);
    models_clear(key);
    if (cJSON_IsNull(value))
        return true;
    if (!cJSON_IsArray(value) || count == 0 || count > MODELS_LIST_MAX)
        return admin_error_field(edit->error, "models",
                                 "'models' must be a list of 1 to %d names, "
                                 "or null for all models. To allow none, "
                                 "disable the key.",
                                 MODELS_LIST_MAX);
    key->models = calloc((size_t)count, sizeof(*key->models));
    if (key->models == NULL)
        return admin_error_set(edit->error, 503, "overloaded",
                               "Out of memory.");
    cJSON_ArrayForEach(item, value)
    {
        char path[32];
        snprintf(path, sizeof(path), "models[%u]", key->model_count);
        const char *text =
            value_text(item, path, SHM_NAME_BYTES - 1, edit->error);
        const char *name = text == NULL
                               ? NULL
                               : model_known_as(edit->store, text, edit->error);
        if (name == NULL)
            return false;
        key->models[key->model_count] = strdup(name);
        if (key->models[key->model_count] == NULL)
            return admin_error_set(edit->error, 503, "overloaded",
                                   "Out of memory.");
        key->model_count++;
    }
    return true;
}

static bool
acl_addresses(struct key_edit *edit, const cJSON *list)
{
    struct gateway *key = edit->key;
    const cJSON *item = NULL;
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > SHM_ACL_MAX)
        return admin_error_field(edit->error, "ip_acl.addresses",
                                 "'ip_acl.addresses' must be a list of at most "
                                 "%d addresses or networks.",
                                 SHM_ACL_MAX);
    key->acl_count = 0;
    cJSON_ArrayForEach(item, list)
    {
        char path[48];
        uint8_t addr[16];
        uint32_t prefix_len = 0;
        snprintf(path, sizeof(path), "ip_acl.addresses[%u]", key->acl_count);
        const char *text =
            value_text(item, path, sizeof(key->acl[0]) - 1, edit->error);
        if (text == NULL)
            return false;
        if (listen_parse_cidr(text, addr, &prefix_len) != 0)
            return admin_error_field(edit->error, path,
                                     "'%s' is no address or network as "
                                     "10.0.0.0/8 or 2001:db8::/32.",
                                     text);
        snprintf(key->acl[key->acl_count], sizeof(key->acl[0]), "%s", text);
        key->acl_count++;
    }
    return true;
}

static bool
apply_ip_acl(struct key_edit *edit, const cJSON *value)
{
    struct gateway *key = edit->key;
    if (cJSON_IsNull(value)) {
        key->acl_enabled = false;
        key->acl_count = 0;
        return true;
    }
    if (!value_members(value, "ip_acl", "enabled type addresses", edit->error))
        return false;
    const cJSON *enabled = cJSON_GetObjectItemCaseSensitive(value, "enabled");
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(value, "type");
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(value, "addresses");
    /* A first list is one of those who may. */
    uint32_t allow = key->acl_allow || key->acl_count == 0;
    if (list != NULL && !acl_addresses(edit, list))
        return false;
    if (type != NULL &&
        !value_word(type, "ip_acl.type", words_acl_type, &allow, edit->error))
        return false;
    key->acl_allow = allow != 0;
    if (enabled == NULL)
        key->acl_enabled = key->acl_count > 0;
    else if (!value_bool(enabled, "ip_acl.enabled", &key->acl_enabled,
                         edit->error))
        return false;
    if (key->acl_enabled && key->acl_allow && key->acl_count == 0)
        return admin_error_field(edit->error, "ip_acl",
                                 "An allow list without addresses would "
                                 "refuse everyone. To stop a key, disable it.");
    return true;
}

static bool
apply_tags(struct key_edit *edit, const cJSON *value)
{
    const cJSON *item = NULL;
    struct buf text;
    struct json_writer json;
    edit->key->tags[0] = '\0';
    if (cJSON_IsNull(value))
        return true;
    if (!cJSON_IsObject(value) || cJSON_GetArraySize(value) > TAGS_MAX)
        return admin_error_field(edit->error, "tags",
                                 "'tags' must be an object of at most %d "
                                 "names with texts.",
                                 TAGS_MAX);
    buf_init(&text, GATEWAY_TAGS_BYTES - 1);
    json_writer_init(&json, &text);
    json_object_begin(&json);
    cJSON_ArrayForEach(item, value)
    {
        char path[96];
        snprintf(path, sizeof(path), "tags.%s", item->string);
        const char *tag = value_text(item, path, 256, edit->error);
        if (tag == NULL) {
            buf_fini(&text);
            return false;
        }
        json_key(&json, item->string);
        json_cstring(&json, tag);
    }
    json_object_end(&json);
    bool fits = buf_ok(&text);
    if (fits && cJSON_GetArraySize(value) > 0)
        snprintf(edit->key->tags, sizeof(edit->key->tags), "%s",
                 buf_cstr(&text));
    buf_fini(&text);
    return fits || admin_error_field(edit->error, "tags",
                                     "'tags' take more than %d bytes.",
                                     GATEWAY_TAGS_BYTES - 1);
}

static bool
apply_settings(struct key_edit *edit, const cJSON *value)
{
    char text[SETTINGS_TEXT_MAX];
    if (!settings_apply(value, edit->store, edit->key->settings, text,
                        edit->error))
        return false;
    free(edit->key->settings);
    edit->key->settings = NULL;
    if (text[0] == '\0')
        return true;
    edit->key->settings = strdup(text);
    return edit->key->settings != NULL ||
           admin_error_set(edit->error, 500, "internal", "out of memory");
}

static const struct key_field {
    const char *name;
    bool (*apply)(struct key_edit *edit, const cJSON *value);
} key_fields[] = {
    {"name", apply_name},
    {"group", apply_group},
    {"enabled", apply_enabled},
    {"budgets", apply_budgets},
    {"set_budget", apply_set_budget},
    {"expires_at", apply_expires_at},
    {"expires_in_days", apply_expires_in_days},
    {"rpm", apply_rpm},
    {"tpm", apply_tpm},
    {"concurrency", apply_concurrency},
    {"model_limits", apply_model_limits},
    {"models", apply_models},
    {"ip_acl", apply_ip_acl},
    {"on_exhausted", apply_on_exhausted},
    {"hold", apply_hold},
    {"crash_charge", apply_crash_charge},
    {"tags", apply_tags},
    {"settings", apply_settings},
};

bool
key_fields_apply(const cJSON *body, const struct store *store,
                 struct gateway *key, struct admin_error *error)
{
    struct key_edit edit = {store, key, error};
    if (!value_members(body, "",
                       "name group enabled budgets set_budget expires_at "
                       "expires_in_days rpm tpm concurrency "
                       "model_limits models ip_acl "
                       "on_exhausted hold crash_charge tags settings",
                       error))
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(key_fields); i++) {
        const cJSON *value =
            cJSON_GetObjectItemCaseSensitive(body, key_fields[i].name);
        if (value != NULL && !key_fields[i].apply(&edit, value))
            return false;
    }
    return true;
}
