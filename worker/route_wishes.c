/*
 * route_wishes.c - the `provider` object and the list `models` of a body, as
 * OpenRouter's clients send them.
 *
 * Names of providers that are not here are passed over, as are members that mean
 * nothing here; a filter that names only such providers leaves none.
 * Source: OpenRouter, "Provider Routing".
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "common/json_scan.h"
#include "worker/error_reply.h"
#include "worker/route_plan.h"

enum wish {
    WISH_ORDER,
    WISH_ONLY,
    WISH_IGNORE,
    WISH_ALLOW_FALLBACKS,
    WISH_SORT,
    WISH_MAX_PRICE,
    WISH_MIN_THROUGHPUT,
    WISH_MAX_LATENCY,
    WISH_REQUIRE_PARAMETERS,
    WISH_DATA_COLLECTION,
    WISH_ZDR,
    WISH_QUANTIZATIONS,
    WISH_DISTILLABLE,
    WISHES,
};
static const struct str wish_names[WISHES] = {
    STR_LIT("order"),
    STR_LIT("only"),
    STR_LIT("ignore"),
    STR_LIT("allow_fallbacks"),
    STR_LIT("sort"),
    STR_LIT("max_price"),
    STR_LIT("preferred_min_throughput"),
    STR_LIT("preferred_max_latency"),
    STR_LIT("require_parameters"),
    STR_LIT("data_collection"),
    STR_LIT("zdr"),
    STR_LIT("quantizations"),
    STR_LIT("enforce_distillable_text"),
};

static int
refuse(struct fault *fault, const char *member, const char *what)
{
    fault_set(fault, 400, "invalid_request_error", "invalid_type", "provider",
              "'provider.%s' must be %s.", member, what);
    fault->no_retry = true;
    return -1;
}

static bool
is_absent(struct str value)
{
    return value.len == 0 || value.ptr[0] == 'n';
}

/* What stands behind a slash names a region or a price class, which are not told
 * apart here. */
static int
find_slug(const struct catalogue *catalogue, struct str slug)
{
    int number = catalogue_provider_number(catalogue, slug);
    const char *slash = memchr(slug.ptr, '/', slug.len);
    if (number < 0 && slash != NULL)
        number = catalogue_provider_number(
            catalogue, str_make(slug.ptr, (size_t)(slash - slug.ptr)));
    return number;
}

static int
read_list(struct str value, enum setting setting,
          const struct catalogue *catalogue, struct settings *layer,
          struct fault *fault)
{
    const char *member =
        setting == SETTING_PROVIDERS ? "order" : setting_rows[setting].name;
    struct settings_providers *list = &layer->lists[setting_rows[setting].min];
    struct json_reader reader;
    struct json_token token;
    if (is_absent(value))
        return 0;
    json_reader_init(&reader, value);
    if (json_next(&reader, &token) != JSON_ARRAY)
        return refuse(fault, member, "a list of names");
    layer->set |= UINT64_C(1) << setting;
    list->count = 0;
    while (json_next(&reader, &token) == JSON_STRING) {
        char slug[SHM_NAME_BYTES];
        int len = json_string_decode(token.span, slug, sizeof(slug));
        int idx =
            len < 0 ? -1 : find_slug(catalogue, str_make(slug, (size_t)len));
        if (idx >= 0 && list->count < SETTINGS_LIST_MAX)
            list->idx[list->count++] = (uint16_t)idx;
    }
    return token.type == JSON_ARRAY_END
               ? 0
               : refuse(fault, member, "a list of names");
}

static void
set_value(struct settings *layer, enum setting setting, uint32_t value)
{
    layer->values[setting] = value;
    layer->set |= UINT64_C(1) << setting;
}

