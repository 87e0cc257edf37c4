/*
 * connector.c - one CURLM on the worker's loop, one easy handle per connection
 * that is being made (CURLOPT_CONNECT_ONLY).
 *
 * libcurl says which sockets and which time it waits for; both go to our loop,
 * level-triggered, as libcurl expects. When a connection is made, its socket is
 * taken out with CURLINFO_ACTIVESOCKET and the handle is removed: libcurl then
 * "closes" the socket through on_close(), which lets just this one live.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/connector.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"
#include "worker/connector_part.h"

struct connector {
    struct loop *loop;
    CURLM *multi;
    struct watch *watches;
    struct loop_timer timer;
    int leaving_fd; /* the socket being handed over, else -1 */
    bool fd_let_go; /* libcurl "closed" it */
};

/* A socket that libcurl waits for, until libcurl says CURL_POLL_REMOVE. */
struct watch {
    struct loop_source source;
    struct connector *connector;
    CURL *easy;
    int fd;
    struct watch *previous, *next;
    struct loop_deferred free_later;
};

static void collect_results(struct connector *connector);

static void
act(struct connector *connector, int fd, int what)
{
    int running = 0;
    CURLMcode code =
        curl_multi_socket_action(connector->multi, fd, what, &running);
    if (code != CURLM_OK)
        log_warn("libcurl: socket action failed: %s",
                 curl_multi_strerror(code));
    collect_results(connector);
}

static void
on_watch_ready(struct loop_source *source, uint32_t events)
{
    struct watch *watch = (struct watch *)source;
    int what = 0;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLRDHUP | EPOLLERR))
        what |= CURL_CSELECT_IN;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        what |= CURL_CSELECT_OUT;
    if (events & EPOLLERR)
        what |= CURL_CSELECT_ERR;
    act(watch->connector, watch->fd, what);
}

static void
on_timer(struct loop_timer *timer)
{
    struct connector *connector =
        (struct connector *)((char *)timer - offsetof(struct connector, timer));
    act(connector, CURL_SOCKET_TIMEOUT, 0);
}

static void
watch_free(struct loop_deferred *deferred)
{
    free((char *)deferred - offsetof(struct watch, free_later));
}

static void
watch_remove(struct connector *connector, struct watch *watch)
{
    loop_remove(connector->loop, &watch->source);
    *(watch->previous != NULL ? &watch->previous->next : &connector->watches) =
        watch->next;
    if (watch->next != NULL)
        watch->next->previous = watch->previous;
    loop_defer(connector->loop, &watch->free_later);
}

static struct watch *
watch_create(struct connector *connector, CURL *easy, int fd)
{
    struct watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return NULL;
    watch->source = (struct loop_source){.fd = -1, .ready = on_watch_ready};
    watch->connector = connector;
    watch->easy = easy;
    watch->fd = fd;
    watch->free_later.run = watch_free;
    watch->next = connector->watches;
    if (watch->next != NULL)
        watch->next->previous = watch;
    connector->watches = watch;
    return watch;
}

static int
watch_events(struct connector *connector, struct watch *watch, uint32_t events)
{
    if (watch->source.fd >= 0)
        return loop_modify(connector->loop, &watch->source, events);
    watch->source.fd = watch->fd;
    return loop_add(connector->loop, &watch->source, events);
}

/* CURLMOPT_SOCKETFUNCTION. -1 makes libcurl fail the transfers. */
static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *context,
          void *socket_context)
{
    struct connector *connector = context;
    struct watch *watch = socket_context;
    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL)
            watch_remove(connector, watch);
        return 0;
    }
    uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) |
                      (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (watch != NULL)
        return watch_events(connector, watch, events) == 0 ? 0 : -1;
    watch = watch_create(connector, easy, fd);
    if (watch == NULL)
        return -1;
    if (watch_events(connector, watch, events) != 0 ||
        curl_multi_assign(connector->multi, fd, watch) != CURLM_OK) {
        watch_remove(connector, watch);
        return -1;
    }
    return 0;
}

