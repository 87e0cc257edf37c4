/*
 * admin.c - the listener of run_dir/aigw.sock; see admin.h.
 *
 * The listening socket came from the master by fork, bound before rights were
 * dropped; the master removes the file at the end.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/admin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/admin/access.h"
#include "accountant/admin/admin_state.h"
#include "accountant/admin/connection.h"
#include "accountant/admin/members.h"
#include "accountant/admin/sessions.h"
#include "accountant/admin/signatures.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/net/listen.h"

enum { CONNECTIONS_MAX = 512, ACCEPT_PAUSE_MS = 100, LOAD_AGAIN_MS = 200 };

#define OWNER(pointer, member)                                                 \
    (struct admin *)(void *)((char *)(pointer)-offsetof(struct admin, member))

static void
listener_pause(struct admin *admin)
{
    loop_remove(admin->loop, &admin->listener);
    admin->listener_paused = true;
}

static void
listener_resume(struct admin *admin)
{
    int fd = store_heritage(admin->store)->admin_unix_fd;
    admin->listener.fd = fd;
    admin->listener.dead = false;
    admin->listener_paused = false;
    int error = loop_add(admin->loop, &admin->listener, EPOLLIN);
    if (error != 0)
        log_error("while watching the management socket: %s; aigwctl cannot "
                  "connect until the next restart",
                  strerror(-error));
}

static void
listener_ready(struct loop_source *source, uint32_t events)
{
    struct admin *admin = OWNER(source, listener);
    (void)events;
    while (!admin->listener_paused) {
        uint8_t addr[16];
        uint16_t port = 0;
        int fd = listen_accept(source->fd, addr, &port);
        if (fd == -EAGAIN)
            return;
        if (fd < 0) {
            log_warn("while accepting on the management socket: %s",
                     strerror(-fd));
            listener_pause(admin);
            loop_timer_set(admin->loop, &admin->accept_again,
                           loop_now_ms(admin->loop) + ACCEPT_PAUSE_MS);
            return;
        }
        connection_open(admin, fd);
        if (admin->connection_count >= CONNECTIONS_MAX)
            listener_pause(admin);
    }
}

static bool
is_leaving(const struct admin *admin)
{
    return admin->closing || admin->draining;
}

static void
accept_again(struct loop_timer *timer)
{
    struct admin *admin = OWNER(timer, accept_again);
    if (admin->listener_paused && !is_leaving(admin))
        listener_resume(admin);
}

void
admin_connection_gone(struct admin *admin)
{
    bool waits_for_place = admin->listener_paused && !is_leaving(admin) &&
                           admin->accept_again.due_ms == 0;
    if (waits_for_place && admin->connection_count < CONNECTIONS_MAX)
        listener_resume(admin);
    admin_release(admin);
}

static void
admin_free(struct admin *admin)
{
    members_release(&admin->members);
    if (admin->sessions != NULL)
        crypto_wipe(admin->sessions, sizeof(*admin->sessions));
    free(admin->sessions);
    signatures_destroy(&admin->signatures);
    free(admin);
}

void
admin_release(struct admin *admin)
{
    void (*drained)(void *) = admin->drained;
    if (drained != NULL && admin->connection_count == 0 &&
        admin->call_count == 0) {
        admin->drained = NULL;
        drained(admin->drained_context);
    }
    if (admin->closing && admin->call_count == 0 &&
        admin->connection_count == 0)
        admin_free(admin);
}

/* Nobody is served before it is known who may. */
static void
members_loaded(void *context, int error)
{
    struct admin *admin = context;
    admin->call_count--;
    if (error != 0 && !is_leaving(admin))
        loop_timer_set(admin->loop, &admin->load_again,
                       loop_now_ms(admin->loop) + LOAD_AGAIN_MS);
    else if (!is_leaving(admin))
        listener_resume(admin);
    admin_release(admin);
}

static void
load_again(struct loop_timer *timer)
{
    struct admin *admin = OWNER(timer, load_again);
    admin->call_count++;
    members_load(admin->members, members_loaded, admin);
}

struct admin *
admin_create(struct store *store)
{
    struct admin *admin = calloc(1, sizeof(*admin));
    if (admin == NULL)
        return NULL;
    admin->store = store;
    admin->loop = store_loop(store);
    admin->listener.ready = listener_ready;
    admin->accept_again.expired = accept_again;
    admin->load_again.expired = load_again;
    admin->group = access_group();
    admin->listener.fd = -1;
    admin->listener_paused = true;
    guard_init(&admin->guard);
    provider_tests_init(&admin->tests);
    admin->members = members_create(store);
    admin->sessions = calloc(1, sizeof(*admin->sessions));
    admin->signatures =
        signatures_create(store_is_new(store) ? 0 : clock_wall_ms() / 1000);
    if (admin->members == NULL || admin->sessions == NULL ||
        admin->signatures == NULL) {
        admin_free(admin);
        return NULL;
    }
    admin->call_count++; /* the loading is one */
    members_load(admin->members, members_loaded, admin);
    return admin;
}

void
admin_drain(struct admin *admin, void (*drained)(void *context), void *context)
{
    admin->draining = true;
    admin->drained = drained;
    admin->drained_context = context;
    loop_timer_clear(admin->loop, &admin->accept_again);
    loop_timer_clear(admin->loop, &admin->load_again);
    loop_remove(admin->loop, &admin->listener);
    provider_tests_give_up(admin); /* no worker can tell of them any more */
    connection_drain_all(admin);
    admin_release(admin); /* there may be nobody */
}

void
admin_destroy(struct admin **admin_pointer)
{
    struct admin *admin = *admin_pointer;
    *admin_pointer = NULL;
    if (admin == NULL)
        return;
    admin->closing = true;
    admin->drained = NULL;
    loop_timer_clear(admin->loop, &admin->accept_again);
    loop_timer_clear(admin->loop, &admin->load_again);
    loop_remove(admin->loop, &admin->listener);
    /* Held until here, so that the last connection does not free it early. */
    admin->call_count++;
    provider_tests_give_up(admin);
    connection_close_all(admin);
    admin->call_count--;
    admin_release(admin);
}
