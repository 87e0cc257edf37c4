/*
 * dynamic_route.c - see dynamic_route.h: elements as one whole.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/dynamic_route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What is known of an element while ways are walked. */
enum seen { UNSEEN, UNDER_WAY, KNOWN };

struct check {
    struct dynamic_route *route;
    struct buf *reason;
    uint8_t seen[DYNAMIC_ELEMENTS_MAX];
    unsigned asks[DYNAMIC_ELEMENTS_MAX]; /* the most that a way from it makes */
};

static int
refuse(struct buf *reason, const struct dynamic_element *element,
       const char *what)
{
    buf_printf(reason, "element \"%s\": %s", element->id, what);
    return -EINVAL;
}

static uint8_t
find(const struct dynamic_route *route, const char *id)
{
    for (unsigned i = 0; i < route->count; i++)
        if (strcmp(route->elements[i].id, id) == 0)
            return (uint8_t)i;
    return DYNAMIC_NOWHERE;
}

static int
resolve(struct check *check, struct dynamic_element *element)
{
    struct dynamic_route *route = check->route;
    unsigned shares = 0;
    for (unsigned i = 0; i < element->branch_count; i++) {
        struct dynamic_branch *branch = &element->branches[i];
        branch->to = DYNAMIC_NOWHERE;
        shares += branch->share;
        if (branch->id[0] == '\0')
            continue;
        branch->to = find(route, branch->id);
        if (branch->to == DYNAMIC_NOWHERE)
            return refuse(check->reason, element,
                          "an output leads to no element");
    }
    if (element->type == DYNAMIC_MODEL && element->branch_count == 2 &&
        element->branches[1].to != DYNAMIC_NOWHERE &&
        route->elements[element->branches[1].to].type != DYNAMIC_END)
        return refuse(check->reason, element,
                      "the success of a model leads to an end");
    if (element->type != DYNAMIC_PERCENTAGE)
        return 0;
    if (shares > DYNAMIC_SHARES ||
        (shares < DYNAMIC_SHARES && !element->has_else))
        return refuse(check->reason, element,
                      "the shares are not 100% together, and no `else` takes "
                      "the rest");
    if (element->has_else)
        element->branches[element->branch_count - 1].share =
            (uint16_t)(DYNAMIC_SHARES - shares);
    return 0;
}

/* Deep at most as there are elements. */
static int
walk(struct check *check, uint8_t at)
{
    const struct dynamic_element *element = &check->route->elements[at];
    unsigned most = 0;
    if (check->seen[at] == KNOWN)
        return 0;
    if (check->seen[at] == UNDER_WAY)
        return refuse(check->reason, element, "it leads back to itself");
    check->seen[at] = UNDER_WAY;
    for (unsigned i = 0; i < element->branch_count; i++) {
        uint8_t to = element->branches[i].to;
        if (to == DYNAMIC_NOWHERE)
            continue;
        int rc = walk(check, to);
        if (rc < 0)
            return rc;
        if (check->asks[to] > most)
            most = check->asks[to];
    }
    if (element->type == DYNAMIC_MODEL)
        most += 1u + element->retries;
    if (most > DYNAMIC_MODELS_MAX)
        return refuse(check->reason, element,
                      "more than 8 calls to models may follow one another");
    check->asks[at] = most;
    check->seen[at] = KNOWN;
    return 0;
}

static int
check_route(struct dynamic_route *route, struct buf *reason)
{
    struct check check = {.route = route, .reason = reason};
    unsigned costs = 0;
    for (unsigned i = 0; i < route->count; i++) {
        struct dynamic_element *element = &route->elements[i];
        if (find(route, element->id) != i)
            return refuse(reason, element, "there are two of that id");
        costs += element->is_cost;
        if (costs > DYNAMIC_COSTS_MAX)
            return refuse(reason, element, "more than 4 limit the cost");
        if (element->type == DYNAMIC_START)
            route->first = (uint8_t)i;
        int rc = resolve(&check, element);
        if (rc < 0)
            return rc;
    }
    int rc = walk(&check, route->first);
    for (unsigned i = 0; rc == 0 && i < route->count; i++)
        if (check.seen[i] == UNSEEN)
            rc = refuse(reason, &route->elements[i], "nothing leads to it");
    if (rc == 0 && check.asks[route->first] == 0)
        rc = refuse(reason, &route->elements[route->first],
                    "no way leads to a model");
    return rc;
}

static int
read_elements(char *const *texts, struct dynamic_route *route,
              struct buf *reason)
{
    struct buf why;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < route->count; i++) {
        struct dynamic_element *element = &route->elements[i];
        buf_init(&why, 0);
        route->texts[i] = strdup(texts[i]);
        if (route->texts[i] == NULL) {
            rc = -ENOMEM;
        } else if (!dynamic_element_read(str_from(texts[i]), element, &why)) {
            buf_printf(reason, "element %u \"%s\": %s", i + 1, element->id,
                       buf_cstr(&why));
            rc = -EINVAL;
        }
        buf_fini(&why);
    }
    return rc;
}

int
dynamic_route_read(char *const *texts, unsigned count,
                   struct dynamic_route *route, struct buf *reason)
{
    *route = (struct dynamic_route){0};
    if (count == 0 || count > DYNAMIC_ELEMENTS_MAX) {
        buf_printf(reason, "a route has 1 to %d elements",
                   DYNAMIC_ELEMENTS_MAX);
        return -EINVAL;
    }
    route->texts = calloc(count, sizeof(*route->texts));
    route->elements = calloc(count, sizeof(*route->elements));
    route->count = count;
    int rc = route->texts == NULL || route->elements == NULL
                 ? -ENOMEM
                 : read_elements(texts, route, reason);
    if (rc == 0)
        rc = check_route(route, reason);
    if (rc < 0)
        dynamic_route_free(route);
    return rc;
}

void
dynamic_route_free(struct dynamic_route *route)
{
    for (unsigned i = 0; route->texts != NULL && i < route->count; i++)
        free(route->texts[i]);
    free(route->texts);
    free(route->elements);
    *route = (struct dynamic_route){0};
}
