/*
 * op_config.c - providers, credentials, models, endpoints and gateway profiles,
 * each a section of the configuration: those of the file are shown, those of
 * management made, changed and deleted.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/config_fields.h"
#include "accountant/admin/etag.h"
#include "accountant/admin/gateway_routes.h"
#include "accountant/admin/op_config.h"
#include "accountant/admin/page.h"
#include "accountant/admin/value.h"
#include "common/hash.h"
#include "common/log.h"

/* "/admin/v1/providers/{}" -> provider. */
static enum config_section
section_of(const struct call *call)
{
    const char *plural = call->operation->path + strlen("/admin/v1/");
    size_t len = strcspn(plural, "/") - 1;
    for (int s = CONFIG_SECTION_NAMED; s < CONFIG_SECTION_COUNT; s++)
        if (strlen(config_section_names[s]) == len &&
            memcmp(config_section_names[s], plural, len) == 0)
            return (enum config_section)s;
    UNREACHABLE();
}

/* ---- shown ---- */

static void
begin_object(struct json_writer *json, const char *name, const char *by)
{
    json_object_begin(json);
    json_key(json, "name");
    json_cstring(json, name);
    json_key(json, "managed_by");
    json_cstring(json, by);
}

static void
end_object(struct json_writer *json, const struct managed *managed)
{
    json_key(json, "revision");
    if (managed == NULL)
        json_null(json);
    else
        json_u64(json, managed->revision);
    json_key(json, "created_at");
    json_time(json, managed == NULL ? 0 : managed->created_ms);
    json_key(json, "updated_at");
    json_time(json, managed == NULL ? 0 : managed->updated_ms);
    json_object_end(json);
}

/* One that is in force; `managed` that management made of its name, or NULL. */
static void
fields_to_json(struct json_writer *json, enum config_section section,
               const void *fields, const struct managed *managed)
{
    bool of_file = managed == NULL || managed->shadowed;
    begin_object(json, config_section_name(fields), of_file ? "file" : "api");
    if (managed != NULL && of_file) {
        json_key(json, "shadows");
        json_bool(json, true);
    }
    config_fields_to_json(json, section, fields);
    end_object(json, of_file ? NULL : managed);
}

/* One that is left out of the configuration in force, as far as it can be read.
 */
static void
faulty_to_json(struct json_writer *json, const struct managed *managed)
{
    struct buf unused;
    void *fields = calloc(1, config_section_bytes(managed->section));
    buf_init(&unused, 0);
    begin_object(json, managed->name, "api");
    json_key(json, "fault");
    json_cstring(json, managed->fault);
    if (fields == NULL || !config_section_init(managed->section, fields))
        fatal("out of memory");
    if (config_section_fill(managed->section, fields, managed->pairs,
                            managed->pair_count, &unused))
        config_fields_to_json(json, managed->section, fields);
    config_section_free(managed->section, fields);
    free(fields);
    end_object(json, managed);
    buf_fini(&unused);
}

bool
config_object_to_json(struct json_writer *json, const struct store *store,
                      enum config_section section, const char *name)
{
    const void *fields =
        config_find_section(store_config(store), section, name);
    const struct managed *managed =
        managed_find(store_managed(store), section, name);
    if (fields != NULL)
        fields_to_json(json, section, fields, managed);
    else if (managed != NULL)
        faulty_to_json(json, managed);
    return fields != NULL || managed != NULL;
}

static void
refuse_missing(struct call *call, enum config_section section, const char *name)
{
    call_fail(call, 404, "not_found", "%s '%.100s' does not exist.",
              config_section_names[section], name);
}

static void
answer_object(struct call *call, uint16_t status, const char *name)
{
    enum config_section section = section_of(call);
    const struct managed *managed =
        managed_find(store_managed(call->store), section, name);
    char etag[CALL_ETAG_BYTES];
    etag_of_revision(managed == NULL ? 0 : managed->revision, etag);
    call_set_etag(call, etag);
    if (config_object_to_json(&call->json, call->store, section, name))
        call_answer(call, status);
    else
        refuse_missing(call, section, name);
}

void
op_config_get(struct call *call)
{
    answer_object(call, 200, call->path_params[0]);
}

/* GROUP/NAME, of a route GROUP/GATEWAY/NAME; group NULL: any. */
static bool
is_of_group(enum config_section section, const char *name, const char *group)
{
    size_t len = group == NULL ? 0 : strlen(group);
    const char *slash = strrchr(name, '/');
    if (section == CONFIG_SECTION_route && slash != NULL)
        slash = memrchr(name, '/', (size_t)(slash - name));
    return group == NULL || (slash == name + len && slash != NULL &&
                             memcmp(name, group, len) == 0);
}

