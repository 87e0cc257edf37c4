/*
 * sandbox.h - what a process of ours may still do once it serves: its user and
 * capabilities, the files it may write, the system calls it may make. A worker
 * reads bytes of strangers; should one of them find a hole in it, there is no
 * program to start, no file to change and no other process to read from there.
 *
 * Each layer is for one process and all its threads, never taken back, and goes
 * over fork. What the kernel does not have is logged and left out.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_SANDBOX_H
#define AIGW_COMMON_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"

enum sandbox_role {
    SANDBOX_WORKER,     /* writes to no file; speaks IP and unix sockets */
    SANDBOX_ACCOUNTANT, /* writes below its folders; unix sockets only */
};

/*
 * sandbox_keep_rights - the master: keeps no capability but those that it needs
 * to bind, to give files away, to change user and to signal; no program that it
 * starts gets more than it has itself (a new version of aigw needs no more).
 * Logs what fails.
 */
void sandbox_keep_rights(void);

/*
 * sandbox_drop_rights - a child: becomes `user` with that user's groups (NULL
 * or "": stays who it is), then without any capability, for good. 0 or -errno.
 */
int sandbox_drop_rights(const char *user) MUST_CHECK;

/*
 * sandbox_hide_memory - no core dump of this process, and nobody but root reads
 * its memory or descriptors through /proc or ptrace.
 */
void sandbox_hide_memory(void);

/*
 * sandbox_close - the last step before a role begins: from here on only reading
 * of files, but for those below `folders` (NULL-terminated; NULL: none), and
 * only the role's system calls. A forbidden one fails with EPERM; one that only
 * an intruder makes (execve, ptrace, mount ...) ends the process with SIGSYS.
 * Before any thread exists.
 */
void sandbox_close(enum sandbox_role role, const char *const *folders);

/*
 * sandbox_is_possible - false in builds with a sanitizer and under valgrind,
 * which make system calls of their own and start helpers.
 */
bool sandbox_is_possible(void);

/* ---- parts of sandbox_close() ---- */
/* 0; -ENOSYS, -EOPNOTSUPP where the kernel has none; another -errno. */
int sandbox_limit_calls(enum sandbox_role role) MUST_CHECK;
int sandbox_limit_files(const char *const *folders) MUST_CHECK;

#endif
