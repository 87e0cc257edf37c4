/*
 * price_tier.c - see price_tier.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/price_tier.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

enum { PER_MILLION = 6, PER_UNIT = 12 }; /* from pico */
enum { DAY_MINUTES = 24 * 60, MINUTE_MS = 60 * 1000 };
static const uint64_t tokens_max = UINT64_C(1000000000);

#define CLASS(name, scale)                                                     \
    {                                                                          \
#name, offsetof(struct prices, name), scale                            \
    }
const struct price_class price_classes[PRICE_CLASSES] = {
    CLASS(input, PER_MILLION),
    CLASS(output, PER_MILLION),
    CLASS(cached, PER_MILLION),
    CLASS(cache_creation, PER_MILLION),
    CLASS(cache_creation_1h, PER_MILLION),
    CLASS(reasoning, PER_MILLION),
    CLASS(audio_in, PER_MILLION),
    CLASS(audio_out, PER_MILLION),
    CLASS(image, PER_UNIT),
    CLASS(request, PER_UNIT),
};
_Static_assert(sizeof(struct prices) == PRICE_CLASSES * sizeof(int64_t),
               "each price has its class");

static const char *const services[SERVICE_TIERS] = {
    "", "default", "flex", "priority", "scale", "batch"};

void
price_format(int64_t price, int scale, char out[48])
{
    int64_t unit = 1;
    for (int i = 0; i < scale; i++)
        unit *= 10;
    int n = snprintf(out, 48, "%lld.%0*lld", (long long)(price / unit), scale,
                     (long long)(price % unit));
    while (n > 0 && out[n - 1] == '0')
        n--;
    if (n > 0 && out[n - 1] == '.')
        n--;
    out[n] = '\0';
}

enum service_tier
service_tier_of(struct str word)
{
    for (unsigned i = 1; i < SERVICE_TIERS; i++)
        if (str_equals(word, str_from(services[i])))
            return (enum service_tier)i;
    if (str_equals(word, STR_LIT("standard")))
        return SERVICE_DEFAULT;
    return str_equals(word, STR_LIT("reserved")) ? SERVICE_SCALE
                                                 : SERVICE_UNSTATED;
}

const char *
service_tier_name(unsigned tier)
{
    return tier < SERVICE_TIERS ? services[tier] : "";
}

/* ---- reading ---- */

/* At least one digit, nothing else, at most `max`. */
static bool
read_number(struct str text, uint64_t max, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        *out = *out * 10 + (uint64_t)(text.ptr[i] - '0');
        if (*out > max)
            return false;
    }
    return text.len > 0;
}

static bool
read_time(struct str text, int64_t *out)
{
    char word[40];
    if (text.len >= sizeof(word))
        return false;
    *str_copy(word, text) = '\0';
    return clock_parse_rfc3339(word, out) == 0 && *out > 0;
}

/* "16:30", and "24:00" as an end. */
static bool
read_minute(struct str text, uint32_t *out)
{
    uint64_t hour, minute;
    if (text.len != 5 || text.ptr[2] != ':' ||
        !read_number(str_make(text.ptr, 2), 24, &hour) ||
        !read_number(str_skip(text, 3), 59, &minute))
        return false;
    *out = (uint32_t)(hour * 60 + minute);
    return *out <= DAY_MINUTES;
}

static bool
read_hours(struct str text, struct price_tier *tier)
{
    return text.len == 11 && text.ptr[5] == '-' &&
           read_minute(str_make(text.ptr, 5), &tier->minute_from) &&
           read_minute(str_skip(text, 6), &tier->minute_to) &&
           tier->minute_from < DAY_MINUTES &&
           tier->minute_from != tier->minute_to;
}

static bool
read_services(struct str text, uint32_t *out)
{
    for (*out = 0;;) {
        const char *mark =
            text.len > 0 ? memchr(text.ptr, '|', text.len) : NULL;
        size_t len = mark != NULL ? (size_t)(mark - text.ptr) : text.len;
        enum service_tier one = service_tier_of(str_make(text.ptr, len));
        if (one == SERVICE_UNSTATED)
            return false;
        *out |= UINT32_C(1) << one;
        if (mark == NULL)
            return true;
        text = str_skip(text, len + 1);
    }
}

