/*
 * admission.h - admission as guardrails need it, which take time: its limits are
 * looked at before them, and what they refuse is counted (request.h has the rest).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_ADMISSION_H
#define AIGW_WORKER_ADMISSION_H

#include "worker/request.h"

/* What would refuse the call now: 0, or -1 with *fault. Nothing is taken. May be
 * stored: its answer may be there already, for which no budget is asked. */
int admission_look(struct request *request, bool may_be_stored,
                   struct fault *fault) MUST_CHECK;
/* A guardrail refuses it: one more of its rates, and a row of the log, which
 * request_fail() writes. */
void admission_count_refused(struct request *request);

#endif
