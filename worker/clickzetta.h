/*
 * clickzetta.h - what answers under /gateway/v1/ have besides those under /v1/:
 * quotas in their heads, errors in an envelope of their own.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_CLICKZETTA_H
#define AIGW_WORKER_CLICKZETTA_H

#include "worker/fault.h"
#include "worker/request.h"

enum { CLICKZETTA_CODE_BYTES = 64 };

/*
 * The token quotas of the key as fields of a good answer: periods (PDO, PWO, PMO,
 * PTO), limits, used and remaining, in step and by comma where there are several.
 * Used as it was when the call was admitted: without this call. None where the
 * key has none, or was just given away.
 */
void clickzetta_fields(const struct request *request, struct buf *out);

/* The path as it was sent, for errors; what is no plain text of it is "?". */
void clickzetta_keep_path(struct request *request, struct str path);
/* The status under which a fault is told there: by its code in their table, else
 * its own. Where several attempts, or one that nobody answered, failed: 502. */
uint16_t clickzetta_error_status(const struct request *request,
                                 const struct fault *fault);
/*
 * {"error": {code, message, source, retry_history}}. The message names path,
 * request, key and tenant; that of a spent quota has the words by which their
 * clients know it. History is the attempts so far, or null.
 */
void clickzetta_error_body(struct buf *out, const struct request *request,
                           const struct fault *fault);
/* A provider's own error as a fault: its status, its words. `code`: where the
 * fault's code stands. */
void clickzetta_upstream_fault(const struct request *request, struct str body,
                               char code[CLICKZETTA_CODE_BYTES],
                               struct fault *fault);

#endif
