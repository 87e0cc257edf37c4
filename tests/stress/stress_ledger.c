/*
 * stress_ledger.c - the accountant dies again and again: by SIGKILL at a random
 * moment, at its own points between the steps, and before any store to the
 * segment; workers die beside it. Days pass in a second, so budgets roll all
 * the time. In the end the books must balance: totals = rows = cells, every
 * settled call once, nothing held.
 *
 * Under TSan processes cannot be seen into, so there workers are threads and
 * nobody dies: the loop, the ledger thread, queries and rings are looked at.
 * usage: stress_ledger [SECONDS [SEED]]
 * SPDX-License-Identifier: Apache-2.0
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "accountant/ledger/crash_point.h"
#include "common/hash.h"
#include "common/proc.h"
#include "shm/reap.h"
#include "tests/unit/store_fixture.h"

enum { KEYS = 8, WORKERS = 3, POINTS = 300, STORES = 5000 };

/* Beside the segment, in shared memory: what the workers know for certain. */
struct books {
    uint64_t id[KEYS], group[KEYS];
    uint8_t digest[KEYS][32];
    /* tokens: `asked` rises before the hold, `acked` after the settle */
    _Atomic uint64_t asked[KEYS], acked[KEYS], calls, refused;
    atomic_bool stop;
};

/* Of this process: dies after so many stores to the segment; 0: never. */
static uint64_t fuse;

void shm_crash_point(void);

void
shm_crash_point(void)
{
    if (fuse != 0 && --fuse == 0)
        raise(SIGKILL);
}

static struct world world;
static struct books *books;
static uint64_t seed;

static uint64_t
next_random(uint64_t *state)
{
    return *state = hash_mix64(*state + 0x9e3779b97f4a7c15u);
}

static void
fail(const char *what)
{
    fprintf(stderr, "stress_ledger: seed %llu: %s\n", (unsigned long long)seed,
            what);
    exit(1);
}

/* ---- a worker ---- */

static bool
one_call(struct seat *seat, uint64_t *state)
{
    uint64_t k = next_random(state) % KEYS;
    uint64_t tokens = 1 + next_random(state) % 50;
    struct key_view view;
    struct hold_refusal why;
    if (key_table_find(&world.segment, books->digest[k], &view) != 0)
        return false;
    atomic_fetch_add(&books->asked[k], tokens);
    struct hold hold = {.key = &view, .amount = {tokens, tokens * 3}};
    int slot = seat_take_slot(seat);
    if (slot < 0)
        return false;
    if (cells_hold(seat, (uint32_t)slot, &hold, &why) != 0) {
        seat_give_slot(seat, (uint32_t)slot);
        atomic_fetch_add(&books->refused, 1);
        return false;
    }
    struct shm_record record = {.key_id = books->id[k],
                                .group_id = books->group[k],
                                .tokens = tokens,
                                .nano = tokens * 3,
                                .status = 200,
                                .ended_ms = clock_wall_ms()};
    record.completion = (uint32_t)tokens;
    record.started_ms = record.ended_ms;
    cells_settle(seat, (uint32_t)slot, &record, NULL, 0);
    atomic_fetch_add(&books->acked[k], tokens);
    atomic_fetch_add(&books->calls, 1);
    return true;
}

static void
work(uint32_t column, uint64_t random)
{
    struct seat seat;
    const struct timespec breath = {0, 50000};
    uint64_t state = random;
    if (column_claim(&world.segment, column, getpid(), 1) != 0 ||
        seat_open(&seat, &world.segment, column) != 0)
        fail("a worker found no seat");
    while (!atomic_load(&books->stop))
        if (!one_call(&seat, &state) || next_random(&state) % 4 == 0)
            nanosleep(&breath, NULL);
    seat_close(&seat);
}

/* ---- the end ---- */

static void
check_key(const struct gateway *gateway, int k)
{
    struct entry_sums sums;
    entry_sum(&world.segment, gateway->entry, &sums);
    if (sums.reserved[0] != 0 || sums.reserved[1] != 0 || sums.busy != 0)
        fail("something is still held");
    if (sums.used[0] - (uint64_t)sums.origin[0] != gateway->total.tokens ||
        sums.used[1] - (uint64_t)sums.origin[1] != gateway->total.nano)
        fail("cells and ledger differ");
    if (gateway->total.tokens < atomic_load(&books->acked[k]) ||
        gateway->total.tokens > atomic_load(&books->asked[k]))
        fail("a settled call is lost, or one is there that nobody made");
}

