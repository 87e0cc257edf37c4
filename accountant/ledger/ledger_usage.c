/*
 * ledger_usage.c - roll-ups: the living buckets of the writer.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/ledger_internal.h"
#include "accountant/ledger/ledger_rollup.h"
#include "accountant/ledger/ledger_value.h"
#include "common/hash.h"

enum { BUCKETS_KEPT = 30000, MINUTE_MS = 60000, LATE_MS = 2 * MINUTE_MS };

static int64_t
resolution_ms(enum ledger_resolution resolution)
{
    switch (resolution) {
    case LEDGER_MINUTE:
        return 60000;
    case LEDGER_HOUR:
        return 3600000;
    case LEDGER_DAY:
        return 86400000;
    }
    UNREACHABLE();
}

void
ledger_usage_of_row(const struct ledger_row *row,
                    enum ledger_resolution resolution,
                    struct ledger_usage *usage)
{
    int64_t ended_ms = ledger_clamp_ms(row->ended_ms);
    memset(usage, 0, sizeof(*usage));
    usage->resolution = resolution;
    usage->start_ms = ended_ms - ended_ms % resolution_ms(resolution);
    usage->group_id = row->group_id;
    usage->key_id = row->key_id;
    memcpy(usage->model, row->model, sizeof(usage->model));
    memcpy(usage->provider, row->provider, sizeof(usage->provider));
}

/* Refused calls and answers given again say nothing of how long calls take. */
static bool
was_asked(const struct ledger_row *row)
{
    return row->cause != LEDGER_CAUSE_REFUSED &&
           (row->flags & LEDGER_FLAG_CACHED) == 0;
}

static void
add_spans(struct ledger_usage *usage, const struct ledger_row *row)
{
    ledger_spans_add(&usage->duration_spans, row->duration_ms);
    if (row->first_token_ms != 0)
        ledger_spans_add(&usage->first_token_spans, row->first_token_ms);
}

static void
add_numbers(struct ledger_usage *usage, const struct ledger_row *row)
{
    const struct usage *add = &row->classes;
    struct usage *sum = &usage->classes;
    usage->requests++;
    usage->errors += ledger_row_is_error(row);
    usage->tokens += row->tokens;
    usage->nano += row->nano;
    usage->duration_ms += row->duration_ms;
    usage->first_byte_ms += row->first_byte_ms;
    usage->cached_answers += (row->flags & LEDGER_FLAG_CACHED) != 0;
    sum->prompt_missed += add->prompt_missed;
    sum->cached += add->cached;
    sum->cache_creation += add->cache_creation;
    sum->completion += add->completion;
    sum->reasoning += add->reasoning;
    sum->audio_in += add->audio_in;
    sum->audio_out += add->audio_out;
    sum->cache_creation_1h += add->cache_creation_1h;
    sum->images_in += add->images_in;
    sum->images_out += add->images_out;
}

void
ledger_usage_add_row(struct ledger_usage *usage, const struct ledger_row *row)
{
    add_numbers(usage, row);
    if (was_asked(row))
        add_spans(usage, row);
}

/* Eight bytes at a time: each row has two names. */
static uint64_t
mix_name(uint64_t hash, const char *name)
{
    size_t len = strlen(name);
    uint64_t word;
    for (; len >= sizeof(word); len -= sizeof(word), name += sizeof(word)) {
        memcpy(&word, name, sizeof(word));
        hash = hash_mix64(hash ^ word);
    }
    word = (uint64_t)len << 56; /* "a" "bc" is not "ab" "c" */
    memcpy(&word, name, len);
    return hash_mix64(hash ^ word);
}

/* Names, key and group: the same for the three buckets of a row. */
static uint64_t
identity_hash(uint64_t group_id, uint64_t key_id, const char *model,
              const char *provider)
{
    uint64_t hash = hash_mix64(key_id);
    hash = hash_mix64(hash ^ group_id);
    return mix_name(mix_name(hash, model), provider);
}

static uint64_t
bucket_hash(uint64_t identity, enum ledger_resolution resolution,
            int64_t start_ms)
{
    return hash_mix64(identity ^ (uint64_t)start_ms ^
                      (uint64_t)resolution << 56);
}

uint64_t
ledger_usage_hash(const struct ledger_usage *usage)
{
    return bucket_hash(identity_hash(usage->group_id, usage->key_id,
                                     usage->model, usage->provider),
                       usage->resolution, usage->start_ms);
}

bool
ledger_usage_same_bucket(const struct ledger_usage *a,
                         const struct ledger_usage *b)
{
    return a->key_id == b->key_id && a->group_id == b->group_id &&
           a->start_ms == b->start_ms && a->resolution == b->resolution &&
           strcmp(a->model, b->model) == 0 &&
           strcmp(a->provider, b->provider) == 0;
}

