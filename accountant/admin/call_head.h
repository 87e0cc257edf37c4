/*
 * call_head.h - what the head of a request alone decides: who, which operation,
 * with which parameters.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_CALL_HEAD_H
#define AIGW_ACCOUNTANT_ADMIN_CALL_HEAD_H

#include "accountant/admin/call.h"

/* `bytes`: the head as it came. A fault is kept in the call and answered once
 * the body has been read. */
void call_read_head(struct call *call, const struct http_head *head,
                    struct str bytes, bool peer_allowed);

#endif
