/*
 * call.c - see call.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/call.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/admin_state.h"
#include "accountant/admin/authorise.h"
#include "accountant/admin/change_notes.h"
#include "accountant/admin/connection.h"
#include "accountant/admin/replays.h"
#include "accountant/admin/operations.h"
#include "accountant/admin/value.h"
#include "common/log.h"
#include "common/net/http_reply.h"

enum { REPLY_MAX_BYTES = 64 * 1024 * 1024 };

struct call *
call_create(struct admin *admin, struct connection *connection)
{
    struct call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        return NULL;
    call->admin = admin;
    call->store = admin->store;
    call->connection = connection;
    call->content_type = "application/json";
    buf_init(&call->fields, 0);
    buf_init(&call->reply, REPLY_MAX_BYTES);
    json_writer_init(&call->json, &call->reply);
    admin->call_count++;
    return call;
}

static bool
list_remove(struct call **list, struct call *call)
{
    for (; *list != NULL; list = &(*list)->next) {
        if (*list == call) {
            *list = call->next;
            return true;
        }
    }
    return false;
}

static void
list_append(struct call **list, struct call *call)
{
    while (*list != NULL)
        list = &(*list)->next;
    call->next = NULL;
    *list = call;
}

static void
call_free(struct call *call)
{
    struct admin *admin = call->admin;
    if (call->work_free != NULL)
        call->work_free(call->work);
    replays_end(call);
    change_notes_drop(call);
    cJSON_Delete(call->body);
    query_fini(&call->query);
    buf_fini(&call->fields);
    buf_fini(&call->reply);
    free(call);
    admin->call_count--;
    admin_release(admin);
}

static bool
change_is_running(const struct admin *admin, uint64_t change)
{
    const struct call *c = admin->changes_running;
    while (c != NULL && c->change != change)
        c = c->next;
    return c != NULL;
}

static struct call *
change_take_waiting(struct admin *admin, uint64_t change)
{
    struct call *c = admin->changes_waiting;
    while (c != NULL && c->change != change)
        c = c->next;
    if (c != NULL)
        list_remove(&admin->changes_waiting, c);
    return c;
}

/* Those that waited for this object begin anew, in order, until one of them is
 * under way: one that is refused at once must not leave the rest waiting. */
static void
change_end(struct call *call)
{
    struct admin *admin = call->admin;
    uint64_t change = call->change;
    if (change == 0 || !list_remove(&admin->changes_running, call))
        return;
    while (!change_is_running(admin, change)) {
        struct call *next = change_take_waiting(admin, change);
        if (next == NULL)
            return;
        next->change = 0;
        change_notes_run(next);
    }
}

bool
call_change_begin(struct call *call, char kind, uint64_t number)
{
    struct admin *admin = call->admin;
    uint64_t change = (number << 8) | (uint8_t)kind;
    if (call->change == change)
        return true;
    CHECK(call->change == 0);
    call->change = change;
    bool busy = change_is_running(admin, change);
    list_append(busy ? &admin->changes_waiting : &admin->changes_running, call);
    return !busy;
}

/* Ends the call, and only then tells: whoever is told may begin another change
 * of the same object. */
static void
answer_inside(struct call *call)
{
    void (*answered)(void *, uint16_t, bool, struct str) = call->answered;
    void *context = call->answered_context;
    struct buf reply = call->reply;
    uint16_t status = call->status;
    bool replayed = call->replayed_status != 0;
    buf_init(&call->reply, 0);
    change_end(call);
    call_free(call);
    answered(context, status, replayed, buf_view(&reply));
    buf_fini(&reply);
}

void
call_answer(struct call *call, uint16_t status)
{
    if (!buf_ok(&call->reply)) {
        buf_reset(&call->reply);
        buf_append_cstr(&call->reply,
                        "{\"error\":{\"code\":\"answer_too_large\",\"message\":"
                        "\"The answer is too large: narrow the question.\"}}");
        call->content_type = "application/json";
        status = 500;
    }
    if (change_notes_answer(call, status))
        return;
    if (call->replayed_status != 0 && status == 200)
        status = call->replayed_status;
    call->status = status;
    if (call->operation != NULL &&
        (call->operation->flags & OPERATION_CHANGES) != 0)
        log_info("management operation=%s status=%u member=%s from=%s",
                 call->operation->name, status, call->member.name, call->from);
    if (call->answered != NULL) {
        answer_inside(call);
        return;
    }
    if (call->connection != NULL)
        connection_answer(call->connection, call);
    change_end(call);
    call_free(call);
}

