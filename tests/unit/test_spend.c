/*
 * test_spend.c - spend rules: their text, which calls they concern, windows, and
 * the accountant's book of them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/spend_book.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/spend_rule.h"
#include "tests/unit/shm_fixture.h"

static struct spend_rule
rule_of(const char *text)
{
    struct spend_rule rule;
    struct buf reason;
    buf_init(&reason, 0);
    if (spend_rule_parse(str_from(text), &rule, &reason) < 0)
        test_fail(__FILE__, __LINE__, "%s: %s", text, buf_cstr(&reason));
    buf_fini(&reason);
    return rule;
}

TEST(a_rule_is_read)
{
    struct spend_rule rule =
        rule_of(" id=a  limit=0.5 window=1h technique=sliding model=m1|m2 "
                "provider=p partition=user filter=team:blue|red");
    CHECK_STR(str_from(rule.id), "a");
    CHECK_EQ(rule.limit_nano, 500000000);
    CHECK_EQ(rule.window_ms, 3600000);
    CHECK_TRUE(rule.sliding);
    CHECK_EQ(rule.tag_count, 2);
    CHECK_TRUE(rule.tags[0].partition && !rule.tags[1].partition);
    CHECK_STR(str_from(rule.tags[1].values), "blue|red");
    CHECK_EQ(rule_of("id=a limit=0 window=90").window_ms, 90000);
    CHECK_EQ(rule_of("id=a limit=1 window=7d").window_ms, 604800000);
}

TEST(what_is_no_rule_is_refused_with_the_part_that_is_not_understood)
{
    static const char *const texts[] = {
        "",
        "id=a",
        "limit=1 window=1h",
        "id=a limit=x window=1h",
        "id=a limit=-1 window=1h",
        "id=a limit=1 window=0",
        "id=a limit=1 window=1y",
        "id=a limit=1 window=99999999999999999999",
        "id=a limit=1 window=1h technique=other",
        "id=a limit=1 window=1h colour=red",
        "id=a limit=1 window=1h filter=team",
        "id=a limit=1 window=1h filter=:x",
        "id=a limit=1 window=1h model=",
        "id=a limit=1 window=1h partition=a partition=b partition=c "
        "partition=d partition=e partition=f",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct spend_rule rule;
        struct buf reason;
        buf_init(&reason, 0);
        CHECK_EQ(spend_rule_parse(str_from(texts[i]), &rule, &reason), -EINVAL);
        CHECK_TRUE(buf_len(&reason) > 0);
        buf_fini(&reason);
    }
}

/* ---- which calls ---- */

struct tags {
    const char *key, *value;
};

static struct str
find_tag(void *context, struct str key)
{
    const struct tags *tags = context;
    for (; tags->key != NULL; tags++)
        if (str_equals(str_from(tags->key), key))
            return str_from(tags->value);
    return (struct str){NULL, 0};
}

static uint64_t
counter(const char *rule_text, const char *model, const char *provider,
        const struct tags *tags)
{
    struct spend_rule rule = rule_of(rule_text);
    const struct spend_call call = {"main", model, provider, find_tag,
                                    (void *)(uintptr_t)tags};
    return spend_rule_counter(&rule, &call);
}

TEST(a_rule_concerns_calls_by_model_provider_and_filter)
{
    static const struct tags none[] = {{NULL, NULL}},
                             blue[] = {{"team", "blue"}, {NULL, NULL}};
#define RULE "id=a limit=1 window=1h "
    CHECK_TRUE(counter(RULE, "m", "p", none) != 0);
    CHECK_TRUE(counter(RULE "model=m|n", "n", "p", none) != 0);
    CHECK_EQ(counter(RULE "model=m|n", "o", "p", none), 0);
    CHECK_EQ(counter(RULE "model=mm", "m", "p", none), 0);
    CHECK_EQ(counter(RULE "provider=q", "m", "p", none), 0);
    CHECK_TRUE(counter(RULE "filter=team:red|blue", "m", "p", blue) != 0);
    CHECK_EQ(counter(RULE "filter=team:red", "m", "p", blue), 0);
    CHECK_EQ(counter(RULE "filter=team:red|blue", "m", "p", none), 0);
}

