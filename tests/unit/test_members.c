/*
 * test_members.c - admin tokens through a real ledger: found, shown once,
 * changed, gone, there again after a restart; and who a request is.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/members.h"

#include "accountant/admin/identify.h"
#include "accountant/admin/sessions.h"
#include "tests/test.h"
#include "tests/unit/store_fixture.h"

static struct world w;
static struct members *members;

static void
on_loaded(void *context, int error)
{
    CHECK_EQ(error, 0);
    *(bool *)context = true;
}

static void
load(void)
{
    bool loaded = false;
    members = members_create(w.store);
    members_load(members, on_loaded, &loaded);
    world_wait(&w, &loaded);
}

static void
begin(void)
{
    world_init(&w);
    world_start(&w);
    load();
}

static void
restart(void)
{
    members_release(&members);
    world_end(&w);
    world_start(&w);
    load();
}

static void
end(void)
{
    members_release(&members);
    world_fini(&w);
}

static uint64_t
put(const struct token *token)
{
    w.answered = false;
    members_put(members, token, world_on_done, &w);
    CHECK_TRUE(!w.answered);
    world_wait(&w, &w.answered);
    CHECK_EQ(w.error, 0);
    return w.id;
}

static struct token
new_token(const char *name, enum member_role role)
{
    struct token token = {.enabled = true};
    token.member.role = role;
    snprintf(token.member.name, sizeof(token.member.name), "%s", name);
    return token;
}

static void
value_of(uint64_t id, char out[CRYPTO_KEY_CHARS + 1])
{
    CHECK_EQ(members_reveal(members, members_by_id(members, id), out), 0);
}

TEST(a_token_is_found_by_its_value_alone_and_after_a_restart)
{
    char value[CRYPTO_KEY_CHARS + 1];
    begin();
    struct token token = new_token("ci", MEMBER_OPERATOR);
    token.scopes = SCOPE_KEYS_WRITE;
    token.member.group_count = 2;
    token.member.groups[0] = 5;
    token.member.groups[1] = 9;
    uint64_t id = put(&token);
    value_of(id, value);
    CHECK_TRUE(strncmp(value, "at-aigw-", 8) == 0);
    for (int round = 0; round < 2; round++) {
        const struct token *found = members_by_value(members, str_from(value));
        CHECK_TRUE(found != NULL && found == members_by_id(members, id));
        CHECK_TRUE(found == members_by_name(members, "ci"));
        CHECK_EQ(found->member.role, MEMBER_OPERATOR);
        CHECK_EQ(found->member.scopes,
                 SCOPE_KEYS_WRITE | SCOPE_KEYS_READ | SCOPE_ANY);
        CHECK_TRUE(member_sees_group(&found->member, 9));
        CHECK_TRUE(!member_sees_group(&found->member, 1));
        CHECK_TRUE(strstr(found->masked, value + CRYPTO_KEY_CHARS - 4) != NULL);
        CHECK_TRUE(members_by_value(members, STR_LIT("")) == NULL);
        CHECK_TRUE(members_by_value(members, str_make(value, 50)) == NULL);
        value[20] ^= 1;
        CHECK_TRUE(members_by_value(members, str_from(value)) == NULL);
        value[20] ^= 1;
        restart();
    }
    end();
}

TEST(tokens_are_in_order_of_their_ids_and_a_deleted_one_stays_gone)
{
    uint64_t ids[5];
    begin();
    for (int i = 0; i < 5; i++) {
        char name[8];
        snprintf(name, sizeof(name), "t%d", i);
        struct token token = new_token(name, MEMBER_READ_ONLY);
        ids[i] = put(&token);
        CHECK_TRUE(i == 0 || ids[i] > ids[i - 1]);
    }
    w.answered = false;
    members_delete(members, ids[2], world_on_done, &w);
    world_wait(&w, &w.answered);
    for (int round = 0; round < 2; round++) {
        CHECK_EQ(members->count, 4);
        CHECK_TRUE(members_by_id(members, ids[2]) == NULL);
        CHECK_EQ(members_next(members, ids[1])->member.id, ids[3]);
        CHECK_EQ(members_next(members, 0)->member.id, ids[0]);
        CHECK_TRUE(members_next(members, ids[4]) == NULL);
        restart();
    }
    end();
}

TEST(a_change_keeps_the_value_and_the_last_use)
{
    char before[CRYPTO_KEY_CHARS + 1], after[CRYPTO_KEY_CHARS + 1];
    begin();
    struct token token = new_token("ops", MEMBER_OPERATOR);
    uint64_t id = put(&token);
    value_of(id, before);
    token = *members_by_id(members, id);
    members_touch(members, id); /* after the copy was made */
    int64_t used_ms = members_by_id(members, id)->used_ms;
    CHECK_TRUE(used_ms > 0);
    token.member.role = MEMBER_OWNER;
    token.expires_ms = 12345;
    CHECK_EQ(put(&token), id);
    for (int round = 0; round < 2; round++) {
        const struct token *now = members_by_id(members, id);
        CHECK_EQ(now->member.role, MEMBER_OWNER);
        CHECK_EQ(now->expires_ms, 12345);
        CHECK_EQ(now->used_ms, used_ms);
        CHECK_EQ(token_status(now, 12344), TOKEN_ACTIVE);
        CHECK_EQ(token_status(now, 12345), TOKEN_EXPIRED);
        value_of(id, after);
        CHECK_STR(str_from(after), before);
        CHECK_EQ(world_flush(&w), 0); /* the use too is durable then */
        restart();
    }
    end();
}

