/*
 * test_sandbox.c - what a confined process may and may not do, each tried in a
 * process of its own.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "tests/test.h"

/* What the attempt of a child came to: 0 = it went well, an errno, or 1000 +
 * the signal that ended the process. */
enum { BY_SIGNAL = 1000, WELL = 0, KILLED = BY_SIGNAL + SIGSYS };

static char folder[] = "/tmp/aigw-test-sandbox-XXXXXX";
static char other[] = "/tmp/aigw-test-outside-XXXXXX";

static const char *
in(const char *where, const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", where, name);
    return path;
}

static int
outcome(bool good)
{
    return good ? WELL : errno;
}

/* ---- attempts ---- */

static int
start_program(void)
{
    char *const argv[] = {"true", NULL};
    execve("/bin/true", argv, argv + 1);
    return errno;
}

static int
start_program_from_memory(void)
{
    int fd = memfd_create("program", 0);
    char *const argv[] = {"true", NULL};
    fexecve(fd, argv, argv + 1);
    return errno;
}

static int
trace_the_parent(void)
{
    return outcome(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0);
}

static int
read_the_parents_memory(void)
{
    char byte;
    struct iovec mine = {&byte, 1}, theirs = {folder, 1};
    return outcome(
        syscall(SYS_process_vm_readv, getppid(), &mine, 1, &theirs, 1, 0) == 1);
}

static int
mount_something(void)
{
    return outcome(mount("none", folder, "tmpfs", 0, NULL) == 0);
}

static int
make_a_namespace(void)
{
    return outcome(unshare(CLONE_NEWUSER) == 0);
}

static int
load_bpf(void)
{
    return outcome(syscall(SYS_bpf, 0, NULL, 0) == 0);
}

static int
make_a_process(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return outcome(pid > 0);
}

static int
signal_the_parent(void)
{
    return outcome(kill(getppid(), 0) == 0);
}

static int
signal_another_process_by_its_thread(void)
{
    return outcome(syscall(SYS_tgkill, getppid(), getppid(), 0) == 0);
}

static int
write_a_file(void)
{
    return outcome(open(in(folder, "file"), O_WRONLY) >= 0);
}

static int
append_to_a_file(void)
{
    return outcome(open(in(folder, "file"), O_RDWR | O_APPEND) >= 0);
}

static int
create_a_file(void)
{
    return outcome(open(in(folder, "new"), O_RDONLY | O_CREAT, 0600) >= 0);
}

static int
empty_a_file(void)
{
    return outcome(open(in(folder, "file"), O_RDONLY | O_TRUNC) >= 0);
}

static int
remove_a_file(void)
{
    return outcome(unlink(in(folder, "file")) == 0);
}

static int
read_a_file(void)
{
    char text[8];
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    return outcome(fd >= 0 && read(fd, text, sizeof(text)) == sizeof(text));
}

static int
run_written_memory(void)
{
    return outcome(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

static int
make_memory_runnable(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return errno;
    return outcome(mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0);
}

static int
use_memory(void)
{
    void *page = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return errno;
    memset(page, 1, 1 << 20);
    return outcome(madvise(page, 1 << 20, MADV_DONTNEED) == 0 &&
                   mprotect(page, 4096, PROT_NONE) == 0 &&
                   munmap(page, 1 << 20) == 0);
}

static void *
thread_main(void *result)
{
    *(int *)result = 7;
    return result;
}

static int
use_a_thread(void)
{
    pthread_t thread;
    int result = 0;
    errno = pthread_create(&thread, NULL, thread_main, &result);
    if (errno != 0)
        return errno;
    pthread_join(thread, NULL);
    return result == 7 ? WELL : EINVAL;
}

static void *
resolve(void *result)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    *(int *)result = getaddrinfo("localhost", "80", &hints, &found);
    if (found != NULL)
        freeaddrinfo(found);
    return result;
}

/* As libcurl does it: in a thread. */
static int
resolve_a_name(void)
{
    pthread_t thread;
    int result = EAI_FAIL;
    errno = pthread_create(&thread, NULL, resolve, &result);
    if (errno != 0)
        return errno;
    pthread_join(thread, NULL);
    return result == 0 ? WELL : EINVAL;
}

static int
connect_by_ip(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(1)};
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int r = connect(fd, (const struct sockaddr *)&addr, sizeof(addr));
    return outcome(r == 0 || errno == ECONNREFUSED);
}