static void
list_to_json(struct call *call, enum config_section section, struct page *page)
{
    const struct config *config = store_config(call->store);
    const struct managed_book *book = store_managed(call->store);
    struct json_writer *json = &call->json;
    const char *group = query_get(&call->query, "group");
    for (unsigned i = 0; i < config_section_count(config, section); i++) {
        const void *fields = config_section(config, section, i);
        if (is_of_group(section, config_section_name(fields), group) &&
            page_has(page))
            fields_to_json(
                json, section, fields,
                managed_find(book, section, config_section_name(fields)));
    }
    for (size_t i = 0; i < book->count; i++) {
        const struct managed *managed = book->items[i];
        if (managed->section != section || managed->fault == NULL ||
            !is_of_group(section, managed->name, group) ||
            config_find_section(config, section, managed->name) != NULL)
            continue;
        if (page_has(page))
            faulty_to_json(json, managed);
    }
}

void
op_config_list(struct call *call)
{
    struct page page;
    if (!page_read(call, &page)) {
        call_refuse(call);
        return;
    }
    page_begin(call);
    list_to_json(call, section_of(call), &page);
    page_answer(call, &page);
}

/* ---- changed ---- */

/* "option: why" of store_manage() as the fault of that member. */
static void
refuse_value(struct call *call, enum config_section section, const char *reason)
{
    char option[64];
    size_t len = strcspn(reason, ":");
    if (len < sizeof(option) && reason[len] == ':') {
        *str_copy(option, str_make(reason, len)) = '\0';
        if (config_find_option(section, option) >= 0) {
            admin_error_field(&call->error, option, "'%s': %s", option,
                              reason + len + 2);
            call_refuse(call);
            return;
        }
    }
    call_fail(call, 400, "invalid_value", "%s.", reason);
}

void
config_refuse(struct call *call, enum config_section section, int error,
              const char *reason)
{
    switch (error) {
    case -EINVAL:
        refuse_value(call, section, reason);
        return;
    case -EPERM:
        call_fail(call, 409, "provisioned",
                  "%s: it is changed there, and by a reload.", reason);
        return;
    case -ESTALE:
        call_fail(call, 409, "changed_meanwhile", "%s: try again.", reason);
        return;
    case -EBUSY:
        call_fail(call, 409, "in_use", "Others need it: %s.", reason);
        return;
    default:
        call_fail_store(call, error, reason);
    }
}

static const char *
name_of(const struct call *call)
{
    return call->operation->method == HTTP_POST
               ? cJSON_GetObjectItemCaseSensitive(call->body, "name")
                     ->valuestring
               : call->path_params[0];
}

static void
changed(void *context, int error, const char *reason, uint64_t id)
{
    struct call *call = context;
    (void)id;
    if (error != 0)
        config_refuse(call, section_of(call), error, reason);
    else
        answer_object(call, call->operation->method == HTTP_POST ? 201 : 200,
                      name_of(call));
}

static void
deleted(void *context, int error, const char *reason, uint64_t id)
{
    struct call *call = context;
    struct json_writer *json = &call->json;
    (void)id;
    if (error != 0) {
        config_refuse(call, section_of(call), error, reason);
        return;
    }
    json_object_begin(json);
    json_key(json, "name");
    json_cstring(json, call->path_params[0]);
    json_key(json, "deleted");
    json_bool(json, true);
    json_object_end(json);
    call_answer(call, 200);
}

/* `edits` (their first is the part of the path or body) are taken. */
static void
edit_all(struct call *call, struct config_edits *edits, store_done done)
{
    store_manage(call->store, edits->items, edits->count, done, call);
}

static bool
begin(struct call *call, enum config_section section, const char *name)
{
    uint32_t crc = hash_crc32((uint32_t)section, name, strlen(name));
    return call_change_begin(call, 'c', hash_mix64(crc) >> 8);
}

/* In the shadow of a group's own profile its calls pass what the group has left,
 * which is not for who may not set that. False: refused, in call->error. */
static bool
may_lift_limits(struct call *call, enum config_section section)
{
    const cJSON *shadow =
        cJSON_GetObjectItemCaseSensitive(call->body, "shadow");
    if (section != CONFIG_SECTION_gateway || shadow == NULL ||
        cJSON_IsNull(shadow) || cJSON_IsFalse(shadow) ||
        !member_is_bound(&call->member) ||
        (call->member.scopes & SCOPE_GROUPS_WRITE) != 0)
        return true;
    return admin_error_set(&call->error, 403, "not_permitted",
                           "The setting 'shadow' lifts the limits of the "
                           "group, too: it needs the scope groups:write.");
}

