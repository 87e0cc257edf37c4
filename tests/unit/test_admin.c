/*
 * test_admin.c - the management server over a real unix socket and loop, above
 * a store of a few lines: HTTP, errors, pipelining, order of changes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/admin.h"
#include "accountant/alerts.h"
#include "accountant/managed.h"
#include "accountant/object_names.h"
#include "accountant/store_life.h"
#include "accountant/store_search.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/net/listen.h"
#include "tests/test.h"
#include "tests/unit/balance_none.h"

enum { KEYS_MAX = 8, DEADLINE_MS = 60000 };

/* ---- a store that changes when the test says so ---- */

struct change {
    struct gateway *gateway; /* NULL: a deletion */
    uint64_t id;
    store_done done;
    void *context;
};

static struct config config;
static struct crypto_secrets secrets;
static struct heritage heritage;
static struct group group;
static struct gateway *keys[KEYS_MAX + 1]; /* by id */
static struct change changes[KEYS_MAX];
static unsigned change_count;
static struct store_extra *attached; /* for the next change */
static struct loop *loop;
static struct admin *admin;
static char socket_path[64];

const struct gateway *
store_gateway(const struct store *store, uint64_t id)
{
    (void)store;
    return id == 0 || id > KEYS_MAX ? NULL : keys[id];
}

const struct gateway *
store_gateway_named(const struct store *store, const char *group_name,
                    const char *name)
{
    (void)store;
    (void)group_name;
    for (int i = 1; i <= KEYS_MAX; i++)
        if (keys[i] != NULL && strcmp(keys[i]->name, name) == 0)
            return keys[i];
    return NULL;
}

const struct gateway *
store_gateway_by_key(const struct store *store, struct str plain_key)
{
    (void)store;
    (void)plain_key;
    return NULL;
}

const struct gateway *
store_gateway_next(const struct store *store, size_t *at)
{
    (void)store;
    while (*at < KEYS_MAX)
        if (keys[++*at] != NULL)
            return keys[*at];
    return NULL;
}

/* Every key here is of one group and has any name; its tags have its id as their
 * number. */
bool
store_gateway_search(const struct store *store, struct name_search *search)
{
    static struct name_slot slot;
    const struct gateway *key = store_gateway_next(store, &search->at);
    if (key == NULL)
        return false;
    slot = (struct name_slot){.entry = SHM_ENTRY_NONE,
                              .tags = (uint32_t)key->id,
                              .enabled = key->enabled};
    search->slot = &slot;
    return true;
}

const struct name_slot *
store_gateway_ahead(const struct store *store, const struct name_search *search)
{
    (void)store;
    (void)search;
    return NULL;
}

void
store_tags_soon(const struct store *store, const struct name_slot *slot)
{
    (void)store;
    (void)slot;
}

const char *
store_tags(const struct store *store, uint32_t number)
{
    (void)store;
    return keys[number]->tags;
}

uint32_t
store_tags_highest(const struct store *store)
{
    (void)store;
    return KEYS_MAX;
}

const struct gateway *
store_gateway_found(const struct name_search *search)
{
    return keys[search->at];
}

size_t
store_gateway_count(const struct store *store)
{
    size_t count = 0, at = 0;
    while (store_gateway_next(store, &at) != NULL)
        count++;
    return count;
}

size_t
store_gateway_place(const struct store *store, size_t nth)
{
    size_t at = 0;
    while (nth > 0 && store_gateway_next(store, &at) != NULL)
        nth--;
    return at;
}

const struct group *
store_group(const struct store *store, uint64_t id)
{
    (void)store;
    return id == 1 ? &group : NULL;
}

const struct group *
store_group_named(const struct store *store, const char *name)
{
    (void)store;
    return strcmp(name, "default") == 0 ? &group : NULL;
}

const struct group *
store_group_next(const struct store *store, size_t *at)
{
    (void)store;
    return (*at)++ == 0 ? &group : NULL;
}

int
store_reveal(const struct store *store, const struct gateway *gateway,
             char out[CRYPTO_KEY_CHARS + 1])
{
    (void)store;
    snprintf(out, CRYPTO_KEY_CHARS + 1, "sk-aigw-plain-%d", (int)gateway->id);
    return 0;
}

