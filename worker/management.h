/*
 * management.h - management requests of the admin listeners: handed to the
 * accountant's unix socket, which checks who may; its answer is handed back.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_MANAGEMENT_H
#define AIGW_WORKER_MANAGEMENT_H

#include "worker/request.h"

enum { MANAGEMENT_BODY_MAX = 1024 * 1024 };

/* The request's head and body are complete. */
void management_start(struct request *request);
/* The worker stops. */
void management_cut(struct request *request);

#endif
