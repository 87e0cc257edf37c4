/*
 * test_auth.c - a key that is changed, moved, deleted or made anew while its
 * request is on its way: nobody is refused for that alone, and nobody is told
 * anything of the entry's next tenant.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/request.h"

#include "tests/unit/front_fixture.h"

#define CHAT                                                                   \
    "{\"model\":\"builtin/echo\",\"messages\":[{\"role\":\"user\","            \
    "\"content\":\"hi\"}]}"

/* The accountant is off the CPU in the middle of the entry; the copies that
 * nobody reads have what was written last there, or nothing. */
static void
stop_in_the_middle(struct front *f, uint32_t entry)
{
    struct shm_entry_cold *cold = segment_entry_cold(&f->shm.segment, entry);
    uint32_t spare = 1 - shm_load(&cold->policy_version) % 2;
    shm_store(&cold->seq, shm_load(&cold->seq) | 1);
    shm_store(&cold->flags[spare], SHM_KEY_ACL_ALLOW);
    shm_store(&cold->acl_count[spare], 3);
    shm_store(&cold->policy[spare].models[0], 0);
}

static void
put_head(struct buf *out, const char *line, size_t length)
{
    buf_printf(out,
               "%s HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n"
               "Authorization: Bearer " FRONT_KEY "\r\n"
               "Content-Length: %zu\r\n\r\n",
               line, length);
}

/* A request whose body comes when `change` was made behind its head. */
static void
ask(struct front *f, const char *line, const char *body,
    void (*change)(struct front *f), struct buf *answer)
{
    struct buf head;
    buf_init(&head, 0);
    put_head(&head, line, strlen(body));
    int fd = front_connect(f);
    front_send(f, fd, buf_view(&head));
    uint64_t until = clock_mono_ms() + FRONT_DEADLINE_MS;
    while (change != NULL && requests_running(f->worker) == 0 &&
           clock_mono_ms() < until)
        loop_turn(f->worker->loop, 1);
    if (change != NULL)
        change(f);
    front_send(f, fd, str_from(body));
    buf_reset(answer);
    CHECK_TRUE(front_read(f, fd, NULL, 0, answer));
    close(fd);
    buf_fini(&head);
}

TEST(a_writer_in_the_middle_of_the_entries_refuses_nobody)
{
    struct front f;
    struct buf answer;
    buf_init(&answer, 0);
    front_open(&f);
    stop_in_the_middle(&f, f.key);
    stop_in_the_middle(&f, f.shm.group);
    ask(&f, "POST /v1/chat/completions", CHAT, NULL, &answer);
    CHECK_TRUE(front_has(&answer, "HTTP/1.1 200 "));
    ask(&f, "GET /v1/models", "", NULL, &answer);
    CHECK_TRUE(front_has(&answer, "HTTP/1.1 200 "));
    CHECK_TRUE(front_has(&answer, "builtin/echo"));
    ask(&f, "GET /v1/models/builtin%2fecho", "", NULL, &answer);
    CHECK_TRUE(front_has(&answer, "HTTP/1.1 200 "));
    ask(&f, "GET /v1/usage", "", NULL, &answer);
    CHECK_TRUE(front_has(&answer, "HTTP/1.1 200 "));
    CHECK_TRUE(front_has(&answer, "\"name\":\"a group\""));
    front_close(&f);
    buf_fini(&answer);
}

/* ---- between the head and the body ---- */

static uint64_t new_tag;
static uint32_t new_entry;

static void
insert(struct front *f, struct entry_policy policy, const char *secret)
{
    if (secret != NULL)
        crypto_key_digest(&f->secrets, str_from(secret), policy.digest);
    CHECK_EQ(entry_insert(&f->shm.segment, &policy, fixture_nothing, &new_entry,
                          &new_tag),
             0);
}

static void
retire(struct front *f, uint32_t entry)
{
    entry_retire(&f->shm.segment, entry);
    CHECK_EQ(entry_sweep_retired(&f->shm.segment), 0);
}

/* Its entry goes to a stranger who may nothing. */
static void
delete_key(struct front *f)
{
    struct entry_policy stranger = fixture_key_policy(&f->shm, 77);
    stranger.flags = 0;
    retire(f, f->key);
    insert(f, stranger, NULL);
    CHECK_EQ(new_entry, f->key);
}

/* ... and another one of the same secret is made: elsewhere, with other
 * models. */
static void
make_key_anew(struct front *f)
{
    delete_key(f);
    struct entry_policy policy = fixture_key_policy(&f->shm, 11);
    policy.flags = SHM_KEY_ENABLED;
    policy.models[0] = ~UINT64_C(0);
    insert(f, policy, FRONT_KEY);
    CHECK_TRUE(new_entry != f->key);
}

/* Its group is deleted behind it, and a group without a budget gets the place. */
static void
move_key(struct front *f)
{
    struct entry_policy group = fixture_group_policy(5), key;
    uint64_t tag;
    insert(f, group, NULL);
    CHECK_EQ(entry_read(&f->shm.segment, f->key, &key, &tag), 0);
    key.group_id = 5;
    key.group_entry = new_entry;
    key.group_tag = new_tag;
    entry_update(&f->shm.segment, f->key, &key);
    retire(f, f->shm.group);
    struct entry_policy poor = fixture_group_policy(6);
    fixture_budget(&poor, 0, SHM_TOKENS, 0);
    insert(f, poor, NULL);
    CHECK_EQ(new_entry, f->shm.group);
}

TEST(a_key_that_is_deleted_before_the_body_is_unknown)
{
    struct front f;
    struct buf answer;
    buf_init(&answer, 0);
    front_open(&f);
    ask(&f, "POST /v1/chat/completions", CHAT, delete_key, &answer);
    CHECK_TRUE(front_has(&answer, "HTTP/1.1 401 "));
    CHECK_TRUE(front_has(&answer, "\"code\":\"invalid_api_key\""));
    front_close(&f);
    buf_fini(&answer);
}

TEST(a_key_that_is_made_anew_before_the_body_is_used_as_it_is_now)
{
    struct front f;
    struct shm_record record = {0};
    struct buf answer;
    buf_init(&answer, 0);
    front_open(&f);
    ask(&f, "POST /v1/chat/completions", CHAT, make_key_anew, &answer);
    CHECK_TRUE(front_has(&answer, "HTTP/1.1 200 "));
    CHECK_TRUE(front_record(&f, &record));
    CHECK_EQ(record.key_id, 11);
    front_close(&f);
    buf_fini(&answer);
}

TEST(a_key_that_is_moved_before_the_body_is_held_in_its_new_group)
{
    struct front f;
    struct shm_record record = {0};
    struct buf answer;
    buf_init(&answer, 0);
    front_open(&f);
    ask(&f, "POST /v1/chat/completions", CHAT, move_key, &answer);
    CHECK_TRUE(front_has(&answer, "HTTP/1.1 200 "));
    CHECK_TRUE(front_record(&f, &record));
    CHECK_EQ(record.key_id, 10);
    CHECK_EQ(record.group_id, 5);
    front_close(&f);
    buf_fini(&answer);
}