void
gateway_init(struct gateway *gateway)
{
    memset(gateway, 0, sizeof(*gateway));
    gateway->enabled = true;
    gateway->entry = SHM_ENTRY_NONE;
}

struct gateway *
gateway_copy(const struct gateway *gateway)
{
    struct gateway *copy = malloc(sizeof(*copy));
    *copy = *gateway;
    return copy;
}

bool
gateway_has_former(const struct gateway *gateway)
{
    (void)gateway;
    return false;
}

void
alerts_ring(struct store *store)
{
    (void)store;
}

void
gateway_free(struct gateway **gateway)
{
    free(*gateway);
    *gateway = NULL;
}

static void
change_add(struct gateway *gateway, uint64_t id, store_done done, void *context)
{
    changes[change_count++] = (struct change){gateway, id, done, context};
}

void
store_gateway_put(struct store *store, struct gateway *gateway, store_done done,
                  void *context)
{
    (void)store;
    change_add(gateway, gateway->id, done, context);
}

void
store_gateway_remove(struct store *store, uint64_t id, store_done done,
                     void *context)
{
    (void)store;
    change_add(NULL, id, done, context);
}

/* Values and the bin are of test_key_life.c and of the system tests. */
void
store_gateway_restore(struct store *store, uint64_t id, const char *name,
                      store_done done, void *context)
{
    (void)store;
    (void)id;
    (void)name;
    done(context, -EIO, "", 0);
}

void
store_gateway_rotate(struct store *store, uint64_t id, int64_t grace_ms,
                     store_done done, void *context)
{
    (void)store;
    (void)id;
    (void)grace_ms;
    done(context, -EIO, "", 0);
}

void
store_gateway_end_former(struct store *store, uint64_t id, store_done done,
                         void *context)
{
    (void)store;
    (void)id;
    done(context, -EIO, "", 0);
}

const struct gateway *
store_gateway_deleted(const struct store *store, uint64_t id)
{
    (void)store;
    (void)id;
    return NULL;
}

const struct gateway *
store_gateway_deleted_next(const struct store *store, size_t *at)
{
    (void)store;
    (void)at;
    return NULL;
}

int64_t
store_restorable_until(const struct store *store, const struct gateway *gateway)
{
    (void)store;
    (void)gateway;
    return 0;
}

void
store_group_put(struct store *store, const struct group *wanted,
                store_done done, void *context)
{
    (void)store;
    (void)wanted;
    done(context, -EIO, "", 0);
}

void
store_group_rename(struct store *store, const struct group *wanted,
                   store_done done, void *context)
{
    store_group_put(store, wanted, done, context);
}

void
store_group_delete(struct store *store, uint64_t id, bool all, store_done done,
                   void *context)
{
    (void)id;
    (void)all;
    store_group_put(store, NULL, done, context);
}

const char *
store_group_name(const struct store *store, uint64_t id)
{
    const struct group *found = store_group(store, id);
    return found == NULL ? "" : found->name;
}

void
store_group_top_up(struct store *store, uint64_t group_id, int64_t nano,
                   const char *note, store_done done, void *context)
{
    (void)store;
    (void)note;
    group.topped_up_nano += nano;
    done(context, 0, "", group_id);
}

const struct managed_book *
store_managed(const struct store *store)
{
    static const struct managed_book none;
    (void)store;
    return &none;
}

const struct config *
store_file_config(const struct store *store)
{
    return store_config(store);
}

void
store_credit(struct store *store, struct store_credit *credits, size_t count,
             const char *note, struct store_extra *extra, store_done done,
             void *context)
{
    (void)store;
    (void)count;
    (void)note;
    free(credits);
    extra->free(extra);
    done(context, -EIO, "", 0);
}

void
store_manage(struct store *store, struct managed_edit *edits, size_t count,
             store_done done, void *context)
{
    (void)store;
    for (size_t i = 0; i < count; i++)
        managed_put(edits[i].put);
    free(edits);
    done(context, -EIO, "", 0);
}

void
store_query(struct store *store,
            void (*work)(struct ledger *, struct ledger_snapshot *, void *),
            void (*done)(void *), void *context)
{
    (void)store;
    (void)work;
    done(context);
}