TEST(partitions_have_counters_of_their_own_filters_have_not)
{
    static const struct tags none[] = {{NULL, NULL}},
                             ann[] = {{"user", "ann"}, {"team", "x"}, {NULL}},
                             bob[] = {{"user", "bob"}, {"team", "x"}, {NULL}},
                             empty[] = {{"user", ""}, {NULL}};
    const char *by_user = RULE "partition=user";
    uint64_t of_ann = counter(by_user, "m", "p", ann);
    CHECK_TRUE(of_ann != 0);
    CHECK_TRUE(of_ann == counter(by_user, "other", "p", ann));
    CHECK_TRUE(of_ann != counter(by_user, "m", "p", bob));
    CHECK_TRUE(of_ann != counter(by_user, "m", "p", none));
    CHECK_TRUE(counter(by_user, "m", "p", empty) !=
               counter(by_user, "m", "p", none));
    CHECK_TRUE(of_ann !=
               counter("id=b limit=1 window=1h partition=user", "m", "p", ann));
    const char *of_team = RULE "filter=team:x";
    CHECK_TRUE(counter(of_team, "m", "p", ann) ==
               counter(of_team, "m", "p", bob));
}

/* ---- windows ---- */

TEST(a_window_that_has_passed_counts_no_more_or_by_what_is_left_of_it)
{
    const struct spend_sums sums = {.window = 10, .sum = 100, .last = 40};
    static const struct {
        int64_t at_ms;
        uint64_t fixed, sliding;
    } cases[] = {{10000, 100, 140}, {10500, 100, 120}, {10999, 100, 100},
                 {11000, 0, 100},   {11250, 0, 75},    {12000, 0, 0},
                 {9000, 100, 140} /* a clock that was set back */};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK_EQ(spend_at(&sums, 1000, false, cases[i].at_ms), cases[i].fixed);
        CHECK_EQ(spend_at(&sums, 1000, true, cases[i].at_ms), cases[i].sliding);
    }
}

/* ---- the book ---- */

struct world {
    struct fixture f;
    struct catalogue catalogue;
    struct catalogue_gateway gateway;
    struct spend_rule rule;
    struct spend_book book;
    struct ledger_batch *batch;
};

static void
world_open(struct world *w, const char *rule)
{
    memset(w, 0, sizeof(*w));
    fixture_open(&w->f);
    strcpy(w->gateway.name, "main");
    w->gateway.hash = settings_name_hash(STR_LIT("main"));
    w->rule = rule_of(rule);
    w->gateway.spend_rules = &w->rule;
    w->gateway.spend_rule_count = 1;
    w->catalogue.gateways = &w->gateway;
    w->catalogue.gateway_count = 1;
    w->batch = ledger_batch_create();
}

static void
world_close(struct world *w)
{
    ledger_batch_destroy(&w->batch);
    spend_book_fini(&w->book);
    fixture_close(&w->f);
}

static void
add(struct world *w, const char *tags, int64_t ended_ms, uint64_t nano)
{
    union {
        struct shm_record record;
        char bytes[SHM_RECORD_MAX];
    } room = {.record = {.gateway = settings_name_hash(STR_LIT("main")),
                         .nano = nano,
                         .ended_ms = ended_ms,
                         .model_asked_len = 3,
                         .error_len = 2,
                         .tags_len = (uint16_t)strlen(tags)}};
    memcpy(room.bytes + sizeof(room.record), "m-xer", 5);
    memcpy(room.bytes + sizeof(room.record) + 5, tags, strlen(tags));
    CHECK_EQ(spend_book_add(&w->book, &w->f.segment, &w->catalogue,
                            &room.record, w->batch),
             0);
}

static uint64_t
shown(struct world *w, const struct tags *tags, int64_t at_ms)
{
    const struct spend_call call = {"main", "", "", find_tag,
                                    (void *)(uintptr_t)tags};
    struct spend_sums sums;
    spend_read(&w->f.segment, spend_rule_counter(&w->rule, &call), &sums);
    return spend_at(&sums, w->rule.window_ms, w->rule.sliding, at_ms);
}

static const struct tags ann[] = {{"user", "ann"}, {NULL, NULL}};
static const struct tags seven[] = {{"user", "7"}, {NULL, NULL}};
static const struct tags nobody[] = {{NULL, NULL}};

TEST(records_count_where_workers_look)
{
    struct world w;
    world_open(&w, "id=a limit=1 window=10 partition=user");
    add(&w, "{\"user\":\"\\u0061nn\"}", 100000, 5);
    add(&w, "{\"x\":1,\"user\":\"ann\"}", 101000, 6);
    add(&w, "{\"user\":7}", 101000, 30);
    add(&w, "", 101000, 100);
    CHECK_EQ(shown(&w, ann, 109999), 11);
    CHECK_EQ(shown(&w, seven, 109999), 30);
    CHECK_EQ(shown(&w, nobody, 109999), 100);
    CHECK_EQ(shown(&w, ann, 110000), 0);
    add(&w, "{\"user\":\"ann\"}", 112000, 2);
    add(&w, "{\"user\":\"ann\"}", 109000, 50); /* late by a window */
    add(&w, "{\"user\":\"ann\"}", 99000, 70);  /* by two */
    CHECK_EQ(shown(&w, ann, 112000), 2);
    w.rule.sliding = true;
    CHECK_EQ(shown(&w, ann, 115000), 2 + (11 + 50) / 2);
    world_close(&w);
}

