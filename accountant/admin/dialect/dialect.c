/*
 * dialect.c - a visit from its beginning to its end: who may, which route, and
 * the route's function as often as answers come.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/dialect/dialect.h"

#include <stdlib.h>

#include "accountant/admin/admin_state.h"
#include "accountant/admin/call.h"
#include "accountant/admin/dialect/visit_part.h"
#include "accountant/admin/query.h"
#include "common/clock.h"
#include "common/crypto.h"

/* ---- which route ---- */

/* What is left of the path behind the dialect's prefix, with its slash. */
static struct str
behind_prefix(const struct dialect *dialect, struct str path)
{
    for (const char *const *p = dialect->prefixes; *p != NULL; p++) {
        struct str prefix = str_from(*p);
        if (str_starts_with(path, prefix) &&
            (path.len == prefix.len || path.ptr[prefix.len] == '/'))
            return str_skip(path, prefix.len);
    }
    return path;
}

/* Cuts the first segment, its slash included, off `path`. */
static struct str
take_segment(struct str *path)
{
    struct str rest = str_skip(*path, 1);
    const char *slash = rest.len == 0 ? NULL : memchr(rest.ptr, '/', rest.len);
    size_t len = slash == NULL ? rest.len : (size_t)(slash - rest.ptr);
    *path = str_skip(rest, len);
    return str_make(rest.ptr, len);
}

static struct str
without_last_slash(struct str path)
{
    if (path.len > 0 && path.ptr[path.len - 1] == '/')
        path.len--;
    return path;
}

/* Whether the pattern fits; its parameters as sent. */
static bool
pattern_fits(const char *pattern, struct str path,
             struct str params[VISIT_PARAMS])
{
    struct str wanted = without_last_slash(str_from(pattern));
    unsigned count = 0;
    while (wanted.len > 0 && path.len > 0) {
        struct str behind = str_skip(path, 1);
        struct str want = take_segment(&wanted);
        struct str have = take_segment(&path);
        if (str_equals(want, STR_LIT("{*}"))) {
            params[count] = behind;
            return behind.len > 0;
        }
        if (!str_equals(want, STR_LIT("{}"))) {
            if (!str_equals(want, have))
                return false;
            continue;
        }
        CHECK(count < VISIT_PARAMS);
        if (have.len == 0)
            return false;
        params[count++] = have;
    }
    return wanted.len == 0 && path.len == 0;
}

/* Decoded into visit->texts, of which `*used` bytes are in use. */
static bool
keep_params(struct visit *visit, const struct str params[VISIT_PARAMS],
            char *into, size_t room)
{
    for (unsigned i = 0; i < VISIT_PARAMS && params[i].ptr != NULL; i++) {
        int len = url_decode(params[i], false, into, room);
        if (len < 0)
            return admin_error_set(&visit->error, 400, "invalid_path",
                                   "The path has a bad %%-escape.");
        visit->params[i] = into;
        into += len + 1;
        room -= (size_t)len + 1;
    }
    return true;
}

const struct dialect_route *
visit_route_by_path(struct visit *visit)
{
    const struct http_head *head = &visit->head;
    enum http_method method =
        head->method == HTTP_HEAD ? HTTP_GET : head->method;
    struct str path =
        without_last_slash(behind_prefix(visit->dialect, head->path));
    bool other_method = false;
    for (const struct dialect_route *const *table = visit->dialect->tables;
         *table != NULL; table++) {
        for (const struct dialect_route *row = *table; row->run != NULL;
             row++) {
            struct str params[VISIT_PARAMS] = {{NULL, 0}};
            if (!pattern_fits(row->path, path, params))
                continue;
            other_method = other_method || row->method != method;
            if (row->method == method)
                return keep_params(visit, params, visit->texts,
                                   head->path.len + VISIT_PARAMS)
                           ? row
                           : NULL;
        }
    }
    if (other_method)
        admin_error_set(&visit->error, 405, "method_not_allowed",
                        "This path does not take %.*s.",
                        STR_ARG(str_cut(head->method_text, 16)));
    else
        admin_error_set(&visit->error, 404, "not_found",
                        "There is no such route.");
    return NULL;
}

/* ---- a visit ---- */

