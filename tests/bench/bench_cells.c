/*
 * bench_cells.c - what a hold and its settle cost: two entries (key, group),
 * two units, ceilings on all four, summed over 32 columns.
 *
 *   bench_cells [ROUNDS]
 *
 * Prints nanoseconds, best and median of eleven runs: alone, and beside a
 * second thread that holds and settles on the same entries.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "shm/cells.h"
#include "shm/ring.h"

enum { COLUMNS = 32, RUNS = 11 };

static struct segment segment;
static struct key_view view;
static uint8_t digest[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
static unsigned rounds = 200000;
static _Atomic int stop_rival;

static void
require(int rc, const char *what)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "%s: %s\n", what, strerror(-rc));
    exit(1);
}

static void
set_up(void)
{
    struct segment_sizes sizes = {.workers = 8,
                                  .max_keys = 100,
                                  .max_models = 10,
                                  .max_requests = 64,
                                  .ring_mib = 1};
    struct entry_policy policy = {.id = 1, .flags = SHM_KEY_IS_GROUP};
    const uint64_t nothing[SHM_UNITS] = {0};
    uint32_t entry;
    uint64_t tag;
    require(segment_create_private(&segment, &sizes), "segment");
    for (uint32_t unit = 0; unit < SHM_UNITS; unit++)
        policy.budgets[unit] = (struct entry_budget){
            .unit = unit, .period = SHM_PERIOD_TOTAL, .limit = INT64_MAX / 2};
    require(entry_insert(&segment, &policy, nothing, &entry, &tag), "group");
    policy.flags = SHM_KEY_ENABLED | SHM_KEY_ALL_MODELS;
    policy.group_entry = entry;
    policy.group_tag = tag;
    policy.max_in_flight = 1000;
    memcpy(policy.digest, digest, sizeof(digest));
    require(entry_insert(&segment, &policy, nothing, &entry, &tag), "key");
    for (int i = 0; i < COLUMNS; i++) {
        int column = column_find_free(&segment);
        require(column, "column");
        require(column_claim(&segment, (uint32_t)column, getpid(), 1), "seat");
    }
    require(key_table_find(&segment, digest, &view), "look-up");
}

static void
one_request(struct seat *seat)
{
    struct hold hold = {.key = &view, .amount = {5, 7}};
    struct hold_refusal why;
    struct shm_record record = {.tokens = 3, .nano = 4};
    int slot = seat_take_slot(seat);
    require(slot, "slot");
    require(cells_hold(seat, (uint32_t)slot, &hold, &why), "hold");
    cells_settle(seat, (uint32_t)slot, &record, NULL, 0);
    /* Nobody drains here: free the room at once. */
    ring_release(&segment, seat->column, seat->ring_head);
}

static void *
rival(void *arg)
{
    struct seat seat;
    (void)arg;
    require(seat_open(&seat, &segment, COLUMNS - 1), "seat");
    while (!stop_rival)
        one_request(&seat);
    seat_close(&seat);
    return NULL;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void
measure(const char *what, struct seat *seat, void (*body)(struct seat *seat))
{
    double ns[RUNS];
    for (int run = 0; run < RUNS; run++) {
        uint64_t start = clock_mono_ns();
        for (unsigned i = 0; i < rounds; i++)
            body(seat);
        ns[run] = (double)(clock_mono_ns() - start) / rounds;
    }
    qsort(ns, RUNS, sizeof(ns[0]), compare);
    printf("%-34s best %6.1f  median %6.1f ns\n", what, ns[0], ns[RUNS / 2]);
}

static void
look_up(struct seat *seat)
{
    struct key_view found;
    require(key_table_find(seat->segment, digest, &found), "look-up");
}

int
main(int argc, char **argv)
{
    struct seat seat;
    pthread_t thread;
    if (argc > 1)
        rounds = (unsigned)strtoul(argv[1], NULL, 10);
    set_up();
    require(seat_open(&seat, &segment, 0), "seat");
    measure("key_table_find", &seat, look_up);
    measure("hold + settle, 32 columns, alone", &seat, one_request);
    require(-pthread_create(&thread, NULL, rival, NULL), "thread");
    measure("the same beside a second worker", &seat, one_request);
    stop_rival = 1;
    pthread_join(thread, NULL);
    seat_close(&seat);
    segment_detach(&segment);
    return 0;
}
