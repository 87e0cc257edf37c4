/*
 * alert_rule.c - see alert_rule.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/alert_rule.h"

#include <errno.h>
#include <string.h>

#include "common/money.h"

enum { NANO_PLACES = 9 };

int
alert_levels_parse(const struct config_alert *alert,
                   struct alert_levels *levels, struct buf *reason)
{
    *levels = (struct alert_levels){0};
    for (unsigned i = 0; i < alert->budget.count && i < ALERT_LEVELS_MAX; i++) {
        int64_t percent;
        struct str text = str_from(alert->budget.items[i]);
        if (text.len > 1 && text.ptr[text.len - 1] == '%')
            text.len--;
        if (money_parse(text, 0, &percent) != 0 || percent < 1 ||
            percent > ALERT_PERCENT_MAX) {
            buf_printf(reason, "\"%.40s\" is no percentage from 1 to %d",
                       alert->budget.items[i], ALERT_PERCENT_MAX);
            return -EINVAL;
        }
        levels->percents[levels->percent_count++] = (uint64_t)percent;
    }
    for (unsigned i = 0; i < alert->balance.count && i < ALERT_LEVELS_MAX;
         i++) {
        if (money_parse(str_from(alert->balance.items[i]), NANO_PLACES,
                        &levels->balances[i]) != 0) {
            buf_printf(reason,
                       "\"%.40s\" is no amount with at most nine places",
                       alert->balance.items[i]);
            return -EINVAL;
        }
        levels->balance_count++;
    }
    return 0;
}
