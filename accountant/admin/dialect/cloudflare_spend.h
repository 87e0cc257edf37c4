/*
 * cloudflare_spend.h - spend_limits of a gateway between Cloudflare's object and
 * the rules of a profile (common/spend_rule.h).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_DIALECT_CLOUDFLARE_SPEND_H
#define AIGW_ACCOUNTANT_ADMIN_DIALECT_CLOUDFLARE_SPEND_H

#include "accountant/admin/dialect/cloudflare.h"

/* A list of texts for "spend_rules"; NULL: none is on. */
cJSON *cloudflare_spend_rules(const cJSON *spend_limits,
                              cJSON *faults) MUST_CHECK;

#endif