static int
listen_for_others(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    return outcome(listen(fd, 1) == 0);
}

static int
send_raw_packets(void)
{
    return outcome(socket(AF_PACKET, SOCK_RAW, 0) >= 0);
}

static int
use_a_unix_socket(void)
{
    return outcome(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
}

static int
raise_a_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return errno;
    return outcome(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static int
give_way(void)
{
    return outcome(setpriority(PRIO_PROCESS, 0, 19) == 0);
}

static int
make_the_parent_give_way(void)
{
    return outcome(setpriority(PRIO_PROCESS, (id_t)getppid(), 0) == 0);
}

static int
make_the_group_give_way(void)
{
    return outcome(setpriority(PRIO_PGRP, 0, 0) == 0);
}

static int
make_a_ring_of_system_calls(void) /* io_uring would go round the filter */
{
    char parameters[256] = {0};
    return outcome(syscall(SYS_io_uring_setup, 1, parameters) >= 0);
}

static int
make_a_call_of_tomorrow(void)
{
    return outcome(syscall(511, 0) >= 0);
}

static int
abort_itself(void)
{
    abort();
}

/* ---- the table ---- */

struct attempt {
    const char *what;
    int (*run)(void);
    int worker, accountant;
};

// clang-format off
static const struct attempt attempts[] = {
    {"a program is started", start_program, KILLED, KILLED},
    {"one is started from memory", start_program_from_memory, KILLED, KILLED},
    {"the parent is traced", trace_the_parent, KILLED, KILLED},
    {"its memory is read", read_the_parents_memory, KILLED, KILLED},
    {"something is mounted", mount_something, KILLED, KILLED},
    {"a namespace is made", make_a_namespace, KILLED, KILLED},
    {"bpf is loaded", load_bpf, KILLED, KILLED},
    {"a process is made", make_a_process, EPERM, EPERM},
    {"the parent is signalled", signal_the_parent, EPERM, EPERM},
    {"it is, by thread", signal_another_process_by_its_thread, EPERM, EPERM},
    {"memory is written and run", run_written_memory, EPERM, EPERM},
    {"memory is made runnable", make_memory_runnable, EPERM, EPERM},
    {"somebody listens", listen_for_others, EPERM, EPERM},
    {"packets are raw", send_raw_packets, EPERM, EPERM},
    {"a limit is set", raise_a_limit, EPERM, EPERM},
    {"a thread gives way", give_way, EPERM, WELL},
    {"the parent gives way", make_the_parent_give_way, EPERM, EPERM},
    {"the group gives way", make_the_group_give_way, EPERM, EPERM},
    {"io_uring is made", make_a_ring_of_system_calls, ENOSYS, ENOSYS},
    {"a call is newer than we", make_a_call_of_tomorrow, ENOSYS, ENOSYS},
    {"a file is written", write_a_file, EPERM, WELL},
    {"a file is appended to", append_to_a_file, EPERM, WELL},
    {"a file is created", create_a_file, EPERM, WELL},
    {"a file is emptied", empty_a_file, EPERM, WELL},
    {"a file is removed", remove_a_file, EPERM, WELL},
    {"IP is spoken", connect_by_ip, WELL, EPERM},
    {"a name is resolved", resolve_a_name, WELL, WELL},
    {"a file is read", read_a_file, WELL, WELL},
    {"memory is used", use_memory, WELL, WELL},
    {"a thread is made", use_a_thread, WELL, WELL},
    {"a unix socket is made", use_a_unix_socket, WELL, WELL},
    {"it aborts", abort_itself, BY_SIGNAL + SIGABRT, BY_SIGNAL + SIGABRT},
};
// clang-format on

static void
write_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    CHECK_TRUE(fd >= 0);
    CHECK_EQ(write(fd, "x", 1), 1);
    close(fd);
}

static int
result_of(int (*run)(void), int (*confine)(void))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        int r = confine();
        _exit(r != 0 ? 255 : run());
    }
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        return BY_SIGNAL + WTERMSIG(status);
    return WEXITSTATUS(status);
}

