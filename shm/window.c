/*
 * window.c - see window.h.
 *
 *   word   number 20 | last 22 | this 22
 *
 * The number is the window's, modulo 2^20: a row that is idle is freed long
 * before it comes around (limit.h). A clock that goes back by one window goes on
 * with the one that the word has, so that no limit passes twice; by more, the
 * word begins anew.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/window.h"

#include <errno.h>

#define COUNT_BITS  22
#define NUMBER_BITS 20
#define COUNT_MASK  ((UINT64_C(1) << COUNT_BITS) - 1)
#define NUMBER_MASK ((UINT64_C(1) << NUMBER_BITS) - 1)

/* As in rate.c: in a storm of admissions the answer is "refused". */
enum { CAS_TRIES = 64 };

struct window {
    uint64_t number, last, this;
    uint64_t into_ms; /* of this window */
};

static struct window
unpack(uint64_t word, const struct window_rule *rule, int64_t now_ms)
{
    uint64_t ms = now_ms > 0 ? (uint64_t)now_ms : 0;
    uint64_t number = ms / rule->interval_ms & NUMBER_MASK;
    struct window w = {.number = number, .into_ms = ms % rule->interval_ms};
    uint64_t has = word >> (2 * COUNT_BITS);
    uint64_t last = word >> COUNT_BITS & COUNT_MASK, this = word & COUNT_MASK;
    if (has == number) {
        w.last = last;
        w.this = this;
    } else if (has == ((number - 1) & NUMBER_MASK)) {
        w.last = this;
    } else if (has == ((number + 1) & NUMBER_MASK)) {
        w = (struct window){has, last, this, 0};
    }
    return w;
}

static uint64_t
pack(const struct window *w)
{
    return w->number << (2 * COUNT_BITS) | w->last << COUNT_BITS | w->this;
}

/* Whether one more would be within the limit, `into_ms` into the window; in
 * units of 1 / interval of a request, so that nothing is rounded. */
static bool
has_room(const struct window *w, const struct window_rule *rule,
         uint64_t into_ms)
{
    typedef unsigned __int128 wide;
    wide count = (wide)(w->this + 1) * rule->interval_ms;
    if (rule->technique == WINDOW_SLIDING)
        count += (wide)w->last * (rule->interval_ms - into_ms);
    return count <= (wide)rule->limit * rule->interval_ms;
}

/* When one more would pass, were nothing else taken. */
static uint64_t
wait_ms(const struct window *w, const struct window_rule *rule)
{
    uint64_t to_next = rule->interval_ms - w->into_ms;
    if (rule->technique == WINDOW_FIXED)
        return to_next;
    if (w->this < rule->limit && w->last > 0) { /* in this window still */
        uint64_t spare = rule->limit - w->this - 1;
        uint64_t covers = spare * rule->interval_ms / w->last;
        if (covers < to_next)
            return to_next - covers;
        return 1;
    }
    if (w->this == 0)
        return to_next;
    /* In the next one, of which this is then the last. */
    uint64_t covers = (rule->limit - 1) * rule->interval_ms / w->this;
    return covers < rule->interval_ms ? to_next + rule->interval_ms - covers
                                      : to_next;
}

int
window_take(shm_u64 *word, const struct window_rule *rule, int64_t now_ms,
            uint64_t *retry_ms)
{
    uint64_t seen = shm_load(word);
    for (int tries = 0; tries < CAS_TRIES; tries++) {
        struct window w = unpack(seen, rule, now_ms);
        if (!has_room(&w, rule, w.into_ms)) {
            if (retry_ms != NULL)
                *retry_ms = wait_ms(&w, rule);
            return -EAGAIN;
        }
        w.this ++;
        if (shm_cas(word, &seen, pack(&w)))
            return 0;
    }
    if (retry_ms != NULL)
        *retry_ms = 1;
    return -EAGAIN;
}

void
window_give_back(shm_u64 *word, const struct window_rule *rule, int64_t now_ms)
{
    uint64_t seen = shm_load(word);
    for (int tries = 0; tries < CAS_TRIES; tries++) {
        struct window w = unpack(seen, rule, now_ms);
        if (w.this == 0)
            return;
        w.this --;
        if (shm_cas(word, &seen, pack(&w)))
            return;
    }
}
