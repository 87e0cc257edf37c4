/*
 * op_usage.c - GET /admin/v1/usage: roll-ups summed by time, key, model ...
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <stdlib.h>

#include "accountant/admin/object_json.h"
#include "accountant/admin/op_keys.h"
#include "accountant/admin/usage_table.h"
#include "accountant/admin/view.h"
#include "common/clock.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

enum { DEFAULT_DAYS = 30 };

struct usage_work {
    enum ledger_resolution resolution, asked; /* that is read; of the rows */
    int64_t from_ms, to_ms;
    uint64_t group_id, key_id;
    const char *model, *provider; /* of the query; NULL: any */
    struct usage_table table;
    struct buf error;
    int result;
    struct ledger_turn turn;
};

static const struct {
    const char *name;
    unsigned by;
    enum ledger_resolution resolution; /* of a time, else 0 */
} dimensions[] = {
    {"model", USAGE_BY_MODEL, 0},
    {"provider", USAGE_BY_PROVIDER, 0},
    {"key", USAGE_BY_KEY, 0},
    {"group", USAGE_BY_GROUP, 0},
    {"minute", USAGE_BY_TIME, LEDGER_MINUTE},
    {"hour", USAGE_BY_TIME, LEDGER_HOUR},
    {"day", USAGE_BY_TIME, LEDGER_DAY},
};

static void
work_free(void *context)
{
    struct usage_work *work = context;
    usage_table_fini(&work->table);
    buf_fini(&work->error);
    free(work);
}

/* "day,model" -> bits; *resolution stays 0 without a time. */
static bool
read_by(const char *text, unsigned *by, enum ledger_resolution *resolution,
        struct admin_error *error)
{
    while (text != NULL && *text != '\0') {
        size_t len = strcspn(text, ",");
        unsigned i = 0;
        while (i < ARRAY_LEN(dimensions) &&
               !str_equals(str_make(text, len), str_from(dimensions[i].name)))
            i++;
        if (i == ARRAY_LEN(dimensions))
            return admin_error_field(error, "by",
                                     "'by' is a list of model, provider, key, "
                                     "group and one of minute, hour, day.");
        if (dimensions[i].resolution != 0)
            *resolution = dimensions[i].resolution;
        *by |= dimensions[i].by;
        text += len + (text[len] == ',');
    }
    return true;
}

/* The coarsest buckets that begin where the question begins and ends. */
static enum ledger_resolution
coarsest(int64_t from_ms, int64_t to_ms, bool to_is_now)
{
    if (from_ms % DAY_MS == 0 && (to_is_now || to_ms % DAY_MS == 0))
        return LEDGER_DAY;
    if (from_ms % HOUR_MS == 0 && (to_is_now || to_ms % HOUR_MS == 0))
        return LEDGER_HOUR;
    return LEDGER_MINUTE;
}

static int64_t
length_of(enum ledger_resolution resolution)
{
    return resolution == LEDGER_DAY    ? DAY_MS
           : resolution == LEDGER_HOUR ? HOUR_MS
                                       : MINUTE_MS;
}

/* The coarsest buckets that the asked ones, of another zone, are made of. */
static void
read_in_zone(struct usage_work *work)
{
    const struct usage_zone *zone = &work->table.zone;
    if (zone->count == 0 || usage_zone_is_whole(zone, DAY_MS))
        return;
    work->table.unit_ms = length_of(work->resolution);
    if (work->resolution == LEDGER_DAY)
        work->resolution = LEDGER_HOUR;
    if (!usage_zone_is_whole(zone, HOUR_MS))
        work->resolution = LEDGER_MINUTE;
}

static bool
read_zone(struct call *call, struct usage_work *work)
{
    const char *text = query_get(&call->query, "utc_offset");
    if (text == NULL || usage_zone_read(&work->table.zone, text))
        return true;
    return admin_error_field(&call->error, "utc_offset",
                             "'utc_offset' must be as +08:00, or with changes "
                             "as +01:00,+02:00@2026-03-29T01:00:00Z.");
}