/* CURLMOPT_TIMERFUNCTION. */
static int
on_timeout(CURLM *multi, long timeout_ms, void *context)
{
    (void)multi;
    struct connector *connector = context;
    if (timeout_ms < 0)
        loop_timer_clear(connector->loop, &connector->timer);
    else
        loop_timer_set(connector->loop, &connector->timer,
                       loop_now_ms(connector->loop) + (uint64_t)timeout_ms);
    return 0;
}

int
connector_on_close(void *context, curl_socket_t fd)
{
    struct connector *connector = context;
    if (fd == connector->leaving_fd) {
        connector->fd_let_go = true;
        return 0;
    }
    return close(fd);
}

/* libcurl closes the sockets of a removed handle first and says so afterwards,
 * so they leave epoll here. */
static void
end_handle(struct connector *connector, CURL *easy)
{
    for (struct watch *w = connector->watches; w != NULL; w = w->next)
        if (w->easy == easy)
            loop_remove(connector->loop, &w->source);
    curl_multi_remove_handle(connector->multi, easy);
    curl_easy_cleanup(easy);
}

/* The connected socket, ours from now on, or -errno. Ends the easy handle. */
static int
take_socket(struct connector *connector, CURL *easy)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK)
        fd = CURL_SOCKET_BAD;
    connector->leaving_fd = fd;
    connector->fd_let_go = false;
    end_handle(connector, easy);
    connector->leaving_fd = -1;
    if (fd == CURL_SOCKET_BAD)
        return -ECONNABORTED;
    if (connector->fd_let_go)
        return fd;
    /* libcurl kept the connection: it closes its descriptor, we ours. */
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return copy >= 0 ? copy : -errno;
}

static void
finish_job(struct connector *connector, CURL *easy, CURLcode code)
{
    char *context = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &context);
    struct connect_job *job = (struct connect_job *)(void *)context;
    int result;
    if (code == CURLE_OK) {
        result = take_socket(connector, easy);
        if (result < 0)
            snprintf(job->text, sizeof(job->text), "the connection was lost");
    } else {
        result = connector_explain(job, easy, code);
        end_handle(connector, easy);
    }
    job->easy = NULL;
    job->done(job, result);
}

static void
collect_results(struct connector *connector)
{
    for (;;) {
        int left = 0;
        CURLMsg *message = curl_multi_info_read(connector->multi, &left);
        if (message == NULL)
            return;
        /* The message dies with its handle. */
        if (message->msg == CURLMSG_DONE)
            finish_job(connector, message->easy_handle, message->data.result);
    }
}

int
connector_start(struct connector *connector, struct connect_job *job,
                const struct connect_target *target)
{
    CHECK(job->easy == NULL);
    CURL *easy = NULL;
    int result = connector_prepare(connector, job, target, &easy);
    if (result != 0)
        return result;
    if (curl_multi_add_handle(connector->multi, easy) != CURLM_OK) {
        curl_easy_cleanup(easy);
        snprintf(job->text, sizeof(job->text), "out of memory");
        return -ENOMEM;
    }
    job->connector = connector;
    job->easy = easy;
    return 0;
}

void
connector_cancel(struct connect_job *job)
{
    if (job->easy == NULL)
        return;
    CURL *easy = job->easy;
    job->easy = NULL;
    end_handle(job->connector, easy);
}

int
connector_open_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, len + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

struct connector *
connector_create(struct loop *loop)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return NULL;
    struct connector *connector = calloc(1, sizeof(*connector));
    CURLM *multi = curl_multi_init();
    if (connector == NULL || multi == NULL) {
        curl_multi_cleanup(multi);
        free(connector);
        curl_global_cleanup();
        return NULL;
    }
    connector->loop = loop;
    connector->multi = multi;
    connector->leaving_fd = -1;
    connector->timer.expired = on_timer;
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, connector);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, connector);
    return connector;
}

void
connector_destroy(struct connector **connector_ptr)
{
    struct connector *connector = *connector_ptr;
    if (connector == NULL)
        return;
    curl_multi_cleanup(connector->multi);
    while (connector->watches != NULL)
        watch_remove(connector, connector->watches);
    loop_timer_clear(connector->loop, &connector->timer);
    free(connector);
    curl_global_cleanup();
    *connector_ptr = NULL;
}
