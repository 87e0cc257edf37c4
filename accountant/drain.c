/*
 * drain.c - see drain.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/drain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "shm/column.h"
#include "shm/ring.h"

/* Above this a charge is damage: all tokens ever sold fit below. */
static const uint64_t charge_max = UINT64_C(1) << 60;

int
drain_init(struct drain *drain, struct segment *segment)
{
    *drain = (struct drain){.segment = segment};
    drain->positions = calloc(segment->column_max, sizeof(uint64_t));
    drain->statements = calloc(segment->column_max, sizeof(uint64_t *));
    if (drain->positions == NULL || drain->statements == NULL) {
        drain_fini(drain);
        return -ENOMEM;
    }
    return 0;
}

void
drain_fini(struct drain *drain)
{
    if (drain->statements != NULL)
        for (uint32_t i = 0; i < drain->segment->column_max; i++)
            free(drain->statements[i]);
    free(drain->statements);
    free(drain->positions);
    *drain = (struct drain){0};
}

void
drain_set_position(struct drain *drain, uint32_t column, uint64_t position)
{
    uint64_t head = ring_head(drain->segment, column);
    uint64_t tail = ring_tail(drain->segment, column);
    if (position < tail) {
        log_error("column=%u the ledger has booked up to %llu, but the ring "
                  "begins at %llu: the ledger has lost what it had; compare "
                  "with aigw-ledger verify",
                  column, (unsigned long long)position,
                  (unsigned long long)tail);
        drain->quarantined_bytes += tail - position;
        position = tail;
    }
    if (position > head) {
        log_error("column=%u the ledger has booked up to %llu, but the ring "
                  "ends at %llu: it goes on from there",
                  column, (unsigned long long)position,
                  (unsigned long long)head);
        position = head;
    }
    drain->positions[column] = position;
    ring_release(drain->segment, column, position);
}

static bool
make_sense(const struct drain *drain, const struct shm_record *record)
{
    for (int e = 0; e < 2; e++)
        if (record->entry[e] >= drain->segment->entry_max &&
            record->entry[e] != SHM_ENTRY_NONE)
            return false;
    return record->key_id != 0 && record->group_id != 0 &&
           record->tokens <= charge_max && record->nano <= charge_max;
}

/* I6: after = previous after + own amount, per column, entry and unit. After a
 * start the first record begins the statement. */
static void
check_statement(struct drain *drain, uint32_t column, uint64_t position,
                const struct shm_record *record)
{
    const uint64_t amount[SHM_UNITS] = {record->tokens, record->nano};
    uint64_t *statement = drain->statements[column];
    if (statement == NULL) {
        statement = calloc((size_t)drain->segment->entry_max * SHM_UNITS,
                           sizeof(*statement));
        if (statement == NULL)
            return; /* a check less, nothing else */
        drain->statements[column] = statement;
    }
    for (int e = 0; e < 2; e++) {
        if (record->entry[e] == SHM_ENTRY_NONE)
            continue;
        for (int u = 0; u < SHM_UNITS; u++) {
            uint64_t *last = &statement[record->entry[e] * SHM_UNITS + u];
            if (*last != 0 && *last - 1 + amount[u] != record->after[e][u]) {
                drain->broken_chains++;
                log_error("column=%u position=%llu entry=%u the statement of "
                          "%s breaks: %llu + %llu is not %llu; run "
                          "aigw-shmdump --verify and aigw-ledger verify",
                          column, (unsigned long long)position,
                          record->entry[e], u == SHM_TOKENS ? "tokens" : "cost",
                          (unsigned long long)*last - 1,
                          (unsigned long long)amount[u],
                          (unsigned long long)record->after[e][u]);
            }
            *last = record->after[e][u] + 1;
        }
    }
}

/* Damage: one record that says impossible things, or, where not even its
 * length can be believed, all up to head. The column goes on behind it. */
static void
quarantine(struct drain *drain, uint32_t column, uint64_t position,
           uint64_t end)
{
    drain->quarantined_records++;
    drain->quarantined_bytes += end - position;
    log_error("column=%u position=%llu is no record: %llu bytes of the ring "
              "are left out; run aigw-shmdump --verify",
              column, (unsigned long long)position,
              (unsigned long long)(end - position));
    free(drain->statements[column]);
    drain->statements[column] = NULL;
}

/* Returns the position reached. */
static uint64_t
take_column(struct drain *drain, uint32_t column, size_t max_bytes,
            struct drained *drained)
{
    union {
        struct shm_record record;
        unsigned char bytes[SHM_RECORD_MAX];
    } room;
    uint64_t head = ring_head(drain->segment, column);
    uint64_t position = drain->positions[column];
    while (position != head) {
        if (buf_len(&drained->bytes) >= max_bytes) {
            drained->is_complete = false;
            break;
        }
        int len = ring_read(drain->segment, column, position, head, room.bytes);
        if (len < 0) {
            quarantine(drain, column, position, head);
            return head;
        }
        if (!make_sense(drain, &room.record)) { /* the next one still may */
            quarantine(drain, column, position, position + (uint64_t)len);
            position += (uint64_t)len;
            continue;
        }
        struct drained_record header = {column, (uint32_t)len, position};
        buf_append(&drained->bytes, &header, sizeof(header));
        buf_append(&drained->bytes, room.bytes, (size_t)len);
        if (!buf_ok(&drained->bytes))
            break;
        check_statement(drain, column, position, &room.record);
        drained->count++;
        position += (uint64_t)len;
    }
    return position;
}

