/*
 * test_credential.c - a provider's words without the gateway's credential.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/provider/credential.h"

#include <stdio.h>

#include "tests/test.h"

static char long_key[] = "sk-proj-0123456789abcdef";
static char short_key[] = "pw-12";
static char no_secret[] = "abc";

static struct catalogue_provider
provider_with(char *key)
{
    return (struct catalogue_provider){.api_key = key};
}

static void
check(char *key, const char *said, const char *want)
{
    struct catalogue_provider provider = provider_with(key);
    char bytes[128];
    snprintf(bytes, sizeof(bytes), "%s", said);
    bool hidden = strcmp(said, want) != 0;
    CHECK_TRUE(!hidden || credential_shows(&provider, str_from(bytes)));
    CHECK_EQ(credential_hide(&provider, bytes, strlen(bytes)), hidden);
    CHECK_STR(str_from(bytes), want);
}

TEST(the_credential_is_hidden_whole_and_in_pieces)
{
    check(long_key, "key sk-proj-0123456789abcdef is bad",
          "key ************************ is bad");
    check(long_key, "ends in 456789abcdef", "ends in ************");
    check(long_key, "two: 0123456789ab and 3456789abcdef.",
          "two: ************ and *************.");
    check(long_key, "456789abcdef456789abcdef", "************************");
}

TEST(what_gives_nothing_away_stays)
{
    check(long_key, "", "");
    check(long_key, "starts with sk-proj-", "starts with sk-proj-");
    check(long_key, "sk-***def", "sk-***def");
    check(no_secret, "abc abc", "abc abc");
    check(NULL, "nothing", "nothing");
}

TEST(a_short_credential_is_hidden_as_a_whole)
{
    check(short_key, "pw-12 and pw-1", "***** and pw-1");
    check(short_key, "pw-12pw-12", "**********");
}

TEST(eight_bytes_in_an_error_are_enough_to_withhold_it)
{
    struct catalogue_provider provider = provider_with(long_key);
    CHECK_TRUE(credential_shows(&provider, STR_LIT("... 89abcdef")));
    CHECK_TRUE(!credential_shows(&provider, STR_LIT("... 9abcdef")));
    CHECK_TRUE(!credential_shows(&provider, STR_LIT("")));
}