TEST(scopes_without_a_list_are_all_but_what_binds_a_bound_one)
{
    struct token token = new_token("x", MEMBER_OPERATOR);
    CHECK_EQ(token_scopes(&token), SCOPE_ALL);
    token.member.group_count = 1;
    CHECK_EQ(token_scopes(&token), SCOPE_ALL & ~SCOPE_GROUPS_WRITE);
    token.scopes = SCOPE_GROUPS_WRITE;
    CHECK_EQ(token_scopes(&token),
             SCOPE_GROUPS_WRITE | SCOPE_GROUPS_READ | SCOPE_ANY);
}

TEST(a_damaged_record_is_no_token)
{
    struct buf bytes;
    struct token token = new_token("x", MEMBER_OPERATOR), out;
    buf_init(&bytes, 0);
    token.member.group_count = 1;
    token_encode(&token, &bytes);
    CHECK_EQ(token_decode(7, buf_view(&bytes), &out), 0);
    CHECK_EQ(out.member.id, 7);
    for (size_t len = 0; len < buf_len(&bytes); len++)
        CHECK_EQ(token_decode(7, str_make(buf_ptr(&bytes), len), &out),
                 -EBADMSG);
    buf_append_char(&bytes, 'x');
    CHECK_EQ(token_decode(7, buf_view(&bytes), &out), -EBADMSG);
    buf_fini(&bytes);
    struct member more = {.role = MEMBER_OWNER, .scopes = SCOPE_ALL};
    struct member less = {.role = MEMBER_OPERATOR, .scopes = SCOPE_KEYS_READ};
    CHECK_TRUE(member_covers(&more, &less) && !member_covers(&less, &more));
    less = more;
    less.group_count = 1;
    CHECK_TRUE(member_covers(&more, &less) && !member_covers(&less, &more));
}

/* ---- who a request is ---- */

static struct admin admin;

/* The store's own configuration, which this test owns with the store. */
static void
configure(const char *token)
{
    struct config *config = (struct config *)(uintptr_t)store_config(w.store);
    free(config->admin.token);
    config->admin.token = token == NULL ? NULL : strdup(token);
}

static void
admin_begin(const char *token)
{
    begin();
    static struct sessions sessions;
    memset(&sessions, 0, sizeof(sessions));
    admin = (struct admin){.store = w.store,
                           .loop = w.loop,
                           .members = members,
                           .sessions = &sessions};
    guard_init(&admin.guard);
    configure(token);
}

struct asked {
    struct member member;
    struct admin_error error;
    uint64_t session_id;
    bool known;
};

static struct asked
ask(enum http_method method, const char *via, const char *name,
    const char *value, const char *csrf, bool is_metrics)
{
    struct asked asked = {.known = false};
    struct http_head head = {.method = method};
    if (via != NULL)
        head.fields[head.field_count++] = (struct http_field){
            .name = STR_LIT("x-aigw-via"), .value = str_from(via)};
    if (name != NULL)
        head.fields[head.field_count++] = (struct http_field){
            .name = str_from(name), .value = str_from(value)};
    if (csrf != NULL)
        head.fields[head.field_count++] = (struct http_field){
            .name = STR_LIT("x-csrf-token"), .value = str_from(csrf)};
    asked.known = identify_request(&admin, &head, is_metrics, &asked.member,
                                   &asked.session_id, &asked.error);
    CHECK_EQ(asked.known, asked.error.status == 0);
    return asked;
}

