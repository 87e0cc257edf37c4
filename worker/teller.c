/*
 * teller.c - see teller.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/teller.h"

#include <stdlib.h>
#include <string.h>

#include "common/crypto.h"
#include "common/json_scan.h"
#include "common/json_write.h"
#include "common/log.h"
#include "shm/catalogue_url.h"
#include "worker/exchange.h"
#include "worker/provider/provider.h"
#include "worker/teller_part.h"

enum {
    AGAIN_MS = 1000,  /* after the accountant did not answer */
    LEAVE_MS = 10000, /* that a worker which drains waits for it */
    REPLY_MAX = 256 * 1024,
    URL_BYTES = 1100,
    TEXT_BYTES = 2048,
};

enum step { STEP_REST, STEP_ASK, STEP_DO };

struct teller {
    struct worker *worker;
    struct exchange *exchange;
    struct loop_timer timer;
    enum step step;
    char name[SEAT_NAME_BYTES]; /* as the accountant knows it */
    struct buf head, body, reply;
    struct iovec pieces[2];
    uint16_t status;
    bool is_asking;    /* what the accountant answered is not known */
    uint64_t leave_ms; /* 0: it does not drain */
    struct catalogue_provider service;
    /* The task, until the accountant was told of it. */
    enum teller_task task;
    uint64_t group_id, serial;
    char ca_file[URL_BYTES];
    bool is_done;
    struct teller_outcome outcome;
};

static const char *const task_names[] = {"none", "account", "real-name",
                                         "charge"};
static const char *const result_names[] = {"ok", "refused", "unknown"};

static void ask(struct teller *teller);

static void
rest(struct teller *teller, uint64_t ms)
{
    teller->step = STEP_REST;
    loop_timer_set(teller->worker->loop, &teller->timer,
                   loop_now_ms(teller->worker->loop) + ms);
}

static void
end(struct teller *teller)
{
    teller->worker->teller = NULL;
    loop_timer_clear(teller->worker->loop, &teller->timer);
    buf_fini(&teller->head);
    buf_fini(&teller->body);
    buf_fini(&teller->reply);
    free(teller);
}

/* ---- one exchange ---- */

static void
on_head(void *owner, const struct http_head *head)
{
    ((struct teller *)owner)->status = head->status;
}