/* By the number of the shorter window the longer one would never come. */
TEST(a_rule_that_gets_another_window_counts_from_its_beginning)
{
    struct world w;
    world_open(&w, "id=a limit=1 window=10 partition=user");
    add(&w, "{\"user\":\"ann\"}", 100000, 5);
    w.rule.window_ms *= 100;
    add(&w, "{\"user\":\"ann\"}", 101000, 7);
    CHECK_EQ(shown(&w, ann, 101000), 7);
    w.rule.window_ms /= 100;
    add(&w, "{\"user\":\"ann\"}", 102000, 9);
    CHECK_EQ(shown(&w, ann, 102000), 9);
    world_close(&w);
}

TEST(free_calls_and_those_of_no_profile_count_nothing)
{
    struct world w;
    world_open(&w, "id=a limit=1 window=10");
    add(&w, "", 1000, 0);
    struct shm_record record = {.nano = 5};
    CHECK_EQ(
        spend_book_add(&w.book, &w.f.segment, &w.catalogue, &record, w.batch),
        0);
    CHECK_TRUE(w.book.rows == NULL);
    world_close(&w);
}

TEST(a_book_of_the_ledger_makes_the_segment_like_itself)
{
    struct world w;
    struct spend_book again = {0};
    world_open(&w, "id=a limit=1 window=10 partition=user");
    add(&w, "{\"user\":\"ann\"}", 100000, 5);
    add(&w, "{\"user\":7}", 100000, 9);
    for (uint32_t i = 0; i < SHM_SPENDS; i++)
        if (w.book.rows[i].name != 0 && w.book.rows[i].sum == 5)
            CHECK_EQ(spend_book_load(&again, &w.book.rows[i]), 0);
    spend_book_publish(&again, &w.f.segment);
    CHECK_EQ(shown(&w, ann, 100000), 5);
    CHECK_EQ(shown(&w, seven, 100000), 0); /* not durable yet: drained again */
    spend_book_fini(&again);
    world_close(&w);
}

/* Else a limit would be opened again by cheap calls under many names. */
TEST(a_counter_that_is_used_up_stays_when_many_small_ones_come)
{
    struct world w;
    int64_t day = 86400000;
    world_open(&w, "id=a limit=1 window=1d partition=user");
    add(&w, "{\"user\":\"ann\"}", day, 1000);
    for (int i = 0; i < 3 * SHM_SPENDS; i++) {
        char tags[40];
        snprintf(tags, sizeof(tags), "{\"user\":%d}", i + 100);
        add(&w, tags, day + 1 + i, 1);
    }
    CHECK_EQ(shown(&w, ann, 2 * day - 1), 1000);
    /* Two windows later it counts for nothing, and goes. */
    for (int i = 0; i < 3 * SHM_SPENDS; i++) {
        char tags[40];
        snprintf(tags, sizeof(tags), "{\"user\":%d}", i + 100);
        add(&w, tags, 3 * day + 1 + i, 1);
    }
    const struct spend_call call = {"main", "", "", find_tag,
                                    (void *)(uintptr_t)ann};
    uint64_t name = spend_rule_counter(&w.rule, &call);
    for (uint32_t i = 0; i < SHM_SPENDS; i++)
        CHECK_TRUE(w.book.rows[i].name != name);
    world_close(&w);
}

TEST(of_too_many_partitions_the_ones_used_longest_ago_leave)
{
    enum { MANY = 3 * SHM_SPENDS };
    struct world w;
    world_open(&w, "id=a limit=1 window=1d partition=user");
    for (int i = 0; i < MANY; i++) {
        char tags[40];
        snprintf(tags, sizeof(tags), "{\"user\":%d}", i);
        add(&w, tags, 86400000 + i, 1);
    }
    CHECK_TRUE(w.book.evicted >= MANY - SHM_SPENDS);
    uint32_t rows = 0, late = 0;
    for (uint32_t i = 0; i < SHM_SPENDS; i++) {
        rows += w.book.rows[i].name != 0;
        late += w.book.rows[i].used_ms >= 86400000 + MANY / 2;
        CHECK_EQ(shm_load(segment_spend_name(&w.f.segment, i)),
                 w.book.rows[i].name);
    }
    CHECK_TRUE(rows > SHM_SPENDS * 9 / 10);
    CHECK_TRUE(late > rows * 9 / 10); /* the newest are there */
    world_close(&w);
}