void
store_query_long(struct store *store,
                 void (*work)(struct ledger *, struct ledger_snapshot *,
                              void *),
                 void (*done)(void *), void *context)
{
    store_query(store, work, done, context);
}

void
store_write(struct store *store,
            void (*work)(struct ledger *, struct ledger_snapshot *, void *),
            void (*done)(void *), void *context)
{
    (void)store;
    (void)work;
    done(context);
}

void
store_attach(struct store *store, struct store_extra *extra)
{
    (void)store;
    attached = extra;
}

struct store_extra *
store_detach(struct store *store)
{
    struct store_extra *extra = attached;
    (void)store;
    attached = NULL;
    return extra;
}

void
store_put_extra(struct store *store, struct store_extra *extra, uint64_t id,
                store_done done, void *context)
{
    (void)store;
    extra->free(extra);
    if (done != NULL)
        done(context, 0, "", id);
}

void
store_flush(struct store *store, store_done done, void *context)
{
    (void)store;
    done(context, 0, "", 0);
}

void
store_state(const struct store *store, struct store_state *state)
{
    (void)store;
    memset(state, 0, sizeof(*state));
}

bool
store_is_new(const struct store *store)
{
    (void)store;
    return true;
}

const struct heritage *
store_heritage(const struct store *store)
{
    (void)store;
    return &heritage;
}

const struct store_master *
store_master(const struct store *store)
{
    static const struct store_master master;
    (void)store;
    return &master;
}

const struct config *
store_config(const struct store *store)
{
    (void)store;
    return &config;
}

const struct catalogue *
store_catalogue(const struct store *store)
{
    (void)store;
    return NULL;
}

const struct store_limits *
store_limits(const struct store *store)
{
    static const struct store_limits none;
    (void)store;
    return &none;
}

struct payloads *
store_payloads(const struct store *store)
{
    (void)store;
    return NULL;
}

struct loop *
store_loop(const struct store *store)
{
    (void)store;
    return loop;
}

/* The oldest change becomes durable. */
static void
change_finish(void)
{
    struct change change = changes[0];
    memmove(changes, changes + 1, sizeof(changes) - sizeof(changes[0]));
    change_count--;
    uint64_t id = change.id;
    if (id == 0)
        for (id = 1; id < KEYS_MAX && keys[id] != NULL;)
            id++;
    gateway_free(&keys[id]);
    keys[id] = change.gateway;
    if (change.gateway != NULL)
        change.gateway->id = id;
    change.done(change.context, 0, "", id);
}

/* ---- a client ---- */

static void
server_start(void)
{
    memset(keys, 0, sizeof(keys));
    change_count = 0;
    group = (struct group){.id = 1, .name = "default", .entry = SHM_ENTRY_NONE};
    snprintf(socket_path, sizeof(socket_path), "/tmp/aigw-test-%d.sock",
             (int)getpid());
    heritage.config = &config;
    heritage.secrets = &secrets;
    heritage.admin_unix_fd = listen_open_unix(socket_path);
    CHECK_TRUE(heritage.admin_unix_fd >= 0);
    log_set_level(LOG_ERROR);
    loop = loop_create();
    admin = admin_create(NULL);
    CHECK_TRUE(admin != NULL);
}

static void
server_stop(void)
{
    admin_destroy(&admin);
    loop_turn(loop, 0);
    loop_destroy(&loop);
    close(heritage.admin_unix_fd);
    unlink(socket_path);
    for (int i = 1; i <= KEYS_MAX; i++)
        gateway_free(&keys[i]);
}

