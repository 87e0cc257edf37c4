/*
 * upgrade.h - USR2: from the running program to the one that its file holds now.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_MASTER_UPGRADE_H
#define AIGW_MASTER_UPGRADE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/check.h"

struct config;
struct handover;
struct master;

/* USR2: the program's file runs as a child with --check-upgrade; then this
 * process becomes it (upgrade.c), takes over what lives (takeover.c) and puts
 * new children in the places of the old ones. */
struct upgrade {
    bool wanted;       /* USR2 came while a reload was under way */
    pid_t checker;     /* 0: none runs */
    int exe_fd;        /* the file that is checked, O_PATH; -1 */
    int output_fd;     /* what the checker says; -1 */
    uint64_t since_ms; /* of the checker, or of the take-over */
    bool replacing;    /* new children of the new program are on their way */
    bool reload_after; /* the file says other things than what runs */
    uint64_t count;    /* upgrades that were done or refused */
    char outcome[240]; /* of the last one */
};

/* ---- upgrade.c ---- */
void upgrade_begin(struct master *master); /* USR2 */
void upgrade_go_on(struct master *master); /* after any event */
/* True: it was the checker. */
bool upgrade_on_exit(struct master *master, pid_t pid, int status);
void upgrade_on_done(struct master *master); /* the new workers are ready */
void upgrade_tell_outcome(struct master *master); /* to the accountant */

/* ---- upgrade_check.c: what the new program says of itself ---- */
/* --check-upgrade HASH -c path, the running configuration on stdin. Exit
 * status. */
int upgrade_check_main(const char *layout, const char *path);
/* Its last line when all is well, and the version of the hand-over. */
#define UPGRADE_CHECK_OK "upgrade-check ok handover=%d version="
enum { UPGRADE_EXIT_REFUSED = 1, UPGRADE_EXIT_OTHER_LAYOUT = 3 };

/* ---- takeover.c: the new program's start ---- */
/* NULL: this is no upgrade. fatal() when the hand-over cannot be used. */
struct handover *takeover_find(void);
struct config *takeover_config(const struct handover *handover) MUST_CHECK;
/* In place of master_start(). A fatal() in it goes back to the old program. */
void master_take_over(struct master *master, struct handover *handover);

#endif
