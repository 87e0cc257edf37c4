/*
 * test_login_token.c - logins that their clients carry: what is in them, whose they
 * are, and that nothing of one can be changed.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/login_token.h"

#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/members.h"
#include "tests/test.h"

#define NOW_MS INT64_C(1790000000123)

/* ---- an admin of two tokens and an owner ---- */

static struct crypto_secrets secrets;
static struct heritage heritage = {.secrets = &secrets};
static struct token tokens[3];
static bool has_owner, waits, disabled;
static struct admin nobody;

const struct heritage *
store_heritage(const struct store *store)
{
    (void)store;
    return &heritage;
}

bool
guard_waits(const struct guard *guard, struct guard_address address,
            uint64_t now_ms, struct admin_error *error)
{
    (void)guard, (void)address, (void)now_ms;
    if (waits)
        admin_error_set(error, 429, "too_many_failures", "Wait.");
    return waits;
}

const struct token *
members_by_id(const struct members *members, uint64_t id)
{
    (void)members;
    return id >= 1 && id < ARRAY_LEN(tokens) && tokens[id].member.id == id
               ? &tokens[id]
               : NULL;
}

bool
identify_digest(const struct admin *admin, uint64_t id,
                uint8_t digest[CRYPTO_DIGEST_BYTES])
{
    const struct token *token = members_by_id(admin->members, id);
    memset(digest, 9, CRYPTO_DIGEST_BYTES);
    if (id != 0 && token != NULL)
        memcpy(digest, token->digest, CRYPTO_DIGEST_BYTES);
    return id == 0 ? has_owner : token != NULL && !disabled;
}

bool
identify_by_id(struct admin *admin, uint64_t id, struct member *member,
               struct admin_error *error)
{
    (void)admin;
    if (disabled)
        return admin_error_set(error, 401, "token_disabled", "Disabled.");
    *member = tokens[id].member;
    return true;
}

static void
begin(void)
{
    memset(secrets.logins, 7, sizeof(secrets.logins));
    if (nobody.loop == NULL)
        nobody.loop = loop_create();
    has_owner = true;
    waits = disabled = false;
    for (uint64_t id = 0; id < ARRAY_LEN(tokens); id++) {
        tokens[id].member.id = id;
        memset(tokens[id].digest, (int)id + 1, sizeof(tokens[id].digest));
    }
}

static struct str
made(struct buf *out, uint64_t id, int64_t life_ms)
{
    cJSON *claims = cJSON_CreateObject();
    cJSON_AddNumberToObject(claims, "userId", 4711);
    buf_reset(out);
    CHECK_TRUE(login_token_make(&nobody, id, claims, NOW_MS, life_ms, out));
    cJSON_Delete(claims);
    return buf_view(out);
}

static struct member member;
static struct admin_error error;

static enum login_token_result
check(struct str token, int64_t now_ms)
{
    memset(&member, 0xff, sizeof(member));
    return login_token_check(&nobody, (struct guard_address){0}, token, now_ms,
                             &member, &error);
}

TEST(who_has_one_is_its_member_until_it_ends)
{
    struct buf text;
    begin();
    buf_init(&text, 0);
    for (uint64_t id = 0; id < ARRAY_LEN(tokens); id++) {
        struct str token = made(&text, id, 60000);
        CHECK_EQ(check(token, NOW_MS), LOGIN_TOKEN_GOOD);
        CHECK_EQ(member.id, id);
        CHECK_EQ(check(token, NOW_MS + 59000), LOGIN_TOKEN_GOOD);
        CHECK_EQ(check(token, NOW_MS + 60000), LOGIN_TOKEN_REFUSED);
        CHECK_STR(str_from(error.code), "session_ended");
    }
    buf_fini(&text);
}

/* Made with another program: HMAC-SHA256 twice over the same bytes. */
TEST(it_is_a_json_web_token)
{
    struct buf text;
    begin();
    buf_init(&text, 0);
    CHECK_STR(made(&text, 1, 60000),
              "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
              "eyJ1c2VySWQiOjQ3MTEsInN1YiI6IjEiLCJpYXQiOjE3OTAwMDAwMDAsImV4cCI6"
              "MTc5MDAwMDA2MH0"
              ".d_ptsyxtmcK2_0k7WJYS7lB6OnATLkLoQaENNCndymI");
    buf_fini(&text);
}

TEST(nothing_of_it_can_be_changed)
{
    struct buf text;
    char other[LOGIN_TOKEN_MAX];
    begin();
    buf_init(&text, 0);
    struct str token = made(&text, 1, 60000);
    for (size_t i = 0; i < token.len; i++)
        for (int bit = 1; bit < 256; bit <<= 1) {
            memcpy(other, token.ptr, token.len);
            other[i] = (char)(other[i] ^ bit);
            CHECK_EQ(check(str_make(other, token.len), NOW_MS),
                     LOGIN_TOKEN_NONE);
        }
    for (size_t len = 0; len < token.len; len++) {
        CHECK_EQ(check(str_make(token.ptr, len), NOW_MS), LOGIN_TOKEN_NONE);
        CHECK_EQ(check(str_skip(token, token.len - len), NOW_MS),
                 LOGIN_TOKEN_NONE);
    }
    memset(other, 'e', sizeof(other));
    memcpy(other, token.ptr, token.len);
    CHECK_EQ(check(str_make(other, sizeof(other)), NOW_MS), LOGIN_TOKEN_NONE);
    buf_fini(&text);
}

TEST(a_login_ends_with_its_token)
{
    struct buf text;
    begin();
    buf_init(&text, 0);
    struct str token = made(&text, 2, 60000);
    disabled = true;
    CHECK_EQ(check(token, NOW_MS), LOGIN_TOKEN_REFUSED);
    CHECK_STR(str_from(error.code), "token_disabled");
    disabled = false;
    tokens[2].digest[31] ^= 1; /* another token of that number */
    CHECK_EQ(check(token, NOW_MS), LOGIN_TOKEN_NONE);
    tokens[2].member.id = 0; /* deleted */
    CHECK_EQ(check(token, NOW_MS), LOGIN_TOKEN_NONE);
    token = made(&text, 0, 60000);
    has_owner = false;
    CHECK_EQ(check(token, NOW_MS), LOGIN_TOKEN_NONE);
    CHECK_TRUE(!login_token_make(&nobody, 0, NULL, NOW_MS, 1, &text));
    begin();
    secrets.logins[0] ^= 1; /* another gateway's */
    CHECK_EQ(check(token, NOW_MS), LOGIN_TOKEN_NONE);
    buf_fini(&text);
}

TEST(an_address_that_must_wait_waits_with_a_good_one)
{
    struct buf text;
    begin();
    buf_init(&text, 0);
    struct str token = made(&text, 1, 60000);
    waits = true;
    CHECK_EQ(check(token, NOW_MS), LOGIN_TOKEN_REFUSED);
    CHECK_EQ(error.status, 429);
    buf_fini(&text);
}