struct row_bucket {
    const struct ledger_row *row;
    enum ledger_resolution resolution;
    int64_t start_ms;
};

static bool
bucket_match(const void *item, const void *key)
{
    const struct ledger_usage *usage =
        &((const struct rollup_bucket *)item)->usage;
    const struct row_bucket *wanted = key;
    const struct ledger_row *row = wanted->row;
    return usage->key_id == row->key_id && usage->group_id == row->group_id &&
           usage->start_ms == wanted->start_ms &&
           usage->resolution == wanted->resolution &&
           strcmp(usage->model, row->model) == 0 &&
           strcmp(usage->provider, row->provider) == 0;
}

/* What the ledger has of this bucket, added to the empty one. */
static int
load_bucket(struct ledger *ledger, struct ledger_usage *usage,
            struct buf *error)
{
    struct ledger_key key;
    struct buf value;
    ledger_key_usage(&key, usage);
    buf_init(&value, 0);
    int rc = ledger_get(ledger, NULL, &key, &value, error);
    if (rc == 1 && ledger_usage_decode(buf_view(&value), usage) < 0)
        rc = -EBADMSG;
    buf_fini(&value);
    return rc < 0 ? rc : 0;
}

static int
make_bucket(struct ledger_rollup *rollup, struct ledger *ledger,
            const struct row_bucket *wanted, uint64_t hash,
            struct rollup_bucket **out, struct buf *error)
{
    struct rollup_bucket *bucket = calloc(1, sizeof(*bucket));
    if (bucket == NULL)
        return -ENOMEM;
    ledger_usage_of_row(wanted->row, wanted->resolution, &bucket->usage);
    int rc = load_bucket(ledger, &bucket->usage, error);
    if (rc == 0)
        rc = table_insert(&rollup->table, hash, bucket);
    if (rc < 0) {
        free(bucket);
        return rc;
    }
    memcpy(bucket->passed_on, &bucket->usage.requests,
           sizeof(bucket->passed_on));
    *out = bucket;
    return 0;
}

/* The row's bucket of that resolution. */
static int
get_bucket(struct ledger_rollup *rollup, struct ledger *ledger,
           const struct ledger_row *row, uint64_t identity,
           enum ledger_resolution resolution, struct rollup_bucket **out,
           struct buf *error)
{
    struct row_bucket wanted = {row, resolution,
                                ledger_clamp_ms(row->ended_ms)};
    wanted.start_ms -= wanted.start_ms % resolution_ms(resolution);
    uint64_t hash = bucket_hash(identity, resolution, wanted.start_ms);
    *out = table_find(&rollup->table, hash, bucket_match, &wanted);
    return *out != NULL
               ? 0
               : make_bucket(rollup, ledger, &wanted, hash, out, error);
}

/* The lengths that wait, into the spans of the minute, its hour and its day. */
static void
count_lengths(struct rollup_bucket *minute)
{
    struct ledger_usage *const all[] = {
        &minute->usage, &minute->wider[0]->usage, &minute->wider[1]->usage};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        for (unsigned n = 0; n < minute->length_count; n++) {
            struct rollup_length length = minute->lengths[n];
            ledger_spans_add_place(&all[i]->duration_spans, length.duration);
            if (length.first_token != ROLLUP_NO_LENGTH)
                ledger_spans_add_place(&all[i]->first_token_spans,
                                       length.first_token);
        }
    minute->length_count = 0;
}

static void
note_length(struct rollup_bucket *minute, const struct ledger_row *row)
{
    if (minute->length_count == ROLLUP_LENGTHS)
        count_lengths(minute);
    unsigned first_token = row->first_token_ms == 0
                               ? ROLLUP_NO_LENGTH
                               : ledger_spans_place(row->first_token_ms);
    minute->lengths[minute->length_count++] = (struct rollup_length){
        (uint8_t)ledger_spans_place(row->duration_ms), (uint8_t)first_token};
}

int
ledger_rollup_add(struct ledger_rollup *rollup, struct ledger *ledger,
                  const struct ledger_row *row, struct buf *error)
{
    static const enum ledger_resolution wider[] = {LEDGER_HOUR, LEDGER_DAY};
    uint64_t identity =
        identity_hash(row->group_id, row->key_id, row->model, row->provider);
    struct rollup_bucket *minute;
    int rc = get_bucket(rollup, ledger, row, identity, LEDGER_MINUTE, &minute,
                        error);
    for (size_t i = 0; i < ARRAY_LEN(wider) && rc == 0; i++) {
        if (minute->wider[i] != NULL)
            continue;
        rc = get_bucket(rollup, ledger, row, identity, wider[i],
                        &minute->wider[i], error);
        if (rc == 0)
            minute->wider[i]->minutes++;
    }
    if (rc < 0)
        return rc;
    if (row->ended_ms > rollup->newest_ms)
        rollup->newest_ms = ledger_clamp_ms(row->ended_ms);
    add_numbers(&minute->usage, row);
    if (was_asked(row))
        note_length(minute, row);
    if (!minute->dirty) {
        minute->dirty = true;
        minute->next_dirty = rollup->dirty;
        rollup->dirty = minute;
    }
    return 0;
}

