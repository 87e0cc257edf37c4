/*
 * stress_cells.c - holds, growth, settles, deaths and reaping, against books
 * that are kept beside the segment.
 *
 *   stress_cells SECONDS [calm|dying|processes [SEED]]
 *
 * calm       threads without deaths: what is granted and used together never
 *            passes a ceiling, in-flight counts never pass their limit
 * dying      threads that jump out at crash points, the reaper too (for TSan)
 * processes  the same by SIGKILL, at crash points and at random instants
 *
 * Afterwards, in each mode: nothing reserved, no slot in use, used = ledger
 * total, group = sum of its keys, what was acknowledged is charged, each
 * request recorded once. A third of the time each; TSan: no processes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <sys/wait.h>

#include "tests/stress/stress_worker.h"

static uint64_t
fresh_seed(struct world *world)
{
    static uint64_t births;
    return hash_mix64(world->seed) + ++births;
}

/* ---- threads ---- */

static void *
worker_thread(void *arg)
{
    struct worker *w = arg;
    self = &w->player;
    if (setjmp(w->player.grave) == 0)
        worker_life(w);
    self = NULL;
    w->finished = 1;
    return NULL;
}

static void *
accountant_thread(void *arg)
{
    struct accountant *a = arg;
    struct player player;
    player_init(&player, a->world->mode, a->world->seed * 3,
                ACCOUNTANT_DIES_EVERY);
    setjmp(player.grave);
    player.fuse =
        player.die_every == 0 ? 0 : 1 + random_below(2 * player.die_every);
    if (!a->world->stop)
        accountant_life(a);
    self = NULL;
    return NULL;
}

static void
start_worker_thread(struct worker *w)
{
    int column = column_find_free(&w->segment);
    w->alive = column >= 0;
    if (column == -EAGAIN)
        return; /* the reaper is behind: the next turn */
    require(column, "a free column");
    w->column = (uint32_t)column;
    w->finished = 0;
    player_init(&w->player, w->world->mode, fresh_seed(w->world),
                WORKER_DIES_EVERY);
    self = NULL; /* the master does not die here */
    require(-pthread_create(&w->thread, NULL, worker_thread, w), "thread");
}

static void
bury_worker_thread(struct worker *w)
{
    if (!w->alive)
        return;
    pthread_join(w->thread, NULL);
    seat_close(&w->seat);
    column_mark_dying(&w->segment, w->column);
    w->world->deaths++;
}

static void
run_threads(struct world *world, struct segment *segment, uint64_t end_ms)
{
    static struct worker workers[WORKERS];
    static struct accountant accountant;
    pthread_t thread;
    accountant.segment = *segment;
    accountant.world = world;
    require(-pthread_create(&thread, NULL, accountant_thread, &accountant),
            "thread");
    for (int i = 0; i < WORKERS; i++) {
        workers[i].segment = *segment;
        workers[i].world = world;
        start_worker_thread(&workers[i]);
    }
    while (clock_mono_ms() < end_ms) {
        usleep(500);
        for (int i = 0; i < WORKERS; i++) {
            if (workers[i].alive && !workers[i].finished)
                continue;
            bury_worker_thread(&workers[i]);
            start_worker_thread(&workers[i]);
        }
    }
    world->stop = 1;
    for (int i = 0; i < WORKERS; i++)
        bury_worker_thread(&workers[i]);
    pthread_join(thread, NULL);
}

/* ---- processes ---- */

static void
start_worker_process(struct worker *w)
{
    int column = column_find_free(&w->segment);
    if (column == -EAGAIN) {
        w->pid = 0; /* the reaper is behind: the next turn */
        return;
    }
    require(column, "a free column");
    w->column = (uint32_t)column;
    uint64_t seed = fresh_seed(w->world);
    w->pid = fork();
    if (w->pid != 0)
        return;
    player_init(&w->player, PROCESSES, seed, WORKER_DIES_EVERY);
    worker_life(w);
    _exit(0);
}

static pid_t
start_accountant_process(struct accountant *a)
{
    uint64_t seed = fresh_seed(a->world);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    struct player player;
    player_init(&player, PROCESSES, seed, ACCOUNTANT_DIES_EVERY);
    accountant_life(a);
    _exit(0);
}

static void
tend_processes(struct worker *workers, struct accountant *a, pid_t *keeper)
{
    int status;
    for (pid_t dead = waitpid(-1, &status, WNOHANG); dead > 0;
         dead = waitpid(-1, &status, WNOHANG)) {
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
            fprintf(stderr, "BROKEN: a player ended by itself: %x\n", status);
            exit(1);
        }
        workers[0].world->deaths++;
        for (int i = 0; i < WORKERS; i++) {
            if (workers[i].pid != dead)
                continue;
            column_mark_dying(&workers[i].segment, workers[i].column);
            start_worker_process(&workers[i]);
        }
        if (dead == *keeper)
            *keeper = start_accountant_process(a);
    }
    for (int i = 0; i < WORKERS; i++)
        if (workers[i].pid == 0)
            start_worker_process(&workers[i]);
}

