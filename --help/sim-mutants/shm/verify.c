/*
 * verify.c - the passes over header and columns; entries, slots and rings have
 * files of their own. Numbers I1.. are those of shm/README.md.
 *
 * A living segment changes under the eyes of the reader. Where two words must
 * agree they are read, checked and read again; what still moves is left alone.
 * A violation counts when a whole pass, repeated some milliseconds later, finds
 * violations again.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "shm/column.h"
#include "shm/ring.h"
#include "shm/verify_part.h"

void
verify_violation(struct verify *v, const char *format, ...)
{
    char line[256];
    va_list args;
    v->count++;
    if (v->count > VERIFY_LINES)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    buf_append_cstr(v->report, line);
    buf_append_char(v->report, '\n');
}

bool
verify_name_is_printable(const char *name)
{
    for (; *name != '\0'; name++)
        if ((unsigned char)*name < 0x20 || *name == 0x7f)
            return false;
    return true;
}

static void
check_mark(struct verify *v, const char *what, uint32_t mark, uint32_t max)
{
    if (mark > max)
        verify_violation(v, "header: %s is %u of %u", what, mark, max);
}

static void
verify_header(struct verify *v)
{
    const struct segment *s = v->segment;
    struct shm_header *h = s->header;
    char instance[sizeof(h->instance)];
    memcpy(instance, h->instance, sizeof(instance));
    if (instance[sizeof(instance) - 1] != '\0' ||
        !verify_name_is_printable(instance))
        verify_violation(v, "header: the instance's name is damaged");
    check_mark(v, "column_high", shm_load(&h->column_high), s->column_max);
    check_mark(v, "entry_high", shm_load(&h->entry_high), s->entry_max);
    check_mark(v, "model_high", shm_load(&h->model_high), s->model_max);
    check_mark(v, "provider_high", shm_load(&h->provider_high),
               s->provider_max);
    check_mark(v, "endpoint_high", shm_load(&h->endpoint_high),
               s->endpoint_max);
}

static void
verify_columns(struct verify *v)
{
    const struct segment *s = v->segment;
    for (uint32_t i = 0; i < s->column_max; i++) {
        const struct shm_column *column = segment_column(s, i);
        uint32_t state = shm_load(&column->state);
        uint64_t tail = ring_tail(s, i), head = ring_head(s, i);
        if (state > SHM_COLUMN_TAKEN)
            verify_violation(v, "column %u: state %u", i, state);
        if (i >= v->column_high && state != SHM_COLUMN_FREE)
            verify_violation(v, "column %u: in use beyond column_high %u", i,
                             v->column_high);
        if (state == SHM_COLUMN_LIVE && shm_load(&column->pid) == 0)
            verify_violation(v, "column %u: LIVE without a pid", i);
        /* The tail was read first: it cannot be ahead of that head. */
        if (head - tail > s->ring_bytes)
            verify_violation(v, "column %u: ring head %llu, tail %llu", i,
                             (unsigned long long)head,
                             (unsigned long long)tail);
        if (v->quiet && state == SHM_COLUMN_DYING)
            verify_violation(v, "column %u: not reaped in a quiet segment", i);
    }
}

static uint32_t
verify_once(const struct segment *segment, bool quiet, struct buf *report)
{
    struct verify v = {.segment = segment, .quiet = quiet, .report = report};
    uint32_t high = shm_load(&segment->header->entry_high);
    v.entry_high = high < segment->entry_max ? high : segment->entry_max;
    v.column_high = column_high(segment);
    verify_header(&v);
    verify_columns(&v);
    verify_entries(&v);
    verify_slots(&v);
    verify_rings(&v);
    if (v.count > VERIFY_LINES)
        buf_printf(report, "... and %u more\n", v.count - VERIFY_LINES);
    return v.count;
}

uint32_t
segment_verify(const struct segment *segment, bool quiet, struct buf *report)
{
    static const struct timespec pause = {0, 5000000};
    size_t start = buf_len(report);
    uint32_t count = verify_once(segment, quiet, report);
    for (int tries = 1; count > 0 && !quiet && tries < VERIFY_TRIES; tries++) {
        nanosleep(&pause, NULL);
        report->end = report->start + start;
        count = verify_once(segment, quiet, report);
    }
    return count;
}