static bool
read_resolution(struct call *call, struct usage_work *work, bool to_is_now)
{
    static const struct {
        const char *name;
        enum ledger_resolution value;
    } names[] = {
        {"minute", LEDGER_MINUTE}, {"hour", LEDGER_HOUR}, {"day", LEDGER_DAY}};
    const char *text = query_get(&call->query, "resolution");
    if (text == NULL) {
        if (work->resolution == 0)
            work->resolution = coarsest(work->from_ms, work->to_ms, to_is_now);
        return true;
    }
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i].name, text) == 0) {
            work->resolution = names[i].value;
            return true;
        }
    }
    return admin_error_field(&call->error, "resolution",
                             "'resolution' must be minute, hour or day.");
}

static bool
read_question(struct call *call, struct usage_work *work)
{
    const struct query *query = &call->query;
    struct admin_error *error = &call->error;
    const char *key_ref = query_get(query, "key");
    const char *group_name = query_get(query, "group");
    unsigned by = 0;
    bool to_is_now = query_get(query, "to") == NULL;
    if (!read_zone(call, work))
        return false;
    work->to_ms = clock_wall_ms();
    work->from_ms = usage_zone_start(&work->table.zone, DAY_MS,
                                     work->to_ms - (DEFAULT_DAYS - 1) * DAY_MS);
    work->model = query_get(query, "model");
    work->provider = query_get(query, "provider");
    if (!query_time(query, "from", &work->from_ms, error) ||
        !query_time(query, "to", &work->to_ms, error) ||
        !read_by(query_get(query, "by"), &by, &work->resolution, error) ||
        !read_resolution(call, work, to_is_now))
        return false;
    work->group_id = view_only_group(call);
    if (group_name != NULL) {
        const struct group *group = view_group_named(call, group_name);
        if (group == NULL)
            return admin_error_set(error, 404, "group_not_found",
                                   "Group '%.64s' does not exist.", group_name);
        work->group_id = group->id;
    }
    if (key_ref != NULL) {
        const struct gateway *key =
            key_of_ref(call, key_ref, group_name, error);
        if (key == NULL)
            return false;
        work->key_id = key->id;
    }
    /* One that was deleted has its usage still. */
    if (!query_u64(query, "key_id", 1, UINT64_MAX, &work->key_id, error))
        return false;
    work->table.by = by;
    work->asked = work->resolution;
    read_in_zone(work);
    return true;
}

static bool
add_bucket(const struct ledger_usage *bucket, void *context)
{
    struct call *call = context;
    struct usage_work *work = call->work;
    return !view_sees_group(call, bucket->group_id) ||
           (work->model != NULL && strcmp(work->model, bucket->model) != 0) ||
           (work->provider != NULL &&
            strcmp(work->provider, bucket->provider) != 0) ||
           usage_table_add(&work->table, bucket);
}

static void
usage_work(struct ledger *ledger, struct ledger_snapshot *snapshot,
           void *context)
{
    struct usage_work *work = ((struct call *)context)->work;
    ledger_turn_begin(&work->turn);
    work->result = ledger_scan_usage_turn(
        ledger, snapshot, work->resolution, work->from_ms, work->to_ms,
        work->group_id, work->key_id, add_bucket, context, &work->turn,
        &work->error);
    if (!work->turn.over)
        usage_table_sort(&work->table);
}

static void
key_u64(struct json_writer *json, const char *name, uint64_t value)
{
    json_key(json, name);
    json_u64(json, value);
}

static void
key_ratio(struct json_writer *json, const char *name, uint64_t part,
          uint64_t whole)
{
    json_key(json, name);
    if (whole == 0)
        json_null(json);
    else
        json_money(json,
                   (int64_t)((double)part / (double)whole * 1e4) * 100000);
}

/* Percentiles of how long calls took; null: none did. */
static void
key_spans(struct json_writer *json, const char *name,
          const struct ledger_spans *spans)
{
    static const struct {
        const char *name;
        unsigned per_mille;
    } quantiles[] = {{"p50", 500}, {"p95", 950}, {"p99", 990}};
    uint64_t count = ledger_spans_count(spans);
    json_key(json, name);
    if (count == 0) {
        json_null(json);
        return;
    }
    json_object_begin(json);
    key_u64(json, "count", count);
    for (unsigned i = 0; i < ARRAY_LEN(quantiles); i++)
        key_u64(json, quantiles[i].name,
                (uint64_t)ledger_spans_quantile(spans, quantiles[i].per_mille));
    json_object_end(json);
}

