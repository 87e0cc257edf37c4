/*
 * record_load.c - plays a worker to a running gateway: holds and settles for
 * its keys, in turn, so many a second.
 *
 *   record_load SEGMENT RATE SECONDS
 *
 * Takes a seat as a worker does and gives it back at its end. Prints how many
 * records it wrote, for how long a ring without room held it up (ms), and the
 * CPU that a record cost it (us). For bench_accountant.py.
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

static const char model[] = "m1";

struct load {
    struct segment segment;
    struct seat seat;
    struct key_view *keys;
    size_t key_count;
    uint64_t written, stalled_ms;
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

/* As of a chat call of 1 KiB each way. */
static void
write_record(struct load *load)
{
    struct key_view *key = &load->keys[load->written % load->key_count];
    int64_t now_ms = clock_wall_ms();
    struct hold hold = {.key = key,
                        .amount = {1000, 3000},
                        .request_id = {1, load->written},
                        .started_wall_ms = now_ms - 20};
    struct hold_refusal why;
    struct shm_record record = {
        .request_id = {1, load->written},
        .started_ms = now_ms - 20,
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

int
main(int argc, char **argv)
{
    static struct load load;
    struct buf error;
    if (argc != 4) {
        fprintf(stderr, "usage: record_load SEGMENT RATE SECONDS\n");
        return 2;
    }
    uint64_t rate = strtoull(argv[2], NULL, 10);
    uint64_t end_ms = strtoull(argv[3], NULL, 10) * 1000;
    buf_init(&error, 0);
    require(segment_attach(&load.segment, argv[1], true, (uid_t)-1, &error),
            buf_cstr(&error));
    find_keys(&load);
    take_seat(&load);
    uint64_t start_ms = clock_mono_ms(), now_ms = 0;
    while (now_ms < end_ms) {
        while (load.written < now_ms * rate / 1000)
            write_record(&load);
        usleep(1000);
        now_ms = clock_mono_ms() - start_ms;
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
