/*
 * guard.c - see guard.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/guard.h"

#include "common/crypto.h"
#include "common/hash.h"

enum { WAYS = 4 }; /* rows that an address may be in */

void
guard_init(struct guard *guard)
{
    memset(guard, 0, sizeof(*guard));
    crypto_random(guard->seed, sizeof(guard->seed));
}

/* The address's row, or the one it may take. */
static unsigned
row_of(const struct guard *guard, uint64_t tag)
{
    unsigned first = (unsigned)(tag % (GUARD_ROWS / WAYS)) * WAYS;
    unsigned best = first;
    for (unsigned i = first; i < first + WAYS; i++) {
        if (guard->rows[i].tag == tag)
            return i;
        if (guard->rows[i].clear_ms < guard->rows[best].clear_ms)
            best = i;
    }
    return best;
}

static bool
is_waiting(const struct guard *guard, uint64_t tag, uint64_t now_ms)
{
    enum { ROOM_MS = (GUARD_FAILURES - 1) * GUARD_FORGET_MS };
    unsigned row = row_of(guard, tag);
    return guard->rows[row].tag == tag &&
           guard->rows[row].clear_ms > now_ms + ROOM_MS;
}

static void
add_failure(struct guard *guard, uint64_t tag, uint64_t now_ms)
{
    unsigned row = row_of(guard, tag);
    uint64_t clear_ms = guard->rows[row].clear_ms;
    if (guard->rows[row].tag != tag || clear_ms < now_ms)
        clear_ms = now_ms;
    guard->rows[row].tag = tag;
    guard->rows[row].clear_ms = clear_ms + GUARD_FORGET_MS;
}

/* Whether guesses from there count, and whose they are. */
static bool
is_remote(const struct guard *guard, const struct http_head *head,
          uint64_t *tag)
{
    struct str via = http_field_find(head, STR_LIT("x-aigw-via"));
    struct str client = http_field_find(head, STR_LIT("x-aigw-client"));
    *tag = hash_siphash(guard->seed, client.ptr, client.len);
    return via.len > 0 && !str_equals(via, STR_LIT("tcp-loopback"));
}

bool
guard_makes_wait(const struct guard *guard, const struct http_head *head,
                 uint64_t now_ms, struct admin_error *error)
{
    uint64_t tag;
    if (!is_remote(guard, head, &tag) || !is_waiting(guard, tag, now_ms))
        return false;
    admin_error_set(error, 429, "too_many_failures",
                    "Too many wrong tokens came from this address. Wait a "
                    "minute.");
    return true;
}

void
guard_failed(struct guard *guard, const struct http_head *head, uint64_t now_ms)
{
    uint64_t tag;
    if (is_remote(guard, head, &tag))
        add_failure(guard, tag, now_ms);
}

bool
guard_allows(struct guard *guard, const struct http_head *head,
             const char *token, bool is_metrics, uint64_t now_ms,
             struct admin_error *error)
{
    if (guard_makes_wait(guard, head, now_ms, error))
        return false;
    if (access_head_allowed(head, token, is_metrics, error))
        return true;
    /* Without a token nothing was guessed. */
    if (error->status == 401 &&
        http_field_count(head, STR_LIT("authorization")) > 0)
        guard_failed(guard, head, now_ms);
    return false;
}
