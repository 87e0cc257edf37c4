/*
 * call_head.c - see call_head.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/call_head.h"

#include "accountant/admin/admin_state.h"
#include "accountant/admin/dialect/dialect.h"
#include "accountant/admin/identify.h"
#include "accountant/admin/operations.h"
#include "accountant/console/console.h"

/* Absent: "". False: twice, empty, or too long. */
static bool
take_field(const struct http_head *head, const char *name, char *out,
           size_t size)
{
    struct str value = http_field_find(head, str_from(name));
    unsigned count = http_field_count(head, str_from(name));
    if (count == 0)
        return true;
    if (count > 1 || value.len == 0 || value.len >= size)
        return false;
    str_copy(out, value);
    out[value.len] = '\0';
    return true;
}

void
call_read_head(struct call *call, const struct http_head *head,
               struct str bytes, bool peer_allowed)
{
    struct admin_error *error = &call->error;
    call->address = guard_address_of(&call->admin->guard, head);
    access_from(head, call->peer_uid, call->from);
    call->head_only = head->method == HTTP_HEAD;
    call->is_tls = http_field_count(head, STR_LIT("x-aigw-tls")) == 1;
    if (!peer_allowed) {
        admin_error_set(error, 403, "not_permitted",
                        "Only root, the server's own user and members of the "
                        "group 'aigw' may use this socket. Ask for: adduser "
                        "USER aigw");
        return;
    }
    if (console_has(head->path)) {
        if (!console_begin(call, head))
            admin_error_set(error, 503, "overloaded", "Out of memory.");
        return;
    }
    const struct dialect *dialect = dialect_of_path(head->path);
    if (dialect != NULL) {
        if (!dialect_begin(dialect, call, bytes))
            admin_error_set(error, 503, "overloaded", "Out of memory.");
        return;
    }
    const struct operation *operation = operations_find(
        head->method, head->path, call->path_params, &call->allow, error);
    bool is_metrics =
        operation != NULL && (operation->flags & OPERATION_METRICS) != 0;
    bool is_open =
        operation != NULL && (operation->flags & OPERATION_OPEN) != 0;
    /* Without being known nobody learns which paths there are. */
    if (!is_open &&
        !identify_request(call->admin, head, is_metrics, &call->member,
                          &call->session_id, error)) {
        call->allow = NULL;
        return;
    }
    if (operation == NULL)
        return;
    call_take(call, operation, head->query);
    if (!take_field(head, "if-match", call->if_match, sizeof(call->if_match)) ||
        !take_field(head, "idempotency-key", call->idempotency_key,
                    sizeof(call->idempotency_key))) {
        call->operation = NULL;
        admin_error_set(error, 400, "invalid_header",
                        "If-Match and Idempotency-Key are one field each, of "
                        "1 to %d bytes.",
                        CALL_IF_MATCH_BYTES - 1);
    }
}
