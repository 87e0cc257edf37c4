/*
 * guard_part.h - what guard.c, guard_answer.c and webhook.c share.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_GUARD_PART_H
#define AIGW_WORKER_GUARD_PART_H

#include "common/json_scan.h"
#include "worker/guard.h"

enum { GUARD_RULES_MAX = 64 };

/*
 * All that a model may read in a JSON text: strings, names of members and numbers,
 * escapes decoded; of a string that is JSON itself (arguments of a tool) its own
 * strings once more, where they have escapes.
 */
struct guard_texts {
    struct json_reader reader, inner;
    bool is_inside; /* `inner` reads what the last text was */
    bool is_over, is_bad;
    bool failed; /* no memory */
    struct buf decoded, inside;
};

/* Text of a stream up to here is in the bytes up to there. */
struct guard_mark {
    uint64_t text_end, out_end;
};

/* Owner: the request. */
struct guard {
    struct request *request;
    struct pattern_set *prompt, *answer; /* NULL: none */
    uint64_t found;                      /* rules of the set in use, by bit */
    bool blocks;

    /* the request's texts */
    struct loop_deferred later;
    struct guard_texts texts;
    bool reading; /* JSON; else all of the body is one text */
    struct str text;
    size_t text_at; /* the window that is next */

    /* the webhook */
    struct exchange *exchange;
    struct iovec pieces[2];
    struct buf head, body, reply;
    uint16_t status;

    /* the answer's texts: decoded, from `base` on */
    struct buf said;
    uint64_t base, safe;
    uint64_t from[GUARD_RULES_MAX]; /* where each rule's next search begins */
    struct guard_mark *marks;
    size_t mark_first, mark_count, mark_room;
    uint64_t out_ready, passed;
    struct buf held;
    bool failed; /* no memory: nothing passes */
};

/* One text, whole or a window of it; true: something blocks. */
bool guard_search(struct guard *guard, const struct pattern_set *set,
                  struct str text);
void guard_note(struct guard *guard, const struct pattern_rule *rule,
                unsigned i);
/* guard_texts.c. Of a text that lives on. guard_texts_fini() after init. */
void guard_texts_init(struct guard_texts *texts, struct str json);
void guard_texts_fini(struct guard_texts *texts);
/* The next one, valid until the one after; false: there is none, or no memory. */
bool guard_texts_next(struct guard_texts *texts, struct str *text);

/* webhook.c: asks; goes on with request_admit() or refuses. */
void webhook_ask(struct guard *guard);

#endif
