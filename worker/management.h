/*
 * management.h - management requests of the admin listeners: handed to the
 * accountant's unix socket, which checks who may; its answer is handed back.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_MANAGEMENT_H
#define AIGW_WORKER_MANAGEMENT_H

#include "worker/request.h"

enum {
    MANAGEMENT_BODY_MAX = 1024 * 1024,
    MANAGEMENT_LIST_MAX = 8 * 1024 * 1024, /* of prices */
};

/* What a body for that path may have, as the accountant takes it. */
static inline uint64_t
management_body_max(struct str path)
{
    return str_equals(path, STR_LIT("/admin/v1/prices/import"))
               ? MANAGEMENT_LIST_MAX
               : MANAGEMENT_BODY_MAX;
}

/* The request's head and body are complete. */
void management_start(struct request *request);
/* The worker stops. */
void management_cut(struct request *request);

#endif
