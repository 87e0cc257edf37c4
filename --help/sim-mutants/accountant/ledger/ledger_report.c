/*
 * ledger_report.c - see ledger_report.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_report.h"

#include <errno.h>
#include <string.h>

#include "accountant/ledger/ledger_sums.h"
#include "common/json_write.h"

enum { LIST_ROWS = 1000 };

static int
failed(struct buf *out, size_t from, int rc, struct buf *error)
{
    struct json_writer json;
    /* What was written so far is no whole answer. */
    out->end = out->start + from;
    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "error");
    json_string(&json,
                buf_len(error) > 0 ? buf_view(error) : str_from(strerror(-rc)));
    json_object_end(&json);
    return rc;
}

/* ---- sum ---- */

struct sum_report {
    struct ledger_sums rows, dropped;
    struct json_writer json;
    enum ledger_kind kind;
    struct ledger_total totals, all_rows, all_dropped;
    bool no_memory;
};

static bool
sum_row(const struct ledger_row *row, void *context)
{
    struct sum_report *report = context;
    report->all_rows.tokens += row->tokens;
    report->all_rows.nano += row->nano;
    report->all_rows.requests++;
    report->no_memory |= !ledger_sums_add_row(&report->rows, row);
    return !report->no_memory;
}

static bool
sum_dropped(enum ledger_kind kind, uint64_t id,
            const struct ledger_dropped *dropped, void *context)
{
    struct sum_report *report = context;
    struct ledger_sum *sum = ledger_sums_get(&report->dropped, kind, id);
    report->no_memory |= sum == NULL;
    if (sum == NULL)
        return false;
    sum->total = dropped->total;
    if (kind == LEDGER_KEY) {
        report->all_dropped.tokens += dropped->total.tokens;
        report->all_dropped.nano += dropped->total.nano;
        report->all_dropped.requests += dropped->total.requests;
    }
    return true;
}

static void
write_total(struct json_writer *json, const char *name,
            const struct ledger_total *total)
{
    static const struct ledger_total none;
    if (total == NULL)
        total = &none;
    json_key(json, name);
    json_object_begin(json);
    json_key(json, "requests");
    json_u64(json, total->requests);
    json_key(json, "tokens");
    json_u64(json, total->tokens);
    json_key(json, "cost_nano");
    json_u64(json, total->nano);
    json_key(json, "cost");
    json_money(json, (int64_t)total->nano);
    json_object_end(json);
}

static bool
write_sum(enum ledger_kind kind, uint64_t id, const struct ledger_total *total,
          int64_t last_used_ms, void *context)
{
    struct sum_report *report = context;
    struct json_writer *json = &report->json;
    if (kind != report->kind)
        return true;
    const struct ledger_sum *rows = ledger_sums_find(&report->rows, kind, id);
    const struct ledger_sum *dropped =
        ledger_sums_find(&report->dropped, kind, id);
    json_object_begin(json);
    json_key(json, "id");
    json_u64(json, id);
    write_total(json, "total", total);
    write_total(json, "rows", rows == NULL ? NULL : &rows->total);
    write_total(json, "dropped", dropped == NULL ? NULL : &dropped->total);
    json_key(json, "last_used");
    json_time(json, last_used_ms);
    json_object_end(json);
    if (kind == LEDGER_KEY) {
        report->totals.tokens += total->tokens;
        report->totals.nano += total->nano;
        report->totals.requests += total->requests;
    }
    return true;
}

static int
write_list(struct sum_report *report, struct ledger *ledger,
           struct ledger_snapshot *snapshot, enum ledger_kind kind,
           const char *name, struct buf *error)
{
    report->kind = kind;
    json_key(&report->json, name);
    json_array_begin(&report->json);
    int rc = ledger_scan_totals(ledger, snapshot, write_sum, report, error);
    json_array_end(&report->json);
    return rc;
}

