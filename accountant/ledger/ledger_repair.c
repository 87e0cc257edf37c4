/*
 * ledger_repair.c - see ledger_repair.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_repair.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accountant/ledger/codec.h"
#include "accountant/ledger/ledger_export.h"
#include "accountant/ledger/ledger_page.h"
#include "accountant/ledger/ledger_repair_part.h"
#include "accountant/ledger/ledger_value.h"
#include "common/proc.h"

#define COPY_DIR "salvage.tmp"

enum { PATH_BYTES = 2 * LEDGER_PATH_BYTES };

struct repair_position *
repair_position(struct repair *r, uint64_t epoch, uint32_t column)
{
    for (size_t i = 0; i < r->position_count; i++)
        if (r->positions[i].epoch == epoch && r->positions[i].column == column)
            return &r->positions[i];
    struct repair_position *more =
        realloc(r->positions, (r->position_count + 1) * sizeof(*more));
    if (more == NULL)
        return NULL;
    r->positions = more;
    more[r->position_count] =
        (struct repair_position){.epoch = epoch, .column = column};
    return &more[r->position_count++];
}

static void
see_id(struct repair *r, uint64_t id)
{
    if (id > r->next_id)
        r->next_id = id;
}

/* ---- pairs of the main database ---- */

/* Totals, sums, positions and numbers are written at the end, when the rows
 * are known. */
static int
keep_total(struct repair *r, struct str key, struct str value)
{
    enum ledger_kind kind;
    uint64_t id;
    struct ledger_total total;
    struct ledger_dropped dropped;
    int64_t last_used_ms = 0;
    bool is_total = key.ptr[0] == 'T';
    int rc = is_total ? ledger_total_decode(value, &total, &last_used_ms)
                      : ledger_dropped_decode(value, &dropped);
    if (!ledger_key_parse_object(key, &kind, &id) || rc < 0)
        return -EUCLEAN; /* it was checked */
    struct ledger_sum *sum =
        ledger_sums_get(is_total ? &r->totals : &r->dropped, kind, id);
    if (sum == NULL)
        return -ENOMEM;
    sum->total = is_total ? total : dropped.total;
    sum->batch_no = is_total ? 0 : dropped.batch_no;
    sum->last_used_ms = last_used_ms;
    see_id(r, id);
    return 0;
}

static int
keep_number(struct repair *r, struct str key, struct str value)
{
    struct codec_reader reader;
    uint64_t epoch;
    uint32_t column;
    codec_reader_init(&reader, value);
    uint64_t number = codec_get_u64(&reader);
    if (key.ptr[0] == 'P' && ledger_key_parse_position(key, &epoch, &column)) {
        struct repair_position *position = repair_position(r, epoch, column);
        if (position == NULL)
            return -ENOMEM;
        position->booked = number;
        position->is_known = true;
        return 0;
    }
    struct str name = str_skip(key, 1);
    if (str_equals(name, STR_LIT("next_id")))
        see_id(r, number);
    else if (str_equals(name, STR_LIT("batch")))
        r->batch_no = number;
    else if (str_equals(name, STR_LIT("epoch")))
        r->epoch = number;
    else if (!str_equals(name, STR_LIT("format")) &&
             !str_equals(name, STR_LIT("rows_from")) &&
             !str_equals(name, STR_LIT("restored")))
        return builder_put(&r->builder, key, value);
    return 0;
}

static int
keep_pair(struct repair *r, struct str key, struct str value)
{
    enum ledger_kind kind;
    struct ledger_usage usage;
    uint64_t id;
    if (!ledger_pair_is_good(key, value)) {
        r->done->bad_pairs++;
        return 0;
    }
    r->done->pairs++;
    switch (key.ptr[0]) {
    case 'T':
    case 'D':
        return keep_total(r, key, value);
    case 'M':
    case 'P':
        return keep_number(r, key, value);
    case 'O':
        if (ledger_key_parse_object(key, &kind, &id))
            see_id(r, id);
        break;
    case 'U':
        if (ledger_key_parse_usage(key, &usage) &&
            ledger_row_day(usage.start_ms) > r->last_day)
            r->last_day = ledger_row_day(usage.start_ms);
        break;
    default:
        break;
    }
    return builder_put(&r->builder, key, value);
}

/* ---- rows ---- */

static int
keep_row(struct ledger_row *row, void *context)
{
    struct repair *r = context;
    struct repair_position *position =
        repair_position(r, row->epoch, row->column);
    if (position == NULL)
        return -ENOMEM;
    /* Written but not booked when the ledger stopped: the rings have it too,
     * or the next start books it. */
    bool is_booked = row->epoch != r->epoch || !position->is_known ||
                     row->position < position->booked;
    if (is_booked && !ledger_sums_add_row(&r->rows, row))
        return -ENOMEM;
    if (!position->has_row || row->position > position->last_row)
        position->last_row = row->position;
    position->has_row = true;
    if (row->batch_no > r->top_batch)
        r->top_batch = row->batch_no;
    if (ledger_row_day(row->ended_ms) > r->last_day)
        r->last_day = ledger_row_day(row->ended_ms);
    r->done->rows++;
    return builder_put_row(&r->builder, row);
}

