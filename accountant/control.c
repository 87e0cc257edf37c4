/*
 * control.c - see control.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accountant/admin/admin.h"
#include "accountant/payloads.h"
#include "accountant/store_private.h"
#include "common/log.h"

enum {
    CONFIG_BYTES_MAX = 16 << 20,
    STOP_TRIES_MS = 10000, /* a disk that does not recover by then */
    STOP_RETRY_MS = 200,
    STOP_CLIENTS_MS = 1000, /* for answers of management under way */
};

static void
tell(struct control *control, uint32_t type, uint64_t value, const char *text)
{
    struct control_message message = {.type = type, .value = value};
    snprintf(message.text, sizeof(message.text), "%s", text);
    int rc = control_send(control->heritage->control_fd, &message, -1);
    if (rc < 0 && rc != -EPIPE && rc != -ECONNRESET)
        log_error("cannot answer the master: %s", strerror(-rc));
}

void
control_say_ready(struct control *control)
{
    tell(control, CONTROL_READY, 0, "");
}

static void
leave(struct control *control, int exit_status)
{
    control->exit_status = exit_status;
    loop_stop(control->loop);
}

/* ---- stop ---- */

static void
on_flushed(void *context, int error, const char *reason, uint64_t id)
{
    struct control *control = context;
    uint64_t now_ms = loop_now_ms(control->loop);
    (void)id;
    if (error == 0) {
        log_info("everything is in the ledger");
        leave(control, 0);
        return;
    }
    if (now_ms > control->stop_since_ms + STOP_TRIES_MS) {
        log_error("leaving with requests that are not in the ledger (%s): "
                  "they stay in the segment for the next start",
                  reason);
        leave(control, 1);
        return;
    }
    loop_timer_set(control->loop, &control->retry, now_ms + STOP_RETRY_MS);
}

static void
on_retry(struct loop_timer *timer)
{
    struct control *control =
        (struct control *)((char *)timer - offsetof(struct control, retry));
    store_flush(control->store, on_flushed, control);
}

/* Management's clients have their answers: nothing changes any more. */
static void
on_drained(void *context)
{
    struct control *control = context;
    if (control->grace.due_ms == 0)
        return; /* too late: the last flush runs */
    loop_timer_clear(control->loop, &control->grace);
    log_info("stopping: the last flush");
    payloads_take(store_payloads(control->store));
    store_stop(control->store, on_flushed, control);
}

static void
on_grace(struct loop_timer *timer)
{
    struct control *control =
        (struct control *)((char *)timer - offsetof(struct control, grace));
    log_info("stopping: the last flush, before all clients of management left");
    payloads_take(store_payloads(control->store));
    store_stop(control->store, on_flushed, control);
}

static void
stop(struct control *control)
{
    if (control->stop_since_ms != 0)
        return;
    control->stop_since_ms = loop_now_ms(control->loop);
    if (!control->store->restored) { /* it waits for the disk or its lock */
        log_error("leaving before the ledger could be read: what is not in it "
                  "stays in the segment");
        leave(control, 1);
        return;
    }
    loop_timer_set(control->loop, &control->grace,
                   control->stop_since_ms + STOP_CLIENTS_MS);
    if (control->admin != NULL)
        admin_drain(control->admin, on_drained, control);
    else
        on_drained(control);
}

/* The flush in flight is finished by store_destroy(); what it does not hold
 * stays in the rings for the next accountant. */
static void
orphan(struct control *control)
{
    log_warn("the master is gone: leaving");
    control->orphaned = true;
    loop_remove(control->loop, &control->source);
    leave(control, 0);
}

/* ---- configuration ---- */

static int
read_text(int fd, struct buf *text)
{
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > CONFIG_BYTES_MAX)
        return -EBADMSG;
    size_t left = (size_t)st.st_size;
    off_t at = 0;
    char piece[4096];
    while (left > 0) {
        ssize_t n =
            pread(fd, piece, left < sizeof(piece) ? left : sizeof(piece), at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -EBADMSG;
        buf_append(text, piece, (size_t)n);
        at += n;
        left -= (size_t)n;
    }
    crypto_wipe(piece, sizeof(piece)); /* it holds credentials */
    return buf_ok(text) ? 0 : -ENOMEM;
}

