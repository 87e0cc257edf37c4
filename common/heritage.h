/*
 * heritage.h - all that crosses fork() from the master to a child, and the
 * messages between them. Nothing of libcurl, OpenSSL or LevelDB is in it.
 *
 * The master fills one before each fork; the child owns its copy. Descriptors
 * that are not in it were closed by the child first of all (spawn.c).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_HERITAGE_H
#define AIGW_COMMON_HERITAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/certificate.h"
#include "common/config.h"
#include "common/crypto.h"

struct segment;
struct idempotency;
struct payload_rings;
struct answer_cache;

enum { HERITAGE_LISTENERS_MAX = 4 * CONFIG_LISTEN_MAX };

struct heritage_listener {
    int fd;
    bool admin; /* [admin]: management paths are served too */
    bool tls;
    char text[80];
};

struct heritage {
    const struct config *config;
    struct segment *segment;
    struct idempotency *idempotency;   /* NULL: switched off */
    struct payload_rings *payloads;    /* NULL: none are ever kept */
    struct answer_cache *answer_cache; /* NULL: switched off */
    const struct crypto_secrets *secrets;
    struct certificate *certificate; /* worker: wiped when it is in use */
    int control_fd;         /* SOCK_SEQPACKET to the master; EOF: it died */
    int accountant_wake_fd; /* eventfd: "look at rings and columns" */
    int admin_unix_fd;      /* accountant only, else -1: run_dir/aigw.sock */
    struct heritage_listener listeners[HERITAGE_LISTENERS_MAX]; /* worker */
    unsigned listener_count;
    uint32_t column; /* worker: its seat, already LIVE */
    uint64_t config_generation;
    uint64_t descriptors; /* that each process may have open; 0: no matter */
};

/*
 * heritage_connections - how many clients one worker serves at once: its share
 * of max_connections, or what its descriptors are enough for. Each client may
 * need one to a provider, and half as many idle ones wait there for the next
 * request (heritage_idle_upstream), so that none ever fails for want of one.
 */
uint32_t heritage_connections(const struct heritage *heritage);
uint32_t heritage_idle_upstream(const struct heritage *heritage);
/* Descriptors that a worker needs for its share of max_connections. */
uint64_t heritage_descriptors_wanted(const struct config *config);

/* One datagram each. CONFIG carries a memfd with config_serialize()d text. */
enum control_type {
    CONTROL_READY = 1,   /* child -> master: I serve */
    CONTROL_DRAIN,       /* -> worker: finish what you hold, then exit 0 */
    CONTROL_STOP,        /* -> worker: TERM, at once: cut with an error event;
                              -> accountant: flush all, sync, exit 0 */
    CONTROL_REOPEN,      /* -> child, with the error log: log_use() it */
    CONTROL_CONFIG,      /* -> accountant, with a descriptor; value = number */
    CONTROL_CONFIG_DONE, /* accountant -> master: catalogue published */
    CONTROL_CONFIG_FAILED, /* accountant -> master: text says why */
    CONTROL_CERTIFICATE,   /* -> worker, with a certificate_send() descriptor:
                              for connections from now on */
    /* -> accountant, for status: how many there were, and why the last one was
     * refused ("": it was not); what came of the last upgrade. */
    CONTROL_RELOADED,
    CONTROL_UPGRADED,
    CONTROL_RELOAD, /* accountant -> master: somebody who may asks for one */
};

struct control_message {
    uint32_t type;
    uint32_t pad;
    uint64_t value;
    char text[240]; /* NUL-terminated; reasons */
};

/* 0 or -errno; fd_to_pass -1 for none. Never blocks. */
int control_send(int fd, const struct control_message *message, int fd_to_pass);
/* 1 a message, 0 EOF, -EAGAIN, -errno. *passed_fd = -1 when none came. */
int control_receive(int fd, struct control_message *message, int *passed_fd);

#endif