static void
numbers_to_json(struct json_writer *json, const struct ledger_usage *row)
{
    const struct usage *classes = &row->classes;
    uint64_t input =
        classes->prompt_missed + classes->cached + classes->cache_creation;
    uint64_t n = row->requests == 0 ? 1 : row->requests;
    key_u64(json, "requests", row->requests);
    key_u64(json, "errors", row->errors);
    key_u64(json, "tokens", row->tokens);
    json_key(json, "cost");
    json_money(json, (int64_t)row->nano);
    key_u64(json, "prompt_missed", classes->prompt_missed);
    key_u64(json, "cached", classes->cached);
    key_u64(json, "cache_creation", classes->cache_creation);
    key_u64(json, "completion", classes->completion);
    key_u64(json, "reasoning", classes->reasoning);
    key_u64(json, "audio", usage_audio(classes));
    key_ratio(json, "cache_hit_rate", classes->cached, input);
    key_u64(json, "average_duration_ms", row->duration_ms / n);
    key_u64(json, "average_first_byte_ms", row->first_byte_ms / n);
    key_u64(json, "cached_answers", row->cached_answers);
    key_spans(json, "duration_ms", &row->duration_spans);
    key_spans(json, "first_token_ms", &row->first_token_spans);
}

static void
row_to_json(struct json_writer *json, const struct store *store, unsigned by,
            const struct ledger_usage *row)
{
    json_object_begin(json);
    if ((by & USAGE_BY_TIME) != 0) {
        json_key(json, "time");
        json_time(json, row->start_ms);
    }
    if ((by & USAGE_BY_GROUP) != 0) {
        json_key(json, "group");
        json_cstring(json, group_name_of(store, row->group_id));
    }
    if ((by & USAGE_BY_KEY) != 0) {
        const struct gateway *key = store_gateway(store, row->key_id);
        key_u64(json, "key_id", row->key_id);
        json_key(json, "key");
        json_cstring(json, key == NULL ? NULL : key->name);
    }
    if ((by & USAGE_BY_MODEL) != 0) {
        json_key(json, "model");
        json_cstring(json, row->model);
    }
    if ((by & USAGE_BY_PROVIDER) != 0) {
        json_key(json, "provider");
        json_cstring(json, row->provider);
    }
    numbers_to_json(json, row);
    json_object_end(json);
}

static void
usage_done(void *context)
{
    struct call *call = context;
    struct usage_work *work = call->work;
    struct json_writer *json = &call->json;
    const struct usage_table *table = &work->table;
    if (table->too_many) {
        call_fail(call, 400, "too_many_rows",
                  "More than %d rows: ask for a shorter time or fewer "
                  "dimensions.",
                  USAGE_ROWS_MAX);
        return;
    }
    if (work->result != 0 || table->no_memory) {
        call_fail(call, 503, "ledger_unavailable",
                  "The ledger could not be read: %s",
                  table->no_memory ? "out of memory" : buf_cstr(&work->error));
        return;
    }
    if (work->turn.over) {
        call_query_on(call, usage_work, usage_done);
        return;
    }
    json_object_begin(json);
    json_key(json, "from");
    json_time(json, work->from_ms);
    json_key(json, "to");
    json_time(json, work->to_ms);
    json_key(json, "resolution");
    json_cstring(json, work->asked == LEDGER_DAY    ? "day"
                       : work->asked == LEDGER_HOUR ? "hour"
                                                    : "minute");
    json_key(json, "currency");
    json_cstring(json, store_config(call->store)->server.currency);
    json_key(json, "total");
    json_object_begin(json);
    numbers_to_json(json, &table->total);
    json_object_end(json);
    json_key(json, "data");
    json_array_begin(json);
    for (uint32_t i = 0; i < table->row_count; i++)
        row_to_json(json, call->store, table->by, &table->rows[i]);
    json_array_end(json);
    json_object_end(json);
    call_answer(call, 200);
}

void
op_usage(struct call *call)
{
    struct usage_work *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        call_fail(call, 503, "overloaded", "Out of memory.");
        return;
    }
    buf_init(&work->error, 1024);
    usage_table_init(&work->table, 0);
    call->work = work;
    call->work_free = work_free;
    if (!read_question(call, work))
        call_refuse(call);
    else
        call_query(call, usage_work, usage_done);
}