/* "price", or {"by": "price", "partition": "none"}. */
static int
read_sort(struct str value, struct route_wishes *wishes, struct fault *fault)
{
    static const struct str names[] = {STR_LIT("by"), STR_LIT("partition")};
    static const struct {
        struct str text;
        enum setting_sort sort;
    } sorts[] = {{STR_LIT("price"), SORT_PRICE},
                 {STR_LIT("throughput"), SORT_THROUGHPUT},
                 {STR_LIT("latency"), SORT_LATENCY}};
    struct str values[ARRAY_LEN(names) + 1];
    if (is_absent(value))
        return 0;
    if (value.ptr[0] == '{') {
        if (!json_members(value, names, ARRAY_LEN(names), values))
            return refuse(fault, "sort", "a word or an object");
        wishes->is_mixed =
            values[1].len > 0 && json_string_equals(values[1], STR_LIT("none"));
        value = values[0];
        if (is_absent(value))
            return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(sorts); i++)
        if (value.ptr[0] == '"' && json_string_equals(value, sorts[i].text)) {
            set_value(&wishes->layer, SETTING_SORT, sorts[i].sort);
            return 0;
        }
    return refuse(fault, "sort", "price, throughput or latency");
}

/* A decimal number, or one in a string, times 10^scale. */
static bool
read_decimal(struct str value, int scale, int64_t *out)
{
    if (value.len >= 2 && value.ptr[0] == '"')
        value = str_make(value.ptr + 1, value.len - 2);
    return money_parse(value, scale, out) == 0;
}

static int
read_max_price(struct str value, struct route_wishes *wishes,
               struct fault *fault)
{
    static const struct str names[] = {STR_LIT("prompt"), STR_LIT("completion"),
                                       STR_LIT("request"), STR_LIT("image")};
    int64_t *const into[] = {&wishes->max_prompt, &wishes->max_completion,
                             &wishes->max_request, &wishes->max_image};
    struct str values[ARRAY_LEN(names) + 1];
    if (is_absent(value))
        return 0;
    if (value.ptr[0] != '{' ||
        !json_members(value, names, ARRAY_LEN(names), values))
        return refuse(fault, "max_price", "an object of prices");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!is_absent(values[i]) &&
            !read_decimal(values[i], i < 2 ? 6 : 12, into[i]))
            return refuse(fault, "max_price", "an object of decimal prices");
    return 0;
}

/* A number, or an object of percentiles, of which p50 counts here. */
static int
read_preferred(struct str value, const char *member, uint64_t *thousandths,
               struct fault *fault)
{
    static const struct str names[] = {STR_LIT("p50")};
    struct str p50[2];
    int64_t number = 0;
    if (!is_absent(value) && value.ptr[0] == '{')
        value =
            json_members(value, names, 1, p50) ? p50[0] : (struct str){"", 0};
    if (is_absent(value))
        return 0;
    if (!read_decimal(value, 3, &number) || number < 0)
        return refuse(fault, member, "a number, or an object of percentiles");
    *thousandths = (uint64_t)number;
    return 0;
}

static int
read_bool(struct str value, const char *member, bool *out, struct fault *fault)
{
    if (is_absent(value))
        return 0;
    *out = value.ptr[0] == 't';
    return *out || value.ptr[0] == 'f' ? 0
                                       : refuse(fault, member, "true or false");
}

/* Only stricter than what the settings of key, group and server say. */
static int
read_privacy(struct str collection, struct str zdr, struct settings *layer,
             struct fault *fault)
{
    bool zero = false;
    if (read_bool(zdr, "zdr", &zero, fault) < 0)
        return -1;
    if (zero)
        set_value(layer, SETTING_ZDR, 1);
    if (is_absent(collection))
        return 0;
    if (collection.ptr[0] == '"' &&
        json_string_equals(collection, STR_LIT("deny")))
        set_value(layer, SETTING_DATA_COLLECTION, DATA_DENY);
    else if (collection.ptr[0] != '"' ||
             !json_string_equals(collection, STR_LIT("allow")))
        return refuse(fault, "data_collection", "allow or deny");
    return 0;
}

static uint32_t
quantization_bit(struct str text)
{
    const char *words = QUANTIZATION_WORDS;
    for (uint32_t bit = 1; *words != '\0'; bit <<= 1) {
        size_t len = strcspn(words, "|");
        if (json_string_equals(text, str_make(words, len)))
            return bit;
        words += len + (words[len] == '|');
    }
    return 0;
}

