/*
 * catalogue_routes.c - dynamic routes of a profile: from the configuration, from
 * bytes, by name. A route that has a version is that version's elements.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/catalogue_part.h"

bool
catalogue_add_route(struct catalogue_gateway *gateway, struct str name,
                    char *const *texts, unsigned count, struct buf *error)
{
    struct catalogue_route *grown =
        realloc(gateway->routes, (gateway->route_count + 1) * sizeof(*grown));
    if (grown == NULL || name.len >= sizeof(grown->name)) {
        gateway->routes = grown == NULL ? gateway->routes : grown;
        buf_append_cstr(error, "out of memory, or its name is too long");
        return false;
    }
    gateway->routes = grown;
    struct catalogue_route *route = &grown[gateway->route_count];
    memcpy(route->name, name.ptr, name.len);
    route->name[name.len] = '\0';
    if (dynamic_route_read(texts, count, &route->way, error) < 0)
        return false;
    gateway->route_count++;
    return true;
}

/* The one that has the elements: itself, or its version. */
static const struct config_route *
version_of(const struct config *config, const struct config_route *route)
{
    char name[512];
    if (route->version == NULL)
        return route;
    snprintf(name, sizeof(name), "%s@%s", route->name, route->version);
    for (unsigned i = 0; i < config->route_count; i++)
        if (strcmp(config->routes[i].name, name) == 0)
            return &config->routes[i];
    return NULL;
}

bool
catalogue_add_routes(struct catalogue_gateway *gateway,
                     const struct config *config, struct buf *error)
{
    size_t len = strlen(gateway->name);
    for (unsigned i = 0; i < config->route_count; i++) {
        const struct config_route *c = &config->routes[i];
        if (!c->enabled || strncmp(c->name, gateway->name, len) != 0 ||
            c->name[len] != '/' || strchr(c->name + len + 1, '/') != NULL)
            continue;
        const struct config_route *with = version_of(config, c);
        if (with == NULL ||
            !catalogue_add_route(gateway, str_from(c->name + len + 1),
                                 with->elements.items, with->elements.count,
                                 error)) {
            buf_printf(error, " (route %.128s)", c->name);
            return false;
        }
    }
    return true;
}

void
catalogue_free_routes(struct catalogue_gateway *gateway)
{
    for (uint32_t i = 0; i < gateway->route_count; i++)
        dynamic_route_free(&gateway->routes[i].way);
    free(gateway->routes);
    gateway->routes = NULL;
    gateway->route_count = 0;
}

const struct dynamic_route *
catalogue_find_route(const struct catalogue_gateway *gateway, struct str name)
{
    for (uint32_t i = 0; i < gateway->route_count; i++)
        if (str_equals(str_from(gateway->routes[i].name), name))
            return &gateway->routes[i].way;
    return NULL;
}