static void
check_all(struct world *w)
{
    if (world_flush(w) != 0)
        fail("the last flush failed");
    if (world_differences(w) != 0)
        fail("the books do not balance");
    if (w->store->drain.broken_chains != 0 ||
        w->store->drain.quarantined_records != 0)
        fail("a ring was damaged");
    for (int k = 0; k < KEYS; k++) {
        const struct gateway *gateway = store_gateway(w->store, books->id[k]);
        if (gateway == NULL)
            fail("a key is gone");
        check_key(gateway, k);
    }
}

/* ---- the beginning ---- */

static void
make_keys(struct world *w)
{
    struct group group = {.name = "team"};
    group.budgets[0].period = SHM_PERIOD_WEEKLY;
    group.budgets[0].limit = 100000;
    w->answered = false;
    store_group_put(w->store, &group, world_on_done, w);
    world_wait(w, &w->answered);
    uint64_t team = w->id;
    for (int k = 0; k < KEYS; k++) {
        char name[16];
        snprintf(name, sizeof(name), "key-%d", k);
        struct gateway *gateway = world_gateway(name);
        gateway->group_id = k % 2 == 0 ? team : 0;
        gateway->budgets[0].period = SHM_PERIOD_DAILY;
        gateway->budgets[0].limit = 20000;
        gateway->budgets[1].period = SHM_PERIOD_MONTHLY;
        gateway->budgets[1].unit = SHM_NANO;
        gateway->budgets[1].limit = 1000000;
        if (world_put(w, gateway) != 0)
            fail("a key cannot be made");
        const struct gateway *made = store_gateway(w->store, w->id);
        books->id[k] = made->id;
        books->group[k] = made->group_id;
        memcpy(books->digest[k], made->digest, 32);
    }
}