TEST(login_links_end_with_use_and_time)
{
    static struct sessions sessions;
    char code[SESSION_SECRET_CHARS + 1], other[SESSION_SECRET_CHARS + 1];
    memset(&sessions, 0, sizeof(sessions));
    CHECK(!login_link_take(&sessions, STR_LIT(""), 1000));
    CHECK_EQ(login_link_make(&sessions, 1000, code), 1000 + LOGIN_LINK_MS);
    CHECK_EQ(login_link_make(&sessions, 2000, other), 2000 + LOGIN_LINK_MS);
    CHECK(login_link_take(&sessions, str_from(code), 1000 + LOGIN_LINK_MS - 1));
    CHECK(!login_link_take(&sessions, str_from(code), 1500));
    CHECK(!login_link_take(&sessions, str_from(other), 2000 + LOGIN_LINK_MS));
    CHECK(login_link_take(&sessions, str_from(other), 2000));
}

TEST(requests_from_tcp_need_a_token)
{
    static const struct {
        const char *via, *authorization, *token;
        bool is_metrics;
        int status; /* 0 allowed */
    } cases[] = {
        {NULL, NULL, NULL, false, 0},
        {NULL, "Bearer wrong", "secret", false, 0},
        {"tcp", NULL, NULL, false, 403},
        {"tcp", NULL, "", false, 403},
        {"tcp", "Bearer ", "", false, 403},
        {"tcp", "Bearer x", NULL, false, 403},
        {"tcp", NULL, "secret", false, 401},
        {"tcp", "Bearer secre", "secret", false, 401},
        {"tcp", "Bearer secrets", "secret", false, 401},
        {"tcp", "Basic secret", "secret", false, 401},
        {"tcp", "secret", "secret", false, 401},
        {"tcp", "Bearer secret", "secret", false, 0},
        {"tcp", "bearer secret", "secret", false, 0},
        {"tcp-loopback", NULL, "secret", false, 401},
        {"tcp-loopback", NULL, NULL, true, 0},
        {"tcp-loopback", NULL, "secret", true, 0},
        {"tcp", NULL, "secret", true, 401},
        {"tcp", NULL, NULL, true, 403},
        {"", NULL, "secret", true, 401},
    };
    admin_begin(NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        configure(cases[i].token);
        struct asked asked =
            ask(HTTP_GET, cases[i].via,
                cases[i].authorization == NULL ? NULL : "Authorization",
                cases[i].authorization, NULL, cases[i].is_metrics);
        if (asked.error.status != cases[i].status)
            test_fail(__FILE__, __LINE__, "case %zu: %d", i,
                      asked.error.status);
    }
    end();
}

TEST(an_admin_token_is_its_member_until_it_is_disabled_or_ends)
{
    char value[CRYPTO_KEY_CHARS + 1], bearer[80];
    admin_begin(NULL);
    struct token token = new_token("ci", MEMBER_READ_ONLY);
    uint64_t id = put(&token);
    value_of(id, value);
    snprintf(bearer, sizeof(bearer), "Bearer %s", value);
    struct asked asked =
        ask(HTTP_GET, "tcp", "authorization", bearer, NULL, false);
    CHECK_TRUE(asked.known);
    CHECK_EQ(asked.member.id, id);
    CHECK_EQ(asked.member.role, MEMBER_READ_ONLY);
    CHECK_TRUE(members_by_id(members, id)->used_ms > 0);
    /* There is management now: a wrong one is 401, no longer 403. */
    asked = ask(HTTP_GET, "tcp", "authorization", "Bearer x", NULL, false);
    CHECK_EQ(asked.error.status, 401);
    token = *members_by_id(members, id);
    token.enabled = false;
    put(&token);
    asked = ask(HTTP_GET, "tcp", "authorization", bearer, NULL, false);
    CHECK_STR(str_from(asked.error.code), "token_disabled");
    token.enabled = true;
    token.expires_ms = 1;
    put(&token);
    asked = ask(HTTP_GET, "tcp", "authorization", bearer, NULL, false);
    CHECK_STR(str_from(asked.error.code), "token_expired");
    end();
}

static const char *
cookie_field(const char *cookie)
{
    static char text[128];
    snprintf(text, sizeof(text), "a=b; %s=%s; c", SESSION_COOKIE, cookie);
    return text;
}

TEST(a_login_looks_with_its_cookie_and_changes_with_its_second_secret)
{
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    char cookie[SESSION_SECRET_CHARS + 1];
    admin_begin(NULL);
    struct token token = new_token("ann", MEMBER_OPERATOR);
    uint64_t id = put(&token);
    CHECK_TRUE(identify_digest(&admin, id, digest));
    struct session *session =
        sessions_open(admin.sessions, id, digest, "ann", "192.0.2.7",
                      clock_wall_ms(), cookie);
    const char *field = cookie_field(cookie);
    struct asked asked = ask(HTTP_GET, "tcp", "cookie", field, NULL, false);
    CHECK_TRUE(asked.known);
    CHECK_EQ(asked.member.id, id);
    CHECK_EQ(asked.session_id, session->id);
    CHECK_EQ(ask(HTTP_POST, "tcp", "cookie", field, NULL, false).error.status,
             403);
    CHECK_EQ(
        ask(HTTP_DELETE, "tcp", "cookie", field, cookie, false).error.status,
        403);
    CHECK_TRUE(
        ask(HTTP_POST, "tcp", "cookie", field, session->csrf, false).known);
    /* What the token becomes, the login is. */
    token = *members_by_id(members, id);
    token.member.role = MEMBER_READ_ONLY;
    put(&token);
    asked = ask(HTTP_GET, "tcp", "cookie", field, NULL, false);
    CHECK_EQ(asked.member.role, MEMBER_READ_ONLY);
    token.enabled = false;
    put(&token);
    asked = ask(HTTP_GET, "tcp", "cookie", field, NULL, false);
    CHECK_STR(str_from(asked.error.code), "session_ended");
    end();
}

