/*
 * call.h - one management request from its head to its answer.
 *
 * Owner: its connection makes it; it frees itself when it has been answered.
 * An operation may answer at once or from a callback of the store; the client
 * may be gone by then (connection NULL), which only the answering notices.
 * Loop thread only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_CALL_H
#define AIGW_ACCOUNTANT_ADMIN_CALL_H

#include <cjson/cJSON.h>

#include "accountant/admin/admin_error.h"
#include "accountant/admin/guard.h"
#include "accountant/admin/member.h"
#include "accountant/admin/query.h"
#include "accountant/store.h"
#include "common/crypto.h"
#include "common/json_write.h"
#include "common/net/http_parse.h"

struct admin;
struct connection;
struct operation;

enum {
    CALL_PATH_PARAMS = 1,
    CALL_PATH_PARAM_BYTES = 256,
    CALL_IDEMPOTENCY_KEY_BYTES = 256,
    CALL_IF_MATCH_BYTES = 256,
    CALL_ETAG_BYTES = 32,
};

/* Digests of who, what and key, and of the body: replays.h. */
struct idempotency {
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    uint8_t body[CRYPTO_DIGEST_BYTES];
};

struct call {
    struct admin *admin;
    struct store *store;
    struct connection *connection;     /* NULL: the client is gone */
    const struct operation *operation; /* NULL: error is set */
    char path_params[CALL_PATH_PARAMS][CALL_PATH_PARAM_BYTES];
    struct query query;
    cJSON *body; /* NULL for operations without one */
    struct admin_error error;
    bool is_tls;                  /* the client's side is encrypted */
    bool head_only;               /* HEAD: the answer's body is not sent */
    const char *allow;            /* of a 405 */
    int64_t peer_uid;             /* for the log of changes */
    char from[ACCESS_FROM_BYTES]; /* for the audit log */
    struct guard_address address; /* whose wrong tokens are counted */
    uint64_t session_id;          /* by a login's cookie; 0: not */
    struct member member; /* who calls; of role MEMBER_NOBODY: error is set, or
                             it is an operation that needs nobody */
    const struct operation *denied;     /* found, but not for this member */
    char if_match[CALL_IF_MATCH_BYTES]; /* of the head; "": none */
    char idempotency_key[CALL_IDEMPOTENCY_KEY_BYTES];
    /* Not NULL: takes the body instead of an operation (another system's
     * request, see dialect/dialect.h), and answers. */
    void (*begin)(struct call *call, struct str body);
    /* Of a call without a connection: told of the answer when the call is
     * gone. */
    void (*answered)(void *context, uint16_t status, bool replayed,
                     struct str reply);
    void *answered_context;

    uint16_t status;
    const char *content_type;
    const char *cache_control; /* NULL: no-store */
    struct buf fields;         /* of the answer's head, besides the usual */
    struct buf reply;
    struct json_writer json; /* onto reply */

    /* Of an answer in pieces: the client has taken the last one. */
    void (*more)(struct call *call);

    /* The operation's own state, freed with the call. */
    void *work;
    void (*work_free)(void *work);

    /* Audit and idempotency: change_notes.c, replays.c. */
    struct store_extra *notes; /* not taken by a change yet */
    bool began, notes_taken, notes_done;
    bool is_idempotent;
    struct idempotency idempotency;
    struct call *next_idempotent;
    uint16_t replayed_status; /* of the first time; 0: this is it */

    /* Changes: see call_change_begin(). */
    uint64_t change;
    struct call *next;
};

struct call *call_create(struct admin *admin, struct connection *connection);
/* Which operation, by method, path and query as sent, if call->member may run
 * it; else call->error is set. */
void call_find(struct call *call, enum http_method method, struct str path,
               struct str query);
/* The same with the row found. */
void call_take(struct call *call, const struct operation *operation,
               struct str query);
/* The body is there: parses it where the operation takes one, and begins. */
void call_run(struct call *call, struct str body);
/* The same from inside, with a body that is parsed already: it is taken; NULL
 * is an empty object. `sent`: what a repetition is compared by. */
void call_run_inside(struct call *call, cJSON *body, struct str sent);

/* ---- for operations; the call is gone after each of these ---- */
void call_answer(struct call *call, uint16_t status);
/* Answers with call->error. */
void call_refuse(struct call *call);
void call_fail(struct call *call, uint16_t status, const char *code,
               const char *format, ...) PRINTF_LIKE(4, 5);
/*
 * An answer in pieces, in constant memory: after call_stream_begin(), and after
 * each call_stream_add(), call->more() is called when the client has taken what it
 * was sent; it makes the next piece, at once or later, or ends. add() takes what
 * is in call->reply. The client may be gone: then these end the call, and say
 * false. Not for calls from inside.
 */
void call_stream_begin(struct call *call, uint16_t status,
                       void (*more)(struct call *call));
bool call_stream_add(struct call *call) MUST_CHECK;
/* whole false: the connection breaks off. The call is gone. */
void call_stream_end(struct call *call, bool whole);
/* connection.c: nobody takes it any more. The call is gone. */
void call_stream_gone(struct call *call);
/* The body is larger than `max`, whole MiB: it is not read. */
void call_refuse_body(struct call *call, size_t max);
/* As a store_done said. */
void call_fail_store(struct call *call, int error, const char *reason);
/* A store_done of a call that deletes: {"id", "deleted": true}, or the error. */
void call_deleted(void *call, int error, const char *reason, uint64_t id);

/*
 * call_change_begin - changes of one object follow one another, because each is
 * a copy that was edited. True: go on. False: another one is under way; the
 * operation returns and is run again, from its start, when that has ended.
 * `kind` and `number` name the object: 'k' key id, 'g' group id, 'n' hash of a
 * name that is being created.
 */
bool call_change_begin(struct call *call, char kind,
                       uint64_t number) MUST_CHECK;

/* The answer's ETag; without quotes. */
void call_set_etag(struct call *call, const char *etag);
/* Whether If-Match, if there is one, names this ETag. False: the call has been
 * answered, 412. */
bool call_if_match(struct call *call, const char *etag) MUST_CHECK;

/* Runs `work` on a query thread with a snapshot in which everything settled
 * until now is visible, then `done` on the loop with the call. */
void call_query(struct call *call,
                void (*work)(struct ledger *ledger,
                             struct ledger_snapshot *snapshot, void *call),
                void (*done)(void *call));
/* The same of work that may take long and does not take turns. */
void call_query_long(struct call *call,
                     void (*work)(struct ledger *ledger,
                                  struct ledger_snapshot *snapshot, void *call),
                     void (*done)(void *call));
/* From a `done`: the next turn of work that has had one (struct ledger_turn),
 * behind what is short. */
void call_query_on(struct call *call,
                   void (*work)(struct ledger *ledger,
                                struct ledger_snapshot *snapshot, void *call),
                   void (*done)(void *call));

#endif
