/*
 * restore_load.c - see restore_load.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/restore_load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/crash_point.h"
#include "accountant/ledger/ledger_note.h"
#include "accountant/notes.h"
#include "accountant/object_codec.h"
#include "common/clock.h"
#include "common/log.h"

enum { LOCK_WAIT_MS = 50, RETRY_MS = 1000 };

/* ---- reading ---- */

static bool
load_total(enum ledger_kind kind, uint64_t id, const struct ledger_total *total,
           int64_t last_used_ms, void *context)
{
    struct restore *restore = context;
    struct object *object = objects_get(&restore->objects, kind, id);
    if (object == NULL) {
        restore->result = -ENOMEM;
        return false;
    }
    object->total = *total;
    object->last_used_ms = last_used_ms;
    return true;
}

static int
put_object(struct restore *restore, struct object *object, struct str bytes)
{
    struct gateway *gateway = NULL;
    struct group *group = NULL;
    int rc;
    if (object->kind == LEDGER_GROUP) {
        rc = object_decode_group(object->id, bytes, &group);
        if (rc < 0)
            return rc;
        group->total = object->total;
        if (group->deleted_ms != 0) {
            object_set_former_name(object, group->name);
            free(group);
            return 0;
        }
        rc = objects_put_group(&restore->objects, object, group);
        if (rc < 0)
            free(group);
        return rc;
    }
    rc = object_decode_gateway(object->id, bytes, &gateway);
    if (rc < 0)
        return rc;
    gateway->total = object->total;
    gateway->last_used_ms = object->last_used_ms;
    rc = objects_put_gateway(&restore->objects, object, gateway);
    if (rc < 0)
        gateway_free(&gateway);
    return rc;
}

static bool
load_object(enum ledger_kind kind, uint64_t id, struct str bytes, void *context)
{
    struct restore *restore = context;
    struct object *object = objects_get(&restore->objects, kind, id);
    restore->result =
        object == NULL ? -ENOMEM : put_object(restore, object, bytes);
    if (restore->result == -EBADMSG)
        buf_printf(&restore->error, "the record of %s %llu is damaged",
                   kind == LEDGER_KEY ? "key" : "group",
                   (unsigned long long)id);
    if (id > restore->next_id)
        restore->next_id = id;
    return restore->result == 0;
}

static bool
load_budget(enum ledger_kind kind, uint64_t id, uint8_t row,
            const struct ledger_budget *value, void *context)
{
    struct restore *restore = context;
    struct object *object = objects_find(&restore->objects, kind, id);
    struct budget *budgets = object == NULL ? NULL : object_budgets(object);
    if (budgets == NULL || row >= SHM_BUDGETS)
        return true;
    budgets[row] = (struct budget){
        .unit = value->unit,
        .period = value->period,
        .limit = value->limit,
        .baseline = value->baseline,
        .period_no = value->period_no,
        .resets_ms = value->resets_ms,
    };
    return true;
}

static bool
load_position(uint64_t epoch, uint32_t column, uint64_t position, void *context)
{
    struct restore *restore = context;
    const struct segment *segment = restore->store->segment;
    if (epoch == segment->header->epoch && column < segment->column_max)
        restore->positions[column] = position;
    return true;
}

static bool
load_price(const struct ledger_price *price, void *context)
{
    struct restore *restore = context;
    restore->result = prices_load(&restore->prices, price);
    return restore->result == 0;
}

static bool
load_spend(const struct ledger_spend *spend, void *context)
{
    struct restore *restore = context;
    restore->result = spend_book_load(&restore->spends, spend);
    return restore->result == 0;
}

