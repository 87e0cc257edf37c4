/*
 * console.h - GET /console/ and what is below it: the web console's page and
 * files. They hold no secret, so nobody has to be known; what the page shows it
 * asks the management API for, with a login.
 *
 * Every path below /console/ that is no file is the page: it reads the path
 * itself (/console/keys/7).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_CONSOLE_CONSOLE_H
#define AIGW_ACCOUNTANT_CONSOLE_CONSOLE_H

#include "accountant/admin/call.h"

/* Whether the path (as sent) is the console's. */
bool console_has(struct str path);
/* The call will be answered as its head says, once its body is there. False:
 * out of memory. */
bool console_begin(struct call *call, const struct http_head *head) MUST_CHECK;

#endif
