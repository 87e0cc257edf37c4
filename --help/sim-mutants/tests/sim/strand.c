/*
 * strand.c - coroutines, points, store buffers, and the memory of processes.
 *
 * A strand begins once by makecontext(); after that all switching is
 * _setjmp/_longjmp between live stacks, which costs a few nanoseconds. Its
 * first frame stays and starts the next life, whatever the last one left.
 *
 * Store buffers: with sim_pace.store_buffer a store waits in its strand's
 * buffer, in order, and reaches memory at a fence, when the buffer is full, or
 * when chance says so; the strand itself sees it at once. So a missing fence
 * is found, as x86 would find it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/sim/sim.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "common/hash.h"

enum {
    STRANDS = 2 * SIM_WORKERS,
    PROCESSES = SIM_WORKERS + 2,
    STACK_BYTES = 512 << 10,
    MEMORY_BYTES = 64 << 20, /* of a process; touched as needed */
    BUFFER = 10,             /* stores that may wait */
};

struct waiting_store {
    volatile void *word;
    uint64_t value;
    unsigned bytes;
};

struct strand {
    struct process *process; /* NULL: free */
    void (*run)(void *);
    void *context;
    jmp_buf base, at;
    ucontext_t first;
    bool fresh; /* begins at its base */
    bool waits, signalled;
    uint64_t wake_ns;
    struct waiting_store buffer[BUFFER];
    unsigned buffered;
};

struct process *sim_self;
uint64_t sim_points;
int sim_fuse;

static struct strand strands[STRANDS];
static unsigned strands_used; /* none beyond it lives */
static struct strand *current;
static struct process *last_process;
static jmp_buf scheduler;
static ucontext_t god_context;
static uint64_t random_state;
static struct sim_pace pace;
static int slice_points;
static unsigned char *all_memory;
static unsigned memories;
static int last_pid;

/* ---- chance ---- */

uint64_t
sim_random(void)
{
    uint64_t x = random_state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint64_t
sim_below(uint64_t n)
{
    return (sim_random() >> 32) * n >> 32;
}

/* ---- store buffers ---- */

static void
put(const struct waiting_store *store)
{
    if (store->bytes == 8)
        __atomic_store_n((volatile uint64_t *)store->word, store->value,
                         __ATOMIC_RELEASE);
    else
        __atomic_store_n((volatile uint32_t *)store->word,
                         (uint32_t)store->value, __ATOMIC_RELEASE);
    if (sim_verbose > 1)
        sim_trace_line("    %s = %lld", sim_word_name(store->word),
                       (long long)store->value);
}

static void
drain(struct strand *strand, unsigned count)
{
    if (count > strand->buffered)
        count = strand->buffered;
    for (unsigned i = 0; i < count; i++)
        put(&strand->buffer[i]);
    strand->buffered -= count;
    memmove(strand->buffer, strand->buffer + count,
            strand->buffered * sizeof(strand->buffer[0]));
}

/* Now and then a little of what waits comes out by itself. */
static void
drain_by_chance(void)
{
    for (unsigned i = 0; i < strands_used; i++)
        if (strands[i].buffered > 0 && sim_one_in(8))
            drain(&strands[i], 1 + (unsigned)sim_below(BUFFER));
}

uint64_t
shm_simulated_load(const volatile void *word, unsigned bytes)
{
    if (pace.load_points)
        sim_point();
    if (current != NULL)
        for (unsigned i = current->buffered; i > 0; i--)
            if (current->buffer[i - 1].word == word)
                return current->buffer[i - 1].value;
    return bytes == 8 ? __atomic_load_n((const volatile uint64_t *)word,
                                        __ATOMIC_ACQUIRE)
                      : __atomic_load_n((const volatile uint32_t *)word,
                                        __ATOMIC_ACQUIRE);
}

void
shm_simulated_store(volatile void *word, unsigned bytes, uint64_t value)
{
    sim_point();
    if (bytes == 4)
        value = (uint32_t)value;
    const struct waiting_store store = {word, value, bytes};
    if (current == NULL || !pace.store_buffer) {
        put(&store);
        return;
    }
    if (current->buffered == BUFFER)
        drain(current, 1);
    current->buffer[current->buffered++] = store;
}

void
sim_system_call(void)
{
    if (current != NULL)
        drain(current, BUFFER);
}

void
shm_simulated_fence(void)
{
    sim_point();
    if (current != NULL)
        drain(current, BUFFER);
}

/* ---- strands ---- */

/* The frame at the bottom of every stack. */
static void
live(void)
{
    struct strand *volatile self = current;
    if (_setjmp(self->base) == 0)
        _longjmp(scheduler, 1); /* made; lives begin by a jump to here */
    self->run(self->context);
    process_exit();
}

static void *
reserve(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        perror("sim: memory");
        exit(2);
    }
    return memory;
}

