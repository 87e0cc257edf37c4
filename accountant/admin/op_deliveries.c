/*
 * op_deliveries.c - events of alerts: which there are, which are due (for the
 * worker that posts them), what came of one; an event to try a webhook with.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/admin/value.h"
#include "accountant/alerts.h"
#include "accountant/ledger/ledger_note.h"
#include "accountant/managed.h"
#include "accountant/notes.h"
#include "common/clock.h"
#include "common/log.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 1000 };
/* Told at a time; of one alert only so many where others are due, too: a webhook
 * that is dead does not stand before the rest. */
enum { DUE_MAX = 8, DUE_OF_ONE = 2 };
enum { ANY_STATE = -1 };

static const char *const states[] = {"pending", "delivered", "failed"};

struct deliveries {
    struct alert_event *events; /* of `limit`; their bodies are in `bodies` */
    size_t *body_at, count, limit;
    size_t others; /* due, of an alert that has DUE_OF_ONE: at the end */
    struct buf bodies;
    const char *alert; /* of the query; NULL: any */
    int state;
    int64_t due_ms;  /* 0: whenever they are due */
    bool more, seen; /* seen: something is pending, due or not */
    uint64_t rung;   /* header.alerts as it was before */
    char id[ALERT_ID_BYTES];
    bool is_test;
    uint16_t status;
    int result;
    struct buf error;
};

static void
deliveries_free(void *context)
{
    struct deliveries *work = context;
    free(work->events);
    free(work->body_at);
    buf_fini(&work->bodies);
    buf_fini(&work->error);
    free(work);
}

static struct deliveries *
begin(struct call *call, size_t limit)
{
    struct deliveries *work = calloc(1, sizeof(*work));
    if (work == NULL)
        fatal("out of memory");
    work->events = calloc(limit, sizeof(*work->events));
    work->body_at = calloc(limit, sizeof(*work->body_at));
    if (work->events == NULL || work->body_at == NULL)
        fatal("out of memory");
    work->limit = limit;
    work->state = ANY_STATE;
    buf_init(&work->bodies, 0);
    buf_init(&work->error, 0);
    if (call->work != NULL)
        call->work_free(call->work); /* it began once and had to wait */
    call->work = work;
    call->work_free = deliveries_free;
    return work;
}

static void
put_at(struct deliveries *work, size_t i, const struct alert_event *event)
{
    work->body_at[i] = buf_len(&work->bodies);
    buf_append_str(&work->bodies, event->body);
    work->events[i] = *event;
}

/* Of what is due: to those that are told first, or to those that fill up what they
 * leave. False: no more are wanted. */
static bool
take_due(struct deliveries *work, const struct alert_event *event)
{
    unsigned same = 0;
    for (size_t i = 0; i < work->count; i++)
        same += strcmp(work->events[i].alert, event->alert) == 0;
    if (same < DUE_OF_ONE)
        put_at(work, work->count++, event);
    else if (work->others < DUE_MAX)
        put_at(work, work->limit - ++work->others, event);
    return work->count < DUE_MAX;
}

static bool
take(struct str name, struct str value, void *context)
{
    struct deliveries *work = context;
    struct alert_event event;
    work->result = alert_event_decode(name, value, &event);
    if (work->result < 0)
        return false;
    work->seen = work->seen || event.state == ALERT_PENDING;
    if ((work->state != ANY_STATE && event.state != work->state) ||
        (work->due_ms != 0 && event.next_ms > work->due_ms) ||
        (work->alert != NULL && strcmp(work->alert, event.alert) != 0))
        return true;
    if (work->due_ms != 0)
        return take_due(work, &event);
    if (work->count == work->limit) {
        work->more = true;
        return false;
    }
    put_at(work, work->count++, &event);
    return true;
}

static void
scan(struct ledger *ledger, struct ledger_snapshot *snapshot, char space,
     bool backwards, struct deliveries *work)
{
    const struct ledger_note_range range = {.space = space,
                                            .backwards = backwards};
    int rc = work->result < 0 || work->more
                 ? 0
                 : ledger_scan_notes(ledger, snapshot, &range, take, work,
                                     &work->error);
    if (rc < 0)
        work->result = rc;
}

/* Views into what was collected; nothing is added any more. */
static bool
collected(struct call *call)
{
    struct deliveries *work = call->work;
    if (work->result < 0) {
        call_fail(call, 503, "ledger_unavailable",
                  "The ledger cannot be read: %.300s.",
                  buf_len(&work->error) > 0 ? buf_cstr(&work->error)
                                            : strerror(-work->result));
        return false;
    }
    if (!buf_ok(&work->bodies))
        fatal("out of memory");
    for (size_t i = 0; i < work->count; i++)
        work->events[i].body.ptr = buf_ptr(&work->bodies) + work->body_at[i];
    return true;
}

static const struct config_alert *
find_alert(const struct call *call, const char *name)
{
    return config_find_section(store_config(call->store), CONFIG_SECTION_alert,
                               name);
}

/* ---- the list ---- */

static void
key_time(struct json_writer *json, const char *name, int64_t wall_ms)
{
    json_key(json, name);
    json_time(json, wall_ms); /* 0: null */
}

