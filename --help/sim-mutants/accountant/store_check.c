/*
 * store_check.c - see store_check.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/store_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accountant/policy.h"

static int
refuse(char *reason, size_t size, const char *text)
{
    snprintf(reason, size, "%s", text);
    return -EINVAL;
}

static bool
name_is_good(const char *name)
{
    size_t len = strnlen(name, GATEWAY_NAME_BYTES);
    if (len == 0 || len == GATEWAY_NAME_BYTES)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return false;
    return true;
}

static int
check_budgets(const struct budget *budgets, int rows_max, char *reason,
              size_t size)
{
    int rows = 0;
    for (int i = 0; i < SHM_BUDGETS; i++) {
        const struct budget *b = &budgets[i];
        if (b->period == SHM_PERIOD_NONE)
            continue;
        rows++;
        if (b->unit >= SHM_UNITS || b->period > SHM_PERIOD_TOTAL)
            return refuse(reason, size, "a budget has no known unit or period");
        if (b->limit < 0 || b->limit > CHECK_LIMIT_MAX)
            return refuse(reason, size, "a budget's limit is out of range");
        for (int j = 0; j < i; j++)
            if (budgets[j].period == b->period && budgets[j].unit == b->unit)
                return refuse(reason, size,
                              "two budgets have the same unit and period");
    }
    if (rows > rows_max)
        return refuse(reason, size,
                      "a group has at most seven budgets besides its balance");
    return 0;
}

int
check_gateway(const struct gateway *gateway, char *reason, size_t size)
{
    if (!name_is_good(gateway->name))
        return refuse(reason, size,
                      "a name has 1 to 63 bytes and no control characters");
    if (gateway->on_exhausted > SHM_ON_FINISH)
        return refuse(reason, size, "on_exhausted is not known");
    if (gateway->model_count > SHM_MODELS_MAX)
        return refuse(reason, size, "there are too many models");
    for (uint32_t i = 0; i < gateway->model_count; i++) {
        size_t len = strlen(gateway->models[i]);
        if (len == 0 || len >= SHM_NAME_BYTES)
            return refuse(reason, size, "a model's name has 1 to 127 bytes");
    }
    if (gateway->acl_count > SHM_ACL_MAX)
        return refuse(reason, size, "there are at most 16 IP ranges");
    for (uint32_t i = 0; i < gateway->acl_count; i++) {
        uint8_t addr[16];
        uint32_t prefix_len;
        if (policy_parse_cidr(gateway->acl[i], addr, &prefix_len) < 0)
            return refuse(reason, size,
                          "an IP range is an address, or address/bits");
    }
    if (memchr(gateway->tags, 0, sizeof(gateway->tags)) == NULL)
        return refuse(reason, size, "the tags are too long");
    return check_budgets(gateway->budgets, SHM_BUDGETS, reason, size);
}

int
check_group(const struct group *group, char *reason, size_t size)
{
    if (!name_is_good(group->name))
        return refuse(reason, size,
                      "a name has 1 to 63 bytes and no control characters");
    return check_budgets(group->budgets, SHM_BUDGETS - 1, reason, size);
}
