/*
 * test_handover.c - what one program writes for its successor, the other reads;
 * what is damaged or of another process is refused.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "master/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/proc.h"
#include "tests/test.h"

static struct handover given, got;

static int
some_fd(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
fill(void)
{
    memset(&given, 0, sizeof(given));
    given.pid = (uint64_t)getpid();
    given.start_time = proc_start_time(getpid());
    given.generation = 7;
    given.workers_off = true;
    given.reloads = 3;
    given.upgrades = 1;
    given.exe_fd = some_fd();
    given.config_fd = some_fd();
    given.secret_fd = some_fd();
    given.certificate_fd = some_fd();
    given.pid_file_fd = some_fd();
    given.admin_unix_fd = some_fd();
    given.wake_fd = some_fd();
    strcpy(given.version, "0.1.0");
    strcpy(given.config_path, "/etc/a folder/aigw.ini");
    strcpy(given.reload_reason, "line 3: no such thing\nline 4");
    given.listeners[0] = (struct heritage_listener){
        .fd = some_fd(), .tls = true, .text = "127.0.0.1:80"};
    given.listeners[1] = (struct heritage_listener){
        .fd = some_fd(), .admin = true, .text = "[::1]:8081"};
    given.listener_count = 2;
    given.children[0] = (struct handover_child){
        .pid = 4711, .state = 1, .generation = 7, .control_fd = some_fd()};
    given.children[1] = (struct handover_child){.is_worker = true,
                                                .pid = 4712,
                                                .state = 2,
                                                .column = 31,
                                                .generation = 6,
                                                .started_ms = 123456789012,
                                                .control_fd = some_fd()};
    given.child_count = 2;
}

static void
close_all(struct handover *h)
{
    const int fds[] = {h->exe_fd,
                       h->config_fd,
                       h->secret_fd,
                       h->certificate_fd,
                       h->pid_file_fd,
                       h->admin_unix_fd,
                       h->wake_fd,
                       h->listeners[0].fd,
                       h->listeners[1].fd,
                       h->fd,
                       h->children[0].control_fd,
                       h->children[1].control_fd};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
}

static bool
is_refused(int fd, const char *reason)
{
    struct buf error;
    buf_init(&error, 0);
    int r = handover_read(fd, &got, &error);
    bool good = r == -EBADMSG && strstr(buf_cstr(&error), reason) != NULL;
    if (!good)
        test_fail(__FILE__, __LINE__, "%d, '%s', not '%s'", r, buf_cstr(&error),
                  reason);
    buf_fini(&error);
    return good;
}

static int
file_of(const char *text, size_t len)
{
    int fd = memfd_create("handover", MFD_CLOEXEC);
    CHECK_EQ(write(fd, text, len), (long long)len);
    return fd;
}

TEST(what_is_written_is_read)
{
    struct buf error;
    buf_init(&error, 0);
    fill();
    given.fd = handover_write(&given);
    CHECK_TRUE(given.fd >= 0);
    CHECK_EQ(handover_read(given.fd, &got, &error), 0);
    CHECK_EQ(got.fd, given.fd);
    CHECK_EQ(got.generation, 7);
    CHECK_TRUE(got.workers_off && !got.is_return && !got.upgrade_wanted);
    CHECK_EQ(got.reloads, 3);
    CHECK_EQ(got.wake_fd, given.wake_fd);
    CHECK_EQ(got.secret_fd, given.secret_fd);
    CHECK_EQ(got.certificate_fd, given.certificate_fd);
    CHECK_TRUE(strcmp(got.config_path, "/etc/a folder/aigw.ini") == 0);
    CHECK_TRUE(strcmp(got.reload_reason, "line 3: no such thing line 4") == 0);
    CHECK_EQ(got.listener_count, 2);
    CHECK_TRUE(got.listeners[0].tls && !got.listeners[0].admin);
    CHECK_TRUE(got.listeners[1].admin && !got.listeners[1].tls);
    CHECK_TRUE(strcmp(got.listeners[1].text, "[::1]:8081") == 0);
    CHECK_EQ(got.child_count, 2);
    CHECK_TRUE(!got.children[0].is_worker && got.children[1].is_worker);
    CHECK_EQ(got.children[1].pid, 4712);
    CHECK_EQ(got.children[1].column, 31);
    CHECK_EQ(got.children[1].started_ms, 123456789012);
    CHECK_EQ(got.children[1].control_fd, given.children[1].control_fd);
    close_all(&given);
    buf_fini(&error);
}

TEST(descriptors_stay_open_over_exec_only_when_they_shall)
{
    fill();
    given.fd = handover_write(&given);
    CHECK_EQ(handover_keep_open(&given, true), 0);
    CHECK_EQ(fcntl(given.fd, F_GETFD), 0);
    CHECK_EQ(fcntl(given.listeners[1].fd, F_GETFD), 0);
    CHECK_EQ(fcntl(given.children[1].control_fd, F_GETFD), 0);
    CHECK_EQ(handover_keep_open(&given, false), 0);
    CHECK_EQ(fcntl(given.secret_fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(given.children[1].control_fd, F_GETFD), FD_CLOEXEC);
    close(given.children[0].control_fd); /* one that cannot be kept */
    CHECK_EQ(handover_keep_open(&given, true), -EBADF);
    CHECK_EQ(fcntl(given.fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(given.listeners[1].fd, F_GETFD), FD_CLOEXEC);
    close_all(&given);
}

TEST(what_is_not_whole_or_not_ours_is_refused)
{
    char text[4096];
    fill();
    given.fd = handover_write(&given);
    ssize_t len = pread(given.fd, text, sizeof(text), 0);
    CHECK_TRUE(len > 0);
    for (ssize_t cut = 0; cut < len - 1; cut++) { /* the last is a newline */
        int fd = file_of(text, (size_t)cut);
        CHECK_TRUE(is_refused(fd, "the hand-over cannot be used"));
        close(fd);
    }
    close(given.wake_fd);
    CHECK_TRUE(is_refused(given.fd, "not open"));
    given.wake_fd = some_fd();
    given.pid++;
    close(given.fd);
    given.fd = handover_write(&given);
    CHECK_TRUE(is_refused(given.fd, "another process"));
    close_all(&given);
    static const char later[] = "aigw-handover 2\nend\n";
    int fd = file_of(later, sizeof(later) - 1);
    CHECK_TRUE(is_refused(fd, "another version"));
    close(fd);
    static const char bad[] = "aigw-handover 1\ngeneration seven\nend\n";
    fd = file_of(bad, sizeof(bad) - 1);
    CHECK_TRUE(is_refused(fd, "makes no sense"));
    close(fd);
}

TEST(lines_of_a_later_program_are_passed_over)
{
    char text[4096] = "";
    struct buf error;
    buf_init(&error, 0);
    fill();
    given.fd = handover_write(&given);
    ssize_t len = pread(given.fd, text, sizeof(text) - 64, 0);
    CHECK_TRUE(len > 4);
    strcpy(text + len - 4, "colour green\nnothing\nend\n");
    int fd = file_of(text, strlen(text));
    CHECK_EQ(handover_read(fd, &got, &error), 0);
    CHECK_EQ(got.child_count, 2);
    close(fd);
    close_all(&given);
    buf_fini(&error);
}
