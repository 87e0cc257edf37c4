/*
 * test_control.c - the master's messages to a living accountant: ready, a new
 * configuration, stop, and the master's end.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "accountant/accountant.h"
#include "common/net/listen.h"
#include "tests/unit/store_fixture.h"

static struct world w;
static int master_end;
static pid_t child;

static void
begin(void)
{
    int pair[2];
    char path[96];
    world_init(&w);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    snprintf(path, sizeof(path), "%s/aigw.sock", w.dir);
    w.heritage.control_fd = pair[1];
    w.heritage.admin_unix_fd = listen_open_unix(path);
    w.heritage.accountant_wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK_TRUE(w.heritage.admin_unix_fd >= 0);
    child = fork();
    if (child == 0) {
        close(pair[0]);
        _exit(accountant_main(&w.heritage));
    }
    close(pair[1]);
    master_end = pair[0];
}

/* The next message's type; 0 at the end, -1 at the deadline. */
static int
next_message(struct control_message *message)
{
    uint64_t end_ms = clock_mono_ms() + FIXTURE_DEADLINE_MS;
    int fd, rc;
    do {
        rc = control_receive(master_end, message, &fd);
        if (rc == -EAGAIN)
            usleep(1000);
    } while (rc == -EAGAIN && clock_mono_ms() < end_ms);
    return rc == 1 ? (int)message->type : rc == 0 ? 0 : -1;
}

static void
send_type(uint32_t type, uint64_t value, int fd)
{
    struct control_message message = {.type = type, .value = value};
    CHECK_EQ(control_send(master_end, &message, fd), 0);
}

static int
exit_status(void)
{
    int status = 0;
    CHECK_EQ(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
end(void)
{
    close(master_end);
    close(w.heritage.admin_unix_fd);
    close(w.heritage.accountant_wake_fd);
    world_fini(&w);
}

static int
text_in_memory(const char *text)
{
    int fd = memfd_create("config", MFD_CLOEXEC);
    CHECK_EQ(write(fd, text, strlen(text)), (long long)strlen(text));
    return fd;
}

TEST(it_says_ready_and_stops_with_everything_in_the_ledger)
{
    struct control_message message;
    begin();
    CHECK_EQ(next_message(&message), CONTROL_READY);
    CHECK_EQ(shm_load(&w.segment.header->accountant_pid), child);
    CHECK_EQ(shm_load(&w.segment.header->accountant_ready), 1);
    send_type(CONTROL_REOPEN, 0, -1);
    send_type(CONTROL_STOP, 0, -1);
    CHECK_EQ(exit_status(), 0);
    end();
}

TEST(it_leaves_when_the_master_is_gone)
{
    struct control_message message;
    begin();
    CHECK_EQ(next_message(&message), CONTROL_READY);
    shutdown(master_end, SHUT_RDWR);
    CHECK_EQ(exit_status(), 0);
    end();
}

TEST(a_new_configuration_is_published_or_refused_with_a_reason)
{
    struct control_message message;
    struct buf text;
    begin();
    CHECK_EQ(next_message(&message), CONTROL_READY);
    uint64_t generation = shm_load(&w.segment.header->catalogue_generation);
    int fd = text_in_memory("[server]\nnonsense = 1\n");
    send_type(CONTROL_CONFIG, 2, fd);
    CHECK_EQ(next_message(&message), CONTROL_CONFIG_FAILED);
    CHECK_EQ(message.value, 2);
    CHECK_TRUE(message.text[0] != '\0');
    CHECK_EQ(shm_load(&w.segment.header->catalogue_generation), generation);
    close(fd);
    send_type(CONTROL_CONFIG, 3, -1);
    CHECK_EQ(next_message(&message), CONTROL_CONFIG_FAILED);
    buf_init(&text, 0);
    config_serialize(w.config, false, &text);
    fd = text_in_memory(buf_cstr(&text));
    send_type(CONTROL_CONFIG, 4, fd);
    CHECK_EQ(next_message(&message), CONTROL_CONFIG_DONE);
    CHECK_EQ(message.value, 4);
    CHECK_EQ(shm_load(&w.segment.header->catalogue_generation), generation + 1);
    close(fd);
    buf_fini(&text);
    send_type(CONTROL_STOP, 0, -1);
    CHECK_EQ(exit_status(), 0);
    end();
}

TEST(a_column_that_is_dying_is_reaped_at_the_wake_up)
{
    struct control_message message;
    uint64_t one = 1;
    begin();
    CHECK_EQ(next_message(&message), CONTROL_READY);
    world_seat(&w);
    seat_close(&w.seat);
    w.seated = false;
    column_mark_dying(&w.segment, w.seat.column);
    uint64_t since_ms = clock_mono_ms();
    CHECK_EQ(write(w.heritage.accountant_wake_fd, &one, sizeof(one)), 8);
    const struct shm_column *column = segment_column(&w.segment, w.seat.column);
    while (shm_load(&column->state) != SHM_COLUMN_FREE &&
           clock_mono_ms() < since_ms + FIXTURE_DEADLINE_MS)
        usleep(500);
    CHECK_EQ(shm_load(&column->state), SHM_COLUMN_FREE);
    send_type(CONTROL_STOP, 0, -1);
    CHECK_EQ(exit_status(), 0);
    end();
}

TEST(a_damaged_ledger_ends_it_for_good)
{
    struct control_message message;
    char path[96];
    begin();
    CHECK_EQ(next_message(&message), CONTROL_READY);
    send_type(CONTROL_STOP, 0, -1);
    CHECK_EQ(exit_status(), 0);
    snprintf(path, sizeof(path), "%s/data/ledger/CURRENT", w.dir);
    CHECK_EQ(unlink(path), 0);
    int pair[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    w.heritage.control_fd = pair[1];
    child = fork();
    if (child == 0)
        _exit(accountant_main(&w.heritage));
    CHECK_EQ(exit_status(), 2);
    close(pair[0]);
    close(pair[1]);
    end();
}
