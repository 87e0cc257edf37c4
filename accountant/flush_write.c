/*
 * flush_write.c - the ledger thread's part of a flush: rows and roll-ups from
 * the records, F3, F4, and again from the start after any error, for as long
 * as it takes. Meanwhile the rings fill, and admission refuses by itself.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accountant/ledger/ledger_key.h"
#include "accountant/store_private.h"
#include "common/log.h"
#include "shm/credential_slots.h"
#include "shm/model_stats.h"

enum { BACKOFF_MIN_MS = 100, BACKOFF_MAX_MS = 5000 };

_Static_assert((int)RECORD_LOST == (int)LEDGER_CAUSE_LOST &&
                   (int)RECORD_ESTIMATED == (int)LEDGER_FLAG_ESTIMATED &&
                   (int)RECORD_CACHED == (int)LEDGER_FLAG_CACHED &&
                   (int)RECORD_REFUSED == (int)LEDGER_CAUSE_REFUSED &&
                   (int)RECORD_UNLISTED == (int)LEDGER_FLAG_UNLISTED,
               "and of what recovery writes");
_Static_assert((int)RECORD_CAUSES == (int)LEDGER_CAUSES &&
                   (int)RECORD_LIMITS == (int)LEDGER_LIMITS,
               "the ledger has a name for every cause and limit");
_Static_assert((int)RECORD_WOULD_REFUSE == (int)LEDGER_FLAG_WOULD_REFUSE,
               "and reads this flag");

static void
copy_text(char *out, size_t size, const char *from, size_t len)
{
    if (len >= size)
        len = size - 1;
    memcpy(out, from, len);
    out[len] = '\0';
    /* A NUL inside would end the text anyway. */
}

static char *
put_octet(char *at, uint8_t value)
{
    if (value >= 100)
        *at++ = (char)('0' + value / 100);
    if (value >= 10)
        *at++ = (char)('0' + value / 10 % 10);
    *at++ = (char)('0' + value % 10);
    return at;
}

static void
format_address(const uint8_t addr[16], char out[46])
{
    static const uint8_t none[16],
        mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    out[0] = '\0';
    if (memcmp(addr, none, 16) == 0)
        return;
    if (memcmp(addr, mapped, 12) != 0) {
        inet_ntop(AF_INET6, addr, out, 46);
        return;
    }
    for (int i = 12; i < 16; i++) {
        out = put_octet(out, addr[i]);
        *out++ = i < 15 ? '.' : '\0';
    }
}

/* "req_" and both words, as clients see it. */
static void
format_request_id(const uint64_t words[2], char out[40])
{
    static const char hex[] = "0123456789abcdef";
    memcpy(out, "req_", 4);
    out += 4;
    for (int i = 0; i < 2; i++)
        for (int shift = 60; shift >= 0; shift -= 4)
            *out++ = hex[words[i] >> shift & 15];
    *out = '\0';
}

static void
set_meta(const struct shm_record *record, struct ledger_row *row)
{
    /* ring_read() saw that the lengths fit. */
    const char *meta = (const char *)(record + 1);
    copy_text(row->model_asked, sizeof(row->model_asked), meta,
              record->model_asked_len);
    meta += record->model_asked_len;
    copy_text(row->error, sizeof(row->error), meta, record->error_len);
    meta += record->error_len;
    /* Of an unlisted call spend rules have read them, and nobody else does. */
    if ((record->flags & RECORD_UNLISTED) == 0)
        copy_text(row->tags, sizeof(row->tags), meta, record->tags_len);
}

/* The names of one record after the other: mostly the same. */
struct names {
    bool known;
    uint32_t model_idx, provider_idx;
    uint8_t number; /* of the credential */
    char model[SHM_NAME_BYTES], provider[SHM_NAME_BYTES],
        credential[CREDENTIAL_NAME_BYTES];
};

static void
set_names(const struct segment *segment, const struct shm_record *record,
          struct names *names, struct ledger_row *row)
{
    if (!names->known || names->model_idx != record->model_idx ||
        names->provider_idx != record->provider_idx ||
        names->number != record->credential) {
        model_registry_model_name(segment, record->model_idx, names->model);
        model_registry_provider_name(segment, record->provider_idx,
                                     names->provider);
        credential_number_name(segment, record->provider_idx,
                               record->credential, names->credential);
        names->model_idx = record->model_idx;
        names->provider_idx = record->provider_idx;
        names->number = record->credential;
        names->known = true;
    }
    memcpy(row->model, names->model, sizeof(row->model));
    memcpy(row->provider, names->provider, sizeof(row->provider));
    memcpy(row->credential, names->credential, sizeof(row->credential));
}
_Static_assert(sizeof(((struct ledger_row *)NULL)->model) == SHM_NAME_BYTES &&
                   sizeof(((struct ledger_row *)NULL)->credential) ==
                       CREDENTIAL_NAME_BYTES,
               "names of the segment fit");

static void
set_attempts(const struct segment *segment, const struct shm_record *record,
             struct ledger_row *row)
{
    const char *at = (const char *)(record + 1) + record->model_asked_len +
                     record->error_len + record->tags_len;
    unsigned count = record->attempts_len / sizeof(struct shm_attempt);
    for (unsigned i = 0; i < count && i < LEDGER_ATTEMPTS_MAX; i++) {
        struct shm_attempt attempt;
        struct ledger_attempt *out = &row->tried[row->tried_count++];
        memcpy(&attempt, at + i * sizeof(attempt), sizeof(attempt));
        model_registry_model_name(segment, attempt.model_idx, out->model);
        model_registry_provider_name(segment, attempt.provider_idx,
                                     out->provider);
        out->status = attempt.status;
        out->cause = attempt.cause;
        credential_number_name(segment, attempt.provider_idx,
                               attempt.credential, out->credential);
        out->duration_ms = attempt.duration_ms;
        out->tokens = attempt.tokens;
        out->nano = attempt.nano;
    }
}
_Static_assert((int)LEDGER_ATTEMPTS_MAX == (int)SHM_ATTEMPTS_MAX,
               "a record's attempts fit");

