/*
 * connection.h - one client of the unix socket: reads requests, one at a time,
 * writes their answers, keeps deadlines. Knows HTTP; no operation.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_CONNECTION_H
#define AIGW_ACCOUNTANT_ADMIN_CONNECTION_H

#include "accountant/admin/admin_state.h"

/* Takes `fd` (accepted, non-blocking) on; closes it when there is no memory. */
void connection_open(struct admin *admin, int fd);
/* The call's answer goes out; the call is not kept. */
void connection_answer(struct connection *connection, struct call *call);
/* Another call answers it from now on. */
void connection_hand_over(struct connection *connection, struct call *call);
/* An answer in pieces: its head; what comes next, when the one before was taken;
 * the end, or a cut that no client takes for it. call_stream_*() use these. */
void connection_stream_begin(struct connection *connection,
                             const struct call *call);
void connection_stream_add(struct connection *connection, struct str piece);
void connection_stream_end(struct connection *connection, bool whole);
bool connection_is_head(const struct connection *connection);
/* Closes those that have had an answer and are silent; the others end with
 * their next answer. */
void connection_drain_all(struct admin *admin);
/* Closes all; calls under way go on without a client. */
void connection_close_all(struct admin *admin);

#endif
