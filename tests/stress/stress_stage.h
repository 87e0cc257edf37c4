/*
 * stress_stage.h - the master of a stress test: starts workers and one
 * accountant as threads or processes, kills, buries, starts again.
 *
 * A program gives a struct play; its players find their own memory by number
 * (threads share it, processes have a copy).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TESTS_STRESS_STAGE_H
#define AIGW_TESTS_STRESS_STAGE_H

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>

#include "tests/stress/stress_world.h"

enum { STAGE_WORKERS = 4 };

struct play {
    enum mode mode;
    uint64_t seed;
    struct segment segment;
    uint64_t worker_dies_every, accountant_dies_every;
    _Atomic int *stop;
    /* Lives; return when *stop, or never (death). */
    void (*worker)(unsigned number, uint32_t column);
    void (*accountant)(void);
    /* Gives back what a thread's worker left in the heap. */
    void (*bury)(unsigned number);
    uint64_t deaths; /* of the master's knowledge */
    uint64_t next_verify_ms, verified, broken;
};

struct stage_worker {
    struct play *play;
    unsigned number;
    uint32_t column;
    struct player player;
    bool alive;
    pid_t pid;
    pthread_t thread;
    _Atomic int finished;
};

static uint64_t
fresh_seed(const struct play *play)
{
    static uint64_t births;
    return hash_mix64(play->seed) + ++births;
}

/* ---- threads ---- */

static void *
worker_thread(void *arg)
{
    struct stage_worker *w = arg;
    self = &w->player;
    if (setjmp(w->player.grave) == 0)
        w->play->worker(w->number, w->column);
    self = NULL;
    w->finished = 1;
    return NULL;
}

static void *
accountant_thread(void *arg)
{
    struct play *play = arg;
    static __thread struct player player;
    player_init(&player, play->mode, play->seed * 3,
                play->accountant_dies_every);
    setjmp(player.grave);
    player.fuse =
        player.die_every == 0 ? 0 : 1 + random_below(2 * player.die_every);
    if (!*play->stop)
        play->accountant();
    self = NULL;
    return NULL;
}

/* ---- both ---- */

static void
start_worker(struct stage_worker *w)
{
    struct play *play = w->play;
    int column = column_find_free(&play->segment);
    w->alive = column >= 0;
    if (column == -EAGAIN)
        return; /* the reaper is behind: the next turn */
    require(column, "a free column");
    w->column = (uint32_t)column;
    w->finished = 0;
    player_init(&w->player, play->mode, fresh_seed(play),
                play->worker_dies_every);
    if (play->mode != PROCESSES) {
        self = NULL; /* the master does not die here */
        require(-pthread_create(&w->thread, NULL, worker_thread, w), "thread");
        return;
    }
    w->pid = fork();
    if (w->pid == 0) {
        play->worker(w->number, w->column);
        _exit(0);
    }
    self = NULL;
    require(w->pid, "fork");
}

/* What an operator would see who verifies a segment at full load. */
static void
verify_alive(struct play *play)
{
    struct buf report;
    if (clock_mono_ms() < play->next_verify_ms)
        return;
    play->next_verify_ms = clock_mono_ms() + 100;
    buf_init(&report, 0);
    uint32_t violations = segment_verify(&play->segment, false, &report);
    play->verified++;
    if (violations > 0) {
        fprintf(stderr, "BROKEN, verified at work: %s", buf_cstr(&report));
        play->broken += violations;
    }
    buf_fini(&report);
}

static void
bury_worker(struct stage_worker *w)
{
    if (!w->alive)
        return;
    if (w->play->mode != PROCESSES) {
        pthread_join(w->thread, NULL);
        w->play->bury(w->number);
    }
    column_mark_dying(&w->play->segment, w->column);
    w->play->deaths++;
    w->alive = false;
}

static void
stage_threads(struct play *play, struct stage_worker *workers, uint64_t end_ms)
{
    pthread_t accountant;
    require(-pthread_create(&accountant, NULL, accountant_thread, play),
            "thread");
    while (clock_mono_ms() < end_ms) {
        usleep(500);
        verify_alive(play);
        for (int i = 0; i < STAGE_WORKERS; i++) {
            if (workers[i].alive && !workers[i].finished)
                continue;
            bury_worker(&workers[i]);
            start_worker(&workers[i]);
        }
    }
    *play->stop = 1;
    for (int i = 0; i < STAGE_WORKERS; i++)
        bury_worker(&workers[i]);
    pthread_join(accountant, NULL);
}

/* ---- processes ---- */