TEST(a_login_by_the_configured_token_ends_when_that_is_another)
{
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    char cookie[SESSION_SECRET_CHARS + 1];
    admin_begin("secret");
    CHECK_TRUE(identify_digest(&admin, 0, digest));
    sessions_open(admin.sessions, 0, digest, "admin", "x", clock_wall_ms(),
                  cookie);
    const char *field = cookie_field(cookie);
    CHECK_EQ(ask(HTTP_GET, "tcp", "cookie", field, NULL, false).member.role,
             MEMBER_OWNER);
    configure("another");
    CHECK_EQ(ask(HTTP_GET, "tcp", "cookie", field, NULL, false).error.status,
             401);
    end();
}

TEST(sessions_end_by_silence_by_age_and_the_most_silent_makes_room)
{
    static struct sessions sessions;
    static const uint8_t digest[CRYPTO_DIGEST_BYTES];
    char first[SESSION_SECRET_CHARS + 1], second[SESSION_SECRET_CHARS + 1];
    struct session *a =
        sessions_open(&sessions, 1, digest, "a", "x", 1000, first);
    CHECK_TRUE(sessions_find(&sessions, str_from(first), 1000) == a);
    CHECK_TRUE(sessions_find(&sessions, STR_LIT(""), 1000) == NULL);
    CHECK_TRUE(sessions_find(&sessions, str_from(first),
                             1000 + SESSION_IDLE_MS - 1) == a);
    CHECK_TRUE(sessions_find(&sessions, str_from(first),
                             1000 + SESSION_IDLE_MS) == NULL);
    a->used_ms = 1000 + SESSION_LIFE_MS - 1;
    CHECK_TRUE(sessions_by_id(&sessions, a->id, 1000 + SESSION_LIFE_MS - 1) ==
               a);
    CHECK_TRUE(sessions_by_id(&sessions, a->id, 1000 + SESSION_LIFE_MS) ==
               NULL);
    a->used_ms = 1000;
    /* One token's own go before those of others. */
    for (int i = 0; i < SESSIONS_MAX; i++)
        sessions_open(&sessions, 2, digest, "b", "x", 2000 + i, second);
    unsigned others = 0;
    for (int i = 0; i < SESSIONS_MAX; i++)
        others += sessions.rows[i].token_id == 2;
    CHECK_EQ(others, SESSIONS_OF_TOKEN_MAX);
    CHECK_TRUE(sessions_find(&sessions, str_from(second), 4000) != NULL);
    CHECK_TRUE(sessions_find(&sessions, str_from(first), 4000) == a);
    for (uint64_t i = SESSIONS_OF_TOKEN_MAX + 1; i < SESSIONS_MAX; i++)
        sessions_open(&sessions, 2 + i, digest, "b", "x", 2000, second);
    CHECK_TRUE(sessions_find(&sessions, str_from(first), 2000) == a);
    sessions_open(&sessions, 1, digest, "c", "x", 5000, second);
    CHECK_TRUE(sessions_find(&sessions, str_from(first), 5000) == NULL);
    struct session *last = sessions_find(&sessions, str_from(second), 5000);
    CHECK_TRUE(last != NULL);
    sessions_close(last);
    CHECK_TRUE(sessions_find(&sessions, str_from(second), 5000) == NULL);
}

TEST(our_cookie_is_found_among_others_and_not_twice)
{
    CHECK_STR(session_cookie_of(STR_LIT("aigw_session=x")), "x");
    CHECK_STR(session_cookie_of(STR_LIT("a=1;aigw_session=x ; b")), "x");
    CHECK_STR(session_cookie_of(STR_LIT("xaigw_session=x")), "");
    CHECK_STR(session_cookie_of(STR_LIT("aigw_session=x; aigw_session=y")), "");
    CHECK_STR(session_cookie_of(STR_LIT("")), "");
    CHECK_STR(session_cookie_of(STR_LIT(";;;")), "");
}
