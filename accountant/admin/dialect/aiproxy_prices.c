/*
 * aiproxy_prices.c - aiproxy's price object and the native prices: theirs are of a
 * thousand tokens unless a unit says other, ours of a million; their conditional
 * prices are native price tiers.
 *
 * Theirs: the most specific condition that holds is charged, and a class without
 * a price of its own is charged as input or output of the same object. Ours: the
 * first tier that holds, and what it does not state is the model's. So they are
 * put in order, and every class is stated.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/admin/dialect/aiproxy.h"
#include "common/buf.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/log.h"

enum { PRICE_UNIT = 1000, MILLION = 1000000, CONDITIONS_MAX = 8 };

static const struct {
    const char *theirs, *ours;
    bool is_output; /* as which it is charged where it is not stated */
} classes[] = {
    {"input_price", "input", false},
    {"output_price", "output", true},
    {"cached_price", "cached", false},
    {"cache_creation_price", "cache_creation", false},
    {"thinking_mode_output_price", "reasoning", true},
    {"audio_input_price", "audio_in", false},
    {"audio_output_price", "audio_out", true},
};

/* ---- shown ---- */

static cJSON *
price_of(const cJSON *ours)
{
    cJSON *price = cJSON_CreateObject();
    for (unsigned i = 0; i < ARRAY_LEN(classes); i++) {
        char unit[64];
        if (shape_at(ours, classes[i].ours) == NULL)
            continue;
        snprintf(unit, sizeof(unit), "%s_unit", classes[i].theirs);
        cJSON_AddNumberToObject(price, classes[i].theirs,
                                shape_number(ours, classes[i].ours) /
                                    (MILLION / PRICE_UNIT));
        cJSON_AddNumberToObject(price, unit, PRICE_UNIT);
    }
    if (shape_number(ours, "request") > 0)
        cJSON_AddNumberToObject(price, "per_request_price",
                                shape_number(ours, "request"));
    return price;
}

/* Token ranges have the same two ends in both. */
static const struct {
    const char *theirs, *ours;
} ranges[] = {
    {"input_token_min", "prompt_from"},
    {"input_token_max", "prompt_to"},
    {"output_token_min", "output_from"},
    {"output_token_max", "output_to"},
};

static void
add_condition(cJSON *out, const cJSON *tier)
{
    cJSON *condition = cJSON_AddObjectToObject(out, "condition");
    for (unsigned i = 0; i < ARRAY_LEN(ranges); i++)
        if (shape_at(tier, ranges[i].ours) != NULL)
            shape_add_i64(condition, ranges[i].theirs,
                          shape_i64(tier, ranges[i].ours));
    if (shape_at(tier, "from") != NULL)
        shape_add_i64(condition, "start_time", shape_ms(tier, "from") / 1000);
    if (shape_at(tier, "until") != NULL)
        shape_add_i64(condition, "end_time", shape_ms(tier, "until") / 1000);
    const cJSON *first = cJSON_GetArrayItem(shape_at(tier, "service_tiers"), 0);
    if (first != NULL)
        cJSON_AddStringToObject(condition, "service_tier", first->valuestring);
}

/* What they have no word for (hours of the day, several service tiers) is not
 * shown, rather than shown as if it held always. */
static bool
has_words_for(const cJSON *tier)
{
    const cJSON *first = cJSON_GetArrayItem(shape_at(tier, "service_tiers"), 0);
    return shape_at(tier, "hours") == NULL &&
           cJSON_GetArraySize(shape_at(tier, "service_tiers")) < 2 &&
           (first == NULL || strcmp(first->valuestring, "batch") != 0);
}

cJSON *
aiproxy_price(const cJSON *prices)
{
    cJSON *price = price_of(prices), *list = NULL;
    const cJSON *tier;
    cJSON_ArrayForEach(tier, shape_at(prices, "tiers"))
    {
        if (!has_words_for(tier))
            continue;
        if (list == NULL)
            list = cJSON_AddArrayToObject(price, "conditional_prices");
        cJSON *out = cJSON_CreateObject();
        add_condition(out, tier);
        cJSON_AddItemToObject(out, "price", price_of(shape_at(tier, "prices")));
        cJSON_AddItemToArray(list, out);
    }
    return price;
}

/* ---- taken ---- */

/* A text of currency per million tokens; the native operation judges it. */
static void
price_text(const cJSON *price, const char *name, char out[40])
{
    char unit_name[64];
    snprintf(unit_name, sizeof(unit_name), "%s_unit", name);
    double unit = shape_number(price, unit_name);
    double million =
        shape_number(price, name) * MILLION / (unit > 0 ? unit : PRICE_UNIT);
    snprintf(out, 40, "%.6f", isfinite(million) ? million : -1);
}

static void
put_base(const cJSON *price, cJSON *native)
{
    char option[40], text[40];
    for (unsigned i = 0; i < ARRAY_LEN(classes); i++) {
        if (shape_at(price, classes[i].theirs) == NULL)
            continue;
        snprintf(option, sizeof(option), "price_%s", classes[i].ours);
        price_text(price, classes[i].theirs, text);
        cJSON_AddStringToObject(native, option, text);
    }
    if (shape_at(price, "per_request_price") != NULL) {
        snprintf(text, sizeof(text), "%.9f",
                 shape_number(price, "per_request_price"));
        cJSON_AddStringToObject(native, "price_request", text);
    }
}

