/*
 * control.h - the accountant's end of the master's messages: new configuration,
 * reopen, stop; and the end of the master itself.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_CONTROL_H
#define AIGW_ACCOUNTANT_CONTROL_H

#include "accountant/store.h"

struct admin;

struct control {
    const struct heritage *heritage;
    struct store *store;
    struct loop *loop;
    struct loop_source source;
    struct admin *admin;     /* NULL: does not serve yet */
    struct loop_timer grace; /* of management's clients at a stop */
    struct loop_timer retry; /* of the last flush */
    uint64_t stop_since_ms;  /* monotonic; 0: not stopping */
    bool orphaned;           /* the master is gone */
    uint64_t config_number;  /* of the configuration being applied */
    int exit_status;
};

/* 0 or -errno. */
int control_open(struct control *control, const struct heritage *heritage,
                 struct store *store) MUST_CHECK;
void control_close(struct control *control);
/* CONTROL_READY. */
void control_say_ready(struct control *control);

#endif
