/*
 * visit_ask.c - native operations asked by a visit, one at a time; see visit.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/dialect/visit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/call.h"
#include "accountant/admin/connection.h"
#include "accountant/admin/dialect/dialect.h"
#include "accountant/admin/dialect/shape.h"
#include "accountant/admin/dialect/visit_part.h"
#include "accountant/admin/operations.h"
#include "common/crypto.h"

/* ---- the path ---- */

static void
append_encoded(struct buf *out, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                     (c >= 'a' && c <= 'z') || strchr("-._~", c) != NULL;
        if (plain) {
            buf_append_char(out, (char)c);
        } else {
            buf_append_char(out, '%');
            buf_append_char(out, digits[c >> 4]);
            buf_append_char(out, digits[c & 15]);
        }
    }
}

/* Takes "&name=" (or "name=" of the first parameter) back. */
static void
drop_parameter(struct buf *out)
{
    while (buf_len(out) > 0 && strchr("?&", out->data[out->end - 1]) == NULL)
        out->end--;
    if (buf_len(out) > 0 && out->data[out->end - 1] == '&')
        out->end--;
}

static void
build_path(struct buf *out, const char *path, va_list args)
{
    for (; *path != '\0'; path++) {
        if (path[0] != '{' || path[1] != '}') {
            buf_append_char(out, *path);
            continue;
        }
        const char *value = va_arg(args, const char *);
        if (value == NULL)
            drop_parameter(out);
        else
            append_encoded(out, value);
        path++;
    }
}

/* ---- the operation ---- */

/* call->answered: the operation's call is gone, its reply is here. */
static void
on_answer(void *context, uint16_t status, bool replayed, struct str reply)
{
    struct visit *visit = context;
    if (replayed && !visit->replayed)
        visit_answer_field(visit, "idempotency-replayed", "true");
    visit->replayed |= replayed;
    struct visit_ask *ask = &visit->asks[visit->ask_count - 1];
    ask->json = cJSON_ParseWithLength(reply.ptr, reply.len);
    ask->status = status;
    if (ask->json == NULL) { /* no memory, where there was a reply */
        ask->json = cJSON_CreateObject();
        if (ask->json == NULL || reply.len > 0)
            ask->status = 503;
    }
    if (!visit->asking)
        visit_run(visit);
}

/* A call by who made the visit, its operation found; NULL: no memory. */
static struct call *
make_call(struct visit *visit, enum http_method method, struct str target)
{
    struct call *outer = visit->call;
    struct call *call = call_create(outer->admin, NULL);
    if (call == NULL)
        return NULL;
    const char *mark = memchr(target.ptr, '?', target.len);
    size_t len = mark == NULL ? target.len : (size_t)(mark - target.ptr);
    call->peer_uid = outer->peer_uid;
    call->member = outer->member;
    call->address = outer->address;
    memcpy(call->from, outer->from, sizeof(call->from));
    call_find(call, method, str_make(target.ptr, len),
              str_skip(target, len + 1));
    return call;
}

/* How many of that operation have been done for this visit. */
static unsigned
count_done(const struct visit *visit, const struct operation *operation)
{
    unsigned count = 0;
    for (unsigned i = 0; i < visit->ask_count; i++)
        count += visit->asks[i].operation == operation &&
                 visit->asks[i].status != 0 && visit->asks[i].status < 400;
    return count;
}

/* The client's Idempotency-Key as that of an operation: of the path that it came to,
 * and which one of that operation it is, so that those of one request differ, and
 * are the same ones when it comes again. One that was refused has not been. */
static void
take_idempotency(const struct visit *visit, struct call *call)
{
    static const char prefix[] = "visit:";
    enum { PREFIX = sizeof(prefix) - 1 };
    struct str key = visit_field(visit, "idempotency-key");
    struct str method = visit->head.method_text, target = visit->head.target;
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    if (key.len == 0 || call->operation == NULL ||
        operations_replay(call->operation) == NULL)
        return;
    unsigned done = count_done(visit, call->operation);
    struct iovec pieces[] = {
        {(void *)(uintptr_t)method.ptr, method.len},
        {(void *)(uintptr_t) " ", 1},
        {(void *)(uintptr_t)target.ptr, target.len},
        {(void *)(uintptr_t) " ", 1},
        {&done, sizeof(done)},
        {(void *)(uintptr_t)key.ptr, key.len},
    };
    crypto_sha256(pieces, ARRAY_LEN(pieces), digest);
    memcpy(call->idempotency_key, prefix, PREFIX);
    crypto_hex(digest, sizeof(digest), call->idempotency_key + PREFIX);
}