static void
put_id(struct json_writer *json, const struct alert_event *event)
{
    char id[ALERT_ID_CHARS + 1];
    crypto_hex(event->id, sizeof(event->id), id);
    json_key(json, "id");
    json_cstring(json, id);
}

static void
event_to_json(struct json_writer *json, const struct alert_event *event)
{
    bool pending = event->state == ALERT_PENDING;
    json_object_begin(json);
    put_id(json, event);
    json_key(json, "alert");
    json_cstring(json, event->alert);
    json_key(json, "state");
    json_cstring(json, states[event->state]);
    json_key(json, "attempts");
    json_u64(json, event->attempts);
    json_key(json, "status");
    if (event->status == 0)
        json_null(json);
    else
        json_u64(json, event->status);
    key_time(json, "created_at", event->created_ms);
    key_time(json, "next_at", pending ? event->next_ms : 0);
    key_time(json, "ended_at", event->ended_ms);
    json_key(json, "event");
    json_raw(json, event->body);
    json_object_end(json);
}

static void
list_work(struct ledger *ledger, struct ledger_snapshot *snapshot,
          void *context)
{
    struct deliveries *work = ((struct call *)context)->work;
    scan(ledger, snapshot, NOTES_OUTBOX, true, work);
    scan(ledger, snapshot, NOTES_DELIVERED, true, work);
}

static void
list_done(void *context)
{
    struct call *call = context;
    struct deliveries *work = call->work;
    struct json_writer *json = &call->json;
    if (!collected(call))
        return;
    json_object_begin(json);
    json_key(json, "data");
    json_array_begin(json);
    for (size_t i = 0; i < work->count; i++)
        event_to_json(json, &work->events[i]);
    json_array_end(json);
    json_key(json, "more");
    json_bool(json, work->more);
    json_object_end(json);
    call_answer(call, 200);
}

void
op_deliveries_list(struct call *call)
{
    const char *state = query_get(&call->query, "state");
    uint64_t limit = LIMIT_DEFAULT;
    int which = ANY_STATE;
    for (int i = 0; state != NULL && i <= ALERT_FAILED; i++)
        if (strcmp(state, states[i]) == 0)
            which = i;
    if (state != NULL && which == ANY_STATE)
        admin_error_field(&call->error, "state",
                          "'state' is pending, delivered or failed.");
    else if (query_u64(&call->query, "limit", 1, LIMIT_MAX, &limit,
                       &call->error)) {
        struct deliveries *work = begin(call, limit);
        work->state = which;
        work->alert = query_get(&call->query, "alert");
        call_query(call, list_work, list_done);
        return;
    }
    call_refuse(call);
}

/* ---- what is due ---- */

static void
due_work(struct ledger *ledger, struct ledger_snapshot *snapshot, void *context)
{
    struct deliveries *work = ((struct call *)context)->work;
    scan(ledger, snapshot, NOTES_OUTBOX, false, work);
    for (size_t i = 1; i <= work->others && work->count < DUE_MAX; i++) {
        work->events[work->count] = work->events[work->limit - i];
        work->body_at[work->count++] = work->body_at[work->limit - i];
    }
}

static void
put_signature(struct json_writer *json, const struct config_alert *alert,
              const struct alert_event *event, int64_t now_ms)
{
    char hex[2 * CRYPTO_DIGEST_BYTES + 1];
    json_key(json, "timestamp");
    json_i64(json, now_ms / 1000);
    if (alert->secret == NULL)
        return;
    alert_event_sign(event, alert->secret, now_ms, hex);
    json_key(json, "signature");
    json_cstring(json, hex);
}

static void
due_to_json(struct call *call, const struct alert_event *event)
{
    struct json_writer *json = &call->json;
    const struct config_alert *alert = find_alert(call, event->alert);
    json_object_begin(json);
    put_id(json, event);
    json_key(json, "alert");
    json_cstring(json, event->alert);
    json_key(json, "url");
    json_cstring(json, alert == NULL ? NULL : alert->url);
    if (alert != NULL) {
        json_key(json, "guarded");
        json_bool(json, alert->guarded);
        json_key(json, "timeout_ms");
        json_u64(json, alert->timeout_ms);
        put_signature(json, alert, event, clock_wall_ms());
    }
    json_key(json, "body");
    json_string(json, event->body);
    json_object_end(json);
}

static void
due_done(void *context)
{
    struct call *call = context;
    struct deliveries *work = call->work;
    shm_u64 *word = &store_heritage(call->store)->segment->header->alerts;
    if (!collected(call))
        return;
    /* Nothing is waited for, and nothing came meanwhile: nobody need ask. */
    if (!work->seen && shm_load_own(word) == work->rung)
        shm_store(word, 0);
    json_object_begin(&call->json);
    json_key(&call->json, "data");
    json_array_begin(&call->json);
    for (size_t i = 0; i < work->count; i++)
        due_to_json(call, &work->events[i]);
    json_array_end(&call->json);
    json_object_end(&call->json);
    call_answer(call, 200);
}

