/*
 * record_load.c - plays a worker to a running gateway: holds and settles for
 * its keys, in turn, so many a second.
 *
 *   record_load SEGMENT RATE SECONDS
 *   record_load SEGMENT ROWS FROM_MS TO_MS
 *
 * The second form writes a log instead, as fast as the rings take it: so many
 * rows, evenly over a time that is past; half of them of a hundredth of the keys,
 * of all models mNUMBER, one in 50 failed.
 *
 * Takes a seat as a worker does and gives it back at its end. Prints how many
 * records it wrote, for how long a ring without room held it up (ms), and the
 * CPU that a record cost it (us). For bench_accountant.py and bench_logs.py.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "shm/cells.h"
#include "shm/model_stats.h"

enum { MODELS_MAX = 64, CALL_MS = 20 };

static const char model[] = "m1";

struct load {
    struct segment segment;
    struct seat seat;
    struct key_view *keys;
    size_t key_count;
    uint64_t written, stalled_ms;
    uint32_t models[MODELS_MAX], model_count, provider;
    uint64_t rows; /* of the second form, from from_ms to to_ms; 0: the first */
    int64_t from_ms, to_ms;
    uint64_t chance;
};

static void
require(int rc, const char *what)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "%s: %s\n", what, strerror(-rc));
    exit(1);
}

static void
find_keys(struct load *load)
{
    const struct segment *segment = &load->segment;
    uint32_t high = shm_load(&segment->header->entry_high);
    load->keys = calloc(high + 1, sizeof(*load->keys));
    require(load->keys == NULL ? -ENOMEM : 0, "keys");
    for (uint32_t entry = 0; entry < high; entry++) {
        struct entry_policy policy;
        uint64_t tag;
        if (entry_read(segment, entry, &policy, &tag) == 0 &&
            (policy.flags & SHM_KEY_IS_GROUP) == 0 &&
            key_table_find(segment, policy.digest,
                           &load->keys[load->key_count]) == 0)
            load->key_count++;
    }
    require(load->key_count == 0 ? -ENOENT : 0, "keys");
}

static void
take_seat(struct load *load)
{
    int column = column_find_free(&load->segment);
    require(column, "seat");
    require(column_claim(&load->segment, (uint32_t)column, getpid(), 1),
            "seat");
    require(seat_open(&load->seat, &load->segment, (uint32_t)column), "seat");
}

static uint64_t
draw(struct load *load, uint64_t below)
{
    load->chance =
        load->chance * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (load->chance >> 33) % below;
}

/* The models of the configuration; keys stand in the order they were made in. */
static void
find_models(struct load *load)
{
    char name[SHM_NAME_BYTES];
    for (uint32_t i = 0; i < load->segment.model_max; i++) {
        model_registry_model_name(&load->segment, i, name);
        if (name[0] == 'm' && load->model_count < MODELS_MAX)
            load->models[load->model_count++] = i;
    }
    require(load->model_count == 0 ? -ENOENT : 0, "models");
}

/* What is of a log's row and not of a load's. */
static void
vary(struct load *load, struct shm_record *record)
{
    uint64_t span_ms = (uint64_t)(load->to_ms - load->from_ms);
    record->ended_ms =
        load->from_ms +
        (int64_t)((double)load->written * (double)span_ms / (double)load->rows);
    record->started_ms = record->ended_ms - CALL_MS;
    record->request_id[0] = (uint64_t)load->from_ms;
    record->model_idx = load->models[draw(load, load->model_count)];
    record->provider_idx = load->provider;
    record->completion = (uint32_t)(1 + draw(load, 500));
    record->tokens = record->prompt_missed + record->completion;
    record->nano = 200 * 2 + (uint64_t)record->completion * 8;
    record->duration_ms = (uint32_t)(CALL_MS + draw(load, 4000));
    if (draw(load, 50) == 0) {
        record->status = 502;
        record->cause = RECORD_UPSTREAM_FAILED;
    }
}

/* As of a chat call of 1 KiB each way. */
static void
write_record(struct load *load)
{
    size_t busy = load->key_count / 100 + 1;
    size_t nth = load->written % load->key_count;
    if (load->rows > 0)
        nth = draw(load, draw(load, 2) == 0 ? busy : load->key_count);
    struct key_view *key = &load->keys[nth];
    int64_t now_ms = clock_wall_ms();
    struct hold hold = {.key = key,
                        .amount = {1000, 4000},
                        .request_id = {1, load->written},
                        .started_wall_ms = now_ms - CALL_MS};
    struct hold_refusal why;
    struct shm_record record = {
        .request_id = {1, load->written},
        .started_ms = now_ms - CALL_MS,
        .ended_ms = now_ms,
        .tokens = 350,
        .nano = 1600,
        .prompt_missed = 200,
        .completion = 150,
        .delivered_tokens = 150,
        .generated_tokens = 150,
        .duration_ms = 20,
        .first_byte_ms = 19,
        .price_version = 1,
        .status = 200,
        .attempts = 1,
        .dialect = 1,
        .endpoint = 1,
        .client_ip = {[10] = 0xff, 0xff, 127, 0, 0, 1},
    };
    record.model_asked_len = sizeof(model) - 1;
    if (load->rows > 0)
        vary(load, &record);
    int slot = seat_take_slot(&load->seat);
    while (slot == -EAGAIN) { /* H0: the accountant is behind */
        usleep(1000);
        load->stalled_ms++;
        slot = seat_take_slot(&load->seat);
    }
    require(slot, "slot");
    require(cells_hold(&load->seat, (uint32_t)slot, &hold, &why), "hold");
    cells_settle(&load->seat, (uint32_t)slot, &record, model,
                 sizeof(model) - 1);
    load->written++;
}

static void
write_steadily(struct load *load, uint64_t rate, uint64_t end_ms)
{
    uint64_t start_ms = clock_mono_ms(), now_ms = 0;
    while (now_ms < end_ms) {
        while (load->written < now_ms * rate / 1000)
            write_record(load);
        usleep(1000);
        now_ms = clock_mono_ms() - start_ms;
    }
}

static void
write_log(struct load *load, uint64_t rows)
{
    load->rows = rows;
    while (load->written < rows)
        write_record(load);
}

int
main(int argc, char **argv)
{
    static struct load load;
    struct buf error;
    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: record_load SEGMENT RATE SECONDS, or "
                        "SEGMENT ROWS FROM_MS TO_MS\n");
        return 2;
    }
    buf_init(&error, 0);
    require(segment_attach(&load.segment, argv[1], true, (uid_t)-1, &error),
            buf_cstr(&error));
    find_keys(&load);
    take_seat(&load);
    if (argc == 5) {
        load.from_ms = strtoll(argv[3], NULL, 10);
        load.to_ms = strtoll(argv[4], NULL, 10);
        find_models(&load);
        write_log(&load, strtoull(argv[2], NULL, 10));
    } else {
        write_steadily(&load, strtoull(argv[2], NULL, 10),
                       strtoull(argv[3], NULL, 10) * 1000);
    }
    printf("%llu %llu %.3f\n", (unsigned long long)load.written,
           (unsigned long long)load.stalled_ms,
           (double)clock() / CLOCKS_PER_SEC * 1e6 / (double)load.written);
    uint32_t column = load.seat.column;
    seat_close(&load.seat);
    column_mark_dying(&load.segment, column); /* the reaper finds it empty */
    segment_detach(&load.segment);
    return 0;
}
