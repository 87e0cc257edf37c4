/*
 * cloudflare_elements.c - whether the elements of a dynamic route are one: each
 * by itself, and together as the data plane reads them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "accountant/admin/dialect/cloudflare.h"
#include "common/dynamic_route.h"

static bool
element_is(const cJSON *elements, const char *id)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, elements)
    {
        if (strcmp(shape_text(item, "id"), id) == 0)
            return true;
    }
    return false;
}

/* Where an element goes on, and whether that is there. */
static void
check_outputs(const cJSON *elements, const cJSON *element, const char *name,
              cJSON *faults)
{
    const cJSON *output, *outputs = shape_at(element, "outputs");
    if (!cJSON_IsObject(outputs)) {
        cloudflare_fault(faults, name, "outputs must be an object");
        return;
    }
    cJSON_ArrayForEach(output, outputs)
    {
        const char *id = shape_text(output, "elementId");
        if (*id == '\0' || !element_is(elements, id))
            cloudflare_fault(faults, name,
                             "outputs.%.40s: there is no element '%.64s'",
                             output->string, id);
    }
}

static void
check_properties(const cJSON *element, const char *type, const char *name,
                 cJSON *faults)
{
    static const struct {
        const char *type, *property;
    } wanted[] = {{"conditional", "conditions"},
                  {"rate", "limit"},
                  {"rate", "window"},
                  {"model", "provider"},
                  {"model", "model"}};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        char path[64];
        snprintf(path, sizeof(path), "properties.%s", wanted[i].property);
        if (strcmp(wanted[i].type, type) == 0 &&
            shape_at(element, path) == NULL)
            cloudflare_fault(faults, name, "%s is required of type %s", path,
                             type);
    }
}

bool
cloudflare_elements_ask(const cJSON *elements)
{
    const cJSON *element;
    cJSON_ArrayForEach(element, elements)
    {
        if (strcmp(shape_text(element, "type"), "model") == 0)
            return true;
    }
    return false;
}

static void
free_texts(char **texts, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        cJSON_free(texts[i]);
}

/* As a way. Those that ask no model lead nowhere, which is fine. */
static void
check_way(const cJSON *elements, cJSON *faults)
{
    char *texts[DYNAMIC_ELEMENTS_MAX];
    struct dynamic_route route;
    struct buf reason;
    const cJSON *element;
    unsigned count = 0;
    if (cJSON_GetArraySize(elements) > DYNAMIC_ELEMENTS_MAX) {
        cloudflare_fault(faults, "elements", "there are more than %d of them",
                         DYNAMIC_ELEMENTS_MAX);
        return;
    }
    cJSON_ArrayForEach(element, elements)
    {
        texts[count] = cJSON_PrintUnformatted(element);
        if (texts[count] == NULL) {
            free_texts(texts, count);
            cloudflare_fault(faults, "elements", "out of memory");
            return;
        }
        count++;
    }
    buf_init(&reason, 0);
    if (dynamic_route_read(texts, count, &route, &reason) < 0)
        cloudflare_fault(faults, "elements", "%s", buf_cstr(&reason));
    else
        dynamic_route_free(&route);
    buf_fini(&reason);
    free_texts(texts, count);
}

void
cloudflare_elements_check(const cJSON *elements, cJSON *faults)
{
    static const char *const types[] = {"start", "conditional", "percentage",
                                        "rate",  "model",       "end"};
    const cJSON *element;
    int number = 0;
    cJSON_ArrayForEach(element, elements)
    {
        char name[48];
        const char *type = shape_text(element, "type");
        bool known = false;
        snprintf(name, sizeof(name), "elements.%d", number++);
        for (size_t i = 0; i < ARRAY_LEN(types); i++)
            known = known || strcmp(types[i], type) == 0;
        if (!cJSON_IsObject(element) || *shape_text(element, "id") == '\0')
            cloudflare_fault(faults, name, "an element needs an id");
        else if (!known)
            cloudflare_fault(faults, name, "Invalid enum value: type '%.40s'",
                             type);
        else {
            check_outputs(elements, element, name, faults);
            check_properties(element, type, name, faults);
        }
    }
    if (cJSON_GetArraySize(faults) == 0 && cloudflare_elements_ask(elements))
        check_way(elements, faults);
}
