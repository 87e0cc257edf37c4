/*
 * op_price_history.c - GET /admin/v1/prices: the versions of prices that calls
 * were charged with, and from when on.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/page.h"
#include "accountant/admin/price_json.h"
#include "accountant/ledger/ledger_read.h"
#include "accountant/managed.h"
#include "common/log.h"

struct history {
    char name[2 * 128]; /* "": all */
    struct page page;
    struct ledger_price *prices; /* of the page */
    size_t count;
    int result;
    struct buf error;
};

static void
history_free(void *work)
{
    struct history *history = work;
    free(history->prices);
    buf_fini(&history->error);
    free(history);
}

static bool
see_price(const struct ledger_price *price, void *context)
{
    struct history *history = context;
    if (page_has(&history->page))
        history->prices[history->count++] = *price;
    return true;
}

static void
history_work(struct ledger *ledger, struct ledger_snapshot *snapshot,
             void *context)
{
    struct history *history = ((struct call *)context)->work;
    history->result = ledger_scan_prices(
        ledger, snapshot, history->name[0] == '\0' ? NULL : history->name,
        see_price, history, &history->error);
}

/* MODEL@PROVIDER where that is a provider here: an endpoint's own. */
static void
names_to_json(struct json_writer *json, const struct store *store,
              const struct ledger_price *price)
{
    const char *mark = strrchr(price->model, '@');
    bool is_endpoint = mark != NULL && config_find_provider(store_config(store),
                                                            mark + 1) != NULL;
    json_key(json, "model");
    json_string(json, is_endpoint ? str_make(price->model,
                                             (size_t)(mark - price->model))
                                  : str_from(price->model));
    json_key(json, "provider");
    json_cstring(json, is_endpoint ? mark + 1 : NULL);
}

static void
history_done(void *context)
{
    struct call *call = context;
    struct history *history = call->work;
    struct json_writer *json = &call->json;
    if (history->result < 0) {
        call_fail(call, 503, "ledger_unavailable",
                  "The ledger cannot be read: %.300s.",
                  buf_cstr(&history->error));
        return;
    }
    json_object_begin(json);
    json_key(json, "currency");
    json_cstring(json, store_config(call->store)->server.currency);
    json_key(json, "data");
    json_array_begin(json);
    for (size_t i = 0; i < history->count; i++) {
        const struct ledger_price *price = &history->prices[i];
        json_object_begin(json);
        names_to_json(json, call->store, price);
        json_key(json, "version");
        json_u64(json, price->version);
        json_key(json, "since");
        json_time(json, price->since_ms);
        json_key(json, "prices");
        prices_to_json(json, &price->prices, &price->tiers);
        json_object_end(json);
    }
    page_answer(call, &history->page);
}

void
op_prices_list(struct call *call)
{
    const char *model = query_get(&call->query, "model");
    const char *provider = query_get(&call->query, "provider");
    struct history *history = calloc(1, sizeof(*history));
    if (history == NULL)
        fatal("out of memory");
    buf_init(&history->error, 0);
    call->work = history;
    call->work_free = history_free;
    if (!page_read(call, &history->page)) {
        call_refuse(call);
        return;
    }
    if (provider != NULL && model == NULL) {
        admin_error_field(&call->error, "provider",
                          "'provider' needs a 'model' beside it.");
        call_refuse(call);
        return;
    }
    if (model != NULL)
        snprintf(history->name, sizeof(history->name), "%s%s%s", model,
                 provider != NULL ? "@" : "", provider != NULL ? provider : "");
    history->prices = calloc(history->page.limit, sizeof(*history->prices));
    if (history->prices == NULL)
        fatal("out of memory");
    call_query(call, history_work, history_done);
}
