/*
 * alerts.c - see alerts.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/alerts.h"

#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/ledger_note.h"
#include "accountant/notes.h"
#include "accountant/store_private.h"
#include "common/clock.h"
#include "common/json_write.h"
#include "common/log.h"

void
alerts_configure(struct alerts *alerts, const struct config *config)
{
    struct buf reason;
    alerts_fini(alerts);
    if (config->alert_count == 0)
        return;
    alerts->levels = calloc(config->alert_count, sizeof(*alerts->levels));
    if (alerts->levels == NULL)
        fatal("out of memory");
    alerts->count = config->alert_count;
    buf_init(&reason, 0);
    for (unsigned i = 0; i < config->alert_count; i++)
        if (alert_levels_parse(&config->alerts[i], &alerts->levels[i],
                               &reason) < 0)
            alerts->levels[i] = (struct alert_levels){0};
    buf_fini(&reason);
}

void
alerts_fini(struct alerts *alerts)
{
    free(alerts->levels);
    *alerts = (struct alerts){0};
}

void
alerts_ring(struct store *store)
{
    shm_u64 *word = &store->segment->header->alerts;
    shm_store(word, shm_load_own(word) + 1);
}

/* ---- what is told ---- */

/* What one object is at one moment. */
struct moment {
    const struct budget *budgets;
    struct ledger_total total;
    bool has_balance;
    int64_t balance;
    int64_t below; /* a level of the group's own; 0: none */
};

struct subject {
    struct flush *flush;
    const char *group, *key; /* key NULL: the group itself */
    uint64_t key_id;
    struct moment was, is;
};

static int64_t
used_of(const struct moment *moment, const struct budget *budget)
{
    uint64_t total =
        budget->unit == SHM_TOKENS ? moment->total.tokens : moment->total.nano;
    return (int64_t)total - budget->baseline;
}

static void
key_amount(struct json_writer *json, const char *name, uint32_t unit,
           int64_t amount)
{
    json_key(json, name);
    if (unit == SHM_NANO)
        json_money(json, amount);
    else
        json_i64(json, amount);
}

static void
put_subject(struct json_writer *json, const struct subject *subject)
{
    json_key(json, "group");
    json_cstring(json, subject->group);
    json_key(json, "key");
    json_cstring(json, subject->key);
    json_key(json, "key_id");
    if (subject->key == NULL)
        json_null(json);
    else
        json_u64(json, subject->key_id);
}

/* Into the batch: an event that is due at once. Its body ends here. */
static void
put_event(struct flush *flush, const char *alert, int64_t now_ms,
          struct json_writer *json, struct buf *body)
{
    struct alert_event event;
    struct buf value;
    json_object_end(json);
    alert_event_init(&event, alert, now_ms, flush->batch_no,
                     flush->alert_count++);
    event.body = buf_view(body);
    buf_init(&value, 0);
    alert_event_encode(&event, &value);
    if (!buf_ok(body) || !buf_ok(&value))
        fatal("out of memory");
    ledger_batch_note(flush->batch, NOTES_OUTBOX,
                      str_make(event.id, sizeof(event.id)), buf_view(&value));
    buf_fini(&value);
}

static void
tell_budget(const struct subject *subject, const struct config_alert *alert,
            const struct budget *budget, uint64_t percent)
{
    static const char *const periods[] = {[SHM_PERIOD_DAILY] = "daily",
                                          [SHM_PERIOD_WEEKLY] = "weekly",
                                          [SHM_PERIOD_MONTHLY] = "monthly",
                                          [SHM_PERIOD_TOTAL] = "total"};
    int64_t now_ms = clock_wall_ms();
    struct json_writer json;
    struct buf body;
    buf_init(&body, 0);
    json_writer_init(&json, &body);
    alert_body_begin(&json, subject->flush->store->config, alert->name,
                     "budget", now_ms);
    put_subject(&json, subject);
    json_key(&json, "unit");
    json_cstring(&json, budget->unit == SHM_NANO ? "currency" : "tokens");
    json_key(&json, "period");
    json_cstring(&json, periods[budget->period]);
    json_key(&json, "percent");
    json_u64(&json, percent);
    key_amount(&json, "limit", budget->unit, budget->limit);
    key_amount(&json, "used", budget->unit, used_of(&subject->is, budget));
    put_event(subject->flush, alert->name, now_ms, &json, &body);
    buf_fini(&body);
}

static void
tell_balance(const struct subject *subject, const struct config_alert *alert,
             int64_t level)
{
    int64_t now_ms = clock_wall_ms();
    struct json_writer json;
    struct buf body;
    buf_init(&body, 0);
    json_writer_init(&json, &body);
    alert_body_begin(&json, subject->flush->store->config, alert->name,
                     "balance", now_ms);
    put_subject(&json, subject);
    key_amount(&json, "below", SHM_NANO, level);
    key_amount(&json, "balance", SHM_NANO, subject->is.balance);
    put_event(subject->flush, alert->name, now_ms, &json, &body);
    buf_fini(&body);
}

/* ---- crossings ---- */

/* Nothing used reaches nothing, whatever the limit. */
static bool
is_reached(const struct moment *moment, const struct budget *budget,
           uint64_t percent)
{
    int64_t used = used_of(moment, budget);
    return used > 0 && (unsigned __int128)used * 100 >=
                           (unsigned __int128)budget->limit * percent;
}

static const struct budget *
same_budget(const struct moment *moment, const struct budget *budget)
{
    for (int row = 0; row < SHM_BUDGETS; row++)
        if (moment->budgets[row].period == budget->period &&
            moment->budgets[row].unit == budget->unit)
            return &moment->budgets[row];
    return NULL;
}

