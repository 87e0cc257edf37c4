/*
 * op_log_search.c - POST /admin/v1/logs/search: rows of the log by conditions on
 * their fields, in numbered pages and any order; and on request how many there
 * are and between what they lie.
 *
 * By time a page is read and no more. In any other order all that is selected
 * must be seen, and the first rows of that order are kept: at most KEPT_MAX.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/log_select.h"
#include "accountant/admin/object_json.h"
#include "accountant/admin/value.h"
#include "accountant/admin/view.h"

enum {
    PAGE_DEFAULT = 50,
    PAGE_MAX = 1000,
    KEPT_MAX = 2000,
    ERROR_BYTES = 1024
};

static const enum log_field counted[] = {LOG_COST, LOG_DURATION, LOG_TOKENS_IN,
                                         LOG_TOKENS_OUT, LOG_TOKENS};

struct search_work {
    struct log_select select;
    enum log_field order_by;
    bool ascending, wants_statistics, more;
    uint64_t page, limit, first, seen;
    uint64_t room, count;             /* of rows */
    struct ledger_row *rows, **order; /* order: into rows */
    double least[ARRAY_LEN(counted)], most[ARRAY_LEN(counted)];
    struct buf error;
    int result;
    struct ledger_turn turn;
};

static void
work_free(void *context)
{
    struct search_work *work = context;
    free(work->rows);
    free(work->order);
    buf_fini(&work->error);
    free(work);
}

/* ---- query thread ---- */

/* Below 0: a comes first. Newest first where both are alike. */
static int
compare(const struct search_work *work, const struct ledger_row *a,
        const struct ledger_row *b)
{
    const char *text = log_field_text(a, work->order_by);
    double x = log_field_number(a, work->order_by);
    double y = log_field_number(b, work->order_by);
    int by = text != NULL ? strcmp(text, log_field_text(b, work->order_by))
                          : (x > y) - (x < y);
    if (by == 0)
        return (a->ended_ms < b->ended_ms) - (a->ended_ms > b->ended_ms);
    return work->ascending ? by : -by;
}

/* Into its place among those that are kept; the last one goes. */
static void
keep_in_order(struct search_work *work, const struct ledger_row *row)
{
    uint64_t low = 0, high = work->count;
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        if (compare(work, work->order[middle], row) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == work->room)
        return;
    uint64_t last = work->count < work->room ? work->count : work->room - 1;
    struct ledger_row *place = work->count < work->room
                                   ? &work->rows[work->count++]
                                   : work->order[last];
    memmove(&work->order[low + 1], &work->order[low],
            (last - low) * sizeof(*work->order));
    *place = *row;
    work->order[low] = place;
}

static void
keep_behind(struct search_work *work, const struct ledger_row *row)
{
    work->order[work->count] = &work->rows[work->count];
    work->rows[work->count++] = *row;
}

static void
count_row(struct search_work *work, const struct ledger_row *row)
{
    for (size_t i = 0; i < ARRAY_LEN(counted); i++) {
        double n = log_field_number(row, counted[i]);
        if (work->seen == 1 || n < work->least[i])
            work->least[i] = n;
        if (work->seen == 1 || n > work->most[i])
            work->most[i] = n;
    }
}

static bool
take_row(const struct ledger_row *row, void *context)
{
    struct call *call = context;
    struct search_work *work = call->work;
    if (!view_sees_group(call, row->group_id) ||
        !log_select_takes(&work->select, row))
        return true;
    uint64_t place = work->seen++;
    if (work->wants_statistics)
        count_row(work, row);
    if (work->order_by != LOG_TIME) {
        keep_in_order(work, row);
        return true;
    }
    if (place >= work->first && work->count < work->room)
        keep_behind(work, row);
    work->more = place >= work->first + work->limit;
    return !work->more || work->wants_statistics;
}

static void
search_work(struct ledger *ledger, struct ledger_snapshot *snapshot,
            void *context)
{
    struct search_work *work = ((struct call *)context)->work;
    ledger_turn_begin(&work->turn);
    work->select.filter.turn = &work->turn;
    work->result = ledger_scan_rows(ledger, snapshot, &work->select.filter,
                                    take_row, context, &work->error);
}

/* ---- the answer ---- */

static void
number_to_json(struct json_writer *json, double number)
{
    char text[40];
    snprintf(text, sizeof(text), "%.15g", number);
    json_raw(json, str_from(text));
}

static void
statistics_to_json(struct json_writer *json, const struct search_work *work)
{
    json_key(json, "statistics");
    json_object_begin(json);
    for (size_t i = 0; i < ARRAY_LEN(counted); i++) {
        json_key(json, word_text(log_fields, counted[i]));
        if (work->seen == 0) {
            json_null(json);
            continue;
        }
        json_object_begin(json);
        json_key(json, "min");
        number_to_json(json, work->least[i]);
        json_key(json, "max");
        number_to_json(json, work->most[i]);
        json_object_end(json);
    }
    json_object_end(json);
}