static void
visit_free(void *work)
{
    struct visit *visit = work;
    for (unsigned i = 0; i < visit->ask_count; i++)
        cJSON_Delete(visit->asks[i].json);
    free(visit->asks);
    cJSON_Delete(visit->json);
    if (visit->body.len > 0)
        crypto_wipe((char *)(uintptr_t)visit->body.ptr, visit->body.len);
    free((char *)(uintptr_t)visit->body.ptr);
    /* Credentials stand there. */
    if (visit->head_text != NULL)
        crypto_wipe(visit->head_text, visit->head.bytes);
    free(visit->head_text);
    free(visit->texts);
    free(visit);
}

void
visit_run(struct visit *visit)
{
    visit->asked = 0;
    visit->route->run(visit);
    visit_end(visit);
}

void
visit_end(struct visit *visit)
{
    if (visit->answered) {
        call_answer(visit->call, visit->status);
        return;
    }
    CHECK(visit->ask_count > 0 && visit->asks[visit->ask_count - 1].status ==
                                      0); /* it answers or waits */
}

static bool
check_idempotency(struct visit *visit)
{
    struct str name = STR_LIT("idempotency-key");
    unsigned count = http_field_count(&visit->head, name);
    size_t len = http_field_find(&visit->head, name).len;
    if (count == 0 ||
        (count == 1 && len > 0 && len < CALL_IDEMPOTENCY_KEY_BYTES))
        return true;
    return admin_error_set(&visit->error, 400, "invalid_header",
                           "Idempotency-Key is one field of 1 to %d bytes.",
                           CALL_IDEMPOTENCY_KEY_BYTES - 1);
}

/* What does not need the body's meaning: who, and what for. */
static bool
visit_admit(struct visit *visit)
{
    struct admin *admin = visit->call->admin;
    uint64_t now_ms = loop_now_ms(admin->loop);
    const struct dialect_route *route = NULL;
    struct admin_error none = {0};
    if (guard_makes_wait(&admin->guard, &visit->head, now_ms, &visit->error))
        return false;
    route = visit->dialect->find != NULL ? visit->dialect->find(visit)
                                         : visit_route_by_path(visit);
    visit->route = route;
    if (route != NULL && (route->flags & DIALECT_OPEN) != 0)
        return true;
    struct admin_error found = visit->error;
    visit->error = none;
    if (!visit->dialect->authenticate(visit))
        return false;
    visit->error = found;
    return route != NULL && check_idempotency(visit);
}

/* call->begin: the body is there. */
static void
visit_begin(struct call *call, struct str body)
{
    struct visit *visit = call->work;
    char *copy = malloc(body.len + 1);
    if (copy == NULL) {
        call_fail(call, 503, "overloaded", "Out of memory.");
        return;
    }
    *str_copy(copy, body) = '\0';
    visit->body = str_make(copy, body.len);
    if (!visit_admit(visit)) {
        visit->dialect->fail(visit);
        visit_end(visit);
    } else {
        visit_run(visit);
    }
}

static void
make_id(struct visit *visit)
{
    struct str sent = visit_field(visit, "x-request-id");
    uint8_t random[16];
    if (!visit->is_local && sent.len > 0 && sent.len < sizeof(visit->id)) {
        *str_copy(visit->id, sent) = '\0';
        return;
    }
    crypto_random(random, sizeof(random));
    crypto_hex(random, sizeof(random), visit->id);
}

bool
dialect_begin(const struct dialect *dialect, struct call *call, struct str head)
{
    struct visit *visit = calloc(1, sizeof(*visit));
    size_t scanned = 0;
    if (visit == NULL)
        return false;
    visit->dialect = dialect;
    visit->call = call;
    visit->now_ms = clock_wall_ms();
    call->work = visit;
    call->work_free = visit_free;
    visit->head_text = malloc(head.len);
    if (visit->head_text == NULL)
        return false;
    str_copy(visit->head_text, head);
    if (http_parse_request(visit->head_text, head.len, &scanned,
                           &visit->head) != HTTP_DONE)
        return false; /* it was one before */
    /* Parameters of the path, then names and values of the query: none is
     * longer than it was, but for its NUL. */
    visit->texts = malloc(visit->head.path.len + VISIT_PARAMS +
                          visit->head.query.len + 2 * VISIT_QUERY_MAX + 2);
    if (visit->texts == NULL)
        return false;
    visit_query_parse(visit,
                      visit->texts + visit->head.path.len + VISIT_PARAMS);
    visit->is_local =
        http_field_count(&visit->head, STR_LIT("x-aigw-via")) == 0;
    make_id(visit);
    call->begin = visit_begin;
    return true;
}
