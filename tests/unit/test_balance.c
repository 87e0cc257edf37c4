/*
 * test_balance.c - balances that another service keeps: the token, what answers
 * mean, rows of the ledger, and that no amount is lost or charged twice over
 * deaths at any step.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <inttypes.h>

#include "accountant/balance.h"
#include "accountant/jwt.h"
#include "tests/unit/store_fixture.h"
#include "worker/teller_part.h"

TEST(the_token_is_that_of_rfc_7515_a_1)
{
    static const uint8_t key[] = {
        3,   35,  53,  75,  43,  15,  165, 188, 131, 126, 6,   101, 119,
        123, 166, 143, 90,  179, 40,  230, 240, 84,  201, 40,  169, 15,
        132, 178, 210, 80,  46,  191, 211, 251, 90,  146, 210, 6,   71,
        239, 150, 138, 180, 195, 119, 98,  61,  34,  61,  46,  33,  114,
        5,   46,  79,  8,   192, 205, 154, 245, 103, 208, 128, 163};
    struct buf out;
    buf_init(&out, 0);
    jwt_sign(&out, STR_LIT("{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}"),
             STR_LIT("{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n "
                     "\"http://example.com/is_root\":true}"),
             str_make((const char *)key, sizeof(key)));
    CHECK_STR(buf_view(&out),
              "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
              "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9l"
              "eGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
              "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    buf_fini(&out);
}

/* ---- what an answer means ---- */

static struct teller_outcome
read_as(enum teller_task task, uint16_t status, const char *body)
{
    struct teller_outcome outcome;
    struct teller_answer answer = {
        .is_whole = true, .status = status, .body = str_from(body)};
    teller_read(task, &answer, &outcome);
    return outcome;
}

TEST(an_account_is_read)
{
    struct teller_outcome o = read_as(
        TELLER_ACCOUNT, 200,
        "{\"userUID\":\"u-1\",\"balance\":-5,\"workspaceSubscription\":true,"
        "\"totalAIQuota\":9,\"remainAIQuota\":7,\"error\":\"\"}");
    CHECK_EQ(o.result, TELLER_OK);
    CHECK_EQ(o.balance, -5);
    CHECK_EQ(o.quota, 9);
    CHECK_EQ(o.left_of_quota, 7);
    CHECK_TRUE(o.is_subscription);
    CHECK_STR(str_from(o.user), "u-1");
    o = read_as(TELLER_ACCOUNT, 200, "{\"balance\":99999999999999999999}");
    CHECK_EQ(o.balance, INT64_C(1) << 52);
}

TEST(what_is_no_account_is_none)
{
    static const char *const bodies[] = {
        "",
        "[]",
        "{",
        "{}",
        "null",
        "{\"balance\":1.5}",
        "{\"balance\":\"7\"}",
        "{\"balance\":1e3}",
        "{\"balance\":-}",
        "{\"balance\":null}",
        "{\"balance\":7,\"workspaceSubscription\":true}",
        "{\"balance\":7,\"workspaceSubscription\":1}",
        "{\"balance\":7,\"userUID\":7}",
        "{\"balance\":7,\"userUID\":\"a\\nb\"}",
        "{\"balance\":7,\"error\":7}",
        "{\"balance\":7,\"error\":\"no\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        CHECK_EQ(read_as(TELLER_ACCOUNT, 200, bodies[i]).result,
                 TELLER_REFUSED);
    CHECK_EQ(read_as(TELLER_ACCOUNT, 500, "{\"balance\":7}").result,
             TELLER_REFUSED);
}

TEST(of_a_charge_only_what_is_sure_is_taken_for_sure)
{
    static const struct {
        uint16_t status;
        const char *body;
        enum teller_result result;
    } rows[] = {
        {200, "{}", TELLER_OK},
        {200, "{\"error\":\"\"}", TELLER_OK},
        {201, "{\"error\":null}", TELLER_OK},
        {200, "{\"error\":\"locked\"}", TELLER_REFUSED},
        {302, "", TELLER_REFUSED},
        {401, "{}", TELLER_REFUSED},
        {429, "{}", TELLER_REFUSED},
        {408, "{}", TELLER_WHO_KNOWS},
        {500, "{\"error\":\"locked\"}", TELLER_WHO_KNOWS},
        {504, "", TELLER_WHO_KNOWS},
        {200, "", TELLER_WHO_KNOWS},
        {200, "<html>", TELLER_WHO_KNOWS},
        {200, "{\"error\":7}", TELLER_WHO_KNOWS},
    };
    struct teller_outcome o;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK_EQ(read_as(TELLER_CHARGE, rows[i].status, rows[i].body).result,
                 rows[i].result);
    teller_read(TELLER_CHARGE, &(struct teller_answer){.text = "x"}, &o);
    CHECK_EQ(o.result, TELLER_REFUSED);
    teller_read(TELLER_CHARGE,
                &(struct teller_answer){.text = "x", .was_sent = true}, &o);
    CHECK_EQ(o.result, TELLER_WHO_KNOWS);
}

