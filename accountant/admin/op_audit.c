/*
 * op_audit.c - GET /admin/v1/audit: who changed what, by filter, in pages by
 * cursor, the newest first.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/admin/audit.h"
#include "accountant/admin/object_json.h"
#include "accountant/admin/view.h"
#include "accountant/ledger/ledger_note.h"
#include "accountant/notes.h"

enum {
    LIMIT_DEFAULT = 50,
    LIMIT_MAX = 1000,
    CURSOR_BYTES = 2 * AUDIT_NAME_BYTES + 1,
};

struct audit_work {
    const char *member, *operation, *object, *outcome; /* of the query */
    uint64_t group_id, object_id, member_id;           /* 0: any */
    char from[AUDIT_NAME_BYTES], to[AUDIT_NAME_BYTES];
    size_t from_len, to_len; /* 0: open */
    bool oldest_first, more;
    struct audit_row *rows;
    uint64_t limit, count;
    struct buf error;
    int result;
};

static void
work_free(void *context)
{
    struct audit_work *work = context;
    free(work->rows);
    buf_fini(&work->error);
    free(work);
}

/* "7" is an id too. */
static uint64_t
number_of(const char *text)
{
    bool digits = text != NULL && *text != '\0' &&
                  strspn(text, "0123456789") == strlen(text);
    return digits ? strtoull(text, NULL, 10) : 0;
}

/* Goes on behind the row whose cursor it is. */
static bool
read_cursor(struct call *call, struct audit_work *work)
{
    const char *text = query_get(&call->query, "cursor");
    char name[AUDIT_NAME_BYTES];
    if (text == NULL)
        return true;
    if (strlen(text) != CURSOR_BYTES - 1 ||
        crypto_unhex(str_from(text), name, sizeof(name)) != 0)
        return admin_error_field(&call->error, "cursor",
                                 "'cursor' must be one from an earlier "
                                 "answer.");
    if (!work->oldest_first) {
        memcpy(work->to, name, sizeof(name));
        work->to_len = sizeof(name);
        return true;
    }
    for (int i = AUDIT_NAME_BYTES - 1; i >= 0; i--) /* the next name */
        if (++name[i] != 0)
            break;
    memcpy(work->from, name, sizeof(name));
    work->from_len = sizeof(name);
    return true;
}

static bool
read_times(struct call *call, struct audit_work *work)
{
    int64_t from_ms = -1, to_ms = -1;
    if (!query_time(&call->query, "from", &from_ms, &call->error) ||
        !query_time(&call->query, "to", &to_ms, &call->error))
        return false;
    if (from_ms >= 0) {
        notes_put_u64(work->from, (uint64_t)from_ms);
        work->from_len = 8;
    }
    if (to_ms >= 0) {
        notes_put_u64(work->to, (uint64_t)to_ms);
        work->to_len = 8;
    }
    return true;
}

static bool
read_question(struct call *call, struct audit_work *work)
{
    const struct query *query = &call->query;
    const char *group_name = query_get(query, "group");
    const char *order = query_get(query, "order");
    work->member = query_get(query, "member");
    work->operation = query_get(query, "operation");
    work->object = query_get(query, "object");
    work->outcome = query_get(query, "outcome");
    work->member_id = number_of(work->member);
    work->object_id = number_of(work->object);
    if (order != NULL && strcmp(order, "asc") != 0 &&
        strcmp(order, "desc") != 0)
        return admin_error_field(&call->error, "order",
                                 "'order' must be desc (newest first) or "
                                 "asc.");
    work->oldest_first = order != NULL && *order == 'a';
    if (group_name != NULL) {
        const struct group *group = view_group_named(call, group_name);
        if (group == NULL)
            return admin_error_set(&call->error, 404, "group_not_found",
                                   "Group '%.64s' does not exist.", group_name);
        work->group_id = group->id;
    }
    return query_u64(query, "limit", 1, LIMIT_MAX, &work->limit,
                     &call->error) &&
           read_times(call, work) && read_cursor(call, work);
}

/* "key_create", or "key": all of keys. */
static bool
operation_fits(const char *wanted, const char *operation)
{
    size_t len = wanted == NULL ? 0 : strlen(wanted);
    return len == 0 || (strncmp(operation, wanted, len) == 0 &&
                        (operation[len] == '\0' || operation[len] == '_'));
}

/* "ok", "refused": all but ok; or a code. */
static bool
outcome_fits(const char *wanted, const char *outcome)
{
    if (wanted != NULL && strcmp(wanted, "refused") == 0)
        return strcmp(outcome, "ok") != 0;
    return wanted == NULL || strcmp(outcome, wanted) == 0;
}

