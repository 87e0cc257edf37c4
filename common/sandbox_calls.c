/*
 * sandbox_calls.c - which system calls a role may make: one table a class, made
 * into a filter by libseccomp.
 *
 * A call that is listed without a condition costs next to nothing (the kernel
 * keeps a bitmap of them); those with one run the filter. So all that a request
 * needs stands in the first table.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"

#define CALL(name) SCMP_SYS(name)

/* Both roles: descriptors that are open, memory, threads, clocks, and reading
 * what the system says of itself. */
// clang-format off
static const int common_calls[] = {
    /* bytes and readiness */
    CALL(read), CALL(readv), CALL(pread64), CALL(preadv), CALL(preadv2),
    CALL(write), CALL(writev), CALL(pwrite64), CALL(pwritev), CALL(pwritev2),
    CALL(recvfrom), CALL(recvmsg), CALL(recvmmsg), CALL(recv),
    CALL(sendto), CALL(sendmsg), CALL(sendmmsg), CALL(send), CALL(sendfile),
    CALL(splice), CALL(accept), CALL(accept4), CALL(connect), CALL(shutdown),
    CALL(socketpair), CALL(bind), CALL(getsockname), CALL(getpeername),
    CALL(getsockopt), CALL(setsockopt),
    CALL(epoll_create), CALL(epoll_create1), CALL(epoll_ctl),
    CALL(epoll_wait), CALL(epoll_pwait), CALL(epoll_pwait2),
    CALL(poll), CALL(ppoll), CALL(select), CALL(pselect6),
    CALL(eventfd), CALL(eventfd2), CALL(pipe), CALL(pipe2),
    CALL(timerfd_create), CALL(timerfd_settime), CALL(timerfd_gettime),
    CALL(signalfd), CALL(signalfd4), CALL(memfd_create),
    CALL(close), CALL(close_range), CALL(dup), CALL(dup2), CALL(dup3),
    CALL(fcntl), CALL(lseek), CALL(flock), CALL(fadvise64),
    CALL(ftruncate), CALL(fallocate),
    /* what files and folders there are */
    CALL(stat), CALL(fstat), CALL(lstat), CALL(newfstatat), CALL(statx),
    CALL(statfs), CALL(fstatfs), CALL(access), CALL(faccessat),
    CALL(faccessat2), CALL(readlink), CALL(readlinkat), CALL(getcwd),
    CALL(getdents), CALL(getdents64),
    /* memory and threads */
    CALL(brk), CALL(munmap), CALL(mremap), CALL(madvise), CALL(mincore),
    CALL(mlock), CALL(munlock), CALL(msync), CALL(membarrier),
    CALL(futex), CALL(set_robust_list), CALL(get_robust_list),
    CALL(set_tid_address), CALL(rseq), CALL(arch_prctl),
    CALL(sched_yield), CALL(sched_getaffinity), CALL(getcpu), CALL(exit),
    CALL(exit_group), CALL(restart_syscall),
    CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(rt_sigreturn),
    CALL(rt_sigtimedwait), CALL(rt_sigpending), CALL(rt_sigsuspend),
    CALL(sigaltstack),
    /* clocks, chance, who am I */
    CALL(clock_gettime), CALL(clock_getres), CALL(clock_nanosleep),
    CALL(nanosleep), CALL(gettimeofday), CALL(time), CALL(times),
    CALL(getrandom), CALL(getpid), CALL(getppid), CALL(gettid),
    CALL(getuid), CALL(geteuid), CALL(getgid), CALL(getegid),
    CALL(getresuid), CALL(getresgid), CALL(getgroups), CALL(getpgrp),
    CALL(getrlimit), CALL(getrusage), CALL(uname), CALL(sysinfo), CALL(umask),
    CALL(capget),
};

/* The accountant keeps files; where, Landlock says. */
static const int file_calls[] = {
    CALL(open), CALL(openat), CALL(creat), CALL(fsync), CALL(fdatasync),
    CALL(sync_file_range), CALL(truncate), CALL(copy_file_range),
    CALL(rename), CALL(renameat), CALL(renameat2),
    CALL(link), CALL(linkat), CALL(unlink), CALL(unlinkat),
    CALL(mkdir), CALL(mkdirat), CALL(rmdir),
    CALL(chmod), CALL(fchmod), CALL(fchmodat), CALL(utimensat),
};

/* Nothing of ours, of libc or of a library makes these after the start. */
static const int deadly_calls[] = {
    CALL(execve), CALL(execveat), CALL(ptrace), CALL(process_vm_readv),
    CALL(process_vm_writev), CALL(kcmp),
    CALL(mount), CALL(umount), CALL(umount2), CALL(pivot_root), CALL(chroot),
    CALL(open_tree), CALL(move_mount), CALL(fsopen), CALL(fsmount),
    CALL(unshare), CALL(setns), CALL(swapon), CALL(swapoff), CALL(reboot),
    CALL(init_module), CALL(finit_module), CALL(delete_module),
    CALL(kexec_load), CALL(kexec_file_load), CALL(bpf), CALL(perf_event_open),
    CALL(userfaultfd), CALL(add_key), CALL(request_key), CALL(keyctl),
    CALL(open_by_handle_at), CALL(iopl), CALL(ioperm), CALL(modify_ldt),
    CALL(settimeofday), CALL(clock_settime), CALL(adjtimex),
    CALL(clock_adjtime), CALL(acct), CALL(quotactl), CALL(syslog),
};

