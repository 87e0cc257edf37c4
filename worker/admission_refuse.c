/*
 * admission_refuse.c - which budget or limit refused a call, what is left of
 * it, when it is free again. Reads the cold rows, so only on refusal.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/admission_parts.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/clock.h"
#include "worker/error_reply.h"

static const char *
period_name(uint32_t period)
{
    switch (period) {
    case SHM_PERIOD_DAILY:
        return "daily";
    case SHM_PERIOD_WEEKLY:
        return "weekly";
    case SHM_PERIOD_MONTHLY:
        return "monthly";
    case SHM_PERIOD_BALANCE:
        return "balance";
    default:
        return "total";
    }
}

static int64_t
room_of(const struct entry_sums *sums, int unit)
{
    if (sums->ceiling[unit] == INT64_MAX)
        return INT64_MAX;
    uint64_t taken = sums->used[unit] + sums->reserved[unit];
    return taken > INT64_MAX ? INT64_MIN : sums->ceiling[unit] - (int64_t)taken;
}

/* The row that makes the ceiling; NULL: changed meanwhile. */
static const struct entry_budget *
binding_row(const struct entry_policy *policy, int unit)
{
    const struct entry_budget *found = NULL;
    for (int i = 0; i < SHM_BUDGETS; i++) {
        const struct entry_budget *row = &policy->budgets[i];
        if (row->period == SHM_PERIOD_NONE || row->unit != (uint32_t)unit)
            continue;
        if (found == NULL ||
            row->baseline + row->limit < found->baseline + found->limit)
            found = row;
    }
    return found;
}

static void
format_amount(int unit, int64_t amount, char out[48])
{
    char text[32];
    if (unit == SHM_TOKENS) {
        snprintf(out, 48, "%" PRId64 " tokens", amount);
        return;
    }
    money_format_nano(amount, text);
    snprintf(out, 48, "%s of currency", text);
}

static void
explain(const struct entry_budget *row, const struct entry_sums *sums,
        bool is_group, int64_t needed, struct fault *fault)
{
    int unit = (int)row->unit;
    int64_t total = (int64_t)sums->used[unit] - sums->origin[unit];
    char limit[48], left[48], need[48], when[32], reset[64] = "";
    int64_t remaining =
        row->limit - (total - row->baseline) - (int64_t)sums->reserved[unit];
    format_amount(unit, row->limit, limit);
    format_amount(unit, remaining > 0 ? remaining : 0, left);
    format_amount(unit, needed, need);
    if (row->resets_ms > 0) {
        clock_format_rfc3339(row->resets_ms, when);
        snprintf(reset, sizeof(reset), " It resets at %s.", when);
        int64_t wait_ms = row->resets_ms - clock_period_ms();
        fault->retry_after_s =
            wait_ms > 1000 ? (uint64_t)(wait_ms + 999) / 1000 : 1;
    }
    fault->budget = (struct fault_budget){
        .unit = (uint8_t)unit,
        .period = (uint8_t)row->period,
        .of_group = is_group,
        .limit = row->limit,
        .used = total - row->baseline,
    };
    snprintf(fault->message, sizeof(fault->message),
             "the %s budget of this %s (%s) has %s left, running requests "
             "counted, and this call needs at least %s.%s Ask its owner to "
             "raise it, or send less.",
             period_name(row->period), is_group ? "key's group" : "key", limit,
             left, need, reset);
}

int
refuse_budget(const struct request *request, const struct lease *lease,
              int unit, struct fault *fault)
{
    const struct segment *segment = request->worker->heritage->segment;
    struct entry_sums sums, group_sums;
    uint32_t entry = request->key.entry;
    uint64_t tag = request->key.tag;
    entry_sum(segment, entry, &sums);
    bool is_group = false;
    if (request->key.group_entry != SHM_ENTRY_NONE) {
        entry_sum(segment, request->key.group_entry, &group_sums);
        is_group = room_of(&group_sums, unit) < room_of(&sums, unit);
        if (is_group) {
            entry = request->key.group_entry;
            tag = request->key.group_tag;
            sums = group_sums;
        }
    }
    fault_set(fault, 429, "insufficient_quota", "insufficient_quota", NULL,
              "the budget of this %s is spent",
              is_group ? "key's group" : "key");
    fault->no_retry = true;
    fault->limit = RECORD_LIMIT_BUDGET;
    struct entry_policy policy;
    uint64_t now;
    /* Another tenant's numbers are none of this one's business. */
    if (entry_look(segment, entry, &policy, &now) < 0 || now != tag)
        return -1;
    const struct entry_budget *row = binding_row(&policy, unit);
    if (row == NULL)
        return -1;
    if (row->period == SHM_PERIOD_BALANCE && row->limit < 0) {
        fault_set(fault, 503, "balance_unavailable", "balance_unavailable",
                  NULL,
                  "the balance of this key's group is not known now: the "
                  "service that keeps it has not told it");
        fault->retry_after_s = 1;
        fault->limit = RECORD_LIMIT_BALANCE;
        return -1;
    }
    if (row->period == SHM_PERIOD_BALANCE) {
        fault_set(fault, 402, "insufficient_balance", "insufficient_balance",
                  NULL,
                  "the prepaid balance of this key's group does not cover the "
                  "call: ask its owner to top it up");
        fault->no_retry = true;
        fault->limit = RECORD_LIMIT_BALANCE;
        return -1;
    }
    uint64_t needed = unit == SHM_TOKENS
                          ? lease->prompt + (lease->want > 0)
                          : lease_money(request, lease->prompt, 1);
    if (!lease->may_shrink && unit == SHM_TOKENS)
        needed = lease->prompt + lease->want;
    if (!lease->may_shrink && unit == SHM_NANO)
        needed = lease_money(request, lease->prompt, lease->want);
    explain(row, &sums, is_group, (int64_t)needed, fault);
    return -1;
}

int
refuse_concurrency(const struct request *request, bool is_group,
                   struct fault *fault)
{
    const struct segment *segment = request->worker->heritage->segment;
    uint32_t entry = is_group ? request->key.group_entry : request->key.entry;
    uint32_t max = shm_load(&segment_entry_hot(segment, entry)->max_in_flight);
    fault_set(fault, 429, "rate_limit_error", "rate_limit_exceeded", NULL,
              "this %s has its %u requests in flight: wait until one ends",
              is_group ? "key's group" : "key", max);
    fault->limit = RECORD_LIMIT_CONCURRENCY;
    fault->retry_after_s = 1;
    return -1;
}

int
refuse_rate(const struct rate_answer *rate, const char *what,
            enum record_limit limit, struct fault *fault)
{
    uint64_t wait_s = (rate->retry_ns + 999999999) / 1000000000;
    fault_set(fault, 429, "rate_limit_error", "rate_limit_exceeded", NULL,
              "this key may use %" PRIu64 " %s a minute: try again in %" PRIu64
              " s",
              rate->limit, what, wait_s > 0 ? wait_s : 1);
    fault->limit = (uint8_t)limit;
    fault->retry_after_s = wait_s > 0 ? wait_s : 1;
    return -1;
}
