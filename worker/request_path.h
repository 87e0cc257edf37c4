/*
 * request_path.h - the table of paths: what each is, who may ask, how it is
 * answered.
 *
 * A pattern is text, `?` for one segment, and `*` for whatever stands up to the
 * text behind it (slashes included; one a pattern). Both match at least a byte.
 * A row is found through what clients do to base URLs: see path_find().
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_REQUEST_PATH_H
#define AIGW_WORKER_REQUEST_PATH_H

#include "worker/request.h"

enum { PATH_BYTES = 1024 }; /* the longest path that is looked at */

/* Whose paths they are: whose errors they get, and whose extra fields. */
enum path_plane {
    PLANE_OWN,        /* errors in the dialect of the call */
    PLANE_CLICKZETTA, /* /gateway/v1/...: errors and fields of clickzetta.h */
    PLANE_OPENROUTER, /* /api/v1/...: as OWN, its models told at length */
    PLANE_CF_GATEWAY, /* Cloudflare AI Gateway: /v1/ACCOUNT/GATEWAY/... */
    PLANE_CF_REST,    /* Cloudflare API: /client/v4/... */
};

/* What the text behind `*` is. */
enum path_rest {
    REST_NOTHING,
    REST_MODEL, /* the name of the model called */
    REST_PATH,  /* a path of its own: found in the table once more */
};

struct path_row {
    const char *path;
    unsigned methods; /* bit per enum http_method */
    const char *allow;
    const struct dialect *dialect; /* NULL: of no dialect */
    uint8_t endpoint;              /* a model call: enum endpoint_number */
    uint8_t rest;                  /* enum path_rest */
    uint8_t plane;                 /* enum path_plane */
    bool stream;  /* the path says that the answer is a stream */
    bool admin;   /* on admin listeners only; the accountant answers */
    bool foreign; /* of another system's management: all fields are handed on */
    bool needs_key;
    bool has_steps; /* the body holds the calls: request_universal.c */
    /* Answers at once; NULL: a model call or management. `rest`: what `*` stood
     * for, as sent. */
    void (*answer)(struct request *request, const struct http_head *head,
                   struct str rest);
};

/* What a path says besides its row; views into `scratch` of path_find(). */
struct path_match {
    const struct path_row *row;
    struct str rest;     /* what `*` stood for, as sent */
    struct str model;    /* named by the path, as sent; len 0: it names none */
    struct str provider; /* named by the path; len 0: any */
    struct str gateway;  /* of Cloudflare's paths; len 0: none */
    struct str account_gateway; /* the same with the account before it */
    uint8_t plane;
};

/* request_path_rows.c; the first PATH_QUICK_ROWS are those of most requests. */
enum { PATH_QUICK_ROWS = 4 };
extern const struct path_row path_rows[];
extern const unsigned path_row_count;
/* Workers AI, model in the path: what Cloudflare's gateway has below
 * workers-ai/; NULL: there is no such row. */
const struct path_row *path_row_of_run(void);

/*
 * path_find - the row of a path. Forgives what clients do to base URLs: doubled
 * slashes, one at the end, /v1 doubled or left out, and the prefixes in front of
 * /v1 that stand in request_path.c. A row that takes the method comes before one
 * that does not. False: there is none; match->plane is set all the same.
 */
bool path_find(struct str path, enum http_method method, bool admin_listener,
               char scratch[PATH_BYTES], struct path_match *match);

/* Percent-decodes into `out`, NUL-terminated. Its length; 0, and "": malformed,
 * too long or no readable text. */
size_t path_decode(struct str coded, char *out, size_t size);

#endif