/* Of a damaged page, what stands before the damage. Who has rows in a page is
 * found out again; bodies of calls are not books. */
static int
keep_page(struct repair *r, struct str key, struct str value)
{
    if (key.len > 0 && (key.ptr[0] == 'i' || key.ptr[0] == 'p'))
        return 0;
    int rc = ledger_page_rows(key, value, keep_row, r);
    if (rc != -EUCLEAN)
        return rc;
    r->done->bad_rows++;
    return 0;
}

/* ---- one copied database ---- */

static void
report_lost_files(struct repair *r, const char *path)
{
    char lost[PATH_BYTES];
    snprintf(lost, sizeof(lost), "%s/lost", path);
    DIR *dir = opendir(lost);
    if (dir == NULL)
        return;
    unsigned count = 0;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        if (strstr(e->d_name, ".ldb") != NULL ||
            strstr(e->d_name, ".sst") != NULL)
            count++;
    closedir(dir);
    if (count > 0)
        buf_printf(r->report, "%s: %u tables could not be read as a whole\n",
                   strrchr(path, '/') + 1, count);
}

static int
read_through(struct repair *r, leveldb_t *db, bool is_main)
{
    leveldb_readoptions_t *read = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(read, 1);
    leveldb_readoptions_set_fill_cache(read, 0);
    leveldb_iterator_t *it = leveldb_create_iterator(db, read);
    int rc = 0;
    leveldb_iter_seek_to_first(it);
    for (; leveldb_iter_valid(it) && rc == 0; leveldb_iter_next(it)) {
        struct str key, value;
        key.ptr = leveldb_iter_key(it, &key.len);
        value.ptr = leveldb_iter_value(it, &value.len);
        rc = is_main ? keep_pair(r, key, value) : keep_page(r, key, value);
    }
    char *text = NULL;
    leveldb_iter_get_error(it, &text);
    if (text != NULL)
        buf_printf(r->report, "reading ended early: %s\n", text);
    leveldb_free(text);
    leveldb_iter_destroy(it);
    leveldb_readoptions_destroy(read);
    return rc;
}

/* LevelDB's own repair makes tables of logs and a new MANIFEST: of a copy. */
static int
salvage(struct repair *r, const char *path, bool is_main)
{
    leveldb_options_t *options = leveldb_options_create();
    char *text = NULL;
    int rc = 0;
    leveldb_repair_db(options, path, &text);
    leveldb_t *db = NULL;
    if (text == NULL)
        db = leveldb_open(options, path, &text);
    if (text == NULL) {
        report_lost_files(r, path);
        rc = read_through(r, db, is_main);
        leveldb_close(db);
    } else {
        buf_printf(r->report, "%s: nothing can be read: %s\n",
                   strrchr(path, '/') + 1, text);
    }
    leveldb_free(text);
    leveldb_options_destroy(options);
    return rc;
}

static int
salvage_days(struct repair *r, const char *copy)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/log", copy);
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, alphasort);
    int rc = count < 0 && errno != ENOENT ? -errno : 0;
    for (int i = 0; i < count; i++) {
        if (rc == 0 && entries[i]->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/log/%s", copy, entries[i]->d_name);
            rc = salvage(r, path, false);
        }
        free(entries[i]);
    }
    free(entries);
    return rc;
}

static int
salvage_all(struct repair *r, const char *from, const char *to)
{
    char copy[LEDGER_PATH_BYTES], path[PATH_BYTES];
    snprintf(copy, sizeof(copy), "%s/%s", to, COPY_DIR);
    int rc = proc_mkdir_p(copy, 0700);
    if (rc == 0)
        rc = repair_copy(from, copy, r->error);
    snprintf(path, sizeof(path), "%s/ledger", copy);
    if (rc == 0 && access(path, F_OK) == 0)
        rc = salvage(r, path, true);
    if (rc == 0)
        rc = salvage_days(r, copy);
    int removed = builder_remove(copy);
    return rc < 0 ? rc : removed;
}

int
ledger_repair(const char *from, const char *to, struct ledger_repair *done,
              struct buf *report, struct buf *error)
{
    struct repair r = {.done = done, .report = report, .error = error};
    *done = (struct ledger_repair){0};
    int rc = builder_check_dir(to, error);
    if (rc == 0)
        rc = builder_open(&r.builder, to, error);
    if (rc == 0)
        rc = salvage_all(&r, from, to);
    if (rc == 0)
        rc = repair_books(&r);
    if (rc == 0)
        rc = builder_finish(&r.builder, report);
    if (rc == 0)
        rc = repair_copy_secret(from, to, error);
    if (rc == 0)
        rc = builder_move(&r.builder);
    builder_close(&r.builder);
    ledger_sums_fini(&r.totals);
    ledger_sums_fini(&r.dropped);
    ledger_sums_fini(&r.rows);
    free(r.positions);
    if (rc < 0 && buf_len(error) == 0)
        buf_printf(error, "%s: %s", to, strerror(-rc));
    return rc;
}
