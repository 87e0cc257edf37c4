/*
 * clickzetta.h - what answers under /gateway/v1/ have besides those under /v1/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_CLICKZETTA_H
#define AIGW_WORKER_CLICKZETTA_H

#include "worker/request.h"

/*
 * The token quotas of the key as fields of a good answer: periods (PDO, PWO, PMO,
 * PTO), limits, used and remaining, in step and by comma where there are several.
 * Used as it was when the call was admitted: without this call. None where the
 * key has none, or was just given away.
 */
void clickzetta_fields(const struct request *request, struct buf *out);

#endif
