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

struct guard_address
guard_address_of(const struct guard *guard, const struct http_head *head)
{
    struct str client = http_field_find(head, STR_LIT("x-aigw-client"));
    struct guard_address address = {.counted = access_via(head) == ACCESS_TCP};
    address.tag = hash_siphash(guard->seed, client.ptr, client.len);
    return address;
}

bool
guard_waits(const struct guard *guard, struct guard_address address,
            uint64_t now_ms, struct admin_error *error)
{
    if (!address.counted || !is_waiting(guard, address.tag, now_ms))
        return false;
    admin_error_set(error, 429, "too_many_failures",
                    "Too many wrong tokens came from this address. Wait a "
                    "minute.");
    return true;
}

void
guard_count(struct guard *guard, struct guard_address address, uint64_t now_ms)
{
    if (address.counted)
        add_failure(guard, address.tag, now_ms);
}

bool
guard_makes_wait(const struct guard *guard, const struct http_head *head,
                 uint64_t now_ms, struct admin_error *error)
{
    return guard_waits(guard, guard_address_of(guard, head), now_ms, error);
}

void
guard_failed(struct guard *guard, const struct http_head *head, uint64_t now_ms)
{
    guard_count(guard, guard_address_of(guard, head), now_ms);
}