static bool
read_pair(struct price_tier *tier, struct str name, struct str value)
{
    if (str_equals(name, STR_LIT("prompt_from")))
        return read_number(value, tokens_max, &tier->prompt_from);
    if (str_equals(name, STR_LIT("prompt_to")))
        return read_number(value, tokens_max, &tier->prompt_to) &&
               tier->prompt_to > 0;
    if (str_equals(name, STR_LIT("output_from")))
        return read_number(value, tokens_max, &tier->output_from);
    if (str_equals(name, STR_LIT("output_to")))
        return read_number(value, tokens_max, &tier->output_to) &&
               tier->output_to > 0;
    if (str_equals(name, STR_LIT("from")))
        return read_time(value, &tier->from_ms);
    if (str_equals(name, STR_LIT("until")))
        return read_time(value, &tier->until_ms);
    if (str_equals(name, STR_LIT("hours")))
        return read_hours(value, tier);
    if (str_equals(name, STR_LIT("service_tier")))
        return read_services(value, &tier->services);
    for (int i = 0; i < PRICE_CLASSES; i++)
        if (str_equals(name, str_from(price_classes[i].name)))
            return money_parse(value, price_classes[i].scale,
                               price_of(&tier->prices, &price_classes[i])) == 0;
    return false;
}

static bool
has_condition(const struct price_tier *tier)
{
    return (tier->prompt_from | tier->prompt_to | tier->output_from |
            tier->output_to) != 0 ||
           (tier->from_ms | tier->until_ms) != 0 || tier->services != 0 ||
           tier->minute_from != tier->minute_to;
}

static bool
has_price(const struct prices *prices)
{
    for (int i = 0; i < PRICE_CLASSES; i++)
        if (price_get(prices, &price_classes[i]) >= 0)
            return true;
    return false;
}

static const char *
fault_of(const struct price_tier *tier)
{
    if (!has_condition(tier))
        return "a price tier needs a condition";
    if (!has_price(&tier->prices))
        return "a price tier needs a price";
    if ((tier->prompt_to != 0 && tier->prompt_from > tier->prompt_to) ||
        (tier->output_to != 0 && tier->output_from > tier->output_to) ||
        (tier->until_ms != 0 && tier->from_ms >= tier->until_ms))
        return "a price tier ends before it begins";
    return NULL;
}

int
price_tier_parse(struct str text, struct price_tier *tier, struct buf *reason)
{
    struct str rest = str_trim(text);
    memset(tier, 0, sizeof(*tier));
    prices_clear(&tier->prices);
    while (rest.len > 0) {
        const char *blank = memchr(rest.ptr, ' ', rest.len);
        size_t len = blank != NULL ? (size_t)(blank - rest.ptr) : rest.len;
        struct str pair = str_make(rest.ptr, len);
        const char *mark = memchr(pair.ptr, '=', pair.len);
        size_t name = mark != NULL ? (size_t)(mark - pair.ptr) : 0;
        if (mark == NULL || !read_pair(tier, str_make(pair.ptr, name),
                                       str_skip(pair, name + 1))) {
            buf_printf(reason, "not understood in a price tier: \"%.*s\"",
                       (int)(pair.len < 60 ? pair.len : 60), pair.ptr);
            return -EINVAL;
        }
        rest = str_trim(str_skip(rest, len));
    }
    const char *fault = fault_of(tier);
    if (fault == NULL)
        return 0;
    buf_printf(reason, "%s: \"%.*s\"", fault,
               (int)(text.len < 60 ? text.len : 60), text.ptr);
    return -EINVAL;
}

/* ---- writing ---- */

static void
print_tokens(struct buf *out, const char *name, uint64_t tokens)
{
    if (tokens != 0)
        buf_printf(out, "%s=%llu ", name, (unsigned long long)tokens);
}

static void
print_time(struct buf *out, const char *name, int64_t wall_ms)
{
    char text[32];
    if (wall_ms == 0)
        return;
    clock_format_rfc3339(wall_ms, text);
    buf_printf(out, "%s=%s ", name, text);
}

static void
print_services(struct buf *out, uint32_t bits)
{
    const char *between = "service_tier=";
    for (unsigned i = 1; i < SERVICE_TIERS; i++) {
        if ((bits & UINT32_C(1) << i) == 0)
            continue;
        buf_printf(out, "%s%s", between, services[i]);
        between = "|";
    }
    if (bits != 0)
        buf_append_char(out, ' ');
}

