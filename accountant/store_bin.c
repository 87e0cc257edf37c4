/*
 * store_bin.c - deleted keys that can be restored: how long, and that they go
 * for good afterwards.
 *
 * A deleted key keeps its entry, which refuses it, so that what it used, its
 * budgets and the requests that were under way stay its own. When its time is
 * over it is deleted as any key without such a time (D1..D4 of shm/README.md).
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "accountant/store_change.h"
#include "common/clock.h"
#include "common/log.h"

/* So many at least are kept, and one in eight of all keys there may be. */
enum { BIN_LEAST = 16, BIN_SHARE = 8 };

void
bin_add(struct store *store, const struct gateway *gateway)
{
    struct bin *bin = &store->bin;
    if (bin->count == bin->room) {
        size_t room = bin->room * 2 + 16;
        struct bin_key *more = realloc(bin->keys, room * sizeof(*more));
        if (more == NULL)
            fatal("out of memory");
        bin->keys = more;
        bin->room = room;
    }
    bin->keys[bin->count++] =
        (struct bin_key){gateway->id, gateway->deleted_ms};
}

static int
by_time(const void *a, const void *b)
{
    const struct bin_key *first = a, *second = b;
    return first->deleted_ms < second->deleted_ms   ? -1
           : first->deleted_ms > second->deleted_ms ? 1
                                                    : 0;
}

void
bin_collect(struct store *store)
{
    struct bin *bin = &store->bin;
    size_t at = 0;
    const struct gateway *key = store_gateway_deleted_next(store, &at);
    bin->count = 0;
    for (; key != NULL; key = store_gateway_deleted_next(store, &at))
        bin_add(store, key);
    if (bin->count > 1)
        qsort(bin->keys, bin->count, sizeof(*bin->keys), by_time);
}

/* A restoration that is queued before it leaves nothing to purge. */
static void
let_go(struct store *store, size_t n)
{
    struct bin *bin = &store->bin;
    for (size_t i = 0; i < n; i++)
        change_purge(store, bin->keys[i].id);
    bin->count -= n;
    memmove(bin->keys, bin->keys + n, bin->count * sizeof(*bin->keys));
    if (n > 0)
        log_info("deleted keys=%zu are gone for good", n);
}

/* Not those that were restored, or deleted once more since. */
static void
drop_restored(struct store *store)
{
    struct bin *bin = &store->bin;
    size_t kept = 0;
    for (size_t i = 0; i < bin->count; i++) {
        const struct gateway *key =
            store_gateway_deleted(store, bin->keys[i].id);
        if (key != NULL && key->deleted_ms == bin->keys[i].deleted_ms)
            bin->keys[kept++] = bin->keys[i];
    }
    bin->count = kept;
}

void
bin_tick(struct store *store)
{
    struct bin *bin = &store->bin;
    if (bin->count == 0)
        return;
    int64_t now_ms = clock_wall_ms();
    int64_t grace_ms = store->config->server.delete_grace_ms;
    size_t most = store->segment->entry_max / BIN_SHARE;
    size_t due = 0;
    if (most < BIN_LEAST)
        most = BIN_LEAST;
    if (bin->count <= most && bin->keys[0].deleted_ms + grace_ms > now_ms)
        return;
    drop_restored(store);
    while (due < bin->count && (bin->count - due > most ||
                                bin->keys[due].deleted_ms + grace_ms <= now_ms))
        due++;
    let_go(store, due);
}

void
bin_make_room(struct store *store)
{
    drop_restored(store);
    if (store->bin.count > 0)
        let_go(store, 1);
}

void
bin_fini(struct store *store)
{
    free(store->bin.keys);
    store->bin = (struct bin){0};
}
