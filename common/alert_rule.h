/*
 * alert_rule.h - [alert.NAME]: when a webhook is told that a budget or a balance
 * is nearly spent, and the options of it (config_options.h).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_ALERT_RULE_H
#define AIGW_COMMON_ALERT_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/config.h"

enum { ALERT_LEVELS_MAX = 8, ALERT_PERCENT_MAX = 1000, ALERT_NAME_MAX = 63 };

struct config_alert {
    char *name;
    char *url;                          /* of the webhook */
    char *secret;                       /* NULL: bodies are not signed */
    struct config_list budget, balance; /* percents; amounts */
    char *group, *key;                  /* NULL: any */
    uint64_t timeout_ms;
    bool enabled;
    bool guarded; /* made by management: public addresses only */
};

// clang-format off
#define CONFIG_ALERT_OPTIONS(O) \
    O(alert, url, url, URL, "", "", 0, CONFIG_TEXT, RELOAD, \
      "told by POST, until it answers 2xx") \
    O(alert, secret, secret, SECRET, "", "", 0, CONFIG_TEXT, RELOAD, \
      "signs what is sent: x-aigw-signature") \
    O(alert, budget, budget, LIST, "PERCENT", "", 0, ALERT_LEVELS_MAX, RELOAD, \
      "when so much of a budget of a key or group is used") \
    O(alert, balance, balance, LIST, "AMOUNT", "", 0, ALERT_LEVELS_MAX, RELOAD, \
      "when the balance of a group falls below it") \
    O(alert, group, group, STRING, "NAME", "", 0, 63, RELOAD, \
      "of this group and its keys only") \
    O(alert, key, key, STRING, "NAME", "", 0, 63, RELOAD, \
      "of keys of this name only, and of no group") \
    O(alert, timeout, timeout_ms, DURATION, "", "5s", 100, 60000, RELOAD, \
      "time for its answer") \
    O(alert, enabled, enabled, BOOL, "", "yes", 0, 0, RELOAD, \
      "no: what happens meanwhile is not told")
// clang-format on

/* What a rule looks for, parsed. Of lists that are good, all items. */
struct alert_levels {
    unsigned percent_count, balance_count;
    uint64_t percents[ALERT_LEVELS_MAX];
    int64_t balances[ALERT_LEVELS_MAX]; /* nano */
};
/* 0, or -EINVAL with a reason. */
int alert_levels_parse(const struct config_alert *alert,
                       struct alert_levels *levels,
                       struct buf *reason) MUST_CHECK;

#endif
