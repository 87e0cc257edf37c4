/*
 * aigwctl_policy.h - flags that describe a key or group, as members of the
 * body of a management request.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TOOLS_AIGWCTL_POLICY_H
#define AIGW_TOOLS_AIGWCTL_POLICY_H

#include <stdint.h>

#include "tools/aigwctl.h"

/* Each adds what its flags say; false with a sentence in `error`. */
bool policy_add_budget(cJSON *body, const struct arguments *args,
                       struct buf *error) MUST_CHECK;
bool policy_add_expiry(cJSON *body, const char *text,
                       struct buf *error) MUST_CHECK;
bool policy_add_limits(cJSON *body, const struct arguments *args,
                       struct buf *error) MUST_CHECK;
/* Whether one of its flags is there. */
bool policy_has_limits(const struct arguments *args);
void policy_add_models(cJSON *body, const char *list);
bool policy_add_acl(cJSON *body, const struct arguments *args,
                    struct buf *error) MUST_CHECK;
/* aigwctl_route.c: flags of a key's settings; what is "unset" is left to its group
 * or profile again. */
bool policy_add_settings(cJSON *body, const struct arguments *args,
                         struct buf *error) MUST_CHECK;
/* Its settings of a route as the reference CLI shows them, or NULL. */
cJSON *policy_routing(const cJSON *key);
/* All of them, and policies and tags. */
bool policy_add_all(cJSON *body, const struct arguments *args,
                    struct buf *error) MUST_CHECK;

/* "90s", "30m", "12h", "7d", "2w" -> ms; 0 when it is none of these. */
int64_t duration_ms(const char *text);
/* "a,b" as a JSON list of strings. */
cJSON *list_of(const char *text);

#endif