TEST(no_token_and_no_control_character_is_told)
{
    struct teller_outcome o =
        read_as(TELLER_CHARGE, 200, "{\"error\":\"a\\nb\xc3\xa4\"}");
    CHECK_STR(str_from(o.reason), "a?b??");
    o = read_as(TELLER_CHARGE, 200, "{\"error\":\"bad eyJhbGciOi.x.y\"}");
    CHECK_TRUE(strstr(o.reason, "eyJ") == NULL);
}

/* ---- rows of the ledger ---- */

TEST(an_account_survives_as_bytes_and_damage_is_refused)
{
    struct balance_charge unknown[2] = {
        {.serial = 3, .micro = 40, .sent_ms = 5, .reason = "status 500"},
        {.serial = 4, .micro = 50, .before = -7}};
    struct balance_account account = {
        .origin = 12,
        .end = -1,
        .charged = 1000,
        .is_told = true,
        .told = -30,
        .told_charged = 900,
        .told_ms = 77,
        .user = "u",
        .real_name = REAL_NAME_NO,
        .serial = 5,
        .sent = {.serial = 5, .micro = 60, .courier = "1-2-3"},
        .unknown = unknown,
        .unknown_count = 2,
    };
    struct balance_account got = {0}, broken;
    struct buf bytes;
    buf_init(&bytes, 0);
    balance_encode(&account, &bytes);
    CHECK_EQ(balance_decode(buf_view(&bytes), &got), 0);
    CHECK_EQ(got.origin, 12);
    CHECK_EQ(got.end, -1);
    CHECK_EQ(got.charged, 1000);
    CHECK_EQ(got.told, -30);
    CHECK_EQ(got.told_charged, 900);
    CHECK_EQ(got.sent.micro, 60);
    CHECK_STR(str_from(got.sent.courier), "1-2-3");
    CHECK_EQ(got.unknown_count, 2);
    CHECK_EQ(balance_unknown(&got), 90);
    CHECK_STR(str_from(got.unknown[0].reason), "status 500");
    free(got.unknown);
    for (size_t len = 0; len < buf_len(&bytes); len++) {
        broken = (struct balance_account){0};
        CHECK_EQ(balance_decode(str_make(buf_ptr(&bytes), len), &broken),
                 -EBADMSG);
        free(broken.unknown);
    }
    buf_fini(&bytes);
}

/* ---- the book, over deaths ---- */

static void
begin(struct world *w)
{
    world_init(w);
    config_free(w->config);
    world_configure(w, "[balance]\nurl = http://127.0.0.1:9\njwt_secret = s\n"
                       "interval = 100ms\nmax_age = 1d\n");
    w->heritage.config = w->config;
    world_start(w);
    world_flush(w); /* the account of the group "default" */
}

static struct balance_account *
account_of(struct world *w)
{
    return balance_account_of(w->store,
                              store_group_named(w->store, "default")->id);
}

static void
courier_name(struct world *w, char out[BALANCE_COURIER_BYTES])
{
    if (!w->seated)
        world_seat(w);
    snprintf(out, BALANCE_COURIER_BYTES, "%" PRIx64 "-%" PRIu32 "-%" PRIu32,
             (uint64_t)w->segment.header->epoch, w->seat.column,
             shm_load(&w->seat.shm->generation));
}

/* What is due now is had; NULL: nothing. */
static struct balance_account *
next(struct world *w, const char *courier)
{
    struct balance_account *account = account_of(w);
    if (account->task == BALANCE_NO_TASK && !account->is_queued)
        account->due_ms = account->charge_due_ms = 0;
    w->store->balances.scan_ms = 0;
    balance_tick(w->store, clock_mono_ms() + 3600000);
    return balance_next(w->store, courier);
}

static void
tell(struct world *w, const char *courier, enum balance_task task,
     uint64_t serial, enum balance_result result, int64_t balance)
{
    struct balance_outcome outcome = {
        .task = task,
        .group_id = account_of(w)->object->id,
        .serial = serial,
        .result = result,
        .reason = "a test",
        .balance = balance,
        .user = "u",
    };
    balance_told(w->store, courier, &outcome);
}

static int64_t
limit_shown(struct world *w)
{
    struct entry_policy policy;
    uint64_t tag;
    CHECK_EQ(entry_look(&w->segment, account_of(w)->object->group->entry,
                        &policy, &tag),
             0);
    for (int i = 0; i < SHM_BUDGETS; i++)
        if (policy.budgets[i].period == SHM_PERIOD_BALANCE)
            return policy.budgets[i].limit;
    return INT64_MAX;
}

