/*
 * op_balances.c - groups whose balance another service keeps: what it told, what
 * it is owed, charges of which nobody knows; and the work of the workers that
 * talk with it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/admin/authorise.h"
#include "accountant/admin/object_json.h"
#include "accountant/admin/page.h"
#include "accountant/admin/value.h"
#include "accountant/admin/view.h"
#include "accountant/balance.h"
#include "common/clock.h"
#include "common/log.h"

enum { WAIT_MIN_MS = 50, WAIT_MAX_MS = 1000 };

static const char *const tasks[] = {
    [BALANCE_NO_TASK] = "none",
    [BALANCE_ACCOUNT] = "account",
    [BALANCE_REAL_NAME] = "real-name",
    [BALANCE_CHARGE] = "charge",
};
static const char *const results[] = {
    [BALANCE_OK] = "ok",
    [BALANCE_REFUSED] = "refused",
    [BALANCE_WHO_KNOWS] = "unknown",
};

static int
find_word(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(word, words[i]) == 0)
            return (int)i;
    return -1;
}

/* ---- for people ---- */

/* Those whose account is still to be paid, after the service kept no longer what
 * they have, too. */
void
op_balances_list(struct call *call)
{
    struct page page;
    const char *unknown = query_get(&call->query, "unknown");
    if (unknown != NULL && strcmp(unknown, "yes") != 0) {
        admin_error_field(&call->error, "unknown", "'unknown' is yes.");
        call_refuse(call);
        return;
    }
    if (!page_read(call, &page)) {
        call_refuse(call);
        return;
    }
    page_begin(call);
    size_t at = 0;
    const struct group *group = view_group_next(call, &at);
    for (; group != NULL; group = view_group_next(call, &at)) {
        const struct balance_account *account =
            balance_account_of(call->store, group->id);
        bool is_meant =
            account != NULL || balance_is_elsewhere(call->store, group);
        if (unknown != NULL)
            is_meant = account != NULL && account->unknown_count > 0;
        if (is_meant && page_has(&page))
            group_to_json(&call->json, call->store, group);
    }
    page_answer(call, &page);
}

static struct balance_account *
account_of_path(struct call *call, const struct group **group)
{
    *group = view_group_named(call, call->path_params[0]);
    if (*group == NULL) {
        call_fail(call, 404, "group_not_found", "Group '%.64s' does not exist.",
                  call->path_params[0]);
        return NULL;
    }
    struct balance_account *account =
        balance_account_of(call->store, (*group)->id);
    if (account == NULL)
        call_fail(call, 404, "not_found",
                  "The balance of group '%.64s' is kept by the ledger.",
                  (*group)->name);
    return account;
}

void
op_balances_ask(struct call *call)
{
    const struct group *group;
    struct balance_account *account = account_of_path(call, &group);
    if (account == NULL)
        return;
    balance_ask_now(call->store, account);
    group_to_json(&call->json, call->store, group);
    call_answer(call, 202);
}

static void
was_settled(void *context, int error, const char *reason, uint64_t id)
{
    struct call *call = context;
    const struct group *group =
        store_group_named(call->store, call->path_params[0]);
    (void)id;
    if (error != 0 || group == NULL) {
        call_fail_store(call, error != 0 ? error : -ENOENT, reason);
        return;
    }
    group_to_json(&call->json, call->store, group);
    call_answer(call, 200);
}

void
op_balances_settle(struct call *call)
{
    const cJSON *body = call->body;
    const struct group *group;
    uint64_t serial = 0;
    bool was_taken = false;
    struct balance_account *account = account_of_path(call, &group);
    if (account == NULL || !call_change_begin(call, 'g', group->id))
        return;
    if (!value_members(body, "", "charge taken", &call->error) ||
        !value_u64(cJSON_GetObjectItemCaseSensitive(body, "charge"), "charge",
                   INT64_MAX, &serial, &call->error) ||
        !value_bool(cJSON_GetObjectItemCaseSensitive(body, "taken"), "taken",
                    &was_taken, &call->error)) {
        call_refuse(call);
        return;
    }
    if (balance_settle(call->store, account, serial, was_taken) < 0) {
        call_fail(call, 404, "not_found",
                  "Group '%.64s' has no charge %llu of which nobody knows.",
                  group->name, (unsigned long long)serial);
        return;
    }
    /* The account is in the batch that the audit row is in. */
    store_put_extra(call->store, NULL, group->id, was_settled, call);
}

/* ---- for workers ---- */

struct balance_work {
    struct balance_outcome outcome;
    char courier[BALANCE_COURIER_BYTES];
    uint64_t group_id; /* of what is to be done; 0: nothing is */
};

