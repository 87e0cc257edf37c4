/*
 * aigwctl_connect.h - finds the server and speaks HTTP with it: by the unix
 * socket of run_dir, or by URL with a token. libcurl does the talking.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TOOLS_AIGWCTL_CONNECT_H
#define AIGW_TOOLS_AIGWCTL_CONNECT_H

#include <stdio.h>

#include "common/buf.h"

struct connect {
    char socket[108]; /* path, or "" when by URL */
    char url[512];    /* without trailing slash */
    char token[512];  /* "" none */
    const char *from; /* what named it, for messages: "AIGW_SOCKET" */
    void *curl;       /* CURL *, kept for the next request */
    long timeout_ms;  /* of a request; 0: ten minutes */
    bool by_proxy;    /* of the environment: a service out in the world */
};

/* What the flags say; NULL where absent. */
struct connect_flags {
    const char *socket, *config, *url, *token_file;
};

/*
 * connect_find - the first of --socket, AIGW_SOCKET, -c FILE, --url, AIGW_URL,
 * ./aigw.ini, /etc/aigw/aigw.ini, /run/aigw/aigw.sock. Connects to nothing.
 * 0, or -errno with a sentence in `error`.
 */
int connect_find(struct connect *connect, const struct connect_flags *flags,
                 struct buf *error) MUST_CHECK;
/*
 * connect_request - 0 and status and body of the answer; -errno with a sentence
 * that says what to do. `body` NULL: none is sent.
 */
int connect_request(struct connect *connect, const char *method,
                    const char *path, struct str body, long *status,
                    struct buf *answer, struct buf *error) MUST_CHECK;
/* The same for an answer without an end that is known: of status 2xx it goes into
 * `file` as it comes, for as long as something comes. */
int connect_stream(struct connect *connect, const char *path, FILE *file,
                   long *status, struct buf *answer,
                   struct buf *error) MUST_CHECK;
void connect_fini(struct connect *connect);

#endif
