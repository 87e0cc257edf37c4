/*
 * price_json.h - prices as management shows and reads them: decimal numbers per
 * million tokens, of images and requests per unit.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_PRICE_JSON_H
#define AIGW_ACCOUNTANT_ADMIN_PRICE_JSON_H

#include "common/json_write.h"
#include "common/money.h"

/* One class of what is paid for. */
struct price_class {
    const char *name;   /* in JSON and CSV; the option is "price_" + it */
    size_t offset;      /* of the int64_t in struct prices */
    int scale;          /* of the text: money_parse() */
    const char *public; /* LiteLLM's public list, per token or unit */
};
enum { PRICE_CLASSES = 10 };
extern const struct price_class price_classes[PRICE_CLASSES];

static inline int64_t *
price_of(struct prices *prices, const struct price_class *class)
{
    return (int64_t *)(void *)((char *)prices + class->offset);
}

/* An object, or null where nothing is priced. */
void prices_to_json(struct json_writer *json, const struct prices *prices);

#endif