/* What the body says, in `managed` (taken), and the routes it brings. */
static void
put_part(struct call *call, enum config_section section, const char *name,
         struct managed *managed, uint64_t revision)
{
    struct config_edits edits = {NULL, 0};
    struct managed_edit *first = config_edits_add(&edits, section, name);
    cJSON *routes =
        section != CONFIG_SECTION_gateway
            ? NULL
            : cJSON_DetachItemFromObjectCaseSensitive(call->body, "routes");
    first->put = managed;
    first->revision = revision;
    bool good = may_lift_limits(call, section) &&
                config_fields_apply(call->body, store_file_config(call->store),
                                    managed, &call->error) &&
                gateway_routes_put(call, name, routes, &edits);
    if (routes != NULL) /* the log of changes names what was changed */
        cJSON_AddItemToObject(call->body, "routes", routes);
    if (good) {
        edit_all(call, &edits, changed);
        return;
    }
    config_edits_free(&edits);
    call_refuse(call);
}

void
op_config_create(struct call *call)
{
    enum config_section section = section_of(call);
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(call->body, "name");
    const char *name =
        value_text(value, "name", MANAGED_NAME_BYTES - 1, &call->error);
    if (name == NULL) {
        call_refuse(call);
        return;
    }
    if (!begin(call, section, name))
        return;
    if (managed_find(store_managed(call->store), section, name) != NULL) {
        call_fail(call, 409, "exists", "%s '%.100s' already exists.",
                  config_section_names[section], name);
        return;
    }
    put_part(call, section, name, managed_make(section, name), 0);
}

/* What management made of the path's name, in *managed. False: it was answered.
 */
static bool
find_managed(struct call *call, enum config_section section,
             const struct managed **managed)
{
    const char *name = call->path_params[0];
    char etag[CALL_ETAG_BYTES];
    *managed = managed_find(store_managed(call->store), section, name);
    if (*managed != NULL) {
        etag_of_revision((*managed)->revision, etag);
        return call_if_match(call, etag);
    }
    if (config_find_section(store_config(call->store), section, name) == NULL)
        refuse_missing(call, section, name);
    else
        call_fail(call, 409, "provisioned",
                  "%s '%.100s' stands in the configuration file, or comes with "
                  "the server: it is changed there, and by a reload.",
                  config_section_names[section], name);
    return false;
}

void
op_config_update(struct call *call)
{
    enum config_section section = section_of(call);
    const char *name = call->path_params[0];
    const struct managed *old;
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(call->body, "name");
    if (!begin(call, section, name) || !find_managed(call, section, &old))
        return;
    if (value != NULL &&
        (!cJSON_IsString(value) || strcmp(value->valuestring, name) != 0)) {
        admin_error_field(&call->error, "name",
                          "It cannot be renamed: logs and prices have its "
                          "name. Make another one.");
        call_refuse(call);
        return;
    }
    if (old->unreadable) {
        call_fail(call, 409, "unreadable",
                  "It was sealed under another secret: delete it and make it "
                  "anew.");
        return;
    }
    cJSON *wanted =
        cJSON_DetachItemFromObjectCaseSensitive(call->body, "if_revision");
    uint64_t revision = old->revision;
    bool good =
        wanted == NULL || value_u64(wanted, "if_revision", UINT64_C(1) << 53,
                                    &revision, &call->error);
    cJSON_Delete(wanted);
    if (!good) {
        call_refuse(call);
        return;
    }
    if (revision != old->revision) {
        call_fail(call, 409, "changed_meanwhile",
                  "Its revision is %llu by now.",
                  (unsigned long long)old->revision);
        return;
    }
    put_part(call, section, name, managed_copy(old), old->revision);
}

void
op_config_delete(struct call *call)
{
    enum config_section section = section_of(call);
    const char *name = call->path_params[0];
    const struct managed *old;
    struct config_edits edits = {NULL, 0};
    const char *with = query_get(&call->query, "routes");
    bool routes = with != NULL && strcmp(with, "yes") == 0;
    if (with != NULL && !routes && strcmp(with, "no") != 0) {
        admin_error_set(&call->error, 400, "invalid_query",
                        "'routes' is yes or no.");
        call_refuse(call);
        return;
    }
    if (!begin(call, section, name) || !find_managed(call, section, &old))
        return;
    config_edits_add(&edits, section, name)->revision = old->revision;
    if (routes)
        gateway_routes_delete(call, name, &edits);
    edit_all(call, &edits, deleted);
}
