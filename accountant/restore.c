/*
 * restore.c - the loop thread's part: entries, positions, catalogue.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/restore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/crash_point.h"
#include "accountant/restore_load.h"
#include "common/clock.h"
#include "common/log.h"
#include "shm/column.h"
#include "shm/segment_places.h"

void
restore_destroy(struct restore **pointer)
{
    struct restore *restore = *pointer;
    if (restore == NULL)
        return;
    objects_fini(&restore->objects);
    prices_fini(&restore->prices);
    spend_book_fini(&restore->spends);
    balance_fini(&restore->balances);
    managed_book_fini(&restore->managed);
    buf_fini(&restore->error);
    free(restore->positions);
    free(restore);
    *pointer = NULL;
}

static void
finish(struct restore *restore, int error, const char *reason)
{
    struct store *store = restore->store;
    store->ready(store->ready_context, error, reason);
    restore_destroy(&store->restore);
}

/* ---- A4: entries that are there ---- */

/* Whether these are the values that the key has, or had before its last
 * rotation. Where an accountant died over one (V4), the digest is torn, and the
 * former value is the one it replaces. */
static bool
has_values_of(const struct segment *segment, struct shm_entry_hot *hot,
              const struct gateway *gateway)
{
    const struct shm_entry_cold *cold = places_cold(segment, hot);
    uint64_t own[4], former[4];
    for (int i = 0; i < 4; i++) {
        own[i] = shm_load(&hot->digest[i]);
        former[i] = shm_load(&cold->former[i]);
    }
    if (memcmp(own, gateway->digest, sizeof(own)) == 0)
        return true;
    return gateway->former_until_ms != 0 &&
           (memcmp(own, gateway->former_digest, sizeof(own)) == 0 ||
            memcmp(former, gateway->former_digest, sizeof(former)) == 0);
}

/* The living object that an ACTIVE entry belongs to, or NULL. The id does not
 * change while the tag is ACTIVE, whatever an accountant died over. */
static struct object *
owner_of(struct store *store, struct shm_entry_hot *hot)
{
    bool is_group = (shm_load(&hot->flags) & SHM_KEY_IS_GROUP) != 0;
    struct object *object =
        objects_find(&store->objects, is_group ? LEDGER_GROUP : LEDGER_KEY,
                     shm_load(&hot->id));
    if (object == NULL)
        return NULL;
    if (is_group)
        return object->group != NULL && object->group->entry == SHM_ENTRY_NONE
                   ? object
                   : NULL;
    if (object->gateway == NULL || object->gateway->entry != SHM_ENTRY_NONE ||
        !has_values_of(store->segment, hot, object->gateway))
        return NULL;
    return object;
}

static void
match_entries(struct store *store)
{
    struct segment *segment = store->segment;
    uint32_t high = shm_load(&segment->header->entry_high);
    uint32_t retired = 0;
    for (uint32_t i = 0; i < high && i < segment->entry_max; i++) {
        struct shm_entry_hot *hot = segment_entry_hot(segment, i);
        uint64_t tag = shm_load(&hot->tag);
        if ((tag & 0xff) != SHM_TAG_ACTIVE)
            continue;
        struct object *object = owner_of(store, hot);
        if (object == NULL) {
            entry_retire(segment, i);
            retired++;
        } else if (object->kind == LEDGER_GROUP) {
            object->group->entry = i;
            object->group->tag = tag;
        } else {
            object->gateway->entry = i;
            object->gateway->tag = tag;
        }
    }
    if (retired > 0)
        log_info("entries=%u are of keys that were deleted", retired);
    store->retired = entry_sweep_retired(segment);
}

/* Groups first: the keys' policies name their entries. */
static void
publish_kind(struct store *store, enum ledger_kind kind)
{
    size_t at = 0;
    struct object *object = objects_next(&store->objects, kind, &at);
    for (; object != NULL; object = objects_next(&store->objects, kind, &at)) {
        crash_point("A4");
        if (publish_object(store, object) < 0)
            continue; /* logged; the key is refused until there is room */
    }
}

static void
set_positions(struct restore *restore)
{
    struct store *store = restore->store;
    for (uint32_t i = 0; i < store->segment->column_max; i++) {
        crash_point("A4");
        drain_set_position(&store->drain, i, restore->positions[i]);
    }
}

/* ---- the end ---- */

static void
on_configured(void *context, int error, const char *reason, uint64_t id)
{
    struct restore *restore = context;
    struct store *store = restore->store;
    (void)id;
    if (error == 0) {
        /* release: workers that see it see every entry */
        shm_store(&store->segment->header->accountant_ready, 1);
        log_info("the ledger is restored: keys and groups as in %s",
                 store->config->server.data_dir);
    }
    finish(restore, error, reason);
}

/* A test's fast clock is not wall time, and begins where it likes. */
static void
begin_clock(struct store *store, int64_t last_ms)
{
    int64_t wall_ms = clock_wall_ms();
    if (llabs(clock_period_ms() - wall_ms) < 1000)
        roll_clock_begin(&store->clock, last_ms, wall_ms, clock_mono_ms());
}

static void
on_loaded(struct ledger_job *job)
{
    struct restore *restore = (struct restore *)job;
    struct store *store = restore->store;
    struct buf error;
    if (restore->result < 0) {
        finish(restore, restore->result, buf_cstr(&restore->error));
        return;
    }
    if (restore->recovery.rows_booked > 0)
        log_warn("a power cut or a removed segment left %llu log rows "
                 "unbooked: they are booked now",
                 (unsigned long long)restore->recovery.rows_booked);
    if (restore->recovery.escrow_tokens > 0)
        log_warn("durability is strict and the segment is gone: keys are "
                 "charged up to their escrows, %llu tokens",
                 (unsigned long long)restore->recovery.escrow_tokens);
    store->objects = restore->objects;
    objects_init(&restore->objects, store->objects.seed);
    store->prices = restore->prices;
    restore->prices = (struct prices_book){0};
    store->managed = restore->managed;
    restore->managed = (struct managed_book){0};
    store->spends = restore->spends;
    restore->spends = (struct spend_book){0};
    spend_book_publish(&store->spends, store->segment);
    store->latest_ms = (int64_t)restore->clock_ms;
    begin_clock(store, store->latest_ms);
    store->batch_no = restore->batch_no;
    store->next_id = restore->next_id;
    buf_init(&error, 0);
    if (store_build_catalogue(store, &error) < 0) {
        finish(restore, -EINVAL, buf_cstr(&error));
        buf_fini(&error);
        return;
    }
    buf_fini(&error);
    escrow_configure(store);
    restore->balances.from_export = restore->from_export;
    balance_take(store, &restore->balances);
    match_entries(store);
    publish_kind(store, LEDGER_GROUP);
    publish_kind(store, LEDGER_KEY);
    bin_collect(store);
    set_positions(restore);
    store->restored = true;
    alerts_ring(store); /* of an earlier life: asked for once */
    shm_store(&store->segment->header->tests, 0); /* they ended with it */
    store_publish_catalogue(store, on_configured, restore);
}

void
restore_start(struct store *store)
{
    struct restore *restore = calloc(1, sizeof(*restore));
    if (restore == NULL)
        fatal("out of memory");
    store->restore = restore;
    restore->store = store;
    restore->job.run = restore_load;
    restore->job.done = on_loaded;
    buf_init(&restore->error, 0);
    objects_init(&restore->objects, store->heritage->secrets->hash_seed);
    restore->positions =
        calloc(store->segment->column_max, sizeof(*restore->positions));
    if (restore->positions == NULL)
        fatal("out of memory");
    ledger_threads_write(store->threads, &restore->job);
}