void
op_deliveries_due(struct call *call)
{
    struct deliveries *work = begin(call, DUE_MAX + DUE_MAX);
    work->due_ms = clock_wall_ms();
    work->rung =
        shm_load_own(&store_heritage(call->store)->segment->header->alerts);
    call_query(call, due_work, due_done);
}

/* ---- changes: one event from one space of notes to another ---- */

struct put {
    struct store_extra extra;
    struct store *store;
    struct alert_event event;
    struct buf value;
};

static void
put_stage(struct store_extra *extra, struct ledger_batch *batch, uint64_t id,
          bool undone)
{
    struct put *put = (struct put *)extra;
    struct str name = str_make(put->event.id, sizeof(put->event.id));
    (void)id;
    (void)undone; /* only of what needs room in the segment */
    if (put->event.state == ALERT_PENDING) {
        ledger_batch_note(batch, NOTES_OUTBOX, name, buf_view(&put->value));
        return;
    }
    ledger_batch_delete_note(batch, NOTES_OUTBOX, name);
    ledger_batch_note(batch, NOTES_DELIVERED, name, buf_view(&put->value));
}

static void
put_applied(struct store_extra *extra)
{
    struct put *put = (struct put *)extra;
    if (put->event.state == ALERT_PENDING)
        alerts_ring(put->store);
}

static void
put_free(struct store_extra *extra)
{
    struct put *put = (struct put *)extra;
    buf_fini(&put->value);
    free(put);
}

static struct store_extra *
make_put(struct store *store, const struct alert_event *event)
{
    struct put *put = calloc(1, sizeof(*put));
    if (put == NULL)
        fatal("out of memory");
    put->extra.stage = put_stage;
    put->extra.applied = put_applied;
    put->extra.free = put_free;
    put->store = store;
    put->event = *event;
    buf_init(&put->value, 0);
    alert_event_encode(event, &put->value);
    if (!buf_ok(&put->value))
        fatal("out of memory");
    return &put->extra;
}

static void
was_put(void *context, int error, const char *reason, uint64_t id)
{
    struct call *call = context;
    struct deliveries *work = call->work;
    (void)id;
    if (error != 0) {
        call_fail_store(call, error, reason);
        return;
    }
    event_to_json(&call->json, &work->events[0]);
    call_answer(call, work->is_test ? 202 : 200);
}

static void
note_work(struct ledger *ledger, struct ledger_snapshot *snapshot,
          void *context)
{
    struct deliveries *work = ((struct call *)context)->work;
    struct buf value;
    buf_init(&value, 0);
    work->result = ledger_read_note(ledger, snapshot, NOTES_OUTBOX,
                                    str_make(work->id, sizeof(work->id)),
                                    &value, &work->error);
    if (work->result == 1)
        take(str_make(work->id, sizeof(work->id)), buf_view(&value), work);
    buf_fini(&value);
}

static void
note_done(void *context)
{
    struct call *call = context;
    struct deliveries *work = call->work;
    if (!collected(call))
        return;
    if (work->count == 0) {
        call_fail(call, 404, "not_found",
                  "There is no event of that id that is still to be told.");
        return;
    }
    struct alert_event *event = &work->events[0];
    alert_event_note(event, work->status,
                     find_alert(call, event->alert) == NULL, clock_wall_ms());
    if (event->state == ALERT_FAILED)
        log_warn("alert=%s: an event is given up after %u attempts, the last "
                 "answer was %u",
                 event->alert, event->attempts, event->status);
    store_put_extra(call->store, make_put(call->store, event), 1, was_put,
                    call);
}

void
op_deliveries_note(struct call *call)
{
    const cJSON *body = call->body;
    struct deliveries *work = begin(call, 1);
    uint64_t status = 0;
    if (crypto_unhex(str_from(call->path_params[0]), work->id,
                     sizeof(work->id)) != 0) {
        call_fail(call, 404, "not_found", "That is no id of an event.");
        return;
    }
    if (!value_members(body, "", "status", &call->error) ||
        !value_u64(cJSON_GetObjectItemCaseSensitive(body, "status"), "status",
                   999, &status, &call->error)) {
        call_refuse(call);
        return;
    }
    work->status = (uint16_t)status;
    call_query(call, note_work, note_done);
}

void
op_alerts_test(struct call *call)
{
    struct deliveries *work = begin(call, 1);
    const char *name = call->path_params[0];
    struct alert_event *event = &work->events[0];
    uint64_t number;
    if (find_alert(call, name) == NULL) {
        call_fail(call, 404, "not_found", "There is no alert '%.100s'.", name);
        return;
    }
    crypto_random(&number, sizeof(number)); /* no batch has it yet */
    alert_event_init(event, name, clock_wall_ms(), number, 0);
    struct json_writer json;
    json_writer_init(&json, &work->bodies);
    alert_body_begin(&json, store_config(call->store), name, "test",
                     event->created_ms);
    json_object_end(&json);
    if (!buf_ok(&work->bodies))
        fatal("out of memory");
    event->body = buf_view(&work->bodies);
    work->is_test = true;
    store_put_extra(call->store, make_put(call->store, event), 1, was_put,
                    call);
}