void
strands_init(void)
{
    all_memory = reserve(PROCESSES * (size_t)MEMORY_BYTES);
    for (unsigned i = 0; i < STRANDS; i++) {
        struct strand *strand = &strands[i];
        getcontext(&strand->first); /* cannot fail on Linux */
        strand->first.uc_stack.ss_sp = reserve(STACK_BYTES);
        strand->first.uc_stack.ss_size = STACK_BYTES;
        makecontext(&strand->first, live, 0);
        current = strand;
        if (_setjmp(scheduler) == 0)
            swapcontext(&god_context, &strand->first);
        current = NULL;
    }
}

void
strands_begin(uint64_t seed, const struct sim_pace *how)
{
    random_state = hash_mix64(seed);
    pace = *how;
    sim_points = 0;
    last_process = NULL;
    last_pid = 100;
    strands_used = 0;
    for (unsigned i = 0; i < STRANDS; i++) {
        strands[i].process = NULL;
        strands[i].buffered = 0;
    }
}

void
sim_yield(void)
{
    if (_setjmp(current->at) == 0)
        _longjmp(scheduler, 1);
}

static bool
can_run(const struct strand *strand)
{
    return strand->process != NULL && (!strand->waits || strand->signalled ||
                                       (strand->wake_ns != SIM_FOREVER &&
                                        strand->wake_ns <= sim_clock.mono_ns));
}

/* Everybody's turn is equally likely; one slice. */
bool
strands_run_one(uint64_t points)
{
    struct strand *ready[STRANDS];
    unsigned count = 0;
    for (unsigned i = 0; i < strands_used; i++)
        if (can_run(&strands[i]))
            ready[count++] = &strands[i];
    if (count == 0)
        return false;
    struct strand *strand = ready[count == 1 ? 0 : sim_below(count)];
    uint64_t slice = 1 + sim_below(2 * pace.slice);
    slice_points = sim_fuse = (int)(slice < points ? slice : points);
    strand->waits = strand->signalled = false;
    current = strand;
    sim_self = last_process = strand->process;
    if (_setjmp(scheduler) == 0) {
        bool fresh = strand->fresh;
        strand->fresh = false;
        _longjmp(fresh ? strand->base : strand->at, 1);
    }
    sim_points += (uint64_t)(slice_points - sim_fuse);
    current = NULL;
    sim_self = NULL;
    if (pace.store_buffer)
        drain_by_chance();
    return true;
}

uint64_t
strands_next_wake(void)
{
    uint64_t next = 0;
    for (unsigned i = 0; i < strands_used; i++)
        if (strands[i].process != NULL && strands[i].waits &&
            strands[i].wake_ns != SIM_FOREVER &&
            (next == 0 || strands[i].wake_ns < next))
            next = strands[i].wake_ns;
    return next;
}

void
strands_settle(void)
{
    for (unsigned i = 0; i < strands_used; i++)
        drain(&strands[i], BUFFER);
}

bool
process_waits(const struct process *process)
{
    for (unsigned i = 0; i < process->strand_count; i++)
        if (!process->strands[i]->waits || process->strands[i]->signalled)
            return false;
    return process->alive;
}

struct process *
strands_last(void)
{
    return last_process;
}