static pid_t
start_accountant(struct play *play)
{
    struct player player;
    player_init(&player, PROCESSES, fresh_seed(play),
                play->accountant_dies_every);
    pid_t pid = fork();
    if (pid == 0) {
        play->accountant();
        _exit(0);
    }
    self = NULL;
    require(pid, "fork");
    return pid;
}

/* Only SIGKILL ends a player: anything else is a finding. */
static void
bury_the_dead(struct play *play, struct stage_worker *workers, pid_t *keeper)
{
    int status;
    for (pid_t dead = waitpid(-1, &status, WNOHANG); dead > 0;
         dead = waitpid(-1, &status, WNOHANG)) {
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
            printf("BROKEN: a player ended by itself (%x)\n0 passed, 1 "
                   "failed\n",
                   status);
            exit(1);
        }
        for (int i = 0; i < STAGE_WORKERS; i++)
            if (workers[i].alive && workers[i].pid == dead)
                bury_worker(&workers[i]);
        if (dead == *keeper) {
            play->deaths++;
            *keeper = start_accountant(play);
        }
    }
}

static void
stage_processes(struct play *play, struct stage_worker *workers,
                uint64_t end_ms)
{
    uint64_t kill_ms = 0, dice = hash_mix64(play->seed);
    pid_t keeper = start_accountant(play);
    while (clock_mono_ms() < end_ms) {
        usleep(300);
        if (clock_mono_ms() >= kill_ms) {
            dice = hash_mix64(dice);
            uint64_t n = dice % (STAGE_WORKERS + 1);
            kill_ms = clock_mono_ms() + (dice >> 32) % 15;
            if (n == STAGE_WORKERS)
                kill(keeper, SIGKILL);
            else if (workers[n].alive)
                kill(workers[n].pid, SIGKILL);
        }
        verify_alive(play);
        bury_the_dead(play, workers, &keeper);
        for (int i = 0; i < STAGE_WORKERS; i++)
            if (!workers[i].alive)
                start_worker(&workers[i]);
    }
    for (int i = 0; i < STAGE_WORKERS; i++) {
        if (!workers[i].alive)
            continue;
        kill(workers[i].pid, SIGKILL);
        waitpid(workers[i].pid, NULL, 0);
        bury_worker(&workers[i]);
    }
    kill(keeper, SIGKILL);
    waitpid(keeper, NULL, 0);
}

static void
stage_run(struct play *play, double seconds)
{
    static struct stage_worker workers[STAGE_WORKERS];
    uint64_t end_ms = clock_mono_ms() + (uint64_t)(seconds * 1e3);
    for (unsigned i = 0; i < STAGE_WORKERS; i++) {
        workers[i].play = play;
        workers[i].number = i;
        workers[i].alive = false;
    }
    if (play->mode == PROCESSES)
        stage_processes(play, workers, end_ms);
    else
        stage_threads(play, workers, end_ms);
    self = NULL;
}

/* A segment for the mode: private memory, or a file that has no name left. */
static void
stage_make_segment(struct segment *segment, enum mode mode,
                   const struct segment_sizes *sizes)
{
    char folder[] = "/dev/shm/aigw-stress-XXXXXX";
    struct buf error;
    if (mode != PROCESSES) {
        require(segment_create_private(segment, sizes), "segment");
        return;
    }
    buf_init(&error, 4096);
    if (mkdtemp(folder) == NULL)
        require(-errno, folder);
    setenv("AIGW_SHM_DIR", folder, 1);
    if (segment_create(segment, sizes, &error) < 0)
        require(-EIO, buf_cstr(&error));
    segment_unlink(segment->path);
    rmdir(folder);
    buf_fini(&error);
}

/* SECONDS [calm|dying|processes [SEED]]; a third of the time for each. */
static int
stage_main(int argc, char **argv,
           bool (*run)(enum mode mode, double seconds, uint64_t seed))
{
    static const char *const names[] = {"calm", "dying", "processes"};
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 3;
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10)
                             : clock_mono_ns() ^ (uint64_t)getpid();
    unsigned passed = 0, failed = 0;
    for (int mode = CALM_THREADS; mode <= PROCESSES; mode++) {
#ifdef __SANITIZE_THREAD__
        if (mode == PROCESSES)
            continue;
#endif
        if (argc > 2 && strcmp(argv[2], names[mode]) != 0)
            continue;
        printf("%s, seed %llu: ", names[mode], (unsigned long long)seed);
        fflush(stdout);
        if (run((enum mode)mode, argc > 2 ? seconds : seconds / 3, seed))
            passed++;
        else
            failed++;
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}

#endif
