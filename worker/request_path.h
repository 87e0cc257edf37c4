/*
 * request_path.h - the table of paths: what each is, who may ask, how it is
 * answered.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_REQUEST_PATH_H
#define AIGW_WORKER_REQUEST_PATH_H

#include "worker/request.h"

enum { PATH_BYTES = 512 };

struct path_row {
    const char *path; /* ends in '/': everything below it */
    unsigned methods; /* bit per enum http_method */
    const char *allow;
    uint8_t endpoint; /* a model call: enum endpoint_number */
    bool admin;       /* on admin listeners only; the accountant answers */
    bool needs_key;
    /* Answers at once; NULL: a model call or management. `rest`: the path
     * behind the row's own, as sent. */
    void (*answer)(struct request *request, struct str rest);
};

/*
 * path_find - the row of a path, forgiving what clients do to base URLs:
 * /gateway and /api in front, /v1/v1, /v1 left out before a model call, doubled
 * slashes, a slash at the end. NULL: there is none. `rest` points into `scratch`.
 */
const struct path_row *path_find(struct str path, bool admin_listener,
                                 char scratch[PATH_BYTES], struct str *rest);

#endif
