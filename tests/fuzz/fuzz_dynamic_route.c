/*
 * fuzz_dynamic_route.c - elements of a dynamic route, one a line: what is accepted
 * ends, wherever a call goes, and its conditions decide without a complaint.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/dynamic_route.h"
#include "tests/fuzz/fuzz.h"

static int
find(void *context, struct str field, char out[CONDITION_VALUE_BYTES])
{
    struct str value = *(const struct str *)context;
    MUST(condition_is_field(field));
    if (value.len > CONDITION_VALUE_BYTES)
        return -1;
    if (value.len > 0)
        memcpy(out, value.ptr, value.len);
    return (int)value.len;
}

/* Every element is passed once at most: so many models at most are asked. */
static unsigned
longest(const struct dynamic_route *route, uint8_t at, unsigned passed)
{
    const struct dynamic_element *element = &route->elements[at];
    unsigned most = 0;
    MUST(passed < route->count && at < route->count);
    for (unsigned i = 0; i < element->branch_count; i++)
        if (element->branches[i].to != DYNAMIC_NOWHERE) {
            unsigned n = longest(route, element->branches[i].to, passed + 1);
            most = n > most ? n : most;
        }
    return element->type == DYNAMIC_MODEL ? most + 1 + element->retries : most;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *texts[8], *text = strndup((const char *)data, size), *left = text;
    struct dynamic_route route;
    struct str value = {(const char *)data, size};
    struct buf reason;
    unsigned count = 0;
    while (count < ARRAY_LEN(texts) && left != NULL)
        texts[count++] = strsep(&left, "\n");
    buf_init(&reason, 0);
    if (dynamic_route_read(texts, count, &route, &reason) == 0) {
        MUST(longest(&route, route.first, 0) <= DYNAMIC_MODELS_MAX);
        for (unsigned i = 0; i < route.count; i++)
            if (route.elements[i].type == DYNAMIC_CONDITIONAL)
                (void)condition_holds(str_from(route.elements[i].condition),
                                      find, &value);
        dynamic_route_free(&route);
    } else {
        MUST(buf_len(&reason) > 0 && route.count == 0);
    }
    buf_fini(&reason);
    free(text);
    return 0;
}
