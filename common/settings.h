/*
 * settings.h - how a call is routed, tried again, cached, limited and logged, as
 * numbers: one layer of it (a key's, a header's) or all merged. The rows are in
 * settings_rows.h.
 *
 * Plain and fixed in size: it lies in the segment as words, in the catalogue and
 * in a request. As text it is lines `name = value`, which the ledger keeps.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_SETTINGS_H
#define AIGW_COMMON_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/settings_rows.h"

enum setting {
#define SETTING_ID(a, b, id, ...) SETTING_##id,
    SETTINGS_ROWS(SETTING_ID, , )
#undef SETTING_ID
        SETTINGS
};

enum {
    SETTINGS_LISTS = 3,
    SETTINGS_LIST_MAX = 8,
    SETTINGS_TEXT_MAX = 2048,
    SETTINGS_CREDENTIAL_MAX = 127, /* bytes of "PROVIDER/NAME" */
};
enum settings_list { SETTINGS_ORDER, SETTINGS_ONLY, SETTINGS_IGNORE };

enum setting_route { ROUTE_DEFAULT, ROUTE_PROVIDER, ROUTE_BYOK };
enum setting_sort {
    SORT_ORDER,
    SORT_DRAW,
    SORT_PRICE,
    SORT_THROUGHPUT,
    SORT_LATENCY,
};
enum setting_data_collection { DATA_ALLOW, DATA_DENY };
enum setting_affinity { AFFINITY_OFF, AFFINITY_SESSION, AFFINITY_PREFIX };
enum setting_backoff { BACKOFF_CONSTANT, BACKOFF_LINEAR, BACKOFF_EXPONENTIAL };
enum setting_cache_scope { CACHE_OF_GROUP, CACHE_OF_KEY, CACHE_OF_GATEWAY };
enum setting_technique { RATE_FIXED, RATE_SLIDING };

enum setting_type {
    SETTING_TYPE_ENUM,
    SETTING_TYPE_UINT,
    SETTING_TYPE_BOOL,
    SETTING_TYPE_MS,
    SETTING_TYPE_SECONDS,
    SETTING_TYPE_PROVIDERS,
    SETTING_TYPE_CREDENTIALS,
    SETTING_TYPE_GATEWAY,
};

/* Copied as 64-bit words: settings_init() clears its holes, too. */
struct settings {
    uint64_t set; /* bit per setting: this layer says it */
    uint32_t
        values[SETTINGS]; /* GATEWAY: settings_name_hash(); lists: unused */
    struct settings_providers {
        uint16_t count;
        uint16_t idx[SETTINGS_LIST_MAX]; /* provider_idx of the segment */
        uint16_t pad;
    } lists[SETTINGS_LISTS];
    struct settings_names { /* PRIVATE_KEYS: settings_name_hash() of each */
        uint32_t count, hash[SETTINGS_LIST_MAX];
    } private_keys;
};
enum { SETTINGS_WORDS = sizeof(struct settings) / 8 };
_Static_assert(SETTINGS <= 64, "a bit for each");

struct setting_row {
    const char *name, *words, *fallback, *cf_header, *own_header, *text;
    enum setting_type type;
    uint32_t min, max;
};
extern const struct setting_row setting_rows[SETTINGS];

/* The number of a provider, or -1: none of that name. */
typedef int (*settings_find_provider)(const void *context, struct str name);

static inline bool
settings_has(const struct settings *settings, enum setting setting)
{
    return (settings->set >> setting & 1) != 0;
}

/* Every row at its default; set: 0. */
void settings_init(struct settings *settings);
/* Row of that name, or -1. */
int settings_find(struct str name);
/*
 * settings_put - `text` as the value of `setting`; in a header a number may stand
 * without its unit. `find` NULL: names of providers are not looked up (a check
 * of the form). 0, or -EINVAL with a reason that never shows more of the text
 * than its first 60 bytes.
 */
int settings_put(struct settings *settings, enum setting setting,
                 struct str text, settings_find_provider find,
                 const void *context, struct buf *reason) MUST_CHECK;
/* Whatever `upper` says in place of what `lower` says; its `set` grows. */
void settings_merge(struct settings *lower, const struct settings *upper);
/*
 * settings_read - lines `name = value` into a layer. Providers that are not
 * there any more are left out of their list. 0, -EINVAL.
 */
int settings_read(struct settings *settings, struct str text,
                  settings_find_provider find, const void *context,
                  struct buf *reason) MUST_CHECK;
/* What a profile's name is called in values[SETTING_GATEWAY]; never 0. */
uint32_t settings_name_hash(struct str name);

#endif
