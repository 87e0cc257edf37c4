/*
 * probe.c - see probe.h.
 *
 *   ASK -> nothing waits: the end
 *     '--> CALL -> TELL -> the end
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/probe.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/json_scan.h"
#include "common/json_write.h"
#include "common/log.h"
#include "worker/exchange.h"
#include "worker/probe_part.h"

enum {
    PROBES_MAX = 4, /* as many as there can be under way */
    REPLY_MAX = 1 << 20,
    ID_BYTES = 17,
    LOOK_MS = 50, /* behind a test, as often as LOOKS */
    LOOKS = 20,
};

enum step { STEP_ASK, STEP_CALL, STEP_TELL };

/* Owner: the worker's list, until probe_end(). */
struct probe {
    struct worker *worker;
    struct probe *next;
    struct exchange *exchange;
    enum step step;
    struct buf head, body, reply;
    struct iovec pieces[2];
    uint16_t status;
    uint64_t began_ms;
    char id[ID_BYTES];
    struct catalogue *catalogue; /* NULL until it is asked for */
    struct probe_call call;
    struct probe_outcome outcome;
};

static void ask(struct worker *worker);

static void
probe_end(struct probe *probe)
{
    struct probe **at = &probe->worker->probes;
    while (*at != probe)
        at = &(*at)->next;
    *at = probe->next;
    buf_fini(&probe->head);
    buf_fini(&probe->body);
    buf_fini(&probe->reply);
    if (probe->catalogue != NULL)
        catalogue_put(probe->catalogue);
    free(probe);
}

/* ---- the next one ---- */

static void
on_timer(struct loop_timer *timer)
{
    struct worker *worker = OWNER_OF(timer, struct worker, probe_timer);
    if (--worker->probe_looks > 0)
        loop_timer_set(worker->loop, timer,
                       loop_now_ms(worker->loop) + LOOK_MS);
    ask(worker);
}

/* Who tests one after the other need not wait for a heartbeat each time. */
static void
look_often(struct worker *worker)
{
    worker->probe_looks = LOOKS;
    worker->probe_timer.expired = on_timer;
    loop_timer_set(worker->loop, &worker->probe_timer,
                   loop_now_ms(worker->loop) + LOOK_MS);
}

/* ---- one exchange ---- */

static void
on_head(void *owner, const struct http_head *head)
{
    ((struct probe *)owner)->status = head->status;
}

static void
on_body(void *owner, struct str bytes)
{
    struct probe *probe = owner;
    if (buf_len(&probe->reply) + bytes.len <= REPLY_MAX)
        buf_append_str(&probe->reply, bytes);
    else
        probe->reply.failed = true;
}

static void
on_flush(void *owner)
{
    (void)owner;
}

static void on_end(void *owner, enum exchange_result result, const char *text);

static const struct exchange_events events = {
    .head = on_head, .body = on_body, .flush = on_flush, .end = on_end};

static bool
send(struct probe *probe, enum step step)
{
    struct exchange_request request = {
        .unix_path = step == STEP_CALL ? NULL : probe->worker->admin_path,
        .pieces = probe->pieces,
        .piece_count = 2,
    };
    if (step == STEP_CALL) {
        request.provider = probe->call.provider;
        request.timeouts = &probe->call.timeouts;
        request.fresh = true; /* that it can be reached is a part of it */
        request.call = &probe->call.call;
        request.body = buf_view(&probe->body);
    }
    probe->step = step;
    probe->status = 0;
    probe->pieces[0] = (struct iovec){probe->head.data + probe->head.start,
                                      buf_len(&probe->head)};
    probe->pieces[1] = (struct iovec){probe->body.data + probe->body.start,
                                      buf_len(&probe->body)};
    buf_reset(&probe->reply);
    if (buf_ok(&probe->head) && buf_ok(&probe->body))
        probe->exchange =
            exchange_start(probe->worker, &request, &events, probe);
    return probe->exchange != NULL;
}

/* ---- the accountant ---- */

static void
put_number(struct json_writer *json, const char *name, uint64_t number)
{
    json_key(json, name);
    json_u64(json, number);
}