static void
make_row(const struct segment *segment, uint64_t epoch, uint64_t batch_no,
         const struct drained_record *taken, struct names *names,
         struct ledger_row *row)
{
    const struct shm_record *record = drained_record_of(taken);
    memset(row, 0, offsetof(struct ledger_row, tried));
    row->ended_ms = ledger_clamp_ms(record->ended_ms);
    row->started_ms = record->started_ms;
    row->gateway = record->gateway;
    row->epoch = epoch;
    row->column = taken->column;
    row->position = taken->position;
    row->batch_no = batch_no;
    row->key_id = record->key_id;
    row->group_id = record->group_id;
    format_request_id(record->request_id, row->request_id);
    row->status = record->status;
    row->attempts = record->attempts;
    row->flags = record->flags;
    row->cause = record->cause;
    row->dialect = record->dialect;
    row->endpoint = record->endpoint;
    row->limit = record->limit;
    row->duration_ms = record->duration_ms;
    row->first_byte_ms = record->first_byte_ms;
    row->queue_ms = record->queue_ms;
    row->sent_ms = record->sent_ms;
    row->connect_ms = record->connect_ms;
    row->first_token_ms = record->first_token_ms;
    row->delivered_tokens = record->delivered_tokens;
    row->generated_tokens = record->generated_tokens;
    row->price_version = record->price_version;
    row->price_tier = record->price_tier;
    row->service_tier = record->service_tier;
    row->tokens = record->tokens;
    row->nano = record->nano;
    row->classes = (struct usage){
        .prompt_missed = record->prompt_missed,
        .cached = record->cached,
        .cache_creation = record->cache_creation,
        .completion = record->completion,
        .reasoning = record->reasoning,
        .audio_in = record->audio_in,
        .audio_out = record->audio_out,
        .cache_creation_1h = record->cache_creation_1h,
    };
    format_address(record->client_ip, row->client_ip);
    set_names(segment, record, names, row);
    set_meta(record, row);
    if (record->attempts_len > 0)
        set_attempts(segment, record, row);
}

static int
add_rows(struct flush *flush, struct buf *error)
{
    struct store *store = flush->store;
    uint64_t epoch = store->segment->header->epoch;
    struct ledger_row row;
    struct names names = {.known = false};
    size_t at = 0;
    bool log = access_log_begin(&store->access_log);
    const struct drained_record *taken = drained_next(&flush->drained, &at);
    for (; taken != NULL; taken = drained_next(&flush->drained, &at)) {
        make_row(store->segment, epoch, flush->batch_no, taken, &names, &row);
        int rc = ledger_batch_row(flush->batch, store->ledger, &row, error);
        if (rc == 0)
            rc = ledger_rollup_add(&store->rollup, store->ledger, &row, error);
        if (rc < 0)
            return rc;
        if (log)
            access_log_add(&store->access_log, &row);
    }
    ledger_rollup_emit(&store->rollup, flush->batch);
    return ledger_batch_ok(flush->batch) ? 0 : -ENOMEM;
}

/* Roll-ups and rows are made once; when that is cut by an error, both are
 * forgotten and made again, so that no row is added twice. */
static int
write_once(struct flush *flush, struct buf *error)
{
    struct store *store = flush->store;
    if (!flush->has_rows) {
        int rc = add_rows(flush, error);
        if (rc < 0) {
            ledger_rollup_fini(&store->rollup);
            ledger_batch_forget_rows(flush->batch);
            return rc;
        }
        flush->has_rows = true;
    }
    return ledger_batch_write(flush->batch, store->ledger, error);
}

void
flush_run(struct ledger_job *job)
{
    struct flush *flush = (struct flush *)job;
    struct store *store = flush->store;
    struct buf error;
    unsigned backoff_ms = BACKOFF_MIN_MS;
    bool failed = false;
    buf_init(&error, 0);
    for (;;) {
        buf_reset(&error);
        /* After the first error of any kind the handles are dead. */
        int rc = 0;
        if (ledger_must_reopen(store->ledger))
            rc = ledger_reopen(store->ledger, &error);
        if (rc == 0)
            rc = write_once(flush, &error);
        if (rc == 0)
            break;
        failed = true;
        if (buf_len(&error) == 0)
            buf_append_cstr(&error, strerror(-rc));
        ledger_threads_report(store->threads, buf_cstr(&error));
        log_error("the ledger cannot write while flushing batch %llu: %s; it "
                  "is opened again and written again, requests go on until "
                  "the rings are full",
                  (unsigned long long)flush->batch_no, buf_cstr(&error));
        if (!ledger_threads_pause(store->threads, backoff_ms)) {
            buf_fini(&error);
            return;
        }
        backoff_ms =
            backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : backoff_ms * 2;
    }
    buf_fini(&error);
    if (failed) {
        ledger_threads_report(store->threads, NULL);
        log_warn("the ledger writes again");
    }
    ledger_rollup_trim(&store->rollup);
    flush->written = true;
    access_log_write(&store->access_log);
}
