/*
 * group_parts.c - the parts of the configuration that are one group's own, and
 * what becomes of them when it is renamed or goes: profiles GROUP/NAME, their
 * routes, its credentials and alerts. Providers are everybody's; one that was
 * made through an account keeps its name, and knows the account anew.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/balance.h"
#include "accountant/store_group.h"
#include "common/alert_rule.h"
#include "common/log.h"

/* GROUP in GROUP/NAME, or in GROUP/GATEWAY/NAME; a group's name may have slashes
 * itself. Empty: of no group. */
static struct str
group_in(enum config_section section, const char *name)
{
    struct str left = str_from(name);
    int cuts = section == CONFIG_SECTION_route ? 2 : 1;
    for (; cuts > 0; cuts--) {
        const char *slash =
            left.len == 0 ? NULL : memrchr(left.ptr, '/', left.len);
        left.len = slash == NULL ? 0 : (size_t)(slash - left.ptr);
    }
    return left;
}

static bool
is_named_by_group(enum config_section section)
{
    return section == CONFIG_SECTION_gateway || section == CONFIG_SECTION_route;
}

/* "account" of a provider's attributes, which Cloudflare's API keeps. */
static cJSON *
account_of(const struct managed *part)
{
    const char *text = managed_get(part, "attributes");
    cJSON *box = text == NULL ? NULL : cJSON_Parse(text);
    if (cJSON_IsString(cJSON_GetObjectItemCaseSensitive(box, "account")))
        return box;
    cJSON_Delete(box);
    return NULL;
}

static bool
has_account(const struct managed *part, const char *group)
{
    cJSON *box = account_of(part);
    const cJSON *account = cJSON_GetObjectItemCaseSensitive(box, "account");
    bool has = box != NULL && strcmp(account->valuestring, group) == 0;
    cJSON_Delete(box);
    return has;
}

static bool
is_own(const struct managed *part, const char *group)
{
    if (is_named_by_group(part->section))
        return str_equals(group_in(part->section, part->name), str_from(group));
    if (part->section != CONFIG_SECTION_credential &&
        part->section != CONFIG_SECTION_alert)
        return false;
    const char *of = managed_get(part, "group");
    return of != NULL && strcmp(of, group) == 0;
}

/* ---- what the file has ---- */

static int
refuse_file(struct buf *reason, const char *section, const char *name)
{
    buf_printf(reason,
               "the configuration file has [%s.%s], which is of this group: "
               "change it there first",
               section, name);
    return -EPERM;
}

static bool
is_group(const char *of, const char *group)
{
    return of != NULL && strcmp(of, group) == 0;
}

static int
check_file(const struct config *file, const char *group, struct buf *reason)
{
    struct str name = str_from(group);
    for (unsigned i = 0; i < file->gateway_count; i++)
        if (str_equals(group_in(CONFIG_SECTION_gateway, file->gateways[i].name),
                       name))
            return refuse_file(reason, "gateway", file->gateways[i].name);
    for (unsigned i = 0; i < file->route_count; i++)
        if (str_equals(group_in(CONFIG_SECTION_route, file->routes[i].name),
                       name))
            return refuse_file(reason, "route", file->routes[i].name);
    for (unsigned i = 0; i < file->credential_count; i++)
        if (is_group(file->credentials[i].group, group))
            return refuse_file(reason, "credential", file->credentials[i].name);
    for (unsigned i = 0; i < file->alert_count; i++)
        if (is_group(file->alerts[i].group, group))
            return refuse_file(reason, "alert", file->alerts[i].name);
    return 0;
}

/* ---- edits ---- */

struct edits {
    struct managed_edit *items;
    size_t count, room;
};