void
sim_wait_until(uint64_t mono_ns)
{
    sim_system_call();
    current->waits = true;
    current->signalled = false;
    current->wake_ns = mono_ns;
    sim_yield();
}

/* ---- processes ---- */

void
process_begin(struct process *process)
{
    if (process->memory == NULL)
        process->memory = all_memory + memories++ * (size_t)MEMORY_BYTES;
    process->pid = ++last_pid;
    process->start_time = 1000 + sim_points;
    process->memory_used = 0;
    process->strand_count = 0;
    process->alive = true;
}

void
process_add_strand(struct process *process, void (*run)(void *), void *context)
{
    struct strand *strand = strands;
    while (strand->process != NULL)
        if (++strand == strands + STRANDS)
            sim_broken("sim: too many strands");
    if (strand >= strands + strands_used)
        strands_used = (unsigned)(strand - strands) + 1;
    strand->process = process;
    strand->run = run;
    strand->context = context;
    strand->fresh = true;
    strand->waits = strand->signalled = false;
    process->strands[process->strand_count++] = strand;
}

void
process_kill(struct process *process)
{
    if (!process->alive)
        return;
    process->alive = false;
    for (unsigned i = 0; i < process->strand_count; i++) {
        drain(process->strands[i], BUFFER);
        process->strands[i]->process = NULL;
    }
    process->strand_count = 0;
}

void
process_exit(void)
{
    process_kill(sim_self);
    _longjmp(scheduler, 1);
}

void
process_signal(struct process *process)
{
    sim_system_call();
    for (unsigned i = 0; process->alive && i < process->strand_count; i++)
        process->strands[i]->signalled = true;
}

/* ---- their memory ---- */

/* In front of each block; blocks are 16-aligned. Freeing gives back only the
 * last block: the rest goes with the process. */
struct block {
    size_t size, pad;
};

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
void __wrap_free(void *block);
char *__wrap_strdup(const char *text);

static bool
is_of_a_process(const void *block)
{
    const unsigned char *at = block;
    return at >= all_memory &&
           at < all_memory + PROCESSES * (size_t)MEMORY_BYTES;
}

static size_t
room_of(size_t size)
{
    return (size + 15) / 16 * 16;
}

static bool
is_last(const struct process *p, const struct block *head)
{
    return (const unsigned char *)(head + 1) + room_of(head->size) ==
           p->memory + p->memory_used;
}

void *
__wrap_malloc(size_t size)
{
    struct process *p = sim_self;
    if (p == NULL)
        return __real_malloc(size);
    size_t room = room_of(size) + sizeof(struct block);
    if (room < size || room > MEMORY_BYTES - p->memory_used)
        sim_broken("sim: a process used more than %d MiB", MEMORY_BYTES >> 20);
    struct block *block = (struct block *)(void *)(p->memory + p->memory_used);
    p->memory_used += room;
    block->size = size;
    return block + 1;
}

void *
__wrap_calloc(size_t count, size_t size)
{
    if (sim_self == NULL)
        return __real_calloc(count, size);
    void *block = __wrap_malloc(count * size);
    return memset(block, 0, count * size);
}

void
__wrap_free(void *block)
{
    if (!is_of_a_process(block)) {
        __real_free(block);
        return;
    }
    struct block *head = (struct block *)block - 1;
    if (sim_self != NULL && is_last(sim_self, head))
        sim_self->memory_used =
            (size_t)((unsigned char *)head - sim_self->memory);
}

void *
__wrap_realloc(void *old, size_t size)
{
    if (old == NULL)
        return __wrap_malloc(size);
    if (!is_of_a_process(old))
        return __real_realloc(old, size);
    size_t had = ((struct block *)old - 1)->size;
    __wrap_free(old); /* the bytes stay; the last block grows in place */
    void *more = __wrap_malloc(size);
    return memmove(more, old, had < size ? had : size);
}

void *
__wrap_reallocarray(void *old, size_t count, size_t size)
{
    return __wrap_realloc(old, count * size);
}

char *
__wrap_strdup(const char *text)
{
    size_t bytes = strlen(text) + 1;
    return memcpy(__wrap_malloc(bytes), text, bytes);
}