static void
put_text(struct json_writer *json, const char *name, const char *text)
{
    json_key(json, name);
    json_cstring(json, text[0] == '\0' ? NULL : text);
}

static void
put_outcome(struct json_writer *json, const struct probe *probe)
{
    const struct probe_outcome *outcome = &probe->outcome;
    const struct catalogue_provider *provider = probe->call.provider;
    const char *credential = "";
    if (provider != NULL && provider->credential != NULL)
        credential = provider->credential->name;
    else if (provider != NULL && provider->api_key != NULL)
        credential = CREDENTIAL_DEFAULT;
    json_key(json, "done");
    json_object_begin(json);
    put_text(json, "id", probe->id);
    put_number(json, "status", outcome->status);
    put_number(json, "duration_ms", outcome->duration_ms);
    put_number(json, "first_byte_ms", outcome->first_byte_ms);
    put_text(json, "credential", credential);
    json_key(json, "upstream_model");
    json_string(json, probe->call.upstream);
    put_text(json, "text", outcome->text);
    put_text(json, "code", outcome->code);
    put_text(json, "message", outcome->message);
    json_object_end(json);
}

static bool
send_to_accountant(struct probe *probe, enum step step)
{
    char name[SEAT_NAME_BYTES];
    struct json_writer json;
    seat_name(&probe->worker->seat, name);
    buf_reset(&probe->head);
    buf_reset(&probe->body);
    json_writer_init(&json, &probe->body);
    json_object_begin(&json);
    put_text(&json, "worker", name);
    if (step == STEP_TELL)
        put_outcome(&json, probe);
    json_object_end(&json);
    buf_append_str(&probe->head,
                   STR_LIT("POST /admin/v1/provider-tests HTTP/1.1\r\n"
                           "Host: localhost\r\n"
                           "Content-Type: application/json\r\n"
                           "Content-Length: "));
    buf_append_u64(&probe->head, buf_len(&probe->body));
    buf_append_str(&probe->head, STR_LIT("\r\n\r\n"));
    return send(probe, step);
}

/* Without memory for it, the accountant gives the test up by itself. */
static void
tell(struct probe *probe)
{
    if (!send_to_accountant(probe, STEP_TELL))
        probe_end(probe);
}

/* ---- the call ---- */

enum member {
    MEMBER_ID,
    MEMBER_PROVIDER,
    MEMBER_MODEL,
    MEMBER_PROMPT,
    MEMBERS
};
static const struct str member_names[MEMBERS] = {
    STR_LIT("id"), STR_LIT("provider"), STR_LIT("model"), STR_LIT("prompt")};

static bool
read_text(struct str value, char *out, size_t size)
{
    int len = value.len > 0 && *value.ptr == '"'
                  ? json_string_decode(value, out, size)
                  : -1;
    return len > 0 && (size_t)len < size;
}

/* The test that was given, if one was. */
static bool
read_test(struct probe *probe, char provider[SHM_NAME_BYTES])
{
    struct str values[MEMBERS + 1];
    struct probe_call *call = &probe->call;
    return buf_ok(&probe->reply) &&
           json_members(buf_view(&probe->reply), member_names, MEMBERS,
                        values) &&
           read_text(values[MEMBER_ID], probe->id, sizeof(probe->id)) &&
           read_text(values[MEMBER_PROVIDER], provider, SHM_NAME_BYTES) &&
           read_text(values[MEMBER_MODEL], call->model, sizeof(call->model)) &&
           read_text(values[MEMBER_PROMPT], call->prompt, sizeof(call->prompt));
}

static bool
make_call(struct probe *probe, const char *provider)
{
    char name[ID_BYTES + 8] = "test_";
    memcpy(name + 5, probe->id, sizeof(probe->id));
    buf_reset(&probe->head);
    buf_reset(&probe->body);
    probe->catalogue = worker_catalogue(probe->worker);
    if (probe->catalogue == NULL) {
        probe_fail(&probe->outcome, "overloaded", "there is no catalogue yet");
        return false;
    }
    return probe_call_find(&probe->call, probe->catalogue, str_from(provider),
                           &probe->outcome) &&
           probe_call_write(&probe->call, name, clock_wall_ms(), &probe->head,
                            &probe->body, &probe->outcome);
}

