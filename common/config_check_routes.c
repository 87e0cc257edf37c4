/*
 * config_check_routes.c - dynamic routes: whose they are, and that their elements
 * are a way.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "common/config_part.h"
#include "common/dynamic_route.h"

enum { ROUTE_NAME_MAX = 100 };

struct check {
    const struct config *config;
    const struct config_origins *origins;
    struct buf *error;
    bool failed;
};

static void PRINTF_LIKE(4, 5)
    fault(struct check *check, const struct config_origin *origin,
          const char *option, const char *format, ...)
{
    char reason[512];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    config_fault_at(check->error, check->origins->path, CONFIG_SECTION_route,
                    origin, option, reason);
    check->failed = true;
}

static bool
has_gateway(const struct config *config, const char *name, size_t len)
{
    for (unsigned i = 0; i < config->gateway_count; i++)
        if (str_equals(str_from(config->gateways[i].name), str_make(name, len)))
            return true;
    return false;
}

/* GATEWAY/NAME[@VERSION] */
static void
check_name(struct check *check, const struct config_route *route,
           const struct config_origin *origin)
{
    /* The gateway may be GROUP/NAME itself. */
    const char *slash = strrchr(route->name, '/');
    size_t gateway =
        slash == NULL ? strlen(route->name) : (size_t)(slash - route->name);
    const char *name = route->name + gateway + (slash != NULL);
    size_t len = strlen(name), head = strcspn(name, "@");
    if (route->name[gateway] != '/' || head == 0 || len > ROUTE_NAME_MAX ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz"
                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.@") != len ||
        (name[head] == '@' &&
         (name[head + 1] == '\0' || strchr(name + head + 1, '@') != NULL)))
        fault(check, origin, NULL,
              "the section is [route.GATEWAY/NAME] or "
              "[route.GATEWAY/NAME@VERSION]; NAME and VERSION have letters, "
              "digits, '-', '_' and '.'");
    else if (!has_gateway(check->config, route->name, gateway))
        fault(check, origin, NULL, "there is no gateway \"%.*s\"",
              (int)(gateway < 64 ? gateway : 64), route->name);
}

static void
check_version(struct check *check, const struct config_route *route,
              const struct config_origin *origin)
{
    char name[512];
    int len =
        snprintf(name, sizeof(name), "%s@%s", route->name, route->version);
    if (route->elements.count > 0)
        fault(check, origin, "version",
              "a route has elements or a version, not both");
    else if (strchr(route->name, '@') != NULL)
        fault(check, origin, "version", "a version has elements of its own");
    else if (len >= (int)sizeof(name) ||
             config_find_section(check->config, CONFIG_SECTION_route, name) ==
                 NULL)
        fault(check, origin, "version", "there is no [route.%s]", name);
}

static void
check_elements(struct check *check, const struct config_list *texts,
               const struct config_origin *origin)
{
    struct dynamic_route route;
    struct buf reason;
    buf_init(&reason, 0);
    int rc = dynamic_route_read(texts->items, texts->count, &route, &reason);
    if (rc < 0)
        fault(check, origin, "elements", "%s",
              buf_len(&reason) > 0 ? buf_cstr(&reason) : "out of memory");
    for (unsigned i = 0; rc == 0 && i < route.count; i++) {
        const struct dynamic_element *element = &route.elements[i];
        if (element->provider[0] != '\0' &&
            config_find_provider(check->config, element->provider) == NULL)
            fault(check, origin, "elements",
                  "element \"%s\": there is no provider \"%s\"", element->id,
                  element->provider);
    }
    if (rc == 0)
        dynamic_route_free(&route);
    buf_fini(&reason);
}

bool
config_check_routes(const struct config *config,
                    const struct config_origins *origins, struct buf *error)
{
    struct check check = {.config = config, .origins = origins, .error = error};
    for (unsigned i = 0; i < config->route_count; i++) {
        const struct config_route *route = &config->routes[i];
        const struct config_origin *origin =
            &origins->named[CONFIG_SECTION_route][i];
        check_name(&check, route, origin);
        if (route->version != NULL)
            check_version(&check, route, origin);
        else
            check_elements(&check, &route->elements, origin);
    }
    return !check.failed;
}
