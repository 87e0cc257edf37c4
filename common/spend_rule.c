/*
 * spend_rule.c - see spend_rule.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/spend_rule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/money.h"

enum { DECIMALS = 9 };
static const uint64_t window_max_ms = UINT64_C(366) * 24 * 3600 * 1000;

/* ---- reading ---- */

static bool
refuse(struct buf *reason, const char *what, struct str value)
{
    buf_printf(reason, "%s: \"%.*s\"", what,
               (int)(value.len < 60 ? value.len : 60), value.ptr);
    return false;
}

static bool
copy(char *out, size_t size, struct str value)
{
    if (value.len == 0 || value.len >= size)
        return false;
    memcpy(out, value.ptr, value.len);
    out[value.len] = '\0';
    return true;
}

/* "3600", "90s", "5m", "1h", "7d" in ms; 0: none of these. */
static uint64_t
read_window(struct str value)
{
    static const char letters[] = "smhd";
    static const uint64_t seconds[] = {1, 60, 3600, 86400};
    char text[16], *end;
    uint64_t unit = 1;
    if (!copy(text, sizeof(text), value) || text[0] < '0' || text[0] > '9')
        return 0;
    uint64_t n = strtoull(text, &end, 10);
    const char *letter = *end == '\0' ? NULL : strchr(letters, *end);
    if (letter != NULL && end[1] == '\0')
        unit = seconds[letter - letters];
    else if (*end != '\0')
        return 0;
    return n <= window_max_ms / 1000 / unit ? n * unit * 1000 : 0;
}

static bool
add_tag(struct spend_rule *rule, struct str key, struct str values,
        bool partition)
{
    if (rule->tag_count == SPEND_TAGS_MAX)
        return false;
    struct spend_tag *tag = &rule->tags[rule->tag_count++];
    tag->partition = partition;
    return copy(tag->key, sizeof(tag->key), key) &&
           (partition || copy(tag->values, sizeof(tag->values), values));
}

static bool
read_filter(struct spend_rule *rule, struct str value)
{
    const char *colon = memchr(value.ptr, ':', value.len);
    if (colon == NULL)
        return false;
    size_t len = (size_t)(colon - value.ptr);
    return add_tag(rule, str_make(value.ptr, len), str_skip(value, len + 1),
                   false);
}

static bool
read_pair(struct spend_rule *rule, struct str name, struct str value)
{
    const struct str none = {NULL, 0};
    if (str_equals(name, STR_LIT("id")))
        return copy(rule->id, sizeof(rule->id), value);
    if (str_equals(name, STR_LIT("limit")))
        return copy(rule->limit_text, sizeof(rule->limit_text), value) &&
               money_parse(value, DECIMALS, &rule->limit_nano) == 0 &&
               rule->limit_nano >= 0;
    if (str_equals(name, STR_LIT("window")))
        return (rule->window_ms = read_window(value)) != 0;
    if (str_equals(name, STR_LIT("technique"))) {
        rule->sliding = str_equals(value, STR_LIT("sliding"));
        return rule->sliding || str_equals(value, STR_LIT("fixed"));
    }
    if (str_equals(name, STR_LIT("model")))
        return copy(rule->models, sizeof(rule->models), value);
    if (str_equals(name, STR_LIT("provider")))
        return copy(rule->providers, sizeof(rule->providers), value);
    if (str_equals(name, STR_LIT("partition")))
        return add_tag(rule, value, none, true);
    return str_equals(name, STR_LIT("filter")) && read_filter(rule, value);
}

static bool
read_rule(struct str text, struct spend_rule *rule, struct buf *reason)
{
    while ((text = str_trim(text)).len > 0) {
        const char *blank = memchr(text.ptr, ' ', text.len);
        size_t len = blank != NULL ? (size_t)(blank - text.ptr) : text.len;
        struct str pair = str_make(text.ptr, len);
        const char *mark = memchr(pair.ptr, '=', pair.len);
        size_t name = mark != NULL ? (size_t)(mark - pair.ptr) : 0;
        text = str_skip(text, len);
        if (mark == NULL || !read_pair(rule, str_make(pair.ptr, name),
                                       str_skip(pair, name + 1)))
            return refuse(reason, "not understood in a spend rule", pair);
    }
    if (rule->id[0] == '\0' || rule->limit_text[0] == '\0' ||
        rule->window_ms == 0)
        return refuse(reason, "a spend rule needs id=, limit= and window=",
                      str_from(rule->text));
    return true;
}

int
spend_rule_parse(struct str text, struct spend_rule *rule, struct buf *reason)
{
    memset(rule, 0, sizeof(*rule));
    text = str_trim(text);
    if (!copy(rule->text, sizeof(rule->text), text)) {
        refuse(reason, "a spend rule has 1 to 1023 bytes", text);
        return -EINVAL;
    }
    return read_rule(text, rule, reason) ? 0 : -EINVAL;
}

/* ---- a call ---- */

/* Whether a list with | between has the item. */
static bool
has(const char *list, struct str item)
{
    while (*list != '\0') {
        size_t len = strcspn(list, "|");
        if (str_equals(str_make(list, len), item))
            return true;
        list += len + (list[len] == '|');
    }
    return false;
}

/* One more part of what is hashed; lengths keep parts apart. */
static void
add_part(uint64_t *hash, struct str part)
{
    static const uint8_t key[16] = "aigw spend rules";
    uint64_t mixed = hash_siphash(key, part.ptr, part.len);
    *hash = hash_mix64(*hash ^ mixed) + part.len;
}

uint64_t
spend_rule_counter(const struct spend_rule *rule, const struct spend_call *call)
{
    uint64_t hash = 0;
    if ((rule->models[0] != '\0' &&
         !has(rule->models, str_from(call->model))) ||
        (rule->providers[0] != '\0' &&
         !has(rule->providers, str_from(call->provider))))
        return 0;
    add_part(&hash, str_from(call->gateway));
    add_part(&hash, str_from(rule->id));
    for (uint32_t i = 0; i < rule->tag_count; i++) {
        const struct spend_tag *tag = &rule->tags[i];
        struct str value = call->find_tag(call->context, str_from(tag->key));
        if (!tag->partition && (value.ptr == NULL || !has(tag->values, value)))
            return 0;
        if (!tag->partition)
            continue;
        add_part(&hash, str_from(tag->key));
        add_part(&hash, value.ptr == NULL ? STR_LIT("") : value);
        hash += value.ptr != NULL; /* none is not the empty one */
    }
    return hash != 0 ? hash : 1;
}

uint64_t
spend_rule_window(const struct spend_rule *rule, int64_t wall_ms)
{
    return wall_ms > 0 ? (uint64_t)wall_ms / rule->window_ms : 0;
}
