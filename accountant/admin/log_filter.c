/*
 * log_filter.c - see log_filter.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/log_filter.h"

#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/op_keys.h"
#include "accountant/admin/view.h"
#include "shm/layout.h"

enum { CURSOR_BYTES = 64 };

/* "200", "4xx", "400-499", "error" or "ok". */
static bool
read_status(const char *text, struct ledger_row_filter *filter,
            struct admin_error *error)
{
    char *end = NULL;
    if (text == NULL)
        return true;
    if (strcmp(text, "ok") == 0 || strcmp(text, "error") == 0) {
        filter->status_min = *text == 'o' ? 100 : 400;
        filter->status_max = *text == 'o' ? 399 : 999;
        return true;
    }
    if (strlen(text) == 3 && *text >= '1' && *text <= '9' &&
        strcmp(text + 1, "xx") == 0) {
        filter->status_min = (*text - '0') * 100;
        filter->status_max = filter->status_min + 99;
        return true;
    }
    long low = *text >= '1' && *text <= '9' ? strtol(text, &end, 10) : 0;
    long high = low;
    if (end != NULL && *end == '-' && end[1] >= '1' && end[1] <= '9')
        high = strtol(end + 1, &end, 10);
    if (low < 100 || high < low || high > 999 || end == NULL || *end != '\0')
        return admin_error_field(error, "status",
                                 "'status' must be as 200, 4xx, 400-499, ok "
                                 "or error.");
    filter->status_min = (int)low;
    filter->status_max = (int)high;
    return true;
}

static bool
read_cause(const char *text, struct ledger_row_filter *filter,
           struct admin_error *error)
{
    char known[256] = "";
    size_t at = 0;
    filter->cause = -1;
    if (text == NULL)
        return true;
    for (int cause = 0; cause < RECORD_CAUSES; cause++) {
        const char *name = ledger_cause_name((uint8_t)cause);
        if (strcmp(name, text) == 0) {
            filter->cause = cause;
            return true;
        }
        size_t len = strlen(name);
        if (at + len + 3 < sizeof(known)) {
            at += (size_t)snprintf(known + at, sizeof(known) - at, "%s%s",
                                   at == 0 ? "" : ", ", name);
        }
    }
    return admin_error_field(error, "cause", "'cause' must be one of: %s",
                             known);
}

static bool
read_limit(const char *text, struct ledger_row_filter *filter,
           struct admin_error *error)
{
    char known[256] = "";
    size_t at = 0;
    for (uint8_t limit = 1; text != NULL && limit < RECORD_LIMITS; limit++) {
        const char *name = ledger_limit_name(limit);
        if (strcmp(name, text) == 0)
            filter->limit = limit;
        at += (size_t)snprintf(known + at, sizeof(known) - at, "%s%s",
                               at == 0 ? "" : ", ", name);
    }
    return text == NULL || filter->limit != 0 ||
           admin_error_field(error, "refused_by",
                             "'refused_by' must be one of: %s", known);
}

static bool
read_shadow(const char *text, struct ledger_row_filter *filter,
            struct admin_error *error)
{
    if (text != NULL && strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
        return admin_error_field(error, "shadow",
                                 "'shadow' must be yes (only calls that would "
                                 "have been refused) or no.");
    filter->would_refuse = text != NULL && *text == 'y';
    return true;
}

/* A deleted key is still named by its id. */
static bool
read_key(struct call *call, const char *group_name, uint64_t *key_id)
{
    const char *ref = query_get(&call->query, "key");
    if (ref == NULL)
        return true;
    const struct gateway *key = key_of_ref(call, ref, group_name, &call->error);
    if (key != NULL) {
        *key_id = key->id;
        return true;
    }
    if (strspn(ref, "0123456789") != strlen(ref))
        return false;
    *key_id = strtoull(ref, NULL, 10);
    return *key_id != 0;
}

static bool
read_order(const char *text, bool *oldest_first, struct admin_error *error)
{
    if (text != NULL && strcmp(text, "asc") != 0 && strcmp(text, "desc") != 0)
        return admin_error_field(error, "order",
                                 "'order' must be desc (newest first) or asc.");
    *oldest_first = text != NULL && *text == 'a';
    return true;
}

static bool
refuse_metadata(struct admin_error *error)
{
    return admin_error_field(error, "metadata",
                             "'metadata' must be NAME=VALUE, NAME, or a JSON "
                             "object of at most %d texts.",
                             LEDGER_TAGS_MAX);
}

/* NAME=VALUE or NAME, or an object of several. */
static bool
read_metadata(struct call *call, struct log_filter *work)
{
    const char *text = query_get(&call->query, "metadata");
    struct ledger_row_filter *filter = &work->filter;
    struct admin_error *error = &call->error;
    if (text == NULL)
        return true;
    if (*text == '{') {
        work->metadata = cJSON_Parse(text);
        const cJSON *item = NULL;
        cJSON_ArrayForEach(item, work->metadata)
        {
            if (!cJSON_IsString(item) || filter->tag_count == LEDGER_TAGS_MAX)
                return refuse_metadata(error);
            filter->tags[filter->tag_count++] =
                (struct ledger_tag){item->string, item->valuestring};
        }
        return work->metadata != NULL || refuse_metadata(error);
    }
    work->tag_text = strdup(text);
    if (work->tag_text == NULL)
        return admin_error_set(error, 503, "overloaded", "Out of memory.");
    char *value = strchr(work->tag_text, '=');
    if (value != NULL)
        *value++ = '\0';
    filter->tags[filter->tag_count++] =
        (struct ledger_tag){work->tag_text, value};
    return *work->tag_text != '\0' || refuse_metadata(error);
}

bool
log_filter_read(struct call *call, struct log_filter *work)
{
    const struct query *query = &call->query;
    struct admin_error *error = &call->error;
    struct ledger_row_filter *filter = &work->filter;
    const char *group_name = query_get(query, "group");
    filter->listed_only = true;
    filter->model = query_get(query, "model");
    filter->provider = query_get(query, "provider");
    filter->request_id = query_get(query, "request_id");
    filter->text = query_get(query, "text");
    filter->cursor = query_get(query, "cursor");
    if (filter->cursor != NULL && strlen(filter->cursor) >= CURSOR_BYTES)
        return admin_error_field(error, "cursor",
                                 "'cursor' must be one from an earlier "
                                 "answer.");
    if (!query_time(query, "from", &filter->from_ms, error) ||
        !query_time(query, "to", &filter->to_ms, error) ||
        !read_status(query_get(query, "status"), filter, error) ||
        !read_cause(query_get(query, "cause"), filter, error) ||
        !read_limit(query_get(query, "refused_by"), filter, error) ||
        !read_shadow(query_get(query, "shadow"), filter, error) ||
        !read_order(query_get(query, "order"), &filter->oldest_first, error) ||
        !read_metadata(call, work))
        return false;
    filter->group_id = view_only_group(call);
    if (group_name != NULL) {
        const struct group *group = view_group_named(call, group_name);
        if (group == NULL)
            return admin_error_set(error, 404, "group_not_found",
                                   "Group '%.64s' does not exist.", group_name);
        filter->group_id = group->id;
    }
    return read_key(call, group_name, &filter->key_id) &&
           query_u64(query, "key_id", 1, UINT64_MAX, &filter->key_id, error);
}

void
log_filter_fini(struct log_filter *work)
{
    cJSON_Delete(work->metadata);
    free(work->tag_text);
    work->metadata = NULL;
    work->tag_text = NULL;
}