int
ledger_report_sum(struct ledger *ledger, struct ledger_snapshot *snapshot,
                  struct buf *out)
{
    struct sum_report report = {.kind = LEDGER_KEY};
    struct ledger_row_filter all = {.cause = -1, .oldest_first = true};
    struct buf error;
    size_t from = buf_len(out);
    buf_init(&error, 0);
    json_writer_init(&report.json, out);
    int rc = ledger_scan_rows(ledger, snapshot, &all, sum_row, &report, &error);
    if (rc == 0)
        rc =
            ledger_scan_dropped(ledger, snapshot, sum_dropped, &report, &error);
    if (rc == 0 && report.no_memory)
        rc = -ENOMEM;
    if (rc == 0) {
        json_object_begin(&report.json);
        rc = write_list(&report, ledger, snapshot, LEDGER_KEY, "keys", &error);
    }
    if (rc == 0)
        rc = write_list(&report, ledger, snapshot, LEDGER_GROUP, "groups",
                        &error);
    if (rc == 0) {
        write_total(&report.json, "totals", &report.totals);
        write_total(&report.json, "rows", &report.all_rows);
        write_total(&report.json, "dropped", &report.all_dropped);
        json_object_end(&report.json);
    } else {
        rc = failed(out, from, rc, &error);
    }
    buf_fini(&error);
    ledger_sums_fini(&report.rows);
    ledger_sums_fini(&report.dropped);
    return rc;
}

/* ---- verify ---- */

int
ledger_report_verify(struct ledger *ledger, struct ledger_snapshot *snapshot,
                     struct buf *out)
{
    struct json_writer json;
    struct buf report;
    uint64_t differences = 0;
    size_t from = buf_len(out);
    buf_init(&report, 0);
    int rc = ledger_verify(ledger, snapshot, &report, &differences);
    if (rc == 0 && !buf_ok(&report))
        rc = -ENOMEM;
    if (rc < 0) {
        rc = failed(out, from, rc, &report);
        buf_fini(&report);
        return rc;
    }
    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "ok");
    json_bool(&json, differences == 0);
    json_key(&json, "differences");
    json_u64(&json, differences);
    json_key(&json, "report");
    json_array_begin(&json);
    struct str left = buf_view(&report);
    while (left.len > 0) {
        const char *end = memchr(left.ptr, '\n', left.len);
        size_t len = end == NULL ? left.len : (size_t)(end - left.ptr);
        json_string(&json, str_make(left.ptr, len));
        left = str_skip(left, len + 1);
    }
    json_array_end(&json);
    json_object_end(&json);
    buf_fini(&report);
    return 0;
}

/* ---- rows ---- */

struct list_report {
    struct buf *out;
    uint64_t left;
    bool first, more;
    char cursor[64];
};

static bool
list_row(const struct ledger_row *row, void *context)
{
    struct list_report *report = context;
    if (report->left == 0) {
        report->more = true;
        return false;
    }
    report->left--;
    if (!report->first)
        buf_append_char(report->out, ',');
    report->first = false;
    ledger_row_to_json(row, report->out);
    ledger_row_cursor(row, report->cursor);
    return buf_ok(report->out);
}

int
ledger_report_rows(struct ledger *ledger, struct ledger_snapshot *snapshot,
                   const struct ledger_row_filter *filter, uint64_t limit,
                   struct buf *out)
{
    struct list_report report = {.out = out, .left = limit, .first = true};
    struct buf error;
    size_t from = buf_len(out);
    buf_init(&error, 0);
    buf_append_cstr(out, "{\"rows\":[");
    int rc =
        ledger_scan_rows(ledger, snapshot, filter, list_row, &report, &error);
    if (rc == 0) {
        buf_append_cstr(out, "],\"cursor\":");
        if (report.more)
            buf_printf(out, "\"%s\"}", report.cursor);
        else
            buf_append_cstr(out, "null}");
    } else {
        rc = failed(out, from, rc, &error);
    }
    buf_fini(&error);
    return rc;
}

int
ledger_report_list(struct ledger *ledger, struct ledger_snapshot *snapshot,
                   struct buf *out)
{
    struct ledger_row_filter newest = {.cause = -1};
    return ledger_report_rows(ledger, snapshot, &newest, LIST_ROWS, out);
}