static void
on_configured(void *context, int error, const char *reason, uint64_t id)
{
    struct control *control = context;
    (void)id;
    if (error == 0) {
        log_set_level(log_level_from(store_config(control->store)->log.level));
        tell(control, CONTROL_CONFIG_DONE, control->config_number, "");
    } else
        tell(control, CONTROL_CONFIG_FAILED, control->config_number, reason);
}

/* With this process's rights, which are those that it will be opened with. */
static bool
check_access_log(const struct config *config, struct buf *error)
{
    const char *path = config->log.access;
    int rc = strcmp(path, "off") == 0 ? 0 : log_check(path);
    if (rc < 0)
        buf_printf(error, "cannot open the access log %s: %s", path,
                   strerror(-rc));
    return rc == 0;
}

static void
configure(struct control *control, uint64_t number, int fd)
{
    struct buf text, error;
    struct config *config = NULL;
    buf_init_secret(&text, 0); /* it holds credentials */
    buf_init(&error, 0);
    control->config_number = number;
    int rc = read_text(fd, &text);
    if (rc == 0)
        config = config_parse_text(buf_view(&text), &error);
    const char *path = store_config(control->store)->path;
    if (config != NULL && path != NULL)
        config->path = strdup(path); /* NULL, without memory: not shown */
    if (config != NULL && !check_access_log(config, &error)) {
        config_free(config);
        config = NULL;
    }
    if (config == NULL)
        tell(control, CONTROL_CONFIG_FAILED, number,
             buf_len(&error) > 0 ? buf_cstr(&error)
                                 : "the configuration did not arrive whole");
    else
        store_configure(control->store, config, config, on_configured, control);
    buf_fini(&text);
    buf_fini(&error);
}

/* ---- messages ---- */

static void
on_message(struct control *control, const struct control_message *message,
           int fd)
{
    struct store_master *master = &control->store->master;
    _Static_assert(sizeof(master->upgrade) == sizeof(message->text) &&
                       sizeof(master->reload_reason) == sizeof(message->text),
                   "texts of the master are kept whole");
    switch (message->type) {
    case CONTROL_STOP:
        stop(control);
        return;
    case CONTROL_REOPEN:
        if (log_use(fd) < 0)
            log_error("cannot use the new error log");
        access_log_reopen(&control->store->access_log);
        return;
    case CONTROL_CONFIG:
        configure(control, message->value, fd);
        return;
    case CONTROL_RELOADED:
        master->reloads = message->value;
        memcpy(master->reload_reason, message->text, sizeof(message->text));
        return;
    case CONTROL_UPGRADED:
        master->upgrades = message->value;
        memcpy(master->upgrade, message->text, sizeof(message->text));
        return;
    default:
        log_warn("the master sent message %u, which is none for me",
                 message->type);
    }
}

static void
on_control(struct loop_source *source, uint32_t events)
{
    struct control *control =
        (struct control *)((char *)source - offsetof(struct control, source));
    struct control_message message = {0};
    int fd, rc;
    (void)events;
    while ((rc = control_receive(control->heritage->control_fd, &message,
                                 &fd)) == 1) {
        on_message(control, &message, fd);
        if (fd >= 0)
            close(fd);
    }
    if (rc == 0)
        orphan(control);
    else if (rc != -EAGAIN)
        log_error("message of the master: %s", strerror(-rc));
}

int
control_open(struct control *control, const struct heritage *heritage,
             struct store *store)
{
    *control = (struct control){
        .heritage = heritage,
        .store = store,
        .loop = store_loop(store),
        .source = {.fd = heritage->control_fd, .ready = on_control},
        .retry = {.expired = on_retry},
        .grace = {.expired = on_grace},
    };
    return loop_add(control->loop, &control->source, EPOLLIN);
}

void
control_close(struct control *control)
{
    loop_timer_clear(control->loop, &control->retry);
    loop_timer_clear(control->loop, &control->grace);
    loop_remove(control->loop, &control->source);
}
