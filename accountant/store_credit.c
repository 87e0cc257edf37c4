/*
 * store_credit.c - amounts onto the balances of several groups, all or none:
 * what calls cost too much by a wrong price is given back, and what they cost
 * too little is taken. In the history as top-ups are.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/store_change.h"
#include "accountant/store_check.h"
#include "common/clock.h"
#include "common/log.h"

void
store_credit(struct store *store, struct store_credit *credits, size_t count,
             const char *note, struct store_extra *extra, store_done done,
             void *context)
{
    struct change *change = change_make(CHANGE_CREDIT, done, context);
    change->credits = credits;
    change->credit_count = count;
    change->extra = extra;
    snprintf(change->note, sizeof(change->note), "%s", note);
    change_enqueue(store, change);
}

static int
check_credit(struct change *change, const struct store_credit *credit,
             const struct object *object)
{
    int64_t sum;
    if (object == NULL || object->group == NULL)
        return change_refuse(change, -ENOENT, "a group of it is gone");
    if (object->staged)
        return CHANGE_LATER;
    if (__builtin_add_overflow(object->group->topped_up_nano, credit->nano,
                               &sum) ||
        sum < 0 || sum > CHECK_LIMIT_MAX)
        return change_refuse(change, -EINVAL,
                             "a group's top-ups would add up to less than 0, "
                             "or more than 2,300,000,000");
    return 0;
}

static void
stage_one(struct flush *flush, struct object *object,
          struct store_credit *credit, const char *note, uint32_t index)
{
    credit->staged = malloc(sizeof(*credit->staged));
    if (credit->staged == NULL)
        fatal("out of memory");
    *credit->staged = *object->group;
    credit->staged->topped_up_nano += credit->nano;
    credit->staged->updated_ms = clock_wall_ms();
    object->staged = true;
    change_stage_group(flush, object, credit->staged);
    struct ledger_top_up top_up = {
        .group_id = credit->group_id,
        .batch_no = flush->batch_no,
        .index = index,
        .at_ms = credit->staged->updated_ms,
        .nano = credit->nano,
        .note = str_from(note),
    };
    ledger_batch_top_up(flush->batch, &top_up);
}

int
change_stage_credits(struct store *store, struct flush *flush,
                     struct change *change)
{
    for (size_t i = 0; i < change->credit_count; i++) {
        const struct store_credit *credit = &change->credits[i];
        int rc = check_credit(
            change, credit,
            objects_find(&store->objects, LEDGER_GROUP, credit->group_id));
        if (rc != 0)
            return rc;
    }
    for (size_t i = 0; i < change->credit_count; i++) {
        struct store_credit *credit = &change->credits[i];
        stage_one(flush,
                  objects_find(&store->objects, LEDGER_GROUP, credit->group_id),
                  credit, change->note, flush->change_count);
    }
    return 0;
}

void
change_apply_credits(struct store *store, struct change *change)
{
    for (size_t i = 0; i < change->credit_count; i++) {
        struct store_credit *credit = &change->credits[i];
        struct object *object =
            objects_find(&store->objects, LEDGER_GROUP, credit->group_id);
        credit->staged->total = object->total;
        object->staged = false;
        if (objects_put_group(&store->objects, object, credit->staged) < 0)
            fatal("out of memory");
        credit->staged = NULL;
        if (publish_object(store, object) < 0)
            log_warn("group=%llu has no entry in the segment: its keys are "
                     "refused; raise [server] max_keys",
                     (unsigned long long)object->id);
    }
    change_answer(change, 0, "");
}

void
change_free_credits(struct change *change)
{
    for (size_t i = 0; i < change->credit_count; i++)
        free(change->credits[i].staged);
    free(change->credits);
}