static bool
load_config(struct str section, struct str name, struct str bytes,
            void *context)
{
    struct restore *restore = context;
    struct managed *managed = NULL;
    int rc = managed_decode(section, name, bytes,
                            restore->store->heritage->secrets, &managed);
    if (rc == 0)
        managed_book_put(&restore->managed, managed);
    else if (rc == -ENOTSUP)
        log_warn("[%.*s.%.*s], which management made, is none of this version: "
                 "it is kept and left out",
                 STR_ARG(section), STR_ARG(name));
    else
        buf_printf(&restore->error, "the record of [%.*s.%.*s] is damaged",
                   STR_ARG(section), STR_ARG(name));
    restore->result = rc == -ENOTSUP ? 0 : rc;
    return restore->result == 0;
}

static bool
load_balance(struct str name, struct str bytes, void *context)
{
    struct restore *restore = context;
    restore->result =
        balance_load(&restore->balances, &restore->objects, name, bytes);
    if (restore->result == -EBADMSG)
        buf_append_cstr(&restore->error,
                        "the record of a group's balance is damaged");
    return restore->result == 0;
}

static int
read_balances(struct restore *restore)
{
    struct ledger *ledger = restore->store->ledger;
    const struct ledger_note_range all = {.space = NOTES_BALANCE};
    struct ledger_snapshot *snapshot = ledger_snapshot_take(ledger);
    int rc = ledger_scan_notes(ledger, snapshot, &all, load_balance, restore,
                               &restore->error);
    ledger_snapshot_release(ledger, &snapshot);
    return rc;
}

static int
read_all(struct restore *restore)
{
    struct ledger *ledger = restore->store->ledger;
    struct buf *error = &restore->error;
    restore->result = 0;
    int rc = ledger_read_meta(ledger, NULL, "batch", &restore->batch_no, error);
    if (rc >= 0)
        rc =
            ledger_read_meta(ledger, NULL, "next_id", &restore->next_id, error);
    if (rc >= 0)
        rc = ledger_read_meta(ledger, NULL, "clock", &restore->clock_ms, error);
    if (rc >= 0)
        rc = ledger_scan_totals(ledger, NULL, load_total, restore, error);
    if (rc >= 0 && restore->result == 0)
        rc = ledger_scan_objects(ledger, NULL, load_object, restore, error);
    if (rc >= 0 && restore->result == 0)
        rc = ledger_scan_budgets(ledger, NULL, load_budget, restore, error);
    if (rc >= 0 && restore->result == 0)
        rc = ledger_scan_positions(ledger, NULL, load_position, restore, error);
    if (rc >= 0 && restore->result == 0)
        rc = ledger_scan_prices(ledger, NULL, NULL, load_price, restore, error);
    if (rc >= 0 && restore->result == 0)
        rc = ledger_scan_spends(ledger, NULL, load_spend, restore, error);
    if (rc >= 0 && restore->result == 0)
        rc = ledger_scan_configs(ledger, NULL, load_config, restore, error);
    if (rc >= 0 && restore->result == 0)
        rc = read_balances(restore);
    if (rc >= 0 && restore->result == 0)
        rc = restore_read_escrows(restore);
    return rc < 0 ? rc : restore->result;
}

/* The first start: a group for keys that name none. */
static int
make_default_group(struct restore *restore)
{
    if (objects_by_name(&restore->objects, LEDGER_GROUP, 0, "default") != NULL)
        return 0;
    struct group group = {.id = ++restore->next_id,
                          .name = "default",
                          .created_ms = clock_wall_ms()};
    group.updated_ms = group.created_ms;
    struct buf bytes;
    struct ledger_batch *batch = ledger_batch_create();
    struct object *object =
        objects_get(&restore->objects, LEDGER_GROUP, group.id);
    buf_init(&bytes, 0);
    object_encode_group(&group, &bytes);
    if (batch == NULL || object == NULL || !buf_ok(&bytes))
        fatal("out of memory");
    ledger_batch_object(batch, LEDGER_GROUP, group.id, buf_view(&bytes));
    ledger_batch_meta(batch, "next_id", restore->next_id);
    int rc =
        ledger_batch_ok(batch)
            ? ledger_batch_write(batch, restore->store->ledger, &restore->error)
            : -ENOMEM;
    if (rc == 0)
        rc = put_object(restore, object, buf_view(&bytes));
    ledger_batch_destroy(&batch);
    buf_fini(&bytes);
    return rc;
}