void
call_stream_gone(struct call *call)
{
    call_free(call);
}

void
call_stream_begin(struct call *call, uint16_t status,
                  void (*more)(struct call *call))
{
    struct connection *connection = call->connection;
    CHECK(call->answered == NULL);
    call->status = status;
    call->more = more;
    if (connection == NULL) {
        call_stream_gone(call);
        return;
    }
    bool head_only = connection_is_head(connection);
    connection_stream_begin(connection, call);
    if (call->connection == NULL)
        call_stream_gone(call); /* out of memory */
    else if (head_only)
        call_stream_end(call, true);
}

bool
call_stream_add(struct call *call)
{
    if (call->connection != NULL)
        connection_stream_add(call->connection, buf_view(&call->reply));
    if (call->connection == NULL) {
        call_stream_gone(call);
        return false;
    }
    buf_reset(&call->reply);
    return true;
}

void
call_stream_end(struct call *call, bool whole)
{
    if (call->connection != NULL)
        connection_stream_end(call->connection, whole);
    call_stream_gone(call);
}

void
call_refuse(struct call *call)
{
    struct json_writer *json = &call->json;
    buf_reset(&call->reply);
    json_writer_init(json, &call->reply);
    call->content_type = "application/json";
    json_object_begin(json);
    json_key(json, "error");
    json_object_begin(json);
    json_key(json, "code");
    json_cstring(json, call->error.code);
    json_key(json, "message");
    json_cstring(json, call->error.message);
    if (call->error.field[0] != '\0') {
        json_key(json, "field");
        json_cstring(json, call->error.field);
    }
    json_object_end(json);
    json_object_end(json);
    call_answer(call, call->error.status);
}

void
call_fail(struct call *call, uint16_t status, const char *code,
          const char *format, ...)
{
    va_list args;
    call->error.status = status;
    call->error.code = code;
    call->error.field[0] = '\0';
    va_start(args, format);
    vsnprintf(call->error.message, sizeof(call->error.message), format, args);
    va_end(args);
    call_refuse(call);
}

void
call_refuse_body(struct call *call, size_t max)
{
    call->operation = NULL;
    call->begin = NULL;
    call_fail(call, 413, "body_too_large", "The body is larger than %zu MiB.",
              max >> 20);
}

void
call_fail_store(struct call *call, int error, const char *reason)
{
    static const struct {
        int error;
        uint16_t status;
        const char *code, *text;
    } table[] = {
        {EEXIST, 409, "exists", "The name is taken."},
        {ENOENT, 404, "not_found", "It does not exist any more."},
        {ENOSPC, 507, "no_space", "No room: disk or key table is full."},
        {EINVAL, 400, "invalid_value", "The store refused the value."},
        {EIO, 503, "ledger_unavailable", "The ledger cannot write now."},
    };
    if (error < 0)
        error = -error;
    for (unsigned i = 0; i < ARRAY_LEN(table); i++) {
        if (table[i].error == error) {
            bool stated = reason != NULL && *reason != '\0';
            call_fail(call, table[i].status, table[i].code, "%s",
                      stated ? reason : table[i].text);
            return;
        }
    }
    call_fail(call, 500, "store_error", "The change failed: %s.",
              reason != NULL && *reason != '\0' ? reason : strerror(error));
}

void
call_deleted(void *context, int error, const char *reason, uint64_t id)
{
    struct call *call = context;
    if (error != 0) {
        call_fail_store(call, error, reason);
        return;
    }
    json_object_begin(&call->json);
    json_key(&call->json, "id");
    json_u64(&call->json, id);
    json_key(&call->json, "deleted");
    json_bool(&call->json, true);
    json_object_end(&call->json);
    call_answer(call, 200);
}

void
call_find(struct call *call, enum http_method method, struct str path,
          struct str query)
{
    const struct operation *operation = operations_find(
        method, path, call->path_params, &call->allow, &call->error);
    if (operation != NULL)
        call_take(call, operation, query);
}

void
call_take(struct call *call, const struct operation *operation,
          struct str query)
{
    if (!authorise_operation(&call->member, operation, &call->error))
        call->denied = operation;
    else if (query_parse(&call->query, query, operation->query, &call->error))
        call->operation = operation;
}