struct conditional {
    const cJSON *condition, *price;
    unsigned specific; /* conditions that it has */
    int place;
};

static int
by_specific(const void *a, const void *b)
{
    const struct conditional *x = a, *y = b;
    return x->specific != y->specific ? (int)y->specific - (int)x->specific
                                      : x->place - y->place;
}

/* The name of one that says something and means nothing here; NULL: none. */
static const char *
unknown_in(const cJSON *condition)
{
    static const char *const known[] = {"input_token_min",  "input_token_max",
                                        "output_token_min", "output_token_max",
                                        "start_time",       "end_time",
                                        "service_tier"};
    const cJSON *item;
    cJSON_ArrayForEach(item, condition)
    {
        bool is_known = cJSON_IsNull(item) || cJSON_IsFalse(item) ||
                        (cJSON_IsString(item) && *item->valuestring == '\0') ||
                        (cJSON_IsArray(item) && item->child == NULL);
        for (unsigned i = 0; i < ARRAY_LEN(known); i++)
            is_known = is_known || strcmp(item->string, known[i]) == 0;
        if (!is_known)
            return item->string;
    }
    return strcmp(shape_text(condition, "service_tier"), "auto") == 0
               ? "service_tier auto"
               : NULL;
}

static void
print_conditions(struct conditional *one, struct buf *text)
{
    const cJSON *condition = one->condition;
    static const char *const times[][2] = {{"start_time", "from"},
                                           {"end_time", "until"}};
    for (unsigned i = 0; i < ARRAY_LEN(ranges); i++)
        if (shape_i64(condition, ranges[i].theirs) != 0) {
            buf_printf(text, "%s=%lld ", ranges[i].ours,
                       (long long)shape_i64(condition, ranges[i].theirs));
            one->specific++;
        }
    for (unsigned i = 0; i < ARRAY_LEN(times); i++) {
        char when[32];
        int64_t s = shape_i64(condition, times[i][0]);
        if (s <= 0 || s > INT64_C(253402300799)) /* the year 9999 */
            continue;
        clock_format_rfc3339(s * 1000, when);
        buf_printf(text, "%s=%s ", times[i][1], when);
        one->specific++;
    }
    if (*shape_text(condition, "service_tier") != '\0') {
        buf_printf(text, "service_tier=%s ",
                   shape_text(condition, "service_tier"));
        one->specific++;
    }
}

/* A price by the request stands alone. */
static void
print_prices(const cJSON *price, struct buf *text)
{
    double request = shape_number(price, "per_request_price");
    char value[40];
    for (unsigned i = 0; i < ARRAY_LEN(classes); i++) {
        const char *name = classes[i].theirs;
        if (!(shape_number(price, name) > 0))
            name = classes[i].is_output ? "output_price" : "input_price";
        price_text(price, name, value);
        buf_printf(text, "%s=%s ", classes[i].ours, request > 0 ? "0" : value);
        if (strcmp(classes[i].ours, "cache_creation") == 0)
            buf_printf(text, "cache_creation_1h=%s ",
                       request > 0 ? "0" : value);
    }
    buf_printf(text, "request=%.9f", isfinite(request) ? request : -1);
}

static void
add_tiers(struct conditional *list, unsigned count, cJSON *native)
{
    struct buf text;
    cJSON *tiers = cJSON_AddArrayToObject(native, "price_tiers");
    buf_init(&text, 0);
    for (unsigned i = 0; i < count; i++) { /* counts what is specific */
        buf_reset(&text);
        print_conditions(&list[i], &text);
    }
    qsort(list, count, sizeof(*list), by_specific);
    for (unsigned i = 0; i < count; i++) {
        buf_reset(&text);
        print_conditions(&list[i], &text);
        print_prices(list[i].price, &text);
        if (!buf_ok(&text))
            fatal("out of memory");
        cJSON_AddItemToArray(tiers, cJSON_CreateString(buf_cstr(&text)));
    }
    buf_fini(&text);
}

bool
aiproxy_price_native(struct visit *visit, const cJSON *price, cJSON *native)
{
    struct conditional list[CONDITIONS_MAX];
    const cJSON *conditions = shape_at(price, "conditional_prices"), *one;
    unsigned count = 0;
    if (price == NULL)
        return true;
    cJSON_ArrayForEach(one, conditions)
    {
        const char *unknown = unknown_in(shape_at(one, "condition"));
        if (unknown != NULL || count == CONDITIONS_MAX) {
            if (unknown != NULL)
                visit_fail(visit, 400, "invalid_field",
                           "condition %.60s is not known here", unknown);
            else
                visit_fail(visit, 400, "invalid_field",
                           "at most %d conditional_prices", CONDITIONS_MAX);
            return false;
        }
        list[count] =
            (struct conditional){.condition = shape_at(one, "condition"),
                                 .price = shape_at(one, "price"),
                                 .place = (int)count};
        count++;
    }
    put_base(price, native);
    add_tiers(list, count, native);
    return true;
}
