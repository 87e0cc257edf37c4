/*
 * redact.c - see redact.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/redact.h"

#include <stdlib.h>

#include "common/json_scan.h"
#include "common/json_write.h"

static const struct str replacement = {"[redacted]", 10};
static const struct str undecided = {"[not kept: a pattern took too long]", 35};

/* ---- plain text ---- */

/* One pattern over all of `from`. False: nothing matched, `to` is empty. */
static bool
apply(struct pattern *pattern, struct str from, struct buf *to)
{
    size_t at = 0, start, end;
    bool any = false;
    buf_reset(to);
    while (at <= from.len) {
        enum pattern_result result =
            pattern_search(pattern, from, at, false, &start, &end);
        if (result == PATTERN_UNDECIDED) {
            buf_reset(to);
            buf_append_str(to, undecided);
            return true;
        }
        if (result != PATTERN_FOUND)
            break;
        any = true;
        /* \K may move the start behind; it never moves before `at`. */
        if (start < at || end <= at) {
            at++;
            continue;
        }
        buf_append(to, from.ptr + at, start - at);
        buf_append_str(to, replacement);
        at = end;
    }
    if (any && at < from.len)
        buf_append(to, from.ptr + at, from.len - at);
    return any;
}

/* All patterns, one after the other; the result lives in one of `room`, or is
 * `text` itself. */
static struct str
clean(struct str text, const struct redaction *redaction, struct buf room[2])
{
    unsigned which = 0;
    for (int s = 0; s < REDACT_SETS; s++) {
        const struct pattern_set *set = redaction->sets[s];
        for (unsigned i = 0; set != NULL && i < set->count; i++)
            if (apply(set->rules[i].pattern, text, &room[which])) {
                text = buf_view(&room[which]);
                which ^= 1;
            }
    }
    return text;
}

/* So many bytes of a text are looked at where `max` are kept. */
static struct str
looked_at(struct str text, size_t max)
{
    return str_cut(text, max + PATTERN_SPAN);
}

static bool
put_cut(struct buf *out, struct str text, size_t max)
{
    struct str kept = str_cut(text, max);
    buf_append_str(out, kept);
    return kept.len < text.len;
}

/* What was cleaned of a text that goes on: its end may be a part of a match, and
 * where much was replaced before it, it would be kept. */
static struct str
without_end(struct str text)
{
    if (str_equals(text, undecided))
        return text;
    return str_cut(text, text.len > PATTERN_SPAN ? text.len - PATTERN_SPAN : 0);
}

static bool
put_text(struct buf *out, struct str text, size_t max, bool more,
         const struct redaction *redaction, struct buf room[2])
{
    struct str seen = looked_at(text, max);
    bool is_part = more || seen.len < text.len;
    struct str kept = clean(seen, redaction, room);
    bool cut = put_cut(out, is_part ? without_end(kept) : kept, max);
    return cut || is_part;
}

bool
redact_text(struct buf *out, struct str text, size_t max, bool more,
            const struct redaction *redaction)
{
    struct buf room[2];
    buf_init(&room[0], 0);
    buf_init(&room[1], 0);
    bool cut = put_text(out, text, max, more, redaction, room);
    for (int i = 0; i < 2; i++) {
        if (!buf_ok(&room[i]))
            out->failed = true; /* half a redaction is none */
        buf_fini(&room[i]);
    }
    return cut;
}

/* ---- JSON ---- */

struct json_work {
    struct buf *out;
    size_t most; /* where `out` ends at the latest */
    const struct redaction *redaction;
    struct buf decoded, room[2];
};

static size_t
left(const struct json_work *work)
{
    return work->most > work->out->end ? work->most - work->out->end : 0;
}

/* A string or a name, with its quotes. True: it does not fit whole. */
static bool
put_string(struct json_work *work, struct str raw)
{
    struct str inside = {raw.ptr + 1, raw.len - 2};
    size_t max = left(work) + PATTERN_SPAN;
    bool cut = inside.len / 6 > max; /* no escape is longer */
    if (cut)
        inside.len = max * 6;
    struct str text = inside;
    if (cut || memchr(inside.ptr, '\\', inside.len) != NULL) {
        buf_reset(&work->decoded);
        if (buf_reserve(&work->decoded, inside.len + 1) < 0) {
            work->out->failed = true;
            return true;
        }
        size_t len =
            json_text_decode_cut(inside, work->decoded.data, inside.len + 1);
        text = str_make(work->decoded.data, len);
    }
    struct str seen = looked_at(text, left(work));
    struct str kept = clean(seen, work->redaction, work->room);
    cut = cut || seen.len < text.len;
    if (cut)
        kept = without_end(kept);
    if (kept.ptr == seen.ptr && kept.len == text.len && !cut) {
        buf_append_str(work->out, raw); /* as it was written */
        return work->out->end > work->most;
    }
    buf_append_char(work->out, '"');
    json_escape(work->out, kept);
    buf_append_char(work->out, '"');
    return cut || work->out->end > work->most;
}

/* A number may be what a pattern names, too. */
static bool
put_number(struct json_work *work, struct str raw)
{
    struct str kept = clean(raw, work->redaction, work->room);
    bool same = kept.ptr == raw.ptr;
    buf_append_str(work->out, same ? STR_LIT("") : STR_LIT("\""));
    buf_append_str(work->out, kept);
    buf_append_str(work->out, same ? STR_LIT("") : STR_LIT("\""));
    return work->out->end > work->most;
}

/* Tokens as long as they fit; of a body that goes on no number of its end. Where
 * the rest begins that is no JSON; true: it is full. */
static bool
put_tokens(struct json_work *work, struct str body, bool more, size_t *at)
{
    size_t whole = !more                     ? body.len
                   : body.len > PATTERN_SPAN ? body.len - PATTERN_SPAN
                                             : 0;
    struct json_reader reader;
    struct json_token token;
    bool full = false;
    json_reader_init(&reader, body);
    while (!full) {
        enum json_type type = json_next(&reader, &token);
        if (type == JSON_BAD || type == JSON_END)
            break;
        size_t begin = (size_t)(token.span.ptr - body.ptr);
        if (begin - *at > left(work))
            return true; /* blanks without end */
        if (type == JSON_NUMBER && begin + token.span.len > whole)
            return true;
        buf_append(work->out, body.ptr + *at, begin - *at);
        if (type == JSON_STRING || type == JSON_KEY)
            full = put_string(work, token.span);
        else if (type == JSON_NUMBER)
            full = put_number(work, token.span);
        else
            buf_append_str(work->out, token.span);
        *at = begin + token.span.len;
        full = full || !buf_ok(work->out);
    }
    return full;
}

bool
redact_json(struct buf *out, struct str body, size_t max, bool more,
            const struct redaction *redaction)
{
    size_t begin = out->end, at = 0;
    struct json_work work = {
        .out = out, .most = begin + max, .redaction = redaction};
    buf_init(&work.decoded, 0);
    buf_init(&work.room[0], 0);
    buf_init(&work.room[1], 0);
    bool cut = put_tokens(&work, body, more, &at);
    if (!cut && at < body.len)
        cut = put_text(out, str_skip(body, at), left(&work), more, redaction,
                       work.room);
    if (out->end > work.most) {
        struct str all = {out->data + begin, out->end - begin};
        out->end = begin + str_cut(all, max).len;
        cut = true;
    }
    if (!buf_ok(&work.room[0]) || !buf_ok(&work.room[1]))
        out->failed = true; /* half a redaction is none */
    buf_fini(&work.room[0]);
    buf_fini(&work.room[1]);
    buf_fini(&work.decoded);
    return cut;
}