static void
look_at_budgets(const struct subject *subject, const struct config_alert *alert,
                const struct alert_levels *levels)
{
    for (int row = 0; row < SHM_BUDGETS; row++) {
        const struct budget *budget = &subject->is.budgets[row];
        if (budget->period == SHM_PERIOD_NONE)
            continue;
        const struct budget *before = same_budget(&subject->was, budget);
        for (unsigned i = 0; i < levels->percent_count; i++)
            if (is_reached(&subject->is, budget, levels->percents[i]) &&
                (before == NULL ||
                 !is_reached(&subject->was, before, levels->percents[i])))
                tell_budget(subject, alert, budget, levels->percents[i]);
    }
}

static void
look_at_balance(const struct subject *subject, const struct config_alert *alert,
                const struct alert_levels *levels)
{
    for (unsigned i = 0; i < levels->balance_count; i++)
        if (subject->is.has_balance &&
            subject->is.balance < levels->balances[i] &&
            (!subject->was.has_balance ||
             subject->was.balance >= levels->balances[i]))
            tell_balance(subject, alert, levels->balances[i]);
}

static bool
is_below_own(const struct moment *moment)
{
    return moment->has_balance && moment->below > 0 &&
           moment->balance < moment->below;
}

/* The group's own level, of each alert that concerns it; one that has the same
 * level tells it once. */
static void
look_at_own_level(const struct subject *subject,
                  const struct config_alert *alert,
                  const struct alert_levels *levels)
{
    if (!is_below_own(&subject->is) || is_below_own(&subject->was))
        return;
    for (unsigned i = 0; i < levels->balance_count; i++)
        if (levels->balances[i] == subject->is.below &&
            subject->is.below == subject->was.below)
            return;
    tell_balance(subject, alert, subject->is.below);
}

static bool
concerns(const struct config_alert *alert, const struct subject *subject)
{
    if (!alert->enabled ||
        (alert->group != NULL && strcmp(alert->group, subject->group) != 0))
        return false;
    return alert->key == NULL ||
           (subject->key != NULL && strcmp(alert->key, subject->key) == 0);
}

static void
look(const struct subject *subject)
{
    const struct store *store = subject->flush->store;
    for (unsigned i = 0; i < store->alerts.count; i++) {
        const struct config_alert *alert = &store->config->alerts[i];
        if (!concerns(alert, subject))
            continue;
        look_at_budgets(subject, alert, &store->alerts.levels[i]);
        look_at_balance(subject, alert, &store->alerts.levels[i]);
        look_at_own_level(subject, alert, &store->alerts.levels[i]);
    }
}

/* One of the two is not NULL. */
static void
set_moment(const struct flush *flush, struct moment *moment,
           const struct gateway *gateway, const struct group *group,
           const struct ledger_total *total)
{
    const struct store *store = flush->store;
    moment->budgets = gateway != NULL ? gateway->budgets : group->budgets;
    moment->total = *total;
    if (gateway != NULL)
        return;
    if (balance_is_elsewhere(store, group)) {
        const struct balance_account *account =
            balance_account_of(store, group->id);
        moment->has_balance = account != NULL && account->is_told;
        if (moment->has_balance)
            moment->balance =
                balance_left(store, account, (int64_t)total->nano);
        return;
    }
    moment->has_balance = group->prepaid;
    moment->balance = group->topped_up_nano - (int64_t)total->nano;
    moment->below = group->alert_below_nano;
}

/* False: it is of a group that is not there. */
static bool
set_names(struct subject *subject, const struct gateway *gateway,
          const struct group *group)
{
    if (gateway == NULL) {
        subject->group = group->name;
        return true;
    }
    const struct object *owner = objects_find(&subject->flush->store->objects,
                                              LEDGER_GROUP, gateway->group_id);
    if (owner == NULL || owner->group == NULL)
        return false;
    subject->key = gateway->name;
    subject->key_id = gateway->id;
    subject->group = owner->group->name;
    return true;
}

static bool
is_living(const struct object *object)
{
    return object->gateway != NULL || object->group != NULL;
}

void
alerts_stage_used(struct flush *flush)
{
    if (flush->store->alerts.count == 0)
        return;
    for (size_t i = 0; i < flush->touched_count; i++) {
        const struct object *object = flush->touched[i];
        struct subject subject = {.flush = flush};
        if (object->staged || !is_living(object))
            continue; /* its change has looked */
        set_moment(flush, &subject.was, object->gateway, object->group,
                   &object->total);
        set_moment(flush, &subject.is, object->gateway, object->group,
                   &object->pending);
        if (set_names(&subject, object->gateway, object->group))
            look(&subject);
    }
}

void
alerts_stage_change(struct flush *flush, const struct object *object,
                    const struct gateway *gateway, const struct group *group)
{
    struct subject subject = {.flush = flush};
    if (flush->store->alerts.count == 0 || object == NULL || !is_living(object))
        return;
    struct ledger_total total = flush_total(object);
    set_moment(flush, &subject.was, object->gateway, object->group,
               &object->total);
    set_moment(flush, &subject.is, gateway, group, &total);
    if (set_names(&subject, gateway, group))
        look(&subject);
}

void
alerts_stage_limit(struct flush *flush, const struct object *object,
                   int64_t was, int64_t is)
{
    struct subject subject = {.flush = flush};
    int64_t total = (int64_t)object->total.nano;
    if (flush->store->alerts.count == 0 || object->group == NULL)
        return;
    set_moment(flush, &subject.was, NULL, object->group, &object->total);
    subject.is = subject.was;
    subject.was.has_balance = was != BALANCE_NOT_KNOWN;
    subject.was.balance = was - total;
    subject.is.has_balance = is != BALANCE_NOT_KNOWN;
    subject.is.balance = is - total;
    if (set_names(&subject, NULL, object->group))
        look(&subject);
}