/* A call that is allowed when (argument & mask) == value. */
struct condition {
    int call;
    unsigned argument;
    uint64_t mask, value;
};

static const struct condition common_conditions[] = {
    /* Threads, not processes. (clone3's flags lie in memory, out of a filter's
     * sight: it does not exist here, and libc takes clone.) */
    {CALL(clone), 0, CLONE_THREAD | CLONE_NEWUSER | CLONE_NEWNS,
     CLONE_THREAD},
    /* No memory that is both written and run; libraries may still be loaded
     * (name services). */
    {CALL(mmap), 2, PROT_EXEC, 0},
    {CALL(mmap), 2, PROT_WRITE, 0},
    {CALL(mprotect), 2, PROT_EXEC, 0},
    {CALL(prctl), 0, UINT32_MAX, PR_SET_NAME},
    {CALL(prctl), 0, UINT32_MAX, PR_GET_DUMPABLE},
    {CALL(prctl), 0, UINT32_MAX, PR_GET_NO_NEW_PRIVS},
    {CALL(prlimit64), 2, UINT64_MAX, 0}, /* asked, not set */
    {CALL(ioctl), 1, UINT32_MAX, FIONREAD},
    {CALL(ioctl), 1, UINT32_MAX, FIONBIO},
    {CALL(ioctl), 1, UINT32_MAX, TCGETS}, /* isatty */
    {CALL(socket), 0, UINT32_MAX, AF_UNIX},
    {CALL(socket), 0, UINT32_MAX, AF_NETLINK}, /* libc: which addresses */
};

/* Files to write would be handed over by the master, open. */
enum { OPEN_TO_WRITE = O_ACCMODE | O_CREAT | O_TRUNC };
static const struct condition worker_conditions[] = {
    {CALL(open), 1, OPEN_TO_WRITE, O_RDONLY},
    {CALL(openat), 2, OPEN_TO_WRITE, O_RDONLY},
    {CALL(socket), 0, UINT32_MAX, AF_INET},
    {CALL(socket), 0, UINT32_MAX, AF_INET6},
    {CALL(ioctl), 1, UINT32_MAX, TIOCOUTQ},
};
// clang-format on

/*
 * Since Linux 5.1 new calls have one number on all machines. A libc that knows
 * a new one also knows how to do without, when the kernel says ENOSYS; EPERM it
 * would believe.
 */
enum { NEW_CALLS_BEGIN = 424, NEW_CALLS_END = 512 };

static int
add_calls(scmp_filter_ctx filter, uint32_t action, const int *calls,
          size_t count)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = seccomp_rule_add(filter, action, calls[i], 0);
    return r;
}

static int
add_conditions(scmp_filter_ctx filter, const struct condition *conditions,
               size_t count)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        const struct condition *c = &conditions[i];
        r = seccomp_rule_add(
            filter, SCMP_ACT_ALLOW, c->call, 1,
            SCMP_CMP(c->argument, SCMP_CMP_MASKED_EQ, c->mask, c->value));
    }
    return r;
}

static bool
is_in(int call, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (calls[i] == call)
            return true;
    return false;
}

static int
add_new_calls(scmp_filter_ctx filter)
{
    int r = 0;
    for (int n = NEW_CALLS_BEGIN; r == 0 && n < NEW_CALLS_END; n++)
        if (!is_in(n, common_calls, ARRAY_LEN(common_calls)) &&
            !is_in(n, deadly_calls, ARRAY_LEN(deadly_calls)))
            r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), n, 0);
    return r;
}

/* A thread of itself alone. Giving way is all it can: more needs a right. */
static int
add_giving_way(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(setpriority), 2,
                            SCMP_CMP(0, SCMP_CMP_EQ, PRIO_PROCESS),
                            SCMP_CMP(1, SCMP_CMP_EQ, 0));
}

static int
fill(scmp_filter_ctx filter, enum sandbox_role role)
{
    /* abort() and raise() of this very process. */
    int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(tgkill), 1,
                             SCMP_CMP(0, SCMP_CMP_EQ, (scmp_datum_t)getpid()));
    if (r == 0)
        r = add_calls(filter, SCMP_ACT_ALLOW, common_calls,
                      ARRAY_LEN(common_calls));
    if (r == 0)
        r = add_calls(filter, SCMP_ACT_KILL_PROCESS, deadly_calls,
                      ARRAY_LEN(deadly_calls));
    if (r == 0)
        r = add_conditions(filter, common_conditions,
                           ARRAY_LEN(common_conditions));
    if (r == 0 && role == SANDBOX_ACCOUNTANT)
        r = add_giving_way(filter);
    if (r == 0)
        r = role == SANDBOX_ACCOUNTANT
                ? add_calls(filter, SCMP_ACT_ALLOW, file_calls,
                            ARRAY_LEN(file_calls))
                : add_conditions(filter, worker_conditions,
                                 ARRAY_LEN(worker_conditions));
    return r == 0 ? add_new_calls(filter) : r;
}

int
sandbox_limit_calls(enum sandbox_role role)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (filter == NULL)
        return -ENOMEM;
    /* A tree, not a list; and no slower branches on kernels before 5.16, which
     * slow down all code of a process with a filter: ours runs nobody else's
     * program. */
    int r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (r == 0)
        r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
    if (r == 0)
        r = fill(filter, role);
    if (r == 0)
        r = seccomp_load(filter);
    seccomp_release(filter);
    return r;
}
