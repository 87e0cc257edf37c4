/*
 * balance_rule.h - [balance]: groups whose balance another service keeps, and
 * the options of it (config_options.h). accountant/balance.h has the whole.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_BALANCE_RULE_H
#define AIGW_COMMON_BALANCE_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/config.h"

enum { BALANCE_GROUPS_MAX = 64 };

// clang-format off
#define CONFIG_BALANCE_OPTIONS(O) \
    O(balance, url, url, URL, "", "", 0, CONFIG_TEXT, RELOAD, \
      "of the account service (Sealos' calls), without /admin/v1alpha1; none: every balance is the ledger's") \
    O(balance, jwt_secret, jwt_secret, SECRET, "", "", 0, CONFIG_TEXT, RELOAD, \
      "signs the bearer token (HS256) that the service is shown") \
    O(balance, groups, groups, LIST, "NAME|PREFIX*", "*", 1, BALANCE_GROUPS_MAX, RELOAD, \
      "groups whose balance it keeps; the group's name is the namespace it is asked for") \
    O(balance, interval, interval_ms, DURATION, "", "30s", 100, CONFIG_HOUR, RELOAD, \
      "time between two questions for a group that is used, and two charges of it") \
    O(balance, max_age, max_age_ms, DURATION, "", "5m", 200, 30 * CONFIG_DAY, RELOAD, \
      "how long an answer holds when there is no newer one; then the group's calls are refused (503)") \
    O(balance, timeout, timeout_ms, DURATION, "", "5s", 100, 60000, RELOAD, \
      "time for an answer; a charge without one is unknown, never sent again by itself") \
    O(balance, app_name, app_name, STRING, "", "aigw", 1, 63, RELOAD, \
      "appName of a charge: what its bill says") \
    O(balance, ca_file, ca_file, STRING, "path", "", 0, CONFIG_TEXT, RELOAD, \
      "certificates that its own must be signed by, PEM; none: those of the system") \
    O(balance, real_name, real_name, BOOL, "", "no", 0, 0, RELOAD, \
      "ask whether the account's owner has proved his name, and hold groups of others to real_name_limit") \
    O(balance, real_name_limit, real_name_limit, STRING, "AMOUNT", "1", 1, 32, RELOAD, \
      "what such a group may spend, in all")
// clang-format on

/* Whether the service keeps that group's balance. */
bool balance_rule_covers(const struct config_balance *balance,
                         const char *group);
/* real_name_limit in nano, of a section that was checked. */
int64_t balance_rule_real_name_limit(const struct config_balance *balance);
/* 0, or -EINVAL with a reason. */
int balance_rule_check(const struct config_balance *balance,
                       struct buf *reason) MUST_CHECK;

#endif
