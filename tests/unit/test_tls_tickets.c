/*
 * test_tls_tickets.c - tests of common/net/tls_tickets.c: which keys there are.
 * That sessions are resumed with them: test_tls.c, and over reloads, restarts
 * and periods tests/system/test_70_tls.py.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/tls_tickets.h"

#include "tests/test.h"

enum { NOW = 41000 };

static const struct crypto_secrets secrets = {.tickets = {1, 2, 3}};
static const struct crypto_secrets other_secrets = {.tickets = {1, 2, 4}};
static struct tls_tickets tickets, others;

static void
begin(void)
{
    tls_tickets_init(&tickets, &secrets);
    tls_tickets_init(&others, &secrets);
}

TEST(every_process_has_the_same_keys)
{
    begin();
    const struct tls_ticket_key *mine = tls_tickets_find(&tickets, NOW, NULL);
    const struct tls_ticket_key *theirs =
        tls_tickets_find(&others, NOW, mine->name);
    CHECK_TRUE(theirs != NULL && theirs != mine);
    CHECK_TRUE(memcmp(mine, theirs, sizeof(*mine)) == 0);
    CHECK_TRUE(memcmp(mine->aes, mine->mac, sizeof(mine->aes)) != 0);
}

TEST(the_key_of_the_period_before_and_after_is_accepted_no_other)
{
    begin();
    for (uint64_t period = NOW - 3; period <= NOW + 3; period++) {
        struct tls_ticket_key key = *tls_tickets_find(&others, period, NULL);
        CHECK_EQ(key.period, period);
        const struct tls_ticket_key *found =
            tls_tickets_find(&tickets, NOW, key.name);
        bool near = period + 1 >= NOW && period <= NOW + 1;
        CHECK_EQ(found != NULL, near);
        CHECK_TRUE(!near || memcmp(found, &key, sizeof(key)) == 0);
    }
    /* And the one for new tickets is the current one, still. */
    CHECK_EQ(tls_tickets_find(&tickets, NOW, NULL)->period, NOW);
}

TEST(keys_follow_the_periods)
{
    begin();
    struct tls_ticket_key before = {0};
    for (uint64_t now = NOW; now < NOW + 10; now++) {
        struct tls_ticket_key key = *tls_tickets_find(&tickets, now, NULL);
        CHECK_EQ(key.period, now);
        CHECK_TRUE(memcmp(key.aes, before.aes, sizeof(key.aes)) != 0);
        CHECK_TRUE(memcmp(key.mac, before.mac, sizeof(key.mac)) != 0);
        if (before.period != 0)
            CHECK_TRUE(tls_tickets_find(&tickets, now, before.name) != NULL);
        before = key;
    }
}

TEST(names_that_are_not_ours_are_unknown)
{
    begin();
    tls_tickets_init(&others, &other_secrets);
    uint8_t name[TLS_TICKET_NAME_BYTES];
    memcpy(name, tls_tickets_find(&others, NOW, NULL)->name, sizeof(name));
    CHECK_TRUE(tls_tickets_find(&tickets, NOW, name) == NULL);
    memcpy(name, tls_tickets_find(&tickets, NOW, NULL)->name, sizeof(name));
    CHECK_TRUE(tls_tickets_find(&tickets, NOW, name) != NULL);
    name[sizeof(name) - 1] ^= 1;
    CHECK_TRUE(tls_tickets_find(&tickets, NOW, name) == NULL);
    memset(name, 0, sizeof(name));
    CHECK_TRUE(tls_tickets_find(&tickets, NOW, name) == NULL);
    CHECK_TRUE(tls_tickets_find(&tickets, 0, name) == NULL);
    memset(name, 255, sizeof(name)); /* period + 1 is 0 */
    CHECK_TRUE(tls_tickets_find(&tickets, NOW, name) == NULL);
}

TEST(nothing_is_left_after_a_wipe)
{
    begin();
    CHECK_TRUE(tls_tickets_find(&tickets, NOW, NULL) != NULL);
    tls_tickets_wipe(&tickets);
    static const struct tls_tickets nothing;
    CHECK_TRUE(memcmp(&tickets, &nothing, sizeof(nothing)) == 0);
}
