/*
 * pid_file.c - see pid_file.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "master/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"

enum { PID_FILE_TRIES = 100, LOCK_TRIES = 200, LOCK_PAUSE_MS = 10 };

/* Whether the process that the file names lives; one that has not written its
 * number yet does. */
static bool
names_living(int fd)
{
    char text[32] = "";
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;
    return pid <= 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH;
}

/* A child that was being forked when all were killed holds its dead master's lock
 * until it is gone, too: a moment. */
static bool
lock_in_time(int fd, const char *path)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000};
    for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; tries++) {
        if (tries == LOCK_TRIES || names_living(fd))
            return false;
        if (tries == 0)
            log_warn("%s is locked by what a dead master has left: waiting",
                     path);
        nanosleep(&pause, NULL);
    }
    return true;
}

/* The file of this name, locked; -1 when the one that was opened is not the one
 * of that name any more: its master has just left. */
static int
lock_pid_file(const char *path)
{
    struct stat opened, named;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        fatal("cannot open %s: %s", path, strerror(errno));
    if (!lock_in_time(fd, path))
        fatal("another aigw runs with this run_dir (%s is locked)", path);
    if (fstat(fd, &opened) == 0 && stat(path, &named) == 0 &&
        opened.st_dev == named.st_dev && opened.st_ino == named.st_ino)
        return fd;
    close(fd);
    return -1;
}

int
pid_file_take(const char *path)
{
    int fd = -1;
    for (int tries = 0; fd < 0 && tries < PID_FILE_TRIES; tries++)
        fd = lock_pid_file(path);
    if (fd < 0)
        fatal("%s is taken away again and again", path);
    char text[32];
    int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)len, 0) != len)
        fatal("cannot write %s: %s", path, strerror(errno));
    return fd;
}

pid_t
pid_file_running(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    char text[32] = "";
    ssize_t n = read(fd, text, sizeof(text) - 1);
    bool held = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;
    return held && pid > 1 ? (pid_t)pid : 0;
}