static void
key_u64(struct json_writer *json, const char *name, uint64_t value)
{
    json_key(json, name);
    json_u64(json, value);
}

static void
search_done(void *context)
{
    struct call *call = context;
    struct search_work *work = call->work;
    struct json_writer *json = &call->json;
    struct buf scratch;
    if (work->result != 0) {
        call_fail(call, 503, "ledger_unavailable",
                  "The log could not be read: %s", buf_cstr(&work->error));
        return;
    }
    if (work->turn.over) {
        work->select.filter.cursor = work->turn.cursor;
        call_query_on(call, search_work, search_done);
        return;
    }
    bool whole = work->order_by != LOG_TIME || work->wants_statistics;
    uint64_t from = work->order_by == LOG_TIME ? 0 : work->first;
    if (whole)
        work->more = work->seen > work->first + work->limit;
    buf_init(&scratch, 0);
    json_object_begin(json);
    json_key(json, "data");
    json_array_begin(json);
    for (uint64_t i = from; i < work->count; i++)
        log_row_to_json(json, call->store, work->order[i], &scratch);
    json_array_end(json);
    buf_fini(&scratch);
    json_key(json, "total");
    if (whole || !work->more)
        json_u64(json, work->seen);
    else
        json_null(json);
    key_u64(json, "page", work->page);
    key_u64(json, "limit", work->limit);
    json_key(json, "more");
    json_bool(json, work->more);
    if (work->wants_statistics)
        statistics_to_json(json, work);
    json_object_end(json);
    call_answer(call, 200);
}

/* ---- the question ---- */

static const struct word orders[] = {{"desc", 0}, {"asc", 1}, {NULL, 0}};

static bool
read_number(struct call *call, const char *name, uint64_t max, uint64_t *n)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(call->body, name);
    if (value == NULL)
        return true;
    return value_u64(value, name, max, n, &call->error) &&
           (*n > 0 || admin_error_field(&call->error, name,
                                        "'%s' must be 1 or more.", name));
}

static bool
read_order(struct call *call, struct search_work *work)
{
    const cJSON *by = cJSON_GetObjectItemCaseSensitive(call->body, "order_by");
    const cJSON *order = cJSON_GetObjectItemCaseSensitive(call->body, "order");
    uint32_t field = LOG_TIME, way = 0;
    if (by != NULL &&
        !value_word(by, "order_by", log_fields, &field, &call->error))
        return false;
    if (field == LOG_METADATA_KEY || field == LOG_METADATA_VALUE)
        return admin_error_field(&call->error, "order_by",
                                 "rows have no order by metadata.");
    if (order != NULL &&
        !value_word(order, "order", orders, &way, &call->error))
        return false;
    work->order_by = (enum log_field)field;
    work->ascending = way == 1;
    work->select.filter.oldest_first = work->ascending && field == LOG_TIME;
    return true;
}

static bool
read_body(struct call *call, struct search_work *work)
{
    const cJSON *statistics =
        cJSON_GetObjectItemCaseSensitive(call->body, "statistics");
    work->page = 1;
    work->limit = PAGE_DEFAULT;
    if (!value_members(call->body, "",
                       LOG_SELECT_MEMBERS
                       " order_by order page limit statistics",
                       &call->error) ||
        !log_select_read(call, &work->select) || !read_order(call, work) ||
        !read_number(call, "page", 1000000000, &work->page) ||
        !read_number(call, "limit", PAGE_MAX, &work->limit) ||
        (statistics != NULL &&
         !value_bool(statistics, "statistics", &work->wants_statistics,
                     &call->error)))
        return false;
    work->first = (work->page - 1) * work->limit;
    bool by_time = work->order_by == LOG_TIME;
    work->room = by_time ? work->limit : work->first + work->limit;
    return work->room <= KEPT_MAX ||
           admin_error_field(&call->error, "page",
                             "in this order only the first %d rows can be "
                             "asked for: select fewer.",
                             KEPT_MAX);
}

void
op_log_search(struct call *call)
{
    struct search_work *work = calloc(1, sizeof(*work));
    if (work != NULL) {
        buf_init(&work->error, ERROR_BYTES);
        call->work = work;
        call->work_free = work_free;
        if (!read_body(call, work)) {
            call_refuse(call);
            return;
        }
        work->rows = calloc(work->room, sizeof(*work->rows));
        work->order = calloc(work->room, sizeof(struct ledger_row *));
    }
    if (work == NULL || work->rows == NULL || work->order == NULL)
        call_fail(call, 503, "overloaded", "Out of memory.");
    else
        call_query(call, search_work, search_done);
}