static int
confine_worker(void)
{
    return sandbox_drop_rights(NULL) != 0 ||
           sandbox_limit_calls(SANDBOX_WORKER) != 0;
}

static int
confine_accountant(void)
{
    return sandbox_drop_rights(NULL) != 0 ||
           sandbox_limit_calls(SANDBOX_ACCOUNTANT) != 0;
}

static void
try_all(const char *role, int (*confine)(void), bool is_worker)
{
    for (unsigned i = 0; i < ARRAY_LEN(attempts); i++) {
        const struct attempt *a = &attempts[i];
        int want = is_worker ? a->worker : a->accountant;
        write_file(in(folder, "file"));
        unlink(in(folder, "new"));
        int got = result_of(a->run, confine);
        if (got != want)
            test_fail(__FILE__, __LINE__, "%s: %s: %d, not %d", role, a->what,
                      got, want);
    }
}

/* Sanitizers make calls of their own: then there is nothing to try. */
static bool
can_confine(void)
{
    static bool made;
    if (!made) { /* a made name may end in X too */
        CHECK_TRUE(mkdtemp(folder) != NULL);
        CHECK_TRUE(mkdtemp(other) != NULL);
        made = true;
    }
    return sandbox_is_possible() &&
           prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0; /* nobody else's filter */
}

TEST(a_worker_makes_its_own_calls_and_no_others)
{
    if (can_confine())
        try_all("worker", confine_worker, true);
}

TEST(an_accountant_makes_its_own_calls_and_no_others)
{
    if (can_confine())
        try_all("accountant", confine_accountant, false);
}

/* ---- files ---- */

static int
confine_to_folder(void)
{
    const char *const folders[] = {folder, "/nonexistent/folder", NULL};
    log_set_level(LOG_ERROR); /* the folder that is not there is warned of */
    return sandbox_drop_rights(NULL) != 0 || sandbox_limit_files(folders) != 0;
}

static int
confine_to_nothing(void)
{
    return sandbox_drop_rights(NULL) != 0 || sandbox_limit_files(NULL) != 0;
}

static int
work_in_the_folder(void)
{
    char from[128], to[128];
    int fd = open(in(folder, "one"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1 || ftruncate(fd, 0) != 0)
        return errno;
    snprintf(from, sizeof(from), "%s", in(folder, "one"));
    snprintf(to, sizeof(to), "%s", in(folder, "sub/two"));
    if (mkdir(in(folder, "sub"), 0700) != 0 || rename(from, to) != 0)
        return errno;
    return outcome(unlink(to) == 0 && rmdir(in(folder, "sub")) == 0);
}

static int
write_outside(void)
{
    return outcome(open(in(other, "file"), O_WRONLY) >= 0);
}

static int
create_outside(void)
{
    return outcome(open(in(other, "new"), O_WRONLY | O_CREAT, 0600) >= 0);
}

static int
remove_outside(void)
{
    return outcome(unlink(in(other, "file")) == 0);
}

static int
read_outside(void)
{
    return outcome(open(in(other, "file"), O_RDONLY) >= 0);
}

static int
link_inside(void)
{
    return outcome(symlink("/etc/passwd", in(folder, "link")) == 0);
}

TEST(only_the_named_folders_are_written)
{
    if (!can_confine())
        return;
    write_file(in(other, "file"));
    if (result_of(work_in_the_folder, confine_to_folder) == 255) {
        int r = sandbox_limit_files(NULL);
        CHECK_TRUE(r == -ENOSYS || r == -EOPNOTSUPP);
        fprintf(stderr, "skipped: this kernel has no Landlock\n");
        return;
    }
    CHECK_EQ(result_of(work_in_the_folder, confine_to_folder), WELL);
    CHECK_EQ(result_of(write_outside, confine_to_folder), EACCES);
    CHECK_EQ(result_of(create_outside, confine_to_folder), EACCES);
    CHECK_EQ(result_of(remove_outside, confine_to_folder), EACCES);
    CHECK_EQ(result_of(read_outside, confine_to_folder), WELL);
    CHECK_EQ(result_of(link_inside, confine_to_folder), EACCES);
    CHECK_EQ(result_of(write_a_file, confine_to_nothing), EACCES);
    CHECK_EQ(result_of(read_outside, confine_to_nothing), WELL);
}

/* ---- rights ---- */

static uint64_t
capabilities_in(const char *set)
{
    char line[256];
    unsigned long long value = ~0ull;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof(line), status) != NULL)
        if (strncmp(line, set, strlen(set)) == 0)
            sscanf(line + strlen(set), "%llx", &value);
    if (status != NULL)
        fclose(status);
    return value;
}