static void
on_body(void *owner, struct str bytes)
{
    struct teller *teller = owner;
    if (buf_len(&teller->reply) + bytes.len <= REPLY_MAX)
        buf_append_str(&teller->reply, bytes);
    else
        teller->reply.failed = true;
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
send(struct teller *teller, enum step step)
{
    struct exchange_request request = {
        .provider = step == STEP_DO ? &teller->service : NULL,
        .unix_path = step == STEP_DO ? NULL : teller->worker->admin_path,
        .pieces = teller->pieces,
        .piece_count = 2,
        .fresh = step == STEP_DO && teller->task == TELLER_CHARGE,
    };
    teller->step = step;
    teller->status = 0;
    teller->pieces[0] = (struct iovec){teller->head.data + teller->head.start,
                                       buf_len(&teller->head)};
    teller->pieces[1] = (struct iovec){teller->body.data + teller->body.start,
                                       buf_len(&teller->body)};
    buf_reset(&teller->reply);
    if (buf_ok(&teller->head) && buf_ok(&teller->body))
        teller->exchange =
            exchange_start(teller->worker, &request, &events, teller);
    return teller->exchange != NULL;
}

static void
begin(struct teller *teller)
{
    buf_reset(&teller->head);
    buf_reset(&teller->body);
}

/* ---- the service ---- */

static void
finish_head(struct teller *teller)
{
    buf_append_str(&teller->head,
                   STR_LIT("User-Agent: aigw\r\nAccept: application/json\r\n"
                           "Content-Length: "));
    buf_append_u64(&teller->head, buf_len(&teller->body));
    buf_append_str(&teller->head, STR_LIT("\r\n\r\n"));
}

static void
finish(struct teller *teller, const struct teller_answer *answer)
{
    teller_read(teller->task, answer, &teller->outcome);
    teller->is_done = true;
    ask(teller);
}

/* Head and body are made by read_task(). */
static void
do_task(struct teller *teller)
{
    const struct teller_answer unsent = {.text = "out of memory"};
    if (!send(teller, STEP_DO))
        finish(teller, &unsent);
}

/* ---- the accountant ---- */

static void
put_outcome(struct teller *teller, struct json_writer *json)
{
    const struct teller_outcome *outcome = &teller->outcome;
    json_key(json, "done");
    json_object_begin(json);
    json_key(json, "task");
    json_cstring(json, task_names[teller->task]);
    json_key(json, "group_id");
    json_u64(json, teller->group_id);
    json_key(json, "serial");
    json_u64(json, teller->serial);
    json_key(json, "result");
    json_cstring(json, result_names[outcome->result]);
    json_key(json, "reason");
    json_cstring(json, outcome->reason);
    json_key(json, "balance");
    json_i64(json, outcome->balance);
    json_key(json, "quota");
    json_i64(json, outcome->quota);
    json_key(json, "left_of_quota");
    json_i64(json, outcome->left_of_quota);
    json_key(json, "user");
    json_cstring(json, outcome->user);
    json_key(json, "is_subscription");
    json_bool(json, outcome->is_subscription);
    json_key(json, "is_real_name");
    json_bool(json, outcome->is_real_name);
    json_object_end(json);
}

static void
ask(struct teller *teller)
{
    struct json_writer json;
    begin(teller);
    json_writer_init(&json, &teller->body);
    json_object_begin(&json);
    json_key(&json, "courier");
    json_cstring(&json, teller->name);
    if (teller->is_done)
        put_outcome(teller, &json);
    json_key(&json, "more");
    json_bool(&json, !teller->worker->draining);
    teller->is_asking = true;
    json_object_end(&json);
    buf_append_str(&teller->head,
                   STR_LIT("POST /admin/v1/balances/work HTTP/1.1\r\n"
                           "Host: localhost\r\n"
                           "Content-Type: application/json\r\n"));
    finish_head(teller);
    if (!send(teller, STEP_ASK))
        rest(teller, AGAIN_MS);
}

enum member {
    MEMBER_TASK,
    MEMBER_WAIT,
    MEMBER_GROUP_ID,
    MEMBER_SERIAL,
    MEMBER_URL,
    MEMBER_CA_FILE,
    MEMBER_TIMEOUT,
    MEMBER_TOKEN,
    MEMBER_PATH,
    MEMBER_KEY,
    MEMBER_BODY,
    MEMBERS,
};
static const struct str member_names[MEMBERS] = {
    STR_LIT("task"),       STR_LIT("wait_ms"), STR_LIT("group_id"),
    STR_LIT("serial"),     STR_LIT("url"),     STR_LIT("ca_file"),
    STR_LIT("timeout_ms"), STR_LIT("token"),   STR_LIT("path"),
    STR_LIT("key"),        STR_LIT("body"),
};

static bool
read_text(struct str value, char *out, size_t size)
{
    int len = value.len > 0 && *value.ptr == '"'
                  ? json_string_decode(value, out, size)
                  : -1;
    if (len < 0 || (size_t)len >= size)
        return false;
    out[len] = '\0';
    return true;
}

/* The service as a provider, in all but its dialect. */
static bool
set_service(struct teller *teller, const struct str *values)
{
    struct catalogue_provider *service = &teller->service;
    char url[URL_BYTES];
    uint64_t ms;
    memset(service, 0, sizeof(*service));
    if (!read_text(values[MEMBER_URL], url, sizeof(url)) ||
        !catalogue_split_url(url, service) ||
        !read_text(values[MEMBER_CA_FILE], teller->ca_file,
                   sizeof(teller->ca_file)) ||
        json_number_u64(values[MEMBER_TIMEOUT], &ms) != 0)
        return false;
    memcpy(service->name, "balance", 8);
    service->verify = service->enabled = true;
    service->ca_file = teller->ca_file[0] == '\0' ? NULL : teller->ca_file;
    service->timeouts = (struct call_timeouts){
        .connect_ms = ms, .first_byte_ms = ms, .idle_ms = ms, .total_ms = ms};
    return true;
}

/* Decoded behind what is there already. */
static bool
append_text(struct buf *out, struct str value)
{
    char text[TEXT_BYTES];
    bool good = read_text(value, text, sizeof(text));
    if (good)
        buf_append_cstr(out, text);
    crypto_wipe(text, sizeof(text));
    return good;
}

static bool
make_request(struct teller *teller, const struct str *values)
{
    bool is_charge = teller->task == TELLER_CHARGE;
    begin(teller);
    buf_append_cstr(&teller->head, is_charge ? "POST " : "GET ");
    buf_append_cstr(&teller->head, teller->service.path);
    bool good = append_text(&teller->head, values[MEMBER_PATH]);
    buf_append_cstr(&teller->head, " HTTP/1.1\r\nHost: ");
    provider_host(&teller->head, &teller->service);
    buf_append_cstr(&teller->head, "\r\nAuthorization: Bearer ");
    good = append_text(&teller->head, values[MEMBER_TOKEN]) && good;
    buf_append_cstr(&teller->head, "\r\n");
    if (is_charge) {
        buf_append_cstr(&teller->head, "Idempotency-Key: ");
        good = append_text(&teller->head, values[MEMBER_KEY]) && good;
        buf_append_cstr(&teller->head,
                        "\r\nContent-Type: application/json\r\n");
        good = append_text(&teller->body, values[MEMBER_BODY]) && good;
    }
    finish_head(teller);
    return good && buf_ok(&teller->head) && buf_ok(&teller->body);
}

/* The task of an answer; TELLER_NONE: nothing is to be done. False: it is none
 * that is understood. */
static bool
read_task(struct teller *teller, uint64_t *wait_ms)
{
    struct str values[MEMBERS + 1];
    char name[16];
    if (!json_members(buf_view(&teller->reply), member_names, MEMBERS,
                      values) ||
        !read_text(values[MEMBER_TASK], name, sizeof(name)) ||
        json_number_u64(values[MEMBER_WAIT], wait_ms) != 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(task_names); i++)
        if (strcmp(name, task_names[i]) == 0)
            teller->task = (enum teller_task)i;
    return teller->task == TELLER_NONE ||
           (json_number_u64(values[MEMBER_GROUP_ID], &teller->group_id) == 0 &&
            json_number_u64(values[MEMBER_SERIAL], &teller->serial) == 0 &&
            set_service(teller, values) && make_request(teller, values));
}

/* It was told, and said what comes next. */
static void
answered(struct teller *teller)
{
    uint64_t wait_ms = AGAIN_MS;
    teller->is_done = teller->is_asking = false;
    teller->task = TELLER_NONE;
    if (!read_task(teller, &wait_ms)) {
        teller->task = TELLER_NONE;
        log_error("the accountant's answer about balances is not understood");
    }
    if (teller->task != TELLER_NONE)
        do_task(teller);
    else if (teller->worker->draining)
        end(teller);
    else
        rest(teller, wait_ms);
}

static void
on_end(void *owner, enum exchange_result result, const char *text)
{
    struct teller *teller = owner;
    const struct teller_answer answer = {
        .is_whole = result == EXCHANGE_OK && buf_ok(&teller->reply),
        .was_sent = exchange_has_begun(teller->exchange),
        .status = teller->status,
        .body = buf_view(&teller->reply),
        .text = result == EXCHANGE_OK ? "it is too long" : text,
    };
    enum step step = teller->step;
    teller->exchange = NULL;
    if (step == STEP_DO)
        finish(teller, &answer);
    else if (answer.is_whole && answer.status == 200)
        answered(teller);
    else
        rest(teller, AGAIN_MS); /* what is done stays to be told */
}

/* ---- whose turn it is ---- */

static void
on_timer(struct loop_timer *timer)
{
    struct teller *teller = OWNER_OF(timer, struct teller, timer);
    if (teller->worker->draining && !teller->is_done && !teller->is_asking)
        end(teller);
    else
        ask(teller);
}

void
teller_tick(struct worker *worker)
{
    if (LIKELY(worker->config->balance.url == NULL) || worker->teller != NULL ||
        worker->draining)
        return;
    struct teller *teller = calloc(1, sizeof(*teller));
    if (teller == NULL)
        return; /* the next time */
    teller->worker = worker;
    teller->timer.expired = on_timer;
    buf_init_secret(&teller->head, 0);
    buf_init(&teller->body, 0);
    buf_init_secret(&teller->reply, 0);
    seat_name(&worker->seat, teller->name);
    worker->teller = teller;
    ask(teller);
}

bool
teller_is_busy(const struct worker *worker)
{
    struct teller *teller = worker->teller;
    uint64_t now_ms = loop_now_ms(worker->loop);
    if (teller == NULL || (teller->task == TELLER_NONE && !teller->is_asking))
        return false;
    if (teller->leave_ms == 0)
        teller->leave_ms =
            now_ms + worker->config->balance.timeout_ms + LEAVE_MS;
    return now_ms < teller->leave_ms;
}

void
teller_stop(struct worker *worker)
{
    struct teller *teller = worker->teller;
    if (teller == NULL)
        return;
    if (teller->exchange != NULL)
        exchange_abort(teller->exchange);
    end(teller);
}