/* Operation and body are there. */
static void
start(struct call *call, struct str body)
{
    bool unmatched = call->if_match[0] != '\0' &&
                     (call->operation->flags & OPERATION_CHANGES) != 0 &&
                     (call->operation->flags & OPERATION_ETAG) == 0;
    call->began = true;
    if (!authorise_object(call))
        call_refuse(call);
    else if (unmatched)
        call_fail(call, 400, "if_match_unsupported",
                  "'%s' has no ETag to match: leave If-Match out.",
                  call->operation->name);
    else
        replays_begin(call, body, change_notes_run);
}

void
call_run_inside(struct call *call, cJSON *body, struct str sent)
{
    bool takes_body = call->operation != NULL &&
                      (call->operation->flags & OPERATION_BODY) != 0;
    if (takes_body) {
        call->body = body != NULL ? body : cJSON_CreateObject();
    } else {
        CHECK(call->operation == NULL || body == NULL);
        cJSON_Delete(body);
    }
    if (takes_body && call->body == NULL)
        call_fail(call, 503, "overloaded", "Out of memory.");
    else if (call->operation == NULL)
        call_refuse(call);
    else
        start(call, sent);
}

void
call_run(struct call *call, struct str body)
{
    if (call->begin != NULL) {
        call->begin(call, body);
        return;
    }
    if (call->operation == NULL) {
        call_refuse(call);
        return;
    }
    if ((call->operation->flags & OPERATION_BODY) != 0) {
        call->body = body_parse(body, &call->error);
        if (call->body == NULL) {
            call_refuse(call);
            return;
        }
    }
    start(call, body);
}

void
call_set_etag(struct call *call, const char *etag)
{
    char field[CALL_ETAG_BYTES + 3];
    snprintf(field, sizeof(field), "\"%s\"", etag);
    http_field_cstr(&call->fields, "etag", field);
}

/* RFC 9110, 13.1.1: "*", or a list of which one is the same; a weak one never
 * is. */
bool
call_if_match(struct call *call, const char *etag)
{
    struct str list = str_from(call->if_match);
    bool same = list.len == 0 || str_equals(list, STR_LIT("*"));
    while (!same && list.len > 0) {
        const char *end = memchr(list.ptr, ',', list.len);
        size_t len = end == NULL ? list.len : (size_t)(end - list.ptr);
        struct str one = str_trim(str_make(list.ptr, len));
        list = str_skip(list, len + (end != NULL));
        same = one.len >= 2 && one.ptr[0] == '"' &&
               one.ptr[one.len - 1] == '"' &&
               str_equals(str_make(one.ptr + 1, one.len - 2), str_from(etag));
    }
    if (!same)
        call_fail(call, 412, "precondition_failed",
                  "It was changed since: read it again. Its ETag is \"%s\".",
                  etag);
    return same;
}

typedef void (*call_work)(struct ledger *ledger,
                          struct ledger_snapshot *snapshot, void *call);

struct call_question {
    struct call *call;
    call_work work;
    void (*done)(void *call);
    bool is_long;
};

/* A flush that failed does not hide what is durable: the query runs anyway,
 * and status and metrics tell of the failure. */
static void
question_flushed(void *context, int error, const char *reason, uint64_t id)
{
    struct call_question *question = context;
    struct call *call = question->call;
    (void)error;
    (void)reason;
    (void)id;
    if (question->is_long)
        store_query_long(call->store, question->work, question->done, call);
    else
        store_query(call->store, question->work, question->done, call);
    free(question);
}

static void
ask(struct call *call, call_work work, void (*done)(void *call), bool is_long)
{
    struct call_question *question = malloc(sizeof(*question));
    if (question == NULL) {
        call_fail(call, 503, "overloaded", "Out of memory.");
        return;
    }
    *question = (struct call_question){call, work, done, is_long};
    store_flush(call->store, question_flushed, question);
}

void
call_query(struct call *call, call_work work, void (*done)(void *call))
{
    ask(call, work, done, false);
}

void
call_query_long(struct call *call, call_work work, void (*done)(void *call))
{
    ask(call, work, done, true);
}

void
call_query_on(struct call *call, call_work work, void (*done)(void *call))
{
    store_query_long(call->store, work, done, call);
}
