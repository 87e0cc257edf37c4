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
#include "master/upgrade.h"
#include "shm/segment.h"

enum {
    MASTER_CHILDREN_MAX = 1024,
    MASTER_GENERATIONS_MAX = 3, /* that live at a time */
    MASTER_CRASHES = 64,        /* that are remembered */
    MASTER_BACKOFF_FIRST_MS = 10,
    MASTER_BACKOFF_MAX_MS = 5000,
    MASTER_EARLY_DEATH_MS = 10000,   /* younger than this: throttle */
    MASTER_STOP_GRACE_MS = 5000,     /* TERM: then SIGKILL */
    MASTER_READY_GRACE_MS = 5000,    /* new workers of a reload */
    MASTER_FLUSH_GRACE_MS = 30000,   /* the accountant's last flush */
    MASTER_CHECKER_GRACE_MS = 20000, /* a new program's --check-upgrade */
};

enum child_state {
    CHILD_STARTING, /* forked, has not said READY */
    CHILD_READY,
    CHILD_DRAINING, /* told to finish */
    CHILD_ORPHAN,   /* of an earlier master: watched by pidfd */
};

struct handover;
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
    uint64_t abort_ms; /* SIGABRT was sent, it stood still; 0: no */
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

/* What tells whether the files of the certificate are still the same. */
struct certificate_stamp {
    struct {
        uint64_t device, inode, bytes, changed_ns;
    } files[2]; /* chain, key */
};

struct certificate_watch {
    struct loop_timer timer;
    struct certificate_stamp seen; /* at the last look */
    struct certificate_stamp done; /* of what was read, used or not */
    bool told;                     /* why those of `seen` are not used */
};

struct reload {
    struct config *next; /* validated, on its way; NULL: none under way */
    struct heritage_listener listeners[HERITAGE_LISTENERS_MAX];
    unsigned listener_count;
    struct certificate certificate;
    bool sent;         /* the accountant has it */
    bool starting;     /* new workers are starting */
    uint64_t since_ms; /* when they began to start */
    bool again;        /* another HUP came meanwhile */
    uint64_t count;    /* HUPs that were answered: applied or refused */
    char reason[240];  /* why the last one was refused; "" it was not */
};

struct watch {
    struct loop_timer timer;
    uint64_t last_ms;  /* our own last turn */
    uint64_t since_ms; /* nobody is judged by what was before */
};

/* What the service manager knows. */
struct notify {
    bool ready, reloading, stopping;
};

struct crash {
    uint64_t mark, at_ms;
};

struct master {
    struct config *config;
    struct crypto_secrets *secrets;
    struct certificate certificate; /* in use; none without TLS addresses */
    struct certificate_watch certificate_watch;
    struct segment segment;
    struct loop *loop;
    struct loop_source signals;
    struct loop_timer tick;   /* respawns that were put off, stop grace */
    struct heritage heritage; /* template for children */
    struct child *children;
    struct throttle throttles[ROLE_COUNT];
    uint64_t generation; /* of the configuration, as the workers' */
    struct reload reload;
    struct upgrade upgrade;
    struct watch watch;
    struct notify notify;
    struct crash crashes[MASTER_CRASHES]; /* a ring: the last ones */
    unsigned crash_count;
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
/* What a start and a take-over have in common: paths, signals. */
void master_prepare(struct master *master);
/* The table beside the segment, where [server] idempotency is on. */
void master_open_idempotency(struct master *master);
/* The rings beside the segment, where [log] payload_mib is not 0. */
void master_open_payloads(struct master *master);
/* The cache of answers beside it, where [server] cache_memory is not 0. */
void master_open_cache(struct master *master);
/* The user that owns the segment besides us. */
uid_t master_other_uid(const struct config *config);
/* Watches what an earlier master left. */
void master_adopt_orphans(struct master *master);
/* fatal() when it cannot. */
void master_start(struct master *master);
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

/* ---- certificate.c ---- */
/*
 * certificate_read - what `config` names, checked: the files fit and today is
 * between the certificate's dates. Out of date is only logged when `running`
 * (may be NULL) is the same. All zero without TLS addresses. 0, or -errno with
 * the reason in `error`. The caller wipes `out`.
 */
int certificate_read(const struct config *config,
                     const struct certificate *running, struct certificate *out,
                     struct buf *error) MUST_CHECK;
void certificate_start(struct master *master); /* fatal() with the reason */
/* Says which providers' certificates are not checked. */
void certificate_warn_unverified(const struct config *config);
/* Begins to look at the files by time, as the configuration now says. */
void certificate_watch(struct master *master);

/* ---- spawn.c ---- */
/* Forks a child of the role. 0; -EAGAIN no seat is free yet; -errno. */
int spawn_child(struct master *master, const struct role *role) MUST_CHECK;
/* Watches a living process of an earlier master. False: it is gone. */
bool spawn_adopt(struct master *master, const struct role *role, pid_t pid,
                 uint64_t start_time, uint32_t column);
void spawn_forget(struct child *child); /* unlinks and frees */
/* To each child of the role that has our socket; one that is dying misses it.
 * `fd` goes along; -1 for none. */
void spawn_tell(struct master *master, enum role_id role,
                const struct control_message *message, int fd);
/* A child of ours from before an exec. */
void spawn_take_over(struct master *master, const struct role *role, pid_t pid,
                     int control_fd, uint32_t column, enum child_state state,
                     uint64_t generation, uint64_t started_ms);

/* ---- confine.c ---- */
/* [server] user and sandbox: rights, files and system calls. In the child,
 * before its role; in the master, when everything is open. */
void confine_child(struct master *master, const struct role *role);
void confine_master(const struct master *master);
/* At a reload: whether what the accountant will write lies where it may. */
bool confine_allows(const struct config *running, const struct config *next,
                    struct buf *error);

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
void reload_check(struct master *master);        /* after each ready or death */
void reload_tell_outcome(struct master *master); /* to the accountant */
/* A reload is under way, or may not begin yet. */
bool reload_is_busy(const struct master *master);
/* A configuration as text in a memory file, CLOEXEC. -errno. */
int config_memfd(const struct config *config) MUST_CHECK;

/* ---- watch.c ---- */
void watch_start(struct master *master);

/* ---- crashes.c ---- */
/* Before the column of the dead one is given to the reaper. */
void crashes_note(struct master *master, const struct child *child, int status);

/* ---- signals.c ---- */
/* All children write to the master's error log from now on. */
void master_share_log(struct master *master);
struct signal_row {
    int number;
    const char *name; /* "HUP" */
    const char *word; /* aigw -s WORD, or NULL */
    void (*act)(struct master *master);
};
extern const struct signal_row signal_table[];
/* aigw -s WORD: sends it to the master that holds the pid file. Exit status. */
int signal_send(const char *config_path, const char *word);

#endif
