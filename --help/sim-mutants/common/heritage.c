/*
 * heritage.c - the datagrams between master and children.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/heritage.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

union control_buffer {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

/* Beside connections: loop, listeners, segment, log, control, name look-ups. */
enum { DESCRIPTORS_APART = 36, CONNECTIONS_LEAST = 4 };

static uint64_t
connections_share(const struct config *config)
{
    uint64_t workers = config->server.workers;
    uint64_t all = config->server.max_connections;
    return workers > 1 ? (all + workers - 1) / workers : all;
}

uint64_t
heritage_descriptors_wanted(const struct config *config)
{
    return connections_share(config) * 5 / 2 + DESCRIPTORS_APART;
}

uint32_t
heritage_connections(const struct heritage *heritage)
{
    uint64_t share = connections_share(heritage->config);
    uint64_t have = heritage->descriptors;
    if (have == 0 || have >= heritage_descriptors_wanted(heritage->config))
        return (uint32_t)share;
    uint64_t enough_for =
        have > DESCRIPTORS_APART ? (have - DESCRIPTORS_APART) * 2 / 5 : 0;
    return enough_for > CONNECTIONS_LEAST ? (uint32_t)enough_for
                                          : CONNECTIONS_LEAST;
}

uint32_t
heritage_idle_upstream(const struct heritage *heritage)
{
    return heritage_connections(heritage) / 2;
}

int
control_send(int fd, const struct control_message *message, int fd_to_pass)
{
    struct control_message copy = *message;
    struct iovec iov = {&copy, sizeof(copy)};
    union control_buffer control;
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd_to_pass >= 0) {
        memset(&control, 0, sizeof(control));
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd_to_pass, sizeof(int));
    }
    ssize_t n;
    do
        n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

int
control_receive(int fd, struct control_message *message, int *passed_fd)
{
    struct iovec iov = {message, sizeof(*message)};
    union control_buffer control;
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    *passed_fd = -1;
    ssize_t n;
    do
        n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == ECONNRESET ? 0 : -errno;
    if (n == 0)
        return 0;
    struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
    if (header != NULL && header->cmsg_level == SOL_SOCKET &&
        header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(passed_fd, CMSG_DATA(header), sizeof(int));
    if (n != (ssize_t)sizeof(*message))
        return -EBADMSG;
    message->text[sizeof(message->text) - 1] = '\0';
    return 1;
}