static int
read_quantizations(struct str value, uint32_t *bits, struct fault *fault)
{
    struct json_reader reader;
    struct json_token token;
    if (is_absent(value))
        return 0;
    json_reader_init(&reader, value);
    bool good = json_next(&reader, &token) == JSON_ARRAY;
    while (good && json_next(&reader, &token) == JSON_STRING) {
        uint32_t bit = quantization_bit(token.span);
        good = bit != 0;
        *bits |= bit;
    }
    return good && token.type == JSON_ARRAY_END
               ? 0
               : refuse(fault, "quantizations",
                        "a list of " QUANTIZATION_WORDS);
}

/* Whose text may be used to train others is a matter of contracts that nobody has
 * told us: who insists on it is refused, and not sent anywhere. */
static int
refuse_distillable(struct str value, struct fault *fault)
{
    bool wanted = false;
    if (read_bool(value, "enforce_distillable_text", &wanted, fault) < 0)
        return -1;
    if (!wanted)
        return 0;
    fault_set(fault, 404, "invalid_request_error", "no_provider", "provider",
              "No endpoints found matching your data policy: of none is it "
              "known here that its text may be used for distillation "
              "(enforce_distillable_text).");
    fault->no_retry = true;
    return -1;
}

int
route_wishes_read(struct str object, const struct catalogue *catalogue,
                  struct route_wishes *wishes, struct fault *fault)
{
    struct str v[WISHES + 1];
    struct settings *layer = &wishes->layer;
    bool fallbacks = true;
    memset(wishes, 0, sizeof(*wishes));
    wishes->max_prompt = wishes->max_completion = MONEY_UNSET;
    wishes->max_request = wishes->max_image = MONEY_UNSET;
    if (is_absent(object))
        return 0;
    if (object.ptr[0] != '{' || !json_members(object, wish_names, WISHES, v)) {
        fault_set(fault, 400, "invalid_request_error", "invalid_type",
                  "provider", "'provider' must be an object.");
        fault->no_retry = true;
        return -1;
    }
    if (read_list(v[WISH_ORDER], SETTING_PROVIDERS, catalogue, layer, fault) ||
        read_list(v[WISH_ONLY], SETTING_ONLY, catalogue, layer, fault) ||
        read_list(v[WISH_IGNORE], SETTING_IGNORE, catalogue, layer, fault) ||
        read_bool(v[WISH_ALLOW_FALLBACKS], "allow_fallbacks", &fallbacks,
                  fault) ||
        read_sort(v[WISH_SORT], wishes, fault) ||
        read_max_price(v[WISH_MAX_PRICE], wishes, fault) ||
        read_preferred(v[WISH_MIN_THROUGHPUT], "preferred_min_throughput",
                       &wishes->min_tokens_per_1000s, fault) ||
        read_preferred(v[WISH_MAX_LATENCY], "preferred_max_latency",
                       &wishes->max_latency_ms, fault) ||
        read_bool(v[WISH_REQUIRE_PARAMETERS], "require_parameters",
                  &wishes->is_strict, fault) ||
        read_privacy(v[WISH_DATA_COLLECTION], v[WISH_ZDR], layer, fault) ||
        read_quantizations(v[WISH_QUANTIZATIONS], &wishes->quantizations,
                           fault) ||
        refuse_distillable(v[WISH_DISTILLABLE], fault))
        return -1;
    if (!is_absent(v[WISH_ALLOW_FALLBACKS]))
        set_value(layer, SETTING_ALLOW_FALLBACKS, fallbacks);
    return 0;
}

int
route_models_read(struct str list, char names[][CALL_MODEL_BYTES],
                  unsigned room, struct fault *fault)
{
    struct json_reader reader;
    struct json_token token;
    unsigned count = 0;
    if (is_absent(list))
        return 0;
    json_reader_init(&reader, list);
    bool good = json_next(&reader, &token) == JSON_ARRAY;
    while (good && json_next(&reader, &token) == JSON_STRING)
        if (count < room &&
            json_string_decode(token.span, names[count], CALL_MODEL_BYTES) > 0)
            count++;
    if (good && token.type == JSON_ARRAY_END)
        return (int)count;
    fault_set(fault, 400, "invalid_request_error", "invalid_type", "models",
              "'models' must be a list of model names.");
    fault->no_retry = true;
    return -1;
}
