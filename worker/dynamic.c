/*
 * dynamic.c - a call's way through a dynamic route (common/dynamic_route.h): from
 * element to element, each passed once, models along it put into the plan in the
 * order in which they are asked. What follows a failure is known beforehand, so
 * the plan is one list.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/hash.h"
#include "common/json_scan.h"
#include "shm/limit.h"
#include "shm/spend.h"
#include "shm/window.h"
#include "worker/error_reply.h"
#include "worker/request.h"

/* ---- what is known of a call ---- */

static int
copy(struct str value, char out[CONDITION_VALUE_BYTES])
{
    if (value.ptr == NULL || value.len > CONDITION_VALUE_BYTES)
        return -1;
    memcpy(out, value.ptr, value.len);
    return (int)value.len;
}

static int
find_in_body(const struct request *request, struct str path,
             char out[CONDITION_VALUE_BYTES])
{
    char names[256];
    struct str value;
    if (path.len >= sizeof(names))
        return -1;
    memcpy(names, path.ptr, path.len);
    names[path.len] = '\0';
    if (!json_find(buf_view(&request->body), names, &value) ||
        str_equals(value, STR_LIT("null")))
        return -1;
    if (value.ptr[0] == '"')
        return json_string_decode(value, out, CONDITION_VALUE_BYTES);
    return copy(value, out);
}

static int
find_in_head(const struct request *request, struct str name,
             char out[CONDITION_VALUE_BYTES])
{
    const struct http_head *head = request->head;
    for (unsigned i = 0; i < head->field_count; i++)
        if (str_equals_nocase(head->fields[i].name, name))
            return copy(head->fields[i].value, out);
    return -1;
}

/* A condition_find. */
static int
find_field(void *context, struct str field, char out[CONDITION_VALUE_BYTES])
{
    const struct request *request = context;
    const char *dot = memchr(field.ptr, '.', field.len);
    struct str name = str_skip(field, (size_t)(dot - field.ptr) + 1);
    switch (field.ptr[0]) {
    case 'm':
        return copy(request_tag(request, name), out);
    case 'h':
        return find_in_head(request, name, out);
    default:
        return find_in_body(request, name, out);
    }
}

/* ---- elements ---- */

static uint8_t
branch(const struct dynamic_element *element, unsigned at)
{
    return at < element->branch_count ? element->branches[at].to
                                      : DYNAMIC_NOWHERE;
}

static uint8_t
draw(const struct request *request, const struct dynamic_element *element,
     unsigned nth)
{
    uint64_t chance = hash_mix64(request->id_words[1] ^
                                 (nth + 1) * UINT64_C(0x9e3779b97f4a7c15)) %
                      DYNAMIC_SHARES;
    unsigned at = 0;
    while (at + 1u < element->branch_count &&
           chance >= element->branches[at].share)
        chance -= element->branches[at++].share;
    return branch(element, at);
}

static struct window_rule
rule_of(const struct dynamic_element *element)
{
    return (struct window_rule){
        .limit = element->limit,
        .interval_ms = element->window_ms,
        .technique = WINDOW_FIXED,
    };
}

/* Of the row that counts; the field's values count apart where one is named. */
static uint64_t
row_name(const struct request *request, const struct dynamic_element *element,
         struct str route)
{
    char value[CONDITION_VALUE_BYTES] = "", name[1024];
    int len = 0;
    if (element->key[0] != '\0')
        len = find_field((void *)(uintptr_t)request, str_from(element->key),
                         value);
    int text =
        snprintf(name, sizeof(name), "%s/%.*s/%s/%.*s", request->gateway->name,
                 STR_ARG(route), element->id, len > 0 ? len : 0, value);
    return limit_name_of_text(request->worker->heritage->secrets->hash_seed,
                              str_make(name, (size_t)text), LIMIT_GATEWAY);
}

/* By what calls that ended have cost, in the books: the accountant counts each of
 * their records (accountant/spend_book.c). */
