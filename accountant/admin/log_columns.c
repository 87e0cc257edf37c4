/*
 * log_columns.c - see log_columns.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/log_columns.h"

#include <stdio.h>
#include <string.h>

#include "accountant/admin/log_select.h"
#include "common/clock.h"
#include "common/money.h"

/* What a column shows: one of these. */
enum cell_kind {
    CELL_TEXT,
    CELL_U16,
    CELL_U32,
    CELL_U64,
    CELL_TIME,
    CELL_MONEY,
    CELL_FLAG,
    CELL_CAUSE,
    CELL_LIMIT,
    CELL_IN,
    CELL_OUT,
    CELL_GAP
};

#define AT(field) offsetof(struct ledger_row, field)

// clang-format off
static const struct {
    const char *name;
    enum cell_kind kind;
    size_t at; /* offset; a flag; the kind of a gap */
    bool usual;
} cells[] = {
    {"time", CELL_TIME, AT(ended_ms), true},
    {"started", CELL_TIME, AT(started_ms), false},
    {"request_id", CELL_TEXT, AT(request_id), true},
    {"group", CELL_GAP, LOG_GAP_GROUP, true},
    {"key", CELL_GAP, LOG_GAP_KEY, true},
    {"key_id", CELL_U64, AT(key_id), true},
    {"group_id", CELL_U64, AT(group_id), false},
    {"gateway", CELL_GAP, LOG_GAP_GATEWAY, false},
    {"model", CELL_TEXT, AT(model), true},
    {"model_asked", CELL_TEXT, AT(model_asked), true},
    {"provider", CELL_TEXT, AT(provider), true},
    {"credential", CELL_TEXT, AT(credential), false},
    {"client_ip", CELL_TEXT, AT(client_ip), true},
    {"status", CELL_U16, AT(status), true},
    {"cause", CELL_CAUSE, AT(cause), true},
    {"limit", CELL_LIMIT, AT(limit), false},
    {"stream", CELL_FLAG, 1, true},
    {"cached_answer", CELL_FLAG, LEDGER_FLAG_CACHED, true},
    {"prompt_missed", CELL_U64, AT(classes.prompt_missed), true},
    {"cached", CELL_U64, AT(classes.cached), true},
    {"cache_creation", CELL_U64, AT(classes.cache_creation), true},
    {"completion", CELL_U64, AT(classes.completion), true},
    {"reasoning", CELL_U64, AT(classes.reasoning), true},
    {"audio_in", CELL_U64, AT(classes.audio_in), true},
    {"audio_out", CELL_U64, AT(classes.audio_out), true},
    {"input_tokens", CELL_IN, 0, false},
    {"output_tokens", CELL_OUT, 0, false},
    {"tokens", CELL_U64, AT(tokens), true},
    {"delivered_tokens", CELL_U32, AT(delivered_tokens), true},
    {"generated_tokens", CELL_U32, AT(generated_tokens), true},
    {"cost", CELL_MONEY, AT(nano), true},
    {"price_version", CELL_U32, AT(price_version), true},
    {"attempt_count", CELL_U16, AT(attempts), true},
    {"duration_ms", CELL_U32, AT(duration_ms), true},
    {"queue_ms", CELL_U32, AT(queue_ms), true},
    {"sent_ms", CELL_U32, AT(sent_ms), false},
    {"connect_ms", CELL_U32, AT(connect_ms), true},
    {"first_byte_ms", CELL_U32, AT(first_byte_ms), true},
    {"first_token_ms", CELL_U32, AT(first_token_ms), true},
    {"error", CELL_TEXT, AT(error), true},
    {"metadata", CELL_TEXT, AT(tags), true},
};
// clang-format on
_Static_assert(ARRAY_LEN(cells) <= LOG_COLUMNS_MAX, "all of them fit");

static bool
add_column(struct log_columns *columns, struct str title, struct str name)
{
    for (unsigned i = 0; i < ARRAY_LEN(cells); i++) {
        if (!str_equals(name, str_from(cells[i].name)))
            continue;
        if (columns->count == LOG_COLUMNS_MAX)
            return false;
        columns->columns[columns->count].title = title.ptr;
        columns->columns[columns->count].title_len = (uint32_t)title.len;
        columns->columns[columns->count++].cell = (uint8_t)i;
        return true;
    }
    return false;
}

