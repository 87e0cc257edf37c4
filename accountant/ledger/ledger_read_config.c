/*
 * ledger_read_config.c - what the ledger has of configuration: the parts that
 * management made, and the versions of prices.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>

#include "accountant/ledger/ledger_internal.h"
#include "accountant/ledger/ledger_value.h"

struct config_scan {
    bool (*config)(struct str section, struct str name, struct str bytes,
                   void *context);
    bool (*price)(const struct ledger_price *price, void *context);
    void *context;
    bool bad;
};

static int
scan(struct ledger *ledger, struct ledger_snapshot *snapshot,
     const struct ledger_key *prefix, ledger_pair each,
     struct config_scan *config_scan, struct buf *error)
{
    int rc =
        ledger_scan(ledger, snapshot, prefix, NULL, each, config_scan, error);
    if (rc == 0 && config_scan->bad) {
        if (error != NULL)
            buf_printf(error, "a record of kind '%c' is damaged",
                       prefix->bytes[0]);
        rc = -EBADMSG;
    }
    return rc;
}

static bool
pair_config(struct str key, struct str value, void *context)
{
    struct config_scan *config_scan = context;
    struct str section, name;
    if (!ledger_key_parse_config(key, &section, &name)) {
        config_scan->bad = true;
        return false;
    }
    return config_scan->config(section, name, value, config_scan->context);
}

int
ledger_scan_configs(struct ledger *ledger, struct ledger_snapshot *snapshot,
                    bool (*each)(struct str section, struct str name,
                                 struct str bytes, void *context),
                    void *context, struct buf *error)
{
    struct config_scan config_scan = {.config = each, .context = context};
    struct ledger_key prefix;
    ledger_key_begin(&prefix, 'C');
    return scan(ledger, snapshot, &prefix, pair_config, &config_scan, error);
}

static bool
pair_price(struct str key, struct str value, void *context)
{
    struct config_scan *config_scan = context;
    struct ledger_price price = {0};
    size_t model_len = key.len < 6 ? 0 : key.len - 6;
    if (key.len < 6 || model_len >= sizeof(price.model) ||
        ledger_price_decode(value, &price) < 0) {
        config_scan->bad = true;
        return false;
    }
    memcpy(price.model, key.ptr + 1, model_len);
    price.version = ledger_key_read_u32(key.ptr + key.len - 4);
    return config_scan->price(&price, config_scan->context);
}

int
ledger_scan_prices(struct ledger *ledger, struct ledger_snapshot *snapshot,
                   const char *model,
                   bool (*each)(const struct ledger_price *price,
                                void *context),
                   void *context, struct buf *error)
{
    struct config_scan config_scan = {.price = each, .context = context};
    struct ledger_key prefix;
    ledger_key_begin(&prefix, 'R');
    if (model != NULL) {
        ledger_key_text(&prefix, model);
        ledger_key_u8(&prefix, 0);
    }
    return scan(ledger, snapshot, &prefix, pair_price, &config_scan, error);
}