static int
client_open(void)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", socket_path);
    CHECK_EQ(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

static void
client_send(int fd, const char *text)
{
    CHECK_EQ(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* A whole request with a JSON body. */
static void
client_request(int fd, const char *method, const char *path, const char *body)
{
    char text[2048];
    snprintf(text, sizeof(text),
             "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
             method, path, strlen(body), body);
    client_send(fd, text);
}

/* What has come so far; turns the loop until `wanted` is in it, the server has
 * closed ("" wanted), or the deadline passed. */
static const char *
client_read(int fd, const char *wanted)
{
    static char text[64 * 1024];
    size_t len = 0;
    uint64_t until = clock_mono_ms() + DEADLINE_MS;
    text[0] = '\0';
    while (clock_mono_ms() < until) {
        loop_turn(loop, 5);
        ssize_t n = recv(fd, text + len, sizeof(text) - 1 - len, MSG_DONTWAIT);
        if (n > 0)
            len += (size_t)n;
        text[len] = '\0';
        if (*wanted != '\0' ? strstr(text, wanted) != NULL : n == 0)
            return text;
    }
    test_fail(__FILE__, __LINE__, "no '%s' in: %s", wanted, text);
    return text;
}

static void
turn_until_changes(unsigned count)
{
    uint64_t until = clock_mono_ms() + DEADLINE_MS;
    while (change_count < count && clock_mono_ms() < until)
        loop_turn(loop, 5);
    CHECK_EQ(change_count, count);
}

static bool
holds(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* ---- tests ---- */

TEST(a_key_is_made_shown_and_deleted)
{
    server_start();
    int fd = client_open();
    client_request(fd, "POST", "/admin/v1/keys", "{\"name\":\"a\"}");
    turn_until_changes(1);
    change_finish();
    const char *text = client_read(fd, "\"last_used_at\":null}");
    CHECK_TRUE(holds(text, "HTTP/1.1 201 "));
    CHECK_TRUE(holds(text, "\"key\":\"sk-aigw-plain-1\""));
    client_request(fd, "GET", "/admin/v1/keys/1", "");
    text = client_read(fd, "\"last_used_at\":null}");
    CHECK_TRUE(holds(text, "HTTP/1.1 200 "));
    CHECK_TRUE(!holds(text, "sk-aigw-plain"));
    client_request(fd, "DELETE", "/admin/v1/keys/1", "");
    turn_until_changes(1);
    change_finish();
    client_read(fd, "{\"id\":1,\"deleted\":true}");
    client_request(fd, "GET", "/admin/v1/keys/1", "");
    client_read(fd, "\"code\":\"key_not_found\"");
    close(fd);
    server_stop();
}

TEST(an_answer_waits_until_the_change_is_durable)
{
    server_start();
    int fd = client_open();
    char byte;
    client_request(fd, "POST", "/admin/v1/keys", "{\"name\":\"a\"}");
    turn_until_changes(1);
    loop_turn(loop, 20);
    CHECK_EQ(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    CHECK_EQ(errno, EAGAIN);
    change_finish();
    client_read(fd, "HTTP/1.1 201 ");
    close(fd);
    server_stop();
}

TEST(changes_of_one_key_follow_one_another_and_none_is_lost)
{
    server_start();
    int fds[3];
    const char *const bodies[] = {"{\"rpm\":5}", "{\"tpm\":6}",
                                  "{\"enabled\":false}"};
    int first = client_open();
    client_request(first, "POST", "/admin/v1/keys", "{\"name\":\"a\"}");
    turn_until_changes(1);
    change_finish();
    for (int i = 0; i < 3; i++) {
        fds[i] = client_open();
        client_request(fds[i], "PATCH", "/admin/v1/keys/1", bodies[i]);
        turn_until_changes(1);
    }
    for (int i = 0; i < 3; i++) {
        turn_until_changes(1);
        change_finish();
    }
    CHECK_EQ(keys[1]->rpm, 5);
    CHECK_EQ(keys[1]->tpm, 6);
    CHECK_TRUE(!keys[1]->enabled);
    for (int i = 0; i < 3; i++) {
        client_read(fds[i], "HTTP/1.1 200 ");
        close(fds[i]);
    }
    close(first);
    server_stop();
}

TEST(who_waited_for_a_key_that_was_deleted_gets_404)
{
    server_start();
    int fds[3];
    gateway_free(&keys[1]);
    keys[1] = calloc(1, sizeof(*keys[1]));
    *keys[1] = (struct gateway){
        .id = 1, .group_id = 1, .name = "a", .entry = SHM_ENTRY_NONE};
    for (int i = 0; i < 3; i++) {
        fds[i] = client_open();
        client_request(fds[i], i == 0 ? "DELETE" : "PATCH", "/admin/v1/keys/1",
                       i == 0 ? "" : "{\"rpm\":5}");
        turn_until_changes(1);
    }
    loop_turn(loop, 5);
    change_finish();
    client_read(fds[0], "\"deleted\":true");
    client_read(fds[1], "HTTP/1.1 404 ");
    client_read(fds[2], "HTTP/1.1 404 ");
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    server_stop();
}

TEST(two_upserts_of_a_new_name_make_one_key)
{
    server_start();
    int one = client_open(), two = client_open();
    client_request(one, "POST", "/admin/v1/keys/upsert",
                   "{\"name\":\"a\",\"rpm\":1}");
    turn_until_changes(1);
    client_request(two, "POST", "/admin/v1/keys/upsert",
                   "{\"name\":\"a\",\"tpm\":2}");
    loop_turn(loop, 5);
    loop_turn(loop, 5);
    CHECK_EQ(change_count, 1);
    change_finish();
    turn_until_changes(1);
    change_finish();
    client_read(one, "HTTP/1.1 201 ");
    client_read(two, "HTTP/1.1 200 ");
    CHECK_TRUE(keys[2] == NULL);
    CHECK_EQ(keys[1]->rpm, 1);
    CHECK_EQ(keys[1]->tpm, 2);
    close(one);
    close(two);
    server_stop();
}

TEST(a_client_may_leave_before_its_answer)
{
    server_start();
    int fd = client_open();
    client_request(fd, "POST", "/admin/v1/keys", "{\"name\":\"a\"}");
    turn_until_changes(1);
    close(fd);
    loop_turn(loop, 5);
    change_finish();
    CHECK_TRUE(keys[1] != NULL);
    server_stop();
}

TEST(the_server_may_stop_before_a_change_ends)
{
    server_start();
    int fd = client_open();
    client_request(fd, "POST", "/admin/v1/keys", "{\"name\":\"a\"}");
    turn_until_changes(1);
    admin_destroy(&admin);
    CHECK_TRUE(admin == NULL);
    client_read(fd, "");
    change_finish();
    close(fd);
    server_stop();
}

static void
count_call(void *context)
{
    ++*(int *)context;
}

TEST(a_drain_answers_who_has_asked_and_leaves_the_rest_in_the_socket)
{
    int drained = 0;
    server_start();
    int idle = client_open(), asking = client_open(), fresh = client_open();
    client_request(idle, "GET", "/admin/v1/keys", "");
    CHECK_TRUE(strstr(client_read(idle, "\r\n\r\n{"), "200 OK") != NULL);
    client_request(asking, "POST", "/admin/v1/keys", "{\"name\":\"bob\"}");
    turn_until_changes(1);

    admin_drain(admin, count_call, &drained);
    client_read(idle, ""); /* closed: it had its answer */
    int late = client_open();
    client_request(late, "GET", "/admin/v1/keys", "");
    client_request(fresh, "GET", "/admin/v1/keys", "");
    CHECK_TRUE(strstr(client_read(fresh, ""), "200 OK") != NULL);
    CHECK_EQ(drained, 0);
    change_finish();
    CHECK_TRUE(strstr(client_read(asking, ""), "201 Created") != NULL);
    for (int i = 0; i < 10 && drained == 0; i++)
        loop_turn(loop, 5);
    CHECK_EQ(drained, 1);
    char byte;
    CHECK_EQ(recv(late, &byte, 1, MSG_DONTWAIT), -1);

    admin_destroy(&admin);
    loop_turn(loop, 0);
    admin = admin_create(NULL); /* the successor */
    CHECK_TRUE(strstr(client_read(late, "\r\n\r\n{"), "200 OK") != NULL);
    CHECK_EQ(drained, 1);
    close(idle);
    close(asking);
    close(fresh);
    close(late);
    server_stop();
}

TEST(requests_may_come_in_one_piece_or_byte_by_byte)
{
    static const char request[] =
        "GET /admin/v1/groups HTTP/1.1\r\nHost: x\r\n\r\n"
        "POST /admin/v1/groups/default/top-up HTTP/1.1\r\nHost: x\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
        "9\r\n{\"amount\"\r\n5\r\n:2.5}\r\n0\r\n\r\n"
        "HEAD /admin/v1/groups/default HTTP/1.1\r\nHost: x\r\n"
        "Connection: close\r\n\r\n";
    for (int by_bytes = 0; by_bytes < 2; by_bytes++) {
        server_start();
        int fd = client_open();
        for (size_t i = 0; by_bytes && request[i] != '\0'; i++) {
            char byte[2] = {request[i], '\0'};
            client_send(fd, byte);
            loop_turn(loop, 0);
        }
        if (!by_bytes)
            client_send(fd, request);
        const char *text = client_read(fd, "");
        CHECK_TRUE(holds(text, "\"total\":1,\"page\":1"));
        CHECK_TRUE(holds(text, "\"topped_up\":2.5"));
        const char *head = strstr(text, "Connection: close");
        if (head == NULL)
            head = strstr(text, "connection: close");
        CHECK_TRUE(head != NULL &&
                   strcmp(strstr(head, "\r\n\r\n"), "\r\n\r\n") == 0);
        CHECK_EQ(group.topped_up_nano, 2500000000);
        close(fd);
        server_stop();
    }
}

TEST(what_is_wrong_is_answered_and_the_server_lives)
{
    static const struct {
        const char *request, *answer;
    } cases[] = {
        {"nonsense\r\n\r\n", "HTTP/1.1 400 "},
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
        {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", "HTTP/1.1 505 "},
        {"POST /admin/v1/keys HTTP/1.1\r\nHost: x\r\nContent-Length: "
         "9999999\r\n\r\n",
         "HTTP/1.1 413 "},
        {"POST /admin/v1/keys HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
         "chunked\r\n\r\nzz\r\n",
         "HTTP/1.1 400 "},
        {"POST /admin/v1/keys HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
         "Connection: close\r\n\r\n[]",
         "\"code\":\"invalid_json\""},
        {"POST /admin/v1/keys HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
         "Content-Length: 24\r\n\r\n{\"name\":\"a\",\"budget\":[]}",
         "\"field\":\"budget\""},
        {"GET /admin/v1/keys?limit=0 HTTP/1.1\r\nHost: x\r\nConnection: "
         "close\r\n\r\n",
         "\"field\":\"limit\""},
        {"GET /admin/v1/keys?ref=sk-aigw-****abcd HTTP/1.1\r\nHost: x\r\n"
         "Connection: close\r\n\r\n",
         "\"code\":\"masked_key\""},
        {"PUT /admin/v1/keys HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
         "allow: GET, HEAD, POST"},
        {"GET /admin/v1/groups HTTP/1.1\r\nHost: x\r\nX-Aigw-Via: tcp\r\n"
         "Connection: close\r\n\r\n",
         "\"code\":\"management_disabled\""},
        {"GET /nothing HTTP/1.1\r\nHost: x\r\nX-Aigw-Via: tcp\r\n"
         "Connection: close\r\n\r\n",
         "\"code\":\"management_disabled\""},
    };
    server_start();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int fd = client_open();
        client_send(fd, cases[i].request);
        const char *text = client_read(fd, "");
        if (!holds(text, cases[i].answer))
            test_fail(__FILE__, __LINE__, "case %zu: %s", i, text);
        close(fd);
    }
    CHECK_EQ(change_count, 0);
    server_stop();
}

TEST(expect_is_answered_before_the_body_comes)
{
    server_start();
    int fd = client_open();
    client_send(fd, "POST /admin/v1/groups/default/top-up HTTP/1.1\r\n"
                    "Host: x\r\nExpect: 100-continue\r\n"
                    "Content-Length: 12\r\n\r\n");
    client_read(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    client_send(fd, "{\"amount\":1}");
    client_read(fd, "HTTP/1.1 200 ");
    close(fd);
    server_stop();
}

TEST(a_large_head_is_refused)
{
    server_start();
    int fd = client_open();
    client_send(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\n");
    char filler[8192];
    memset(filler, 'f', sizeof(filler));
    memcpy(filler, "X-F: ", 5);
    for (int i = 0; i < 6; i++)
        CHECK_TRUE(send(fd, filler, sizeof(filler), MSG_NOSIGNAL) > 0);
    client_read(fd, "HTTP/1.1 431 ");
    close(fd);
    server_stop();
}
