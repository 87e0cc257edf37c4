/*
 * main.c - many schedules over some processes, or one again.
 *
 *   sim [-n SCHEDULES] [-s FIRST_SEED] [-j PROCESSES] [-k table|full]
 *   sim -r SEED [-v] [-vv]       the schedule of a seed, with its trace
 *
 * The seed is all: it says the kind (one in FULL_EVERY is full), the world and
 * everything that happens.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/world.h"

enum { FULL_EVERY = 8, JOBS_MAX = 64 };

int sim_verbose;

/* Shared by the jobs. */
static struct shared {
    struct world_counts counts[JOBS_MAX];
    volatile int stop;
} * shared;

static uint64_t running; /* the seed */

static const char *
kind_name(enum kind kind)
{
    return kind == KIND_FULL ? "full" : "table";
}

static enum kind
kind_of(uint64_t seed)
{
    return seed % FULL_EVERY == 0 ? KIND_FULL : KIND_TABLE;
}

void
sim_trace_line(const char *format, ...)
{
    va_list args;
    fprintf(stderr, "%7llu ", (unsigned long long)sim_points);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc(10, stderr);
}

static void
say_how_to_repeat(void)
{
    char line[200];
    int len = snprintf(line, sizeof(line),
                       "\n%s schedule, seed %llu; again, with its trace: sim "
                       "-r %llu -v\n",
                       kind_name(world.kind), (unsigned long long)running,
                       (unsigned long long)running);
    if (write(STDERR_FILENO, line, (size_t)len) < 0)
        _exit(2);
}

void
sim_broken(const char *format, ...)
{
    va_list args;
    fflush(stdout);
    fprintf(stderr, "BROKEN: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    say_how_to_repeat();
    if (shared != NULL)
        shared->stop = 1;
    _exit(1);
}

/* A CHECK of the code, or worse. */
static void
on_fatal_signal(int number)
{
    fflush(stdout);
    say_how_to_repeat();
    signal(number, SIG_DFL);
    raise(number);
}

static void
watch_signals(void)
{
    static char stack[64 << 10];
    const stack_t alternative = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_handler = on_fatal_signal,
                               .sa_flags = SA_ONSTACK};
    sigaltstack(&alternative, NULL);
    sigaction(SIGABRT, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

/* ---- many ---- */

struct plan {
    uint64_t schedules, first;
    unsigned jobs;
    int kind; /* -1: both */
};

static void
run_job(const struct plan *plan, unsigned job)
{
    world_init();
    for (uint64_t i = job; i < plan->schedules && !shared->stop;
         i += plan->jobs) {
        running = plan->first + i;
        if (plan->kind >= 0) /* seeds of that kind only */
            running = plan->kind == KIND_FULL
                          ? (plan->first + i) * FULL_EVERY
                          : (plan->first + i) / (FULL_EVERY - 1) * FULL_EVERY +
                                1 + (plan->first + i) % (FULL_EVERY - 1);
        world_run(kind_of(running), running, &shared->counts[job]);
    }
    _exit(0);
}

static struct world_counts
sum_counts(unsigned jobs)
{
    struct world_counts sum = {0};
    for (unsigned job = 0; job < jobs; job++) {
        const struct world_counts *c = &shared->counts[job];
        for (int i = 0; i < 2; i++)
            sum.schedules[i] += c->schedules[i];
        sum.points += c->points;
        sum.requests += c->requests;
        for (int i = 0; i < HAPPENINGS; i++)
            sum.happened[i] += c->happened[i];
    }
    return sum;
}

static void
report(const struct plan *plan, double seconds, bool good)
{
    struct world_counts c = sum_counts(plan->jobs);
    uint64_t deaths = 0;
    for (int i = KILL_RUNNING; i <= POWER_CUT; i++)
        deaths += c.happened[i];
    printf("%llu schedules (%llu of the table alone, %llu with the whole "
           "accountant) from seed %llu in %.1f s\n"
           "%llu requests, %llu points; %llu deaths, of them %llu of all, %llu "
           "power cuts; %llu disk failures, %llu periods ended\n",
           (unsigned long long)(c.schedules[0] + c.schedules[1]),
           (unsigned long long)c.schedules[KIND_TABLE],
           (unsigned long long)c.schedules[KIND_FULL],
           (unsigned long long)plan->first, seconds,
           (unsigned long long)c.requests, (unsigned long long)c.points,
           (unsigned long long)deaths, (unsigned long long)c.happened[KILL_ALL],
           (unsigned long long)c.happened[POWER_CUT],
           (unsigned long long)c.happened[DISK_FAILS],
           (unsigned long long)c.happened[PERIOD_ENDS]);
    printf("%d passed, %d failed\n", good, !good);
}

static int
run_many(const struct plan *plan)
{
    struct timespec start, end;
    bool good = true;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (unsigned job = 0; job < plan->jobs; job++) {
        pid_t pid = fork();
        if (pid < 0) {
            perror("fork");
            return 2;
        }
        if (pid == 0)
            run_job(plan, job);
    }
    for (unsigned job = 0; job < plan->jobs; job++) {
        int status;
        if (wait(&status) < 0 || status != 0)
            good = false;
        if (!good)
            shared->stop = 1;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    report(plan,
           (double)(end.tv_sec - start.tv_sec) +
               (double)(end.tv_nsec - start.tv_nsec) / 1e9,
           good);
    return good ? 0 : 1;
}

static uint64_t
number(const char *text)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || end == text) {
        fprintf(stderr, "sim: %s is no number\n", text);
        exit(2);
    }
    return n;
}

int
main(int argc, char **argv)
{
    struct plan plan = {.schedules = 10000, .first = 1, .jobs = 1, .kind = -1};
    bool again = false;
    int option;
    while ((option = getopt(argc, argv, "n:s:j:k:r:v")) != -1) {
        if (option == 'n')
            plan.schedules = number(optarg);
        else if (option == 's')
            plan.first = number(optarg);
        else if (option == 'j')
            plan.jobs = (unsigned)number(optarg);
        else if (option == 'k')
            plan.kind = strcmp(optarg, "full") == 0 ? KIND_FULL : KIND_TABLE;
        else if (option == 'r') {
            again = true;
            running = number(optarg);
        } else if (option == 'v')
            sim_verbose++;
        else
            return 2;
    }
    if (plan.jobs == 0 || plan.jobs > JOBS_MAX)
        plan.jobs = 1;
    watch_signals();
    if (again) {
        static struct world_counts counts;
        world_init();
        world_run(kind_of(running), running, &counts);
        printf("1 passed, 0 failed\n");
        return 0;
    }
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("mmap");
        return 2;
    }
    return run_many(&plan);
}
