/*
 * clickzetta.c - see clickzetta.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/clickzetta.h"

#include <stdio.h>

#include "common/net/http_reply.h"

/* NULL: no quota of this kind. */
static const char *
period_name(const struct entry_budget *row)
{
    if (row->unit != SHM_TOKENS)
        return NULL;
    switch (row->period) {
    case SHM_PERIOD_DAILY:
        return "PDO";
    case SHM_PERIOD_WEEKLY:
        return "PWO";
    case SHM_PERIOD_MONTHLY:
        return "PMO";
    case SHM_PERIOD_TOTAL:
        return "PTO";
    default:
        return NULL;
    }
}

static int64_t
used_before(const struct request *request, const struct entry_sums *sums,
            const struct entry_budget *row)
{
    int64_t used = (int64_t)sums->used[SHM_TOKENS] - sums->origin[SHM_TOKENS] -
                   row->baseline;
    if (request->settled)
        used -= (int64_t)(usage_total(&request->usage) + request->tried_tokens);
    return used > 0 ? used : 0;
}

void
clickzetta_fields(const struct request *request, struct buf *out)
{
    enum { PERIOD, LIMIT, USED, REMAINING, FIELDS };
    static const char *const names[FIELDS] = {
        "x-czgw-ratelimit-api-key-token-period",
        "x-czgw-ratelimit-api-key-token-limit",
        "x-czgw-ratelimit-api-key-token-used",
        "x-czgw-ratelimit-api-key-token-remaining",
    };
    enum { TEXT = SHM_BUDGETS * 24 };
    const struct segment *segment = request->worker->heritage->segment;
    char texts[FIELDS][TEXT] = {""};
    int lens[FIELDS] = {0};
    struct entry_policy policy;
    struct entry_sums sums;
    uint64_t tag;
    entry_sum(segment, request->key.entry, &sums);
    if (entry_look(segment, request->key.entry, &policy, &tag) < 0 ||
        tag != request->key.tag)
        return;
    for (int i = 0; i < SHM_BUDGETS; i++) {
        const struct entry_budget *row = &policy.budgets[i];
        const char *period = period_name(row);
        if (period == NULL)
            continue;
        const char *comma = lens[PERIOD] > 0 ? ", " : "";
        int64_t used = used_before(request, &sums, row);
        int64_t values[FIELDS] = {0, row->limit, used,
                                  row->limit > used ? row->limit - used : 0};
        for (int f = 0; f < FIELDS; f++) {
            size_t room = TEXT - (size_t)lens[f];
            lens[f] +=
                f == PERIOD
                    ? snprintf(texts[f] + lens[f], room, "%s%s", comma, period)
                    : snprintf(texts[f] + lens[f], room, "%s%lld", comma,
                               (long long)values[f]);
        }
    }
    for (int f = 0; f < FIELDS && lens[PERIOD] > 0; f++)
        http_field_cstr(out, names[f], texts[f]);
}
