/*
 * gateway_routes.c - see gateway_routes.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/gateway_routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/admin/config_fields.h"
#include "common/log.h"

struct managed_edit *
config_edits_add(struct config_edits *edits, enum config_section section,
                 const char *name)
{
    struct managed_edit *more =
        realloc(edits->items, (edits->count + 1) * sizeof(*more));
    if (more == NULL)
        fatal("out of memory");
    edits->items = more;
    more += edits->count++;
    *more = (struct managed_edit){.section = (int)section};
    snprintf(more->name, sizeof(more->name), "%s", name);
    return more;
}

void
config_edits_free(struct config_edits *edits)
{
    for (size_t i = 0; i < edits->count; i++)
        managed_put(edits->items[i].put);
    free(edits->items);
    *edits = (struct config_edits){NULL, 0};
}

/* The faults of one route as those of a member of the profile's body. */
static bool
refuse_inside(struct call *call, const char *route)
{
    struct admin_error *error = &call->error;
    char field[sizeof(error->field)];
    int len =
        snprintf(field, sizeof(field), "routes.%.40s.%s", route, error->field);
    if (error->field[0] != '\0' && len < (int)sizeof(field))
        memcpy(error->field, field, (size_t)len + 1);
    return false;
}

static bool
put_one(struct call *call, const char *gateway, const cJSON *route,
        struct config_edits *edits)
{
    char name[MANAGED_NAME_BYTES];
    int len = snprintf(name, sizeof(name), "%s/%s", gateway, route->string);
    if (len >= (int)sizeof(name) || strchr(route->string, '/') != NULL)
        return admin_error_field(&call->error, "routes",
                                 "'%.60s' is no name of a route.",
                                 route->string);
    const struct managed *old =
        managed_find(store_managed(call->store), CONFIG_SECTION_route, name);
    if (cJSON_IsNull(route)) {
        if (old != NULL)
            config_edits_add(edits, CONFIG_SECTION_route, name)->revision =
                old->revision;
        return true;
    }
    if (!cJSON_IsObject(route))
        return admin_error_field(&call->error, "routes",
                                 "'routes.%.60s' must be an object, or null.",
                                 route->string);
    struct managed_edit *edit =
        config_edits_add(edits, CONFIG_SECTION_route, name);
    edit->revision = old == NULL ? 0 : old->revision;
    edit->put = managed_make(CONFIG_SECTION_route, name);
    return config_fields_apply(route, store_file_config(call->store), edit->put,
                               &call->error) ||
           refuse_inside(call, route->string);
}

bool
gateway_routes_put(struct call *call, const char *gateway, const cJSON *routes,
                   struct config_edits *edits)
{
    const cJSON *route;
    if (routes == NULL)
        return true;
    if (!cJSON_IsObject(routes))
        return admin_error_field(&call->error, "routes",
                                 "'routes' must be an object: names, and the "
                                 "options of each, or null.");
    cJSON_ArrayForEach(route, routes)
    {
        for (const cJSON *other = route->next; other != NULL;
             other = other->next)
            if (strcmp(other->string, route->string) == 0)
                return admin_error_field(&call->error, "routes",
                                         "'routes.%.60s' is given twice.",
                                         route->string);
        if (!put_one(call, gateway, route, edits))
            return false;
    }
    return true;
}

void
gateway_routes_delete(struct call *call, const char *gateway,
                      struct config_edits *edits)
{
    const struct managed_book *book = store_managed(call->store);
    size_t len = strlen(gateway);
    for (size_t i = 0; i < book->count; i++) {
        const struct managed *managed = book->items[i];
        const char *slash = strrchr(managed->name, '/');
        if (managed->section == CONFIG_SECTION_route &&
            slash == managed->name + len && slash != NULL &&
            memcmp(managed->name, gateway, len) == 0)
            config_edits_add(edits, CONFIG_SECTION_route, managed->name)
                ->revision = managed->revision;
    }
}