/* put: taken. */
static void
add(struct edits *edits, int section, const char *name, struct managed *put,
    uint64_t revision)
{
    if (edits->count == edits->room) {
        size_t room = edits->room * 2 + 8;
        struct managed_edit *more = realloc(edits->items, room * sizeof(*more));
        if (more == NULL)
            fatal("out of memory");
        edits->items = more;
        edits->room = room;
    }
    struct managed_edit *edit = &edits->items[edits->count++];
    *edit = (struct managed_edit){
        .section = section, .put = put, .revision = revision};
    snprintf(edit->name, sizeof(edit->name), "%s", name);
}

static void
set_account(struct managed *part, const char *group)
{
    cJSON *box = account_of(part);
    cJSON *name = cJSON_CreateString(group);
    if (box == NULL || name == NULL ||
        !cJSON_ReplaceItemInObjectCaseSensitive(box, "account", name))
        fatal("out of memory");
    char *text = cJSON_PrintUnformatted(box);
    if (text == NULL)
        fatal("out of memory");
    managed_set(part, "attributes", text);
    cJSON_free(text);
    cJSON_Delete(box);
}

/* For calls through a profile of the group, GROUP/NAME; it may be everybody's. */
static bool
is_for_gateway(const struct managed *part, const char *group)
{
    const char *gateway = part->section == CONFIG_SECTION_credential
                              ? managed_get(part, "gateway")
                              : NULL;
    size_t len = strlen(group);
    return gateway != NULL && strncmp(gateway, group, len) == 0 &&
           gateway[len] == '/';
}

static int
set_gateway(struct managed *part, const struct group_edit *edit)
{
    char name[MANAGED_NAME_BYTES];
    if (!is_for_gateway(part, edit->from))
        return 0;
    const char *old = managed_get(part, "gateway") + strlen(edit->from);
    int n = snprintf(name, sizeof(name), "%s%s", edit->to, old);
    if (n < 0 || n >= (int)sizeof(name))
        return -ENAMETOOLONG;
    managed_set(part, "gateway", name);
    return 0;
}

/* PROVIDER/GROUP.GATEWAY.ALIAS, as Cloudflare's API names an account's. */
static size_t
group_at(const struct managed *part, const char *group)
{
    const char *slash = strchr(part->name, '/');
    size_t len = strlen(group);
    if (is_named_by_group(part->section))
        return 0;
    if (part->section == CONFIG_SECTION_credential && slash != NULL &&
        strncmp(slash + 1, group, len) == 0 && slash[1 + len] == '.')
        return (size_t)(slash + 1 - part->name);
    return SIZE_MAX; /* its name says nothing of it */
}

/* -ENAMETOOLONG. */
static int
new_name(const struct managed *part, const struct group_edit *edit,
         char out[MANAGED_NAME_BYTES])
{
    size_t at = group_at(part, edit->from);
    int len =
        at == SIZE_MAX
            ? snprintf(out, MANAGED_NAME_BYTES, "%s", part->name)
            : snprintf(out, MANAGED_NAME_BYTES, "%.*s%s%s", (int)at, part->name,
                       edit->to, part->name + at + strlen(edit->from));
    return len < 0 || len >= MANAGED_NAME_BYTES ? -ENAMETOOLONG : 0;
}

static int
rename_part(const struct managed *part, const struct group_edit *edit,
            struct edits *edits, struct edits *later, struct buf *reason)
{
    char name[MANAGED_NAME_BYTES];
    struct managed *put = part->unreadable ? NULL : managed_copy(part);
    if (put == NULL || new_name(part, edit, name) < 0 ||
        set_gateway(put, edit) < 0) {
        buf_printf(reason, "%s '%s' cannot be renamed with it: %s",
                   config_section_names[part->section], part->name,
                   part->unreadable ? part->fault
                                    : "its name would be too "
                                      "long");
        managed_put(put);
        return -EBUSY;
    }
    snprintf(put->name, sizeof(put->name), "%s", name);
    if (part->section == CONFIG_SECTION_provider)
        set_account(put, edit->to);
    else if (!is_named_by_group(part->section) && is_own(part, edit->from))
        managed_set(put, "group", edit->to);
    if (part->section == CONFIG_SECTION_gateway &&
        managed_get(part, "formerly") == NULL)
        managed_set(put, "formerly", part->name);
    bool moves = strcmp(name, part->name) != 0;
    if (moves)
        add(edits, part->section, part->name, NULL, part->revision);
    add(later, part->section, name, put, moves ? 0 : part->revision);
    return 0;
}

