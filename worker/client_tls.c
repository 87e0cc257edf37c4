/*
 * client_tls.c - handshakes of clients, limited in number and in pace, and the
 * certificate they are made with.
 *
 * A handshake costs as much as many requests, and whoever connects can ask for
 * one. So their steps are put off to the end of the turn, the oldest connection
 * first: one step, and more only while they take less than half as long as all
 * else did in this turn. What is under way waits for a step at most, and a busy
 * worker still takes new clients. And when too many have not ended, the oldest
 * is closed for the newest: one that is meant takes a round trip or two and has
 * left before.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/client_parts.h"

#include <errno.h>

#include "common/clock.h"
#include "common/log.h"

enum { HANDSHAKES_MAX = 1024 }; /* 43 KB each until the last message */

/* ---- the certificate ---- */

int
client_start_tls(struct worker *worker)
{
    const struct heritage *heritage = worker->heritage;
    struct clients *clients = worker->clients;
    struct buf error;
    buf_init(&error, 0);
    clients->tls =
        tls_server_create(heritage->certificate, worker->config->server.tls_min,
                          heritage->secrets, &error);
    /* OpenSSL has its own copy now: one less in this process. */
    certificate_wipe(heritage->certificate);
    if (clients->tls == NULL)
        log_error("cannot serve TLS: %s", buf_cstr(&error));
    buf_fini(&error);
    clients->shakes.max = clients->max / 2 < HANDSHAKES_MAX
                              ? clients->max / 2 + 1
                              : HANDSHAKES_MAX;
    return clients->tls == NULL ? -EINVAL : 0;
}

void
client_take_certificate(struct worker *worker, int fd)
{
    struct certificate certificate;
    struct buf error;
    if (worker->clients->tls == NULL)
        return; /* of an older configuration, without TLS */
    buf_init(&error, 0);
    int r = certificate_receive(&certificate, fd);
    if (r < 0)
        buf_append_cstr(&error, strerror(-r));
    else
        r = tls_server_replace(worker->clients->tls, &certificate, &error);
    if (r < 0)
        log_error("the new certificate is not used, the running one stays: %s",
                  buf_cstr(&error));
    certificate_wipe(&certificate);
    buf_fini(&error);
}

/* ---- handshakes ---- */

static void
step(struct client *client)
{
    int r = stream_handshake(&client->stream);
    if (r == -EAGAIN)
        return;
    client_shake_end(client);
    if (r != 0) {
        client_close(client);
        return;
    }
    client_enter(client, CLIENT_IDLE);
    client->readable = true; /* OpenSSL may have read ahead */
    client_pump(client);
}

static void
shakes_on_later(struct loop_deferred *deferred)
{
    struct client_shakes *shakes =
        OWNER_OF(deferred, struct client_shakes, later);
    uint64_t begin_ns = clock_mono_ns();
    uint64_t most_ns = (begin_ns - loop_now_ns(shakes->loop)) / 2;
    struct client *client = shakes->oldest;
    while (client != NULL) {
        struct client *newer = client->shake_newer;
        if (client->shake_wanted) {
            client->shake_wanted = false;
            shakes->wanted--;
            step(client);
            if (clock_mono_ns() - begin_ns >= most_ns)
                break;
        }
        client = newer;
    }
    if (shakes->wanted > 0)
        loop_defer(shakes->loop, deferred);
}

void
client_shake(struct client *client)
{
    struct client_shakes *shakes = &client->worker->clients->shakes;
    if (client->shake_wanted)
        return;
    client->shake_wanted = true;
    shakes->wanted++;
    loop_defer(shakes->loop, &shakes->later);
}

void
client_shake_begin(struct client *client)
{
    struct client_shakes *shakes = &client->worker->clients->shakes;
    shakes->loop = client->worker->loop;
    shakes->later.run = shakes_on_later;
    if (shakes->count >= shakes->max) {
        log_warn("%u TLS handshakes are in progress: the oldest is closed",
                 shakes->count);
        client_close(shakes->oldest);
    }
    client->shaking = true;
    client->shake_older = shakes->newest;
    *(shakes->newest != NULL ? &shakes->newest->shake_newer : &shakes->oldest) =
        client;
    shakes->newest = client;
    shakes->count++;
}

void
client_shake_end(struct client *client)
{
    struct client_shakes *shakes = &client->worker->clients->shakes;
    if (!client->shaking)
        return;
    client->shaking = false;
    if (client->shake_wanted)
        shakes->wanted--;
    client->shake_wanted = false;
    *(client->shake_older != NULL ? &client->shake_older->shake_newer
                                  : &shakes->oldest) = client->shake_newer;
    *(client->shake_newer != NULL ? &client->shake_newer->shake_older
                                  : &shakes->newest) = client->shake_older;
    client->shake_older = client->shake_newer = NULL;
    shakes->count--;
}
