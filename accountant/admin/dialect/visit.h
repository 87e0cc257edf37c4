/*
 * visit.h - one request in the words of another system, from its head to its
 * answer.
 *
 * The function of a route reads the request, asks native operations one after
 * the other, and answers:
 *
 *     const cJSON *key = visit_ask(visit, HTTP_GET, NULL,
 *                                  "/admin/v1/keys/{}", visit->params[0]);
 *     if (key == NULL)
 *         return;
 *     visit_answer(visit, 200, shape_of(key));
 *
 * visit_ask() is NULL while the answer is not there, and the function returns.
 * When it has come, the function is run again from its start, and what was
 * asked before is answered at once from memory, in the order of asking. So it
 * must ask the same each time: it decides only by the request, visit->now_ms
 * and earlier answers, and keeps nothing. An ask that is refused is answered by
 * the dialect's fail() and is NULL for good.
 *
 * Asks run as the caller's own requests would: his rights, the group bounds, the
 * audit log and all checks are those of the native operation.
 *
 * Owner: its call (as call->work). Loop thread only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_DIALECT_VISIT_H
#define AIGW_ACCOUNTANT_ADMIN_DIALECT_VISIT_H

#include <cjson/cJSON.h>

#include "accountant/admin/admin_error.h"
#include "accountant/admin/signatures.h"
#include "common/buf.h"
#include "common/net/http_parse.h"

struct call;
struct dialect;
struct dialect_route;
struct operation;

enum {
    VISIT_PARAMS = 6,
    VISIT_QUERY_MAX = 64,  /* parameters of a query, names may repeat */
    VISIT_ASKS_MAX = 2048, /* native operations of one request */
};

struct visit {
    const struct dialect *dialect;
    const struct dialect_route *route; /* NULL: there is none */
    struct call *call;
    struct http_head head; /* of the request */
    const char
        *params[VISIT_PARAMS]; /* of the route's path, decoded; or NULL */
    struct str body;           /* as sent */
    int64_t now_ms;            /* wall clock when it came */
    char id[40];               /* x-request-id of the worker, or made here */
    bool is_local;             /* over the unix socket, by who may use it */
    struct admin_error error;  /* for fail() */

    /* private to visit.c */
    char *head_text, *texts;
    struct {
        const char *name, *value;
    } query[VISIT_QUERY_MAX];
    unsigned query_count;
    cJSON *json;
    struct visit_ask {
        cJSON *json;
        uint16_t status; /* 0: not answered yet */
        const struct operation *operation;
    } * asks;
    unsigned ask_count, asked;
    bool asking, answered, replayed;
    uint16_t status;
};

/* ---- the request ---- */

/* A field of the head, or {NULL, 0}. */
struct str visit_field(const struct visit *visit, const char *name);
/* What the client sent as Host, the port included. */
struct str visit_host(const struct visit *visit);
/* Where calls of models go, "http://HOST:PORT": the client's host, the server's
 * first address. */
void visit_data_origin(const struct visit *visit, struct buf *out);
/* The n-th parameter of that name, decoded; NULL: there are fewer. */
const char *visit_query_nth(const struct visit *visit, const char *name,
                            unsigned n);
/* The first one; NULL where it is absent or empty. */
const char *visit_query(const struct visit *visit, const char *name);
/* A whole number of the query in [min, max], what is outside moved to the
 * nearer end; `absent` where it is absent or no number. */
uint64_t visit_query_u64(const struct visit *visit, const char *name,
                         uint64_t absent, uint64_t min, uint64_t max);
/* The body as a JSON object (an empty body is an empty one), whatever its
 * Content-Type says. NULL: not JSON, and fail() has answered. */
const cJSON *visit_object(struct visit *visit);
/* The same for any JSON value: visit_json() of an array is one. */
const cJSON *visit_json(struct visit *visit);

/* ---- who ---- */

/* Whether it is a management token; visit->call->member is then who it is.
 * False: visit->error says why. */
bool visit_token(struct visit *visit, struct str token) MUST_CHECK;
/* The same for a token that visit_login() made. */
bool visit_login_token(struct visit *visit, struct str token) MUST_CHECK;
/* Appends a token with `claims` (an object, changed) in which the visit's member
 * goes on for `life_ms` (login_token.h). False: it has none, as the socket's. */
bool visit_login(struct visit *visit, cJSON *claims, int64_t life_ms,
                 struct buf *out) MUST_CHECK;
/* The secret of an access key, appended, for dialects whose requests are signed; the
 * visit is then its member's, if the signature fits. False: there is none. */
bool visit_signer(struct visit *visit, struct str key_id,
                  struct buf *secret) MUST_CHECK;
/* A signature that fits is used, here and now. */
enum signature_use visit_use_signature(struct visit *visit,
                                       struct str signature, struct str change,
                                       int64_t signed_s) MUST_CHECK;
/* The id of the virtual key that this is, *status then "active", "disabled" or
 * "expired"; 0: it is none. */
uint64_t visit_virtual_key(const struct visit *visit, struct str token,
                           const char **status);
/* A credential was wrong: too many make the address wait. visit_token() says it
 * itself. False, visit->error as given. */
bool visit_wrong(struct visit *visit, uint16_t status, const char *code,
                 const char *message);
/* `authorization` without "Bearer " (of any case) in front. */
struct str visit_bearer(const struct visit *visit);
/* For authenticate(): the bearer token, or nothing at all from the socket. */
bool visit_by_bearer(struct visit *visit) MUST_CHECK;

/* ---- native operations ---- */

/*
 * visit_ask - see above. `path` with its query; each "{}" is the next argument
 * (const char *), percent-encoded. NULL for a parameter's whole value leaves
 * the parameter out. `body`: taken; NULL for an operation with one is {}. The
 * answer lives as long as the visit; {} where it was no JSON.
 */
const cJSON *visit_ask(struct visit *visit, enum http_method method,
                       cJSON *body, const char *path, ...);
/* The same where a refusal is part of the plan: *status (an HTTP status) says,
 * and the answer is then {"error": {code, message, field}}. NULL, *status 0: not
 * there yet, or out of memory and answered. */
const cJSON *visit_try(struct visit *visit, uint16_t *status,
                       enum http_method method, cJSON *body, const char *path,
                       ...);

/* The group that the member's objects are in, where a dialect does not name one:
 * his first, or `default` of one who is bound to none. False: not known yet, or
 * answered. */
bool visit_home(struct visit *visit, const char **group);

/* ---- the answer: once; the route's function then returns ---- */

/* `json`: taken; NULL: no body. */
void visit_answer(struct visit *visit, uint16_t status, cJSON *json);
/* `type`: a literal. The bytes of `body` are taken, it is empty afterwards. */
void visit_answer_raw(struct visit *visit, uint16_t status, const char *type,
                      struct buf *body);
/*
 * visit_hand_over - the native operation's answer is the answer, as it is, and
 * goes to the client without passing here: for streams. Path as of visit_ask(),
 * GET. What may be refused is asked for before, for a refusal would have the
 * native form.
 */
void visit_hand_over(struct visit *visit, const char *path, ...);
/* A field of the answer, before it. `name`: a literal. */
void visit_answer_field(struct visit *visit, const char *name,
                        const char *value);
/* Sets visit->error and answers by the dialect's fail(). */
void visit_fail(struct visit *visit, uint16_t status, const char *code,
                const char *format, ...) PRINTF_LIKE(4, 5);
/* As visit_fail(), 400 "invalid_field"; `field` as the client names it. */
void visit_fail_field(struct visit *visit, const char *field,
                      const char *format, ...) PRINTF_LIKE(3, 4);

#endif
