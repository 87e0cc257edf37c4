/*
 * op_periods.c - GET /admin/v1/keys/{id}/periods: what each budget used in each
 * of its periods.
 *
 * The ledger keeps every move of a baseline with the totals it was taken from,
 * so periods partition the key's total: a period's use is the next baseline
 * minus its own, and the running one's is what is used now.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/object_json.h"
#include "accountant/admin/op_keys.h"
#include "accountant/admin/words.h"
#include "accountant/ledger/ledger_read.h"
#include "common/clock.h"

enum { MOVES_MAX = 100000 };

struct periods_work {
    uint64_t key_id;
    struct ledger_move *moves; /* of the key, in order of batches */
    uint32_t count, cap;
    bool too_many;
    struct buf error;
    int result;
};

static void
work_free(void *context)
{
    struct periods_work *work = context;
    free(work->moves);
    buf_fini(&work->error);
    free(work);
}

static bool
take_move(const struct ledger_move *move, void *context)
{
    struct periods_work *work = context;
    if (move->kind != LEDGER_KEY || move->id != work->key_id ||
        move->unit >= SHM_UNITS)
        return true;
    if (work->count == work->cap) {
        uint32_t cap = work->cap == 0 ? 64 : work->cap * 2;
        struct ledger_move *moves =
            cap > MOVES_MAX ? NULL
                            : reallocarray(work->moves, cap, sizeof(*moves));
        work->too_many = moves == NULL;
        if (moves == NULL)
            return false;
        work->moves = moves;
        work->cap = cap;
    }
    work->moves[work->count++] = *move;
    return true;
}

static void
periods_work(struct ledger *ledger, struct ledger_snapshot *snapshot,
             void *context)
{
    struct periods_work *work = ((struct call *)context)->work;
    work->result = -EAGAIN; /* no snapshot: the ledger is being reopened */
    if (snapshot == NULL)
        return;
    work->result =
        ledger_scan_moves(ledger, snapshot, take_move, work, &work->error);
}

/* The next move of the same budget, or NULL. */
static const struct ledger_move *
next_move(const struct periods_work *work, uint32_t i)
{
    const struct ledger_move *move = &work->moves[i];
    for (uint32_t next = i + 1; next < work->count; next++)
        if (work->moves[next].unit == move->unit &&
            work->moves[next].period == move->period)
            return &work->moves[next];
    return NULL;
}

static const struct budget *
budget_of_move(const struct gateway *key, const struct ledger_move *move)
{
    for (int i = 0; i < SHM_BUDGETS; i++)
        if (key->budgets[i].unit == move->unit &&
            key->budgets[i].period == move->period)
            return &key->budgets[i];
    return NULL;
}

/* First day of a period: numbers are days, weeks from a Monday, months. */
static void
key_start(struct json_writer *json, const struct ledger_move *move)
{
    enum { DAY_MS = 86400000 };
    char text[32];
    int64_t number = move->period_no;
    json_key(json, "start");
    if (move->period == SHM_PERIOD_MONTHLY) {
        snprintf(text, sizeof(text), "%04d-%02d-01", (int)(number / 12),
                 (int)(number % 12) + 1);
        json_cstring(json, text);
        return;
    }
    if (move->period != SHM_PERIOD_DAILY && move->period != SHM_PERIOD_WEEKLY) {
        json_null(json);
        return;
    }
    int64_t day = move->period == SHM_PERIOD_DAILY ? number : number * 7 - 3;
    clock_format_rfc3339(day * DAY_MS, text);
    json_string(json, str_make(text, 10));
}

static void
period_to_json(struct json_writer *json, const struct periods_work *work,
               const struct gateway *key, const struct entry_use *use,
               uint32_t i)
{
    const struct ledger_move *move = &work->moves[i];
    const struct ledger_move *next = next_move(work, i);
    const struct budget *budget =
        next == NULL ? budget_of_move(key, move) : NULL;
    json_object_begin(json);
    json_key(json, "unit");
    json_cstring(json, word_text(words_unit, move->unit));
    json_key(json, "period");
    json_cstring(json, word_text(words_period, move->period));
    key_start(json, move);
    json_key(json, "used");
    int64_t used = next != NULL ? next->baseline - move->baseline
                                : use->total[move->unit] - move->baseline;
    if (next == NULL && budget == NULL)
        json_null(json); /* removed: nobody noted where it ended */
    else if (move->unit == SHM_NANO)
        json_money(json, used);
    else
        json_i64(json, used);
    json_key(json, "current");
    json_bool(json, budget != NULL);
    json_object_end(json);
}

static void
periods_done(void *context)
{
    struct call *call = context;
    struct periods_work *work = call->work;
    struct json_writer *json = &call->json;
    const struct gateway *key = store_gateway(call->store, work->key_id);
    struct entry_use use;
    if (key == NULL) {
        call_fail(call, 404, "key_not_found",
                  "The key was deleted in the meantime.");
        return;
    }
    if (work->result != 0 || work->too_many) {
        call_fail(call, 503, "ledger_unavailable",
                  "The ledger could not be read: %s",
                  work->too_many ? "there are too many periods"
                                 : buf_cstr(&work->error));
        return;
    }
    key_use_read(call->store, key, &use);
    json_object_begin(json);
    json_key(json, "data");
    json_array_begin(json);
    for (uint32_t i = 0; i < work->count; i++)
        period_to_json(json, work, key, &use, i);
    json_array_end(json);
    json_key(json, "total");
    json_u64(json, work->count);
    json_object_end(json);
    call_answer(call, 200);
}

void
op_keys_periods(struct call *call)
{
    const struct gateway *key = key_of_path(call);
    if (key == NULL)
        return;
    struct periods_work *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        call_fail(call, 503, "overloaded", "Out of memory.");
        return;
    }
    buf_init(&work->error, 1024);
    work->key_id = key->id;
    call->work = work;
    call->work_free = work_free;
    call_query(call, periods_work, periods_done);
}