static bool
fits(const struct call *call, const struct audit_row *row)
{
    const struct audit_work *work = call->work;
    if (!view_sees_group(call, row->group_id))
        return false;
    return (work->group_id == 0 || row->group_id == work->group_id) &&
           (work->member == NULL || strcmp(row->member, work->member) == 0 ||
            (work->member_id != 0 && row->member_id == work->member_id)) &&
           (work->object == NULL || strcmp(row->object, work->object) == 0 ||
            (work->object_id != 0 && row->object_id == work->object_id)) &&
           operation_fits(work->operation, row->operation) &&
           outcome_fits(work->outcome, row->outcome);
}

static bool
take_row(struct str name, struct str value, void *context)
{
    struct call *call = context;
    struct audit_work *work = call->work;
    struct audit_row row;
    if (audit_row_decode(name, value, &row) != 0) {
        buf_append_cstr(&work->error, "a row of the audit log is damaged");
        work->result = -EBADMSG;
        return false;
    }
    if (!fits(call, &row))
        return true;
    if (work->count == work->limit) {
        work->more = true;
        return false;
    }
    work->rows[work->count++] = row;
    return true;
}

static void
audit_work(struct ledger *ledger, struct ledger_snapshot *snapshot,
           void *context)
{
    struct audit_work *work = ((struct call *)context)->work;
    struct ledger_note_range range = {
        .space = NOTES_AUDIT,
        .from = str_make(work->from, work->from_len),
        .to = str_make(work->to, work->to_len),
        .backwards = !work->oldest_first,
    };
    int rc = ledger_scan_notes(ledger, snapshot, &range, take_row, context,
                               &work->error);
    if (rc != 0)
        work->result = rc;
}

static void
fields_to_json(struct json_writer *json, const char *fields)
{
    json_key(json, "fields");
    json_array_begin(json);
    while (*fields != '\0') {
        size_t len = strcspn(fields, " ");
        json_string(json, str_make(fields, len));
        fields += len + (fields[len] == ' ');
    }
    json_array_end(json);
}

static void
id_or_null(struct json_writer *json, const char *name, uint64_t id)
{
    json_key(json, name);
    if (id == 0)
        json_null(json);
    else
        json_u64(json, id);
}

static void
cursor_of(const struct audit_row *row, char out[CURSOR_BYTES])
{
    char name[AUDIT_NAME_BYTES];
    audit_row_name(row, name);
    crypto_hex(name, sizeof(name), out);
}

static void
row_to_json(struct json_writer *json, const struct store *store,
            const struct audit_row *row)
{
    char cursor[CURSOR_BYTES];
    const char *group = group_name_of(store, row->group_id);
    json_object_begin(json);
    json_key(json, "time");
    json_time(json, row->at_ms);
    json_key(json, "member");
    json_cstring(json, row->member);
    id_or_null(json, "member_id", row->member_id);
    json_key(json, "from");
    json_cstring(json, row->from);
    json_key(json, "operation");
    json_cstring(json, row->operation);
    json_key(json, "object");
    json_cstring(json, row->object);
    id_or_null(json, "object_id", row->object_id);
    json_key(json, "group");
    json_cstring(json, *group == '\0' ? NULL : group);
    json_key(json, "outcome");
    json_cstring(json, row->outcome);
    fields_to_json(json, row->fields);
    cursor_of(row, cursor);
    json_key(json, "cursor");
    json_cstring(json, cursor);
    json_object_end(json);
}

static void
audit_done(void *context)
{
    struct call *call = context;
    struct audit_work *work = call->work;
    struct json_writer *json = &call->json;
    char cursor[CURSOR_BYTES];
    if (work->result != 0) {
        call_fail(call, 503, "ledger_unavailable",
                  "The audit log could not be read: %s",
                  buf_cstr(&work->error));
        return;
    }
    json_object_begin(json);
    json_key(json, "data");
    json_array_begin(json);
    for (uint64_t i = 0; i < work->count; i++)
        row_to_json(json, call->store, &work->rows[i]);
    json_array_end(json);
    if (work->count > 0)
        cursor_of(&work->rows[work->count - 1], cursor);
    json_key(json, "cursor");
    json_cstring(json,
                 work->count > 0 ? cursor : query_get(&call->query, "cursor"));
    json_key(json, "more");
    json_bool(json, work->more);
    json_object_end(json);
    call_answer(call, 200);
}

void
op_audit(struct call *call)
{
    struct audit_work *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        call_fail(call, 503, "overloaded", "Out of memory.");
        return;
    }
    buf_init(&work->error, 1024);
    work->limit = LIMIT_DEFAULT;
    call->work = work;
    call->work_free = work_free;
    if (!read_question(call, work)) {
        call_refuse(call);
        return;
    }
    work->rows = calloc(work->limit, sizeof(*work->rows));
    if (work->rows == NULL)
        call_fail(call, 503, "overloaded", "Out of memory.");
    else
        call_query(call, audit_work, audit_done);
}
