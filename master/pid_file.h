/*
 * pid_file.h - the file run_dir/aigw.pid, whose lock a living master holds.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_MASTER_PID_FILE_H
#define AIGW_MASTER_PID_FILE_H

#include <sys/types.h>

/* Its lock is what makes a second master of this run_dir refuse: ends the process
 * where another one lives. The descriptor, which holds the lock: children close it. */
int pid_file_take(const char *path);

/* The pid in the file, if a living master holds its lock; else 0. */
pid_t pid_file_running(const char *path);

#endif