static void
begin(void)
{
    char text[32];
    world_init(&world);
    snprintf(text, sizeof(text), "%lld", (long long)clock_wall_ms());
    setenv("AIGW_TEST_CLOCK_ORIGIN", text, 1);
    setenv("AIGW_TEST_CLOCK_SCALE", "86400", 1);
    books = mmap(NULL, sizeof(*books), PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (books == MAP_FAILED)
        fail("no memory");
}

#ifdef __SANITIZE_THREAD__

/* The library of LevelDB is not built with TSan, which therefore does not see
 * its locks, only its copies. */
const char *__tsan_default_suppressions(void);

const char *
__tsan_default_suppressions(void)
{
    return "race:libleveldb\n";
}

static void *
worker_thread(void *context)
{
    const uint32_t *column = context;
    work(*column, seed + *column);
    return NULL;
}

static void
look(struct ledger *ledger, struct ledger_snapshot *snapshot, void *context)
{
    struct buf report;
    uint64_t *differences = context;
    buf_init(&report, 0);
    if (ledger_verify(ledger, snapshot, &report, differences) != 0)
        *differences = UINT64_MAX;
    buf_fini(&report);
}

static void
looked(void *context)
{
    uint64_t *differences = context;
    if (*differences != 0)
        fail("a snapshot does not balance");
    free(differences);
}

int
main(int argc, char **argv)
{
    pthread_t threads[WORKERS];
    uint32_t columns[WORKERS];
    uint64_t seconds = argc > 1 ? strtoull(argv[1], NULL, 10) : 5;
    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    begin();
    world_start(&world);
    make_keys(&world);
    for (int i = 0; i < WORKERS; i++) {
        int column = column_find_free(&world.segment);
        columns[i] = (uint32_t)column;
        if (column < 0 ||
            pthread_create(&threads[i], NULL, worker_thread, &columns[i]) != 0)
            fail("no threads");
    }
    uint64_t end_ms = clock_mono_ms() + seconds * 1000, next_ms = 0;
    struct world others = {0}; /* answers that nobody waits for */
    while (clock_mono_ms() < end_ms) {
        loop_turn(world.loop, 20);
        if (clock_mono_ms() < next_ms)
            continue;
        next_ms = clock_mono_ms() + 300;
        store_query(world.store, look, looked, calloc(1, sizeof(uint64_t)));
        store_flush(world.store, world_on_done, &others);
    }
    atomic_store(&books->stop, true);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    check_all(&world);
    printf("%llu calls, %llu flushes\n1 passed, 0 failed\n",
           (unsigned long long)atomic_load(&books->calls),
           (unsigned long long)world.store->flushes);
    world_fini(&world);
    return 0;
}

#else

/* ---- processes ---- */

struct child {
    pid_t pid;
    int column; /* -1: the accountant */
};

static struct child children[WORKERS + 1];
static unsigned deaths[2]; /* of accountants, of workers */

static void
live_as_accountant(uint64_t random)
{
    char points[16];
    snprintf(points, sizeof(points), "%llu",
             (unsigned long long)(1 + random % POINTS));
    if (random % 4 != 0)
        setenv("AIGW_CRASHPOINT", points, 1);
    if (random % 3 == 0)
        fuse = 1 + random / 3 % STORES;
    world_start(&world);
    if (world.ready_error != 0)
        fail(world.ready_reason);
    loop_run(world.loop);
}

static void
start_child(struct child *child, bool is_worker, uint64_t random)
{
    child->column = is_worker ? column_find_free(&world.segment) : -1;
    if (is_worker && child->column < 0) {
        child->pid = 0; /* all are dying: later */
        return;
    }
    child->pid = fork();
    if (child->pid < 0)
        fail("cannot fork");
    if (child->pid > 0)
        return;
    fuse = is_worker && random % 2 == 0 ? 1 + random / 2 % STORES : 0;
    if (is_worker)
        work((uint32_t)child->column, random);
    else
        live_as_accountant(random);
    _exit(0);
}

static void
bury(struct child *child, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        exit(1); /* it has said why */
    if (child->column >= 0)
        column_mark_dying(&world.segment, (uint32_t)child->column);
    deaths[child->column >= 0]++;
    child->pid = 0;
}

static void
make_keys_in_a_child(void)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        world_start(&world);
        make_keys(&world);
        _exit(0);
    }
    if (waitpid(pid, &status, 0) != pid || status != 0)
        fail("the keys cannot be made");
}

static void
kill_for(uint64_t seconds)
{
    uint64_t state = seed;
    uint64_t end_ms = clock_mono_ms() + seconds * 1000;
    while (clock_mono_ms() < end_ms) {
        for (int i = 0; i <= WORKERS; i++)
            if (children[i].pid == 0)
                start_child(&children[i], i < WORKERS, next_random(&state));
        const struct timespec pause = {0, (long)(1 + next_random(&state) % 40) *
                                              1000000};
        nanosleep(&pause, NULL);
        struct child *victim = &children[next_random(&state) % (WORKERS + 1)];
        if (victim->pid > 0)
            kill(victim->pid, SIGKILL);
        int status;
        pid_t pid;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
            for (int i = 0; i <= WORKERS; i++)
                if (children[i].pid == pid)
                    bury(&children[i], status);
    }
    for (int i = 0; i <= WORKERS; i++) {
        int status = 0;
        if (children[i].pid <= 0)
            continue;
        kill(children[i].pid, SIGKILL);
        waitpid(children[i].pid, &status, 0);
        bury(&children[i], status);
    }
}

int
main(int argc, char **argv)
{
    uint64_t seconds = argc > 1 ? strtoull(argv[1], NULL, 10) : 10;
    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : clock_mono_ns();
    begin();
    make_keys_in_a_child();
    kill_for(seconds);
    world_start(&world);
    if (world.ready_error != 0)
        fail(world.ready_reason);
    check_all(&world);
    printf("%llu calls, %llu refused; %u accountants and %u workers died; "
           "seed %llu\n1 passed, 0 failed\n",
           (unsigned long long)atomic_load(&books->calls),
           (unsigned long long)atomic_load(&books->refused), deaths[0],
           deaths[1], (unsigned long long)seed);
    world_fini(&world);
    return 0;
}

#endif
