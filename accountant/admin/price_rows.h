/*
 * price_rows.h - lists of prices as others write them: LiteLLM's public JSON, or
 * CSV with a header. Read whole; a row that cannot be read is kept with why.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_PRICE_ROWS_H
#define AIGW_ACCOUNTANT_ADMIN_PRICE_ROWS_H

#include <cjson/cJSON.h>

#include "accountant/admin/admin_error.h"
#include "common/price_tier.h"

struct price_row {
    char model[128], provider[64]; /* provider "": of the model */
    struct prices prices;
    struct price_tiers tiers; /* not completed */
    bool says_tiers;          /* else those of the model stay */
    const char *fault;        /* a literal; NULL: prices are good */
};

struct price_rows {
    struct price_row *rows;
    size_t count;
};

/* An object of objects, each the prices of the model that is its name. Those of
 * models that state nothing in tokens, images or requests are left out. */
bool price_rows_litellm(const cJSON *data, struct price_rows *rows,
                        struct admin_error *error) MUST_CHECK;
/*
 * RFC 4180. Columns by name: model, provider (may be absent), and the classes of
 * price_json.h, "price_" before them or not; no cell: not stated.
 */
bool price_rows_csv(const char *text, struct price_rows *rows,
                    struct admin_error *error) MUST_CHECK;
void price_rows_fini(struct price_rows *rows);

#endif
