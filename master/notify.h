/*
 * notify.h - what a service manager is told (sd_notify(3) as a protocol, without
 * its library), and the sockets that it opened for us (sd_listen_fds(3)).
 * Without one, nothing of this does anything.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_MASTER_NOTIFY_H
#define AIGW_MASTER_NOTIFY_H

#include "common/heritage.h"

struct master;

/* Once, first: reads the environment. */
void notify_init(void);
/* One datagram to $NOTIFY_SOCKET; a manager that does not listen misses it. */
void notify_send(const char *format, ...) PRINTF_LIKE(1, 2);
/* RELOADING=1, for a reload and an upgrade. */
void notify_reloading(struct master *master);
/* After any event: READY, STOPPING, and what goes on in words. */
void notify_go_on(struct master *master);
/* WATCHDOG=1 when half of the manager's time is over. */
void notify_alive(uint64_t now_ms);

/*
 * activation_take - the listening sockets that were passed to us ($LISTEN_FDS);
 * fatal() for one that is no listening TCP socket. Their names, where they are
 * `aigw` or `aigw-admin`, say what they are for.
 */
unsigned activation_take(struct heritage_listener *out);
/* fatal() for a socket that the configuration does not name, or names for
 * another use. */
void activation_check(const struct heritage_listener *passed, unsigned count,
                      const struct heritage_listener *used,
                      unsigned used_count);

#endif
