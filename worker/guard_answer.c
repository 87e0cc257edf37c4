/*
 * guard_answer.c - see guard.h: the answer's side.
 *
 * Texts of a stream are put one behind the other, decoded. Each rule is searched
 * from where its last search ended: PCRE2 says when the text ends in what may
 * become a match, and where that begins. What stands before the earliest such
 * place is safe, and so are the bytes that said no more than that.
 *
 *   said    ......safe========begun====|      more comes here
 *   marks   (text_end, out_end) ...           out_ready: the last safe one
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "worker/guard_part.h"

enum {
    CONTEXT_BYTES = 256, /* kept before a search, for what looks behind */
    TRIM_BYTES = 32 * 1024,
};

bool
guard_has_answer(const struct guard *guard)
{
    return guard->answer != NULL;
}

bool
guard_blocks(const struct guard *guard)
{
    return guard->blocks || guard->failed;
}

struct buf *
guard_held(struct guard *guard)
{
    return &guard->held;
}

uint64_t *
guard_passed(struct guard *guard)
{
    return &guard->passed;
}

void
guard_begin_answer(struct guard *guard)
{
    guard->found = 0;
    guard->blocks = false;
    buf_reset(&guard->said);
    buf_reset(&guard->held);
    guard->base = guard->safe = guard->out_ready = guard->passed = 0;
    memset(guard->from, 0, sizeof(guard->from));
    guard->mark_first = guard->mark_count = 0;
}

void
guard_text(struct guard *guard, struct str inside)
{
    struct buf *said = &guard->said;
    if (buf_reserve(said, inside.len + 1) < 0) {
        guard->failed = true;
        return;
    }
    said->end +=
        json_text_decode_cut(inside, said->data + said->end, inside.len + 1);
}

static uint64_t
text_end(const struct guard *guard)
{
    return guard->base + buf_len(&guard->said);
}

void
guard_mark(struct guard *guard, uint64_t out_end)
{
    uint64_t end = text_end(guard);
    if (guard->mark_count > guard->mark_first &&
        guard->marks[guard->mark_count - 1].text_end == end) {
        guard->marks[guard->mark_count - 1].out_end = out_end;
        return;
    }
    if (guard->mark_first == guard->mark_count)
        guard->mark_first = guard->mark_count = 0;
    if (guard->mark_count == guard->mark_room) {
        size_t room = guard->mark_room * 2 + 64;
        struct guard_mark *more = realloc(guard->marks, room * sizeof(*more));
        if (more == NULL) {
            guard->failed = true;
            return;
        }
        guard->marks = more;
        guard->mark_room = room;
    }
    guard->marks[guard->mark_count++] = (struct guard_mark){end, out_end};
}

/* One rule over what is new. Returns from where on text is not safe from it. */
static uint64_t
search_rule(struct guard *guard, unsigned i, bool last)
{
    struct str text = buf_view(&guard->said);
    uint64_t end_at = text_end(guard);
    size_t start, end;
    if ((guard->found >> i & 1) != 0)
        return end_at;
    size_t from = guard->from[i] > guard->base
                      ? (size_t)(guard->from[i] - guard->base)
                      : 0;
    switch (pattern_search(guard->answer->rules[i].pattern, text, from, !last,
                           &start, &end)) {
    case PATTERN_NONE:
        guard->from[i] = end_at;
        return end_at;
    case PATTERN_BEGUN:
        /* Longer ones are not waited for. */
        if (text.len - start > PATTERN_SPAN)
            start = text.len - PATTERN_SPAN;
        guard->from[i] = guard->base + start;
        return guard->base + start;
    default:
        guard_note(guard, &guard->answer->rules[i], i);
        return end_at;
    }
}

/* What no rule will look at any more. */
static void
trim(struct guard *guard)
{
    uint64_t least = text_end(guard);
    for (unsigned i = 0; i < guard->answer->count; i++)
        if ((guard->found >> i & 1) == 0 && guard->from[i] < least)
            least = guard->from[i];
    if (least < guard->base + TRIM_BYTES + CONTEXT_BYTES)
        return;
    size_t done = (size_t)(least - guard->base) - CONTEXT_BYTES;
    buf_consume(&guard->said, done);
    guard->base += done;
}

uint64_t
guard_ready(struct guard *guard, bool last)
{
    uint64_t safe = text_end(guard);
    for (unsigned i = 0; i < guard->answer->count && !guard->blocks; i++) {
        uint64_t here = search_rule(guard, i, last);
        if (here < safe)
            safe = here;
    }
    if (guard_blocks(guard))
        return guard->out_ready;
    guard->safe = safe;
    while (guard->mark_first < guard->mark_count &&
           guard->marks[guard->mark_first].text_end <= safe)
        guard->out_ready = guard->marks[guard->mark_first++].out_end;
    trim(guard);
    return guard->out_ready;
}

void
guard_body(struct guard *guard, struct str body, bool is_json)
{
    struct guard_texts *texts = &guard->texts; /* of the request: it is over */
    struct str text;
    guard_texts_fini(texts);
    guard_texts_init(texts, body);
    while (is_json && !guard_blocks(guard) && guard_texts_next(texts, &text))
        guard_search(guard, guard->answer, text);
    guard->failed = guard->failed || texts->failed;
    if ((!is_json || texts->is_bad) && !guard_blocks(guard))
        guard_search(guard, guard->answer, body);
}
