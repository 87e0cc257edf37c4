/*
 * settings.h - what holds for one call of routing, retries, cache, limits and
 * logs: the layers of common/settings_rows.h, merged once, when it is routed.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_SETTINGS_H
#define AIGW_WORKER_SETTINGS_H

#include "worker/request.h"

/*
 * settings_resolve - request->settings and request->gateway; the catalogue is
 * there. Where no layer but the lowest says anything, they are the catalogue's
 * own and nothing is copied. 0, or -1 with *fault: a field that is not
 * understood, or a key that changed hands.
 */
int settings_resolve(struct request *request, struct fault *fault) MUST_CHECK;

static inline uint32_t
setting_of(const struct request *request, enum setting setting)
{
    return request->settings->values[setting];
}

#endif
