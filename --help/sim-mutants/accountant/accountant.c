/*
 * accountant.c - the process: one loop (rings, reaping, baselines, management)
 * and the threads that call LevelDB.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/accountant.h"

#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "accountant/admin/admin.h"
#include "accountant/control.h"
#include "accountant/store_private.h"
#include "common/log.h"

enum { EXIT_DO_NOT_RESPAWN = 2 };

struct accountant {
    const struct heritage *heritage;
    struct loop *loop;
    struct store *store;
    struct admin *admin;
    struct control control;
    struct loop_source wake;
};

/* The master marked a column DYING, or a worker's ring is half full. */
static void
on_wake(struct loop_source *source, uint32_t events)
{
    struct accountant *accountant =
        (struct accountant *)((char *)source -
                              offsetof(struct accountant, wake));
    uint64_t count;
    (void)events;
    if (read(accountant->heritage->accountant_wake_fd, &count, sizeof(count)) <
            0 &&
        errno != EAGAIN)
        log_error("eventfd: %s", strerror(errno));
    store_wake(accountant->store);
}

/* Restored: management and the master may come. */
static void
on_ready(void *context, int error, const char *reason)
{
    struct accountant *accountant = context;
    if (error == -ECANCELED)
        return; /* told to leave meanwhile */
    if (error != 0) {
        log_error("cannot serve: %s",
                  *reason != '\0' ? reason : strerror(-error));
        accountant->control.exit_status = EXIT_DO_NOT_RESPAWN;
        loop_stop(accountant->loop);
        return;
    }
    accountant->admin = admin_create(accountant->store);
    if (accountant->admin == NULL)
        fatal("cannot serve management: out of memory");
    accountant->control.admin = accountant->admin;
    control_say_ready(&accountant->control);
}

static void
watch_wakeups(struct accountant *accountant)
{
    accountant->wake = (struct loop_source){
        .fd = accountant->heritage->accountant_wake_fd, .ready = on_wake};
    int rc = loop_add(accountant->loop, &accountant->wake, EPOLLIN);
    if (rc < 0)
        fatal("cannot watch the wake-up: %s", strerror(-rc));
}

int
accountant_main(const struct heritage *heritage)
{
    struct accountant accountant = {.heritage = heritage};
    /* A flush takes megabytes and gives them back, each second: kept here, they
     * need not be mapped and faulted in anew. */
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    accountant.loop = loop_create();
    if (accountant.loop != NULL)
        accountant.store = store_create(heritage, accountant.loop);
    if (accountant.store == NULL)
        fatal("cannot make an event loop and threads");
    int rc = control_open(&accountant.control, heritage, accountant.store);
    if (rc < 0)
        fatal("cannot watch the master: %s", strerror(-rc));
    watch_wakeups(&accountant);
    store_start(accountant.store, on_ready, &accountant);

    loop_run(accountant.loop);

    admin_destroy(&accountant.admin);
    loop_remove(accountant.loop, &accountant.wake);
    control_close(&accountant.control);
    store_destroy(&accountant.store);
    loop_destroy(&accountant.loop);
    return accountant.control.exit_status;
}
