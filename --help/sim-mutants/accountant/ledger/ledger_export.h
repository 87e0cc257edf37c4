/*
 * ledger_export.h - the backup: everything of the main database, and the log
 * rows where wanted, in one file that says of itself whether it is whole.
 *
 *   "AIGWEXP1"                                     8 bytes
 *   frame, again and again:
 *     type1 length4 payload crc4                   little endian; CRC-32 (zlib)
 *                                                  of all before it in the frame
 *   type 'h'  first: what it is of (struct ledger_export_info)
 *        'p'  a pair of the main database: key, value (codec.h)
 *        'r'  a log row, the same way
 *        'e'  last: frames before it, SHA-256 of all bytes before it; nothing
 *             follows
 *
 * One snapshot: totals, baselines, roll-ups, prices, objects (keys stay sealed)
 * and ring positions are of one instant. Rows are those booked in it. The file
 * is written beside its place, synced, renamed; so a name is a whole export.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_EXPORT_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_EXPORT_H

#include "accountant/ledger/ledger.h"

enum { LEDGER_EXPORT_PATH_BYTES = 640 };

struct ledger_export_info {
    int64_t created_ms; /* wall */
    uint64_t epoch, batch_no;
    bool has_rows;
    /* not in the file's head: counted */
    uint64_t pairs, rows, bytes;
};

/*
 * ledger_export - writes `path` (replaced when there). 0 or -errno with a
 * sentence; -EAGAIN: the ledger is being opened again, try later. Any thread.
 */
int ledger_export(struct ledger *ledger, struct ledger_snapshot *snapshot,
                  const char *path, bool with_rows,
                  struct ledger_export_info *info,
                  struct buf *error) MUST_CHECK;
/*
 * ledger_export_kept - into data_dir/export/PREFIX-2026-11-21T22:33:00.123Z,
 * its name into `path`; of PREFIX only the newest `keep` stay. Any thread.
 */
int ledger_export_kept(struct ledger *ledger, struct ledger_snapshot *snapshot,
                       const char *prefix, unsigned keep, bool with_rows,
                       char path[LEDGER_EXPORT_PATH_BYTES],
                       struct ledger_export_info *info,
                       struct buf *error) MUST_CHECK;
/* Wall time of the newest export of PREFIX below data_dir; 0 none. */
int64_t ledger_export_newest(const struct ledger *ledger, const char *prefix);

/*
 * ledger_export_read - the whole file, frame by frame, everything checked:
 * frames, their order, what they hold, the count and the digest at the end.
 * `each` (NULL: only checked) is called per pair ('p') or row ('r') and returns
 * 0 or -errno; what it did counts only when this returns 0. -EUCLEAN: damaged
 * or cut, with a sentence.
 */
typedef int (*ledger_export_each)(char type, struct str key, struct str value,
                                  void *context);
int ledger_export_read(const char *path, ledger_export_each each, void *context,
                       struct ledger_export_info *info,
                       struct buf *error) MUST_CHECK;

/* Whether a pair of the main database is one that this version knows. */
bool ledger_pair_is_good(struct str key, struct str value);

#endif