static void
start(struct visit *visit, enum http_method method, struct str target,
      cJSON *body)
{
    struct call *call = make_call(visit, method, target);
    if (call == NULL) {
        cJSON_Delete(body);
        on_answer(visit, 503, false, STR_LIT(""));
        return;
    }
    call->answered = on_answer;
    call->answered_context = visit;
    visit->asks[visit->ask_count - 1].operation = call->operation;
    take_idempotency(visit, call);
    call_run_inside(call, body, visit->body);
}

void
visit_hand_over(struct visit *visit, const char *path, ...)
{
    struct call *outer = visit->call, *call = NULL;
    struct buf target;
    va_list args;
    if (visit->answered)
        return;
    buf_init(&target, 0);
    va_start(args, path);
    build_path(&target, path, args);
    va_end(args);
    if (buf_ok(&target))
        call = make_call(visit, HTTP_GET, buf_view(&target));
    buf_fini(&target);
    if (call == NULL) {
        visit_fail(visit, 503, "overloaded", "Out of memory.");
        return;
    }
    if (outer->connection != NULL)
        connection_hand_over(outer->connection, call);
    outer->connection = NULL;
    visit_answer(visit, 200, NULL); /* to nobody */
    call_run_inside(call, NULL, (struct str){"", 0});
}

/* Room for one ask more, or NULL. */
static struct visit_ask *
new_ask(struct visit *visit)
{
    unsigned count = visit->ask_count;
    if (count == VISIT_ASKS_MAX)
        return NULL;
    if ((count & (count - 1)) == 0) { /* 1, 2, 4 ... */
        struct visit_ask *more =
            realloc(visit->asks, (count == 0 ? 1 : 2 * count) * sizeof(*more));
        if (more == NULL)
            return NULL;
        visit->asks = more;
    }
    visit->ask_count++;
    visit->asks[count] = (struct visit_ask){NULL, 0, NULL};
    return &visit->asks[count];
}

/* The answer of this place in the order of asking, or NULL. */
static struct visit_ask *
ask(struct visit *visit, enum http_method method, cJSON *body, const char *path,
    va_list args)
{
    unsigned place = visit->asked++;
    if (place < visit->ask_count) {
        cJSON_Delete(body);
        return visit->asks[place].status == 0 ? NULL : &visit->asks[place];
    }
    struct buf target;
    buf_init(&target, 0);
    build_path(&target, path, args);
    if (!buf_ok(&target) || new_ask(visit) == NULL) {
        buf_fini(&target);
        cJSON_Delete(body);
        visit_fail(visit, 503, "overloaded", "Out of memory.");
        return NULL;
    }
    visit->asking = true;
    start(visit, method, buf_view(&target), body);
    visit->asking = false;
    buf_fini(&target);
    return visit->asks[place].status == 0 ? NULL : &visit->asks[place];
}

/* As the native operation said it. */
static void
fail_as(struct visit *visit, const struct visit_ask *refused)
{
    const char *code = shape_text(refused->json, "error.code");
    struct admin_error *error = &visit->error;
    *error = (struct admin_error){.status = refused->status};
    error->code = *code == '\0' ? "overloaded" : code;
    snprintf(error->field, sizeof(error->field), "%s",
             shape_text(refused->json, "error.field"));
    snprintf(error->message, sizeof(error->message), "%s",
             shape_text(refused->json, "error.message"));
    visit->dialect->fail(visit);
}

const cJSON *
visit_ask(struct visit *visit, enum http_method method, cJSON *body,
          const char *path, ...)
{
    if (visit->answered) {
        cJSON_Delete(body);
        return NULL;
    }
    va_list args;
    va_start(args, path);
    const struct visit_ask *found = ask(visit, method, body, path, args);
    va_end(args);
    if (found == NULL)
        return NULL;
    if (found->status >= 400) {
        fail_as(visit, found);
        return NULL;
    }
    return found->json;
}

const cJSON *
visit_try(struct visit *visit, uint16_t *status, enum http_method method,
          cJSON *body, const char *path, ...)
{
    *status = 0;
    if (visit->answered) {
        cJSON_Delete(body);
        return NULL;
    }
    va_list args;
    va_start(args, path);
    const struct visit_ask *found = ask(visit, method, body, path, args);
    va_end(args);
    if (found == NULL)
        return NULL;
    *status = found->status;
    return found->json;
}

bool
visit_home(struct visit *visit, const char **group)
{
    *group = "default";
    if (!member_is_bound(&visit->call->member))
        return true;
    const cJSON *list =
        visit_ask(visit, HTTP_GET, NULL, "/admin/v1/groups?limit=1");
    const cJSON *first = cJSON_GetArrayItem(shape_at(list, "data"), 0);
    if (list == NULL)
        return false;
    *group = shape_text(first, "name");
    if (first == NULL)
        visit_fail(visit, 403, "not_permitted",
                   "The groups of this token are gone.");
    return first != NULL;
}
