/*
 * audit.c - see audit.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/audit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/admin/admin_state.h"
#include "accountant/admin/authorise.h"
#include "accountant/admin/members.h"
#include "accountant/admin/object_json.h"
#include "accountant/admin/operations.h"
#include "accountant/ledger/codec.h"
#include "accountant/ledger/ledger_key.h"
#include "accountant/notes.h"

enum { AUDIT_VERSION = 1 };

static void
copy(char *out, size_t size, const char *text)
{
    struct str cut = str_cut(str_from(text), size - 1);
    memcpy(out, cut.ptr, cut.len);
    out[cut.len] = '\0';
}

static const char *
body_text(const struct call *call, const char *member)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(call->body, member);
    return cJSON_IsString(value) ? value->valuestring : NULL;
}

/* A whole number, or 0. */
static uint64_t
path_id(const struct call *call)
{
    const char *text = call->path_params[0];
    char *end = NULL;
    uint64_t id = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
    return end != NULL && *end == '\0' ? id : 0;
}

static void
set_group(const struct call *call, const char *name, struct audit_row *row)
{
    const struct group *group =
        name == NULL ? NULL : store_group_named(call->store, name);
    row->group_id = group == NULL ? 0 : group->id;
}

static void
set_key(const struct call *call, struct audit_row *row)
{
    row->object_id = path_id(call);
    const struct gateway *key = store_gateway(call->store, row->object_id);
    if (key == NULL)
        key = store_gateway_deleted(call->store, row->object_id);
    if (key == NULL)
        return;
    row->group_id = key->group_id;
    copy(row->object, sizeof(row->object), key->name);
}

/* By the path, else by the name that the body gives. */
static void
set_other(const struct call *call, const struct operation *operation,
          struct audit_row *row)
{
    bool of_path = strstr(operation->path, "{}") != NULL;
    const char *name = of_path ? call->path_params[0] : body_text(call, "name");
    copy(row->object, sizeof(row->object), name == NULL ? "" : name);
    if (!of_path || strncmp(operation->name, "token_", 6) != 0)
        return;
    row->object_id = path_id(call);
    const struct token *token =
        members_by_id(call->admin->members, row->object_id);
    if (token != NULL)
        copy(row->object, sizeof(row->object), token->member.name);
}

static void
set_object(const struct call *call, const struct operation *operation,
           struct audit_row *row)
{
    const char *group = body_text(call, "group");
    switch (operation->access.bound) {
    case BOUND_KEY:
        set_key(call, row);
        return;
    case BOUND_GROUP:
        copy(row->object, sizeof(row->object), call->path_params[0]);
        set_group(call, call->path_params[0], row);
        row->object_id = row->group_id;
        return;
    case BOUND_BODY:
        set_group(call, group == NULL ? "default" : group, row);
        break;
    case BOUND_BODY_NAMED:
        set_group(call, group, row);
        break;
    case BOUND_PROFILE:
    case BOUND_ROUTE: {
        const char *name = call->path_params[0];
        char text[GATEWAY_NAME_BYTES];
        if (strstr(operation->path, "{}") == NULL)
            name = body_text(call, "name");
        if (name != NULL &&
            authorise_group_of(operation->access.bound, name, text))
            set_group(call, text, row);
        break;
    }
    case BOUND_NEVER:
    case BOUND_FREE:
    case BOUND_SEEN:
        break;
    }
    set_other(call, operation, row);
}

/* Names that the operation knows by then: it was done. */
static void
set_fields(const struct call *call, struct audit_row *row)
{
    const cJSON *item = NULL;
    size_t at = 0;
    cJSON_ArrayForEach(item, call->body)
    {
        size_t len = item->string == NULL ? 0 : strlen(item->string);
        if (len == 0 || at + len + 2 > sizeof(row->fields))
            continue;
        if (at > 0)
            row->fields[at++] = ' ';
        memcpy(row->fields + at, item->string, len + 1);
        at += len;
    }
}

void
audit_row_of(const struct call *call, const struct operation *operation,
             struct audit_row *row)
{
    *row = (struct audit_row){.member_id = call->member.id};
    copy(row->member, sizeof(row->member), call->member.name);
    copy(row->from, sizeof(row->from), call->from);
    copy(row->operation, sizeof(row->operation), operation->name);
    set_object(call, operation, row);
    set_fields(call, row);
}

void
audit_row_name(const struct audit_row *row, char out[AUDIT_NAME_BYTES])
{
    notes_put_u64(out, (uint64_t)row->at_ms);
    for (int i = 0; i < 4; i++)
        out[8 + i] = (char)(uint8_t)(row->serial >> (24 - 8 * i));
}

void
audit_row_encode(const struct audit_row *row, struct buf *out)
{
    codec_put_u8(out, AUDIT_VERSION);
    codec_put_u64(out, row->member_id);
    codec_put_cstr(out, row->member);
    codec_put_cstr(out, row->from);
    codec_put_cstr(out, row->operation);
    codec_put_cstr(out, row->outcome);
    codec_put_u64(out, row->object_id);
    codec_put_u64(out, row->group_id);
    codec_put_cstr(out, row->object);
    codec_put_cstr(out, row->fields);
}

int
audit_row_decode(struct str name, struct str value, struct audit_row *row)
{
    struct codec_reader reader;
    memset(row, 0, sizeof(*row));
    if (name.len != AUDIT_NAME_BYTES)
        return -EBADMSG;
    row->at_ms = (int64_t)ledger_key_read_u64(name.ptr);
    row->serial = ledger_key_read_u32(name.ptr + 8);
    codec_reader_init(&reader, value);
    if (codec_get_u8(&reader) != AUDIT_VERSION)
        return -EBADMSG;
    row->member_id = codec_get_u64(&reader);
    codec_get_cstr(&reader, row->member, sizeof(row->member));
    codec_get_cstr(&reader, row->from, sizeof(row->from));
    codec_get_cstr(&reader, row->operation, sizeof(row->operation));
    codec_get_cstr(&reader, row->outcome, sizeof(row->outcome));
    row->object_id = codec_get_u64(&reader);
    row->group_id = codec_get_u64(&reader);
    codec_get_cstr(&reader, row->object, sizeof(row->object));
    codec_get_cstr(&reader, row->fields, sizeof(row->fields));
    return codec_reader_done(&reader) ? 0 : -EBADMSG;
}
