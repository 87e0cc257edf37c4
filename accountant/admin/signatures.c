/*
 * signatures.c - see signatures.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/signatures.h"

#include <stdlib.h>
#include <string.h>

#include "common/crypto.h"
#include "common/hash.h"

enum {
    GENERATION_S = SIGNATURE_SKEW_S,
    GENERATIONS = 3, /* what is SKEW before or after now lies in so many */
    FIRST_CELLS = 256,
    ACTION_BYTES = 64, /* longer ones are none */
    SIGNATURE_BYTES = 128,
};

/* An open table that only grows; half of its cells are free. */
struct generation {
    int64_t number; /* signed second / GENERATION_S */
    struct cell {
        uint64_t mark; /* 0: free */
        uint32_t more; /* of the mark */
        uint32_t first_s;
    } * cells;
    size_t cell_count, used;
};

struct signatures {
    uint8_t seed[16];
    int64_t floor_s;
    struct generation generations[GENERATIONS];
};

struct signatures *
signatures_create(int64_t floor_s)
{
    struct signatures *signatures = calloc(1, sizeof(*signatures));
    if (signatures == NULL)
        return NULL;
    crypto_random(signatures->seed, sizeof(signatures->seed));
    signatures->floor_s = floor_s;
    return signatures;
}

void
signatures_destroy(struct signatures **signatures)
{
    if (*signatures == NULL)
        return;
    for (int i = 0; i < GENERATIONS; i++)
        free((*signatures)->generations[i].cells);
    free(*signatures);
    *signatures = NULL;
}

/* The cell with this mark, or the free one where it would be. */
static struct cell *
find(const struct generation *in, uint64_t mark, uint32_t more)
{
    size_t at = (size_t)mark & (in->cell_count - 1);
    while (in->cells[at].mark != 0 &&
           (in->cells[at].mark != mark || in->cells[at].more != more))
        at = (at + 1) & (in->cell_count - 1);
    return &in->cells[at];
}

/* Room for two more. False: full, or no memory. */
static bool
make_room(struct generation *in)
{
    if (in->used + 2 > SIGNATURES_MAX)
        return false;
    if (in->used + 2 <= in->cell_count / 2)
        return true;
    struct generation next = {
        .number = in->number,
        .cell_count = in->cell_count == 0 ? FIRST_CELLS : in->cell_count * 2,
        .used = in->used,
    };
    next.cells = calloc(next.cell_count, sizeof(*next.cells));
    if (next.cells == NULL)
        return false;
    for (size_t i = 0; i < in->cell_count; i++)
        if (in->cells[i].mark != 0)
            *find(&next, in->cells[i].mark, in->cells[i].more) = in->cells[i];
    free(in->cells);
    *in = next;
    return true;
}

/* NULL: its time is over, which only a clock that was set back brings. */
static struct generation *
generation_of(struct signatures *signatures, int64_t signed_s)
{
    int64_t number = signed_s / GENERATION_S;
    struct generation *in =
        &signatures->generations[(uint64_t)number % GENERATIONS];
    if (in->number > number)
        return NULL;
    if (in->number < number) {
        free(in->cells);
        *in = (struct generation){.number = number};
    }
    return in;
}

/* Of the signature alone, or with an action. */
static struct cell *
look(const struct signatures *signatures, const struct generation *in,
     struct str signature, struct str change, struct cell *wanted)
{
    char text[SIGNATURE_BYTES + 1 + ACTION_BYTES];
    uint64_t hash[2];
    size_t len = (size_t)(str_copy(text, signature) - text);
    text[len++] = ' ';
    len = (size_t)(str_copy(text + len, change) - text);
    hash_siphash128(signatures->seed, text, len, hash);
    wanted->mark = hash[0] == 0 ? 1 : hash[0];
    wanted->more = (uint32_t)hash[1];
    return find(in, wanted->mark, wanted->more);
}

enum signature_use
signatures_use(struct signatures *signatures, struct str signature,
               struct str change, int64_t signed_s, int64_t now_s)
{
    struct cell wanted = {.first_s = (uint32_t)now_s};
    if (signature.len > SIGNATURE_BYTES || change.len > ACTION_BYTES ||
        signed_s < signatures->floor_s || signed_s < 0)
        return SIGNATURE_USED;
    struct generation *in = generation_of(signatures, signed_s);
    if (in == NULL)
        return SIGNATURE_USED;
    if (!make_room(in))
        return SIGNATURE_FULL;
    struct cell *first =
        look(signatures, in, signature, (struct str){"", 0}, &wanted);
    if (first->mark != 0 &&
        (int32_t)((uint32_t)now_s - first->first_s) > SIGNATURE_REST_S)
        return SIGNATURE_USED;
    if (first->mark == 0) {
        *first = wanted;
        in->used++;
    }
    if (change.len == 0)
        return SIGNATURE_FRESH;
    struct cell *done = look(signatures, in, signature, change, &wanted);
    if (done->mark != 0)
        return SIGNATURE_USED;
    *done = wanted;
    in->used++;
    return SIGNATURE_FRESH;
}