static void
run_processes(struct world *world, struct segment *segment, uint64_t end_ms)
{
    static struct worker workers[WORKERS];
    static struct accountant accountant;
    struct player dice;
    uint64_t kill_ms = 0;
    accountant.segment = *segment;
    accountant.world = world;
    pid_t keeper = start_accountant_process(&accountant);
    for (int i = 0; i < WORKERS; i++) {
        workers[i].segment = *segment;
        workers[i].world = world;
        start_worker_process(&workers[i]);
    }
    player_init(&dice, PROCESSES, world->seed * 5, 0);
    while (clock_mono_ms() < end_ms) {
        usleep(300);
        if (clock_mono_ms() >= kill_ms) {
            uint64_t n = random_below(WORKERS + 1);
            pid_t victim = n < WORKERS ? workers[n].pid : keeper;
            kill_ms = clock_mono_ms() + random_below(15);
            if (victim > 0)
                kill(victim, SIGKILL);
        }
        tend_processes(workers, &accountant, &keeper);
    }
    for (int i = 0; i < WORKERS; i++) {
        if (workers[i].pid <= 0)
            continue;
        kill(workers[i].pid, SIGKILL);
        waitpid(workers[i].pid, NULL, 0);
        column_mark_dying(segment, workers[i].column);
    }
    kill(keeper, SIGKILL);
    waitpid(keeper, NULL, 0);
    self = NULL;
}

/* ---- the world, and the reckoning ---- */

static void
insert_entries(struct world *world, struct segment *segment)
{
    const uint64_t nothing[SHM_UNITS] = {0};
    uint64_t tag, group_tag[GROUPS];
    for (int i = ENTRIES - 1; i >= 0; i--) { /* groups first */
        struct entry_policy *p = &world->policy[i];
        bool is_key = i < KEYS;
        p->id = (uint64_t)i + 1;
        p->flags = is_key ? SHM_KEY_ENABLED | SHM_KEY_ALL_MODELS
                          : SHM_KEY_ENABLED | SHM_KEY_IS_GROUP;
        p->group_entry = SHM_ENTRY_NONE;
        if (is_key) {
            int group = group_of(i);
            p->group_id = (uint64_t)(KEYS + group + 1);
            p->group_entry = world->entry[KEYS + group];
            p->group_tag = group_tag[group];
            p->max_in_flight = i < 4 ? 3 : 0;
            if (i % 4 >= 2)
                p->flags |= SHM_KEY_CRASH_RESERVED;
            for (uint64_t n = 0; n < 4; n++) {
                uint64_t word = hash_mix64(p->id * 4 + n);
                memcpy(p->digest + 8 * n, &word, sizeof(word));
            }
        }
        for (uint32_t unit = 0; unit < SHM_UNITS; unit++) {
            int64_t limit = is_key ? 600 : 1500;
            if (unit == SHM_NANO)
                limit *= i % 3 == 0 ? PRICE / 2 : PRICE;
            p->budgets[unit] = (struct entry_budget){
                .unit = unit, .period = SHM_PERIOD_DAILY, .limit = limit};
        }
        require(entry_insert(segment, p, nothing, &world->entry[i], &tag),
                "insert");
        if (!is_key)
            group_tag[i - KEYS] = tag;
    }
}

static void
reckon_entry(struct audit *audit, struct accountant *a, int i)
{
    struct world *w = a->world;
    struct entry_sums sums;
    entry_sum(&a->segment, w->entry[i], &sums);
    audit_that(audit, sums.busy == 0, "nothing in flight", (uint64_t)i);
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        uint64_t acknowledged = 0, keys = 0;
        audit_that(audit, sums.reserved[unit] == 0, "nothing reserved",
                   (uint64_t)i);
        audit_that(audit, sums.used[unit] == a->next.total[i][unit],
                   "P5: used = ledger total", (uint64_t)i);
        for (int c = 0; i < KEYS && c < COLUMNS; c++)
            acknowledged += w->acknowledged[c][i][unit];
        audit_that(audit, sums.used[unit] >= acknowledged,
                   "what was acknowledged is charged", (uint64_t)i);
        for (int k = 0; i >= KEYS && k < KEYS; k++)
            if (group_of(k) == i - KEYS)
                keys += a->next.total[k][unit];
        audit_that(audit, i < KEYS || keys == a->next.total[i][unit],
                   "I10: group = sum of its keys", (uint64_t)i);
    }
}

