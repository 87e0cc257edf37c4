/*
 * ledger_export_read.c - reading and checking an export; see ledger_export.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>

#include "accountant/ledger/codec.h"
#include "accountant/ledger/ledger_export.h"
#include "accountant/ledger/ledger_export_frame.h"
#include "accountant/ledger/ledger_internal.h"
#include "accountant/ledger/ledger_note.h"
#include "accountant/ledger/ledger_value.h"

/* ---- what a pair may be ---- */

static bool
number_is_good(struct str value)
{
    struct codec_reader reader;
    codec_reader_init(&reader, value);
    codec_get_u64(&reader);
    return codec_reader_done(&reader);
}

/* Of keys and groups: type kind id8, and for some more behind it. */
static bool
object_pair_is_good(struct str key, struct str value)
{
    enum ledger_kind kind;
    uint64_t id;
    int64_t used_ms;
    union {
        struct ledger_total total;
        struct ledger_budget budget;
        struct ledger_dropped dropped;
        struct ledger_escrow escrow;
    } v;
    if (!ledger_key_parse_object(key, &kind, &id))
        return false;
    switch (key.ptr[0]) {
    case 'O': /* the accountant's; sealed and checked there */
        return key.len == 10 && value.len > 0;
    case 'T':
        return key.len == 10 &&
               ledger_total_decode(value, &v.total, &used_ms) == 0;
    case 'B':
        return key.len == 11 && ledger_budget_decode(value, &v.budget) == 0;
    case 'E':
        return key.len == 10 && ledger_escrow_decode(value, &v.escrow) == 0;
    case 'V':
        return key.len == 19 && ledger_budget_decode(value, &v.budget) == 0;
    default: /* 'D' */
        return key.len == 10 && ledger_dropped_decode(value, &v.dropped) == 0;
    }
}

bool
ledger_pair_is_good(struct str key, struct str value)
{
    struct ledger_usage usage;
    struct ledger_price price;
    struct ledger_top_up top_up;
    struct ledger_spend spend;
    struct str section, name;
    uint64_t epoch;
    uint32_t column;
    if (key.len < 2 || key.len > LEDGER_KEY_BYTES_MAX)
        return false;
    switch (key.ptr[0]) {
    case 'M':
        return number_is_good(value);
    case 'O':
    case 'T':
    case 'B':
    case 'V':
    case 'D':
    case 'E':
        return object_pair_is_good(key, value);
    case 'P':
        return ledger_key_parse_position(key, &epoch, &column) &&
               number_is_good(value);
    case 'U':
        return ledger_key_parse_usage(key, &usage) &&
               ledger_usage_decode(value, &usage) == 0;
    case 'R':
        return key.len >= 6 && ledger_price_decode(value, &price) == 0;
    case 'C':
        return ledger_key_parse_config(key, &section, &name) && value.len > 1;
    case 'Y':
        return key.len == 21 && ledger_top_up_decode(value, &top_up) == 0;
    case 'S':
        return key.len == 9 && ledger_spend_decode(value, &spend) == 0;
    case 'X':
        return key.len == 9 && number_is_good(value);
    case 'N': /* the accountant's own */
        return key.len >= 3 && key.len <= 2 + LEDGER_NOTE_NAME_MAX &&
               value.len > 0 && value.len <= LEDGER_NOTE_VALUE_MAX;
    default:
        return false;
    }
}

/* ---- the file ---- */

struct reading {
    struct export_file file;
    ledger_export_each each;
    void *context;
    struct ledger_export_info *info;
    struct buf *error;
};

static int
damaged(struct reading *r, const char *what)
{
    buf_printf(r->error, "%s at byte %llu", what,
               (unsigned long long)r->file.bytes);
    return -EUCLEAN;
}

static int
read_header(struct reading *r)
{
    struct codec_reader reader;
    int type = export_frame_get(&r->file);
    if (type < 0)
        return type;
    codec_reader_init(&reader, buf_view(&r->file.payload));
    r->info->created_ms = codec_get_i64(&reader);
    r->info->epoch = codec_get_u64(&reader);
    r->info->batch_no = codec_get_u64(&reader);
    r->info->has_rows = codec_get_u8(&reader) != 0;
    return type == 'h' && codec_reader_done(&reader)
               ? 0
               : damaged(r, "the head is none");
}

static int
visit(struct reading *r, char type)
{
    struct codec_reader reader;
    struct ledger_row row;
    codec_reader_init(&reader, buf_view(&r->file.payload));
    struct str key = codec_get_bytes(&reader);
    struct str value = codec_get_bytes(&reader);
    if (!codec_reader_done(&reader))
        return damaged(r, "a frame is damaged");
    if (type == 'p' && r->info->rows > 0)
        return damaged(r, "a pair stands behind the rows");
    if (type == 'p' && !ledger_pair_is_good(key, value))
        return damaged(r, "a record is none of this version");
    if (type == 'r' &&
        (!r->info->has_rows || !ledger_row_decode(key, value, &row)))
        return damaged(r, "a log row is damaged");
    if (type == 'p')
        r->info->pairs++;
    else
        r->info->rows++;
    return r->each == NULL ? 0 : r->each(type, key, value, r->context);
}

static int
read_frames(struct reading *r)
{
    uint8_t digest[EXPORT_DIGEST_BYTES] = {0};
    int rc = read_header(r);
    while (rc == 0) {
        uint64_t frames = r->file.frames;
        if (export_file_peek(&r->file) == 'e')
            rc = export_file_digest(&r->file, digest);
        if (rc < 0)
            return rc;
        int type = export_frame_get(&r->file);
        if (type == 'e') {
            rc = export_file_check_end(&r->file, frames, digest);
            return rc < 0 ? damaged(r, "count or digest do not fit") : 0;
        }
        if (type == 'p' || type == 'r')
            rc = visit(r, (char)type);
        else
            rc = type < 0 ? type : damaged(r, "a frame of no known type");
    }
    return rc;
}

int
ledger_export_read(const char *path, ledger_export_each each, void *context,
                   struct ledger_export_info *info, struct buf *error)
{
    struct reading r = {
        .each = each, .context = context, .info = info, .error = error};
    struct buf where;
    buf_init(&where, 0);
    *info = (struct ledger_export_info){0};
    size_t before = buf_len(error);
    int rc = export_file_open(&r.file, path);
    if (rc == 0)
        rc = read_frames(&r);
    info->bytes = r.file.bytes;
    if (rc < 0 && buf_len(error) == before) {
        buf_printf(error, "%s: %s", path,
                   rc == -EUCLEAN ? "not a whole export of aigw"
                                  : strerror(-rc));
    } else if (rc == -EUCLEAN) {
        buf_append_str(&where, buf_view(error));
        buf_reset(error);
        buf_printf(error, "%s: %s", path, buf_cstr(&where));
    }
    buf_fini(&where);
    export_file_close(&r.file);
    return rc;
}
