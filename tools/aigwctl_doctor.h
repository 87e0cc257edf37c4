/*
 * aigwctl_doctor.h - `aigwctl doctor`: what may be wrong with a server and its
 * machine, a row for each thing that was looked at, with what to do about it.
 * Nothing is changed by looking.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TOOLS_AIGWCTL_DOCTOR_H
#define AIGW_TOOLS_AIGWCTL_DOCTOR_H

#include "common/config.h"
#include "tools/aigwctl.h"

/* WARN: it works, and somebody should know. FAIL: exit status 1. */
enum doctor_state { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL, DOCTOR_STATES };

struct doctor {
    struct connect *connect;
    bool is_local;         /* by socket: the server's machine is this one */
    cJSON *rows;           /* {state, check, subject, detail, todo} */
    cJSON *status;         /* the server's answer; NULL: it did not answer */
    struct config *config; /* of the file; NULL: unreadable or wrong */
    unsigned counts[DOCTOR_STATES];
    int64_t asked_ms, answered_ms; /* wall time around `status` */
};

/* A row more; `todo` NULL: nothing is to be done. */
void doctor_say(struct doctor *doctor, enum doctor_state state,
                const char *check, const char *subject, const char *todo,
                const char *format, ...) PRINTF_LIKE(6, 7);
/* GET of the management API; NULL with a sentence in `error`. The caller's. */
cJSON *doctor_ask(struct doctor *doctor, const char *path, struct buf *error);

/* ---- what the server says of itself (aigwctl_doctor_server.c) ---- */
void doctor_server(struct doctor *doctor);
void doctor_clock(struct doctor *doctor);
void doctor_ledger(struct doctor *doctor);
/* ---- its machine (aigwctl_doctor_host.c) ---- */
/* `named`: file of the command line, or NULL. */
void doctor_config(struct doctor *doctor, const char *named);
void doctor_permissions(struct doctor *doctor);
void doctor_limits(struct doctor *doctor);
/* ---- what it talks to (aigwctl_doctor_net.c) ---- */
void doctor_ports(struct doctor *doctor);
void doctor_providers(struct doctor *doctor);

#endif
