/*
 * metrics_balance.c - balances that another service keeps.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/metrics_part.h"
#include "common/money.h"

static void
number(struct buf *out, const char *name, const char *type, const char *help,
       uint64_t value)
{
    metrics_family(out, name, type, help);
    buf_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

static void
amount(const struct metrics_input *in, struct buf *out, const char *name,
       const char *type, const char *help, int64_t micro)
{
    char text[32];
    money_format_nano(micro * NANO_PER_MICRO, text);
    metrics_family(out, name, type, help);
    buf_printf(out, "%s{currency=\"", name);
    metrics_label(out, in->currency);
    buf_printf(out, "\"} %s\n", text);
}

static void
by_task(struct buf *out, const char *name, const char *help,
        const uint64_t counts[BALANCE_CHARGE + 1])
{
    static const char *const tasks[] = {[BALANCE_ACCOUNT] = "account",
                                        [BALANCE_REAL_NAME] = "real-name",
                                        [BALANCE_CHARGE] = "charge"};
    metrics_family(out, name, "counter", help);
    for (int task = BALANCE_ACCOUNT; task <= BALANCE_CHARGE; task++)
        buf_printf(out, "%s{task=\"%s\"} %llu\n", name, tasks[task],
                   (unsigned long long)counts[task]);
}

void
metrics_balance(const struct metrics_input *in, struct buf *out)
{
    const struct balance_summary *sum = in->balances;
    number(out, "aigw_balance_groups", "gauge",
           "Groups whose balance another service keeps.", sum->groups);
    number(out, "aigw_balance_groups_not_known", "gauge",
           "Of them, those whose calls are refused for want of an answer.",
           sum->not_known);
    metrics_family(out, "aigw_balance_oldest_answer_seconds", "gauge",
                   "Age of the oldest answer that a group's limit is from.");
    buf_printf(out, "aigw_balance_oldest_answer_seconds %llu.%03u\n",
               (unsigned long long)(sum->oldest_ms / 1000),
               (unsigned)(sum->oldest_ms % 1000));
    by_task(out, "aigw_balance_exchanges_total",
            "Questions to the service and charges that ended.",
            sum->counts.tasks);
    by_task(out, "aigw_balance_failures_total", "Of them, those that failed.",
            sum->counts.failures);
    amount(in, out, "aigw_balance_charged_total", "counter",
           "What the service has taken, ever.", sum->charged);
    amount(in, out, "aigw_balance_pending", "gauge",
           "What was spent and is not charged yet.", sum->pending);
    amount(in, out, "aigw_balance_unknown", "gauge",
           "Charges of which nobody knows whether they were taken.",
           sum->unknown);
    number(out, "aigw_balance_unknown_charges", "gauge",
           "How many those are: aigwctl balance settle.", sum->unknown_charges);
}