/* ---- opening ---- */

static void
begin_anew(struct restore *restore)
{
    balance_fini(&restore->balances);
    objects_fini(&restore->objects);
    prices_fini(&restore->prices);
    spend_book_fini(&restore->spends);
    managed_book_fini(&restore->managed);
    buf_reset(&restore->error);
    memset(restore->positions, 0,
           restore->store->segment->column_max * sizeof(uint64_t));
    restore->next_id = restore->batch_no = restore->clock_ms = 0;
}

/* Once: what it writes says that it was done. */
static int
catch_up(struct restore *restore)
{
    int rc = read_all(restore);
    if (rc == 0)
        rc = restore_catch_up(restore);
    if (rc == 0)
        begin_anew(restore);
    return rc;
}

static int
try_once(struct restore *restore)
{
    struct store *store = restore->store;
    int rc = 0;
    begin_anew(restore);
    if (store->ledger == NULL) {
        crash_point("A3");
        rc = ledger_open(store->config->server.data_dir, true, &store->ledger,
                         &restore->error);
    } else if (ledger_must_reopen(store->ledger)) {
        rc = ledger_reopen(store->ledger, &restore->error);
    }
    if (rc == 0)
        rc = restore_check_segment(restore);
    if (rc == RESTORE_CATCH_UP)
        rc = catch_up(restore);
    if (rc == 0)
        rc = ledger_recover(store->ledger, store->segment->header->epoch,
                            store->segment->header->instance_id,
                            &restore->recovery, &restore->error);
    if (rc == 0)
        rc = read_all(restore);
    if (rc == 0)
        rc = make_default_group(restore);
    if (rc == 0)
        rc = restore_prepare_escrows(restore);
    return rc;
}

/* What an operator can do about a damaged ledger. */
static void
add_advice(struct restore *restore, int rc)
{
    const char *dir = restore->store->config->server.data_dir;
    if (rc != -EUCLEAN && rc != -EBADMSG)
        return;
    if (buf_len(&restore->error) == 0)
        buf_append_cstr(&restore->error, strerror(-rc));
    buf_printf(
        &restore->error,
        "; nothing was changed. Either move %s aside, restore an export "
        "(aigw-ledger restore FILE %s; the newest are in %s/export; keep "
        "its file `secret`), or salvage what can be read (aigw-ledger "
        "repair %s)",
        dir, dir, dir, dir);
}

/* Damage and wrong set-up do not pass by waiting. */
static bool
is_final(int rc)
{
    return rc == -EUCLEAN || rc == -EBADMSG || rc == -ESTALE || rc == -EACCES ||
           rc == -ENAMETOOLONG || rc == -ENOENT;
}

void
restore_load(struct ledger_job *job)
{
    struct restore *restore = (struct restore *)job;
    struct ledger_threads *threads = restore->store->threads;
    bool told = false;
    for (;;) {
        int rc = try_once(restore);
        if (rc == 0 || is_final(rc)) {
            add_advice(restore, rc);
            restore->result = rc;
            break;
        }
        if (buf_len(&restore->error) == 0)
            buf_append_cstr(&restore->error, strerror(-rc));
        if (rc == -EBUSY && !told)
            log_info("another accountant holds the ledger: waiting for it");
        if (rc != -EBUSY) {
            log_error("the ledger cannot be opened: %s; trying again",
                      buf_cstr(&restore->error));
            ledger_threads_report(threads, buf_cstr(&restore->error));
        }
        told = true;
        if (!ledger_threads_pause(threads,
                                  rc == -EBUSY ? LOCK_WAIT_MS : RETRY_MS)) {
            restore->result = -ECANCELED;
            return;
        }
    }
    ledger_threads_report(threads, NULL);
}