/* Whole, and no more than a double has. */
static bool
get_i64(const cJSON *body, const char *name, int64_t *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(body, name);
    if (item == NULL)
        return true;
    if (!cJSON_IsNumber(item) || fabs(item->valuedouble) > 9007199254740992.0 ||
        floor(item->valuedouble) != item->valuedouble)
        return false;
    *out = (int64_t)item->valuedouble;
    return true;
}

static const char *
get_text(const cJSON *body, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(body, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static bool
read_outcome(const cJSON *done, struct balance_outcome *outcome)
{
    int task = find_word(get_text(done, "task"), tasks, ARRAY_LEN(tasks));
    int result =
        find_word(get_text(done, "result"), results, ARRAY_LEN(results));
    int64_t group_id = 0, serial = 0;
    if (task <= BALANCE_NO_TASK || result < 0 ||
        !get_i64(done, "group_id", &group_id) || group_id <= 0 ||
        !get_i64(done, "serial", &serial) || serial < 0 ||
        !get_i64(done, "balance", &outcome->balance) ||
        !get_i64(done, "quota", &outcome->quota) ||
        !get_i64(done, "left_of_quota", &outcome->left_of_quota))
        return false;
    outcome->task = (enum balance_task)task;
    outcome->result = (enum balance_result)result;
    outcome->group_id = (uint64_t)group_id;
    outcome->serial = (uint64_t)serial;
    outcome->reason = get_text(done, "reason");
    outcome->user = get_text(done, "user");
    outcome->is_subscription =
        cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(done, "is_subscription"));
    outcome->is_real_name =
        cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(done, "is_real_name"));
    return strlen(outcome->user) < BALANCE_USER_BYTES;
}

static void
answer_work(struct call *call)
{
    const struct balance_work *work = call->work;
    const struct balance_account *account =
        work->group_id == 0 ? NULL
                            : balance_account_of(call->store, work->group_id);
    struct json_writer *json = &call->json;
    uint64_t wait_ms = store_config(call->store)->balance.interval_ms / 4;
    bool is_there = account != NULL && account->task != BALANCE_NO_TASK &&
                    account->object->group != NULL &&
                    strcmp(account->courier, work->courier) == 0;
    json_object_begin(json);
    json_key(json, "task");
    json_cstring(json, tasks[is_there ? account->task : BALANCE_NO_TASK]);
    json_key(json, "wait_ms");
    json_u64(json, wait_ms < WAIT_MIN_MS   ? WAIT_MIN_MS
                   : wait_ms > WAIT_MAX_MS ? WAIT_MAX_MS
                                           : wait_ms);
    if (is_there)
        balance_request_to_json(json, call->store, account);
    json_object_end(json);
    call_answer(call, 200);
}

static void
work_durable(void *context, int error, const char *reason, uint64_t id)
{
    (void)id;
    if (error != 0)
        call_fail_store(context, error, reason);
    else
        answer_work(context);
}

void
op_balances_work(struct call *call)
{
    const cJSON *body = call->body;
    const cJSON *done = cJSON_GetObjectItemCaseSensitive(body, "done");
    const char *courier = get_text(body, "courier");
    if (!authorise_own(call)) /* whoever has a charge may send it */
        return;
    struct balance_work *work = calloc(1, sizeof(*work));
    if (work == NULL)
        fatal("out of memory");
    if (call->work != NULL)
        call->work_free(call->work);
    call->work = work;
    call->work_free = free;
    if (*courier == '\0' || strlen(courier) >= sizeof(work->courier) ||
        !value_members(body, "", "courier done more", &call->error) ||
        (done != NULL && !read_outcome(done, &work->outcome))) {
        call_fail(call, 400, "invalid_field",
                  "It needs who asks, and of what was done what came of it.");
        return;
    }
    snprintf(work->courier, sizeof(work->courier), "%s", courier);
    if (done != NULL)
        balance_told(call->store, courier, &work->outcome);
    bool wants_more =
        cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(body, "more"));
    if (!wants_more)
        balance_give_back(call->store, courier);
    /* Who fails, pauses. */
    bool goes_on =
        wants_more && (done == NULL || work->outcome.result == BALANCE_OK);
    const struct balance_account *next =
        goes_on ? balance_next(call->store, courier) : NULL;
    if (next != NULL)
        work->group_id = next->object->id;
    if ((done != NULL && work->outcome.task == BALANCE_CHARGE) ||
        (next != NULL && next->task == BALANCE_CHARGE))
        store_flush(call->store, work_durable, call);
    else
        answer_work(call);
}