/* Room for all that waits, so that what was taken is not moved as it grows. It
 * may be too little: more comes meanwhile, and each record has a header. */
static void
reserve(const struct drain *drain, size_t max_bytes, struct buf *bytes)
{
    uint64_t waiting = drain_waiting(drain);
    size_t room = waiting < max_bytes ? (size_t)waiting : max_bytes;
    if (buf_reserve(bytes, room + room / 4) < 0)
        buf_reset(bytes); /* what is taken asks again */
}

int
drain_take(struct drain *drain, size_t max_bytes, struct drained *drained)
{
    uint32_t columns = column_high(drain->segment);
    uint32_t max = drain->segment->column_max;
    *drained = (struct drained){.is_complete = true};
    buf_init(&drained->bytes, 0);
    drained->moved = calloc(max, sizeof(*drained->moved));
    drained->positions = calloc(max, sizeof(*drained->positions));
    if (drained->moved == NULL || drained->positions == NULL) {
        drained_fini(drained);
        return -ENOMEM;
    }
    reserve(drain, max_bytes, &drained->bytes);
    for (uint32_t i = 0; i < columns && i < max; i++) {
        uint32_t column = (drain->next_column + i) % columns;
        uint64_t reached = take_column(drain, column, max_bytes, drained);
        drained->moved[column] = reached != drain->positions[column];
        drained->positions[column] = reached;
    }
    if (!buf_ok(&drained->bytes)) {
        /* Statements begin anew: some records were seen and not taken. */
        for (uint32_t i = 0; i < max; i++) {
            free(drain->statements[i]);
            drain->statements[i] = NULL;
        }
        drained_fini(drained);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < max; i++)
        if (drained->moved[i])
            drain->positions[i] = drained->positions[i];
    drain->records += drained->count;
    if (columns > 0)
        drain->next_column = (drain->next_column + 1) % columns;
    return 0;
}

void
drained_fini(struct drained *drained)
{
    buf_fini(&drained->bytes);
    free(drained->moved);
    free(drained->positions);
    *drained = (struct drained){0};
}

const struct drained_record *
drained_next(const struct drained *drained, size_t *at)
{
    if (*at >= buf_len(&drained->bytes))
        return NULL;
    /* Headers and records are multiples of 8, so everything is aligned. */
    const void *place = buf_ptr(&drained->bytes) + *at;
    const struct drained_record *record = place;
    *at += sizeof(*record) + record->len;
    return record;
}

const struct shm_record *
drained_record_of(const struct drained_record *r)
{
    const void *place = r + 1;
    return place;
}

void
drain_release(struct drain *drain, const struct drained *drained)
{
    for (uint32_t i = 0; i < drain->segment->column_max; i++)
        if (drained->moved[i])
            ring_release(drain->segment, i, drained->positions[i]);
}

/* The rings' tails follow what is durable: a column's oldest stands there. */
int64_t
drain_oldest_ms(const struct drain *drain)
{
    union {
        struct shm_record record;
        unsigned char bytes[SHM_RECORD_MAX];
    } room;
    uint32_t columns = column_high(drain->segment);
    int64_t oldest_ms = 0;
    for (uint32_t i = 0; i < columns && i < drain->segment->column_max; i++) {
        uint64_t tail = ring_tail(drain->segment, i);
        uint64_t head = ring_head(drain->segment, i);
        if (tail == head ||
            ring_read(drain->segment, i, tail, head, room.bytes) < 0 ||
            !make_sense(drain, &room.record))
            continue;
        int64_t ended_ms = room.record.ended_ms;
        if (oldest_ms == 0 || ended_ms < oldest_ms)
            oldest_ms = ended_ms;
    }
    return oldest_ms;
}

uint64_t
drain_waiting(const struct drain *drain)
{
    uint32_t columns = column_high(drain->segment);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < columns; i++)
        sum += ring_head(drain->segment, i) - drain->positions[i];
    return sum;
}

/* From so many bytes on a column's records do not wait. */
static uint64_t
worth_taking(const struct segment *segment, uint32_t column)
{
    uint64_t all = segment->ring_bytes;
    uint64_t used = shm_load(&segment_column(segment, column)->slots_used);
    uint64_t left = used < all / SHM_RECORD_MAX ? all - used * SHM_RECORD_MAX
                                                : SHM_RECORD_MAX;
    uint64_t part = all / 8 * 3;
    return left / 2 < part ? left / 2 : part;
}

bool
drain_is_pressed(const struct drain *drain)
{
    uint32_t columns = column_high(drain->segment);
    for (uint32_t i = 0; i < columns; i++)
        if (ring_head(drain->segment, i) - drain->positions[i] >=
            worth_taking(drain->segment, i))
            return true;
    return false;
}
