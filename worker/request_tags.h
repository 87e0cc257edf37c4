/*
 * request_tags.h - the metadata that a client gives its call: names and values
 * by which rows of the log are found and limits are partitioned.
 *
 *   cf-aig-metadata: {"team": "blue", "user": 17}    at most 5 entries
 *   x-aigw-metadata: {...}                           at most 16 in all
 *
 * Both may stand in one head; of a name in both the second one's value counts.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_REQUEST_TAGS_H
#define AIGW_WORKER_REQUEST_TAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

enum {
    TAGS_MAX = 16,
    TAGS_CLOUDFLARE_MAX = 5,
    TAGS_TEXT_BYTES = 640, /* names and values, decoded */
    TAGS_JSON_BYTES = 640, /* as the record has them */
};

/* Where its parts stand in `text`. */
struct request_tag {
    uint16_t key_off, key_len, value_off, value_len;
    bool is_text; /* else a number, true or false */
};

/*
 * Owner: the request. Names and values are decoded UTF-8 that may hold any byte;
 * a number or a boolean is a value as it was spelt. `json` is the same as one
 * object. Nothing of it is cleared but the counts.
 */
struct request_tags {
    uint8_t count;
    uint16_t text_len, json_len;
    struct request_tag items[TAGS_MAX];
    char text[TAGS_TEXT_BYTES];
    char json[TAGS_JSON_BYTES];
};

static inline void
request_tags_reset(struct request_tags *tags)
{
    tags->count = 0;
    tags->text_len = tags->json_len = 0;
}

/*
 * request_tags_add - the entries of a field's value, beside those that are there.
 * Values are strings, numbers or booleans: anything else, or what is no JSON
 * object, loses this field as a whole. Left out: names that begin with "cf.",
 * entries beyond `most` in this field or TAGS_MAX in all, entries for which
 * there is no room. `scratch` is overwritten.
 */
void request_tags_add(struct request_tags *tags, struct str value,
                      unsigned most, struct buf *scratch);
/* The value of `key`; {NULL, 0}: there is none. */
struct str request_tags_find(const struct request_tags *tags, struct str key);

#endif
