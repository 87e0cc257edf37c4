/*
 * aiproxy.h - what the files of aiproxy's API share.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_DIALECT_AIPROXY_H
#define AIGW_ACCOUNTANT_ADMIN_DIALECT_AIPROXY_H

#include "accountant/admin/dialect/dialect.h"
#include "accountant/admin/dialect/shape.h"

extern const struct dialect_route aiproxy_tokens[], aiproxy_groups[],
    aiproxy_models[], aiproxy_channels[], aiproxy_logs[], aiproxy_dashboards[],
    aiproxy_monitor[], aiproxy_batch[], aiproxy_tests[], aiproxy_rest[];

enum {
    AIPROXY_ENABLED = 1,
    AIPROXY_DISABLED = 2,
    AIPROXY_PRIORITY = 10, /* of every channel */
    AIPROXY_PER_PAGE_MAX = 100,
    AIPROXY_BATCH_MAX = 200, /* objects of one request */
};

/* {data, success}; `data`: taken, NULL leaves it out. */
void aiproxy_answer(struct visit *visit, cJSON *data);
/* `page` (or `p`) from 1 and `per_page` from 1 to 100. */
struct aiproxy_page {
    uint64_t page, per_page;
    char page_text[24], per_page_text[24]; /* for native queries */
};
void aiproxy_read_page(const struct visit *visit, struct aiproxy_page *page);
/* A time of the query in whatever unit its digits say, in ms. */
int64_t aiproxy_time(const struct visit *visit, const char *name,
                     int64_t absent);
/* 1 enabled, 2 disabled, of a query or body; false: another number, answered. */
bool aiproxy_status_word(struct visit *visit, int64_t status,
                         const char **enabled);

/* The body's status as the native member "enabled"; false: as above. */
bool aiproxy_put_status(struct visit *visit, const cJSON *body, cJSON *native);

/* Channels are providers; their number is made of the name. */
int64_t aiproxy_channel_id(const char *provider);
cJSON *aiproxy_channel_shown(const char *provider);
/* What a channel's body says becomes a provider; false: not done yet, or
 * answered. */
bool aiproxy_channel_make(struct visit *visit, const cJSON *body);
/* A row of model_list as a model config, and back: what `config` names of it is
 * changed; false: not done yet, or answered. */
cJSON *aiproxy_model_shown(const cJSON *model);
bool aiproxy_model_save(struct visit *visit, const cJSON *config,
                        const char *name);
/* The number of a kind of provider. */
int aiproxy_channel_type(const char *kind);
/* The name of the provider with that number: NULL, not known yet or answered;
 * "" there is none. */
const char *aiproxy_channel_name(struct visit *visit, const char *number);

/* aiproxy_prices.c: a model's native `prices` as a price object of theirs, with
 * conditional_prices; and one of theirs (NULL: none) into the members of a native
 * model. False: answered, it has a condition that is not known here. */
cJSON *aiproxy_price(const cJSON *prices);
bool aiproxy_price_native(struct visit *visit, const cJSON *price,
                          cJSON *native);

/* A token as aiproxy shows a key: `plain` its value or NULL, `requests` so far. */
cJSON *aiproxy_token(const cJSON *key, const char *plain, int64_t requests);
/* The key's value, "" where the member may not see it. NULL: not known yet. */
const char *aiproxy_reveal(struct visit *visit, const cJSON *key);
/* Its calls so far, -1: not known yet, or answered. */
int64_t aiproxy_requests(struct visit *visit, const cJSON *key);

#endif
