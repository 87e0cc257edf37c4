/*
 * canon_index.c - tool calls of a request by their ids: a table in the arena
 * that grows with the parts asked about, so that many results and many calls
 * cost as much as both together.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/canon_index.h"

#include <string.h>

#include "common/crypto.h"
#include "common/hash.h"

enum { FIRST_SLOTS = 64 };

struct canon_call_index {
    uint32_t *slots; /* numbers of parts, + 1; 0: empty */
    uint32_t room, used;
    uint32_t upto; /* parts that were looked at */
};

/* Ids are the client's: without a secret it could choose those that meet. */
static uint64_t
hash_of(struct str id)
{
    static _Thread_local struct {
        bool is_made;
        uint8_t bytes[16];
    } seed;
    if (!seed.is_made) {
        crypto_random(seed.bytes, sizeof(seed.bytes));
        seed.is_made = true;
    }
    return hash_siphash(seed.bytes, id.ptr, id.len);
}

/* Where the id stands, or would stand: at least half of the slots are empty. */
static uint32_t *
slot_of(const struct canon_request *request, struct str id)
{
    const struct canon_call_index *index = request->calls;
    uint32_t mask = index->room - 1;
    uint32_t at = (uint32_t)hash_of(id) & mask;
    while (index->slots[at] != 0 &&
           !str_equals(request->parts[index->slots[at] - 1].id, id))
        at = (at + 1) & mask;
    return &index->slots[at];
}

static bool
make_room(struct canon_request *request)
{
    struct canon_call_index *index = request->calls, old = *index;
    if (index->used < index->room / 2)
        return true;
    index->room = old.room == 0 ? FIRST_SLOTS : old.room * 2;
    index->slots = canon_alloc(request, index->room * sizeof(*index->slots));
    if (index->slots == NULL) {
        *index = old;
        return false;
    }
    memset(index->slots, 0, index->room * sizeof(*index->slots));
    for (uint32_t i = 0; i < old.room; i++)
        if (old.slots[i] != 0)
            *slot_of(request, request->parts[old.slots[i] - 1].id) =
                old.slots[i];
    return true;
}

static void
forget(struct canon_call_index *index)
{
    if (index->room > 0)
        memset(index->slots, 0, index->room * sizeof(*index->slots));
    index->used = index->upto = 0;
}

static struct canon_call_index *
index_of(struct canon_request *request)
{
    if (request->calls == NULL) {
        request->calls = canon_alloc(request, sizeof(*request->calls));
        if (request->calls != NULL)
            *request->calls = (struct canon_call_index){.slots = NULL};
    }
    return request->calls;
}

uint32_t
canon_call_find(struct canon_request *request, uint32_t before, struct str id)
{
    struct canon_call_index *index = index_of(request);
    if (index == NULL)
        return UINT32_MAX;
    if (before < index->upto)
        forget(index);
    for (; index->upto < before; index->upto++) {
        const struct canon_part *part = &request->parts[index->upto];
        if (part->kind != CANON_TOOL_CALL)
            continue;
        if (!make_room(request))
            return UINT32_MAX;
        uint32_t *slot = slot_of(request, part->id);
        index->used += *slot == 0;
        *slot = index->upto + 1;
    }
    return index->used > 0 ? *slot_of(request, id) - 1 : UINT32_MAX;
}

struct str
canon_call_name(struct canon_request *request, uint32_t before, struct str id)
{
    uint32_t call = canon_call_find(request, before, id);
    return call != UINT32_MAX ? request->parts[call].name : str_make(NULL, 0);
}
