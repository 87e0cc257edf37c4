/*
 * ledger_import.c - see ledger_import.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_import.h"

#include <errno.h>
#include <string.h>

#include "accountant/ledger/ledger_builder.h"
#include "accountant/ledger/ledger_value.h"

struct import {
    struct ledger_builder builder;
    const struct ledger_export_info *info;
    int64_t last_day; /* of the roll-ups */
};

/* The total as the sum of rows that are not there. */
static int
put_dropped(struct import *import, struct str total_key, struct str value)
{
    struct ledger_dropped dropped = {.batch_no = import->info->batch_no};
    struct ledger_key key;
    struct buf bytes;
    int64_t last_used_ms;
    if (ledger_total_decode(value, &dropped.total, &last_used_ms) < 0)
        return -EUCLEAN;
    key.len = total_key.len;
    memcpy(key.bytes, total_key.ptr, total_key.len);
    key.bytes[0] = 'D';
    buf_init(&bytes, 0);
    ledger_dropped_encode(&dropped, &bytes);
    int rc = builder_put_key(&import->builder, &key, &bytes);
    buf_fini(&bytes);
    return rc;
}

static int
import_pair(struct import *import, struct str key, struct str value)
{
    struct ledger_usage usage;
    bool has_rows = import->info->has_rows;
    if (key.ptr[0] == 'D' && !has_rows)
        return 0; /* in the totals */
    if (str_equals(key, STR_LIT("Mformat")))
        return 0; /* what is built has its own */
    if (key.ptr[0] == 'U' && ledger_key_parse_usage(key, &usage)) {
        int64_t day = ledger_row_day(usage.start_ms);
        if (day > import->last_day)
            import->last_day = day;
    }
    int rc = builder_put(&import->builder, key, value);
    if (rc == 0 && key.ptr[0] == 'T' && !has_rows)
        rc = put_dropped(import, key, value);
    return rc;
}

static int
import_one(char type, struct str key, struct str value, void *context)
{
    struct import *import = context;
    struct ledger_row row;
    if (type == 'p')
        return import_pair(import, key, value);
    if (!ledger_row_decode(key, value, &row))
        return -EUCLEAN;
    return builder_put_row(&import->builder, &row);
}

static int
put_marks(struct import *import)
{
    int64_t day = ledger_row_day(import->info->created_ms);
    int rc = 0;
    if (import->last_day > day)
        day = import->last_day;
    if (!import->info->has_rows)
        rc = builder_put_meta(&import->builder, "rows_from", (uint64_t)day + 1);
    if (rc == 0)
        rc = builder_put_meta(&import->builder, "restored",
                              import->info->batch_no);
    return rc;
}

int
ledger_import(const char *path, const char *dir,
              struct ledger_export_info *info, struct buf *report,
              struct buf *error)
{
    struct import import = {.info = info};
    /* First all of it, read only: a damaged file leaves no trace. */
    int rc = builder_check_dir(dir, error);
    if (rc == 0)
        rc = ledger_export_read(path, NULL, NULL, info, error);
    if (rc == 0)
        rc = builder_open(&import.builder, dir, error);
    if (rc == 0)
        rc = ledger_export_read(path, import_one, &import, info, error);
    if (rc == 0)
        rc = put_marks(&import);
    if (rc == 0)
        rc = builder_finish(&import.builder, report);
    if (rc == 0)
        rc = builder_move(&import.builder);
    builder_close(&import.builder);
    if (rc < 0 && buf_len(error) == 0)
        buf_printf(error, "%s: %s", dir, strerror(-rc));
    return rc;
}
