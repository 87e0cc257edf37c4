/*
 * canon_index.h - tool calls of a canonical request by their ids: what a tool
 * result answers, and what signs a call, name no more than that.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_DIALECT_CANON_INDEX_H
#define AIGW_WORKER_DIALECT_CANON_INDEX_H

#include "worker/dialect/canon.h"

/*
 * canon_call_find - the last TOOL_CALL with this id before part `before`, or
 * UINT32_MAX: none, or no memory (request->failed). Quick for who asks in the
 * order of parts, as readers and writers do: going back, all parts before are
 * looked at again. A part's id must not change once it was passed.
 */
uint32_t canon_call_find(struct canon_request *request, uint32_t before,
                         struct str id);
/* Its name, for a tool result where only the id stands. len 0: none. */
struct str canon_call_name(struct canon_request *request, uint32_t before,
                           struct str id);

#endif