static void
asked(struct probe *probe)
{
    struct worker *worker = probe->worker;
    char provider[SHM_NAME_BYTES];
    if (!read_test(probe, provider)) {
        probe_end(probe);
        return;
    }
    probe->began_ms = loop_now_ms(worker->loop);
    if (!make_call(probe, provider)) {
        tell(probe);
    } else if (!send(probe, STEP_CALL)) {
        probe_fail(&probe->outcome, "overloaded", "out of memory");
        tell(probe);
    }
    ask(worker); /* there may be more */
}

static void
called(struct probe *probe, enum exchange_result result, const char *text)
{
    static const char *const codes[] = {
        [EXCHANGE_OK] = "",
        [EXCHANGE_CONNECT] = "not_reached",
        [EXCHANGE_TIMEOUT] = "timeout",
        [EXCHANGE_BAD_ANSWER] = "upstream_error",
        [EXCHANGE_CUT] = "upstream_error",
    };
    struct probe_outcome *outcome = &probe->outcome;
    outcome->status = probe->status;
    outcome->duration_ms =
        (uint32_t)(loop_now_ms(probe->worker->loop) - probe->began_ms);
    if (outcome->duration_ms == 0)
        outcome->duration_ms = 1;
    if (probe->status != 0)
        outcome->first_byte_ms = exchange_first_byte_ms(probe->exchange);
    if (result != EXCHANGE_OK)
        probe_fail(outcome, codes[result], text);
    else if (!buf_ok(&probe->reply))
        probe_fail(outcome, "upstream_error",
                   "the provider's answer is too long");
    else
        probe_call_read(&probe->call, buf_view(&probe->reply), outcome);
    log_info("provider %s was tested: status %u%s%s",
             probe->call.provider->name, outcome->status,
             outcome->code[0] == '\0' ? "" : ", ", outcome->code);
}

static void
on_end(void *owner, enum exchange_result result, const char *text)
{
    struct probe *probe = owner;
    switch (probe->step) {
    case STEP_ASK:
        probe->exchange = NULL;
        if (result == EXCHANGE_OK && probe->status == 200)
            asked(probe);
        else
            probe_end(probe); /* with another heartbeat */
        return;
    case STEP_CALL:
        called(probe, result, text);
        probe->exchange = NULL;
        tell(probe);
        return;
    case STEP_TELL:
        probe->exchange = NULL;
        look_often(probe->worker);
        probe_end(probe);
        return;
    }
    UNREACHABLE();
}

/* ---- whose turn it is ---- */

static bool
may_ask(const struct worker *worker)
{
    unsigned count = 0;
    for (const struct probe *p = worker->probes; p != NULL; p = p->next) {
        if (p->step == STEP_ASK)
            return false;
        count++;
    }
    return count < PROBES_MAX;
}

/* Where tests wait (acquire: pairs with the release of show_waiting()). Several
 * workers may ask for one: the accountant gives it to the first. */
static void
ask(struct worker *worker)
{
    const struct shm_header *header = worker->heritage->segment->header;
    if (LIKELY(shm_load(&header->tests) == 0) || worker->draining ||
        !may_ask(worker))
        return;
    struct probe *probe = calloc(1, sizeof(*probe));
    if (probe == NULL)
        return; /* the next time */
    probe->worker = worker;
    buf_init_secret(&probe->head, 0);
    buf_init(&probe->body, 0);
    buf_init_secret(&probe->reply, 0);
    probe->next = worker->probes;
    worker->probes = probe;
    if (!send_to_accountant(probe, STEP_ASK))
        probe_end(probe);
}

void
probe_tick(struct worker *worker)
{
    ask(worker);
}

void
probe_stop(struct worker *worker)
{
    loop_timer_clear(worker->loop, &worker->probe_timer);
    while (worker->probes != NULL) {
        struct probe *probe = worker->probes;
        exchange_abort(probe->exchange);
        probe_end(probe);
    }
}