TEST(what_was_told_is_what_calls_may_use)
{
    struct world w;
    char courier[BALANCE_COURIER_BYTES];
    begin(&w);
    courier_name(&w, courier);
    uint64_t id = world_key(&w, "k", SHM_PERIOD_TOTAL, 1000000);
    CHECK_EQ(limit_shown(&w), BALANCE_NOT_KNOWN);
    CHECK_EQ(world_call(&w, id, 1), -EDQUOT);
    CHECK_TRUE(next(&w, courier) != NULL);
    tell(&w, courier, BALANCE_ACCOUNT, 0, BALANCE_OK, 10); /* 10,000 nano */
    CHECK_EQ(limit_shown(&w), 10000);
    CHECK_EQ(world_call(&w, id, 3333), 0); /* 9,999 nano */
    CHECK_EQ(world_call(&w, id, 1), -EDQUOT);
    CHECK_EQ(world_flush(&w), 0);
    CHECK_EQ(balance_pending(account_of(&w)), 9);
    /* Charged, the limit stays until the service says what is left. */
    CHECK_TRUE(next(&w, courier) != NULL);
    CHECK_EQ(account_of(&w)->task, BALANCE_CHARGE);
    CHECK_EQ(account_of(&w)->sent.micro, 9);
    tell(&w, courier, BALANCE_CHARGE, 1, BALANCE_OK, 0);
    CHECK_EQ(limit_shown(&w), 10000);
    CHECK_TRUE(next(&w, courier) != NULL);
    tell(&w, courier, BALANCE_ACCOUNT, 0, BALANCE_OK, 1);
    CHECK_EQ(limit_shown(&w), 10000);
    /* Somebody else spent it there. */
    CHECK_TRUE(next(&w, courier) != NULL);
    tell(&w, courier, BALANCE_ACCOUNT, 0, BALANCE_OK, -4);
    CHECK_EQ(limit_shown(&w), 5000);
    world_fini(&w);
}

TEST(a_dead_worker_leaves_a_charge_of_which_nobody_knows)
{
    struct world w;
    char courier[BALANCE_COURIER_BYTES];
    begin(&w);
    courier_name(&w, courier);
    uint64_t id = world_key(&w, "k", SHM_PERIOD_TOTAL, 1000000);
    CHECK_TRUE(next(&w, courier) != NULL);
    tell(&w, courier, BALANCE_ACCOUNT, 0, BALANCE_OK, 1000);
    CHECK_EQ(world_call(&w, id, 1000), 0);
    CHECK_EQ(world_flush(&w), 0);
    CHECK_TRUE(next(&w, courier) != NULL);
    CHECK_EQ(account_of(&w)->sent.micro, 3);
    CHECK_EQ(world_flush(&w), 0);
    /* Asked again without having told, it gets the same one again. */
    CHECK_TRUE(balance_next(w.store, courier) == account_of(&w));
    CHECK_EQ(account_of(&w)->sent.serial, 1);
    /* The accountant dies: it still has it. Then the worker does. */
    world_end(&w);
    world_start(&w);
    CHECK_EQ(account_of(&w)->sent.micro, 3);
    CHECK_TRUE(balance_next(w.store, courier) == account_of(&w));
    shm_store(&w.seat.shm->generation, shm_load(&w.seat.shm->generation) + 1);
    balance_miss_dead(w.store);
    CHECK_EQ(account_of(&w)->sent.micro, 0);
    CHECK_EQ(account_of(&w)->unknown_count, 1);
    CHECK_EQ(balance_pending(account_of(&w)), 0);
    CHECK_TRUE(balance_next(w.store, courier) == NULL); /* of a dead one */
    CHECK_EQ(balance_settle(w.store, account_of(&w), 2, true), -ENOENT);
    CHECK_EQ(balance_settle(w.store, account_of(&w), 1, false), 0);
    CHECK_EQ(balance_pending(account_of(&w)), 3);
    CHECK_EQ(balance_settle(w.store, account_of(&w), 1, false), -ENOENT);
    world_fini(&w);
}

