/*
 * test_credential_slots.c - which of a provider's health words are whose: over
 * reloads, when there are no more, with another secret, in damaged records.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/credential_slots.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "shm/endpoint_health.h"
#include "shm/model_stats.h"
#include "tests/unit/shm_fixture.h"

static struct fixture f;
static const struct breaker_rules rules = {
    .cooldown_ms = 30000, .cooldown_max_ms = 600000, .fails = 3};
static const struct breaker_ticket none;

static void
open_all(void)
{
    fixture_open(&f);
    CHECK_EQ(model_registry_model(&f.segment, "m"), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(model_registry_provider(&f.segment, i == 0 ? "p" : "q"), i);
        CHECK_EQ(model_registry_endpoint(&f.segment, 0, (uint32_t)i), i);
    }
}

static struct shm_breaker *
breaker_of(unsigned slot)
{
    return &segment_credentials(&f.segment, 0)->breaker[slot];
}

/* It is refused, and has no calls left at the provider's model. */
static void
spoil(unsigned slot)
{
    CHECK_TRUE(breaker_fail(breaker_of(slot), &rules, &none, 1000, 1001,
                            BREAKER_BY_STATUS));
    limit_reached(&segment_health(&f.segment, 0)->limited[slot], 9000, 60000,
                  1001);
    limit_reached(&segment_health(&f.segment, 1)->limited[slot], 9000, 60000,
                  1001);
}

static bool
is_well(unsigned slot)
{
    return breaker_look(&f.segment, breaker_of(slot), 1002) ==
               BREAKER_HEALTHY &&
           limit_until(&segment_health(&f.segment, 0)->limited[slot]) == 0;
}

static struct str
name_of(unsigned slot)
{
    static char name[CREDENTIAL_NAME_BYTES];
    credential_slot_name(&f.segment, 0, slot, name);
    return str_from(name);
}

TEST(a_credential_keeps_its_words_whatever_stands_beside_it)
{
    static const char *const first[] = {"one", "two"};
    static const char *const second[] = {"three", "two"};
    static const char *const third[] = {"one", "two", "three"};
    uint8_t slots[3];
    open_all();
    credential_slots_assign(&f.segment, 0, first, 2, slots);
    CHECK_TRUE(slots[0] == 1 && slots[1] == 2);
    CHECK_STR(name_of(0), "default");
    CHECK_STR(name_of(1), "one");
    CHECK_STR(name_of(2), "two");
    CHECK_STR(name_of(3), "");
    spoil(1);
    spoil(2);
    credential_slots_assign(&f.segment, 0, second, 2, slots);
    CHECK_TRUE(slots[0] == 3 && slots[1] == 2);
    CHECK_TRUE(!is_well(2) && is_well(3));
    /* "one" is still known for the records of its last calls. */
    CHECK_STR(name_of(1), "one");
    credential_slots_assign(&f.segment, 0, third, 3, slots);
    CHECK_TRUE(slots[0] == 1 && slots[1] == 2 && slots[2] == 3);
    CHECK_TRUE(!is_well(1));
    fixture_close(&f);
}

TEST(when_all_are_taken_those_that_are_gone_give_theirs_healthy)
{
    char texts[HEALTH_CREDENTIALS][8];
    const char *names[HEALTH_CREDENTIALS];
    uint8_t slots[HEALTH_CREDENTIALS];
    unsigned most = HEALTH_CREDENTIALS - 1;
    open_all();
    for (unsigned i = 0; i < most; i++) {
        snprintf(texts[i], sizeof(texts[i]), "n%u", i);
        names[i] = texts[i];
    }
    credential_slots_assign(&f.segment, 0, names, most, slots);
    uint8_t was = slots[5];
    spoil(was);
    names[5] = "new";
    credential_slots_assign(&f.segment, 0, names, most, slots);
    CHECK_EQ(slots[5], was);
    CHECK_STR(name_of(was), "new");
    CHECK_TRUE(is_well(was));
    /* Another provider's word of that number is its own. */
    CHECK_TRUE(limit_until(&segment_health(&f.segment, 1)->limited[was]) > 0);
    fixture_close(&f);
}

TEST(a_long_name_has_room_and_records_with_damage_have_none)
{
    char longest[CREDENTIAL_NAME_BYTES], out[CREDENTIAL_NAME_BYTES];
    const char *names[] = {longest};
    uint8_t slot;
    open_all();
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    credential_slots_assign(&f.segment, 0, names, 1, &slot);
    credential_number_name(&f.segment, 0, (uint8_t)(slot + 1), out);
    CHECK_STR(str_from(out), longest);
    credential_number_name(&f.segment, 0, 1, out);
    CHECK_STR(str_from(out), "default");
    credential_number_name(&f.segment, 0, 0, out);
    CHECK_STR(str_from(out), "");
    credential_number_name(&f.segment, 0, 255, out);
    CHECK_STR(str_from(out), "");
    credential_number_name(&f.segment, UINT32_MAX, 1, out);
    CHECK_STR(str_from(out), "");
    fixture_close(&f);
}

/* ---- read while it changes hands ---- */

enum { LIVING = HEALTH_CREDENTIALS - 2, TURNS = 3000 };

static atomic_bool over;

/* All slots but one have a name that stays; that one goes to and fro between two
 * which begin alike. */
static void *
change_hands(void *unused)
{
    static char living[LIVING][16];
    const char *names[LIVING + 1];
    uint8_t slots[LIVING + 1];
    (void)unused;
    for (unsigned i = 0; i < LIVING; i++) {
        snprintf(living[i], sizeof(living[i]), "stays-%u", i);
        names[i] = living[i];
    }
    for (unsigned turn = 0; turn < TURNS; turn++) {
        names[LIVING] = turn % 2 == 0
                            ? "project-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                            : "project-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
        credential_slots_assign(&f.segment, 0, names, LIVING + 1, slots);
    }
    atomic_store(&over, true);
    return NULL;
}

TEST(a_name_is_whole_or_none_while_its_slot_changes_hands)
{
    char name[CREDENTIAL_NAME_BYTES];
    pthread_t writer;
    unsigned torn = 0;
    open_all();
    atomic_store(&over, false);
    CHECK_EQ(pthread_create(&writer, NULL, change_hands, NULL), 0);
    while (!atomic_load(&over))
        for (unsigned slot = 1; slot < HEALTH_CREDENTIALS; slot++) {
            credential_slot_name(&f.segment, 0, slot, name);
            bool is_one = strncmp(name, "project-", 8) == 0;
            torn += is_one && strspn(name + 8, "a") != 32 &&
                    strspn(name + 8, "b") != 32;
        }
    pthread_join(writer, NULL);
    CHECK_EQ(torn, 0);
    fixture_close(&f);
}
