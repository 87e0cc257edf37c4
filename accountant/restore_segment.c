/*
 * restore_segment.c - the ledger that was opened and the segment that is there:
 * do they belong together, and is the ledger not older than what it once said?
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "accountant/restore_load.h"
#include "shm/ring.h"

/* No record yet: no worker starts before we are ready. */
static bool
is_new_segment(const struct segment *segment)
{
    for (uint32_t i = 0; i < segment->column_max; i++)
        if (ring_head(segment, i) != 0)
            return false;
    return true;
}

static bool
note_position(uint64_t epoch, uint32_t column, uint64_t position, void *context)
{
    struct restore *restore = context;
    const struct segment *segment = restore->store->segment;
    if (epoch == segment->header->epoch && column < segment->column_max)
        restore->positions[column] = position;
    return true;
}

/*
 * Batches and positions rise; the segment has both as they were last durable
 * (F5). A ledger with less was cut, or is an old copy: LevelDB takes the cut
 * end of its log for a write that a crash cut, without a word.
 */
static int
is_behind(struct restore *restore, uint64_t batch_no)
{
    const struct segment *segment = restore->store->segment;
    int rc = ledger_scan_positions(restore->store->ledger, NULL, note_position,
                                   restore, &restore->error);
    if (rc < 0)
        return rc;
    if (batch_no < shm_load(&segment->header->ledger_batch))
        return 1;
    for (uint32_t i = 0; i < segment->column_max; i++)
        if (restore->positions[i] < ring_tail(segment, i))
            return 1;
    return 0;
}

static int
refuse_behind(struct restore *restore, uint64_t batch_no)
{
    const struct segment *segment = restore->store->segment;
    buf_printf(&restore->error,
               "the ledger in %s has lost what was durable: it ends at batch "
               "%llu, the segment %s knows of %llu",
               restore->store->config->server.data_dir,
               (unsigned long long)batch_no, segment->path,
               (unsigned long long)shm_load(&segment->header->ledger_batch));
    return -EUCLEAN;
}

/* Booking positions of another ledger's segment would book foreign requests. */
static int
refuse_foreign(struct restore *restore)
{
    const struct segment *segment = restore->store->segment;
    buf_printf(&restore->error,
               "%s belongs to another ledger than the one in %s: set the "
               "right data_dir; or, where this one has lost what it had, take "
               "an export (aigw-ledger restore); or remove that file if its "
               "requests may be lost",
               segment->path, restore->store->config->server.data_dir);
    return -ESTALE;
}

int
restore_check_segment(struct restore *restore)
{
    struct ledger *ledger = restore->store->ledger;
    const struct segment *segment = restore->store->segment;
    struct buf *error = &restore->error;
    uint64_t epoch = 0, batch_no = 0, restored = 0;
    int rc = ledger_read_meta(ledger, NULL, "epoch", &epoch, error);
    if (rc >= 0)
        rc = ledger_read_meta(ledger, NULL, "batch", &batch_no, error);
    if (rc >= 0)
        rc = ledger_read_meta(ledger, NULL, "restored", &restored, error);
    if (rc < 0)
        return rc;
    restore->from_export = restored != 0;
    /* Of another epoch too: it may have been made after the export. */
    if (restored != 0 && !is_new_segment(segment))
        return RESTORE_CATCH_UP;
    if (epoch != segment->header->epoch)
        return is_new_segment(segment) ? 0 : refuse_foreign(restore);
    rc = is_behind(restore, batch_no);
    return rc == 1 ? refuse_behind(restore, batch_no) : rc;
}
