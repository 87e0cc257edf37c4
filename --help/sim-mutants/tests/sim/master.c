/*
 * master.c - the master, as far as the segment goes: adopts what an earlier
 * one left, buries the dead, starts accountant and workers. It knows its
 * children only as long as it lives (master/spawn.c, start.c, supervise.c).
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>

#include "shm/column.h"
#include "tests/sim/world.h"

/* Process memory of the master. */
static struct {
    struct child {
        bool known;
        int pid;
        uint32_t column;
    } children[SIM_WORKERS];
} self;

/* The orphans of an earlier master finish; what is dead is marked. */
static void
adopt(void)
{
    struct segment *segment = &world.master.segment;
    for (uint32_t i = 0; i < column_high(segment); i++) {
        struct shm_column *column = segment_column(segment, i);
        if (shm_load(&column->state) != SHM_COLUMN_LIVE)
            continue;
        int pid = (int)shm_load(&column->pid);
        const struct process *process = world_process_of(pid);
        if (process == NULL ||
            process->start_time != shm_load(&column->start_time))
            column_mark_dying(segment, i);
        else
            self.children[process->number] = (struct child){true, pid, i};
    }
}

static void
bury(void)
{
    for (unsigned i = 0; i < SIM_WORKERS; i++) {
        struct child *child = &self.children[i];
        if (!child->known || world_process_of(child->pid) != NULL)
            continue;
        sim_trace("master: worker %d of column %u is dead", child->pid,
                  child->column);
        column_mark_dying(&world.master.segment, child->column);
        child->known = false;
        world.wake = true;
        process_signal(&world.accountant);
    }
}

/* fork: the child has the memory of its master, and waits for GO; without a
 * master it leaves. */
static void
start_worker(unsigned number)
{
    struct process *master = &world.master, *process = &world.workers[number];
    int column = column_find_free(&master->segment);
    if (column == -EAGAIN)
        return;
    if (column < 0)
        sim_broken("column_find_free says %s", strerror(-column));
    process_begin(process);
    process->segment = master->segment;
    int pid = process->pid;
    sim_point();
    int rc = column_claim(&master->segment, (uint32_t)column, pid, 1);
    if (rc < 0)
        sim_broken("column_claim says %s", strerror(-rc));
    self.children[number] = (struct child){true, pid, (uint32_t)column};
    sim_trace("master: worker %d in column %d", pid, column);
    if (!process->alive)
        return;              /* it died before it was told to go */
    process_signal(process); /* GO, by a socket */
    worker_begin(process, (uint32_t)column);
}

static void
start_workers(void)
{
    unsigned alive = 0;
    for (unsigned i = 0; i < SIM_WORKERS; i++)
        alive += world.workers[i].alive;
    for (unsigned i = 0; i < SIM_WORKERS && alive < world.workers_wanted; i++)
        if (!world.workers[i].alive && !self.children[i].known) {
            start_worker(i);
            alive++;
        }
}

static void
master_main(void *context)
{
    (void)context;
    adopt();
    for (;;) {
        bury();
        if (!world.accountant.alive) {
            if (world.kind == KIND_FULL)
                accountant_begin();
            else
                keeper_begin();
        }
        if (world.workers_may_start && !world.closing &&
            world.requests_left > 0)
            start_workers();
        sim_wait_until(sim_clock.mono_ns + 20 * 1000000);
    }
}

void
master_begin(void)
{
    struct process *master = &world.master;
    memset(&self, 0, sizeof(self));
    process_begin(master);
    master->segment = world.segment;
    master->segment.taken_generation = master->taken_generation;
    memset(master->taken_generation, 0, sizeof(master->taken_generation));
    process_add_strand(master, master_main, NULL);
}
