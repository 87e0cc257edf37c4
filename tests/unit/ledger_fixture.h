/*
 * ledger_fixture.h - a ledger in a folder of its own, rows, and batches, for
 * the tests of accountant/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TESTS_UNIT_LEDGER_FIXTURE_H
#define AIGW_TESTS_UNIT_LEDGER_FIXTURE_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "accountant/ledger/ledger_batch.h"
#include "accountant/ledger/ledger_read.h"
#include "accountant/ledger/ledger_rollup.h"

/* 2026-11-21T12:00:00Z */
#define FIXTURE_NOON INT64_C(1795262400000)
#define FIXTURE_DAY  INT64_C(86400000)

static inline void
fixture_dir(char out[64])
{
    snprintf(out, 64, "/tmp/aigw-test-XXXXXX");
    if (mkdtemp(out) == NULL)
        abort();
}

static inline int
fixture_unlink(const char *path, const struct stat *st, int type,
               struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void
fixture_remove(const char *dir)
{
    nftw(dir, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static inline struct ledger_row
fixture_row(uint64_t key_id, uint64_t position, uint64_t tokens,
            int64_t ended_ms)
{
    struct ledger_row row = {
        .ended_ms = ended_ms,
        .started_ms = ended_ms - 1000,
        .epoch = 7,
        .column = 1,
        .position = position,
        .key_id = key_id,
        .group_id = 1,
        .status = 200,
        .duration_ms = 1000,
        .first_byte_ms = 100,
        .tokens = tokens,
        .nano = tokens * 3,
        .model = "gpt-x",
        .provider = "mock",
        .model_asked = "x",
        .client_ip = "127.0.0.1",
    };
    row.classes.prompt_missed = tokens / 2;
    row.classes.completion = tokens - tokens / 2;
    snprintf(row.request_id, sizeof(row.request_id), "req-%llu-%llu",
             (unsigned long long)key_id, (unsigned long long)position);
    return row;
}

/* A ledger that books as the accountant does, from rows. */
struct fixture {
    char dir[64];
    struct ledger *ledger;
    struct ledger_rollup rollup;
    struct ledger_total keys[16], groups[16];
    uint64_t batch_no, epoch;
    bool follows; /* batches are as a flush makes them */
};

static inline void
fixture_open(struct fixture *f)
{
    struct buf error;
    buf_init(&error, 0);
    if (ledger_open(f->dir, true, &f->ledger, &error) != 0) {
        fprintf(stderr, "fixture: %s\n", buf_cstr(&error));
        abort();
    }
    buf_fini(&error);
}

static inline void
fixture_init(struct fixture *f)
{
    *f = (struct fixture){.epoch = 7};
    fixture_dir(f->dir);
    fixture_open(f);
}

/* As after a kill: nothing vouches for the files of a closed ledger. */
static inline void
fixture_unseal(const struct fixture *f)
{
    char path[96];
    snprintf(path, sizeof(path), "%s/ledger.seal", f->dir);
    if (unlink(path) != 0)
        abort();
}

static inline void
fixture_fini(struct fixture *f)
{
    ledger_rollup_fini(&f->rollup);
    ledger_close(&f->ledger);
    fixture_remove(f->dir);
}

/* The rows' batch: with `booked` false only the rows are written, as if the
 * process had died between F3 and F4. */
static inline int
fixture_book(struct fixture *f, struct ledger_row *rows, size_t count,
             bool booked)
{
    struct buf error;
    struct ledger_batch *batch = ledger_batch_create();
    int rc = 0;
    buf_init(&error, 0);
    uint64_t batch_no = f->batch_no + 1;
    if (f->follows)
        ledger_batch_rows_follow(batch);
    for (size_t i = 0; i < count && rc == 0; i++) {
        rows[i].batch_no = batch_no;
        rc = ledger_batch_row(batch, f->ledger, &rows[i], &error);
        if (!booked)
            continue;
        struct ledger_total *key = &f->keys[rows[i].key_id % 16];
        struct ledger_total *group = &f->groups[rows[i].group_id % 16];
        key->tokens += rows[i].tokens;
        key->nano += rows[i].nano;
        key->requests++;
        group->tokens += rows[i].tokens;
        group->nano += rows[i].nano;
        group->requests++;
        if (rc == 0)
            rc = ledger_rollup_add(&f->rollup, f->ledger, &rows[i], &error);
        ledger_batch_total(batch, LEDGER_KEY, rows[i].key_id, key,
                           rows[i].ended_ms);
        ledger_batch_total(batch, LEDGER_GROUP, rows[i].group_id, group,
                           rows[i].ended_ms);
        ledger_batch_position(batch, f->epoch, rows[i].column,
                              rows[i].position + 256);
    }
    if (booked) {
        ledger_rollup_emit(&f->rollup, batch);
        ledger_batch_meta(batch, "epoch", f->epoch);
        ledger_batch_meta(batch, "batch", batch_no);
        f->batch_no = batch_no;
    }
    if (rc == 0)
        rc = ledger_batch_write(batch, f->ledger, &error);
    if (rc != 0)
        fprintf(stderr, "fixture: %s\n", buf_cstr(&error));
    ledger_batch_destroy(&batch);
    buf_fini(&error);
    return rc;
}

static inline uint64_t
fixture_differences(struct ledger *ledger, struct buf *report)
{
    uint64_t differences = UINT64_MAX;
    struct ledger_snapshot *snapshot = ledger_snapshot_take(ledger);
    int rc = ledger_verify(ledger, snapshot, report, &differences);
    ledger_snapshot_release(ledger, &snapshot);
    return rc == 0 ? differences : UINT64_MAX;
}

#endif
