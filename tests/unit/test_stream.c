/*
 * test_stream.c - tests of common/net/stream.c without TLS.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/test.h"

static struct stream ours;
static int theirs;

static void
open_pair(void)
{
    int fds[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    ours = (struct stream){.fd = fds[0]};
    theirs = fds[1];
}

TEST(pieces_are_sent_in_order)
{
    open_pair();
    char text[32];
    struct iovec pieces[] = {{"one ", 4}, {"", 0}, {"two", 3}};
    CHECK_EQ(stream_handshake(&ours), 0);
    CHECK_EQ(stream_writev(&ours, pieces, 3), 7);
    CHECK_EQ(read(theirs, text, sizeof(text)), 7);
    CHECK_STR(str_make(text, 7), "one two");
    stream_close(&ours);
    CHECK_EQ(ours.fd, -1);
    stream_close(&ours);
    close(theirs);
}

TEST(reading_tells_bytes_nothing_and_the_end_apart)
{
    open_pair();
    char text[32];
    CHECK_EQ(stream_read(&ours, text, sizeof(text)), -EAGAIN);
    CHECK_EQ(write(theirs, "hello", 5), 5);
    CHECK_EQ(stream_read(&ours, text, 3), 3);
    CHECK_EQ(stream_read(&ours, text, sizeof(text)), 2);
    close(theirs);
    CHECK_EQ(stream_read(&ours, text, sizeof(text)), 0);
    stream_close(&ours);
}

TEST(a_full_socket_takes_a_part_and_then_nothing)
{
    enum { LEN = 8 << 20 };
    open_pair();
    char *bytes = calloc(1, LEN);
    struct iovec piece = {bytes, LEN};
    ssize_t sent = stream_writev(&ours, &piece, 1);
    CHECK_TRUE(sent > 0 && sent < LEN);
    CHECK_EQ(stream_writev(&ours, &piece, 1), -EAGAIN);
    free(bytes);
    stream_close(&ours);
    close(theirs);
}

TEST(a_peer_that_is_gone_is_an_error_and_no_signal)
{
    open_pair();
    close(theirs);
    struct iovec piece = {"x", 1};
    CHECK_EQ(stream_writev(&ours, &piece, 1), -EPIPE);
    stream_close(&ours);
}

TEST(more_pieces_than_one_call_takes_are_sent_in_part)
{
    enum { PIECES = 3000 };
    static struct iovec pieces[PIECES];
    open_pair();
    for (int i = 0; i < PIECES; i++)
        pieces[i] = (struct iovec){"ab", 2};
    ssize_t sent = stream_writev(&ours, pieces, PIECES);
    CHECK_TRUE(sent > 0 && sent <= 2 * PIECES);
    stream_close(&ours);
    close(theirs);
}
