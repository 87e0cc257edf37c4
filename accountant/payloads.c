/*
 * payloads.c - see payloads.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/payloads.h"

#include <errno.h>
#include <stdlib.h>

#include "accountant/ledger/ledger_payload.h"
#include "accountant/store_private.h"
#include "common/log.h"
#include "shm/payload_ring.h"

enum {
    TICK_MS = 100,
    JOB_BYTES = 8 << 20,      /* about, of one column */
    PENDING_BYTES = 64 << 20, /* waiting for the disk; then rings drop */
};

struct payloads {
    struct store *store;
    struct payload_rings *rings;
    struct loop *loop;
    struct loop_timer tick;
    uint64_t pending, written, lost; /* bytes; payloads */
};

/* Owner: the ledger thread from submit to done. */
struct payload_job {
    struct ledger_job job; /* first */
    struct payloads *owner;
    struct buf taken;
    uint64_t written, lost;
};

/* Ledger thread. A ledger that cannot be written is the next flush's to mend:
 * what comes meanwhile is lost. */
static void
write_taken(struct ledger_job *job)
{
    struct payload_job *self = (struct payload_job *)job;
    struct ledger *ledger = self->owner->store->ledger;
    size_t at = 0;
    struct buf error;
    buf_init(&error, 1024);
    const struct payload_record *record = payload_next(&self->taken, &at);
    for (; record != NULL; record = payload_next(&self->taken, &at)) {
        struct ledger_payload payload = {
            .request_id = {record->request_id[0], record->request_id[1]},
            .ended_ms = record->ended_ms,
            .request_size = record->request_size,
            .answer_size = record->answer_size,
            .request_cut = (record->flags & PAYLOAD_REQUEST_CUT) != 0,
            .answer_cut = (record->flags & PAYLOAD_ANSWER_CUT) != 0,
            .is_stream = (record->flags & PAYLOAD_STREAM) != 0,
            .request = payload_request(record),
            .answer = payload_answer(record),
        };
        int rc = ledger == NULL ? -EIO
                                : ledger_payload_put(ledger, &payload, &error);
        if (rc == 0)
            self->written++;
        else
            self->lost++;
    }
    if (buf_len(&error) > 0)
        log_warn("payloads are lost: %s", buf_cstr(&error));
    buf_fini(&error);
}

static void
job_done(struct ledger_job *job)
{
    struct payload_job *self = (struct payload_job *)job;
    struct payloads *owner = self->owner;
    owner->pending -= buf_len(&self->taken);
    owner->written += self->written;
    owner->lost += self->lost;
    buf_fini(&self->taken);
    free(self);
}

static void
take_column(struct payloads *payloads, uint32_t column)
{
    struct buf taken;
    buf_init(&taken, 0);
    if (payloads->pending < PENDING_BYTES &&
        payload_take(payloads->rings, column, JOB_BYTES, &taken)) {
        struct payload_job *job = calloc(1, sizeof(*job));
        if (job != NULL) {
            job->job.run = write_taken;
            job->job.done = job_done;
            job->owner = payloads;
            job->taken = taken;
            payloads->pending += buf_len(&taken);
            ledger_threads_write(payloads->store->threads, &job->job);
            return;
        }
        size_t at = 0;
        while (payload_next(&taken, &at) != NULL)
            payloads->lost++;
    }
    buf_fini(&taken);
}

void
payloads_take(struct payloads *payloads)
{
    if (payloads == NULL || !payloads->store->restored)
        return;
    uint32_t columns = shm_load(&payloads->store->segment->header->column_high);
    for (uint32_t i = 0;
         i < columns && i < payloads->store->segment->column_max; i++)
        take_column(payloads, i);
}

/* Behind all that was taken: the ledger thread has one queue. */
struct payload_mark {
    struct ledger_job job; /* first */
    void (*done)(void *context);
    void *context;
};

static void
pass_mark(struct ledger_job *job)
{
    (void)job;
}

static void
mark_done(struct ledger_job *job)
{
    struct payload_mark *mark = (struct payload_mark *)job;
    mark->done(mark->context);
    free(mark);
}

void
payloads_flush(struct payloads *payloads, void (*done)(void *context),
               void *context)
{
    struct payload_mark *mark =
        payloads == NULL ? NULL : calloc(1, sizeof(*mark));
    if (mark == NULL) {
        done(context);
        return;
    }
    payloads_take(payloads);
    mark->job.run = pass_mark;
    mark->job.done = mark_done;
    mark->done = done;
    mark->context = context;
    ledger_threads_write(payloads->store->threads, &mark->job);
}

static void
on_tick(struct loop_timer *timer)
{
    struct payloads *payloads =
        (struct payloads *)((char *)timer - offsetof(struct payloads, tick));
    payloads_take(payloads);
    loop_timer_set(payloads->loop, &payloads->tick,
                   loop_now_ms(payloads->loop) + TICK_MS);
}

struct payloads *
payloads_create(const struct heritage *heritage, struct store *store,
                struct loop *loop)
{
    if (heritage->payloads == NULL)
        return NULL;
    struct payloads *payloads = calloc(1, sizeof(*payloads));
    if (payloads == NULL)
        return NULL;
    payloads->store = store;
    payloads->rings = heritage->payloads;
    payloads->loop = loop;
    payloads->tick.expired = on_tick;
    loop_timer_set(loop, &payloads->tick, loop_now_ms(loop) + TICK_MS);
    store->payloads = payloads;
    return payloads;
}

void
payloads_destroy(struct payloads **payloads)
{
    if (*payloads == NULL)
        return;
    loop_timer_clear((*payloads)->loop, &(*payloads)->tick);
    (*payloads)->store->payloads = NULL;
    free(*payloads);
    *payloads = NULL;
}

uint64_t
payloads_dropped(const struct payloads *payloads)
{
    return payloads == NULL ? 0
                            : payload_dropped(payloads->rings) + payloads->lost;
}

uint64_t
payloads_written(const struct payloads *payloads)
{
    return payloads == NULL ? 0 : payloads->written;
}