bool
price_tier_hours(const struct price_tier *tier, char out[16])
{
    /* Both are at most 24:00: the remainders tell the compiler so. */
    snprintf(out, 16, "%02u:%02u-%02u:%02u", tier->minute_from / 60 % 100,
             tier->minute_from % 60, tier->minute_to / 60 % 100,
             tier->minute_to % 60);
    return tier->minute_from != tier->minute_to;
}

void
price_tier_print(const struct price_tier *tier, struct buf *out)
{
    const char *between = "";
    char hours[16];
    print_tokens(out, "prompt_from", tier->prompt_from);
    print_tokens(out, "prompt_to", tier->prompt_to);
    print_tokens(out, "output_from", tier->output_from);
    print_tokens(out, "output_to", tier->output_to);
    print_time(out, "from", tier->from_ms);
    print_time(out, "until", tier->until_ms);
    if (price_tier_hours(tier, hours))
        buf_printf(out, "hours=%s ", hours);
    print_services(out, tier->services);
    for (int i = 0; i < PRICE_CLASSES; i++) {
        char text[48];
        int64_t price = price_get(&tier->prices, &price_classes[i]);
        if (price < 0)
            continue;
        price_format(price, price_classes[i].scale, text);
        buf_printf(out, "%s%s=%s", between, price_classes[i].name, text);
        between = " ";
    }
}

void
price_tier_complete(struct price_tier *tier, const struct prices *base)
{
    for (int i = 0; i < PRICE_CLASSES; i++) {
        int64_t *price = price_of(&tier->prices, &price_classes[i]);
        if (*price < 0)
            *price = price_get(base, &price_classes[i]);
    }
}

/* ---- a call ---- */

static bool
is_then(const struct price_tier *tier, int64_t at_ms)
{
    if (at_ms < tier->from_ms ||
        (tier->until_ms != 0 && at_ms >= tier->until_ms))
        return false;
    if (tier->minute_from == tier->minute_to)
        return true;
    uint32_t minute =
        at_ms < 0 ? 0 : (uint32_t)(at_ms / MINUTE_MS % DAY_MINUTES);
    return tier->minute_from < tier->minute_to
               ? minute >= tier->minute_from && minute < tier->minute_to
               : minute >= tier->minute_from || minute < tier->minute_to;
}

static bool
is_in(uint64_t tokens, uint64_t from, uint64_t to)
{
    return tokens >= from && (to == 0 || tokens <= to);
}

unsigned
price_tiers_choose(const struct price_tiers *tiers,
                   const struct price_case *what)
{
    const struct usage *usage = what->usage;
    uint64_t prompt = usage->prompt_missed + usage->cached +
                      usage->cache_creation + usage->audio_in;
    uint64_t output = usage->completion + usage->reasoning + usage->audio_out;
    for (unsigned i = 0; i < tiers->count; i++) {
        const struct price_tier *tier = &tiers->items[i];
        if (is_in(prompt, tier->prompt_from, tier->prompt_to) &&
            is_in(output, tier->output_from, tier->output_to) &&
            (tier->services == 0 ||
             (tier->services & UINT32_C(1) << what->service) != 0) &&
            is_then(tier, what->at_ms))
            return i + 1;
    }
    return 0;
}

static int64_t
higher(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void
prices_raise(struct prices *prices, const struct prices *other)
{
    *prices = (struct prices){
        .input = higher(prices->input, other->input),
        .output = higher(prices->output, other->output),
        .cached = higher(prices->cached, other->cached),
        .cache_creation = higher(prices->cache_creation, other->cache_creation),
        .cache_creation_1h =
            higher(prices->cache_creation_1h, other->cache_creation_1h),
        .reasoning = higher(prices->reasoning, other->reasoning),
        .audio_in = higher(prices->audio_in, other->audio_in),
        .audio_out = higher(prices->audio_out, other->audio_out),
        .image = higher(prices->image, other->image),
        .request = higher(prices->request, other->request),
    };
}

void
price_tiers_raise(struct prices *prices, const struct price_tiers *tiers,
                  uint64_t prompt, int64_t at_ms)
{
    for (unsigned i = 0; i < tiers->count; i++)
        if (tiers->items[i].prompt_from <= prompt &&
            is_then(&tiers->items[i], at_ms))
            prices_raise(prices, &tiers->items[i].prices);
}
