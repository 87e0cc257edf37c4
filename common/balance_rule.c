/*
 * balance_rule.c - see balance_rule.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/balance_rule.h"

#include <errno.h>
#include <string.h>

#include "common/money.h"

enum { NANO_PLACES = 9 };

static bool
matches(const char *pattern, const char *group)
{
    size_t len = strlen(pattern);
    if (len > 0 && pattern[len - 1] == '*')
        return strncmp(group, pattern, len - 1) == 0;
    return strcmp(group, pattern) == 0;
}

bool
balance_rule_covers(const struct config_balance *balance, const char *group)
{
    for (unsigned i = 0; balance->url != NULL && i < balance->groups.count; i++)
        if (matches(balance->groups.items[i], group))
            return true;
    return false;
}

int64_t
balance_rule_real_name_limit(const struct config_balance *balance)
{
    int64_t nano;
    if (balance->real_name_limit == NULL ||
        money_parse(str_from(balance->real_name_limit), NANO_PLACES, &nano) !=
            0 ||
        nano < 0)
        return -1;
    return nano;
}

int
balance_rule_check(const struct config_balance *balance, struct buf *reason)
{
    if (balance_rule_real_name_limit(balance) < 0) {
        buf_printf(reason, "real_name_limit must be an amount, as 1 or 0.5");
        return -EINVAL;
    }
    for (unsigned i = 0; i < balance->groups.count; i++) {
        const char *star = strchr(balance->groups.items[i], '*');
        if (star != NULL && star[1] != '\0') {
            buf_printf(reason, "\"%.63s\" of groups has a * before its end",
                       balance->groups.items[i]);
            return -EINVAL;
        }
    }
    return 0;
}
