/*
 * proc.h - a process's title, rights, identity, and descriptors.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_PROC_H
#define AIGW_COMMON_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/check.h"

/* Once, first thing in main(): remembers where argv stands, what it says, and
 * where the program's file is. */
void proc_title_init(int argc, char **argv);
/* argv as it was, NULL-terminated; it must not be changed. */
char *const *proc_arguments(void);
/* The absolute path by which the program was started, links in it not followed:
 * what stands there later is its successor. */
const char *proc_program_path(void);
/* execveat(2) of an open file (O_PATH is enough) with our environment. -errno;
 * it returns only when it failed. */
int proc_exec_fd(int fd, char *const argv[]);
void proc_title_set(const char *format, ...) PRINTF_LIKE(1, 2);

/* Start time of a pid in clock ticks since boot (/proc/PID/stat field 22), 0
 * when there is no such process. pid and start time together are identity. */
uint64_t proc_start_time(pid_t pid);
/* What a process has, from /proc/PID/status, in bytes: memory of its own, pages
 * of files, pages that it shares with others (the segment). descriptors: open
 * ones, 0 where the kernel (before 6.2) does not say. */
struct proc_usage {
    uint64_t own, files, shared, descriptors;
};
/* 0 or -errno. */
int proc_usage(pid_t pid, struct proc_usage *usage) MUST_CHECK;
/* pidfd_open(2), or -errno. */
int proc_pidfd_open(pid_t pid);
/* kill(2) and pidfd_send_signal(2): 0 or -errno. */
int proc_signal(pid_t pid, int number);
int proc_pidfd_signal(int pidfd, int number);

/* Blocks every signal that a role handles and returns a signalfd (CLOEXEC,
 * NONBLOCK) for those of `signals`, 0-terminated. -errno. */
int proc_signalfd(const int *signals) MUST_CHECK;

/* setgroups, setgid, setuid to `user`; no_new_privs. 0 or -errno. */
int proc_drop_rights(const char *user) MUST_CHECK;
int proc_set_cloexec(int fd);
int proc_set_nonblock(int fd);
/* Raises RLIMIT_NOFILE to its hard limit; returns the limit. */
uint64_t proc_raise_nofile(void);
/*
 * proc_raise_oom_score - makes this process the kernel's choice before others
 * when memory ends: `by` is added to what was inherited, 1000 at most. 0 or
 * -errno. No right is needed to raise it.
 */
int proc_raise_oom_score(int by);
/* 16 bytes of /proc/sys/kernel/random/boot_id. 0 or -errno. */
int proc_boot_id(uint8_t out[16]) MUST_CHECK;
/* mkdir -p with mode; existing is fine. 0 or -errno. */
int proc_mkdir_p(const char *path, mode_t mode) MUST_CHECK;

#endif
