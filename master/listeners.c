/*
 * listeners.c - the listening sockets: opened before anything changes, kept
 * over reloads, never bound twice.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/net/listen.h"
#include "master/master.h"

enum { BACKLOG = 4096, RETRY_MS = 3000, RETRY_STEP_MS = 20 };

struct wanted {
    const struct config_list *list;
    bool admin, tls;
};

static int
find_listener(const struct heritage_listener *have, unsigned count,
              const struct heritage_listener *like)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(have[i].text, like->text) == 0)
            return have[i].fd;
    return -1;
}

/* At a start after a death, orphans close their copies within milliseconds, and
 * processes that were killed take their time to go; only then, before the loop
 * exists, is it worth to wait. */
static int
open_patiently(const struct listen_address *address, bool retry_in_use)
{
    uint64_t deadline = clock_mono_ms() + (retry_in_use ? RETRY_MS : 0);
    for (;;) {
        int fd = listen_open(address, BACKLOG);
        if (fd != -EADDRINUSE || clock_mono_ms() >= deadline)
            return fd;
        struct timespec step = {0, RETRY_STEP_MS * 1000000L};
        nanosleep(&step, NULL);
    }
}

static int
open_one(const char *text, const struct wanted *wanted,
         const struct heritage_listener *have, unsigned have_count,
         bool retry_in_use, struct heritage_listener *out, struct buf *error)
{
    struct listen_address address;
    if (listen_parse(text, &address) != 0) {
        buf_printf(error, "listen address '%s' is not ADDRESS:PORT", text);
        return -EINVAL;
    }
    memset(out, 0, sizeof(*out));
    memcpy(out->text, address.text, sizeof(out->text));
    out->admin = wanted->admin;
    out->tls = wanted->tls;
    out->fd = find_listener(have, have_count, out);
    if (out->fd >= 0)
        return 0;
    out->fd = open_patiently(&address, retry_in_use);
    if (out->fd < 0) {
        buf_printf(error, "cannot listen on %s: %s", address.text,
                   strerror(-out->fd));
        return out->fd;
    }
    return 0;
}

int
listeners_open(const struct config *config,
               const struct heritage_listener *have, unsigned have_count,
               bool retry_in_use, struct heritage_listener *out,
               unsigned *out_count, struct buf *error)
{
    const struct wanted wanted[] = {
        {&config->server.listen, false, false},
        {&config->server.tls_listen, false, true},
        {&config->admin.listen, true, false},
        {&config->admin.tls_listen, true, true},
    };
    *out_count = 0;
    for (unsigned w = 0; w < ARRAY_LEN(wanted); w++) {
        for (unsigned i = 0; i < wanted[w].list->count; i++) {
            int r = -E2BIG;
            if (*out_count == HERITAGE_LISTENERS_MAX)
                buf_append_cstr(error, "too many listen addresses");
            else
                r = open_one(wanted[w].list->items[i], &wanted[w], have,
                             have_count, retry_in_use, &out[*out_count], error);
            if (r < 0) {
                listeners_close_gone(out, *out_count, have, have_count);
                return r;
            }
            (*out_count)++;
        }
    }
    return 0;
}

void
listeners_close_gone(struct heritage_listener *old, unsigned old_count,
                     const struct heritage_listener *kept, unsigned kept_count)
{
    for (unsigned i = 0; i < old_count; i++)
        if (find_listener(kept, kept_count, &old[i]) != old[i].fd)
            close(old[i].fd);
}