static bool
is_within_cost(struct request *request, const struct dynamic_element *element,
               uint64_t name)
{
    struct route_plan *plan = &request->plan;
    struct spend_sums sums;
    spend_read(request->worker->heritage->segment, name, &sums);
    if (spend_at(&sums, element->window_ms, false, clock_wall_ms()) >=
        (uint64_t)element->limit_nano)
        return false;
    CHECK(plan->charge_count < DYNAMIC_COSTS_MAX);
    plan->charges[plan->charge_count++] =
        (struct shm_charge){name, element->window_ms};
    return true;
}

/* Over all workers. What cannot be counted is beyond it. */
static bool
is_within_rate(struct request *request, const struct dynamic_element *element,
               struct str route)
{
    const struct window_rule rule = rule_of(element);
    uint64_t name = row_name(request, element, route);
    if (element->is_cost)
        return is_within_cost(request, element, name);
    shm_u64 *word = limits_window_word(request, name, rule.interval_ms);
    return word != NULL &&
           window_take(word, &rule, clock_period_ms(), NULL) == 0;
}

/* As often as it may be asked. One that is not there, or that the key may not use,
 * is passed over, as in `models`. */
static void
add_model(struct request *request, const struct dynamic_element *element)
{
    struct route_plan *plan = &request->plan;
    struct route_model found;
    struct fault ignored;
    if (route_find_model(request, str_from(element->provider),
                         str_from(element->model), &found, &ignored) < 0)
        return;
    found.timeout_ms = element->timeout_ms;
    for (unsigned i = 0; i <= element->retries; i++)
        if (plan->model_count < ROUTE_MODELS_MAX)
            plan->models[plan->model_count++] = found;
}

/* Models along the way; *limited: a rate was beyond its limit. */
static void
walk(struct request *request, const struct dynamic_route *way, struct str name,
     bool *limited)
{
    uint8_t at = way->first;
    while (at != DYNAMIC_NOWHERE) {
        const struct dynamic_element *element = &way->elements[at];
        bool holds;
        switch ((enum dynamic_type)element->type) {
        case DYNAMIC_CONDITIONAL:
            holds = condition_holds(str_from(element->condition), find_field,
                                    request);
            at = branch(element, holds ? 0 : 1);
            break;
        case DYNAMIC_PERCENTAGE:
            at = draw(request, element, at);
            break;
        case DYNAMIC_RATE:
            holds = is_within_rate(request, element, name);
            *limited = *limited || !holds;
            at = branch(element, holds ? 0 : 1);
            break;
        case DYNAMIC_MODEL:
            add_model(request, element);
            at = branch(element, 0);
            break;
        case DYNAMIC_START:
        case DYNAMIC_END:
        case DYNAMIC_TYPES:
            at = branch(element, 0);
            break;
        }
    }
}

COLD static int
refuse(struct str name, bool limited, struct fault *fault)
{
    if (limited)
        fault_set(fault, 429, "rate_limit_error", "rate_limit_exceeded", NULL,
                  "the rate of the dynamic route `%.*s` is used up",
                  (int)(name.len < 100 ? name.len : 100), name.ptr);
    else
        fault_set(fault, 404, "invalid_request_error", "no_provider", "model",
                  "the dynamic route `%.*s` leads this call to no model that "
                  "there is and that its key may use",
                  (int)(name.len < 100 ? name.len : 100), name.ptr);
    fault->no_retry = !limited;
    return -1;
}

int
dynamic_find(struct request *request, struct str name, struct fault *fault)
{
    const struct str prefix = STR_LIT("dynamic/");
    if (LIKELY(request->gateway == NULL || request->gateway->route_count == 0))
        return 0;
    /* A path that names the provider leaves no choice. */
    if (request->path_provider_len > 0 || name.len <= prefix.len ||
        memcmp(name.ptr, prefix.ptr, prefix.len) != 0)
        return 0;
    struct str route = str_skip(name, prefix.len);
    const struct dynamic_route *way =
        catalogue_find_route(request->gateway, route);
    if (way == NULL)
        return 0;
    bool limited = false;
    request->plan.model_count = 0;
    walk(request, way, route, &limited);
    if (request->plan.model_count == 0)
        return refuse(route, limited, fault);
    return 1;
}