/* One that came late says so of an unknown one; twice is once. */
TEST(an_outcome_counts_once_whenever_it_comes)
{
    struct world w;
    char courier[BALANCE_COURIER_BYTES];
    begin(&w);
    courier_name(&w, courier);
    uint64_t id = world_key(&w, "k", SHM_PERIOD_TOTAL, 1000000);
    CHECK_TRUE(next(&w, courier) != NULL);
    tell(&w, courier, BALANCE_ACCOUNT, 0, BALANCE_OK, 1000);
    CHECK_EQ(world_call(&w, id, 1000), 0);
    CHECK_EQ(world_flush(&w), 0);
    CHECK_TRUE(next(&w, courier) != NULL);
    tell(&w, courier, BALANCE_CHARGE, 1, BALANCE_WHO_KNOWS, 0);
    CHECK_EQ(account_of(&w)->unknown_count, 1);
    CHECK_EQ(account_of(&w)->charged, 0);
    tell(&w, courier, BALANCE_CHARGE, 1, BALANCE_OK, 0);
    tell(&w, courier, BALANCE_CHARGE, 1, BALANCE_OK, 0);
    tell(&w, "0-0-0", BALANCE_CHARGE, 1, BALANCE_REFUSED, 0);
    CHECK_EQ(account_of(&w)->unknown_count, 0);
    CHECK_EQ(account_of(&w)->charged, 3);
    CHECK_EQ(balance_pending(account_of(&w)), 0);
    world_fini(&w);
}

/* What was charged since the export was made is not in it. */
TEST(of_a_restored_ledger_nobody_knows_what_was_charged)
{
    struct world w;
    char courier[BALANCE_COURIER_BYTES];
    begin(&w);
    courier_name(&w, courier);
    uint64_t id = world_key(&w, "k", SHM_PERIOD_TOTAL, 1000000);
    CHECK_TRUE(next(&w, courier) != NULL);
    tell(&w, courier, BALANCE_ACCOUNT, 0, BALANCE_OK, 1000);
    CHECK_EQ(world_call(&w, id, 1000), 0);
    CHECK_EQ(world_flush(&w), 0);
    CHECK_EQ(balance_pending(account_of(&w)), 3);
    w.store->balances.from_export = true;
    CHECK_EQ(world_flush(&w), 0);
    for (int life = 0; life < 2; life++) {
        CHECK_EQ(balance_pending(account_of(&w)), 0);
        CHECK_EQ(account_of(&w)->unknown_count, 1);
        CHECK_EQ(balance_unknown(account_of(&w)), 3);
        world_end(&w);
        world_start(&w);
    }
    world_fini(&w);
}

TEST(random_steps_and_deaths_lose_nothing_and_charge_nothing_twice)
{
    struct world w;
    char courier[BALANCE_COURIER_BYTES];
    unsigned seed = 20;
    int64_t taken = 0, rest; /* by the service */
    begin(&w);
    courier_name(&w, courier);
    uint64_t id = world_key(&w, "k", SHM_PERIOD_TOTAL, 1000000000);
    for (int step = 0; step < 400; step++) {
        struct balance_account *account = account_of(&w);
        unsigned what = (unsigned)rand_r(&seed) % 10;
        if (what < 4) {
            int rc = world_call(&w, id, 1 + (uint64_t)(rand_r(&seed) % 999));
            CHECK_TRUE(rc == 0 || rc == -EDQUOT);
        } else if (what == 4) { /* the accountant dies */
            world_end(&w);
            world_start(&w);
        } else if ((account = next(&w, courier)) != NULL) {
            enum balance_task task = account->task;
            uint64_t serial = account->sent.serial;
            int64_t micro = account->sent.micro;
            CHECK_EQ(world_flush(&w), 0); /* before it may be sent */
            enum balance_result result =
                (enum balance_result)(rand_r(&seed) % 3);
            bool was_taken = task == BALANCE_CHARGE &&
                             (result == BALANCE_OK ||
                              (result == BALANCE_WHO_KNOWS && what % 2 == 0));
            taken += was_taken ? micro : 0;
            if (rand_r(&seed) % 4 == 0) { /* it dies before it hears of it */
                world_end(&w);
                world_start(&w);
            }
            if (task == BALANCE_ACCOUNT)
                result = BALANCE_OK;
            tell(&w, courier, task, serial, result, 1000 - taken);
            account = account_of(&w);
            if (account->unknown_count > 0)
                CHECK_EQ(balance_settle(w.store, account,
                                        account->unknown[0].serial, was_taken),
                         0);
            CHECK_EQ(world_flush(&w), 0); /* before the worker is answered */
        }
        account = account_of(&w);
        CHECK_EQ(account->charged + account->sent.micro +
                     balance_unknown(account) + balance_pending(account),
                 balance_spent(account, &rest));
        CHECK_TRUE(balance_pending(account) >= 0);
        if (account->task != BALANCE_CHARGE)
            CHECK_EQ(account->charged, taken);
        CHECK_TRUE(balance_spent(account, NULL) <= 1000);
    }
    CHECK_TRUE(taken > 0);
    CHECK_EQ(world_flush(&w), 0);
    CHECK_EQ(world_differences(&w), 0);
    world_fini(&w);
}
