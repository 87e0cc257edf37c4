/*
 * test_proc.c - identity, signals, descriptors, folders of processes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/test.h"

TEST(a_process_is_known_by_its_start_time)
{
    uint64_t own = proc_start_time(getpid());
    CHECK_TRUE(own > 0);
    CHECK_EQ(proc_start_time(getpid()), own);
    /* A name with brackets and spaces does not shift the fields. */
    prctl(PR_SET_NAME, "a) R 1 (b");
    CHECK_EQ(proc_start_time(getpid()), own);
    CHECK_EQ(proc_start_time(0x7ffffff0), 0);
}

TEST(a_pidfd_becomes_readable_at_the_end)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    int fd = proc_pidfd_open(child);
    CHECK_TRUE(fd >= 0);
    struct pollfd wait_for = {.fd = fd, .events = POLLIN};
    CHECK_EQ(poll(&wait_for, 1, 10000), 1);
    close(fd);
    waitpid(child, NULL, 0);
    CHECK_EQ(proc_pidfd_open(child), -ESRCH);
}

TEST(signals_arrive_by_descriptor_and_unlisted_ones_not_at_all)
{
    static const int signals[] = {SIGTERM, SIGUSR1, 0};
    sigset_t before;
    struct signalfd_siginfo info;
    sigprocmask(SIG_SETMASK, NULL, &before);
    int fd = proc_signalfd(signals);
    CHECK_TRUE(fd >= 0);
    CHECK_TRUE((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK_EQ(read(fd, &info, sizeof(info)), -1);
    CHECK_EQ(errno, EAGAIN);
    raise(SIGHUP); /* handled by some role, not by this one: nothing happens */
    raise(SIGUSR1);
    CHECK_EQ(read(fd, &info, sizeof(info)), sizeof(info));
    CHECK_EQ(info.ssi_signo, SIGUSR1);
    CHECK_EQ(read(fd, &info, sizeof(info)), -1);
    close(fd);
    signal(SIGHUP, SIG_IGN); /* drops the one that waits */
    signal(SIGHUP, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

TEST(descriptors_get_their_flags)
{
    int fds[2];
    CHECK_EQ(pipe(fds), 0);
    CHECK_EQ(proc_set_cloexec(fds[0]), 0);
    CHECK_EQ(proc_set_nonblock(fds[0]), 0);
    CHECK_TRUE((fcntl(fds[0], F_GETFD) & FD_CLOEXEC) != 0);
    CHECK_TRUE((fcntl(fds[0], F_GETFL) & O_NONBLOCK) != 0);
    close(fds[0]);
    close(fds[1]);
    CHECK_EQ(proc_set_cloexec(-1), -EBADF);
    CHECK_EQ(proc_set_nonblock(-1), -EBADF);
}

TEST(the_limit_of_descriptors_is_raised_to_the_hard_one)
{
    struct rlimit limit;
    uint64_t raised = proc_raise_nofile();
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ(raised, limit.rlim_cur);
    CHECK_EQ(limit.rlim_cur, limit.rlim_max);
}

TEST(the_boot_has_an_id)
{
    uint8_t a[16] = {0}, b[16], zero[16] = {0};
    CHECK_EQ(proc_boot_id(a), 0);
    CHECK_EQ(proc_boot_id(b), 0);
    CHECK_EQ(memcmp(a, b, 16), 0);
    CHECK_TRUE(memcmp(a, zero, 16) != 0);
}

TEST(folders_are_made_with_all_above_them)
{
    char folder[] = "/tmp/aigw-test-proc-XXXXXX", path[128];
    struct stat st;
    CHECK_TRUE(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/a//b/c/", folder);
    CHECK_EQ(proc_mkdir_p(path, 0750), 0);
    CHECK_EQ(proc_mkdir_p(path, 0750), 0);
    CHECK_TRUE(stat(path, &st) == 0 && S_ISDIR(st.st_mode));
    snprintf(path, sizeof(path), "%s/file", folder);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    CHECK_EQ(proc_mkdir_p(path, 0750), -ENOTDIR);
    snprintf(path, sizeof(path), "%s/file/x", folder);
    CHECK_EQ(proc_mkdir_p(path, 0750), -ENOTDIR);
    CHECK_EQ(proc_mkdir_p("", 0750), -ENOENT);
    CHECK_EQ(proc_mkdir_p("/", 0750), 0);
    snprintf(path, sizeof(path), "rm -r %s", folder);
    CHECK_EQ(system(path), 0);
}

/* Runs `drop` in a child; its exit status. */
static int
status_of_child(int (*drop)(void))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(drop());
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

static int
drop_to_nobody(void)
{
    int rc = proc_drop_rights("nobody");
    if (geteuid() == 0 || rc != 0)
        return rc == -EPERM ? 3 : 2;
    return setuid(0) == 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

static int
drop_to_none(void)
{
    uid_t before = geteuid();
    return proc_drop_rights(NULL) != 0 || proc_drop_rights("") != 0 ||
           geteuid() != before || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

static int
drop_to_unknown(void)
{
    int rc = proc_drop_rights("no-such-user-here");
    return rc == 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0;
}

TEST(rights_are_dropped_for_good)
{
    CHECK_EQ(status_of_child(drop_to_nobody), geteuid() == 0 ? 0 : 3);
    CHECK_EQ(status_of_child(drop_to_none), 0);
    CHECK_EQ(status_of_child(drop_to_unknown), 0);
}

/* The title needs main()'s argv, which /proc/self/cmdline shows: make one. */
static int
title_in_child(void)
{
    static char area[64] = "aigw\0-c\0file.ini";
    char *argv[] = {area, area + 5, area + 8, NULL};
    proc_title_init(3, argv);
    proc_title_set("aigw: %s %d", "worker", 12345678);
    if (strcmp(area, "aigw: worker 123") != 0) /* cut to what argv had */
        return 1;
    proc_title_set("aigw: x");
    char name[16];
    if (prctl(PR_GET_NAME, name) != 0 || strcmp(name, "aigw: x") != 0)
        return 2;
    for (size_t i = 7; i < 17; i++)
        if (area[i] != '\0')
            return 3;
    return getenv("PATH") == NULL;
}

/* Runs the shell that the path names, by its open file. */
static int
exec_a_shell(void)
{
    char *argv[] = {"sh", "-c", "exit 7", NULL};
    int fd = open("/bin/sh", O_PATH | O_CLOEXEC);
    int script = open("/dev/null", O_PATH | O_CLOEXEC);
    if (proc_exec_fd(script, argv) != -EACCES ||
        proc_exec_fd(-1, argv) != -EBADF || proc_exec_fd(fd, NULL) != -EINVAL)
        return 1;
    proc_exec_fd(fd, argv);
    return 2;
}

TEST(an_open_file_is_run)
{
    CHECK_EQ(status_of_child(exec_a_shell), 7);
}

static int
arguments_in_child(void)
{
    static char area[64] = "./prog/../aigw\0-c\0file.ini";
    char *argv[] = {area, area + 15, area + 18, NULL};
    char want[4200], folder[4096];
    proc_title_init(3, argv);
    proc_title_set("aigw: worker %d", 12345678);
    char *const *kept = proc_arguments();
    if (strcmp(kept[0], "./prog/../aigw") != 0 || strcmp(kept[1], "-c") != 0 ||
        strcmp(kept[2], "file.ini") != 0 || kept[3] != NULL)
        return 1;
    if (getcwd(folder, sizeof(folder)) == NULL)
        return 2;
    snprintf(want, sizeof(want), "%s/%s", folder, "./prog/../aigw");
    return strcmp(proc_program_path(), want) != 0;
}

static int
program_found_by_path(void)
{
    static char area[64] = "aigw\0-c\0file.ini";
    char *argv[] = {area, area + 5, area + 8, NULL};
    proc_title_init(3, argv);
    return proc_program_path()[0] != '/' ||
           strstr(proc_program_path(), "test_proc") == NULL;
}

TEST(arguments_and_the_program_are_remembered)
{
    CHECK_EQ(status_of_child(arguments_in_child), 0);
    CHECK_EQ(status_of_child(program_found_by_path), 0);
}

TEST(signals_go_by_pid_and_by_pidfd)
{
    int status;
    for (int i = 0; i < 2; i++) {
        pid_t child = fork();
        if (child == 0)
            for (;;)
                pause();
        int pidfd = proc_pidfd_open(child);
        CHECK_EQ(i == 0 ? proc_signal(child, SIGKILL)
                        : proc_pidfd_signal(pidfd, SIGKILL),
                 0);
        CHECK_EQ(waitpid(child, &status, 0), child);
        CHECK_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        CHECK_EQ(proc_pidfd_signal(pidfd, SIGKILL), -ESRCH);
        CHECK_EQ(proc_signal(child, 0), -ESRCH);
        close(pidfd);
    }
}

TEST(the_title_takes_the_place_of_the_arguments)
{
    CHECK_EQ(status_of_child(title_in_child), 0);
}