/* What came to the minute since the last time, to its hour and day. Returns
 * the list with those of them that were not in it. */
static struct rollup_bucket *
pass_on(struct rollup_bucket *minute, struct rollup_bucket *list)
{
    uint64_t now[ROLLUP_NUMBERS], sums[ROLLUP_NUMBERS];
    count_lengths(minute);
    memcpy(now, &minute->usage.requests, sizeof(now));
    for (size_t i = 0; i < ARRAY_LEN(minute->wider); i++) {
        struct rollup_bucket *bucket = minute->wider[i];
        memcpy(sums, &bucket->usage.requests, sizeof(sums));
        for (size_t n = 0; n < ROLLUP_NUMBERS; n++)
            sums[n] += now[n] - minute->passed_on[n];
        memcpy(&bucket->usage.requests, sums, sizeof(sums));
        if (bucket->dirty)
            continue;
        bucket->dirty = true;
        bucket->next_dirty = list;
        list = bucket;
    }
    memcpy(minute->passed_on, now, sizeof(now));
    return list;
}

static void
emit(struct rollup_bucket *bucket, struct ledger_batch *batch)
{
    for (; bucket != NULL; bucket = bucket->next_dirty) {
        ledger_batch_usage(batch, &bucket->usage);
        bucket->dirty = false;
    }
}

void
ledger_rollup_emit(struct ledger_rollup *rollup, struct ledger_batch *batch)
{
    struct rollup_bucket *wider = NULL;
    for (struct rollup_bucket *minute = rollup->dirty; minute != NULL;
         minute = minute->next_dirty)
        wider = pass_on(minute, wider);
    emit(rollup->dirty, batch);
    emit(wider, batch);
    rollup->dirty = NULL;
}

static bool
is_minute(const struct rollup_bucket *bucket)
{
    return bucket->usage.resolution == LEDGER_MINUTE;
}

static bool
minute_is_over(const struct rollup_bucket *bucket, int64_t now_ms)
{
    return is_minute(bucket) &&
           bucket->usage.start_ms + MINUTE_MS + LATE_MS <= now_ms;
}

/* Minutes that are over, and what is wider and no minute leads to: keys that
 * are used for an hour a year would else stay for a day of it. */
static bool
is_over(const struct rollup_bucket *bucket, int64_t now_ms)
{
    return is_minute(bucket) ? minute_is_over(bucket, now_ms)
                             : bucket->minutes == 0;
}

/* Before minutes that are over are forgotten. */
static void
leave_wider(struct ledger_rollup *rollup)
{
    struct rollup_bucket *bucket;
    for (size_t at = 0; (bucket = table_next(&rollup->table, &at)) != NULL;)
        if (minute_is_over(bucket, rollup->newest_ms))
            for (size_t i = 0; i < ARRAY_LEN(bucket->wider); i++) {
                if (bucket->wider[i] != NULL)
                    bucket->wider[i]->minutes--;
                bucket->wider[i] = NULL;
            }
}

static void
forget_over(struct ledger_rollup *rollup)
{
    struct table kept = {0};
    struct rollup_bucket *bucket;
    size_t at = 0;
    leave_wider(rollup);
    while ((bucket = table_next(&rollup->table, &at)) != NULL)
        if (!is_over(bucket, rollup->newest_ms) &&
            table_insert(&kept, ledger_usage_hash(&bucket->usage), bucket) < 0)
            break;
    if (bucket != NULL) { /* no memory: without any of them it goes on, too */
        table_fini(&kept, NULL);
        ledger_rollup_fini(rollup);
        return;
    }
    for (at = 0; (bucket = table_next(&rollup->table, &at)) != NULL;)
        if (is_over(bucket, rollup->newest_ms))
            free(bucket);
    table_fini(&rollup->table, NULL);
    rollup->table = kept;
}

void
ledger_rollup_trim(struct ledger_rollup *rollup)
{
    if (rollup->newest_ms - rollup->trimmed_ms >= MINUTE_MS) {
        rollup->trimmed_ms = rollup->newest_ms;
        forget_over(rollup);
    }
    if (rollup->table.count > BUCKETS_KEPT)
        ledger_rollup_fini(rollup);
}

void
ledger_rollup_fini(struct ledger_rollup *rollup)
{
    table_fini(&rollup->table, free);
    rollup->dirty = NULL;
}
