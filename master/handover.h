/*
 * handover.h - what a master leaves to the program that it becomes by exec:
 * descriptors, children, the running configuration and certificate, and the
 * master secret.
 *
 * It is text in a memory file, a line a thing, so that an older and a newer
 * program understand each other: a line that one does not know is passed over,
 * the first line names the version. Its descriptor's number stands in the
 * environment (HANDOVER_VARIABLE). exec() keeps the pid, so children stay
 * children, and locks stay held.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_MASTER_HANDOVER_H
#define AIGW_MASTER_HANDOVER_H

#include <sys/types.h>

#include "common/buf.h"
#include "common/heritage.h"

enum {
    HANDOVER_VERSION = 1,
    HANDOVER_CHILDREN_MAX = 1024,
    HANDOVER_BYTES_MAX = 1 << 20,
};

#define HANDOVER_VARIABLE "AIGW_HANDOVER"

struct handover_child {
    bool is_worker; /* else the accountant */
    pid_t pid;
    unsigned state; /* enum child_state */
    uint32_t column;
    uint64_t generation, started_ms;
    int control_fd;
};

struct handover {
    int fd; /* of the memory file itself */
    uint64_t pid, start_time;
    uint64_t generation; /* of the configuration */
    bool workers_off;    /* WINCH */
    bool upgrade_wanted; /* a further USR2 came */
    bool is_return;      /* the new program could not start: back again */
    int exe_fd;          /* the program that handed over, O_PATH */
    int config_fd;       /* its configuration as text */
    int secret_fd;       /* the master secret: nothing is read from disk */
    int certificate_fd;  /* certificate_send(), also where there is none */
    int pid_file_fd, admin_unix_fd, wake_fd;
    uint64_t reloads, upgrades;
    char version[32]; /* of the program that handed over */
    char config_path[1024], reload_reason[240];
    struct heritage_listener listeners[HERITAGE_LISTENERS_MAX];
    unsigned listener_count;
    struct handover_child children[HANDOVER_CHILDREN_MAX];
    unsigned child_count;
};

/* A memory file with the text, CLOEXEC. -errno. */
int handover_write(const struct handover *handover) MUST_CHECK;
/*
 * Reads it back. 0; -EBADMSG with a sentence in `error` when it is not whole,
 * not of this process, or names a descriptor that is not open.
 */
int handover_read(int fd, struct handover *handover,
                  struct buf *error) MUST_CHECK;
/* Every descriptor that it names, itself included, open over exec or not. 0 or
 * -errno; on an error all are closed at exec again. */
int handover_keep_open(const struct handover *handover, bool open) MUST_CHECK;

#endif