static void
reckon(struct world *world, struct segment *segment)
{
    static struct accountant a;
    struct player calm;
    struct audit *audit = &world->audit;
    a.segment = *segment;
    a.world = world;
    player_init(&calm, CALM_THREADS, 1, 0);
    world->stop = 0;
    reap(&a);
    a.next = world->books[world->current];
    for (uint32_t i = 0; i < COLUMNS; i++)
        ring_release(segment, i, a.next.position[i]);
    flush_and_roll(&a);
    for (uint32_t c = 0; c < COLUMNS; c++)
        for (uint32_t s = 0; s < SLOTS; s++)
            audit_that(audit,
                       shm_load(&segment_slot(segment, c, s)->state) ==
                           SHM_SLOT_FREE,
                       "all slots are free", c);
    for (int i = 0; i < ENTRIES; i++)
        reckon_entry(audit, &a, i);
    for (int c = 0; c < COLUMNS; c++)
        for (int i = 0; i < TRACES; i++)
            audit_that(audit,
                       world->trace[c][i].acknowledged == 0 ||
                           world->trace[c][i].place != 0,
                       "what was acknowledged has a record",
                       world->trace[c][i].id);
    audit_that(audit, world->ghost_broken == 0,
               "granted and used <= ceiling, in flight <= limit",
               world->ghost_broken);
    self = NULL;
}

static bool
run(enum mode mode, double seconds, uint64_t seed)
{
    static const char *const names[] = {"calm", "dying", "processes"};
    struct segment segment;
    struct world *world = shared_memory(sizeof(*world));
    struct segment_sizes sizes = {.instance = "stress",
                                  .workers = WORKERS,
                                  .max_keys = 64,
                                  .max_models = 4,
                                  .max_requests = SLOTS,
                                  .ring_kib = 16};
    char folder[] = "/dev/shm/aigw-stress-XXXXXX";
    struct buf error;
    uint64_t end_ms = clock_mono_ms() + (uint64_t)(seconds * 1e3);
    buf_init(&error, 4096);
    if (mkdtemp(folder) == NULL)
        return false;
    setenv("AIGW_SHM_DIR", folder, 1);
    if (mode != PROCESSES)
        require(segment_create_private(&segment, &sizes), "segment");
    else if (segment_create(&segment, &sizes, &error) < 0)
        require(-EIO, buf_cstr(&error));
    if (mode == PROCESSES)
        segment_unlink(segment.path); /* the mapping is enough */
    rmdir(folder);
    world->mode = mode;
    world->seed = seed;
    insert_entries(world, &segment);
    if (mode == PROCESSES)
        run_processes(world, &segment, end_ms);
    else
        run_threads(world, &segment, end_ms);
    reckon(world, &segment);
    const struct books *books = &world->books[world->current];
    printf("%s seed %llu: %llu holds, %llu grown, %llu refused by a ceiling, "
           "%llu by in-flight, %llu by ring or slots, %llu records, %llu "
           "lost, %llu rolls, %llu deaths, %llu columns reaped, %llu checks, "
           "%llu broken\n",
           names[mode], (unsigned long long)seed,
           (unsigned long long)world->holds, (unsigned long long)world->grows,
           (unsigned long long)world->refusals, (unsigned long long)world->busy,
           (unsigned long long)world->full, (unsigned long long)books->records,
           (unsigned long long)books->lost, (unsigned long long)books->rolls,
           (unsigned long long)world->deaths, (unsigned long long)world->reaped,
           (unsigned long long)(world->audit.checks + world->ghost_checks),
           (unsigned long long)world->audit.broken);
    bool good = world->audit.broken == 0 && books->records > 0;
    segment_detach(&segment);
    munmap(world, sizeof(*world));
    buf_fini(&error);
    return good;
}

int
main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 3;
    const char *only = argc > 2 ? argv[2] : "";
    uint64_t seed =
        argc > 3 ? strtoull(argv[3], NULL, 10) : clock_mono_ns() ^ getpid();
    unsigned passed = 0, failed = 0;
    const bool wanted[] = {
        strcmp(only, "dying") != 0 && strcmp(only, "processes") != 0,
        strcmp(only, "calm") != 0 && strcmp(only, "processes") != 0,
        strcmp(only, "calm") != 0 && strcmp(only, "dying") != 0};
    double share = *only == '\0' ? seconds / 3 : seconds;
    for (int mode = CALM_THREADS; mode <= PROCESSES; mode++) {
#ifdef __SANITIZE_THREAD__
        if (mode == PROCESSES)
            continue;
#endif
        if (!wanted[mode])
            continue;
        fflush(stdout);
        if (run((enum mode)mode, share, seed + (uint64_t)mode))
            passed++;
        else
            failed++;
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
