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
    bool shows = strcmp(said, want) != 0;
    CHECK_EQ(credential_shows(&provider, str_from(bytes)), shows);
    CHECK_EQ(credential_hide(&provider, bytes, strlen(bytes)), shows);
    CHECK_STR(str_from(bytes), want);
    CHECK_TRUE(!credential_shows(&provider, str_from(bytes)));
}

TEST(the_credential_is_hidden_whole_and_in_pieces)
{
    check(long_key, "key sk-proj-0123456789abcdef is bad",
          "key ************************ is bad");
    check(long_key, "ends in 89abcdef", "ends in ********");
    check(long_key, "sk-proj-", "********");
    check(long_key, "two: 01234567 and 789abcdef.",
          "two: ******** and *********.");
    check(long_key, "456789ab456789ab", "****************");
}

TEST(what_gives_nothing_away_stays)
{
    check(long_key, "", "");
    check(long_key, "starts with sk-proj", "starts with sk-proj");
    check(long_key, "sk-***def", "sk-***def");
    check(long_key, "0123456", "0123456");
    check(no_secret, "abc abc", "abc abc");
    check(NULL, "nothing", "nothing");
}

TEST(a_short_credential_is_hidden_as_a_whole)
{
    check(short_key, "pw-12 and pw-1", "***** and pw-1");
    check(short_key, "pw-12pw-12", "**********");
}