static int
has_no_rights(void)
{
    bool root = capabilities_in("CapBnd:") == 0;
    return (geteuid() != 0 && capabilities_in("CapEff:") == 0) || root
               ? (int)(capabilities_in("CapEff:") | capabilities_in("CapPrm:") |
                       capabilities_in("CapInh:") | capabilities_in("CapAmb:"))
               : 99;
}

static int
keep_to_nobody(void)
{
    return sandbox_drop_rights("nobody");
}

static int
keep_to_itself(void)
{
    return sandbox_drop_rights(NULL);
}

static int
is_nobody_alone(void)
{
    gid_t groups[8];
    int n = getgroups(8, groups);
    if (geteuid() == 0 || getegid() == 0 || n != 1 || groups[0] != getegid())
        return 1;
    return has_no_rights();
}

TEST(a_child_has_no_capability_whoever_it_is)
{
    CHECK_EQ(result_of(has_no_rights, keep_to_itself), 0);
    if (geteuid() == 0)
        CHECK_EQ(result_of(is_nobody_alone, keep_to_nobody), 0);
}

static int
keep_the_masters(void)
{
    sandbox_keep_rights();
    return 0;
}

static int
masters_rights(void)
{
    uint64_t have = capabilities_in("CapEff:");
    uint64_t bound = capabilities_in("CapBnd:");
    uint64_t needed = 1 << CAP_NET_BIND_SERVICE | 1 << CAP_SETUID |
                      1 << CAP_SETGID | 1 << CAP_CHOWN | 1 << CAP_KILL;
    uint64_t never = UINT64_C(1) << CAP_SYS_ADMIN | 1 << CAP_SYS_MODULE |
                     1 << CAP_SYS_PTRACE | 1 << CAP_NET_ADMIN |
                     1 << CAP_SYS_RAWIO;
    if (geteuid() != 0)
        return (have & never) != 0;
    return (have & needed) != needed || (have & never) != 0 ||
           (bound & never) != 0 || sandbox_drop_rights("nobody") != 0;
}

static int
start_another_version(void)
{
    char *const argv[] = {"true", NULL};
    execv("/bin/true", argv);
    return errno;
}

TEST(the_master_keeps_what_it_needs_and_can_start_its_successor)
{
    CHECK_EQ(result_of(masters_rights, keep_the_masters), 0);
    CHECK_EQ(result_of(start_another_version, keep_the_masters), 0);
}

static int
hide(void)
{
    sandbox_hide_memory();
    return 0;
}

static int
memory_is_hidden(void)
{
    struct rlimit core = {1, 1};
    getrlimit(RLIMIT_CORE, &core);
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 || core.rlim_cur != 0 ||
           core.rlim_max != 0;
}

TEST(memory_is_hidden_from_dumps)
{
    CHECK_EQ(result_of(memory_is_hidden, hide), 0);
}

TEST(the_folders_go)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s %s", folder, other);
    CHECK_EQ(system(command), 0);
}
