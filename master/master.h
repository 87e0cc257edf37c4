/*
 * master.h - the state of the master process, and its parts by file.
 *
 * The master supervises: it never parses bytes from a network, never waits for
 * a child, never sleeps. What has happened comes as an event of its loop:
 * signals by signalfd, children by waitpid and control messages, processes of a
 * dead master by pidfd.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_MASTER_MASTER_H
#define AIGW_MASTER_MASTER_H

#ifdef CURLINC_CURL_H
#error "Keep libcurl out of the master process"
#endif

#include "common/heritage.h"
#include "common/net/loop.h"
#include "master/roles.h"
#include "shm/segment.h"

enum {
    MASTER_CHILDREN_MAX = 1024,
    MASTER_GENERATIONS_MAX = 3, /* that live at a time */
    MASTER_BACKOFF_FIRST_MS = 10,
    MASTER_BACKOFF_MAX_MS = 5000,
    MASTER_EARLY_DEATH_MS = 10000, /* younger than this: throttle */
    MASTER_STOP_GRACE_MS = 5000,   /* TERM: then SIGKILL */
    MASTER_READY_GRACE_MS = 5000,  /* new workers of a reload */
    MASTER_FLUSH_GRACE_MS = 30000, /* the accountant's last flush */
};

enum child_state {
    CHILD_STARTING, /* forked, has not said READY */
    CHILD_READY,
    CHILD_DRAINING, /* told to finish */
    CHILD_ORPHAN,   /* of an earlier master: watched by pidfd */
};

struct master;

/* A process that the master answers for. */
struct child {
    struct child *next;
    struct master *master;
    const struct role *role;
    pid_t pid;
    enum child_state state;
    uint32_t column; /* of a worker */
    uint64_t generation;
    uint64_t started_ms;
    int control_fd;
    struct loop_source control; /* or the pidfd of an orphan */
    struct loop_deferred free_later;
};

/* How soon the next start of a role may be. */
struct throttle {
    uint64_t backoff_ms; /* 0: none */
    uint64_t not_before_ms;
};

enum stop_state { STOP_NO, STOP_DRAIN, STOP_NOW, STOP_ACCOUNTANT };

struct reload {
    struct config *next; /* validated, on its way; NULL: none under way */
    struct heritage_listener listeners[HERITAGE_LISTENERS_MAX];
    unsigned listener_count;
    bool sent;         /* the accountant has it */
    bool starting;     /* new workers are starting */
    uint64_t since_ms; /* when they began to start */
    bool again;        /* another HUP came meanwhile */
};

struct master {
    struct config *config;
    struct crypto_secrets secrets;
    struct segment segment;
    struct loop *loop;
    struct loop_source signals;
    struct loop_timer tick;   /* respawns that were put off, stop grace */
    struct heritage heritage; /* template for children */
    struct child *children;
    struct throttle throttles[ROLE_COUNT];
    uint64_t generation; /* of the configuration, as the workers' */
    struct reload reload;
    enum stop_state stop;
    uint64_t stop_since_ms;
    bool workers_off;      /* WINCH: no workers until the next reload */
    bool served;           /* a worker was ready once */
    bool restored;         /* an accountant was ready once: workers may start */
    bool accountant_clean; /* it ended with 0 after CONTROL_STOP */
    int exit_status;
    int pid_file_fd;
    char pid_path[512], socket_path[512];
};

/* ---- start.c: everything before the loop ---- */
/* 0, or the exit status with the reason logged. */
int master_start(struct master *master) MUST_CHECK;
/* Takes the traces away: socket, pid file; the segment after a clean stop. */
void master_finish(struct master *master);

/* ---- listeners.c ---- */
/* Opens what `config` names, re-using open ones of `have`. 0, or -errno with
 * everything newly opened closed again and the reason in `error`. */
int listeners_open(const struct config *config,
                   const struct heritage_listener *have, unsigned have_count,
                   bool retry_in_use, struct heritage_listener *out,
                   unsigned *out_count, struct buf *error) MUST_CHECK;
/* Closes those of `old` that are not in `kept`. */
void listeners_close_gone(struct heritage_listener *old, unsigned old_count,
                          const struct heritage_listener *kept,
                          unsigned kept_count);

/* ---- spawn.c ---- */
/* Forks a child of the role. 0; -EAGAIN no seat is free yet; -errno. */
int spawn_child(struct master *master, const struct role *role) MUST_CHECK;
/* Watches a living process of an earlier master. False: it is gone. */
bool spawn_adopt(struct master *master, const struct role *role, pid_t pid,
                 uint64_t start_time, uint32_t column);
void spawn_forget(struct child *child); /* unlinks and frees */

/* ---- confine.c ---- */
/* [server] user and sandbox: rights, files and system calls. In the child,
 * before its role; in the master, when everything is open. */
void confine_child(const struct master *master, const struct role *role);
void confine_master(const struct master *master);

/* ---- supervise.c ---- */
void supervise(struct master *master); /* the loop, until the end */
/* Starts what should run and does not, as throttles allow. */
void supervise_fill(struct master *master);
/* After any event: start, go on with a reload, go on with a stop. */
void supervise_go_on(struct master *master);
/* There is a column to reap. */
void supervise_wake_accountant(struct master *master);
unsigned supervise_count(const struct master *master, enum role_id role,
                         uint64_t generation, bool any_generation);
void supervise_on_ready(struct child *child);

/* ---- reload.c ---- */
void reload_begin(struct master *master);   /* HUP */
void reload_send(struct master *master);    /* to the accountant, if it is up */
void reload_on_done(struct master *master); /* the catalogue is published */
void reload_on_failed(struct master *master, const char *reason);
void reload_check(struct master *master); /* after each ready or death */

/* ---- signals.c ---- */
struct signal_row {
    int number;
    const char *name; /* "HUP" */
    const char *word; /* aigw -s WORD, or NULL */
    void (*act)(struct master *master);
};
extern const struct signal_row signal_table[];
/* aigw -s WORD: sends it to the master that holds the pid file. Exit status. */
int signal_send(const struct config *config, const char *word);

#endif