bool
log_columns_read(struct log_columns *columns, const char *text,
                 struct admin_error *error)
{
    columns->count = 0;
    for (unsigned i = 0; text == NULL && i < ARRAY_LEN(cells); i++) {
        struct str name = str_from(cells[i].name);
        if (cells[i].usual && !add_column(columns, name, name))
            return false;
    }
    while (text != NULL) {
        struct str one = str_make(text, strcspn(text, ","));
        size_t title = strcspn(text, ":,");
        bool has_title = title < one.len;
        if (!add_column(columns, str_make(text, title),
                        has_title ? str_skip(one, title + 1) : one))
            return admin_error_field(error, "columns",
                                     "'columns' has no column '%.*s'; those of "
                                     "a row, at most %d, are taken.",
                                     (int)(one.len > 64 ? 64 : one.len),
                                     one.ptr, LOG_COLUMNS_MAX);
        text += one.len;
        text = *text == ',' ? text + 1 : NULL;
    }
    return true;
}

void
log_columns_text(struct buf *out, const char *text)
{
    bool formula = *text != '\0' && strchr("=+-@\t\r", *text) != NULL;
    buf_append_char(out, '"');
    if (formula)
        buf_append_char(out, '\'');
    for (const char *quote; (quote = strchr(text, '"')) != NULL;
         text = quote + 1) {
        buf_append_str(out, str_make(text, (size_t)(quote + 1 - text)));
        buf_append_char(out, '"');
    }
    buf_append_cstr(out, text);
    buf_append_char(out, '"');
}

void
log_columns_head(const struct log_columns *columns, struct buf *out)
{
    for (unsigned i = 0; i < columns->count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        buf_append_str(out, str_make(columns->columns[i].title,
                                     columns->columns[i].title_len));
    }
    buf_append_cstr(out, "\r\n");
}

static void
append_time(struct buf *out, int64_t ms)
{
    char text[32];
    if (ms <= 0)
        return;
    clock_format_rfc3339(ms, text);
    buf_append_cstr(out, text);
}

static void
append_money(struct buf *out, uint64_t nano)
{
    char text[32];
    money_format_nano((int64_t)nano, text);
    buf_append_cstr(out, text);
}

static void
append_cell(struct buf *out, unsigned cell, const struct ledger_row *row)
{
    const char *field = (const char *)row + cells[cell].at;
    const char *limit;
    switch (cells[cell].kind) {
    case CELL_TEXT:
        log_columns_text(out, field);
        break;
    case CELL_U16:
        buf_append_u64(out, *(const uint16_t *)(const void *)field);
        break;
    case CELL_U32:
        buf_append_u64(out, *(const uint32_t *)(const void *)field);
        break;
    case CELL_U64:
        buf_append_u64(out, *(const uint64_t *)(const void *)field);
        break;
    case CELL_TIME:
        append_time(out, *(const int64_t *)(const void *)field);
        break;
    case CELL_MONEY:
        append_money(out, *(const uint64_t *)(const void *)field);
        break;
    case CELL_FLAG:
        buf_append_char(out, (row->flags & cells[cell].at) != 0 ? '1' : '0');
        break;
    case CELL_CAUSE:
        buf_append_cstr(out, ledger_cause_name(row->cause));
        break;
    case CELL_LIMIT:
        limit = ledger_limit_name(row->limit);
        buf_append_cstr(out, limit == NULL ? "" : limit);
        break;
    case CELL_IN:
        buf_append_u64(out, log_tokens_in(row));
        break;
    case CELL_OUT:
        buf_append_u64(out, log_tokens_out(row));
        break;
    case CELL_GAP:
        break;
    }
}

unsigned
log_columns_row(const struct log_columns *columns, const struct ledger_row *row,
                struct buf *out, struct log_gap gaps[LOG_COLUMNS_MAX])
{
    unsigned count = 0;
    for (unsigned i = 0; i < columns->count; i++) {
        unsigned cell = columns->columns[i].cell;
        if (i > 0)
            buf_append_char(out, ',');
        append_cell(out, cell, row);
        if (cells[cell].kind == CELL_GAP)
            gaps[count++] = (struct log_gap){
                buf_len(out), (enum log_gap_kind)cells[cell].at, row->key_id,
                row->group_id, row->gateway};
    }
    buf_append_cstr(out, "\r\n");
    return count;
}