static int
make_edits(const struct managed_book *book, const struct group_edit *edit,
           struct edits *edits, struct edits *later, struct buf *reason)
{
    bool renames = edit->put != NULL;
    int rc = 0;
    for (size_t i = 0; i < book->count && rc == 0; i++) {
        const struct managed *part = book->items[i];
        bool is_named_there =
            renames && (is_for_gateway(part, edit->from) ||
                        (part->section == CONFIG_SECTION_provider &&
                         has_account(part, edit->from)));
        if (!is_named_there && !is_own(part, edit->from))
            continue;
        if (renames)
            rc = rename_part(part, edit, edits, later, reason);
        else
            add(edits, part->section, part->name, NULL, part->revision);
    }
    return rc;
}

/* What stands in the way of a deletion, in words. */
static int
refuse_full(const struct store *store, const struct group_edit *edit,
            const struct edits *edits, struct buf *reason)
{
    size_t keys = group_key_count(store, edit->id);
    if (edit->all || (keys == 0 && edits->count == 0))
        return 0;
    buf_append_cstr(reason, "group '");
    buf_append_cstr(reason, edit->from);
    if (keys > 0)
        buf_printf(reason, "' has %zu key%s", keys, keys == 1 ? "" : "s");
    else
        buf_append_cstr(reason, "' has no key");
    if (edits->count > 0)
        buf_printf(reason, " and %zu other parts of its own, the first %s '%s'",
                   edits->count, config_section_names[edits->items[0].section],
                   edits->items[0].name);
    buf_append_cstr(reason, ": delete them first, or all with it (?all=yes)");
    return -ENOTEMPTY;
}

static int
check_group_there(const struct store *store, const struct group_edit *edit,
                  struct buf *reason)
{
    const struct group *group = store_group(store, edit->id);
    const struct group *other =
        edit->put == NULL ? NULL : store_group_named(store, edit->to);
    if (group == NULL || strcmp(group->name, edit->from) != 0) {
        buf_append_cstr(reason, "there is no such group");
        return -ENOENT;
    }
    if (strcmp(edit->from, "default") == 0) {
        buf_printf(reason, "the group \"default\" %s",
                   edit->put == NULL ? "cannot be deleted" : "keeps its name");
        return -EPERM;
    }
    if (other != NULL && other->id != edit->id) {
        buf_append_cstr(reason, "the name is taken");
        return -EEXIST;
    }
    if (balance_account_of(store, edit->id) != NULL) {
        buf_append_cstr(reason, "another service keeps its balance under this "
                                "name, or did: the group stays as it is");
        return -EPERM;
    }
    return check_file(store->file_config, edit->from, reason);
}

int
group_edit_parts(const struct store *store, const struct managed_book *book,
                 const struct group_edit *edit, struct managed_edit **out,
                 size_t *count, struct buf *reason)
{
    struct edits edits = {0}, later = {0};
    int rc = check_group_there(store, edit, reason);
    if (rc == 0)
        rc = make_edits(book, edit, &edits, &later, reason);
    if (rc == 0 && edit->put == NULL)
        rc = refuse_full(store, edit, &edits, reason);
    for (size_t i = 0; i < later.count; i++) {
        struct managed_edit *one = &later.items[i];
        add(&edits, one->section, one->name, one->put, one->revision);
    }
    free(later.items);
    *out = edits.items; /* the caller frees what is put, too */
    *count = edits.count;
    return rc;
}
