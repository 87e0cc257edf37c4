/*
 * dialect.h - the management APIs of other systems over the native operations.
 *
 * A dialect is a table of routes and three functions: who may, how an error
 * looks, and (where the path alone does not say it) which route is meant. The
 * function of a route turns the request into native operations, and their
 * answers into its own; see visit.h. It knows nothing of the store: what is
 * missing is added to the native operations, where the native API and the
 * command line have it too.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_DIALECT_DIALECT_H
#define AIGW_ACCOUNTANT_ADMIN_DIALECT_DIALECT_H

#include "accountant/admin/dialect/visit.h"

enum dialect_flags {
    DIALECT_OPEN = 1, /* asked before there is a credential, as a login is */
};

struct dialect_route {
    enum http_method method; /* HEAD finds GET */
    /* Behind the dialect's prefix. "{}" one segment, "{*}" at the end all that
     * is left, slashes included; both at least a byte. One slash at the end of
     * a path is no difference. The first row that fits is taken. */
    const char *path;
    void (*run)(struct visit *visit); /* NULL ends a table */
    unsigned flags;
};

struct dialect {
    const char *name;
    const char *const *prefixes;               /* "/client/v4"; NULL behind */
    const struct dialect_route *const *tables; /* NULL behind the last */
    /* True: visit->call->member is set. False: visit->error says why not. */
    bool (*authenticate)(struct visit *visit);
    /* Answers with visit->error in the dialect's shape; 404 "not_found" with
     * visit->route NULL: no such route, 405 "method_not_allowed": for none of
     * this method. */
    void (*fail)(struct visit *visit);
    /* NULL: by path. Else the route, or NULL with visit->error. */
    const struct dialect_route *(*find)(struct visit *visit);
};

/* dialects.c: the table of them. Whose the path is (as sent), or NULL. */
const struct dialect *dialect_of_path(struct str path);
/* Row `i`, or NULL behind the last one. */
const struct dialect *dialect_row(unsigned i);

/*
 * dialect_begin - the call becomes a visit, which begins when call_run() has
 * the body. `head`: its bytes, which are copied. False: out of memory.
 */
bool dialect_begin(const struct dialect *dialect, struct call *call,
                   struct str head) MUST_CHECK;

/* One each a file (or family of files). */
extern const struct dialect dialect_zenlayer;
extern const struct dialect dialect_clickzetta;
extern const struct dialect dialect_cloudflare;
extern const struct dialect dialect_sealos;
extern const struct dialect dialect_aiproxy;

#endif
